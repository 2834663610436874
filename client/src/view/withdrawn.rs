//! A message may be deleted while somebody answers or changes it: their words become a message of their own.

use super::{
    ReplyItem,
    composer::Composer,
    draft::{Draft, Purpose},
};

impl Composer {
    /// Looks whether what is answered or changed is still there, after rows have changed.
    pub(super) fn rows_changed(&self) {
        let is_gone = match self.draft.borrow().about() {
            Some(event) => self.timeline.is_deleted(event),
            None => false,
        };
        if !is_gone {
            return;
        }
        if self.draft.borrow().is_edit() {
            let whole = Draft::joined(self.aside.take(), self.draft());
            self.timeline.send(whole.keep());
            self.show(whole);
        } else {
            self.set_purpose(Purpose::Message, ReplyItem::default());
        }
        let sentence = self.context.say(
            "Это сообщение удалили. Ваш текст остался.",
            "That message was deleted. Your text is still here.",
        );
        self.context.show_done(sentence);
    }
}
