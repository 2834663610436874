//! The desktop client as a Debian package and as a portable archive.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    archive::Archive,
    clean_root::CleanRoot,
    debian::{Control, Package},
    empty_folder, output, place, stripped,
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
const FILES: [(&str, &str); 9] = [
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
    ("README.md", "share/doc/fialka/README.md"),
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
/// How long the window may take to appear.
const WINDOW: Duration = Duration::from_secs(60);

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
    let display = display(workspace, &mut processes)?;
    // Sockets in the abstract name space do not care about roots.
    let line = ["/usr/bin/fialka", "--data-dir", "/tmp/fialka"];
    let program = root.command("root", &line).env("DISPLAY", &display);
    let id = processes.start("The packaged client", program.env("HOME", "/tmp"))?;
    let deadline = Instant::now() + WINDOW;
    loop {
        let search = workspace.program("xdotool");
        let search = search.args(["search", "--pid", &id.to_string()]);
        if search.env("DISPLAY", &display).succeeds() {
            break;
        }
        if let Some((name, status)) = processes.ended()? {
            bail!("{name} ended before its window was there: {status}");
        }
        ensure!(Instant::now() < deadline, "no window appeared");
        sleep(Duration::from_millis(200));
    }
    processes.stop();
    root.dpkg(["--purge", NAME], None)?;
    ensure!(!root.path("usr/bin/fialka").exists(), "the program is left");
    root.remove()
}

/// A screen that nobody sees.
fn display(workspace: &Workspace, processes: &mut Processes) -> Result<String> {
    let number = (90..120)
        .find(|number| !Path::new(&format!("/tmp/.X11-unix/X{number}")).exists())
        .context("no display is free")?;
    let display = format!(":{number}");
    let screen = ["-screen", "0", "1280x800x24"];
    processes.start(
        "Xvfb",
        workspace.program("Xvfb").args([&display]).args(screen),
    )?;
    let deadline = Instant::now() + WINDOW;
    let answers = || {
        let ask = workspace.program("xdotool").args(["getdisplaygeometry"]);
        ask.env("DISPLAY", &display).succeeds()
    };
    while !answers() {
        ensure!(Instant::now() < deadline, "Xvfb does not start");
        sleep(Duration::from_millis(50));
    }
    Ok(display)
}
