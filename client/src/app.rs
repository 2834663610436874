//! Puts the program together: settings, session, window.

use std::path::PathBuf;

use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

use crate::{
    bridge::{command::Commands, dispatch, runtime::Backend, update::Update},
    options::Options,
    paths::Paths,
    session::Config,
    settings::{Choices, Settings},
};

/// The program without its window.
pub struct Program {
    backend: Backend,
    updates: mpsc::Receiver<Update>,
    settings: Settings,
}

impl Program {
    /// Reads the settings, chooses the renderer and starts the session.
    ///
    /// # Errors
    /// When there is no home folder, no display, or the system gives no threads.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        start_log();
        let paths = Paths::find(options.data_dir)?;
        let settings = Settings::load(&paths.config_dir);
        if let Some(server) = options.server {
            settings.change(|choices| choices.server = Some(server));
        }
        choose_renderer(options.safe_mode || settings.get().software_rendering)?;
        let (backend, updates) = Backend::start(config(paths.data_dir, &settings.get()))?;
        Ok(Self {
            backend,
            updates,
            settings,
        })
    }

    /// Where the window sends its commands.
    #[must_use]
    pub fn commands(&self) -> Commands {
        self.backend.commands()
    }

    /// What the person has chosen.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Hands updates to `apply` while `show` shows the window, then closes the session.
    ///
    /// # Errors
    /// When the window cannot be shown.
    pub fn run(
        self,
        apply: impl FnMut(Update) + 'static,
        show: impl FnOnce() -> Result<(), slint::PlatformError>,
    ) -> anyhow::Result<()> {
        dispatch::drain(self.updates, apply)?;
        let shown = show();
        self.backend.shut_down();
        Ok(shown?)
    }
}

/// Warnings by default; `RUST_LOG` chooses otherwise. Secrets are in no log: their types do not print them.
fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// The software renderer needs the least memory and works everywhere; the other needs a graphics driver.
fn choose_renderer(software: bool) -> Result<(), slint::PlatformError> {
    let renderer = if software { "software" } else { "femtovg" };
    slint::BackendSelector::new()
        .renderer_name(renderer.to_owned())
        .select()
}

fn config(data_dir: PathBuf, choices: &Choices) -> Config {
    Config {
        data_dir,
        use_keyring: choices.use_keyring,
        extra_ca: choices.extra_ca.clone(),
        device_name: format!("Fialka ({})", std::env::consts::OS),
    }
}
