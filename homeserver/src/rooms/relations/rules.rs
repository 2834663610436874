//! Relations that this server does not let its users make.

use ruma::{OwnedEventId, api::error::ErrorKind};

use super::{ANNOTATION, Relation, THREAD, index::annotation_key, relation_in, relation_of};
use crate::{
    error::{ApiError, ApiResult},
    events::Draft,
    rooms::{rows::Membership, txn::Txn},
};

/// Refuses a second annotation that says the same, and threads within threads.
pub(in crate::rooms) fn check(txn: &Txn<'_>, draft: &Draft) -> ApiResult<()> {
    let Some(relation) = relation_in(draft.content.get()) else {
        return Ok(());
    };
    let Some(parent) = relation.parent().map(ToOwned::to_owned) else {
        return Ok(());
    };
    // Who is not in the room is refused for that, and learns nothing of its events.
    if txn.membership(&draft.sender)? != Some(Membership::Join) {
        return Ok(());
    }
    match &*relation.rel_type {
        ANNOTATION => check_annotation(txn, draft, &relation, &parent),
        THREAD => check_thread(txn, &parent),
        _ => Ok(()),
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations)
fn check_annotation(
    txn: &Txn<'_>,
    draft: &Draft,
    relation: &Relation,
    parent: &OwnedEventId,
) -> ApiResult<()> {
    let Some(key) = relation.key() else {
        return Ok(());
    };
    let sender = txn.rooms.storage().interner().user(&draft.sender)?;
    let key = annotation_key(parent, sender, &draft.event_type.to_string(), key);
    match txn.annotation(&key)? {
        None => Ok(()),
        Some(_) => Err(ApiError::bad_request(
            ErrorKind::DuplicateAnnotation,
            "You have annotated this event with the same key already.",
        )),
    }
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#validation-of-mthread-relationships)
fn check_thread(txn: &Txn<'_>, root: &OwnedEventId) -> ApiResult<()> {
    let root = txn.rooms.event_by_id(txn.snapshot, root)?;
    let is_child = root
        .filter(|root| root.row.room == txn.room)
        .is_some_and(|root| relation_of(&root.pdu).is_some());
    if is_child {
        return Err(ApiError::bad_request(
            ErrorKind::Unknown,
            "A thread cannot begin with an event that itself relates to another one.",
        ));
    }
    Ok(())
}
