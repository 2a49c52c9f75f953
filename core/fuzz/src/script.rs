//! Scripts, and what a client says to them.

use super::input::Input;
use std::time::Duration;
use tcpclient_core::framing::Framing;
use tcpclient_core::pattern::Pattern;
use tcpclient_core::step::Step;

/// What a server does on its one connection, behind `expect_connect`.
#[derive(Clone, Debug)]
pub enum Op {
    Expect(Message),
    Send(Vec<u8>),
    SendFrame(usize, Vec<u8>),
    /// Sends back the last message, behind a `!`; of one that is empty, nothing.
    Reply,
    Anytime(Message, Vec<u8>),
    Optional(Vec<Op>),
    Repeat(Vec<Op>),
    Silence,
    Pause,
    WaitUntilRead,
    ExpectEof,
    ExpectDisconnect,
    ShutDown,
    Disconnect,
    Reset,
}

/// A message that is waited for.
#[derive(Clone, Debug)]
pub enum Message {
    Bytes(Vec<u8>),
    /// With a length of so many bytes before it.
    Frame(usize, Want),
    Line(Want),
    Until(Want),
}

#[derive(Clone, Debug)]
pub enum Want {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    Any,
}

/// The end of an `expect_until`.
pub const UNTIL: &[u8] = b"b\n";

/// The longest payload of a frame.
pub const LONGEST: usize = 40;

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Close,
    Reset,
    /// It does nothing.
    Silence,
}

/// A script, and its client.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub ops: Vec<Op>,
    pub stream: Vec<u8>,
    pub end: End,
    /// The sizes of the pieces in which the stream comes, again and again.
    pub pieces: Vec<usize>,
}

pub fn framing(width: usize) -> Framing {
    Framing::length_prefixed(width).max_length(LONGEST)
}

impl Want {
    fn new(input: &mut Input<'_>, ending: &[u8]) -> Self {
        let mut text = input.text(3);
        match input.below(4) {
            0 => Self::Prefix(text),
            1 => Self::Any,
            _ => {
                text.extend_from_slice(ending);
                Self::Exact(text)
            }
        }
    }

    fn pattern(&self) -> Pattern {
        match self {
            Self::Exact(bytes) => Pattern::exact(bytes),
            Self::Prefix(bytes) => Pattern::prefix(bytes),
            Self::Any => Pattern::any(),
        }
    }

    /// Returns a message that is right.
    fn right(&self) -> Vec<u8> {
        match self {
            Self::Exact(bytes) | Self::Prefix(bytes) => bytes.clone(),
            Self::Any => b"ca".to_vec(),
        }
    }
}

impl Message {
    pub fn new(input: &mut Input<'_>) -> Self {
        match input.below(6) {
            0 => {
                let mut text = input.text(3);
                text.push(b'a');
                Self::Bytes(text)
            }
            kind @ (1 | 2) => Self::Frame(kind, Want::new(input, b"")),
            3 => Self::Until(Want::new(input, UNTIL)),
            _ => Self::Line(Want::new(input, b"")),
        }
    }

    fn framed(input: &mut Input<'_>) -> Self {
        match Self::new(input) {
            Self::Bytes(bytes) => Self::Line(Want::Exact(bytes)),
            other => other,
        }
    }

    pub fn step(&self) -> Step {
        match self {
            Self::Bytes(bytes) => Step::expect_bytes(bytes),
            Self::Frame(width, want) => Step::expect_frame(&framing(*width), want.pattern()),
            Self::Line(want) => Step::expect_line(want.pattern()),
            Self::Until(want) => Step::expect_until(UNTIL, want.pattern()),
        }
    }

    /// Returns what a client sends that is right.
    pub fn wire(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Frame(width, want) => framed(*width, &want.right()),
            Self::Line(want) => [&want.right()[..], b"\n"].concat(),
            Self::Until(Want::Exact(bytes)) => bytes.clone(),
            Self::Until(want) => [&want.right()[..], UNTIL].concat(),
        }
    }
}

/// Returns a frame with a length of so many bytes.
pub fn framed(width: usize, payload: &[u8]) -> Vec<u8> {
    [&payload.len().to_be_bytes()[size_of::<usize>() - width..], payload].concat()
}

impl Op {
    fn new(input: &mut Input<'_>, depth: usize) -> Self {
        match input.below(24) {
            0 | 1 => Self::Send(vec![b'x'; 1 + input.below(3)]),
            2 => Self::SendFrame(1 + input.below(2), input.text(3)),
            3 => Self::Reply,
            4 | 5 if depth == 0 => Self::Anytime(Message::framed(input), input.text(2)),
            6..=8 if depth < 2 => Self::Optional(block(input, depth)),
            9 | 10 if depth < 2 => {
                let mut ops = block(input, depth);
                if input.below(3) == 0 {
                    ops.insert(0, Self::Optional(block(input, depth + 1)));
                }
                Self::Repeat(ops)
            }
            11 => Self::Silence,
            12 => Self::Pause,
            13 => Self::WaitUntilRead,
            14 => Self::ExpectEof,
            15 => Self::ExpectDisconnect,
            16 => match input.below(3) {
                0 => Self::ShutDown,
                1 => Self::Disconnect,
                _ => Self::Reset,
            },
            _ => Self::Expect(Message::new(input)),
        }
    }

    /// Adds the steps of this to a script.
    fn push(&self, steps: &mut Vec<Step>) {
        let at = steps.len();
        steps.push(match self {
            Self::Expect(message) => message.step(),
            Self::Send(bytes) => Step::send_bytes(bytes),
            Self::SendFrame(width, payload) => Step::send_frame(&framing(*width), payload),
            Self::Reply => Step::reply(answer),
            Self::Anytime(Message::Frame(width, want), reply) => Step::anytime(&framing(*width), want.pattern(), reply),
            Self::Anytime(Message::Until(want), reply) => {
                let framing = Framing::delimited(UNTIL).keep_delimiter();
                Step::anytime(&framing, want.pattern(), tcpclient_core::reply::Reply::bytes(reply))
            }
            Self::Anytime(Message::Line(want), reply) => Step::anytime(&Framing::lines(), want.pattern(), reply),
            Self::Anytime(Message::Bytes(_), _) => unreachable!("rules are for frames"),
            Self::Optional(_) => Step::optional(0),
            Self::Repeat(_) => Step::repeat_until_disconnect(0),
            Self::Silence => Step::expect_silence(Duration::from_millis(50)),
            Self::Pause => Step::pause(Duration::from_millis(50)),
            Self::WaitUntilRead => Step::wait_until_read(),
            Self::ExpectEof => Step::expect_eof(),
            Self::ExpectDisconnect => Step::expect_disconnect(),
            Self::ShutDown => Step::shutdown(),
            Self::Disconnect => Step::disconnect(),
            Self::Reset => Step::reset(),
        });
        if let Self::Optional(ops) | Self::Repeat(ops) = self {
            ops.iter().for_each(|op| op.push(steps));
            let len = steps.len() - at - 1;
            steps[at] =
                if let Self::Optional(_) = self { Step::optional(len) } else { Step::repeat_until_disconnect(len) };
        }
    }

    /// Adds what a client sends that does as it should.
    fn say(&self, stream: &mut Vec<u8>) {
        match self {
            Self::Expect(message) => stream.extend(message.wire()),
            Self::Optional(ops) | Self::Repeat(ops) => ops.iter().for_each(|op| op.say(stream)),
            _ => {}
        }
    }

    /// Adds the messages that this is about.
    fn messages<'a>(&'a self, messages: &mut Vec<&'a Message>) {
        match self {
            Self::Expect(message) | Self::Anytime(message, _) => messages.push(message),
            Self::Optional(ops) | Self::Repeat(ops) => ops.iter().for_each(|op| op.messages(messages)),
            _ => {}
        }
    }
}

/// Returns what `Op::Reply` sends.
pub fn answer(message: &[u8]) -> Vec<u8> {
    if message.is_empty() { Vec::new() } else { [b"!", message].concat() }
}

fn block(input: &mut Input<'_>, depth: usize) -> Vec<Op> {
    let mut ops = vec![Op::Expect(Message::new(input))];
    ops.extend((0..input.below(3)).map(|_| Op::new(input, depth + 1)));
    ops
}

impl Conversation {
    pub fn new(input: &mut Input<'_>) -> Self {
        let ops: Vec<Op> = (0..input.below(7)).map(|_| Op::new(input, 0)).collect();
        let end = [End::Close, End::Close, End::Reset, End::Silence][input.below(4)];
        let pieces = (0..input.below(4)).map(|_| 1 + input.below(5)).collect();
        let mut stream = Vec::new();
        if input.below(3) == 0 {
            ops.iter().for_each(|op| op.say(&mut stream));
        }
        let mut messages = Vec::new();
        ops.iter().for_each(|op| op.messages(&mut messages));
        while !input.is_empty() && stream.len() < 200 {
            match input.below(8) {
                0 => stream.push(input.byte()),
                1 => stream.push(b"ab\n\r\0\x01\x02"[input.below(7)]),
                2 => stream.extend(input.text(3)),
                3 => stream.truncate(input.below(stream.len() + 1)),
                4 if !stream.is_empty() => {
                    let at = input.below(stream.len());
                    stream[at] ^= input.byte();
                }
                _ if messages.is_empty() => {}
                _ => stream.extend(messages[input.below(messages.len())].wire()),
            }
        }
        Self { ops, stream, end, pieces }
    }

    pub fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::expect_connect()];
        self.ops.iter().for_each(|op| op.push(&mut steps));
        steps
    }
}
