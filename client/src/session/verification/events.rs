//! The events of comparisons, in both directions.
//!
//! The SDK carries a comparison on while it takes in a sync, and sends its answers with the next sync of keys. That is
//! not enough in a chat, whose messages and keys come over different connections. What was not readable when it came
//! is shown to the comparison here, once its key has come; and answers go at once, instead of after the half minute
//! that a quiet sync of keys lasts.

use std::{
    collections::VecDeque,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::StreamExt;
use matrix_sdk::{
    Client, Room,
    deserialized_responses::TimelineEventKind,
    encryption::{
        VerificationState, recovery::RecoveryState, verification::VerificationRequestState,
    },
    event_cache::RedecryptorReport,
    event_handler::SyncEvent,
    ruma::{
        OwnedEventId, OwnedRoomId, OwnedUserId, UserId,
        api::client::to_device::send_event_to_device,
        events::{
            AnyMessageLikeEvent, AnyTimelineEvent, MessageLikeEvent,
            key::verification::{
                accept::SyncKeyVerificationAcceptEvent, cancel::SyncKeyVerificationCancelEvent,
                done::SyncKeyVerificationDoneEvent, key::SyncKeyVerificationKeyEvent,
                mac::SyncKeyVerificationMacEvent, ready::SyncKeyVerificationReadyEvent,
                request::ToDeviceKeyVerificationRequestEvent, start::SyncKeyVerificationStartEvent,
            },
            room::{
                encrypted::OriginalSyncRoomEncryptedEvent,
                message::{MessageType, OriginalSyncRoomMessageEvent},
            },
        },
    },
};
use matrix_sdk_base::{
    BaseClient,
    crypto::{
        OlmMachine,
        types::requests::{AnyOutgoingRequest, OutgoingRequest},
    },
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{Sleep, sleep},
};

use super::Step;
use crate::{bridge::trouble::Trouble, session::room::over};

/// How many unreadable events are remembered; a comparison has ten.
const REMEMBERED: usize = 200;

/// After a comparison, the keys are asked for so often, and with so much time between, until they are here.
const QUESTIONS: u8 = 6;
const BETWEEN: Duration = Duration::from_secs(5);

/// What a sync has brought.
enum Heard {
    /// Another own computer asks: the sender, and the name of the request.
    ByDevice(OwnedUserId, String),
    /// Somebody asks in a chat, readable at once.
    InChat(Box<AnyMessageLikeEvent>),
    /// A step of a comparison, which the SDK has seen and may want to answer.
    Step,
    /// An event that nobody could read when it came.
    Unreadable(Place),
}

/// Where an event stands.
struct Place {
    room: OwnedRoomId,
    event: OwnedEventId,
}

/// Follows the events of comparisons for as long as the session lives.
pub(super) struct Events {
    client: Client,
    base: BaseClient,
    heard: UnboundedReceiver<Heard>,
    unreadable: VecDeque<Place>,
    steps: UnboundedSender<Step>,
    /// When the keys are asked for next.
    question: Option<Pin<Box<Sleep>>>,
    /// How many questions are left.
    questions: u8,
}

impl Events {
    /// Listens from now on.
    pub(super) fn listen(client: Client, base: BaseClient, steps: UnboundedSender<Step>) -> Self {
        let (ears, heard) = mpsc::unbounded_channel();
        listen_for_requests(&client, &ears);
        listen_for_steps::<SyncKeyVerificationReadyEvent>(&client, &ears);
        listen_for_steps::<SyncKeyVerificationStartEvent>(&client, &ears);
        listen_for_steps::<SyncKeyVerificationAcceptEvent>(&client, &ears);
        listen_for_steps::<SyncKeyVerificationKeyEvent>(&client, &ears);
        listen_for_steps::<SyncKeyVerificationMacEvent>(&client, &ears);
        listen_for_steps::<SyncKeyVerificationDoneEvent>(&client, &ears);
        listen_for_steps::<SyncKeyVerificationCancelEvent>(&client, &ears);
        client.add_event_handler(move |event: OriginalSyncRoomEncryptedEvent, room: Room| {
            let place = Place {
                room: room.room_id().to_owned(),
                event: event.event_id,
            };
            tell(&ears, Heard::Unreadable(place));
            std::future::ready(())
        });
        Self {
            client,
            base,
            heard,
            unreadable: VecDeque::new(),
            steps,
            question: None,
            questions: 0,
        }
    }

    /// Reports what is asked, and answers what the SDK wants to answer.
    pub(super) async fn run(mut self) {
        let client = self.client.clone();
        let mut reports = pin!(client.event_cache().subscribe_to_decryption_reports());
        loop {
            let was_step = tokio::select! {
                heard = self.heard.recv() => match heard {
                    Some(Heard::ByDevice(sender, flow)) => self.forward(&sender, &flow).await,
                    Some(Heard::InChat(event)) => self.forward_from_chat(&event).await,
                    Some(Heard::Step) => true,
                    Some(Heard::Unreadable(place)) => self.read_later(place).await,
                    None => return,
                },
                report = reports.next() => match report {
                    Some(Ok(RedecryptorReport::ResolvedUtds { events, .. })) => {
                        self.read_again(|place| events.contains(&place.event)).await
                    }
                    // Some reports were missed.
                    Some(_) => self.read_again(|_| true).await,
                    None => return,
                },
                () = over(&mut self.question) => {
                    self.ask_for_keys().await;
                    false
                }
            };
            if was_step {
                self.question = Some(Box::pin(sleep(BETWEEN)));
                self.questions = QUESTIONS;
                self.send_answers().await;
            }
        }
    }

    /// Tells the dialog that somebody asks. Says whether the request is known.
    async fn forward(&self, sender: &UserId, flow: &str) -> bool {
        let encryption = self.client.encryption();
        let Some(request) = encryption.get_verification_request(sender, flow).await else {
            return false;
        };
        let is_new = matches!(request.state(), VerificationRequestState::Requested { .. });
        if is_new
            && !request.we_started()
            && self.steps.send(Step::Asked(Box::new(request))).is_err()
        {
            tracing::debug!("a request to compare came after the session had ended");
        }
        true
    }

    /// The other computer gives the keys only once it trusts this one. That may have been a moment after it was asked by
    /// the SDK, which asks once.
    async fn ask_for_keys(&mut self) {
        self.question = None;
        let encryption = self.client.encryption();
        let wants = encryption.verification_state().get() == VerificationState::Verified
            && encryption.recovery().state() == RecoveryState::Incomplete;
        let Some(machine) = self.machine().await.filter(|_| wants && self.questions > 0) else {
            return;
        };
        self.questions -= 1;
        self.question = Some(Box::pin(sleep(BETWEEN)));
        match machine.query_missing_secrets_from_other_sessions().await {
            Ok(true) => self.send_answers().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the keys are not asked for again"),
        }
    }

    async fn forward_from_chat(&self, event: &AnyMessageLikeEvent) -> bool {
        let (sender, flow) = (event.sender(), event.event_id().as_str());
        if self.forward(sender, flow).await {
            return true;
        }
        // The SDK ignores a request from a computer that it has not heard of yet.
        if let Err(error) = self.client.encryption().request_user_identity(sender).await {
            tracing::info!(%error, "the keys of whoever asks to compare were not found");
        }
        self.show(event).await && self.forward(sender, flow).await
    }

    /// Remembers an event, unless its key has come in the meantime.
    async fn read_later(&mut self, place: Place) -> bool {
        if let Some(event) = self.read(&place).await {
            return self.take_in(&event).await;
        }
        self.unreadable.push_back(place);
        if self.unreadable.len() > REMEMBERED {
            self.unreadable.pop_front();
        }
        false
    }

    async fn read_again(&mut self, is_meant: impl Fn(&Place) -> bool) -> bool {
        let mut read = Vec::new();
        for place in std::mem::take(&mut self.unreadable) {
            let event = match is_meant(&place) {
                true => self.read(&place).await,
                false => None,
            };
            match event {
                Some(event) => read.push(event),
                None => self.unreadable.push_back(place),
            }
        }
        read.sort_by_key(AnyMessageLikeEvent::origin_server_ts);
        let mut was_step = false;
        for event in read {
            was_step |= self.take_in(&event).await;
        }
        was_step
    }

    /// The event, if it can be read by now.
    async fn read(&self, place: &Place) -> Option<AnyMessageLikeEvent> {
        let room = self.client.get_room(&place.room)?;
        let (cache, _open) = room.event_cache().await.ok()?;
        let event = cache.find_event(&place.event).await.ok()??;
        let TimelineEventKind::Decrypted(decrypted) = event.kind else {
            return None;
        };
        match decrypted.event.deserialize().ok()? {
            AnyTimelineEvent::MessageLike(event) => Some(event),
            AnyTimelineEvent::State(_) => None,
        }
    }

    /// Says whether the event belongs to a comparison.
    async fn take_in(&self, event: &AnyMessageLikeEvent) -> bool {
        match event {
            AnyMessageLikeEvent::RoomMessage(MessageLikeEvent::Original(message)) => {
                let own = self.client.user_id();
                match &message.content.msgtype {
                    MessageType::VerificationRequest(request) if Some(&*request.to) == own => {
                        self.forward_from_chat(event).await
                    }
                    _ => false,
                }
            }
            AnyMessageLikeEvent::KeyVerificationReady(_)
            | AnyMessageLikeEvent::KeyVerificationStart(_)
            | AnyMessageLikeEvent::KeyVerificationAccept(_)
            | AnyMessageLikeEvent::KeyVerificationKey(_)
            | AnyMessageLikeEvent::KeyVerificationMac(_)
            | AnyMessageLikeEvent::KeyVerificationDone(_)
            | AnyMessageLikeEvent::KeyVerificationCancel(_) => self.show(event).await,
            _ => false,
        }
    }

    /// Shows an event to the SDK's comparison.
    async fn show(&self, event: &AnyMessageLikeEvent) -> bool {
        let Some(machine) = self.machine().await else {
            return false;
        };
        if let Err(error) = machine.receive_verification_event(event).await {
            tracing::warn!(%error, "a step of a comparison was not taken in");
            return false;
        }
        true
    }

    /// Sends what the SDK would send with the next sync of keys. If both do, the server sees the same transaction twice.
    async fn send_answers(&self) {
        let Some(machine) = self.machine().await else {
            return;
        };
        let answers = match machine.outgoing_requests().await {
            Ok(answers) => answers,
            Err(error) => {
                return tracing::warn!(%error, "the answers of a comparison are not known");
            }
        };
        for answer in answers {
            if let Err(trouble) = self.send(&machine, &answer).await {
                tracing::info!(?trouble, "an answer goes with the next sync of keys");
            }
        }
    }

    async fn send(&self, machine: &OlmMachine, answer: &OutgoingRequest) -> Result<(), Trouble> {
        let id = answer.request_id();
        let marked = match answer.request() {
            AnyOutgoingRequest::RoomMessage(message) => {
                let room = self.client.get_room(&message.room_id);
                let room = room.ok_or(Trouble::NotFound)?;
                let content = (*message.content).clone();
                let sent = room
                    .send(content)
                    .with_transaction_id(message.txn_id.clone())
                    .await?;
                machine.mark_request_as_sent(id, &sent.response).await
            }
            AnyOutgoingRequest::ToDeviceRequest(message) => {
                let request = send_event_to_device::v3::Request::new_raw(
                    message.event_type.clone(),
                    message.txn_id.clone(),
                    message.messages.clone(),
                );
                let sent = self.client.send(request).await?;
                machine.mark_request_as_sent(id, &sent).await
            }
            AnyOutgoingRequest::SignatureUpload(signatures) => {
                let sent = self.client.send(signatures.clone()).await?;
                machine.mark_request_as_sent(id, &sent).await
            }
            // Nobody waits for these.
            AnyOutgoingRequest::KeysUpload(_)
            | AnyOutgoingRequest::KeysQuery(_)
            | AnyOutgoingRequest::KeysClaim(_) => Ok(()),
        };
        marked.map_err(|error| Trouble::Other(error.to_string()))
    }

    async fn machine(&self) -> Option<OlmMachine> {
        self.base.olm_machine().await.clone()
    }
}

fn tell(ears: &UnboundedSender<Heard>, heard: Heard) {
    if ears.send(heard).is_err() {
        tracing::debug!("a step of a comparison came after the session had ended");
    }
}

/// Requests come to the device from other own computers, and in a chat from other people.
fn listen_for_requests(client: &Client, ears: &UnboundedSender<Heard>) {
    let to_device = ears.clone();
    client.add_event_handler(move |event: ToDeviceKeyVerificationRequestEvent| {
        let flow = event.content.transaction_id.to_string();
        tell(&to_device, Heard::ByDevice(event.sender, flow));
        std::future::ready(())
    });
    let in_chat = ears.clone();
    client.add_event_handler(move |event: OriginalSyncRoomMessageEvent, room: Room| {
        if let MessageType::VerificationRequest(request) = &event.content.msgtype
            && request.to == room.own_user_id()
        {
            let event = event.into_full_event(room.room_id().to_owned());
            let event = AnyMessageLikeEvent::RoomMessage(MessageLikeEvent::Original(event));
            tell(&in_chat, Heard::InChat(Box::new(event)));
        }
        std::future::ready(())
    });
}

fn listen_for_steps<E: SyncEvent + DeserializeOwned + Send + 'static>(
    client: &Client,
    ears: &UnboundedSender<Heard>,
) {
    let ears = ears.clone();
    client.add_event_handler(move |_: E| {
        tell(&ears, Heard::Step);
        std::future::ready(())
    });
}
