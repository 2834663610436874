//! What rows say about their neighbours: runs of one sender, collapsed notices, ticks.

use std::collections::HashSet;

use matrix_sdk::ruma::OwnedUserId;

use super::Notice;
use crate::render::time::Timestamp;

/// Messages further apart start a new run.
const RUN_GAP_MILLISECONDS: u64 = 5 * 60 * 1000;

/// What matters of a row to its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Facts {
    Message {
        sender: OwnedUserId,
        sent_at: Timestamp,
    },
    Notice {
        /// The name of whoever did it.
        actor: String,
        /// The name of whoever it was done to, if that is somebody else.
        target: Option<String>,
        notice: Notice,
    },
    /// Has nothing to say to people.
    Silent,
    Divider,
}

/// What the neighbours say about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    pub(super) starts_group: bool,
    pub(super) ends_group: bool,
    /// Somebody else has read this row or a later one.
    pub(super) read: bool,
    /// Further people in the same notice.
    pub(super) more: usize,
    /// Shown in an earlier notice.
    pub(super) collapsed: bool,
}

/// Computes the flags of all rows. Each row comes with whether somebody else's receipt stands at it.
pub(super) fn arrange<'a>(rows: impl DoubleEndedIterator<Item = (&'a Facts, bool)>) -> Vec<Flags> {
    let rows: Vec<_> = rows.collect();
    let mut flags = vec![Flags::default(); rows.len()];
    let mut read = false;
    for index in (0..rows.len()).rev() {
        read |= rows[index].1;
        flags[index].read = read;
    }
    let shown = shown(rows.iter().map(|(facts, _)| *facts), &mut flags);
    for (place, &index) in shown.iter().enumerate().rev() {
        let facts = rows[index].0;
        let before = place.checked_sub(1).map(|before| rows[shown[before]].0);
        let after = shown.get(place + 1).copied();
        let is_run = |after: usize| is_one_run(facts, rows[after].0);
        flags[index].starts_group = !before.is_some_and(|before| is_one_run(before, facts));
        flags[index].ends_group = !after.is_some_and(is_run);
        if let Some(after) = after
            && is_same_notice(facts, rows[after].0)
        {
            flags[index].more = flags[after].more + 1;
        }
        flags[index].collapsed =
            before.is_some_and(|before| is_same_notice(before, facts) || is_birth(before, facts));
    }
    flags
}

/// The rows that have something to say; the others are collapsed. An invitation says nothing when joining follows it.
fn shown<'a>(
    rows: impl DoubleEndedIterator<Item = &'a Facts> + ExactSizeIterator,
    flags: &mut [Flags],
) -> Vec<usize> {
    let mut shown = Vec::with_capacity(flags.len());
    let mut joined = HashSet::new();
    for (index, facts) in rows.enumerate().rev() {
        let is_silent = match facts {
            Facts::Silent => true,
            Facts::Message { .. } | Facts::Divider => {
                joined.clear();
                false
            }
            Facts::Notice {
                actor,
                target,
                notice,
            } => match (notice, target) {
                (Notice::Joined, _) => {
                    joined.insert(actor.as_str());
                    false
                }
                (Notice::Invited, Some(target)) => joined.contains(target.as_str()),
                _ => false,
            },
        };
        flags[index].collapsed = is_silent;
        if !is_silent {
            shown.push(index);
        }
    }
    shown.reverse();
    shown
}

fn is_one_run(first: &Facts, second: &Facts) -> bool {
    match (first, second) {
        (
            Facts::Message {
                sender: a,
                sent_at: first,
            },
            Facts::Message {
                sender: b,
                sent_at: second,
            },
        ) => a == b && second.0.saturating_sub(first.0) <= RUN_GAP_MILLISECONDS,
        _ => false,
    }
}

/// Whoever makes a room is the first to join it: that needs no line of its own.
fn is_birth(first: &Facts, second: &Facts) -> bool {
    matches!(
        (notice(first), notice(second)),
        (Some(Notice::RoomCreated), Some(Notice::Joined))
    )
}

/// People who come or go are counted together; so are those whom one person invites or removes, and what one person
/// changes again and again is told once.
fn is_same_notice(first: &Facts, second: &Facts) -> bool {
    match (first, second) {
        (
            Facts::Notice { actor, notice, .. },
            Facts::Notice {
                actor: next_actor,
                notice: next,
                ..
            },
        ) if notice == next => match notice {
            Notice::Joined | Notice::Left => true,
            Notice::Invited
            | Notice::InvitationEnded
            | Notice::Removed
            | Notice::Banned
            | Notice::Unbanned
            | Notice::AvatarChanged
            | Notice::RoomAvatarChanged
            | Notice::RightsChanged
            | Notice::PinsChanged
            | Notice::SettingsChanged => actor == next_actor,
            _ => false,
        },
        _ => false,
    }
}

fn notice(facts: &Facts) -> Option<&Notice> {
    match facts {
        Facts::Notice { notice, .. } => Some(notice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use matrix_sdk::ruma::user_id;

    use super::*;

    fn message(name: &str, minutes: u64) -> Facts {
        let sender = if name == "a" {
            user_id!("@a:x")
        } else {
            user_id!("@b:x")
        };
        Facts::Message {
            sender: sender.to_owned(),
            sent_at: Timestamp(minutes * 60_000),
        }
    }

    fn flags(rows: &[Facts]) -> Vec<Flags> {
        arrange(rows.iter().map(|facts| (facts, false)))
    }

    #[test]
    fn a_run_is_one_sender_within_five_minutes() {
        let rows = [
            message("a", 0),
            message("a", 5),
            message("a", 11),
            message("b", 11),
        ];
        let starts: Vec<_> = flags(&rows)
            .iter()
            .map(|flags| flags.starts_group)
            .collect();
        assert_eq!(starts, [true, false, true, true]);
        let ends: Vec<_> = flags(&rows).iter().map(|flags| flags.ends_group).collect();
        assert_eq!(ends, [false, true, true, true]);
    }

    #[test]
    fn a_divider_ends_a_run() {
        let rows = [message("a", 0), Facts::Divider, message("a", 1)];
        assert!(flags(&rows)[0].ends_group && flags(&rows)[2].starts_group);
    }

    fn told(actor: &str, notice: Notice) -> Facts {
        Facts::Notice {
            actor: actor.to_owned(),
            target: None,
            notice,
        }
    }

    fn invited(actor: &str, target: &str) -> Facts {
        Facts::Notice {
            actor: actor.to_owned(),
            target: Some(target.to_owned()),
            notice: Notice::Invited,
        }
    }

    #[test]
    fn invitations_that_were_followed_say_nothing() {
        let rows = [
            invited("t", "a"),
            told("a", Notice::Joined),
            invited("t", "b"),
            Facts::Silent,
            told("b", Notice::Joined),
            invited("t", "c"),
            message("a", 0),
            told("c", Notice::Joined),
        ];
        let expected = [
            (0, true),
            (1, false),
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (0, false),
            (0, false),
        ];
        assert_eq!(counts(&rows), expected);
    }

    fn counts(rows: &[Facts]) -> Vec<(usize, bool)> {
        let counts = flags(rows).into_iter();
        counts.map(|flags| (flags.more, flags.collapsed)).collect()
    }

    #[test]
    fn people_who_join_one_after_another_are_counted_in_the_first_row() {
        let rows = [
            told("a", Notice::Joined),
            told("b", Notice::Joined),
            told("b", Notice::Left),
        ];
        assert_eq!(counts(&rows), [(1, false), (0, true), (0, false)]);
    }

    #[test]
    fn people_whom_one_person_invites_are_counted_in_the_first_row() {
        let rows = [
            told("a", Notice::Invited),
            told("a", Notice::Invited),
            told("b", Notice::Invited),
        ];
        assert_eq!(counts(&rows), [(1, false), (0, true), (0, false)]);
    }

    #[test]
    fn a_receipt_marks_everything_before_it_as_read() {
        let rows = [message("a", 0), message("a", 1), message("a", 2)];
        let read: Vec<_> = arrange(rows.iter().zip([false, true, false]))
            .iter()
            .map(|flags| flags.read)
            .collect();
        assert_eq!(read, [true, true, false]);
    }
}
