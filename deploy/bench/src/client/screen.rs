//! A screen nobody sees, programs on it, and keys.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    log::{Log, Moment},
    usage::{cpu_time, memory},
};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Screen {
    display: String,
    server: Child,
}

impl Screen {
    pub(crate) fn start() -> Result<Self> {
        let socket = |number: i32| PathBuf::from(format!("/tmp/.X11-unix/X{number}"));
        let number = (200..300)
            .find(|number| !socket(*number).exists())
            .context("no display is free")?;
        let display = format!(":{number}");
        let server = Command::new("Xvfb")
            .args([&display, "-screen", "0", "1280x800x24"])
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb cannot be started")?;
        let screen = Self { display, server };
        let deadline = Instant::now() + PATIENCE;
        while !socket(number).exists() {
            ensure!(Instant::now() < deadline, "Xvfb does not start");
            sleep(Duration::from_millis(50));
        }
        Ok(screen)
    }

    pub(crate) fn key(&self, key: &str) -> Result<()> {
        self.hand(&["key", "--clearmodifiers", key])
    }

    pub(crate) fn text(&self, text: &str) -> Result<()> {
        self.hand(&["type", "--delay", "40", text])
    }

    fn hand(&self, arguments: &[&str]) -> Result<()> {
        let status = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .status()?;
        ensure!(status.success(), "xdotool {arguments:?}: {status}");
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

/// Has the next start read the program from the disk, as after the computer was switched on. A file that has just been
/// built is in memory in large pieces, and a large piece comes whole.
pub(crate) fn read_anew(program: &Path) -> Result<()> {
    let file = format!("if={}", program.display());
    let tools = [
        Command::new("sync").arg(program).status()?,
        Command::new("dd")
            .args([&file, "iflag=nocache", "count=0"])
            .stderr(Stdio::null())
            .status()?,
    ];
    ensure!(
        tools.iter().all(std::process::ExitStatus::success),
        "{} cannot be read anew",
        program.display()
    );
    Ok(())
}

/// A client that runs.
pub(crate) struct Program {
    child: Child,
    pub(crate) log: Log,
    pub(crate) started: Moment,
}

impl Program {
    /// Starts ours and gives it the keyboard.
    pub(crate) fn start(
        screen: &Screen,
        program: &Path,
        folder: &Path,
        server: SocketAddr,
    ) -> Result<Self> {
        let log = folder.join("log");
        let out = fs::File::create(&log)?;
        let started = Moment::now()?;
        let child = Command::new(program)
            .args(["--server", &server.to_string(), "--data-dir"])
            .arg(folder)
            .env("DISPLAY", &screen.display)
            .env("RUST_LOG", "client=info")
            .env_remove("WAYLAND_DISPLAY")
            .stdout(Stdio::null())
            .stderr(out)
            .spawn()?;
        let id = child.id().to_string();
        // Without a window manager nobody else gives it the keyboard, and only a window on the screen takes it. With
        // no pattern to search for, the command that follows would be taken for one; any class will do.
        let window = ["search", "--sync", "--all", "--onlyvisible", "--pid", &id];
        screen.hand(&[&window[..], &["--class", "", "windowfocus"]].concat())?;
        Ok(Self {
            child,
            log: Log(log),
            started,
        })
    }

    /// Starts somebody else's; `None` where it is not installed.
    pub(crate) fn other(screen: &Screen, line: &str, folder: &Path) -> Result<Option<Self>> {
        let log = folder.join("other-log");
        let out = fs::File::create(&log)?;
        let mut words = line.split(' ');
        let child = Command::new(words.next().unwrap_or_default())
            .args(words)
            .env("DISPLAY", &screen.display)
            .env("HOME", folder)
            .stdout(Stdio::null())
            .stderr(out)
            .spawn();
        let Ok(child) = child else { return Ok(None) };
        Ok(Some(Self {
            child,
            log: Log(log),
            started: Moment::now()?,
        }))
    }

    /// Of all its processes.
    pub(crate) fn memory(&self) -> Result<u64> {
        memory(&[self.child.id()])
    }

    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_time(&[self.child.id()])
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        let status = Command::new("sh")
            .args([
                "-c",
                "kill -TERM \"$1\"",
                "sh",
                &self.child.id().to_string(),
            ])
            .status()?;
        ensure!(status.success(), "the client was gone already");
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None))
        && let Err(error) = child.kill().and_then(|()| child.wait())
    {
        eprintln!("a program was not ended: {error}");
    }
}
