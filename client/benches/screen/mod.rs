//! A window whose picture stays in memory, painted as the program paints it with the software renderer.

#[path = "../../tests/window/mod.rs"]
pub(crate) mod window;

use std::{rc::Rc, time::Duration};

use matrix_sdk::ruma::OwnedRoomId;
use slint::{
    PhysicalSize, PlatformError,
    platform::{
        Platform, WindowAdapter,
        software_renderer::{MinimalSoftwareWindow, PremultipliedRgbaColor, RepaintBufferType},
    },
};
use window::Window;

/// The window's size, that of the tests.
const SIZE: PhysicalSize = PhysicalSize::new(1180, 740);

struct Memory(Rc<MinimalSoftwareWindow>);

impl Platform for Memory {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(self.0.clone())
    }
}

/// The window, and what was painted of it last.
pub(crate) struct Screen {
    pub(crate) window: Window,
    pub(crate) pane: Rc<MinimalSoftwareWindow>,
    picture: Vec<PremultipliedRgbaColor>,
}

impl Screen {
    pub(crate) fn open(room: &OwnedRoomId) -> Self {
        let pane = MinimalSoftwareWindow::new(RepaintBufferType::ReusedBuffer);
        let window = Window::open_on(Memory(pane.clone()), std::slice::from_ref(room));
        let pixels = SIZE.width as usize * SIZE.height as usize;
        Self {
            window,
            pane,
            picture: vec![PremultipliedRgbaColor::default(); pixels],
        }
    }

    /// Lets timers run out and paints what has changed. Tells whether anything has.
    pub(crate) fn paint(&mut self) -> bool {
        slint::platform::update_timers_and_animations();
        self.pane.draw_if_needed(|renderer| {
            renderer.render(&mut self.picture, SIZE.width as usize);
        })
    }
}

/// How long half of the frames or changes took at most, 99 of 100 of them, and the slowest.
pub(crate) fn summary(mut frames: Vec<Duration>) -> String {
    frames.sort();
    let of = |share: usize| milliseconds(frames[(frames.len() - 1) * share / 100]);
    format!(
        "{} times: half of them within {}, 99 of 100 within {}, the slowest {}",
        frames.len(),
        of(50),
        of(99),
        of(100)
    )
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
