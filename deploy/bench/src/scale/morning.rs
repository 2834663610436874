//! Everybody signs in within ten seconds, while somebody who was there before goes on writing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use hyper::Method;
use serde_json::json;
use tokio::{sync::watch, time::sleep_until};

use crate::{
    Arguments,
    connection::Connection,
    crowd::Crowd,
    table::Table,
    user::{PASSWORD, User, text},
};

/// How long the morning lasts.
const MORNING: Duration = Duration::from_secs(10);
/// How long somebody who writes waits between two messages.
const PAUSE: Duration = Duration::from_millis(50);
/// With `{"room":{"state":{"lazy_load_members":true}}}` as the filter, as clients send it.
const FIRST_SYNC: &str = "/_matrix/client/v3/sync?timeout=0&filter=\
    %7B%22room%22:%7B%22state%22:%7B%22lazy_load_members%22:true%7D%7D%7D";

pub(crate) async fn measure(
    arguments: &Arguments,
    crowd: &mut Crowd,
    table: &mut Table,
) -> Result<()> {
    let (writer, others) = crowd.users.split_first_mut().context("nobody is there")?;
    let names: Vec<_> = others
        .iter()
        .take(arguments.people)
        .map(|user| user.id.clone())
        .collect();
    let room = writer.create_public_room("Calm").await?;

    let (stop, stopped) = watch::channel(false);
    let quiet = tokio::join!(write(writer, &room, stopped), async {
        tokio::time::sleep(MORNING).await;
        stop.send(true)
    });
    table.beside("messages of one client, before", &quiet.0?);

    let (work, (stop, stopped)) = (table.begin()?, watch::channel(false));
    let began = tokio::time::Instant::now();
    let people = u32::try_from(names.len().max(1))?;
    let arrivals = (0..people).zip(&names).map(|(number, name)| async move {
        let at = began + MORNING * number / people;
        sleep_until(at).await;
        sign_in(arguments, name).await?;
        Ok::<_, anyhow::Error>(at.elapsed())
    });
    let (signed_in, written) = tokio::join!(
        async {
            let signed_in = try_join_all(arrivals).await;
            stop.send_replace(true);
            signed_in
        },
        write(writer, &room, stopped)
    );
    let signed_in = signed_in?;
    table.end(&work, "sign in and first sync, within 10 s", &signed_in)?;
    table.beside("messages of one client, meanwhile", &written?);
    Ok(())
}

async fn sign_in(arguments: &Arguments, name: &str) -> Result<()> {
    let mut connection = Connection::new(arguments.server, "");
    let request = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": name },
        "password": PASSWORD,
    });
    let answer = connection
        .json(Method::POST, "/_matrix/client/v3/login", &request)
        .await?;
    let token = text(&answer, "access_token")?;
    Connection::new(arguments.server, &token)
        .get(FIRST_SYNC)
        .await
        .map(drop)
}

/// Writes until it is told to stop, and returns how long each message took.
async fn write(
    user: &mut User,
    room: &str,
    stopped: watch::Receiver<bool>,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while !*stopped.borrow() {
        tokio::time::sleep(PAUSE).await;
        let start = Instant::now();
        user.send(room).await?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}
