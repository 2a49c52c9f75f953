//! What a scripted server waits for or does next.

use crate::bytes::Bytes;
use crate::framing::{Framing, FramingError, Noun};
use crate::pattern::Pattern;
use crate::preview::{Count, Preview};
use crate::reply::Reply;
use crate::security::Security;
use crate::time::{Duration, Span};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
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
pub struct Step {
    pub(crate) kind: Kind,
    location: &'static Location<'static>,
    capture: Option<Weak<dyn Capture>>,
    /// What most steps do without.
    extras: Option<Box<Extras>>,
}

/// What most steps do without: scripts of a million steps are not to pay for it.
#[derive(Default)]
struct Extras {
    name: Option<Box<str>>,
    deadline: Option<Duration>,
    /// The number of blocks that the step is in.
    depth: usize,
    /// What reports show of what it sends, if that is not just its bytes.
    shown: Option<Shown>,
}

/// A place for the message that a step receives.
pub trait Capture: Send + Sync {
    /// Stores the message: of a frame, its payload. A step in a loop, and one that stands for many messages, does so again and again.
    fn capture(&self, message: &[u8]);
}

/// What a step does.
pub(crate) enum Kind {
    ExpectConnect,
    ExpectBytes(Bytes),
    ExpectMessage(Awaited),
    /// Bytes as they go to the wire.
    Send(Bytes),
    Reply(Box<Answer>),
    /// Puts a rule in force: such a message is answered whenever it comes.
    Anytime(Box<Rule>),
    /// The next so many steps are a block.
    Block {
        len: usize,
        flow: Flow,
    },
    StopReading,
    ExpectSilence(Duration),
    ExpectNoConnect(Duration),
    ExpectEof,
    ExpectDisconnect {
        implied: bool,
    },
    WaitUntilRead,
    /// Encrypts the connection, or pretends to.
    #[cfg_attr(
        not(feature = "tls"),
        allow(dead_code, reason = "only with that feature there is something to encrypt with")
    )]
    Encrypt(Arc<dyn Security>),
    ShutDown,
    Disconnect,
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "as for what it truncates"))]
    Truncate,
    Reset,
    HandOver,
    Pause(Duration),
    Mark(Box<str>),
    Hold(Box<str>),
}

impl Kind {
    /// Returns what the step waits for, if that is something that the client says.
    pub(crate) fn wanted(&self) -> Option<Wanted<'_>> {
        match self {
            Self::ExpectBytes(expected) => Some(Wanted::Bytes(expected)),
            Self::ExpectMessage(awaited) => Some(Wanted::Message(awaited)),
            _ => None,
        }
    }

    /// Returns the message that the step expects to the byte, if it expects one so.
    pub(crate) fn exact(&self) -> Option<&Bytes> {
        match self {
            Self::ExpectBytes(expected) => Some(expected),
            Self::ExpectMessage(awaited) => awaited.pattern.as_exact(),
            _ => None,
        }
    }

    /// Returns what the step sends, as it goes to the wire, once that is known.
    pub(crate) fn wire(&self) -> Option<&Bytes> {
        match self {
            Self::Send(wire) => Some(wire),
            Self::Reply(answer) => answer.computed.as_ref().map(|(wire, _)| wire),
            _ => None,
        }
    }
}

/// How a block of steps is played.
#[derive(Clone, Copy)]
pub(crate) enum Flow {
    /// If the first of them gets its message; else it is skipped.
    Optional { skipped: bool },
    /// Again and again, until the client disconnects.
    Repeat {
        /// The number of the round.
        round: u64,
    },
}

/// What a step waits for that the client says.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    Bytes(&'a Bytes),
    Message(&'a Awaited),
}

/// A message that a step waits for.
pub(crate) struct Awaited {
    pub(crate) framing: Framing,
    pub(crate) pattern: Pattern,
}

/// A reply that is computed.
pub(crate) struct Answer {
    pub(crate) framing: Framing,
    pub(crate) reply: Reply,
    /// What it sends, computed when it is its turn.
    pub(crate) computed: Option<(Bytes, Shown)>,
}

/// Messages that are answered whenever they come.
pub(crate) struct Rule {
    pub(crate) framing: Framing,
    pub(crate) pattern: Pattern,
    pub(crate) reply: Reply,
    /// How many more are answered, if that is limited, and how many were.
    pub(crate) left: Option<u64>,
    pub(crate) answered: u64,
}

/// What reports show of something sent.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    verb: &'static str,
    /// The beginning of the message.
    head: Box<[u8]>,
    /// The length of the message.
    total: usize,
}

impl Shown {
    pub(crate) fn new(verb: &'static str, message: &[u8]) -> Self {
        Self { verb, head: Box::from(&message[..message.len().min(SHOWN + 1)]), total: message.len() }
    }
}

impl Step {
    #[track_caller]
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, location: Location::caller(), capture: None, extras: None }
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
        Self::new(Kind::ExpectBytes(Bytes::from(bytes)))
    }

    /// Waits for one frame whose message matches `pattern`. An empty message is legal.
    ///
    /// # Panics
    /// Panics if no frame of this framing can carry such a message.
    #[track_caller]
    pub fn expect_frame(framing: &Framing, pattern: impl Into<Pattern>) -> Self {
        Self::expect_message("expect_frame", framing.clone(), pattern.into())
    }

    /// Waits for a line that matches `pattern`, without its end: CRLF, or LF alone.
    ///
    /// # Panics
    /// Panics if `pattern` is a line with its end: no line has one in it.
    #[track_caller]
    pub fn expect_line(pattern: impl Into<Pattern>) -> Self {
        let pattern = pattern.into();
        if let Some(line) = pattern.as_exact() {
            refuse_line_end("expect_line", line);
        }
        Self::expect_message("expect_line", Framing::lines().called(Noun::Line), pattern)
    }

    /// Waits for a message that goes up to `delimiter`, and includes it, and matches `pattern`.
    ///
    /// # Panics
    /// Panics if `delimiter` is empty, and if `pattern` demands a message that does not end with it.
    #[track_caller]
    pub fn expect_until(delimiter: impl AsRef<[u8]>, pattern: impl Into<Pattern>) -> Self {
        let (delimiter, pattern) = (delimiter.as_ref(), pattern.into());
        assert!(!delimiter.is_empty(), "expect_until: a delimiter has at least 1 byte");
        if let Some(message) = pattern.as_exact() {
            let end = message.windows(delimiter.len()).position(|window| window == delimiter);
            assert!(
                end.is_some_and(|end| end + delimiter.len() == message.len()),
                "expect_until: {} does not end with its first {}",
                Argument(message),
                Argument(delimiter)
            );
        }
        let framing = Framing::delimited(delimiter).keep_delimiter().called(Noun::Until);
        Self::expect_message("expect_until", framing, pattern)
    }

    #[track_caller]
    fn expect_message(verb: &str, framing: Framing, pattern: Pattern) -> Self {
        if let Some(message) = pattern.as_exact() {
            if let Err(error) = framing.check(message) {
                refuse(verb, &error);
            }
        }
        Self::new(Kind::ExpectMessage(Awaited { framing, pattern }))
    }

    /// Waits until nothing has arrived for so long. Fails at the first byte that does. A client that closes is silent; it is judged by
    /// the steps behind this.
    ///
    /// No scale changes the time, and [`within`](Self::within) has no effect.
    #[track_caller]
    pub fn expect_silence(duration: Duration) -> Self {
        Self::new(Kind::ExpectSilence(duration))
    }

    /// Waits until nobody has connected for so long. Fails as soon as a client does, and if one waits already. It is legal with a
    /// connection and without; what comes on it waits for the steps behind this.
    ///
    /// No scale changes the time, and [`within`](Self::within) has no effect.
    #[track_caller]
    pub fn expect_no_connect(duration: Duration) -> Self {
        Self::new(Kind::ExpectNoConnect(duration))
    }

    /// Sends these bytes, framed or not, just as they are.
    ///
    /// # Panics
    /// Panics if `bytes` is empty: there would be nothing to send.
    #[track_caller]
    pub fn send_bytes(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        assert!(!bytes.is_empty(), "send_bytes: there is nothing to send in an empty byte string");
        Self::new(Kind::Send(Bytes::from(bytes)))
    }

    /// Sends one frame with this message, which may be empty.
    ///
    /// # Panics
    /// Panics if no frame of this framing can carry the message.
    #[track_caller]
    pub fn send_frame(framing: &Framing, message: impl AsRef<[u8]>) -> Self {
        Self::send_message("send_frame", framing, message.as_ref())
    }

    /// Sends a line, with CRLF behind it.
    ///
    /// # Panics
    /// Panics if there is a line end in it: it is given without.
    #[track_caller]
    pub fn send_line(line: impl AsRef<[u8]>) -> Self {
        refuse_line_end("send_line", line.as_ref());
        Self::send_message("send_line", &Framing::lines(), line.as_ref())
    }

    #[track_caller]
    fn send_message(verb: &'static str, framing: &Framing, message: &[u8]) -> Self {
        match framing.encode(message) {
            Ok(frame) => {
                let mut step = Self::new(Kind::Send(Bytes::from(frame)));
                step.extras().shown = Some(Shown::new(verb, message));
                step
            }
            Err(error) => refuse(verb, &error),
        }
    }

    /// Sends what `answer` computes from the message that the script received last, as it is. It is called when it is the step's turn; no
    /// bytes are legal, and send nothing. If the script has received none, it gets an empty one.
    #[track_caller]
    pub fn reply(answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        Self::answer(Framing::default(), Reply::bytes_with(answer))
    }

    /// As [`reply`](Self::reply), with what `answer` returns sent as the message of a frame.
    #[track_caller]
    pub fn reply_frame(framing: &Framing, answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        Self::answer(framing.clone(), Reply::with(answer))
    }

    #[track_caller]
    fn answer(framing: Framing, reply: Reply) -> Self {
        Self::new(Kind::Reply(Box::new(Answer { framing, reply, computed: None })))
    }

    /// Has each frame that comes from here on be answered, if its message matches and it comes where a message may begin and is not the one
    /// that the script waits for. What is answered is not seen by any other step.
    ///
    /// # Panics
    /// Panics if no frame of this framing can carry what the pattern demands, or what is replied.
    #[track_caller]
    pub fn anytime(framing: &Framing, pattern: impl Into<Pattern>, reply: impl Into<Reply>) -> Self {
        let (pattern, reply) = (pattern.into(), reply.into());
        if let Some(message) = pattern.as_exact() {
            if let Err(error) = framing.encode(message) {
                refuse("anytime", &error);
            }
        }
        if let Err(error) = reply.check(framing) {
            refuse("anytime", &error);
        }
        let framing = framing.clone();
        Self::new(Kind::Anytime(Box::new(Rule { framing, pattern, reply, left: None, answered: 0 })))
    }

    /// Heads a block: the next `len` steps are played if the first of them gets its message. If another message comes instead, if the client
    /// ends its stream or the deadline passes, all of them are skipped; what has come is for the steps behind them.
    ///
    /// The deadline is that of the first step, or else the one of this. A block within a block has to end with it at the latest: the script
    /// fails where one does not.
    ///
    /// # Panics
    /// Panics if there are more than 2,147,483,647 of them.
    #[track_caller]
    pub fn optional(len: usize) -> Self {
        Self::block("optional", len, Flow::Optional { skipped: false })
    }

    /// Heads a block: the next `len` steps are played again and again, until the client has closed the connection between two rounds, as
    /// [`expect_disconnect`](Self::expect_disconnect) demands it, or the steps themselves have ended it. A block within a block has to end with
    /// it at the latest, as for [`optional`](Self::optional).
    ///
    /// # Panics
    /// Panics if there are more than 2,147,483,647 of them.
    #[track_caller]
    pub fn repeat_until_disconnect(len: usize) -> Self {
        Self::block("repeat_until_disconnect", len, Flow::Repeat { round: 0 })
    }

    #[track_caller]
    fn block(verb: &str, len: usize, flow: Flow) -> Self {
        /// So that to add two such numbers is no overflow, and a number below 0 that was cast is none.
        const MOST: usize = i32::MAX as usize;
        assert!(len <= MOST, "{verb}: a block has at most {MOST} steps, not {len}");
        Self::new(Kind::Block { len, flow })
    }

    /// Has the server take nothing more from this client than the steps behind this wait for, byte for byte: what else it sends stays under
    /// way, until its writes have to wait.
    #[track_caller]
    pub fn stop_reading() -> Self {
        Self::new(Kind::StopReading)
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
        Self { kind, location, capture: None, extras: None }
    }

    /// The step that each `expect_connect` is followed by, where a server encrypts its connections from the first byte.
    #[cfg(feature = "std")]
    pub(crate) fn behind_connect(security: &Arc<dyn Security>, location: &'static Location<'static>) -> Self {
        let kind = Kind::Encrypt(Arc::clone(security));
        Self { kind, location, capture: None, extras: None }
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

    /// Gives the connection to somebody else, with the bytes that the client has sent and no step has claimed. For the script, it is over.
    #[track_caller]
    pub fn hand_over() -> Self {
        Self::new(Kind::HandOver)
    }

    /// Plays nothing for so long. Bytes and clients that arrive meanwhile wait for the steps behind it, and a client that closes
    /// is judged by them.
    ///
    /// It needs no connection. It has no deadline: no scale changes it, and [`within`](Self::within) has no effect.
    #[track_caller]
    pub fn pause(duration: Duration) -> Self {
        Self::new(Kind::Pause(duration))
    }

    /// Does nothing: whoever waits for this step knows that the script has come so far.
    #[track_caller]
    pub fn mark(name: impl Into<String>) -> Self {
        Self::new(Kind::Mark(name.into().into()))
    }

    /// Plays nothing until [`release`](crate::session::Session::release) is told this name, which may come before. What arrives
    /// meanwhile waits for the steps behind it. It needs no connection. Its deadline is the idle limit, if it is given no other.
    #[track_caller]
    pub fn hold(name: impl Into<String>) -> Self {
        Self::new(Kind::Hold(name.into().into()))
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

    /// Has the message that the step receives stored in a place, if that still exists by then; of a step that heads a block, each message with
    /// which that begins. Steps that receive no message leave it alone.
    #[must_use]
    pub fn captured(mut self, place: Weak<dyn Capture>) -> Self {
        self.capture = Some(place);
        self
    }

    /// Says whether the step receives a message that can be captured.
    pub fn receives_message(&self) -> bool {
        matches!(self.kind, Kind::ExpectBytes(_) | Kind::ExpectMessage(_) | Kind::Anytime(_))
    }

    /// Says whether the step sends something, or ends a stream: so it comes behind what was sent before.
    pub(crate) fn sends(&self) -> bool {
        matches!(
            self.kind,
            Kind::Send(_)
                | Kind::Reply(_)
                | Kind::ShutDown
                | Kind::Disconnect
                | Kind::Truncate
                | Kind::Reset
                | Kind::HandOver
        )
    }

    /// Says whether the step waits for the client, or for time to pass; all others are done as soon as they can be.
    pub(crate) fn waits(&self) -> bool {
        let at_once = matches!(self.kind, Kind::Mark(_) | Kind::StopReading | Kind::Anytime(_) | Kind::Block { .. });
        !at_once && !self.sends()
    }

    /// Says whether the script has got on when the step is done: bytes were received or sent, or time has passed.
    pub(crate) fn gets_on(&self) -> bool {
        match &self.kind {
            Kind::Pause(time) | Kind::ExpectSilence(time) | Kind::ExpectNoConnect(time) => !time.is_zero(),
            Kind::ExpectConnect | Kind::ExpectBytes(_) | Kind::ExpectMessage(_) | Kind::Encrypt(_) => true,
            kind => kind.wire().is_some_and(|wire| !wire.is_empty()),
        }
    }

    /// Says whether the step is a rule that answers another message.
    pub(crate) fn is_in_force(&self) -> bool {
        matches!(&self.kind, Kind::Anytime(rule) if rule.left.is_none_or(|left| left > 0))
    }

    /// Says whether messages of the step, or of its block, can be [captured](Self::captured).
    #[cfg(feature = "std")]
    pub(crate) fn keeps_messages(&self) -> bool {
        self.receives_message() || matches!(self.kind, Kind::Block { .. })
    }

    /// Stores the message of a step that is done.
    pub(crate) fn capture(&self, message: &[u8]) {
        if let Some(place) = self.capture.as_ref().and_then(Weak::upgrade) {
            place.capture(message);
        }
    }

    /// Names what the step waits for: `"Hello"`, `frame "Hello"`, `the client to disconnect`.
    pub(crate) fn subject(&self) -> String {
        match &self.kind {
            Kind::ExpectBytes(bytes) => format!("{}", Argument(bytes)),
            Kind::ExpectMessage(awaited) => awaited.pattern.describe(awaited.framing.noun().as_str(), argument),
            Kind::ExpectSilence(duration) => format!("{} of silence", Span(*duration)),
            Kind::ExpectNoConnect(duration) => format!("nobody was to connect for {}", Span(*duration)),
            Kind::ExpectConnect => "the end of the connection before, which expect_connect() implies".into(),
            Kind::ExpectEof => "the client to shut down its sending half".into(),
            Kind::ExpectDisconnect { .. } => "the client to disconnect".into(),
            Kind::Block { flow: Flow::Repeat { .. }, .. } => {
                "a message that one of its blocks takes, or for the client to disconnect".into()
            }
            _ => self.call(),
        }
    }

    /// Names the message that the step receives: a `frame`, a `line`.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::ExpectMessage(awaited) => awaited.framing.noun().as_str(),
            _ => "message",
        }
    }

    pub(crate) fn amend(&mut self, amendment: Amendment) {
        match amendment {
            Amendment::Name(name) => self.extras().name = Some(name.into()),
            Amendment::Deadline(deadline) => self.extras().deadline = Some(deadline),
            Amendment::AtMost(times) => {
                if let Kind::Anytime(rule) = &mut self.kind {
                    rule.left = Some(times);
                }
            }
        }
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Returns the number of blocks that the step is in.
    pub(crate) fn depth(&self) -> usize {
        self.extras.as_ref().map_or(0, |extras| extras.depth)
    }

    #[cfg(feature = "std")]
    pub(crate) fn set_depth(&mut self, depth: usize) {
        if depth != self.depth() {
            self.extras().depth = depth;
        }
    }

    /// Returns where in the source the step was asked for.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    #[cfg(feature = "std")]
    pub(crate) fn set_location(&mut self, location: &'static Location<'static>) {
        self.location = location;
    }

    /// Returns the name that the step was given.
    pub fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.name.as_deref()
    }

    /// Returns the verb and its arguments, as far as they are shown.
    pub(crate) fn call(&self) -> String {
        match self.extras.as_ref().and_then(|extras| extras.shown.as_ref()) {
            Some(shown) => shown.to_string(),
            None => self.kind.to_string(),
        }
    }

    /// Returns the deadline that the step was given.
    pub fn deadline(&self) -> Option<Duration> {
        self.extras.as_ref()?.deadline
    }

    /// Says whether somebody may wait for this very step: so it has to be one that is played, and once.
    #[cfg(feature = "std")]
    pub(crate) fn is_waited_for(&self) -> bool {
        matches!(self.kind, Kind::Mark(_) | Kind::HandOver)
    }

    /// Says whether the block that this step heads may begin with that one.
    #[cfg(feature = "std")]
    pub(crate) fn is_begun_by(&self, first: &Self) -> bool {
        match first.kind {
            Kind::ExpectBytes(_) | Kind::ExpectMessage(_) => true,
            Kind::Block { flow: Flow::Optional { .. }, .. } => {
                matches!(self.kind, Kind::Block { flow: Flow::Repeat { .. }, .. })
            }
            _ => false,
        }
    }

    /// Sets the number of steps of the block that this one heads.
    #[cfg(feature = "std")]
    pub(crate) fn set_len(&mut self, steps: usize) {
        if let Kind::Block { len, .. } = &mut self.kind {
            *len = steps;
        }
    }

    /// Returns the point at which the script and the test meet, if the step is one.
    #[cfg(feature = "std")]
    pub(crate) fn sync_point(&self) -> Option<SyncPoint<'_>> {
        match &self.kind {
            Kind::Mark(name) => Some(SyncPoint::Mark(name)),
            Kind::Hold(name) => Some(SyncPoint::Hold(name)),
            _ => None,
        }
    }

    /// Says whether the step needs an open connection.
    pub(crate) fn needs_connection(&self) -> bool {
        !matches!(
            self.kind,
            Kind::ExpectConnect
                | Kind::ExpectNoConnect(_)
                | Kind::Pause(_)
                | Kind::Mark(_)
                | Kind::Hold(_)
                | Kind::Anytime(_)
        )
    }
}

/// A point at which the script and the test meet, by its name.
#[cfg(feature = "std")]
pub(crate) enum SyncPoint<'a> {
    Mark(&'a str),
    Hold(&'a str),
}

/// A later change to a step that was pushed already.
#[derive(Clone, Debug)]
pub enum Amendment {
    /// The name that reports show.
    Name(String),
    /// The deadline of the step, counted from when it became current.
    Deadline(Duration),
    /// How many more messages an [`anytime`](Step::anytime) answers.
    AtMost(u64),
}

#[track_caller]
fn refuse(verb: &str, error: &FramingError) -> ! {
    panic!("{verb}: {error}")
}

#[track_caller]
fn refuse_line_end(verb: &str, line: &[u8]) {
    assert!(!line.contains(&b'\n'), "{verb}: {} has a line end in it; it is given without", Argument(line));
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} at {}", self.location)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call())?;
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
            Self::ExpectMessage(Awaited { framing, pattern }) => match (framing.noun(), framing.delimiter()) {
                (Noun::Until, Some(delimiter)) => {
                    write!(f, "expect_until({}, {})", Argument(delimiter), pattern.argument(argument))
                }
                (noun, _) => write!(f, "expect_{}({})", noun.as_str(), pattern.argument(argument)),
            },
            Self::Send(wire) => write!(f, "send_bytes({})", Argument(wire)),
            Self::Reply(answer) => match &**answer {
                Answer { computed: Some((_, shown)), .. } => write!(f, "{shown}"),
                Answer { reply, .. } if reply.is_framed() => f.write_str("reply_frame(..)"),
                Answer { .. } => f.write_str("reply(..)"),
            },
            Self::Anytime(rule) => {
                let Rule { pattern, reply, left, answered, .. } = &**rule;
                write!(f, "anytime({}, {})", pattern.argument(argument), reply.argument(argument))?;
                match left {
                    Some(left) => write!(f, ", answered {answered} of at most {}", answered + left),
                    None if *answered > 0 => write!(f, ", answered {answered}"),
                    None => Ok(()),
                }
            }
            Self::Block { flow, .. } => match flow {
                Flow::Optional { .. } => f.write_str("optional(..)"),
                Flow::Repeat { round: 0 } => f.write_str("repeat_until_disconnect(..)"),
                Flow::Repeat { round } => write!(f, "repeat_until_disconnect(..), round {round}"),
            },
            Self::StopReading => f.write_str("stop_reading()"),
            Self::ExpectSilence(duration) => write!(f, "expect_silence({})", Span(*duration)),
            Self::ExpectNoConnect(duration) => write!(f, "expect_no_connect({})", Span(*duration)),
            Self::ExpectEof => f.write_str("expect_eof()"),
            Self::ExpectDisconnect { implied: false } => f.write_str("expect_disconnect()"),
            Self::ExpectDisconnect { implied: true } => f.write_str("expect_disconnect(), implied by the end"),
            Self::WaitUntilRead => f.write_str("wait_until_read()"),
            Self::Encrypt(security) => write!(f, "{security}"),
            Self::Truncate => f.write_str("truncate()"),
            Self::ShutDown => f.write_str("shutdown()"),
            Self::Disconnect => f.write_str("disconnect()"),
            Self::Reset => f.write_str("reset()"),
            Self::HandOver => f.write_str("hand_over()"),
            Self::Pause(duration) => write!(f, "pause({})", Span(*duration)),
            Self::Mark(name) => write!(f, "mark({name:?})"),
            Self::Hold(name) => write!(f, "hold({name:?})"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, head, total } = self;
        write!(f, "{verb}({})", Beginning { head, total: *total })
    }
}

/// The most bytes that are shown of the argument of a verb.
const SHOWN: usize = 32;

/// The argument of a verb, cut to what fits beside others in a listing.
struct Argument<'a>(&'a [u8]);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Beginning { head: self.0, total: self.0.len() }.fmt(f)
    }
}

fn argument(bytes: &[u8]) -> String {
    Argument(bytes).to_string()
}

/// The beginning of an argument of `total` bytes.
struct Beginning<'a> {
    head: &'a [u8],
    total: usize,
}

impl fmt::Display for Beginning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.total <= SHOWN {
            return write!(f, "{}", Preview::of(self.head));
        }
        let total = self.total as u64;
        write!(f, "{} {}", Preview::head_of(&self.head[..SHOWN], total), Count(total))
    }
}

#[cfg(test)]
mod tests;
