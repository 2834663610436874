//! Which member events clients that load members lazily have been told already.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#lazy-loading-room-members)
//!
//! Kept in memory, for a bounded number of devices: who is forgotten is told members once more. An answer may be lost on
//! its way, so what it told counts only for requests that come with its token or a later one.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::OwnedDeviceId;

use crate::ids::{EventNid, StreamPos, UserNid};

/// Devices that are remembered.
const DEVICES: usize = 4_000;
/// Member events remembered of one device; at more, it begins anew.
const MEMBERS: usize = 5_000;

/// What devices were told.
pub struct LazyMembers {
    devices: Cache<(UserNid, OwnedDeviceId), Arc<Mutex<ToldMembers>>>,
}

impl Default for LazyMembers {
    fn default() -> Self {
        Self {
            devices: Cache::new(DEVICES),
        }
    }
}

/// The member events one device was told, each with the position of the answer.
#[derive(Default)]
pub struct ToldMembers {
    events: HashMap<EventNid, StreamPos>,
}

impl LazyMembers {
    /// What a device was told that comes with this token.
    pub fn of(
        &self,
        user: UserNid,
        device: &OwnedDeviceId,
        since: Option<StreamPos>,
    ) -> Arc<Mutex<ToldMembers>> {
        let key = (user, device.clone());
        let told = match self.devices.get(&key) {
            Some(told) => told,
            None => {
                let told = Arc::default();
                self.devices.insert(key, Arc::clone(&told));
                told
            }
        };
        told.lock().go_back_to(since);
        told
    }
}

impl ToldMembers {
    /// Forgets answers after a token: the client has not received them.
    fn go_back_to(&mut self, since: Option<StreamPos>) {
        match since {
            Some(since) => self.events.retain(|_, told| *told <= since),
            None => self.events.clear(),
        }
    }

    /// Notes that an answer tells an event. Returns whether the client has it already.
    pub fn tell(&mut self, event: EventNid, upto: StreamPos) -> bool {
        if self.events.contains_key(&event) {
            return true;
        }
        if self.events.len() >= MEMBERS {
            self.events.clear();
        }
        self.events.insert(event, upto);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_told_is_known_once_the_client_comes_back_with_its_token() {
        let lazy = LazyMembers::default();
        let (user, device) = (UserNid(1), OwnedDeviceId::from("D"));
        let ask = |since: Option<u64>| lazy.of(user, &device, since.map(StreamPos));
        assert!(!ask(None).lock().tell(EventNid(1), StreamPos(5)));
        // The answer was lost: the client begins anew.
        assert!(!ask(None).lock().tell(EventNid(1), StreamPos(6)));
        assert!(ask(Some(6)).lock().tell(EventNid(1), StreamPos(7)));
        assert!(!ask(Some(6)).lock().tell(EventNid(2), StreamPos(7)));
        // The client comes with an older token.
        assert!(!ask(Some(6)).lock().tell(EventNid(2), StreamPos(8)));
        assert!(ask(Some(8)).lock().tell(EventNid(2), StreamPos(9)));
    }
}
