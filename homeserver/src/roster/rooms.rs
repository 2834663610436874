//! The rooms of classes, the space they are in, and who is in them.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, UserId,
    api::client::room::create_room::v3::{Request, RoomPreset},
    events::TimelineEventType,
    serde::Raw,
};
use serde_json::{Map, Value, json};

use super::{
    Inner, Role,
    store::{self, ClassRow, Common},
};
use crate::{
    ApiError, ApiResult,
    rooms::{rows::Membership, txn::Txn},
    storage::{Commit, tables},
};

/// What a teacher may do in their classes: moderate.
const POWER_OF_TEACHERS: i64 = 50;
/// Members that enter or leave in one commit.
const AT_ONCE: usize = 50;

/// The rooms, seen by the account that owns them.
pub(super) struct ClassRooms<'a> {
    pub(super) inner: &'a Inner,
    pub(super) account: OwnedUserId,
}

impl ClassRooms<'_> {
    /// A room of the academy as a whole, made when it is first needed.
    pub(super) async fn common(&self, common: Common) -> ApiResult<OwnedRoomId> {
        let known = self
            .inner
            .storage
            .read(move |snapshot| tables::ROSTER_ROOM.get(snapshot, common.key()))
            .await?;
        if let Some(room) = known
            && self.is_there(&room).await?
        {
            return Ok(room);
        }
        let config = &self.inner.config;
        let room = match common {
            Common::Space => {
                let name = config.name.clone();
                let name = name.unwrap_or_else(|| self.inner.users.server_name().to_string());
                // A space is no place to talk in.
                let mut request = request(&name, json!({ "events_default": 100 }))?;
                request.creation_content = Some(
                    Raw::new(&json!({ "type": "m.space" }))
                        .map_err(ApiError::internal)?
                        .cast_unchecked(),
                );
                self.create(request).await?
            }
            Common::Announcements => {
                let name = config.announcements.clone().unwrap_or_default();
                let levels = json!({ "events_default": POWER_OF_TEACHERS });
                self.create(request(&name, levels)?).await?
            }
        };
        let made = room.clone();
        let commit = Commit::silent(move |batch| {
            tables::ROSTER_ROOM.put(batch, common.key(), &made);
        });
        self.inner.storage.commit(commit).await?;
        Ok(room)
    }

    /// The room of a class, made when it is first needed and opened again if it was archived.
    pub(super) async fn class(&self, class: &str) -> ApiResult<OwnedRoomId> {
        let name = class.to_owned();
        let known = self
            .inner
            .storage
            .read(move |snapshot| tables::ROSTER_CLASS.get(snapshot, &name))
            .await?;
        let row = match known {
            Some(row) if self.is_there(&row.room).await? => {
                if !row.archived {
                    return Ok(row.room);
                }
                self.set_events_default(&row.room, 0).await?;
                ClassRow {
                    archived: false,
                    ..row
                }
            }
            _ => ClassRow {
                room: self.create(request(class, json!({}))?).await?,
                archived: false,
            },
        };
        self.write_class(class, row.clone()).await?;
        Ok(row.room)
    }

    /// Makes the rooms of classes read-only that are no more, and takes them out of the space.
    pub(super) async fn archive_others(
        &self,
        space: &RoomId,
        present: &BTreeSet<String>,
    ) -> ApiResult {
        let classes = self.inner.storage.read(store::classes).await?;
        for (class, row) in classes {
            if row.archived || present.contains(&class) {
                continue;
            }
            if self.is_there(&row.room).await? {
                self.set_events_default(&row.room, POWER_OF_TEACHERS)
                    .await?;
                self.set_child(space, &row.room, false).await?;
            }
            let row = ClassRow {
                archived: true,
                ..row
            };
            self.write_class(&class, row).await?;
        }
        Ok(())
    }

    /// Shows a room in the space.
    pub(super) async fn put_into(&self, space: &RoomId, room: &RoomId) -> ApiResult {
        self.set_child(space, room, true).await
    }

    /// Has those be in a room who are to be, with the power of their role, and takes out of it whom the list knows and
    /// does not want there. Whoever else was invited stays. Returns how many memberships changed.
    pub(super) async fn arrange_members(
        &self,
        room: &RoomId,
        wanted: &BTreeMap<OwnedUserId, Role>,
        managed: &BTreeSet<OwnedUserId>,
    ) -> ApiResult<usize> {
        let nid = self.inner.rooms.find(room)?;
        let present: BTreeSet<OwnedUserId> = self
            .inner
            .rooms
            .read(move |rooms, snapshot| {
                let mut members = BTreeSet::new();
                for row in tables::MEMBER.scan(snapshot, (nid, Membership::Join))? {
                    let ((_, _, user), _) = row?;
                    members.insert(rooms.storage().interner().user_id(user)?);
                }
                Ok(members)
            })
            .await?;
        let entering: Vec<OwnedUserId> = wanted
            .keys()
            .filter(|user| !present.contains(*user))
            .cloned()
            .collect();
        let leaving: Vec<OwnedUserId> = present
            .into_iter()
            .filter(|user| managed.contains(user) && !wanted.contains_key(user))
            .collect();
        let changed = entering.len() + leaving.len();
        let members: Vec<(OwnedUserId, bool)> = entering
            .into_iter()
            .map(|user| (user, true))
            .chain(leaving.into_iter().map(|user| (user, false)))
            .collect();
        for some in members.chunks(AT_ONCE) {
            let (some, account) = (some.to_vec(), self.account.clone());
            let change = move |txn: &mut Txn<'_>| {
                for (user, enters) in &some {
                    match change_member(txn, &account, user, *enters) {
                        // Somebody who takes no invitations must not keep the others out.
                        Err(error) if error.status().is_client_error() => {
                            tracing::warn!(%user, "a membership could not be arranged: {error}");
                        }
                        result => result?,
                    }
                }
                Ok(())
            };
            self.inner.rooms.write_own(nid, change).await?;
        }
        self.arrange_power(room, wanted, managed).await?;
        Ok(changed)
    }

    /// Gives teachers their power, and takes it from whom the list knows as something else.
    async fn arrange_power(
        &self,
        room: &RoomId,
        wanted: &BTreeMap<OwnedUserId, Role>,
        managed: &BTreeSet<OwnedUserId>,
    ) -> ApiResult {
        let teachers: BTreeSet<OwnedUserId> = wanted
            .iter()
            .filter(|(_, role)| **role == Role::Teacher)
            .map(|(user, _)| user.clone())
            .collect();
        let managed = managed.clone();
        self.change_levels(room, move |levels| {
            let users = levels.entry("users").or_insert_with(|| json!({}));
            let Some(users) = users.as_object_mut() else {
                return;
            };
            users.retain(|user, level| {
                let is_teachers = level.as_i64() == Some(POWER_OF_TEACHERS);
                let is_managed =
                    UserId::parse(user.as_str()).is_ok_and(|user| managed.contains(&user));
                !(is_teachers && is_managed)
            });
            for teacher in &teachers {
                // A room's own decision for more power stays.
                users
                    .entry(teacher.as_str())
                    .or_insert(POWER_OF_TEACHERS.into());
            }
        })
        .await
    }

    async fn set_events_default(&self, room: &RoomId, level: i64) -> ApiResult {
        self.change_levels(room, move |levels| {
            levels.insert("events_default".to_owned(), level.into());
        })
        .await
    }

    async fn change_levels(
        &self,
        room: &RoomId,
        change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static,
    ) -> ApiResult {
        let (nid, account) = (self.inner.rooms.find(room)?, self.account.clone());
        self.inner
            .rooms
            .write_own(nid, move |txn| {
                let kind = TimelineEventType::RoomPowerLevels;
                let current = txn.state("m.room.power_levels", "")?;
                let before: Map<String, Value> = match current {
                    Some(event) => event.pdu.content_as().map_err(ApiError::internal)?,
                    None => Map::new(),
                };
                let mut levels = before.clone();
                change(&mut levels);
                if levels != before {
                    txn.set_state(&account, kind, "", &levels)?;
                }
                Ok(())
            })
            .await
    }

    /// Names a room as a child of the space, and the space as its parent; or takes both back.
    async fn set_child(&self, space: &RoomId, room: &RoomId, is_child: bool) -> ApiResult {
        let server = self.inner.users.server_name();
        let (child, parent) = match is_child {
            true => (
                json!({ "via": [server] }),
                json!({ "via": [server], "canonical": true }),
            ),
            false => (json!({}), json!({})),
        };
        self.set_state(space, TimelineEventType::SpaceChild, room, child)
            .await?;
        self.set_state(room, TimelineEventType::SpaceParent, space, parent)
            .await
    }

    async fn set_state(
        &self,
        room: &RoomId,
        kind: TimelineEventType,
        state_key: &RoomId,
        content: Value,
    ) -> ApiResult {
        let (nid, account) = (self.inner.rooms.find(room)?, self.account.clone());
        let state_key = state_key.to_owned();
        self.inner
            .rooms
            .write_own(nid, move |txn| {
                let current = txn.state(&kind.to_string(), state_key.as_str())?;
                let current: Option<Value> = current
                    .map(|event| event.pdu.content_as().map_err(ApiError::internal))
                    .transpose()?;
                if current.unwrap_or_else(|| json!({})) != content {
                    txn.set_state(&account, kind.clone(), state_key.as_str(), &content)?;
                }
                Ok(())
            })
            .await
    }

    /// Whether a room is still there: an administrator may have deleted it.
    async fn is_there(&self, room: &RoomId) -> ApiResult<bool> {
        let Ok(nid) = self.inner.rooms.find(room) else {
            return Ok(false);
        };
        self.inner
            .rooms
            .read(move |rooms, snapshot| Ok(rooms.summary(snapshot, nid)?.is_some()))
            .await
    }

    async fn create(&self, request: Request) -> ApiResult<OwnedRoomId> {
        let version = self.inner.room_version.clone();
        let rooms = &self.inner.rooms;
        rooms.create(self.account.clone(), request, version).await
    }

    async fn write_class(&self, class: &str, row: ClassRow) -> ApiResult {
        let class = class.to_owned();
        let commit = Commit::silent(move |batch| tables::ROSTER_CLASS.put(batch, &class, &row));
        self.inner.storage.commit(commit).await?;
        Ok(())
    }
}

fn request(name: &str, levels: Value) -> ApiResult<Request> {
    let mut request = Request::new();
    request.preset = Some(RoomPreset::PrivateChat);
    request.name = Some(name.to_owned());
    let levels = Raw::new(&levels).map_err(ApiError::internal)?;
    request.power_level_content_override = Some(levels.cast_unchecked());
    Ok(request)
}

/// Takes somebody into a room, or out of it.
fn change_member(txn: &mut Txn<'_>, account: &UserId, user: &UserId, enters: bool) -> ApiResult {
    let membership = txn.membership(user)?;
    let kind = || TimelineEventType::RoomMember;
    if !enters {
        let content = json!({ "membership": "leave" });
        txn.set_state(account, kind(), user.as_str(), &content)?;
        return Ok(());
    }
    match membership {
        // Whoever was shut out of a room stays out until somebody lets them in.
        Some(Membership::Ban) => return Ok(()),
        Some(Membership::Invite) => {}
        _ => {
            let content = txn.member_content(user, "invite")?;
            txn.set_state(account, kind(), user.as_str(), &content)?;
        }
    }
    let content = txn.member_content(user, "join")?;
    txn.set_state(user, kind(), user.as_str(), &content)?;
    Ok(())
}
