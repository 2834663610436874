//! The homeserver as a Debian package and as a portable archive.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use super::{
    clean_root::{self, CleanRoot},
    debian::Control,
    output,
    service::Service,
};
use crate::workspace::Workspace;

const SERVER: Service = Service {
    control: Control {
        name: "fialka-server",
        section: "net",
        summary: "Matrix homeserver for a campus",
        description: "Accounts, rooms, files and search for a school or an academy on its own network, without the \
                      internet. Any Matrix client can use it.",
        depends: "ca-certificates, passwd",
    },
    folder: "deploy/server",
    documents: &[
        ("deploy/server/nginx.conf", "nginx.conf"),
        ("deploy/server/Caddyfile", "Caddyfile"),
        ("deploy/server/nftables.conf", "nftables.conf"),
        ("docs/administration.md", "administration.md"),
        (
            "docs/administration-questions.md",
            "administration-questions.md",
        ),
        (
            "docs/ru/administration-questions.md",
            "ru/administration-questions.md",
        ),
        ("docs/users.md", "users.md"),
        ("docs/ru/users.md", "ru/users.md"),
        ("docs/bot.md", "bot.md"),
        ("LICENSE", "copyright"),
    ],
};

/// Packages what was built and, if asked, tries the package out.
pub(super) fn package(workspace: &Workspace, debug: bool, check: bool) -> Result<()> {
    let package = SERVER.package(workspace, debug)?;
    if check {
        try_out(workspace, &package)?;
        println!("Installed, used and removed in a clean root.");
    }
    Ok(())
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
    root.dpkg(["--purge", SERVER.control.name], None)?;
    ensure!(
        !root.path("usr/bin/fialka-server").exists(),
        "the program is left"
    );
    ensure!(root.path("var/lib/fialka/db").is_dir(), "the data is gone");
    root.remove()
}
