//! The homeserver as a Debian package and as a portable archive.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use super::{
    archive::Archive,
    clean_root::{self, CleanRoot},
    debian::{Control, Package},
    empty_folder, output, place, stripped,
};
use crate::workspace::Workspace;

const NAME: &str = "fialka-server";
const SUMMARY: &str = "Matrix homeserver for a campus";
const DESCRIPTION: &str = "Accounts, rooms, files and search for a school or an academy on its own \
                           network, without the internet. Any Matrix client can use it.";
/// What an administrator reads and copies from.
const DOCUMENTS: [(&str, &str); 6] = [
    ("deploy/server/nginx.conf", "nginx.conf"),
    ("deploy/server/Caddyfile", "Caddyfile"),
    ("deploy/server/nftables.conf", "nftables.conf"),
    ("docs/administration.md", "administration.md"),
    ("README.md", "README.md"),
    ("LICENSE", "copyright"),
];

/// Packages what was built and, if asked, tries the package out.
pub(super) fn package(workspace: &Workspace, debug: bool, check: bool) -> Result<()> {
    let binary = stripped(workspace, NAME, debug)?;
    let package = debian(workspace, &binary)?;
    println!("{}", package.display());
    let archive = archive(workspace, &binary)?;
    println!("{}", archive.display());
    fs::remove_file(&binary)?;
    if check {
        try_out(workspace, &package)?;
        println!("Installed, used and removed in a clean root.");
    }
    Ok(())
}

fn debian(workspace: &Workspace, binary: &Path) -> Result<std::path::PathBuf> {
    let source = workspace.root.join("deploy/server");
    let tree = output(workspace)?.join("debian");
    empty_folder(&tree)?;
    place(binary, &tree.join("usr/bin/fialka-server"), 0o755)?;
    let unit = "usr/lib/systemd/system/fialka-server.service";
    place(
        &source.join("fialka-server.service"),
        &tree.join(unit),
        0o644,
    )?;
    let user = "usr/lib/sysusers.d/fialka-server.conf";
    place(
        &source.join("fialka-server.sysusers"),
        &tree.join(user),
        0o644,
    )?;
    for (from, to) in DOCUMENTS {
        let to = tree.join("usr/share/doc/fialka-server").join(to);
        place(&workspace.root.join(from), &to, 0o644)?;
    }
    for script in ["postinst", "prerm", "postrm"] {
        let to = tree.join("DEBIAN").join(script);
        place(&source.join(script), &to, 0o755)?;
    }
    let control = Control {
        name: NAME,
        section: "net",
        summary: SUMMARY,
        description: DESCRIPTION,
        depends: "ca-certificates, passwd",
    };
    Package {
        tree: &tree,
        binary,
    }
    .build(workspace, &control)
}

/// Everything in one folder, for machines without a package manager or for containers.
fn archive(workspace: &Workspace, binary: &Path) -> Result<std::path::PathBuf> {
    let archive = Archive::begin(workspace, NAME)?;
    let tree = archive.tree();
    place(binary, &tree.join("bin/fialka-server"), 0o755)?;
    let unit = workspace.root.join("deploy/server/fialka-server.service");
    place(&unit, &tree.join("share/fialka-server.service"), 0o644)?;
    for (from, to) in DOCUMENTS {
        place(
            &workspace.root.join(from),
            &tree.join("share").join(to),
            0o644,
        )?;
    }
    archive.close(workspace)
}

/// Installs the package where nothing else is, sets a server up as its own user, talks to it, stops it, and removes the
/// package: the data stays.
fn try_out(workspace: &Workspace, package: &Path) -> Result<()> {
    let root = CleanRoot::make(workspace, &output(workspace)?.join("root"))?;
    root.dpkg(["--install"], Some(package))?;
    ensure!(
        root.path("usr/lib/systemd/system/fialka-server.service")
            .is_file(),
        "the unit is missing"
    );
    let init = [
        "/usr/bin/fialka-server",
        "init",
        "--server-name",
        "campus.example",
        "--data-dir",
        "/var/lib/fialka",
        "--lan",
    ];
    root.command("fialka", &init).run()?;
    let port = clean_root::free_port()?;
    let listen = format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\n");
    let config = root.path("var/lib/fialka/config.toml");
    let text = fs::read_to_string(&config)?;
    // The ports of the machine are not this test's, and neither is its network.
    let text = text
        .replace("[[listen]]\naddress = \"0.0.0.0:8008\"\n", &listen)
        .replace("0.0.0.0:8448", "127.0.0.1:0")
        .replace("announce = true", "announce = false");
    fs::write(&config, text)?;
    root.serve("fialka", port)?;
    root.dpkg(["--purge", NAME], None)?;
    ensure!(
        !root.path("usr/bin/fialka-server").exists(),
        "the program is left"
    );
    ensure!(root.path("var/lib/fialka/db").is_dir(), "the data is gone");
    root.remove()
}
