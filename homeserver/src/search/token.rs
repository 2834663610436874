//! Where a search goes on.

use std::fmt;

use crate::{
    error::{ApiError, ApiResult},
    ids::{EventNid, RoomNid, UserNid},
};

/// A `next_batch` token: how far into the results of a search, as they were then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SearchToken {
    /// Only events before this one count, so that new ones do not move the others.
    pub(super) before: EventNid,
    /// How many were looked at.
    pub(super) offset: usize,
    /// Whose results are wanted.
    pub(super) group: Group,
}

/// The part of the results that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// All of them.
    All,
    /// Those in a room.
    Room(RoomNid),
    /// Those of a sender.
    Sender(UserNid),
}

impl fmt::Display for SearchToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}_{}", self.before, self.offset)?;
        match self.group {
            Group::All => Ok(()),
            Group::Room(room) => write!(f, "_r{room}"),
            Group::Sender(sender) => write!(f, "_s{sender}"),
        }
    }
}

impl SearchToken {
    /// Reads a client's token.
    pub(super) fn parse(text: &str) -> ApiResult<Self> {
        Self::read(text).ok_or_else(|| {
            ApiError::invalid_param(
                "The parameter next_batch is not a token that a search gave out.",
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('f')?.split('_');
        let before = EventNid(parts.next()?.parse().ok()?);
        let offset = parts.next()?.parse().ok()?;
        let group = match parts.next() {
            None => Group::All,
            Some(group) => match group.split_at_checked(1)? {
                ("r", room) => Group::Room(RoomNid(room.parse().ok()?)),
                ("s", sender) => Group::Sender(UserNid(sender.parse().ok()?)),
                _ => return None,
            },
        };
        parts.next().is_none().then_some(Self {
            before,
            offset,
            group,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip() {
        for group in [
            Group::All,
            Group::Room(RoomNid(5)),
            Group::Sender(UserNid(6)),
        ] {
            let token = SearchToken {
                before: EventNid(77),
                offset: 10,
                group,
            };
            assert_eq!(SearchToken::parse(&token.to_string()).unwrap(), token);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "f",
            "f1",
            "f1_",
            "f1_2_",
            "f1_2_x3",
            "f1_2_r",
            "f1_2_rя",
            "f1_2_r3_4",
            "s1_2",
        ] {
            assert!(SearchToken::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_token_or_refused(text in crate::any_input::text_like(&["f52_10", "f52_10_r5", "f52_10_s6"])) {
            if let Ok(token) = SearchToken::parse(&text) {
                assert_eq!(SearchToken::parse(&token.to_string()).unwrap(), token);
            }
        }
    }
}
