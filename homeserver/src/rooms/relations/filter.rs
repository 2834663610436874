//! Choosing events by their relations: for clients that show threads apart from the main timeline.
//! [MSC3440](https://github.com/matrix-org/matrix-spec-proposals/pull/3440),
//! [MSC3874](https://github.com/matrix-org/matrix-spec-proposals/pull/3874)

use ruma::OwnedUserId;
use serde::Deserialize;

use super::relation_of;
use crate::{
    error::{ApiError, ApiResult},
    ids::UserNid,
    rooms::{Rooms, event::RoomEvent},
    storage::{Result, Snapshot, tables},
};

/// Children that are looked at to find one of a certain sender.
const SCAN_LIMIT: usize = 1_000;

/// The part of a filter that is about relations. Each condition that is absent or empty lets everything through.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RelationFilter {
    /// Relations that events must have; null stands for none.
    #[serde(default, alias = "org.matrix.msc3874.rel_types")]
    rel_types: Option<Vec<Option<String>>>,
    /// Relations that events must not have.
    #[serde(default, alias = "org.matrix.msc3874.not_rel_types")]
    not_rel_types: Option<Vec<Option<String>>>,
    /// Relations of which an event must be the target.
    #[serde(default, alias = "io.element.relation_types")]
    related_by_rel_types: Option<Vec<String>>,
    /// Senders of whom an event must have children.
    #[serde(default, alias = "io.element.relation_senders")]
    related_by_senders: Option<Vec<OwnedUserId>>,
}

impl RelationFilter {
    /// What a filter for the events of a room says of relations.
    pub fn parse(filter: &str) -> ApiResult<Self> {
        serde_json::from_str(filter).map_err(|error| {
            ApiError::invalid_param(format!("The filter cannot be understood: {error}."))
        })
    }

    /// Whether every event is taken.
    pub fn takes_all(&self) -> bool {
        self.rel_types.is_none()
            && list(&self.not_rel_types).is_empty()
            && list(&self.related_by_rel_types).is_empty()
            && list(&self.related_by_senders).is_empty()
    }

    /// Whether an event is taken.
    pub fn takes(&self, rooms: &Rooms, snapshot: &Snapshot<'_>, event: &RoomEvent) -> Result<bool> {
        Ok(self.takes_all()
            || self.takes_relation(event) && self.takes_parent(rooms, snapshot, event)?)
    }

    fn takes_relation(&self, event: &RoomEvent) -> bool {
        if self.rel_types.is_none() && self.not_rel_types.is_none() {
            return true;
        }
        let own = relation_of(&event.pdu).map(|relation| relation.rel_type);
        let unwanted = list(&self.not_rel_types).contains(&own);
        !unwanted
            && self
                .rel_types
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&own))
    }

    fn takes_parent(
        &self,
        rooms: &Rooms,
        snapshot: &Snapshot<'_>,
        event: &RoomEvent,
    ) -> Result<bool> {
        let (rel_types, senders) = (
            list(&self.related_by_rel_types),
            list(&self.related_by_senders),
        );
        if rel_types.is_empty() && senders.is_empty() {
            return Ok(true);
        }
        let key = (event.row.room, event.id());
        if !tables::AGGREGATE.contains(snapshot, key)? {
            return Ok(false);
        }
        let mut wanted = Vec::new();
        for sender in senders {
            wanted.extend(rooms.storage().interner().find_user(sender)?);
        }
        let by_wanted = |sender| senders.is_empty() || wanted.contains(&sender);
        if rel_types.is_empty() {
            let rows = tables::RELATED.scan(snapshot, key)?;
            return has_sender(rows.map(|row| row.map(|(_, child)| child.1)), by_wanted);
        }
        for rel_type in rel_types {
            let rows = tables::RELATED.scan(snapshot, (key.0, key.1, rel_type))?;
            if has_sender(rows.map(|row| row.map(|(_, child)| child.1)), by_wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn has_sender(
    senders: impl Iterator<Item = Result<UserNid>>,
    is_wanted: impl Fn(UserNid) -> bool,
) -> Result<bool> {
    for sender in senders.take(SCAN_LIMIT) {
        if is_wanted(sender?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn list<T>(given: &Option<Vec<T>>) -> &[T] {
    given.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_without_relations_takes_everything() {
        for filter in [
            "{}",
            r#"{"types":["m.room.message"],"limit":5}"#,
            r#"{"related_by_senders":[],"not_rel_types":[]}"#,
        ] {
            assert!(
                RelationFilter::parse(filter).unwrap().takes_all(),
                "{filter}"
            );
        }
    }

    #[test]
    fn older_names_mean_the_same() {
        for filter in [
            r#"{"related_by_rel_types":["m.thread"]}"#,
            r#"{"io.element.relation_types":["m.thread"]}"#,
            r#"{"org.matrix.msc3874.not_rel_types":["m.thread"]}"#,
        ] {
            assert!(
                !RelationFilter::parse(filter).unwrap().takes_all(),
                "{filter}"
            );
        }
    }

    #[test]
    fn a_filter_of_another_shape_is_refused() {
        for filter in [r#"{"related_by_senders":["nobody"]}"#, r#"{"rel_types":5}"#] {
            assert!(RelationFilter::parse(filter).is_err(), "{filter}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_filter_or_refused(
            text in crate::any_input::text_like(&[
                r#"{"rel_types":["m.thread"],"not_rel_types":[null],"related_by_senders":["@a:b.example"],"related_by_rel_types":["m.annotation"]}"#,
            ]),
        ) {
            drop(RelationFilter::parse(&text));
            drop(serde_json::from_str::<ruma::api::client::filter::FilterDefinition>(&text));
        }
    }
}
