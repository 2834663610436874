//! How many connections there may be.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use parking_lot::Mutex;

use super::address::Origin;

/// Open files that are kept free for the database, media and outgoing requests.
const OTHER_FILES: u64 = 1_024;
/// However many files the system allows, more connections than this need more memory than a small machine has.
const MOST: u64 = 20_000;

/// The open connections. Clones share them.
#[derive(Clone)]
pub struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    most: usize,
    by_origin: Mutex<ByOrigin>,
}

#[derive(Default)]
struct ByOrigin {
    total: usize,
    counts: HashMap<Origin, usize>,
}

impl Connections {
    /// As many connections as the system's limit on open files allows.
    pub fn new() -> Self {
        Self::at_most(open_files().saturating_sub(OTHER_FILES).clamp(64, MOST) as usize)
    }

    fn at_most(most: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                most,
                by_origin: Mutex::default(),
            }),
        }
    }

    /// A place for a connection from there; none if all are taken, or if that origin alone has half of them. Half is
    /// generous on purpose: a whole building can be behind one address.
    pub fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let origin = Origin::from(address);
        let mut connections = self.inner.by_origin.lock();
        let count = connections.counts.get(&origin).copied().unwrap_or(0);
        if connections.total >= self.inner.most || count >= self.inner.most / 2 {
            return None;
        }
        connections.total += 1;
        connections.counts.insert(origin, count + 1);
        Some(Admitted {
            connections: self.clone(),
            origin,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.inner.by_origin.lock().total
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::new()
    }
}

/// The place of one connection, free again when dropped.
pub struct Admitted {
    connections: Connections,
    origin: Origin,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut connections = self.connections.inner.by_origin.lock();
        connections.total -= 1;
        if let Entry::Occupied(mut count) = connections.counts.entry(self.origin) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Raises the limit on open files as far as the system lets us, and says where it is.
fn open_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let before = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit on open files stays as it is");
            limit.current = before;
        }
    }
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_gets_at_most_half() {
        let connections = Connections::at_most(10);
        let taken: Vec<_> = (0..5)
            .map(|_| connections.admit(ip("192.0.2.1")).unwrap())
            .collect();
        assert!(connections.admit(ip("192.0.2.1")).is_none());
        assert!(connections.admit(ip("192.0.2.2")).is_some());
        drop(taken);
        assert!(connections.admit(ip("192.0.2.1")).is_some());
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn all_addresses_together_get_no_more_than_there_is() {
        let connections = Connections::at_most(10);
        let taken: Vec<_> = (0..20)
            .filter_map(|n| connections.admit(ip(&format!("192.0.2.{n}"))))
            .collect();
        assert_eq!(taken.len(), 10);
        assert_eq!(connections.count(), 10);
    }
}
