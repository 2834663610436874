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
            for update in merged(batch.drain(..)) {
                apply(update);
            }
        }
    })
}

/// Puts changes of the room list that follow each other into one. Whoever is in thousands of rooms gets thousands of
/// them at once, and each is shown by looking at the whole list.
fn merged(updates: impl IntoIterator<Item = Update>) -> Vec<Update> {
    let mut merged = Vec::new();
    for update in updates {
        match (merged.last_mut(), update) {
            (Some(Update::Rooms(changes)), Update::Rooms(more)) => changes.extend(more),
            (_, update) => merged.push(update),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use eyeball_im::VectorDiff;

    use super::*;

    #[test]
    fn changes_of_the_room_list_that_follow_each_other_are_one() {
        let rooms = |length| Update::Rooms(vec![VectorDiff::Truncate { length }]);
        let updates = [
            rooms(3),
            rooms(2),
            Update::RoomsComplete,
            rooms(1),
            rooms(0),
        ];
        let merged = merged(updates);
        let [
            Update::Rooms(first),
            Update::RoomsComplete,
            Update::Rooms(last),
        ] = &merged[..]
        else {
            panic!("{merged:?}");
        };
        assert_eq!((first.len(), last.len()), (2, 2));
    }
}
