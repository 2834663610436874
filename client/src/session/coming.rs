//! Tells how many rooms have come at a first sign-in: of thousands, the last come minutes after the first.

use std::{pin::Pin, time::Duration};

use matrix_sdk::{Client, RoomState};
use tokio::time::{Sleep, sleep};

use super::outbox::Outbox;
use crate::bridge::update::Update;

/// So few are here before anybody has read that they are coming.
const FEW: usize = 100;

/// When nothing has come for so long, nothing is said of it until more comes: the server may have counted something that
/// is not told.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many rooms are here, and how many there are.
pub(super) struct Coming {
    client: Client,
    outbox: Outbox,
    here: usize,
    /// As many as the server has counted, while more are on their way.
    all: Option<usize>,
    /// Whether somebody reads that they are coming.
    told: bool,
    late: Pin<Box<Sleep>>,
}

impl Coming {
    pub(super) fn new(client: &Client, outbox: Outbox) -> Self {
        Self {
            client: client.clone(),
            outbox,
            here: 0,
            all: None,
            told: false,
            late: Box::pin(sleep(PATIENCE)),
        }
    }

    /// The server has counted the rooms.
    pub(super) async fn expect(&mut self, all: Option<u32>) {
        let all = all.and_then(|all| usize::try_from(all).ok());
        self.all = all.filter(|all| *all > self.known() + FEW);
        self.tell().await;
    }

    /// Tells it if more have come.
    pub(super) async fn tell(&mut self) {
        let Some(all) = self.all else { return };
        let here = self.known();
        if here >= all {
            self.end().await;
        } else if here != self.here {
            self.here = here;
            self.told = true;
            self.late = Box::pin(sleep(PATIENCE));
            self.outbox.send(Update::RoomsComing { here, all }).await;
        }
    }

    /// Waits until nothing has come for a long time; for ever when nothing is said of it.
    pub(super) async fn is_late(&mut self) {
        match self.told {
            true => self.late.as_mut().await,
            false => std::future::pending().await,
        }
    }

    /// Says no more of it.
    pub(super) async fn pause(&mut self) {
        self.told = false;
        if let Some(all) = self.all {
            let update = Update::RoomsComing { here: all, all };
            self.outbox.send(update).await;
        }
    }

    /// No more are expected.
    async fn end(&mut self) {
        self.pause().await;
        self.all = None;
    }

    fn known(&self) -> usize {
        let rooms = self.client.rooms().into_iter();
        let is_left = |state| matches!(state, RoomState::Left | RoomState::Banned);
        rooms.filter(|room| !is_left(room.state())).count()
    }
}
