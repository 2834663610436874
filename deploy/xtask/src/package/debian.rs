//! Building a Debian package from a folder.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// What the package manager shows and needs to know.
pub(super) struct Control<'a> {
    pub(super) name: &'a str,
    pub(super) section: &'a str,
    /// One line.
    pub(super) summary: &'a str,
    /// A paragraph.
    pub(super) description: &'a str,
    /// Packages that are needed beside the libraries of the program.
    pub(super) depends: &'a str,
}

/// The files of a package.
pub(super) struct Package<'a> {
    /// The folder with the files as they are to be installed, and the scripts in `DEBIAN`.
    pub(super) tree: &'a Path,
    /// The program whose libraries the package depends on.
    pub(super) binary: &'a Path,
}

impl Package<'_> {
    /// Builds `NAME_VERSION_ARCHITECTURE.deb` beside the folder.
    pub(super) fn build(&self, workspace: &Workspace, control: &Control<'_>) -> Result<PathBuf> {
        let architecture = workspace
            .program("dpkg")
            .args(["--print-architecture"])
            .capture()?;
        let architecture = architecture.trim();
        let libraries = self.libraries(workspace)?;
        let size = size_of(&self.tree.join("usr"))? / 1024;
        let version = env!("CARGO_PKG_VERSION");
        let Control {
            name,
            section,
            summary,
            description,
            depends,
        } = control;
        let mut text = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nSection: {section}\nPriority: optional\n\
             Maintainer: Fialka <root@localhost>\nInstalled-Size: {size}\nDepends: {libraries}, {depends}\n\
             Description: {summary}\n"
        );
        for line in wrapped(description) {
            writeln!(text, " {line}")?;
        }
        fs::create_dir_all(self.tree.join("DEBIAN"))?;
        fs::write(self.tree.join("DEBIAN/control"), text)?;
        let folder = self.tree.parent().context("a folder in a folder")?;
        let package = folder.join(format!("{name}_{version}_{architecture}.deb"));
        workspace
            .program("dpkg-deb")
            .env("DPKG_DEB_THREADS_MAX", super::THREADS)
            .args(["--root-owner-group", "-Zxz", "--build"])
            .args([self.tree, &package])
            .run()?;
        fs::remove_dir_all(self.tree)?;
        Ok(package)
    }

    /// The packages with the libraries that the program is linked to, in at least the versions it was built with.
    fn libraries(&self, workspace: &Workspace) -> Result<String> {
        // The tool expects the folder of a source package.
        let source = self.tree.with_extension("source");
        fs::create_dir_all(source.join("debian"))?;
        fs::write(
            source.join("debian/control"),
            "Source: x\n\nPackage: x\nArchitecture: any\n",
        )?;
        let program = workspace
            .program("sh")
            .args(["-c", "cd \"$1\" && exec dpkg-shlibdeps -O \"$2\"", "sh"])
            .args([&source, self.binary])
            .capture()?;
        fs::remove_dir_all(&source)?;
        let line = program
            .lines()
            .find_map(|line| line.strip_prefix("shlibs:Depends="));
        line.map(str::to_owned)
            .with_context(|| format!("dpkg-shlibdeps says: {program}"))
    }
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += match metadata.is_dir() {
            true => size_of(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(size)
}

/// A paragraph in lines of at most 78 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < 78 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
