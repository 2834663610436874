//! A screen of the gallery in a window that nobody sees.

#[path = "../../examples/gallery/faces.rs"]
mod faces;
#[path = "../../examples/gallery/samples.rs"]
mod samples;
#[path = "../../examples/gallery/screens.rs"]
pub(crate) mod screens;

use std::rc::Rc;

use client::{bridge::command::Commands, settings::Settings, view::Ui};
use i_slint_backend_testing::{TestingBackend, TestingBackendOptions};
use slint::{ComponentHandle, LogicalSize, Timer};
use tempfile::TempDir;

/// Draws into memory from now on, with a clock that stands still.
pub(crate) fn begin() {
    let backend = TestingBackend::new(TestingBackendOptions {
        mock_time: true,
        threading: false,
        renderer_name: Some("software".into()),
    });
    slint::platform::set_platform(Box::new(backend)).unwrap();
    client::view::stop_clock(samples::NOW);
}

pub(crate) struct Shown {
    pub(crate) ui: Rc<Ui>,
    _session: Timer,
    _folder: TempDir,
}

impl Shown {
    /// What is asked, answered and scrolled to takes a few frames from here.
    pub(crate) fn new(screen: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path());
        let (width, height) = screens::size(screen).unwrap();
        let (commands, receiver) = Commands::channel();
        let ui = Rc::new(Ui::new(commands, settings).unwrap());
        ui.window()
            .window()
            .set_size(LogicalSize::new(width, height));
        ui.window().show().unwrap();
        let session = screens::fill(&ui, receiver, screen);
        Self {
            ui,
            _session: session,
            _folder: folder,
        }
    }
}
