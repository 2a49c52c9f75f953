//! Any step, and any call of the session in any order: as no driver would.

use super::input::Input;
use super::script::{Message, framing};
use std::panic::Location;
use std::time::Duration;
use tcpclient_core::framing::Framing;
use tcpclient_core::pattern::Pattern;
use tcpclient_core::report::Cause;
use tcpclient_core::session::{Config, Output, Peer, Session, Wait};
use tcpclient_core::step::{Amendment, Step};
use tcpclient_core::time::Instant;

/// The most that a driver may have to do for one call.
const PATIENCE: usize = 1000;

/// Does with a session what these bytes stand for: it must never panic, nor go round in circles, nor change its mind. Returns whether the
/// script has failed.
///
/// # Panics
/// Panics if it does one of these.
pub fn check(bytes: &[u8]) -> bool {
    let mut input = Input::new(bytes);
    let mut chaos = Chaos { session: Session::new(Config::default()), now: Instant::ORIGIN, pushed: 0, failure: None };
    while !input.is_empty() {
        chaos.call(&mut input);
        chaos.look();
    }
    chaos.session.has_failed()
}

struct Chaos {
    session: Session,
    now: Instant,
    pushed: usize,
    /// How the script has failed, if it has.
    failure: Option<(Option<usize>, Cause)>,
}

impl Chaos {
    fn call(&mut self, input: &mut Input<'_>) {
        let Self { session, now, .. } = self;
        let count = u64::from(input.byte() % 8);
        match input.below(24) {
            0..=5 => {
                session.push(step(input));
                self.pushed += 1;
            }
            6 | 7 => session.handle_connection(*now, None),
            8..=10 => {
                let bytes = match input.below(3) {
                    0 => input.take(5).to_vec(),
                    1 => Message::new(input).wire(),
                    _ => input.text(4),
                };
                session.handle_bytes(*now, &bytes);
            }
            11 => session.handle_eof(*now),
            12 => session.handle_reset(*now),
            13 => {
                let unread = Some(count).filter(|count| *count < 6);
                let peer = match input.below(5) {
                    0 => Peer::Open { unread },
                    1 => Peer::Closed { unread },
                    2 => Peer::Aborted,
                    3 => Peer::Leaving,
                    _ => Peer::Unknown,
                };
                session.handle_peer(*now, peer);
            }
            14 => session.handle_sent(*now, usize::from(input.byte())),
            15 => session.handle_send_failed(*now),
            16 => *now = *now + Duration::from_millis(u64::from(input.byte()) * 20),
            17 => session.handle_timeout(*now),
            18 => session.release(name(input)),
            19 => {
                let amendment = match input.below(3) {
                    0 => Amendment::Deadline(Duration::from_millis(count * 100)),
                    1 => Amendment::AtMost(count),
                    _ => Amendment::Name("a name".into()),
                };
                session.amend(input.below(self.pushed + 1), amendment);
            }
            20 => session.finish(Location::caller()),
            21 => _ = session.take_marks(),
            22 if input.below(4) == 0 => session.fail(Cause::Dropped),
            _ => {
                self.judge();
            }
        }
    }

    /// Does what the session says, taking nothing of what it sends.
    fn settle(&mut self) -> Wait<'_> {
        for _ in 0..PATIENCE {
            if let Output::Wait(_) = self.session.poll_output(self.now) {
                let Output::Wait(wait) = self.session.poll_output(self.now) else { panic!("it wanted to wait") };
                return wait;
            }
        }
        panic!("the session goes round in circles");
    }

    /// Judges what is due: something must come of it. In a block no step counts as done before the block is; so who stands where tells it too.
    fn judge(&mut self) {
        let now = self.now;
        let Some(until) = self.settle().until.filter(|until| until.at <= now) else { return };
        let before = self.progress();
        self.session.handle_timeout(now);
        let goes_on = self.progress() != before;
        assert!(goes_on || self.settle().until != Some(until), "{until:?} is due, and nothing comes of it");
    }

    /// How much is done, where the script stands, and whether it has failed.
    fn progress(&self) -> (usize, Option<usize>, bool) {
        (self.session.done(), self.session.report("server", Cause::Dropped).step(), self.session.has_failed())
    }

    /// Looks at what everybody may see.
    fn look(&mut self) {
        let failed = self.session.has_failed();
        let receives = self.settle().receive > 0;
        assert!(!receives || !failed || self.failure.is_none(), "nobody reads for a script that has failed");
        assert!(self.session.transcript().entries().len() <= 50);
        let report = self.session.report("server", Cause::Dropped);
        let failure = (report.step(), report.cause().clone());
        assert!(!report.to_string().is_empty());
        match &self.failure {
            Some(first) => assert_eq!(*first, failure, "the first failure counts"),
            None => self.failure = Some(failure).filter(|_| failed),
        }
    }
}

fn name(input: &mut Input<'_>) -> &'static str {
    ["a", "b"][input.below(2)]
}

fn step(input: &mut Input<'_>) -> Step {
    let millis = Duration::from_millis(u64::from(input.byte()) * 10);
    let step = match input.below(30) {
        0..=3 => Step::expect_connect(),
        4..=7 => Message::new(input).step(),
        8 => Step::expect_frame(&Framing::varint().max_length(9), Pattern::prefix("a")),
        9 => Step::expect_frame(&Framing::fixed(3), Pattern::suffix("a")),
        10 => Step::expect_frame(&Framing::lines(), Pattern::matching(|line: &[u8]| line.len() < 3)),
        11 | 12 => Step::send_bytes("xyz"),
        13 => Step::reply(<[u8]>::to_vec),
        // It may be too long for its frame.
        14 => Step::reply_frame(&framing(1).max_length(4), |message| [message, message].concat()),
        15 => Step::anytime(&Framing::lines(), Pattern::prefix("a"), "pong"),
        16 => Step::anytime(&framing(1), Pattern::any(), tcpclient_core::reply::Reply::none()),
        17 => Step::optional(input.below(4)),
        18 => Step::repeat_until_disconnect(input.below(4)),
        19 => Step::expect_silence(millis),
        20 => Step::expect_no_connect(millis),
        21 => Step::pause(millis),
        22 => Step::hold(name(input)),
        23 => Step::mark(name(input)),
        24 => Step::expect_eof(),
        25 => Step::expect_disconnect(),
        26 => Step::wait_until_read(),
        27 => Step::stop_reading(),
        28 => Step::shutdown(),
        _ => match input.below(3) {
            0 => Step::disconnect(),
            1 => Step::reset(),
            _ => Step::hand_over(),
        },
    };
    if input.below(4) == 0 { step.within(millis) } else { step }
}
