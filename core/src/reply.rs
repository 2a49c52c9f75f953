//! What a message is answered with.

use crate::framing::{Framing, FramingError};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// What a message is answered with.
///
/// Everything that can be seen as bytes is a reply: the message of a frame, in the framing of what it answers.
///
/// ```
/// use tcpclient_core::framing::Framing;
/// use tcpclient_core::reply::Reply;
/// use tcpclient_core::step::Step;
///
/// let mqtt = Framing::varint().at(1).max_width(4);
/// let ping = Step::anytime(&mqtt, [0xc0], [0xd0]);
/// assert_eq!(ping.to_string(), "anytime([c0], [d0])");
///
/// let echo = Step::anytime(&Framing::lines(), "NOOP", Reply::with(|line| [b"250 ", line].concat()));
/// assert_eq!(echo.to_string(), r#"anytime("NOOP", with(..))"#);
/// ```
pub struct Reply(Kind);

enum Kind {
    None,
    Message(Arc<[u8]>),
    Bytes(Arc<[u8]>),
    Computed { framed: bool, answer: Answer },
}

/// Computes a reply from a message.
type Answer = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

impl Reply {
    /// Returns the reply that is none: what it answers is taken, and that is all.
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// Returns the reply of these bytes just as they are, framed or not.
    pub fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Bytes(Arc::from(bytes.as_ref())))
    }

    /// Returns the reply of a frame whose message `answer` computes from the message that it answers.
    pub fn with(answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        Self(Kind::Computed { framed: true, answer: Box::new(answer) })
    }

    /// Returns the reply of the bytes that `answer` computes from the message that it answers, just as they are. No bytes are legal, and
    /// send nothing.
    pub fn bytes_with(answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        Self(Kind::Computed { framed: false, answer: Box::new(answer) })
    }

    /// Says whether it is the message of a frame.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(self.0, Kind::Message(_) | Kind::Computed { framed: true, .. })
    }

    /// Checks that it can be sent, as far as that is known before there is anything to answer.
    pub(crate) fn check(&self, framing: &Framing) -> Result<(), FramingError> {
        match &self.0 {
            Kind::Message(message) => framing.encode(message).map(drop),
            _ => Ok(()),
        }
    }

    /// Returns the reply to this message: what reports show of it, and what goes to the wire.
    pub(crate) fn to(&mut self, message: &[u8], framing: &Framing) -> (Cow<'_, [u8]>, Result<Vec<u8>, FramingError>) {
        let framed = self.is_framed();
        let reply = match &mut self.0 {
            Kind::None => Cow::Borrowed(&[][..]),
            Kind::Message(message) | Kind::Bytes(message) => Cow::Borrowed(&**message),
            Kind::Computed { answer, .. } => Cow::Owned(answer(message)),
        };
        let wire = if framed { framing.encode(&reply) } else { Ok(reply.to_vec()) };
        (reply, wire)
    }

    /// Shows the reply as the argument of a verb.
    pub(crate) fn argument(&self, argument: impl Fn(&[u8]) -> String) -> String {
        match &self.0 {
            Kind::None => "none()".into(),
            Kind::Message(message) => argument(message),
            Kind::Bytes(bytes) => alloc::format!("bytes({})", argument(bytes)),
            Kind::Computed { framed: true, .. } => "with(..)".into(),
            Kind::Computed { framed: false, .. } => "bytes_with(..)".into(),
        }
    }
}

impl<T: AsRef<[u8]>> From<T> for Reply {
    fn from(message: T) -> Self {
        Self(Kind::Message(Arc::from(message.as_ref())))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.argument(|bytes| crate::preview::Preview::of(bytes).to_string()))
    }
}

#[cfg(test)]
mod tests;
