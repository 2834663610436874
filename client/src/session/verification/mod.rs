//! Comparing seven pictures with another computer of one's own, or with another person.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#short-authentication-string-sas-verification)
//!
//! One comparison at a time: it is a dialog that somebody looks at. Whoever asked also starts it; if they do not, this
//! side does after a moment, because some clients wait for that.

mod events;

use std::time::Duration;

use futures_util::StreamExt;
use matrix_sdk::{
    Client, Error,
    encryption::{
        identities::Device,
        verification::{
            CancelInfo, SasState, SasVerification, Verification, VerificationRequest,
            VerificationRequestState,
        },
    },
    ruma::{
        DeviceId, OwnedUserId, UserId,
        events::key::verification::{VerificationMethod, cancel::CancelCode},
    },
};
use matrix_sdk_base::BaseClient;
use tokio::sync::mpsc;

use self::events::Events;
use super::{direct::DirectChats, followed::Followed, outbox::Outbox};
use crate::{
    bridge::{
        command::{RequestId, VerificationCommand},
        trouble::Trouble,
        update::{Answer, Update},
    },
    render::names,
    rows::{Trust, VerificationEnd, VerificationRow, VerificationStage},
};

/// How long to wait for the side that asked to start the comparison.
const THEIR_TURN: Duration = Duration::from_secs(3);

/// What a comparison is told.
pub(super) enum Step {
    /// Somebody here does something.
    Command(RequestId, VerificationCommand),
    /// Somebody elsewhere asks for a comparison.
    Asked(Box<VerificationRequest>),
}

/// Runs comparisons for as long as the session lives.
pub(super) async fn run(
    client: Client,
    (direct, followed): (DirectChats, Followed),
    base: BaseClient,
    steps: mpsc::UnboundedSender<Step>,
    mut coming: mpsc::UnboundedReceiver<Step>,
    outbox: Outbox,
) {
    let events = Events::listen(client.clone(), base, steps);
    let comparisons = compare(&client, (&direct, &followed), &mut coming, &outbox);
    tokio::select! {
        () = events.run() => {}
        () = comparisons => {}
    }
}

async fn compare(
    client: &Client,
    (direct, followed): (&DirectChats, &Followed),
    coming: &mut mpsc::UnboundedReceiver<Step>,
    outbox: &Outbox,
) {
    while let Some(step) = coming.recv().await {
        let request = match step {
            Step::Asked(request) => *request,
            Step::Command(id, VerificationCommand::Start { user }) => {
                match ask(client, direct, user).await {
                    Ok(request) => {
                        outbox.answer(id, Ok(Answer::Done)).await;
                        request
                    }
                    Err(trouble) => {
                        outbox.answer(id, Err(trouble)).await;
                        continue;
                    }
                }
            }
            Step::Command(id, _) => {
                // The comparison that it was about has ended.
                outbox.send(Update::Verification(None)).await;
                outbox.answer(id, Ok(Answer::Done)).await;
                continue;
            }
        };
        followed
            .compare_in(request.room_id().map(ToOwned::to_owned))
            .await;
        let comparison = Comparison {
            name: name_of(client, &request).await,
            request,
            sas: None,
            shown: None,
            outbox,
        };
        comparison.run(coming).await;
        followed.compare_in(None).await;
    }
}

/// How far somebody is to be trusted.
pub(super) async fn trust(client: &Client, user: OwnedUserId) -> Result<Answer, Trouble> {
    let identity = client.encryption().request_user_identity(&user).await?;
    Ok(Answer::Trust(match identity {
        None => Trust::Unknown,
        Some(identity) if identity.has_verification_violation() => Trust::Changed,
        Some(identity) if identity.is_verified() => Trust::Compared,
        Some(_) => Trust::NotCompared,
    }))
}

async fn ask(
    client: &Client,
    direct: &DirectChats,
    user: Option<OwnedUserId>,
) -> Result<VerificationRequest, Trouble> {
    let own = client.user_id().ok_or(Trouble::SessionEnded)?;
    let user = user.as_deref().unwrap_or(own);
    let methods = vec![VerificationMethod::SasV1];
    if user == own
        && let Some(device) = not_compared(client, own).await?
    {
        return Ok(device.request_verification_with_methods(methods).await?);
    }
    let identity = client.encryption().request_user_identity(user).await?;
    let identity = identity.ok_or(Trouble::NotFound)?;
    if user != own {
        // The request goes there, and the SDK would make a chat of its own.
        direct.with(user).await?;
    }
    identity
        .request_verification_with_methods(methods)
        .await
        .map_err(|error| Trouble::Other(error.to_string()))
}

/// The computer that a trusted one is to be compared with: of those which are not trusted yet, the one that was in use
/// last. The SDK by itself asks only those that are trusted, which is right where this one is not.
async fn not_compared(client: &Client, own: &UserId) -> Result<Option<Device>, Trouble> {
    let encryption = client.encryption();
    let this = encryption.get_own_device().await.map_err(Error::from)?;
    if !this.is_some_and(|this| this.is_verified_with_cross_signing()) {
        return Ok(None);
    }
    let others = encryption.get_user_devices(own).await?;
    let mut others: Vec<_> = others
        .devices()
        .filter(|device| !device.is_verified_with_cross_signing() && !device.is_dehydrated())
        .collect();
    if others.len() > 1 {
        let known = client.devices().await?.devices;
        let last_seen = |id: &DeviceId| {
            known
                .iter()
                .find(|device| device.device_id == id)?
                .last_seen_ts
        };
        others.sort_by_key(|device| last_seen(device.device_id()));
    }
    Ok(others.pop())
}

/// The person, or the own computer, at the other end.
async fn name_of(client: &Client, request: &VerificationRequest) -> String {
    if request.is_self_verification() {
        return String::new();
    }
    let user = request.other_user_id();
    let room = request.room_id().and_then(|room| client.get_room(room));
    let member = match room {
        Some(room) => room.get_member_no_sync(user).await.ok().flatten(),
        None => None,
    };
    member.map_or_else(
        || user.localpart().to_owned(),
        |member| names::person(member.name(), user.as_str()),
    )
}

struct Comparison<'a> {
    name: String,
    request: VerificationRequest,
    sas: Option<SasVerification>,
    shown: Option<VerificationStage>,
    outbox: &'a Outbox,
}

impl Comparison<'_> {
    async fn run(mut self, coming: &mut mpsc::UnboundedReceiver<Step>) {
        let mut request_changes = Box::pin(self.request.changes());
        let mut sas_changes = futures_util::stream::pending::<SasState>().boxed();
        loop {
            if self.sas.is_none()
                && let VerificationRequestState::Transitioned {
                    verification: Verification::SasV1(sas),
                } = self.request.state()
            {
                sas_changes = sas.changes().boxed();
                self.began(sas).await;
            }
            let stage = self.stage();
            let ended = matches!(stage, VerificationStage::Ended(_));
            self.show(stage).await;
            if ended {
                return;
            }
            let ready = self.sas.is_none()
                && matches!(self.request.state(), VerificationRequestState::Ready { .. });
            let patience = match self.request.we_started() {
                true => Duration::ZERO,
                false => THEIR_TURN,
            };
            tokio::select! {
                step = coming.recv() => match step {
                    Some(step) => self.decide(step).await,
                    None => return,
                },
                Some(_) = request_changes.next() => {}
                Some(_) = sas_changes.next() => {}
                () = tokio::time::sleep(patience), if ready => self.start().await,
            }
        }
    }

    async fn start(&mut self) {
        if let Err(error) = self.request.start_sas().await {
            tracing::warn!(%error, "the comparison was not started");
            self.cancel().await;
        }
    }

    async fn began(&mut self, sas: SasVerification) {
        if !sas.we_started()
            && let Err(error) = sas.accept().await
        {
            tracing::warn!(%error, "the comparison was not accepted");
        }
        self.sas = Some(sas);
    }

    async fn decide(&mut self, step: Step) {
        let (id, command) = match step {
            Step::Command(id, command) => (id, command),
            // It came once more.
            Step::Asked(other) if other.flow_id() == self.request.flow_id() => return,
            Step::Asked(other) => {
                if let Err(error) = other.cancel().await {
                    tracing::info!(%error, "a second request to compare was not declined");
                }
                return;
            }
        };
        let done = match (command, &self.sas) {
            (VerificationCommand::Accept, _) => {
                self.request
                    .accept_with_methods(vec![VerificationMethod::SasV1])
                    .await
            }
            (VerificationCommand::Matches, Some(sas)) => sas.confirm().await,
            (VerificationCommand::Differs, Some(sas)) => sas.mismatch().await,
            (VerificationCommand::Start { .. }, _) => Ok(()),
            (_, Some(sas)) => sas.cancel().await,
            (_, None) => self.request.cancel().await,
        };
        let answer = done.map(|()| Answer::Done).map_err(Trouble::from);
        self.outbox.answer(id, answer).await;
    }

    async fn cancel(&self) {
        if let Err(error) = self.request.cancel().await {
            tracing::info!(%error, "the other side was not told that the comparison is over");
        }
    }

    fn stage(&self) -> VerificationStage {
        if let Some(sas) = &self.sas {
            match sas.state() {
                SasState::KeysExchanged { emojis, .. } => match emojis {
                    Some(emojis) => return VerificationStage::Compare(emojis.indices),
                    None => return VerificationStage::Ended(VerificationEnd::Unsupported),
                },
                SasState::Confirmed => return VerificationStage::WaitingForThem,
                SasState::Done { .. } => return VerificationStage::Ended(VerificationEnd::Same),
                SasState::Cancelled(info) => return VerificationStage::Ended(end(&info)),
                SasState::Created { .. } | SasState::Started { .. } | SasState::Accepted { .. } => {
                }
            }
        }
        match self.request.state() {
            VerificationRequestState::Requested { .. } => VerificationStage::Asked,
            VerificationRequestState::Done => VerificationStage::Ended(VerificationEnd::Same),
            VerificationRequestState::Cancelled(info) => VerificationStage::Ended(end(&info)),
            VerificationRequestState::Created { .. }
            | VerificationRequestState::Ready { .. }
            | VerificationRequestState::Transitioned { .. } => VerificationStage::WaitingForThem,
        }
    }

    async fn show(&mut self, stage: VerificationStage) {
        if self.shown.as_ref() == Some(&stage) {
            return;
        }
        let gone = stage == VerificationStage::Ended(VerificationEnd::Closed);
        let row = VerificationRow {
            name: self.name.clone(),
            stage: stage.clone(),
        };
        self.shown = Some(stage);
        self.outbox
            .send(Update::Verification((!gone).then_some(row)))
            .await;
    }
}

fn end(info: &CancelInfo) -> VerificationEnd {
    match info.cancel_code() {
        // Somebody pressed "no", here or there.
        CancelCode::MismatchedSas | CancelCode::MismatchedCommitment | CancelCode::KeyMismatch => {
            VerificationEnd::Different
        }
        _ if info.cancelled_by_us() => VerificationEnd::Closed,
        // Another computer of ours has taken the request.
        CancelCode::Accepted => VerificationEnd::Closed,
        CancelCode::Timeout => VerificationEnd::TooLate,
        CancelCode::UnknownMethod => VerificationEnd::Unsupported,
        _ => VerificationEnd::Declined,
    }
}
