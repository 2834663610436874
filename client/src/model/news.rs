//! What is new in a room since it was last looked at.

use crate::rows::{Preview, RoomRow};

/// What is remembered of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    unread: u64,
    invited: bool,
}

impl Seen {
    /// As it is now.
    #[must_use]
    pub fn of(room: &RoomRow) -> Self {
        Self {
            unread: room.unread,
            invited: room.invitation.is_some(),
        }
    }
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Invitation,
    /// A message by somebody else, with its preview.
    Message(Preview),
}

/// What has come since then. Counts that go down, own messages and events without words are no news.
#[must_use]
pub fn news(before: &Seen, room: &RoomRow) -> Option<News> {
    if room.invitation.is_some() && !before.invited {
        return Some(News::Invitation);
    }
    let preview = room.preview.as_ref().filter(|preview| !preview.own)?;
    (room.unread > before.unread).then(|| News::Message(preview.clone()))
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::room_id;

    use super::{News, Seen, news};
    use crate::rows::{Preview, PreviewKind, RoomRow, Section};

    fn room(unread: u64, own: bool) -> RoomRow {
        RoomRow {
            id: room_id!("!a:x").to_owned(),
            name: "A".to_owned(),
            avatar: None,
            section: Section::Groups,
            direct_with: None,
            encrypted: false,
            muted: false,
            unread,
            mentions: 0,
            preview: Some(Preview {
                sender: None,
                own,
                waiting: false,
                failed: false,
                kind: PreviewKind::Text("hi".to_owned()),
            }),
            draft: None,
            typing: Vec::new(),
            latest_at: None,
            invitation: None,
        }
    }

    #[test]
    fn a_higher_count_is_news_and_a_lower_one_is_not() {
        let before = Seen::of(&room(1, false));
        assert!(matches!(
            news(&before, &room(2, false)),
            Some(News::Message(_))
        ));
        assert_eq!(news(&before, &room(1, false)), None);
        assert_eq!(news(&before, &room(0, false)), None);
    }

    #[test]
    fn own_messages_are_no_news() {
        assert_eq!(news(&Seen::of(&room(0, true)), &room(1, true)), None);
    }
}
