//! Naming a picture or file without giving away how to open it.

use std::{fmt, sync::Arc};

/// Names a picture or file on the server. Opaque to the views: compare it, keep it, send it back. For encrypted files
/// it carries the key, so it is never printed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaKey(Arc<str>);

impl MediaKey {
    /// Wraps the session's own description of the source.
    #[must_use]
    pub fn new(source: &str) -> Self {
        Self(source.into())
    }

    /// The session's description of the source.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaKey(…)")
    }
}
