//! A registered user and the few things users do here.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use hyper::Method;
use serde_json::{Value, json};

use crate::connection::Connection;

/// The password that [`User::register`] gives everybody.
pub const PASSWORD: &str = "quite secret words";

pub struct User {
    /// `@name:server`.
    pub id: String,
    /// The requests of this user.
    pub connection: Connection,
    /// How many requests with a transaction id were made.
    transactions: u64,
}

impl User {
    /// Creates an account.
    pub async fn register(address: SocketAddr, name: &str) -> Result<Self> {
        let mut connection = Connection::new(address, "");
        let request = json!({
            "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" },
        });
        let answer = connection
            .json(Method::POST, "/_matrix/client/v3/register", &request)
            .await?;
        let token = text(&answer, "access_token")?;
        Ok(Self {
            id: text(&answer, "user_id")?,
            connection: Connection::new(address, &token),
            transactions: 0,
        })
    }

    /// Creates a room and returns its id.
    pub async fn create_room(&mut self, request: &Value) -> Result<String> {
        let answer = self
            .connection
            .json(Method::POST, "/_matrix/client/v3/createRoom", request)
            .await?;
        text(&answer, "room_id")
    }

    /// Creates a room that anybody may join.
    pub async fn create_public_room(&mut self, name: &str) -> Result<String> {
        self.create_room(&json!({ "preset": "public_chat", "name": name }))
            .await
    }

    /// Joins a room.
    pub async fn join(&mut self, room_id: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/join/{room_id}");
        self.connection
            .json(Method::POST, &path, &json!({}))
            .await
            .map(|_| ())
    }

    /// Sends a text of usual length and returns the event's id.
    pub async fn send(&mut self, room_id: &str) -> Result<String> {
        self.transactions += 1;
        let number = self.transactions;
        let path = format!("/_matrix/client/v3/rooms/{room_id}/send/m.room.message/{number}");
        let body = format!(
            "Message {number}: the lesson of tomorrow begins at nine in the violet auditorium."
        );
        let answer = self
            .connection
            .json(
                Method::PUT,
                &path,
                &json!({ "msgtype": "m.text", "body": body }),
            )
            .await?;
        text(&answer, "event_id")
    }

    /// Syncs from the beginning and returns the token to go on from.
    pub async fn first_sync(&mut self) -> Result<String> {
        let answer = self
            .connection
            .get("/_matrix/client/v3/sync?timeout=0")
            .await?;
        text(&serde_json::from_slice(&answer)?, "next_batch")
    }

    /// Syncs without waiting until nothing new comes, so that background work of earlier rows is over.
    pub async fn catch_up(&mut self) -> Result<String> {
        let mut since = self.first_sync().await?;
        loop {
            let path = format!("/_matrix/client/v3/sync?timeout=0&since={since}");
            let next = text(
                &serde_json::from_slice(&self.connection.get(&path).await?)?,
                "next_batch",
            )?;
            if next == since {
                return Ok(since);
            }
            since = next;
        }
    }
}

/// A field of an answer that has to be text.
pub fn text(answer: &Value, field: &str) -> Result<String> {
    answer[field]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no `{field}` in {answer}"))
}
