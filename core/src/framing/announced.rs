//! Frames whose beginning tells their length.

use super::FramingError;
use super::length::{Header, Length, Varint};
use alloc::vec::Vec;
use core::fmt;

/// How the beginning of a frame tells its length.
#[derive(Clone, Copy)]
pub(crate) enum Announced {
    Length(Length),
    Varint(Varint),
    /// It need not: all frames have this one.
    Fixed(usize),
}

impl Announced {
    pub(super) fn encode(self, message: &[u8]) -> Result<Vec<u8>, FramingError> {
        match self {
            Self::Length(field) => field.encode(message),
            Self::Varint(field) => field.encode(message),
            Self::Fixed(bytes) if bytes == message.len() => Ok(message.to_vec()),
            Self::Fixed(bytes) => Err(FramingError::NotFixed { length: message.len() as u64, fixed: bytes as u64 }),
        }
    }

    /// Returns the length of the longest header.
    pub(crate) fn longest_header(self) -> usize {
        match self {
            Self::Length(field) => field.offset + field.width,
            Self::Varint(field) => field.offset + field.max_width,
            Self::Fixed(_) => 0,
        }
    }

    /// Reads the header of a frame, once it is whole. `bytes` may be the beginning of more.
    pub(crate) fn header(self, bytes: &[u8], max_length: usize) -> Result<Option<Header>, FramingError> {
        match self {
            Self::Length(field) => field.header(bytes, max_length),
            Self::Varint(field) => field.header(bytes, max_length),
            Self::Fixed(length) => Ok(Some(Header { len: 0, field: 0..0, rest: length })),
        }
    }
}

impl fmt::Display for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(field) => field.fmt(f),
            Self::Varint(field) => field.fmt(f),
            Self::Fixed(bytes) => write!(f, "Framing::fixed({bytes})"),
        }
    }
}
