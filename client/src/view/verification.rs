//! The dialog that compares seven pictures.

use std::{cell::RefCell, rc::Rc};

use slint::{ComponentHandle, ModelRc, VecModel};

use super::{
    AccountAdapter, PersonAdapter, VerifyAdapter, VerifyPicture, VerifyStage, context::Context,
    emoji, person::Person,
};
use crate::{
    bridge::{
        command::{Command, VerificationCommand},
        update::{Answer, KeyStorage},
    },
    render::sas,
    rows::{Trust, VerificationEnd, VerificationRow, VerificationStage},
};

/// What the window calls [`KeyStorage::Off`].
pub(super) const KEYS_OFF: i32 = 3;

/// The dialog and what it is about.
pub(super) struct Verification {
    context: Rc<Context>,
    person: Rc<Person>,
    shown: RefCell<Option<VerificationRow>>,
}

impl Verification {
    pub(super) fn new(context: &Rc<Context>, person: &Rc<Person>) -> Rc<Self> {
        let dialog = Rc::new(Self {
            context: context.clone(),
            person: person.clone(),
            shown: RefCell::default(),
        });
        context.with_window(|window| {
            let send = |command: VerificationCommand| {
                let context = dialog.context.clone();
                move || context.send(Command::Verification(command.clone()))
            };
            let adapter = window.global::<VerifyAdapter>();
            adapter.on_accepted(send(VerificationCommand::Accept));
            adapter.on_matched(send(VerificationCommand::Matches));
            adapter.on_differed(send(VerificationCommand::Differs));
            let closing = dialog.clone();
            adapter.on_closed(move || closing.close());
            let starting = dialog.clone();
            window
                .global::<AccountAdapter>()
                .on_compare(move || starting.start(None));
            let starting = dialog.clone();
            let card = window.global::<PersonAdapter>();
            card.on_compare(move || {
                if let Some(user) = starting.person.id() {
                    starting.person.close();
                    starting.start(Some(user));
                }
            });
            let looking = dialog.clone();
            card.on_opened(move || looking.look());
        });
        dialog
    }

    /// Shows where the comparison stands.
    pub(super) fn show(&self, row: Option<VerificationRow>) {
        *self.shown.borrow_mut() = row;
        self.draw();
    }

    /// Shows whether old messages can be read on other computers too.
    pub(super) fn show_keys(&self, state: KeyStorage) {
        let number = match state {
            KeyStorage::Working => 0,
            KeyStorage::Ready => 1,
            KeyStorage::Locked => 2,
            KeyStorage::Off => KEYS_OFF,
        };
        self.context
            .with_window(|window| window.global::<AccountAdapter>().set_keys(number));
    }

    /// Draws everything again, in another language.
    pub(super) fn refresh_all(&self) {
        self.draw();
    }

    fn start(&self, user: Option<matrix_sdk::ruma::OwnedUserId>) {
        let command = VerificationCommand::Start { user };
        self.context.send(Command::Verification(command));
    }

    fn close(&self) {
        let over = matches!(
            self.shown.borrow().as_ref().map(|row| &row.stage),
            Some(VerificationStage::Ended(_)) | None
        );
        if over {
            return self.show(None);
        }
        let command = Command::Verification(VerificationCommand::Close);
        self.context.send(command);
        self.show(None);
    }

    /// Asks how far the person on the card is to be trusted.
    fn look(self: &Rc<Self>) {
        let Some(user) = self.person.id() else { return };
        self.set_trust(0);
        let dialog = self.clone();
        let command = VerificationCommand::Trust { user: user.clone() };
        self.context
            .ask(Command::Verification(command), move |answer| {
                if let Ok(Answer::Trust(trust)) = answer
                    && dialog.person.id() == Some(user)
                {
                    dialog.set_trust(match trust {
                        Trust::Unknown => 0,
                        Trust::NotCompared => 1,
                        Trust::Compared => 2,
                        Trust::Changed => 3,
                    });
                }
            });
    }

    fn set_trust(&self, trust: i32) {
        self.context
            .with_window(|window| window.global::<PersonAdapter>().set_trust(trust));
    }

    fn draw(&self) {
        let shown = self.shown.borrow();
        let language = self.context.language();
        self.context.with_window(|window| {
            let adapter = window.global::<VerifyAdapter>();
            let Some(row) = shown.as_ref() else {
                return adapter.set_stage(VerifyStage::None);
            };
            adapter.set_name(row.name.as_str().into());
            if let VerificationStage::Compare(numbers) = &row.stage {
                let found = numbers.iter().filter_map(|number| sas::emoji(*number));
                let pictures = found.map(|picture| VerifyPicture {
                    image: emoji::image(picture.symbol).unwrap_or_default(),
                    name: picture.name(language).into(),
                });
                let pictures: Vec<_> = pictures.collect();
                adapter.set_pictures(ModelRc::from(Rc::new(VecModel::from(pictures))));
            }
            adapter.set_stage(stage(&row.stage));
        });
    }
}

fn stage(stage: &VerificationStage) -> VerifyStage {
    match stage {
        VerificationStage::Asked => VerifyStage::Asked,
        VerificationStage::WaitingForThem => VerifyStage::Waiting,
        VerificationStage::Compare(_) => VerifyStage::Compare,
        VerificationStage::Ended(end) => match end {
            VerificationEnd::Same => VerifyStage::Same,
            VerificationEnd::Different => VerifyStage::Different,
            VerificationEnd::Declined => VerifyStage::Declined,
            VerificationEnd::TooLate => VerifyStage::TooLate,
            VerificationEnd::Unsupported => VerifyStage::Unsupported,
            VerificationEnd::Closed => VerifyStage::None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{emoji, sas};

    #[test]
    fn every_picture_of_a_comparison_is_in_the_program() {
        for number in 0..64 {
            let picture = sas::emoji(number).unwrap();
            assert!(emoji::image(picture.symbol).is_some(), "{}", picture.symbol);
        }
        assert!(sas::emoji(64).is_none());
    }
}
