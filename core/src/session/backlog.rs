//! Bytes that wait for their step.

use alloc::vec::Vec;

/// Bytes that were received and that no step has claimed yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) bytes: Vec<u8>,
    pub(super) claimed: usize,
}

impl Backlog {
    /// The number of bytes beyond which a session asks for no more: back-pressure instead of memory.
    pub(super) const LIMIT: usize = 16 << 20;

    pub(super) fn is_empty(&self) -> bool {
        self.claimed == self.bytes.len()
    }

    pub(super) fn claim(&mut self, bytes: usize) {
        self.claimed += bytes;
        if self.is_empty() {
            self.clear();
        } else if self.claimed >= self.bytes.len() / 2 {
            // At least as many bytes were claimed as are moved: linear in all.
            self.bytes.drain(..self.claimed);
            self.claimed = 0;
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.claimed = 0;
    }
}
