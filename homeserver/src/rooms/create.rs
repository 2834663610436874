//! Making a room.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#creation)

use std::sync::atomic::Ordering;

use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    api::{
        client::room::{
            Visibility,
            create_room::v3::{Request, RoomPreset},
        },
        error::ErrorKind,
    },
    events::TimelineEventType,
    room_version_rules::{RoomIdFormatVersion, RoomVersionRules},
};
use serde_json::{Map, Value, json};

use super::{Rooms, aliases, draft, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::{Draft, Pdu, RoomContext, build, versions},
    storage::tables,
};

/// What the members of the parts of a new room are called in the specification's request.
struct Plan {
    creator: OwnedUserId,
    version: RoomVersionId,
    preset: RoomPreset,
    request: Request,
    /// Creators beside the one who asks; none before room version 12.
    additional_creators: Vec<OwnedUserId>,
}

impl Rooms {
    /// Makes a room as a user asks for it, in one commit.
    pub async fn create(
        &self,
        creator: OwnedUserId,
        request: Request,
        default: RoomVersionId,
    ) -> ApiResult<OwnedRoomId> {
        check_words(&request)?;
        let version = request.room_version.clone().unwrap_or(default);
        let Some(rules) = versions::rules(&version) else {
            let message = "This server cannot make rooms of that version; GET /capabilities lists those it can.";
            return Err(ApiError::bad_request(
                ErrorKind::UnsupportedRoomVersion,
                message,
            ));
        };
        let preset = request.preset.clone().unwrap_or(match request.visibility {
            Visibility::Public => RoomPreset::PublicChat,
            _ => RoomPreset::PrivateChat,
        });
        let content = creation_content(&request, &creator, &version)?;
        let mut plan = Plan {
            creator,
            version,
            preset,
            request,
            additional_creators: Vec::new(),
        };
        let content = plan.add_creators(content)?;
        let create = draft::state(
            &plan.creator,
            TimelineEventType::RoomCreate,
            "",
            &content,
            self.creation_time(),
        )?;
        let version = plan.version.clone();
        // Two rooms must not take the same alias at once.
        let _turn = match plan.request.room_alias_name {
            Some(_) => Some(self.inner.alias_turn.lock().await),
            None => None,
        };
        self.found(create, rules, &version, None, move |txn| {
            plan.fill(txn).map_err(invalid_state)
        })
        .await
    }

    /// Makes a room in one commit: its first event, and what `fill` appends. The room's id may be chosen in versions in
    /// which it does not follow from that event.
    pub(super) async fn found(
        &self,
        create: Draft,
        rules: &'static RoomVersionRules,
        version: &RoomVersionId,
        room_id: Option<OwnedRoomId>,
        fill: impl FnOnce(&mut Txn<'_>) -> ApiResult<()> + Send + 'static,
    ) -> ApiResult<OwnedRoomId> {
        let pdu = self.build_create(&create, rules, room_id)?;
        let room_id = pdu.room_id().to_owned();
        let room = self.storage().interner().room(&room_id)?;
        self.write_new(room, rules, version.to_string(), move |txn| {
            if !txn.head.is_empty() {
                // Only a clock that was set back can lead here.
                return Err(ApiError::internal(anyhow::anyhow!("the room exists")));
            }
            txn.authorize(&pdu)?;
            txn.record(pdu)?;
            fill(txn)
        })
        .await?;
        Ok(room_id)
    }

    /// The time for a create event: now, or later than every other. Since room version 12 the create event gives the
    /// room its id, and two wishes of a user in the same millisecond must not become one room.
    pub(super) fn creation_time(&self) -> MilliSecondsSinceUnixEpoch {
        let now = self.clock().now();
        let last = &self.inner.last_creation;
        let next = |last: u64| Some(last.saturating_add(1).max(now.0.into()));
        let before = last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let time = before
            .ok()
            .and_then(next)
            .and_then(|time| time.try_into().ok());
        time.map_or(now, MilliSecondsSinceUnixEpoch)
    }

    /// The first event of a room. Since version 12 it gives the room its id, before that the id is random.
    fn build_create(
        &self,
        draft: &Draft,
        rules: &RoomVersionRules,
        chosen: Option<OwnedRoomId>,
    ) -> ApiResult<Pdu> {
        let chosen = chosen.unwrap_or_else(|| RoomId::new_v1(self.server_name()));
        let room_id = (rules.room_id_format == RoomIdFormatVersion::V1).then_some(&*chosen);
        let context = RoomContext {
            rules,
            room_id,
            prev_events: &[],
            auth_events: &[],
            depth: 1,
        };
        Ok(build::build(draft, context, self.signer())?)
    }
}

/// Refuses words that mean nothing where the specification lists those that do.
fn check_words(request: &Request) -> ApiResult<()> {
    if !matches!(request.visibility, Visibility::Public | Visibility::Private) {
        return Err(ApiError::invalid_param(
            "visibility is \"public\" or \"private\".",
        ));
    }
    match &request.preset {
        None
        | Some(RoomPreset::PrivateChat | RoomPreset::PublicChat | RoomPreset::TrustedPrivateChat) => {
            Ok(())
        }
        Some(_) => Err(ApiError::invalid_param(
            "preset is \"private_chat\", \"public_chat\" or \"trusted_private_chat\".",
        )),
    }
}

/// State that the rules of the room refuse makes the whole request one for a room that cannot be.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom)
fn invalid_state(error: ApiError) -> ApiError {
    match error.kind() {
        Some(ErrorKind::Forbidden | ErrorKind::InvalidParam) => {
            ApiError::bad_request(ErrorKind::InvalidRoomState, error.message().to_owned())
        }
        _ => error,
    }
}

/// The content of `m.room.create` as the client wants it, with what the server decides.
fn creation_content(
    request: &Request,
    creator: &OwnedUserId,
    version: &RoomVersionId,
) -> ApiResult<Map<String, Value>> {
    let mut content: Map<String, Value> = match &request.creation_content {
        Some(raw) => serde_json::from_str(raw.json().get())
            .map_err(|_| ApiError::bad_json("creation_content must be an object."))?,
        None => Map::new(),
    };
    content.insert("room_version".to_owned(), version.as_str().into());
    let rules = versions::rules(version);
    if rules.is_some_and(|rules| rules.authorization.use_room_create_sender) {
        content.remove("creator");
    } else {
        content.insert("creator".to_owned(), creator.as_str().into());
    }
    if !rules.is_some_and(|rules| rules.authorization.additional_room_creators) {
        content.remove("additional_creators");
    }
    Ok(content)
}

impl Plan {
    fn has_creators(&self) -> bool {
        versions::rules(&self.version)
            .is_some_and(|rules| rules.authorization.explicitly_privilege_room_creators)
    }

    /// In a trusted chat of version 12 the invited are creators too.
    fn add_creators(&mut self, mut content: Map<String, Value>) -> ApiResult<Map<String, Value>> {
        if !self.has_creators() {
            return Ok(content);
        }
        let listed = content
            .get("additional_creators")
            .cloned()
            .unwrap_or_else(|| json!([]));
        let mut creators: Vec<OwnedUserId> = serde_json::from_value(listed).map_err(|_| {
            ApiError::invalid_param(
                "additional_creators in creation_content must be a list of user ids.",
            )
        })?;
        if self.preset == RoomPreset::TrustedPrivateChat {
            for user in &self.request.invite {
                if !creators.contains(user) {
                    creators.push(user.clone());
                }
            }
        }
        if !creators.is_empty() {
            content.insert("additional_creators".to_owned(), json!(creators));
        }
        self.additional_creators = creators;
        Ok(content)
    }

    /// Appends everything after the create event.
    fn fill(self, txn: &mut Txn<'_>) -> ApiResult<()> {
        let creator = self.creator.clone();
        let join = txn.member_content(&creator, "join")?;
        txn.set_state(
            &creator,
            TimelineEventType::RoomMember,
            creator.as_str(),
            &join,
        )?;
        self.set(
            txn,
            TimelineEventType::RoomPowerLevels,
            &self.power_levels()?,
        )?;
        if let Some(name) = &self.request.room_alias_name {
            let alias = aliases::take_local(txn, &creator, name)?;
            self.set(
                txn,
                TimelineEventType::RoomCanonicalAlias,
                &json!({ "alias": alias }),
            )?;
        }
        self.preset_state(txn)?;
        self.initial_state(txn)?;
        if let Some(name) = &self.request.name {
            self.set(txn, TimelineEventType::RoomName, &json!({ "name": name }))?;
        }
        if let Some(topic) = &self.request.topic {
            let content = json!({ "topic": topic, "m.topic": { "m.text": [{ "body": topic }] } });
            self.set(txn, TimelineEventType::RoomTopic, &content)?;
        }
        // Users of other servers are invited once the room is there: their servers have to sign.
        let here = txn.rooms.server_name();
        for user in self
            .request
            .invite
            .iter()
            .filter(|user| user.server_name() == here)
        {
            let mut content = txn.member_content(user, "invite")?;
            if self.request.is_direct {
                content["is_direct"] = true.into();
            }
            txn.set_state(
                &creator,
                TimelineEventType::RoomMember,
                user.as_str(),
                &content,
            )?;
        }
        if self.request.visibility == Visibility::Public {
            let room = txn.room;
            txn.write(move |batch, _| tables::PUBLIC_ROOM.put(batch, room, &()));
        }
        Ok(())
    }

    fn set(&self, txn: &mut Txn<'_>, kind: TimelineEventType, content: &Value) -> ApiResult<()> {
        txn.set_state(&self.creator, kind, "", content)?;
        Ok(())
    }

    fn power_levels(&self) -> ApiResult<Value> {
        let mut users = Map::new();
        if !self.has_creators() {
            users.insert(self.creator.to_string(), 100.into());
            if self.preset == RoomPreset::TrustedPrivateChat {
                users.extend(
                    self.request
                        .invite
                        .iter()
                        .map(|user| (user.to_string(), 100.into())),
                );
            }
        }
        let tombstone = if self.has_creators() { 150 } else { 100 };
        let invite = if self.preset == RoomPreset::PublicChat {
            50
        } else {
            0
        };
        let mut content = json!({
            "users": users,
            "users_default": 0,
            "events": {
                "m.room.name": 50,
                "m.room.avatar": 50,
                "m.room.canonical_alias": 50,
                "m.room.power_levels": 100,
                "m.room.history_visibility": 100,
                "m.room.server_acl": 100,
                "m.room.encryption": 100,
                "m.room.tombstone": tombstone,
            },
            "events_default": 0,
            "state_default": 50,
            "ban": 50,
            "kick": 50,
            "redact": 50,
            "invite": invite,
        });
        let Some(raw) = &self.request.power_level_content_override else {
            return Ok(content);
        };
        let wanted: Map<String, Value> = serde_json::from_str(raw.json().get())
            .map_err(|_| ApiError::bad_json("power_level_content_override must be an object."))?;
        if let Some(content) = content.as_object_mut() {
            content.extend(wanted);
        }
        Ok(content)
    }

    /// The state a preset stands for, except where `initial_state` says otherwise.
    fn preset_state(&self, txn: &mut Txn<'_>) -> ApiResult<()> {
        let join_rule = match self.preset {
            RoomPreset::PublicChat => "public",
            _ => "invite",
        };
        self.set(
            txn,
            TimelineEventType::RoomJoinRules,
            &json!({ "join_rule": join_rule }),
        )?;
        self.set(
            txn,
            TimelineEventType::RoomHistoryVisibility,
            &json!({ "history_visibility": "shared" }),
        )?;
        // Guests are kept out where nothing is said of them.
        if self.preset == RoomPreset::PublicChat {
            return Ok(());
        }
        self.set(
            txn,
            TimelineEventType::RoomGuestAccess,
            &json!({ "guest_access": "can_join" }),
        )
    }

    fn initial_state(&self, txn: &mut Txn<'_>) -> ApiResult<()> {
        for raw in &self.request.initial_state {
            let event: Value = serde_json::from_str(raw.json().get())
                .map_err(|_| ApiError::bad_json("An event in initial_state is not an object."))?;
            let (Some(kind), Some(content)) = (event["type"].as_str(), event.get("content")) else {
                return Err(ApiError::bad_json(
                    "An event in initial_state needs a type and a content.",
                ));
            };
            if matches!(kind, "m.room.create" | "m.room.member") {
                let message = format!(
                    "initial_state cannot hold {kind}; the server makes that event itself."
                );
                return Err(ApiError::bad_request(ErrorKind::InvalidRoomState, message));
            }
            let state_key = match event.get("state_key") {
                None => "",
                Some(key) => key
                    .as_str()
                    .ok_or_else(|| ApiError::bad_json("state_key must be a string."))?,
            };
            txn.set_state(&self.creator, kind.into(), state_key, content)?;
        }
        Ok(())
    }
}
