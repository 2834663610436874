//! The session's end of the way up.

use std::future::Future;

use tokio::sync::mpsc;

use crate::bridge::{
    command::RequestId,
    trouble::Trouble,
    update::{Answer, Update},
};

/// Sends updates to the UI thread. When the channel is full (the UI is busy), sending waits: nothing is dropped and
/// memory stays bounded.
#[derive(Clone)]
pub(super) struct Outbox {
    updates: mpsc::Sender<Update>,
}

impl Outbox {
    pub(super) fn new(updates: mpsc::Sender<Update>) -> Self {
        Self { updates }
    }

    pub(super) async fn send(&self, update: Update) {
        if self.updates.send(update).await.is_err() {
            tracing::debug!("an update came after the window had closed");
        }
    }

    /// Answers a command.
    pub(super) async fn answer(&self, request: RequestId, result: Result<Answer, Trouble>) {
        if let Err(trouble) = &result {
            tracing::info!(?trouble, "a command failed");
        }
        self.send(Update::Answered { request, result }).await;
    }

    /// Runs what may take long beside everything else, and answers when it is done.
    pub(super) fn answer_later(
        &self,
        request: RequestId,
        work: impl Future<Output = Result<Answer, Trouble>> + Send + 'static,
    ) {
        let outbox = self.clone();
        tokio::spawn(async move { outbox.answer(request, work.await).await });
    }
}
