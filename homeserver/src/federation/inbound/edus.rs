//! What passes between servers beside events.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#edus)

use std::time::Duration;

use ruma::{
    OwnedUserId, RoomId, ServerName, UserId,
    api::federation::transactions::edu::{DirectDeviceContent, Edu, ReceiptContent, TypingContent},
    serde::Raw,
};
use serde::Deserialize;

use super::acl;
use crate::{
    Server,
    error::{ApiError, ApiResult},
    ids::RoomNid,
    presence::{Shown, State, joined_rooms},
    rooms::{
        receipts::{NewReceipt, ReceiptKind, ReceiptThread},
        rows::Membership,
    },
    storage::tables,
};

/// How long a user of another server counts as typing unless it says so again.
const TYPING_TIMEOUT: Duration = Duration::from_secs(30);

/// Users whose presence one EDU tells.
const MOST_PRESENT: usize = 1_000;
/// Bytes of the longest status that is shown.
const LONGEST_STATUS: usize = 1_024;

/// Takes in an EDU.
pub(super) async fn take(server: &Server, origin: &ServerName, edu: Edu) -> ApiResult<()> {
    match edu {
        Edu::Typing(content) => typing(server, origin, content).await,
        Edu::Receipt(content) => receipts(server, origin, content).await,
        Edu::DirectToDevice(content) => {
            require_of(origin, &content.sender)?;
            let DirectDeviceContent {
                sender,
                ev_type,
                message_id,
                messages,
                ..
            } = content;
            let message = (sender, ev_type.to_string(), message_id.to_string());
            server.e2ee.receive_to_device(message, messages).await
        }
        Edu::DeviceListUpdate(content) => {
            let is_first = content.prev_id.is_empty();
            devices_changed(server, origin, content.user_id, is_first).await
        }
        Edu::SigningKeyUpdate(content) => {
            devices_changed(server, origin, content.user_id, false).await
        }
        _ => Ok(()),
    }
}

fn require_of(origin: &ServerName, user: &UserId) -> ApiResult<()> {
    if user.server_name() == origin {
        return Ok(());
    }
    Err(ApiError::forbidden("The user is not of your server."))
}

/// Keys of other servers' users are asked for when somebody wants them, so all there is to know is that they changed.
async fn devices_changed(
    server: &Server,
    origin: &ServerName,
    user: OwnedUserId,
    is_first: bool,
) -> ApiResult<()> {
    require_of(origin, &user)?;
    server.federation.keys_changed(&user);
    // Who entered a room is told of there. The first update says the same once more, which is news only to those who
    // have asked for the keys meanwhile.
    if is_first && !server.federation.may_have_asked_for(&user) && is_new(server, &user).await? {
        return Ok(());
    }
    server.e2ee.changed_elsewhere(user).await
}

/// Whether this server has met a user since it started.
async fn is_new(server: &Server, user: &OwnedUserId) -> ApiResult<bool> {
    let (user, start) = (user.clone(), server.federation.start());
    let read = server.rooms.read(move |rooms, snapshot| {
        let Some(user) = rooms.storage().interner().find_user(&user)? else {
            return Ok(false);
        };
        for row in tables::USER_ROOM.scan(snapshot, (user,))? {
            let (_, row) = row?;
            let has_been_in = row.membership == Membership::Join || row.was_joined;
            if has_been_in && row.joined_at <= start {
                return Ok(false);
            }
        }
        Ok(true)
    });
    read.await
}

/// The room an EDU is about, if the user may say something in it.
async fn room_of(
    server: &Server,
    origin: &ServerName,
    (room_id, user): (&RoomId, &UserId),
) -> ApiResult<RoomNid> {
    require_of(origin, user)?;
    let room = server.rooms.find(room_id)?;
    server.rooms.require_joined(user, room)?;
    acl::require(server, room, origin).await?;
    Ok(room)
}

async fn typing(server: &Server, origin: &ServerName, content: TypingContent) -> ApiResult<()> {
    let room = room_of(server, origin, (&content.room_id, &content.user_id)).await?;
    let user = server.storage.interner().user(&content.user_id)?;
    let timeout = content.typing.then_some(TYPING_TIMEOUT);
    server.rooms.set_typing(room, user, timeout).await
}

/// Presence as it is told. Synapse does not say when somebody was active who never was.
#[derive(Deserialize)]
struct PresenceUpdate {
    user_id: OwnedUserId,
    presence: String,
    last_active_ago: Option<u64>,
    #[serde(default)]
    currently_active: bool,
    status_msg: Option<String>,
}

/// Takes in presence of users whom somebody here can see.
/// [spec](https://spec.matrix.org/v1.19/server-server-api/#presence)
pub(super) async fn presence(
    server: &Server,
    origin: &ServerName,
    edu: &Raw<Edu>,
) -> ApiResult<()> {
    #[derive(Deserialize)]
    struct Content {
        push: Vec<PresenceUpdate>,
    }
    if !server.presence.is_enabled() {
        return Ok(());
    }
    let content = edu.get_field::<Content>("content");
    let malformed = |error| ApiError::bad_json("The EDU is malformed.").because(error);
    let push = content.map_err(malformed)?.map(|content| content.push);
    for update in push.into_iter().flatten().take(MOST_PRESENT) {
        require_of(origin, &update.user_id)?;
        let Some(user) = server.storage.interner().find_user(&update.user_id)? else {
            continue;
        };
        let read = server.storage.read(move |snapshot| -> ApiResult<_> {
            Ok(!joined_rooms(snapshot, user)?.is_empty())
        });
        if !read.await? {
            continue;
        }
        let shown = Shown {
            state: State::parse(&update.presence).unwrap_or_default(),
            currently_active: update.currently_active,
            status_msg: update
                .status_msg
                .filter(|status| status.len() <= LONGEST_STATUS),
        };
        let active_ago = update.last_active_ago.map(Duration::from_millis);
        server
            .presence
            .set_elsewhere(user, shown, active_ago.unwrap_or(Duration::MAX))
            .await?;
    }
    Ok(())
}

async fn receipts(server: &Server, origin: &ServerName, content: ReceiptContent) -> ApiResult<()> {
    for (room_id, receipts) in content.receipts {
        for (user, receipt) in receipts.read {
            let Ok(room) = room_of(server, origin, (&room_id, &user)).await else {
                continue;
            };
            let Some(event) = receipt.event_ids.into_iter().next_back() else {
                continue;
            };
            let receipt = NewReceipt {
                user,
                kind: ReceiptKind::Public,
                event,
                thread: ReceiptThread::parse(receipt.data.thread.as_str())?,
            };
            if let Err(error) = server.rooms.set_receipt(room, receipt.clone()).await {
                // The event may have come with it, and be taken in only now.
                server.inbound.take_later(server, room, receipt);
                tracing::debug!(%origin, %error, "a receipt waits for its event");
            }
        }
    }
    Ok(())
}
