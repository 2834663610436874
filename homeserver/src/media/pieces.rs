//! What has come of a file and is not written yet.
//!
//! A large file goes to the disk past the kernel's cache, from memory that is used again for the next one. Pages for the
//! cache would be new ones, and on a virtual machine whose free memory belongs to its host they cost more than all that
//! is done to have a file on the disk (docs/performance.md). Whoever downloads the file first has it read from there.
//! Small files are written as they are: they cost little, and a padded block would cost more.

use std::{io::IoSlice, mem, sync::Arc};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;

/// Bytes that are written at once: each write is a hop to a blocking thread. Most files come in one.
const PIECE: usize = 1024 * 1024;
/// A file that grows beyond this is a large one. Until then it costs as much memory as has come of it.
const LARGE: usize = 128 * 1024;
/// Disks take memory that begins at a multiple of this, in multiples of it.
const BLOCK: usize = 4096;
/// Idle memory that is kept.
const KEPT: usize = 4;

/// Memory that is not in use. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Vec<Piece>>>);

/// Memory of which a disk takes the bytes as they lie.
struct Piece {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

/// What is not written yet.
pub(super) struct Unwritten {
    small: Vec<Bytes>,
    length: usize,
    piece: Option<Piece>,
    idle: Idle,
    /// Whether the disk may take it past the kernel's cache.
    direct: bool,
}

impl Unwritten {
    /// Nothing, of a file that is read again at once, or of one that is not.
    pub(super) fn new(idle: &Idle, direct: bool) -> Self {
        Self {
            small: Vec::new(),
            length: 0,
            piece: None,
            idle: idle.clone(),
            direct,
        }
    }

    /// Adds what has come, as much as there is room for. The rest waits until this is written.
    pub(super) fn add(&mut self, bytes: &mut Bytes) {
        if !self.direct || (self.piece.is_none() && self.length + bytes.len() <= LARGE) {
            self.length += bytes.len();
            self.small.push(mem::take(bytes));
            return;
        }
        let piece = self.piece.get_or_insert_with(|| self.idle.take());
        for small in &mut self.small {
            piece.add(small);
        }
        self.small.clear();
        piece.add(bytes);
        self.length = piece.length;
    }

    /// Whether it is time to write.
    pub(super) fn is_full(&self) -> bool {
        self.length >= PIECE
    }

    /// Bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The bytes, in order.
    pub(super) fn slices(&self) -> Vec<IoSlice<'_>> {
        match &self.piece {
            Some(piece) => vec![IoSlice::new(&piece.aligned()[..piece.length])],
            None => self.small.iter().map(|bytes| IoSlice::new(bytes)).collect(),
        }
    }

    /// The bytes as a disk takes them, with zeros up to the end of the last block, if they lie so.
    pub(super) fn blocks(&mut self) -> Option<&[u8]> {
        let piece = self.piece.as_mut()?;
        let (from, to) = (piece.length, piece.length.next_multiple_of(BLOCK));
        let start = piece.start;
        piece.memory[start + from..start + to].fill(0);
        Some(&piece.aligned()[..to])
    }

    /// Goes on after it has been written.
    pub(super) fn clear(&mut self) {
        self.small.clear();
        self.length = 0;
        if let Some(piece) = &mut self.piece {
            piece.length = 0;
        }
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        if let Some(mut piece) = self.piece.take() {
            let mut idle = self.idle.0.lock();
            if idle.len() < KEPT {
                piece.length = 0;
                idle.push(piece);
            }
        }
    }
}

impl Idle {
    fn take(&self) -> Piece {
        let known = self.0.lock().pop();
        known.unwrap_or_else(Piece::new)
    }
}

impl Piece {
    fn new() -> Self {
        let memory = vec![0; PIECE + BLOCK];
        // Where no alignment is to be had, the disk refuses it, and the file is written in the usual way.
        let start = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self {
            memory,
            start,
            length: 0,
        }
    }

    fn add(&mut self, bytes: &mut Bytes) {
        let count = bytes.len().min(PIECE - self.length);
        let at = self.start + self.length;
        bytes.copy_to_slice(&mut self.memory[at..at + count]);
        self.length += count;
    }

    fn aligned(&self) -> &[u8] {
        &self.memory[self.start..self.start + PIECE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(unwritten: &Unwritten) -> Vec<u8> {
        let slices = unwritten.slices();
        slices.iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn what_has_come_stays_in_order() {
        let whole: Vec<u8> = (0..3_000_000_u32)
            .map(|n| n as u8 ^ (n >> 8) as u8)
            .collect();
        for direct in [false, true] {
            let idle = Idle::default();
            let mut unwritten = Unwritten::new(&idle, direct);
            let mut written = Vec::new();
            for chunk in whole.chunks(77_777) {
                let mut chunk = Bytes::copy_from_slice(chunk);
                while !chunk.is_empty() {
                    if unwritten.is_full() {
                        written.extend(bytes(&unwritten));
                        unwritten.clear();
                    }
                    unwritten.add(&mut chunk);
                }
            }
            written.extend(bytes(&unwritten));
            assert_eq!(written.len(), whole.len());
            assert!(written == whole);
            drop(unwritten);
            assert_eq!(idle.0.lock().len(), usize::from(direct));
        }
    }

    #[test]
    fn small_files_stay_as_they_came() {
        let mut unwritten = Unwritten::new(&Idle::default(), true);
        unwritten.add(&mut Bytes::from_static(b"lilac"));
        assert!(unwritten.blocks().is_none());
        assert_eq!(bytes(&unwritten), b"lilac");
    }

    #[test]
    fn blocks_are_aligned_and_padded() {
        let mut unwritten = Unwritten::new(&Idle::default(), true);
        unwritten.add(&mut Bytes::from(vec![7; PIECE - 1]));
        unwritten.clear();
        unwritten.add(&mut Bytes::from(vec![8; LARGE + 1]));
        let blocks = unwritten.blocks().unwrap();
        assert_eq!(blocks.len(), LARGE + BLOCK);
        assert_eq!(blocks.as_ptr().align_offset(BLOCK), 0);
        assert!(blocks[LARGE + 1..].iter().all(|byte| *byte == 0));
    }
}
