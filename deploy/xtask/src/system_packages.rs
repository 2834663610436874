//! Installs the Debian packages that building, running and testing need.

use std::io::{IsTerminal as _, stdin};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// What building, running and testing needs.
const LIST: &str = "deploy/packages.debian";
/// What the installer for Windows needs beside it.
const LIST_FOR_WINDOWS: &str = "deploy/packages-windows.debian";

/// Installs what `deploy/packages.debian` lists and the system lacks, as root or through `sudo`.
/// On other systems than Debian's family nothing is done.
pub(crate) fn install_missing(workspace: &Workspace) -> Result<()> {
    install(workspace, LIST)
}

/// Installs what the installer for Windows is made and tried out with.
pub(crate) fn install_missing_for_windows(workspace: &Workspace) -> Result<()> {
    install(workspace, LIST_FOR_WINDOWS)
}

fn install(workspace: &Workspace, list: &str) -> Result<()> {
    if !workspace
        .program("dpkg-query")
        .args(["--version"])
        .succeeds()
    {
        println!("Not a Debian system: {list} names the system packages to install by hand.");
        return Ok(());
    }
    let missing = missing_packages(workspace, list)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing system packages: {}", missing.join(" "));
    let install = format!(
        "export DEBIAN_FRONTEND=noninteractive; \
         apt-get install -y --no-install-recommends {packages} || \
         {{ apt-get update && apt-get install -y --no-install-recommends {packages}; }}",
        packages = missing.join(" ")
    );
    let is_root = workspace.program("id").args(["-u"]).capture()?.trim() == "0";
    let installer = if is_root {
        workspace.program("sh").args(["-c", &install])
    } else if can_use_sudo(workspace) {
        workspace.program("sudo").args(["sh", "-c", &install])
    } else {
        bail!(
            "Install these first, as root:\n  apt-get install -y --no-install-recommends {}",
            missing.join(" ")
        );
    };
    installer
        .run()
        .context("the system packages could not be installed")
}

/// Whether there is `sudo`, and it asks for no password or somebody is there to type it.
fn can_use_sudo(workspace: &Workspace) -> bool {
    let sudo = |argument: &[&str]| workspace.program("sudo").args(argument).succeeds();
    sudo(&["-n", "true"]) || (stdin().is_terminal() && sudo(&["--version"]))
}

fn missing_packages(workspace: &Workspace, list: &str) -> Result<Vec<String>> {
    let list = workspace.root.join(list);
    let list = std::fs::read_to_string(&list)
        .with_context(|| format!("cannot read {}", list.display()))?;
    let installed = workspace
        .program("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status} ${Package}\n"])
        .capture()?;
    let installed: Vec<&str> = installed
        .lines()
        .filter_map(|line| line.strip_prefix("installed "))
        .collect();
    let wanted = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(wanted
        .filter(|package| !installed.contains(package))
        .map(str::to_owned)
        .collect())
}
