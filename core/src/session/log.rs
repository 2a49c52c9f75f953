//! What a session writes down of its conversation: the transcript and, if it was asked for, a capture.

use super::recorder::Recorder;
use crate::time::Instant;
use crate::transcript::{Event, Transcript};
use core::net::SocketAddr;

#[derive(Debug, Default)]
pub(super) struct Log {
    transcript: Transcript,
    pub(super) recorder: Recorder,
}

impl Log {
    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Writes down a client that has connected, and is the last at the door or the first.
    pub(super) fn connected(&mut self, now: Instant, peer: Option<SocketAddr>, is_first: bool) {
        self.transcript.record(now, Event::Connected(peer));
        self.recorder.connected(now, peer, is_first);
    }

    /// Writes down that the client that is first at the door has its connection now.
    pub(super) fn accepted(&mut self, now: Instant) {
        self.recorder.accepted(now);
    }

    /// Writes down that the server closes its connection, which may have been told before.
    pub(super) fn closed(&mut self, now: Instant) {
        self.recorder.closed(now);
    }

    pub(super) fn record(&mut self, now: Instant, event: Event) {
        self.recorder.event(now, &event);
        self.transcript.record(now, event);
    }

    /// Writes down bytes of the client, and the index of the step that they found.
    pub(super) fn received(&mut self, now: Instant, bytes: &[u8], step: usize) {
        self.transcript.received(now, bytes);
        self.recorder.received(now, bytes, step);
    }

    /// Writes down bytes of the server, the first of what the step with this index has to say or more of it.
    pub(super) fn sent(&mut self, now: Instant, bytes: &[u8], is_first: bool, step: usize) {
        self.transcript.sent(now, bytes, is_first);
        self.recorder.sent(now, bytes, step);
    }

    /// Forgets the last `count` bytes that were received: they were not meant for the script.
    pub(super) fn take_back(&mut self, count: usize) {
        self.transcript.take_back(count);
        self.recorder.take_back(count);
    }

    /// Notes that the script has failed.
    pub(super) fn failed(&mut self) {
        self.recorder.failed();
    }

    /// Notes that the session waits for something to happen.
    pub(super) fn waits(&mut self) {
        self.recorder.waits();
    }
}
