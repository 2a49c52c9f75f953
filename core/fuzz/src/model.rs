//! How a conversation must go: a second implementation of the session that is as simple as can be. It has all the bytes before it begins, reads
//! each message from its first byte, and keeps nothing in between.

use super::play::{Course, Fault, Verdict};
use super::script::{Conversation, End, LONGEST, Message, Op, UNTIL, Want, answer, framed};

/// Plays a conversation.
pub fn play(conversation: &Conversation) -> Course {
    let mut model = Model {
        rest: &conversation.stream,
        end: conversation.end,
        events: Events::Bytes,
        rules: Vec::new(),
        message: Vec::new(),
        sent: Vec::new(),
        shut_down: false,
        connection: Connection::Open,
        blocks: Vec::new(),
    };
    let mut index = 1;
    let mut played = model.play(&conversation.ops, &mut index);
    if played.is_ok() && model.connection == Connection::Open {
        played = model.play(&[Op::ExpectDisconnect], &mut index);
    }
    let verdict = match played {
        Ok(()) => Verdict::Passed,
        Err(Stop::Failed(index, fault)) => Verdict::Failed(Some(index), fault),
        Err(Stop::Skip | Stop::Leave) => unreachable!("there is a block around what can be skipped"),
    };
    Course { verdict, sent: model.sent }
}

struct Model<'a> {
    /// What the client has sent and nobody has claimed.
    rest: &'a [u8],
    end: End,
    events: Events,
    /// The messages that are answered at any time, and how.
    rules: Vec<(&'a Message, &'a [u8])>,
    /// The last message.
    message: Vec<u8>,
    sent: Vec<u8>,
    shut_down: bool,
    connection: Connection,
    /// The blocks that are played, outermost first.
    blocks: Vec<Block>,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Events {
    Bytes,
    /// The client has ended, if it does.
    End,
    /// Time has passed.
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Open,
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    repeats: bool,
    /// Whether nothing has been done in this round.
    fresh: bool,
}

/// Why the steps behind are not played.
enum Stop {
    Failed(usize, Fault),
    /// The innermost block is skipped.
    Skip,
    /// The innermost block that repeats is over.
    Leave,
}

/// What the bytes that are there may be.
enum Match {
    /// The message, of so many bytes.
    Whole(usize, Vec<u8>),
    /// Its beginning.
    Part,
    Not(Fault),
}

/// Whose message it is.
enum Owner {
    Unknown,
    Own(usize, Vec<u8>),
    Rule(usize, usize),
    Nobody(Option<Fault>),
}

impl<'a> Model<'a> {
    fn play(&mut self, ops: &'a [Op], index: &mut usize) -> Result<(), Stop> {
        for (place, op) in ops.iter().enumerate() {
            let at = *index;
            *index += size(op);
            let first = place == 0 && self.blocks.last().is_some_and(|block| !block.repeats);
            if self.connection == Connection::Over && !matches!(op, Op::Pause | Op::Anytime(..)) {
                return Err(Stop::Failed(at, Fault::NotConnected));
            }
            match op {
                Op::Optional(ops) => match self.block(ops, at, false) {
                    Err(Stop::Skip) => {}
                    other => other?,
                },
                Op::Repeat(ops) => loop {
                    match self.block(ops, at, true) {
                        Err(Stop::Leave) => break,
                        other => other?,
                    }
                    if self.connection == Connection::Over {
                        break;
                    }
                },
                op => {
                    self.step(op, first).map_err(|stop| match stop {
                        Stop::Failed(_, fault) => Stop::Failed(at, fault),
                        other => other,
                    })?;
                    if gets_on(op) {
                        self.blocks.iter_mut().for_each(|block| block.fresh = false);
                    }
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, ops: &'a [Op], at: usize, repeats: bool) -> Result<(), Stop> {
        self.blocks.push(Block { repeats, fresh: true });
        let played = self.play(ops, &mut (at + 1));
        self.blocks.pop();
        played
    }

    fn step(&mut self, op: &'a Op, first: bool) -> Result<(), Stop> {
        let fail = |fault| Err(Stop::Failed(0, fault));
        match op {
            Op::Expect(message) => self.receive(message, first),
            Op::Send(bytes) => self.send(bytes),
            Op::SendFrame(width, payload) => self.send(&framed(*width, payload)),
            Op::Reply => self.send(&answer(&self.message)),
            Op::Anytime(message, reply) => {
                self.rules.push((message, reply));
                Ok(())
            }
            Op::Optional(_) | Op::Repeat(_) => unreachable!("blocks are played above"),
            Op::Silence | Op::Pause => loop {
                if !self.serve().is_empty() && matches!(op, Op::Silence) {
                    return fail(Fault::Unexpected);
                }
                if self.connection == Connection::Over || !self.go_on() {
                    return Ok(());
                }
            },
            Op::WaitUntilRead if self.sent.is_empty() => Ok(()),
            Op::WaitUntilRead => loop {
                self.serve();
                if self.ended() == Some(End::Reset) {
                    return fail(Fault::Unread);
                }
                if !self.go_on() {
                    return Ok(());
                }
            },
            Op::ExpectEof => {
                self.wait_for_end(Fault::EofTimeout)?;
                Ok(())
            }
            Op::ExpectDisconnect => {
                self.wait_for_end(Fault::DisconnectTimeout)?;
                self.connection = Connection::Over;
                Ok(())
            }
            Op::ShutDown => {
                self.shut_down = true;
                Ok(())
            }
            Op::Disconnect | Op::Reset => {
                self.connection = Connection::Over;
                Ok(())
            }
        }
    }

    /// Lets the next thing happen. Returns whether there was any.
    fn go_on(&mut self) -> bool {
        self.events = match self.events {
            Events::Bytes => Events::End,
            Events::End => Events::Time,
            Events::Time => return false,
        };
        self.events != Events::Time
    }

    /// Returns how the client has ended, if it has.
    fn ended(&self) -> Option<End> {
        Some(self.end).filter(|end| self.events != Events::Bytes && *end != End::Silence)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.shut_down {
            return Err(Stop::Failed(0, Fault::ShutDown));
        }
        if self.ended() == Some(End::Reset) {
            return Err(Stop::Failed(0, Fault::NotDelivered));
        }
        self.sent.extend_from_slice(bytes);
        Ok(())
    }

    /// Judges the end of the client.
    fn judge_end(&self, end: End) -> Result<(), Stop> {
        match end {
            End::Reset if self.sent.is_empty() => Err(Stop::Failed(0, Fault::Aborted)),
            End::Reset => Err(Stop::Failed(0, Fault::Unread)),
            End::Close | End::Silence => Ok(()),
        }
    }

    fn wait_for_end(&mut self, timeout: Fault) -> Result<(), Stop> {
        loop {
            if !self.serve().is_empty() {
                return Err(Stop::Failed(0, Fault::Unexpected));
            }
            if let Some(end) = self.ended() {
                return self.judge_end(end);
            }
            if !self.go_on() {
                return Err(Stop::Failed(0, timeout));
            }
        }
    }

    /// Answers what is answered at any time. Returns what nobody wants.
    fn serve(&mut self) -> &'a [u8] {
        loop {
            match self.owner(None) {
                Owner::Rule(rule, len) => self.answer(rule, len),
                Owner::Unknown => return &[],
                _ if self.connection == Connection::Over => return &[],
                _ => return self.rest,
            }
        }
    }

    fn answer(&mut self, rule: usize, len: usize) {
        self.rest = &self.rest[len..];
        if self.ended() != Some(End::Reset) {
            self.sent.extend_from_slice(&reply(self.rules[rule]));
        }
    }

    /// Says whose message is the next one.
    fn owner(&self, own: Option<&Message>) -> Owner {
        if self.rest.is_empty() || self.connection == Connection::Over {
            return Owner::Nobody(None);
        }
        let mut fault = None;
        match own.map(|message| message.read(self.rest, false)) {
            Some(Match::Whole(len, message)) => return Owner::Own(len, message),
            Some(Match::Part) if self.ended().is_none() => return Owner::Unknown,
            Some(Match::Not(not)) => fault = Some(not),
            Some(Match::Part) => fault = Some(Fault::Closed),
            None => {}
        }
        for (rule, (message, _)) in self.rules.iter().enumerate() {
            match message.read(self.rest, true) {
                Match::Whole(len, _) => return Owner::Rule(rule, len),
                Match::Part if self.ended().is_none() => return Owner::Unknown,
                Match::Part | Match::Not(_) => {}
            }
        }
        Owner::Nobody(fault)
    }

    /// Waits for a message. `first` says that an optional block begins with it.
    fn receive(&mut self, message: &Message, first: bool) -> Result<(), Stop> {
        loop {
            if self.rest.is_empty() {
                if let Some(end) = self.ended() {
                    if self.is_between_rounds() {
                        self.judge_end(end)?;
                        self.connection = Connection::Over;
                        return Err(Stop::Leave);
                    }
                    return Err(if first { Stop::Skip } else { Stop::Failed(0, Fault::Closed) });
                }
            } else {
                match self.owner(Some(message)) {
                    Owner::Unknown => {}
                    Owner::Own(len, message) => {
                        self.rest = &self.rest[len..];
                        self.message = message;
                        return Ok(());
                    }
                    Owner::Rule(rule, len) => {
                        self.answer(rule, len);
                        continue;
                    }
                    Owner::Nobody(_) if first => return Err(Stop::Skip),
                    Owner::Nobody(fault) => return Err(Stop::Failed(0, fault.unwrap_or(Fault::Other))),
                }
            }
            if !self.go_on() {
                return Err(if first { Stop::Skip } else { Stop::Failed(0, Fault::MessageTimeout) });
            }
        }
    }

    /// Says whether a round of a block that repeats begins, and nothing was done in it.
    fn is_between_rounds(&self) -> bool {
        self.blocks.iter().rev().take_while(|block| block.fresh).any(|block| block.repeats)
    }
}

fn size(op: &Op) -> usize {
    match op {
        Op::Optional(ops) | Op::Repeat(ops) => 1 + ops.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// Says whether something has happened when such a step is done.
fn gets_on(op: &Op) -> bool {
    matches!(op, Op::Expect(_) | Op::Send(_) | Op::SendFrame(..) | Op::Silence | Op::Pause)
}

fn reply((message, reply): (&Message, &[u8])) -> Vec<u8> {
    match message {
        Message::Frame(width, _) => framed(*width, reply),
        Message::Line(_) => [reply, b"\r\n"].concat(),
        Message::Until(_) | Message::Bytes(_) => reply.to_vec(),
    }
}

impl Message {
    /// Says what the bytes are. `rule` says that nobody is to wait for the rest of what cannot be this message.
    fn read(&self, bytes: &[u8], rule: bool) -> Match {
        match self {
            Self::Bytes(expected) => exact(expected, bytes),
            Self::Frame(width, want) => {
                if let (Want::Exact(expected), true) = (want, rule) {
                    return exact(&framed(*width, expected), bytes);
                }
                if bytes.len() < *width {
                    return Match::Part;
                }
                let (header, behind) = bytes.split_at(*width);
                let len = header.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
                match want {
                    _ if len > LONGEST => Match::Not(Fault::Framing),
                    Want::Exact(expected) if expected.len() != len => Match::Not(Fault::Wrong(None)),
                    Want::Exact(expected) => match exact(expected, behind) {
                        Match::Whole(len, message) => Match::Whole(width + len, message),
                        other => other,
                    },
                    _ if behind.len() < len => Match::Part,
                    want => want.judge(width + len, &behind[..len]),
                }
            }
            Self::Line(Want::Exact(expected)) => {
                let ends = [&b"\n"[..], b"\r\n"].map(|end| exact(&[expected, end].concat(), bytes));
                let whole = |end: &Match| matches!(end, Match::Whole(..));
                match ends {
                    [Match::Not(_), Match::Not(_)] => Match::Not(Fault::Wrong(None)),
                    ends if !ends.iter().any(whole) => Match::Part,
                    [Match::Whole(len, _), _] | [_, Match::Whole(len, _)] => Match::Whole(len, expected.clone()),
                    _ => unreachable!("one of them is whole"),
                }
            }
            Self::Line(want) => {
                let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Match::Part };
                let line = &bytes[..end];
                want.judge(end + 1, line.strip_suffix(b"\r").unwrap_or(line))
            }
            Self::Until(Want::Exact(expected)) => match exact(expected, bytes) {
                Match::Not(_) => Match::Not(Fault::Wrong(None)),
                other => other,
            },
            Self::Until(want) => {
                let Some(end) = bytes.windows(UNTIL.len()).position(|window| window == UNTIL) else {
                    return Match::Part;
                };
                let len = end + UNTIL.len();
                want.judge(len, &bytes[..len])
            }
        }
    }
}

impl Want {
    fn judge(&self, len: usize, message: &[u8]) -> Match {
        let right = match self {
            Self::Exact(expected) => message == expected,
            Self::Prefix(prefix) => message.starts_with(prefix),
            Self::Any => true,
        };
        if right { Match::Whole(len, message.to_vec()) } else { Match::Not(Fault::Wrong(None)) }
    }
}

fn exact(expected: &[u8], bytes: &[u8]) -> Match {
    match expected.iter().zip(bytes).position(|(expected, byte)| expected != byte) {
        Some(at) => Match::Not(Fault::Wrong(Some(at))),
        None if bytes.len() < expected.len() => Match::Part,
        None => Match::Whole(expected.len(), expected.to_vec()),
    }
}
