//! What encrypts a connection, without I/O: what a session asks of an implementation of TLS, and what it says of it.
//!
//! A `Security` is what a step was given; it makes an `Engine` for each connection. With the feature `tls` there is one, over rustls.

mod alert;
mod words;

pub use alert::Alert;
#[cfg(feature = "tls")]
pub(crate) use words::NOTHING_IN_COMMON;
pub(crate) use words::{GIVEN_UP_BEHIND_HANDSHAKE, HALF_A_RECORD, HELLO_IN_CLEAR};

use crate::preview::Preview;
use crate::report::End;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::panic::RefUnwindSafe;

/// What makes the engine of each connection. Its `Display` is what reports show of the step. It is not changed: a test may go on with its
/// handles behind a panic that it has caught.
pub(crate) trait Security: fmt::Debug + fmt::Display + Send + Sync + RefUnwindSafe {
    fn engine(&self) -> Box<dyn Engine>;
}

/// The server's side of one encrypted connection. It does no I/O.
pub(crate) trait Engine: Send {
    /// Takes a piece of what the client sent, which ends where a record does, and adds to `plain` what it decrypts.
    fn receive(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Trouble>;

    /// Adds to `wire` what the engine itself has to send.
    fn transmit(&mut self, wire: &mut Vec<u8>);

    /// Encrypts the beginning of `plain` as one record. Returns how many bytes went into it.
    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize;

    /// Says that nothing more will be sent: [`transmit`](Self::transmit) then has a `close_notify`.
    fn close(&mut self);

    fn state(&self) -> State;

    /// Says whether it is the server that ends the handshake, as in TLS 1.2, and not the client.
    fn has_last_word(&self) -> bool;

    /// Returns what the two sides have agreed on.
    fn handshake(&self) -> Handshake;
}

/// How far an engine is.
#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "only with that feature there is an engine"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The client's hello has not come.
    Fresh,
    /// It has come, and was answered.
    Answered,
    Established,
    /// The client has sent its `close_notify`.
    Closed,
    /// The engine is to do no more than to have the connection closed, having sent this alert, if any.
    Over(Option<Alert>),
}

/// What client and server have agreed on in their handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    pub(crate) version: &'static str,
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
}

impl Handshake {
    /// Returns the version of the protocol: `TLS 1.3`.
    pub fn version(&self) -> &str {
        self.version
    }

    /// Returns the name of the server that the client asked for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Returns the application protocol, if one was agreed on (ALPN).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }
}

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version)?;
        match &self.server_name {
            Some(name) => write!(f, ", server name {name:?}")?,
            None => f.write_str(", no server name")?,
        }
        match &self.alpn {
            Some(protocol) => write!(f, ", ALPN {}", Preview::of(protocol)),
            None => f.write_str(", no ALPN"),
        }
    }
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// So many bytes of the client's hello have come, and not all of it.
    Hello(u64),
    /// The client's hello has come and was answered; the client has to finish.
    Answered,
}

/// Where something came in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the beginning of the connection.
    First,
    /// Behind what was said in clear before: behind a STARTTLS, for example.
    Behind,
    /// In the middle of what is encrypted.
    Within,
}

/// What goes wrong with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The client sent something that is no TLS.
    Clear(Place),
    /// The handshake was not done in time.
    Timeout {
        /// How long the step waited.
        after: Duration,
        /// How far it was.
        stage: Stage,
    },
    /// The client ended the connection, or its stream, before the handshake was done.
    Ended {
        /// How it did.
        by: End,
        /// How far the handshake was.
        stage: Stage,
    },
    /// The client refused the handshake.
    Refused(Alert),
    /// The client gave TLS up behind the handshake.
    Alert(Alert),
    /// The client asked for another server.
    ServerName {
        /// The name that was expected.
        expected: String,
        /// The name that it asked for, if it did for any.
        asked: Option<String>,
    },
    /// The client does not offer the protocol (ALPN).
    NotOffered {
        /// The protocol that was expected.
        expected: Vec<u8>,
        /// Those that it offers.
        offered: Vec<Vec<u8>>,
    },
    /// Another protocol was agreed on (ALPN): the server's configuration prefers it.
    NotChosen {
        /// The protocol that was expected.
        expected: Vec<u8>,
        /// The one agreed on.
        chosen: Vec<u8>,
    },
    /// The client ended its stream within a record.
    Cut {
        /// The number of bytes of it that had come.
        bytes: usize,
        /// The number of bytes that it has, if that is known.
        of: Option<usize>,
    },
    /// The two sides have nothing in common, or what the client sent makes no sense.
    Failed {
        /// Whether that was in the handshake.
        in_handshake: bool,
        /// What the implementation of TLS says.
        reason: String,
        /// The usual cause, if there is one.
        usually: Option<&'static str>,
    },
    /// The connection is encrypted already.
    Started {
        /// The number of the step that did it.
        by: usize,
        /// Whether that was the step itself, in a round before.
        again: bool,
    },
    /// An `anytime` has answered a message in clear behind the command that is to be followed by TLS.
    Answered {
        /// The number of its step.
        by: usize,
    },
    /// The connection is not encrypted.
    NotStarted,
}

/// Says whether this may be the beginning of a record. `first` says that it is to be that of a client's hello, or of an alert instead.
pub(crate) fn begins_record(bytes: &[u8], first: bool) -> bool {
    const HANDSHAKE: u8 = 0x16;
    const CLIENT_HELLO: u8 = 1;
    let kinds = if first { ALERT..=HANDSHAKE } else { 0x14..=0x17 };
    match *bytes {
        [kind, ..] if !kinds.contains(&kind) => false,
        [_, major, ..] if major != 3 => false,
        [_, _, minor, ..] if minor > 4 => false,
        // Of those behind the first, a length that makes no sense is for TLS to complain of.
        _ if !first => true,
        [_, _, _, high, ..] if usize::from(high) << 8 > LONGEST => false,
        [_, _, _, high, low, ..] if usize::from(u16::from_be_bytes([high, low])) > LONGEST => false,
        [HANDSHAKE, _, _, 0, 0, ..] | [ALERT, _, _, 0, 0 | 1, ..] => false,
        [HANDSHAKE, _, _, _, _, message, ..] => message == CLIENT_HELLO,
        _ => true,
    }
}

/// Says whether this is the beginning of a client's hello.
pub(crate) fn begins_hello(bytes: &[u8]) -> bool {
    bytes.len() > HEADER && bytes[0] != ALERT && begins_record(bytes, true)
}

/// Returns the alert with which a client begins that sends one instead of its hello.
#[cfg(feature = "tls")]
pub(crate) fn begins_with_alert(record: &[u8]) -> Option<Alert> {
    match *record {
        [ALERT, _, _, _, _, _level, description, ..] => Some(Alert::new(description)),
        _ => None,
    }
}

/// Says whether the record with which this begins is longer than any.
pub(crate) fn is_too_long(bytes: &[u8]) -> bool {
    record_len(bytes).is_some_and(|len| len > HEADER + LONGEST)
}

/// Returns the length of the record with which this begins, once that is known.
pub(crate) fn record_len(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [_, _, _, high, low, ..] => Some(HEADER + usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// What the first byte of an alert's record is.
const ALERT: u8 = 0x15;

/// The longest record, without its header and with what encryption may add (RFC 8446, 5.2; RFC 5246, 6.2.3).
const LONGEST: usize = (16 << 10) + (2 << 10);

/// The length of a record's header.
pub(crate) const HEADER: usize = 5;

#[cfg(test)]
mod tests;
