//! What is said of sockets that are gone, for all connections of the process together that are too young to listen by themselves.
//!
//! Most connections do not live to see their first 5 ms. A socket of the kernel for each, to hear of its end, would cost them more than
//! all else that is asked for them, and have the kernel say each word as often as there are connections.

use super::diag::{Obituaries, Record};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use rustix::fd::OwnedFd;
use std::io;

/// Hears of all sockets as long as there are subscribers, and keeps what is said of theirs.
#[derive(Debug)]
pub(super) struct Gazette {
    obituaries: Obituaries,
    heard: bool,
    /// The last word on the client's socket of each subscriber, by its cookie.
    subscribers: BTreeMap<u64, Option<Record>>,
    pub(super) so_far: Count,
}

/// What has been read of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// The number of sockets that were no subscriber's.
    pub(super) strangers: usize,
    /// How often more was said than there was room for.
    pub(super) losses: usize,
}

impl Gazette {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            obituaries: Obituaries::new()?,
            heard: false,
            subscribers: BTreeMap::new(),
            so_far: Count::default(),
        })
    }

    /// Takes in what was said so far.
    pub(super) fn listen(&mut self) {
        while let Some(record) = self.obituaries.next() {
            match self.subscribers.get_mut(&record.cookie) {
                Some(word) => *word = Some(record),
                None => self.so_far.strangers += 1,
            }
        }
        self.so_far.losses += usize::from(core::mem::take(&mut self.obituaries.lost));
    }

    /// Begins to hear. Whatever is found behind that will be heard of if it goes. Ends with [`rest`](Self::rest).
    pub(super) fn hear(&mut self) -> io::Result<()> {
        if !self.heard {
            self.obituaries.hear(true)?;
            self.heard = true;
        }
        self.listen();
        Ok(())
    }

    /// Hears no more unless there are subscribers: nobody would read it, and what it fills makes the kernel slow with everybody's.
    pub(super) fn rest(&mut self) {
        self.heard &= !self.subscribers.is_empty() || self.obituaries.hear(false).is_err();
    }

    /// Keeps what is said of this socket from now on. Returns what was read before.
    pub(super) fn subscribe(&mut self, cookie: u64) -> Count {
        self.subscribers.insert(cookie, None);
        self.so_far
    }

    pub(super) fn cancel(&mut self, cookie: u64) {
        self.subscribers.remove(&cookie);
        self.rest();
    }

    /// Returns the last word on the socket of a subscriber.
    pub(super) fn word(&self, cookie: u64) -> Option<Record> {
        self.subscribers.get(&cookie).copied().flatten()
    }

    /// Returns what can be waited for without keeping others from it.
    pub(super) fn socket(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.obituaries.socket)
    }

    #[cfg(test)]
    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.len()
    }
}
