//! Whether a message is the right one.

use alloc::sync::Arc;

/// What the content of a message must be.
///
/// Everything that can be seen as bytes is a pattern that matches exactly these bytes:
///
/// ```
/// use tcpclient_core::pattern::Pattern;
///
/// let pattern = Pattern::from("PING");
/// assert!(pattern.compare(b"PING").is_ok());
/// assert_eq!(pattern.compare(b"PONG").unwrap_err().offset, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    exact: Arc<[u8]>,
}

impl Pattern {
    /// Returns the pattern that matches these bytes and nothing else. No bytes at all are a legal pattern: an empty message.
    pub fn exact(bytes: impl AsRef<[u8]>) -> Self {
        Self { exact: Arc::from(bytes.as_ref()) }
    }

    /// Compares a whole message with this pattern.
    ///
    /// # Errors
    /// Returns where the message first differs.
    pub fn compare(&self, message: &[u8]) -> Result<(), Difference> {
        match first_difference(&self.exact, message) {
            None if self.exact.len() == message.len() => Ok(()),
            difference => Err(Difference { offset: difference.unwrap_or(self.exact.len().min(message.len())) }),
        }
    }

    /// Returns the bytes that the pattern demands.
    pub fn as_bytes(&self) -> &[u8] {
        &self.exact
    }
}

impl<T: AsRef<[u8]>> From<T> for Pattern {
    fn from(bytes: T) -> Self {
        Self::exact(bytes)
    }
}

/// Where a message first differs from what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of bytes before the first one that differs. It equals the length of the shorter side where one side is the
    /// beginning of the other.
    pub offset: usize,
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
    let mut base = 0;
    while base < len {
        let end = len.min(base + BLOCK);
        if expected[base..end] != received[base..end] {
            let within = expected[base..end].iter().zip(&received[base..end]).position(|(e, r)| e != r);
            return within.map(|i| base + i);
        }
        base = end;
    }
    None
}

#[cfg(test)]
mod tests;
