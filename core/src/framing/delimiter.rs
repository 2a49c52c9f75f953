//! Frames that end with a delimiter.

use super::FramingError;
use crate::bytes::Bytes;
use crate::pattern::first_difference;
use alloc::vec::Vec;
use core::fmt;

#[derive(Clone)]
pub(crate) struct Delimiter {
    bytes: Bytes,
    /// Whether it is a part of the message.
    pub(super) kept: bool,
    /// Whether its last byte alone will do, too.
    lenient: bool,
}

impl Delimiter {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { bytes: Bytes::from(bytes), kept: false, lenient: false }
    }

    pub(super) fn lines() -> Self {
        Self { lenient: true, ..Self::new(b"\r\n") }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn encode(&self, message: &[u8]) -> Result<Vec<u8>, FramingError> {
        let delimiter = if self.kept { &[] } else { &self.bytes[..] };
        let frame = [message, delimiter].concat();
        match self.end(&frame, 0) {
            Some(end) if end == frame.len() => Ok(frame),
            Some(_) => Err(FramingError::Delimiter { missing: false }),
            None => Err(FramingError::Delimiter { missing: true }),
        }
    }

    /// Returns the number of bytes that a frame may have more than its message.
    pub(super) fn stripped(&self) -> usize {
        if self.kept { 0 } else { self.bytes.len() }
    }

    /// Returns the length of the frame with which these bytes begin. The end is not within the first `seen` of them.
    pub(super) fn end(&self, bytes: &[u8], seen: usize) -> Option<usize> {
        let (&last, before) = self.bytes.split_last()?;
        let before = if self.lenient { &[] } else { before };
        let mut from = seen.max(before.len());
        while let Some(found) = bytes.get(from..)?.iter().position(|&byte| byte == last) {
            from += found;
            if bytes[..from].ends_with(before) {
                return Some(from + 1);
            }
            from += 1;
        }
        None
    }

    /// Returns the message of a frame, from its first byte to its last.
    pub(super) fn message<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        if self.kept {
            return frame;
        }
        match frame.strip_suffix(&*self.bytes) {
            Some(message) => message,
            // The last byte alone.
            None => &frame[..frame.len() - 1],
        }
    }

    /// Returns where the beginning of a frame first differs from that which carries this message.
    pub(super) fn differs(&self, expected: &[u8], frame: &[u8]) -> Option<usize> {
        let difference = first_difference(expected, frame);
        if difference.is_some() {
            return difference;
        }
        let behind = frame.get(expected.len()..).unwrap_or_default();
        let whole: &[u8] = if self.kept { &[] } else { &self.bytes };
        let lenient = self.lenient && !self.kept && behind == b"\n";
        (!whole.starts_with(behind) && !lenient).then_some(expected.len())
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lenient {
            f.write_str("Framing::lines()")?;
        } else {
            match core::str::from_utf8(&self.bytes) {
                Ok(text) => write!(f, "Framing::delimited({text:?})")?,
                Err(_) => write!(f, "Framing::delimited(b\"{}\")", self.bytes.escape_ascii())?,
            }
        }
        if self.kept { f.write_str(".keep_delimiter()") } else { Ok(()) }
    }
}
