//! The banner while the server is out of reach.

use std::{cell::Cell, rc::Rc, time::Duration};

use slint::{ComponentHandle, Timer, TimerMode, Weak};

use super::{AppAdapter, AppWindow, HeaderAdapter, RailAdapter};
use crate::bridge::update::Connection;

/// Short interruptions are not worth a banner.
const GRACE: Duration = Duration::from_secs(2);
/// The session tries again about this often, in seconds.
const RETRY: i32 = 5;
/// So long the seconds are counted. A server may be away for hours, and each second draws the window.
const COUNTED: i32 = 30;

/// The banner and its clocks.
pub(super) struct Offline {
    window: Weak<AppWindow>,
    grace: Timer,
    countdown: Rc<Timer>,
}

impl Offline {
    pub(super) fn new(window: &AppWindow) -> Self {
        Self {
            window: window.as_weak(),
            grace: Timer::default(),
            countdown: Rc::default(),
        }
    }

    /// Shows the banner, or takes it away.
    pub(super) fn show(&self, connection: Connection) {
        let window = self.window.clone();
        let countdown = self.countdown.clone();
        let show = move |offline| {
            if let Some(window) = window.upgrade() {
                window.global::<AppAdapter>().set_offline(offline);
                window.global::<RailAdapter>().set_online(!offline);
                window.global::<HeaderAdapter>().set_offline(offline);
            }
            match offline {
                true => count_down(&countdown, &window),
                false => countdown.stop(),
            }
        };
        match connection {
            Connection::Offline => {
                self.grace
                    .start(TimerMode::SingleShot, GRACE, move || show(true));
            }
            Connection::Connecting | Connection::Online => {
                self.grace.stop();
                show(false);
            }
        }
    }
}

/// Says in the banner how long it is until the next attempt.
fn count_down(timer: &Rc<Timer>, window: &Weak<AppWindow>) {
    let window = window.clone();
    if let Some(window) = window.upgrade() {
        window.global::<AppAdapter>().set_retry_in(RETRY);
    }
    let passed = Cell::new(0);
    let clock = Rc::downgrade(timer);
    timer.start(TimerMode::Repeated, Duration::from_secs(1), move || {
        passed.set(passed.get() + 1);
        let left = match passed.get() < COUNTED {
            true => RETRY - passed.get() % RETRY,
            false => 0,
        };
        if let Some(window) = window.upgrade() {
            window.global::<AppAdapter>().set_retry_in(left);
        }
        if left == 0
            && let Some(clock) = clock.upgrade()
        {
            clock.stop();
        }
    });
}
