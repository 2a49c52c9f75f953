//! Where a message ends.

mod announced;
mod codec;
mod delimiter;
mod error;
mod length;
mod near;
mod scanned;

pub(crate) use announced::Announced;
pub use codec::Codec;
pub use error::FramingError;
pub(crate) use error::Grouped;
pub(crate) use length::Header;
pub(crate) use scanned::Scanned;

use alloc::sync::Arc;
use alloc::vec::Vec;
use codec::Hook;
use core::fmt;
use delimiter::Delimiter;
use length::{Length, Varint};

/// How a stream of bytes is cut into messages, in either direction.
///
/// The default is the framing of pytest-tcpclient: a 4-byte big-endian length, and at most 16 MiB (2^24 bytes) behind it.
/// A maximum is always in force: a length field beyond it is an error, never an allocation or a wait.
///
/// A *message* is what is left of a frame without its length field, or without its delimiter: what a test expects and sends. What
/// stands in front of a length field is a part of the message, so that a test sees it, answers it, and gives it:
///
/// ```
/// use tcpclient_core::framing::Framing;
///
/// assert_eq!(Framing::default().encode(b"hi").unwrap(), b"\0\0\0\x02hi");
///
/// // Postgres: a type, then a length that counts itself.
/// let postgres = Framing::length_field(1, 4).inclusive();
/// assert_eq!(postgres.encode(b"QSELECT 1\0").unwrap(), b"Q\0\0\0\x0dSELECT 1\0");
///
/// // MQTT: a type and flags, then a length of 1 to 4 bytes.
/// let mqtt = Framing::varint().at(1).max_width(4);
/// assert_eq!(mqtt.encode(&[0xc0]).unwrap(), [0xc0, 0]);
///
/// // SMTP, FTP, IRC.
/// assert_eq!(Framing::lines().encode(b"EHLO me").unwrap(), b"EHLO me\r\n");
///
/// let small = Framing::length_prefixed(2).max_length(1);
/// assert_eq!(
///     small.encode(b"hi").unwrap_err().to_string(),
///     "a frame of 2 bytes is longer than the framing's maximum of 1"
/// );
/// ```
///
/// # Panics
/// Methods that set what a framing does not have, such as the byte order of lines, panic at the line that calls them.
#[derive(Clone)]
pub struct Framing(Arc<Extent>);

/// What a framing is. It is shared: each frame that a script expects has its framing, and a step is not to be long for that.
#[derive(Clone)]
struct Extent {
    kind: Kind,
    max_length: usize,
    noun: Noun,
}

/// What reports call a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noun {
    Frame,
    Line,
    /// A message up to a delimiter, and with it.
    Until,
}

impl Noun {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Line => "line",
            Self::Until => "message",
        }
    }
}

/// How it is known where a frame ends.
#[derive(Clone)]
pub(crate) enum Kind {
    /// The beginning of a frame tells its length.
    Announced(Announced),
    /// The end of a frame is found only when it is there.
    Scanned(Scanned),
}

/// A frame at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The number of bytes that the frame takes.
    pub len: usize,
    /// The message that it carries.
    pub message: Vec<u8>,
}

impl Framing {
    /// The maximum message length of a framing that names none: 16 MiB.
    pub const DEFAULT_MAX_LENGTH: usize = 16 << 20;

    fn new(kind: Kind, max_length: usize) -> Self {
        Self(Arc::new(Extent { kind, max_length, noun: Noun::Frame }))
    }

    fn of(kind: Kind) -> Self {
        Self::new(kind, Self::DEFAULT_MAX_LENGTH)
    }

    /// Returns the framing with a big-endian length field of `width` bytes in front of the message, which counts the bytes of the
    /// message.
    ///
    /// # Panics
    /// Panics unless `width` is 1 to 8.
    #[track_caller]
    pub fn length_prefixed(width: usize) -> Self {
        Self::length_field(0, width)
    }

    /// Returns the framing with a big-endian length field of `width` bytes that stands `offset` bytes into the frame, and counts the
    /// bytes behind itself.
    ///
    /// # Panics
    /// Panics unless `width` is 1 to 8 and `offset` at most 16.
    #[track_caller]
    pub fn length_field(offset: usize, width: usize) -> Self {
        Self::of(Kind::Announced(Announced::Length(Length::new(offset, width))))
    }

    /// Returns the framing with a length in front of the message of 1 to 10 bytes, with 7 bits each, the lowest first; the top bit
    /// says that another byte follows (LEB128, as in MQTT and Protocol Buffers).
    pub fn varint() -> Self {
        Self::of(Kind::Announced(Announced::Varint(Varint { offset: 0, max_width: Varint::WIDEST })))
    }

    /// Returns the framing whose messages end with CRLF, which is not a part of them. A client may end its lines with LF alone.
    pub fn lines() -> Self {
        Self::of(Kind::Scanned(Scanned::Delimited(Delimiter::lines())))
    }

    /// Returns the framing whose messages end with a delimiter, which is not a part of them.
    ///
    /// # Panics
    /// Panics if the delimiter is empty.
    #[track_caller]
    pub fn delimited(delimiter: impl AsRef<[u8]>) -> Self {
        let delimiter = delimiter.as_ref();
        assert!(!delimiter.is_empty(), "a delimiter has at least 1 byte");
        Self::of(Kind::Scanned(Scanned::Delimited(Delimiter::new(delimiter))))
    }

    /// Returns the framing whose messages all have this number of bytes.
    ///
    /// # Panics
    /// Panics if `bytes` is 0: such messages come without end.
    #[track_caller]
    pub fn fixed(bytes: usize) -> Self {
        assert!(bytes > 0, "a message of fixed length has at least 1 byte");
        let max_length = Self::DEFAULT_MAX_LENGTH.max(bytes);
        Self::new(Kind::Announced(Announced::Fixed(bytes)), max_length)
    }

    /// Returns the framing of your own codec.
    pub fn codec(codec: impl Codec) -> Self {
        Self::of(Kind::Scanned(Scanned::Codec(Hook(Arc::new(codec)))))
    }

    /// Has the length field come with its lowest byte first.
    ///
    /// # Panics
    /// Panics if there is no length field of fixed width.
    #[must_use]
    #[track_caller]
    pub fn little_endian(mut self) -> Self {
        self.length_mut("little_endian").little_endian = true;
        self
    }

    /// Has the length field count itself, too.
    ///
    /// # Panics
    /// Panics if there is no length field of fixed width.
    #[must_use]
    #[track_caller]
    pub fn inclusive(mut self) -> Self {
        let length = self.length_mut("inclusive");
        length.adjustment = -(length.width as i64);
        self
    }

    /// Has the length field count all bytes of the frame, from its first one on.
    ///
    /// # Panics
    /// Panics if there is no length field of fixed width.
    #[must_use]
    #[track_caller]
    pub fn counting_all(mut self) -> Self {
        let length = self.length_mut("counting_all");
        length.adjustment = -((length.offset + length.width) as i64);
        self
    }

    /// Has `adjustment` bytes more follow the length field than it says.
    ///
    /// # Panics
    /// Panics if there is no length field of fixed width.
    #[must_use]
    #[track_caller]
    pub fn adjusted(mut self, adjustment: i32) -> Self {
        self.length_mut("adjusted").adjustment = adjustment.into();
        self
    }

    /// Has messages be whole frames, with their length field. When a message is sent, what its length field says is filled in.
    ///
    /// # Panics
    /// Panics if there is no length field of fixed width.
    #[must_use]
    #[track_caller]
    pub fn whole(mut self) -> Self {
        self.length_mut("whole").whole = true;
        self
    }

    /// Has the varint stand `offset` bytes into the frame.
    ///
    /// # Panics
    /// Panics if there is no varint, and unless `offset` is at most 16.
    #[must_use]
    #[track_caller]
    pub fn at(mut self, offset: usize) -> Self {
        length::check_offset(offset);
        self.varint_mut("at").offset = offset;
        self
    }

    /// Has the varint take no more than `bytes`.
    ///
    /// # Panics
    /// Panics if there is no varint, and unless `bytes` is 1 to 10.
    #[must_use]
    #[track_caller]
    pub fn max_width(mut self, bytes: usize) -> Self {
        assert!((1..=Varint::WIDEST).contains(&bytes), "a varint has 1 to {} bytes, not {bytes}", Varint::WIDEST);
        self.varint_mut("max_width").max_width = bytes;
        self
    }

    /// Has the delimiter be a part of each message.
    ///
    /// # Panics
    /// Panics if there is no delimiter.
    #[must_use]
    #[track_caller]
    pub fn keep_delimiter(mut self) -> Self {
        match &mut Arc::make_mut(&mut self.0).kind {
            Kind::Scanned(Scanned::Delimited(delimiter)) => delimiter.kept = true,
            _ => panic!("keep_delimiter: {self:?} has no delimiter"),
        }
        self
    }

    /// Sets the longest message, in bytes, that either side may send.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.0).max_length = bytes;
        self
    }

    #[track_caller]
    fn length_mut(&mut self, method: &str) -> &mut Length {
        if !matches!(self.0.kind, Kind::Announced(Announced::Length(_))) {
            panic!("{method}: {self:?} has no length field of fixed width");
        }
        let Kind::Announced(Announced::Length(length)) = &mut Arc::make_mut(&mut self.0).kind else { unreachable!() };
        length
    }

    #[track_caller]
    fn varint_mut(&mut self, method: &str) -> &mut Varint {
        if !matches!(self.0.kind, Kind::Announced(Announced::Varint(_))) {
            panic!("{method}: {self:?} has no varint");
        }
        let Kind::Announced(Announced::Varint(varint)) = &mut Arc::make_mut(&mut self.0).kind else { unreachable!() };
        varint
    }

    /// Returns the frame that carries this message.
    ///
    /// # Errors
    /// Returns an error if no frame can carry it: it is longer than the maximum or than the length field can say, shorter than what
    /// stands in front of the length field, or not of the fixed length.
    pub fn encode(&self, message: &[u8]) -> Result<Vec<u8>, FramingError> {
        self.check_length(message)?;
        match &self.0.kind {
            Kind::Announced(announced) => announced.encode(message),
            Kind::Scanned(scanned) => scanned.encode(message),
        }
    }

    fn check_length(&self, message: &[u8]) -> Result<(), FramingError> {
        let length = message.len() as u64;
        let max = self.0.max_length as u64;
        if length > max { Err(FramingError::Message { length, max }) } else { Ok(()) }
    }

    /// As [`encode`](Self::encode), for whoever wants to know only whether there is such a frame.
    pub(crate) fn check(&self, message: &[u8]) -> Result<(), FramingError> {
        match &self.0.kind {
            Kind::Announced(Announced::Length(field)) => {
                self.check_length(message)?;
                field.measure(message).map(drop)
            }
            _ => self.encode(message).map(drop),
        }
    }

    /// Returns the frame with which these bytes begin; `Ok(None)` says that it is not yet whole.
    ///
    /// # Errors
    /// Returns an error if there is none, or none within the maximum.
    pub fn decode(&self, bytes: &[u8]) -> Result<Option<Frame>, FramingError> {
        match &self.0.kind {
            Kind::Announced(announced) => {
                let Some(header) = announced.header(bytes, self.0.max_length)? else { return Ok(None) };
                let lead = header.lead(bytes).flatten().copied();
                let end = header.len.saturating_add(header.rest);
                let Some(rest) = bytes.get(header.len..end) else { return Ok(None) };
                Ok(Some(Frame { len: end, message: lead.chain(rest.iter().copied()).collect() }))
            }
            Kind::Scanned(scanned) => {
                let Some(len) = scanned.end(bytes, 0, self.0.max_length)? else { return Ok(None) };
                Ok(Some(Frame { len, message: scanned.message(&bytes[..len])? }))
            }
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Returns the longest message, in bytes, that either side may send.
    pub(crate) fn longest(&self) -> usize {
        self.0.max_length
    }

    /// Says whether there is a length of several bytes, which come in one order or the other.
    pub(crate) fn is_ordered(&self) -> bool {
        matches!(self.0.kind, Kind::Announced(Announced::Length(Length { width: 2.., .. })))
    }

    /// Returns the length of the longest header of a frame that announces its length.
    pub(crate) fn longest_header(&self) -> usize {
        match &self.0.kind {
            Kind::Announced(announced) => announced.longest_header(),
            Kind::Scanned(_) => 0,
        }
    }

    /// Returns the length of the header of every frame that announces its length, if all have the same.
    pub(crate) fn header_len(&self) -> Option<usize> {
        match &self.0.kind {
            Kind::Announced(Announced::Length(field)) => Some(field.offset + field.width),
            _ => None,
        }
    }

    /// Returns what is behind the header of a frame whose message has this length, if that is all that the header says.
    pub(crate) fn behind_plain_header<'a>(&self, message: usize, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match &self.0.kind {
            Kind::Announced(Announced::Length(field)) => field.behind_plain_header(message, bytes),
            _ => None,
        }
    }

    /// Returns what of these bytes is behind the first delimiter, if the framing has one. The delimiter is not within the first `seen`.
    pub(crate) fn behind_delimiter(&self, bytes: &[u8], seen: usize) -> usize {
        match &self.0.kind {
            Kind::Scanned(Scanned::Delimited(delimiter)) => {
                bytes.len() - delimiter.end(bytes, seen).unwrap_or(bytes.len())
            }
            _ => 0,
        }
    }

    /// Has reports call its messages so.
    pub(crate) fn called(mut self, noun: Noun) -> Self {
        Arc::make_mut(&mut self.0).noun = noun;
        self
    }

    pub(crate) fn noun(&self) -> Noun {
        self.0.noun
    }

    /// Returns the delimiter, if the framing has one.
    pub(crate) fn delimiter(&self) -> Option<&[u8]> {
        match &self.0.kind {
            Kind::Scanned(Scanned::Delimited(delimiter)) => Some(delimiter.bytes()),
            _ => None,
        }
    }

    /// Says whether bytes, of which only the beginning may have come, can be no frame of this message. Where frames of a message may
    /// differ it never does.
    pub(crate) fn rules_out(&self, message: &[u8], bytes: &[u8]) -> bool {
        match &self.0.kind {
            Kind::Announced(Announced::Length(field)) if bytes.len() < field.offset + field.width => {
                field.encode(message).is_ok_and(|frame| !frame.starts_with(bytes))
            }
            _ => false,
        }
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::length_prefixed(4)
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Announced(announced) => write!(f, "{announced}")?,
            Kind::Scanned(scanned) => write!(f, "{scanned}")?,
        }
        match self.0.max_length {
            Self::DEFAULT_MAX_LENGTH => Ok(()),
            bytes => write!(f, ".max_length({bytes})"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
