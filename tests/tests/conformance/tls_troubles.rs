//! What goes wrong with TLS, and what is told of it.

use expect_test::expect;
use tcpclient_core::tls::Identity;
use tcpclient_tests::prelude::*;

async fn connect(server: &Server, identity: &Identity) -> TlsClient {
    TlsClient::new(server.connect().await, identity.client_config(), "localhost")
}

on_every_stage!(a_client_speaks_in_clear);
async fn a_client_speaks_in_clear(stage: Stage) {
    let server = stage.builder().tls(Identity::new()).bind().await;
    server.expect_connect();
    server.expect_line("ping");
    let mut client = server.connect().await;
    client.write_all(b"ping\r\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          start_tls(), implied by tls(..) at tests/tests/conformance/tls_troubles.rs:LINE
          the client speaks in clear to a TLS server: this is no TLS handshake
            received  00000000  70 69 6e 67 0d 0a                                 ping..
          the client is still connected
          usual cause: a client that is not told to use TLS, or that begins in clear: then start_tls() belongs behind its
            command

          script
            ok    1  expect_connect()                 tests/tests/conformance/tls_troubles.rs:LINE
            FAIL  2  start_tls(), implied by tls(..)  tests/tests/conformance/tls_troubles.rs:LINE
            --    3  expect_line("ping")              tests/tests/conformance/tls_troubles.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 6 bytes  "ping\r\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/tls_troubles.rs:LINE"#]].assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_client_waits_for_a_word_in_clear);
async fn a_client_waits_for_a_word_in_clear(stage: Stage) {
    let server = stage.builder().tls(Identity::new()).deadline(SHORT).bind().await;
    let client = server.connect().await;
    server.expect_connect();
    server.send_line("220 ready");
    let failure = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          start_tls(), implied by tls(..) at tests/tests/conformance/tls_troubles.rs:LINE
          timed out waiting for the TLS handshake, after 10 ms: nothing arrived
          the client is still connected
          usual cause: a client that speaks in clear and waits for the server to begin, or that is not told to use TLS"#]].assert_eq(failure.split("\n\n").next().unwrap());
    drop(client);
}

on_every_stage!(a_client_does_not_wait_for_the_answer_to_its_command);
async fn a_client_does_not_wait_for_the_answer_to_its_command(stage: Stage) {
    let expected = expect![[r#"
            scripted server 127.0.0.1:PORT: step 4 of 5 failed
              start_tls() at tests/tests/conformance/tls_troubles.rs:LINE
              the client sent this in clear where its TLS handshake is to begin: it must not pass for encrypted"#]];
    for pieces in [&[&b"STARTTLS\r\nMAIL FROM:<a@b>\r\n"[..]][..], &[b"STARTTLS\r\nMA", b"IL FROM:<a@b>\r\n"]] {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_line("STARTTLS");
        server.send_line("220 go on");
        server.start_tls(Identity::new());
        server.expect_line("EHLO me");
        let mut client = server.connect().await;
        for piece in pieces {
            // The report comes when the first byte is there.
            let _ = client.write_all(piece).await;
        }
        let failure = server.failure().await;
        let head = failure.split("\n    received").next().unwrap();
        expected.assert_eq(head);
        assert!(failure.contains("4d 41"), "{failure}");
        drop(client);
    }
}

on_every_stage!(a_client_refuses_the_certificate);
async fn a_client_refuses_the_certificate(stage: Stage) {
    let server = stage.builder().tls(Identity::new()).bind().await;
    server.expect_connect();
    server.expect_line("ping");
    let mut client = connect(&server, &Identity::new()).await;
    client.handshake().await.unwrap_err();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          start_tls(), implied by tls(..) at tests/tests/conformance/tls_troubles.rs:LINE
          the client refused the TLS handshake: it sent the alert unknown_ca (48)
          the client is still connected
          usual cause: a client that does not know who has issued the certificate: give it the root certificate,
            identity.root_pem()

          script
            ok    1  expect_connect()                 tests/tests/conformance/tls_troubles.rs:LINE
            FAIL  2  start_tls(), implied by tls(..)  tests/tests/conformance/tls_troubles.rs:LINE
            --    3  expect_line("ping")              tests/tests/conformance/tls_troubles.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received the TLS alert unknown_ca (48)
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/tls_troubles.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_client_leaves_in_the_handshake);
async fn a_client_leaves_in_the_handshake(stage: Stage) {
    let server = stage.builder().tls(Identity::new()).bind().await;
    server.expect_connect();
    let mut client = server.connect().await;
    client.write_all(&[0x16, 3, 1, 1, 0, 1, 0]).await.unwrap();
    drop(client);
    let failure = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          start_tls(), implied by tls(..) at tests/tests/conformance/tls_troubles.rs:LINE
          the client ended its stream in the TLS handshake: 7 bytes of its ClientHello had come
          the client has closed the connection"#]]
    .assert_eq(failure.split("\n\n").next().unwrap());
}

on_every_stage!(a_client_asks_for_another_server_or_protocol);
async fn a_client_asks_for_another_server_or_protocol(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(identity.tls().server_name("mail.example")).bind().await;
    server.expect_connect();
    let mut client = connect(&server, &identity).await;
    client.handshake().await.unwrap_err();
    let failure = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          start_tls(server name "mail.example"), implied by tls(..) at tests/tests/conformance/tls_troubles.rs:LINE
          the client asked for the server name "localhost", expected "mail.example"
          the client is still connected
          usual cause: a client that is given another name to connect to, or a server_name(..) that is not meant"#]]
    .assert_eq(failure.split("\n\n").next().unwrap());

    let server = stage.bind().await;
    server.expect_connect();
    server.start_tls(identity.tls().alpn("h2"));
    let mut client = connect(&server, &identity).await;
    client.handshake().await.unwrap_err();
    let failure = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          start_tls(ALPN "h2") at tests/tests/conformance/tls_troubles.rs:LINE
          the client offered no protocol (ALPN), expected "h2"
          the client is still connected
          usual cause: a client whose TLS configuration names no protocols"#]]
    .assert_eq(failure.split("\n\n").next().unwrap());
}

on_every_stage!(a_client_sends_in_clear_in_the_middle);
async fn a_client_sends_in_clear_in_the_middle(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.expect_line("ping");
    server.expect_line("pong");
    let mut client = connect(&server, &identity).await;
    client.write_all(b"ping\r\n").await.unwrap();
    let mut client = client.into_inner();
    client.write_all(b"pong\r\n").await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 4 of 4 failed
          expect_line("pong") at tests/tests/conformance/tls_troubles.rs:LINE
          the client sent this in clear, in the middle of TLS
            received  00000000  70 6f 6e 67 0d 0a                                 pong..
          the client is still connected
          usual cause: a client that goes on with the stream that TLS was to wrap, and not with the one that does

          script
            ok    1  expect_connect()                 tests/tests/conformance/tls_troubles.rs:LINE
            ok    2  start_tls(), implied by tls(..)  tests/tests/conformance/tls_troubles.rs:LINE
            ok    3  expect_line("ping")              tests/tests/conformance/tls_troubles.rs:LINE
            FAIL  4  expect_line("pong")              tests/tests/conformance/tls_troubles.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
            0.000 s  received 12 bytes  "ping\r\npong\r\n"
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/tls_troubles.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(tls_is_started_twice_and_not_at_all);
async fn tls_is_started_twice_and_not_at_all(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.start_tls(&identity);
    let mut client = connect(&server, &identity).await;
    let _ = client.handshake().await;
    let failure = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          start_tls() at tests/tests/conformance/tls_troubles.rs:LINE
          the connection is encrypted already: step 2 began it
          the client is still connected
          usual cause: builder().tls(..), which begins TLS at each expect_connect(), or a start_tls(), and this step besides"#]]
    .assert_eq(failure.split("\n\n").next().unwrap());

    let server = stage.bind().await;
    server.expect_connect();
    server.truncate();
    let client = server.connect().await;
    let failure = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          truncate() at tests/tests/conformance/tls_troubles.rs:LINE
          the connection is not encrypted: there is no TLS to truncate
          the client is still connected
          usual cause: missing start_tls() before this step"#]]
    .assert_eq(failure.split("\n\n").next().unwrap());
    drop(client);
}
