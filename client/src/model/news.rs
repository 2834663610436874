//! What is new in a room since it was last looked at.

use std::sync::Arc;

use crate::rows::{Preview, RoomRow};

/// What is remembered of a room.
#[derive(Debug, Clone)]
pub struct Seen {
    room: Arc<RoomRow>,
    /// More is unread, and the message that made it so is not known yet: the count and the preview come one by one.
    owed: bool,
    /// The preview was told of.
    told: bool,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Invitation,
    /// A message by somebody else, with its preview.
    Message(Preview),
}

impl Seen {
    /// As it is now, with nothing to tell.
    #[must_use]
    pub fn of(room: &Arc<RoomRow>) -> Self {
        Self {
            room: room.clone(),
            owed: false,
            told: false,
        }
    }

    /// The room as it was last.
    #[must_use]
    pub fn room(&self) -> &RoomRow {
        &self.room
    }

    /// Whether there is something to tell that has not come yet.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.owed
    }

    /// Remembers the room as it is now and says what has come since. Counts that go down, own messages and events
    /// without words are no news.
    pub fn follow(&mut self, room: &Arc<RoomRow>) -> Option<News> {
        let before = std::mem::replace(&mut self.room, room.clone());
        if room.invitation.is_some() && before.invitation.is_none() {
            return Some(News::Invitation);
        }
        let has_risen = room.unread > before.unread;
        if room.unread < before.unread {
            self.owed = false;
        }
        let is_other = (&room.preview, room.latest_at) != (&before.preview, before.latest_at);
        let Some(preview) = said_by_others(room).filter(|_| is_other) else {
            self.told &= !is_other;
            self.owed |= has_risen;
            return None;
        };
        self.told = self.owed || has_risen;
        // Of two messages that came at once this is the first.
        self.owed &= has_risen;
        self.told.then(|| News::Message(preview.clone()))
    }

    /// What to tell when the message has been waited for long enough.
    pub fn settle(&mut self) -> Option<News> {
        let is_overdue = std::mem::take(&mut self.owed) && !self.told;
        let preview = said_by_others(&self.room).filter(|_| is_overdue)?;
        self.told = true;
        Some(News::Message(preview.clone()))
    }
}

fn said_by_others(room: &RoomRow) -> Option<&Preview> {
    room.preview.as_ref().filter(|preview| !preview.own)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use matrix_sdk::ruma::room_id;

    use super::{News, Seen};
    use crate::rows::{Preview, PreviewKind, RoomRow, Section};

    /// A room with so many new messages, the last of them this one; what begins with `>` is the reader's own.
    fn room(unread: u64, said: &str) -> Arc<RoomRow> {
        Arc::new(RoomRow {
            id: room_id!("!a:x").to_owned(),
            name: "A".to_owned(),
            avatar: None,
            section: Section::Groups,
            direct_with: None,
            encrypted: false,
            muted: false,
            unread,
            mentions: 0,
            preview: Some(preview(said)),
            draft: None,
            typing: Vec::new(),
            latest_at: None,
            invitation: None,
        })
    }

    fn preview(said: &str) -> Preview {
        Preview {
            sender: None,
            own: said.starts_with('>'),
            waiting: false,
            failed: false,
            kind: PreviewKind::Text(said.to_owned()),
        }
    }

    /// What is told of these, one after the other.
    fn told(seen: &mut Seen, rooms: &[(u64, &str)]) -> Vec<String> {
        let rooms = rooms.iter();
        let told = rooms.filter_map(|(unread, said)| words(seen.follow(&room(*unread, said))?));
        told.collect()
    }

    fn words(news: News) -> Option<String> {
        match news {
            News::Message(Preview {
                kind: PreviewKind::Text(words),
                ..
            }) => Some(words),
            _ => None,
        }
    }

    #[test]
    fn a_message_whose_count_comes_before_its_words_is_told_with_its_own() {
        let mut seen = Seen::of(&room(0, "old"));
        assert_eq!(told(&mut seen, &[(1, "old"), (1, "new")]), ["new"]);
        assert_eq!(told(&mut seen, &[(1, "new"), (2, "newer")]), ["newer"]);
        assert!(!seen.is_owed());
    }

    #[test]
    fn the_first_answer_to_an_own_message_is_told() {
        let mut seen = Seen::of(&room(0, "> question"));
        let rooms = [(1, "> question"), (1, "> question, sent"), (1, "answer")];
        assert_eq!(told(&mut seen, &rooms), ["answer"]);
    }

    #[test]
    fn each_of_two_quick_messages_is_told() {
        let mut seen = Seen::of(&room(0, "old"));
        let rooms = [
            (1, "old"),
            (2, "first"),
            (2, "second"),
            (2, "second, edited"),
        ];
        assert_eq!(told(&mut seen, &rooms), ["first", "second"]);
    }

    #[test]
    fn words_that_were_there_before_the_count_are_told_after_a_while() {
        let mut seen = Seen::of(&room(0, "old"));
        assert!(told(&mut seen, &[(0, "new"), (1, "new")]).is_empty());
        assert_eq!(seen.settle().and_then(words), Some("new".to_owned()));
        assert_eq!(seen.settle(), None);
    }

    #[test]
    fn nothing_is_told_twice() {
        let mut seen = Seen::of(&room(0, "old"));
        assert_eq!(told(&mut seen, &[(1, "old"), (2, "both")]), ["both"]);
        assert_eq!(seen.settle(), None);
    }

    #[test]
    fn what_was_read_elsewhere_and_own_messages_are_no_news() {
        let mut seen = Seen::of(&room(1, "old"));
        let rooms = [
            (2, "old"),
            (0, "old"),
            (0, "new"),
            (0, "> own"),
            (1, "> own"),
        ];
        assert!(told(&mut seen, &rooms).is_empty());
        assert_eq!(seen.settle(), None);
    }
}
