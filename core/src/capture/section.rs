//! The captures of one server as a file.

use super::block::{Blocks, Packet};
use super::flow::Flow;
use super::{Capture, Fact, Moment, Side};
use crate::time::{Duration, Instant};
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses of those that have none.
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The port of a server without an address. Behind it come those of clients; no protocol has any of them.
const PORT: u16 = 49_152;

/// Writes the captures of one server as a file in the format pcapng, which has one section.
///
/// The [module](super) has an example.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Where the server listens, if it has an address.
    pub server: Option<SocketAddr>,
    /// The time of day at the [origin](Instant::ORIGIN) of the sessions' clock, since the beginning of 1970 (UTC).
    pub began: Duration,
    /// What to say of the file: why the script failed, for example. It also stands at the packet at which it did.
    pub comment: String,
}

impl Section {
    /// Returns the file: all that is in these captures, in the order of their times. Of two packets none has the same time, for they came one
    /// behind the other: where the clock of the sessions does not tell, they are a nanosecond apart.
    ///
    /// The sessions must have one clock. The first capture is that of script 1, as comments call it where there are several.
    pub fn write<'a>(&self, captures: impl IntoIterator<Item = &'a Capture>) -> Vec<u8> {
        let captures: Vec<&Capture> = captures.into_iter().collect();
        let mut moments: Vec<(usize, usize, &Moment)> = Vec::new();
        for (script, capture) in captures.iter().enumerate() {
            moments.extend(capture.moments.iter().enumerate().map(|(index, moment)| (script, index, moment)));
        }
        moments.sort_by_key(|(_, _, moment)| moment.at);

        let mut flows: BTreeMap<(usize, usize), Flow> = BTreeMap::new();
        let mut writer = Writer { began: self.began, last: Duration::ZERO, packets: Blocks { file: Vec::new() } };
        // What is to be said with the next packet of a connection, and of any.
        let mut remarks: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
        let mut pending = Vec::new();
        for (script, index, moment) in moments {
            let capture = captures[script];
            let key = (script, moment.guest);
            let guest = &capture.guests[moment.guest];
            if capture.failed == Some(index) && !self.comment.is_empty() {
                pending.push(self.comment.clone());
            }
            if guest.is_elsewhere {
                continue;
            }
            if let Fact::Remark(remark) = &moment.fact {
                remarks.entry(key).or_default().push(remark.clone());
                continue;
            }
            let number = flows.len() as u32;
            let flow = flows.entry(key).or_insert_with(|| {
                let (client, server) = self.addresses(guest.peer, number as u16);
                Flow::new(client, server, number)
            });
            let (packets, shows) = flow.packets(&moment.fact, &capture.bytes);
            for (place, (by, segment)) in packets.into_iter().enumerate() {
                let mut comments: Vec<Cow<'_, str>> = Vec::new();
                if place == shows {
                    comments.extend(remarks.remove(&key).unwrap_or_default().into_iter().map(Cow::Owned));
                    comments.extend(step_of(&moment.fact, (captures.len() > 1).then_some(script)).map(Cow::Owned));
                    comments.extend(pending.drain(..).map(Cow::Owned));
                }
                let packet = Packet {
                    at: writer.time(moment.at),
                    headers: &segment.headers(),
                    payload: segment.payload,
                    len: segment.len,
                    is_inbound: by == Side::Client,
                };
                writer.packets.packet(&packet, comments.iter());
            }
        }
        let left: Vec<String> = remarks.into_values().flatten().collect();
        let full = captures.iter().find(|capture| capture.is_full);
        let mut file =
            Blocks::new(&self.about(&left, full.map(|capture| capture.moments.len())), &self.interface()).file;
        file.append(&mut writer.packets.file);
        file
    }

    /// Returns the comment of the file, with what stands at no packet.
    fn about(&self, left: &[String], full: Option<usize>) -> String {
        let mut lines: Vec<Cow<'_, str>> = Vec::new();
        if !self.comment.is_empty() {
            lines.push(Cow::Borrowed(&self.comment));
        }
        lines.extend(left.iter().map(|remark| Cow::Owned(format!("behind the last packet: {remark}"))));
        if let Some(moments) = full {
            lines.push(Cow::Owned(format!("the capture is not whole: it ends behind {moments} moments of a script")));
        }
        lines.join("\n")
    }

    fn interface(&self) -> String {
        match self.server {
            Some(addr) => format!("scripted server {addr}"),
            None => String::from("scripted server in memory"),
        }
    }

    /// Returns the addresses of a client and of the server for it; `number` counts the clients.
    fn addresses(&self, peer: Option<SocketAddr>, number: u16) -> (SocketAddr, SocketAddr) {
        let port = PORT + 1 + number % (u16::MAX - PORT);
        let peer = peer.map_or(SocketAddr::from((CLIENT, port)), canonical);
        let Some(server) = self.server.map(canonical) else {
            let ip = if peer.is_ipv4() { IpAddr::from(SERVER) } else { IpAddr::from(SERVER_V6) };
            return (peer, SocketAddr::new(ip, PORT));
        };
        let known = !server.ip().is_unspecified() && server.is_ipv4() == peer.is_ipv4();
        let ip = match peer.ip() {
            _ if known => server.ip(),
            ip if ip.is_loopback() => ip,
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        (peer, SocketAddr::new(ip, server.port()))
    }
}

/// Says which step something belongs to; with the index of the script, if it is to be told.
fn step_of(fact: &Fact, script: Option<usize>) -> Option<String> {
    let Fact::Data { by, step, .. } = fact else { return None };
    let step = step + 1;
    let script = script.map_or_else(String::new, |script| format!("script {}, ", script + 1));
    Some(match by {
        Side::Client => format!("came at {script}step {step}"),
        Side::Server => format!("sent by {script}step {step}"),
    })
}

/// An IPv4 client of an IPv6 socket is one of IPv4.
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// Writes packets, each behind the other.
struct Writer {
    began: Duration,
    last: Duration,
    packets: Blocks,
}

impl Writer {
    fn time(&mut self, at: Instant) -> Duration {
        let at = self.began.saturating_add(at.since(Instant::ORIGIN));
        self.last = at.max(self.last + Duration::from_nanos(1));
        self.last
    }
}
