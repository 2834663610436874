//! Puts the program together: settings, session, window.

use std::{path::PathBuf, rc::Rc};

use tracing_subscriber::EnvFilter;

use crate::{
    bridge::{
        command::{AccountCommand, Command},
        dispatch,
        runtime::Backend,
    },
    options::Options,
    paths::Paths,
    session::Config,
    settings::{Choices, Settings},
    view::Ui,
};

/// Shows the window until it is closed, then closes the session.
///
/// # Errors
/// When there is no home folder, no display, or the system gives no threads.
pub fn run(options: Options) -> anyhow::Result<()> {
    start_log();
    let paths = Paths::find(options.data_dir)?;
    let settings = Settings::load(&paths.config_dir).with_server(options.server);
    choose_renderer(options.safe_mode || settings.get().software_rendering)?;

    let (backend, updates) = Backend::start(config(paths.data_dir, &settings.get()))?;
    // Before the window is built: opening the databases takes about as long.
    backend
        .commands()
        .send(Command::Account(AccountCommand::Restore));
    let ui = Rc::new(Ui::new(backend.commands(), settings)?);
    if let Some(file) = options.join_file {
        ui.open_join_file(file);
    }
    let receiver = Rc::clone(&ui);
    dispatch::drain(updates, move |update| receiver.apply(update))?;
    let shown = ui.run();
    backend.shut_down();
    Ok(shown?)
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
