//! Clients that reset, close, half-close, stall or flood, at any byte: each ends in a report.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use futures_lite::future::yield_now;
use std::time::Instant;
use tcpclient_core::transcript::Event;
use tcpclient_tests::conversations::{CONVERSATIONS, Conversation, Turn};
use tcpclient_tests::prelude::*;

/// How a client leaves a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Close,
    HalfClose,
    Reset,
}

/// Holds a conversation up to the byte with this number, then leaves.
async fn leave(stage: Stage, conversation: &Conversation, cut: usize, way: Way) {
    let context = format!("{}, {way:?} behind {cut} bytes", conversation.name);
    let server = stage.bind().await;
    server.expect_connect();
    (conversation.script)(&server);
    server.expect_disconnect();
    let mut client = server.connect().await;
    let mut left = cut;
    for turn in conversation.turns {
        match *turn {
            Turn::Say(bytes) if left < bytes.len() => {
                client.write_all(&bytes[..left]).await.unwrap();
                break;
            }
            Turn::Say(bytes) => {
                client.write_all(bytes).await.unwrap();
                left -= bytes.len();
            }
            Turn::Hear(bytes) => {
                let mut heard = vec![0; bytes.len()];
                client.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, bytes, "{context}");
            }
        }
    }
    let whole = cut == conversation.said();
    // Where nobody knows whether it still holds the connection, it may.
    let mut held = None;
    match way {
        Way::Close => drop(client),
        Way::HalfClose => {
            client.shutdown().await.unwrap();
            held = (!whole || !stage.knows_the_peer()).then_some(client);
        }
        Way::Reset => client.abort().unwrap(),
    }
    let result = server.try_join().await;
    drop(held);
    match result {
        Ok(()) => assert!(whole && way != Way::Reset, "{context}"),
        Err(failure) => {
            assert!(!whole || way == Way::Reset, "{context}: {failure}");
            assert!(failure.step() >= Some(2), "{context}: {failure}");
        }
    }
}

on_every_stage!(at_every_byte_of_every_conversation);
async fn at_every_byte_of_every_conversation(stage: Stage) {
    for conversation in CONVERSATIONS {
        for cut in 0..=conversation.said() {
            for way in [Way::Close, Way::HalfClose, Way::Reset] {
                if way != Way::Reset || stage.on_sockets() {
                    leave(stage, conversation, cut, way).await;
                }
            }
        }
    }
}

on_every_stage!(a_client_that_stalls_at_any_byte_is_not_waited_for);
async fn a_client_that_stalls_at_any_byte_is_not_waited_for(stage: Stage) {
    let message = b"\0\0\0\x05HelloGoodbye";
    for cut in 0..=message.len() {
        let server = stage.bind().await;
        server.expect_connect();
        let mut client = server.connect().await;
        client.write_all(&message[..cut]).await.unwrap();
        server.expect_frame("Hello").within(SHORT);
        server.expect_bytes("Goodbye").within(SHORT);
        server.expect_disconnect().within(SHORT);
        let failure = server.try_join().await.unwrap_err();
        assert!(failure.to_string().contains("timed out waiting for "), "{cut}: {failure}");
    }
}

on_every_stage!(a_client_that_dribbles_does_not_put_a_deadline_off);
async fn a_client_that_dribbles_does_not_put_a_deadline_off(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    // More than there is room for: what has come when the server has its turn counts, however late that is.
    server.expect_bytes(vec![b'x'; 1 << 22]).within(Duration::from_millis(50));
    let mut client = server.connect().await;
    let began = Instant::now();
    // It always has something more to say, until it is reset.
    while client.write_all(b"x").await.is_ok() {
        yield_now().await;
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let failure = server.try_join().await.unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("timed out waiting for ") && text.contains(" 4,194,304 bytes, after 50 ms: "), "{text}");
}

on_every_stage!(a_flood_that_nobody_expects_is_a_failure);
async fn a_flood_that_nobody_expects_is_a_failure(stage: Stage) {
    let server = stage.builder().idle_limit(Duration::from_millis(200)).bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    server.join().await;
    let block = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while client.write_all(&block).await.is_ok() {
        sent += block.len();
    }
    // Beyond 16 MiB, and what the kernel holds, the server does not read.
    assert!(sent < 100 << 20, "{sent} bytes were taken");
    let failure = server.try_join().await.unwrap_err();
    assert!(
        failure.to_string().contains("nobody expects this: the client's bytes have been waiting for 200 ms"),
        "{failure}"
    );
}

on_every_stage!(a_flood_does_not_hide_a_deadline);
async fn a_flood_does_not_hide_a_deadline(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    // The client does not read, and the server has more to send than the kernel takes.
    server.send_bytes(vec![b'y'; 16 << 20]).within(Duration::from_millis(100));
    let began = Instant::now();
    let block = vec![b'x'; 1 << 20];
    while client.write_all(&block).await.is_ok() {}
    let failure = server.try_join().await.unwrap_err();
    assert!(failure.to_string().contains("timed out sending, after 100 ms: "), "{failure}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

on_every_stage!(a_hostile_length_allocates_nothing);
async fn a_hostile_length_allocates_nothing(stage: Stage) {
    let server = stage.builder().framing(Framing::length_prefixed(8)).bind().await;
    server.expect_connect();
    server.expect_frame("Hello");
    let mut client = server.connect().await;
    client.write_all(&[0xff; 8]).await.unwrap();
    let failure = server.try_join().await.unwrap_err();
    let words = "length field says 18,446,744,073,709,551,615 (maximum 16,777,216)";
    assert!(failure.to_string().contains(words), "{failure}");
}

on_every_stage!(a_storm_of_clients_after_a_failure_is_sent_away);
async fn a_storm_of_clients_after_a_failure_is_sent_away(stage: Stage) {
    let server = stage.bind().await;
    server.expect_disconnect();
    assert!(server.try_join().await.is_err());
    for _ in 0..200 {
        if let Some(mut client) = server.connect_to_be_reset().await {
            // A client that gets no processor for a while is reset before it has said anything.
            let written = client.write_all(b"anybody there?").await;
            assert!(written.is_err() || client.read(&mut [0; 1]).await.is_err());
        }
    }
}

on_every_stage!(a_client_that_says_nothing_after_a_failure_is_sent_away_too);
async fn a_client_that_says_nothing_after_a_failure_is_sent_away_too(stage: Stage) {
    let server = stage.bind().await;
    server.expect_disconnect();
    assert!(server.try_join().await.is_err());
    if let Some(mut client) = server.connect_to_be_reset().await {
        assert!(client.read(&mut [0; 1]).await.is_err());
    }
}

on_every_stage!(a_client_that_waits_for_a_reply_that_no_step_sends_does_not_hang);
async fn a_client_that_waits_for_a_reply_that_no_step_sends_does_not_hang(stage: Stage) {
    let server = stage.builder().idle_limit(SHORT).bind().await;
    server.expect_connect();
    server.expect_bytes("question");
    let mut client = server.connect().await;
    client.write_all(b"question").await.unwrap();
    assert!(client.read(&mut [0; 16]).await.is_err());
    let failure = server.try_join().await.unwrap_err();
    assert!(
        failure.to_string().contains("no step has been left to play for 10 ms, and the connection is still open"),
        "{failure}"
    );
}

/// Returns how many bytes the server has received so far.
fn received(server: &Server) -> u64 {
    let transcript = server.transcript();
    let lengths = transcript.entries().filter_map(|entry| match entry.event() {
        Event::Received(data) => Some(data.len()),
        _ => None,
    });
    lengths.sum()
}

on_every_stage!(reading_goes_on_when_a_step_takes_what_had_piled_up);
async fn reading_goes_on_when_a_step_takes_what_had_piled_up(stage: Stage) {
    // More than a server keeps for later is sent while it is busy sending; then a step takes all of it.
    let upload = vec![b'u'; 24 << 20];
    let server = stage.builder().deadline(Duration::from_secs(3600)).bind().await;
    server.expect_connect();
    server.send_bytes(vec![b'd'; 16 << 20]);
    server.expect_bytes(&upload);
    server.expect_disconnect();
    let (mut reader, mut writer) = server.connect().await.split().unwrap();
    let sender = stage.spawn(async move {
        writer.write_all(&upload).await.unwrap();
        writer
    });
    // The server stops reading at 16 MiB, which the sender notices by waiting.
    while received(&server) < 16 << 20 {
        yield_now().await;
    }
    reader.read_exact(&mut vec![0; 16 << 20]).await.unwrap();
    drop((reader, sender.await));
    stage.timeout(Duration::from_secs(60), server.join()).await.unwrap();
}

on_every_stage!(reading_goes_on_when_the_kernel_was_asked_in_between);
async fn reading_goes_on_when_the_kernel_was_asked_in_between(stage: Stage) {
    // Just as much as a server keeps for later, then a send, before which the kernel is asked what the client did.
    let upload = vec![b'u'; 16 << 20];
    // No alarm of the server's own is to help.
    let hour = Duration::from_secs(3600);
    let server = stage.builder().deadline(hour).idle_limit(hour).bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(&upload).await.unwrap();
    while received(&server) < 16 << 20 {
        yield_now().await;
    }
    server.expect_bytes(&upload);
    server.send_bytes("ok");
    server.expect_bytes("more");
    server.send_bytes("thanks");
    server.expect_disconnect();
    let conversation = async {
        client.read_exact(&mut [0; 2]).await.unwrap();
        // Lets the server come to rest before there is more.
        for _ in 0..100 {
            yield_now().await;
        }
        client.write_all(b"more").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
    };
    stage.timeout(Duration::from_secs(60), conversation).await.unwrap();
    drop(client);
    server.join().await;
}

on_every_stage!(a_client_that_comes_again_is_no_second_one_while_its_first_end_is_hidden);
async fn a_client_that_comes_again_is_no_second_one_while_its_first_end_is_hidden(stage: Stage) {
    let upload = vec![b'u'; 18 << 20];
    let server = stage.builder().deadline(Duration::from_secs(60)).capacity(4 << 20).bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(&upload).await.unwrap();
    drop(client);
    let mut client = server.connect().await;
    client.write_all(b"again").await.unwrap();
    while server.connections() < 2 {
        yield_now().await;
    }
    server.expect_bytes(&upload);
    server.expect_disconnect();
    server.expect_connect();
    server.expect_bytes("again");
    drop(client);
    server.finish().await;
}
