//! The headers of a packet: IPv4 (RFC 791) or IPv6 (RFC 8200), and TCP (RFC 9293).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// The most bytes of payload in a packet: as many as IPv4 has room for.
pub(super) const SEGMENT: usize = u16::MAX as usize - IPV4 - TCP;

/// The lengths of the headers without options.
const IPV4: usize = 20;
const TCP: usize = 20;

/// The flags of a segment.
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// The number of TCP among the protocols of IP.
const PROTOCOL: u8 = 6;

/// How far a packet may go.
const HOPS: u8 = 64;

/// The options of a SYN: the largest segment, and that windows are shifted, so that all fits in.
const SYN_OPTIONS: [u8; 8] = [2, 4, (SEGMENT >> 8) as u8, SEGMENT as u8, 1, 3, 3, 14];

/// A segment of TCP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    /// Of the same family.
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    /// What is kept of the payload, and how long it is.
    pub(super) payload: &'a [u8],
    pub(super) len: usize,
}

impl Segment<'_> {
    /// Returns the headers in front of the payload. The checksum is right if all of that is kept: else nobody can tell.
    pub(super) fn headers(&self) -> Vec<u8> {
        let mut tcp = Vec::with_capacity(TCP + SYN_OPTIONS.len());
        let options = if self.flags & SYN == 0 { &[][..] } else { &SYN_OPTIONS[..] };
        tcp.extend(self.from.port().to_be_bytes());
        tcp.extend(self.to.port().to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledged.to_be_bytes());
        tcp.extend([(((TCP + options.len()) / 4) as u8) << 4, self.flags]);
        // The window, the checksum, and no urgent data.
        tcp.extend([0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(options);

        let len = tcp.len() + self.len;
        let mut headers = Vec::with_capacity(40 + tcp.len());
        let mut sum = Sum::default();
        let ends = [octets(self.from), octets(self.to)].concat();
        match self.from {
            SocketAddr::V4(_) => {
                headers.extend([0x45, 0]);
                headers.extend(((IPV4 + len) as u16).to_be_bytes());
                // No number, and not to be fragmented.
                headers.extend([0, 0, 0x40, 0, HOPS, PROTOCOL, 0, 0]);
                headers.extend_from_slice(&ends);
                let mut header = Sum::default();
                header.add(&headers);
                headers[10..12].copy_from_slice(&header.checksum());
            }
            SocketAddr::V6(_) => {
                headers.extend([0x60, 0, 0, 0]);
                headers.extend((len as u16).to_be_bytes());
                headers.extend([PROTOCOL, HOPS]);
                headers.extend_from_slice(&ends);
            }
        }
        // The pseudo header.
        sum.add(&ends);
        sum.add(&[0, PROTOCOL]);
        sum.add(&(len as u32).to_be_bytes());
        sum.add(&tcp);
        sum.add(self.payload);
        tcp[16..18].copy_from_slice(&sum.checksum());
        headers.extend(tcp);
        headers
    }
}

fn octets(end: SocketAddr) -> Vec<u8> {
    match end.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The sum behind a checksum of the internet (RFC 1071).
#[derive(Default)]
struct Sum(u64);

impl Sum {
    /// Adds bytes; of those added before, there must have been an even number.
    fn add(&mut self, bytes: &[u8]) {
        let words = bytes.chunks_exact(2);
        let rest = words.remainder();
        self.0 += words.map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum::<u64>();
        self.0 += rest.first().map_or(0, |&last| u64::from(last) << 8);
    }

    fn checksum(self) -> [u8; 2] {
        let mut sum = self.0;
        while let carry @ 1.. = sum >> 16 {
            sum = carry + (sum & 0xffff);
        }
        (!(sum as u16)).to_be_bytes()
    }
}
