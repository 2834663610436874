//! Keys as bytes that sort like the values they stand for.
//!
//! Integers are big-endian. Texts are ended by `00 01`, with a zero byte inside written `00 ff`, so that a shorter text
//! sorts before a longer one that starts with it and a text can be followed by another part. A tuple is its parts, one
//! after the other; a prefix of the tuple is a prefix of the bytes.

use ruma::{OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId};

use super::{Error, Result};
use crate::ids::{EventNid, RoomNid, StateKeyNid, StreamPos, TypeNid, UserNid};

/// A key, or a part of one, as it is read back from the database.
pub trait Key: Sized {
    /// Appends the bytes of the key.
    fn encode(&self, out: &mut Vec<u8>);
    /// Takes the key from the front of `input`.
    fn decode(input: &mut &[u8]) -> Result<Self>;
}

/// Something that has the bytes of a `K`, such as `&str` for a `String`.
pub trait KeyOf<K> {
    /// Appends the bytes of the key.
    fn encode(&self, out: &mut Vec<u8>);
}

/// The first parts of a `K`, for scans.
pub trait PrefixOf<K> {
    /// Appends the bytes of the parts.
    fn encode(&self, out: &mut Vec<u8>);
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = input
        .split_first_chunk::<N>()
        .ok_or(Error::Corrupt("a key is too short"))?;
    *input = rest;
    Ok(*head)
}

macro_rules! integer_key {
    ($($type:ty => $to:expr, $from:expr, $size:literal;)*) => {$(
        impl Key for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&$to(*self).to_be_bytes());
            }
            fn decode(input: &mut &[u8]) -> Result<Self> {
                Ok($from(take::<$size>(input)?))
            }
        }
        impl KeyOf<$type> for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                Key::encode(self, out);
            }
        }
    )*};
}

integer_key! {
    u8 => |v: u8| v, u8::from_be_bytes, 1;
    u32 => |v: u32| v, u32::from_be_bytes, 4;
    u64 => |v: u64| v, u64::from_be_bytes, 8;
    RoomNid => |v: RoomNid| v.0, |b| RoomNid(u32::from_be_bytes(b)), 4;
    UserNid => |v: UserNid| v.0, |b| UserNid(u32::from_be_bytes(b)), 4;
    TypeNid => |v: TypeNid| v.0, |b| TypeNid(u32::from_be_bytes(b)), 4;
    StateKeyNid => |v: StateKeyNid| v.0, |b| StateKeyNid(u64::from_be_bytes(b)), 8;
    EventNid => |v: EventNid| v.0, |b| EventNid(u64::from_be_bytes(b)), 8;
    StreamPos => |v: StreamPos| v.0, |b| StreamPos(u64::from_be_bytes(b)), 8;
}

impl<const N: usize> Key for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        take::<N>(input)
    }
}

impl<const N: usize> KeyOf<Self> for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 1]);
}

fn decode_text(input: &mut &[u8]) -> Result<String> {
    let mut text = Vec::new();
    loop {
        let [byte] = take::<1>(input)?;
        if byte != 0 {
            text.push(byte);
            continue;
        }
        match take::<1>(input)? {
            [1] => break,
            [0xff] => text.push(0),
            _ => return Err(Error::Corrupt("a text in a key is not ended")),
        }
    }
    String::from_utf8(text).map_err(|_| Error::Corrupt("a text in a key is not UTF-8"))
}

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text(self, out);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        decode_text(input)
    }
}

impl KeyOf<String> for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text(self, out);
    }
}

/// Any borrowed text, such as `&str`, `&String`, `&UserId` or `&OwnedRoomId`.
impl<T: AsRef<str> + ?Sized> KeyOf<String> for &T {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text((*self).as_ref(), out);
    }
}

macro_rules! id_key {
    ($($owned:ty),*) => {$(
        impl Key for $owned {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_text(self.as_str(), out);
            }
            fn decode(input: &mut &[u8]) -> Result<Self> {
                decode_text(input)?.try_into().map_err(|_| Error::Corrupt("an identifier in a key is malformed"))
            }
        }
        impl<T: AsRef<str> + ?Sized> KeyOf<$owned> for &T {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_text((*self).as_ref(), out);
            }
        }
        impl KeyOf<$owned> for $owned {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_text(self.as_str(), out);
            }
        }
    )*};
}
id_key!(OwnedUserId, OwnedRoomId, OwnedEventId, OwnedServerName);

impl Key for OwnedDeviceId {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text(self.as_str(), out);
    }
    fn decode(input: &mut &[u8]) -> Result<Self> {
        Ok(decode_text(input)?.into())
    }
}

impl<T: AsRef<str> + ?Sized> KeyOf<OwnedDeviceId> for &T {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text((*self).as_ref(), out);
    }
}

impl KeyOf<Self> for OwnedDeviceId {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_text(self.as_str(), out);
    }
}

impl Key for () {
    fn encode(&self, _: &mut Vec<u8>) {}
    fn decode(_: &mut &[u8]) -> Result<Self> {
        Ok(())
    }
}

impl KeyOf<()> for () {
    fn encode(&self, _: &mut Vec<u8>) {}
}

/// Every row of a table.
impl<K> PrefixOf<K> for () {
    fn encode(&self, _: &mut Vec<u8>) {}
}

macro_rules! tuple_key {
    ($($part:ident $given:ident $index:tt),+) => {
        impl<$($part: Key),+> Key for ($($part,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$index.encode(out);)+
            }
            fn decode(input: &mut &[u8]) -> Result<Self> {
                Ok(($($part::decode(input)?,)+))
            }
        }
        impl<$($part, $given: KeyOf<$part>),+> KeyOf<($($part,)+)> for ($($given,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$index.encode(out);)+
            }
        }
    };
}

tuple_key!(A GA 0, B GB 1);
tuple_key!(A GA 0, B GB 1, C GC 2);
tuple_key!(A GA 0, B GB 1, C GC 2, D GD 3);
tuple_key!(A GA 0, B GB 1, C GC 2, D GD 3, E GE 4);

macro_rules! tuple_prefix {
    ([$($given:ident $part:ident $index:tt),+] [$($rest:ident),+]) => {
        impl<$($part, $given: KeyOf<$part>,)+ $($rest),+> PrefixOf<($($part,)+ $($rest,)+)> for ($($given,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$index.encode(out);)+
            }
        }
    };
}

tuple_prefix!([GA A 0] [B]);
tuple_prefix!([GA A 0] [B, C]);
tuple_prefix!([GA A 0] [B, C, D]);
tuple_prefix!([GA A 0] [B, C, D, E]);
tuple_prefix!([GA A 0, GB B 1] [C]);
tuple_prefix!([GA A 0, GB B 1] [C, D]);
tuple_prefix!([GA A 0, GB B 1] [C, D, E]);
tuple_prefix!([GA A 0, GB B 1, GC C 2] [D]);
tuple_prefix!([GA A 0, GB B 1, GC C 2] [D, E]);
tuple_prefix!([GA A 0, GB B 1, GC C 2, GD D 3] [E]);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes<K: Key>(key: &K) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode(&mut out);
        out
    }

    #[test]
    fn bytes_of_keys_are_fixed() {
        assert_eq!(
            bytes(&(RoomNid(1), StreamPos(0x0203), 4u32)),
            [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 4]
        );
        assert_eq!(bytes(&("ab".to_owned(), 7u8)), [b'a', b'b', 0, 1, 7]);
        assert_eq!(
            bytes(&("a\0b".to_owned(), UserNid(2))),
            [b'a', 0, 0xff, b'b', 0, 1, 0, 0, 0, 2]
        );
        assert_eq!(
            bytes(&(EventNid(9), [0xaau8; 2])),
            [0, 0, 0, 0, 0, 0, 0, 9, 0xaa, 0xaa]
        );
    }

    #[test]
    fn truncated_key_is_an_error() {
        assert!(<(RoomNid, StreamPos)>::decode(&mut &[0, 0, 0, 1, 0][..]).is_err());
        assert!(String::decode(&mut &b"abc"[..]).is_err());
        assert!(String::decode(&mut &[b'a', 0, 7][..]).is_err());
    }

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_like_their_values(
            a in (any::<u32>(), "[\\x00a-c]{0,4}", any::<u64>()),
            b in (any::<u32>(), "[\\x00a-c]{0,4}", any::<u64>()),
        ) {
            prop_assert_eq!(&<(u32, String, u64)>::decode(&mut &bytes(&a)[..]).unwrap(), &a);
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.cmp(&b));
        }
    }
}
