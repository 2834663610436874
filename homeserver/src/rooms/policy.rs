//! Policy servers: the server that a room names looks at each event before the others see it, and signs what it
//! recommends. Its key stands in the room's state, so everybody can check the signature without asking.
//! [spec](https://spec.matrix.org/v1.19/server-server-api/#policy-servers)

use std::sync::Arc;

use ruma::{OwnedServerName, ServerName, room_version_rules::RoomVersionRules, serde::Base64};
use serde::Deserialize;

use super::{Rooms, head::Head, servers, txn::Txn};
use crate::{
    error::{ApiError, ApiResult},
    events::{Pdu, build::MAX_PDU_BYTES, verify},
    ids::RoomNid,
    storage::Snapshot,
};

/// What every policy server calls its key.
const KEY_ID: &str = "ed25519:policy_server";

/// The way to policy servers.
pub trait AskPolicyServer: Send + Sync {
    /// The signature of a policy server for an event. Waits for it; called on blocking threads only.
    fn sign(&self, server: &ServerName, event: &Pdu) -> ApiResult<String>;
}

/// The policy server of a room.
#[derive(Clone, Debug)]
pub struct PolicyServer {
    /// Its name.
    pub name: OwnedServerName,
    key: Vec<u8>,
}

#[derive(Deserialize)]
struct Content {
    via: OwnedServerName,
    public_keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    ed25519: String,
}

impl PolicyServer {
    /// Reads the content of a `m.room.policy` event.
    fn of(event: &Pdu) -> Option<Self> {
        let content: Content = event.content_as().ok()?;
        let key = content.public_keys.ed25519;
        let key = Base64::<ruma::serde::base64::Standard>::parse(&key)
            .map(Base64::into_inner)
            .or_else(|_| {
                Base64::<ruma::serde::base64::UrlSafe>::parse(&key).map(Base64::into_inner)
            });
        Some(Self {
            name: content.via,
            key: key.ok()?,
        })
    }

    /// Whether it has signed an event.
    pub fn has_signed(&self, event: &Pdu, rules: &RoomVersionRules) -> bool {
        verify::is_signed_with(event, rules, (&self.name, KEY_ID), &self.key)
    }

    /// An event with a signature that the policy server gave; nothing if the signature is wrong.
    pub fn signed(&self, event: &Pdu, rules: &RoomVersionRules, signature: &str) -> Option<Pdu> {
        let signed = verify::with_signature(event, rules, (&self.name, KEY_ID), signature).ok()?;
        let fits = signed.json().len() <= MAX_PDU_BYTES;
        (fits && self.has_signed(&signed, rules)).then_some(signed)
    }
}

/// A question to a policy server.
pub(super) struct Question {
    client: Arc<dyn AskPolicyServer>,
    policy: PolicyServer,
    rules: &'static RoomVersionRules,
    event: Pdu,
}

impl Question {
    /// The event with the policy server's signature. Waits for it; for blocking threads only.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#asking-for-a-policy-server-signature-on-an-event)
    pub(super) fn ask(self) -> ApiResult<Pdu> {
        let signature = self.client.sign(&self.policy.name, &self.event)?;
        let signed = self.policy.signed(&self.event, self.rules, &signature);
        signed.ok_or_else(|| {
            ApiError::forbidden(format!(
                "The signature of the room's policy server {} is not of the key that the room names.",
                self.policy.name
            ))
        })
    }
}

/// Whether an event has to be signed where there is a policy server: all but the one that says which it is.
fn is_subject(event: &Pdu) -> bool {
    !(event.event_type().to_string() == "m.room.policy" && event.state_key() == Some(""))
}

impl Rooms {
    /// Says how policy servers are asked. The first call counts.
    pub fn set_policy_client(&self, client: Arc<dyn AskPolicyServer>) {
        drop(self.inner.policy_client.set(client));
    }

    /// Whether a room may name a policy server, as far as that can be told at once.
    pub fn may_have_policy_server(&self, room: RoomNid) -> bool {
        let is_without = |head: &Head| head.summary().policy_server.is_none();
        !self.peek(room, is_without).unwrap_or(false)
    }

    /// The policy server of a room and those of some events that it has not signed.
    pub fn unsigned_by_policy(
        &self,
        snapshot: &Snapshot<'_>,
        room: RoomNid,
        events: &[Pdu],
    ) -> ApiResult<Option<(PolicyServer, &'static RoomVersionRules, Vec<usize>)>> {
        let Some(summary) = self.summary(snapshot, room)? else {
            return Ok(None);
        };
        if summary.policy_server.is_none() {
            return Ok(None);
        }
        let Some(head) = Head::load(self, snapshot, room)? else {
            return Ok(None);
        };
        let Some(event) = self.state_event(snapshot, room, "m.room.policy", "")? else {
            return Ok(None);
        };
        let Some(policy) = PolicyServer::of(&event.pdu) else {
            return Ok(None);
        };
        let takes_part = match policy.name == self.server_name() {
            true => summary.joined > summary.remote,
            false => servers::is_in(snapshot, room, &policy.name)?,
        };
        if !takes_part {
            return Ok(None);
        }
        let rules = head.rules();
        let mut unsigned = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let known = self.event_by_id(snapshot, event.event_id())?;
            let is_known = known.is_some_and(|known| known.has_state());
            if !is_known && is_subject(event) && !policy.has_signed(event, rules) {
                unsigned.push(at);
            }
        }
        Ok(Some((policy, rules, unsigned)))
    }
}

impl Txn<'_> {
    /// The policy server that an event needs the signature of, as the room is now.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#determining-if-a-policy-server-is-enabled-in-a-room)
    fn policy_server_for(&self, event: &Pdu) -> ApiResult<Option<PolicyServer>> {
        if self.head.summary().policy_server.is_none() || !is_subject(event) {
            return Ok(None);
        }
        let Some(state) = self.state("m.room.policy", "")? else {
            return Ok(None);
        };
        let Some(policy) = PolicyServer::of(&state.pdu) else {
            return Ok(None);
        };
        let takes_part = match policy.name == self.rooms.server_name() {
            true => self.is_resident(),
            false => self.joined_from(&policy.name)? > 0,
        };
        Ok(takes_part.then_some(policy))
    }

    /// What the room's policy server has to be asked about an event, if there is one.
    pub(super) fn question(&self, event: &Pdu) -> ApiResult<Option<Question>> {
        // Nobody can keep a room from being removed here.
        if self.rooms.is_closing(self.room) {
            return Ok(None);
        }
        let Some(policy) = self.policy_server_for(event)? else {
            return Ok(None);
        };
        let client = self.rooms.inner.policy_client.get();
        Ok(client.map(|client| Question {
            client: Arc::clone(client),
            policy,
            rules: self.head.rules(),
            event: event.clone(),
        }))
    }

    /// Why an event of another server is kept from clients, if the room's policy server has not signed it.
    /// [spec](https://spec.matrix.org/v1.19/server-server-api/#validating-policy-server-signatures)
    pub(super) fn policy_objection(&self, event: &Pdu) -> ApiResult<Option<String>> {
        let Some(policy) = self.policy_server_for(event)? else {
            return Ok(None);
        };
        let is_signed = policy.has_signed(event, self.head.rules());
        let objection = || format!("the room's policy server {} has not signed it", policy.name);
        Ok((!is_signed).then(objection))
    }
}
