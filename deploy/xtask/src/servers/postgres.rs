//! A PostgreSQL cluster of its own for Synapse.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{Scratch, free_port};
use crate::{
    processes::Processes,
    workspace::{Program, Workspace},
};

/// The user and the database that Synapse finds.
pub(super) const NAME: &str = "synapse";

pub(super) struct Postgres {
    pub(super) port: u16,
    pub(super) process_id: u32,
}

/// Debian's newest installed PostgreSQL.
pub(super) fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.retain(|folder| folder.join("initdb").is_file());
    folders.sort();
    folders.pop()
}

/// Makes and starts a cluster with default settings, durable commits included, and an empty database.
pub(super) fn start(
    workspace: &Workspace,
    processes: &mut Processes,
    scratch: &Scratch,
    programs: &Path,
) -> Result<Postgres> {
    let folder = scratch.folder("postgres")?;
    let owner = Owner::of(workspace, &folder)?;
    let program = |name: &str| owner.run(workspace.program(programs.join(name)));
    let data = folder.join("data");
    program("initdb")
        .args([
            "--username",
            NAME,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--no-locale",
            "--pgdata",
        ])
        .args([&data])
        .capture()?;
    let port = free_port()?;
    let server = program("postgres")
        .args([
            OsStr::new("-D"),
            data.as_os_str(),
            OsStr::new("-k"),
            folder.as_os_str(),
        ])
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-c",
            "log_min_messages=fatal",
        ]);
    let process_id = processes.start("PostgreSQL", server)?;
    let port_text = port.to_string();
    let connection = [
        "--host",
        "127.0.0.1",
        "--port",
        &port_text,
        "--username",
        NAME,
    ];
    for _ in 0..200 {
        if program("createdb").args(connection).args([NAME]).succeeds() {
            return Ok(Postgres { port, process_id });
        }
        if let Some((name, status)) = processes.ended()? {
            bail!("{name} ended before it answered: {status}");
        }
        sleep(Duration::from_millis(100));
    }
    bail!("PostgreSQL did not accept connections.")
}

/// Whom the cluster runs as: PostgreSQL refuses to run as root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    /// The user `postgres` where this process is root, who then gets the folder; else this user.
    fn of(workspace: &Workspace, folder: &Path) -> Result<Self> {
        if fs::metadata(folder)?.uid() != 0 {
            return Ok(Self(None));
        }
        let id = |what: &str| -> Result<u32> {
            let id = workspace.program("id").args([what, "postgres"]).capture()?;
            id.trim().parse().context("`id` printed no number")
        };
        let (user, group) = (id("-u")?, id("-g")?);
        chown(folder, Some(user), Some(group))?;
        Ok(Self(Some((user, group))))
    }

    fn run(&self, program: Program) -> Program {
        match self.0 {
            Some((user, group)) => program.owned_by(user, group),
            None => program,
        }
    }
}
