//! Making, entering and leaving rooms.

use matrix_sdk::{
    Client, Room, RoomState,
    notification_settings::RoomNotificationMode,
    ruma::{
        MatrixToUri, OwnedRoomOrAliasId, OwnedServerName, OwnedUserId, RoomId, RoomOrAliasId,
        api::client::room::create_room,
        events::{InitialStateEvent, room::encryption::RoomEncryptionEventContent},
        matrix_uri::MatrixId,
    },
    send_queue::{LocalEcho, LocalEchoContent},
};

use super::{direct::DirectChats, directory, power_levels, room_entry, room_settings, search};
use crate::bridge::{command::RoomsCommand, trouble::Trouble, update::Answer};

/// Carries out a command about rooms.
pub(super) async fn carry_out(
    client: &Client,
    direct: &DirectChats,
    command: RoomsCommand,
) -> Result<Answer, Trouble> {
    match command {
        RoomsCommand::StartDirect { user } => {
            let room = direct.with(&user).await?;
            Ok(Answer::Room(room.room_id().to_owned()))
        }
        RoomsCommand::CreateGroup {
            name,
            topic,
            invite,
            encrypted,
        } => create_group(client, name, topic, invite, encrypted).await,
        RoomsCommand::Join { address } => join(client, &address).await,
        RoomsCommand::AcceptInvite { room } => {
            direct.accept(&find(client, &room)?).await?;
            Ok(Answer::Room(room))
        }
        RoomsCommand::DeclineInvite { room } | RoomsCommand::Leave { room } => {
            leave(&find(client, &room)?).await
        }
        RoomsCommand::Invite { room, user } => {
            find(client, &room)?.invite_user_by_id(&user).await?;
            Ok(Answer::Done)
        }
        RoomsCommand::SetFavourite { room, favourite } => {
            find(client, &room)?
                .set_is_favourite(favourite, None)
                .await?;
            Ok(Answer::Done)
        }
        RoomsCommand::SetLowPriority { room, low_priority } => {
            find(client, &room)?
                .set_is_low_priority(low_priority, None)
                .await?;
            Ok(Answer::Done)
        }
        RoomsCommand::SetMuted { room, muted } => {
            set_muted(client, &find(client, &room)?, muted).await
        }
        RoomsCommand::Rename { room, name } => {
            find(client, &room)?
                .set_name(name.trim().to_owned())
                .await?;
            Ok(Answer::Done)
        }
        RoomsCommand::CountUnsent => Ok(Answer::Unsent(unsent(client).await)),
        RoomsCommand::Directory { term } => directory::search(client, &term).await,
        RoomsCommand::Search { scope, term } => search::search(client, scope, &term).await,
        other => settings(client, other).await,
    }
}

/// Commands for those in charge of a room.
async fn settings(client: &Client, command: RoomsCommand) -> Result<Answer, Trouble> {
    match command {
        RoomsCommand::SetTopic { room, topic } => {
            room_settings::set_topic(&find(client, &room)?, &topic).await
        }
        RoomsCommand::SetAvatar { room, file } => {
            room_settings::set_avatar(&find(client, &room)?, file).await
        }
        RoomsCommand::SetReadOnly { room, read_only } => {
            power_levels::set_read_only(&find(client, &room)?, read_only).await
        }
        RoomsCommand::Kick { room, user } => {
            room_settings::kick(&find(client, &room)?, &user).await
        }
        RoomsCommand::Ban { room, user } => room_settings::ban(&find(client, &room)?, &user).await,
        RoomsCommand::Unban { room, user } => {
            room_settings::unban(&find(client, &room)?, &user).await
        }
        RoomsCommand::SetLevel { room, user, level } => {
            power_levels::set_level(&find(client, &room)?, &user, level).await
        }
        RoomsCommand::SetOpen { room, open } => {
            room_entry::set_open(&find(client, &room)?, open).await
        }
        RoomsCommand::SetListed { room, listed } => {
            room_entry::set_listed(&find(client, &room)?, listed).await
        }
        RoomsCommand::IsListed { room } => room_entry::is_listed(&find(client, &room)?).await,
        RoomsCommand::SetMayWrite {
            room,
            user,
            may_write,
        } => power_levels::set_may_write(&find(client, &room)?, &user, may_write).await,
        // Carried out by the caller.
        _ => Ok(Answer::Done),
    }
}

/// How many messages and files wait to be sent.
async fn unsent(client: &Client) -> u64 {
    let waiting = client.send_queue().local_echoes().await;
    let waiting = waiting
        .inspect_err(|error| tracing::warn!(%error, "what waits cannot be counted"))
        .unwrap_or_default();
    let echoes = waiting.into_values().flatten();
    let is_message = |echo: &LocalEcho| matches!(echo.content, LocalEchoContent::Event { .. });
    echoes.filter(is_message).count() as u64
}

/// The room with this id.
pub(super) fn find(client: &Client, room: &RoomId) -> Result<Room, Trouble> {
    client.get_room(room).ok_or(Trouble::NotFound)
}

async fn create_group(
    client: &Client,
    name: String,
    topic: String,
    invite: Vec<OwnedUserId>,
    encrypted: bool,
) -> Result<Answer, Trouble> {
    let mut request = create_room::v3::Request::new();
    request.name = Some(name.trim().to_owned());
    request.topic = Some(topic.trim().to_owned()).filter(|topic| !topic.is_empty());
    request.invite = invite;
    request.preset = Some(create_room::v3::RoomPreset::PrivateChat);
    if encrypted {
        let content = RoomEncryptionEventContent::with_recommended_defaults();
        request.initial_state = vec![InitialStateEvent::with_empty_state_key(content).to_raw_any()];
    }
    let room = client.create_room(request).await?;
    Ok(Answer::Room(room.room_id().to_owned()))
}

async fn join(client: &Client, address: &str) -> Result<Answer, Trouble> {
    let (room, servers) = parse_address(address.trim()).ok_or(Trouble::NotFound)?;
    let room = client.join_room_by_id_or_alias(&room, &servers).await?;
    Ok(Answer::Room(room.room_id().to_owned()))
}

/// A room id, an alias, or a `matrix.to` link with the servers to ask.
fn parse_address(address: &str) -> Option<(OwnedRoomOrAliasId, Vec<OwnedServerName>)> {
    if let Ok(room) = RoomOrAliasId::parse(address) {
        return Some((room, Vec::new()));
    }
    let link = MatrixToUri::parse(address).ok()?;
    let room: OwnedRoomOrAliasId = match link.id() {
        MatrixId::Room(room) => room.clone().into(),
        MatrixId::RoomAlias(alias) => alias.clone().into(),
        MatrixId::Event(room, _) => room.clone(),
        _ => return None,
    };
    Some((room, link.via().to_vec()))
}

/// Leaving and forgetting are one act to people; a room that was left but not forgotten is out of sight already.
async fn leave(room: &Room) -> Result<Answer, Trouble> {
    if room.state() != RoomState::Left {
        room.leave().await?;
    }
    if let Err(error) = room.forget().await {
        tracing::info!(%error, "a room was left but not forgotten");
    }
    Ok(Answer::Done)
}

async fn set_muted(client: &Client, room: &Room, muted: bool) -> Result<Answer, Trouble> {
    let settings = client.notification_settings().await;
    let done = if muted {
        settings
            .set_room_notification_mode(room.room_id(), RoomNotificationMode::Mute)
            .await
    } else {
        settings
            .delete_user_defined_room_rules(room.room_id())
            .await
    };
    done.map_err(|error| Trouble::Other(error.to_string()))?;
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use super::parse_address;

    #[test]
    fn rooms_are_found_by_id_alias_and_link() {
        let id = |address| parse_address(address).map(|(room, _)| room.to_string());
        assert_eq!(
            id("!abc:campus.example").as_deref(),
            Some("!abc:campus.example")
        );
        assert_eq!(
            id("#is-21:campus.example").as_deref(),
            Some("#is-21:campus.example")
        );
        let link = "https://matrix.to/#/%23is-21:campus.example?via=campus.example";
        assert_eq!(id(link).as_deref(), Some("#is-21:campus.example"));
        assert_eq!(id("https://matrix.to/#/@ivan:campus.example"), None);
        assert_eq!(id("hello"), None);
    }
}
