//! Frames that announce their length.

use super::FramingError;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// The width in bytes of the widest length field.
const WIDEST: usize = 8;

/// The farthest that a length field stands into its frame.
const FARTHEST: usize = 16;

/// A length field of fixed width.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length {
    pub(super) offset: usize,
    pub(super) width: usize,
    pub(super) little_endian: bool,
    /// How many bytes more than it says follow the field.
    pub(super) adjustment: i64,
    /// Whether the field is a part of the message.
    pub(super) whole: bool,
}

/// A length of 7 bits a byte, the lowest first.
#[derive(Clone, Copy)]
pub(crate) struct Varint {
    pub(super) offset: usize,
    pub(super) max_width: usize,
}

/// The beginning of a frame, up to the end of its length field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) len: usize,
    /// Where the length field is that is no part of the message.
    pub(crate) field: Range<usize>,
    /// The number of bytes behind the header.
    pub(crate) rest: usize,
}

impl Header {
    /// The length of the longest header.
    pub(crate) const LONGEST: usize = FARTHEST + Varint::WIDEST;

    /// Returns the part of the message that the header holds, given the beginning of the frame.
    pub(crate) fn lead<'a>(&self, frame: &'a [u8]) -> core::array::IntoIter<&'a [u8], 2> {
        [&frame[..self.field.start], &frame[self.field.end..self.len]].into_iter()
    }

    /// Returns the number of bytes of the message that the header holds.
    pub(crate) fn lead_len(&self) -> usize {
        self.len - self.field.len()
    }

    /// Returns the length of the message.
    pub(crate) fn message_len(&self) -> usize {
        self.lead_len() + self.rest
    }
}

#[track_caller]
pub(super) fn check_offset(offset: usize) {
    assert!(offset <= FARTHEST, "a length field stands at most {FARTHEST} bytes into its frame, not {offset}");
}

impl Length {
    #[track_caller]
    pub(super) fn new(offset: usize, width: usize) -> Self {
        assert!((1..=WIDEST).contains(&width), "a length field has 1 to {WIDEST} bytes, not {width}");
        check_offset(offset);
        Self { offset, width, little_endian: false, adjustment: 0, whole: false }
    }

    /// Returns what is behind the header of a frame whose message has this length, if there is nothing else in it.
    pub(super) fn behind_plain_header(self, message: usize, bytes: &[u8]) -> Option<&[u8]> {
        if self.offset > 0 || self.whole {
            return None;
        }
        let (field, behind) = bytes.split_at_checked(self.width)?;
        let length = u64::try_from(message as i64 - self.adjustment).ok()?;
        let (said, _) = self.read(field);
        (said == length).then_some(behind)
    }

    /// Returns the most that the field can say.
    fn most(self) -> u64 {
        u64::MAX >> (8 * (WIDEST - self.width))
    }

    /// Returns what the field says, and what it would in the other byte order.
    fn read(self, field: &[u8]) -> (u64, u64) {
        let big = match *field {
            [a, b, c, d] => u32::from_be_bytes([a, b, c, d]).into(),
            _ => field.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let little = big.swap_bytes() >> (8 * (WIDEST - self.width));
        if self.little_endian { (little, big) } else { (big, little) }
    }

    pub(super) fn header(self, bytes: &[u8], max_length: usize) -> Result<Option<Header>, FramingError> {
        let len = self.offset + self.width;
        let Some(field) = bytes.get(self.offset..len) else { return Ok(None) };
        let (length, swapped) = self.read(field);
        let lead = if self.whole { len } else { self.offset };
        // In numbers wide enough for any length and any adjustment.
        let adjustment = i128::from(self.adjustment);
        let min = 0.max(-adjustment);
        let max = (max_length as i128 - lead as i128 - adjustment).min(self.most().into());
        if i128::from(length) < min {
            return Err(FramingError::TooShort { length, min: min as u64 });
        }
        if i128::from(length) > max {
            let swapped = (min..=max).contains(&i128::from(swapped));
            return Err(FramingError::LengthField { length, max: max.max(0) as u64, swapped });
        }
        let rest = usize::try_from(i128::from(length) + adjustment).unwrap_or(usize::MAX);
        let field = if self.whole { len..len } else { self.offset..len };
        Ok(Some(Header { len, field, rest }))
    }

    /// Returns what stands in front of the field and behind it, and what it says.
    pub(super) fn measure(self, message: &[u8]) -> Result<(&[u8], &[u8], u64), FramingError> {
        let behind = if self.whole { self.offset + self.width } else { self.offset };
        let (Some(lead), Some(rest)) = (message.get(..self.offset), message.get(behind..)) else {
            return Err(FramingError::Lead { length: message.len() as u64, lead: behind as u64 });
        };
        let length = rest.len() as i128 - i128::from(self.adjustment);
        if length < 0 {
            let lead = behind as u64 + u64::try_from(self.adjustment).unwrap_or(0);
            return Err(FramingError::Lead { length: message.len() as u64, lead });
        }
        let Some(length) = u64::try_from(length).ok().filter(|&length| length <= self.most()) else {
            let max = i128::from(self.most()) + i128::from(self.adjustment) + behind as i128;
            return Err(FramingError::Message { length: message.len() as u64, max: u64::try_from(max).unwrap_or(0) });
        };
        Ok((lead, rest, length))
    }

    pub(super) fn encode(self, message: &[u8]) -> Result<Vec<u8>, FramingError> {
        let (lead, rest, length) = self.measure(message)?;
        let field = &length.to_be_bytes()[WIDEST - self.width..];
        let mut frame = Vec::with_capacity(self.offset + self.width + rest.len());
        frame.extend_from_slice(lead);
        if self.little_endian {
            frame.extend(field.iter().rev());
        } else {
            frame.extend_from_slice(field);
        }
        frame.extend_from_slice(rest);
        Ok(frame)
    }
}

impl Varint {
    /// The number of bytes that any length takes at most.
    pub(super) const WIDEST: usize = 10;

    pub(super) fn header(self, bytes: &[u8], max_length: usize) -> Result<Option<Header>, FramingError> {
        let Some(bytes) = bytes.get(self.offset..) else { return Ok(None) };
        let mut length: u128 = 0;
        for (i, &byte) in bytes.iter().take(self.max_width).enumerate() {
            length |= u128::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                let max = max_length.checked_sub(self.offset);
                let rest = usize::try_from(length).ok().filter(|&rest| max.is_some_and(|max| rest <= max));
                let Some(rest) = rest else {
                    let (length, max) = (u64::try_from(length).unwrap_or(u64::MAX), max.unwrap_or(0) as u64);
                    return Err(FramingError::LengthField { length, max, swapped: false });
                };
                let end = self.offset + i + 1;
                return Ok(Some(Header { len: end, field: self.offset..end, rest }));
            }
        }
        if bytes.len() < self.max_width { Ok(None) } else { Err(FramingError::Varint { max: self.max_width }) }
    }

    pub(super) fn encode(self, message: &[u8]) -> Result<Vec<u8>, FramingError> {
        let Some((lead, rest)) = message.split_at_checked(self.offset) else {
            return Err(FramingError::Lead { length: message.len() as u64, lead: self.offset as u64 });
        };
        let mut frame = Vec::with_capacity(message.len() + Self::WIDEST);
        frame.extend_from_slice(lead);
        let mut left = rest.len();
        loop {
            let more = left > 0x7f;
            frame.push((left & 0x7f) as u8 | if more { 0x80 } else { 0 });
            left >>= 7;
            if !more {
                break;
            }
        }
        if frame.len() - self.offset > self.max_width {
            let max = self.offset as u64 + (1u64 << (7 * self.max_width)) - 1;
            return Err(FramingError::Message { length: message.len() as u64, max });
        }
        frame.extend_from_slice(rest);
        Ok(frame)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            0 => write!(f, "Framing::length_prefixed({})", self.width)?,
            offset => write!(f, "Framing::length_field({offset}, {})", self.width)?,
        }
        if self.little_endian {
            f.write_str(".little_endian()")?;
        }
        match self.adjustment {
            0 => {}
            own if own == -(self.width as i64) => f.write_str(".inclusive()")?,
            all if all == -((self.offset + self.width) as i64) => f.write_str(".counting_all()")?,
            other => write!(f, ".adjusted({other})")?,
        }
        if self.whole { f.write_str(".whole()") } else { Ok(()) }
    }
}

impl fmt::Display for Varint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Framing::varint()")?;
        if self.offset > 0 {
            write!(f, ".at({})", self.offset)?;
        }
        if self.max_width < Self::WIDEST { write!(f, ".max_width({})", self.max_width) } else { Ok(()) }
    }
}
