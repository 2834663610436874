//! Nothing of somebody who has signed out is left in the window for whoever comes next.

use slint::ComponentHandle;

use super::Ui;
use crate::{
    bridge::trouble::Trouble,
    view::{
        AttachAdapter, HelpAdapter, KeysAdapter, Menus, Page, PaneKind, PeopleAdapter,
        PromptAdapter, SearchAdapter, SwitcherAdapter, TextAdapter, ViewerAdapter,
    },
};

impl Ui {
    /// Nobody is signed in: asks who is there.
    pub(super) fn show_signed_out(
        &self,
        server: Option<String>,
        user: Option<String>,
        reason: Option<Trouble>,
    ) {
        self.close_dialogs();
        self.room.open(None);
        self.close_pane();
        self.forget_account();
        self.adapter().set_failure("".into());
        self.adapter().set_keys_locked(false);
        self.onboarding.start(server, user, reason);
        self.adapter().set_page(Page::Onboarding);
    }

    /// What lies over the window is about the account too.
    fn close_dialogs(&self) {
        self.window.global::<AttachAdapter>().invoke_closed();
        self.window.global::<PeopleAdapter>().invoke_closed();
        self.window.global::<PromptAdapter>().invoke_closed();
        self.window.global::<SwitcherAdapter>().invoke_closed();
        self.window.global::<ViewerAdapter>().invoke_close();
        self.window.global::<KeysAdapter>().set_open(false);
        self.window.global::<Menus>().invoke_close();
        let text = self.window.global::<TextAdapter>();
        text.set_pages(slint::ModelRc::default());
        text.set_open(false);
        self.room.person.close();
        self.directory.close();
        self.verification.show(None);
        self.feedback.clear();
        self.welcome.clear();
    }

    /// Help is for everybody.
    fn close_pane(&self) {
        let search = self.window.global::<SearchAdapter>();
        search.set_term("".into());
        search.invoke_accepted("".into());
        if self.room.pane.kind() != PaneKind::Help {
            self.room.pane.open(PaneKind::None);
        }
    }

    fn forget_account(&self) {
        self.room.composer.clear();
        self.context.forget();
        self.list.clear();
        self.rail.show(Vec::new());
        self.account.clear();
        self.games.clear();
        self.state.clear();
        self.animations.clear();
        self.notices.clear();
        self.presence.set_silent(true);
        self.presence.forget();
        self.window.global::<HelpAdapter>().set_signed_in(false);
    }
}
