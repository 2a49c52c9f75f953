//! Why a frame is none.

use alloc::string::String;
use core::fmt;

/// Why a frame is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FramingError {
    /// The length field of a frame says more than the maximum.
    LengthField {
        /// What the field says.
        length: u64,
        /// The most that it may say.
        max: u64,
        /// Whether it would be legal with its bytes in the other order.
        swapped: bool,
    },
    /// The length field of a frame says less than it counts in any frame.
    TooShort {
        /// What the field says.
        length: u64,
        /// The least that it may say.
        min: u64,
    },
    /// The length goes on behind the widest that a varint may be.
    Varint {
        /// The number of bytes that it may have.
        max: usize,
    },
    /// The end of a frame has not come within the maximum.
    NoEnd {
        /// The longest message that is legal.
        max: u64,
    },
    /// A message to be sent or expected is longer than the maximum.
    Message {
        /// The length of the message in bytes.
        length: u64,
        /// The longest message that is legal.
        max: u64,
    },
    /// A message to be sent or expected is shorter than what stands in front of the length field.
    Lead {
        /// The length of the message in bytes.
        length: u64,
        /// The number of bytes that every message has.
        lead: u64,
    },
    /// A message to be sent or expected is not of the fixed length.
    NotFixed {
        /// The length of the message in bytes.
        length: u64,
        /// The length of all messages.
        fixed: u64,
    },
    /// A message to be sent or expected has the delimiter in it; or has it not at its end, where it is a part of each message.
    Delimiter {
        /// Whether it is missing.
        missing: bool,
    },
    /// The words of a codec.
    Codec(String),
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthField { length, max, swapped } => {
                write!(f, "length field says {} (maximum {})", Grouped(*length), Grouped(*max))?;
                if *swapped { f.write_str(": wrong endianness?") } else { Ok(()) }
            }
            Self::TooShort { length, min } => {
                write!(f, "length field says {} (minimum {})", Grouped(*length), Grouped(*min))
            }
            Self::Varint { max } => write!(f, "the length goes on behind its {max} bytes"),
            Self::NoEnd { max } => write!(f, "it has no end within the maximum of {} bytes", Grouped(*max)),
            Self::Message { length, max } => {
                write!(
                    f,
                    "a frame of {} bytes is longer than the framing's maximum of {}",
                    Grouped(*length),
                    Grouped(*max)
                )
            }
            Self::Lead { length, lead } => write!(
                f,
                "a frame of {} bytes is shorter than the {} that this framing demands",
                Grouped(*length),
                Grouped(*lead)
            ),
            Self::Delimiter { missing: false } => {
                f.write_str("the message has the framing's delimiter in it: it would be two")
            }
            Self::Delimiter { missing: true } => {
                f.write_str("the message does not end with the framing's delimiter, which is a part of it")
            }
            Self::NotFixed { length, fixed } => {
                write!(f, "a frame of {} bytes is not of the fixed length of {}", Grouped(*length), Grouped(*fixed))
            }
            Self::Codec(error) => f.write_str(error),
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
