//! What an event means for unread counts.

use std::{collections::BTreeSet, sync::Arc};

use ruma::{
    OwnedUserId, ServerName, UserId,
    events::{AnySyncTimelineEvent, TimelineEventType},
    push::Ruleset,
    serde::Raw,
};
use serde::Deserialize;

use super::{
    names::{RoomNames, display_name},
    rules::{DefaultClass, RoomContext, Verdict},
};
use crate::{
    account_data::AccountData,
    error::{ApiError, ApiResult},
    events::client_format::ClientEvent,
    ids::UserNid,
    rooms::{
        project::{Projection, relation_of},
        rows::Membership,
        txn::{NewEvent, Txn},
    },
    storage::tables,
};

/// Writes unread counts with every event.
pub struct PushProjection {
    account_data: AccountData,
    class: DefaultClass,
    names: RoomNames,
}

/// The parts of an event's content that can address somebody.
#[derive(Default, Deserialize)]
struct Addressed {
    body: Option<String>,
    #[serde(rename = "m.mentions")]
    mentions: Option<Mentions>,
}

#[derive(Default, Deserialize)]
struct Mentions {
    #[serde(default)]
    user_ids: Vec<OwnedUserId>,
    #[serde(default)]
    room: bool,
}

impl PushProjection {
    /// The projection for the users of a server.
    pub fn new(account_data: AccountData, server_name: &ServerName) -> ApiResult<Self> {
        Ok(Self {
            account_data,
            class: DefaultClass::new(server_name)?,
            names: RoomNames::default(),
        })
    }
}

impl Projection for PushProjection {
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool> {
        let event = Arc::clone(&new.event);
        let relation = relation_of(&event.pdu);
        let thread = relation
            .filter(|relation| relation.rel_type == "m.thread")
            .map(|relation| relation.event_id);
        mark_read_by_sender(txn, new, thread.as_deref())?;
        let raw: Raw<AnySyncTimelineEvent> = ClientEvent::from_pdu(&event.pdu)
            .to_raw()
            .map_err(ApiError::internal)?;
        let addressed: Addressed = event.pdu.content_as().unwrap_or_default();
        let room = context(txn, &addressed)?;
        let class = self.class.evaluate(&room, &raw);
        for user in self.candidates(txn, new, &addressed, class)? {
            let verdict = self.verdict(txn, &room, &raw, user)?;
            if verdict != class || verdict.highlight {
                write_personal(txn, new, user, class, verdict, thread.as_deref());
            }
        }
        let Some(root) = thread.filter(|_| class.notify) else {
            return Ok(class.notify);
        };
        let (room, sender) = (
            txn.room,
            txn.rooms.storage().interner().user(event.pdu.sender())?,
        );
        new.write(move |batch, pos| {
            tables::THREAD_NOTIFYING.put(batch, (room, pos), &(root, sender));
        });
        Ok(false)
    }
}

impl PushProjection {
    /// Members of this server for whom the result may differ from the class.
    fn candidates(
        &self,
        txn: &Txn<'_>,
        new: &NewEvent,
        addressed: &Addressed,
        class: Verdict,
    ) -> ApiResult<BTreeSet<UserNid>> {
        let interner = txn.rooms.storage().interner();
        let pdu = &new.event.pdu;
        let mut found = BTreeSet::new();
        for user in self.account_data.users_with_custom_rules() {
            if tables::MEMBER.contains(txn.snapshot, (txn.room, Membership::Join, UserNid(user)))? {
                found.insert(UserNid(user));
            }
        }
        let own = |user: &UserId| user.server_name() == txn.rooms.server_name();
        for user in addressed
            .mentions
            .iter()
            .flat_map(|mentions| &mentions.user_ids)
            .filter(|user| own(user))
        {
            if let Some(user) = interner.find_user(user)?
                && tables::MEMBER.contains(txn.snapshot, (txn.room, Membership::Join, user))?
            {
                found.insert(user);
            }
        }
        if let (None, Some(body)) = (&addressed.mentions, &addressed.body) {
            found.extend(self.names.named(txn, body)?);
        }
        if *pdu.event_type() == TimelineEventType::RoomMember
            && let Some(Ok(user)) = pdu.state_key().map(<&UserId>::try_from)
            && own(user)
        {
            found.insert(interner.user(user)?);
        }
        if class.highlight {
            for row in tables::MEMBER.scan(txn.snapshot, (txn.room, Membership::Join))? {
                found.insert(row?.0.2);
            }
        }
        found.remove(&interner.user(pdu.sender())?);
        Ok(found)
    }

    fn verdict(
        &self,
        txn: &Txn<'_>,
        room: &RoomContext,
        event: &Raw<AnySyncTimelineEvent>,
        user: UserNid,
    ) -> ApiResult<Verdict> {
        let id = txn.rooms.storage().interner().user_id(user)?;
        let member = txn.state("m.room.member", id.as_str())?;
        let name = member
            .map(|member| display_name(&member))
            .unwrap_or_default();
        let rules: Arc<Ruleset> = self.account_data.rules_of(user)?;
        Ok(room.evaluate(&rules, event, &id, &name))
    }
}

fn context(txn: &Txn<'_>, addressed: &Addressed) -> ApiResult<RoomContext> {
    let to_all = match &addressed.mentions {
        Some(mentions) => mentions.room,
        None => addressed
            .body
            .as_ref()
            .is_some_and(|body| body.contains("@room")),
    };
    let power_levels = if to_all {
        Some(txn.power_levels()?.into())
    } else {
        None
    };
    Ok(RoomContext {
        room_id: txn.room_id.clone(),
        members: txn.head.summary().joined,
        power_levels,
    })
}

/// Who speaks has read what was said before.
fn mark_read_by_sender(txn: &Txn<'_>, new: &mut NewEvent, thread: Option<&str>) -> ApiResult<()> {
    let sender = new.event.pdu.sender();
    if sender.server_name() != txn.rooms.server_name() {
        return Ok(());
    }
    let (sender, room) = (txn.rooms.storage().interner().user(sender)?, txn.room);
    let thread = thread.unwrap_or("main").to_owned();
    new.write(move |batch, pos| tables::READ.put(batch, (sender, room, &thread), &pos));
    Ok(())
}

fn write_personal(
    txn: &Txn<'_>,
    new: &mut NewEvent,
    user: UserNid,
    class: Verdict,
    verdict: Verdict,
    thread: Option<&str>,
) {
    // One is added, since keys and values have no negative numbers.
    let difference = 1 + u8::from(verdict.notify) - u8::from(class.notify);
    let row = (
        difference,
        u8::from(verdict.highlight),
        thread.unwrap_or_default().to_owned(),
    );
    let room = txn.room;
    new.write(move |batch, pos| tables::PERSONAL_NOTIFYING.put(batch, (user, room, pos), &row));
}
