//! How a worker learns of rows that were written for it.

use tokio::sync::watch;

use super::Storage;
use crate::ids::StreamPos;

/// Rung by whoever writes rows for a worker, from within the commit; heard once they can be read.
pub struct Doorbell(watch::Sender<StreamPos>);

impl Default for Doorbell {
    fn default() -> Self {
        Self(watch::Sender::new(StreamPos::ZERO))
    }
}

impl Doorbell {
    /// Says that rows are written at a position, or will be in a moment.
    pub fn ring(&self, position: StreamPos) {
        self.0.send_replace(position);
    }

    /// Somebody who listens. What was rung before is not heard: look for rows first.
    pub fn listen(&self, storage: &Storage) -> Listener {
        Listener {
            rung: self.0.subscribe(),
            published: storage.positions(),
        }
    }
}

/// Hears a [`Doorbell`].
pub struct Listener {
    rung: watch::Receiver<StreamPos>,
    published: watch::Receiver<StreamPos>,
}

impl Listener {
    /// Waits until there are rows that were not there when this was called last. Says whether there can be more.
    pub async fn next(&mut self) -> bool {
        if self.rung.changed().await.is_err() {
            return false;
        }
        let position = *self.rung.borrow_and_update();
        let readable = self.published.wait_for(|upto| *upto >= position).await;
        readable.is_ok()
    }
}
