//! The room summary: kept current by each state event, so that lists and directories read one row a room.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rows::{Membership, RoomSummary};
use crate::ids::UserNid;

/// Candidates kept to name a room; one more than is shown, so that the viewer can be left out.
pub(super) const HEROES: usize = 6;

/// A content of which only one text matters. Anything else there counts as absent.
fn text(content: &RawValue, field: &str) -> Option<String> {
    let content: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(content.get()).ok()?;
    content
        .get(field)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// Takes over what a state event other than a membership says.
pub(super) fn apply_state(
    summary: &mut RoomSummary,
    kind: &str,
    state_key: &str,
    content: &RawValue,
) -> bool {
    if !state_key.is_empty() {
        return false;
    }
    match kind {
        "m.room.create" => summary.room_type = text(content, "type"),
        "m.room.name" => summary.name = text(content, "name"),
        "m.room.topic" => summary.topic = text(content, "topic"),
        "m.room.avatar" => summary.avatar = text(content, "url"),
        "m.room.canonical_alias" => summary.alias = text(content, "alias"),
        // Encryption cannot be switched off again.
        "m.room.encryption" => {
            summary.encryption = text(content, "algorithm").or(summary.encryption.take());
        }
        "m.room.join_rules" => {
            summary.join_rule = text(content, "join_rule");
            summary.allowed_rooms = allowed_rooms(content);
        }
        "m.room.history_visibility" => {
            summary.history_visibility = text(content, "history_visibility");
        }
        "m.room.guest_access" => summary.guest_access = text(content, "guest_access"),
        "m.room.tombstone" => summary.replacement = text(content, "replacement_room"),
        "m.room.policy" => summary.policy_server = text(content, "via"),
        _ => return false,
    }
    true
}

fn allowed_rooms(content: &RawValue) -> Vec<String> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        allow: Vec<serde_json::Value>,
    }
    let Ok(content) = serde_json::from_str::<Content>(content.get()) else {
        return Vec::new();
    };
    let membership = |rule: &serde_json::Value| {
        (rule.get("type")?.as_str()? == "m.room_membership")
            .then(|| rule.get("room_id")?.as_str().map(str::to_owned))?
    };
    content.allow.iter().filter_map(membership).collect()
}

/// Counts a change of membership. Returns whether heroes are missing and have to be looked for.
pub(super) fn apply_membership(
    summary: &mut RoomSummary,
    user: UserNid,
    old: Option<Membership>,
    new: Membership,
) -> bool {
    if let Some(count) = old.and_then(|membership| count(summary, membership)) {
        *count = count.saturating_sub(1);
    }
    if let Some(count) = count(summary, new) {
        *count += 1;
    }
    let named = summary.heroes.iter().position(|hero| *hero == user);
    match (new, named) {
        (Membership::Join | Membership::Invite, None) if summary.heroes.len() < HEROES => {
            summary.heroes.push(user);
        }
        (Membership::Leave | Membership::Ban | Membership::Knock, Some(at)) => {
            summary.heroes.remove(at);
            return summary.joined + summary.invited > summary.heroes.len() as u64;
        }
        _ => {}
    }
    false
}

fn count(summary: &mut RoomSummary, membership: Membership) -> Option<&mut u64> {
    match membership {
        Membership::Join => Some(&mut summary.joined),
        Membership::Invite => Some(&mut summary.invited),
        Membership::Knock => Some(&mut summary.knocked),
        Membership::Leave | Membership::Ban => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn name_is_taken_and_removed() {
        let mut summary = RoomSummary::default();
        assert!(apply_state(
            &mut summary,
            "m.room.name",
            "",
            &raw(r#"{"name":"Курсовая"}"#)
        ));
        assert_eq!(summary.name.as_deref(), Some("Курсовая"));
        apply_state(&mut summary, "m.room.name", "", &raw(r#"{"name":""}"#));
        assert_eq!(summary.name, None);
        assert!(!apply_state(
            &mut summary,
            "m.room.name",
            "other",
            &raw(r#"{"name":"x"}"#)
        ));
    }

    #[test]
    fn content_of_another_shape_counts_as_absent() {
        let mut summary = RoomSummary::default();
        for content in ["[]", "{\"name\":5}", "null", "{}"] {
            apply_state(&mut summary, "m.room.name", "", &raw(content));
            assert_eq!(summary.name, None);
        }
    }

    #[test]
    fn encryption_stays() {
        let mut summary = RoomSummary::default();
        apply_state(
            &mut summary,
            "m.room.encryption",
            "",
            &raw(r#"{"algorithm":"m.megolm.v1.aes-sha2"}"#),
        );
        apply_state(&mut summary, "m.room.encryption", "", &raw("{}"));
        assert!(summary.encryption.is_some());
    }

    #[test]
    fn counts_follow_memberships() {
        let mut summary = RoomSummary::default();
        let user = UserNid(1);
        apply_membership(&mut summary, user, None, Membership::Invite);
        assert_eq!((summary.joined, summary.invited), (0, 1));
        apply_membership(
            &mut summary,
            user,
            Some(Membership::Invite),
            Membership::Join,
        );
        assert_eq!(
            (summary.joined, summary.invited, summary.heroes.len()),
            (1, 0, 1)
        );
        apply_membership(&mut summary, user, Some(Membership::Join), Membership::Ban);
        assert_eq!(
            (summary.joined, summary.invited, summary.heroes.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn heroes_are_looked_for_when_one_leaves_a_large_room() {
        let mut summary = RoomSummary::default();
        for n in 0..10 {
            apply_membership(&mut summary, UserNid(n), None, Membership::Join);
        }
        assert_eq!(summary.heroes.len(), HEROES);
        assert!(apply_membership(
            &mut summary,
            UserNid(0),
            Some(Membership::Join),
            Membership::Leave
        ));
        assert!(!apply_membership(
            &mut summary,
            UserNid(9),
            Some(Membership::Join),
            Membership::Leave
        ));
    }
}
