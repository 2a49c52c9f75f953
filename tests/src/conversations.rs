//! Conversations of real protocols, as their clients hold them: what hostile clients break off.

use crate::server::Server;
use tcpclient_core::framing::Framing;
use tcpclient_core::pattern::Pattern;

/// A conversation: its script, and what a client that does as it should says and hears.
#[derive(Clone, Copy, Debug)]
pub struct Conversation {
    /// The protocol.
    pub name: &'static str,
    /// Pushes what stands in the script between `expect_connect` and its end.
    pub script: fn(&Server),
    /// What the client does.
    pub turns: &'static [Turn],
}

/// A turn of a client.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// It sends this.
    Say(&'static [u8]),
    /// It waits for this.
    Hear(&'static [u8]),
}
use Turn::{Hear, Say};

impl Conversation {
    /// Returns how many bytes the client sends.
    pub fn said(&self) -> usize {
        let said = |turn: &Turn| if let Say(bytes) = turn { bytes.len() } else { 0 };
        self.turns.iter().map(said).sum()
    }
}

/// One for each kind of framing that protocols have.
pub const CONVERSATIONS: &[Conversation] = &[
    Conversation {
        name: "frames, then bytes",
        script: |server| {
            server.expect_frame("Hello");
            server.send_frame("reply");
            server.expect_bytes("Goodbye");
        },
        turns: &[Say(b"\0\0\0\x05Hello"), Hear(b"\0\0\0\x05reply"), Say(b"Goodbye")],
    },
    Conversation {
        name: "SMTP",
        script: |server| {
            server.send_line("220 ready");
            server.expect_line(Pattern::prefix("EHLO "));
            server.send_bytes("250-here\r\n250 PIPELINING\r\n");
            server.expect_line("MAIL FROM:<a@b>");
            server.expect_line("DATA");
            server.send_bytes("250 ok\r\n354 go on\r\n");
            server.expect_until("\r\n.\r\n", Pattern::contains("Subject: x"));
            server.send_line("250 queued");
        },
        turns: &[
            Hear(b"220 ready\r\n"),
            Say(b"EHLO me\r\n"),
            Hear(b"250-here\r\n250 PIPELINING\r\n"),
            Say(b"MAIL FROM:<a@b>\r\nDATA\r\n"),
            Hear(b"250 ok\r\n354 go on\r\n"),
            Say(b"Subject: x\r\n\r\nText.\r\n.\r\n"),
            Hear(b"250 queued\r\n"),
        ],
    },
    Conversation {
        name: "MQTT",
        script: |server| {
            server.framing(Framing::varint().at(1).max_width(4));
            server.expect_frame(b"\x10\0\x04MQTT\x04\x02\0\x05\0\x01a");
            server.send_frame(b"\x20\0\0");
            server.anytime(b"\xc0", b"\xd0");
            server.expect_frame(Pattern::prefix(b"\x30\0\x01t"));
        },
        turns: &[
            Say(b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a"),
            Hear(b"\x20\x02\0\0"),
            Say(b"\xc0\0"),
            Hear(b"\xd0\0"),
            Say(b"\x30\x05\0\x01tok"),
        ],
    },
    Conversation {
        name: "Modbus",
        script: |server| {
            server.framing(Framing::length_field(4, 2));
            server.repeat(2, |server| {
                server.expect_frame(b"\0\x01\0\0\x01\x03\0\x6b\0\x01");
                server.reply_frame(|request| [&request[..5], b"\x03\x02\x02\x2b"].concat());
            });
        },
        turns: &[
            Say(b"\0\x01\0\0\0\x06\x01\x03\0\x6b\0\x01"),
            Hear(b"\0\x01\0\0\0\x05\x01\x03\x02\x02\x2b"),
            Say(b"\0\x01\0\0\0\x06\x01\x03\0\x6b\0\x01"),
            Hear(b"\0\x01\0\0\0\x05\x01\x03\x02\x02\x2b"),
        ],
    },
    Conversation {
        name: "HTTP, two requests at once",
        script: |server| {
            server.repeat(2, |server| {
                server.expect_until("\r\n\r\n", Pattern::prefix("GET / "));
                server.send_bytes("HTTP/1.1 204 No Content\r\n\r\n");
            });
        },
        turns: &[
            Say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Hear(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        ],
    },
];
