//! How a connection ends, and what is known of it: which bytes the client left unread, whether it has closed, aborted or only ended its
//! stream. Where nobody knows, less is said, and nothing wrong.

use core::pin::pin;
use expect_test::expect;
use futures_lite::future::poll_once;
use std::time::Instant;
use tcpclient_tests::prelude::*;
use tcpclient_tests::stage::{On, Over};

/// A client that was sent so many bytes reads some of them, then leaves in this way.
async fn leave(stage: Stage, sent: usize, read: usize, way: impl AsyncFnOnce(Client)) -> Result<(), String> {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("go");
    server.send_bytes(vec![b'x'; sent]);
    let mut client = server.connect().await;
    client.write_all(b"go").await.unwrap();
    server.join().await;
    client.read_exact(&mut vec![0; read]).await.unwrap();
    way(client).await;
    server.expect_disconnect();
    server.try_join().await.map_err(|failure| failure.to_string())
}

fn drop_it() -> impl AsyncFnOnce(Client) {
    async |client| drop(client)
}

on_every_stage!(a_client_that_has_read_all_closes);
async fn a_client_that_has_read_all_closes(stage: Stage) {
    for sent in [1, 5, 60_000] {
        leave(stage, sent, sent, drop_it()).await.unwrap();
        let shut_down_first = async |mut client: Client| client.shutdown().await.unwrap();
        leave(stage, sent, sent, shut_down_first).await.unwrap();
    }
}

on_every_stage!(what_a_client_left_unread_is_told_to_the_byte);
async fn what_a_client_left_unread_is_told_to_the_byte(stage: Stage) {
    let shut_down_first = || async |mut client: Client| client.shutdown().await.unwrap();
    let aborts = || async |client: Client| client.abort().unwrap();
    for (sent, read) in [(1, 0), (5, 0), (5, 3), (60_000, 1), (60_000, 59_999)] {
        let mut failures = vec![
            leave(stage, sent, read, drop_it()).await.unwrap_err(),
            leave(stage, sent, read, shut_down_first()).await.unwrap_err(),
        ];
        if stage.on_sockets() {
            failures.push(leave(stage, sent, read, aborts()).await.unwrap_err());
        }
        let words = match (stage.knows_the_peer(), sent, sent - read) {
            (true, 1, _) => "the client closed the connection: the 1 byte sent was not read".to_owned(),
            (true, 60_000, 1) => "the client closed the connection: 1 of the 60,000 bytes sent was not read".to_owned(),
            (true, 60_000, _) => {
                "the client closed the connection: 59,999 of the 60,000 bytes sent were not read".to_owned()
            }
            (true, _, left) => {
                format!("the client closed the connection: {left} of the {sent} bytes sent were not read")
            }
            (false, ..) => "not read, or it aborted on purpose".to_owned(),
        };
        for failure in failures {
            assert!(failure.contains(&words), "{read} of {sent} read, {words:?}: {failure}");
        }
    }
}

on_every_stage!(a_client_that_aborts_with_nothing_left_to_read_is_told_from_one_that_left_something);
async fn a_client_that_aborts_with_nothing_left_to_read_is_told_from_one_that_left_something(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let aborts = async |client: Client| client.abort().unwrap();
    let shuts_down_and_aborts = async |mut client: Client| {
        client.shutdown().await.unwrap();
        client.abort().unwrap();
    };
    let words = stage.pick(
        "the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose",
        "the client aborted the connection with a reset: nothing was left to read when its socket went",
    );
    let failure = leave(stage, 5, 5, aborts).await.unwrap_err();
    assert!(failure.contains(words), "{failure}");
    let failure = leave(stage, 5, 5, shuts_down_and_aborts).await.unwrap_err();
    assert!(failure.contains(words), "{failure}");
}

on_every_stage!(a_client_may_close_behind_the_end_of_our_stream);
async fn a_client_may_close_behind_the_end_of_our_stream(stage: Stage) {
    for (read, to_the_end) in [(5, true), (5, false), (3, false)] {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("hello");
        server.shutdown();
        let mut client = server.connect().await;
        server.join().await;
        client.read_exact(&mut vec![0; read]).await.unwrap();
        if to_the_end {
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        }
        drop(client);
        server.expect_disconnect();
        let result = server.try_join().await;
        if read == 5 {
            result.unwrap();
            continue;
        }
        let failure = result.unwrap_err().to_string();
        let words = stage.pick("some of the 5 bytes sent were not read", ": 2 of the 5 bytes sent were not read");
        assert!(failure.contains(words), "{failure}");
    }
}

on_every_stage!(a_close_under_way_is_not_taken_for_the_end_of_a_stream);
async fn a_close_under_way_is_not_taken_for_the_end_of_a_stream(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    for _ in 0..stage.rounds(200) {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_bytes("Hello");
        drop(server.connect().await);
        let failure = server.try_join().await.unwrap_err().to_string();
        assert!(failure.contains("client closed the connection"), "{failure}");
    }
}

on_every_stage!(a_client_that_stays_and_does_not_read);
async fn a_client_that_stays_and_does_not_read(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("OneTwo");
    let mut client = server.connect().await;
    client.read_exact(&mut [0; 3]).await.unwrap();
    server.expect_disconnect().within(SHORT);
    stage
        .pick(
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/ends.rs:LINE
                  timed out waiting for the client to disconnect, after 10 ms
                  the client is still connected
                  usual cause: something keeps the client's stream alive: a variable still in scope,
                    the other half of a split stream, a task, or a connection pool; drop it

                  script
                    ok    1  expect_connect()      tests/tests/conformance/ends.rs:LINE
                    ok    2  send_bytes("OneTwo")  tests/tests/conformance/ends.rs:LINE
                    FAIL  3  expect_disconnect()   tests/tests/conformance/ends.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 6 bytes  "OneTwo"
                    0.000 s  reset by the script's failure

                  told by try_join() at tests/tests/conformance/ends.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/ends.rs:LINE
                  timed out waiting for the client to disconnect, after 10 ms
                    unread    00000003  54 77 6f                                          Two
                  the client is still connected
                  it has not read 3 of the 6 bytes it was sent
                  usual cause: something keeps the client's stream alive: a variable still in scope,
                    the other half of a split stream, a task, or a connection pool; drop it

                  script
                    ok    1  expect_connect()      tests/tests/conformance/ends.rs:LINE
                    ok    2  send_bytes("OneTwo")  tests/tests/conformance/ends.rs:LINE
                    FAIL  3  expect_disconnect()   tests/tests/conformance/ends.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 6 bytes  "OneTwo"
                    0.000 s  reset by the script's failure

                  told by try_join() at tests/tests/conformance/ends.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(what_does_not_close_a_client_is_told_on_async_std);
async fn what_does_not_close_a_client_is_told_on_async_std(stage: Stage) {
    let has_sockets_of_async_std =
        [Over::Sockets, Over::Blocking].map(|over| Stage::new(On::AsyncStd, over)).contains(&stage);
    for expect_its_end in [Script::expect_disconnect, Script::expect_eof] {
        let server = stage.bind().await;
        server.expect_connect();
        let client = server.connect().await;
        server.join().await;
        expect_its_end(&server).within(SHORT);
        let report = server.try_join().await.unwrap_err().to_string();
        let told = report.contains("on async-std, close() of a TcpStream sends nothing");
        assert_eq!(told, has_sockets_of_async_std, "{report}");
        drop(client);
    }
}

on_every_stage!(a_client_that_waits_without_reading_its_reply);
async fn a_client_that_waits_without_reading_its_reply(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("220 ready\r\n");
    let client = server.connect().await;
    server.join().await;
    server.expect_bytes("EHLO").within(SHORT);
    let failure = server.failure().await;
    let told = failure.contains("it has read none of the 11 bytes it was sent");
    assert_eq!(told, stage.knows_the_peer(), "{failure}");
    drop(client);
}

on_every_stage!(what_is_sent_behind_a_wait_comes_separately);
async fn what_is_sent_behind_a_wait_comes_separately(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    for _ in 0..stage.rounds(50) {
        let server = stage.bind().await;
        server.expect_connect();
        for piece in ["ab", "cd", "ef"] {
            server.send_bytes(piece);
            server.wait_until_read();
        }
        let mut client = server.connect().await;
        for piece in ["ab", "cd", "ef"] {
            let mut buffer = [0; 16];
            let count = client.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], piece.as_bytes());
        }
        server.join().await;
        drop(client);
        server.finish().await;
    }
}

on_every_stage!(a_wait_for_the_client_to_read_gives_it_time_where_nobody_knows);
async fn a_wait_for_the_client_to_read_gives_it_time_where_nobody_knows(stage: Stage) {
    if stage.knows_the_peer() {
        return;
    }
    for ends in [false, true] {
        let server = stage.bind().await;
        server.expect_connect();
        if ends {
            server.expect_eof();
        }
        server.send_bytes("One");
        let began = Instant::now();
        server.wait_until_read();
        server.mark("goes on");
        let mut client = server.connect().await;
        if ends {
            client.shutdown().await.unwrap();
        }
        server.reached("goes on").await;
        assert!(began.elapsed() >= Duration::from_millis(20), "client ends {ends}");
        client.read_exact(&mut [0; 3]).await.unwrap();
        drop(client);
        server.finish().await;
    }
}

on_every_stage!(a_wait_for_the_client_to_read_lasts_until_it_has_the_last_byte);
async fn a_wait_for_the_client_to_read_lasts_until_it_has_the_last_byte(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    // The end of a stream, whichever side's, counts as a byte for the kernel, and is none.
    for (client_ends, server_ends) in [(false, false), (true, false), (false, true)] {
        for _ in 0..stage.rounds(20) {
            let server = stage.bind().await;
            server.expect_connect();
            server.send_bytes("hello");
            if client_ends {
                server.expect_eof();
            }
            if server_ends {
                server.shutdown();
            }
            server.mark("waits");
            server.wait_until_read();
            server.mark("goes on");
            let mut client = server.connect().await;
            if client_ends {
                client.shutdown().await.unwrap();
            }
            server.reached("waits").await;
            let mut goes_on = pin!(server.reached("goes on"));
            for read in 0..5 {
                // Time in which it could go wrong; if the machine takes it for something else, nothing is tested.
                stage.sleep(Duration::from_millis(1)).await;
                let early = poll_once(goes_on.as_mut()).await;
                assert!(early.is_none(), "client ends {client_ends}, server ends {server_ends}: {read} of 5 read");
                client.read_exact(&mut [0; 1]).await.unwrap();
            }
            goes_on.await;
            drop(client);
            server.finish().await;
        }
    }
}

on_every_stage!(a_client_does_not_read_what_is_to_be_read);
async fn a_client_does_not_read_what_is_to_be_read(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("OneTwo");
    let mut client = server.connect().await;
    client.read_exact(&mut [0; 3]).await.unwrap();
    server.wait_until_read().within(Duration::from_millis(50));
    if !stage.knows_the_peer() {
        server.join().await;
        client.read_exact(&mut [0; 3]).await.unwrap();
        drop(client);
        server.finish().await;
        return;
    }
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          wait_until_read() at tests/tests/conformance/ends.rs:LINE
          timed out waiting for the client to read, after 50 ms: it has not read 3 of the 6 bytes it was sent
            unread    00000003  54 77 6f                                          Two
          the client is still connected
          usual cause: the client does not read, or waits for something else first

          script
            ok    1  expect_connect()      tests/tests/conformance/ends.rs:LINE
            ok    2  send_bytes("OneTwo")  tests/tests/conformance/ends.rs:LINE
            FAIL  3  wait_until_read()     tests/tests/conformance/ends.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 6 bytes  "OneTwo"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/ends.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_large_reply_reaches_a_slow_client_whole);
async fn a_large_reply_reaches_a_slow_client_whole(stage: Stage) {
    const LENGTH: usize = 3 << 20;
    for _ in 0..stage.rounds(10) {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes(vec![b'x'; LENGTH]);
        server.disconnect();
        let mut client = server.connect().await;
        // Nobody reads this: a server that simply closed would reset the connection over it.
        client.write_all(b"and another thing").await.unwrap();
        let mut received = 0;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = client.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            received += count;
            if received < 1 << 20 {
                stage.sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(received, LENGTH);
        drop(client);
        server.finish().await;
    }
}

on_every_stage!(strangers_that_close_by_the_thousand_do_not_hide_our_client);
async fn strangers_that_close_by_the_thousand_do_not_hide_our_client(stage: Stage) {
    if !stage.on_sockets() || !stage.knows_the_peer() {
        return;
    }
    // The first connection of a process takes longer.
    leave(stage, 1, 1, drop_it()).await.unwrap();
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("hello");
    let mut client = server.connect().await;
    client.read_exact(&mut [0; 2]).await.unwrap();
    server.join().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // No more at a time than a process may have open anywhere. On a stage of one thread the server has no turn meanwhile.
    for _ in 0..10 {
        let strangers: Vec<_> = (0..100)
            .map(|_| {
                let stranger = std::net::TcpStream::connect(addr).unwrap();
                // Else the kernel would have to remember them for a minute.
                socket2::SockRef::from(&stranger).set_linger(Some(Duration::ZERO)).unwrap();
                (stranger, listener.accept().unwrap())
            })
            .collect();
        drop(strangers);
    }
    drop(client);
    server.expect_disconnect();
    let failure = server.failure().await;
    assert!(failure.contains(": 3 of the 5 bytes sent were not read"), "{failure}");
}

on_every_stage!(what_a_client_left_unread_is_known_with_other_addresses);
async fn what_a_client_left_unread_is_known_with_other_addresses(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    for addr in ["[::1]:0", "127.4.5.6:0", "0.0.0.0:0", "[::]:0"] {
        let Ok(server) = stage.builder().addr(addr).try_bind().await else { continue };
        server.expect_connect();
        server.send_bytes("hello");
        let mut client = server.connect().await;
        client.read_exact(&mut [0; 2]).await.unwrap();
        server.join().await;
        drop(client);
        server.expect_disconnect();
        let failure = server.try_join().await.unwrap_err().to_string();
        let words = stage.pick("some of the 5 bytes", ": 3 of the 5 bytes sent were not read");
        assert!(failure.contains(words), "{addr}: {failure}");
    }
}

on_every_stage!(what_a_client_has_read_is_not_forgotten_when_it_closes_in_the_middle);
async fn what_a_client_has_read_is_not_forgotten_when_it_closes_in_the_middle(stage: Stage) {
    if !stage.knows_the_peer() {
        return;
    }
    for (reply, left) in [(5, 0), (20_000, 2)] {
        for _ in 0..stage.rounds(100) {
            let server = stage.bind().await;
            server.expect_connect();
            server.expect_eof();
            server.send_bytes(vec![b'x'; reply]);
            server.send_bytes("Goodbye");
            let mut client = server.connect().await;
            client.shutdown().await.unwrap();
            let read = client.read_exact(&mut vec![0; reply - left]).await;
            drop(client);
            let script = Script::clone(&server);
            let failure = server.try_finish().await.expect_err(&script.transcript().to_string()).to_string();
            let failure = failure.replace(',', "");
            read.unwrap();
            // The client may have been there for the last words, or not.
            let left_all = format!("{} of the {} bytes", left + 7, reply + 7);
            let left_some = format!("{left} of the ");
            let truths = [&*left_all, &*left_some, "7 bytes were never delivered"];
            assert!(truths.iter().any(|truth| failure.contains(truth)), "{failure}");
            let lies = [format!("{reply} of the {reply} bytes"), format!("{} bytes were never", reply + 7)];
            assert!(!lies.iter().any(|lie| failure.contains(lie)), "{failure}");
            assert!(failure.contains(&format!("sent {reply} bytes")), "{failure}");
        }
    }
}
