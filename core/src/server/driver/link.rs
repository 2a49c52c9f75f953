//! The connection that the session has.

use crate::time::Instant;

/// The session's connection.
pub(super) struct Link<S> {
    pub(super) stream: S,
    /// Whether the end of the client's stream was read.
    pub(super) ended: bool,
    /// Whether it was asked in this turn what came behind that end.
    pub(super) behind: bool,
    /// Whether the kernel was asked what the client had done before the next bytes are sent.
    pub(super) looked: bool,
    /// Whether the task is woken for what the client sends.
    pub(super) watched: bool,
    /// The number of writes.
    pub(super) writes: u64,
    /// When to send the end of the stream, the script being done with the connection.
    pub(super) answer: Option<Instant>,
    /// Whether the client has made use of the connection, so that its `connect` is known to have returned.
    pub(super) used: bool,
}

impl<S> Link<S> {
    /// Returns the connection of a client that was just accepted.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            ended: false,
            behind: false,
            looked: false,
            watched: false,
            writes: 0,
            answer: None,
            used: false,
        }
    }
}
