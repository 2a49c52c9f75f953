//! The capture of a session, if it was asked for one.

use crate::time::Instant;
use crate::transcript::Event;
use core::net::SocketAddr;

#[cfg(feature = "pcapng")]
#[derive(Debug, Default)]
pub(super) struct Recorder(pub(super) Option<alloc::boxed::Box<crate::capture::Capture>>);

#[cfg(feature = "pcapng")]
impl Recorder {
    pub(super) fn connected(&mut self, now: Instant, peer: Option<SocketAddr>, is_first: bool) {
        if let Some(capture) = &mut self.0 {
            capture.connected(now, peer, is_first);
        }
    }

    pub(super) fn accepted(&mut self, now: Instant) {
        if let Some(capture) = &mut self.0 {
            capture.accepted(now);
        }
    }

    pub(super) fn closed(&mut self, now: Instant) {
        if let Some(capture) = &mut self.0 {
            capture.closed(now);
        }
    }

    pub(super) fn event(&mut self, now: Instant, event: &Event) {
        if let Some(capture) = &mut self.0 {
            capture.event(now, event);
        }
    }

    pub(super) fn received(&mut self, now: Instant, bytes: &[u8], step: usize) {
        if let Some(capture) = &mut self.0 {
            capture.received(now, bytes, step);
        }
    }

    pub(super) fn sent(&mut self, now: Instant, bytes: &[u8], step: usize) {
        if let Some(capture) = &mut self.0 {
            capture.sent(now, bytes, step);
        }
    }

    pub(super) fn take_back(&mut self, count: usize) {
        if let Some(capture) = &mut self.0 {
            capture.take_back(count);
        }
    }

    pub(super) fn failed(&mut self) {
        if let Some(capture) = &mut self.0 {
            capture.failed();
        }
    }

    pub(super) fn waits(&mut self) {
        if let Some(capture) = &mut self.0 {
            capture.waits();
        }
    }
}

#[cfg(feature = "pcapng")]
impl super::Session {
    /// Has the session keep all of its conversation from now on, for a file. It makes no difference to what is played.
    pub fn start_capture(&mut self) {
        self.log.recorder.0.get_or_insert_default();
    }

    /// Returns what it has kept so; `None` if it was never told to.
    pub fn capture(&self) -> Option<&crate::capture::Capture> {
        self.log.recorder.0.as_deref()
    }
}

/// Keeps nothing.
#[cfg(not(feature = "pcapng"))]
#[derive(Debug, Default)]
pub(super) struct Recorder;

#[cfg(not(feature = "pcapng"))]
impl Recorder {
    pub(super) fn connected(&mut self, _: Instant, _: Option<SocketAddr>, _: bool) {}
    pub(super) fn accepted(&mut self, _: Instant) {}
    pub(super) fn closed(&mut self, _: Instant) {}
    pub(super) fn event(&mut self, _: Instant, _: &Event) {}
    pub(super) fn received(&mut self, _: Instant, _: &[u8], _: usize) {}
    pub(super) fn sent(&mut self, _: Instant, _: &[u8], _: usize) {}
    pub(super) fn take_back(&mut self, _: usize) {}
    pub(super) fn failed(&mut self) {}
    pub(super) fn waits(&mut self) {}
}
