//! Plays a conversation with the session, as a driver would.

use super::script::{Conversation, End};
use std::panic::Location;
use tcpclient_core::report::Cause;
use tcpclient_core::session::{Config, Output, Session};
use tcpclient_core::time::{Duration, Instant};
use tcpclient_core::transcript::Event;

/// How a conversation went.
#[derive(Debug, PartialEq, Eq)]
pub struct Course {
    pub verdict: Verdict,
    pub sent: Vec<u8>,
}

/// How a script ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// The index of the step, and what was wrong with it.
    Failed(Option<usize>, Fault),
}

/// What was wrong, as far as two ways to find out must agree about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With a message; at this byte, where it is one that is compared as it comes.
    Wrong(Option<usize>),
    Framing,
    Closed,
    MessageTimeout,
    EofTimeout,
    DisconnectTimeout,
    Unexpected,
    Aborted,
    Unread,
    NotDelivered,
    ShutDown,
    NotConnected,
    /// None that can be here.
    Other,
}

impl From<&Cause> for Fault {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::WrongByte { offset, .. } => Self::Wrong(Some(*offset)),
            Cause::WrongLength { .. } | Cause::WrongMessage { .. } => Self::Wrong(None),
            Cause::Framing(_) => Self::Framing,
            Cause::Closed { .. } => Self::Closed,
            Cause::MessageTimeout { .. } => Self::MessageTimeout,
            Cause::EofTimeout { .. } => Self::EofTimeout,
            Cause::DisconnectTimeout { .. } => Self::DisconnectTimeout,
            Cause::UnexpectedData => Self::Unexpected,
            Cause::Aborted => Self::Aborted,
            Cause::Unread { .. } => Self::Unread,
            Cause::NotDelivered { .. } => Self::NotDelivered,
            Cause::ShutDown { .. } => Self::ShutDown,
            Cause::NotConnected { .. } => Self::NotConnected,
            _ => Self::Other,
        }
    }
}

/// The most that a driver may have to do for one input.
const PATIENCE: usize = 10_000;

struct Driver {
    session: Session,
    now: Instant,
    sent: Vec<u8>,
    delivered: usize,
}

impl Conversation {
    /// Plays it, with the stream in pieces of these sizes, again and again; or whole, if there are none.
    pub fn play(&self, pieces: &[usize]) -> Course {
        let session = Session::new(Config::default());
        let mut driver = Driver { session, now: Instant::ORIGIN, sent: Vec::new(), delivered: 0 };
        for step in self.steps() {
            driver.session.push(step);
        }
        driver.session.handle_connection(driver.now, None);
        driver.settle();
        let mut rest = &self.stream[..];
        let mut pieces = pieces.iter().cycle();
        while !rest.is_empty() {
            let size = pieces.next().map_or(rest.len(), |size| rest.len().min(*size));
            driver.session.handle_bytes(driver.now, &rest[..size]);
            driver.delivered += size;
            driver.settle();
            rest = &rest[size..];
        }
        match self.end {
            End::Close => driver.session.handle_eof(driver.now),
            End::Reset => driver.session.handle_reset(driver.now),
            End::Silence => {}
        }
        driver.pass();
        if driver.session.is_done() {
            driver.session.finish(Location::caller());
            driver.pass();
        }
        driver.look_at_transcript(&self.stream);
        let report = driver.session.report("server", Cause::Dropped);
        // Whoever asks gets a text, whatever has happened.
        assert!(!report.to_string().is_empty());
        let verdict = if driver.session.has_failed() {
            Verdict::Failed(report.step().map(|step| step - 1), report.cause().into())
        } else {
            assert!(driver.session.is_done(), "a script that has not failed comes to its end");
            Verdict::Passed
        };
        Course { verdict, sent: driver.sent }
    }
}

impl Driver {
    /// Does what the session says until it waits. Returns until when.
    fn settle(&mut self) -> Option<Instant> {
        for _ in 0..PATIENCE {
            if let Output::Wait(wait) = self.session.poll_output(self.now) {
                let count = wait.send.len();
                if count == 0 {
                    return wait.until.map(|until| until.at);
                }
                self.sent.extend_from_slice(wait.send);
                self.session.handle_sent(self.now, count);
            }
        }
        panic!("the session goes round in circles");
    }

    /// Lets time pass until the script is done, or has failed.
    fn pass(&mut self) {
        for _ in 0..PATIENCE {
            let until = self.settle();
            if self.session.has_failed() || self.session.is_done() {
                return;
            }
            let until = until.unwrap_or_else(|| panic!("the session waits for ever"));
            self.now = self.now.max(until);
            assert!(self.now < Instant::ORIGIN + Duration::from_secs(600), "it takes too long");
            self.session.handle_timeout(self.now);
        }
        panic!("the script never ends");
    }

    /// What the transcript has is what was said.
    fn look_at_transcript(&self, stream: &[u8]) {
        let transcript = self.session.transcript();
        if transcript.dropped() > 0 {
            return;
        }
        let (mut received, mut sent) = (0, 0);
        for entry in transcript.entries() {
            let (data, at, bytes) = match entry.event() {
                Event::Received(data) => (data, &mut received, stream),
                Event::Sent(data) => (data, &mut sent, &self.sent[..]),
                _ => continue,
            };
            assert!(bytes[*at..].starts_with(data.head()), "{transcript}");
            *at += usize::try_from(data.len()).unwrap();
        }
        assert_eq!((received, sent), (self.delivered, self.sent.len()), "{transcript}");
    }
}
