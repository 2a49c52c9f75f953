//! Where a message ends.

use alloc::vec::Vec;
use core::fmt;

/// The width in bytes of the widest length field.
const MAX_WIDTH: usize = 8;

/// How a stream of bytes is cut into messages: a length field of fixed width, big-endian, that counts the bytes behind it.
///
/// The default is the framing of pytest-tcpclient: a 4-byte length, and at most 16 MiB (2^24 bytes) of payload. A maximum is
/// always in force: a length field beyond it is an error, never an allocation or a wait.
///
/// ```
/// use tcpclient_core::framing::Framing;
///
/// let framing = Framing::default();
/// assert_eq!(framing.encode(b"hi").unwrap(), b"\0\0\0\x02hi");
///
/// let small = Framing::length_prefixed(2).max_length(1);
/// assert_eq!(
///     small.encode(b"hi").unwrap_err().to_string(),
///     "a frame of 2 bytes is longer than the framing's maximum of 1"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    width: usize,
    max_length: usize,
}

impl Framing {
    /// The maximum payload length of a framing that names none: 16 MiB.
    pub const DEFAULT_MAX_LENGTH: usize = 16 << 20;

    /// Returns the framing with a big-endian length field of `width` bytes in front of the payload.
    ///
    /// # Panics
    /// Panics unless `width` is 1 to 8.
    #[track_caller]
    pub fn length_prefixed(width: usize) -> Self {
        assert!((1..=MAX_WIDTH).contains(&width), "a length field has 1 to {MAX_WIDTH} bytes, not {width}");
        Self { width, max_length: Self::DEFAULT_MAX_LENGTH }
    }

    /// Sets the longest payload, in bytes, that either side may send.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes;
        self
    }

    /// Returns the length in bytes of the header of every frame.
    pub fn header_len(&self) -> usize {
        self.width
    }

    /// Returns the frame that carries this payload.
    ///
    /// # Errors
    /// Returns an error if the payload is longer than the maximum, or than the length field can say.
    pub fn encode(&self, payload: &[u8]) -> Result<Vec<u8>, FramingError> {
        self.check(payload.len() as u64).map_err(|error| match error {
            FramingError::LengthField { length, max } => FramingError::Payload { length, max },
            other => other,
        })?;
        let mut frame = Vec::with_capacity(self.width + payload.len());
        frame.extend_from_slice(&(payload.len() as u64).to_be_bytes()[MAX_WIDTH - self.width..]);
        frame.extend_from_slice(payload);
        Ok(frame)
    }

    /// Returns the length of the payload that this header announces.
    ///
    /// `header` may be the beginning of more; `Ok(None)` says that it is not yet whole.
    ///
    /// # Errors
    /// Returns an error if the announced length is beyond the maximum.
    pub fn decode(&self, header: &[u8]) -> Result<Option<usize>, FramingError> {
        let Some(field) = header.get(..self.width) else {
            return Ok(None);
        };
        let length = field.iter().fold(0, |length: u64, &byte| length << 8 | u64::from(byte));
        self.check(length)?;
        Ok(usize::try_from(length).ok())
    }

    fn check(&self, length: u64) -> Result<(), FramingError> {
        let field = u64::MAX >> (8 * (MAX_WIDTH - self.width));
        let max = field.min(self.max_length as u64);
        if length > max { Err(FramingError::LengthField { length, max }) } else { Ok(()) }
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self { width: 4, max_length: Self::DEFAULT_MAX_LENGTH }
    }
}

/// Why a frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FramingError {
    /// The length field of a frame announces more than the maximum.
    LengthField {
        /// The length in bytes that the field announces.
        length: u64,
        /// The longest payload that is legal.
        max: u64,
    },
    /// A payload to be sent or expected is longer than the maximum.
    Payload {
        /// The length of the payload in bytes.
        length: u64,
        /// The longest payload that is legal.
        max: u64,
    },
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LengthField { length, max } => {
                write!(f, "length field says {} (maximum {})", Grouped(length), Grouped(max))
            }
            Self::Payload { length, max } => {
                write!(
                    f,
                    "a frame of {} bytes is longer than the framing's maximum of {}",
                    Grouped(length),
                    Grouped(max)
                )
            }
        }
    }
}

impl core::error::Error for FramingError {}

/// A number with a comma between groups of three digits.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if number < 1000 {
            return write!(f, "{number}");
        }
        write!(f, "{},{:03}", Grouped(number / 1000), number % 1000)
    }
}

#[cfg(test)]
mod tests;
