//! A screen that nobody sees, on which a packaged program has to show its window.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{processes::Processes, workspace::Workspace};

/// How long the screen and a window may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Screen<'w> {
    workspace: &'w Workspace,
    /// What a program is told in `DISPLAY`.
    pub(super) display: String,
}

impl<'w> Screen<'w> {
    pub(super) fn open(workspace: &'w Workspace, processes: &mut Processes) -> Result<Self> {
        let number = (90..120)
            .find(|number| !Path::new(&format!("/tmp/.X11-unix/X{number}")).exists())
            .context("no display is free")?;
        let screen = Self {
            workspace,
            display: format!(":{number}"),
        };
        let server = workspace.program("Xvfb").args([&screen.display]);
        processes.start("Xvfb", server.args(["-screen", "0", "1280x800x24"]))?;
        let deadline = Instant::now() + PATIENCE;
        while !screen.succeeds(&["getdisplaygeometry"]) {
            ensure!(Instant::now() < deadline, "Xvfb does not start");
            sleep(Duration::from_millis(50));
        }
        Ok(screen)
    }

    /// Waits for a window that `xdotool search` finds with these arguments.
    pub(super) fn wait_for_window(&self, processes: &mut Processes, search: &[&str]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.succeeds(&[&["search"], search].concat()) {
            if let Some((name, status)) = processes.ended()? {
                bail!("{name} ended before its window was there: {status}");
            }
            ensure!(Instant::now() < deadline, "no window appeared");
            sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn succeeds(&self, arguments: &[&str]) -> bool {
        let tool = self.workspace.program("xdotool").args(arguments);
        tool.env("DISPLAY", &self.display).succeeds()
    }
}
