//! Reads pcapng, IP and TCP: knows them from their specifications, and nothing of the writer. The tests of all runtimes read with it, too.
#![allow(unreachable_pub, reason = "it is a module of two crates")]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a file that it cannot read is a failed test")]

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;

/// A file of one section.
#[derive(Debug)]
pub struct File {
    /// What is said of the file.
    pub comments: Vec<String>,
    /// What its interface is called.
    pub interface: String,
    /// Its packets.
    pub packets: Vec<Packet>,
}

/// A packet.
#[derive(Debug)]
pub struct Packet {
    /// The time since the beginning of 1970.
    pub at: Duration,
    /// Whether it came to the server.
    pub is_inbound: bool,
    /// Who sent it.
    pub from: SocketAddr,
    /// Who got it.
    pub to: SocketAddr,
    /// As tcpdump writes them.
    pub flags: String,
    /// Its sequence number.
    pub sequence: u32,
    /// The sequence number that it expects.
    pub acknowledged: u32,
    /// What was kept of the payload.
    pub payload: Vec<u8>,
    /// The length of the payload on the wire.
    pub len: usize,
    /// What is said of it.
    pub comments: Vec<String>,
}

impl File {
    /// Returns all that was sent to the server, or by it.
    pub fn payload(&self, inbound: bool) -> Vec<u8> {
        let packets = self.packets.iter().filter(|packet| packet.is_inbound == inbound);
        packets.flat_map(|packet| packet.payload.iter().copied()).collect()
    }
}

fn u16_le(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u16_be(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_be(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Reads a file of one section, and checks what holds for the packets of all conversations.
pub fn read(file: &[u8]) -> File {
    let mut read = File { comments: Vec::new(), interface: String::new(), packets: Vec::new() };
    let mut rest = file;
    let mut blocks = 0;
    while !rest.is_empty() {
        let (code, len) = (u32_le(rest, 0), u32_le(rest, 4) as usize);
        assert_eq!(len % 4, 0, "blocks are whole words");
        assert_eq!(u32_le(rest, len - 4) as usize, len, "the length stands behind the block as well");
        let body = &rest[8..len - 4];
        match blocks {
            0 => {
                assert_eq!((code, u32_le(body, 0), u16_le(body, 4), u16_le(body, 6)), (0x0a0d_0d0a, 0x1a2b_3c4d, 1, 0));
                assert_eq!(body[8..16], [0xff; 8]);
                let options = options(&body[16..]);
                read.comments = texts(&options, 1);
                assert_eq!(texts(&options, 4), [concat!("tcpclient ", env!("CARGO_PKG_VERSION"))]);
            }
            1 => {
                assert_eq!((code, u16_le(body, 0), u32_le(body, 4)), (1, 101, 0));
                let options = options(&body[8..]);
                assert_eq!(options.iter().find(|(code, _)| *code == 9).unwrap().1, [9], "nanoseconds");
                read.interface = texts(&options, 2).concat();
            }
            _ => {
                assert_eq!((code, u32_le(body, 0)), (6, 0));
                read.packets.push(packet(body));
            }
        }
        rest = &rest[len..];
        blocks += 1;
    }
    assert!(blocks >= 2);
    check(&read.packets);
    read
}

/// Reads options up to their end, which there must be.
fn options(mut rest: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    loop {
        let (code, len) = (u16_le(rest, 0), usize::from(u16_le(rest, 2)));
        if code == 0 {
            assert_eq!((len, rest.len()), (0, 4));
            return options;
        }
        options.push((code, rest[4..4 + len].to_vec()));
        let padded = len.div_ceil(4) * 4;
        assert!(rest[4 + len..4 + padded].iter().all(|&byte| byte == 0));
        rest = &rest[4 + padded..];
    }
}

fn texts(options: &[(u16, Vec<u8>)], code: u16) -> Vec<String> {
    let of_code = options.iter().filter(|option| option.0 == code);
    of_code.map(|(_, text)| String::from_utf8(text.clone()).unwrap()).collect()
}

fn packet(body: &[u8]) -> Packet {
    let nanos = (u64::from(u32_le(body, 4)) << 32) | u64::from(u32_le(body, 8));
    let (captured, whole) = (u32_le(body, 12) as usize, u32_le(body, 16) as usize);
    let options = options(&body[20 + captured.div_ceil(4) * 4..]);
    let is_inbound = match options.iter().find(|(code, _)| *code == 2).unwrap().1[..] {
        [1, 0, 0, 0] => true,
        [2, 0, 0, 0] => false,
        _ => panic!("a direction"),
    };
    let ip = &body[20..20 + captured];
    let (tcp, on_wire, pseudo, ends) = match ip[0] >> 4 {
        4 => {
            assert_eq!((ip[0], ip[9], usize::from(u16_be(ip, 2))), (0x45, 6, whole));
            assert_eq!(sum(&[&ip[..20]]), 0xffff, "the checksum of IP");
            let ends = [12, 16].map(|at| <[u8; 4]>::try_from(&ip[at..at + 4]).unwrap().into());
            (&ip[20..], whole - 20, ip[12..20].to_vec(), ends)
        }
        6 => {
            assert_eq!((ip[6], usize::from(u16_be(ip, 4))), (6, whole - 40));
            let ends = [8, 24].map(|at| <[u8; 16]>::try_from(&ip[at..at + 16]).unwrap().into());
            (&ip[40..], whole - 40, ip[8..40].to_vec(), ends)
        }
        version => panic!("IP version {version}"),
    };
    if captured == whole {
        let len = (on_wire as u32).to_be_bytes();
        assert_eq!(sum(&[&pseudo, &len, &[0, 0, 0, 6], tcp]), 0xffff, "the checksum of TCP");
    }
    let header = usize::from(tcp[12] >> 4) * 4;
    let flags = [(0x02, 'S'), (0x01, 'F'), (0x04, 'R'), (0x08, 'P'), (0x10, '.')];
    Packet {
        at: Duration::from_nanos(nanos),
        is_inbound,
        from: SocketAddr::new(ends[0], u16_be(tcp, 0)),
        to: SocketAddr::new(ends[1], u16_be(tcp, 2)),
        flags: flags.iter().filter(|(bit, _)| tcp[13] & bit != 0).map(|(_, name)| *name).collect(),
        sequence: u32_be(tcp, 4),
        acknowledged: u32_be(tcp, 8),
        payload: tcp[header..].to_vec(),
        len: on_wire - header,
        comments: texts(&options, 1),
    }
}

/// Returns the sum of the internet over parts, each of which but the last has an even number of bytes.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for word in part.chunks(2) {
            sum += (u32::from(word[0]) << 8) | word.get(1).map_or(0, |&low| u32::from(low));
            sum = (sum & 0xffff) + (sum >> 16);
        }
    }
    sum as u16
}

/// Checks times, sequence numbers and acknowledgements, and that nobody speaks behind a reset.
fn check(packets: &[Packet]) {
    assert!(packets.windows(2).all(|pair| pair[0].at < pair[1].at), "each comes behind the one before");
    // What each end sends next, by its address and that of the other.
    let mut next: BTreeMap<(SocketAddr, SocketAddr), u32> = BTreeMap::new();
    let mut reset = Vec::new();
    for packet in packets {
        let (ends, other) = ((packet.from, packet.to), (packet.to, packet.from));
        let syn = packet.flags.contains('S');
        if packet.flags == "S" {
            assert_eq!(packet.acknowledged, 0, "{packet}");
            next.remove(&other);
            reset.retain(|ended| *ended != ends && *ended != other);
        } else {
            assert_eq!(packet.acknowledged, next[&other], "{packet}");
        }
        if !syn {
            assert_eq!(packet.sequence, next[&ends], "{packet}");
        }
        assert!(!reset.contains(&ends), "{packet}");
        if packet.flags.contains('R') {
            reset.extend([ends, other]);
        }
        let more = packet.len as u32 + u32::from(syn || packet.flags.contains('F'));
        next.insert(ends, packet.sequence.wrapping_add(more));
    }
}

impl fmt::Display for Packet {
    /// Writes the direction, both ends, the flags, the numbers since the connection began, the payload and the comments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, flags, len, comments, .. } = self;
        let way = if self.is_inbound { '>' } else { '<' };
        // Connections begin at multiples of this.
        let [sequence, acknowledged] = [self.sequence, self.acknowledged].map(|number| number % (1 << 20));
        write!(f, "{way} {from} {to} {flags} {sequence} {acknowledged} +{len}")?;
        if !self.payload.is_empty() {
            write!(f, " \"{}\"", self.payload.escape_ascii())?;
        }
        comments.iter().try_for_each(|comment| write!(f, " [{comment}]"))
    }
}
