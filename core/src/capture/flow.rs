//! One connection, as the packets of it: what TCP would have said.

use super::packet::{ACK, FIN, PSH, RST, SEGMENT, SYN, Segment};
use super::{Fact, Side};
use alloc::vec::Vec;
use core::net::SocketAddr;

/// A connection, as far as its packets are written.
#[derive(Debug)]
pub(super) struct Flow {
    client: End,
    server: End,
    /// Whether it was reset.
    is_over: bool,
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    addr: SocketAddr,
    /// The sequence number of what it sends next.
    next: u32,
    has_ended: bool,
}

/// What a packet says.
pub(super) type Sent<'a> = (Side, Segment<'a>);

impl Flow {
    /// Returns the connection of a client; `number` counts all of a file, so that two with the same addresses can be told apart.
    pub(super) fn new(client: SocketAddr, server: SocketAddr, number: u32) -> Self {
        let next = number.wrapping_shl(20);
        let [client, server] = [client, server].map(|addr| End { addr, next, has_ended: false });
        Self { client, server, is_over: false }
    }

    /// Returns the packets for something that happened, and which of them is the one that it shows in.
    pub(super) fn packets<'a>(&mut self, fact: &Fact, bytes: &'a [u8]) -> (Vec<Sent<'a>>, usize) {
        let mut packets = Vec::new();
        let mut shows = 0;
        match *fact {
            Fact::Connected => {
                packets.push(self.send(Side::Client, SYN, &[], 0));
                packets.push(self.send(Side::Server, SYN | ACK, &[], 0));
                packets.push(self.send(Side::Client, ACK, &[], 0));
            }
            Fact::Data { by, start, kept, len, .. } if len > 0 && !self.is_over => {
                let mut rest = &bytes[start..start + kept];
                let mut left = len;
                while left > 0 {
                    let len = left.min(SEGMENT);
                    let payload;
                    (payload, rest) = rest.split_at(len.min(rest.len()));
                    left -= len;
                    shows = packets.len();
                    let flags = if left == 0 { PSH | ACK } else { ACK };
                    packets.push(self.send(by, flags, payload, len));
                }
                packets.push(self.send(by.other(), ACK, &[], 0));
            }
            Fact::Ended(side) if !self.is_over && !self.ends(side).0.has_ended => {
                packets.push(self.send(side, FIN | ACK, &[], 0));
                packets.push(self.send(side.other(), ACK, &[], 0));
                self.ends(side).0.has_ended = true;
            }
            Fact::Reset(side) if !self.is_over => {
                packets.push(self.send(side, RST | ACK, &[], 0));
                self.is_over = true;
            }
            Fact::Data { .. } | Fact::Ended(_) | Fact::Reset(_) | Fact::Remark(_) => {}
        }
        (packets, shows)
    }

    /// Returns a packet of this side.
    fn send<'a>(&mut self, by: Side, flags: u8, payload: &'a [u8], len: usize) -> Sent<'a> {
        let (from, to) = self.ends(by);
        let segment = Segment {
            from: from.addr,
            to: to.addr,
            sequence: from.next,
            acknowledged: if flags & ACK == 0 { 0 } else { to.next },
            flags,
            payload,
            len,
        };
        let counted = len as u32 + u32::from(flags & (SYN | FIN) != 0);
        from.next = from.next.wrapping_add(counted);
        (by, segment)
    }

    /// Returns the end of this side, and the other.
    fn ends(&mut self, side: Side) -> (&mut End, &mut End) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }
}
