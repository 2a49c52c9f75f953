//! The probe of one connection.

use super::diag::{Inquiry, Obituaries, Record, Tuple, wait};
use super::gazette::{Count, Gazette};
use crate::session::Peer;
use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use rustix::event::Timespec;
use rustix::io::Errno;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for the kernel's word on a socket that is gone. A worker of the kernel gives it, one by one, some 10
/// microseconds later; on a machine with more to do than processors, and thousands of sockets a second, mostly within 0.2 s, but also after
/// two seconds and more, when the worker itself has to wait for a processor (measured). It never comes if the client holds on to the socket of a connection that it has lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long to wait for that word when the kernel is tried out, once and again. The first server of a process blocks for it. A word may
/// get lost, so the first try is short: that of the second is another. Both together last ten times as long as it mostly takes on a busy
/// machine; longer would only hold up the tests of a machine that never gives it.
const TRIES: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// How much of that time to wait without letting others have their turn: the wait of a runtime would take longer.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };

/// The number of strangers' sockets that may go while a connection lasts, before the machine counts as busy with sockets.
const NOISE: usize = 128;

/// Where the process asks of sockets, and hears of those that are gone: in the network namespace of whoever was the first to ask. It stays the
/// same: a socket that was found in one and is not in another would pass for gone.
#[derive(Debug)]
struct Kernel {
    inquiry: Inquiry,
    gazette: Option<Gazette>,
    /// Whether the machine is busy with sockets, so that a connection has to hear of its own only from the very beginning.
    noisy: bool,
}

static KERNEL: Mutex<Option<Kernel>> = Mutex::new(None);

/// Looks at the client's end of one connection.
#[derive(Debug)]
pub(in super::super) struct Probe {
    kernel: &'static Mutex<Option<Kernel>>,
    /// The connection as the client's socket has it.
    client: Tuple,
    /// The client's socket, once it was found.
    cookie: Option<u64>,
    /// Whether the client's process has another socket, for which the kernel reads from that one.
    layered: bool,
    ear: Ear,
    /// What was said when the client's socket went.
    said: Option<Record>,
    /// Since when the client's socket has been gone without a word on it.
    gone: Option<Instant>,
    /// What was found in the end.
    end: Option<Peer>,
}

/// How a connection hears of its client's end.
#[derive(Debug)]
enum Ear {
    /// Not at all.
    Deaf,
    /// With the other connections of the process. The count is that when the client was known to be there, and `lost` says whether its end
    /// may have been said since then without being heard.
    Shared { since: Count, lost: bool },
    /// By itself, and of its own client only.
    Own(Obituaries),
}

impl Probe {
    /// Returns a probe for the client of a connection, given the server's address and the client's.
    pub(in super::super) fn new(server: SocketAddr, client: SocketAddr) -> Option<Self> {
        is_available().then(|| Self::untried(&KERNEL, server, client))
    }

    fn untried(kernel: &'static Mutex<Option<Kernel>>, server: SocketAddr, client: SocketAddr) -> Self {
        let client = Tuple { local: canonical(client), remote: canonical(server) };
        Self { kernel, client, cookie: None, layered: false, ear: Ear::Deaf, said: None, gone: None, end: None }
    }

    /// Begins to hear of the client's end. Without this, how much a client left unread is not known. Returns whether there is
    /// more to be done for it if the connection lasts.
    pub(in super::super) fn watch(&mut self) -> bool {
        let kernel = self.kernel;
        let since = with(kernel, |Kernel { inquiry, gazette, noisy }| {
            let gazette = gazette.as_mut().filter(|_| !*noisy);
            let Some(gazette) = gazette.and_then(|gazette| gazette.hear().is_ok().then_some(gazette)) else {
                return self.find_by(inquiry).map(|_| None);
            };
            // One that is not found is in another network namespace.
            let found = self.find_by(inquiry).map(|found| found.filter(|_| !self.layered));
            let since = found.map(|found| found.map(|client| gazette.subscribe(client.cookie)));
            gazette.rest();
            since
        });
        if let Ok(Ok(Some(since))) = since {
            self.ear = Ear::Shared { since, lost: false };
            return true;
        }
        // Not with the others; or it was not found, and is not now.
        self.listen_alone();
        false
    }

    /// Does what [`watch`](Self::watch) has left for connections that last: to hear of this client only, whatever comes and goes elsewhere, and
    /// however long nobody listens.
    pub(in super::super) fn narrow(&mut self) {
        if let Ear::Shared { .. } = self.ear {
            self.listen();
            self.listen_alone();
        }
    }

    /// Hears of this client by itself, if it is still there.
    fn listen_alone(&mut self) {
        let Some(Ok(own)) = self.cookie.map(Obituaries::of) else { return };
        // Behind that: as long as it is found, its end will be heard. A shadow has had its end.
        if !self.layered && self.find().is_ok_and(|found| found.is_some_and(|record| !record.time_wait)) {
            self.turn(Ear::Own(own));
        }
    }

    fn turn(&mut self, ear: Ear) {
        if let (Ear::Shared { .. }, Some(cookie)) = (core::mem::replace(&mut self.ear, ear), self.cookie) {
            let _ = with(self.kernel, |kernel| kernel.gazette.as_mut().map(|gazette| gazette.cancel(cookie)));
        }
    }

    fn hears(&self) -> bool {
        !matches!(self.ear, Ear::Deaf)
    }

    /// Says whether the client's end may have been said without being heard.
    fn has_lost(&self) -> bool {
        matches!(self.ear, Ear::Shared { lost: true, .. })
    }

    /// Takes in what was said so far.
    fn listen(&mut self) {
        match (&mut self.ear, self.cookie) {
            (Ear::Own(own), _) => {
                while let Some(record) = own.next() {
                    self.said = Some(record);
                }
            }
            (Ear::Shared { since, lost }, Some(cookie)) => {
                let word = with(self.kernel, |kernel| {
                    let gazette = kernel.gazette.as_mut()?;
                    gazette.listen();
                    *lost = gazette.so_far.losses != since.losses;
                    kernel.noisy |= gazette.so_far.strangers - since.strangers > NOISE;
                    gazette.word(cookie)
                });
                self.said = word.ok().flatten();
            }
            _ => {}
        }
    }

    /// Waits for a moment until something is said.
    fn wait(&self) {
        let socket = match &self.ear {
            Ear::Deaf => None,
            Ear::Own(own) => Some(Arc::clone(&own.socket)),
            // Without the lock, for others may have to ask.
            Ear::Shared { .. } => {
                with(self.kernel, |kernel| kernel.gazette.as_ref().map(Gazette::socket)).ok().flatten()
            }
        };
        if let Some(socket) = socket {
            wait(&socket, MOMENT);
        }
    }

    /// Returns what is said of the client's socket, which is gone: maybe not yet.
    fn obituary(&mut self, sent: u64) -> Peer {
        self.listen();
        if let (None, None) = (self.said, self.gone) {
            self.wait();
            self.listen();
        }
        let gone = *self.gone.get_or_insert_with(Instant::now);
        match self.said {
            Some(record) => Self::last(&record, sent),
            None if self.hears() && !self.has_lost() && gone.elapsed() < PATIENCE => Peer::Leaving,
            None => Peer::Closed { unread: None },
        }
    }

    /// Says whether the client must be in the network namespace that is asked: it is the server's own, and nobody else has its
    /// loopback. A thread may have a namespace of its own, also behind the first question.
    fn is_local(&self) -> bool {
        let Tuple { local, remote } = self.client;
        let server = Tuple { local: remote, remote: local };
        [local, remote].iter().all(|addr| addr.ip().is_loopback())
            && with(self.kernel, |kernel| kernel.inquiry.find(server))
                .is_ok_and(|found| found.is_ok_and(|found| found.is_some()))
    }

    /// Returns what is known of the client, which was sent so many bytes. It `may_stay` though the kernel does not have it any more if
    /// it was sent the end of our stream and the connection has met no error.
    pub(in super::super) fn peer(&mut self, sent: u64, may_stay: bool) -> Option<Peer> {
        if self.end.is_some() {
            return self.end;
        }
        if self.gone.is_some() {
            // It does not come back. To ask for it again could fail, and the wait for its last word would have no end.
            let peer = self.obituary(sent);
            return Some(self.settle(peer));
        }
        let mut found = self.find().ok()?;
        if self.layered {
            return None;
        }
        if let Some(first) = found.filter(|record| record.held) {
            found = self.find().ok()?.map(|second| second.behind(&first));
        }
        let peer = match (found, self.cookie) {
            // One that has shut down both halves may still read what has come before.
            (Some(record), _) if record.held && !(record.shut_down && record.queued == 0) => {
                return Some(Peer::Open { unread: Some(unread(&record, sent)?) });
            }
            (Some(record), _) if record.received.is_some() => Peer::Closed { unread: unread(&record, sent) },
            // Once both sides have ended their streams the kernel is done with the connection, whoever still holds the socket.
            // What it says in the end comes when that is closed.
            (_, Some(_)) if may_stay && self.hears() => {
                self.listen();
                match self.said {
                    Some(record) => Self::last(&record, sent),
                    None if self.has_lost() => Peer::Unknown,
                    None => return Some(Peer::Open { unread: None }),
                }
            }
            (_, Some(_)) if may_stay => Peer::Unknown,
            // It has closed in good order: there was nothing to read.
            (Some(record), _) if record.time_wait => Peer::Closed { unread: Some(0) },
            (_, Some(_)) => self.obituary(sent),
            // Never seen. A client of this machine's own addresses was here, and is gone without a trace, as on a machine with more
            // closed connections than the kernel cares to remember (`net.ipv4.tcp_max_tw_buckets`).
            (None, None) if self.is_local() => Peer::Closed { unread: (sent == 0).then_some(0) },
            // It is somewhere else.
            (_, None) => return None,
        };
        Some(self.settle(peer))
    }

    /// Takes down what was found, unless there is more to come.
    fn settle(&mut self, peer: Peer) -> Peer {
        if peer != Peer::Leaving {
            self.end = Some(peer);
            self.turn(Ear::Deaf);
        }
        peer
    }

    /// Asks for the client's socket.
    fn find(&mut self) -> Result<Option<Record>, Errno> {
        with(self.kernel, |kernel| self.find_by(&mut kernel.inquiry))?
    }

    fn find_by(&mut self, inquiry: &mut Inquiry) -> Result<Option<Record>, Errno> {
        let found = inquiry.find(self.client)?;
        self.layered |= found.is_some_and(|record| record.layered);
        Ok(found.filter(|record| *self.cookie.get_or_insert(record.cookie) == record.cookie))
    }

    /// Returns what the last word on a socket means.
    fn last(record: &Record, sent: u64) -> Peer {
        if record.disconnected { Peer::Aborted } else { Peer::Closed { unread: unread(record, sent) } }
    }
}

/// Returns how many of the bytes sent to a socket were not read.
fn unread(record: &Record, sent: u64) -> Option<u64> {
    // What counts as a byte and is none, the end of our stream, comes last: beyond what was sent.
    let read = record.received?.saturating_sub(record.queued);
    Some(sent.saturating_sub(read))
}

/// Sockets that speak IPv4 by the name of IPv6 are found as what they are.
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.turn(Ear::Deaf);
    }
}

/// Does something with what the process has of the kernel. Under its lock, which nobody keeps for longer than a system call takes.
fn with<T>(kernel: &Mutex<Option<Kernel>>, work: impl FnOnce(&mut Kernel) -> T) -> Result<T, Errno> {
    let mut kernel = kernel.lock().unwrap_or_else(PoisonError::into_inner);
    let kernel = match &mut *kernel {
        Some(kernel) => kernel,
        empty => empty.insert(Kernel { inquiry: Inquiry::new()?, gazette: Gazette::new().ok(), noisy: false }),
    };
    Ok(work(kernel))
}

/// Says whether the kernel answers as it should.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        // A value that says neither is an error of whoever binds a server.
        !super::is_off().unwrap_or(false) && TRIES.iter().any(|&patience| try_out(patience) == Some(()))
    })
}

/// Watches a connection of its own. Waits so long for the kernel's word on its end.
fn try_out(patience: Duration) -> Option<()> {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).ok()?;
    let client = TcpStream::connect(listener.local_addr().ok()?).ok()?;
    let (mut server, addr) = listener.accept().ok()?;
    let mut probe = Probe::untried(&KERNEL, server.local_addr().ok()?, addr);
    probe.watch();
    server.write_all(b"?").ok()?;
    let open = probe.peer(1, false)?;
    drop(client);
    let gone = Instant::now();
    let mut looks = core::iter::repeat_with(|| {
        probe.wait();
        probe.peer(1, false)
    });
    // A connection of which nothing is known ends the wait as well.
    let closed = looks.find(|&peer| peer != Some(Peer::Leaving) || gone.elapsed() >= patience)??;
    (open == Peer::Open { unread: Some(1) } && closed == Peer::Closed { unread: Some(1) }).then_some(())
}

#[cfg(test)]
mod tests;
