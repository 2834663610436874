//! Older messages: whether there are any, and those fetched unasked.

use futures_util::{Stream, StreamExt};
use matrix_sdk::event_cache::PaginationStatus;
use matrix_sdk_ui::timeline::Timeline;

use super::Task;
use crate::bridge::update::Pagination;

/// Messages asked for at once when paging back.
pub(super) const PAGE: u16 = 50;
/// With fewer messages than this, a page is fetched unasked.
const ENOUGH: usize = 20;

/// Pages fetched unasked: where thousands have come and nobody says anything, the past has no end.
const UNASKED: u8 = 20;

impl Task {
    /// Fetches a page when there is next to nothing to read: in a room just joined, and after a gap (the server has
    /// forgotten how far this session was), when the SDK shows only what is certain to be whole.
    pub(super) fn fill(&mut self, pagination: Pagination) {
        let is_filling = self
            .filling
            .as_ref()
            .is_some_and(|task| !task.is_finished());
        let Some(rows) = self.rows.shown() else {
            return;
        };
        if rows.messages() >= ENOUGH {
            self.filled = 0;
            return;
        }
        if pagination != Pagination::Idle || is_filling || self.filled >= UNASKED {
            return;
        }
        self.filled += 1;
        let timeline = self.timeline.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = timeline.paginate_backwards(PAGE).await {
                tracing::info!(%error, "the first page of older messages did not come");
            }
        });
        self.filling = Some(task.abort_handle());
    }
}

pub(super) async fn pagination_of(
    timeline: &Timeline,
) -> (Pagination, impl Stream<Item = Pagination> + Unpin + use<>) {
    match timeline.live_back_pagination_status().await {
        Some((first, stream)) => (shown(&first), stream.map(|status| shown(&status)).boxed()),
        // Only timelines that are not live have none.
        None => (Pagination::AtStart, futures_util::stream::pending().boxed()),
    }
}

fn shown(status: &PaginationStatus) -> Pagination {
    match status {
        PaginationStatus::Paginating => Pagination::Loading,
        PaginationStatus::Idle {
            hit_timeline_start: true,
        } => Pagination::AtStart,
        PaginationStatus::Idle {
            hit_timeline_start: false,
        } => Pagination::Idle,
    }
}
