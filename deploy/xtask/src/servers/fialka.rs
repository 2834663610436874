//! Our own server.

use std::fs;

use anyhow::Result;

use super::{Homeserver, SHARED_SECRET, Scratch, free_port};
use crate::{
    http::{loopback, wait_until_ready},
    processes::Processes,
    workspace::Workspace,
};

/// Starts `fialka-server` with open registration; it has to be built already.
pub(crate) fn start(
    workspace: &Workspace,
    processes: &mut Processes,
    scratch: &Scratch,
    name: &str,
    release: bool,
) -> Result<Homeserver> {
    let folder = scratch.folder(name)?;
    let port = free_port()?;
    let data = folder.join("data");
    let server = || workspace.program(workspace.binary("fialka-server", release));
    server()
        .args(["init", "--server-name", "localhost", "--data-dir"])
        .args([&data])
        .capture()?;
    let config = folder.join("fialka.toml");
    let registration = scratch.registration();
    let appservices = match registration.is_file() {
        true => format!(
            "[appservices]\nfiles = [{registration:?}]\n[outbound]\nallow_private_addresses = true\n"
        ),
        false => String::new(),
    };
    fs::write(
        &config,
        format!(
            "server_name = \"localhost\"\n\
             data_dir = \"{data}\"\n\
             [[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [registration]\nmode = \"open\"\nshared_secret = \"{SHARED_SECRET}\"\n\
             [rooms]\ndefault_version = \"11\"\n\
             [limits]\nenabled = false\n\
             [log]\nlevel = \"warn\"\n{appservices}",
            data = data.display(),
        ),
    )?;
    let id = processes.start(name, server().args(["serve", "--config"]).args([&config]))?;
    wait_until_ready(processes, loopback(port))?;
    Ok(Homeserver {
        name: name.to_owned(),
        address: loopback(port),
        process_ids: vec![id],
    })
}
