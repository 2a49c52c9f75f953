//! How a script ended, as plain data. Its text is made elsewhere, when somebody asks for it.

use crate::framing::FramingError;
use crate::security::Trouble;
use crate::time::Duration;
use crate::transcript::Transcript;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::panic::Location;

/// All there is to tell about a script that failed or was left unfinished. Its `Display` is the text that a test shows.
///
/// Which step failed, [why](Cause), and where the bytes first differ do not depend on how TCP cut the stream. What is shown
/// behind the first difference, times and addresses do.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) server: String,
    /// The number of the script, if the server has more than one.
    pub(crate) number: Option<usize>,
    /// Where the other scripts of the server stand.
    pub(crate) others: Vec<Standing>,
    pub(crate) cause: Cause,
    pub(crate) step: Option<usize>,
    /// The number of the round in which the step is, if it repeats.
    pub(crate) round: Option<u64>,
    /// What the step waits for, in words: `"Hello"`, `frame "Hello"`, `the client to disconnect`.
    pub(crate) subject: String,
    /// What its message is called: `frame`, `line`, `message`.
    pub(crate) noun: &'static str,
    pub(crate) script: Listing,
    /// The bytes that show what went wrong.
    pub(crate) evidence: Vec<Dump>,
    /// The framing of the message, as it is written, where the bytes do not suit it.
    pub(crate) framing: Option<String>,
    /// What may be meant instead.
    pub(crate) other_framing: Option<Doubt>,
    pub(crate) client: Client,
    /// The number of bytes sent on the latest connection.
    pub(crate) sent: u64,
    /// The number of these that the client did not read, or has not read so far, where that is known.
    pub(crate) unread: Option<u64>,
    /// Whether the client is known to have let go of the latest connection.
    pub(crate) let_go: bool,
    pub(crate) transcript: Transcript,
    /// Whether the failed step waits for a client to connect, so that only the connection before can have an end.
    pub(crate) connects: bool,
    /// Whether a client waits for an `expect_connect`.
    pub(crate) waits: bool,
    /// Why it failed, where the harness knows more than the usual cause.
    pub(crate) reason: Option<&'static str>,
    pub(crate) notes: Vec<String>,
    /// Whether the latest connection was given to the test.
    pub(crate) handed_over: bool,
}

impl Report {
    /// Returns the name of the server: its address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns the number of the script that failed, if the server has more than one: 1 is the server's own.
    pub fn script(&self) -> Option<usize> {
        self.number
    }

    /// Returns why the script failed.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Returns the number of the step that failed, counted from 1. There is none if the script failed beside its steps.
    pub fn step(&self) -> Option<usize> {
        self.step
    }

    /// Returns where in the source the failed step was asked for.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.failed_line().map(|line| line.location)
    }

    /// Returns the name that the failed step was given.
    pub fn name(&self) -> Option<&str> {
        self.failed_line()?.name.as_deref()
    }

    /// Returns what the client had done when the report was asked for.
    pub fn client(&self) -> Client {
        self.client
    }

    /// Returns the conversation so far.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Says which of the scripts of a server this report is about, for servers that have several.
    pub fn name_script(&mut self, number: usize) {
        self.number = Some(number);
    }

    /// Adds a line to the end of the report: what the harness knows and the session does not.
    pub fn add_note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn failed_line(&self) -> Option<&Line> {
        let step = self.step?;
        self.script.lines.iter().find(|line| line.number == step)
    }
}

/// Why a script failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No client connected in time.
    ConnectTimeout {
        /// How long the step waited.
        after: Duration,
    },
    /// The client did not close the connection in time.
    DisconnectTimeout {
        /// How long the step waited.
        after: Duration,
    },
    /// The client did not end its stream in time.
    EofTimeout {
        /// How long the step waited.
        after: Duration,
    },
    /// The client did not read all that it was sent in time.
    ReadTimeout {
        /// How long the step waited.
        after: Duration,
    },
    /// Nobody released the script in time.
    HoldTimeout {
        /// How long it was held.
        after: Duration,
        /// The names that were released so far.
        released: Vec<String>,
    },
    /// The client did not send the whole message in time.
    MessageTimeout {
        /// How long the step waited.
        after: Duration,
        /// How much of the message arrived.
        arrived: Arrived,
    },
    /// The client did not take what was sent in time: both its receive buffer and ours are full.
    SendTimeout {
        /// How long the step waited.
        after: Duration,
        /// The number of bytes that the transport took.
        taken: usize,
        /// The number of bytes to be sent.
        of: usize,
    },
    /// The step needs a connection, no client is connected, and none waits to be accepted.
    NotConnected {
        /// The number of the step that ended the last connection; `None` if there was none yet.
        ended_by: Option<usize>,
    },
    /// The step needs a connection; a client has connected, but no `expect_connect` claimed it.
    MissingConnect,
    /// A byte differs from the one expected.
    WrongByte {
        /// The number of bytes of the message before it.
        offset: usize,
        /// The byte that was expected.
        expected: u8,
        /// The byte that the client sent.
        received: u8,
        /// Whether the message is a frame; `offset` then counts bytes of its payload.
        framed: bool,
    },
    /// The frame announces a payload of another length than the one expected.
    WrongLength {
        /// The payload length in bytes that was expected.
        expected: usize,
        /// The payload length in bytes that the frame's header announces.
        announced: usize,
    },
    /// The message is whole, and not the one expected.
    WrongMessage {
        /// The number of bytes of the message before the first one that differs, if the pattern demands bytes at its beginning.
        offset: Option<usize>,
        /// Why it is not the one, in words.
        reason: String,
    },
    /// The bytes are no frame of the framing in force.
    Framing(FramingError),
    /// What a closure replied cannot be sent as a frame.
    Reply(FramingError),
    /// The client closed the connection before the message was whole.
    Closed {
        /// How it closed.
        by: End,
        /// How much of the message had arrived.
        arrived: Arrived,
    },
    /// The client sent something where nothing more was expected.
    UnexpectedData,
    /// The client closed the connection without reading all that it was sent.
    Unread {
        /// The number of bytes that it was sent.
        sent: u64,
        /// The number of these, the last ones, that it did not read. `None` if it is not known: there is only the reset to
        /// tell, and the client may have aborted the connection on purpose.
        unread: Option<u64>,
    },
    /// The client reset a connection on which it was sent nothing, or had nothing left to read: no unread data explains it. One that takes
    /// its socket off the connection, by a `connect` to no address, leaves nothing to read either.
    Aborted,
    /// The server was to send something behind the end of its own stream.
    ShutDown {
        /// The number of the step that had ended it.
        by: usize,
    },
    /// The client had closed the connection when the server sent something.
    NotDelivered {
        /// The number of bytes that cannot have been delivered.
        bytes: u64,
    },
    /// The client closed the connection while the server was sending.
    CutOff {
        /// The number of bytes that the transport had not taken yet: at least these were not delivered.
        bytes: u64,
    },
    /// A client connected while the script's connection was still open, or after its end.
    SecondConnection {
        /// Where it connected from.
        peer: Option<SocketAddr>,
    },
    /// A client connected where nobody was to.
    UnexpectedClient {
        /// Where it connected from.
        peer: Option<SocketAddr>,
    },
    /// The test released a name that no hold has.
    UnknownRelease {
        /// The name.
        name: String,
        /// Where it was released.
        at: &'static Location<'static>,
        /// The names of the holds that there are, on all scripts of the server.
        holds: Vec<String>,
    },
    /// A block of steps goes on behind the end of the block that it is in.
    Overrun {
        /// By how many steps.
        by: usize,
    },
    /// A client connected to a script that never expects one.
    UnclaimedConnection {
        /// Where it connected from.
        peer: Option<SocketAddr>,
    },
    /// No step is left that could claim the bytes which the client sent.
    UnclaimedData {
        /// How long they waited.
        after: Duration,
    },
    /// No step is left that could claim the client which has connected.
    UnclaimedClient {
        /// How long it waited.
        after: Duration,
        /// Where it connected from.
        peer: Option<SocketAddr>,
    },
    /// The connection has been open for so long while no step is left to play: the client may wait for a reply that nobody sends.
    NoStepLeft {
        /// How long there was nothing to do.
        after: Duration,
    },
    /// Something is wrong with TLS.
    Tls(Trouble),
    /// The playing of the script panicked with this message.
    Panicked(String),
    /// The task that played the script was dropped before its end: its runtime has shut down.
    Abandoned,
    /// The transport failed, for a reason that is not the client's.
    Transport(String),
    /// The test panicked for a reason of its own; the script has not failed.
    Interrupted,
    /// The test body returned this error; the script has not failed.
    Returned(String),
    /// The test body does not go on; the script has not failed.
    Stalled {
        /// Whether it waits, and nobody is left who could wake it. Else it is busy, and nothing comes of it.
        waits: bool,
    },
    /// The test dropped the server without asking how its script ended.
    Dropped,
}

/// How a client ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the end of its stream (FIN).
    Close,
    /// With a reset (RST).
    Reset,
}

/// How much of a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Which part of the message was being received.
    pub part: Part,
    /// The number of bytes of that part which arrived.
    pub bytes: usize,
    /// The number of bytes that the part has, if that is known.
    pub of: Option<usize>,
}

impl Arrived {
    /// Says whether nothing of the whole message arrived.
    pub(crate) fn is_nothing(&self) -> bool {
        self.bytes == 0 && self.part != Part::Payload
    }
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole of an unframed message.
    Message,
    /// The header of a frame.
    Header,
    /// The payload of a frame.
    Payload,
}

/// What the client of a script has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Client {
    /// No client has connected.
    NeverConnected,
    /// A client has connected and no `expect_connect` has claimed it, be it that the one which waited for it had failed by then.
    Waiting,
    /// The client is connected.
    Connected,
    /// The client has ended its stream, and holds the connection.
    HalfClosed,
    /// The client has ended its stream; whether it has closed the connection is not known.
    Ended,
    /// The client has closed the connection.
    Closed,
    /// The client has reset the connection.
    Reset,
    /// The server itself has ended the connection, as the script said.
    EndedByServer,
}

/// What speaks against the framing of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// With this framing, what arrived is a whole frame.
    Whole(String),
    /// With this framing, it is the frame expected.
    Counts(String),
    /// The frame does not end. Whether its length has a byte order.
    Endless { ordered: bool },
}

/// Bytes to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Dump {
    /// What they are, in one word.
    pub(crate) title: &'static str,
    pub(crate) excerpt: Excerpt,
    /// The offset of the byte to mark.
    pub(crate) mark: Option<usize>,
}

/// A part of a message, or of all that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt {
    /// The offset of the first byte within it.
    pub(crate) start: usize,
    pub(crate) bytes: Vec<u8>,
    /// Whether there is more behind it.
    pub(crate) cut: bool,
}

impl Excerpt {
    /// The most bytes that an excerpt holds.
    pub(crate) const LIMIT: usize = 64;

    /// Returns the part of `message` around `offset`: from at most 32 bytes before it, on a multiple of 16.
    pub(crate) fn around(offset: usize, message: &[&[u8]]) -> Self {
        let start = offset.saturating_sub(Self::LIMIT / 2) / 16 * 16;
        Self::new(start, message.iter().copied().flatten().skip(start))
    }

    /// Returns as much as fits of the bytes that begin at offset `start`.
    pub(crate) fn new<'a>(start: usize, mut rest: impl Iterator<Item = &'a u8>) -> Self {
        let bytes = rest.by_ref().take(Self::LIMIT).copied().collect();
        Self { start, bytes, cut: rest.next().is_some() }
    }
}

/// The part of a script that a report shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) lines: Vec<Line>,
    /// The number of steps in all.
    pub(crate) total: usize,
}

/// One step of a script.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) mark: Mark,
    pub(crate) number: usize,
    /// The number of blocks that it is in.
    pub(crate) depth: usize,
    pub(crate) text: String,
    pub(crate) name: Option<String>,
    pub(crate) location: &'static Location<'static>,
}

/// Where a script stands beside the one that a report is about.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) script: usize,
    /// Its current step, if it has one.
    pub(crate) line: Option<Line>,
    /// The number of steps in all.
    pub(crate) total: usize,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Done,
    Skipped,
    Failed,
    Current,
    Ahead,
}
