//! What a client is told beside rooms, if it asks for it.

use ruma::{
    UInt,
    api::client::sync::sync_events::v5::{
        request::{self, ExtensionRoomConfig},
        response::{
            AccountData, E2EE, Extensions, Receipts, ThreadSubscriptions, ToDevice, Typing,
        },
    },
    events::receipt::SyncReceiptEvent,
    serde::Raw,
};

use super::{
    Build,
    connections::{Beside, NO_ROOM},
};
use crate::{
    account_data::{IgnoredUsers, Scope},
    e2ee::TO_DEVICE_PAGE,
    error::ApiResult,
    ids::{RoomNid, StreamPos},
    sync::{account_data, devices, ephemeral, token::SyncToken},
};

/// Changes of subscriptions to threads that one answer tells at most.
const SUBSCRIPTIONS: usize = 100;

/// A room the client looks at, with the lists it is in; none for a subscription.
type Inside = (RoomNid, Vec<String>);

/// Whether there is anything in them worth waking a client for.
pub(super) fn has_news(extensions: &Extensions) -> bool {
    let messages = extensions
        .to_device
        .as_ref()
        .is_some_and(|to_device| !to_device.events.is_empty());
    let device_lists = &extensions.e2ee.device_lists;
    messages
        || !device_lists.is_empty()
        || !extensions.account_data.is_empty()
        || !extensions.receipts.is_empty()
        || !extensions.typing.is_empty()
        || !extensions.thread_subscriptions.is_empty()
}

/// Up to where a client says that it has its messages.
pub(in crate::sync) fn to_device_since(
    token: Option<&str>,
    epoch: u32,
) -> ApiResult<Option<StreamPos>> {
    token
        .map(|token| SyncToken::parse_since(token, epoch))
        .transpose()
        .map(Option::flatten)
}

impl Build<'_> {
    /// The extensions the client switched on. What is told completely of rooms is noted in `told`.
    pub(super) fn extensions(
        &self,
        inside: &[Inside],
        told: &mut Vec<(Beside, RoomNid)>,
    ) -> ApiResult<Extensions> {
        let wanted = &self.ask.request.extensions;
        let mut extensions = Extensions::default();
        if wanted.to_device.enabled == Some(true) {
            extensions.to_device = Some(self.to_device(&wanted.to_device)?);
        }
        if wanted.e2ee.enabled == Some(true) {
            extensions.e2ee = self.e2ee()?;
        }
        if wanted.account_data.enabled == Some(true) {
            let config = (&wanted.account_data.lists, &wanted.account_data.rooms);
            let rooms = self.chosen(inside, config)?;
            extensions.account_data = self.account_data(&rooms)?;
            told.push((Beside::AccountData, NO_ROOM));
            told.extend(rooms.into_iter().map(|room| (Beside::AccountData, room)));
        }
        if wanted.receipts.enabled == Some(true) {
            let config = (&wanted.receipts.lists, &wanted.receipts.rooms);
            let rooms = self.chosen(inside, config)?;
            extensions.receipts = self.receipts(&rooms)?;
            told.extend(rooms.into_iter().map(|room| (Beside::Receipts, room)));
        }
        if wanted.typing.enabled == Some(true) {
            let config = (&wanted.typing.lists, &wanted.typing.rooms);
            let rooms = self.chosen(inside, config)?;
            extensions.typing = self.typing(&rooms)?;
            told.extend(rooms.into_iter().map(|room| (Beside::Typing, room)));
        }
        if wanted.thread_subscriptions.enabled == Some(true) {
            let limit = wanted.thread_subscriptions.limit;
            extensions.thread_subscriptions = self.thread_subscriptions(limit)?;
            told.push((Beside::ThreadSubscriptions, NO_ROOM));
        }
        Ok(extensions)
    }

    /// The newest changes of what threads the user is subscribed to. There is an endpoint that tells of the others.
    fn thread_subscriptions(&self, limit: Option<UInt>) -> ApiResult<ThreadSubscriptions> {
        let since = self.connection.beside(Beside::ThreadSubscriptions, NO_ROOM);
        let since = since.unwrap_or(StreamPos::ZERO);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(SUBSCRIPTIONS).min(SUBSCRIPTIONS);
        let (changes, left) = self.rooms.subscription_changes(
            self.snapshot,
            self.ask.user,
            (since, self.upto),
            limit,
        )?;
        let mut section = ThreadSubscriptions::default();
        section.subscribed = changes.subscribed;
        section.unsubscribed = changes.unsubscribed;
        let epoch = self.server.storage.epoch();
        section.prev_batch = left.map(|pos| SyncToken::at(epoch, pos).to_string());
        Ok(section)
    }

    /// Messages after the client's own token for them. The token says also what can be removed, see [`to_device_since`].
    fn to_device(&self, wanted: &request::ToDevice) -> ApiResult<ToDevice> {
        let since = to_device_since(wanted.since.as_deref(), self.server.storage.epoch())?
            .unwrap_or(StreamPos::ZERO);
        let queue = (self.ask.user, &*self.ask.device);
        let limit = wanted.limit.and_then(|limit| usize::try_from(limit).ok());
        let page = self.server.e2ee.to_device_since(
            self.snapshot,
            queue,
            (since, self.upto),
            limit.unwrap_or(TO_DEVICE_PAGE),
        )?;
        let mut section = ToDevice::default();
        section.next_batch = SyncToken::at(self.server.storage.epoch(), page.upto).to_string();
        section.events = page.events;
        Ok(section)
    }

    fn e2ee(&self) -> ApiResult<E2EE> {
        let keys =
            self.server
                .e2ee
                .claimable_keys(self.snapshot, self.ask.user, &self.ask.device)?;
        let mut section = E2EE::default();
        section.device_one_time_keys_count = keys.counts();
        section.device_unused_fallback_key_types = Some(keys.unused_fallback_types());
        if let Some(since) = self.connection.upto() {
            let (user, upto) = (self.ask.user, self.upto);
            section.device_lists =
                devices::device_lists(self.server, self.snapshot, user, since, upto)?;
        }
        Ok(section)
    }

    /// The rooms an extension is asked for: all the client looks at, unless it names lists or rooms.
    fn chosen(
        &self,
        inside: &[Inside],
        (lists, rooms): (&Option<Vec<String>>, &Option<Vec<ExtensionRoomConfig>>),
    ) -> ApiResult<Vec<RoomNid>> {
        let mut chosen = Vec::new();
        for (room, in_lists) in inside {
            let by_list = match lists {
                Some(lists) => in_lists
                    .iter()
                    .any(|list| lists.iter().any(|wanted| wanted == list || wanted == "*")),
                None => !in_lists.is_empty(),
            };
            let id = self.rooms.room_id(*room)?;
            let subscribed = self.ask.request.room_subscriptions.contains_key(&id);
            let by_room = subscribed
                && rooms.as_ref().is_none_or(|rooms| {
                    rooms.iter().any(|config| match config {
                        ExtensionRoomConfig::AllSubscribed => true,
                        ExtensionRoomConfig::Room(wanted) => *wanted == id,
                        _ => false,
                    })
                });
            if by_list || by_room {
                chosen.push(*room);
            }
        }
        Ok(chosen)
    }

    fn account_data(&self, rooms: &[RoomNid]) -> ApiResult<AccountData> {
        let (user, upto) = (self.ask.user, self.upto);
        let known = |room| self.connection.beside(Beside::AccountData, room);
        let since = known(NO_ROOM);
        let new = account_data::account_data(self.server, self.snapshot, user, since, upto)?;
        let mut section = AccountData::default();
        for datum in &new.global {
            section.global.push(account_data::datum_event(datum)?);
        }
        for room in rooms {
            let data = match known(*room) {
                // The room was out of sight for a while.
                Some(then) if since.is_some_and(|since| then < since) => self
                    .server
                    .account_data
                    .changed_since(self.snapshot, user, then, upto)?
                    .into_iter()
                    .filter(|datum| datum.scope == Scope::Room(*room))
                    .collect(),
                Some(_) => new.rooms.get(room).cloned().unwrap_or_default(),
                None => self
                    .server
                    .account_data
                    .all_in_room(self.snapshot, user, *room)?,
            };
            if !data.is_empty() {
                let events = data
                    .iter()
                    .map(account_data::datum_event)
                    .collect::<Result<_, _>>()?;
                section.rooms.insert(self.rooms.room_id(*room)?, events);
            }
        }
        Ok(section)
    }

    fn ignored(&self) -> ApiResult<IgnoredUsers> {
        Ok(IgnoredUsers::of(
            self.snapshot,
            self.ask.user,
            &self.ask.user_id,
        )?)
    }

    fn told_by<'i>(&self, ignored: &'i IgnoredUsers) -> ephemeral::Told<'i> {
        ephemeral::Told {
            user: self.ask.user,
            ignored,
        }
    }

    fn receipts(&self, rooms: &[RoomNid]) -> ApiResult<Receipts> {
        let mut section = Receipts::default();
        let ignored = self.ignored()?;
        let told = self.told_by(&ignored);
        for room in rooms {
            let since = self.connection.beside(Beside::Receipts, *room);
            let event = ephemeral::receipts(
                self.server,
                self.snapshot,
                *room,
                told,
                since.unwrap_or(StreamPos::ZERO),
                self.upto,
            )?;
            if let Some(event) = event {
                section.rooms.insert(self.rooms.room_id(*room)?, event);
            }
        }
        Ok(section)
    }

    /// Whether the user's own receipt is among these.
    pub(super) fn is_reader(&self, receipts: &Raw<SyncReceiptEvent>) -> bool {
        let Ok(event) = receipts.deserialize() else {
            return false;
        };
        let of_events = event.content.0.values().flat_map(|kinds| kinds.values());
        of_events
            .into_iter()
            .any(|readers| readers.contains_key(&self.ask.user_id))
    }

    fn typing(&self, rooms: &[RoomNid]) -> ApiResult<Typing> {
        let mut section = Typing::default();
        let ignored = self.ignored()?;
        let told = self.told_by(&ignored);
        for room in rooms {
            let since = self.connection.beside(Beside::Typing, *room);
            if let Some(event) = ephemeral::typing(self.server, *room, told, since)? {
                section.rooms.insert(self.rooms.room_id(*room)?, event);
            }
        }
        Ok(section)
    }
}
