//! Creating and joining rooms.

use anyhow::Result;
use serde_json::json;

use crate::{
    meter::{Sample, closed_loop},
    stage::Stage,
    user::User,
};

const CREATORS: usize = 8;
/// Rooms to join, for each user, in one run.
const ROOMS: usize = 20;
/// How many users take turns in joining on one worker.
const USERS_IN_TURN: usize = 6;

pub(super) async fn create(stage: &mut Stage) -> Result<Sample> {
    let creators = &mut stage.users[..CREATORS];
    closed_loop(
        &stage.server,
        creators,
        stage.duration,
        async |user: &mut User| {
            user.create_room(&json!({ "preset": "private_chat", "name": "Class 10b" }))
                .await?;
            Ok(true)
        },
    )
    .await
}

/// Users and the rooms they are still to join.
struct Joiners<'a> {
    users: &'a mut [User],
    rooms: &'a [String],
    joined: usize,
}

pub(super) async fn join(stage: &mut Stage) -> Result<Sample> {
    let mut creator = stage.new_user().await?;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(creator.create_public_room("Lecture").await?);
    }
    let joiners = stage.users.chunks_mut(USERS_IN_TURN);
    let mut joiners: Vec<_> = joiners
        .map(|users| Joiners {
            users,
            rooms: &rooms,
            joined: 0,
        })
        .collect();
    closed_loop(
        &stage.server,
        &mut joiners,
        stage.duration,
        async |joiners: &mut Joiners<'_>| {
            let (room, user) = (
                joiners.joined / joiners.users.len(),
                joiners.joined % joiners.users.len(),
            );
            let Some(room_id) = joiners.rooms.get(room) else {
                return Ok(false);
            };
            joiners.users[user].join(room_id).await?;
            joiners.joined += 1;
            Ok(true)
        },
    )
    .await
}
