//! Portable archives: a folder that runs from anywhere, e.g. from a share, a stick or in a container.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{THREADS, empty_folder, output};
use crate::workspace::Workspace;

/// `NAME-VERSION-ARCHITECTURE-linux.tar.xz` in the making.
pub(super) struct Archive {
    tree: PathBuf,
    name: String,
}

impl Archive {
    /// An empty folder for what is to be in it.
    pub(super) fn begin(workspace: &Workspace, name: &str) -> Result<Self> {
        let (version, architecture) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        let name = format!("{name}-{version}-{architecture}-linux");
        let tree = output(workspace)?.join(&name);
        empty_folder(&tree)?;
        Ok(Self { tree, name })
    }

    pub(super) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Packs the folder and removes it.
    pub(super) fn close(self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = output(workspace)?;
        let archive = folder.join(format!("{}.tar.xz", self.name));
        workspace
            .program("tar")
            .args(["--create", "--xz", "--owner=0", "--group=0", "--file"])
            .args([&archive])
            .args(["--directory"])
            .args([&folder])
            .args([&self.name])
            .env("XZ_OPT", format!("-6 -T{THREADS}"))
            .run()?;
        fs::remove_dir_all(&self.tree)?;
        Ok(archive)
    }
}
