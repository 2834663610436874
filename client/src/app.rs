//! Puts the program together: settings, session, window.

use std::{path::PathBuf, rc::Rc};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::{
    bridge::{
        command::{AccountCommand, Command},
        dispatch,
        runtime::Backend,
    },
    instance::Instance,
    options::Options,
    paths::{self, Paths},
    platform,
    renderer::Attempt,
    session::Config,
    settings::{Choices, Settings},
    view::Ui,
};

/// What the library calls errors are often answers that the program asked for, and those that are not reach the window.
const LOG: &str = "warn,matrix_sdk::http_client=off";

/// Shows the window until it is closed, then closes the session.
///
/// # Errors
/// When there is no home folder, no display, or the system gives no threads.
pub fn run(options: Options) -> anyhow::Result<()> {
    start_log();
    let paths = Paths::find(options.data_dir)?;
    let instance = Instance::begin(&paths.data_dir, options.join_file.as_deref())
        .with_context(|| format!("the folder {} cannot be used", paths.data_dir.display()))?;
    let Some(instance) = instance else {
        return Ok(());
    };
    let settings = Settings::load(&paths.config_dir)
        .with_server(options.server)
        .with_join_file(paths::prepared_join_file());
    let attempt = Rc::new(Attempt::begin(
        &paths.data_dir,
        &settings,
        options.safe_mode,
    ));
    platform::choose_renderer(attempt.renderer())?;

    let (backend, updates) = Backend::start(config(paths.data_dir, &settings.get()))?;
    // Before the window is built: opening the databases takes about as long.
    backend
        .commands()
        .send(Command::Account(AccountCommand::Restore));
    let ui = Rc::new(Ui::new(backend.commands(), settings)?);
    if attempt.gave_up() {
        ui.say_renderer_failed();
    }
    let first = Rc::clone(&attempt);
    ui.on_first_frame(move || first.succeed());
    if let Some(file) = options.join_file {
        ui.open_join_file(file);
    }
    let receiver = Rc::clone(&ui);
    dispatch::drain(updates, move |update| receiver.apply(update))?;
    slint::spawn_local(answer_calls(instance, Rc::clone(&ui)))?;
    let shown = ui.run();
    backend.shut_down();
    shown?;
    attempt.succeed();
    Ok(())
}

/// Shows the window to whoever starts the program again.
async fn answer_calls(mut instance: Instance, ui: Rc<Ui>) {
    loop {
        let call = instance.called().await;
        ui.come_forward();
        if let Some(file) = call.file {
            ui.open_join_file(file);
        }
    }
}

/// Warnings by default; `RUST_LOG` chooses otherwise. Secrets are in no log: their types do not print them.
fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

fn config(data_dir: PathBuf, choices: &Choices) -> Config {
    Config {
        data_dir,
        use_keyring: choices.use_keyring,
        extra_ca: choices.extra_ca.clone(),
        device_name: format!("Fialka ({})", system()),
    }
}

/// What people call the system.
fn system() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "windows" => "Windows",
        "macos" => "macOS",
        other => other,
    }
}
