//! Programs that systemd runs, as a Debian package and as a portable archive: the homeserver and the room bot.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{
    archive::Archive,
    debian::{Control, Package},
    empty_folder, output, place, stripped,
};
use crate::workspace::Workspace;

/// What such a program comes with.
pub(super) struct Service {
    /// Also says what the program, its unit and its user's file are called.
    pub(super) control: Control<'static>,
    /// The folder with its unit, its user and the package's scripts.
    pub(super) folder: &'static str,
    /// What an administrator reads and copies from: where it is here, and its name there.
    pub(super) documents: &'static [(&'static str, &'static str)],
}

impl Service {
    /// Packages what was built in both ways, and returns where the Debian package is.
    pub(super) fn package(&self, workspace: &Workspace, debug: bool) -> Result<PathBuf> {
        let binary = stripped(workspace, self.control.name, debug)?;
        let package = self.debian(workspace, &binary)?;
        println!("{}", package.display());
        println!("{}", self.archive(workspace, &binary)?.display());
        fs::remove_file(&binary)?;
        Ok(package)
    }

    fn debian(&self, workspace: &Workspace, binary: &Path) -> Result<PathBuf> {
        let name = self.control.name;
        let source = workspace.root.join(self.folder);
        let tree = output(workspace)?.join("debian");
        empty_folder(&tree)?;
        place(binary, &tree.join("usr/bin").join(name), 0o755)?;
        let unit = format!("{name}.service");
        let units = tree.join("usr/lib/systemd/system");
        place(&source.join(&unit), &units.join(&unit), 0o644)?;
        let user = tree.join(format!("usr/lib/sysusers.d/{name}.conf"));
        place(&source.join(format!("{name}.sysusers")), &user, 0o644)?;
        self.place_documents(workspace, &tree.join("usr/share/doc").join(name))?;
        for script in ["postinst", "prerm", "postrm"] {
            let to = tree.join("DEBIAN").join(script);
            place(&source.join(script), &to, 0o755)?;
        }
        Package {
            tree: &tree,
            binary,
        }
        .build(workspace, &self.control)
    }

    /// Everything in one folder, for machines without a package manager or for containers.
    fn archive(&self, workspace: &Workspace, binary: &Path) -> Result<PathBuf> {
        let name = self.control.name;
        let archive = Archive::begin(workspace, name)?;
        let tree = archive.tree();
        place(binary, &tree.join("bin").join(name), 0o755)?;
        let unit = format!("{name}.service");
        let source = workspace.root.join(self.folder).join(&unit);
        place(&source, &tree.join("share").join(&unit), 0o644)?;
        self.place_documents(workspace, &tree.join("share"))?;
        archive.close(workspace)
    }

    fn place_documents(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        for (from, to) in self.documents {
            place(&workspace.root.join(from), &folder.join(to), 0o644)?;
        }
        Ok(())
    }
}
