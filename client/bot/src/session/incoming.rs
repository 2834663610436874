//! Events of rooms as events of the engine.

use std::time::Duration;

use bot_engine::{Event, File, Message, Reaction, What};
use matrix_sdk::{
    Client, Room,
    media::{MediaFormat, MediaRequestParameters},
    ruma::{
        UserId,
        events::room::message::{MessageType, RoomMessageEventContent},
    },
};
use serde_json::Value;

use super::{
    moving::replaced,
    place::{place, sender},
};
use crate::{config::Config, store::Store};

const LARGEST_FILE: u64 = 256 * 1024;
const DOWNLOAD: Duration = Duration::from_secs(8);
/// The state with which a room's administrators switch games on and off: `{"enabled": false}`.
pub(super) const SWITCH: &str = "org.fialka.games";

/// What came in.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Something for the engine, under the id by which it is taken in once.
    Event { id: String, event: Event },
    /// The server has an event of the bot's own.
    Own { transaction: String, event: String },
    /// The bot came into a room with this event.
    Joined { room: String, event: String },
    /// An event without its key.
    Locked {
        id: String,
        room: String,
        raw: String,
    },
}

/// Reads events with what is known around them.
pub(crate) struct Reader<'a> {
    pub(crate) client: &'a Client,
    pub(crate) config: &'a Config,
    pub(crate) own: &'a UserId,
    pub(crate) now: i64,
}

impl Reader<'_> {
    /// The events of a room's timeline in their order. Whatever stands before the bot's own joining is old.
    pub(crate) async fn timeline(
        &self,
        room: &Room,
        events: Vec<Value>,
        store: &Store,
    ) -> anyhow::Result<Vec<Arrival>> {
        let id = room.room_id().to_string();
        let mut joined = store.joined(&id)?;
        let own_join = events.iter().rposition(|event| self.is_own_join(event));
        let mut arrivals = Vec::new();
        let from = match (&joined, own_join) {
            (None, Some(at)) => {
                let event = text(&events[at], "event_id").to_owned();
                arrivals.extend(self.joined(room, &event, store).await?);
                joined = Some(event);
                at + 1
            }
            (None, None) => {
                // The joining itself is not in sight, so all of this came after it.
                arrivals.extend(self.joined(room, "", store).await?);
                0
            }
            (Some(_), _) => 0,
        };
        debug_assert!(joined.is_some() || own_join.is_none());
        for event in &events[from..] {
            if let Some(arrival) = self.read(room, event, store).await? {
                arrivals.push(arrival);
            }
        }
        Ok(arrivals)
    }

    fn is_own_join(&self, event: &Value) -> bool {
        event["type"] == "m.room.member"
            && event["state_key"] == self.own.as_str()
            && event["content"]["membership"] == "join"
            && event["unsigned"]["prev_content"]["membership"] != "join"
    }

    async fn joined(
        &self,
        room: &Room,
        event: &str,
        store: &Store,
    ) -> anyhow::Result<Vec<Arrival>> {
        let id = room.room_id().to_string();
        let arrived = Arrival::Joined {
            room: id.clone(),
            event: event.to_owned(),
        };
        if room.is_space() {
            // Nobody reads in a space; the bot is there for its switch.
            return Ok(vec![arrived]);
        }
        let inviter = match store.inviter(&id)?.map(UserId::parse) {
            Some(Ok(inviter)) => Some(sender(room, &inviter).await),
            _ => None,
        };
        let what = What::Joined {
            room: place(room, self.config, self.now).await,
            inviter,
        };
        let moved = replaced(room).map(|before| Arrival::Event {
            id: format!("moved {before} {id}"),
            event: self.event(What::Moved {
                from: before.to_string(),
                to: id.clone(),
            }),
        });
        let mut arrivals: Vec<_> = moved.into_iter().collect();
        arrivals.extend([
            arrived,
            Arrival::Event {
                id: format!("joined {id} {event}"),
                event: self.event(what),
            },
        ]);
        Ok(arrivals)
    }

    /// One event, if it means anything to the bot.
    pub(crate) async fn read(
        &self,
        room: &Room,
        event: &Value,
        store: &Store,
    ) -> anyhow::Result<Option<Arrival>> {
        let id = text(event, "event_id").to_owned();
        let from = text(event, "sender");
        if from == self.own.as_str() {
            let transaction = event["unsigned"]["transaction_id"].as_str();
            return Ok(transaction.map(|transaction| Arrival::Own {
                transaction: transaction.to_owned(),
                event: id,
            }));
        }
        let Ok(user) = UserId::parse(from) else {
            return Ok(None);
        };
        if store.is_seen(&id)? {
            return Ok(None);
        }
        let what = match text(event, "type") {
            "m.room.message" => self.message(room, &user, event, store).await?,
            "m.reaction" => self.reaction(room, &user, event, store).await?,
            "m.room.encrypted" => {
                return Ok(Some(Arrival::Locked {
                    id,
                    room: room.room_id().to_string(),
                    raw: event.to_string(),
                }));
            }
            SWITCH if event["state_key"] == "" => Some(What::Switched {
                room: room.room_id().to_string(),
                games: event["content"]["enabled"].as_bool(),
            }),
            _ => None,
        };
        Ok(what.map(|what| Arrival::Event {
            id,
            event: self.event(what),
        }))
    }

    async fn message(
        &self,
        room: &Room,
        user: &UserId,
        event: &Value,
        store: &Store,
    ) -> anyhow::Result<Option<What>> {
        let content = &event["content"];
        let relates = &content["m.relates_to"];
        if relates["rel_type"] == "m.replace" {
            return Ok(None);
        }
        let place = place(room, self.config, self.now).await;
        match content["msgtype"].as_str() {
            Some("m.text") => {}
            Some("m.file") if place.direct => {
                let file = self.file(content).await;
                return Ok(Some(What::File(File {
                    room: place,
                    sender: sender(room, user).await,
                    id: text(event, "event_id").to_owned(),
                    name: content["filename"]
                        .as_str()
                        .unwrap_or(text(content, "body"))
                        .to_owned(),
                    text: file,
                })));
            }
            // Notices come from other bots; two bots that answer each other never end.
            _ => return Ok(None),
        }
        let reply = relates["m.in_reply_to"]["event_id"].as_str();
        let reply_to = match reply {
            Some(reply) => store.slot_of_event(reply)?,
            None => None,
        };
        let body = text(content, "body");
        Ok(Some(What::Message(Message {
            room: place,
            sender: sender(room, user).await,
            id: text(event, "event_id").to_owned(),
            text: if reply.is_some() {
                without_quote(body)
            } else {
                body
            }
            .chars()
            .take(2_000)
            .collect(),
            reply_to,
            mentions: mentions(content),
        })))
    }

    async fn reaction(
        &self,
        room: &Room,
        user: &UserId,
        event: &Value,
        store: &Store,
    ) -> anyhow::Result<Option<What>> {
        let relates = &event["content"]["m.relates_to"];
        let Some(on) = store.slot_of_event(text(relates, "event_id"))? else {
            return Ok(None);
        };
        Ok(Some(What::Reaction(Reaction {
            room: place(room, self.config, self.now).await,
            sender: sender(room, user).await,
            key: text(relates, "key").chars().take(40).collect(),
            on: Some(on),
        })))
    }

    /// The text of a file that is small enough.
    async fn file(&self, content: &Value) -> Option<String> {
        let content: RoomMessageEventContent = serde_json::from_value(content.clone()).ok()?;
        let MessageType::File(file) = content.msgtype else {
            return None;
        };
        let size = file
            .info
            .as_ref()
            .and_then(|info| info.size)
            .map_or(0, u64::from);
        if size > LARGEST_FILE {
            return None;
        }
        let request = MediaRequestParameters {
            source: file.source,
            format: MediaFormat::File,
        };
        let media = self.client.media();
        let download = media.get_media_content(&request, false);
        let bytes = tokio::time::timeout(DOWNLOAD, download).await.ok()?.ok()?;
        (bytes.len() as u64 <= LARGEST_FILE).then(|| String::from_utf8(bytes).ok())?
    }

    pub(crate) fn event(&self, what: What) -> Event {
        Event {
            at: self.now,
            seed: rand::random(),
            what,
        }
    }
}

/// The text of a field, or nothing.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Older clients repeat what they answer, each line after a sign, before an empty line.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#rich-replies)
fn without_quote(body: &str) -> &str {
    if !body.starts_with("> ") {
        return body;
    }
    let mut rest = body;
    while rest.starts_with('>') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.trim_start_matches('\n')
}

/// Who is mentioned: as the specification says, and in the links of clients that do not.
fn mentions(content: &Value) -> Vec<String> {
    let named = content["m.mentions"]["user_ids"]
        .as_array()
        .into_iter()
        .flatten();
    let mut mentions: Vec<String> = named
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    let html = text(content, "formatted_body");
    for link in html.split("https://matrix.to/#/@").skip(1) {
        let end = link.find(['"', '\'', '<', '?']).unwrap_or(link.len());
        mentions.push(format!("@{}", &link[..end]));
    }
    mentions.sort();
    mentions.dedup();
    mentions
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quotes_of_older_clients_are_no_part_of_a_reply() {
        assert_eq!(without_quote("> <@bot:x> board\n> line\n\ne4"), "e4");
        assert_eq!(without_quote("e4"), "e4");
    }

    #[test]
    fn mentions_are_found_in_both_forms() {
        let content = json!({
            "m.mentions": {"user_ids": ["@a:x"]},
            "formatted_body": "<a href=\"https://matrix.to/#/@b:x\">B</a>",
        });
        assert_eq!(mentions(&content), ["@a:x", "@b:x"]);
    }
}
