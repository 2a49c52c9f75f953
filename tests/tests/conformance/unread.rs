//! A client that does not read all it was sent. How much it left is not known without a probe of the kernel; that it left
//! something is, by the reset that its close causes.

use expect_test::expect;
use tcpclient_tests::prelude::*;

on_every_stage!(read_exact_of_a_part);
async fn read_exact_of_a_part(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("OneTwo");
    server.expect_disconnect();
    let mut client = server.connect().await;
    let mut reply = [0; 3];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"One");
    drop(client);
    stage
        .pick(
            expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/conformance/unread.rs:LINE
          the client reset the connection: some of the 6 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()      tests/tests/conformance/unread.rs:LINE
            ok    2  send_bytes("OneTwo")  tests/tests/conformance/unread.rs:LINE
            FAIL  3  expect_disconnect()   tests/tests/conformance/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 6 bytes  "OneTwo"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/unread.rs:LINE
                  the client closed the connection: 3 of the 6 bytes sent were not read
                    unread    00000003  54 77 6f                                          Two
                  usual cause: a stream that is dropped with data left to read

                  script
                    ok    1  expect_connect()      tests/tests/conformance/unread.rs:LINE
                    ok    2  send_bytes("OneTwo")  tests/tests/conformance/unread.rs:LINE
                    FAIL  3  expect_disconnect()   tests/tests/conformance/unread.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 6 bytes  "OneTwo"
                    0.000 s  client left 3 bytes unread
                    0.000 s  client reset the connection

                  told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
}

on_every_stage!(read_until_a_byte);
async fn read_until_a_byte(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("AAAXBBB");
    server.expect_disconnect();
    let mut client = server.connect().await;
    assert_eq!(client.read_until(b'X').await.unwrap(), b"AAAX");
    drop(client);
    stage
        .pick(
            expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/conformance/unread.rs:LINE
          the client reset the connection: some of the 7 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()       tests/tests/conformance/unread.rs:LINE
            ok    2  send_bytes("AAAXBBB")  tests/tests/conformance/unread.rs:LINE
            FAIL  3  expect_disconnect()    tests/tests/conformance/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 7 bytes  "AAAXBBB"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/unread.rs:LINE
                  the client closed the connection: 3 of the 7 bytes sent were not read
                    unread    00000004  42 42 42                                          BBB
                  usual cause: a stream that is dropped with data left to read

                  script
                    ok    1  expect_connect()       tests/tests/conformance/unread.rs:LINE
                    ok    2  send_bytes("AAAXBBB")  tests/tests/conformance/unread.rs:LINE
                    FAIL  3  expect_disconnect()    tests/tests/conformance/unread.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 7 bytes  "AAAXBBB"
                    0.000 s  client left 3 bytes unread
                    0.000 s  client reset the connection

                  told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
}

on_every_stage!(read_a_line);
async fn read_a_line(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("One\nTwo\n");
    server.expect_disconnect();
    let mut client = server.connect().await;
    assert_eq!(client.read_until(b'\n').await.unwrap(), b"One\n");
    drop(client);
    stage
        .pick(
            expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/conformance/unread.rs:LINE
          the client reset the connection: some of the 8 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()          tests/tests/conformance/unread.rs:LINE
            ok    2  send_bytes("One\nTwo\n")  tests/tests/conformance/unread.rs:LINE
            FAIL  3  expect_disconnect()       tests/tests/conformance/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 8 bytes  "One\nTwo\n"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/unread.rs:LINE
                  the client closed the connection: 4 of the 8 bytes sent were not read
                    unread    00000004  54 77 6f 0a                                       Two.
                  usual cause: a stream that is dropped with data left to read

                  script
                    ok    1  expect_connect()          tests/tests/conformance/unread.rs:LINE
                    ok    2  send_bytes("One\nTwo\n")  tests/tests/conformance/unread.rs:LINE
                    FAIL  3  expect_disconnect()       tests/tests/conformance/unread.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 8 bytes  "One\nTwo\n"
                    0.000 s  client left 4 bytes unread
                    0.000 s  client reset the connection

                  told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
}

on_every_stage!(nothing_is_read);
async fn nothing_is_read(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("Hola!");
    let client = server.connect().await;
    server.join().await;
    drop(client);
    server.expect_disconnect();
    stage
        .pick(
            expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/conformance/unread.rs:LINE
          the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()     tests/tests/conformance/unread.rs:LINE
            ok    2  send_bytes("Hola!")  tests/tests/conformance/unread.rs:LINE
            FAIL  3  expect_disconnect()  tests/tests/conformance/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 5 bytes  "Hola!"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
            expect![[r#"
                scripted server 127.0.0.1:PORT: step 3 of 3 failed
                  expect_disconnect() at tests/tests/conformance/unread.rs:LINE
                  the client closed the connection: 5 of the 5 bytes sent were not read
                    unread    00000000  48 6f 6c 61 21                                    Hola!
                  usual cause: a stream that is dropped with data left to read

                  script
                    ok    1  expect_connect()     tests/tests/conformance/unread.rs:LINE
                    ok    2  send_bytes("Hola!")  tests/tests/conformance/unread.rs:LINE
                    FAIL  3  expect_disconnect()  tests/tests/conformance/unread.rs:LINE

                  conversation
                    0.000 s  client connected from 127.0.0.1:PORT
                    0.000 s  sent 5 bytes  "Hola!"
                    0.000 s  client left 5 bytes unread
                    0.000 s  client reset the connection

                  told by try_join() at tests/tests/conformance/unread.rs:LINE"#]],
        )
        .assert_eq(&server.failure().await);
}

on_every_stage!(the_server_sends_after_the_client_has_closed);
async fn the_server_sends_after_the_client_has_closed(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let client = server.connect().await;
    server.join().await;
    drop(client);
    server.send_bytes("Adios!");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          send_bytes("Adios!") at tests/tests/conformance/unread.rs:LINE
          the client had already closed the connection: 6 bytes were never delivered

          script
            ok    1  expect_connect()      tests/tests/conformance/unread.rs:LINE
            FAIL  2  send_bytes("Adios!")  tests/tests/conformance/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/unread.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(the_server_goes_on_sending_after_the_client_has_closed);
async fn the_server_goes_on_sending_after_the_client_has_closed(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    server.join().await;
    server.send_bytes("Hola!");
    server.join().await;
    let mut reply = [0; 5];
    client.read_exact(&mut reply).await.unwrap();
    drop(client);
    server.send_bytes("Adios!");
    server.send_bytes("Amigo!");
    server.expect_disconnect();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 5 failed
          send_bytes("Adios!") at tests/tests/conformance/unread.rs:LINE
          the client had already closed the connection: 6 bytes were never delivered

          script
            ok    1  expect_connect()      tests/tests/conformance/unread.rs:LINE
            ok    2  send_bytes("Hola!")   tests/tests/conformance/unread.rs:LINE
            FAIL  3  send_bytes("Adios!")  tests/tests/conformance/unread.rs:LINE
            --    4  send_bytes("Amigo!")  tests/tests/conformance/unread.rs:LINE
            --    5  expect_disconnect()   tests/tests/conformance/unread.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 5 bytes  "Hola!"
            0.000 s  client closed the connection

          told by try_join() at tests/tests/conformance/unread.rs:LINE"#]]
    .assert_eq(&server.failure().await);
}

on_every_stage!(a_half_closed_client_may_still_be_sent_something);
async fn a_half_closed_client_may_still_be_sent_something(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.expect_bytes("that is all");
    let mut client = server.connect().await;
    client.write_all(b"that is all").await.unwrap();
    client.shutdown().await.unwrap();
    server.join().await;
    server.send_bytes("your answer");
    server.disconnect();
    let reply = client.read_to_end().await.unwrap();
    assert_eq!(reply, b"your answer");
    server.join().await;
}

on_every_stage!(a_client_leaves_while_a_large_reply_is_under_way);
async fn a_client_leaves_while_a_large_reply_is_under_way(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes(vec![b'x'; 16 << 20]);
    server.expect_disconnect();
    let mut client = server.connect().await;
    client.read_exact(&mut [0; 100]).await.unwrap();
    drop(client);
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.step(), Some(2));
    let text = failure.to_string();
    assert!(text.contains("the client closed the connection while it was sent this: at least "), "{text}");
    assert!(text.contains(" bytes were never delivered"), "{text}");
}

on_every_stage!(what_a_client_sent_before_it_left_is_received);
async fn what_a_client_sent_before_it_left_is_received(stage: Stage) {
    for (read, shuts_down_first) in [(3, false), (3, true), (6, false), (6, true)] {
        let server = stage.bind().await;
        server.expect_connect();
        server.send_bytes("OneTwo");
        let mut client = server.connect().await;
        server.join().await;
        client.read_exact(&mut vec![0; read]).await.unwrap();
        client.write_all(b"last words").await.unwrap();
        if shuts_down_first {
            client.shutdown().await.unwrap();
        }
        drop(client);
        server.expect_bytes("last ");
        server.join().await;
        server.expect_bytes("words");
        server.expect_disconnect();
        let result = server.try_join().await;
        if read == 6 {
            result.unwrap();
            continue;
        }
        let failure = result.unwrap_err();
        assert_eq!(failure.step(), Some(5), "{failure}");
        let words = stage.pick("some of the 6 bytes sent were not read", ": 3 of the 6 bytes sent were not read");
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

on_every_stage!(a_send_to_a_client_that_has_sent_something_and_closed);
async fn a_send_to_a_client_that_has_sent_something_and_closed(stage: Stage) {
    for received_first in [false, true] {
        let server = stage.bind().await;
        server.expect_connect();
        let mut client = server.connect().await;
        client.write_all(b"last words").await.unwrap();
        drop(client);
        if received_first {
            server.expect_bytes("last words");
            server.join().await;
        }
        server.send_bytes("Adios!");
        let failure = server.try_join().await.unwrap_err().to_string();
        assert!(
            failure.contains("the client had already closed the connection: 6 bytes were never delivered"),
            "{failure}"
        );
    }
}
