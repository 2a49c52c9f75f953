//! How far a step is with its message: the incremental match of what comes in, and the count of what went out.

use super::connection::Connection;
use crate::bytes::Bytes;
use crate::framing::{Announced, Framing, Header, Kind, Scanned};
use crate::pattern::{Pattern, first_difference};
use crate::report::{Arrived, Cause, End, Part};
use crate::step::{Awaited, Wanted};
use alloc::string::ToString;
use alloc::vec::Vec;

/// How much of a step's message was received or sent.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The number of bytes that were claimed or sent.
    pub(super) bytes: usize,
    /// The number of bytes of the message that were compared with what is expected, and are equal.
    pub(super) matched: usize,
    /// The beginning of a frame that announces its length.
    header: [u8; Header::LONGEST],
    /// The number of its bytes that have come.
    header_len: usize,
    /// What it announces.
    pub(super) frame: Option<Header>,
    /// The message so far, as far as it is not compared as it comes; of a frame that does not announce its length, all of it.
    pub(super) message: Vec<u8>,
    /// Whether that is a whole frame, whose end was found.
    pub(super) ended: bool,
}

/// What a step did with what it got.
pub(super) enum Outcome {
    Waiting,
    Done,
    Failed(Cause),
}

impl Progress {
    /// Begins anew.
    pub(super) fn reset(&mut self) {
        let Self { bytes, matched, header: _, header_len, frame, message, ended } = self;
        (*bytes, *matched, *header_len, *frame, *ended) = (0, 0, 0, None, false);
        if message.capacity() > 0 {
            *message = Vec::new();
        }
    }

    /// Returns how much of what is wanted has arrived.
    pub(super) fn arrived(&self, wanted: Wanted<'_>) -> Arrived {
        match wanted {
            Wanted::Bytes(expected) => self.of_bytes(expected),
            Wanted::Message(awaited) => self.of_message(&awaited.framing),
        }
    }

    fn of_bytes(&self, expected: &Bytes) -> Arrived {
        Arrived { part: Part::Message, bytes: self.bytes, of: Some(expected.len()) }
    }

    fn of_message(&self, framing: &Framing) -> Arrived {
        match &self.frame {
            Some(frame) if frame.len > 0 => {
                Arrived { part: Part::Payload, bytes: self.bytes - frame.len, of: Some(frame.rest) }
            }
            None if framing.longest_header() > 0 => {
                Arrived { part: Part::Header, bytes: self.bytes, of: framing.header_len() }
            }
            frame => Arrived { part: Part::Message, bytes: self.bytes, of: frame.as_ref().map(|frame| frame.rest) },
        }
    }

    /// Returns how many more bytes of a message there are for sure.
    pub(super) fn missing(&self, framing: &Framing) -> usize {
        match &self.frame {
            Some(frame) => frame.len.saturating_add(frame.rest).saturating_sub(self.bytes),
            None => framing.header_len().unwrap_or(1).saturating_sub(self.bytes),
        }
    }

    /// Returns what has come of the header of a frame that announces its length.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.header[..self.header_len]
    }

    /// Returns what has come so far of a frame whose header is whole, with its header. `message` is what has come of its message.
    pub(super) fn wire(&self, message: &[&[u8]]) -> Option<Vec<u8>> {
        let frame = self.frame.as_ref().filter(|frame| frame.len > 0)?;
        let behind = message.iter().copied().flatten().skip(frame.lead_len());
        Some(self.beginning().iter().chain(behind).copied().collect())
    }

    /// Takes bytes that are as expected. Returns how many, and whether these were all; `None`, and takes nothing, if they are not.
    #[inline]
    pub(super) fn take_equal(&mut self, expected: &[u8], input: &[u8]) -> Option<(usize, bool)> {
        let wanted = &expected[self.matched..];
        let taken = wanted.len().min(input.len());
        let equal = match (wanted, input) {
            // A byte at a time is not worth a call.
            ([wanted, ..], [input]) => wanted == input,
            _ => wanted[..taken] == input[..taken],
        };
        if !equal {
            return None;
        }
        self.bytes += taken;
        self.matched += taken;
        Some((taken, taken == wanted.len()))
    }

    /// Takes a frame that is as expected: a whole one, or what comes of its payload. Returns how many bytes, and whether these were all;
    /// `None`, and takes nothing, if that is not plain to see.
    #[inline]
    pub(super) fn take_equal_frame(&mut self, awaited: &Awaited, input: &[u8]) -> Option<(usize, bool)> {
        let expected = awaited.pattern.as_exact()?;
        if self.frame.is_some() {
            return self.take_equal(expected, input);
        }
        if self.bytes > 0 {
            return None;
        }
        let behind = awaited.framing.behind_plain_header(expected.len(), input)?;
        (behind.get(..expected.len())? == &**expected).then(|| (input.len() - behind.len() + expected.len(), true))
    }

    /// Takes what is wanted of the input.
    pub(super) fn take(&mut self, wanted: Wanted<'_>, rest: &mut &[u8], connection: &Connection) -> Outcome {
        match wanted {
            Wanted::Bytes(expected) => self.take_bytes(expected, rest, connection),
            Wanted::Message(awaited) => self.take_framed(&awaited.framing, &awaited.pattern, rest, connection),
        }
    }

    fn take_bytes(&mut self, expected: &Bytes, rest: &mut &[u8], connection: &Connection) -> Outcome {
        match self.compare(expected, false, rest) {
            Err(cause) => Outcome::Failed(cause),
            Ok(()) if self.matched == expected.len() => Outcome::Done,
            Ok(()) => waiting_or_closed(connection, || self.of_bytes(expected)),
        }
    }

    pub(super) fn take_framed(
        &mut self,
        framing: &Framing,
        pattern: &Pattern,
        rest: &mut &[u8],
        connection: &Connection,
    ) -> Outcome {
        let max_length = framing.longest();
        let whole = match framing.kind() {
            Kind::Announced(announced) => self.take_announced(*announced, max_length, pattern, rest),
            Kind::Scanned(scanned) => self.take_scanned(scanned, max_length, pattern, rest),
        };
        match whole {
            Err(cause) => Outcome::Failed(cause),
            Ok(true) => Outcome::Done,
            Ok(false) => waiting_or_closed(connection, || self.of_message(framing)),
        }
    }

    /// Takes a frame that announces its length. Returns whether it is whole.
    fn take_announced(
        &mut self,
        announced: Announced,
        max_length: usize,
        pattern: &Pattern,
        rest: &mut &[u8],
    ) -> Result<bool, Cause> {
        if self.frame.is_none() && !self.take_header(announced, max_length, pattern, rest)? {
            return Ok(false);
        }
        if let Some(expected) = pattern.as_exact() {
            self.compare(expected, true, rest)?;
            return Ok(self.matched == expected.len());
        }
        let length = self.frame.as_ref().map_or(0, Header::message_len);
        let (taken, behind) = rest.split_at(rest.len().min(length - self.message.len()));
        self.message.extend_from_slice(taken);
        self.bytes += taken.len();
        *rest = behind;
        if self.message.len() < length {
            return Ok(false);
        }
        check(pattern, &self.message).map(|()| true)
    }

    /// Takes the header of a frame, and judges what it announces. Returns whether it is whole.
    fn take_header(
        &mut self,
        announced: Announced,
        max_length: usize,
        pattern: &Pattern,
        rest: &mut &[u8],
    ) -> Result<bool, Cause> {
        let room = &mut self.header[self.bytes..announced.longest_header()];
        let taken = room.len().min(rest.len());
        room[..taken].copy_from_slice(&rest[..taken]);
        let known = self.bytes + taken;
        let header = announced.header(&self.header[..known], max_length);
        let claimed = header.as_ref().ok().and_then(Option::as_ref).map_or(known, |header| header.len);
        *rest = &rest[claimed - self.bytes..];
        (self.bytes, self.header_len) = (claimed, claimed);
        let Some(header) = header.map_err(Cause::Framing)? else { return Ok(false) };
        if header.lead_len() > 0 {
            self.message.extend(header.lead(&self.header[..header.len]).flatten());
        }
        let announced = header.message_len();
        self.frame = Some(header);
        let Some(expected) = pattern.as_exact() else { return Ok(true) };
        if announced != expected.len() {
            return Err(Cause::WrongLength { expected: expected.len(), announced });
        }
        if let Some(offset) = first_difference(expected, &self.message) {
            self.matched = offset;
            return Err(wrong_byte(offset, expected, &self.message, true));
        }
        self.matched = self.message.len();
        Ok(true)
    }

    /// Takes a frame whose end is found only when it is there. Returns whether it is whole.
    fn take_scanned(
        &mut self,
        scanned: &Scanned,
        max_length: usize,
        pattern: &Pattern,
        rest: &mut &[u8],
    ) -> Result<bool, Cause> {
        /// As many bytes are taken at first: what lies behind the end is not copied again and again.
        const PIECE: usize = 256;
        while !rest.is_empty() {
            let seen = self.message.len();
            let (piece, behind) = rest.split_at(rest.len().min(PIECE.max(seen)));
            self.message.extend_from_slice(piece);
            let end = scanned.end(&self.message, seen, max_length);
            if let Ok(Some(end)) = end {
                self.message.truncate(end);
                self.ended = true;
            }
            self.bytes = self.message.len();
            *rest = &rest[self.bytes - seen..];
            debug_assert!(rest.len() >= behind.len(), "an end is not within what was seen before");
            let differs = pattern
                .as_exact()
                .and_then(|expected| scanned.differs(expected, &self.message).map(|at| (expected, at)));
            if let Some((expected, offset)) = differs {
                return Err(if offset < expected.len() {
                    wrong_byte(offset, expected, &self.message, true)
                } else {
                    let expected = expected.len();
                    Cause::WrongMessage { offset: Some(expected), reason: too_long(expected) }
                });
            }
            if end.map_err(Cause::Framing)?.is_some() {
                let message = scanned.message(&self.message).map_err(Cause::Framing)?;
                let verdict = check(pattern, &message);
                // Of a wrong one, the end is shown as well, unless a codec has made something else of the frame.
                if verdict.is_ok() || !self.message.starts_with(&message) {
                    self.message = message;
                }
                return verdict.map(|()| true);
            }
        }
        Ok(false)
    }

    /// Compares the part of `expected` that has not arrived yet with the input and claims what is equal.
    fn compare(&mut self, expected: &[u8], framed: bool, rest: &mut &[u8]) -> Result<(), Cause> {
        let offset = self.matched;
        let wanted = &expected[offset..];
        let (input, behind) = rest.split_at(wanted.len().min(rest.len()));
        let equal = first_difference(wanted, input);
        let taken = equal.unwrap_or(input.len());
        self.bytes += taken;
        self.matched += taken;
        if let Some(equal) = equal {
            *rest = &rest[equal..];
            let (expected, received) = (wanted[equal], input[equal]);
            return Err(Cause::WrongByte { offset: offset + equal, expected, received, framed });
        }
        *rest = behind;
        Ok(())
    }

    pub(super) fn send(&mut self, wire: &[u8], connection: &Connection) -> Outcome {
        if self.bytes == wire.len() {
            return Outcome::Done;
        }
        if let (0, Some(by)) = (self.bytes, connection.shut_down_by) {
            return Outcome::Failed(Cause::ShutDown { by: by + 1 });
        }
        if connection.judged_end() != Some(End::Reset) && !connection.is_closed() {
            return Outcome::Waiting;
        }
        let bytes = (wire.len() - self.bytes) as u64;
        Outcome::Failed(if self.bytes > 0 { Cause::CutOff { bytes } } else { Cause::NotDelivered { bytes } })
    }
}

pub(super) fn waiting_or_closed(connection: &Connection, arrived: impl FnOnce() -> Arrived) -> Outcome {
    match connection.told_end() {
        None => Outcome::Waiting,
        Some(by) => Outcome::Failed(Cause::Closed { by, arrived: arrived() }),
    }
}

/// Judges a whole message.
fn check(pattern: &Pattern, message: &[u8]) -> Result<(), Cause> {
    let Err(mismatch) = pattern.check(message) else { return Ok(()) };
    Err(match (pattern.as_exact(), mismatch.offset()) {
        (Some(expected), Some(offset)) if offset < expected.len().min(message.len()) => {
            wrong_byte(offset, expected, message, true)
        }
        (Some(expected), _) => Cause::WrongLength { expected: expected.len(), announced: message.len() },
        (None, offset) => Cause::WrongMessage { offset, reason: mismatch.to_string() },
    })
}

fn wrong_byte(offset: usize, expected: &[u8], received: &[u8], framed: bool) -> Cause {
    Cause::WrongByte { offset, expected: expected[offset], received: received[offset], framed }
}

fn too_long(expected: usize) -> alloc::string::String {
    alloc::format!("it goes on behind the {} expected", crate::preview::Count(expected as u64))
}
