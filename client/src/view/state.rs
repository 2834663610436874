//! Banners about this computer and this program: a full disk, a wrong clock, a newer version.

use std::{cell::RefCell, rc::Rc};

use slint::ComponentHandle;

use super::{AppAdapter, context::Context};
use crate::{
    bridge::{trouble::Trouble, update::ServerFacts},
    render::{state, words},
};

/// What is known of it.
pub(super) struct State {
    context: Rc<Context>,
    facts: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    server: ServerFacts,
    disk_full: bool,
    /// The version that somebody has taken note of.
    noticed: Option<String>,
}

impl State {
    pub(super) fn new(context: &Rc<Context>) -> Rc<Self> {
        let this = Rc::new(Self {
            context: context.clone(),
            facts: RefCell::default(),
        });
        context.with_window(|window| {
            let this = this.clone();
            window
                .global::<AppAdapter>()
                .on_update_closed(move || this.take_note());
        });
        this
    }

    pub(super) fn set_server(&self, facts: ServerFacts) {
        self.facts.borrow_mut().server = facts;
        self.draw();
    }

    pub(super) fn set_disk_full(&self, full: bool) {
        self.facts.borrow_mut().disk_full = full;
        self.draw();
    }

    /// Nobody is signed in any more.
    pub(super) fn clear(&self) {
        let noticed = self.facts.take().noticed;
        self.facts.borrow_mut().noticed = noticed;
        self.draw();
    }

    /// Draws everything again, in another language. The disk is worse than the clock.
    pub(super) fn draw(&self) {
        let language = self.context.language();
        let facts = self.facts.borrow();
        let alarm = match facts.server.clock_ahead {
            _ if facts.disk_full => words::trouble(language, &Trouble::DiskFull),
            Some(ahead) => state::clock_wrong(language, ahead),
            None => String::new(),
        };
        let newer = facts.server.newer.as_ref();
        let newer = newer.filter(|newer| facts.noticed.as_ref() != Some(&newer.version));
        let said = newer.map(|newer| state::newer(language, &newer.version));
        self.context.with_window(|window| {
            let adapter = window.global::<AppAdapter>();
            adapter.set_alarm(alarm.as_str().into());
            adapter.set_disk_full(facts.disk_full);
            adapter.set_update(said.unwrap_or_default().as_str().into());
            let page = newer.and_then(|newer| newer.download.as_deref());
            adapter.set_update_page(page.unwrap_or_default().into());
        });
    }

    /// The banner has done its work, until there is a still newer version.
    fn take_note(&self) {
        let newer = self.facts.borrow().server.newer.clone();
        self.facts.borrow_mut().noticed = newer.map(|newer| newer.version);
        self.draw();
    }
}
