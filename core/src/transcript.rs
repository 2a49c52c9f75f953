//! What happened on the connections of a script so far.

use crate::preview::{Count, LIMIT, Preview};
use crate::security::{Alert, Handshake};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

/// The conversation between a scripted server and its clients, as data with a `Display` of its own.
///
/// It keeps the last 50 entries and of each at most the first 64 bytes, so that it needs the same memory however long the
/// conversation is. What arrived in several pieces with nothing between them is one entry: the transcript does not depend
/// on how TCP cut the stream.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// When there are as many as are kept, the oldest is overwritten where it lies.
    entries: Vec<Entry>,
    /// Where the latest is.
    latest: usize,
    dropped: u64,
}

/// The number of entries that a transcript keeps.
const KEPT: usize = 50;

impl Transcript {
    /// Returns the entries that are kept, oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        let len = self.entries.len();
        (0..len).map(move |index| &self.entries[(self.latest + 1 + index) % len])
    }

    /// Returns how many older entries were dropped to bound the memory.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Makes room for one more entry. Returns the oldest if that is to be overwritten.
    fn oldest(&mut self, at: Instant) -> Option<&mut Event> {
        if self.entries.len() < KEPT {
            self.latest = self.entries.len();
            return None;
        }
        self.latest = if self.latest + 1 == KEPT { 0 } else { self.latest + 1 };
        self.dropped += 1;
        let entry = &mut self.entries[self.latest];
        (entry.at, entry.until) = (at, at);
        Some(&mut entry.event)
    }

    pub(crate) fn record(&mut self, at: Instant, event: Event) {
        match self.oldest(at) {
            Some(oldest) => *oldest = event,
            None => self.entries.push(Entry { at, until: at, event }),
        }
    }

    #[inline]
    pub(crate) fn received(&mut self, at: Instant, bytes: &[u8]) {
        match self.entries.get_mut(self.latest) {
            Some(Entry { until, event: Event::Received(data), .. }) => {
                *until = at;
                data.extend(bytes);
            }
            _ => self.begin_received(at, bytes),
        }
    }

    #[inline(never)]
    fn begin_received(&mut self, at: Instant, bytes: &[u8]) {
        match self.oldest(at) {
            Some(Event::Received(data)) => data.renew(bytes),
            Some(oldest) => *oldest = Event::Received(Data::new(bytes)),
            None => self.entries.push(Entry { at, until: at, event: Event::Received(Data::new(bytes)) }),
        }
    }

    /// Forgets the last `count` bytes that were received: they were not meant for the script.
    pub(crate) fn take_back(&mut self, count: usize) {
        let mut left = count as u64;
        // In the order in which they came.
        let len = self.entries.len();
        self.entries.rotate_left((self.latest + 1) % len.max(1));
        self.entries.iter_mut().rev().for_each(|entry| {
            if let Event::Received(data) = &mut entry.event {
                let taken = left.min(data.len);
                data.len -= taken;
                left -= taken;
            }
        });
        self.entries.retain(|entry| !matches!(&entry.event, Event::Received(Data { len: 0, .. })));
        self.latest = self.entries.len().saturating_sub(1);
    }

    pub(crate) fn sent(&mut self, at: Instant, bytes: &[u8], first: bool) {
        match self.entries.get_mut(self.latest) {
            Some(Entry { until, event: Event::Sent(data), .. }) if !first => {
                *until = at;
                data.extend(bytes);
                return;
            }
            _ => {}
        }
        match self.oldest(at) {
            Some(Event::Sent(data)) => data.renew(bytes),
            Some(oldest) => *oldest = Event::Sent(Data::new(bytes)),
            None => self.entries.push(Entry { at, until: at, event: Event::Sent(Data::new(bytes)) }),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    at: Instant,
    until: Instant,
    event: Event,
}

impl Entry {
    /// Returns when it happened, or began to.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Returns when the last piece of it came; the same as [`at`](Self::at) for what came at once.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Returns what happened.
    pub fn event(&self) -> &Event {
        &self.event
    }
}

/// What a [`Transcript`] records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client connected, from this address where there is one.
    Connected(Option<SocketAddr>),
    /// The client that had connected and was not expected yet went to the script with this number, which runs beside this one.
    PassedOn(usize),
    /// The client sent bytes.
    Received(Data),
    /// The server sent bytes: they are in the hands of the transport.
    Sent(Data),
    /// The client ended its stream, and held the connection.
    ClientShutDown,
    /// The client closed the connection.
    ClientClosed,
    /// The client closed the connection, or only ended its stream: which of the two is not known.
    ClientEnded,
    /// The client reset the connection.
    ClientReset,
    /// The client left so many bytes unread, the last that it was sent. Recorded where that is known, before or behind the end
    /// of the connection.
    Unread(u64),
    /// The connection is encrypted from here on.
    TlsEstablished(Handshake),
    /// The client gave TLS up with this alert.
    AlertReceived(Alert),
    /// The server gave TLS up with this alert, as the script said.
    AlertSent(Alert),
    /// The client has said that it sends no more, as TLS has it.
    CloseNotifyReceived,
    /// The server has said that it sends no more, as TLS has it.
    CloseNotifySent,
    /// The client ended its stream without a word in TLS. Many do.
    ClientTruncated,
    /// The server ended its stream without a word in TLS, as the script said.
    Truncated,
    /// The server broke its handshake off, as the script said.
    TlsInterrupted,
    /// The server ended its stream.
    ShutDown,
    /// The server closed the connection.
    Disconnected,
    /// The script gave the connection away.
    HandedOver,
    /// The server reset the connection, as the script said.
    Reset,
    /// The server reset the connection because the script had failed.
    Failed,
    /// The server reset the connection because another of its scripts had failed.
    OtherFailed,
}

/// The beginning of a run of bytes, and its length.
#[derive(Clone, Debug)]
pub struct Data {
    head: [u8; LIMIT],
    len: u64,
}

impl Data {
    fn new(bytes: &[u8]) -> Self {
        let mut data = Self { head: [0; LIMIT], len: 0 };
        data.extend(bytes);
        data
    }

    /// Begins anew, where a run of bytes was that nobody needs any more.
    fn renew(&mut self, bytes: &[u8]) {
        self.len = 0;
        self.extend(bytes);
    }

    fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = usize::try_from(self.len).ok().and_then(|kept| self.head.get_mut(kept..)) {
            let more = bytes.len().min(room.len());
            room[..more].copy_from_slice(&bytes[..more]);
        }
        self.len += bytes.len() as u64;
    }

    /// Returns the first bytes: all of them, but no more than 64.
    pub fn head(&self) -> &[u8] {
        let len = usize::try_from(self.len).unwrap_or(LIMIT);
        &self.head[..len.min(LIMIT)]
    }

    /// Returns the number of bytes in all.
    #[expect(clippy::len_without_is_empty, reason = "no run of bytes is recorded that has none")]
    pub fn len(&self) -> u64 {
        self.len
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "(the first {} entries are not kept)", self.dropped)?;
        }
        for (i, entry) in self.entries().enumerate() {
            write!(f, "{}{entry}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Pieces that come further apart than this are told so: a client that trickles is often the cause.
        const TOLD: Duration = Duration::from_millis(10);
        write!(f, "{}  {}", self.at, self.event)?;
        if self.until.since(self.at) >= TOLD { write!(f, "  (the last of them at {})", self.until) } else { Ok(()) }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(Some(peer)) => write!(f, "client connected from {peer}"),
            Self::Connected(None) => f.write_str("client connected"),
            Self::PassedOn(script) => write!(f, "client went to script {script}"),
            Self::Received(data) => write!(f, "received {data}"),
            Self::Sent(data) => write!(f, "sent {data}"),
            Self::ClientShutDown => f.write_str("client shut down its sending half"),
            Self::ClientClosed => f.write_str("client closed the connection"),
            Self::ClientEnded => f.write_str("client closed the connection, or its sending half"),
            Self::ClientReset => f.write_str("client reset the connection"),
            Self::Unread(count) => write!(f, "client left {} unread", Count(*count)),
            Self::TlsEstablished(handshake) => write!(f, "TLS established: {handshake}"),
            Self::AlertReceived(alert) => write!(f, "received the TLS alert {alert}"),
            Self::AlertSent(alert) => write!(f, "sent the TLS alert {alert}"),
            Self::CloseNotifyReceived => f.write_str("received close_notify"),
            Self::CloseNotifySent => f.write_str("sent close_notify"),
            Self::ClientTruncated => f.write_str("client sent no close_notify"),
            Self::Truncated => f.write_str("server sends no close_notify"),
            Self::TlsInterrupted => f.write_str("server broke off the TLS handshake"),
            Self::ShutDown => f.write_str("server shut down its sending half"),
            Self::Disconnected => f.write_str("server closed the connection"),
            Self::Reset => f.write_str("server reset the connection"),
            Self::Failed => f.write_str("reset by the script's failure"),
            Self::HandedOver => f.write_str("handed over to the test"),
            Self::OtherFailed => f.write_str("reset by the failure of another script"),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", Count(self.len), Preview::head_of(self.head(), self.len))
    }
}

#[cfg(test)]
mod tests;
