//! What a session asks of its driver.

use crate::time::Deadline;
use alloc::vec::Vec;

/// What the driver of a session is to do next.
#[derive(Debug)]
pub enum Output<'a> {
    /// Take the client that has waited longest: from here on its connection is the session's.
    Accept,
    /// End the stream behind all that was sent, and go on receiving.
    ShutDown,
    /// Close the connection gracefully: the client, if it is still there, gets the end of the stream. The session is done with
    /// it: what still arrives need not be handed in.
    Disconnect,
    /// Abort the connection with a reset.
    Reset,
    /// Give the connection to whoever asked for it. The session is done with it.
    HandOver {
        /// The index of the step that said so.
        step: usize,
        /// The bytes that the client has sent and no step has claimed: they come before all that is read from now on.
        received: Vec<u8>,
    },
    /// Nothing, until one of these happens.
    Wait(Wait<'a>),
}

/// What a session waits for.
#[derive(Debug)]
pub struct Wait<'a> {
    /// Bytes to be written as soon as the transport takes some; report them to [`handle_sent`](super::Session::handle_sent).
    pub send: &'a [u8],
    /// How many bytes to read, at most; no more than these are to be taken from the client. It is 0 while more bytes wait for their step than
    /// a session keeps, and while the script [has stopped reading](crate::step::Step::stop_reading) and expects nothing.
    pub receive: usize,
    /// Whether to go on asking what the client does with its end of the connection, and to report it to
    /// [`handle_peer`](super::Session::handle_peer). Transports that do not know leave it.
    pub watch: bool,
    /// When to call [`handle_timeout`](super::Session::handle_timeout), if nothing else happens before. What the kernel already holds at that
    /// moment must be handed in first.
    pub until: Option<Deadline>,
}
