//! What a scripted server waits for or does next.

use crate::framing::{Framing, FramingError};
use crate::pattern::Pattern;
use crate::preview::{Count, Preview};
use crate::time::{Duration, Span};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use core::fmt;
use core::panic::Location;

/// One step of a script, with the place in the source that asked for it and, if given, a name and a deadline of its own.
///
/// A step is made by the constructor that bears its verb. A value that makes no sense is refused right there: the constructor
/// panics, at the line that called it.
///
/// ```
/// use tcpclient_core::step::Step;
///
/// let step = Step::expect_bytes("EHLO").named("greeting");
/// assert_eq!(step.to_string(), "expect_bytes(\"EHLO\") named \"greeting\"");
/// assert_eq!(step.location().file(), file!());
/// ```
#[derive(Clone)]
pub struct Step {
    pub(crate) kind: Kind,
    location: &'static Location<'static>,
    name: Option<Box<str>>,
    deadline: Option<Duration>,
    capture: Option<Weak<dyn Capture>>,
}

/// A place for the message that a step receives.
pub trait Capture: Send + Sync {
    /// Stores the message: of a frame, its payload.
    fn capture(&self, message: &[u8]);
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    ExpectConnect,
    ExpectBytes(Arc<[u8]>),
    ExpectFrame {
        framing: Framing,
        pattern: Pattern,
    },
    /// Bytes as they go to the wire; the first `header` of them were put in front by a framing.
    Send {
        wire: Arc<[u8]>,
        header: Option<usize>,
    },
    ExpectEof,
    ExpectDisconnect {
        implied: bool,
    },
    WaitUntilRead,
    ShutDown,
    Disconnect,
    Reset,
    Pause(Duration),
}

impl Step {
    #[track_caller]
    fn new(kind: Kind) -> Self {
        Self { kind, location: Location::caller(), name: None, deadline: None, capture: None }
    }

    /// Waits until a client connects. One that has connected before counts, if no earlier step claimed it.
    #[track_caller]
    pub fn expect_connect() -> Self {
        Self::new(Kind::ExpectConnect)
    }

    /// Waits for exactly these bytes. Fails at the first byte that differs.
    ///
    /// # Panics
    /// Panics if `bytes` is empty: there would be nothing to wait for.
    #[track_caller]
    pub fn expect_bytes(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        assert!(!bytes.is_empty(), "expect_bytes: there is nothing to expect in an empty byte string");
        Self::new(Kind::ExpectBytes(Arc::from(bytes)))
    }

    /// Waits for one frame whose payload matches `pattern`. An empty payload is legal.
    ///
    /// # Panics
    /// Panics if no frame of this framing can carry such a payload.
    #[track_caller]
    pub fn expect_frame(framing: Framing, pattern: impl Into<Pattern>) -> Self {
        let pattern = pattern.into();
        if let Err(error) = framing.encode(pattern.as_bytes()) {
            refuse("expect_frame", error);
        }
        Self::new(Kind::ExpectFrame { framing, pattern })
    }

    /// Sends these bytes, framed or not, just as they are.
    ///
    /// # Panics
    /// Panics if `bytes` is empty: there would be nothing to send.
    #[track_caller]
    pub fn send_bytes(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        assert!(!bytes.is_empty(), "send_bytes: there is nothing to send in an empty byte string");
        Self::new(Kind::Send { wire: Arc::from(bytes), header: None })
    }

    /// Sends one frame with this payload, which may be empty.
    ///
    /// # Panics
    /// Panics if the payload is longer than the framing's maximum.
    #[track_caller]
    pub fn send_frame(framing: Framing, payload: impl AsRef<[u8]>) -> Self {
        match framing.encode(payload.as_ref()) {
            Ok(frame) => Self::new(Kind::Send { wire: Arc::from(frame), header: Some(framing.header_len()) }),
            Err(error) => refuse("send_frame", error),
        }
    }

    /// Waits until the client has ended its stream. It may have closed the connection with it, or go on reading. Fails if it sends
    /// anything more.
    #[track_caller]
    pub fn expect_eof() -> Self {
        Self::new(Kind::ExpectEof)
    }

    /// Waits until the client has closed the connection. Fails if it sends anything more, or if it is known not to have read
    /// all that it was sent.
    #[track_caller]
    pub fn expect_disconnect() -> Self {
        Self::new(Kind::ExpectDisconnect { implied: false })
    }

    /// The [`expect_disconnect`](Self::expect_disconnect) that the end of a script implies.
    pub(crate) fn implied_disconnect(location: &'static Location<'static>) -> Self {
        let kind = Kind::ExpectDisconnect { implied: true };
        Self { kind, location, name: None, deadline: None, capture: None }
    }

    /// Waits until the client has read all that it was sent. Where the transport does not know, it waits 20 ms instead.
    #[track_caller]
    pub fn wait_until_read() -> Self {
        Self::new(Kind::WaitUntilRead)
    }

    /// Ends the server's stream: the client reads its end behind all that was sent, and may go on sending.
    #[track_caller]
    pub fn shutdown() -> Self {
        Self::new(Kind::ShutDown)
    }

    /// Closes the connection: the client reads the end of the stream behind all that was sent.
    #[track_caller]
    pub fn disconnect() -> Self {
        Self::new(Kind::Disconnect)
    }

    /// Aborts the connection with a reset (RST).
    #[track_caller]
    pub fn reset() -> Self {
        Self::new(Kind::Reset)
    }

    /// Plays nothing for so long. Bytes and clients that arrive meanwhile wait for the steps behind it, and a client that closes
    /// is judged by them.
    ///
    /// It needs no connection. It has no deadline: no scale changes it, and [`within`](Self::within) has no effect.
    #[track_caller]
    pub fn pause(duration: Duration) -> Self {
        Self::new(Kind::Pause(duration))
    }

    /// Gives the step a name, which reports show. Names may repeat.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.amend(Amendment::Name(name.into()));
        self
    }

    /// Gives the step a deadline of its own, counted from the moment when it becomes the current one.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.amend(Amendment::Deadline(deadline));
        self
    }

    /// Has the message that the step receives stored in a place, if that still exists by then. Steps that receive no message
    /// leave it alone.
    #[must_use]
    pub fn captured(mut self, place: Weak<dyn Capture>) -> Self {
        self.capture = Some(place);
        self
    }

    /// Says whether the step receives a message that can be captured.
    pub fn receives_message(&self) -> bool {
        matches!(self.kind, Kind::ExpectBytes(_) | Kind::ExpectFrame { .. })
    }

    /// Stores the message of a step that is done.
    pub(crate) fn capture(&self) {
        let Some(place) = self.capture.as_ref().and_then(Weak::upgrade) else { return };
        match &self.kind {
            Kind::ExpectBytes(bytes) => place.capture(bytes),
            Kind::ExpectFrame { pattern, .. } => place.capture(pattern.as_bytes()),
            _ => {}
        }
    }

    /// Names what the step waits for: `"Hello"`, `frame "Hello"`, `the client to disconnect`.
    pub(crate) fn subject(&self) -> String {
        match &self.kind {
            Kind::ExpectBytes(bytes) => format!("{}", Argument(bytes)),
            Kind::ExpectFrame { pattern, .. } => format!("frame {}", Argument(pattern.as_bytes())),
            Kind::ExpectConnect => "the end of the connection before, which expect_connect() implies".into(),
            Kind::ExpectEof => "the client to shut down its sending half".into(),
            Kind::ExpectDisconnect { .. } => "the client to disconnect".into(),
            other => format!("{other}"),
        }
    }

    pub(crate) fn amend(&mut self, amendment: Amendment) {
        match amendment {
            Amendment::Name(name) => self.name = Some(name.into()),
            Amendment::Deadline(deadline) => self.deadline = Some(deadline),
        }
    }

    /// Returns where in the source the step was asked for.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns the name that the step was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the deadline that the step was given.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Says whether the step needs an open connection.
    pub(crate) fn needs_connection(&self) -> bool {
        !matches!(self.kind, Kind::ExpectConnect | Kind::Pause(_))
    }
}

/// A later change to a step that was pushed already.
#[derive(Clone, Debug)]
pub enum Amendment {
    /// The name that reports show.
    Name(String),
    /// The deadline of the step, counted from when it became current.
    Deadline(Duration),
}

#[track_caller]
fn refuse(verb: &str, error: FramingError) -> ! {
    panic!("{verb}: {error}")
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} at {}", self.location)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match self.name() {
            Some(name) => write!(f, " named {name:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpectConnect => f.write_str("expect_connect()"),
            Self::ExpectBytes(bytes) => write!(f, "expect_bytes({})", Argument(bytes)),
            Self::ExpectFrame { pattern, .. } => write!(f, "expect_frame({})", Argument(pattern.as_bytes())),
            Self::Send { wire, header: None } => write!(f, "send_bytes({})", Argument(wire)),
            Self::Send { wire, header: Some(header) } => write!(f, "send_frame({})", Argument(&wire[*header..])),
            Self::ExpectEof => f.write_str("expect_eof()"),
            Self::ExpectDisconnect { implied: false } => f.write_str("expect_disconnect()"),
            Self::ExpectDisconnect { implied: true } => f.write_str("expect_disconnect(), implied by the end"),
            Self::WaitUntilRead => f.write_str("wait_until_read()"),
            Self::ShutDown => f.write_str("shutdown()"),
            Self::Disconnect => f.write_str("disconnect()"),
            Self::Reset => f.write_str("reset()"),
            Self::Pause(duration) => write!(f, "pause({})", Span(*duration)),
        }
    }
}

/// The argument of a verb, cut to what fits beside others in a listing.
struct Argument<'a>(&'a [u8]);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        let Self(bytes) = *self;
        if bytes.len() <= SHOWN {
            return write!(f, "{}", Preview::of(bytes));
        }
        let total = bytes.len() as u64;
        write!(f, "{} {}", Preview::head_of(&bytes[..SHOWN], total), Count(total))
    }
}

#[cfg(test)]
mod tests;
