//! Events as they lie in the database, and reading them without copying.

use std::borrow::Cow;

use ruma::{EventId, MilliSecondsSinceUnixEpoch};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::PduError;

/// A stored event parsed only as far as clients see it, without copying: for answers of many events.
pub struct StoredEvent<'a> {
    /// The id.
    pub event_id: &'a EventId,
    header: Header<'a>,
    flags: Flags,
}

impl<'a> StoredEvent<'a> {
    /// The event from what [`super::Pdu::to_stored`] made of it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PduError> {
        let (flags, event_id, json) = split(bytes)?;
        let header = serde_json::from_str(json)?;
        Ok(Self {
            event_id,
            header,
            flags,
        })
    }

    /// The type.
    pub fn event_type(&self) -> &str {
        &self.header.event_type.0
    }

    /// The state key, if it is a state event.
    pub fn state_key(&self) -> Option<&str> {
        self.header.state_key.as_ref().map(|key| &*key.0)
    }

    /// Who sent it.
    pub fn sender(&self) -> &str {
        &self.header.sender.0
    }

    /// When it was sent, as the sender's server says.
    pub fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.header.origin_server_ts
    }

    /// The content as it was sent.
    pub fn content(&self) -> &'a RawValue {
        self.header.content
    }

    /// The event it redacts, if it is a redaction.
    pub fn redacts(&self) -> Option<String> {
        self.header.redacts(self.flags)
    }

    pub(super) fn redacts_in_content(&self) -> bool {
        self.flags.redacts_in_content()
    }
}

/// What is stored beside the JSON, as bits.
#[derive(Clone, Copy)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const NONE: Self = Self(0);
    pub(super) const REDACTS_IN_CONTENT: Self = Self(1);
    pub(super) const REJECTED: Self = Self(2);
    const KNOWN: u8 = 3;

    pub(super) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) fn with(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }

    /// Whether `redacts` is read from the content, as it is since room version 11.
    pub(super) fn redacts_in_content(self) -> bool {
        self.has(Self::REDACTS_IN_CONTENT)
    }
}

/// A string that borrows from the JSON unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The fields of an event that this server uses, where they stand in its JSON.
#[derive(Deserialize)]
pub(super) struct Header<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) event_type: Text<'a>,
    #[serde(borrow)]
    pub(super) sender: Text<'a>,
    pub(super) origin_server_ts: MilliSecondsSinceUnixEpoch,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) state_key: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) content: &'a RawValue,
    #[serde(borrow, rename = "redacts")]
    top_level_redacts: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) room_id: Option<Text<'a>>,
    // Left as they are, because most readers do not need them.
    #[serde(borrow)]
    pub(super) prev_events: &'a RawValue,
    #[serde(borrow)]
    pub(super) auth_events: &'a RawValue,
    pub(super) depth: u64,
}

impl Header<'_> {
    /// What the event redacts, if it is a redaction.
    pub(super) fn redacts(&self, flags: Flags) -> Option<String> {
        #[derive(Deserialize)]
        struct Content<'a> {
            #[serde(borrow)]
            redacts: Option<&'a RawValue>,
        }
        if self.event_type.0 != "m.room.redaction" {
            return None;
        }
        let redacts = if flags.redacts_in_content() {
            serde_json::from_str::<Content<'_>>(self.content.get())
                .ok()?
                .redacts
        } else {
            self.top_level_redacts
        };
        serde_json::from_str(redacts?.get()).ok()
    }
}

/// A field that may be absent but not `null`.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Puts together what is stored of an event: flags, the length of its id, its id, its JSON.
pub(super) fn join(flags: Flags, event_id: &EventId, json: &str) -> Vec<u8> {
    let event_id = event_id.as_bytes();
    let mut out = Vec::with_capacity(2 + event_id.len() + json.len());
    // An event id has at most 255 bytes.
    out.extend([flags.0, event_id.len() as u8]);
    out.extend(event_id);
    out.extend(json.as_bytes());
    out
}

/// Takes apart what [`join`] put together.
pub(super) fn split(bytes: &[u8]) -> Result<(Flags, &EventId, &str), PduError> {
    let ([flags, length], rest) = bytes.split_first_chunk().ok_or(PduError::Stored)?;
    let (event_id, json) = rest
        .split_at_checked(usize::from(*length))
        .ok_or(PduError::Stored)?;
    let event_id = str::from_utf8(event_id).map_err(|_| PduError::Stored)?;
    let event_id = <&EventId>::try_from(event_id).map_err(|_| PduError::Stored)?;
    let json = str::from_utf8(json).map_err(|_| PduError::Stored)?;
    // A flag from a newer version means something that this one would get wrong.
    if flags & !Flags::KNOWN != 0 {
        return Err(PduError::Stored);
    }
    Ok((Flags(*flags), event_id, json))
}
