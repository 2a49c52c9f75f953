//! The test's handle on a script: the verbs.

use super::blocking::block_on;
use super::failure::Failure;
use super::hand_over::HandOver;
use super::hub::{Hub, Which};
use super::join::{Join, TryJoin};
use super::pushed::{Anytime, Block, Pushed};
use super::raw::RawStream;
use super::tape::{Tape, Turn};
use crate::framing::Framing;
use crate::pattern::Pattern;
use crate::reply::Reply;
use crate::security::Security;
use crate::step::Step;
use crate::time::Duration;
use crate::transcript::Transcript;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::panic::Location;
use std::sync::{Mutex, PoisonError};

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
    /// Which of the server's scripts it is: the main one is 0.
    number: usize,
    /// What encrypts each connection from its first byte.
    security: Option<Arc<dyn Security>>,
    shared: Arc<Shared>,
    /// Where the steps go if they are those of a block.
    tape: Option<Arc<Tape>>,
    /// Where the closure was given that has this handle.
    place: Option<&'static Location<'static>>,
}

/// What all handles on a script have in common.
#[derive(Debug)]
struct Shared {
    /// The framing in force.
    framing: Mutex<Framing>,
    /// Whose turn it is to add steps.
    turn: Turn,
}

impl Shared {
    fn new(framing: Framing) -> Arc<Self> {
        Arc::new(Self { framing: Mutex::new(framing), turn: Turn::default() })
    }
}

/// Says whether this is no place of a test: a function that is tracked, and given where a closure may stand, is called from the library.
fn is_library(place: &Location<'_>) -> bool {
    place.file().replace('\\', "/").ends_with("library/core/src/ops/function.rs")
}

impl Script {
    pub(super) fn new(hub: Arc<Hub>, number: usize, framing: Framing, security: Option<Arc<dyn Security>>) -> Self {
        Self { hub, number, security, shared: Shared::new(framing), tape: None, place: None }
    }

    /// Returns what encrypts each connection from its first byte.
    pub(super) fn security(&self) -> Option<Arc<dyn Security>> {
        self.security.clone()
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Waits until a client connects; it may already have. From here on the script speaks to this client.
    #[track_caller]
    pub fn expect_connect(&self) -> Pushed {
        let mut step = Step::expect_connect();
        let Some(security) = &self.security else { return self.push(step) };
        self.shared.turn.check(self.hub.name());
        step.set_location(self.place(step.location()));
        let handshake = Step::behind_connect(security, step.location());
        Pushed::new(&self.hub, self.number, self.tape.as_ref(), self.append([step, handshake]), None).of_two()
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

    /// Waits until nobody has connected for so long: until no client has come for this script, which may have a connection or not.
    /// Fails as soon as one does, and if one waits already. What comes on the script's own connection waits for the steps behind this.
    ///
    /// `TCPCLIENT_DEADLINE_SCALE` does not change the time, and [`within`](Pushed::within) has no effect.
    #[track_caller]
    pub fn expect_no_connect(&self, duration: Duration) -> Pushed {
        self.push(Step::expect_no_connect(duration))
    }

    /// Has messages be cut in this way from here on, on this script, in both directions. It is no step: it holds for the steps that are
    /// added behind it, by this handle or another.
    pub fn framing(&self, framing: Framing) {
        let mut current = self.shared.framing.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = core::mem::replace(&mut *current, framing);
        drop(current);
        // A codec is foreign code, also when it is dropped: not under the lock.
        drop(replaced);
    }

    fn current_framing(&self) -> Framing {
        self.shared.framing.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Answers such a message whenever it comes from here on, on this connection and those behind it, and carries on: keep-alive pings. The
    /// message is that of a frame in the [framing](Self::framing) that is in force where this is called. Bytes given as the `reply` are sent
    /// as the message of a frame, too; a [`Reply`] may be something else.
    ///
    /// A message may be so answered where it could begin: between two messages that the script expects, while it holds, pauses or
    /// [is silent](Self::expect_silence), when it has no step left; not while it [has stopped reading](Self::stop_reading) and expects nothing. The script's own step has the first choice, then each `anytime` in the order
    /// in which they were declared. No step sees what was answered, [`reply`](Self::reply) neither, and [`join`](Self::join) does not wait for it.
    ///
    /// ```
    /// # use tcpclient_core::reply::Reply;
    /// # use tcpclient_core::pattern::Pattern;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// let pings = server.anytime("PING", "PONG");
    /// server.anytime(Pattern::prefix("LOG "), Reply::none());
    /// server.anytime(Pattern::prefix("ECHO "), Reply::with(|message| message[5..].to_vec()));
    /// // ... and behind the test:
    /// assert_eq!(pings.count(), 0);
    /// # }
    /// ```
    ///
    /// # Panics
    /// Panics if no frame can carry what the pattern demands, or the reply.
    #[track_caller]
    pub fn anytime(&self, pattern: impl Into<Pattern>, reply: impl Into<Reply>) -> Anytime {
        Anytime(self.push(Step::anytime(&self.current_framing(), pattern, reply)))
    }

    /// Adds the steps of a fragment of a script, so many times.
    #[track_caller]
    pub fn repeat<T>(&self, times: usize, mut fragment: impl FnMut(&Script) -> T) {
        let place = self.place(Location::caller());
        let handle = Self { place: Some(place), ..self.clone() };
        (0..times).for_each(|_| drop(fragment(&handle)));
    }

    /// Returns the place in the test for a step that was asked for at this one.
    fn place(&self, asked: &'static Location<'static>) -> &'static Location<'static> {
        self.place.filter(|_| is_library(asked)).unwrap_or(asked)
    }

    /// Adds steps that are played only if the first of them gets its message. They are skipped if another message comes instead, which is
    /// then for the steps behind them; if the client ends its stream; and when the deadline passes, which is that of the first step. The
    /// others are as strict as ever.
    ///
    /// The fragment adds its steps to the handle that it is given; it is called once, before this returns. A [`framing`](Self::framing) that
    /// it sets is for its own steps.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// // A client that may ask for TLS first, which it is refused.
    /// server.optional(|s| {
    ///     s.expect_frame(80877103_u32.to_be_bytes()).within(Duration::from_millis(100));
    ///     s.send_bytes("N");
    /// });
    /// server.expect_frame("startup");
    /// # }
    /// ```
    ///
    /// # Panics
    /// Panics if the first step does not expect a message (`expect_frame`, `expect_line`, `expect_until`, `expect_bytes`), and if there is a
    /// [`mark`](Self::mark) among them, which nobody might ever reach.
    #[track_caller]
    pub fn optional<T>(&self, fragment: impl FnOnce(&Script) -> T) -> Block<T> {
        self.block("optional", Step::optional(0), fragment)
    }

    /// Adds steps that are played again and again until the client closes the connection between two rounds; how it does that is judged as
    /// [`expect_disconnect`](Self::expect_disconnect) judges it. If a step of theirs ends the connection, the round is the last. Each step has
    /// its deadline in each round, the first one for how long the client may take to begin it; the block itself has none.
    ///
    /// Rounds may be of several kinds, if all is [`optional`](Self::optional): a message that none of them takes fails the block, and so does
    /// a round in which the time of each is over. The fragment adds its steps to the handle that it is given; it
    /// is called once, before this returns. Of a step in it, [`bytes`](Pushed::bytes) has the latest message.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// server.expect_connect();
    /// let requests = server.repeat_until_disconnect(|s| {
    ///     s.optional(|s| {
    ///         s.expect_line("DATE");
    ///         s.send_line("2001-01-01");
    ///     });
    ///     s.optional(|s| {
    ///         s.expect_line("QUIT");
    ///         s.send_line("bye");
    ///         s.disconnect();
    ///     });
    /// });
    /// # }
    /// ```
    ///
    /// # Panics
    /// Panics if the first step neither expects a message nor is optional, and if there is a [`mark`](Self::mark) among them.
    #[track_caller]
    pub fn repeat_until_disconnect<T>(&self, fragment: impl FnOnce(&Script) -> T) -> Block<T> {
        self.block("repeat_until_disconnect", Step::repeat_until_disconnect(0), fragment)
    }

    #[track_caller]
    fn block<T>(&self, verb: &'static str, mut head: Step, fragment: impl FnOnce(&Script) -> T) -> Block<T> {
        let at = self.place(head.location());
        head.set_location(at);
        self.shared.turn.check(self.hub.name());
        let tape = self.tape.as_ref().map_or_else(Arc::default, Arc::clone);
        let (head, message) = Pushed::watch(head);
        let place = tape.open(head);
        let inside = Self {
            hub: Arc::clone(&self.hub),
            number: self.number,
            security: self.security.clone(),
            shared: Shared::new(self.current_framing()),
            tape: Some(Arc::clone(&tape)),
            place: Some(at),
        };
        let value = self.shared.turn.lend(verb, &inside.shared.turn, || fragment(&inside));
        tape.close(place, verb, self.hub.name());
        if self.tape.is_none() {
            tape.commit(|steps| self.hub.push(self.number, steps));
        }
        Block { pushed: Pushed::new(&self.hub, self.number, Some(&tape), place, message), value }
    }

    /// Takes nothing more from this client, from here on, than the steps behind this expect, byte for byte; and nothing while none expects
    /// anything. So the client's writes have to wait once what is under way has filled the buffers: back-pressure. The next connection is read
    /// again as ever.
    ///
    /// How much is under way is for [`capacity`](super::Builder::capacity) to say: in memory exactly; on sockets the kernels of both sides
    /// have buffers of their own. What has come before this step is with the script already: to have a client be read from not at all, put it
    /// right behind its [`expect_connect`](Self::expect_connect), before the client connects.
    ///
    /// # Limits
    /// Where nothing is read, the end of the client's stream is not seen either, and nothing is [answered](Self::anytime).
    #[track_caller]
    pub fn stop_reading(&self) -> Pushed {
        self.push(Step::stop_reading())
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
    /// One that has shut down both halves of its socket, and keeps it, has closed when it has read what had come before.
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
    /// gets a reset, and may lose what it has not read by then; so does one that sends when the runtime of the server has shut down,
    /// for which [`finish`](super::Server::finish) waits only where it is known that the client has yet to read (see
    /// [`probe`](super::probe)).
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

    /// Gives the connection to the test's own code, when all steps before this are done: the future returns it, with what the client has sent
    /// and no step has claimed. What those steps found is told as ever by [`join`](Self::join) and
    /// [`finish`](super::Server::finish); nobody judges what happens from here on. For the script the connection is over: it may
    /// [`expect_connect`](Self::expect_connect) another one. One that is encrypted stays so: what is read and written is what was meant.
    ///
    /// The step is added at once, so others may be added behind it before this is awaited. If the future is dropped, the connection is closed;
    /// as long as it is kept and not awaited, nobody bounds how long the client waits.
    ///
    /// ```
    /// # async fn example(server: &tcpclient_core::server::Script) {
    /// server.expect_connect();
    /// server.expect_until("\r\n\r\n", "CONNECT example.org:443 HTTP/1.1\r\n\r\n");
    /// server.send_bytes("HTTP/1.1 200 OK\r\n\r\n");
    /// let tunnel = server.hand_over();
    /// // ... the client connects ...
    /// let stream = tunnel.await;
    /// # drop(stream);
    /// # }
    /// ```
    ///
    /// # Panics
    /// The future panics as [`join`](Self::join) does, if the script has failed or fails before that. Panics within
    /// [`optional`](Self::optional) and [`repeat_until_disconnect`](Self::repeat_until_disconnect).
    #[track_caller]
    pub fn hand_over(&self) -> HandOver {
        self.push_hand_over("hand_over()", Location::caller())
    }

    /// As [`hand_over`](Self::hand_over), for a test that blocks. The server must be one of [`bind_blocking`](super::Server::bind_blocking):
    /// its thread is needed as long as the stream is used, unless that is made [a socket of std](RawStream::into_std).
    ///
    /// # Panics
    /// Panics as `hand_over` and its future do; and if the server plays on the test's own runtime, which would never come to it.
    #[track_caller]
    pub fn hand_over_blocking(&self) -> RawStream {
        self.hub.check_blocking("hand_over_blocking()");
        block_on(self.push_hand_over("hand_over_blocking()", Location::caller()))
    }

    #[track_caller]
    fn push_hand_over(&self, call: &'static str, location: &'static Location<'static>) -> HandOver {
        let pushed = self.push(Step::hand_over());
        HandOver::new(&self.hub, (self.number, pushed.index()), call, location)
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

    /// Has [`reached`](Self::reached) tell the test that the script has come so far. A mark needs no connection and takes no time. It
    /// also lets the other scripts of the server go on that [hold](Self::hold) with its name.
    ///
    /// # Panics
    /// Panics if a script of this server has a mark of this name already.
    #[track_caller]
    pub fn mark(&self, name: impl Into<String>) -> Pushed {
        self.push(Step::mark(name))
    }

    /// Waits until the [`mark`](Self::mark) of this name is reached, on whichever script of the server it is. As every step before it
    /// has a deadline, so has this.
    ///
    /// # Panics
    /// Panics if no script of the server has such a mark. The future panics as [`join`](Self::join) does, if the script has failed or fails
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
    fn marked(&self, name: &str) -> (usize, usize) {
        match self.hub.marked(name) {
            Some(place) => place,
            None => panic!("scripted server {}: the script has no mark({name:?})", self.hub.name()),
        }
    }

    /// Plays nothing until the test [releases](Self::release) this name, or another script of the server comes to the
    /// [`mark`](Self::mark) of this name. What arrives meanwhile waits for the steps behind it. It needs no connection. Its deadline is the idle limit of the builder, if it is given no other with [`within`](Pushed::within).
    ///
    /// # Panics
    /// Panics if this script has a hold of this name already.
    #[track_caller]
    pub fn hold(&self, name: impl Into<String>) -> Pushed {
        self.push(Step::hold(name))
    }

    /// Lets every script of the server go on that [holds](Self::hold) with this name, or will: a release may come before its hold.
    /// A name that no hold has by then fails [`finish`](super::Server::finish).
    #[track_caller]
    pub fn release(&self, name: &str) {
        self.hub.release(self.number, name, Location::caller());
    }

    /// Waits until all steps pushed so far to this script are done. It may be joined as often as a test likes. That of a
    /// [server](super::Server::join) waits for all its scripts.
    ///
    /// # Panics
    /// The future panics if a script of the server has failed or fails before that: the first time with the whole report, later with a
    /// line that names it.
    #[track_caller]
    pub fn join(&self) -> Join {
        Join::new(TryJoin::new(&self.hub, Which::One(self.number), "join()", Location::caller()))
    }

    /// As [`join`](Self::join), but returns the failure as a value.
    ///
    /// # Errors
    /// The future returns the failure, again and again, if the script has failed.
    #[track_caller]
    pub fn try_join(&self) -> TryJoin {
        TryJoin::new(&self.hub, Which::One(self.number), "try_join()", Location::caller())
    }

    /// As [`join`](Self::join), for a test that blocks. The server must be one of [`bind_blocking`](super::Server::bind_blocking).
    ///
    /// # Panics
    /// Panics if the script has failed or fails before that; and if the server plays on the test's own runtime, which would never
    /// come to it.
    #[track_caller]
    pub fn join_blocking(&self) {
        self.hub.check_blocking("join_blocking()");
        block_on(Join::new(TryJoin::new(&self.hub, Which::One(self.number), "join_blocking()", Location::caller())));
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
        block_on(TryJoin::new(&self.hub, Which::One(self.number), "try_join_blocking()", Location::caller()))
    }

    /// Returns what happened on this script's connections so far, as far as the server has noticed; after a [`join`](Self::join) that is all that happened
    /// before. It is empty if it is asked for by a closure which the script itself is just calling.
    ///
    /// It shows as text, of a long conversation the end, and of each message the beginning; all of it is in a capture, with the feature `pcapng`.
    pub fn transcript(&self) -> Transcript {
        self.hub.with_session(self.number, |session| session.transcript().clone()).unwrap_or_default()
    }

    /// Returns how many clients have connected to the server so far, as far as the server has noticed; after a [`join`](Self::join) those are
    /// all that connected before.
    pub fn connections(&self) -> usize {
        self.hub.connections()
    }

    #[track_caller]
    pub(super) fn push(&self, step: Step) -> Pushed {
        self.shared.turn.check(self.hub.name());
        let (mut step, message) = Pushed::watch(step);
        step.set_location(self.place(step.location()));
        Pushed::new(&self.hub, self.number, self.tape.as_ref(), self.append([step]), message)
    }

    /// Adds steps. Returns the index of the first.
    #[track_caller]
    fn append<const COUNT: usize>(&self, steps: [Step; COUNT]) -> usize {
        let Some(tape) = &self.tape else { return self.hub.push(self.number, steps) };
        let mut first = None;
        for step in steps {
            let index = tape.push(step, self.hub.name());
            first.get_or_insert(index);
        }
        first.unwrap_or_default()
    }
}
