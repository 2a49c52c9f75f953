//! How TCP cuts the client's stream changes nothing: any segmentation gives the same verdict, the same step and the same cause.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config as Cases, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::Location;
use tcpclient_core::framing::Framing;
use tcpclient_core::report::Cause;
use tcpclient_core::session::{Config, Output, Session};
use tcpclient_core::step::Step;
use tcpclient_core::time::Instant;

/// What the server does on one connection, between `expect_connect` and its end.
#[derive(Clone, Debug)]
enum Verb {
    ExpectBytes(Vec<u8>),
    ExpectFrame(usize, Vec<u8>),
    SendBytes(Vec<u8>),
    SendFrame(usize, Vec<u8>),
}

/// How the script ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    ExpectDisconnect,
    Disconnect,
    Finish,
    /// With nothing: then the idle limit comes before `finish`.
    Idle,
}

/// What the client does to the stream that the script expects.
#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
    Surplus(Vec<u8>),
}

/// How the client ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Reset,
    /// It does nothing until the deadline.
    Silence,
}

/// When the transport takes what the server sends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Taken {
    AtOnce,
    AfterTheStream,
    AfterTheEnd,
}

#[derive(Clone, Debug)]
struct Conversation {
    verbs: Vec<Verb>,
    ending: Ending,
    changes: [Change; 2],
    end: End,
    taken: Taken,
    /// The places where the stream is cut, in a third way beside whole and byte by byte.
    cuts: Vec<Index>,
}

/// So few different bytes that changed streams often look right for a while.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0..4_u8, 1 => any::<u8>()]
}

fn verb() -> impl Strategy<Value = Verb> {
    let width = || prop_oneof![Just(1_usize), Just(2), Just(4), Just(8)];
    prop_oneof![
        3 => vec(byte(), 1..8).prop_map(Verb::ExpectBytes),
        3 => (width(), vec(byte(), 0..8)).prop_map(|(width, payload)| Verb::ExpectFrame(width, payload)),
        2 => vec(byte(), 1..8).prop_map(Verb::SendBytes),
        1 => (width(), vec(byte(), 0..8)).prop_map(|(width, payload)| Verb::SendFrame(width, payload)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => Just(Change::Nothing),
        2 => (any::<Index>(), 1..=255_u8).prop_map(|(at, mask)| Change::Flip(at, mask)),
        1 => (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => any::<Index>().prop_map(Change::Remove),
        2 => any::<Index>().prop_map(Change::Truncate),
        2 => vec(byte(), 1..4).prop_map(Change::Surplus),
    ]
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let ending =
        prop_oneof![Just(Ending::ExpectDisconnect), Just(Ending::Disconnect), Just(Ending::Finish), Just(Ending::Idle)];
    let end = prop_oneof![3 => Just(End::Close), 1 => Just(End::Reset), 1 => Just(End::Silence)];
    let taken = prop_oneof![2 => Just(Taken::AtOnce), 1 => Just(Taken::AfterTheStream), 1 => Just(Taken::AfterTheEnd)];
    let cuts = vec(any::<Index>(), 0..8);
    (vec(verb(), 0..6), ending, [change(), change()], end, taken, cuts).prop_map(
        |(verbs, ending, changes, end, taken, cuts)| Conversation { verbs, ending, changes, end, taken, cuts },
    )
}

impl Verb {
    fn step(&self) -> Step {
        match self {
            Self::ExpectBytes(bytes) => Step::expect_bytes(bytes),
            Self::ExpectFrame(width, payload) => Step::expect_frame(&Framing::length_prefixed(*width), payload),
            Self::SendBytes(bytes) => Step::send_bytes(bytes),
            Self::SendFrame(width, payload) => Step::send_frame(&Framing::length_prefixed(*width), payload),
        }
    }

    /// What a client that does as it should sends for this.
    fn wire(&self) -> Vec<u8> {
        match self {
            Self::ExpectBytes(bytes) => bytes.clone(),
            Self::ExpectFrame(width, payload) => Framing::length_prefixed(*width).encode(payload).unwrap(),
            Self::SendBytes(_) | Self::SendFrame(..) => Vec::new(),
        }
    }
}

impl Change {
    fn apply(&self, stream: &mut Vec<u8>) {
        if stream.is_empty() {
            return;
        }
        match self {
            Self::Nothing => {}
            Self::Flip(at, mask) => *at.get_mut(stream) ^= mask,
            Self::Insert(at, byte) => stream.insert(at.index(stream.len()), *byte),
            Self::Remove(at) => _ = stream.remove(at.index(stream.len())),
            Self::Truncate(at) => stream.truncate(at.index(stream.len())),
            Self::Surplus(bytes) => stream.extend_from_slice(bytes),
        }
    }
}

/// How a script ended.
#[derive(Debug, PartialEq)]
enum Verdict {
    Passed,
    Failed(Option<usize>, Cause),
}

impl Conversation {
    fn stream(&self) -> Vec<u8> {
        let mut stream = self.verbs.iter().flat_map(Verb::wire).collect();
        self.changes.iter().for_each(|change| change.apply(&mut stream));
        stream
    }

    /// Returns the verdict if the stream is cut at these places.
    fn verdict(&self, stream: &[u8], cuts: impl IntoIterator<Item = usize>) -> Verdict {
        let mut driver = Driver::new(self.taken != Taken::AtOnce);
        driver.session.push(Step::expect_connect());
        for verb in &self.verbs {
            driver.session.push(verb.step());
        }
        match self.ending {
            Ending::ExpectDisconnect => _ = driver.session.push(Step::expect_disconnect()),
            Ending::Disconnect => _ = driver.session.push(Step::disconnect()),
            Ending::Finish | Ending::Idle => {}
        }
        driver.session.handle_connection(driver.now, None);
        driver.settle();
        let mut start = 0;
        for end in cuts.into_iter().chain([stream.len()]) {
            driver.session.handle_bytes(driver.now, &stream[start..end]);
            driver.settle();
            start = end;
        }
        if self.taken == Taken::AfterTheStream {
            driver.blocked = false;
            driver.settle();
        }
        match self.end {
            End::Close => driver.session.handle_eof(driver.now),
            End::Reset => driver.session.handle_reset(driver.now),
            End::Silence => {}
        }
        driver.blocked = false;
        driver.settle();
        if matches!(self.ending, Ending::Idle) {
            driver.judge();
        }
        driver.session.finish(Location::caller());
        driver.judge();
        if driver.session.has_failed() {
            let report = driver.session.report("server", Cause::Dropped);
            return Verdict::Failed(report.step(), report.cause().clone());
        }
        assert!(driver.session.is_done(), "every script comes to an end");
        Verdict::Passed
    }
}

/// Does what a session says.
struct Driver {
    session: Session,
    now: Instant,
    /// Whether the transport takes nothing.
    blocked: bool,
}

impl Driver {
    fn new(blocked: bool) -> Self {
        Self { session: Session::new(Config::default()), now: Instant::ORIGIN, blocked }
    }

    /// Returns until when the session waits.
    fn settle(&mut self) -> Option<Instant> {
        loop {
            if let Output::Wait(wait) = self.session.poll_output(self.now) {
                let count = wait.send.len();
                if count == 0 || self.blocked {
                    return wait.until.map(|until| until.at);
                }
                self.session.handle_sent(self.now, count);
            }
        }
    }

    /// Lets time pass until nothing is waited for.
    fn judge(&mut self) {
        while let Some(until) = self.settle() {
            self.now = self.now.max(until);
            self.session.handle_timeout(self.now);
            assert!(self.session.has_failed(), "a deadline that has come is judged");
        }
    }
}

/// Names a verdict; for the count of what was reached.
fn name(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "Passed".to_owned(),
        Verdict::Failed(_, cause) => {
            let cause = format!("{cause:?}");
            cause.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn every_segmentation_gives_the_same_verdict() {
    let cases = 2000;
    let reached = RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, ..Cases::default() });
    let result = runner.run(&conversation(), |conversation| {
        let stream = conversation.stream();
        let whole = conversation.verdict(&stream, []);
        *reached.borrow_mut().entry(name(&whole)).or_insert(0) += 1;
        prop_assert_eq!(&whole, &conversation.verdict(&stream, 1..stream.len()), "byte by byte");

        let mut cuts: Vec<_> = conversation.cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&whole, &conversation.verdict(&stream, cuts), "cut at random");
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // It would prove little if the cases were all alike.
    let reached = reached.into_inner();
    let count = |name: &str| reached.get(name).copied().unwrap_or(0);
    assert!((cases / 5..=cases * 4 / 5).contains(&count("Passed")), "{reached:?}");
    for cause in ["WrongByte", "WrongLength", "Closed"] {
        assert!(count(cause) >= cases / 50, "{cause}: {reached:?}");
    }
    for cause in [
        "Aborted",
        "DisconnectTimeout",
        "Framing",
        "MessageTimeout",
        "UnclaimedData",
        "NoStepLeft",
        "NotDelivered",
        "UnexpectedData",
        "Unread",
    ] {
        assert!(count(cause) > 0, "{cause}: {reached:?}");
    }
}

/// A short stream is cut in every way there is.
#[test]
fn all_segmentations_of_a_short_stream_give_the_same_verdict() {
    let verbs =
        vec![Verb::ExpectFrame(2, b"ab".to_vec()), Verb::SendBytes(b"!".to_vec()), Verb::ExpectBytes(b"cd".to_vec())];
    let right = b"\0\x02abcd";
    let mut streams: Vec<Vec<u8>> = (0..=right.len()).map(|len| right[..len].to_vec()).collect();
    for at in 0..right.len() {
        let mut wrong = right.to_vec();
        wrong[at] ^= 0x81;
        streams.push(wrong);
    }
    streams.push([right, &b"e"[..]].concat());
    for stream in streams {
        for (end, taken) in [
            (End::Close, Taken::AtOnce),
            (End::Close, Taken::AfterTheStream),
            (End::Close, Taken::AfterTheEnd),
            (End::Reset, Taken::AtOnce),
            (End::Reset, Taken::AfterTheEnd),
            (End::Silence, Taken::AfterTheStream),
        ] {
            for ending in [Ending::ExpectDisconnect, Ending::Disconnect, Ending::Finish, Ending::Idle] {
                let changes = [Change::Nothing, Change::Nothing];
                let conversation = Conversation { verbs: verbs.clone(), ending, changes, end, taken, cuts: Vec::new() };
                let whole = conversation.verdict(&stream, []);
                for mask in 1_u32..1 << stream.len().saturating_sub(1) {
                    let cuts = (1..stream.len()).filter(|cut| mask >> (cut - 1) & 1 == 1);
                    assert_eq!(conversation.verdict(&stream, cuts), whole, "{conversation:?} {stream:?} {mask:b}");
                }
            }
        }
    }
}
