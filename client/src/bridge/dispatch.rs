//! The one task on the UI thread that takes updates from the session.

use slint::{EventLoopError, JoinHandle};
use tokio::sync::mpsc;

use super::update::Update;

/// Updates applied before the event loop may draw again.
const BATCH: usize = 256;

/// Hands every update to `apply`, on the UI thread, until the session has ended. All updates that have arrived are
/// applied together, so that a burst of them costs one frame.
///
/// # Errors
/// When there is no event loop.
pub fn drain(
    mut updates: mpsc::Receiver<Update>,
    mut apply: impl FnMut(Update) + 'static,
) -> Result<JoinHandle<()>, EventLoopError> {
    // Receiving needs no tokio runtime: the channel wakes whoever polls it.
    slint::spawn_local(async move {
        let mut batch = Vec::with_capacity(BATCH);
        while updates.recv_many(&mut batch, BATCH).await > 0 {
            for update in batch.drain(..) {
                apply(update);
            }
        }
    })
}
