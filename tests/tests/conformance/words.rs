//! Messages of other kinds than exact bytes and frames of one framing; replies that are computed; and points at which the script and the
//! test meet.

use expect_test::expect;
use tcpclient_core::framing::Framing;
use tcpclient_core::pattern::Pattern;
use tcpclient_tests::prelude::*;

/// A client that says something and reads a reply of so many bytes.
async fn ask(client: &mut Client, question: &[u8], reply: usize) -> Vec<u8> {
    client.write_all(question).await.unwrap();
    let mut bytes = vec![0; reply];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

on_every_stage!(a_conversation_in_lines);
async fn a_conversation_in_lines(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_line("220 ready");
    let greeting = server.expect_line(Pattern::prefix("EHLO "));
    server.send_line("250 hello");
    server.expect_line("DATA");
    server.send_line("354 go on");
    let mail = server.expect_until("\r\n.\r\n", Pattern::contains("Subject: "));
    server.send_line("250 queued");
    server.expect_disconnect();
    let mut client = server.connect().await;
    let mut ready = [0; 11];
    client.read_exact(&mut ready).await.unwrap();
    assert_eq!(&ready, b"220 ready\r\n");
    assert_eq!(ask(&mut client, b"EHLO me\r\n", 11).await, b"250 hello\r\n");
    // Lenient, in what comes.
    assert_eq!(ask(&mut client, b"DATA\n", 11).await, b"354 go on\r\n");
    assert_eq!(ask(&mut client, b"Subject: x\r\n\r\nHi\r\n.\r\n", 12).await, b"250 queued\r\n");
    drop(client);
    server.join().await;
    assert_eq!(greeting.bytes().unwrap(), b"EHLO me");
    assert_eq!(mail.bytes().unwrap(), b"Subject: x\r\n\r\nHi\r\n.\r\n");
}

on_every_stage!(a_line_that_is_another_one);
async fn a_line_that_is_another_one(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_line(Pattern::prefix("EHLO "));
    let mut client = server.connect().await;
    client.write_all(b"HELO me\r\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_line(prefix("EHLO ")) at tests/tests/conformance/words.rs:LINE
          wrong line: it does not begin with "EHLO "
            expected  00000000  45 48 4c 4f 20                                    EHLO 
            received  00000000  48 45 4c 4f 20 6d 65 0d  0a                       HELO me..
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()              tests/tests/conformance/words.rs:LINE
            FAIL  2  expect_line(prefix("EHLO "))  tests/tests/conformance/words.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 9 bytes  "HELO me\r\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/words.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_framing_changes_in_the_middle_of_a_connection);
async fn the_framing_changes_in_the_middle_of_a_connection(stage: Stage) {
    fn start_up(server: &Script) {
        server.framing(Framing::length_field(0, 4).counting_all());
        server.expect_frame(Pattern::prefix(b"\0\x03\0\0"));
        server.framing(Framing::length_field(1, 4).inclusive());
        server.send_frame(b"R\0\0\0\0");
    }
    let server = stage.bind().await;
    server.expect_connect();
    start_up(&server);
    server.expect_frame("QSELECT 1\0");
    server.send_frame("Z");
    server.expect_disconnect();
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"\0\0\0\x0c\0\x03\0\0user", 9).await, b"R\0\0\0\x08\0\0\0\0");
    assert_eq!(ask(&mut client, b"Q\0\0\0\x0dSELECT 1\0", 5).await, b"Z\0\0\0\x04");
    drop(client);
    server.finish().await;
}

on_every_stage!(a_reply_is_made_of_what_was_received);
async fn a_reply_is_made_of_what_was_received(stage: Stage) {
    // Modbus: the client's number of the request is in front of the length.
    let server = stage.builder().framing(Framing::length_field(4, 2)).bind().await;
    server.expect_connect();
    let first = server.expect_frame(Pattern::matching(|request: &[u8]| request.get(5) == Some(&3)));
    let mut answers = 0;
    server.reply_frame(move |request| {
        answers += 1;
        [&request[..4], &[1, 3, answers]].concat()
    });
    server.expect_frame(Pattern::any());
    // A late answer to the first request, by its handle.
    server.reply_frame(move |_| [&first.bytes().unwrap()[..4], &[1, 3, 9]].concat());
    server.expect_bytes("?");
    server.reply(|message| message.to_ascii_uppercase());
    server.expect_disconnect();
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"\0\x07\0\0\0\x04\x01\x03\0\x01", 9).await, b"\0\x07\0\0\0\x03\x01\x03\x01");
    assert_eq!(ask(&mut client, b"\0\x08\0\0\0\x02\x01\x03", 9).await, b"\0\x07\0\0\0\x03\x01\x03\x09");
    assert_eq!(ask(&mut client, b"?", 1).await, b"?");
    drop(client);
    server.finish().await;
}

on_every_stage!(a_closure_that_panics_fails_its_step);
async fn a_closure_that_panics_fails_its_step(stage: Stage) {
    for replies in [true, false] {
        let server = stage.bind().await;
        server.expect_connect();
        if replies {
            server.expect_line(Pattern::any());
            server.reply(|message| panic!("no answer to {message:?}"));
        } else {
            server.expect_line(Pattern::matching(|_: &[u8]| -> bool { panic!("no opinion") }));
        }
        let mut client = server.connect().await;
        client.write_all(b"?\n").await.unwrap();
        let failure = server.try_join().await.unwrap_err();
        assert_eq!(failure.step(), Some(if replies { 3 } else { 2 }), "{failure}");
        let words = if replies { "panicked: no answer to [63]" } else { "panicked: no opinion" };
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

on_every_stage!(a_client_is_silent_for_a_while);
async fn a_client_is_silent_for_a_while(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_line("one");
    server.expect_silence(SHORT);
    server.send_line("now");
    let mut client = server.connect().await;
    assert_eq!(ask(&mut client, b"one\r\n", 5).await, b"now\r\n");
    server.join().await;
    client.write_all(b"three").await.unwrap();
    server.expect_silence(Duration::from_secs(600));
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 5 of 5 failed
          expect_silence(600 s) at tests/tests/conformance/words.rs:LINE
          unexpected data while waiting for 600 s of silence
            received  00000000  74 68 72 65 65                                    three
          the client is still connected

          script
            ok    1  expect_connect()       tests/tests/conformance/words.rs:LINE
            ok    2  expect_line("one")     tests/tests/conformance/words.rs:LINE
            ok    3  expect_silence(10 ms)  tests/tests/conformance/words.rs:LINE
            ok    4  send_line("now")       tests/tests/conformance/words.rs:LINE
            FAIL  5  expect_silence(600 s)  tests/tests/conformance/words.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "one\r\n"
            0.000 s  sent 5 bytes  "now\r\n"
            0.000 s  received 5 bytes  "three"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/words.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_reply_comes_late_and_in_two_pieces);
async fn a_reply_comes_late_and_in_two_pieces(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_line("GET key");
    server.send_bytes("$4\r\nk");
    server.mark("half");
    server.hold("timed out");
    server.send_bytes("ey1\r\n");
    server.expect_disconnect();
    let mut client = server.connect().await;
    client.write_all(b"GET key\r\n").await.unwrap();
    server.reached("half").await;
    let mut half = [0; 5];
    client.read_exact(&mut half).await.unwrap();
    server.release("timed out");
    let mut rest = [0; 5];
    client.read_exact(&mut rest).await.unwrap();
    assert_eq!((&half, &rest), (b"$4\r\nk", b"ey1\r\n"));
    drop(client);
    server.finish().await;
}

on_every_stage!(nobody_releases_the_script);
async fn nobody_releases_the_script(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.hold("never").within(SHORT);
    let client = server.connect().await;
    let failure = server.failure().await;
    assert!(failure.contains("held for 10 ms: nobody released it"), "{failure}");
    drop(client);
}

on_every_stage!(a_fragment_is_repeated);
async fn a_fragment_is_repeated(stage: Stage) {
    let server = stage.bind().await;
    server.repeat(3, |server| {
        server.expect_connect();
        server.repeat(2, |server| {
            server.expect_line("PING");
            server.send_line("PONG");
        });
        server.expect_disconnect();
    });
    for _ in 0..3 {
        let mut client = server.connect().await;
        for _ in 0..2 {
            assert_eq!(ask(&mut client, b"PING\r\n", 6).await, b"PONG\r\n");
        }
        drop(client);
    }
    server.finish().await;
}
