//! The window system as Slint has it, but for the caret and for links.
//!
//! Slint lets the caret blink for as long as a text has the keyboard, and to draw it looks at everything in the window
//! twice a second. So it is told to keep the caret still; the views let it blink for a while after somebody did
//! something.

use std::{ops::ControlFlow, rc::Rc, thread, time::Duration};

use i_slint_backend_winit::Backend;
use i_slint_core::{InternalToken, SlintContextWeak};
use slint::{
    PlatformError,
    platform::{Clipboard, EventLoopProxy, Platform, WindowAdapter, set_platform},
};

use crate::opening;

/// Draws with this renderer from now on.
///
/// # Errors
/// When there is no display.
pub fn choose_renderer(name: &str) -> anyhow::Result<()> {
    let backend = Backend::builder().with_renderer_name(name).build()?;
    Ok(set_platform(Box::new(OwnWays(backend)))?)
}

struct OwnWays(Backend);

impl Platform for OwnWays {
    fn cursor_flash_cycle(&self) -> Duration {
        Duration::ZERO
    }

    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        self.0.create_window_adapter()
    }

    fn run_event_loop(&self) -> Result<(), PlatformError> {
        self.0.run_event_loop()
    }

    fn process_events(
        &self,
        timeout: Option<Duration>,
        token: InternalToken,
    ) -> Result<ControlFlow<()>, PlatformError> {
        self.0.process_events(timeout, token)
    }

    fn bind_context(&self, context: SlintContextWeak, token: InternalToken) {
        self.0.bind_context(context, token);
    }

    fn new_event_loop_proxy(&self) -> Option<Box<dyn EventLoopProxy>> {
        self.0.new_event_loop_proxy()
    }

    fn duration_since_start(&self) -> Duration {
        self.0.duration_since_start()
    }

    fn click_interval(&self) -> Duration {
        self.0.click_interval()
    }

    fn set_clipboard_text(&self, text: &str, clipboard: Clipboard) {
        self.0.set_clipboard_text(text, clipboard);
    }

    fn clipboard_text(&self, clipboard: Clipboard) -> Option<String> {
        self.0.clipboard_text(clipboard)
    }

    /// Slint would begin the browser with this program's environment, in which the settings of its memory are.
    fn open_url(&self, url: &str) -> Result<(), PlatformError> {
        if cfg!(target_os = "linux")
            && let Ok(mut opener) = opening::open(url)
        {
            thread::spawn(move || opener.wait());
            return Ok(());
        }
        self.0.open_url(url)
    }
}
