//! What a session has to tell: its report.

use super::connection::{Connection, Hearer, Hold};
use super::{Link, Progress, Session};
use crate::framing::{Framing, Grouped, Noun};
use crate::pattern::{View, first_difference};
use crate::preview::Count;
use crate::report::{Cause, Client, Doubt, Dump, End, Excerpt, Line, Listing, Mark, Part, Report, Standing};
use crate::security::{self, Trouble};
use crate::step::{Awaited, Kind, Step};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

impl Line {
    fn new(mark: Mark, index: usize, step: &Step) -> Self {
        Self {
            mark,
            number: index + 1,
            depth: step.depth(),
            text: step.call(),
            name: step.name().map(String::from),
            location: step.location(),
        }
    }
}

impl Session {
    /// Returns the whole story: of the failure or, if there is none yet, of a script that ended for this other `cause`.
    pub fn report(&self, server: &str, cause: Cause) -> Report {
        let (cause, step) = match &self.fault {
            Some(fault) => (fault.cause.clone(), fault.step),
            None => (cause, (!self.is_done()).then_some(self.steps.at)),
        };
        let mut subject = step.and_then(|index| self.steps.get(index)).map(Step::subject).unwrap_or_default();
        if self.steps.is_between_rounds() {
            subject += " or for the client to disconnect";
        }
        let noun = step.and_then(|index| self.steps.get(index)).map(Step::noun);
        let kind = step.and_then(|index| self.steps.get(index)).map(|step| &step.kind);
        let evidence = self.evidence();
        let reason = self.misunderstanding(&evidence);
        let (framing, other_framing) = self.doubted_framing().unzip();
        Report {
            server: server.to_string(),
            number: None,
            others: Vec::new(),
            cause,
            subject,
            noun: noun.unwrap_or_default(),
            step: step.map(|index| index + 1),
            round: step.and_then(|index| self.steps.round(index)),
            script: self.listing(step),
            evidence,
            framing,
            other_framing: other_framing.flatten(),
            client: self.client(),
            sent: self.connection().sent,
            unread: self.connection().unread(),
            let_go: self.connection().is_closed(),
            transcript: self.log.transcript().clone(),
            connects: matches!(kind, Some(Kind::ExpectConnect)),
            waits: !self.door.is_empty(),
            reason,
            notes: self.notes(step),
            handed_over: self.was_handed_over(),
        }
    }

    /// Says what is the matter, if client and script are not of one mind about TLS.
    fn misunderstanding(&self, evidence: &[Dump]) -> Option<&'static str> {
        let fault = self.fault.as_ref()?;
        if self.channel.is_none() {
            let shown = evidence.iter().find(|dump| dump.title == "received" && dump.excerpt.start == 0);
            let frame = self.progress.wire(&[&self.progress.message, &fault.tail]);
            let begins = |bytes: &[u8]| security::begins_hello(bytes).then_some(security::HELLO_IN_CLEAR);
            return shown.and_then(|dump| begins(&dump.excerpt.bytes)).or_else(|| begins(&frame?));
        }
        if self.half_record().is_some() {
            return Some(security::HALF_A_RECORD);
        }
        let gave_up = matches!(&fault.cause, Cause::Closed { by: End::Close, arrived } if arrived.is_nothing());
        let heard_nothing = self.connection().heard_by == Hearer::Nobody;
        (gave_up && heard_nothing && self.client() != Client::HalfClosed).then_some(security::GIVEN_UP_BEHIND_HANDSHAKE)
    }

    /// Returns how much has come of a record of TLS, and how many bytes it has, where a step waited in vain for what is in it.
    fn half_record(&self) -> Option<(usize, Option<usize>)> {
        let waited = |cause: &Cause| {
            matches!(
                cause,
                Cause::MessageTimeout { .. }
                    | Cause::EofTimeout { .. }
                    | Cause::DisconnectTimeout { .. }
                    | Cause::NoStepLeft { .. }
            )
        };
        self.channel.as_ref().filter(|_| self.fault.as_ref().is_some_and(|fault| waited(&fault.cause)))?.remainder()
    }

    /// Says whether the latest connection was given to the test.
    fn was_handed_over(&self) -> bool {
        matches!(self.link, Link::Over { step, .. } if matches!(self.steps.get(step), Some(Step { kind: Kind::HandOver, .. })))
    }

    /// Returns what else there is to know about the way in which the script is played.
    fn notes(&self, step: Option<usize>) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some((bytes, of)) = self.half_record() {
            let of = of.map_or("header".to_string(), |of| format!("{} bytes", Grouped(of as u64)));
            notes.push(format!("{} have come of the {of} of a TLS record", Count(bytes as u64)));
        }
        if let Some((lazy, step)) = self.connection().lazy_since.and_then(|lazy| Some((lazy, self.steps.get(lazy)?))) {
            let (lazy, place) = (lazy + 1, step.location());
            notes.push(format!(
                "the server has read no more than it expected since step {lazy}, stop_reading() at {place}"
            ));
        }
        let Some(Kind::ExpectMessage(awaited)) = step.and_then(|step| Some(&self.steps.get(step)?.kind)) else {
            return notes;
        };
        let framing = format!("{:?}", awaited.framing);
        for rule in self.rules.iter().filter_map(|&rule| self.steps.get(rule)) {
            let Kind::Anytime(anytime) = &rule.kind else { continue };
            let of_rule = format!("{:?}", anytime.framing);
            if of_rule != framing {
                let (kind, place) = (&rule.kind, rule.location());
                notes.push(format!("{kind} at {place} is for {of_rule}, and the step that failed is not"));
            }
        }
        notes
    }

    /// Adds to the report of another script where this one, of this number, stands.
    pub fn report_beside(&self, report: &mut Report, script: usize) {
        let line = self.steps.current().map(|step| Line::new(Mark::Current, self.steps.at, step));
        report.others.push(Standing { script, line, total: self.steps.total() });
    }

    /// Returns the latest connection.
    pub(super) fn connection(&self) -> Connection {
        match self.link {
            Link::None => Connection::default(),
            Link::Open(connection) | Link::Over { connection, .. } => connection,
        }
    }

    /// Says whether a client has connected for which a step had waited, or that it had missed.
    fn came_too_late(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| {
            matches!(fault.cause, Cause::ConnectTimeout { .. } | Cause::NotConnected { .. })
                && self.connections > fault.connections
        })
    }

    fn client(&self) -> Client {
        match self.link {
            Link::None | Link::Over { .. } if self.came_too_late() => Client::Waiting,
            Link::None | Link::Over { .. } if !self.door.is_empty() => Client::Waiting,
            Link::None => Client::NeverConnected,
            Link::Over { by_server: true, .. } => Client::EndedByServer,
            Link::Open(connection) | Link::Over { connection, .. } => {
                let Connection { end, hold, goes_on_below, .. } = connection;
                match end {
                    None => Client::Connected,
                    Some(End::Close) => match hold {
                        Hold::Unknown if goes_on_below => Client::HalfClosed,
                        Hold::Unknown => Client::Ended,
                        Hold::Held => Client::HalfClosed,
                        Hold::Leaving | Hold::Closed | Hold::Aborted => Client::Closed,
                    },
                    Some(End::Reset) => Client::Reset,
                }
            }
        }
    }

    /// Returns the part of the script around a step.
    fn listing(&self, step: Option<usize>) -> Listing {
        /// The most lines that a report shows of a script.
        const SHOWN: usize = 20;
        let center = step.unwrap_or(self.steps.at);
        let total = self.steps.total();
        let last = total.min(center + SHOWN / 2);
        let first = last.saturating_sub(SHOWN).max(self.steps.forgotten);
        let failed = self.fault.as_ref().and_then(|fault| fault.step);
        let lines = (first..total.min(first + SHOWN)).filter_map(|index| {
            let step = self.steps.get(index)?;
            let mark = match index {
                _ if Some(index) == failed => Mark::Failed,
                _ if self.steps.was_skipped(index) => Mark::Skipped,
                _ if self.rules.contains(&index) => Mark::Done,
                _ if index < self.steps.at => Mark::Done,
                _ if index == self.steps.at && self.fault.is_none() => Mark::Current,
                _ => Mark::Ahead,
            };
            Some(Line::new(mark, index, step))
        });
        Listing { lines: lines.collect(), total }
    }

    /// Returns the framing of a frame whose bytes do not suit it, as it is written, and what may be meant instead.
    fn doubted_framing(&self) -> Option<(String, Option<Doubt>)> {
        let fault = self.fault.as_ref()?;
        let Kind::ExpectMessage(awaited) = &self.steps.get(fault.step?)?.kind else { return None };
        let Awaited { framing, pattern } = awaited;
        if framing.noun() != Noun::Frame {
            return None;
        }
        let whole = |frame: &[u8]| framing.near_to_frame(frame).map(|near| Doubt::Whole(format!("{near:?}")));
        let doubt = match &fault.cause {
            Cause::MessageTimeout { arrived, .. } | Cause::Closed { arrived, .. } => match arrived.part {
                _ if arrived.is_nothing() => return None,
                // It announces the right length, so it is the right framing.
                Part::Payload if pattern.as_exact().is_some() => return None,
                Part::Payload => {
                    let endless = Doubt::Endless { ordered: framing.is_ordered() };
                    let waits = self.client() == Client::Connected;
                    self.progress
                        .wire(&[&self.progress.message])
                        .and_then(|wire| whole(&wire))
                        .or(waits.then_some(endless))
                }
                Part::Header | Part::Message => None,
            },
            Cause::WrongLength { .. } => Some(Doubt::Counts(format!("{:?}", self.miscounted()?.0))),
            Cause::Framing(_) if fault.tail.len() < Excerpt::LIMIT => whole(&fault.tail),
            Cause::Framing(_) => None,
            _ => return None,
        };
        Some((format!("{framing:?}"), doubt))
    }

    /// Returns the framing in which the frame that came is the one expected, if it is so but for its length field; and both frames.
    fn miscounted(&self) -> Option<(Framing, Vec<u8>, Vec<u8>)> {
        let fault = self.fault.as_ref()?;
        let Kind::ExpectMessage(awaited) = &self.steps.get(fault.step?)?.kind else { return None };
        let Awaited { framing, pattern } = awaited;
        let (Cause::WrongLength { .. }, Some(expected)) = (&fault.cause, pattern.as_exact()) else { return None };
        let received = self.progress.wire(&[&self.progress.message, &fault.tail])?;
        let near = framing.near_to_message(expected, &received, fault.tail.len() == Excerpt::LIMIT)?;
        Some((near, framing.encode(expected).ok()?, received))
    }

    /// Returns the bytes that show what went wrong.
    fn evidence(&self) -> Vec<Dump> {
        let Some(fault) = &self.fault else { return Vec::new() };
        let received =
            |bytes: &[&[u8]]| vec![Dump { title: "received", excerpt: Excerpt::around(0, bytes), mark: None }];
        let step = fault.step.and_then(|index| self.steps.get(index)).map(|step| &step.kind);
        let tail = &fault.tail[..];
        let (expected, message): (Option<&[u8]>, [&[u8]; 3]) = match step {
            Some(Kind::ExpectBytes(expected)) => (Some(expected), [&expected[..self.progress.matched], &[], tail]),
            Some(Kind::ExpectMessage(awaited)) => {
                let Awaited { framing, pattern } = awaited;
                let Progress { matched, frame, message, ended, .. } = &self.progress;
                // What was compared as it came is not kept, apart from what stands in front of a length field.
                let compared = pattern.as_exact().map_or(&[][..], |expected| &expected[..*matched]);
                let kept = message.get(compared.len()..).unwrap_or_default();
                // Of a frame, only what belongs to it.
                let left = match frame {
                    Some(frame) => frame.message_len() - compared.len() - kept.len(),
                    None if *ended => 0,
                    None => tail.len() - framing.behind_delimiter(&[kept, tail].concat(), kept.len()),
                };
                (pattern.beginning(), [compared, kept, &tail[..tail.len().min(left)]])
            }
            _ => (None, [&[], &[], tail]),
        };
        let both = |expected: &[u8], offset: usize, mark: bool| beside(expected, &message, offset, mark);
        let whole = || received(&message);
        // With its header, unless that is known to be the right one.
        let wire = match step {
            Some(Kind::ExpectMessage(awaited)) if awaited.pattern.as_exact().is_none() => self.progress.wire(&message),
            _ => None,
        };
        let view = match step {
            Some(Kind::ExpectMessage(awaited)) => awaited.pattern.view(),
            _ => View::Beginning,
        };
        let miscounted = self.miscounted().map(|(_, expected, received)| (expected, received));
        let mut dumps = match (&fault.cause, expected) {
            (&Cause::WrongByte { offset, .. } | &Cause::WrongMessage { offset: Some(offset), .. }, Some(expected)) => {
                both(expected, offset, true)
            }
            // Only their length fields differ.
            (Cause::WrongLength { .. }, _) if miscounted.is_some() => {
                let (expected, received) = miscounted.unwrap_or_default();
                beside(&expected, &[&received], first_difference(&expected, &received).unwrap_or(0), true)
            }
            (Cause::WrongLength { .. }, Some(expected)) => {
                let difference = first_difference(expected, &message.concat());
                both(expected, difference.unwrap_or(0), difference.is_some())
            }
            (Cause::WrongMessage { .. }, _) => match view {
                View::Beginning => whole(),
                View::Ends => both_ends(&message.concat()),
                View::End => end(&message.concat()),
            },
            (Cause::MessageTimeout { .. } | Cause::Closed { .. }, _) if wire.is_some() => {
                both_ends(&wire.unwrap_or_default())
            }
            (Cause::MessageTimeout { arrived, .. } | Cause::Closed { arrived, .. }, expected) => {
                match (arrived.part, expected) {
                    _ if arrived.bytes == 0 => Vec::new(),
                    (Part::Header, _) => received(&[self.progress.beginning()]),
                    (_, Some(expected)) if self.progress.matched == arrived.bytes || self.progress.frame.is_some() => {
                        both(expected, arrived.bytes, false)
                    }
                    _ => whole(),
                }
            }
            (Cause::UnexpectedData | Cause::UnclaimedData { .. } | Cause::Framing(_), _)
            | (Cause::Tls(Trouble::Clear(_)), _) => received(&[tail]),
            _ => Vec::new(),
        };
        let may_read_on =
            matches!(fault.cause, Cause::Closed { .. } | Cause::CutOff { .. }) && self.client() == Client::HalfClosed;
        if may_read_on {
            return dumps;
        }
        if matches!(
            fault.cause,
            Cause::Unread { .. }
                | Cause::Closed { .. }
                | Cause::CutOff { .. }
                | Cause::SendTimeout { .. }
                | Cause::MessageTimeout { .. }
                | Cause::EofTimeout { .. }
                | Cause::ReadTimeout { .. }
                | Cause::DisconnectTimeout { .. }
                | Cause::NoStepLeft { .. }
        ) {
            dumps.extend(self.outbox.unread(self.connection()).map(|excerpt| Dump {
                title: "unread",
                excerpt,
                mark: None,
            }));
        }
        dumps
    }
}

/// Shows what was expected and what was received around an offset.
fn beside(expected: &[u8], received: &[&[u8]], offset: usize, mark: bool) -> Vec<Dump> {
    vec![
        Dump { title: "expected", excerpt: Excerpt::around(offset, &[expected]), mark: None },
        Dump { title: "received", excerpt: Excerpt::around(offset, received), mark: mark.then_some(offset) },
    ]
}

/// Shows a part of what was received, with a mark if it is the beginning of more.
fn part(received: &[u8], title: &'static str, range: Range<usize>) -> Dump {
    let cut = range.start == 0 && range.end < received.len();
    let excerpt = Excerpt { start: range.start, bytes: received[range].to_vec(), cut };
    Dump { title, excerpt, mark: None }
}

/// Returns from where on, on a multiple of 16, as much is shown of the end.
fn last(received: &[u8], most: usize) -> usize {
    received.len().saturating_sub(most).next_multiple_of(16)
}

/// Shows the end of what was received.
fn end(received: &[u8]) -> Vec<Dump> {
    vec![part(received, "received", last(received, Excerpt::LIMIT)..received.len())]
}

/// Shows what was received: if that is too much, its beginning and its end.
fn both_ends(received: &[u8]) -> Vec<Dump> {
    const HALF: usize = Excerpt::LIMIT / 2;
    if received.len() <= Excerpt::LIMIT {
        return end(received);
    }
    vec![part(received, "received", 0..HALF), part(received, "", last(received, HALF)..received.len())]
}
