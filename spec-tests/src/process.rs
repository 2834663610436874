//! A child process that ends when the tests end, however they end.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// Starts a program and waits for its end or for the end of standard input, which closes with this process even when
/// it is killed; then the program is killed and the folder in `$1` (if any) is removed.
const WATCHDOG: &str = r#"
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
(cat <&3 >/dev/null; kill -KILL $program 2>/dev/null; [ -z "$folder" ] || rm -rf "$folder") >/dev/null 2>&1 &
wait $program
"#;

/// A running program.
#[derive(Debug)]
pub struct Process {
    watchdog: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program whose output goes to `log`; `remove_at_end` names a folder nobody needs afterwards.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &[String], log: &Path, remove_at_end: Option<&Path>) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(remove_at_end.unwrap_or(Path::new("")))
            .args(program)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self {
            watchdog,
            log: log.to_owned(),
        })
    }

    /// How the program ended, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.watchdog.try_wait()
    }

    /// Kills the program as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not say that it ended.
    pub fn kill(mut self) -> io::Result<()> {
        drop(self.watchdog.stdin.take());
        self.watchdog.wait().map(drop)
    }

    /// The most memory that the program has had at once so far, in bytes, where the system tells.
    pub fn peak_memory(&self) -> Option<u64> {
        let watchdog = self.watchdog.id();
        let children =
            std::fs::read_to_string(format!("/proc/{watchdog}/task/{watchdog}/children"));
        children.ok()?.split_whitespace().filter_map(peak).max()
    }

    /// The last lines that the program wrote.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

fn peak(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
