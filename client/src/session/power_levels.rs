//! Who may do what in a room, and who may write there.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels)

use matrix_sdk::{
    HttpError, Room,
    ruma::{
        Int, OwnedUserId,
        api::{client::state::get_state_event_for_key::v3, error::ErrorKind},
        events::{
            MessageLikeEventType, StateEventType, TimelineEventType,
            room::power_levels::{
                RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource,
            },
        },
    },
};
use tokio::sync::Mutex;

use crate::bridge::{trouble::Trouble, update::Answer};

/// Who may write in a room for announcements: moderators.
const READ_ONLY_LEVEL: i32 = 50;

/// All levels are one event, so changes are made one after the other.
static CHANGE: Mutex<()> = Mutex::const_new(());

/// Gives somebody a power level.
pub(super) async fn set_level(
    room: &Room,
    user: &OwnedUserId,
    level: i64,
) -> Result<Answer, Trouble> {
    let level = Int::try_from(level).map_err(other)?;
    change(room, |levels| give(levels, user, level)).await
}

/// Takes the right to write from somebody, by a level below that of everybody, or gives it back.
pub(super) async fn set_may_write(
    room: &Room,
    user: &OwnedUserId,
    may_write: bool,
) -> Result<Answer, Trouble> {
    change(room, |levels| {
        let usual = levels.users_default;
        let needed = levels.for_message(MessageLikeEventType::RoomMessage);
        let level = match may_write {
            true => usual,
            false => usual.min(needed).saturating_sub(Int::from(1)),
        };
        give(levels, user, level);
    })
    .await
}

/// Lets only moderators write, or everybody again. Readers may react all the same, and take back their reactions.
pub(super) async fn set_read_only(room: &Room, read_only: bool) -> Result<Answer, Trouble> {
    change(room, |levels| {
        levels.events_default = match read_only {
            true => READ_ONLY_LEVEL.into(),
            false => levels.users_default,
        };
        for kept_open in [
            TimelineEventType::Reaction,
            TimelineEventType::RoomRedaction,
        ] {
            match read_only {
                true => levels.events.insert(kept_open, levels.users_default),
                false => levels.events.remove(&kept_open),
            };
        }
    })
    .await
}

/// Whoever has the usual level stands in no list.
fn give(levels: &mut RoomPowerLevels, user: &OwnedUserId, level: Int) {
    if level == levels.users_default {
        levels.users.remove(user);
    } else {
        levels.users.insert(user.clone(), level);
    }
}

async fn change(room: &Room, make: impl FnOnce(&mut RoomPowerLevels)) -> Result<Answer, Trouble> {
    let _turn = CHANGE.lock().await;
    let mut levels = of_now(room).await?;
    make(&mut levels);
    let content = RoomPowerLevelsEventContent::try_from(levels).map_err(other)?;
    room.send_state_event(content).await?;
    Ok(Answer::Done)
}

/// The levels as the server has them. What was changed a moment ago may not have come back with the sync, and the next
/// change would take it away again.
async fn of_now(room: &Room) -> Result<RoomPowerLevels, Trouble> {
    let request = v3::Request::new(
        room.room_id().to_owned(),
        StateEventType::RoomPowerLevels,
        String::new(),
    );
    let source = match room.client().send(request).await {
        Ok(found) => {
            let content: RoomPowerLevelsEventContent =
                serde_json::from_str(found.event_or_content.get()).map_err(other)?;
            content.into()
        }
        Err(error) if is_not_found(&error) => RoomPowerLevelsSource::None,
        Err(error) => return Err(error.into()),
    };
    let rules = room.clone_info().room_version_rules_or_default();
    let creators = room.creators().into_iter().flatten();
    Ok(RoomPowerLevels::new(source, &rules.authorization, creators))
}

fn is_not_found(error: &HttpError) -> bool {
    error.client_api_error_kind() == Some(&ErrorKind::NotFound)
}

fn other(error: impl ToString) -> Trouble {
    Trouble::Other(error.to_string())
}
