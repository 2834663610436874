//! Rooms over a real database in a temporary folder, with a clock that tests move.

use std::sync::Arc;

use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId, ServerName, UserId,
    api::client::room::create_room::v3::{Request, RoomPreset},
    signatures::Ed25519KeyPair,
};
use serde_json::{Value, json};

use super::{
    Rooms, draft,
    look::{Look, Reader},
    membership::{MembershipChange, Step},
};
use crate::{
    clock::ManualClock,
    error::{ApiError, ApiResult},
    ids::{RoomNid, UserNid},
    storage::{OpenOptions, Storage},
};

/// The parts under a server that rooms need. `@alice:local` makes the rooms.
pub(crate) struct TestServer {
    pub(crate) rooms: Rooms,
    pub(crate) storage: Storage,
    pub(crate) clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

/// Who makes the rooms.
pub(crate) const ALICE: &str = "@alice:local";
/// Somebody else.
pub(crate) const BOB: &str = "@bob:local";

/// A user by id.
pub(crate) fn user(id: &str) -> OwnedUserId {
    UserId::parse(id).unwrap()
}

/// The error code and the message of a refusal.
pub(crate) fn refusal<T>(result: ApiResult<T>) -> (String, String) {
    let error: ApiError = result.err().expect("this should have been refused");
    let code = error.kind().unwrap().errcode().to_string();
    (code, error.message().to_owned())
}

/// The error code of a refusal.
pub(crate) fn code<T>(result: ApiResult<T>) -> String {
    refusal(result).0
}

impl TestServer {
    pub(crate) fn new() -> Self {
        Self::named("local")
    }

    /// A server of another name.
    pub(crate) fn named(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path(), OpenOptions { sync: false }).unwrap();
        let clock = ManualClock::at(1_760_000_000_000);
        let key = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "1".to_owned()).unwrap();
        let name = ServerName::parse(name).unwrap();
        let rooms = Rooms::new(storage.clone(), clock.clone(), name, key);
        Self {
            rooms,
            storage,
            clock,
            _folder: folder,
        }
    }

    /// The number of a user.
    pub(crate) fn user(&self, id: &UserId) -> UserNid {
        self.storage.interner().user(id).unwrap()
    }

    pub(crate) async fn create(&self, request: Request) -> ApiResult<OwnedRoomId> {
        self.rooms
            .create(user(ALICE), request, RoomVersionId::V12)
            .await
    }

    /// A room of Alice's that anybody may join.
    pub(crate) async fn public_room(&self, version: &str) -> RoomNid {
        let mut request = Request::new();
        request.preset = Some(RoomPreset::PublicChat);
        request.room_version = Some(version.try_into().unwrap());
        self.rooms
            .find(&self.create(request).await.unwrap())
            .unwrap()
    }

    pub(crate) async fn step(&self, room: RoomNid, who: &str, step: Step) -> ApiResult<()> {
        self.step_of(room, who, who, step).await
    }

    pub(crate) async fn step_of(
        &self,
        room: RoomNid,
        sender: &str,
        target: &str,
        step: Step,
    ) -> ApiResult<()> {
        let change = MembershipChange::of(&user(sender), &user(target), step, None);
        self.rooms.change_membership(room, change).await
    }

    pub(crate) async fn join(&self, room: RoomNid, who: &str) {
        self.step(room, who, Step::Join).await.unwrap();
    }

    pub(crate) async fn send(
        &self,
        room: RoomNid,
        sender: &str,
        content: Value,
    ) -> ApiResult<OwnedEventId> {
        let now = self.rooms.clock().now();
        let draft = draft::message(&user(sender), "m.room.message".into(), &content, now)?;
        self.rooms.send(room, draft, None).await
    }

    pub(crate) async fn say(&self, room: RoomNid, sender: &str, body: &str) -> OwnedEventId {
        let content = json!({ "msgtype": "m.text", "body": body });
        self.send(room, sender, content).await.unwrap()
    }

    pub(crate) async fn set_state(
        &self,
        room: RoomNid,
        sender: &str,
        kind: &str,
        content: Value,
    ) -> ApiResult<OwnedEventId> {
        let now = self.rooms.clock().now();
        let draft = draft::state(&user(sender), kind.into(), "", &content, now)?;
        self.rooms.send_state(room, draft).await
    }

    /// Looks into a room as a user.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        room: RoomNid,
        who: &str,
        read: impl FnOnce(&Look<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let reader = Reader {
            user: user(who),
            device: "PHONE".into(),
        };
        let room_id = self.rooms.room_id(room).unwrap();
        self.rooms.look(reader, &room_id, read).await
    }
}
