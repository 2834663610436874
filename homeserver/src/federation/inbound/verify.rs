//! Checking the signatures of events that other servers sent.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, StreamExt, stream};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedServerName, OwnedServerSigningKeyId,
    room_version_rules::RoomVersionRules, signatures::PublicKeyMap,
};

use crate::{
    Server,
    error::{ApiError, ApiResult},
    events::{
        Pdu,
        verify::{Unverified, VerifyError},
    },
    federation::{Federation, When},
};

/// Events whose keys are looked for at the same time.
const AT_ONCE: usize = 16;

/// An event, or why it is none; with its id where that can be told.
pub struct Checked {
    /// The id.
    pub event_id: Option<OwnedEventId>,
    /// The event, redacted where its content is not what was signed.
    pub pdu: Result<Pdu, VerifyError>,
}

type WantedKeys = BTreeMap<OwnedServerName, BTreeSet<OwnedServerSigningKeyId>>;

type Parsed = Result<Unverified<'static>, VerifyError>;

/// How far an event is.
enum Step {
    Checked(Checked),
    /// It waits for these keys, as they were then.
    Waits(Parsed, WantedKeys, MilliSecondsSinceUnixEpoch),
}

/// Checks formats, hashes and signatures. Keys that are not known yet are asked for.
pub async fn verify(
    server: &Server,
    rules: &'static RoomVersionRules,
    events: Vec<String>,
) -> ApiResult<Vec<Checked>> {
    // Parsing, hashing and checking keep a processor busy.
    let federation = server.federation.clone();
    let begun = blocking(move || -> ApiResult<Vec<Step>> {
        let events = events.iter();
        events
            .map(|event| begin(&federation, Unverified::parse(event, rules)))
            .collect()
    });
    let checked: Vec<_> = stream::iter(begun.await??)
        .map(|step| finish(server, step))
        .buffered(AT_ONCE)
        .collect()
        .await;
    checked.into_iter().collect()
}

/// Checks an event at once if the keys it needs are in memory.
fn begin(federation: &Federation, event: Parsed) -> ApiResult<Step> {
    let (wanted, when) = wanted(&event);
    let found = federation.public_key_map(&wanted, When::At(when));
    Ok(match found.now_or_never() {
        Some(keys) => Step::Checked(check(event, &keys?)),
        None => Step::Waits(event, wanted, when),
    })
}

async fn finish(server: &Server, step: Step) -> ApiResult<Checked> {
    let (event, wanted, when) = match step {
        Step::Checked(checked) => return Ok(checked),
        Step::Waits(event, wanted, when) => (event, wanted, when),
    };
    let keys = &server.federation;
    let keys = keys.public_key_map(&wanted, When::At(when)).await?;
    blocking(move || check(event, &keys)).await
}

/// The keys an event needs, and when they must have been valid.
fn wanted(event: &Parsed) -> (WantedKeys, MilliSecondsSinceUnixEpoch) {
    match event {
        Ok(event) => {
            let keys = event.signing_keys().unwrap_or_default();
            (keys, event.origin_server_ts())
        }
        Err(_) => (WantedKeys::new(), MilliSecondsSinceUnixEpoch(0_u32.into())),
    }
}

fn check(event: Parsed, keys: &PublicKeyMap) -> Checked {
    match event {
        Ok(unverified) => Checked {
            event_id: unverified.event_id().try_into().ok(),
            pdu: unverified.verify(keys).map(|verified| verified.pdu),
        },
        Err(error) => Checked {
            event_id: None,
            pdu: Err(error),
        },
    }
}

/// The events that are in order. The others are dropped, which the log tells.
pub async fn verified(
    server: &Server,
    rules: &'static RoomVersionRules,
    events: Vec<String>,
) -> ApiResult<Vec<Pdu>> {
    let mut good = Vec::with_capacity(events.len());
    for checked in verify(server, rules, events).await? {
        match checked.pdu {
            Ok(pdu) => good.push(pdu),
            Err(error) => {
                let event = checked.event_id.as_deref().map(ToString::to_string);
                tracing::info!(?event, %error, "an event of another server is dropped");
            }
        }
    }
    Ok(good)
}

/// The one event of an answer.
pub async fn verified_one(
    server: &Server,
    rules: &'static RoomVersionRules,
    event: String,
) -> ApiResult<Pdu> {
    let checked = verify(server, rules, vec![event]).await?.pop();
    let pdu = checked.map(|checked| checked.pdu);
    match pdu {
        Some(Ok(pdu)) => Ok(pdu),
        Some(Err(error)) => {
            let message = format!("The event is not in order: {error}");
            Err(match error {
                VerifyError::Malformed(_) => ApiError::bad_json(message),
                _ => ApiError::forbidden(message),
            })
        }
        None => Err(ApiError::bad_json("There is no event.")),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ApiError::internal)
}
