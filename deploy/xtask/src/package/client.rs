//! The desktop client as a Debian package and as a portable archive.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use super::{
    archive::Archive,
    clean_root::CleanRoot,
    debian::{Control, Package},
    empty_folder, output, place,
    screen::Screen,
    stripped,
};
use crate::{processes::Processes, workspace::Workspace};

const NAME: &str = "fialka";
const SUMMARY: &str = "Desktop client of the Fialka messenger";
const DESCRIPTION: &str = "Messages, files, pictures and classes for a school or an academy on its own network. \
                           Speaks Matrix, encrypts private chats, and needs no internet.";
/// What the program opens at run time: the window system's libraries, which it is not linked to, and at least one font
/// of the system beside its own, without which it does not start.
const LIBRARIES: &str = "libx11-6, libx11-xcb1, libxcursor1, libxi6, libxrandr2, libxkbcommon0, libxkbcommon-x11-0, \
     fontconfig-config, fonts-noto-core";
const RECOMMENDED: &str = "xdg-utils, libegl1, libgl1-mesa-dri";
/// Where each file of the checkout goes below `usr`.
const FILES: [(&str, &str); 10] = [
    (
        "deploy/client/fialka.desktop",
        "share/applications/fialka.desktop",
    ),
    (
        "deploy/client/fialka-mime.xml",
        "share/mime/packages/fialka.xml",
    ),
    (
        "client/ui/assets/logo-tile.svg",
        "share/icons/hicolor/scalable/apps/fialka.svg",
    ),
    ("docs/users.md", "share/doc/fialka/users.md"),
    ("docs/ru/users.md", "share/doc/fialka/ru/users.md"),
    ("LICENSE", "share/doc/fialka/copyright"),
    (
        "client/ui/assets/fonts/Inter-LICENSE.txt",
        "share/doc/fialka/Inter-LICENSE.txt",
    ),
    (
        "client/ui/assets/fonts/JetBrainsMono-LICENSE.txt",
        "share/doc/fialka/JetBrainsMono-LICENSE.txt",
    ),
    (
        "client/ui/assets/fonts/NotoEmoji-LICENSE.txt",
        "share/doc/fialka/NotoEmoji-LICENSE.txt",
    ),
    (
        "client/ui/assets/emoji-LICENSE.txt",
        "share/doc/fialka/emoji-LICENSE.txt",
    ),
];

/// Packages what was built and, if asked, tries the package out.
pub(super) fn package(workspace: &Workspace, debug: bool, check: bool) -> Result<()> {
    let binary = stripped(workspace, NAME, debug)?;
    let package = debian(workspace, &binary)?;
    let archive = archive(workspace, &binary)?;
    fs::remove_file(&binary)?;
    for file in [&package, &archive] {
        let megabytes = fs::metadata(file)?.len() as f64 / 1e6;
        println!("{} ({megabytes:.1} MB)", file.display());
    }
    if check {
        try_out(workspace, &package)?;
        println!("Installed, started and removed in a clean root.");
    }
    Ok(())
}

fn debian(workspace: &Workspace, binary: &Path) -> Result<PathBuf> {
    let tree = output(workspace)?.join("client-debian");
    empty_folder(&tree)?;
    fill(workspace, binary, &tree.join("usr"))?;
    let control = Control {
        name: NAME,
        section: "net",
        summary: SUMMARY,
        description: DESCRIPTION,
        depends: &format!("{LIBRARIES}\nRecommends: {RECOMMENDED}"),
    };
    Package {
        tree: &tree,
        binary,
    }
    .build(workspace, &control)
}

fn fill(workspace: &Workspace, binary: &Path, to: &Path) -> Result<()> {
    place(binary, &to.join("bin/fialka"), 0o755)?;
    for (from, below) in FILES {
        place(&workspace.root.join(from), &to.join(below), 0o644)?;
    }
    Ok(())
}

/// A folder that runs from anywhere, e.g. from a share or a stick.
fn archive(workspace: &Workspace, binary: &Path) -> Result<PathBuf> {
    let archive = Archive::begin(workspace, NAME)?;
    fill(workspace, binary, archive.tree())?;
    archive.close(workspace)
}

/// Installs the package where nothing else is, opens the program's window there, closes it, and removes the package.
/// The root has the libraries of the packages named above and no others.
fn try_out(workspace: &Workspace, package: &Path) -> Result<()> {
    let root = CleanRoot::make(workspace, &output(workspace)?.join("client-root"))?;
    root.dpkg(["--install"], Some(package))?;
    // The last one comes with the libraries for keyboards.
    for package in LIBRARIES.split(", ").chain(["xkb-data"]) {
        root.bring_package(package)?;
    }
    let mut processes = Processes::default();
    let screen = Screen::open(workspace, &mut processes)?;
    // Sockets in the abstract name space do not care about roots.
    let line = ["/usr/bin/fialka", "--data-dir", "/tmp/fialka"];
    let program = root.command("root", &line).env("DISPLAY", &screen.display);
    let id = processes.start("The packaged client", program.env("HOME", "/tmp"))?;
    screen.wait_for_window(&mut processes, &["--pid", &id.to_string()])?;
    processes.stop();
    root.dpkg(["--purge", NAME], None)?;
    ensure!(!root.path("usr/bin/fialka").exists(), "the program is left");
    root.remove()
}
