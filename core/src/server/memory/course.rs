//! What a plan says of one connection, and how far it has come.

use super::plot::Scene;
use crate::server::plan::Cut;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The bytes that are kept of what a client is sent, to show them.
const KEPT: usize = 64 << 10;

/// How the bytes of a connection come to its client and from it.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) scene: Arc<Scene>,
    /// The number of the connection, from 1.
    number: u64,
    pub(super) passed: Passed,
    read: u64,
    /// Whether the client has come to a cut: it is to have another turn before it reads on.
    cut: bool,
    /// Whether it was told that the stream has ended: one that reads on and on is not to keep everybody from their turns.
    ended: bool,
    /// Whether a write of the client has taken as much as it may: the server is to have a turn before the next.
    full: bool,
}

/// What has passed on a connection.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Passed {
    /// The number of bytes that the server has sent, and the first of them.
    pub(in crate::server) sent: u64,
    pub(in crate::server) bytes: Vec<u8>,
    /// Where its sends end.
    pub(in crate::server) ends: Vec<u64>,
    /// The number of bytes that the client has written.
    pub(in crate::server) written: u64,
}

impl Course {
    pub(super) fn new(scene: Arc<Scene>, number: u64) -> Self {
        Self { scene, number, passed: Passed::default(), read: 0, cut: false, ended: false, full: false }
    }

    /// Returns how many of so many bytes the client may read.
    pub(super) fn most_read(&self, waiting: usize) -> usize {
        let to = self.read.saturating_add(waiting as u64);
        let cut = self.scene.plan.next_cut(self.number, self.read, to, &self.passed.ends);
        usize::try_from(cut - self.read).unwrap_or(usize::MAX)
    }

    /// Returns how many bytes the client may write, with so many under way.
    pub(super) fn most_written(&self, under_way: usize) -> usize {
        self.scene.plan.most_written(under_way)
    }

    /// Notes that the server has sent these bytes, and whether a send ends with them.
    pub(super) fn sent(&mut self, bytes: &[u8], ends: bool) {
        let Passed { sent, bytes: kept, ends: all, .. } = &mut self.passed;
        kept.extend(&bytes[..bytes.len().min(KEPT.saturating_sub(kept.len()))]);
        *sent += bytes.len() as u64;
        self.scene.note_move();
        if ends && !bytes.is_empty() {
            all.push(*sent);
        }
    }

    pub(super) fn read(&mut self, count: usize) {
        self.read += count as u64;
        self.scene.note_move();
        let cut = Cut { connection: self.number, at: self.read };
        self.cut = self.scene.plan.is_cut(cut, &self.passed.ends);
    }

    /// Notes that the client has read the end of the stream.
    pub(super) fn read_end(&mut self) {
        self.ended = true;
    }

    /// Notes that the client has written so many bytes, of as many as it was allowed.
    pub(super) fn written(&mut self, count: usize, most: usize) {
        self.passed.written += count as u64;
        self.scene.note_move();
        self.full = count == most;
    }

    /// Says whether the client has to wait a turn before it reads on, be it that something has come or not. It is said once.
    pub(super) fn waits_to_read(&mut self, has_come: bool) -> bool {
        let (cut, ended) = (core::mem::take(&mut self.cut), core::mem::take(&mut self.ended));
        // A client that finds nothing waits anyway.
        (cut && has_come) || ended
    }

    /// Says whether the client has to wait a turn before it writes on. It is said once.
    pub(super) fn waits_to_write(&mut self) -> bool {
        core::mem::take(&mut self.full)
    }
}
