//! The test's handle on a script: the verbs.

use super::blocking::block_on;
use super::failure::Failure;
use super::hub::Hub;
use super::join::{Join, TryJoin};
use crate::framing::Framing;
use crate::pattern::Pattern;
use crate::step::{Amendment, Capture, Step};
use crate::time::Duration;
use crate::transcript::Transcript;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A handle on a script: every verb appends one step, which the server plays in its turn.
///
/// Steps may be added before or after the client connects, sends or closes. A verb takes no time and never blocks; whether its
/// step passed is told by [`join`](Self::join). A clone is another handle on the same script, so a fragment of a script is a
/// plain function: `fn login(s: &Script)`.
///
/// # Panics
/// Every verb panics, at its own line, for a value that makes no sense (nothing to expect or to send, a frame longer than the
/// framing's maximum) and when the server has been finished or dropped already.
#[derive(Clone, Debug)]
pub struct Script {
    hub: Arc<Hub>,
    /// The framing in force, for all handles.
    framing: Arc<Mutex<Framing>>,
}

impl Script {
    pub(super) fn new(hub: Arc<Hub>, framing: Framing) -> Self {
        Self { hub, framing: Arc::new(Mutex::new(framing)) }
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Waits until a client connects; it may already have. From here on the script speaks to this client.
    #[track_caller]
    pub fn expect_connect(&self) -> Pushed {
        self.push(Step::expect_connect())
    }

    /// Waits until the client has sent exactly these bytes. Fails at the first byte that differs, and at the end of the stream.
    #[track_caller]
    pub fn expect_bytes(&self, bytes: impl AsRef<[u8]>) -> Pushed {
        self.push(Step::expect_bytes(bytes))
    }

    /// Waits until the client has sent one frame whose message matches.
    #[track_caller]
    pub fn expect_frame(&self, pattern: impl Into<Pattern>) -> Pushed {
        self.push(Step::expect_frame(&self.current_framing(), pattern))
    }

    /// Waits until the client has sent a line that matches, whatever the framing. It is matched without its end: CRLF, or LF alone.
    #[track_caller]
    pub fn expect_line(&self, pattern: impl Into<Pattern>) -> Pushed {
        self.push(Step::expect_line(pattern))
    }

    /// Waits until the client has sent a message that goes up to `delimiter`, and includes it, and matches; whatever the framing.
    #[track_caller]
    pub fn expect_until(&self, delimiter: impl AsRef<[u8]>, pattern: impl Into<Pattern>) -> Pushed {
        self.push(Step::expect_until(delimiter, pattern))
    }

    /// Waits until nothing has arrived for so long; fails at the first byte that does. A client that closes is silent, and is judged by the
    /// steps behind this.
    ///
    /// `TCPCLIENT_DEADLINE_SCALE` does not change the time, and [`within`](Pushed::within) has no effect.
    #[track_caller]
    pub fn expect_silence(&self, duration: Duration) -> Pushed {
        self.push(Step::expect_silence(duration))
    }

    /// Has messages be cut in this way from here on, on this script, in both directions. It is no step: it holds for the steps that are
    /// added behind it, by this handle or another.
    pub fn framing(&self, framing: Framing) {
        *self.framing.lock().unwrap_or_else(PoisonError::into_inner) = framing;
    }

    fn current_framing(&self) -> Framing {
        self.framing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends these bytes as they are, whatever the framing. The step is done when the kernel has taken them all.
    #[track_caller]
    pub fn send_bytes(&self, bytes: impl AsRef<[u8]>) -> Pushed {
        self.push(Step::send_bytes(bytes))
    }

    /// Sends one frame with this message. The step is done when the kernel has taken it whole.
    #[track_caller]
    pub fn send_frame(&self, message: impl AsRef<[u8]>) -> Pushed {
        self.push(Step::send_frame(&self.current_framing(), message))
    }

    /// Sends a line, with CRLF behind it, whatever the framing.
    #[track_caller]
    pub fn send_line(&self, line: impl AsRef<[u8]>) -> Pushed {
        self.push(Step::send_line(line))
    }

    /// Sends what `answer` computes from the message that this script received last (of `expect_bytes`, `expect_frame` and so on), as it is.
    /// It is called when it is the step's turn. No bytes are legal, and send nothing; before the first message it gets an empty one.
    ///
    /// If it panics, the step fails with its message.
    #[track_caller]
    pub fn reply(&self, answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Pushed {
        self.push(Step::reply(answer))
    }

    /// As [`reply`](Self::reply), with what `answer` returns sent as the message of a frame.
    #[track_caller]
    pub fn reply_frame(&self, answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Pushed {
        self.push(Step::reply_frame(&self.current_framing(), answer))
    }

    /// Adds the steps of a fragment of a script, so many times.
    pub fn repeat(&self, times: usize, mut fragment: impl FnMut(&Script)) {
        (0..times).for_each(|_| fragment(self));
    }

    /// Waits until the client ends its stream (shuts down its sending half), having sent nothing more. It may go on reading, and
    /// the server may go on sending; a client that closes the connection ends its stream, too. Fails if it is known to have closed
    /// without reading all that it was sent, or to have aborted.
    #[track_caller]
    pub fn expect_eof(&self) -> Pushed {
        self.push(Step::expect_eof())
    }

    /// Waits until the client has read all that it was sent: taken it out of its kernel's hands. What is sent behind this comes to the
    /// client separately, and what the client's own buffers hold counts as read.
    ///
    /// # Limits
    /// On Linux and in memory this is exact. Where nobody knows what the client has read (see [`probe`](super::probe)), and on Linux once
    /// both sides have ended their streams, it waits for 20 ms instead, whatever its deadline; a busy client may oversleep that.
    #[track_caller]
    pub fn wait_until_read(&self) -> Pushed {
        self.push(Step::wait_until_read())
    }

    /// Ends the server's stream: the client reads its end behind all that it was sent. It may go on sending, and the script may go
    /// on expecting. A [`reset`](Self::reset) behind it comes behind the end, so that the client may never see it.
    #[track_caller]
    pub fn shutdown(&self) -> Pushed {
        self.push(Step::shutdown())
    }

    /// Waits until the client closes the connection, having read all that it was sent and sent nothing more.
    ///
    /// On Linux and in memory, a client that has only shut down its sending half has not closed, and how much it left unread is known.
    ///
    /// # Limits
    /// The rest is about where nobody knows (see [`probe`](super::probe)).
    ///
    /// That something was left unread is known from the reset that the client's close causes. A client that closes the halves of
    /// its stream one after the other sends the end of its stream first. The reset that follows is looked for at once, and once
    /// more when the next client comes and by [`finish`](super::Server::finish); one that is later than that, from a client on
    /// another thread, escapes. A client that has closed only its sending half passes, too.
    #[track_caller]
    pub fn expect_disconnect(&self) -> Pushed {
        self.push(Step::expect_disconnect())
    }

    /// Closes the connection: the client reads all that was sent, then the end of the stream.
    ///
    /// What the client has sent and no step has claimed, and what it still sends for one more second, is recorded and not judged;
    /// nor is what it leaves unread: which of it came before the end would depend on the moment. A client that sends later than that
    /// gets a reset, and may lose what it has not read by then.
    #[track_caller]
    pub fn disconnect(&self) -> Pushed {
        self.push(Step::disconnect())
    }

    /// Aborts the connection: the client gets an error (connection reset by peer).
    ///
    /// The reset is sent at once if the client has sent something on this connection. Else it is sent when it does, or after
    /// 100 ms: an earlier one could make its `connect` fail.
    #[track_caller]
    pub fn reset(&self) -> Pushed {
        self.push(Step::reset())
    }

    /// Plays nothing for so long. Bytes and clients that arrive meanwhile wait for the steps behind it, and a client that closes
    /// is judged by them.
    ///
    /// It needs no connection. It has no deadline: `TCPCLIENT_DEADLINE_SCALE` does not change it, and [`within`](Pushed::within)
    /// has no effect.
    #[track_caller]
    pub fn pause(&self, duration: Duration) -> Pushed {
        self.push(Step::pause(duration))
    }

    /// Has [`reached`](Self::reached) tell the test that the script has come so far. A mark needs no connection and takes no time.
    ///
    /// # Panics
    /// Panics if this script has a mark of this name already.
    #[track_caller]
    pub fn mark(&self, name: impl Into<String>) -> Pushed {
        self.push(Step::mark(name))
    }

    /// Waits until the script has come to the [`mark`](Self::mark) of this name. As every step before it has a deadline, so has this.
    ///
    /// # Panics
    /// Panics if the script has no such mark. The future panics as [`join`](Self::join) does, if the script has failed or fails
    /// before that.
    #[track_caller]
    pub fn reached(&self, name: &str) -> Join {
        Join::new(TryJoin::reached(&self.hub, self.marked(name), "reached()", Location::caller()))
    }

    /// As [`reached`](Self::reached), for a test that blocks. The server must be one of
    /// [`bind_blocking`](super::Server::bind_blocking).
    ///
    /// # Panics
    /// Panics as `reached` and its future do; and if the server plays on the test's own runtime, which would never come to it.
    #[track_caller]
    pub fn reached_blocking(&self, name: &str) {
        self.hub.check_blocking("reached_blocking()");
        block_on(Join::new(TryJoin::reached(&self.hub, self.marked(name), "reached_blocking()", Location::caller())));
    }

    #[track_caller]
    fn marked(&self, name: &str) -> usize {
        match self.hub.marked(name) {
            Some(index) => index,
            None => panic!("scripted server {}: the script has no mark({name:?})", self.hub.name()),
        }
    }

    /// Plays nothing until the test [releases](Self::release) this name. What arrives meanwhile waits for the steps behind it. It needs no
    /// connection. Its deadline is the idle limit of the builder, if it is given no other with [`within`](Pushed::within).
    ///
    /// # Panics
    /// Panics if this script has a hold of this name already.
    #[track_caller]
    pub fn hold(&self, name: impl Into<String>) -> Pushed {
        self.push(Step::hold(name))
    }

    /// Lets the script go on that [holds](Self::hold) with this name, or will: a release may come before its hold.
    pub fn release(&self, name: &str) {
        self.hub.release(name);
    }

    /// Waits until all steps pushed so far are done. A script may be joined as often as a test likes.
    ///
    /// # Panics
    /// The future panics if the script has failed or fails before that: the first time with the whole report, later with a
    /// line that names it.
    #[track_caller]
    pub fn join(&self) -> Join {
        Join::new(TryJoin::new(&self.hub, "join()", Location::caller()))
    }

    /// As [`join`](Self::join), but returns the failure as a value.
    ///
    /// # Errors
    /// The future returns the failure, again and again, if the script has failed.
    #[track_caller]
    pub fn try_join(&self) -> TryJoin {
        TryJoin::new(&self.hub, "try_join()", Location::caller())
    }

    /// As [`join`](Self::join), for a test that blocks. The server must be one of [`bind_blocking`](super::Server::bind_blocking).
    ///
    /// # Panics
    /// Panics if the script has failed or fails before that; and if the server plays on the test's own runtime, which would never
    /// come to it.
    #[track_caller]
    pub fn join_blocking(&self) {
        self.hub.check_blocking("join_blocking()");
        block_on(Join::new(TryJoin::new(&self.hub, "join_blocking()", Location::caller())));
    }

    /// As [`join_blocking`](Self::join_blocking), but returns the failure as a value.
    ///
    /// # Errors
    /// Returns the failure, again and again, if the script has failed.
    ///
    /// # Panics
    /// Panics if the server plays on the test's own runtime, which would never come to it.
    #[track_caller]
    pub fn try_join_blocking(&self) -> Result<(), Failure> {
        self.hub.check_blocking("try_join_blocking()");
        block_on(TryJoin::new(&self.hub, "try_join_blocking()", Location::caller()))
    }

    /// Returns what happened so far, as far as the server has noticed; after a [`join`](Self::join) that is all that happened
    /// before. It is empty if it is asked for by a closure which the script itself is just calling.
    pub fn transcript(&self) -> Transcript {
        self.hub.with_session(|session| session.transcript().clone()).unwrap_or_default()
    }

    /// Returns how many clients have connected so far, as far as the server has noticed; after a [`join`](Self::join) those are
    /// all that connected before.
    pub fn connections(&self) -> usize {
        self.hub.connections()
    }

    #[track_caller]
    fn push(&self, step: Step) -> Pushed {
        let message = step.receives_message().then(Arc::<Message>::default);
        let step = match &message {
            Some(message) => {
                let place: Weak<Message> = Arc::downgrade(message);
                step.captured(place)
            }
            None => step,
        };
        Pushed { hub: Arc::clone(&self.hub), index: self.hub.push(step), message }
    }
}

/// A step that was pushed: to name it, to give it a deadline of its own, and to get at the message it received.
#[derive(Clone, Debug)]
pub struct Pushed {
    hub: Arc<Hub>,
    index: usize,
    message: Option<Arc<Message>>,
}

impl Pushed {
    /// Gives the step a deadline of its own, counted from the moment when it becomes the current one.
    #[expect(clippy::return_self_not_must_use, reason = "the step is changed already; a statement may end here")]
    pub fn within(self, deadline: Duration) -> Self {
        self.hub.amend(self.index, Amendment::Deadline(deadline));
        self
    }

    /// Gives the step a name, which reports show. Names may repeat.
    #[expect(clippy::return_self_not_must_use, reason = "the step is changed already; a statement may end here")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.hub.amend(self.index, Amendment::Name(name.into()));
        self
    }

    /// Returns the message that the step received, of a frame its payload; `None` as long as the step is not done, and for
    /// steps that receive no message.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.message.as_ref()?.bytes.get().cloned()
    }
}

/// Where a message is kept for as long as somebody may ask for it.
#[derive(Debug, Default)]
struct Message {
    bytes: OnceLock<Vec<u8>>,
}

impl Capture for Message {
    fn capture(&self, message: &[u8]) {
        // A step is done once; a second message could only come from a step that was pushed twice.
        let _ = self.bytes.set(message.to_vec());
    }
}
