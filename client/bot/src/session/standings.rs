//! Answers programs that ask who plays best, from device to device: a window shows the table, and the chat stays quiet.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use bot_engine::{Question, Settings, Standings};
use matrix_sdk::{
    Client,
    deserialized_responses::ProcessedToDeviceEvent,
    ruma::{
        OwnedUserId, RoomId, TransactionId, UserId,
        api::client::to_device::send_event_to_device,
        events::{AnyToDeviceEventContent, room::member::MembershipState},
        serde::Raw,
        to_device::DeviceIdOrAllDevices,
    },
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::run::{Shared, now};

const ASK: &str = "org.fialka.games.ask";
const ANSWER: &str = "org.fialka.games.standings";
/// Questions of one person that are answered in a minute.
const A_MINUTE: u32 = 30;
const MINUTE: i64 = 60_000;

#[derive(Deserialize)]
struct Event {
    r#type: String,
    sender: OwnedUserId,
    content: serde_json::Value,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    room_id: Option<String>,
    game: Option<String>,
    span: String,
}

/// What answers need.
pub(crate) struct Desk {
    client: Client,
    settings: Settings,
    shared: Arc<Mutex<Shared>>,
    /// The minute, and who asked how often in it.
    asked: (i64, HashMap<OwnedUserId, u32>),
}

impl Desk {
    pub(crate) fn new(client: Client, settings: Settings, shared: Arc<Mutex<Shared>>) -> Self {
        Self {
            client,
            settings,
            shared,
            asked: Default::default(),
        }
    }

    /// Answers beside the work what of these events is a question.
    pub(crate) fn take(&mut self, events: &[ProcessedToDeviceEvent]) {
        for event in events {
            let Ok(event) = event.to_raw().deserialize_as_unchecked::<Event>() else {
                continue;
            };
            if event.r#type != ASK || !self.allows(&event.sender) {
                continue;
            }
            let Ok(asked) = serde_json::from_value::<Asked>(event.content) else {
                continue;
            };
            let answer = Answer {
                client: self.client.clone(),
                settings: self.settings.clone(),
                shared: self.shared.clone(),
            };
            tokio::spawn(async move {
                if let Err(error) = answer.give(&event.sender, asked).await {
                    tracing::warn!(sender = %event.sender, "a table was not sent: {error:#}");
                }
            });
        }
    }

    fn allows(&mut self, sender: &UserId) -> bool {
        let minute = now() / MINUTE;
        if self.asked.0 != minute {
            self.asked = (minute, HashMap::new());
        }
        let count = self.asked.1.entry(sender.to_owned()).or_default();
        *count += 1;
        *count <= A_MINUTE
    }
}

struct Answer {
    client: Client,
    settings: Settings,
    shared: Arc<Mutex<Shared>>,
}

impl Answer {
    async fn give(&self, sender: &UserId, asked: Asked) -> Result<()> {
        if !self.may_see(sender, asked.room_id.as_deref()).await? {
            return Ok(());
        }
        let question = Question {
            room: asked.room_id.as_deref(),
            game: asked.game.as_deref(),
            span: &asked.span,
        };
        let standings = self
            .shared
            .lock()
            .await
            .world
            .standings(&self.settings, question, sender.as_str(), now())
            .context("no such table")?;
        self.send(sender, &asked.id, &standings).await
    }

    /// The table of a room is for its members, that of the academy for those of its server.
    async fn may_see(&self, sender: &UserId, room: Option<&str>) -> Result<bool> {
        let Some(room) = room else {
            let own = self.client.user_id().context("nobody is signed in")?;
            return Ok(own.server_name() == sender.server_name());
        };
        let Some(room) = self.client.get_room(&RoomId::parse(room)?) else {
            return Ok(false);
        };
        let member = room.get_member(sender).await?;
        Ok(member.is_some_and(|member| *member.membership() == MembershipState::Join))
    }

    async fn send(&self, to: &UserId, id: &str, standings: &Standings) -> Result<()> {
        let content = json!({"id": id, "best": standings.best, "own": standings.own});
        let content = serde_json::value::to_raw_value(&content)?;
        let content = Raw::<AnyToDeviceEventContent>::from_json(content);
        let devices = BTreeMap::from([(DeviceIdOrAllDevices::AllDevices, content)]);
        let request = send_event_to_device::v3::Request::new_raw(
            ANSWER.into(),
            TransactionId::new(),
            BTreeMap::from([(to.to_owned(), devices)]),
        );
        self.client.send(request).await?;
        Ok(())
    }
}
