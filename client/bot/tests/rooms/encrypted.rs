//! The bot in an encrypted room, with a player that encrypts.

use std::time::{Duration, Instant};

use matrix_sdk::{
    Client, Room, SqliteStoreConfig,
    config::SyncSettings,
    ruma::{
        OwnedRoomId, OwnedUserId,
        api::client::room::create_room,
        events::{InitialStateEvent, room::encryption::RoomEncryptionEventContent},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    server::{Server, binary},
    talking::loop_until_bot_exists,
};

/// A player with the library that real clients use.
struct Player {
    client: Client,
    seen: Vec<Value>,
    _folder: TempDir,
}

impl Player {
    async fn sign_in(server: &Server, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::builder()
            .homeserver_url(server.url())
            .sqlite_store_with_config_and_cache_path(
                SqliteStoreConfig::new(folder.path()),
                None::<&std::path::Path>,
            )
            .build()
            .await
            .unwrap();
        client
            .matrix_auth()
            .login_username(name, "a password of the test")
            .send()
            .await
            .unwrap();
        Self {
            client,
            seen: Vec::new(),
            _folder: folder,
        }
    }

    /// One sync; what came is kept in the clear.
    async fn sync(&mut self) {
        let settings = SyncSettings::new().timeout(Duration::from_millis(500));
        let response = self.client.sync_once(settings).await.unwrap();
        for (room, update) in response.rooms.joined {
            for event in update.timeline.events {
                let mut event: Value = serde_json::from_str(event.raw().json().get()).unwrap();
                event["room_id"] = room.as_str().into();
                self.seen.push(event);
            }
        }
    }

    /// Waits for a message of the bot in this room, in the clear.
    async fn wait_for_bot(&mut self, room: &Room, text: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(180);
        let fits = |event: &&Value| {
            event["sender"] == "@bot:games.test"
                && event["room_id"] == room.room_id().as_str()
                && event["content"]["body"]
                    .as_str()
                    .is_some_and(|body| body.contains(text))
        };
        loop {
            if let Some(found) = self.seen.iter().rev().find(fits) {
                return found.clone();
            }
            if Instant::now() >= deadline {
                let seen: Vec<String> = self
                    .seen
                    .iter()
                    .map(|event| {
                        format!(
                            "{} {} {}",
                            event["sender"], event["type"], event["content"]["body"]
                        )
                    })
                    .collect();
                panic!("{text} did not come; there is {seen:#?}");
            }
            self.sync().await;
        }
    }
}

async fn encrypted_room(player: &mut Player, bot: OwnedUserId) -> Room {
    let encryption = RoomEncryptionEventContent::with_recommended_defaults();
    let mut request = create_room::v3::Request::new();
    request.invite = vec![bot];
    request.name = Some("Тайная комната".to_owned());
    request.initial_state = vec![InitialStateEvent::with_empty_state_key(encryption).to_raw_any()];
    let room: OwnedRoomId = player
        .client
        .create_room(request)
        .await
        .unwrap()
        .room_id()
        .to_owned();
    player.sync().await;
    player.client.get_room(&room).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_in_an_encrypted_room_goes_on_after_a_kill() {
    let Some(binary) = binary() else {
        return;
    };
    let server = Server::start(&binary).await;
    let mut bot = server.start_bot();
    let plain = server.person("vera").await;
    let _hall = loop_until_bot_exists(&plain, Some("Холл"), &[]).await;
    let mut vera = Player::sign_in(&server, "vera").await;
    let room = encrypted_room(&mut vera, "@bot:games.test".try_into().unwrap()).await;
    vera.wait_for_bot(&room, "Я провожу игры").await;
    let say = |text: &str| json!({"msgtype": "m.text", "body": text});
    room.send_raw("m.room.message", say("!старт крестики бот легко"))
        .await
        .unwrap();
    let board = vera.wait_for_bot(&room, "Ход: vera").await;
    let press = |key: &str| {
        json!({
            "m.relates_to": {"rel_type": "m.annotation", "event_id": board["event_id"], "key": key},
        })
    };
    room.send_raw("m.reaction", press("5️⃣")).await.unwrap();
    vera.wait_for_bot(&room, "❌").await;
    bot.kill();
    // Said while the bot is away, with a key that it has from before.
    room.send_raw("m.room.message", say("!счёт")).await.unwrap();
    let _bot = server.start_bot();
    vera.wait_for_bot(&room, "Крестики-нолики: vera, бот (легко)")
        .await;
    let devices = vera
        .client
        .encryption()
        .get_user_devices("@bot:games.test".try_into().unwrap())
        .await
        .unwrap();
    let mut devices = devices.devices();
    assert!(devices.all(|device| device.is_cross_signed_by_owner()));
    let events = plain.events(room.room_id().as_str()).await;
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert!(
        !kinds.contains(&"m.room.message"),
        "everything said in the room is encrypted: {kinds:?}"
    );
}
