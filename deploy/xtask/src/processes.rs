//! Child processes that live as long as a command and are stopped cleanly after it.

use std::{
    io::ErrorKind,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::workspace::Program;

/// How long a child may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// How often children are asked whether they still run.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Running children. Whatever still runs when this is dropped is stopped.
#[derive(Default)]
pub(crate) struct Processes {
    running: Vec<(String, Child)>,
}

impl Processes {
    /// Starts a program in a process group of its own, so that a terminal's Ctrl-C reaches it only through
    /// [`Processes::stop`], in order.
    pub(crate) fn start(&mut self, name: &str, program: Program) -> Result<u32> {
        let mut command = program.into_command();
        command.process_group(0).stdin(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let id = child.id();
        self.running.push((name.to_owned(), child));
        Ok(id)
    }

    /// The first child that ended by itself, taken out of the list.
    pub(crate) fn ended(&mut self) -> Result<Option<(String, ExitStatus)>> {
        for index in 0..self.running.len() {
            if let Some(status) = self.running[index].1.try_wait()? {
                return Ok(Some((self.running.remove(index).0, status)));
            }
        }
        Ok(None)
    }

    /// Starts a program and waits until it ends; an end without success, or of another child before it, is an error.
    pub(crate) fn run(&mut self, name: &str, program: Program) -> Result<()> {
        let stop = stop_requests()?;
        self.start(name, program)?;
        match self.wait(&stop)? {
            Some((ended, status)) if ended == name && status.success() => Ok(()),
            Some((ended, status)) => bail!("{ended} ended: {status}"),
            None => bail!("stopped"),
        }
    }

    /// Waits until a child ends by itself, or until somebody asks to stop: then there is none.
    pub(crate) fn wait(&mut self, stop: &Receiver<()>) -> Result<Option<(String, ExitStatus)>> {
        while stop.recv_timeout(POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if let Some(ended) = self.ended()? {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// Asks every child to stop, the last started first, and waits for each.
    pub(crate) fn stop(&mut self) {
        while let Some((name, mut child)) = self.running.pop() {
            if let Err(error) = stop_child(&mut child) {
                eprintln!("{name} could not be stopped: {error}");
            }
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stop_child(child: &mut Child) -> std::io::Result<()> {
    // The shell's own `kill`: a minimal system has no /bin/kill, and sending a signal from Rust needs `unsafe`.
    let script = "kill -TERM \"$1\" 2>/dev/null";
    Command::new("sh")
        .args(["-c", script, "sh", &child.id().to_string()])
        .status()?;
    let deadline = Instant::now() + STOP_TIMEOUT;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(ErrorKind::TimedOut.into());
        }
        sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Ctrl-C, SIGTERM and the closing of the terminal, as messages. Call it once per process.
pub(crate) fn stop_requests() -> Result<Receiver<()>> {
    let (sender, receiver) = channel();
    ctrlc::set_handler(move || {
        // The receiver is gone only when the program is ending anyway.
        sender.send(()).unwrap_or_default();
    })?;
    Ok(receiver)
}
