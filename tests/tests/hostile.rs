//! Clients that reset, close, half-close, stall or flood, at any byte: each ends in a report.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use std::time::Instant;
use tcpclient_tokio::prelude::*;
use tcpclient_tokio::transcript::Event;

/// How a client leaves a conversation.
#[derive(Clone, Copy, Debug)]
enum Way {
    Close,
    HalfClose,
    Reset,
    Stall,
}

/// Sends the first `cut` bytes of what the script expects, then leaves.
async fn leave(cut: usize, way: Way) {
    let message = b"\0\0\0\x05HelloGoodbye";
    let server = TcpServer::builder().deadline(Duration::from_millis(20)).bind().await.unwrap();
    server.expect_connect();
    server.expect_frame("Hello");
    server.send_frame("reply");
    server.expect_bytes("Goodbye");
    server.expect_disconnect();

    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(&message[..cut]).await.unwrap();
    match way {
        Way::Close => drop(client),
        Way::HalfClose => {
            client.shutdown().await.unwrap();
            assert!(server.try_join().await.is_err() || cut == message.len(), "{cut} {way:?}");
            return;
        }
        Way::Reset => {
            client.set_zero_linger().unwrap();
            drop(client);
        }
        Way::Stall => {
            let failure = server.try_join().await.unwrap_err();
            assert!(failure.to_string().contains("timed out waiting for "), "{cut} {way:?}: {failure}");
            return;
        }
    }
    let failure = server.try_join().await.unwrap_err();
    assert!(failure.step() >= Some(2), "{cut} {way:?}: {failure}");
}

#[tokio::test]
async fn at_every_byte_of_a_conversation() {
    for way in [Way::Close, Way::HalfClose, Way::Reset, Way::Stall] {
        for cut in 0..=16 {
            leave(cut, way).await;
        }
    }
}

#[tokio::test]
async fn a_flood_that_nobody_expects_is_a_failure() {
    let server = TcpServer::builder().idle_limit(Duration::from_millis(300)).bind().await.unwrap();
    server.expect_connect();
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
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
        failure.to_string().contains("nobody expects this: the client's bytes have been waiting for 300 ms"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_flood_does_not_hide_a_deadline() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    // The client does not read, and the server has more to send than the kernel takes.
    server.send_bytes(vec![b'y'; 32 << 20]).within(Duration::from_millis(200));
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    let began = Instant::now();
    let block = vec![b'x'; 1 << 20];
    while client.write_all(&block).await.is_ok() {}
    let failure = server.try_join().await.unwrap_err();
    assert!(failure.to_string().contains("timed out sending, after 200 ms: "), "{failure}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_hostile_length_allocates_nothing() {
    let server = TcpServer::builder().framing(Framing::length_prefixed(8)).bind().await.unwrap();
    server.expect_connect();
    server.expect_frame("Hello");
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(&[0xff; 8]).await.unwrap();
    let failure = server.try_join().await.unwrap_err();
    let words = "length field says 18,446,744,073,709,551,615 (maximum 16,777,216)";
    assert!(failure.to_string().contains(words), "{failure}");
}

#[tokio::test]
async fn a_storm_of_clients_after_a_failure_is_sent_away() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_disconnect();
    assert!(server.try_join().await.is_err());
    for _ in 0..200 {
        let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
        client.write_all(b"anybody there?").await.unwrap();
        assert!(client.read(&mut [0; 1]).await.is_err());
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_after_a_failure_is_sent_away_too() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_disconnect();
    assert!(server.try_join().await.is_err());
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    assert!(client.read(&mut [0; 1]).await.is_err());
}

#[tokio::test]
async fn a_client_that_waits_for_a_reply_that_no_step_sends_does_not_hang() {
    let server = TcpServer::builder().idle_limit(Duration::from_millis(50)).bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("question");
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(b"question").await.unwrap();
    assert!(client.read(&mut [0; 16]).await.is_err());
    let failure = server.try_join().await.unwrap_err();
    assert!(
        failure.to_string().contains("no step has been left to play for 50 ms, and the connection is still open"),
        "{failure}"
    );
}

/// Returns how many bytes the server has received so far.
fn received(server: &TcpServer) -> u64 {
    let transcript = server.transcript();
    let lengths = transcript.entries().filter_map(|entry| match entry.event() {
        Event::Received(data) => Some(data.len()),
        _ => None,
    });
    lengths.sum()
}

#[tokio::test]
async fn reading_goes_on_when_a_step_takes_what_had_piled_up() {
    // More than a server keeps for later is sent while it is busy sending; then a step takes all of it.
    let upload = vec![b'u'; 40 << 20];
    let server = TcpServer::builder().deadline(Duration::from_secs(3600)).bind().await.unwrap();
    server.expect_connect();
    server.send_bytes(vec![b'd'; 32 << 20]);
    server.expect_bytes(&upload);
    server.expect_disconnect();
    let client = TcpStream::connect(server.local_addr()).await.unwrap();
    let (reader, mut writer) = client.into_split();
    let sender = tokio::spawn(async move {
        writer.write_all(&upload).await.unwrap();
        writer
    });
    // The server stops reading at 16 MiB, which the sender notices by waiting.
    while received(&server) < 16 << 20 {
        tokio::task::yield_now().await;
    }
    let mut download = Vec::new();
    reader.take(32 << 20).read_to_end(&mut download).await.unwrap();
    assert_eq!(download.len(), 32 << 20);
    drop(sender.await.unwrap());
    tokio::time::timeout(Duration::from_secs(60), server.join()).await.unwrap();
}

#[tokio::test]
async fn reading_goes_on_when_the_kernel_was_asked_in_between() {
    // Just as much as a server keeps for later, then a send, before which the kernel is asked what the client did.
    let upload = vec![b'u'; 16 << 20];
    // No alarm of the server's own is to help.
    let hour = Duration::from_secs(3600);
    let server = TcpServer::builder().deadline(hour).idle_limit(hour).bind().await.unwrap();
    server.expect_connect();
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(&upload).await.unwrap();
    while received(&server) < 16 << 20 {
        tokio::task::yield_now().await;
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
            tokio::task::yield_now().await;
        }
        client.write_all(b"more").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(60), conversation).await.unwrap();
    drop(client);
    server.join().await;
}

#[tokio::test]
async fn a_client_that_comes_again_is_no_second_one_while_its_first_end_is_hidden() {
    let upload = vec![b'u'; 18 << 20];
    let server = TcpServer::builder().deadline(Duration::from_secs(60)).bind().await.unwrap();
    server.expect_connect();
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(&upload).await.unwrap();
    drop(client);
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(b"again").await.unwrap();
    while server.connections() < 2 {
        tokio::task::yield_now().await;
    }
    server.expect_bytes(&upload);
    server.expect_disconnect();
    server.expect_connect();
    server.expect_bytes("again");
    drop(client);
    server.finish().await;
}
