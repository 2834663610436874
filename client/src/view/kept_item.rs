//! What is drawn of a message already, and stays while other things of it change: a model that is put into the place of
//! another has all its views made anew, and the keyboard leaves them.

use slint::{Model, ModelRc, VecModel};

use super::{ReactionItem, TimelineItem};
use crate::rows::{RowKind, TimelineRow};

/// The item of a row that has changed, with those models of what was drawn before that can go on.
pub(super) fn keep(
    was: &TimelineRow,
    drawn: &TimelineItem,
    row: &TimelineRow,
    mut item: TimelineItem,
) -> TimelineItem {
    let (RowKind::Message(before), RowKind::Message(now)) = (&was.kind, &row.kind) else {
        return item;
    };
    if was.id != row.id {
        return item;
    }
    if before.body == now.body {
        item.blocks = drawn.blocks.clone();
    }
    item.reactions = follow(&drawn.reactions, &item.reactions);
    item
}

/// Brings the reactions that are drawn up to those of now.
fn follow(drawn: &ModelRc<ReactionItem>, now: &ModelRc<ReactionItem>) -> ModelRc<ReactionItem> {
    let Some(model) = drawn.as_any().downcast_ref::<VecModel<ReactionItem>>() else {
        return now.clone();
    };
    while model.row_count() > now.row_count() {
        model.remove(model.row_count() - 1);
    }
    for (index, reaction) in now.iter().enumerate() {
        match model.row_data(index) {
            None => model.push(reaction),
            Some(before) if before != reaction => model.set_row_data(index, reaction),
            Some(_) => {}
        }
    }
    drawn.clone()
}
