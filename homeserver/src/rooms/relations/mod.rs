//! Events that refer to others: edits, threads, references, annotations.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events)
//!
//! With every related event go rows from which each reader takes what they need by key: the children of an event by
//! kind of relation, its edits in the order that says which is newest, and a row of counts that tells at once whether
//! there is anything to look for. So a thread costs as much to show with ten thousand replies as with ten.

pub mod bundle;
pub mod filter;
mod index;
mod list;
pub(super) mod recent;
mod recurse;
mod rules;
mod thread;
pub mod threads;

use ruma::EventId;
use serde::Deserialize;

pub use self::{
    index::{Aggregate, RelatedRow},
    list::{RelationsPage, RelationsQuery},
};
pub(super) use self::{
    index::{erase, forget, forget_children, record, record_past},
    rules::check,
};
use crate::events::Pdu;

/// An edit.
pub const REPLACE: &str = "m.replace";
/// A message in a thread.
pub const THREAD: &str = "m.thread";
/// A mention without further meaning.
pub const REFERENCE: &str = "m.reference";
/// A reaction.
pub const ANNOTATION: &str = "m.annotation";

/// Bytes of the longest kind of relation that is followed.
const MAX_TYPE: usize = 255;

/// How an event refers to another one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Relation {
    /// The kind of relation, such as `m.thread`.
    pub rel_type: String,
    /// The event it refers to.
    pub event_id: String,
    /// What an annotation says.
    #[serde(default)]
    key: Option<serde_json::Value>,
}

impl Relation {
    /// What an annotation says.
    fn key(&self) -> Option<&str> {
        self.key.as_ref()?.as_str()
    }

    /// The event it refers to, if it can be one.
    fn parent(&self) -> Option<&EventId> {
        let is_bounded = self.rel_type.len() <= MAX_TYPE;
        <&EventId>::try_from(self.event_id.as_str())
            .ok()
            .filter(|_| is_bounded)
    }
}

/// The relation in an event's content, if it has a well-formed one.
pub fn relation_of(pdu: &Pdu) -> Option<Relation> {
    relation_in(pdu.content().get())
}

fn relation_in(content: &str) -> Option<Relation> {
    #[derive(Deserialize)]
    struct Content {
        #[serde(rename = "m.relates_to")]
        relates_to: Option<Relation>,
    }
    if !content.contains("m.relates_to") {
        return None;
    }
    serde_json::from_str::<Content>(content).ok()?.relates_to
}

/// How far children of children are followed, for a client that says whether it wants them.
pub fn recursion_depth(recurse: bool) -> ruma::UInt {
    if recurse {
        recurse::DEPTH.into()
    } else {
        ruma::uint!(0)
    }
}

pub(super) use self::thread::ancestry;
