//! A client of rustls against a session, without sockets and without a clock.

use super::{Alert, Identity, Tls, rustls};
use crate::report::{Cause, Report};
use crate::security::Trouble;
use crate::session::{Config, Output, Peer, Session};
use crate::step::Step;
use crate::time::{Duration, Instant};
use crate::transcript::Event;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use expect_test::{Expect, expect};
use rustls::{ClientConfig, ClientConnection, ServerConfig};
use std::io::{Read, Write};

mod behind;
mod channel;
mod config;
mod ends;
mod faults;

/// A client, and the session that it talks to.
struct Talk {
    session: Session,
    now: Instant,
    client: ClientConnection,
    /// What the server has sent, and how much of it was in clear; and whether its stream has ended.
    clear: Vec<u8>,
    encrypted: bool,
    ended: bool,
    /// Whether it has said so in TLS.
    told: bool,
    /// What the client has received.
    received: Vec<u8>,
    /// Why the client has given up.
    error: Option<rustls::Error>,
    /// What goes to the session: all at once, one byte at a time, or cut behind so many bytes.
    cut: Cut,
    /// How many bytes were handed in.
    offset: usize,
    /// The number of bytes that the server has sent.
    wire: usize,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    Each,
    At(usize),
}

impl Talk {
    fn new(config: ClientConfig, name: &'static str, script: Vec<Step>) -> Self {
        let mut session = Session::new(Config::default());
        script.into_iter().for_each(|step| _ = session.push(step));
        session.handle_connection(Instant::ORIGIN, None);
        let client = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
        let mut talk = Self {
            session,
            now: Instant::ORIGIN,
            client,
            clear: Vec::new(),
            encrypted: false,
            ended: false,
            told: false,
            received: Vec::new(),
            error: None,
            cut: Cut::Whole,
            offset: 0,
            wire: 0,
        };
        talk.obey();
        talk
    }

    /// A client that trusts the identity.
    fn of(identity: &Identity, script: Vec<Step>) -> Self {
        Self::new(identity.client_config(), "localhost", script)
    }

    fn cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }

    /// Does what the session says.
    fn obey(&mut self) {
        loop {
            match self.session.poll_output(self.now) {
                Output::ShutDown | Output::Disconnect => self.ended = true,
                Output::Wait(wait) if wait.send.is_empty() => return,
                Output::Wait(wait) => {
                    let sent = wait.send.to_vec();
                    self.wire += sent.len();
                    self.session.handle_sent(self.now, sent.len());
                    if !self.encrypted {
                        self.clear.extend(&sent);
                        continue;
                    }
                    let mut sent = &sent[..];
                    while !sent.is_empty() && self.client.read_tls(&mut sent).unwrap() > 0 {
                        match self.client.process_new_packets() {
                            Ok(state) => {
                                self.told |= state.peer_has_closed();
                                _ = self.client.reader().read_to_end(&mut self.received);
                            }
                            Err(error) => self.error = Some(error),
                        }
                        if self.error.is_some() {
                            break;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Sends these bytes as they are.
    fn raw(&mut self, bytes: &[u8]) {
        let (mut rest, end) = (bytes, self.offset + bytes.len());
        while !rest.is_empty() {
            let count = match self.cut {
                Cut::Whole => rest.len(),
                Cut::Each => 1,
                Cut::At(at) if self.offset < at && at < end => at - self.offset,
                Cut::At(_) => rest.len(),
            };
            self.session.handle_bytes(self.now, &rest[..count]);
            self.obey();
            self.offset += count;
            rest = &rest[count..];
        }
    }

    /// Has both sides say all that they have to say in TLS.
    fn pump(&mut self) {
        self.encrypted = true;
        while self.client.wants_write() {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            self.raw(&bytes);
        }
    }

    /// Sends this in TLS.
    fn say(&mut self, bytes: &[u8]) {
        self.client.writer().write_all(bytes).unwrap();
        self.pump();
    }

    /// What is to be sent next, as it is on the wire.
    fn records(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.client.writer().write_all(bytes).unwrap();
        let mut wire = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut wire).unwrap();
        }
        wire
    }

    /// Sends the client's hello, and nothing more.
    fn pump_hello(&mut self) {
        self.encrypted = true;
        let hello = self.records(b"");
        self.raw(&hello);
    }

    /// Says whether the server has told the client in TLS that it sends no more.
    fn client_was_told(&self) -> bool {
        self.told
    }

    fn close(&mut self) {
        self.client.send_close_notify();
        self.pump();
        self.eof();
    }

    fn eof(&mut self) {
        self.session.handle_eof(self.now);
        self.obey();
    }

    fn late(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        self.session.handle_timeout(self.now);
    }

    fn report(&self) -> Report {
        self.session.report("here", Cause::Interrupted)
    }

    fn transcript(&self) -> String {
        self.session.transcript().to_string()
    }

    /// Compares the head of the report: all above the script.
    #[track_caller]
    fn fails(&self, expected: &Expect) {
        assert!(self.session.has_failed(), "{}", self.report());
        let report = self.report().to_string();
        expected.assert_eq(&without_places(report.split("\n\n").next().unwrap()));
    }

    #[track_caller]
    fn passes(&self) {
        assert!(self.session.is_done() && !self.session.has_failed(), "{}", self.report());
    }
}

/// Returns a text without lines and columns of sources.
fn without_places(text: &str) -> String {
    let mut pieces = text.split(".rs:");
    let first = pieces.next().unwrap_or_default().to_string();
    let places = |c: char| c.is_ascii_digit() || c == ':';
    pieces.fold(first, |text, piece| format!("{text}.rs{}", piece.trim_start_matches(places)))
}

fn mail(identity: &Identity) -> Vec<Step> {
    vec![
        Step::expect_connect(),
        Step::send_bytes("220 ready\r\n"),
        Step::expect_line("STARTTLS"),
        Step::send_bytes("220 go on\r\n"),
        Step::start_tls(identity),
        Step::expect_line("EHLO me"),
        Step::send_bytes("250 hello\r\n"),
        Step::expect_disconnect(),
    ]
}

fn greeted(identity: &Identity, more: Vec<Step>) -> Talk {
    let mut script =
        vec![Step::expect_connect(), Step::start_tls(identity), Step::expect_bytes("ping"), Step::send_bytes("pong")];
    script.extend(more);
    let mut talk = Talk::of(identity, script);
    talk.pump();
    talk.say(b"ping");
    talk
}

/// Plays a whole conversation.
fn play_mail(identity: &Identity, cut: Cut) -> Talk {
    let mut talk = Talk::of(identity, mail(identity)).cut(cut);
    talk.raw(b"STARTTLS\r\n");
    assert_eq!(talk.clear, b"220 ready\r\n220 go on\r\n");
    talk.pump();
    talk.say(b"EHLO me\r\n");
    assert_eq!(talk.received, b"250 hello\r\n");
    talk.close();
    talk
}

#[test]
fn a_conversation_becomes_an_encrypted_one() {
    let talk = play_mail(&Identity::new(), Cut::Whole);
    talk.passes();
    expect![[r#"
        0.000 s  client connected
        0.000 s  sent 11 bytes  "220 ready\r\n"
        0.000 s  received 10 bytes  "STARTTLS\r\n"
        0.000 s  sent 11 bytes  "220 go on\r\n"
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 9 bytes  "EHLO me\r\n"
        0.000 s  sent 11 bytes  "250 hello\r\n"
        0.000 s  received close_notify
        0.000 s  client closed the connection, or its sending half"#]]
    .assert_eq(&talk.transcript());
}

#[test]
fn cuts_make_no_difference() {
    let identity = Identity::new();
    let whole = play_mail(&identity, Cut::Whole);
    for cut in (0..whole.offset).map(Cut::At).chain([Cut::Each]) {
        let talk = play_mail(&identity, cut);
        talk.passes();
        assert_eq!(talk.transcript(), whole.transcript(), "{cut:?}");
    }
}

#[test]
fn encrypted_from_the_first_byte() {
    let identity = Identity::new();
    let script = vec![
        Step::expect_connect(),
        Step::start_tls(&identity),
        Step::expect_bytes("ping"),
        Step::send_bytes("pong"),
        Step::expect_disconnect(),
    ];
    let mut talk = Talk::of(&identity, script);
    // With the last flight of the handshake.
    talk.client.writer().write_all(b"ping").unwrap();
    talk.pump();
    assert_eq!(talk.received, b"pong");
    talk.close();
    talk.passes();
}

#[test]
fn a_hello_that_is_early_is_no_clear_text() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::expect_line("STARTTLS")]);
    talk.raw(b"STARTTLS\r\n");
    talk.pump();
    assert!(talk.transcript().contains("received 2"), "{}", talk.transcript());
    talk.session.push(Step::start_tls(&identity));
    talk.session.push(Step::expect_bytes("ping"));
    talk.obey();
    talk.pump();
    talk.say(b"ping");
    talk.passes();
    expect![[r#"
        0.000 s  client connected
        0.000 s  received 10 bytes  "STARTTLS\r\n"
        0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
        0.000 s  received 4 bytes  "ping""#]]
    .assert_eq(&talk.transcript());
}

#[test]
fn what_is_long_goes_in_records() {
    let identity = Identity::new();
    let long: Vec<u8> = (0..100_000_u32).map(|i| i as u8).collect();
    let script = vec![
        Step::expect_connect(),
        Step::start_tls(&identity),
        Step::expect_bytes(&long),
        Step::send_bytes(&long),
        Step::expect_disconnect(),
    ];
    let mut talk = Talk::of(&identity, script);
    talk.client.set_buffer_limit(None);
    talk.pump();
    talk.say(&long);
    assert!(talk.received == long, "{} bytes came back", talk.received.len());
    talk.close();
    talk.passes();
    let text = talk.transcript();
    assert!(text.contains("received 100,000 bytes") && text.contains("sent 100,000 bytes"), "{text}");
}

#[test]
fn old_and_new_versions() {
    let identity = Identity::new();
    for (version, name) in [(&rustls::version::TLS12, "TLS 1.2"), (&rustls::version::TLS13, "TLS 1.3")] {
        let script = vec![
            Step::expect_connect(),
            Step::start_tls(identity.tls().server_name("LOCALHOST").alpn("h2")),
            Step::expect_bytes("ping"),
            Step::send_bytes("pong"),
            Step::disconnect(),
        ];
        let mut config = client_config(&identity, &[version]);
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
        let mut talk = Talk::new(config, "localhost", script);
        talk.pump();
        talk.say(b"ping");
        assert_eq!(talk.received, b"pong");
        talk.passes();
        let established = format!("TLS established: {name}, server name \"localhost\", ALPN \"h2\"");
        assert!(talk.transcript().contains(&established), "{}", talk.transcript());
    }
}

fn client_config(identity: &Identity, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.root_der().to_vec().into()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[test]
fn the_handshake_can_be_asked_for() {
    let identity = Identity::new();
    let mut config = identity.client_config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut own = (*identity.tls().config).clone();
    own.alpn_protocols = vec![b"h2".to_vec()];
    let mut talk = Talk::new(config, "localhost", vec![Step::expect_connect(), Step::start_tls(Arc::new(own))]);
    talk.pump();
    let handshakes = talk.session.transcript().entries().filter_map(|entry| match entry.event() {
        Event::TlsEstablished(handshake) => Some(handshake.clone()),
        _ => None,
    });
    let [handshake] = &handshakes.collect::<Vec<_>>()[..] else { panic!("there is one") };
    assert_eq!(handshake.version(), "TLS 1.3");
    assert_eq!((handshake.server_name(), handshake.alpn()), (Some("localhost"), Some(&b"h2"[..])));
}
