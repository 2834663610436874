//! Carrying out one output.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bot_engine::{Output, Slot, Target, To, text::render};
use matrix_sdk::{
    Client, Room,
    attachment::AttachmentConfig,
    ruma::{OwnedTransactionId, RoomId, UserId},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::feedback;
use crate::{config::Config, run::Shared};

/// What a delivery needs.
pub(super) struct Delivery {
    pub(super) client: Client,
    pub(super) config: Arc<Config>,
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) transaction: String,
}

/// Sends an output and returns its event id, if it has one.
pub(super) async fn deliver(delivery: Delivery, output: &Output) -> Result<Option<String>> {
    match output {
        Output::Send { to, .. } => {
            let room = delivery.room(to).await?;
            let content = delivery.message(output).await?;
            delivery
                .send(&room, "m.room.message", content)
                .await
                .map(Some)
        }
        Output::React { to, on, key } => {
            let Some(on) = delivery.event(on).await? else {
                // What it should be on was never sent.
                return Ok(None);
            };
            let room = delivery.room(to).await?;
            let content = json!({
                "m.relates_to": {"rel_type": "m.annotation", "event_id": on, "key": key},
            });
            delivery.send(&room, "m.reaction", content).await.map(Some)
        }
        Output::File {
            to,
            name,
            media_type,
            text,
        } => {
            let room = delivery.room(to).await?;
            let config = AttachmentConfig::new().txn_id(delivery.transaction());
            let media_type = media_type
                .parse()
                .context("a media type of the bot's own is wrong")?;
            let sent = room
                .send_attachment(name, &media_type, text.clone().into_bytes(), config)
                .await?;
            Ok(Some(sent.event_id.to_string()))
        }
        Output::Feedback { from, text } => {
            delivery.feedback(from, text).await?;
            Ok(None)
        }
        Output::Forget { .. } => Ok(None),
    }
}

impl Delivery {
    fn transaction(&self) -> OwnedTransactionId {
        self.transaction.as_str().into()
    }

    async fn send(&self, room: &Room, kind: &str, content: Value) -> Result<String> {
        let transaction = self.transaction();
        let sent = room
            .send_raw(kind, content)
            .with_transaction_id(&transaction)
            .await?;
        Ok(sent.response.event_id.to_string())
    }

    async fn room(&self, to: &To) -> Result<Room> {
        match to {
            To::Room(room) => {
                let id = RoomId::parse(room)?;
                self.client
                    .get_room(&id)
                    .context("the bot does not know the room")
            }
            To::Person(person) => self.direct(person).await,
        }
    }

    /// The chat in which the person last wrote to the bot, or a new one.
    async fn direct(&self, person: &str) -> Result<Room> {
        let known = self
            .shared
            .lock()
            .await
            .world
            .direct_chat(person)
            .map(str::to_owned);
        if let Some(room) = known
            && let Some(room) = self.client.get_room(&RoomId::parse(room)?)
        {
            return Ok(room);
        }
        let user = UserId::parse(person)?;
        if let Some(room) = self.client.get_dm_room(&user) {
            return Ok(room);
        }
        Ok(self.client.create_dm(&user).await?)
    }

    async fn event(&self, target: &Target) -> Result<Option<String>> {
        match target {
            Target::Id(id) => Ok(Some(id.clone())),
            Target::Slot(slot) => self.event_of_slot(slot).await,
        }
    }

    async fn event_of_slot(&self, slot: &Slot) -> Result<Option<String>> {
        self.shared.lock().await.store.event_of_slot(slot)
    }

    async fn message(&self, output: &Output) -> Result<Value> {
        let Output::Send {
            text,
            edit_of,
            reply_to,
            mentions,
            ..
        } = output
        else {
            bail!("only messages have a content");
        };
        let rendered = render(text);
        let body = json!({
            "msgtype": "m.notice",
            "body": rendered.plain,
            "format": "org.matrix.custom.html",
            "formatted_body": rendered.html,
            "m.mentions": {"user_ids": mentions},
        });
        let original = match edit_of {
            Some(slot) => self.event_of_slot(slot).await?,
            None => None,
        };
        if let Some(original) = original {
            // Clients without edits show the whole board again.
            return Ok(json!({
                "msgtype": "m.notice",
                "body": format!("* {}", rendered.plain),
                "format": "org.matrix.custom.html",
                "formatted_body": format!("* {}", rendered.html),
                "m.mentions": {"user_ids": mentions},
                "m.new_content": body,
                "m.relates_to": {"rel_type": "m.replace", "event_id": original},
            }));
        }
        let mut body = body;
        if let Some(reply_to) = reply_to {
            body["m.relates_to"] = json!({"m.in_reply_to": {"event_id": reply_to}});
        }
        Ok(body)
    }

    /// Hands words over: to the server's feedback, or to the room that was configured for it.
    async fn feedback(&self, from: &str, text: &str) -> Result<()> {
        if let Some(room) = &self.config.support_room {
            let room = self.room(&To::Room(room.clone())).await?;
            let content =
                json!({"msgtype": "m.notice", "body": format!("{from}: {text}"), "m.mentions": {}});
            self.send(&room, "m.room.message", content).await?;
            return Ok(());
        }
        feedback::send(&self.client, &self.config, &self.transaction, from, text).await
    }
}
