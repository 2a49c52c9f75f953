//! No sockets and no sleeps: what a driver would do is done by a [`Player`], and time is data.

use super::{Config, Output, Peer, Session, Wait};
use crate::framing::{Codec, Framing, FramingError, tests::census};
use crate::pattern::Pattern;
use crate::report::{Arrived, Cause, Client, End, Part};
use crate::step::{Amendment, Capture, Step};
use crate::time::{Deadline, Duration, Instant, Reason};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::panic::Location;
use expect_test::{Expect, expect};
use std::sync::Mutex;

mod flow;
mod table;

/// What happens to a session. All that stands between two `After` is in the kernel at once: it is handed in before the clock
/// judges.
#[derive(Clone, Debug)]
enum In {
    Push(Step),
    Within(usize, Duration),
    /// A client connects.
    Connect,
    Bytes(&'static [u8]),
    Eof,
    Reset,
    /// The transport knows that the client will not read so many bytes.
    Unread(u64),
    /// The transport knows that the client holds the connection, and has not read so many bytes so far.
    Held(u64),
    /// The transport knows that the client has aborted the connection.
    Aborted,
    /// The transport knows that the client has let go of the connection, and not how much it has read.
    Gone,
    /// The transport knows that the client goes, and will know how.
    Leaving,
    SendFailed,
    /// From here on, the transport takes only so many bytes more.
    Room(usize),
    /// What is due is judged; then so many milliseconds pass, and each deadline is judged when it comes.
    After(u64),
    Finish,
}
use In::{After, Bytes, Connect, Eof, Finish, Gone, Held, Push, Room, SendFailed, Unread, Within};

/// Drives a session as a driver would.
struct Player {
    session: Session,
    now: Instant,
    room: usize,
    log: Vec<String>,
}

impl Player {
    fn new(config: Config, script: &[Step]) -> Self {
        let mut session = Session::new(config);
        for step in script {
            session.push(step.clone());
        }
        Self { session, now: Instant::ORIGIN, room: usize::MAX, log: Vec::new() }
    }

    fn play(script: &[Step], inputs: &[In]) -> Self {
        let mut player = Self::new(Config::default(), script);
        player.inputs(inputs);
        player
    }

    fn inputs(&mut self, inputs: &[In]) {
        for input in inputs {
            self.input(input);
        }
        self.input(&After(0));
    }

    fn input(&mut self, input: &In) {
        self.settle();
        match input {
            Push(step) => _ = self.session.push(step.clone()),
            Within(index, deadline) => self.session.amend(*index, Amendment::Deadline(*deadline)),
            Connect => self.session.handle_connection(self.now, peer()),
            Bytes(bytes) => self.session.handle_bytes(self.now, bytes),
            Eof => self.session.handle_eof(self.now),
            In::Reset => self.session.handle_reset(self.now),
            Unread(count) => self.session.handle_peer(self.now, Peer::Closed { unread: Some(*count) }),
            Held(count) => self.session.handle_peer(self.now, Peer::Open { unread: Some(*count) }),
            In::Aborted => self.session.handle_peer(self.now, Peer::Aborted),
            Gone => self.session.handle_peer(self.now, Peer::Closed { unread: None }),
            In::Leaving => self.session.handle_peer(self.now, Peer::Leaving),
            SendFailed => self.session.handle_send_failed(self.now),
            Room(count) => self.room = *count,
            After(millis) => self.pass(Duration::from_millis(*millis)),
            Finish => self.session.finish(Location::caller()),
        }
        self.settle();
    }

    fn pass(&mut self, span: Duration) {
        let target = self.now + span;
        while let Some(due) = self.settle().filter(|&due| due <= target) {
            self.now = self.now.max(due);
            let done = self.session.done();
            self.session.handle_timeout(self.now);
            let again = self.settle() == Some(due);
            let judged = self.session.has_failed() || self.session.done() > done || !again;
            assert!(judged, "a deadline that is due judges, a pause is over: else the driver would spin");
        }
        self.now = target;
    }

    /// Does what the session says until it waits; returns until when.
    fn settle(&mut self) -> Option<Instant> {
        loop {
            let line = match self.session.poll_output(self.now) {
                Output::Accept => "accept".to_string(),
                Output::ShutDown => "shut down".to_string(),
                Output::Disconnect => "disconnect".to_string(),
                Output::Reset => "reset".to_string(),
                Output::HandOver { step, received } => {
                    format!("hand over by {step} with {}", String::from_utf8_lossy(&received))
                }
                Output::Wait(wait) => {
                    let count = wait.send.len().min(self.room);
                    if count == 0 {
                        return wait.until.map(|until| until.at);
                    }
                    let line = format!("send {}", String::from_utf8_lossy(&wait.send[..count]));
                    self.session.handle_sent(self.now, count);
                    self.room -= if self.room == usize::MAX { 0 } else { count };
                    line
                }
            };
            self.log.push(line);
        }
    }

    fn wait(&mut self) -> Wait<'_> {
        self.settle();
        let Output::Wait(wait) = self.session.poll_output(self.now) else { panic!("the session has settled") };
        wait
    }

    fn verdict(&self) -> Verdict {
        let report = self.session.report("server", Cause::Dropped);
        if self.session.has_failed() {
            return Verdict::Failed(report.step(), report.cause().clone());
        }
        assert_eq!(report.cause(), &Cause::Dropped);
        Verdict::Done(self.session.done())
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// So many steps are done, and none has failed.
    Done(usize),
    Failed(Option<usize>, Cause),
}

fn failed(step: usize, cause: Cause) -> Verdict {
    Verdict::Failed(Some(step), cause)
}

/// Compares what the session had its driver do, and the verdict.
#[track_caller]
fn check(script: &[Step], inputs: &[In], expected: Expect) {
    let player = Player::play(script, inputs);
    let end = match player.verdict() {
        Verdict::Done(count) if player.session.is_done() => format!("all {count} done"),
        Verdict::Done(count) => format!("{count} done"),
        Verdict::Failed(Some(step), cause) => format!("step {step} failed: {cause:?}"),
        Verdict::Failed(None, cause) => format!("failed: {cause:?}"),
    };
    let log = if player.log.is_empty() { "-".to_string() } else { player.log.join(", ") };
    expected.assert_eq(&format!("{log} | {end}").replace("\r\n", "\\r\\n"));
}

fn peer() -> Option<SocketAddr> {
    "127.0.0.1:51422".parse().ok()
}

/// Frames of 8 bytes, of which every second one counts.
struct Halved;

impl Codec for Halved {
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        Ok((bytes.len() >= 8).then_some(8))
    }

    fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        Ok(frame.iter().copied().step_by(2).collect())
    }

    fn encode(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        Ok(message.iter().flat_map(|&byte| [byte; 2]).collect())
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn connect() -> Step {
    Step::expect_connect()
}

fn expect_bytes(bytes: &str) -> Step {
    Step::expect_bytes(bytes)
}

fn frame(payload: &str) -> Step {
    Step::expect_frame(&Framing::default(), payload)
}

fn line(pattern: impl Into<Pattern>) -> Step {
    Step::expect_line(pattern)
}

fn send(bytes: &str) -> Step {
    Step::send_bytes(bytes)
}

fn closed() -> Step {
    Step::expect_disconnect()
}

fn expect_eof() -> Step {
    Step::expect_eof()
}

fn read() -> Step {
    Step::wait_until_read()
}

fn message(bytes: usize, of: impl Into<Option<usize>>) -> Arrived {
    Arrived { part: Part::Message, bytes, of: of.into() }
}

fn header(bytes: usize, of: impl Into<Option<usize>>) -> Arrived {
    Arrived { part: Part::Header, bytes, of: of.into() }
}

fn payload(bytes: usize, of: impl Into<Option<usize>>) -> Arrived {
    Arrived { part: Part::Payload, bytes, of: of.into() }
}

// Causes

/// Numbers the causes, those of which a session itself is the source first.
fn number(cause: &Cause) -> usize {
    match cause {
        Cause::ConnectTimeout { .. } => 0,
        Cause::DisconnectTimeout { .. } => 1,
        Cause::MessageTimeout { .. } => 2,
        Cause::SendTimeout { .. } => 3,
        Cause::NotConnected { .. } => 4,
        Cause::MissingConnect => 5,
        Cause::WrongByte { .. } => 6,
        Cause::WrongLength { .. } => 7,
        Cause::Framing(_) => 8,
        Cause::Closed { .. } => 9,
        Cause::UnexpectedData => 10,
        Cause::Unread { .. } => 11,
        Cause::Aborted => 12,
        Cause::NotDelivered { .. } => 13,
        Cause::CutOff { .. } => 14,
        Cause::SecondConnection { .. } => 15,
        Cause::UnclaimedConnection { .. } => 16,
        Cause::UnclaimedData { .. } => 17,
        Cause::UnclaimedClient { .. } => 18,
        Cause::EofTimeout { .. } => 19,
        Cause::ReadTimeout { .. } => 20,
        Cause::ShutDown { .. } => 21,
        Cause::WrongMessage { .. } => 22,
        Cause::HoldTimeout { .. } => 23,
        Cause::UnexpectedClient { .. } => 24,
        Cause::Overrun { .. } => 25,
        Cause::NoStepLeft { .. } => OWN_CAUSES - 1,
        // The last one needs an implementation of TLS: `tls::tests` find it.
        Cause::Reply(_)
        | Cause::UnknownRelease { .. }
        | Cause::Panicked(_)
        | Cause::Abandoned
        | Cause::Transport(_)
        | Cause::Interrupted
        | Cause::Returned(_)
        | Cause::Stalled { .. }
        | Cause::Dropped
        | Cause::Tls(_) => OWN_CAUSES,
    }
}

const OWN_CAUSES: usize = 27;

#[test]
fn every_cause_is_found_with_its_step() {
    let after = SECOND;
    let wrong_byte = |offset, expected, received, framed| Cause::WrongByte { offset, expected, received, framed };
    let wrong_message = |offset, reason: &str| Cause::WrongMessage { offset, reason: reason.to_string() };
    let closed_by = |by, arrived| Cause::Closed { by, arrived };
    let timeout = |arrived| Cause::MessageTimeout { after, arrived };
    let (second, unclaimed) = (Cause::SecondConnection { peer: peer() }, Cause::UnclaimedConnection { peer: peer() });
    let nobody = Cause::UnclaimedData { after: Duration::from_secs(10) };
    let stranger = Cause::UnclaimedClient { after: Duration::from_secs(10), peer: peer() };
    let hostile = Cause::Framing(FramingError::LengthField { length: 0x4745_5420, max: 1 << 24, swapped: false });

    // After the client has connected.
    let cases: Vec<(Vec<Step>, Vec<In>, usize, Cause)> = vec![
        (vec![connect()], vec![Eof, After(1000)], 2, Cause::ConnectTimeout { after }),
        (vec![closed()], vec![After(1000)], 2, Cause::DisconnectTimeout { after }),
        (vec![expect_bytes("Hello")], vec![After(1000)], 2, timeout(message(0, 5))),
        (vec![expect_bytes("Hello")], vec![Bytes(b"Hel"), After(1000)], 2, timeout(message(3, 5))),
        (vec![frame("Hello")], vec![After(1000)], 2, timeout(header(0, 4))),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0"), After(1000)], 2, timeout(header(3, 4))),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0\x05"), After(1000)], 2, timeout(payload(0, 5))),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0\x05Hel"), After(1000)], 2, timeout(payload(3, 5))),
        (vec![send("Hello")], vec![After(1000)], 2, Cause::SendTimeout { after, taken: 0, of: 5 }),
        (vec![send("Hello")], vec![Room(3), After(1000)], 2, Cause::SendTimeout { after, taken: 3, of: 5 }),
        (vec![closed(), send("x")], vec![Eof], 3, Cause::NotConnected { ended_by: Some(2) }),
        (vec![Step::disconnect(), closed()], vec![], 3, Cause::NotConnected { ended_by: Some(2) }),
        (vec![Step::reset(), Step::reset()], vec![], 3, Cause::NotConnected { ended_by: Some(2) }),
        (vec![closed(), send("x")], vec![Eof, Connect], 3, Cause::MissingConnect),
        (vec![expect_bytes("Hello")], vec![Bytes(b"Jello")], 2, wrong_byte(0, b'H', b'J', false)),
        (vec![expect_bytes("Hello")], vec![Bytes(b"He"), Bytes(b"xx")], 2, wrong_byte(2, b'l', b'x', false)),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0\x05Hellx")], 2, wrong_byte(4, b'o', b'x', true)),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0\x06")], 2, Cause::WrongLength { expected: 5, announced: 6 }),
        (vec![frame("")], vec![Bytes(b"\0\0\0\x01")], 2, Cause::WrongLength { expected: 0, announced: 1 }),
        (
            vec![Step::expect_frame(&Framing::codec(Halved), "Hello")],
            vec![Bytes(b"HHeellll")],
            2,
            Cause::WrongLength { expected: 5, announced: 4 },
        ),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0\0")], 2, Cause::WrongLength { expected: 5, announced: 0 }),
        (vec![frame("Hello")], vec![Bytes(b"GET / HTTP/1.1")], 2, hostile),
        (vec![line(Pattern::suffix("x"))], vec![Bytes(b"y\r\n")], 2, wrong_message(None, "it does not end with \"x\"")),
        (vec![line(Pattern::any())], vec![Bytes(b"a"), After(1000)], 2, timeout(message(1, None))),
        (vec![line(Pattern::any())], vec![Bytes(b"a"), Eof], 2, closed_by(End::Close, message(1, None))),
        (vec![Step::expect_silence(SECOND)], vec![Bytes(b"x")], 2, Cause::UnexpectedData),
        (
            vec![Step::hold("x")],
            vec![After(10_000)],
            2,
            Cause::HoldTimeout { after: Duration::from_secs(10), released: vec![] },
        ),
        (vec![expect_bytes("Hello")], vec![Eof], 2, closed_by(End::Close, message(0, 5))),
        (vec![expect_bytes("Hello")], vec![Bytes(b"Hel"), Eof], 2, closed_by(End::Close, message(3, 5))),
        (vec![expect_bytes("Hello")], vec![Bytes(b"Hel"), In::Reset], 2, closed_by(End::Reset, message(3, 5))),
        (vec![frame("Hello")], vec![Bytes(b"\0"), Eof], 2, closed_by(End::Close, header(1, 4))),
        (vec![frame("Hello")], vec![Bytes(b"\0\0\0\x05H"), In::Reset], 2, closed_by(End::Reset, payload(1, 5))),
        (vec![closed()], vec![Bytes(b"x")], 2, Cause::UnexpectedData),
        (vec![closed()], vec![Bytes(b"x"), Eof], 2, Cause::UnexpectedData),
        (vec![connect()], vec![Bytes(b"x"), Eof, Connect], 2, Cause::UnexpectedData),
        (vec![send("Hello"), closed()], vec![Room(5), In::Reset], 3, Cause::Unread { sent: 5, unread: None }),
        (vec![send("Hello"), connect()], vec![Room(5), In::Reset, Connect], 3, Cause::Unread { sent: 5, unread: None }),
        (vec![send("Hello"), closed()], vec![Room(5), Eof, In::Reset], 3, Cause::Unread { sent: 5, unread: None }),
        (vec![send("Hello"), closed()], vec![Room(5), Unread(2), Eof], 3, Cause::Unread { sent: 5, unread: Some(2) }),
        (vec![send("Hello"), connect()], vec![Room(5), Eof, Unread(2)], 3, Cause::Unread { sent: 5, unread: Some(2) }),
        (vec![send("Hello"), closed()], vec![Room(5), Unread(0), In::Reset], 3, Cause::Aborted),
        (vec![closed()], vec![In::Reset], 2, Cause::Aborted),
        (vec![closed()], vec![Eof, In::Reset], 2, Cause::Aborted),
        (vec![expect_bytes("A"), send("Hello")], vec![Bytes(b"A"), In::Reset], 3, Cause::NotDelivered { bytes: 5 }),
        (vec![send("Hello")], vec![SendFailed], 2, Cause::NotDelivered { bytes: 5 }),
        (vec![send("Hello")], vec![Eof, SendFailed], 2, Cause::NotDelivered { bytes: 5 }),
        (vec![send("Hello")], vec![Eof, Room(2), SendFailed], 2, Cause::CutOff { bytes: 3 }),
        (vec![send("Hello")], vec![Room(2), In::Reset], 2, Cause::CutOff { bytes: 3 }),
        (vec![send("Hello")], vec![Room(2), SendFailed], 2, Cause::CutOff { bytes: 3 }),
        (vec![closed()], vec![Held(0), Eof, In::Aborted], 2, Cause::Aborted),
        (vec![send("Hello"), closed()], vec![Room(5), In::Aborted, In::Reset], 3, Cause::Aborted),
        (vec![send("Hello"), closed()], vec![Room(5), Gone, In::Reset], 3, Cause::Unread { sent: 5, unread: None }),
        (
            vec![send("Hello"), closed()],
            vec![Room(5), Held(5), Eof, After(1000)],
            3,
            Cause::DisconnectTimeout { after },
        ),
        (vec![connect()], vec![Held(0), Eof, After(1000)], 2, Cause::ConnectTimeout { after }),
        (vec![expect_eof()], vec![After(1000)], 2, Cause::EofTimeout { after }),
        (vec![expect_eof()], vec![Bytes(b"x"), Eof], 2, Cause::UnexpectedData),
        (vec![expect_eof()], vec![In::Reset], 2, Cause::Aborted),
        (
            vec![send("Hello"), expect_eof()],
            vec![Room(5), Unread(2), Eof],
            3,
            Cause::Unread { sent: 5, unread: Some(2) },
        ),
        (vec![send("Hello"), read()], vec![Room(5), Held(2), After(1000)], 3, Cause::ReadTimeout { after }),
        (vec![send("Hello"), read()], vec![Room(5), Unread(2), Eof], 3, Cause::Unread { sent: 5, unread: Some(2) }),
        (vec![send("Hello"), read()], vec![Room(5), In::Reset], 3, Cause::Unread { sent: 5, unread: None }),
        (vec![Step::shutdown(), send("x")], vec![], 3, Cause::ShutDown { by: 2 }),
        (vec![Step::optional(1), Step::optional(2), line("a")], vec![], 3, Cause::Overrun { by: 2 }),
        (vec![send("Hello")], vec![Unread(0), Eof], 2, Cause::NotDelivered { bytes: 5 }),
        (vec![send("Hello")], vec![Room(2), Unread(2), Eof], 2, Cause::CutOff { bytes: 3 }),
        (vec![closed()], vec![Connect], 2, second.clone()),
        (vec![send("Hello")], vec![Connect], 2, second.clone()),
        (vec![connect()], vec![Connect], 2, second.clone()),
    ];
    // From the beginning, and those that no step fails for.
    let cases = cases.into_iter().map(|(steps, inputs, step, cause)| {
        let script = core::iter::once(connect()).chain(steps).collect();
        (script, [vec![Room(0), Connect], inputs].concat(), failed(step, cause))
    });
    let cases = cases.chain([
        (vec![connect()], vec![After(1000)], failed(1, Cause::ConnectTimeout { after })),
        (vec![expect_bytes("x")], vec![], failed(1, Cause::NotConnected { ended_by: None })),
        (vec![Step::disconnect()], vec![], failed(1, Cause::NotConnected { ended_by: None })),
        (vec![send("x")], vec![Connect], failed(1, Cause::MissingConnect)),
        (vec![Step::expect_no_connect(SECOND)], vec![Connect], failed(1, Cause::UnexpectedClient { peer: peer() })),
        (vec![connect()], vec![Connect, Connect], Verdict::Failed(None, second.clone())),
        (vec![connect(), closed()], vec![Connect, Eof, Connect, Finish], Verdict::Failed(None, second)),
        (vec![], vec![Connect, Finish], Verdict::Failed(None, unclaimed)),
        (vec![connect()], vec![Connect, Bytes(b"x"), After(10_000)], Verdict::Failed(None, nobody)),
        (vec![], vec![Connect, After(10_000)], Verdict::Failed(None, stranger)),
        (
            vec![connect()],
            vec![Connect, After(10_000)],
            Verdict::Failed(None, Cause::NoStepLeft { after: 10 * SECOND }),
        ),
    ]);
    let mut found = BTreeSet::new();
    for (script, inputs, verdict) in cases {
        let player = Player::play(&script, &inputs);
        assert_eq!(player.verdict(), verdict, "{script:?} {inputs:?}");
        let Verdict::Failed(_, cause) = verdict else { unreachable!("every case fails") };
        found.insert(number(&cause));
    }
    assert_eq!(found, (0..OWN_CAUSES).collect(), "every cause that a session can find is found");
}

#[test]
fn what_fails_outside_of_the_script_fails_the_current_step_if_there_is_one() {
    for cause in [Cause::Panicked("oops".into()), Cause::Abandoned, Cause::Transport("broken".into())] {
        let mut player = Player::play(&[connect(), closed()], &[Connect]);
        player.session.fail(cause.clone());
        player.session.fail(Cause::Aborted);
        assert_eq!(player.verdict(), failed(2, cause.clone()));
        player.settle();
        assert_eq!(player.log, ["accept", "reset"]);

        let mut player = Player::play(&[connect()], &[Connect]);
        player.session.fail(cause.clone());
        assert_eq!(player.verdict(), Verdict::Failed(None, cause));
    }
}

#[test]
fn a_script_that_has_not_failed_reports_the_cause_it_is_asked_for() {
    let player = Player::play(&[connect(), closed()], &[Connect]);
    for cause in [Cause::Interrupted, Cause::Dropped] {
        let report = player.session.report("server", cause.clone());
        assert_eq!((report.step(), report.cause()), (Some(2), &cause));
    }
    let done = Player::play(&[connect(), closed()], &[Connect, Eof]);
    assert_eq!(done.session.report("server", Cause::Dropped).step(), None);

    let mut failed = player;
    failed.inputs(&[Bytes(b"x")]);
    assert_eq!(failed.session.report("server", Cause::Interrupted).cause(), &Cause::UnexpectedData);
}

#[test]
fn a_report_says_what_the_client_has_done() {
    let cases: [(&[Step], &[In], Client); 13] = [
        (&[], &[], Client::NeverConnected),
        (&[], &[Connect], Client::Waiting),
        (&[connect()], &[Connect], Client::Connected),
        (&[connect()], &[Connect, Eof], Client::Ended),
        (&[connect()], &[Connect, Held(0), Eof], Client::HalfClosed),
        (&[connect()], &[Connect, Unread(0), Eof], Client::Closed),
        (&[connect()], &[Connect, Held(0), Eof, Gone], Client::Closed),
        (&[connect()], &[Connect, In::Reset], Client::Reset),
        (&[connect(), closed()], &[Connect, Eof], Client::Ended),
        (&[connect(), closed()], &[Connect, Eof, Connect], Client::Waiting),
        (&[connect(), closed()], &[Connect, Connect], Client::Connected),
        (&[connect(), Step::disconnect()], &[Connect], Client::EndedByServer),
        (&[connect(), Step::reset()], &[Connect, In::Reset], Client::EndedByServer),
    ];
    for (script, inputs, client) in cases {
        let player = Player::play(script, inputs);
        assert_eq!(player.session.report("server", Cause::Dropped).client(), client, "{script:?} {inputs:?}");
    }
}

// Messages, however they are cut

/// Plays a step against the bytes whole, byte by byte, cut in two at every place, and there before the step was pushed; with
/// and without bytes behind them, for which another step waits.
#[track_caller]
fn check_message(step: &Step, wire: &[u8], end: &[In], expected: &Verdict) {
    let feed = |late: bool, behind: &[u8], cuts: &mut dyn Iterator<Item = usize>| {
        let mut player = Player::new(Config::default(), &[connect()]);
        let push = |player: &mut Player| {
            player.input(&Push(step.clone()));
            if !behind.is_empty() {
                player.input(&Push(Step::expect_bytes(behind)));
            }
        };
        player.input(&Connect);
        if !late {
            push(&mut player);
        }
        let stream = [wire, behind].concat();
        let mut start = 0;
        for cut in cuts.chain([stream.len()]) {
            player.session.handle_bytes(player.now, &stream[start..cut]);
            player.settle();
            start = cut;
        }
        if late {
            push(&mut player);
        }
        player.inputs(end);
        let expected = match expected {
            Verdict::Done(done) if !behind.is_empty() => Verdict::Done(done + 1),
            other => other.clone(),
        };
        assert_eq!(player.verdict(), expected, "{step:?} {wire:?} {behind:?} {end:?}, late: {late}");
    };
    let behinds: &[&[u8]] = if end.is_empty() { &[b"", b"\0\0\0\x01behind"] } else { &[b""] };
    for behind in behinds {
        let len = wire.len() + behind.len();
        for late in [false, true] {
            feed(late, behind, &mut core::iter::empty());
            feed(late, behind, &mut (1..len));
            (1..len).for_each(|cut| feed(late, behind, &mut [cut].into_iter()));
        }
    }
}

#[test]
fn bytes_are_judged_the_same_however_they_are_cut() {
    let expected = b"Hello";
    let step = Step::expect_bytes(expected);
    check_message(&step, expected, &[], &Verdict::Done(2));
    for offset in 0..expected.len() {
        let mut wire = *expected;
        wire[offset] = 0xff;
        let cause = Cause::WrongByte { offset, expected: expected[offset], received: 0xff, framed: false };
        check_message(&step, &wire, &[], &failed(2, cause.clone()));
        check_message(&step, &wire[..=offset], &[Eof], &failed(2, cause));

        let arrived = message(offset, expected.len());
        for (end, by) in [(Eof, End::Close), (In::Reset, End::Reset)] {
            check_message(&step, &expected[..offset], &[end], &failed(2, Cause::Closed { by, arrived }));
        }
        let cause = Cause::MessageTimeout { after: SECOND, arrived };
        check_message(&step, &expected[..offset], &[After(1000)], &failed(2, cause));
    }
}

#[test]
fn frames_of_every_width_are_judged_the_same_however_they_are_cut() {
    for (width, expected) in (1..=8).flat_map(|width| [(width, &b"Hello"[..]), (width, b"")]) {
        let framing = Framing::length_prefixed(width);
        let step = Step::expect_frame(&framing, expected);
        let wire = framing.encode(expected).unwrap();
        check_message(&step, &wire, &[], &Verdict::Done(2));
        for offset in 0..wire.len() {
            let arrived = match offset.checked_sub(width) {
                None => header(offset, width),
                Some(bytes) => payload(bytes, expected.len()),
            };
            let cause = Cause::Closed { by: End::Close, arrived };
            check_message(&step, &wire[..offset], &[Eof], &failed(2, cause));
            let cause = Cause::MessageTimeout { after: SECOND, arrived };
            check_message(&step, &wire[..offset], &[After(1000)], &failed(2, cause));
        }
        for offset in 0..expected.len() {
            let mut wire = wire.clone();
            wire[width + offset] ^= 0x80;
            let (expected, received) = (expected[offset], wire[width + offset]);
            let cause = Cause::WrongByte { offset, expected, received, framed: true };
            check_message(&step, &wire, &[], &failed(2, cause));
        }
        let announced = expected.len() ^ 1;
        let wire = framing.encode(&vec![b'H'; announced]).unwrap();
        let cause = Cause::WrongLength { expected: expected.len(), announced };
        check_message(&step, &wire, &[], &failed(2, cause.clone()));
        check_message(&step, &wire[..width], &[Eof], &failed(2, cause));
    }
}

#[test]
fn frames_of_real_protocols_are_judged_the_same_however_they_are_cut() {
    for (_, framing, expected, wire) in census() {
        let exact = Step::expect_frame(&framing, expected);
        check_message(&exact, wire, &[], &Verdict::Done(2));
        for pattern in [Pattern::any(), Pattern::contains(expected), Pattern::prefix(&expected[..1])] {
            check_message(&Step::expect_frame(&framing, pattern), wire, &[], &Verdict::Done(2));
        }
        let wrong = Step::expect_frame(&framing, Pattern::contains("no such thing"));
        let reason = "it does not contain \"no such thing\"".to_string();
        check_message(&wrong, wire, &[], &failed(2, Cause::WrongMessage { offset: None, reason }));
        // Cut short, it is no frame, whatever the pattern.
        for cut in 1..wire.len() {
            for step in [&exact, &wrong] {
                let mut player = Player::play(&[connect(), step.clone()], &[Connect]);
                player.session.handle_bytes(player.now, &wire[..cut]);
                player.settle();
                player.input(&Eof);
                let Verdict::Failed(Some(2), Cause::Closed { by: End::Close, .. }) = player.verdict() else {
                    panic!("{step:?} {cut}: {:?}", player.verdict());
                };
            }
        }
    }
}

#[test]
fn exact_messages_fail_at_the_first_wrong_byte_however_they_are_cut() {
    let wrong_byte = |offset, expected, received| Cause::WrongByte { offset, expected, received, framed: true };
    let too_long = |offset: usize| Cause::WrongMessage {
        offset: Some(offset),
        reason: format!("it goes on behind the {offset} bytes expected"),
    };
    let wrong_length = |expected, announced| Cause::WrongLength { expected, announced };
    let until = |message: &str| Step::expect_until("\r\n", message);
    let postgres = Framing::length_field(1, 4).inclusive();
    let cases: Vec<(Step, &[u8], Cause)> = vec![
        (line("EHLO me"), b"EHLO you", wrong_byte(5, b'm', b'y')),
        (line("EHLO me"), b"EHLO\r", wrong_byte(4, b' ', b'\r')),
        (line("EHLO me"), b"EHLO\n", wrong_byte(4, b' ', b'\n')),
        (line("EHLO me"), b"EHLO me!", too_long(7)),
        (line("EHLO me"), b"EHLO me\rx", too_long(7)),
        (
            line(""),
            b"x",
            Cause::WrongMessage { offset: Some(0), reason: "it goes on behind the 0 bytes expected".into() },
        ),
        (Step::expect_frame(&Framing::delimited("\r\n"), "ab"), b"ab\n", too_long(2)),
        (Step::expect_frame(&Framing::lines().keep_delimiter(), "a\r\n"), b"a\n", wrong_byte(1, b'\r', b'\n')),
        (until("QUIT\r\n"), b"QUIX", wrong_byte(3, b'T', b'X')),
        (until("QUIT\r\n"), b"QUIT\n", wrong_byte(4, b'\r', b'\n')),
        (Step::expect_frame(&postgres, "Qab"), b"X\0\0\0\x06", wrong_byte(0, b'Q', b'X')),
        (Step::expect_frame(&postgres, "Qab"), b"Q\0\0\0\x06ax", wrong_byte(2, b'b', b'x')),
        (Step::expect_frame(&postgres, "Qab"), b"Q\0\0\0\x07", Cause::WrongLength { expected: 3, announced: 4 }),
        // What a frame of another framing would be.
        (Step::expect_frame(&Framing::length_field(1, 1), "\x03ab"), b"\x03\x03ab", wrong_length(3, 4)),
        (Step::expect_frame(&Framing::length_prefixed(1).whole(), "\x02ab"), b"\x03\x02ab", wrong_length(3, 4)),
        (Step::expect_frame(&Framing::length_prefixed(1).inclusive(), "ab"), b"\x01ab", wrong_length(2, 0)),
        (Step::expect_frame(&Framing::fixed(3), "abc"), b"abx", wrong_byte(2, b'c', b'x')),
    ];
    for (step, wire, cause) in cases {
        check_message(&step, wire, &[], &failed(2, cause.clone()));
        check_message(&step, wire, &[Eof], &failed(2, cause));
    }
}

#[test]
fn a_reply_is_computed_from_the_message_before_it() {
    let mut player = Player::new(Config::default(), &[connect(), frame("ab"), line(Pattern::any())]);
    let mut calls = 0;
    let reply = move |message: &[u8]| {
        calls += 1;
        format!("{calls}{}", String::from_utf8_lossy(message)).into_bytes()
    };
    player.session.push(Step::reply(reply));
    player.session.push(Step::reply_frame(&Framing::default(), <[u8]>::to_vec));
    player.session.push(Step::reply(|_| Vec::new()));
    player.inputs(&[Connect, Bytes(b"\0\0\0\x02abcd\r\n"), Eof]);
    assert_eq!(player.verdict(), Verdict::Done(6));
    assert_eq!(player.log, ["accept", "send 1cd", "send \0\0\0\x02cd"]);
}

#[test]
fn a_reply_that_no_frame_carries_fails_its_step() {
    let framing = Framing::default().max_length(1);
    let step = Step::reply_frame(&framing, |_| b"ab".to_vec());
    let mut player = Player::new(Config::default(), &[connect()]);
    player.session.push(step);
    player.inputs(&[Connect]);
    let error = FramingError::Message { length: 2, max: 1 };
    assert_eq!(player.verdict(), failed(2, Cause::Reply(error)));
}

#[test]
fn a_script_holds_until_it_is_released() {
    for early in [false, true] {
        let mut player = Player::new(Config::default(), &[connect()]);
        if early {
            player.session.release("go");
        }
        player.session.push(Step::mark("here"));
        player.session.push(Step::hold("go").within(SECOND));
        player.session.push(expect_bytes("x"));
        player.inputs(&[Connect, Bytes(b"x"), After(999)]);
        assert_eq!(player.session.done(), if early { 4 } else { 2 });
        player.session.release("other");
        player.session.release("go");
        player.inputs(&[After(1)]);
        assert_eq!(player.verdict(), Verdict::Done(4), "a release counts, and not the deadline behind it");
    }
}

#[test]
fn silence_is_broken_by_a_byte_and_by_nothing_else() {
    let script = [connect(), Step::expect_silence(SECOND), closed()];
    check(&script, &[Connect, After(999)], expect!["accept | 1 done"]);
    check(&script, &[Connect, After(999), Bytes(b"x")], expect!["accept, reset | step 2 failed: UnexpectedData"]);
    check(&script, &[Connect, Eof, After(1000)], expect!["accept, disconnect | all 3 done"]);
    check(&script, &[Connect, After(1000), Bytes(b"x")], expect!["accept, reset | step 3 failed: UnexpectedData"]);
    check(
        &script,
        &[Connect, Connect],
        expect!["accept, reset | step 2 failed: SecondConnection { peer: Some(127.0.0.1:51422) }"],
    );
    let early = [connect(), expect_bytes("A"), Step::expect_silence(SECOND)];
    check(&early, &[Connect, Bytes(b"Ax")], expect!["accept, reset | step 3 failed: UnexpectedData"]);
}

#[test]
fn a_hostile_length_fails_as_soon_as_it_has_arrived() {
    for width in 1..=8 {
        let framing = Framing::length_prefixed(width).max_length(200);
        let step = Step::expect_frame(&framing, "Hello");
        let length = u64::MAX >> (64 - 8 * width);
        let cause = Cause::Framing(FramingError::LengthField { length, max: 200, swapped: false });
        check_message(&step, &vec![0xff; width], &[], &failed(2, cause.clone()));
        check_message(&step, &vec![0xff; width], &[Eof], &failed(2, cause));
    }
}

#[test]
fn messages_that_came_in_one_piece_are_told_apart() {
    let script = [connect(), expect_bytes("A"), frame("B"), frame(""), expect_bytes("C"), closed()];
    check(&script, &[Connect, Bytes(b"A\0\0\0\x01B\0\0\0\0C"), Eof], expect!["accept, disconnect | all 6 done"]);
    let script = [connect(), expect_bytes("AB"), expect_bytes("CD"), closed()];
    check(&script, &[Connect, Bytes(b"ABC"), Bytes(b"D"), Eof], expect!["accept, disconnect | all 4 done"]);
    check(
        &script,
        &[Connect, Bytes(b"A"), Bytes(b"BCDE"), Eof],
        expect!["accept, reset | step 4 failed: UnexpectedData"],
    );
}

#[test]
fn no_bytes_are_no_input() {
    let mut player = Player::play(&[connect(), closed()], &[Connect, Bytes(b"")]);
    assert_eq!(player.session.transcript().entries().len(), 1);
    player.inputs(&[Eof]);
    assert_eq!(player.verdict(), Verdict::Done(2));
}

// The order of things

#[test]
fn a_conversation_is_played_step_by_step() {
    let script = [connect(), expect_bytes("Hello, server!"), send("Hello, client!"), closed()];
    check(
        &script,
        &[Connect, Bytes(b"Hello, server!"), Eof],
        expect!["accept, send Hello, client!, disconnect | all 4 done"],
    );
    check(&script, &[Connect, Bytes(b"Hello, ")], expect!["accept | 1 done"]);
    check(&script, &[Connect, Bytes(b"Hello, "), Bytes(b"server!")], {
        expect!["accept, send Hello, client! | 3 done"]
    });
}

#[test]
fn bytes_that_come_early_wait_for_their_step() {
    let script = [connect(), send("1"), expect_bytes("A"), send("2"), frame("B"), send("3"), closed()];
    check(
        &script,
        &[Connect, Bytes(b"A\0\0\0\x01B"), Eof],
        expect!["accept, send 1, send 2, send 3, disconnect | all 7 done"],
    );
    check(
        &[],
        &[Connect, After(100), Push(connect()), Bytes(b"A"), After(100), Push(expect_bytes("A"))],
        expect!["accept | all 2 done"],
    );
    // They are judged in their turn: the send before them is not held up.
    check(
        &script,
        &[Connect, Bytes(b"xyz")],
        expect![
            "accept, send 1, reset | step 3 failed: WrongByte { offset: 0, expected: 65, received: 120, framed: false }"
        ],
    );
    // Those for which no step comes wait until somebody asks.
    check(&[connect(), send("1")], &[Connect, Bytes(b"x")], expect!["accept, send 1 | all 2 done"]);
}

#[test]
fn the_transport_takes_what_it_can() {
    let script = [connect(), send("Hello"), send("World"), closed()];
    check(
        &script,
        &[Room(2), Connect, Room(1), Room(4), After(900), Room(9), After(900), Eof],
        expect!["accept, send He, send l, send lo, send Wo, send rld, disconnect | all 4 done"],
    );
    // A deadline is for the whole step, however often some bytes are taken.
    check(
        &script,
        &[Room(2), Connect, After(600), Room(1), After(600)],
        expect!["accept, send He, send l, reset | step 2 failed: SendTimeout { after: 1s, taken: 3, of: 5 }"],
    );
    // It goes on reading meanwhile.
    check(
        &[connect(), send("Hello"), expect_bytes("AB"), closed()],
        &[Room(2), Connect, Bytes(b"A"), Bytes(b"B"), Room(3), Eof],
        expect!["accept, send He, send llo, disconnect | all 4 done"],
    );
}

#[test]
fn what_a_step_sends_is_told_in_one_piece() {
    let player = Player::play(&[connect(), send("Hello"), send("!")], &[Room(2), Connect, Room(99)]);
    let told = player.session.transcript().to_string();
    assert!(told.ends_with("sent 5 bytes  \"Hello\"\n0.000 s  sent 1 byte  \"!\""), "{told}");
}

#[test]
fn what_was_not_to_be_sent_was_not_sent() {
    let mut player = Player::new(Config::default(), &[connect(), send("Hello"), closed()]);
    player.session.handle_sent(player.now, 5);
    player.room = 0;
    player.input(&Connect);
    assert_eq!(player.wait().send, b"Hello");
    player.session.handle_sent(player.now, 2);
    assert_eq!(player.wait().send, b"llo");
    player.session.handle_sent(player.now, usize::MAX);
    player.session.handle_sent(player.now, 100);
    assert_eq!(player.wait().send, b"");
    assert_eq!(player.verdict(), Verdict::Done(2));
    player.input(&In::Reset);
    assert_eq!(player.verdict(), failed(3, Cause::Unread { sent: 5, unread: None }));
}

#[test]
fn a_transport_that_took_nothing_leaves_no_trace() {
    let mut player = Player::new(Config::default(), &[connect(), send("Hello")]);
    player.room = 0;
    player.input(&Connect);
    player.session.handle_sent(player.now, 0);
    assert_eq!(player.session.transcript().to_string(), "0.000 s  client connected from 127.0.0.1:51422");
}

#[test]
fn a_client_that_has_shut_down_its_sending_half_is_still_sent_to() {
    let script = [connect(), expect_bytes("A"), send("1"), send("2"), closed()];
    check(
        &script,
        &[Connect, Bytes(b"A"), Eof, After(100), Eof],
        expect!["accept, send 1, send 2, disconnect | all 5 done"],
    );
    check(
        &script,
        &[Room(0), Connect, Bytes(b"A"), Eof, After(100), Room(1), After(100), Room(1)],
        expect!["accept, send 1, send 2, disconnect | all 5 done"],
    );
    // It is at fault only once it shows that nobody reads.
    check(
        &script,
        &[Room(0), Connect, Bytes(b"A"), Eof, Room(1), SendFailed],
        expect!["accept, send 1, reset | step 4 failed: NotDelivered { bytes: 1 }"],
    );
    check(
        &[connect(), send("12"), Step::send_bytes("34"), closed()],
        &[Room(1), Connect, Eof, Room(1), Room(1), SendFailed],
        expect!["accept, send 1, send 2, send 3, reset | step 3 failed: CutOff { bytes: 1 }"],
    );
}

#[test]
fn nothing_is_played_after_a_failure() {
    let script = [connect(), expect_bytes("A"), send("1"), closed(), connect()];
    let later = [Bytes(b"A"), Connect, Eof, After(60_000), Push(connect()), In::Reset, SendFailed, Finish];
    let inputs = [&[Connect, Bytes(b"x")], &later[..]].concat();
    check(
        &script,
        &inputs,
        expect!["accept, reset | step 2 failed: WrongByte { offset: 0, expected: 65, received: 120, framed: false }"],
    );
    let mut player = Player::play(&script, &inputs);
    let wait = player.wait();
    assert!(wait.send.is_empty() && wait.receive == 0 && wait.until.is_none(), "{wait:?}");
    assert_eq!((player.session.done(), player.session.is_done(), player.session.connections()), (1, false, 2));

    // A failure that no step has is one, too.
    let inputs = [&[Connect, Bytes(b"x"), After(10_000)], &later[4..]].concat();
    check(&[connect()], &inputs, expect!["accept, reset | failed: UnclaimedData { after: 10s }"]);
}

#[test]
fn a_failure_resets_only_a_connection_that_is_there() {
    check(&[connect()], &[After(1000)], expect!["- | step 1 failed: ConnectTimeout { after: 1s }"]);
    check(&[send("1")], &[Connect], expect!["- | step 1 failed: MissingConnect"]);
    check(
        &[connect(), closed(), closed()],
        &[Connect, Eof],
        expect!["accept, disconnect | step 3 failed: NotConnected { ended_by: Some(2) }"],
    );
}

#[test]
fn the_server_closes_and_what_still_comes_is_only_recorded() {
    for (step, output) in [(Step::disconnect(), "disconnect"), (Step::reset(), "reset")] {
        let script = [connect(), expect_bytes("A"), send("1"), step, connect(), expect_bytes("B")];
        let inputs = [Connect, Bytes(b"A and more"), Bytes(b" and more"), Eof, In::Reset, Connect, Bytes(b"B")];
        let player = Player::play(&script, &inputs);
        assert_eq!(player.log, ["accept", "send 1", output, "accept"]);
        assert_eq!(player.verdict(), Verdict::Done(6));
        let text = player.session.transcript().to_string();
        assert!(text.contains("received 9 bytes  \" and more\"") && text.contains("client reset"), "{text}");
    }
    // The steps behind it are not played before the driver has obeyed.
    let mut player = Player::new(Config::default(), &[connect(), Step::disconnect(), connect()]);
    player.input(&Connect);
    player.input(&Connect);
    assert_eq!(player.log, ["accept", "disconnect", "accept"]);
}

#[test]
fn a_reset_behind_the_end_still_counts_when_the_step_has_passed() {
    let script = [connect(), send("Hello"), closed()];
    check(
        &script,
        &[Connect, Eof, After(100), In::Reset],
        expect!["accept, send Hello, disconnect | step 3 failed: Unread { sent: 5, unread: None }"],
    );
    check(
        &script,
        &[Room(0), Connect, Eof, Room(5), SendFailed],
        expect!["accept, send Hello, disconnect | step 3 failed: Unread { sent: 5, unread: None }"],
    );
    check(
        &[connect(), send("Hello"), Step::disconnect()],
        &[Connect, Eof, After(100), In::Reset],
        expect!["accept, send Hello, disconnect | all 3 done"],
    );
}

#[test]
fn a_failure_to_deliver_that_is_known_when_the_step_has_passed_still_counts() {
    // All was sent before the end was known: how much of it is lost, nobody can tell.
    let inputs = [Connect, Eof, After(100), SendFailed];
    let player = Player::play(&[connect(), send("Hello"), closed()], &inputs);
    assert!(player.session.has_failed(), "{:?}", player.verdict());
}

// Ends of one side

#[test]
fn a_client_that_holds_the_connection_has_not_disconnected() {
    check(&[connect(), closed()], &[Connect, Held(0), Eof], expect!["accept | 1 done"]);
    check(&[connect(), closed()], &[Connect, Held(0), Eof, Unread(0)], expect!["accept, disconnect | all 2 done"]);
    check(&[connect(), closed()], &[Connect, Held(0), Eof, Gone], expect!["accept, disconnect | all 2 done"]);
    check(&[connect(), closed()], &[Connect, Eof], expect!["accept, disconnect | all 2 done"]);
    // One that is known to hold it when the knowledge comes late has passed.
    check(&[connect(), closed()], &[Connect, Eof, Held(0)], expect!["accept, disconnect | all 2 done"]);
    check(&[connect(), connect()], &[Connect, Held(0), Eof, Connect], expect!["accept | 1 done"]);
    check(
        &[connect(), connect()],
        &[Connect, Held(0), Eof, Connect, Unread(0)],
        expect!["accept, accept | all 2 done"],
    );
}

#[test]
fn what_was_known_of_a_client_that_held_the_connection_is_not_what_it_left() {
    for end in [SendFailed, In::Reset] {
        let mut player =
            Player::play(&[connect(), send("Hello"), send("more")], &[Room(5), Connect, Held(5), Eof, end]);
        player.settle();
        let report = player.session.report("", Cause::Dropped);
        assert!(!report.to_string().contains("5 bytes it was sent"), "it may have read them since: {report}");
    }
}

#[test]
fn a_client_that_is_leaving_is_judged_when_it_is_known_how() {
    let script = [connect(), send("Hello"), closed()];
    for (end, unread, verdict) in [
        (Eof, 0, Verdict::Done(3)),
        (Eof, 2, failed(3, Cause::Unread { sent: 5, unread: Some(2) })),
        (In::Reset, 2, failed(3, Cause::Unread { sent: 5, unread: Some(2) })),
    ] {
        let mut player = Player::play(&script, &[Room(5), Connect, Held(5)]);
        player.inputs(&[In::Leaving, end, After(60_000)]);
        assert_eq!(player.session.done(), 2);
        assert!(player.session.is_settling() && player.wait().watch && player.wait().until.is_none());
        player.inputs(&[Unread(unread)]);
        assert_eq!(player.verdict(), verdict);
        assert!(!player.session.is_settling());
    }
    // A message, and a send, wait too.
    for step in [expect_bytes("x"), frame("x"), send("x"), expect_eof()] {
        let mut player = Player::play(&[connect(), step], &[Room(0), Connect]);
        player.inputs(&[In::Leaving]);
        let wait = player.wait();
        assert!(wait.watch && wait.until.is_none());
        player.inputs(&[In::Reset, SendFailed, After(60_000)]);
        assert_eq!(player.session.done(), 1);
        assert!(!player.session.has_failed());
        player.inputs(&[In::Aborted]);
        assert!(player.session.has_failed());
    }
}

#[test]
fn the_transcript_tells_once_how_a_connection_ended() {
    let (ended, shut_down) = ("client closed the connection, or its sending half", "client shut down its sending half");
    let (closed, reset, left) =
        ("client closed the connection", "client reset the connection", "client left 2 bytes unread");
    let cases: [(&[In], &[&str]); 17] = [
        (&[Eof, Eof], &[ended]),
        (&[Eof, Unread(0)], &[ended]),
        (&[Gone, Eof], &[closed]),
        (&[Unread(0), Eof], &[closed]),
        (&[Unread(2), Eof], &[left, closed]),
        (&[Held(2), Held(0)], &[]),
        (&[Held(2), Eof], &[shut_down]),
        (&[Held(2), Eof, Held(2)], &[shut_down]),
        (&[Held(2), Eof, Unread(2)], &[shut_down, left, closed]),
        (&[Held(2), Eof, In::Aborted], &[shut_down, reset]),
        (&[In::Reset, In::Reset], &[reset]),
        (&[In::Reset, Unread(2)], &[reset, left]),
        (&[In::Aborted], &[]),
        (&[In::Aborted, Eof], &[reset]),
        (&[In::Leaving, Eof, Unread(2)], &[left, closed]),
        (&[In::Leaving, In::Reset, Unread(2)], &[left, reset]),
        (&[In::Leaving, Unread(0), Eof], &[closed]),
    ];
    let told = |script: &[Step], inputs: &[In]| -> Vec<String> {
        let player = Player::play(script, &[&[Connect], inputs].concat());
        let entries = player.session.transcript().entries();
        entries.map(|entry| entry.event().to_string()).filter(|event| event.starts_with("client ")).skip(1).collect()
    };
    for (inputs, events) in cases {
        assert_eq!(told(&[connect(), send("Hello")], inputs), events, "{inputs:?}");
    }
    for (step, event) in [
        (Step::disconnect(), "server closed the connection"),
        (Step::reset(), "server reset the connection"),
        (Step::hand_over(), "handed over to the test"),
        (Step::shutdown(), "server shut down its sending half"),
    ] {
        let player = Player::play(&[connect(), step], &[Connect]);
        let entry = player.session.transcript().entries().last();
        assert_eq!(entry.map(|entry| entry.event().to_string()).as_deref(), Some(event));
    }
    // When the server has closed the connection, nobody looks any more.
    let script = [connect(), line("x"), Step::disconnect()];
    assert_eq!(told(&script, &[Held(0), Bytes(b"x\n"), Eof]), [ended]);
}

#[test]
fn where_nobody_knows_any_more_an_end_of_the_stream_is_one_of_the_connection() {
    let mut player = Player::play(&[connect(), closed()], &[Connect, Held(0), Eof]);
    assert_eq!(player.session.done(), 1);
    player.session.handle_peer(player.now, Peer::Unknown);
    player.settle();
    assert_eq!(player.verdict(), Verdict::Done(2));
}

#[test]
fn either_side_may_end_its_stream_and_the_other_go_on() {
    let script = [connect(), expect_eof(), send("a"), send("b"), closed()];
    check(&script, &[Connect, Held(0), Eof, Unread(0)], expect!["accept, send a, send b, disconnect | all 5 done"]);
    check(&script, &[Connect, Eof], expect!["accept, send a, send b, disconnect | all 5 done"]);
    let script = [connect(), Step::shutdown(), expect_bytes("late"), Step::shutdown(), closed()];
    check(&script, &[Connect, Bytes(b"late"), Eof], expect!["accept, shut down, disconnect | all 5 done"]);
    check(
        &[connect(), expect_eof(), Step::disconnect()],
        &[Connect, Held(0), Eof],
        expect!["accept, disconnect | all 3 done"],
    );
    check(
        &[connect(), Step::shutdown(), expect_eof(), closed()],
        &[Connect, Unread(0), Eof],
        expect!["accept, shut down, disconnect | all 4 done"],
    );
}

#[test]
fn a_client_that_has_ended_its_stream_has_time_to_read_where_nobody_knows() {
    let script = [connect(), send("ab"), read(), send("cd")];
    check(&script, &[Connect, Eof, After(19)], expect!["accept, send ab | 2 done"]);
    check(&script, &[Connect, Eof, After(20)], expect!["accept, send ab, send cd | all 4 done"]);
    check(&script, &[Connect, After(19), Eof], expect!["accept, send ab | 2 done"]);
    // One that has let go reads no more.
    check(&script[..3], &[Connect, Gone, Eof], expect!["accept, send ab | all 3 done"]);
}

#[test]
fn what_follows_waits_until_the_client_has_read() {
    let script = [connect(), send("ab"), read(), send("cd")];
    check(&script, &[Connect], expect!["accept, send ab | 2 done"]);
    check(&script, &[Connect, After(19)], expect!["accept, send ab | 2 done"]);
    check(&script, &[Connect, After(20)], expect!["accept, send ab, send cd | all 4 done"]);
    check(&script, &[Connect, Held(2), After(20), Held(1)], expect!["accept, send ab | 2 done"]);
    check(&script, &[Connect, Held(2), Held(0)], expect!["accept, send ab, send cd | all 4 done"]);
    check(&[connect(), read(), send("cd")], &[Connect], expect!["accept, send cd | all 3 done"]);
    // The end of the client's stream says nothing of what it reads.
    check(&script, &[Connect, Held(2), Eof], expect!["accept, send ab | 2 done"]);
    check(&script, &[Connect, Held(2), Eof, Held(0)], expect!["accept, send ab, send cd | all 4 done"]);
}

#[test]
fn a_session_asks_what_the_client_does_where_nothing_else_tells() {
    let watch = |script: &[Step], inputs: &[In]| Player::play(script, inputs).wait().watch;
    assert!(!watch(&[connect(), closed()], &[Connect]), "the end of its stream comes first");
    assert!(watch(&[connect(), closed()], &[Connect, Held(0), Eof]));
    assert!(watch(&[connect(), connect()], &[Connect, Held(0), Eof]));
    assert!(!watch(&[connect(), expect_bytes("x")], &[Connect]));
    assert!(watch(&[connect(), send("x"), read()], &[Connect]));
    assert!(!watch(&[connect(), send("x"), read()], &[Connect, Held(0)]));
    assert!(!watch(&[connect(), send("x")], &[Room(0), Connect, Held(0), Eof]), "the client has yet to take it");
    let rounds = [connect(), Step::repeat_until_disconnect(1), line("x")];
    assert!(!watch(&rounds, &[Connect]));
    assert!(watch(&rounds, &[Connect, Held(0), Eof]));
}

// What the client left unread

#[test]
fn the_number_of_unread_bytes_decides_where_it_is_known() {
    let script = [connect(), send("He"), send("llo"), closed()];
    let unread = |unread| failed(4, Cause::Unread { sent: 5, unread });
    let cases = [
        (0, Verdict::Done(4), failed(4, Cause::Aborted)),
        (1, unread(Some(1)), unread(Some(1))),
        (5, unread(Some(5)), unread(Some(5))),
        // Nobody leaves more than there is.
        (6, unread(Some(5)), unread(Some(5))),
        (u64::MAX, unread(Some(5)), unread(Some(5))),
    ];
    for (count, at_close, at_reset) in cases {
        let count = Unread(count);
        let cases: [(&[In], &Verdict); 9] = [
            (core::slice::from_ref(&count), &Verdict::Done(3)),
            (&[count.clone(), Eof], &at_close),
            (&[Eof, count.clone()], &at_close),
            (&[Eof, After(100), count.clone()], &at_close),
            (&[count.clone(), count.clone(), Eof, count.clone()], &at_close),
            (&[count.clone(), In::Reset], &at_reset),
            (&[count.clone(), Eof, In::Reset], &at_reset),
            (&[Eof, count.clone(), In::Reset], &at_reset),
            // A reset does not wait for its explanation.
            (&[In::Reset, count.clone()], &unread(None)),
        ];
        for (inputs, verdict) in cases {
            let inputs = [&[Connect], inputs].concat();
            assert_eq!(Player::play(&script, &inputs).verdict(), *verdict, "{inputs:?}");
            // If it is judged later, all is known.
            let verdict = if *verdict == unread(None) { &at_reset } else { verdict };
            let inputs = [&inputs[..], &[Finish]].concat();
            assert_eq!(Player::play(&script[..3], &inputs).verdict(), *verdict, "{inputs:?}");
        }
    }
}

#[test]
fn bytes_for_a_client_that_is_known_to_be_gone_are_not_sent() {
    let script = [connect(), send("Hello"), Step::pause(SECOND), send("World"), closed()];
    for gone in [Unread(0), Unread(2), Gone, In::Aborted] {
        let player = Player::play(&script, &[Connect, gone, After(1000), Eof]);
        assert_eq!(player.verdict(), failed(4, Cause::NotDelivered { bytes: 5 }));
        assert_eq!(player.log, ["accept", "send Hello", "reset"]);
    }
}

#[test]
fn a_count_is_for_the_connection_that_the_session_has() {
    let script = [connect(), send("1"), closed(), connect(), send("2"), closed()];
    // Of none, and of one that is gone.
    check(&script[..3], &[Unread(1), Connect, Unread(0), Eof], expect!["accept, send 1, disconnect | all 3 done"]);
    check(
        &script,
        &[Connect, Unread(0), Eof, Connect, In::Reset],
        expect!["accept, send 1, disconnect, accept, send 2 | step 6 failed: Unread { sent: 1, unread: None }"],
    );
    // A client at the door has nothing to do with it.
    check(&script, &[Connect, Eof, Unread(0), Connect, Eof], {
        expect!["accept, send 1, disconnect, accept, send 2, disconnect | all 6 done"]
    });
    // What is left behind when the server itself has ended the connection is on record, not judged.
    for step in [Step::disconnect(), Step::reset()] {
        let player = Player::play(&[connect(), send("Hello"), step], &[Connect, Unread(3), Eof, Finish]);
        assert_eq!(player.verdict(), Verdict::Done(3));
        assert!(player.session.transcript().to_string().contains("client left 3 bytes unread"));
    }
    // Nor does it hide that the client has gone too early.
    let script = [connect(), send("Hello"), expect_bytes("A")];
    for inputs in [[Connect, Unread(3), Eof], [Connect, Eof, Unread(3)]] {
        let cause = Cause::Closed { by: End::Close, arrived: message(0, 1) };
        assert_eq!(Player::play(&script, &inputs).verdict(), failed(3, cause));
    }
}

// Connections

#[test]
fn a_client_waits_at_the_door_for_its_step() {
    check(&[], &[Connect, After(9_999)], expect!["- | all 0 done"]);
    check(&[], &[Connect, After(9_999), Push(connect())], expect!["accept | all 1 done"]);
    let script = [connect(), closed(), connect(), closed()];
    check(&script, &[Connect, Eof, Connect, Eof], expect!["accept, disconnect, accept, disconnect | all 4 done"]);
    check(
        &script,
        &[Connect, Eof, After(900), Connect, After(900), Eof],
        expect!["accept, disconnect, accept, disconnect | all 4 done"],
    );
    let script = [connect(), Step::disconnect(), connect(), Step::reset(), connect()];
    check(&script, &[Connect, Connect, Connect], expect!["accept, disconnect, accept, reset, accept | all 5 done"]);
}

#[test]
fn what_is_told_before_a_client_is_accepted_is_about_the_one_before() {
    let tell: [fn(&mut Session, Instant); 4] = [
        |session, now| session.handle_bytes(now, b"x"),
        Session::handle_eof,
        Session::handle_reset,
        |session, now| session.handle_peer(now, Peer::Closed { unread: Some(1) }),
    ];
    for (i, tell) in tell.iter().enumerate() {
        let mut player = Player::play(&[connect(), send("a"), closed(), connect(), line("x")], &[Connect, Eof]);
        player.session.handle_connection(player.now, peer());
        tell(&mut player.session, player.now);
        player.inputs(&[Bytes(b"x\r\n")]);
        assert_eq!(player.verdict(), Verdict::Done(5), "{i}");
    }
}

#[test]
fn a_session_is_connected_until_one_side_ends_that() {
    let mut player = Player::new(Config::default(), &[connect(), closed(), connect()]);
    for (input, connected, over) in
        [(After(0), false, false), (Connect, true, false), (Eof, false, true), (Connect, true, false)]
    {
        player.inputs(core::slice::from_ref(&input));
        assert_eq!((player.session.is_connected(), player.session.is_over()), (connected, over), "{input:?}");
    }
}

#[test]
fn a_second_connection_is_one_only_if_the_first_is_still_open_when_judged() {
    let script = [connect(), closed(), connect()];
    check(&script, &[Connect, Connect, Eof], expect!["accept, disconnect, accept | all 3 done"]);
    check(
        &script,
        &[Connect, Connect],
        expect!["accept, reset | step 2 failed: SecondConnection { peer: Some(127.0.0.1:51422) }"],
    );
    // One that has closed is not open, even while it is still sent to.
    check(
        &[connect(), send("1"), closed(), connect()],
        &[Room(0), Connect, Eof, Connect, After(900), Room(1)],
        expect!["accept, send 1, disconnect, accept | all 4 done"],
    );
    // A later expect_connect does not rescue it, nor does a later end.
    check(
        &[connect()],
        &[Connect, Connect, After(0), Eof, Push(connect())],
        expect!["accept, reset | failed: SecondConnection { peer: Some(127.0.0.1:51422) }"],
    );
    // Nor does the deadline scale make it wait.
    let config = Config { deadline_scale: 0.0, ..Config::default() };
    let mut player = Player::new(config, &script);
    player.inputs(&[Connect, Connect]);
    assert_eq!(player.verdict(), failed(2, Cause::SecondConnection { peer: peer() }));
}

#[test]
fn a_client_that_closes_and_connects_again_needs_no_step_between() {
    let script = [connect(), send("1"), connect(), send("2"), closed()];
    check(
        &script,
        &[Connect, Eof, Connect, Eof],
        expect!["accept, send 1, disconnect, accept, send 2, disconnect | all 5 done"],
    );
    check(&script, &[Connect, Connect, Eof, Eof], expect!["accept, send 1, accept, send 2, disconnect | all 5 done"]);
    check(
        &script,
        &[Connect, Eof, After(900), Connect, After(900), Eof],
        expect!["accept, send 1, disconnect, accept, send 2, disconnect | all 5 done"],
    );
    check(
        &script,
        &[Connect, Connect],
        expect!["accept, send 1, reset | step 3 failed: SecondConnection { peer: Some(127.0.0.1:51422) }"],
    );
    check(
        &script,
        &[Connect, Bytes(b"x"), Eof, Connect],
        expect!["accept, send 1, reset | step 3 failed: UnexpectedData"],
    );
}

// The end of the script

#[test]
fn finish_waits_for_the_client_to_close_where_nobody_else_ended_the_connection() {
    let open = [connect(), send("1")];
    check(&open, &[Connect, Finish], expect!["accept, send 1 | 2 done"]);
    check(&open, &[Connect, Finish, Finish, Eof, Finish], expect!["accept, send 1, disconnect | all 3 done"]);
    check(&open, &[Connect, Eof, Finish], expect!["accept, send 1, disconnect | all 3 done"]);
    check(
        &open,
        &[Connect, Finish, After(1000)],
        expect!["accept, send 1, reset | step 3 failed: DisconnectTimeout { after: 1s }"],
    );
    check(&open, &[Connect, Bytes(b"x"), Finish], expect!["accept, send 1, reset | step 3 failed: UnexpectedData"]);
    check(
        &open,
        &[Connect, In::Reset, Finish],
        expect!["accept, send 1 | step 3 failed: Unread { sent: 1, unread: None }"],
    );
    // Nothing is implied after these.
    check(&[], &[Finish], expect!["- | all 0 done"]);
    check(&[connect(), Step::disconnect()], &[Connect, Finish], expect!["accept, disconnect | all 2 done"]);
    check(&[connect(), Step::reset()], &[Connect, Finish], expect!["accept, reset | all 2 done"]);
    check(&[connect(), closed()], &[Connect, Eof, Finish], expect!["accept, disconnect | all 2 done"]);
    // It is too early while steps are left: whoever asks is to wait for them.
    check(&open, &[Finish, Connect], expect!["accept, send 1 | all 2 done"]);

    let mut player = Player::play(&open, &[Connect]);
    let location = Location::caller();
    player.session.finish(location);
    player.inputs(&[After(1000)]);
    assert_eq!(player.session.report("server", Cause::Dropped).location(), Some(location));
}

#[test]
fn finish_wants_nobody_left_at_the_door() {
    check(&[], &[Connect, Finish], expect!["- | failed: UnclaimedConnection { peer: Some(127.0.0.1:51422) }"]);
    for end in [Step::disconnect(), Step::reset()] {
        let player = Player::play(&[connect(), end], &[Connect, Connect, Finish]);
        assert_eq!(player.verdict(), Verdict::Failed(None, Cause::SecondConnection { peer: peer() }));
    }
    check(
        &[connect()],
        &[Connect, Finish, Eof, Connect, Finish],
        expect!["accept, disconnect | failed: SecondConnection { peer: Some(127.0.0.1:51422) }"],
    );
}

// Time

fn until(player: &mut Player) -> Option<(u64, Reason)> {
    let Deadline { at, reason } = player.wait().until?;
    let millis = at.since(Instant::ORIGIN).as_millis();
    Some((u64::try_from(millis).unwrap(), reason))
}

#[test]
fn each_step_has_its_deadline_from_when_it_is_current() {
    let within = |millis| expect_bytes("B").within(Duration::from_millis(millis));
    let mut player = Player::new(Config::default(), &[connect(), expect_bytes("A"), within(50), within(5000)]);
    let moments = [(Connect, 1000), (Bytes(b"A"), 1300), (Bytes(b"B"), 650), (After(0), 5600)];
    for (input, deadline) in moments {
        assert_eq!(until(&mut player), Some((deadline, Reason::Step)));
        player.input(&After(if deadline == 650 { 0 } else { 300 }));
        player.input(&input);
    }
    assert_eq!(player.verdict(), Verdict::Done(3));
    player.inputs(&[Bytes(b"B")]);
    assert_eq!(until(&mut player).map(|(_, reason)| reason), Some(Reason::Idle), "no step is waited for");

    // A step that is pushed behind the last becomes current now, not when that was done.
    player.inputs(&[After(7000), Push(closed())]);
    let now = u64::try_from(player.now.since(Instant::ORIGIN).as_millis()).unwrap();
    assert_eq!(until(&mut player), Some((now + 1000, Reason::Step)));
    player.inputs(&[After(999)]);
    assert_eq!(player.verdict(), Verdict::Done(4));
    player.inputs(&[After(1)]);
    assert_eq!(player.verdict(), failed(5, Cause::DisconnectTimeout { after: SECOND }));
}

#[test]
fn a_server_has_a_deadline_of_its_own_and_a_scale() {
    let cases =
        [(1.0, Some(2000), Some(500)), (0.5, Some(1000), Some(250)), (3.0, Some(6000), Some(1500)), (0.0, None, None)];
    for (deadline_scale, default, own) in cases {
        let config = Config { deadline: 2 * SECOND, deadline_scale, ..Config::default() };
        for (step, expected) in [(connect(), default), (connect().within(SECOND / 2), own)] {
            let mut player = Player::new(config.clone(), &[step]);
            assert_eq!(until(&mut player), expected.map(|millis| (millis, Reason::Step)), "{deadline_scale}");
            player.inputs(&[After(10_000_000)]);
            let verdict = expected.map_or(Verdict::Done(0), |millis| {
                failed(1, Cause::ConnectTimeout { after: Duration::from_millis(millis) })
            });
            assert_eq!(player.verdict(), verdict);
        }
    }
    // The largest numbers are deadlines that never come.
    for (deadline, deadline_scale) in [(Duration::MAX, 1.0), (Duration::MAX, 3.0), (SECOND, f64::INFINITY)] {
        let mut player = Player::new(Config { deadline, deadline_scale, ..Config::default() }, &[connect()]);
        player.inputs(&[After(10_000_000)]);
        assert_eq!(player.verdict(), Verdict::Done(0));
    }
}

#[test]
fn an_amended_deadline_counts_from_the_same_start() {
    let script = [connect(), closed(), connect()];
    let inputs = |deadline| [Connect, After(600), Within(1, deadline), After(999)];
    let seconds = Duration::from_secs;
    let mut player = Player::play(&script, &inputs(seconds(2)));
    assert_eq!((player.verdict(), until(&mut player)), (Verdict::Done(1), Some((2000, Reason::Step))));
    player.inputs(&[After(401)]);
    assert_eq!(player.verdict(), failed(2, Cause::DisconnectTimeout { after: seconds(2) }));
    let after = Duration::from_millis(100);
    assert_eq!(Player::play(&script, &inputs(after)).verdict(), failed(2, Cause::DisconnectTimeout { after }));

    // Done, not yet current, and unknown steps.
    let script = [connect(), expect_bytes("A"), closed()];
    let inputs =
        [Connect, Within(0, after), Within(2, seconds(5)), Within(9, after), After(900), Bytes(b"A"), After(4999)];
    assert_eq!(Player::play(&script, &inputs).verdict(), Verdict::Done(2));
}

#[test]
fn a_failed_step_still_gets_its_name() {
    let mut player = Player::play(&[connect(), closed()], &[Connect, After(1000)]);
    assert_eq!(player.session.report("server", Cause::Dropped).name(), None);
    player.session.amend(1, Amendment::Name("goodbye".into()));
    player.session.amend(1, Amendment::Deadline(2 * SECOND));
    let report = player.session.report("server", Cause::Dropped);
    assert_eq!((report.name(), report.cause()), (Some("goodbye"), &Cause::DisconnectTimeout { after: SECOND }));
}

#[test]
fn a_clock_that_comes_early_or_often_does_no_harm() {
    let mut player = Player::new(Config::default(), &[connect(), closed()]);
    let at = |millis| Instant::at(Duration::from_millis(millis));
    player.session.handle_timeout(at(5000));
    assert!(!player.session.has_failed(), "the first step became current at no time yet");
    player.input(&Connect);
    for millis in (0..1000).chain([999; 10]) {
        player.session.handle_timeout(at(millis));
        assert_eq!(player.verdict(), Verdict::Done(1));
    }
    for millis in [1700, 1700, 9000] {
        player.session.handle_timeout(at(millis));
        player.settle();
        assert_eq!(player.verdict(), failed(2, Cause::DisconnectTimeout { after: SECOND }));
    }
    assert_eq!(player.log, ["accept", "reset"]);
}

#[test]
fn an_input_that_is_handed_in_before_the_clock_judges_wins() {
    let script = [connect(), expect_bytes("A"), closed()];
    let mut player = Player::play(&script, &[Connect]);
    player.now = player.now + 5 * SECOND;
    player.session.handle_bytes(player.now, b"A");
    player.session.handle_timeout(player.now);
    assert_eq!(player.verdict(), Verdict::Done(2));
}

#[test]
fn what_nobody_expects_waits_until_the_idle_limit() {
    let idle = |session: &mut Player| until(session).filter(|&(_, reason)| reason == Reason::Idle);
    let mut player = Player::new(Config::default(), &[]);
    assert_eq!(until(&mut player), None, "a script with no client may wait for ever");
    let mut player = Player::play(&[connect()], &[Connect, After(700)]);
    player.inputs(&[After(9_000), Bytes(b"AB")]);
    assert_eq!(idle(&mut player), Some((19_700, Reason::Idle)), "bytes wait from when they came");
    player.inputs(&[After(9_000), Push(expect_bytes("AB"))]);
    assert_eq!((idle(&mut player), player.verdict()), (Some((28_700, Reason::Idle)), Verdict::Done(2)));
    player.inputs(&[After(9_000), Bytes(b"C"), After(5_000), Bytes(b"D"), After(4_999)]);
    assert_eq!(player.verdict(), Verdict::Done(2));
    player.inputs(&[After(1)]);
    assert_eq!(player.verdict(), Verdict::Failed(None, Cause::UnclaimedData { after: 10 * SECOND }));

    for (deadline_scale, millis) in [(1.0, Some(4_000)), (3.0, Some(12_000)), (0.0, None)] {
        let config = Config { idle_limit: 4 * SECOND, deadline_scale, ..Config::default() };
        let mut player = Player::new(config, &[]);
        player.inputs(&[Connect]);
        assert_eq!(idle(&mut player), millis.map(|millis| (millis, Reason::Idle)));
    }
}

#[test]
fn a_client_with_no_step_left_stays_until_the_idle_limit() {
    let mut player = Player::play(&[connect()], &[Connect, After(9_999)]);
    assert_eq!(player.verdict(), Verdict::Done(1));
    player.inputs(&[After(1)]);
    assert_eq!(player.verdict(), Verdict::Failed(None, Cause::NoStepLeft { after: 10 * SECOND }));

    let mut player = Player::play(&[connect()], &[Connect, Eof]);
    assert_eq!(until(&mut player), Some((10_000, Reason::Idle)), "it may have closed only its sending half");
    player.input(&In::Reset);
    assert_eq!(until(&mut player), None, "a client that has gone waits for nothing");
}

#[test]
fn bytes_have_not_waited_for_longer_than_they_are_there() {
    let mut player = Player::play(&[connect()], &[Connect, Bytes(b"A"), After(9_500)]);
    // "A" is claimed, and "B" came only now: in one round of the driver.
    player.session.push(expect_bytes("A"));
    player.session.handle_bytes(player.now, b"B");
    player.inputs(&[After(9_999)]);
    assert_eq!(player.verdict(), Verdict::Done(2), "\"B\" may wait until 19.5 s");
    player.inputs(&[After(1)]);
    assert_eq!(player.verdict(), Verdict::Failed(None, Cause::UnclaimedData { after: 10 * SECOND }));
}

// Pauses

fn pause(millis: u64) -> Step {
    Step::pause(Duration::from_millis(millis))
}

#[test]
fn a_pause_takes_its_time() {
    let script = [connect(), pause(50), send("1"), closed()];
    let mut player = Player::play(&script, &[Connect, After(49)]);
    assert_eq!((player.verdict(), until(&mut player)), (Verdict::Done(1), Some((50, Reason::Pause))));
    player.inputs(&[After(1)]);
    assert_eq!((player.verdict(), until(&mut player)), (Verdict::Done(3), Some((1050, Reason::Step))));

    check(&script, &[Connect, After(50), Eof], expect!["accept, send 1, disconnect | all 4 done"]);
    check(&script, &[Connect, After(49), Eof], expect!["accept | 1 done"]);
    check(&[pause(0), pause(0), connect(), pause(0), send("1")], &[Connect], expect!["accept, send 1 | all 5 done"]);
    check(&[pause(10), pause(20), connect()], &[Connect, After(29)], expect!["- | 1 done"]);
    check(&[pause(10), pause(20), connect()], &[Connect, After(30)], expect!["accept | all 3 done"]);
    // One that is longer than all time never ends.
    let player = Player::play(&[Step::pause(Duration::MAX)], &[After(10_000_000_000)]);
    assert_eq!(player.verdict(), Verdict::Done(0));
}

#[test]
fn a_pause_is_over_when_the_clock_says_so_and_not_before_all_inputs_are_in() {
    let mut player = Player::play(&[connect(), pause(50), Step::disconnect()], &[Connect]);
    player.now = Instant::at(Duration::from_millis(70));
    assert_eq!(until(&mut player), Some((50, Reason::Pause)));
    player.session.handle_bytes(player.now, b"x");
    player.session.handle_eof(player.now);
    assert_eq!(player.verdict(), Verdict::Done(1));
    player.session.handle_timeout(player.now);
    assert_eq!(player.verdict(), Verdict::Done(3));
    assert!(player.session.transcript().to_string().ends_with("server closed the connection"));
}

#[test]
fn how_far_a_client_goes_behind_the_end_of_its_connection_is_not_known() {
    let last = |inputs: &[In]| {
        let script = [connect(), Step::disconnect()];
        Player::play(&script, inputs).session.transcript().entries().last().unwrap().event().to_string()
    };
    // Nobody looks any more.
    assert_eq!(last(&[Connect, Eof]), "client closed the connection, or its sending half");
    assert_eq!(last(&[Connect, Held(0), Eof]), "client closed the connection, or its sending half");
}

#[test]
fn no_deadline_and_no_scale_changes_a_pause() {
    for deadline_scale in [1.0, 3.0, 0.0] {
        let config = Config { deadline_scale, ..Config::default() };
        let mut player = Player::new(config, &[connect(), pause(5000).within(SECOND), connect()]);
        player.inputs(&[Connect, Within(1, SECOND / 2)]);
        assert_eq!(until(&mut player), Some((5000, Reason::Pause)), "{deadline_scale}");
        player.inputs(&[After(5000)]);
        assert_eq!(player.verdict(), Verdict::Done(2));
    }
}

#[test]
fn what_comes_in_a_pause_waits_for_the_steps_behind_it() {
    let script = [connect(), pause(50), expect_bytes("AB"), connect(), expect_bytes("C"), closed()];
    check(
        &script,
        &[Connect, Bytes(b"A"), Bytes(b"B"), Eof, Connect, After(50), Bytes(b"C"), Eof],
        expect!["accept, accept, disconnect | all 6 done"],
    );
    check(
        &script,
        &[Connect, Bytes(b"x"), After(50)],
        expect!["accept, reset | step 3 failed: WrongByte { offset: 0, expected: 65, received: 120, framed: false }"],
    );
    check(
        &[pause(50), connect()],
        &[Connect, After(20_000)],
        expect!["accept, reset | failed: NoStepLeft { after: 10s }"],
    );
    // A client that goes meanwhile is judged by the steps behind it.
    let script = [connect(), send("1"), pause(50), closed()];
    check(&script, &[Connect, Eof, After(49)], expect!["accept, send 1 | 2 done"]);
    check(&script, &[Connect, Eof, After(50)], expect!["accept, send 1, disconnect | all 4 done"]);
    check(
        &script,
        &[Connect, In::Reset, After(50)],
        expect!["accept, send 1 | step 4 failed: Unread { sent: 1, unread: None }"],
    );
    // Between connections it needs none.
    check(
        &[connect(), closed(), pause(50), connect()],
        &[Connect, Eof, Connect, After(50)],
        expect!["accept, disconnect, accept | all 4 done"],
    );
    check(&[pause(50), send("1")], &[After(50)], expect!["- | step 2 failed: NotConnected { ended_by: None }"]);
    check(&[connect(), send("1"), closed(), pause(50)], &[Connect, Eof, In::Reset, After(50)], {
        expect!["accept, send 1, disconnect | step 3 failed: Unread { sent: 1, unread: None }"]
    });
}

#[test]
fn a_second_connection_is_one_in_a_pause_too() {
    let script = [connect(), pause(50), Step::disconnect(), connect()];
    check(&script, &[Connect, After(20), Connect, After(0)], {
        expect!["accept, reset | step 2 failed: SecondConnection { peer: Some(127.0.0.1:51422) }"]
    });
    check(&script, &[Connect, After(20), Connect, Eof, After(30)], expect!["accept, disconnect, accept | all 4 done"]);
    // Even if it comes at the very end.
    let mut player = Player::play(&script, &[Connect]);
    player.now = Instant::at(Duration::from_millis(50));
    player.inputs(&[Connect]);
    assert_eq!(player.verdict(), failed(2, Cause::SecondConnection { peer: peer() }));
}

#[test]
fn a_failure_and_a_finish_in_a_pause() {
    let mut player = Player::play(&[connect(), pause(50), closed()], &[Connect, Finish, After(20)]);
    player.session.fail(Cause::Abandoned);
    player.inputs(&[After(50)]);
    assert_eq!(player.verdict(), failed(2, Cause::Abandoned));
    check(&[connect(), pause(50)], &[Connect, Finish, After(50), Finish, Eof], {
        expect!["accept, disconnect | all 3 done"]
    });
}

// Messages for the test

#[derive(Default)]
struct Place(Mutex<Vec<String>>);

impl Capture for Place {
    fn capture(&self, message: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(message).into_owned());
    }
}

#[test]
fn messages_are_captured_when_they_are_whole() {
    let place = Arc::new(Place::default());
    let handle = || -> Weak<dyn Capture> { Arc::<Place>::downgrade(&place) };
    let captured = || place.0.lock().unwrap().join(" ");
    let script = [connect(), expect_bytes("Hello"), send("1"), frame("World"), frame(""), expect_bytes("!"), closed()];
    let mut player = Player::new(Config::default(), &script.map(|step| step.captured(handle())));
    player.inputs(&[Connect, Bytes(b"Hell")]);
    assert_eq!(captured(), "");
    player.inputs(&[Bytes(b"o\0\0\0\x05Worl")]);
    assert_eq!(captured(), "Hello");
    player.inputs(&[Bytes(b"d\0\0\0")]);
    assert_eq!(captured(), "Hello World");
    player.inputs(&[Bytes(b"\0x")]);
    assert_eq!((captured().as_str(), player.session.done()), ("Hello World ", 5), "the last message was another");

    let gone: Weak<dyn Capture> = Arc::<Place>::downgrade(&Arc::default());
    let player = Player::play(&[connect(), expect_bytes("A").captured(gone)], &[Connect, Bytes(b"A")]);
    assert_eq!(player.verdict(), Verdict::Done(2));
}

// Bounds

#[test]
fn a_flood_is_held_back() {
    const LIMIT: usize = 16 << 20;
    let flood = vec![b'x'; 64 << 10];
    let mut player = Player::play(&[connect()], &[Connect]);
    let mut kept = 0;
    while player.wait().receive > 0 {
        assert!(player.session.appetite() > 0 && kept < LIMIT, "{kept} bytes are too much to keep");
        player.session.handle_bytes(player.now, &flood);
        kept += flood.len();
    }
    assert!(player.session.appetite() == 0);
    // The client goes on as soon as a step has claimed most of it, and nothing is lost.
    player.inputs(&[Push(Step::expect_bytes(vec![b'x'; kept - 1]))]);
    assert!(player.wait().receive > 0 && player.session.appetite() > 0);
    player.inputs(&[Bytes(b"y"), Push(expect_bytes("xy"))]);
    assert_eq!(player.verdict(), Verdict::Done(3));
    // Nothing is kept for a script that has failed.
    player.inputs(&[Push(closed()), Bytes(b"z")]);
    assert!(player.wait().receive == 0 && player.session.appetite() == 0);
}

#[test]
fn what_was_held_back_is_forgotten_when_it_is_claimed() {
    let early = vec![b'x'; 16 << 20];
    let mut player = Player::play(&[connect()], &[Connect]);
    for _ in 0..2 {
        player.session.handle_bytes(player.now, &early);
        assert_eq!(player.wait().receive, 0);
        player.inputs(&[Push(Step::expect_bytes(&early))]);
        assert!(player.wait().receive > 0);
    }
    assert_eq!(player.verdict(), Verdict::Done(3));
}

#[test]
fn a_message_longer_than_the_limit_of_early_bytes_still_arrives() {
    let large = vec![b'x'; (16 << 20) + 1];
    let mut player = Player::play(&[connect(), Step::expect_bytes(&large)], &[Connect]);
    for chunk in large.chunks(1 << 20) {
        assert!(player.wait().receive > 0);
        player.session.handle_bytes(player.now, chunk);
    }
    assert_eq!(player.verdict(), Verdict::Done(2));
}

#[test]
fn a_long_script_keeps_only_its_last_steps() {
    let place = Arc::new(Place::default());
    let mut player = Player::play(&[connect()], &[Connect]);
    for _ in 0..999 {
        let handle: Weak<dyn Capture> = Arc::<Place>::downgrade(&place);
        player.input(&Push(expect_bytes("A").captured(handle)));
    }
    let shown = |player: &Player| {
        let text = player.session.report("server", Cause::Dropped).to_string();
        let script = text.split("\n\n").find(|part| part.starts_with("  script")).unwrap().to_string();
        let lines: Vec<_> =
            script.lines().skip(1).map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
        let steps = lines.iter().filter(|line| !line.starts_with("...")).count();
        assert!(steps <= 20, "{script}");
        [lines[0].as_str(), &lines[1], &lines[lines.len() - 2], &lines[lines.len() - 1]].join(" | ")
    };
    expect!["ok 1 expect_connect() | >> 2 expect_bytes(\"A\") | -- 20 expect_bytes(\"A\") | ... 980 more"]
        .assert_eq(&shown(&player));
    for _ in 0..500 {
        player.inputs(&[Bytes(b"A")]);
    }
    assert_eq!(player.verdict(), Verdict::Done(501));
    assert!(Arc::weak_count(&place) <= 499 + 20, "steps that are long done are gone");
    // Handles to these are harmless.
    player.inputs(&[Within(7, Duration::ZERO)]);
    expect!["... 491 more | ok 492 expect_bytes(\"A\") | -- 511 expect_bytes(\"A\") | ... 489 more"]
        .assert_eq(&shown(&player));
    player.inputs(&[Bytes(b"x")]);
    let report = player.session.report("server", Cause::Dropped);
    assert_eq!((report.step(), report.location().map(Location::file)), (Some(502), Some(file!())));
    expect!["... 491 more | ok 492 expect_bytes(\"A\") | -- 511 expect_bytes(\"A\") | ... 489 more"]
        .assert_eq(&shown(&player));

    for rule in [Step::mark("no rule"), Step::anytime(&Framing::default(), "x", "x")] {
        let mut player = Player::play(&[rule, connect()], &[Connect]);
        for index in 2..1000 {
            assert_eq!(player.session.push(expect_bytes("A")), index, "those that are gone count");
            player.inputs(&[Bytes(b"A")]);
        }
        expect!["... 980 more | ok 981 expect_bytes(\"A\") | ok 999 expect_bytes(\"A\") | ok 1000 expect_bytes(\"A\")"]
            .assert_eq(&shown(&player));
    }

    let mut player = Player::play(&[connect()], &[Connect]);
    for _ in 0..999 {
        player.inputs(&[Push(expect_bytes("A")), Bytes(b"A")]);
    }
    player.inputs(&[Bytes(b"x"), Finish]);
    expect!["... 981 more | ok 982 expect_bytes(\"A\") | ok 1000 expect_bytes(\"A\") | FAIL 1001 expect_disconnect(),"]
        .assert_eq(&shown(&player));
}

/// Whatever a driver hands in, in whatever order: nothing panics, and a failure is the first and the last.
#[test]
fn calls_in_any_order_do_no_harm() {
    let mut seed: u32 = 1;
    let mut random = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    let mut failures = BTreeSet::new();
    for _ in 0..3000 {
        let mut player = Player::new(Config::default(), &[]);
        player.room = 0;
        let mut failure = None;
        for _ in 0..20 {
            let steps = [
                connect(),
                expect_bytes("AB"),
                frame("A"),
                send("12"),
                closed(),
                Step::disconnect(),
                Step::reset(),
                pause(u64::from(random(2)) * 300),
            ];
            let now = player.now;
            let session = &mut player.session;
            match random(17) {
                0..4 => _ = session.push(steps[random(8) as usize].clone()),
                4 => session.handle_connection(now, None),
                5 => session.handle_bytes(now, b"A"),
                6 => session.handle_bytes(now, b"AB\0\0\0\x01A"),
                7 => session.handle_eof(now),
                8 => session.handle_reset(now),
                9 => session.handle_sent(now, random(3) as usize),
                10 => session.handle_send_failed(now),
                11 => session.handle_timeout(now),
                12 => session.finish(Location::caller()),
                13 => session.amend(random(9) as usize, Amendment::Deadline(SECOND / 2)),
                14 => session.handle_peer(now, Peer::Closed { unread: Some([0, 1, 2, u64::MAX][random(4) as usize]) }),
                15 => player.now = now + Duration::from_millis(random(700).into()),
                _ => _ = session.poll_output(now),
            }
            assert!(player.session.done() <= 20);
            if player.session.has_failed() {
                let verdict = player.verdict();
                assert_eq!(failure.get_or_insert_with(|| (player.session.done(), verdict.clone())).1, verdict);
            }
        }
        player.settle();
        assert!(!player.session.report("server", Cause::Dropped).to_string().is_empty());
        if let Some((done, Verdict::Failed(_, cause))) = failure {
            assert_eq!(player.session.done(), done, "nothing is played after a failure");
            failures.insert(number(&cause));
        }
    }
    assert!(failures.len() > 10, "{failures:?}");
}
