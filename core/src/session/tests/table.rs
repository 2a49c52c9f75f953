//! Every state against every event: what the session does at once, and what comes of it when time has passed.
//!
//! A new kind of step does not compile without a row here, and a new state of a connection neither; a row lacks no column.

use super::*;
use crate::reply::Reply;
use crate::security::{Engine, Handshake, Security, State as Tls, Trouble};
use crate::session::Link;
use crate::step::{Flow, Kind};
use core::fmt;
use expect_test::expect_file;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Makes an enumeration whose variants can be counted, each with its words.
macro_rules! listed {
    ($name:ident: $($variant:ident $words:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        enum $name { $($variant,)+ }

        impl $name {
            const ALL: &[Self] = &[$(Self::$variant,)+];

            fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }
        }
    };
}

listed! { State:
    NoConnection "no connection, expect_connect()",
    NoConnectionYet "no connection, expect_bytes(\"ping\")",
    Nobody "no connection, expect_no_connect(..)",
    Bytes "expect_bytes(\"ping\")",
    BytesInPart "expect_bytes(\"ping\"), \"pi\" of it",
    Message "expect_frame(\"ping\")",
    MessageInPart "expect_frame(\"ping\"), its header",
    Sending "send_bytes(\"pong\"), the client does not read",
    Replying "reply(..), the client does not read",
    Silence "expect_silence(..)",
    EndOfStream "expect_eof()",
    Disconnect "expect_disconnect()",
    Unread "wait_until_read(), 4 bytes are unread",
    Handshake "start_tls(), before the hello",
    Pausing "pause(..)",
    Holding "hold(..)",
    Option "an optional block that begins with expect_line(\"ping\")",
    Round "repeat_until_disconnect(..) of expect_line(\"ping\"), between two rounds",
    Idle "connected, no step left",
    AnsweredAnyTime "connected, no step left, anytime(\"ping\", \"pong\")",
    Lazy "connected, no step left behind stop_reading()",
    Mark "connected, no step left behind mark(..)",
    ShutDown "expect_disconnect() behind shutdown()",
    Closed "no step left behind disconnect()",
    Again "expect_connect() behind disconnect()",
    Reset "no step left behind reset()",
    HandedOver "no step left behind hand_over()",
    NotEncrypted "connected, truncate() has failed",
    Failed "failed: expect_bytes(\"ping\") got \"x\"",
}

listed! { Event:
    Right "the right bytes",
    Wrong "other bytes",
    TooMany "more than the right bytes",
    HalfClose "the end of its stream, it holds the connection",
    Close "the end of its stream, it has closed",
    Reset "a reset",
    Client "another client",
    Time "time",
    Steps "another step, send_bytes(\"more\")",
    Finish "the end of the script",
    Drop "the server is dropped",
    Panic "a closure panics",
}

/// The rows of a step that is the current one, or of what it leaves behind if it is done at once.
fn rows(kind: &Kind) -> &'static [State] {
    match kind {
        Kind::ExpectConnect => &[State::NoConnection, State::Again],
        Kind::ExpectBytes(_) => &[State::NoConnectionYet, State::Bytes, State::BytesInPart, State::Failed],
        Kind::ExpectMessage(_) => &[State::Message, State::MessageInPart],
        Kind::Send { .. } => &[State::Sending],
        Kind::Reply(_) => &[State::Replying],
        Kind::Anytime(_) => &[State::AnsweredAnyTime],
        Kind::Block { flow: Flow::Optional { .. }, .. } => &[State::Option],
        Kind::Block { flow: Flow::Repeat { .. }, .. } => &[State::Round],
        Kind::StopReading => &[State::Lazy],
        Kind::ExpectSilence(_) => &[State::Silence],
        Kind::ExpectNoConnect(_) => &[State::Nobody],
        Kind::ExpectEof => &[State::EndOfStream],
        Kind::ExpectDisconnect { .. } => &[State::Disconnect],
        Kind::WaitUntilRead => &[State::Unread],
        Kind::Encrypt(_) => &[State::Handshake],
        Kind::ShutDown => &[State::ShutDown],
        Kind::Disconnect => &[State::Closed],
        Kind::Truncate => &[State::NotEncrypted],
        Kind::Reset => &[State::Reset],
        Kind::HandOver => &[State::HandedOver],
        Kind::Pause(_) => &[State::Pausing],
        Kind::Mark(_) => &[State::Mark],
        Kind::Hold(_) => &[State::Holding],
    }
}

/// What the state of the connection is called.
fn connection(link: &Link) -> &'static str {
    match link {
        Link::None => "none",
        Link::Open(_) => "open",
        Link::Over { by_server: true, .. } => "over, by the server",
        Link::Over { by_server: false, .. } => "over, by the client",
    }
}

impl State {
    /// The steps that lead to it, and what happens until then.
    fn script(self) -> (Vec<Step>, Vec<In>) {
        let connected = |more: Vec<Step>, inputs: Vec<In>| {
            ([connect()].into_iter().chain(more).collect(), [Connect].into_iter().chain(inputs).collect())
        };
        match self {
            Self::NoConnection => (vec![connect()], vec![]),
            Self::NoConnectionYet => (vec![expect_bytes("ping")], vec![]),
            Self::Nobody => (vec![Step::expect_no_connect(SECOND / 2)], vec![]),
            Self::Bytes => connected(vec![expect_bytes("ping")], vec![]),
            Self::BytesInPart => connected(vec![expect_bytes("ping")], vec![Bytes(b"pi")]),
            Self::Message => connected(vec![frame("ping")], vec![]),
            Self::MessageInPart => connected(vec![frame("ping")], vec![Bytes(b"\0\0\0\x04")]),
            Self::Sending => (vec![connect(), send("pong")], vec![Room(0), Connect]),
            Self::Replying => (vec![connect(), Step::reply(|_| b"pong".to_vec())], vec![Room(0), Connect]),
            Self::Silence => connected(vec![Step::expect_silence(SECOND / 2)], vec![]),
            Self::EndOfStream => connected(vec![expect_eof()], vec![]),
            Self::Disconnect => connected(vec![closed()], vec![]),
            Self::Unread => connected(vec![send("pong"), read()], vec![Held(4)]),
            Self::Handshake => connected(vec![Step::new(Kind::Encrypt(Arc::new(NoTls)))], vec![]),
            Self::Pausing => connected(vec![Step::pause(SECOND / 2)], vec![]),
            Self::Holding => connected(vec![Step::hold("go")], vec![]),
            Self::Option => connected(vec![Step::optional(1), line("ping")], vec![]),
            Self::Round => {
                connected(vec![Step::repeat_until_disconnect(2), line("ping"), send("pong")], vec![Bytes(b"ping\r\n")])
            }
            Self::Idle => connected(vec![], vec![]),
            Self::AnsweredAnyTime => connected(vec![Step::anytime(&Framing::lines(), "ping", "pong")], vec![]),
            Self::Lazy => connected(vec![Step::stop_reading()], vec![]),
            Self::Mark => connected(vec![Step::mark("here")], vec![]),
            Self::ShutDown => connected(vec![Step::shutdown(), closed()], vec![]),
            Self::Closed => connected(vec![Step::disconnect()], vec![]),
            Self::Again => connected(vec![Step::disconnect(), connect()], vec![]),
            Self::Reset => connected(vec![Step::reset()], vec![]),
            Self::HandedOver => connected(vec![Step::hand_over()], vec![]),
            Self::NotEncrypted => connected(vec![Step::new(Kind::Truncate)], vec![]),
            Self::Failed => connected(vec![expect_bytes("ping")], vec![Bytes(b"x\r\n")]),
        }
    }

    /// What its step still waits for, if that is bytes.
    fn right(self) -> Option<&'static [u8]> {
        match self {
            Self::NoConnectionYet | Self::Bytes | Self::Failed => Some(b"ping"),
            Self::BytesInPart => Some(b"ng"),
            Self::Message => Some(b"\0\0\0\x04ping"),
            Self::MessageInPart => Some(b"ping"),
            Self::Option | Self::Round | Self::AnsweredAnyTime => Some(b"ping\r\n"),
            // The hello.
            Self::Handshake => Some(b"\x16\x03\x01\x00\x01\x01"),
            _ => None,
        }
    }

    /// What happens, as far as it can.
    fn inputs(self, event: Event) -> Option<Vec<In>> {
        Some(match event {
            Event::Right => vec![Bytes(self.right()?)],
            Event::Wrong => vec![Bytes(b"\0#!\r\n")],
            Event::TooMany => vec![Bytes([self.right()?, b"#!\r\n"].concat().leak())],
            Event::HalfClose => vec![Held(0), Eof],
            Event::Close => vec![Unread(0), Eof],
            Event::Reset => vec![In::Reset],
            Event::Client => vec![Connect],
            Event::Time | Event::Drop => vec![],
            Event::Steps => vec![Push(send("more"))],
            Event::Finish => vec![Finish],
            // The rule that is in force looks at it.
            Event::Panic => vec![Bytes(b"????\r\n")],
        })
    }
}

/// Begins with any message, and is never established.
#[derive(Debug)]
struct NoTls;

impl fmt::Display for NoTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("start_tls()")
    }
}

impl Security for NoTls {
    fn engine(&self) -> alloc::boxed::Box<dyn Engine> {
        alloc::boxed::Box::new(NoTls)
    }
}

impl Engine for NoTls {
    fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Trouble> {
        Ok(())
    }

    fn transmit(&mut self, _: &mut Vec<u8>) {}

    fn seal(&mut self, _: &[u8], _: &mut Vec<u8>) -> usize {
        0
    }

    fn close(&mut self) {}

    fn state(&self) -> Tls {
        Tls::Fresh
    }

    fn has_last_word(&self) -> bool {
        false
    }

    fn handshake(&self) -> Handshake {
        Handshake::default()
    }
}

/// What the session has come to.
fn verdict(player: &Player) -> String {
    let state = connection(&player.session.link);
    match player.verdict() {
        Verdict::Failed(step, cause) => {
            let cause = format!("{cause:?}");
            let cause = cause.split([' ', '{', '(']).next().unwrap_or_default();
            step.map_or_else(|| format!("failed: {cause}"), |step| format!("step {step} failed: {cause}"))
        }
        Verdict::Done(_) if player.session.is_done() => format!("done, connection {state}"),
        Verdict::Done(count) => format!("step {} waits, connection {state}", count + 1),
    }
}

fn play(script: Vec<Step>, until: &[In]) -> Player {
    let mut player = Player::new(Config::default(), &[]);
    script.into_iter().for_each(|step| _ = player.session.push(step));
    player.inputs(until);
    player
}

/// Plays an event in a state: one line.
fn cell(state: State, event: Event) -> Option<String> {
    let inputs = state.inputs(event)?;
    let (mut script, until) = state.script();
    if event == Event::Panic {
        let judge = |message: &[u8]| message.ends_with(b"?") && panic!("it panics");
        let rule = Step::anytime(&Framing::lines(), Pattern::matching(judge), Reply::none());
        script.insert(0, rule);
    }
    let mut player = play(script, &until);
    let before = player.log.len();
    for input in &inputs {
        // As the driver does.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| player.input(input))) {
            let message = panic.downcast_ref::<String>().map_or("it panics", String::as_str);
            player.session.fail(Cause::Panicked(message.into()));
        }
        player.settle();
    }
    if event == Event::Drop {
        let report = player.session.report("server", Cause::Dropped);
        let at = report.step().map_or("no step".to_string(), |step| format!("step {step}"));
        return Some(format!("reported at {at}: {}", verdict(&player)));
    }
    if event == Event::Time {
        player.input(&After(100));
    }
    let at_once = verdict(&player);
    let log = player.log[before..].join(", ");
    let before = player.log.len();
    player.input(&After(60_000));
    let later = verdict(&player);
    let mut text = at_once.clone();
    if !log.is_empty() {
        text = format!("[{log}] {text}");
    }
    if later != at_once {
        let log = player.log[before..].join(", ");
        let log = if log.is_empty() { log } else { format!("[{log}] ") };
        text = format!("{text}; later {log}{later}");
    }
    Some(text)
}

#[test]
fn every_kind_of_step_leads_to_its_rows() {
    let mut seen = BTreeSet::new();
    for &state in State::ALL {
        let (script, until) = state.script();
        let player = play(script, &until);
        let steps = &player.session.steps;
        // The step that is the current one or, where none is, the last; of a block, the one that heads it.
        let at = player.session.done().min(steps.total() - 1);
        let at = at.saturating_sub(usize::from(state == State::ShutDown));
        let leads = &steps.get(at).unwrap().kind;
        if state != State::Idle {
            assert!(rows(leads).contains(&state), "{state:?} at {} of {}", steps.at, steps.total());
        }
        seen.insert(state);
        for &event in Event::ALL {
            let needs_bytes = matches!(event, Event::Right | Event::TooMany) && state.right().is_none();
            assert_eq!(cell(state, event).is_none(), needs_bytes, "{state:?}, {event:?}");
        }
    }
    assert_eq!(seen.len(), State::ALL.len());
}

#[test]
fn every_state_has_a_verdict_on_every_event() {
    let mut table = String::new();
    for &state in State::ALL {
        table += &format!("{}\n", state.words());
        for &event in Event::ALL {
            if let Some(cell) = cell(state, event) {
                table += &format!("  {:<46}  {cell}\n", event.words());
            }
        }
    }
    expect_file!["table.txt"].assert_eq(&table.replace("\r\n", "\\r\\n").replace('\0', "\\0"));
}
