//! The room bot as a Debian package and as a portable archive.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use super::{clean_root::CleanRoot, debian::Control, output, place, service::Service};
use crate::workspace::Workspace;

const BOT: Service = Service {
    control: Control {
        name: "fialka-bot",
        section: "net",
        summary: "Games, quizzes and answers in Matrix rooms",
        description: "Plays with people and against them in any Matrix client, asks what teachers have written, and \
                      answers questions about the Fialka messenger, in Russian and English.",
        depends: "ca-certificates, passwd",
    },
    folder: "deploy/bot",
    documents: &[
        ("deploy/bot/bot.toml", "bot.toml"),
        ("docs/bot.md", "bot.md"),
        ("LICENSE", "copyright"),
    ],
};

/// Packages what was built and, if asked, tries the package out.
pub(super) fn package(workspace: &Workspace, debug: bool, check: bool) -> Result<()> {
    let package = BOT.package(workspace, debug)?;
    if check {
        try_out(workspace, &package)?;
        println!("Installed, used and removed in a clean root.");
    }
    Ok(())
}

/// Installs the package where nothing else is, has the bot say as its own user what the example of its configuration
/// lacks, and removes the package: the data stays.
fn try_out(workspace: &Workspace, package: &Path) -> Result<()> {
    let root = CleanRoot::make(workspace, &output(workspace)?.join("root"))?;
    root.dpkg(["--install"], Some(package))?;
    ensure!(
        root.path("usr/lib/systemd/system/fialka-bot.service")
            .is_file(),
        "the unit is missing"
    );
    let config = root.path("etc/fialka/bot.toml");
    place(
        &root.path("usr/share/doc/fialka-bot/bot.toml"),
        &config,
        0o644,
    )?;
    // Nothing answers at port 9, whatever runs on this machine.
    let text = fs::read_to_string(&config)?;
    fs::write(&config, text.replace(":8008", ":9"))?;
    let check = "/usr/bin/fialka-bot --config /etc/fialka/bot.toml --check || true";
    let said = root
        .command("fialka-bot", &["/bin/sh", "-c", check])
        .capture()?;
    for lacking in ["the bot has no account yet", "nothing answers at"] {
        ensure!(said.contains(lacking), "the check says: {said}");
    }
    ensure!(!said.contains("data_dir"), "the check says: {said}");
    root.dpkg(["--purge", BOT.control.name], None)?;
    ensure!(
        !root.path("usr/bin/fialka-bot").exists(),
        "the program is left"
    );
    ensure!(root.path("var/lib/fialka-bot").is_dir(), "the data is gone");
    root.remove()
}
