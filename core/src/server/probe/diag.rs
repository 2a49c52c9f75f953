//! The messages of sock_diag(7) about TCP sockets, and the sockets that carry them.
//!
//! The layouts are those of `linux/netlink.h`, `linux/inet_diag.h` and `linux/tcp.h`, which the kernel keeps stable.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, recv, send, socket_with,
};
use socket2::{SockFilter, SockRef};
use std::io;

/// The multicast groups that announce TCP sockets which are gone: `SKNLGRP_INET_TCP_DESTROY` and `SKNLGRP_INET6_TCP_DESTROY`.
const DESTROYED: u32 = 1 << 0 | 1 << 2;

const NLMSG_ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SHUTDOWN: u16 = 8;
const INET_DIAG_ULP_INFO: u16 = 19;
const IPPROTO_TCP: u8 = 6;
const TCP_TIME_WAIT: u8 = 6;
/// FIN_WAIT1 and FIN_WAIT2.
const FINISHED_FIRST: [u8; 2] = [4, 5];
/// Both halves, as the socket's own side has shut them down; the end of the other's stream counts as one of them.
const BOTH_SHUT_DOWN: u8 = 3;

/// The length of a `nlmsghdr`, and of the `inet_diag_msg` behind it.
const HEADER: usize = 16;
const MESSAGE: usize = 72;
/// Where the cookie of a socket is in an `inet_diag_msg`.
const COOKIE: usize = 44;

/// Both ends of a connection, as the socket has them that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuple {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// What the kernel says of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) cookie: u64,
    /// Whether a process holds the socket.
    pub(super) held: bool,
    /// Whether it has shut down both its halves, before the other end has: then the kernel takes nothing more for it.
    pub(super) shut_down: bool,
    /// Whether the kernel keeps only the shadow of a connection that both ends have ended.
    pub(super) time_wait: bool,
    /// Whether it has been cut off from the other end: of a socket that is gone, whether it was aborted with nothing left to read.
    pub(super) disconnected: bool,
    /// The number of bytes that have come in and were not read. The end of the stream counts as one.
    pub(super) queued: u64,
    /// The number of bytes that have come in. The end of the stream counts as one. A shadow does not know it: one of a connection that
    /// both ends have ended, or that was closed before the other end's end has come.
    pub(super) received: Option<u64>,
    /// Whether the kernel reads from it for a socket of another protocol, such as MPTCP (an upper layer protocol, "ULP"): then all
    /// this says nothing of the process. A shadow does not know it.
    pub(super) layered: bool,
}

impl Record {
    /// Returns what is certain of a socket that was asked for twice.
    ///
    /// The kernel takes down who holds a socket, its state and what it has queued; then which halves are shut down; then it waits for
    /// the lock on the socket, and takes down what has come in. Between these a process may close the socket, or read, and bytes and
    /// the end of the stream may come in.
    pub(super) fn behind(self, first: &Self) -> Self {
        if !self.held {
            return self;
        }
        Self { received: first.received, shut_down: first.shut_down && self.shut_down, ..self }
    }

    /// Reads an `inet_diag_msg` with its attributes.
    fn parse(message: &[u8]) -> Option<Self> {
        let state = *message.get(1)?;
        let attributes = message.get(MESSAGE..)?;
        let shutdown = attribute(attributes, INET_DIAG_SHUTDOWN).and_then(<[u8]>::first);
        let shut_down = FINISHED_FIRST.contains(&state) && shutdown == Some(&BOTH_SHUT_DOWN);
        Some(Self {
            cookie: u64::from_ne_bytes(array(message, COOKIE)?),
            held: u32::from_ne_bytes(array(message, 68)?) != 0,
            shut_down,
            time_wait: state == TCP_TIME_WAIT,
            disconnected: u16::from_be_bytes(array(message, 6)?) == 0,
            queued: u32::from_ne_bytes(array(message, 56)?).into(),
            received: bytes_received(attributes),
            layered: attribute(attributes, INET_DIAG_ULP_INFO).is_some(),
        })
    }
}

/// Reads `tcpi_bytes_received`.
fn bytes_received(attributes: &[u8]) -> Option<u64> {
    const BYTES_RECEIVED: usize = 128;
    array(attribute(attributes, INET_DIAG_INFO)?, BYTES_RECEIVED).map(u64::from_ne_bytes)
}

/// Finds the value of one of the attributes.
fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let len = usize::from(u16::from_ne_bytes(array(attributes, 0)?));
        let value = attributes.get(4..len)?;
        if u16::from_ne_bytes(array(attributes, 2)?) == kind {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Returns what the first netlink message of a datagram is about: its type, its number, and its content.
fn split(datagram: &[u8]) -> Option<(u16, u32, &[u8])> {
    let len = usize::try_from(u32::from_ne_bytes(array(datagram, 0)?)).ok()?;
    let kind = u16::from_ne_bytes(array(datagram, 4)?);
    let number = u32::from_ne_bytes(array(datagram, 8)?);
    Some((kind, number, datagram.get(HEADER..len)?))
}

fn open() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(SOCK_DIAG))
}

/// Asks for sockets.
#[derive(Debug)]
pub(super) struct Inquiry {
    socket: OwnedFd,
    number: u32,
}

impl Inquiry {
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Self { socket: open()?, number: 0 })
    }

    /// Asks for a TCP socket. `None` says that there is none.
    pub(super) fn find(&mut self, tuple: Tuple) -> Result<Option<Record>, Errno> {
        self.number = self.number.wrapping_add(1);
        send(&self.socket, &request(self.number, tuple), SendFlags::empty())?;
        let mut datagram = [0; 2048];
        loop {
            // The kernel answers within the call that asks.
            let (len, _) = recv(&self.socket, &mut datagram[..], RecvFlags::empty())?;
            match split(&datagram[..len]) {
                Some((_, number, _)) if number != self.number => {}
                Some((SOCK_DIAG_BY_FAMILY, _, message)) => return Record::parse(message).map(Some).ok_or(Errno::PROTO),
                Some((NLMSG_ERROR, _, message)) => {
                    let error = array(message, 0).map(i32::from_ne_bytes).ok_or(Errno::PROTO)?;
                    let error = Errno::from_raw_os_error(error.saturating_neg());
                    return if error == Errno::NOENT { Ok(None) } else { Err(error) };
                }
                _ => return Err(Errno::PROTO),
            }
        }
    }
}

/// Returns an `inet_diag_req_v2` for one socket, whatever its cookie.
fn request(number: u32, Tuple { local, remote }: Tuple) -> Vec<u8> {
    const LENGTH: u32 = 72;
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut request = Vec::with_capacity(LENGTH as usize);
    request.extend(LENGTH.to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    request.extend(number.to_ne_bytes());
    request.extend([0; 4]);
    request.extend([family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(local.port().to_be_bytes());
    request.extend(remote.port().to_be_bytes());
    for addr in [local, remote] {
        let mut bytes = [0; 16];
        match addr.ip() {
            IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes = ip.octets(),
        }
        request.extend(bytes);
    }
    // Any interface, and any cookie.
    request.extend([0; 4]);
    request.extend([0xff; 8]);
    request
}

/// The size to ask for of a buffer for what is said of sockets that are gone; each takes some 1,300 bytes of it.
const BUFFER: usize = 4 << 20;

/// Hears which sockets are gone, as long as what was said of them fits the socket's buffer: some 300 where the kernel has its
/// usual limit (`net.core.rmem_max`).
///
/// Nobody may hear more than is soon read: while a buffer of anybody's is more than half full, the worker of the kernel that says it gives way
/// to all others behind each word, and then no word comes in time, to whomever (`netlink_broadcast`; on a busy machine with Linux 6.18
/// one such turn took up to 4 seconds).
#[derive(Debug)]
pub(super) struct Obituaries {
    pub(super) socket: Arc<OwnedFd>,
    /// What the kernel calls the socket; 0 until it has a name.
    port: u32,
    /// Whether there was more to hear than fits the buffer.
    pub(super) lost: bool,
}

impl Obituaries {
    /// Hears of nothing yet.
    pub(super) fn new() -> io::Result<Self> {
        let socket = open()?;
        // The kernel takes as much of it as it allows to all.
        let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER);
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        let port = SocketAddrNetlink::try_from(getsockname(&socket)?)?.pid();
        Ok(Self { socket: Arc::new(socket), port, lost: false })
    }

    /// Hears of one socket only.
    pub(super) fn of(cookie: u64) -> io::Result<Self> {
        let one = Self { socket: Arc::new(open()?), port: 0, lost: false };
        one.narrow(cookie)?;
        one.hear(true)?;
        Ok(one)
    }

    /// Hears of sockets from now on, or does not.
    pub(super) fn hear(&self, hear: bool) -> io::Result<()> {
        Ok(bind(&*self.socket, &SocketAddrNetlink::new(self.port, if hear { DESTROYED } else { 0 }))?)
    }

    /// Leaves out what is said of other sockets. This takes longer than all else together, for the kernel compiles the filter.
    pub(super) fn narrow(&self, cookie: u64) -> io::Result<()> {
        const LOAD_WORD: u16 = 0x20;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        let at = (HEADER + COOKIE) as u32;
        let bytes = cookie.to_ne_bytes();
        // A filter loads words as if the network had sent them.
        let word = |at| array(&bytes, at).map_or(0, u32::from_be_bytes);
        SockRef::from(&*self.socket).attach_filter(&[
            SockFilter::new(LOAD_WORD, 0, 0, at),
            SockFilter::new(JUMP_IF_EQUAL, 0, 3, word(0)),
            SockFilter::new(LOAD_WORD, 0, 0, at + 4),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, word(4)),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
            SockFilter::new(RETURN, 0, 0, 0),
        ])
    }

    /// Returns the next of those of which something was said.
    pub(super) fn next(&mut self) -> Option<Record> {
        let mut datagram = [0; 2048];
        loop {
            match retry_on_intr(|| recv(&*self.socket, &mut datagram[..], RecvFlags::empty())) {
                Ok((len, _)) => {
                    let record = split(&datagram[..len]).and_then(|(_, _, message)| Record::parse(message));
                    if record.is_some() {
                        return record;
                    }
                }
                // What is in the buffer is still good.
                Err(Errno::NOBUFS) => self.lost = true,
                Err(_) => return None,
            }
        }
    }
}

/// Waits until something is said there, for no longer than this.
pub(super) fn wait(socket: &OwnedFd, patience: Timespec) {
    // Whatever ends the wait, the next look tells.
    let _ = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&patience));
}

#[cfg(test)]
mod tests;
