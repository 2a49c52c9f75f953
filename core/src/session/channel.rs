//! The encrypted part of a connection: what comes and goes on the wire, and which of it is whose.

use crate::report::End;
use crate::security::{
    Engine, HEADER, Handshake, Place, Stage, State, Trouble, begins_record, is_too_long, record_len,
};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

/// An engine, and the wire on both sides of it.
///
/// What the client sends is given to the engine record by record: so where one of them is no good, what the script has done by then
/// does not depend on how TCP cut the stream.
pub(crate) struct Channel {
    engine: Box<dyn Engine>,
    /// The index of the step that made it, and whether that is done: it may come to its turn once more.
    pub(super) step: usize,
    pub(super) begun: bool,
    /// Whether something was said in clear before.
    upgraded: bool,
    /// What has come and was not looked at, behind so many bytes that were.
    inbox: Vec<u8>,
    looked: usize,
    /// The number of bytes that were looked at: until the client's hello is there, those of it.
    heard: u64,
    /// What is to be sent, behind so many bytes that were; and how many bytes of the script there are in it.
    wire: Vec<u8>,
    taken: usize,
    sealed: usize,
    ledger: Ledger,
    /// The end of the client's TCP stream, if it has come while the inbox was not empty.
    pub(super) end: Option<End>,
    /// Whether the server has said that it sends no more.
    closing: bool,
    broken: bool,
    /// Whether that is because what comes is no TLS.
    clear: bool,
}

/// What the next piece of the inbox was.
#[derive(Default)]
pub(crate) struct Arrival {
    /// What the client has to say.
    pub(crate) plain: Vec<u8>,
    /// Whether the handshake was done with it.
    pub(super) established: bool,
    /// Whether the client has said that it sends no more.
    pub(super) closed: bool,
    pub(crate) trouble: Option<Trouble>,
}

impl Channel {
    /// The most that waits on the wire before anything more is looked at: what the engine answers to it goes there, too.
    const MOST: usize = 64 << 10;

    /// Returns the channel that the step with this index has made, where so many bytes had been sent in clear.
    pub(crate) fn new(engine: Box<dyn Engine>, step: usize, sent: u64, upgraded: bool) -> Self {
        Self {
            engine,
            step,
            begun: false,
            upgraded,
            inbox: Vec::new(),
            looked: 0,
            heard: 0,
            wire: Vec::new(),
            taken: 0,
            sealed: 0,
            ledger: Ledger::new(sent),
            end: None,
            closing: false,
            broken: false,
            clear: false,
        }
    }

    /// Takes what the client sent.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
    }

    fn waiting(&self) -> &[u8] {
        &self.inbox[self.looked..]
    }

    /// Returns how many bytes have come and were not looked at.
    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Says whether nothing was looked at yet: what comes is to be the client's hello.
    fn is_first(&self) -> bool {
        self.heard == 0
    }

    /// Returns the length of the piece that is to be looked at next, if all of it is there. One that is no record need not be.
    fn piece(&self) -> Option<usize> {
        let waiting = self.waiting();
        if waiting.is_empty() || self.is_over() {
            return None;
        }
        if !begins_record(waiting, self.is_first()) {
            return Some(waiting.len());
        }
        if is_too_long(waiting) {
            return Some(HEADER);
        }
        record_len(waiting).filter(|&len| len <= waiting.len())
    }

    /// Returns how many bytes have come of a record that is not whole, and how many it has, if that is known.
    pub(crate) fn remainder(&self) -> Option<(usize, Option<usize>)> {
        let waiting = self.waiting();
        // What comes behind a close_notify counts for nothing.
        let is_open = self.state() == State::Established && !self.broken;
        let is_cut = is_open && !waiting.is_empty() && !self.has_more();
        is_cut.then(|| (waiting.len(), record_len(waiting)))
    }

    /// Says whether TLS has come to grief.
    #[cfg(feature = "std")]
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Returns how many bytes wait that are for TLS alone.
    pub(super) fn own(&self) -> u64 {
        if self.sealed > 0 { 0 } else { self.pending().len() as u64 }
    }

    /// Says whether there is something to look at.
    pub(super) fn has_more(&self) -> bool {
        self.piece().is_some()
    }

    /// Returns how many more bytes of the next record there are for sure; none if it is whole.
    pub(super) fn missing(&self) -> usize {
        let waiting = self.waiting();
        if self.has_more() {
            return 0;
        }
        record_len(waiting).unwrap_or(HEADER).saturating_sub(waiting.len())
    }

    /// Looks at the next piece of what has come.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let len = self.piece().filter(|_| self.wire.len() - self.taken < Self::MOST)?;
        let is_first = self.is_first();
        let piece = &self.inbox[self.looked..self.looked + len];
        let mut arrival = Arrival::default();
        if !begins_record(piece, is_first) {
            let place = match (is_first, self.upgraded) {
                (true, false) => Place::First,
                (true, true) => Place::Behind,
                (false, _) => Place::Within,
            };
            // The script gets to see it as it is.
            arrival.plain = piece.to_vec();
            arrival.trouble = Some(Trouble::Clear(place));
            (self.broken, self.clear) = (true, true);
        } else if is_too_long(piece) {
            let says = u16::from_be_bytes([piece[3], piece[4]]);
            let reason = format!("the header of a record says {says} bytes, which is more than one can have");
            let in_handshake = !self.is_established();
            arrival.trouble = Some(Trouble::Failed { in_handshake, reason, usually: None });
            self.broken = true;
        } else {
            let before = self.engine.state();
            arrival.trouble = self.engine.receive(piece, &mut arrival.plain).err();
            let after = self.engine.state();
            let done = |state| matches!(state, State::Established | State::Closed);
            arrival.established = !done(before) && done(after);
            arrival.closed = before != State::Closed && after == State::Closed;
            self.broken = arrival.trouble.is_some();
        }
        self.heard += len as u64;
        self.looked += len;
        if self.looked == self.inbox.len() {
            self.inbox.clear();
            self.looked = 0;
        } else if self.looked >= self.inbox.len() / 2 {
            self.inbox.drain(..self.looked);
            self.looked = 0;
        }
        if !self.broken {
            self.engine.transmit(&mut self.wire);
        }
        Some(arrival)
    }

    /// Says whether nothing that comes is looked at any more.
    fn is_over(&self) -> bool {
        self.broken || matches!(self.engine.state(), State::Over(_))
    }

    /// Says whether what comes is no TLS: it shows what came instead.
    pub(super) fn is_clear(&self) -> bool {
        self.clear
    }

    pub(crate) fn state(&self) -> State {
        self.engine.state()
    }

    pub(super) fn handshake(&self) -> Handshake {
        self.engine.handshake()
    }

    /// Says whether the handshake is done, and the client was sent all that it needs to know so.
    pub(super) fn is_through(&self) -> bool {
        let is_done = matches!(self.state(), State::Established | State::Closed);
        is_done && (self.pending().is_empty() || !self.engine.has_last_word())
    }

    pub(super) fn is_established(&self) -> bool {
        matches!(self.state(), State::Established | State::Closed) && !self.broken
    }

    /// Says how far the handshake is.
    pub(super) fn stage(&self) -> Stage {
        match self.state() {
            State::Fresh => Stage::Hello(self.heard + self.len() as u64),
            _ => Stage::Answered,
        }
    }

    /// Returns what is to be sent next.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.wire[self.taken..]
    }

    /// Encrypts the beginning of `plain` if nothing else is to be sent. Returns how many bytes of it were.
    pub(crate) fn seal(&mut self, plain: &[u8]) -> usize {
        if !self.pending().is_empty() || plain.is_empty() || !self.is_established() || self.closing {
            return 0;
        }
        self.sealed = self.engine.seal(plain, &mut self.wire);
        self.sealed
    }

    /// Handles that the transport took so many bytes of the wire. Returns how many bytes of the script went with them: none before the
    /// last byte of their record is out.
    pub(crate) fn took(&mut self, count: usize) -> usize {
        let count = count.min(self.pending().len());
        self.taken += count;
        self.ledger.wire += count as u64;
        if self.taken < self.wire.len() {
            return 0;
        }
        self.wire.clear();
        self.taken = 0;
        let sealed = core::mem::take(&mut self.sealed);
        if sealed > 0 {
            self.ledger.note(sealed as u64);
        }
        sealed
    }

    /// Returns how many bytes of what waits on the wire were taken, and how many there are.
    pub(super) fn share(&self) -> (usize, usize) {
        (self.taken, self.wire.len())
    }

    /// Forgets what is to be sent: nobody is there to get it.
    pub(super) fn drop_pending(&mut self) {
        self.wire.clear();
        (self.taken, self.sealed) = (0, 0);
    }

    /// Has TLS say that the server sends no more, behind all that it was given. Returns whether that is new.
    pub(crate) fn close(&mut self) -> bool {
        if self.closing || !self.is_established() {
            return false;
        }
        self.closing = true;
        self.engine.close();
        self.engine.transmit(&mut self.wire);
        true
    }

    /// Returns how many bytes of the script the client has not read, if it has not read so many of the wire. A record that was read in part
    /// is not read.
    pub(crate) fn unread(&self, wire: u64) -> u64 {
        self.ledger.unread(wire)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("step", &self.step).field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Which byte of the script is how far on the wire.
#[derive(Debug)]
struct Ledger {
    /// The number of bytes sent before TLS began: in clear.
    clear: u64,
    /// The number of bytes sent, on the wire and of the script.
    wire: u64,
    plain: u64,
    /// Where records end that carry something of the script: on the wire and in the script.
    records: Vec<(u64, u64)>,
}

impl Ledger {
    /// The number of records that are kept apart. Of many more, the older ones are taken together.
    const KEPT: usize = 1 << 16;

    fn new(sent: u64) -> Self {
        Self { clear: sent, wire: sent, plain: sent, records: Vec::new() }
    }

    /// Takes note of a record that has just been sent.
    fn note(&mut self, plain: u64) {
        self.plain += plain;
        if self.records.len() == Self::KEPT {
            let mut number = 0;
            self.records.retain(|_| {
                number += 1;
                number > Self::KEPT / 2 || number % 2 == 0
            });
        }
        self.records.push((self.wire, self.plain));
    }

    fn unread(&self, wire: u64) -> u64 {
        let read = self.wire.saturating_sub(wire);
        if read <= self.clear {
            return self.plain - read;
        }
        let last = self.records.partition_point(|&(end, _)| end <= read).checked_sub(1);
        self.plain - last.and_then(|last| self.records.get(last)).map_or(self.clear, |&(_, plain)| plain)
    }
}
