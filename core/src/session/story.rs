//! What a session has to tell: its report.

use super::connection::Connection;
use super::{Link, Session};
use crate::pattern::first_difference;
use crate::report::{Cause, Client, End, Evidence, Excerpt, Line, Listing, Mark, Part, Report};
use crate::step::{Kind, Step};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Session {
    /// Returns the whole story: of the failure or, if there is none yet, of a script that ended for this other `cause`.
    pub fn report(&self, server: &str, cause: Cause) -> Report {
        let (cause, step) = match &self.fault {
            Some(fault) => (fault.cause.clone(), fault.step),
            None => (cause, (!self.is_done()).then_some(self.steps.done)),
        };
        let subject = step.and_then(|index| self.steps.get(index)).map(Step::subject);
        Report {
            server: server.to_string(),
            cause,
            subject: subject.unwrap_or_default(),
            step: step.map(|index| index + 1),
            script: self.listing(step),
            evidence: self.evidence(),
            client: self.client(),
            sent: self.sent(),
            transcript: self.transcript.clone(),
            notes: Vec::new(),
        }
    }

    fn sent(&self) -> u64 {
        match self.link {
            Link::None => 0,
            Link::Open(connection) | Link::Over { connection, .. } => connection.sent,
        }
    }

    fn client(&self) -> Client {
        match self.link {
            Link::None | Link::Over { .. } if !self.door.is_empty() => Client::Waiting,
            Link::None => Client::NeverConnected,
            Link::Over { by_server: true, .. } => Client::EndedByServer,
            Link::Open(Connection { end, .. }) | Link::Over { connection: Connection { end, .. }, .. } => match end {
                None => Client::Connected,
                Some(End::Close) => Client::Closed,
                Some(End::Reset) => Client::Reset,
            },
        }
    }

    /// Returns the part of the script around a step.
    fn listing(&self, step: Option<usize>) -> Listing {
        /// The most lines that a report shows of a script.
        const SHOWN: usize = 20;
        let center = step.unwrap_or(self.steps.done);
        let total = self.steps.total();
        let last = total.min(center + SHOWN / 2);
        let first = last.saturating_sub(SHOWN).max(self.steps.forgotten);
        let failed = self.fault.as_ref().and_then(|fault| fault.step);
        let lines = (first..total.min(first + SHOWN)).filter_map(|index| {
            let step = self.steps.get(index)?;
            let mark = match index {
                _ if Some(index) == failed => Mark::Failed,
                _ if index < self.steps.done => Mark::Done,
                _ if index == self.steps.done && self.started.is_some() && self.fault.is_none() => Mark::Current,
                _ => Mark::Ahead,
            };
            Some(Line {
                mark,
                number: index + 1,
                text: step.kind.to_string(),
                name: step.name().map(String::from),
                location: step.location(),
            })
        });
        Listing { lines: lines.collect(), total }
    }

    /// Returns the bytes that show what went wrong.
    fn evidence(&self) -> Option<Evidence> {
        let fault = self.fault.as_ref()?;
        let received = |bytes| Some(Evidence { expected: None, received: Excerpt::around(0, &[bytes]), mark: None });
        let step = fault.step.and_then(|index| self.steps.get(index)).map(|step| &step.kind);
        let expected: Option<&[u8]> = match step {
            Some(Kind::ExpectBytes(expected)) => Some(expected),
            Some(Kind::ExpectFrame { pattern, .. }) => Some(pattern.as_bytes()),
            _ => None,
        };
        // Of a frame, only what belongs to its payload.
        let tail = match fault.cause {
            Cause::WrongLength { announced, .. } => &fault.tail[..fault.tail.len().min(announced)],
            Cause::WrongByte { offset, framed: true, .. } => {
                let left = expected.map_or(0, |expected| expected.len().saturating_sub(offset));
                &fault.tail[..fault.tail.len().min(left)]
            }
            _ => &fault.tail[..],
        };
        let excerpts = |expected: &[u8], offset: usize, mark: bool| {
            let matched = &expected[..fault.matched.min(expected.len())];
            Some(Evidence {
                expected: Some(Excerpt::around(offset, &[expected])),
                received: Excerpt::around(offset, &[matched, tail]),
                mark: mark.then_some(offset),
            })
        };
        match (&fault.cause, expected) {
            (&Cause::WrongByte { offset, .. }, Some(expected)) => excerpts(expected, offset, true),
            (Cause::WrongLength { .. }, Some(expected)) => {
                let difference = first_difference(expected, tail);
                excerpts(expected, difference.unwrap_or(0), difference.is_some())
            }
            (Cause::MessageTimeout { arrived, .. } | Cause::Closed { arrived, .. }, Some(expected)) => {
                match arrived.part {
                    Part::Header if arrived.bytes > 0 => received(&self.progress.header[..arrived.bytes]),
                    Part::Header => None,
                    _ if arrived.bytes == 0 => None,
                    _ => excerpts(expected, arrived.bytes, false),
                }
            }
            (Cause::UnexpectedData | Cause::UnclaimedData { .. } | Cause::Framing(_), _) => received(tail),
            _ => None,
        }
    }
}
