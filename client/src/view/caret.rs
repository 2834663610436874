//! The caret: it blinks for a while after somebody did something, then it stays.

use std::{cell::Cell, rc::Rc, time::Duration};

use slint::{ComponentHandle, Timer, TimerMode, Weak};

use super::{AppWindow, Theme};

const HALF_CYCLE: Duration = Duration::from_millis(530);
/// How often it changes before it rests: for about ten seconds.
const CHANGES: u32 = 20;

/// Blinks in whatever text has the keyboard.
pub(super) struct Caret {
    window: Weak<AppWindow>,
    timer: Timer,
    changes: Cell<u32>,
}

impl Caret {
    pub(super) fn new(window: &AppWindow) -> Rc<Self> {
        Rc::new(Self {
            window: window.as_weak(),
            timer: Timer::default(),
            changes: Cell::default(),
        })
    }

    /// Somebody did something: the caret is there, and begins to blink.
    pub(super) fn stir(self: &Rc<Self>) {
        self.changes.set(CHANGES);
        self.show(true);
        let caret = Rc::downgrade(self);
        self.timer.start(TimerMode::Repeated, HALF_CYCLE, move || {
            if let Some(caret) = caret.upgrade() {
                caret.change();
            }
        });
    }

    /// Nobody looks at the window, or somebody does again.
    pub(super) fn set_away(self: &Rc<Self>, away: bool) {
        match away {
            true => {
                self.timer.stop();
                self.show(true);
            }
            false => self.stir(),
        }
    }

    fn change(&self) {
        let left = self.changes.get().saturating_sub(1);
        self.changes.set(left);
        self.show(left.is_multiple_of(2));
        if left == 0 {
            self.timer.stop();
        }
    }

    fn show(&self, shown: bool) {
        if let Some(window) = self.window.upgrade() {
            window.global::<Theme>().set_caret_shown(shown);
        }
    }
}
