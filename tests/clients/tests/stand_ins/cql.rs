//! The protocol of Cassandra and ScyllaDB, version 4: its version, flags, the number of a stream, what is asked or answered, a length, and a
//! body. The client numbers its requests, and the answers come with the same numbers.

use crate::stage::Stream;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use std::collections::BTreeMap;
use std::io;
use tcpclient_tokio::{Framing, Pattern, Pushed, Script};

const STARTUP: u8 = 1;
const READY: u8 = 2;
const OPTIONS: u8 = 5;
const SUPPORTED: u8 = 6;

/// What a server offers that marks statements which it could do better.
const EXTENSION: &str = "SCYLLA_LWT_ADD_METADATA_MARK";
const MASK: &str = "LWT_OPTIMIZATION_META_BIT_MASK=2137";

/// After `test_lwt_optimisation_mark_negotiation` in `scylla/src/network/connection.rs` of scylla-rust-driver, which forges the answers in a
/// proxy of its own, on a fixed port: a client asks for the extension if it is offered, and only then.
async fn extension_is_asked_for_if_it_is_offered<S: Stream>(server: &Script, connect: impl AsyncFn() -> S) {
    server.framing(Framing::length_field(5, 4));
    let without = negotiation(server, &[]);
    let with = negotiation(server, &[(EXTENSION, MASK)]);

    for _ in 0..2 {
        open(&mut connect().await).await.unwrap();
    }
    server.join().await;
    let chosen = |startup: &Pushed| read_map(&startup.bytes().unwrap()[5..]);
    assert_eq!(chosen(&without).get(EXTENSION), None);
    assert_eq!(chosen(&with)[EXTENSION], MASK);
}
on_every_stage!(extension_is_asked_for_if_it_is_offered);

/// Offers this, and lets the client in. Returns the step that receives what the client chose.
#[track_caller]
fn negotiation(s: &Script, offer: &[(&str, &str)]) -> Pushed {
    let offer: Vec<(&str, &[&str])> = offer.iter().map(|(key, value)| (*key, std::slice::from_ref(value))).collect();
    let offer = write_multimap(&offer);
    s.expect_connect();
    s.expect_frame(request(OPTIONS)).named("OPTIONS");
    s.reply_frame(move |request| answer(request, SUPPORTED, &offer));
    let startup = s.expect_frame(request(STARTUP)).named("STARTUP");
    s.reply_frame(|request| answer(request, READY, b""));
    s.expect_disconnect();
    startup
}

/// Returns the pattern of a request of this kind, on any stream.
fn request(kind: u8) -> Pattern {
    Pattern::matching(move |request: &[u8]| match request {
        [4, _, _, _, asked, ..] if *asked == kind => Ok(()),
        [4, _, _, _, asked, ..] => Err(format!("it is of kind {asked}, not {kind}")),
        _ => Err("it is not of version 4".to_owned()),
    })
}

/// Returns the answer to a request, without its length.
fn answer(request: &[u8], kind: u8, body: &[u8]) -> Vec<u8> {
    [&[0x84, 0], &request[2..4], &[kind], body].concat()
}

/// The stand-in for the driver: opens a connection.
async fn open(stream: &mut impl Stream) -> io::Result<()> {
    let offer = call(stream, 7, OPTIONS, b"", SUPPORTED).await?;
    let mut chosen = vec![("CQL_VERSION", "4.0.0".to_owned())];
    chosen.extend(read_multimap(&offer).remove(EXTENSION).map(|mut values| (EXTENSION, values.remove(0))));
    call(stream, 8, STARTUP, &write_map(&chosen), READY).await?;
    Ok(())
}

/// Sends a request, and returns the body of its answer.
async fn call(stream: &mut impl Stream, number: u16, kind: u8, body: &[u8], wanted: u8) -> io::Result<Vec<u8>> {
    let [high, low] = number.to_be_bytes();
    let length = (body.len() as u32).to_be_bytes();
    stream.write_all(&[&[4, 0, high, low, kind], &length[..], body].concat()).await?;
    let mut header = [0; 9];
    stream.read_exact(&mut header).await?;
    let [version, _, stream_high, stream_low, answered, length @ ..] = header;
    if (version, [stream_high, stream_low], answered) != (0x84, [high, low], wanted) {
        return Err(io::Error::other(format!("the answer is not that to stream {number}: {header:x?}")));
    }
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn write_string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

fn write_map(map: &[(&str, String)]) -> Vec<u8> {
    let entries = map.iter().flat_map(|(key, value)| [write_string(key), write_string(value)].concat());
    (map.len() as u16).to_be_bytes().into_iter().chain(entries).collect()
}

fn write_multimap(map: &[(&str, &[&str])]) -> Vec<u8> {
    let mut bytes = (map.len() as u16).to_be_bytes().to_vec();
    for (key, values) in map {
        bytes.extend(write_string(key));
        bytes.extend((values.len() as u16).to_be_bytes());
        bytes.extend(values.iter().flat_map(|value| write_string(value)));
    }
    bytes
}

fn read_number(bytes: &mut &[u8]) -> u16 {
    let (number, rest) = bytes.split_first_chunk().unwrap();
    *bytes = rest;
    u16::from_be_bytes(*number)
}

fn read_string(bytes: &mut &[u8]) -> String {
    let length = read_number(bytes).into();
    let (text, rest) = bytes.split_at(length);
    *bytes = rest;
    String::from_utf8(text.to_vec()).unwrap()
}

fn read_map(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let bytes = &mut bytes;
    (0..read_number(bytes)).map(|_| (read_string(bytes), read_string(bytes))).collect()
}

fn read_multimap(mut bytes: &[u8]) -> BTreeMap<String, Vec<String>> {
    let bytes = &mut bytes;
    let values = |bytes: &mut &[u8]| (0..read_number(bytes)).map(|_| read_string(bytes)).collect();
    (0..read_number(bytes)).map(|_| (read_string(bytes), values(bytes))).collect()
}
