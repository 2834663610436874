//! Other networks, as services know them.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#third-party-networks)

use std::collections::BTreeMap;

use futures::future::join_all;
use ruma::{OwnedRoomId, RoomId};
use serde_json::{Map, Value};

use super::{Appservices, Registered, ask::encode};
use crate::{
    error::{ApiError, ApiResult},
    storage::{Commit, tables},
};

/// Which things of a network are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rooms there.
    Location,
    /// People there.
    User,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::User => "user",
        }
    }

    /// What a result has to say to be of use.
    fn address(self) -> &'static str {
        match self {
            Self::Location => "alias",
            Self::User => "userid",
        }
    }
}

impl Appservices {
    /// All protocols with what services say of them.
    pub async fn protocols(&self) -> BTreeMap<String, Value> {
        let mut names: Vec<_> = self.all_protocols().cloned().collect();
        names.sort();
        names.dedup();
        let described = join_all(names.iter().map(|name| self.protocol(name))).await;
        let mut protocols = BTreeMap::new();
        for (name, described) in names.iter().zip(described) {
            protocols.extend(described.map(|described| (name.clone(), described)));
        }
        protocols
    }

    /// What services say of a protocol, if there is one that knows it. The instances of all of them are put together.
    pub async fn protocol(&self, name: &str) -> Option<Value> {
        let segment = encode(name);
        let paths = [
            format!("/_matrix/app/v1/thirdparty/protocol/{segment}"),
            format!("/_matrix/app/unstable/thirdparty/protocol/{segment}"),
        ];
        let mut merged: Option<Map<String, Value>> = None;
        for one in &self.inner.all {
            if !one.service.protocols.iter().any(|known| known == name) {
                continue;
            }
            let answer = self.ask(one, &paths, Vec::new()).await;
            let Some(Ok(Value::Object(mut described))) =
                answer.map(|body| serde_json::from_slice(&body))
            else {
                continue;
            };
            let instances = instances(one, described.remove("instances"));
            let merged = merged.get_or_insert_with(|| {
                described.insert("instances".to_owned(), Value::Array(Vec::new()));
                described
            });
            if let Some(Value::Array(all)) = merged.get_mut("instances") {
                all.extend(instances);
            }
        }
        merged.map(Value::Object)
    }

    /// What services find in a network by the fields that it is searched by.
    pub async fn search(
        &self,
        kind: Kind,
        protocol: &str,
        fields: BTreeMap<String, String>,
    ) -> ApiResult<Vec<Value>> {
        if !self.all_protocols().any(|known| known == protocol) {
            return Err(ApiError::not_found("No bridge here knows this protocol."));
        }
        let path = format!("{}/{}", kind.name(), encode(protocol));
        let knows = |one: &Registered| one.service.protocols.iter().any(|known| known == protocol);
        self.collect(kind, &path, fields, knows).await
    }

    /// What is behind an alias or a user id of Matrix.
    pub async fn behind(&self, kind: Kind, name: String) -> ApiResult<Vec<Value>> {
        let query = BTreeMap::from([(kind.address().to_owned(), name)]);
        let asks = |one: &Registered| !one.service.protocols.is_empty();
        self.collect(kind, kind.name(), query, asks).await
    }

    async fn collect(
        &self,
        kind: Kind,
        path: &str,
        query: BTreeMap<String, String>,
        wanted: impl Fn(&Registered) -> bool,
    ) -> ApiResult<Vec<Value>> {
        let paths = [
            format!("/_matrix/app/v1/thirdparty/{path}"),
            format!("/_matrix/app/unstable/thirdparty/{path}"),
        ];
        let query: Vec<_> = query.into_iter().collect();
        let all = self.inner.all.iter().filter(|one| wanted(one));
        let answers = join_all(all.map(|one| self.ask(one, &paths, query.clone()))).await;
        let mut found = Vec::new();
        for answer in answers.into_iter().flatten() {
            let results: Vec<Value> = serde_json::from_slice(&answer).unwrap_or_default();
            found.extend(results.into_iter().filter(|result| is_usable(kind, result)));
        }
        match found.is_empty() {
            true => Err(ApiError::not_found("No bridge here has found anything.")),
            false => Ok(found),
        }
    }

    fn all_protocols(&self) -> impl Iterator<Item = &String> {
        let all = self.inner.all.iter();
        all.flat_map(|one| &one.service.protocols)
    }

    /// Puts a room into the directory of a network, or takes it out.
    /// [spec](https://spec.matrix.org/v1.19/application-service-api/#published-room-directories)
    pub async fn set_visible(
        &self,
        service: &str,
        network: &str,
        room_id: OwnedRoomId,
        is_public: bool,
    ) -> ApiResult<()> {
        let room_id: &RoomId = &room_id;
        let room = self.inner.rooms.find(room_id)?;
        let instance = instance_id(service, network);
        let commit = Commit::silent(move |batch| {
            if is_public {
                tables::NETWORK_ROOM.put(batch, (&instance, room), &());
            } else {
                tables::NETWORK_ROOM.delete(batch, (&instance, room));
            }
        });
        self.inner.storage.commit(commit).await?;
        Ok(())
    }
}

/// The name under which clients ask for a network of a service.
fn instance_id(service: &str, network: &str) -> String {
    format!("{service}|{network}")
}

fn instances(one: &Registered, instances: Option<Value>) -> Vec<Value> {
    let Some(Value::Array(mut instances)) = instances else {
        return Vec::new();
    };
    for instance in &mut instances {
        if let Some(network) = instance["network_id"].as_str() {
            instance["instance_id"] = instance_id(&one.service.id, network).into();
        }
    }
    instances
}

fn is_usable(kind: Kind, result: &Value) -> bool {
    result[kind.address()].is_string()
        && result["protocol"].is_string()
        && result["fields"].is_object()
}
