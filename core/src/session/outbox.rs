//! What goes out: what steps send, and the answers of rules between them.

use super::connection::Connection;
use super::{Link, Session};
use crate::bytes::Bytes;
use crate::report::{Cause, End, Excerpt};
use crate::security::State;
use crate::time::{Duration, Instant};
use crate::transcript::Event;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What goes out on a connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What rules have answered, and was not sent yet, with the indices of their steps; of the first, so many bytes were.
    answers: VecDeque<(usize, Bytes)>,
    taken: usize,
    /// Since when the transport has taken nothing of them.
    stuck_since: Option<Instant>,
    /// Whether the bytes that were last given out to be sent are those of an answer.
    pub(super) answering: bool,
    /// What was sent last, and of each how many bytes were.
    sent: VecDeque<(Bytes, usize)>,
}

impl Outbox {
    /// The number of sends that are kept for reports.
    const HISTORY: usize = 20;

    pub(super) fn answer(&mut self, now: Instant, rule: usize, wire: Vec<u8>) {
        if !wire.is_empty() {
            self.stuck_since.get_or_insert(now);
            self.answers.push_back((rule, Bytes::from(wire)));
        }
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Returns the step whose answer has been waiting since this moment, and why that is too late.
    pub(super) fn too_late(&self, since: Instant, after: Duration) -> Option<(usize, Cause)> {
        let (rule, wire) = self.answers.front().filter(|_| self.stuck_since.is_some_and(|stuck| stuck <= since))?;
        Some((*rule, Cause::SendTimeout { after, taken: self.taken, of: wire.len() }))
    }

    /// Drops the answers that were not sent: nobody is there to get them.
    pub(super) fn drop_answers(&mut self) {
        self.answers.clear();
        self.taken = 0;
        self.stuck_since = None;
    }

    fn record(&mut self, wire: Bytes, start: usize, end: usize) {
        if start == 0 {
            if self.sent.len() == Self::HISTORY {
                self.sent.pop_front();
            }
            self.sent.push_back((wire, 0));
        }
        if let Some((_, sent)) = self.sent.back_mut() {
            *sent = end;
        }
    }

    /// Returns the first of the bytes that the client left unread, if they are still kept.
    pub(super) fn unread(&self, connection: Connection) -> Option<Excerpt> {
        let Connection { sent, read: Some(read), .. } = connection else { return None };
        // The offset of the earliest byte found.
        let mut found = sent;
        let mut parts: Vec<&[u8]> = Vec::new();
        for (wire, len) in self.sent.iter().rev() {
            if found <= read {
                break;
            }
            found = found.checked_sub(*len as u64)?;
            parts.push(&wire[..*len]);
        }
        let start = usize::try_from(read).ok()?;
        let skipped = usize::try_from(read.checked_sub(found)?).ok()?;
        let excerpt = Excerpt::new(start, parts.into_iter().rev().flatten().skip(skipped));
        (!excerpt.bytes.is_empty()).then_some(excerpt)
    }
}

impl Session {
    /// Returns what is to be sent next.
    pub(super) fn unsent(&self) -> &[u8] {
        let (None, Link::Open(_), false) = (&self.fault, self.link, self.is_settling()) else { return &[] };
        if self.outbox.has_answers() {
            return self.outbox.answers.front().map_or(&[], |(_, wire)| &wire[self.outbox.taken..]);
        }
        self.unsent_of_step()
    }

    /// Handles that the transport took the first `count` bytes of [`Wait::send`](super::Wait::send).
    pub fn handle_sent(&mut self, now: Instant, count: usize) {
        let Link::Open(connection) = &mut self.link else { return };
        let Some(channel) = &mut self.channel else { return self.handle_plain_sent(now, count) };
        let count = channel.took(count);
        connection.ends_in_tls = count == 0;
        self.handle_plain_sent(now, count);
    }

    /// Handles that so many bytes of what the script has to say were taken.
    fn handle_plain_sent(&mut self, now: Instant, count: usize) {
        let Link::Open(connection) = &mut self.link else { return };
        let (wire, start, step) = match (self.outbox.answers.front(), self.steps.current()) {
            (Some((rule, wire)), _) if self.outbox.answering => (wire, self.outbox.taken, *rule),
            (_, Some(step)) if !self.outbox.answering => match step.kind.wire() {
                Some(wire) => (wire, self.progress.bytes, self.steps.at),
                None => return,
            },
            _ => return,
        };
        let end = wire.len().min(start.saturating_add(count));
        if start == end {
            return;
        }
        let wire = wire.clone();
        connection.sent += (end - start) as u64;
        self.log.sent(now, &wire[start..end], start == 0, step);
        self.outbox.stuck_since = Some(now);
        if !self.outbox.answering {
            self.progress.bytes = end;
        } else if end < wire.len() {
            self.outbox.taken = end;
        } else {
            self.outbox.answers.pop_front();
            self.outbox.taken = 0;
        }
        self.outbox.record(wire, start, end);
        if !self.outbox.has_answers() {
            self.outbox.stuck_since = None;
        }
        self.play_backlog(now);
    }

    /// Handles that the transport refused [`Wait::send`](super::Wait::send), or took some of it and told at once that it cannot be
    /// delivered, because the client had closed the connection (broken pipe).
    pub fn handle_send_failed(&mut self, now: Instant) {
        self.calm = None;
        if let (Some(channel), Link::Open(connection)) = (&mut self.channel, &mut self.link) {
            let bytes = channel.own();
            channel.drop_pending();
            // What TLS has to say to a client that has gone accuses nobody, unless a step is about just that.
            connection.ends_in_tls |= bytes > 0;
            if let State::Over(_) = channel.state() {
                connection.end = Some(End::Reset);
                return self.fail_at(Some(self.steps.at), Cause::NotDelivered { bytes });
            }
        }
        let missing = self.unsent().len() as u64;
        let (Link::Open(connection), 1..) = (&mut self.link, missing) else {
            return self.handle_end(now, End::Reset);
        };
        if self.outbox.answering {
            // Nobody has to wait for an answer to what comes at any time. What the client left unread of those before is judged.
            self.outbox.drop_answers();
            if connection.end.is_none() {
                self.handle_end(now, End::Reset);
            }
            self.play_backlog(now);
            return;
        }
        connection.forget_hold(End::Reset);
        // The reset that a send provokes is only the answer of a kernel whose client had closed before.
        if connection.end.replace(End::Reset).is_none() {
            self.log.record(now, Event::ClientReset);
        }
        let started = self.progress.bytes > 0;
        let cause = if started { Cause::CutOff { bytes: missing } } else { Cause::NotDelivered { bytes: missing } };
        self.fail_at(Some(self.steps.at), cause);
    }
}
