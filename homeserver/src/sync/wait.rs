//! Waiting until there is something to tell.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::{
    Server,
    ids::{RoomNid, StreamPos, UserNid},
    rooms::rows::Membership,
    storage::{Result, Snapshot, tables},
};

/// The longest a poll waits, whatever the client asks for.
const LONGEST: Duration = Duration::from_secs(300);

/// A user's poll.
pub struct Poll<'a> {
    server: &'a Server,
    user: UserNid,
    wakes: tokio::sync::watch::Receiver<StreamPos>,
    until: Instant,
}

impl<'a> Poll<'a> {
    /// Begins a poll that waits for `timeout` at most.
    pub fn begin(server: &'a Server, user: UserNid, timeout: Option<Duration>) -> Result<Self> {
        let wakes = server
            .hub
            .attach(user, || rooms_of(&server.storage.snapshot(), user))?;
        let until = Instant::now() + timeout.unwrap_or_default().min(LONGEST);
        Ok(Self {
            server,
            user,
            wakes,
            until,
        })
    }

    /// The newest position and whether there may be something after `since`; waits for that until the time is over.
    pub async fn next(&mut self, since: StreamPos) -> (StreamPos, bool) {
        loop {
            // What changes from here on wakes this poll.
            self.wakes.mark_unchanged();
            // The position first: everything up to it is in the hub.
            let position = self.server.storage.position();
            let may_have_news = position > since && self.server.hub.changed(self.user, since);
            if may_have_news || self.is_over() {
                return (position, may_have_news);
            }
            // However the wait ends: look again.
            tokio::select! {
                _ = self.wakes.changed() => {}
                () = sleep_until(self.until) => {}
                () = self.server.jobs.stopping() => self.until = Instant::now(),
            }
        }
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

fn rooms_of(snapshot: &Snapshot<'_>, user: UserNid) -> Result<Vec<RoomNid>> {
    let mut rooms = Vec::new();
    for row in tables::USER_ROOM.scan(snapshot, (user,))? {
        let ((_, room), row) = row?;
        if matches!(
            row.membership,
            Membership::Join | Membership::Invite | Membership::Knock
        ) {
            rooms.push(room);
        }
    }
    Ok(rooms)
}
