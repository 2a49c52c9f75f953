//! How far a step is with its message: the incremental match of what comes in, and the count of what went out.

use super::connection::Connection;
use crate::framing::Framing;
use crate::pattern::{Pattern, first_difference};
use crate::report::{Arrived, Cause, End, Part};
use alloc::sync::Arc;

/// How much of a step's message was received or sent.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The number of bytes, header and payload.
    pub(super) bytes: usize,
    /// The beginning of a frame.
    pub(super) header: [u8; 8],
}

/// What a step did with what it got.
pub(super) enum Outcome {
    Waiting,
    Done,
    Failed(Cause),
}

impl Progress {
    pub(super) fn of_bytes(&self, expected: &Arc<[u8]>) -> Arrived {
        Arrived { part: Part::Message, bytes: self.bytes, of: expected.len() }
    }

    pub(super) fn of_frame(&self, framing: Framing, pattern: &Pattern) -> Arrived {
        let header = framing.header_len();
        match self.bytes.checked_sub(header) {
            None => Arrived { part: Part::Header, bytes: self.bytes, of: header },
            Some(payload) => Arrived { part: Part::Payload, bytes: payload, of: pattern.as_bytes().len() },
        }
    }

    pub(super) fn take_bytes(&mut self, expected: &Arc<[u8]>, rest: &mut &[u8], connection: Connection) -> Outcome {
        match self.compare(expected, 0, rest) {
            Err(cause) => Outcome::Failed(cause),
            Ok(()) if self.bytes == expected.len() => Outcome::Done,
            Ok(()) => waiting_or_closed(connection, || self.of_bytes(expected)),
        }
    }

    pub(super) fn take_frame(
        &mut self,
        framing: Framing,
        pattern: &Pattern,
        rest: &mut &[u8],
        connection: Connection,
    ) -> Outcome {
        let header = framing.header_len();
        if let Some(missing) = header.checked_sub(self.bytes).filter(|&missing| missing > 0) {
            let (taken, behind) = rest.split_at(missing.min(rest.len()));
            self.header[self.bytes..self.bytes + taken.len()].copy_from_slice(taken);
            self.bytes += taken.len();
            *rest = behind;
            let expected = pattern.as_bytes().len();
            match framing.decode(&self.header[..self.bytes]) {
                Err(error) => return Outcome::Failed(Cause::Framing(error)),
                Ok(Some(announced)) if announced != expected => {
                    return Outcome::Failed(Cause::WrongLength { expected, announced });
                }
                Ok(Some(_)) => {}
                Ok(None) => return waiting_or_closed(connection, || self.of_frame(framing, pattern)),
            }
        }
        match self.compare(pattern.as_bytes(), header, rest) {
            Err(cause) => Outcome::Failed(cause),
            Ok(()) if self.bytes == header + pattern.as_bytes().len() => Outcome::Done,
            Ok(()) => waiting_or_closed(connection, || self.of_frame(framing, pattern)),
        }
    }

    /// Compares the part of `expected` that has not arrived yet with the input and claims what is equal.
    pub(super) fn compare(&mut self, expected: &[u8], header: usize, rest: &mut &[u8]) -> Result<(), Cause> {
        let offset = self.bytes - header;
        let wanted = &expected[offset..];
        let (input, behind) = rest.split_at(wanted.len().min(rest.len()));
        let equal = first_difference(wanted, input);
        if let Some(equal) = equal {
            self.bytes += equal;
            *rest = &rest[equal..];
            return Err(Cause::WrongByte {
                offset: offset + equal,
                expected: wanted[equal],
                received: input[equal],
                framed: header > 0,
            });
        }
        self.bytes += input.len();
        *rest = behind;
        Ok(())
    }

    pub(super) fn send(&mut self, wire: &[u8], connection: Connection) -> Outcome {
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

pub(super) fn waiting_or_closed(connection: Connection, arrived: impl FnOnce() -> Arrived) -> Outcome {
    match connection.judged_end() {
        None => Outcome::Waiting,
        Some(by) => Outcome::Failed(Cause::Closed { by, arrived: arrived() }),
    }
}
