//! Captures: all that was said on the connections of a session, and files of it for Wireshark, tshark and the like.
//!
//! A [`Capture`] is what a session has kept of its conversation since [`Session::start_capture`](crate::session::Session::start_capture);
//! where a [`Transcript`](crate::transcript::Transcript) keeps the beginning of each message, it keeps all of it. A [`Section`] writes the
//! captures of one server, of which each script has its own, as a file in the format pcapng.
//!
//! # What the packets are
//! Nobody listens on a wire: the packets are made of what the session was told. Bytes, directions, times, addresses, and who ended or reset
//! the connection are those of the conversation. Each read of the server and each send that its transport took is a moment of its own, cut in
//! segments where it is longer than a packet can be. What TCP does beside that is made up: handshakes, acknowledgements, sequence numbers,
//! checksums.
//!
//! With TLS the bytes are those before encryption: what one wants to read. Handshakes, alerts and a `close_notify` are told in comments, and
//! a `close_notify` of the client shows as the end of its stream.
//!
//! Comments of packets also say to which step of the script they belong, and where the failure was found.
//!
//! # Addresses
//! A client or a server without an address gets one of those that are kept for documentation (RFC 5737, RFC 3849): the server 192.0.2.1 port
//! 49152, its clients 192.0.2.2 and the ports from 49153 on, in the order in which they came. A server that listens on all addresses has that of
//! its client if this is a loopback address; else the one that it was reached by is not known, and it is shown as 0.0.0.0.
//!
//! # Limits
//! A capture keeps 32 MiB of payload, counted over both directions and all connections. Packets behind that have their headers only, with the
//! true lengths: sequence numbers, times and ends are still right, and analysers say that the packet was cut. Behind 524,288 moments nothing is
//! kept any more; the comment of the file says so.
//!
//! # Examples
//! ```
//! use tcpclient_core::capture::Section;
//! use tcpclient_core::session::{Config, Output, Session};
//! use tcpclient_core::step::Step;
//! use tcpclient_core::time::{Duration, Instant};
//!
//! let mut session = Session::new(Config::default());
//! session.start_capture();
//! session.push(Step::expect_connect());
//! session.push(Step::expect_bytes("Hello"));
//! session.handle_connection(Instant::ORIGIN, None);
//! while !matches!(session.poll_output(Instant::ORIGIN), Output::Wait(_)) {}
//! session.handle_bytes(Instant::at(Duration::from_millis(3)), b"Hello");
//!
//! let section = Section { began: Duration::from_secs(1_700_000_000), ..Section::default() };
//! let file = section.write(session.capture());
//! assert_eq!(file[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
//! assert!(file.windows(5).any(|bytes| bytes == b"Hello"));
//! ```

mod block;
mod flow;
mod packet;
mod section;

pub use section::Section;

use crate::time::Instant;
use crate::transcript::Event;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

/// The most that a capture keeps.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Bytes of payload.
    bytes: usize,
    moments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 32 << 20, moments: 1 << 19 }
    }
}

/// All that was said on the connections of a session, as far as [it is kept](self#limits).
#[derive(Debug, Default)]
pub struct Capture {
    limits: Limits,
    /// All clients, in the order in which they came.
    guests: Vec<Guest>,
    /// Those at the door of the session.
    door: VecDeque<usize>,
    /// The one whose connection the session has, or had last.
    current: Option<usize>,
    moments: Vec<Moment>,
    /// The bytes of all moments.
    bytes: Vec<u8>,
    /// Whether moments were not kept.
    is_full: bool,
    /// Whether anything has happened since the session last waited.
    is_fresh: bool,
    /// The index of the moment at which the script failed. There may be none yet.
    failed: Option<usize>,
}

/// A client that has connected.
#[derive(Debug)]
struct Guest {
    peer: Option<SocketAddr>,
    /// Whether it went to another session, whose capture has it then.
    is_elsewhere: bool,
}

/// One thing that happened on a connection.
#[derive(Debug)]
struct Moment {
    at: Instant,
    guest: usize,
    fact: Fact,
}

#[derive(Debug)]
enum Fact {
    Connected,
    /// Bytes were sent by this side: so many, of which no more than some are kept from there on. With the index of the step that was
    /// current.
    Data {
        by: Side,
        start: usize,
        kept: usize,
        len: usize,
        step: usize,
    },
    /// This side has ended its stream.
    Ended(Side),
    /// This side has reset the connection.
    Reset(Side),
    /// What no packet shows.
    Remark(String),
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Capture {
    /// Notes a client that has connected, and is the last at the door or the first.
    pub(crate) fn connected(&mut self, at: Instant, peer: Option<SocketAddr>, is_first: bool) {
        let guest = self.guests.len();
        self.guests.push(Guest { peer, is_elsewhere: false });
        if is_first {
            self.door.push_front(guest);
        } else {
            self.door.push_back(guest);
        }
        self.note(at, guest, Fact::Connected);
    }

    /// Notes that the client at the door has its connection; the one before is over.
    pub(crate) fn accepted(&mut self, at: Instant) {
        self.closed(at);
        self.current = self.door.pop_front();
    }

    /// Notes that the server has let go of its connection, if it has any.
    pub(crate) fn closed(&mut self, at: Instant) {
        self.now(at, Fact::Ended(Side::Server));
    }

    pub(crate) fn received(&mut self, at: Instant, bytes: &[u8], step: usize) {
        self.data(at, Side::Client, bytes, step);
    }

    pub(crate) fn sent(&mut self, at: Instant, bytes: &[u8], step: usize) {
        self.data(at, Side::Server, bytes, step);
    }

    fn data(&mut self, at: Instant, by: Side, bytes: &[u8], step: usize) {
        let start = self.bytes.len();
        let kept = bytes.len().min(self.limits.bytes.saturating_sub(start));
        if self.moments.len() < self.limits.moments {
            self.bytes.extend_from_slice(&bytes[..kept]);
        }
        self.now(at, Fact::Data { by, start, kept, len: bytes.len(), step });
    }

    /// Forgets the last `count` bytes that were received: they were not meant for the script.
    pub(crate) fn take_back(&mut self, count: usize) {
        let mut left = count;
        for moment in self.moments.iter_mut().rev() {
            if let Fact::Data { by: Side::Client, len, .. } = &mut moment.fact {
                let taken = left.min(*len);
                *len -= taken;
                left -= taken;
            }
            if left == 0 {
                return;
            }
        }
    }

    /// Notes what else happened.
    pub(crate) fn event(&mut self, at: Instant, event: &Event) {
        match event {
            Event::ClientShutDown | Event::ClientClosed | Event::ClientEnded => {
                self.now(at, Fact::Ended(Side::Client));
            }
            Event::CloseNotifyReceived => {
                self.now(at, Fact::Remark(event.to_string()));
                self.now(at, Fact::Ended(Side::Client));
            }
            Event::ClientReset => self.now(at, Fact::Reset(Side::Client)),
            Event::ShutDown | Event::Disconnected => self.now(at, Fact::Ended(Side::Server)),
            Event::Reset => self.now(at, Fact::Reset(Side::Server)),
            Event::Failed | Event::OtherFailed => {
                let guests: Vec<usize> = self.current.into_iter().chain(self.door.iter().copied()).collect();
                guests.into_iter().for_each(|guest| self.note(at, guest, Fact::Reset(Side::Server)));
            }
            Event::PassedOn(_) => {
                if let Some(guest) = self.door.pop_front() {
                    self.guests[guest].is_elsewhere = true;
                }
            }
            _ => self.now(at, Fact::Remark(event.to_string())),
        }
    }

    /// Notes that the script has failed: over what has just happened or, if nothing has since the session last waited, for the lack of it.
    pub(crate) fn failed(&mut self) {
        self.failed = Some(self.moments.len().saturating_sub(usize::from(self.is_fresh)));
    }

    /// Notes that the session waits for something to happen.
    pub(crate) fn waits(&mut self) {
        self.is_fresh = false;
    }

    /// Notes what has happened on the current connection.
    fn now(&mut self, at: Instant, fact: Fact) {
        if let Some(guest) = self.current {
            self.note(at, guest, fact);
        }
    }

    fn note(&mut self, at: Instant, guest: usize, fact: Fact) {
        if self.moments.len() == self.limits.moments {
            self.is_full = true;
            return;
        }
        self.is_fresh = true;
        // What is noted later came later, whatever the moment is that a turn of the driver goes by.
        let at = self.moments.last().map_or(at, |last| at.max(last.at));
        self.moments.push(Moment { at, guest, fact });
    }
}

#[cfg(test)]
mod tests;
