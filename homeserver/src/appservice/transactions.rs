//! Telling a service what happened: one transaction after the other, each repeated until it is taken.
//! [spec](https://spec.matrix.org/v1.19/application-service-api/#pushing-events)
//!
//! What goes into a transaction is written down before it is sent, so that a repetition says the same, also after a
//! restart.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use ruma::{OwnedRoomId, UserId};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Appservices, Inner, Registered, interest::Happening, store::TransactionRow};
use crate::{
    error::{ApiError, ApiResult},
    events::client_format::{ClientEvent, Unsigned, age},
    ids::{EventNid, RoomNid, StreamPos, UserNid},
    jobs::Jobs,
    outbound::{Call, Origin},
    rooms::{
        event::RoomEvent,
        receipts::{ReceiptKind, ReceiptRow},
        rows::Membership,
    },
    storage::{Change, Commit, Observer, Snapshot, tables},
};

/// Events of one transaction.
const MAX_EVENTS: usize = 100;
/// Ephemeral events of one transaction.
const MAX_EPHEMERAL: usize = 100;
/// How long a service may take for one.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after the first failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// The longest pause for a service that asks for something meanwhile: whoever starts a bridge again waits no minutes.
const LONGEST_IF_HEARD: Duration = Duration::from_secs(5);

/// Something that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ephemeral {
    /// Typing or a receipt, by its room and position.
    InRoom(RoomNid, StreamPos),
    /// Whether a user is online.
    Presence(UserNid),
}

/// Hears of typing, receipts and presence. Runs on the writer thread.
impl Observer for Appservices {
    fn committed(&self, changes: &[(StreamPos, Change)]) {
        for (position, change) in changes {
            let news = match change {
                Change::Ephemeral(room) => Ephemeral::InRoom(*room, *position),
                Change::Presence(user) => Ephemeral::Presence(*user),
                _ => continue,
            };
            for one in self.inner.all.iter().filter(|one| one.wants_ephemeral()) {
                // Nobody listens any longer only when the server stops.
                if one.ephemeral.send(news).is_err() {
                    return;
                }
            }
        }
    }
}

impl Registered {
    fn wants_ephemeral(&self) -> bool {
        self.service.receive_ephemeral && self.service.url.is_some()
    }
}

/// Waits before a transaction is repeated: not longer than `if_heard` if the service asks for something meanwhile.
async fn rest(heard: &Notify, pause: Duration, if_heard: Duration) {
    let least = pause.min(if_heard);
    tokio::time::sleep(least).await;
    tokio::select! {
        () = tokio::time::sleep(pause - least) => {}
        () = heard.notified() => {}
    }
}

/// Sends until the server stops.
pub(super) async fn run(inner: Arc<Inner>, index: usize, jobs: Jobs) {
    let one = Arc::clone(&inner.all[index]);
    let mut ephemeral = one.ephemeral_queue.lock().await;
    let mut bell = one.events.listen(&inner.storage);
    let mut waiting = Vec::new();
    let mut pause = FIRST_PAUSE;
    while !jobs.is_stopping() {
        while waiting.len() < MAX_EPHEMERAL
            && let Ok(news) = ephemeral.try_recv()
        {
            waiting.push(news);
        }
        let sent = tokio::select! {
            sent = inner.send_next(&one, &mut waiting) => sent,
            () = jobs.stopping() => return,
        };
        match sent {
            Ok(true) => {
                pause = FIRST_PAUSE;
                continue;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(
                    service = &*one.service.id,
                    "an application service was not told: {error}"
                );
                tokio::select! {
                    () = rest(&one.heard, pause, LONGEST_IF_HEARD) => {}
                    () = jobs.stopping() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                // Who was typing while the service was away is of no use to it when it is back.
                while waiting.len() >= MAX_EPHEMERAL && ephemeral.try_recv().is_ok() {}
                continue;
            }
        }
        tokio::select! {
            more = bell.next() => if !more { return },
            Some(news) = ephemeral.recv() => waiting.push(news),
            () = jobs.stopping() => return,
        }
    }
}

impl Inner {
    /// Sends the transaction whose turn it is. Says whether there was one.
    async fn send_next(
        self: &Arc<Self>,
        one: &Arc<Registered>,
        waiting: &mut Vec<Ephemeral>,
    ) -> ApiResult<bool> {
        let (this, service) = (Arc::clone(self), Arc::clone(one));
        let news = waiting.clone();
        let (row, body, is_new) = self
            .storage
            .read(move |snapshot| {
                let row = tables::APPSERVICE_TRANSACTION.get(snapshot, &*service.service.id)?;
                let (row, is_new) = match row {
                    Some(row) if !row.taken => (row, false),
                    row => {
                        let last = row.unwrap_or_default();
                        (this.new_transaction(snapshot, &service, last, &news)?, true)
                    }
                };
                let body = this.body(snapshot, &service, &row)?;
                Ok::<_, ApiError>((row, body, is_new))
            })
            .await?;
        if row.taken {
            waiting.clear();
            return Ok(false);
        }
        if is_new {
            self.keep(one, row.clone()).await?;
            waiting.clear();
        }
        self.put_transaction(one, row.number, &body).await?;
        let row = TransactionRow {
            taken: true,
            ephemeral: Vec::new(),
            ..row
        };
        self.keep(one, row).await?;
        Ok(true)
    }

    /// What comes next; marked as taken if that is nothing.
    fn new_transaction(
        &self,
        snapshot: &Snapshot<'_>,
        one: &Registered,
        last: TransactionRow,
        news: &[Ephemeral],
    ) -> ApiResult<TransactionRow> {
        let mut upto = last.upto;
        for row in tables::APPSERVICE_EVENT
            .scan(snapshot, (&*one.service.id,))?
            .take(MAX_EVENTS)
        {
            upto = row?.0.1;
        }
        let mut ephemeral = Vec::new();
        for news in news {
            let event = match *news {
                Ephemeral::InRoom(room, position) => {
                    let event = self.ephemeral(snapshot, one, room, position)?;
                    event.map(|event| event.to_string())
                }
                Ephemeral::Presence(user) => self.presence_of(snapshot, one, user)?,
            };
            ephemeral.extend(event);
        }
        ephemeral.dedup();
        let nothing = upto == last.upto && ephemeral.is_empty();
        Ok(TransactionRow {
            number: last.number + u64::from(!nothing),
            taken: nothing,
            upto,
            ephemeral,
        })
    }

    /// Writes down how far the service is, without the events that were taken.
    async fn keep(&self, one: &Arc<Registered>, row: TransactionRow) -> ApiResult<()> {
        let id = Arc::clone(&one.service.id);
        let commit = Commit::silent(move |batch| {
            if row.taken {
                let (first, end) = ((&*id, StreamPos::ZERO), (&*id, row.upto.plus(1)));
                tables::APPSERVICE_EVENT.delete_range(batch, first, end);
            }
            tables::APPSERVICE_TRANSACTION.put(batch, &*id, &row);
        });
        self.storage.commit(commit).await?;
        Ok(())
    }

    fn body(
        &self,
        snapshot: &Snapshot<'_>,
        one: &Registered,
        row: &TransactionRow,
    ) -> ApiResult<Value> {
        let mut events = Vec::new();
        let id = &*one.service.id;
        for row in tables::APPSERVICE_EVENT.range(
            snapshot,
            (id, StreamPos::ZERO),
            (id, row.upto.plus(1)),
        )? {
            let (_, nid) = row?;
            // What was deleted meanwhile is told to nobody.
            if let Some(event) = self.rooms.event(snapshot, nid)? {
                events.push(self.show(snapshot, &event)?);
            }
        }
        let mut body = json!({ "events": events });
        if !row.ephemeral.is_empty() {
            let ephemeral: Vec<Value> = row
                .ephemeral
                .iter()
                .filter_map(|event| serde_json::from_str(event).ok())
                .collect();
            if one.service.old_ephemeral_name {
                body["de.sorunome.msc2409.ephemeral"] = ephemeral.clone().into();
            }
            body["ephemeral"] = ephemeral.into();
        }
        Ok(body)
    }

    fn show(&self, snapshot: &Snapshot<'_>, event: &RoomEvent) -> ApiResult<Value> {
        let replaced = match event.row.replaces {
            EventNid(0) => None,
            replaced => self.rooms.event(snapshot, replaced)?,
        };
        let unsigned = Unsigned {
            age: Some(age(event.pdu.origin_server_ts(), self.rooms.clock().now())),
            prev_content: replaced.as_ref().map(|event| event.pdu.content()),
            prev_sender: replaced.as_ref().map(|event| event.pdu.sender().as_str()),
            replaces_state: replaced.as_ref().map(|event| event.id()),
            ..Unsigned::default()
        };
        let room_id = self.rooms.room_id(event.row.room)?;
        let shown = ClientEvent::from_pdu(&event.pdu)
            .in_room(&room_id)
            .with_unsigned(unsigned);
        serde_json::to_value(&shown).map_err(ApiError::internal)
    }

    /// Typing or a receipt, if it concerns the service.
    fn ephemeral(
        &self,
        snapshot: &Snapshot<'_>,
        one: &Registered,
        room: RoomNid,
        position: StreamPos,
    ) -> ApiResult<Option<Value>> {
        let room_id = self.rooms.room_id(room)?;
        if !self.is_room_of(snapshot, one, room, &room_id)? {
            return Ok(None);
        }
        let receipt = tables::RECEIPT.get(snapshot, (room, position))?;
        if let Some(receipt) = receipt {
            return self.receipt(one, &room_id, receipt);
        }
        let mut typing = Vec::new();
        for user in self.rooms.typing(room).users {
            typing.push(self.storage.interner().user_id(user)?);
        }
        Ok(Some(json!({
            "type": "m.typing",
            "room_id": room_id,
            "content": { "user_ids": typing },
        })))
    }

    /// How a user is now, if they are the service's or in a room that concerns it.
    fn presence_of(
        &self,
        snapshot: &Snapshot<'_>,
        one: &Registered,
        user: UserNid,
    ) -> ApiResult<Option<String>> {
        let user_id = self.storage.interner().user_id(user)?;
        let Some(now) = self.presence.get(user) else {
            return Ok(None);
        };
        let mut concerns = one.service.follows_user(&user_id);
        for room in self.rooms.rooms_of(snapshot, user, &[Membership::Join])? {
            if concerns {
                break;
            }
            let room_id = self.rooms.room_id(room)?;
            concerns = self.is_room_of(snapshot, one, room, &room_id)?;
        }
        if !concerns {
            return Ok(None);
        }
        let event = now.event(&user_id)?;
        Ok(Some(event.get().to_owned()))
    }

    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#pushing-ephemeral-data)
    fn receipt(
        &self,
        one: &Registered,
        room_id: &OwnedRoomId,
        receipt: ReceiptRow,
    ) -> ApiResult<Option<Value>> {
        let user = self.storage.interner().user_id(receipt.user)?;
        if receipt.kind == ReceiptKind::Private && !one.service.owns_user(&user) {
            return Ok(None);
        }
        let mut data = json!({ "ts": receipt.ts });
        if !receipt.thread.is_empty() {
            data["thread_id"] = receipt.thread.into();
        }
        let users = json!({ user.as_str(): data });
        let kinds = json!({ receipt.kind.as_str(): users });
        Ok(Some(json!({
            "type": "m.receipt",
            "room_id": room_id,
            "content": { receipt.event.as_str(): kinds },
        })))
    }

    fn is_room_of(
        &self,
        snapshot: &Snapshot<'_>,
        one: &Registered,
        room: RoomNid,
        room_id: &OwnedRoomId,
    ) -> ApiResult<bool> {
        let mut members = roaring::RoaringBitmap::new();
        for row in tables::MEMBER.scan(snapshot, (room, Membership::Join))? {
            members.insert(row?.0.2.0);
        }
        // Nobody in particular does it: the members decide.
        let nobody: Option<&UserId> = None;
        let sender = match members.min() {
            Some(user) => self.storage.interner().user_id(UserNid(user))?,
            None => return Ok(false),
        };
        let what = Happening {
            room,
            room_id,
            sender: &sender,
            target: nobody,
            members: Arc::new(members),
        };
        Ok(one.is_interested(&self.storage, snapshot, &what)?)
    }

    async fn put_transaction(&self, one: &Registered, number: u64, body: &Value) -> ApiResult<()> {
        // A restored backup counts from where it was made, but in another epoch.
        let id = format!("{}-{number}", self.storage.epoch());
        let paths = [
            format!("/_matrix/app/v1/transactions/{id}"),
            format!("/transactions/{id}"),
        ];
        for (index, path) in paths.iter().enumerate() {
            let Some(call) = one.call(Method::PUT, path)? else {
                return Ok(());
            };
            let call = call
                .json(body)
                .map_err(ApiError::internal)?
                .within(PATIENCE);
            // Services from before the specification look for the token in the query.
            let call = match index {
                0 => call,
                _ => call.query([("access_token".to_owned(), one.service.hs_token.clone())]),
            };
            let answer = self.outbound.send(call).await.map_err(Self::unreachable)?;
            match answer.status {
                status if status.is_success() => return Ok(()),
                StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_IMPLEMENTED => {}
                status => {
                    return Err(Self::unreachable(anyhow::anyhow!("it answered {status}")));
                }
            }
        }
        Err(Self::unreachable(anyhow::anyhow!(
            "it does not know transactions"
        )))
    }
}

impl Registered {
    /// A request to the service, if it has an address.
    pub(super) fn call(&self, method: Method, path: &str) -> ApiResult<Option<Call>> {
        let Some(url) = &self.service.url else {
            return Ok(None);
        };
        let call = Call::new(method, &format!("{url}{path}"), Origin::Administrator)
            .map_err(ApiError::internal)?;
        Ok(Some(call.bearer(&self.service.hs_token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_that_asks_for_something_is_told_again_soon() {
        let heard = Notify::new();
        heard.notify_one();
        rest(&heard, LONGEST_PAUSE, Duration::from_millis(1)).await;
    }
}
