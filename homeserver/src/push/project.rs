//! What an event means for unread counts, and to whom it has to be pushed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use roaring::RoaringBitmap;
use ruma::{EventId, OwnedUserId, UserId, events::TimelineEventType, push::Action};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Inner,
    conditions::Seen,
    permission::Permission,
    rules::{RoomContext, Somebody, Verdict},
    store::PushEventRow,
};
use crate::{
    account_data::Class,
    error::{ApiError, ApiResult},
    ids::UserNid,
    rooms::{
        event::RoomEvent,
        project::Projection,
        relations::relation_of,
        rows::{Membership, Place},
        txn::{NewEvent, Txn},
    },
    storage::tables,
};

/// Writes unread counts with every event.
pub struct PushProjection(pub(super) Arc<Inner>);

/// The parts of an event's content that can address somebody.
#[derive(Default, Deserialize)]
pub(super) struct Addressed {
    #[serde(rename = "m.mentions")]
    mentions: Option<Mentions>,
}

/// Values of another type address nobody, and those beside them all the same.
#[derive(Default, Deserialize)]
struct Mentions {
    #[serde(default)]
    user_ids: Value,
    #[serde(default)]
    room: Value,
}

impl Mentions {
    fn users(&self) -> impl Iterator<Item = OwnedUserId> {
        let ids = self.user_ids.as_array().into_iter().flatten();
        ids.filter_map(|id| UserId::parse(id.as_str()?).ok())
    }

    fn is_of_room(&self) -> bool {
        self.room == Value::Bool(true)
    }
}

/// The members for whom the rules may say something else than the defaults.
#[derive(Default)]
struct Candidates(BTreeMap<UserNid, Standing>);

/// Whose rules decide for a member.
enum Standing {
    /// Those that many share.
    Class(Arc<Class>),
    /// Their own: the event names them, or the rules look for their name.
    Own,
    /// None: they want to hear nothing of the sender.
    Ignoring,
}

/// Evaluating the rules of many for one event.
struct Judge<'a> {
    inner: &'a Inner,
    txn: &'a Txn<'a>,
    room: RoomContext,
    event: Seen,
    /// Those who are subscribed to the event's thread.
    subscribers: RoaringBitmap,
    /// By class, and whether its users are among those.
    classes: HashMap<(u64, bool), Judgement>,
}

/// What rules say of the event.
#[derive(Clone, Default)]
struct Judgement {
    actions: Arc<[Action]>,
    verdict: Verdict,
}

impl From<Vec<Action>> for Judgement {
    fn from(actions: Vec<Action>) -> Self {
        let verdict = Verdict::of(&actions);
        let actions = actions.into();
        Self { actions, verdict }
    }
}

impl Projection for PushProjection {
    fn project(&self, txn: &Txn<'_>, new: &mut NewEvent) -> ApiResult<bool> {
        let inner = &*self.0;
        let event = Arc::clone(&new.event);
        let thread = thread_of(txn, &event)?;
        let thread = thread.as_deref();
        mark_read_by_sender(txn, new, thread)?;
        if let Some(redacted) = new.redacts.clone() {
            retract(txn, new, &redacted)?;
        }
        let addressed: Addressed = event.pdu.content_as().unwrap_or_default();
        let candidates = inner.candidates(txn, new, &addressed)?;
        let mut judge = Judge {
            inner,
            txn,
            subscribers: subscribers(txn, thread, &candidates)?,
            room: context(txn, &addressed, &candidates)?,
            event: Seen::of(&event.pdu)?,
            classes: HashMap::new(),
        };
        let by_default = Judgement::from(inner.nobody.defaults(&judge.room, &judge.event));
        let class = by_default.verdict;
        let mut personal = Vec::new();
        for (&user, standing) in &candidates.0 {
            let Judgement { actions, verdict } = judge.judge(user, standing)?;
            if verdict != class {
                write_personal(txn, new, user, class, verdict, thread);
            }
            if inner.pushable.has(user) && (class.notify || verdict.notify) {
                personal.push((user, actions));
            }
        }
        if class.notify || !personal.is_empty() {
            inner.queue(txn, new, &by_default.actions, personal)?;
        }
        write_class(txn, new, class, thread)
    }
}

/// Counts an event for everybody with the default rules. Returns whether it counts outside of threads.
fn write_class(
    txn: &Txn<'_>,
    new: &mut NewEvent,
    class: Verdict,
    thread: Option<&str>,
) -> ApiResult<bool> {
    let sender = txn
        .rooms
        .storage()
        .interner()
        .user(new.event.pdu.sender())?;
    let (room, root) = (txn.room, thread.unwrap_or_default().to_owned());
    let in_thread = thread.is_some() && class.notify;
    new.write(move |batch, pos| {
        let row = (root, sender);
        if class.highlight {
            tables::MENTIONING_ALL.put(batch, (room, pos), &row);
        }
        if in_thread {
            tables::THREAD_NOTIFYING.put(batch, (room, pos), &row);
        }
    });
    Ok(class.notify && !in_thread)
}

/// The thread an event is in. Most events have no relation, and most relations are those of threads.
fn thread_of(txn: &Txn<'_>, event: &Arc<RoomEvent>) -> ApiResult<Option<String>> {
    match relation_of(&event.pdu) {
        None => Ok(None),
        Some(relation) if relation.rel_type == "m.thread" => Ok(Some(relation.event_id)),
        Some(_) => {
            let thread = txn.rooms.thread_of(txn.snapshot, event)?;
            Ok(thread.map(|root| root.to_string()))
        }
    }
}

impl Inner {
    fn candidates(
        &self,
        txn: &Txn<'_>,
        new: &NewEvent,
        addressed: &Addressed,
    ) -> ApiResult<Candidates> {
        let interner = txn.rooms.storage().interner();
        let pdu = &new.event.pdu;
        let sender = interner.user(pdu.sender())?;
        let mut candidates = Candidates::default();
        let all = &mut candidates.0;
        if self.account_data.has_special() {
            let members = txn.local_members()?;
            for (user, class) in self.account_data.special_in(&txn.room_id, &members) {
                all.insert(user, class.map_or(Standing::Own, Standing::Class));
            }
        }
        let own = |user: &UserId| user.server_name() == txn.rooms.server_name();
        let mentioned = addressed.mentions.iter().flat_map(Mentions::users);
        for user in mentioned.filter(|user| own(user)) {
            if let Some(user) = interner.find_user(&user)?
                && tables::MEMBER.contains(txn.snapshot, (txn.room, Membership::Join, user))?
            {
                all.insert(user, Standing::Own);
            }
        }
        if *pdu.event_type() == TimelineEventType::RoomMember
            && let Some(Ok(user)) = pdu.state_key().map(<&UserId>::try_from)
            && own(user)
        {
            all.insert(interner.user(user)?, Standing::Own);
        }
        let ignoring = self.account_data.ignoring(sender);
        if !ignoring.is_empty() {
            let members = txn.local_members()?;
            for user in &ignoring {
                if members.contains(user) || all.contains_key(&UserNid(user)) {
                    all.insert(UserNid(user), Standing::Ignoring);
                }
            }
        }
        all.remove(&sender);
        Ok(candidates)
    }

    /// Has the event pushed, if anybody here has a pusher.
    fn queue(
        self: &Inner,
        txn: &Txn<'_>,
        new: &mut NewEvent,
        by_default: &[Action],
        personal: Vec<(UserNid, Arc<[Action]>)>,
    ) -> ApiResult<()> {
        if self.pushable.is_empty() {
            return Ok(());
        }
        let json = |actions: &[Action]| serde_json::to_string(actions).map_err(ApiError::internal);
        let personal: ApiResult<Vec<_>> = personal
            .into_iter()
            .map(|(user, actions)| Ok((user.0, json(&actions)?)))
            .collect();
        let row = PushEventRow {
            room: txn.room,
            event: new.event.nid,
            by_default: json(by_default)?,
            personal: personal?,
            queued: txn.rooms.clock().now(),
        };
        let pushable = Arc::clone(&self.pushable);
        new.write(move |batch, pos| {
            tables::PUSH_EVENT.put(batch, pos, &row);
            pushable.events.ring(pos);
        });
        Ok(())
    }
}

impl Judge<'_> {
    /// What a user's rules say of the event.
    fn judge(&mut self, user: UserNid, standing: &Standing) -> ApiResult<Judgement> {
        match standing {
            Standing::Ignoring => Ok(Judgement::default()),
            Standing::Class(class) => {
                let (room, event) = (&self.room, &self.event);
                // Most rules do not ask for that.
                let subscribed =
                    !class.ruleset.postcontent.is_empty() && self.subscribers.contains(user.0);
                let judge = || {
                    let nobody = &self.inner.nobody;
                    nobody.class(class, room, event, subscribed).into()
                };
                let judgement = self.classes.entry((class.id, subscribed));
                Ok(judgement.or_insert_with(judge).clone())
            }
            Standing::Own => self.own(user),
        }
    }

    fn own(&self, user: UserNid) -> ApiResult<Judgement> {
        let rules = self.inner.account_data.rules_of(user)?;
        let id = self.txn.rooms.storage().interner().user_id(user)?;
        let member = self.txn.state("m.room.member", id.as_str())?;
        let name = member.map(|member| display_name(&member));
        let name = name.unwrap_or_default();
        let user = Somebody {
            id: &id,
            display_name: &name,
            subscribed: self.subscribers.contains(user.0),
        };
        let actions = self.room.actions(&rules.ruleset, &self.event, user);
        Ok(actions.into())
    }
}

/// The display name in a member event, empty where there is none.
pub(super) fn display_name(member: &RoomEvent) -> String {
    #[derive(Deserialize)]
    struct Content {
        displayname: Option<String>,
    }
    let content: Option<Content> = member.pdu.content_as().ok();
    content
        .and_then(|content| content.displayname)
        .unwrap_or_default()
}

fn context(
    txn: &Txn<'_>,
    addressed: &Addressed,
    candidates: &Candidates,
) -> ApiResult<RoomContext> {
    // Asked for by the default rule about the whole room, and by whatever rules users have made.
    let to_all = addressed
        .mentions
        .as_ref()
        .is_some_and(Mentions::is_of_room);
    let permission = if to_all || !candidates.0.is_empty() {
        let event = txn.state("m.room.power_levels", "")?;
        Some(Permission {
            levels: txn.power_levels()?.into(),
            event: event.map(|event| event.pdu.clone()),
        })
    } else {
        None
    };
    Ok(RoomContext {
        room_id: txn.room_id.clone(),
        members: txn.head.summary().joined,
        permission,
    })
}

/// Those who are subscribed to a thread, if anybody's rules may ask for it.
fn subscribers(
    txn: &Txn<'_>,
    thread: Option<&str>,
    candidates: &Candidates,
) -> ApiResult<RoaringBitmap> {
    let root = thread.and_then(|root| EventId::parse(root).ok());
    let Some(root) = root.filter(|_| !candidates.0.is_empty()) else {
        return Ok(RoaringBitmap::new());
    };
    let subscribers = txn
        .rooms
        .thread_subscribers(txn.snapshot, txn.room, &root)?;
    Ok(subscribers.into_iter().map(|user| user.0).collect())
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

/// Takes an event out of the counts, since there is nothing to read in it any longer.
fn retract(txn: &Txn<'_>, new: &mut NewEvent, redacted: &RoomEvent) -> ApiResult<()> {
    let (room, place) = (txn.room, redacted.row.place);
    let Some(row) = tables::TIMELINE.get(txn.snapshot, (room, place.pos, place.sub))? else {
        return Ok(());
    };
    let first = (room, Place::FIRST.pos, Place::FIRST.sub);
    let before = tables::TIMELINE
        .range_back(txn.snapshot, first, (room, place.pos, place.sub))?
        .next()
        .transpose()?
        .map_or(0, |(_, row)| row.notifying);
    let counted = u8::from(row.notifying > before);
    new.write(move |batch, _| tables::RETRACTED.put(batch, (room, place.pos), &counted));
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
