//! Values as bytes.
//!
//! A *record* is a version byte followed by MessagePack with field names: a later version may add fields with
//! `#[serde(default)]` and keep the number, or take a new number and a migration. Numbers and fixed tuples use the key
//! codec. Raw bytes and texts are stored as they are.

use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Key, Result};
use crate::ids::{EventNid, RoomNid, StateKeyNid, StreamPos, TypeNid, UserNid};

/// A value of a table.
pub trait Value: Sized {
    /// The bytes to store.
    fn to_bytes(&self) -> Result<Vec<u8>>;
    /// The value from stored bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self>;
}

/// A serde structure stored behind a version byte.
pub trait Record: Serialize + DeserializeOwned {
    /// The version of the layout.
    const VERSION: u8;
}

/// Declares structures as [`Record`]s: `records!(AccountRow = 1, DeviceRow = 1);`
#[macro_export]
macro_rules! records {
    ($($type:ty = $version:literal),* $(,)?) => {$(
        impl $crate::storage::Record for $type {
            const VERSION: u8 = $version;
        }
        impl $crate::storage::Value for $type {
            fn to_bytes(&self) -> $crate::storage::Result<Vec<u8>> {
                $crate::storage::encode_record(self)
            }
            fn from_bytes(bytes: &[u8]) -> $crate::storage::Result<Self> {
                $crate::storage::decode_record(bytes)
            }
        }
    )*};
}

/// The bytes of a record.
pub fn encode_record<T: Record>(record: &T) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(128);
    out.push(T::VERSION);
    rmp_serde::encode::write_named(&mut out, record)
        .map_err(|_| Error::Corrupt("a record cannot be encoded"))?;
    Ok(out)
}

/// A record from its bytes.
pub fn decode_record<T: Record>(bytes: &[u8]) -> Result<T> {
    match bytes.split_first() {
        Some((&version, rest)) if version == T::VERSION => {
            rmp_serde::from_slice(rest).map_err(|_| Error::Corrupt("a record is malformed"))
        }
        _ => Err(Error::Corrupt("a record has an unknown version")),
    }
}

/// A list of events.
impl Value for Vec<EventNid> {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.iter().flat_map(|nid| nid.0.to_be_bytes()).collect())
    }
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(Error::Corrupt("a list of events has a broken end"));
        }
        Ok(numbers
            .iter()
            .map(|bytes| EventNid(u64::from_be_bytes(*bytes)))
            .collect())
    }
}

impl Value for Vec<u8> {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.clone())
    }
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(bytes.to_vec())
    }
}

/// A text, or JSON as it came.
impl Value for String {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.as_bytes().to_vec())
    }
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_utf8(bytes.to_vec()).map_err(|_| Error::Corrupt("a stored text is not UTF-8"))
    }
}

macro_rules! key_value {
    ($([$($generic:ident),*] $type:ty),* $(,)?) => {$(
        impl<$($generic: Key),*> Value for $type {
            fn to_bytes(&self) -> Result<Vec<u8>> {
                let mut out = Vec::with_capacity(32);
                self.encode(&mut out);
                Ok(out)
            }
            fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
                Self::decode(&mut bytes)
            }
        }
    )*};
}

key_value!(
    [] (), [] ruma::OwnedEventId, [] ruma::OwnedRoomId, [] u8, [] u32, [] u64, [] RoomNid, [] UserNid, [] TypeNid, [] StateKeyNid, [] EventNid, [] StreamPos,
    [A, B] (A, B), [A, B, C] (A, B, C), [A, B, C, D] (A, B, C, D),
);

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        name: String,
        #[serde(default)]
        later: u32,
    }
    records!(Row = 3);

    #[test]
    fn record_carries_its_version_and_field_names() {
        let row = Row {
            name: "x".to_owned(),
            later: 5,
        };
        let bytes = row.to_bytes().unwrap();
        assert_eq!(bytes, b"\x03\x82\xa4name\xa1x\xa5later\x05");
        assert_eq!(Row::from_bytes(&bytes).unwrap(), row);
    }

    #[test]
    fn record_without_a_newer_field_is_read() {
        assert_eq!(
            Row::from_bytes(b"\x03\x81\xa4name\xa1x").unwrap(),
            Row {
                name: "x".to_owned(),
                later: 0
            }
        );
    }

    #[test]
    fn record_of_another_version_is_an_error() {
        assert!(Row::from_bytes(b"\x04\x81\xa4name\xa1x").is_err());
        assert!(Row::from_bytes(b"").is_err());
    }
}
