//! Giving somebody the say in a room whose administrators have gone.

use ruma::{
    OwnedUserId, UserId,
    api::error::ErrorKind,
    events::{StateEventType, TimelineEventType, room::power_levels::UserPowerLevel},
};
use serde_json::{Map, Value};

use super::{
    Rooms,
    membership::{MembershipChange, Step},
    rows::Membership,
    txn::Txn,
};
use crate::{
    error::{ApiError, ApiResult},
    events::power::{self, Action},
    ids::RoomNid,
    storage::tables,
};

/// The level of an administrator in rooms that do not say otherwise.
const ADMINISTRATOR: i64 = 100;

impl Rooms {
    /// Gives a user of this server as much power as the most powerful member from here can give, and invites them if
    /// they are not in the room and cannot enter it by themself.
    pub async fn make_room_admin(&self, room: RoomNid, user: OwnedUserId) -> ApiResult {
        self.write_own(room, move |txn| {
            let granter = most_powerful(txn)?;
            grant(txn, &granter, &user)?;
            let is_open = txn.head.summary().join_rule.as_deref() == Some("public");
            let membership = txn.membership(&user)?;
            if !is_open && !matches!(membership, Some(Membership::Join | Membership::Invite)) {
                let step = Step::Invite { is_direct: false };
                MembershipChange::of(&granter, &user, step, None).apply(txn)?;
            }
            Ok(())
        })
        .await
    }
}

/// The member of this server with the greatest power to change power levels.
fn most_powerful(txn: &Txn<'_>) -> ApiResult<OwnedUserId> {
    let levels = txn.power_levels()?;
    let interner = txn.rooms.storage().interner();
    let change = Action::SendState(StateEventType::RoomPowerLevels);
    let mut best: Option<(UserPowerLevel, OwnedUserId)> = None;
    for row in tables::MEMBER.scan(txn.snapshot, (txn.room, Membership::Join))? {
        let ((_, _, user), _) = row?;
        let user = interner.user_id(user)?;
        if user.server_name() != txn.rooms.server_name()
            || power::check(&levels, &user, &change).is_err()
        {
            continue;
        }
        let level = levels.for_user(&user);
        if best.as_ref().is_none_or(|(best, _)| level > *best) {
            best = Some((level, user));
        }
    }
    best.map(|(_, user)| user).ok_or_else(|| {
        ApiError::bad_request(
            ErrorKind::Unknown,
            "No member of this server may change the power levels of this room.",
        )
    })
}

fn grant(txn: &mut Txn<'_>, granter: &UserId, user: &UserId) -> ApiResult {
    let levels = txn.power_levels()?;
    let (own, theirs) = (levels.for_user(granter), levels.for_user(user));
    if theirs >= own {
        return Ok(());
    }
    let level = match own {
        UserPowerLevel::Int(level) => i64::from(level),
        // What creators have cannot be given; what everything in the room takes can.
        _ => levels
            .events
            .values()
            .copied()
            .map(i64::from)
            .fold(ADMINISTRATOR, i64::max),
    };
    if matches!(theirs, UserPowerLevel::Int(theirs) if i64::from(theirs) >= level) {
        return Ok(());
    }
    let current = txn.state("m.room.power_levels", "")?;
    let mut content: Map<String, Value> = match current {
        Some(event) => event.pdu.content_as().map_err(ApiError::internal)?,
        None => Map::new(),
    };
    let users = content
        .entry("users")
        .or_insert_with(|| Value::Object(Map::new()));
    users[user.as_str()] = level.into();
    txn.set_state(granter, TimelineEventType::RoomPowerLevels, "", &content)?;
    Ok(())
}
