//! Whether a message is the right one.

use crate::bytes::Bytes;
use crate::preview::Preview;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

/// What the content of a message must be.
///
/// Everything that can be seen as bytes is a pattern that matches exactly these bytes:
///
/// ```
/// use tcpclient_core::pattern::Pattern;
///
/// let pattern = Pattern::from("PING");
/// assert!(pattern.check(b"PING").is_ok());
/// assert_eq!(pattern.check(b"PONG").unwrap_err().offset(), Some(1));
///
/// let pattern = Pattern::prefix("EHLO ");
/// assert!(pattern.check(b"EHLO localhost").is_ok());
/// assert_eq!(pattern.check(b"HELO localhost").unwrap_err().to_string(), "it does not begin with \"EHLO \"");
/// ```
#[derive(Clone)]
pub struct Pattern(Kind);

#[derive(Clone)]
enum Kind {
    /// Most are of this kind, so it is the only one that has its bytes here.
    Exact(Bytes),
    Prefix(Arc<[u8]>),
    Suffix(Arc<[u8]>),
    Contains(Arc<[u8]>),
    Any,
    Matching(Arc<Judge>),
    #[cfg(feature = "regex")]
    Regex(Arc<regex::bytes::Regex>),
    /// Another, and what reports call it.
    Described(Arc<(Pattern, String)>),
}

/// The part of a long message that tells most about why it does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Beginning,
    /// The beginning and the end.
    Ends,
    End,
}

/// Says why a message does not match.
type Judge = dyn Fn(&[u8]) -> Result<(), String> + Send + Sync;

impl Pattern {
    /// Returns the pattern that matches these bytes and nothing else. No bytes at all are a legal pattern: an empty message.
    pub fn exact(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Exact(Bytes::from(bytes.as_ref())))
    }

    /// Returns the pattern that matches messages which begin with these bytes.
    pub fn prefix(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Prefix(Arc::from(bytes.as_ref())))
    }

    /// Returns the pattern that matches messages which end with these bytes.
    pub fn suffix(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Suffix(Arc::from(bytes.as_ref())))
    }

    /// Returns the pattern that matches messages which have these bytes somewhere.
    pub fn contains(bytes: impl AsRef<[u8]>) -> Self {
        Self(Kind::Contains(Arc::from(bytes.as_ref())))
    }

    /// Returns the pattern that matches all messages.
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// Returns the pattern that matches what the closure takes. It returns a `bool`, or a `Result` whose error says in words why it does
    /// not take a message:
    ///
    /// ```
    /// use tcpclient_core::pattern::Pattern;
    ///
    /// let pattern = Pattern::matching(|message: &[u8]| match message {
    ///     [] => Err("it has no type"),
    ///     [b'Q' | b'X', ..] => Ok(()),
    ///     _ => Err("it is of another type"),
    /// });
    /// assert!(pattern.check(b"Q...").is_ok());
    /// assert_eq!(pattern.check(b"P").unwrap_err().to_string(), "it is of another type");
    /// assert!(Pattern::matching(<[u8]>::is_ascii).check(b"text").is_ok());
    /// ```
    pub fn matching<V: Verdict>(judge: impl Fn(&[u8]) -> V + Send + Sync + 'static) -> Self {
        Self(Kind::Matching(Arc::new(move |message| judge(message).into_result())))
    }

    /// Returns the pattern that matches messages in which this regular expression finds something. `^` and `$` stand for the
    /// beginning and the end of the message; bytes that are not UTF-8 can be matched with `(?-u)`.
    ///
    /// # Panics
    /// Panics if there is an error in the expression.
    #[cfg(feature = "regex")]
    #[track_caller]
    pub fn regex(expression: &str) -> Self {
        match regex::bytes::Regex::new(expression) {
            Ok(regex) => Self(Kind::Regex(Arc::new(regex))),
            Err(error) => panic!("regex: {error}"),
        }
    }

    /// Has reports call the pattern by these words instead of by what it is made of, in one line. It is the name for a pattern that a
    /// function returns:
    ///
    /// ```
    /// use tcpclient_core::pattern::Pattern;
    ///
    /// fn publish(topic: &'static str) -> Pattern {
    ///     let is_publish = move |packet: &[u8]| packet.first() == Some(&0x30) && packet[1..].starts_with(topic.as_bytes());
    ///     Pattern::matching(is_publish).described(format!("PUBLISH {topic:?}"))
    /// }
    ///
    /// assert_eq!(format!("{:?}", publish("one")), "PUBLISH \"one\"");
    /// assert_eq!(publish("one").check(b"0two").unwrap_err().to_string(), "it is not PUBLISH \"one\"");
    /// ```
    #[must_use]
    pub fn described(self, words: impl Into<String>) -> Self {
        let words: String = words.into();
        Self(Kind::Described(Arc::new((self, words.replace(['\r', '\n'], " ")))))
    }

    /// Checks a whole message.
    ///
    /// # Errors
    /// Returns where and why the message does not match.
    pub fn check(&self, message: &[u8]) -> Result<(), Mismatch> {
        self.check_as(None, message)
    }

    /// Checks a whole message of a pattern that reports call by these words.
    fn check_as(&self, words: Option<&str>, message: &[u8]) -> Result<(), Mismatch> {
        let (offset, reason) = match &self.0 {
            Kind::Any => return Ok(()),
            Kind::Exact(exact) => match first_difference(exact, message).or_else(|| surplus(exact, message)) {
                None => return Ok(()),
                Some(offset) => (Some(offset), format!("it differs at byte {offset}")),
            },
            Kind::Prefix(prefix) if message.starts_with(prefix) => return Ok(()),
            Kind::Prefix(prefix) => {
                let offset = first_difference(prefix, message).unwrap_or(message.len());
                (Some(offset), format!("it does not begin with {}", Preview::of(prefix)))
            }
            Kind::Suffix(suffix) if message.ends_with(suffix) => return Ok(()),
            Kind::Suffix(suffix) => (None, format!("it does not end with {}", Preview::of(suffix))),
            Kind::Contains(part) if part.is_empty() || message.windows(part.len()).any(|window| window == &**part) => {
                return Ok(());
            }
            Kind::Contains(part) => (None, format!("it does not contain {}", Preview::of(part))),
            Kind::Matching(judge) => match (judge(message), words) {
                (Ok(()), _) => return Ok(()),
                (Err(reason), _) if !reason.is_empty() => (None, reason),
                (Err(_), Some(words)) => (None, format!("it is not {words}")),
                (Err(_), None) => (None, "the closure does not take it".to_string()),
            },
            Kind::Described(described) => return described.0.check_as(Some(&described.1), message),
            #[cfg(feature = "regex")]
            Kind::Regex(regex) if regex.is_match(message) => return Ok(()),
            #[cfg(feature = "regex")]
            Kind::Regex(regex) => (None, format!("it does not match the regular expression {:?}", regex.as_str())),
        };
        Err(Mismatch { offset, reason })
    }

    /// Returns the bytes that the pattern demands, if it is an exact one.
    pub(crate) fn as_exact(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Exact(bytes) => Some(bytes),
            Kind::Described(described) => described.0.as_exact(),
            _ => None,
        }
    }

    /// Returns the bytes that the pattern demands at the beginning of a message.
    pub(crate) fn beginning(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Exact(bytes) => Some(bytes),
            Kind::Prefix(bytes) => Some(bytes),
            Kind::Described(described) => described.0.beginning(),
            _ => None,
        }
    }

    /// Returns where a message is looked at that is too long to be shown as a whole.
    pub(crate) fn view(&self) -> View {
        match &self.0 {
            Kind::Exact(_) | Kind::Prefix(_) | Kind::Any | Kind::Matching(_) => View::Beginning,
            Kind::Suffix(_) => View::End,
            Kind::Contains(_) => View::Ends,
            #[cfg(feature = "regex")]
            Kind::Regex(_) => View::Ends,
            Kind::Described(described) => described.0.view(),
        }
    }

    /// Names a message of this noun that matches: `frame "Hello"`, `a line that begins with "EHLO "`.
    pub(crate) fn describe(&self, noun: &str, argument: impl Fn(&[u8]) -> String) -> String {
        match &self.0 {
            Kind::Exact(bytes) => format!("{noun} {}", argument(bytes)),
            Kind::Prefix(bytes) => format!("a {noun} that begins with {}", argument(bytes)),
            Kind::Suffix(bytes) => format!("a {noun} that ends with {}", argument(bytes)),
            Kind::Contains(bytes) => format!("a {noun} that contains {}", argument(bytes)),
            Kind::Any => format!("a {noun}"),
            Kind::Matching(_) => format!("a {noun} that its closure takes"),
            #[cfg(feature = "regex")]
            Kind::Regex(regex) => format!("a {noun} that matches {:?}", regex.as_str()),
            Kind::Described(described) => format!("a {noun} that is {}", described.1),
        }
    }

    /// Shows the pattern as the argument of a verb: `"Hello"`, `prefix("EHLO ")`.
    pub(crate) fn argument(&self, argument: impl Fn(&[u8]) -> String) -> String {
        match &self.0 {
            Kind::Exact(bytes) => argument(bytes),
            Kind::Prefix(bytes) => format!("prefix({})", argument(bytes)),
            Kind::Suffix(bytes) => format!("suffix({})", argument(bytes)),
            Kind::Contains(bytes) => format!("contains({})", argument(bytes)),
            Kind::Any => "any()".to_string(),
            Kind::Matching(_) => "matching(..)".to_string(),
            #[cfg(feature = "regex")]
            Kind::Regex(regex) => format!("regex({:?})", regex.as_str()),
            Kind::Described(described) => described.1.clone(),
        }
    }
}

impl<T: AsRef<[u8]>> From<T> for Pattern {
    fn from(bytes: T) -> Self {
        Self::exact(bytes)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.argument(|bytes| Preview::of(bytes).to_string()))
    }
}

/// What a closure says of a message: a `bool`, or a `Result` with a reason.
pub trait Verdict {
    /// Returns the reason in words, if the message is not the right one.
    ///
    /// # Errors
    /// Returns that reason; an empty one says just that.
    fn into_result(self) -> Result<(), String>;
}

impl Verdict for bool {
    fn into_result(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<E: fmt::Display> Verdict for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|reason| reason.to_string())
    }
}

/// Where and why a message does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    offset: Option<usize>,
    reason: String,
}

impl Mismatch {
    /// Returns the number of bytes before the first one that differs, where the pattern demands bytes at the beginning. It equals the
    /// length of the shorter side where one side is the beginning of the other.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl core::error::Error for Mismatch {}

/// Returns where the longer of two byte strings goes on.
fn surplus(expected: &[u8], received: &[u8]) -> Option<usize> {
    (expected.len() != received.len()).then(|| expected.len().min(received.len()))
}

/// Returns the first offset at which two byte strings differ, as far as both reach.
///
/// Whole slices are compared before single bytes, so that equal data costs one `memcmp`, in a debug build too.
pub(crate) fn first_difference(expected: &[u8], received: &[u8]) -> Option<usize> {
    const BLOCK: usize = 1024;
    let len = expected.len().min(received.len());
    let (expected, received) = (&expected[..len], &received[..len]);
    if expected == received {
        return None;
    }
    let mut blocks = expected.chunks(BLOCK).zip(received.chunks(BLOCK));
    let base = BLOCK * blocks.position(|(expected, received)| expected != received)?;
    let within = expected[base..].iter().zip(&received[base..]).position(|(e, r)| e != r)?;
    Some(base + within)
}

#[cfg(test)]
mod tests;
