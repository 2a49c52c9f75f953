//! What is on the wire, and what goes there: the channel itself, and what a session has it do.

use super::*;
use crate::security::{Engine, Handshake, Security, State};
use crate::session::Channel;
use crate::step::Kind;
use alloc::boxed::Box;
use core::fmt;

/// An engine that is in this state, and answers each record with a longer one.
#[derive(Debug)]
struct Chatty(State);

impl Engine for Chatty {
    fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Trouble> {
        Ok(())
    }

    fn transmit(&mut self, wire: &mut Vec<u8>) {
        wire.extend([0; 1 << 10]);
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> usize {
        wire.extend([0, 0]);
        plain.len()
    }

    fn close(&mut self) {}

    fn state(&self) -> State {
        self.0
    }

    fn has_last_word(&self) -> bool {
        false
    }

    fn handshake(&self) -> Handshake {
        Handshake::default()
    }
}

impl fmt::Display for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("chatty()")
    }
}

impl Security for Chatty {
    fn engine(&self) -> Box<dyn Engine> {
        Box::new(Self(self.0))
    }
}

/// A channel with such an engine, where so many bytes had been sent in clear.
fn chatty(state: State, sent: u64) -> Channel {
    Channel::new(Box::new(Chatty(state)), 7, sent, sent > 0)
}

/// The number of bytes that the server has to send.
fn to_send(talk: &mut Talk) -> usize {
    match talk.session.poll_output(talk.now) {
        Output::Wait(wait) => wait.send.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_sent_is_sealed_between_the_handshake_and_the_end() {
    let alert = State::Over(Some(Alert::INTERNAL_ERROR));
    for (state, is_open) in [
        (State::Fresh, false),
        (State::Answered, false),
        (State::Established, true),
        (State::Closed, true),
        (alert, false),
    ] {
        let mut channel = chatty(state, 0);
        assert_eq!((channel.seal(b""), channel.pending().len()), (0, 0), "{state:?}");
        assert_eq!(channel.seal(b"ping"), if is_open { 4 } else { 0 }, "{state:?}");
        assert_eq!(channel.seal(b"pong"), 0, "{state:?}: what waits goes first");
        channel.took(2);
        assert_eq!(channel.close(), is_open, "{state:?}");
        channel.took(1 << 10);
        assert_eq!((channel.pending().len(), channel.seal(b"ping"), channel.close()), (0, 0, false), "{state:?}");
    }
    let mut channel = chatty(State::Established, 0);
    channel.receive(b"clear");
    assert!(channel.next().unwrap().trouble.is_some());
    assert_eq!((channel.seal(b"ping"), channel.close()), (0, false));
    assert_eq!(format!("{channel:?}"), "Channel { step: 7, state: Established, .. }");
}

#[test]
fn what_tls_answers_is_bounded() {
    let mut channel = chatty(State::Established, 0);
    channel.receive(&[0x16, 3, 3, 0, 1, 1].repeat(100));
    while channel.next().is_some() {}
    assert_eq!(channel.pending().len(), 64 << 10);
    // A client that reads gets the rest.
    channel.took(1);
    while channel.next().is_some() {}
    assert_eq!(channel.pending().len(), (65 << 10) - 1);
    channel.took((65 << 10) - 1);
    while channel.next().is_some() {}
    assert_eq!(channel.pending().len(), 35 << 10);
}

/// Of very many records, the older half is taken together: then more may be told than was left, never less.
#[test]
fn the_book_of_records_is_bounded() {
    let mut channel = chatty(State::Established, 10);
    const RECORDS: u64 = 200_000;
    for _ in 0..RECORDS {
        channel.seal(b"x");
        channel.took(2);
    }
    assert_eq!((channel.unread(0), channel.unread(2), channel.unread(2 * 30_000)), (0, 1, 30_000));
    assert_eq!((channel.unread(2 * RECORDS), channel.unread(2 * RECORDS + 4)), (RECORDS, RECORDS + 4));
    let mut more_told = 0;
    for unread in (0..RECORDS).step_by(777) {
        let told = channel.unread(2 * unread);
        more_told += u64::from(told > unread);
        let more = if unread < 32_000 { 0 } else { 512 };
        assert!((unread..=unread + more).contains(&told), "{told} of {unread}");
    }
    assert!(more_told > 0, "not all of them are kept");

    // Of two of that half, it is the later one that is kept.
    const HALVED: u64 = (1 << 16) + 1;
    let mut channel = chatty(State::Established, 10);
    for _ in 0..HALVED {
        channel.seal(b"x");
        channel.took(2);
    }
    for (read, known) in [(1, 0), (2, 2), (3, 2), (32_767, 32_766), (32_768, 32_768), (32_769, 32_769)] {
        assert_eq!(channel.unread(2 * (HALVED - read)), HALVED - known, "{read} were read");
    }
}

/// The end of the client's stream comes behind what is not looked at as long as the client does not read.
#[test]
fn an_end_waits_for_what_came_before() {
    let security = Arc::new(Chatty(State::Established));
    let script = vec![Step::expect_connect(), Step::new(Kind::Encrypt(security)), Step::expect_disconnect()];
    let mut talk = Talk::of(&Identity::new(), script);
    talk.session.handle_bytes(talk.now, &[0x16, 3, 3, 0, 1, 1].repeat(100));
    talk.session.handle_eof(talk.now);
    assert_eq!(to_send(&mut talk), 64 << 10);
    assert!(!talk.session.is_done());
    talk.session.handle_sent(talk.now, 64 << 10);
    assert!(matches!(talk.session.poll_output(talk.now), Output::Disconnect));
    talk.passes();
}

#[test]
fn a_client_that_goes_is_sent_nothing_more() {
    let identity = Identity::new();
    // Nobody waits until it has the server's close_notify.
    let mut talk = greeted(&identity, vec![]);
    talk.session.push(Step::disconnect());
    assert_eq!(to_send(&mut talk), 24);
    talk.session.handle_reset(talk.now);
    talk.passes();

    let mut talk = greeted(&identity, vec![]);
    talk.session.push(Step::disconnect());
    assert_eq!(to_send(&mut talk), 24);
    talk.session.handle_peer(talk.now, Peer::Leaving);
    assert_eq!(to_send(&mut talk), 0);
}

/// What TLS had to say to a client that has gone accuses nobody; what the script had to say does.
#[test]
fn what_does_not_get_through_is_that_of_tls_or_of_the_script() {
    let identity = Identity::new();
    let mut talk = greeted(&identity, vec![]);
    talk.session.push(Step::shutdown());
    talk.session.push(Step::expect_disconnect());
    assert_eq!(to_send(&mut talk), 24);
    talk.session.handle_send_failed(talk.now);
    talk.obey();
    talk.passes();

    let lines = crate::framing::Framing::lines();
    let mut talk = greeted(&identity, vec![Step::anytime(&lines, "PING", "PONG"), Step::expect_disconnect()]);
    let ping = talk.records(b"PING\r\n");
    talk.session.handle_bytes(talk.now, &ping);
    assert!(to_send(&mut talk) > 0);
    talk.session.handle_send_failed(talk.now);
    assert_eq!(talk.report().cause(), &Cause::Unread { sent: 4, unread: None });
}

/// One of so many records that rustls does not give them all at once.
#[test]
fn a_long_flight_goes_out_as_a_whole() {
    let names = (0..200).map(|number| format!("host-{number}.example"));
    let identity = Identity::for_names(names.chain(["localhost".into()]));
    let mut own = (*identity.tls().config).clone();
    own.max_fragment_size = Some(32);
    let script = vec![Step::expect_connect(), Step::start_tls(Arc::new(own)), Step::expect_bytes("ping")];
    let mut talk = Talk::of(&identity, script);
    talk.pump_hello();
    talk.pump();
    talk.say(b"ping");
    talk.passes();
}
