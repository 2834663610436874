//! Asks the academy's bot from device to device, so that nothing is said in a chat.

use std::{collections::BTreeMap, time::Duration};

use matrix_sdk::{
    Client,
    ruma::{
        OwnedUserId, TransactionId,
        api::client::to_device::send_event_to_device,
        events::{AnyToDeviceEvent, AnyToDeviceEventContent},
        serde::Raw,
        to_device::DeviceIdOrAllDevices,
    },
};
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    bridge::{command::GamesCommand, trouble::Trouble, update::Answer},
    render::names,
    rows::{Span, StandingRow, StandingsRow},
};

const ASK: &str = "org.fialka.games.ask";
const ANSWER: &str = "org.fialka.games.standings";
/// A bot that is there answers in less.
const PATIENCE: Duration = Duration::from_secs(12);

#[derive(Deserialize)]
struct Event {
    r#type: String,
    sender: OwnedUserId,
    content: serde_json::Value,
}

#[derive(Deserialize)]
struct Standings {
    id: String,
    best: Vec<Standing>,
    own: Option<Standing>,
}

#[derive(Deserialize)]
struct Standing {
    place: u64,
    user_id: OwnedUserId,
    name: String,
    score: i64,
}

impl From<Standing> for StandingRow {
    fn from(standing: Standing) -> Self {
        Self {
            place: standing.place,
            name: names::person(&standing.name, standing.user_id.as_str()),
            user_id: standing.user_id,
            score: standing.score,
        }
    }
}

/// Carries a command out.
pub(super) async fn carry_out(client: &Client, command: GamesCommand) -> Result<Answer, Trouble> {
    let GamesCommand::Standings {
        bot,
        room,
        game,
        span,
    } = command;
    let id = TransactionId::new();
    let (sender, mut answers) = mpsc::unbounded_channel();
    let handler = client.add_event_handler(move |event: Raw<AnyToDeviceEvent>| {
        let sender = sender.clone();
        async move {
            // Nobody waits any more when it cannot be sent.
            drop(sender.send(event));
        }
    });
    let _until_the_end = client.event_handler_drop_guard(handler);
    let span = match span {
        Span::Week => "week",
        Span::Month => "month",
        Span::Always => "all",
    };
    let content = json!({ "id": id, "room_id": room, "game": game, "span": span });
    ask(client, &bot, &id, &content).await?;
    let answer = async {
        while let Some(event) = answers.recv().await {
            if let Some(standings) = read(&event, &bot, id.as_str()) {
                return Some(standings);
            }
        }
        None
    };
    match timeout(PATIENCE, answer).await {
        Ok(Some(standings)) => Ok(Answer::Standings(standings)),
        _ => Err(Trouble::BotSilent),
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#send-to-device-messaging)
async fn ask(
    client: &Client,
    bot: &OwnedUserId,
    id: &TransactionId,
    content: &serde_json::Value,
) -> Result<(), Trouble> {
    let other = |error: serde_json::Error| Trouble::Other(error.to_string());
    let content = serde_json::value::to_raw_value(content).map_err(other)?;
    let content = Raw::<AnyToDeviceEventContent>::from_json(content);
    let devices = BTreeMap::from([(DeviceIdOrAllDevices::AllDevices, content)]);
    let messages = BTreeMap::from([(bot.clone(), devices)]);
    let request = send_event_to_device::v3::Request::new_raw(ASK.into(), id.to_owned(), messages);
    client.send(request).await?;
    Ok(())
}

/// The answer to a question, if the event is one.
fn read(event: &Raw<AnyToDeviceEvent>, bot: &OwnedUserId, id: &str) -> Option<StandingsRow> {
    let event = event.deserialize_as_unchecked::<Event>().ok()?;
    if event.r#type != ANSWER || event.sender != *bot {
        return None;
    }
    let standings: Standings = serde_json::from_value(event.content).ok()?;
    (standings.id == id).then(|| StandingsRow {
        best: standings.best.into_iter().map(Into::into).collect(),
        own: standings.own.map(Into::into),
    })
}
