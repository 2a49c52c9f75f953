//! What a file has of a conversation: packets with the right addresses, directions, times and bytes.

use expect_test::expect;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;
use tcpclient_core::tls::Identity;
use tcpclient_tests::normalize;
use tcpclient_tests::pcapng::{File, read};
use tcpclient_tests::prelude::*;

/// A file of its own for each test, which goes with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("tcpclient-capture-{}-{number}.pcapng", std::process::id())))
    }

    fn read(&self) -> File {
        read(&fs::read(&self.0).unwrap())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

/// Returns what packets say, without what differs from stage to stage: addresses in memory are made up, and some sockets read in pieces.
fn told(file: &File) -> String {
    let packets = file.packets.iter().map(|packet| {
        let line = packet.to_string().replace("192.0.2.1:", "127.0.0.1:").replace("192.0.2.2:", "127.0.0.1:");
        normalize(&line)
    });
    packets.collect::<Vec<_>>().join("\n")
}

on_every_stage!(a_hello_is_captured);
async fn a_hello_is_captured(stage: Stage) {
    let file = Temporary::new();
    let before = now();
    let server = stage.builder().capture(&file.0).bind().await;
    server.expect_connect();
    server.expect_bytes("Hello, server!");
    server.send_bytes("Hello, client!");
    server.expect_disconnect();
    let mut client = server.connect().await;
    client.write_all(b"Hello, server!").await.unwrap();
    client.read_exact(&mut [0; 14]).await.unwrap();
    drop(client);
    let addr = server.local_addr();
    server.finish().await;
    let after = now();

    let file = file.read();
    assert_eq!(file.comments, [""; 0]);
    let [first, .., last] = &file.packets[..] else { panic!("some packets") };
    // Both clocks may be set a little while they run.
    let slack = Duration::from_millis(50);
    assert!(before <= first.at + slack && last.at <= after + slack, "{before:?} {first:?} {last:?} {after:?}");
    let expected = if stage.on_sockets() { addr } else { "192.0.2.1:49152".parse().unwrap() };
    assert_eq!(first.to, expected);
    assert!(stage.on_sockets() || first.from == "192.0.2.2:49153".parse().unwrap());
    expect![[r#"
        > 127.0.0.1:PORT 127.0.0.1:PORT S 0 0 +0
        < 127.0.0.1:PORT 127.0.0.1:PORT S. 0 1 +0
        > 127.0.0.1:PORT 127.0.0.1:PORT . 1 1 +0
        > 127.0.0.1:PORT 127.0.0.1:PORT P. 1 1 +14 "Hello, server!" [came at step 2]
        < 127.0.0.1:PORT 127.0.0.1:PORT . 1 15 +0
        < 127.0.0.1:PORT 127.0.0.1:PORT P. 1 15 +14 "Hello, client!" [sent by step 3]
        > 127.0.0.1:PORT 127.0.0.1:PORT . 15 15 +0
        > 127.0.0.1:PORT 127.0.0.1:PORT F. 15 15 +0
        < 127.0.0.1:PORT 127.0.0.1:PORT . 15 16 +0
        < 127.0.0.1:PORT 127.0.0.1:PORT F. 15 16 +0
        > 127.0.0.1:PORT 127.0.0.1:PORT . 16 16 +0"#]]
    .assert_eq(&told(&file));
}

on_every_stage!(a_failure_is_in_the_capture_and_the_capture_in_the_report);
async fn a_failure_is_in_the_capture_and_the_capture_in_the_report(stage: Stage) {
    let file = Temporary::new();
    let server = stage.builder().capture(&file.0).bind().await;
    server.expect_connect();
    server.expect_bytes("Hello, server!");
    let mut client = server.connect().await;
    client.write_all(b"Hullo, server!").await.unwrap();
    let report = server.failure().await;
    let end = report.rsplit("\n\n").next().unwrap().replace(&*file.0.to_string_lossy(), "FILE");
    let place = "tests/tests/conformance/capture.rs:LINE";
    assert_eq!(end, format!("  told by try_join() at {place}\n  captured in FILE"));
    let file = file.read();
    let comments: Vec<String> = file.comments.iter().map(|comment| normalize_on(stage, comment)).collect();
    let headline = format!("step 2 of 2 failed, expect_bytes(\"Hello, server!\") at {place}");
    assert_eq!(comments, [format!("scripted server 127.0.0.1:PORT: {headline}")]);
    expect![[r#"
        > 127.0.0.1:PORT 127.0.0.1:PORT S 0 0 +0
        < 127.0.0.1:PORT 127.0.0.1:PORT S. 0 1 +0
        > 127.0.0.1:PORT 127.0.0.1:PORT . 1 1 +0
        > 127.0.0.1:PORT 127.0.0.1:PORT P. 1 1 +14 "Hullo, server!" [came at step 2] [scripted server 127.0.0.1:PORT: step 2 of 2 failed, expect_bytes("Hello, server!") at tests/tests/conformance/capture.rs:LINE]
        < 127.0.0.1:PORT 127.0.0.1:PORT . 1 15 +0
        < 127.0.0.1:PORT 127.0.0.1:PORT R. 1 15 +0"#]]
    .assert_eq(&told(&file).replace("server in memory", "server 127.0.0.1:PORT"));
}

on_every_stage!(connections_of_several_scripts_are_in_one_file);
async fn connections_of_several_scripts_are_in_one_file(stage: Stage) {
    let file = Temporary::new();
    let server = stage.builder().capture(&file.0).bind().await;
    let other = server.script();
    for (script, word) in [(&*server, "one"), (&other, "two")] {
        script.expect_connect();
        script.send_bytes(word);
        script.expect_disconnect();
    }
    let mut clients = [server.connect().await, server.connect().await];
    for (client, word) in clients.iter_mut().zip([b"one", b"two"]) {
        let mut bytes = [0; 3];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, word);
    }
    drop(clients);
    server.join().await;
    server.expect_connect();
    server.send_bytes("three");
    server.disconnect();
    assert_eq!(server.connect().await.read_to_end().await.unwrap(), b"three");
    server.finish().await;

    let file = file.read();
    let handshakes: Vec<_> = file.packets.iter().filter(|packet| packet.flags == "S").collect();
    assert_eq!(handshakes.len(), 3);
    for (handshake, (said, sent)) in
        handshakes.iter().zip([("script 1", "one"), ("script 2", "two"), ("script 1", "three")])
    {
        let sends = file.packets.iter().filter(|packet| packet.to == handshake.from && packet.len > 0);
        let sends: Vec<_> = sends.filter(|packet| packet.payload == sent.as_bytes()).collect();
        let [send] = &sends[..] else { panic!("one send of {sent}: {}", told(&file)) };
        assert!(send.comments[0].starts_with(&format!("sent by {said}, step ")), "{send}");
    }
}

on_every_stage!(what_was_encrypted_is_captured_as_it_was_before);
async fn what_was_encrypted_is_captured_as_it_was_before(stage: Stage) {
    let file = Temporary::new();
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).capture(&file.0).bind().await;
    server.expect_connect();
    server.expect_bytes("secret");
    server.send_bytes("too");
    server.disconnect();
    let mut client = TlsClient::new(server.connect().await, identity.client_config(), "localhost");
    client.write_all(b"secret").await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"too");
    server.finish().await;
    let file = file.read();
    assert_eq!((file.payload(true), file.payload(false)), (b"secret".to_vec(), b"too".to_vec()));
    let told = told(&file);
    assert!(told.contains(r#" "secret" [TLS established: TLS 1.3, server name "localhost", no ALPN] ["#), "{told}");
}

on_every_stage!(a_fixture_leaves_its_capture_when_it_has_ended);
async fn a_fixture_leaves_its_capture_when_it_has_ended(stage: Stage) {
    let file = Temporary::new();
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("Hello");
        let mut client = server.connect().await;
        client.read_exact(&mut [0; 5]).await.unwrap();
    };
    stage.builder().capture(&file.0).run_fixture(body).await;
    let flags: Vec<String> = file.read().packets.into_iter().map(|packet| packet.flags).collect();
    assert_eq!(flags, ["S", "S.", ".", "P.", ".", "F.", ".", "F.", "."], "with the implied end");
}

on_every_stage!(of_all_plays_that_is_captured_which_is_shown);
async fn of_all_plays_that_is_captured_which_is_shown(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let file = Temporary::new();
    // Takes a read for the message.
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("ready");
        server.expect_bytes("ready");
        let mut client = server.connect_in_memory();
        let mut bytes = [0; 64];
        let count = client.read(&mut bytes).await.unwrap();
        client.write_all(&bytes[..count]).await.unwrap();
    };
    let report = panic_of(stage, stage.builder().capture(&file.0).explore(body)).await;
    assert!(report.contains("delivered by the plan `cut 1`"), "{report}");
    let captured = format!("\n  captured in {}", file.0.display());
    assert!(report.ends_with(&captured) && report.matches("captured in").count() == 1, "{report}");
    assert_eq!((file.read().payload(true), file.read().payload(false)), (b"r".to_vec(), b"ready".to_vec()));

    stage
        .builder()
        .capture(&file.0)
        .explore(async |server| {
            server.expect_connect();
            server.send_bytes("ready");
            server.connect_in_memory().read_exact(&mut [0; 5]).await.unwrap();
        })
        .await;
    assert_eq!((file.read().payload(true), file.read().payload(false)), (b"".to_vec(), b"ready".to_vec()));
}

on_every_stage!(a_file_that_cannot_be_written_is_told_at_once);
async fn a_file_that_cannot_be_written_is_told_at_once(stage: Stage) {
    let file = Path::new("no such folder").join("capture.pcapng");
    let builder = stage.builder().capture(&file);
    let told = if stage.on_sockets() {
        builder.try_bind().await.unwrap_err().to_string()
    } else {
        panic_of(stage, async { builder.try_bind().await.map(drop) }).await
    };
    assert!(told.starts_with(&format!("cannot write a capture to {}: ", file.display())), "{told}");
}
