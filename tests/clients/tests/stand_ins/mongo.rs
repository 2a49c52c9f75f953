//! The protocol of MongoDB: a length that counts all, the number of the message and that of the one which it answers, both little-endian, and
//! what it is.

use crate::stage::Stream;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use std::io;
use std::sync::{Arc, Mutex};
use tcpclient_tokio::{Framing, Pattern, Script};

/// A message that consists of documents.
const OP_MSG: u32 = 2013;

/// A question whether a server is there, `{hello: 1, $db: "admin"}`, and its answer, `{ok: 1}`.
const HELLO: &[u8] = b"\x23\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
const OK: &[u8] = b"\x0d\0\0\0\x10ok\0\x01\0\0\0\0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    HeartbeatStarted,
    HeartbeatSucceeded,
    HeartbeatFailed,
    ClientConnected,
    HelloReceived,
}

/// What happened on both sides, in order.
type Log = Arc<Mutex<Vec<Event>>>;

/// After `heartbeat_started_before_socket` in `src/test/spec/sdam.rs` of mongo-rust-driver, which has a port of its own and is commented out:
/// that a heartbeat begins is told before anybody can see it.
async fn heartbeat_is_told_before_the_client_connects<S: Stream>(server: &Script, connect: impl AsyncFn() -> S) {
    let log = Log::default();
    expect_hello(server, &log);
    server.disconnect();
    expect_hello(server, &log);
    server.reply_frame(|hello| [b"\0\0\0\0", &hello[..4], &OP_MSG.to_le_bytes(), &[0; 5], OK].concat());

    let listener = |event| log.lock().unwrap().push(event);
    heartbeat(&connect, listener).await.unwrap_err();
    heartbeat(&connect, listener).await.unwrap();
    let seen = [Event::HeartbeatStarted, Event::ClientConnected, Event::HelloReceived];
    let expected = [&seen[..], &[Event::HeartbeatFailed], &seen, &[Event::HeartbeatSucceeded]].concat();
    assert_eq!(*log.lock().unwrap(), expected);
}
on_every_stage!(heartbeat_is_told_before_the_client_connects);

/// Expects a client and its question, and has the log tell of both.
#[track_caller]
fn expect_hello(s: &Script, log: &Log) {
    s.framing(Framing::length_field(0, 4).little_endian().counting_all());
    s.expect_connect();
    note(s, log, Event::ClientConnected);
    s.expect_frame(Pattern::suffix(HELLO)).named("hello");
    note(s, log, Event::HelloReceived);
}

/// Has the log tell that the script has come so far. It is a reply of no bytes.
#[track_caller]
fn note(s: &Script, log: &Log, event: Event) {
    let log = Arc::clone(log);
    s.reply(move |_| {
        log.lock().unwrap().push(event);
        Vec::new()
    });
}

/// The stand-in for the driver: connects, asks whether the server is there, and tells a listener.
async fn heartbeat<S: Stream>(connect: &impl AsyncFn() -> S, listener: impl Fn(Event)) -> io::Result<()> {
    listener(Event::HeartbeatStarted);
    let answer = hello(&mut connect().await).await;
    listener(if answer.is_ok() { Event::HeartbeatSucceeded } else { Event::HeartbeatFailed });
    answer
}

async fn hello(stream: &mut impl Stream) -> io::Result<()> {
    let number = 99_u32.to_le_bytes();
    let length = (16 + 5 + HELLO.len() as u32).to_le_bytes();
    let header = [length, number, [0; 4], OP_MSG.to_le_bytes()];
    stream.write_all(&[header.as_flattened(), &[0; 5], HELLO].concat()).await?;
    let mut answer = [0; 16 + 5 + OK.len()];
    stream.read_exact(&mut answer).await?;
    if answer[8..12] != number || !answer.ends_with(OK) {
        return Err(io::Error::other(format!("it is no answer to {number:?}: {answer:?}")));
    }
    Ok(())
}
