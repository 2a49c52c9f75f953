//! How encrypted connections end.

use expect_test::expect;
use std::io::ErrorKind;
use tcpclient_core::tls::rustls::{AlertDescription, ClientConfig, Error, RootCertStore, ServerConfig, crypto::ring};
use tcpclient_core::tls::{Alert, Identity};
use tcpclient_tests::prelude::*;

async fn connect(server: &Server, identity: &Identity) -> TlsClient {
    TlsClient::new(server.connect().await, identity.client_config(), "localhost")
}

on_every_stage!(a_handshake_is_refused);
async fn a_handshake_is_refused(stage: Stage) {
    let identity = Identity::new();
    let server = stage.bind().await;
    server.expect_connect();
    server.refuse_tls(Alert::HANDSHAKE_FAILURE);
    server.expect_connect();
    server.refuse_tls(AlertDescription::InternalError);
    for alert in [AlertDescription::HandshakeFailure, AlertDescription::InternalError] {
        let error = connect(&server, &identity).await.handshake().await.unwrap_err();
        let error = error.downcast::<Error>().unwrap();
        assert_eq!(error, Error::AlertReceived(alert));
    }
    server.join().await;
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("  sent the TLS alert internal_error (80)\n"), "{transcript}");
    server.finish().await;
}

on_every_stage!(a_handshake_breaks_off);
async fn a_handshake_breaks_off(stage: Stage) {
    let identity = Identity::new();
    let server = stage.bind().await;
    server.expect_connect();
    server.interrupt_tls(&identity);
    let error = connect(&server, &identity).await.handshake().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    server.join().await;
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("  server broke off the TLS handshake\n"), "{transcript}");
    server.finish().await;
}

on_every_stage!(the_end_of_a_stream_is_told_or_not);
async fn the_end_of_a_stream_is_told_or_not(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.send_bytes("all of it");
    server.disconnect();
    server.expect_connect();
    server.send_bytes("half of it");
    server.truncate();
    let mut client = connect(&server, &identity).await;
    assert_eq!(client.read_to_end().await.unwrap(), b"all of it");
    drop(client);
    let mut client = connect(&server, &identity).await;
    client.read_exact(&mut [0; 10]).await.unwrap();
    let error = client.read_to_end().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    drop(client);
    server.finish().await;
}

on_every_stage!(half_of_an_encrypted_connection_goes_on);
async fn half_of_an_encrypted_connection_goes_on(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.expect_line("that is all");
    server.expect_eof();
    server.send_bytes("good bye");
    server.disconnect();
    server.expect_connect();
    server.shutdown();
    server.expect_line("still here");
    server.expect_disconnect();

    let mut client = connect(&server, &identity).await;
    client.write_all(b"that is all\r\n").await.unwrap();
    client.close_notify().await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"good bye");
    drop(client);
    let mut client = connect(&server, &identity).await;
    assert_eq!(client.read_to_end().await.unwrap(), b"");
    client.write_all(b"still here\r\n").await.unwrap();
    client.close().await.unwrap();
    server.finish().await;
}

on_every_stage!(a_close_notify_is_no_disconnect);
async fn a_close_notify_is_no_disconnect(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.expect_eof();
    server.expect_disconnect().within(SHORT);
    let mut client = connect(&server, &identity).await;
    client.handshake().await.unwrap();
    client.close_notify().await.unwrap();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 4 of 4 failed
          expect_disconnect() at tests/tests/conformance/tls_ends.rs:LINE
          timed out waiting for the client to disconnect, after 10 ms
          the client has shut down its sending half, and holds the connection
          usual cause: a client that closes when the server does: script it with expect_eof() and disconnect(); or
            something keeps its stream alive: a variable still in scope, the other half of a split stream

          script
            ok    1  expect_connect()                 tests/tests/conformance/tls_ends.rs:LINE
            ok    2  start_tls(), implied by tls(..)  tests/tests/conformance/tls_ends.rs:LINE
            ok    3  expect_eof()                     tests/tests/conformance/tls_ends.rs:LINE
            FAIL  4  expect_disconnect()              tests/tests/conformance/tls_ends.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  TLS established: TLS 1.3, server name "localhost", no ALPN
            0.000 s  received close_notify
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/tls_ends.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_client_leaves_something_unread);
async fn a_client_leaves_something_unread(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.send_bytes("One");
    server.wait_until_read();
    server.send_bytes("Two");
    server.send_bytes("Three");
    server.mark("sent");
    server.expect_disconnect();
    let mut client = connect(&server, &identity).await;
    client.read_exact(&mut [0; 3]).await.unwrap();
    server.reached("sent").await;
    drop(client);
    let failure = server.failure().await;
    let told = stage.pick("some of the 11 bytes sent were not read", "8 of the 11 bytes sent were not read");
    assert!(failure.contains(told), "{failure}");
    if stage.knows_the_peer() {
        assert!(failure.contains("54 77 6f 54 68 72 65 65"), "{failure}");
    }
}

on_every_stage!(what_only_tls_has_sent_may_be_left_unread);
async fn what_only_tls_has_sent_may_be_left_unread(stage: Stage) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    // With the tickets that it sends behind the handshake of a client which reads nothing more.
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    assert!(config.send_tls13_tickets > 0);
    let server = stage.builder().tls(std::sync::Arc::new(config)).bind().await;
    server.expect_connect();
    server.expect_line("that is all");
    server.mark("read");
    server.expect_disconnect();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = TlsClient::new(server.connect().await, config, "localhost");
    client.handshake().await.unwrap();
    client.write_all(b"that is all\r\n").await.unwrap();
    server.reached("read").await;
    drop(client);
    server.finish().await;
}

on_every_stage!(clients_that_come_again_one_right_behind_the_other);
async fn clients_that_come_again_one_right_behind_the_other(stage: Stage) {
    let identity = Identity::new();
    for _ in 0..10 {
        let server = stage.builder().tls(&identity).bind().await;
        // Each implies that the client before has gone.
        server.repeat(3, |s| {
            s.expect_connect();
            s.expect_line("ping");
            s.send_line("pong");
        });
        for _ in 0..3 {
            let mut client = connect(&server, &identity).await;
            client.write_all(b"ping\r\n").await.unwrap();
            client.read_exact(&mut [0; 6]).await.unwrap();
            client.close().await.unwrap();
        }
        server.finish().await;
    }
}

on_every_stage!(a_client_that_writes_and_closes_leaves_tickets_to_whom_they_are_for);
async fn a_client_that_writes_and_closes_leaves_tickets_to_whom_they_are_for(stage: Stage) {
    // As a server has it that was not made for tests: with tickets.
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let config = std::sync::Arc::new(config);
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let trusting = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for round in 0..20 {
        let server = stage.bind().await;
        server.expect_connect();
        server.start_tls(config.clone());
        server.expect_line("hi");
        if round % 2 == 0 {
            server.pause(Duration::from_millis(2));
        }
        let mut client = TlsClient::new(server.connect().await, trusting.clone(), "localhost");
        client.write_all(b"hi\r\n").await.unwrap();
        if round % 4 < 2 {
            client.close().await.unwrap();
        } else {
            drop(client);
        }
        server.finish().await;
    }
}

on_every_stage!(a_record_that_is_cut_at_the_end_is_told);
async fn a_record_that_is_cut_at_the_end_is_told(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.expect_disconnect();
    let mut client = connect(&server, &identity).await;
    client.handshake().await.unwrap();
    let mut client = client.into_inner();
    // The beginning of a record of 16 bytes.
    client.write_all(b"\x17\x03\x03\0\x10abc").await.unwrap();
    drop(client);
    let text = server.try_finish().await.unwrap_err().to_string();
    assert!(text.contains("the client ended its stream within a TLS record: 8 of its 21 bytes had come"), "{text}");
}

on_every_stage!(a_client_whose_handshake_the_server_ends_can_end_it);
async fn a_client_whose_handshake_the_server_ends_can_end_it(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    let raw = server.hand_over();
    server.expect_connect();
    server.reset();
    let mut config = identity.client_config();
    let provider = std::sync::Arc::clone(config.crypto_provider());
    let mut roots = RootCertStore::empty();
    roots.add(identity.root_der().to_vec().into()).unwrap();
    config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&tcpclient_core::tls::rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = TlsClient::new(server.connect().await, config.clone(), "localhost");
    let handshake = stage.spawn(async move {
        client.handshake().await.unwrap();
        client
    });
    // Nobody does anything with the server's end of it.
    let raw = raw.await;
    drop((handshake.await, raw));
    // It is reset, but behind its handshake.
    let mut client = TlsClient::new(server.connect().await, config, "localhost");
    client.handshake().await.unwrap();
    assert!(client.read_to_end().await.is_err());
    server.finish().await;
}
