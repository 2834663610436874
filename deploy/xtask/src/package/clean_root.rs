//! A root folder with nothing in it but what a package's scripts and programs need: made of the running system, without
//! downloading anything. What a package forgets to bring along is missing there.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use super::{empty_folder, place};
use crate::{
    http::{loopback, wait_until_ready},
    processes::Processes,
    workspace::{Program, Workspace},
};

/// What maintainer scripts may call, all of it in packages that every Debian system has.
const TOOLS: [&str; 9] = [
    "sh", "getent", "useradd", "groupadd", "mkdir", "chown", "chmod", "rm", "id",
];
/// What a system has before anything is installed.
const FILES: [&str; 4] = [
    "/etc/nsswitch.conf",
    "/etc/login.defs",
    "/etc/resolv.conf",
    "/etc/ssl/certs/ca-certificates.crt",
];

/// What libraries read by name.
const DATA: [&str; 4] = [
    "/usr/share/X11",
    "/usr/share/fonts",
    "/usr/share/fontconfig",
    "/etc/fonts",
];

pub(super) struct CleanRoot<'w> {
    workspace: &'w Workspace,
    folder: PathBuf,
}

impl<'w> CleanRoot<'w> {
    pub(super) fn make(workspace: &'w Workspace, folder: &Path) -> Result<Self> {
        let user = workspace.program("id").args(["-u"]).capture()?;
        ensure!(user.trim() == "0", "only root can make a clean root");
        empty_folder(folder)?;
        let root = Self {
            workspace,
            folder: folder.to_owned(),
        };
        root.fill()?;
        Ok(root)
    }

    fn fill(&self) -> Result<()> {
        for folder in [
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/lib64",
            "etc",
            "tmp",
            "dev",
            "run",
            "var/lib/dpkg/updates",
            "var/lib/dpkg/info",
        ] {
            fs::create_dir_all(self.path(folder))?;
        }
        for (link, target) in [
            ("bin", "usr/bin"),
            ("sbin", "usr/sbin"),
            ("lib", "usr/lib"),
            ("lib64", "usr/lib64"),
        ] {
            std::os::unix::fs::symlink(target, self.path(link))?;
        }
        for tool in TOOLS {
            let path = find(tool)?;
            self.bring(&path)?;
        }
        // Loaded by name when users are looked up.
        self.bring_if_there("libnss_files.so.2")?;
        for file in FILES {
            let file = Path::new(file);
            if file.is_file() {
                place(&file.canonicalize()?, &self.inside(file), 0o644)?;
            }
        }
        // As good as the device for scripts that drop what a command prints.
        fs::write(self.path("dev/null"), "")?;
        fs::write(self.path("usr/sbin/nologin"), "#!/bin/sh\nexit 1\n")?;
        fs::write(self.path("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
        fs::write(self.path("etc/group"), "root:x:0:\n")?;
        fs::write(self.path("etc/shadow"), "root:*:1::::::\n")?;
        fs::write(self.path("etc/gshadow"), "root:*::\n")?;
        fs::write(self.path("var/lib/dpkg/status"), "")?;
        Ok(())
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn inside(&self, path: &Path) -> PathBuf {
        self.folder.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Copies a program or library with the libraries that it needs.
    fn bring(&self, path: &Path) -> Result<()> {
        let mode = 0o755;
        place(&path.canonicalize()?, &self.inside(path), mode)?;
        for library in self.libraries(path)? {
            let to = self.inside(&library);
            if !to.exists() {
                place(&library.canonicalize()?, &to, mode)?;
            }
        }
        Ok(())
    }

    fn bring_if_there(&self, library: &str) -> Result<()> {
        let folder = find("sh")
            .ok()
            .and_then(|shell| self.libraries(&shell).ok())
            .and_then(|libraries| {
                libraries
                    .into_iter()
                    .find(|path| path.ends_with("libc.so.6"))
            });
        let path = folder.and_then(|libc| Some(libc.parent()?.join(library)));
        match path.filter(|path| path.is_file()) {
            Some(path) => self.bring(&path),
            None => Ok(()),
        }
    }

    fn libraries(&self, program: &Path) -> Result<BTreeSet<PathBuf>> {
        let listing = self.workspace.program("ldd").args([program]).capture()?;
        let words = listing
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        Ok(words
            .map(|word| PathBuf::from(word.trim_end_matches(':')))
            .collect())
    }

    /// Runs the package manager on this root. Packages with libraries are not installed there, the libraries are.
    pub(super) fn dpkg<const N: usize>(
        &self,
        action: [&str; N],
        package: Option<&Path>,
    ) -> Result<()> {
        if let Some(package) = package {
            self.bring_libraries_of(package)?;
        }
        self.workspace
            .program("dpkg")
            .args([format!("--root={}", self.folder.display())])
            .args(["--force-depends"])
            .args(action)
            .args(package)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .run()
    }

    fn bring_libraries_of(&self, package: &Path) -> Result<()> {
        let unpacked = self.folder.with_extension("unpacked");
        empty_folder(&unpacked)?;
        self.workspace
            .program("dpkg-deb")
            .args(["--extract"])
            .args([package, &unpacked])
            .run()?;
        for program in fs::read_dir(unpacked.join("usr/bin"))? {
            for library in self.libraries(&program?.path())? {
                let to = self.inside(&library);
                if !to.exists() {
                    place(&library.canonicalize()?, &to, 0o755)?;
                }
            }
        }
        fs::remove_dir_all(&unpacked)?;
        Ok(())
    }

    /// Copies the libraries, the X11 data and the fonts of a package of the running system, as if it were installed here.
    pub(super) fn bring_package(&self, name: &str) -> Result<()> {
        let listing = self
            .workspace
            .program("dpkg-query")
            .args(["--listfiles", name])
            .capture()?;
        for line in listing.lines() {
            let path = Path::new(line);
            if !path.is_file() {
                continue;
            }
            if line.contains(".so.") {
                self.bring(path)?;
            } else if DATA.iter().any(|folder| path.starts_with(folder)) {
                place(&path.canonicalize()?, &self.inside(path), 0o644)?;
            }
        }
        Ok(())
    }

    /// A program inside of the root, run as a user that exists there.
    pub(super) fn command(&self, user: &str, line: &[&str]) -> Program {
        self.workspace
            .program("chroot")
            .args([format!("--userspec={user}:{user}")])
            .args([&self.folder])
            .args(line)
    }

    /// Starts the server, asks it for something, and stops it.
    pub(super) fn serve(&self, user: &str, port: u16) -> Result<()> {
        let line = [
            "/usr/bin/fialka-server",
            "serve",
            "--config",
            "/var/lib/fialka/config.toml",
        ];
        let mut processes = Processes::default();
        processes.start("The packaged server", self.command(user, &line))?;
        wait_until_ready(&mut processes, loopback(port))?;
        processes.stop();
        Ok(())
    }

    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

/// Where a tool of the running system is.
fn find(tool: &str) -> Result<PathBuf> {
    let folders = ["/usr/bin", "/usr/sbin"];
    let paths = folders.iter().map(|folder| Path::new(folder).join(tool));
    let path = paths.into_iter().find(|path| path.exists());
    path.with_context(|| format!("this system has no {tool}"))
}

pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
