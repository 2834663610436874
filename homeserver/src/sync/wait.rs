//! Waiting until there is something to tell.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::{
    Server,
    hub::News,
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
    /// Names the session among those of the user.
    session: String,
    /// Whether presence is told to it.
    presence: bool,
    wakes: tokio::sync::watch::Receiver<StreamPos>,
    until: Instant,
}

impl<'a> Poll<'a> {
    /// Begins a poll that waits for `timeout` at most. `session` names it among those of the user.
    pub fn begin(
        server: &'a Server,
        user: UserNid,
        session: String,
        timeout: Option<Duration>,
    ) -> Result<Self> {
        let wakes = server
            .hub
            .attach(user, || rooms_of(&server.storage.snapshot(), user))?;
        let until = Instant::now() + timeout.unwrap_or_default().min(LONGEST);
        Ok(Self {
            server,
            user,
            session,
            presence: false,
            wakes,
            until,
        })
    }

    /// The same for a session that is told of presence, or is not.
    pub fn with_presence(self, presence: bool) -> Self {
        Self { presence, ..self }
    }

    /// The newest position and whether there may be something after `since`; waits for that until the time is over.
    pub async fn next(&mut self, since: StreamPos) -> (StreamPos, bool) {
        loop {
            // What changes from here on wakes this poll.
            self.wakes.mark_unchanged();
            // The position first: everything up to it is in the hub.
            let position = self.server.storage.position();
            let news = if position > since {
                self.news(since)
            } else {
                News::Nothing
            };
            if news == News::Urgent || self.is_over() {
                return (position, news != News::Nothing);
            }
            let mut until = self.until;
            if news == News::Ephemeral {
                // Somebody who answers each poll with the next one would otherwise be told of every single receipt.
                match self.server.hub.pause(self.user, &self.session) {
                    Some(end) => until = until.min(end),
                    None => {
                        self.server.hub.begin_pause(self.user, &self.session);
                        return (position, true);
                    }
                }
            }
            // However the wait ends: look again.
            tokio::select! {
                _ = self.wakes.changed() => {}
                () = sleep_until(until) => {}
                () = self.server.jobs.stopping() => self.until = Instant::now(),
            }
        }
    }

    /// Lets the answer to what this session has just sent get ahead of the news of it. Whoever does not wait for news
    /// has that answer already.
    pub async fn let_answer_pass(&self) {
        if let Some(until) = self.server.hub.echo_pause(self.user, &self.session) {
            sleep_until(until.min(self.until)).await;
        }
    }

    fn news(&self, since: StreamPos) -> News {
        let hub = &self.server.hub;
        match hub.news(self.user, since) {
            News::Nothing if self.presence && hub.presence_changed(self.user, since) => {
                News::Ephemeral
            }
            news => news,
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
