//! What is said of days is said anew when a day ends: what was today is yesterday then.

use std::{cell::Cell, rc::Rc};

use chrono::{Local, NaiveDate};
use slint::{Timer, TimerMode};

use super::clock;
use crate::render::time;

/// Waits for the end of the day.
pub(super) struct Midnight {
    today: Cell<NaiveDate>,
    timer: Timer,
    redraw: Box<dyn Fn()>,
}

impl Midnight {
    pub(super) fn new(redraw: impl Fn() + 'static) -> Rc<Self> {
        let midnight = Rc::new(Self {
            today: Cell::new(clock::now().date(&Local)),
            timer: Timer::default(),
            redraw: Box::new(redraw),
        });
        midnight.wait();
        midnight
    }

    /// Looks at the calendar. The timer stands still while the computer sleeps, so this is for whoever comes back, too.
    pub(super) fn look(self: &Rc<Self>) {
        let today = clock::now().date(&Local);
        if self.today.replace(today) != today {
            (self.redraw)();
        }
        self.wait();
    }

    fn wait(self: &Rc<Self>) {
        let midnight = Rc::downgrade(self);
        let left = time::until_tomorrow(clock::now(), &Local);
        self.timer.start(TimerMode::SingleShot, left, move || {
            if let Some(midnight) = midnight.upgrade() {
                midnight.look();
            }
        });
    }
}
