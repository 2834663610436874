//! Events that were received and wait to be taken into their rooms.

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize};

use crate::records;

/// An event whose signatures are right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedEvent {
    /// The server that sent it, which is asked for what is missing before it.
    pub origin: OwnedServerName,
    /// The event, as [`crate::events::Pdu::to_stored`] makes it.
    #[serde(with = "serde_bytes_compat")]
    pub pdu: Vec<u8>,
    /// How often nobody could be asked for what it lacks.
    #[serde(default)]
    pub tries: u32,
}

records!(StagedEvent = 1);

/// Bytes as bytes rather than as a list of numbers.
mod serde_bytes_compat {
    use serde::{Deserializer, Serializer, de::Visitor};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
