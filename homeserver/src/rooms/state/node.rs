//! The nodes of the state tree and their bytes.
//!
//! A node's address is a truncated hash of its bytes, so the encoding is canonical: one content, one byte string.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use crate::ids::{EventNid, StateKeyNid};

/// One entry of a room's state: which event holds a pair of type and state key.
pub type Entry = (StateKeyNid, EventNid);

/// How many children a branch has at most; one hexadecimal digit of the path chooses among them.
pub(super) const FANOUT: usize = 16;

/// A subtree of at most this many entries is one leaf, a larger one is a branch. Every stored tree depends on it.
///
/// Measured while members join and then change their profile twice, in bytes of nodes and their addresses per change:
/// 8 costs 360, 538 and 752 bytes in rooms of 100, 600 and 5,000 members, 16 costs 312, 531 and 724, 32 costs 308, 504
/// and 650.
pub(super) const LEAF_MAX: usize = 32;

const LEAF: u8 = 0;
const BRANCH: u8 = 1;

/// The address of a node: the first half of the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash(pub [u8; 16]);

impl NodeHash {
    fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self(hash)
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A node of the state tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A small subtree: its entries, sorted by key.
    Leaf(Vec<Entry>),
    /// A large subtree: its children by the next digit of the path.
    Branch(Box<Branch>),
}

/// The children of a large subtree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// How many entries lie below.
    pub(super) count: u64,
    /// The child for each digit.
    pub(super) children: [Option<NodeHash>; FANOUT],
}

/// Bytes that are no node: the database is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node of a state tree is malformed")]
pub struct MalformedNode;

impl Node {
    /// A leaf. The entries must be sorted by key.
    pub(super) fn leaf(entries: Vec<Entry>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
        Self::Leaf(entries)
    }

    /// How many entries lie in and below the node.
    pub fn count(&self) -> u64 {
        match self {
            Self::Leaf(entries) => entries.len() as u64,
            Self::Branch(branch) => branch.count,
        }
    }

    /// The addresses of the nodes directly below.
    pub fn children(&self) -> impl Iterator<Item = NodeHash> {
        let children: &[Option<NodeHash>] = match self {
            Self::Leaf(_) => &[],
            Self::Branch(branch) => &branch.children,
        };
        children.iter().flatten().copied()
    }

    /// The address, and the bytes to store there.
    pub fn encode(&self) -> (NodeHash, Vec<u8>) {
        let mut out = Vec::with_capacity(128);
        match self {
            Self::Leaf(entries) => {
                out.push(LEAF);
                for (key, event) in entries {
                    push_varint(&mut out, key.0);
                    push_varint(&mut out, event.0);
                }
            }
            Self::Branch(branch) => {
                out.push(BRANCH);
                push_varint(&mut out, branch.count);
                let mut present = 0u16;
                for (digit, child) in branch.children.iter().enumerate() {
                    present |= u16::from(child.is_some()) << digit;
                }
                out.extend(present.to_be_bytes());
                for child in branch.children.iter().flatten() {
                    out.extend(child.0);
                }
            }
        }
        (NodeHash::of(&out), out)
    }

    /// The node from its stored bytes.
    pub fn decode(bytes: &[u8]) -> Result<Arc<Self>, MalformedNode> {
        let node = match bytes.split_first() {
            Some((&LEAF, rest)) => decode_leaf(rest),
            Some((&BRANCH, rest)) => decode_branch(rest),
            _ => None,
        };
        node.map(Arc::new).ok_or(MalformedNode)
    }
}

fn decode_leaf(mut bytes: &[u8]) -> Option<Node> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let key = StateKeyNid(take_varint(&mut bytes)?);
        let event = EventNid(take_varint(&mut bytes)?);
        entries.push((key, event));
    }
    let sorted = entries.is_sorted_by(|a: &Entry, b| a.0 < b.0);
    sorted.then_some(Node::Leaf(entries))
}

fn decode_branch(mut bytes: &[u8]) -> Option<Node> {
    let count = take_varint(&mut bytes)?;
    let (present, hashes) = bytes.split_first_chunk::<2>()?;
    let present = u16::from_be_bytes(*present);
    let mut hashes = hashes.chunks_exact(16);
    let mut children = [None; FANOUT];
    for (digit, child) in children.iter_mut().enumerate() {
        if present & (1 << digit) != 0 {
            *child = Some(NodeHash(hashes.next()?.try_into().ok()?));
        }
    }
    let complete = hashes.next().is_none() && hashes.remainder().is_empty();
    complete.then(|| Node::Branch(Box::new(Branch { count, children })))
}

/// Seven bits a byte, the least significant first, the top bit set on all but the last.
fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits.leading_zeros() < shift {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_leaf_are_fixed() {
        let leaf = Node::leaf(vec![(StateKeyNid(1), EventNid(300))]);
        let (hash, bytes) = leaf.encode();
        assert_eq!(bytes, [0, 1, 0xac, 2]);
        assert_eq!(format!("{hash:?}"), "6885503b87973889ea5b5a6e8b2b09ae");
    }

    #[test]
    fn the_bytes_of_a_branch_are_fixed() {
        let mut branch = Branch {
            count: 17,
            ..Branch::default()
        };
        branch.children[0] = Some(NodeHash([1; 16]));
        branch.children[15] = Some(NodeHash([2; 16]));
        let (_, bytes) = Node::Branch(Box::new(branch)).encode();
        assert_eq!(bytes[..4], [1, 17, 0x80, 0x01]);
        assert_eq!(bytes[4..], [[1; 16], [2; 16]].concat());
    }

    #[test]
    fn a_node_survives_its_bytes() {
        let leaf = Node::leaf(vec![
            (StateKeyNid(7), EventNid(0)),
            (StateKeyNid(u64::MAX), EventNid(u64::MAX)),
        ]);
        assert_eq!(*Node::decode(&leaf.encode().1).unwrap(), leaf);
        let mut branch = Branch {
            count: 400,
            ..Branch::default()
        };
        branch.children[3] = Some(NodeHash([9; 16]));
        let branch = Node::Branch(Box::new(branch));
        assert_eq!(*Node::decode(&branch.encode().1).unwrap(), branch);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bytes in [
            &[][..],
            &[2],
            &[0, 1],
            &[0, 0x80],
            &[1, 17, 0, 1],
            &[0, 5, 1, 4, 1],
            &[1, 17, 0, 0, 9],
        ] {
            assert_eq!(Node::decode(bytes), Err(MalformedNode), "{bytes:?}");
        }
        let too_long = [[0u8].as_slice(), &[0xff; 11]].concat();
        assert_eq!(Node::decode(&too_long), Err(MalformedNode));
    }
}
