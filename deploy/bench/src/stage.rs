//! A server under load, with the users and rooms that rows share.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use anyhow::{Context as _, Result};

use crate::user::User;

/// How many users every server has.
const USERS: usize = 100;
/// How many rooms the account is in whose syncs are measured.
pub(crate) const ROOMS_OF_BUSY_USER: usize = 200;
const MESSAGES_IN_EACH: usize = 5;
/// The room whose history and members are read.
const MEMBERS_OF_READ_ROOM: usize = 50;
const MESSAGES_OF_READ_ROOM: usize = 250;

/// A homeserver that somebody else has started.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) process_ids: Vec<u32>,
}

impl FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('=');
        let mut part = || {
            parts
                .next()
                .context("a server is NAME=ADDRESS=PROCESS[,PROCESS…]")
        };
        let (name, address, ids) = (part()?, part()?, part()?);
        Ok(Self {
            name: name.to_owned(),
            address: address.parse()?,
            process_ids: ids.split(',').map(str::parse).collect::<Result<_, _>>()?,
        })
    }
}

/// Where the rows play.
pub(crate) struct Stage {
    pub(crate) server: Server,
    /// How long a row lasts.
    pub(crate) duration: Duration,
    pub(crate) users: Vec<User>,
    busy_user: Option<User>,
    crowded_room: Option<String>,
    read_room: Option<ReadRoom>,
    /// Counts names, so that none comes twice.
    names: usize,
}

/// A room with history.
#[derive(Clone)]
pub(crate) struct ReadRoom {
    pub(crate) id: String,
    /// An event in the middle.
    pub(crate) middle: String,
}

impl Stage {
    pub(crate) async fn new(server: Server, duration: Duration) -> Result<Self> {
        let mut users = Vec::new();
        for number in 0..USERS {
            users.push(User::register(server.address, &format!("user{number}")).await?);
        }
        Ok(Self {
            server,
            duration,
            users,
            busy_user: None,
            crowded_room: None,
            read_room: None,
            names: 0,
        })
    }

    /// A user who did nothing yet.
    pub(crate) async fn new_user(&mut self) -> Result<User> {
        self.names += 1;
        User::register(self.server.address, &format!("more{}", self.names)).await
    }

    /// A user in many rooms, all of them with a name and some messages.
    pub(crate) async fn busy_user(&mut self) -> Result<&mut User> {
        if self.busy_user.is_none() {
            let mut user = self.new_user().await?;
            for number in 0..ROOMS_OF_BUSY_USER {
                let room_id = user.create_public_room(&format!("Room {number}")).await?;
                for _ in 0..MESSAGES_IN_EACH {
                    user.send(&room_id).await?;
                }
            }
            self.busy_user = Some(user);
        }
        self.busy_user
            .as_mut()
            .context("the busy user was just made")
    }

    /// A room that all users are in.
    pub(crate) async fn crowded_room(&mut self) -> Result<String> {
        if self.crowded_room.is_none() {
            self.crowded_room = Some(new_room(&mut self.users).await?);
        }
        self.crowded_room
            .clone()
            .context("the crowded room was just made")
    }

    /// A room with history and members to read.
    pub(crate) async fn read_room(&mut self) -> Result<ReadRoom> {
        if self.read_room.is_none() {
            let members = &mut self.users[..MEMBERS_OF_READ_ROOM];
            let id = new_room(members).await?;
            let mut middle = String::new();
            for number in 0..MESSAGES_OF_READ_ROOM {
                let event_id = members[number % MEMBERS_OF_READ_ROOM].send(&id).await?;
                if number == MESSAGES_OF_READ_ROOM / 2 {
                    middle = event_id;
                }
            }
            self.read_room = Some(ReadRoom { id, middle });
        }
        self.read_room.clone().context("the room was just made")
    }
}

async fn new_room(members: &mut [User]) -> Result<String> {
    let (creator, others) = members
        .split_first_mut()
        .context("a room needs a creator")?;
    let room_id = creator.create_public_room("Violet auditorium").await?;
    for user in others {
        user.join(&room_id).await?;
    }
    Ok(room_id)
}
