//! An account in very many rooms.

use std::time::Instant;

use anyhow::{Result, ensure};
use hyper::Method;
use serde_json::json;

use crate::{Arguments, table::Table, user::User};

const SYNCS: usize = 5;
const WINDOW: usize = 20;

pub(crate) async fn measure(arguments: &Arguments, table: &mut Table) -> Result<()> {
    let rooms = arguments.rooms;
    eprintln!("creating {rooms} rooms");
    let mut user = User::register(arguments.server, "everywhere").await?;
    for number in 0..rooms {
        let room = user.create_public_room(&format!("Room {number}")).await?;
        user.send(&room).await?;
    }
    user.catch_up().await?;

    let (work, mut syncs) = (table.begin()?, Vec::new());
    for _ in 0..SYNCS {
        let start = Instant::now();
        user.first_sync().await?;
        syncs.push(start.elapsed());
    }
    table.end(&work, &format!("first sync, {rooms} rooms"), &syncs)?;

    let (work, mut syncs) = (table.begin()?, Vec::new());
    for number in 0..SYNCS {
        let start = Instant::now();
        let request = json!({
            "conn_id": format!("client{number}"),
            "lists": { "all": {
                "ranges": [[0, WINDOW - 1]],
                "timeline_limit": 1,
                "required_state": [["m.room.name", ""], ["m.room.member", "$LAZY"]],
            } },
        });
        let path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0";
        let answer = user.connection.json(Method::POST, path, &request).await?;
        ensure!(
            answer["lists"]["all"]["count"] == rooms,
            "the list has not all rooms"
        );
        syncs.push(start.elapsed());
    }
    table.end(
        &work,
        &format!("sliding sync, first {WINDOW} of {rooms} rooms"),
        &syncs,
    )
}
