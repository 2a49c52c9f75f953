//! Frames whose end is found only when it is there.

use super::FramingError;
use super::codec::Hook;
use super::delimiter::Delimiter;
use alloc::vec::Vec;
use core::fmt;

/// How the end of a frame is found.
#[derive(Clone)]
pub(crate) enum Scanned {
    Delimited(Delimiter),
    Codec(Hook),
}

impl Scanned {
    pub(super) fn encode(&self, message: &[u8]) -> Result<Vec<u8>, FramingError> {
        match self {
            Self::Delimited(delimiter) => delimiter.encode(message),
            Self::Codec(codec) => codec.0.encode(message).map_err(FramingError::Codec),
        }
    }

    /// Returns the length of a frame, once it is whole. The first `seen` bytes were looked at before.
    pub(crate) fn end(&self, bytes: &[u8], seen: usize, max_length: usize) -> Result<Option<usize>, FramingError> {
        let max = max_length as u64;
        let (end, most) = match self {
            Self::Delimited(delimiter) => (delimiter.end(bytes, seen), max_length.saturating_add(delimiter.stripped())),
            Self::Codec(codec) => (codec.0.frame_len(bytes).map_err(FramingError::Codec)?, max_length),
        };
        // With a short delimiter, a frame may be too long that would not be with the longest one.
        let is_too_long = |frame| match self {
            Self::Delimited(delimiter) => delimiter.message(frame).len() > max_length,
            Self::Codec(_) => false,
        };
        match end {
            Some(0) => Err(FramingError::Codec("a frame of no bytes at all".into())),
            Some(length) if length > most || bytes.get(..length).is_some_and(is_too_long) => {
                Err(FramingError::NoEnd { max })
            }
            Some(length) => Ok((length <= bytes.len()).then_some(length)),
            None if bytes.len() >= most => Err(FramingError::NoEnd { max }),
            None => Ok(None),
        }
    }

    /// Returns the message of a whole frame.
    pub(crate) fn message(&self, frame: &[u8]) -> Result<Vec<u8>, FramingError> {
        match self {
            Self::Delimited(delimiter) => Ok(delimiter.message(frame).to_vec()),
            Self::Codec(codec) => codec.0.decode(frame).map_err(FramingError::Codec),
        }
    }

    /// Says whether what has come so far of a delimited frame, up to its end if that has come, can be a beginning of this message, and
    /// the delimiter behind it. Returns where it first cannot.
    pub(crate) fn differs(&self, expected: &[u8], frame: &[u8]) -> Option<usize> {
        match self {
            Self::Delimited(delimiter) => delimiter.differs(expected, frame),
            Self::Codec(_) => None,
        }
    }
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delimited(delimiter) => delimiter.fmt(f),
            Self::Codec(_) => f.write_str("Framing::codec(..)"),
        }
    }
}
