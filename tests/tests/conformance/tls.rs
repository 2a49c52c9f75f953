//! Connections that are encrypted: from the first byte, or from the middle on.

use expect_test::expect;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use tcpclient_core::pattern::Pattern;
use tcpclient_core::tls::rustls::{ServerConfig, crypto::ring, version};
use tcpclient_core::tls::{Identity, Tls};
use tcpclient_tests::normalize;
use tcpclient_tests::prelude::*;

on_every_stage!(a_conversation_becomes_an_encrypted_one);
async fn a_conversation_becomes_an_encrypted_one(stage: Stage) {
    let identity = Identity::new();
    let server = stage.bind().await;
    server.expect_connect();
    server.send_line("220 ready");
    server.expect_line("STARTTLS");
    server.send_line("220 go on");
    server.start_tls(identity.tls().server_name("localhost"));
    server.framing(Framing::lines());
    let pings = server.anytime("NOOP", "250 ok");
    let name = server.expect_line(Pattern::prefix("EHLO "));
    server.reply(|line| [b"250 hello ", &line[5..], b"\r\n"].concat());
    server.expect_frame("QUIT");
    server.disconnect();

    let mut client = server.connect().await;
    client.read_exact(&mut [0; 11]).await.unwrap();
    client.write_all(b"STARTTLS\r\n").await.unwrap();
    client.read_exact(&mut [0; 11]).await.unwrap();
    let mut client = TlsClient::new(client, identity.client_config(), "localhost");
    client.write_all(b"NOOP\r\nEHLO me\r\nNOOP\r\nQUIT\r\n").await.unwrap();
    assert_eq!(client.read_to_end().await.unwrap(), b"250 ok\r\n250 hello me\r\n250 ok\r\n");
    server.join().await;
    drop(client);

    assert_eq!((name.bytes().as_deref(), pings.count()), (Some(&b"EHLO me"[..]), 2));
    let transcript = normalize(&server.transcript().to_string().replace("\n", "\n    "));
    let told: Vec<_> =
        transcript.lines().skip(1).filter_map(|line| line.split_once(" s  ")).map(|(_, told)| told).collect();
    expect![[r#"
        sent 11 bytes  "220 ready\r\n"
        received 10 bytes  "STARTTLS\r\n"
        sent 11 bytes  "220 go on\r\n"
        TLS established: TLS 1.3, server name "localhost", no ALPN
        received 27 bytes  "NOOP\r\nEHLO me\r\nNOOP\r\nQUIT\r\n"
        sent 8 bytes  "250 ok\r\n"
        sent 14 bytes  "250 hello me\r\n"
        sent 8 bytes  "250 ok\r\n"
        sent close_notify
        server closed the connection"#]]
    .assert_eq(&told[..10].join("\n"));
    server.finish().await;
}

on_every_stage!(a_server_encrypts_from_the_first_byte);
async fn a_server_encrypts_from_the_first_byte(stage: Stage) {
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    let other = server.script();
    // Clients that come again, and to another script.
    server.repeat(2, |s| {
        s.expect_connect();
        s.expect_line("ping");
        s.send_line("pong");
        s.expect_disconnect();
    });
    server.mark("done");
    other.hold("done");
    other.expect_connect();
    other.expect_line("ping");
    other.send_line("pong");
    for close in [true, false, true] {
        let mut client = TlsClient::new(server.connect().await, identity.client_config(), "127.0.0.1");
        client.write_all(b"ping\r\n").await.unwrap();
        let mut reply = [0; 6];
        client.read_exact(&mut reply).await.unwrap();
        assert_eq!(&reply, b"pong\r\n");
        if close {
            client.close().await.unwrap();
        }
    }
    server.finish().await;
}

on_every_stage!(a_configuration_of_your_own);
async fn a_configuration_of_your_own(stage: Stage) {
    for (version, name) in [(&version::TLS12, "TLS 1.2"), (&version::TLS13, "TLS 1.3")] {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["mail.example".to_string()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
        let tls = Tls::from(std::sync::Arc::new(config)).server_name("mail.example").alpn("h2");
        let server = stage.bind().await;
        server.expect_connect();
        server.start_tls(&tls);
        server.send_bytes("hello");
        server.expect_disconnect();

        let mut roots = tcpclient_core::tls::rustls::RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let mut config =
            tcpclient_core::tls::rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let mut client = TlsClient::new(server.connect().await, config, "mail.example");
        client.read_exact(&mut [0; 5]).await.unwrap();
        client.close().await.unwrap();
        server.join().await;
        let transcript = server.transcript().to_string();
        let line = format!("TLS established: {name}, server name \"mail.example\", ALPN \"h2\"");
        assert!(transcript.contains(&line), "{transcript}");
        server.finish().await;
    }
}

on_every_stage!(a_large_amount_goes_both_ways);
async fn a_large_amount_goes_both_ways(stage: Stage) {
    const LARGE: usize = 512 << 10;
    let identity = Identity::new();
    let bytes: Vec<u8> = (0..LARGE).map(|i| (i % 251) as u8).collect();
    let server = stage.builder().tls(&identity).capacity(8 << 10).bind().await;
    server.expect_connect();
    server.expect_bytes(&bytes);
    server.send_bytes(&bytes);
    server.wait_until_read();
    server.disconnect();
    let mut client = TlsClient::new(server.connect().await, identity.client_config(), "localhost");
    let sent = bytes.clone();
    let client = stage.spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.read_to_end().await.unwrap()
    });
    assert!(client.await == bytes);
    server.finish().await;
}

on_every_stage!(a_connection_that_takes_a_byte_at_a_time);
async fn a_connection_that_takes_a_byte_at_a_time(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let identity = Identity::new();
    let server = stage.builder().capacity(1).bind().await;
    server.expect_connect();
    server.expect_line("STARTTLS");
    server.start_tls(&identity);
    server.expect_line("ping");
    server.send_line("pong");
    server.expect_disconnect();
    let mut client = server.connect().await;
    let config = identity.client_config();
    let client = stage.spawn(async move {
        client.write_all(b"STARTTLS\r\n").await.unwrap();
        let mut client = TlsClient::new(client, config, "localhost");
        client.write_all(b"ping\r\n").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
        client.close().await.unwrap();
    });
    client.await;
    server.finish().await;
}

on_every_stage!(an_encrypted_connection_goes_on_by_hand);
async fn an_encrypted_connection_goes_on_by_hand(stage: Stage) {
    const LARGE: usize = 1 << 20;
    let identity = Identity::new();
    let server = stage.builder().tls(&identity).bind().await;
    server.expect_connect();
    server.expect_line("CONNECT");
    let raw = server.hand_over();
    let mut client = TlsClient::new(server.connect().await, identity.client_config(), "localhost");
    let client = stage.spawn(async move {
        client.write_all(b"CONNECT\r\nhello").await.unwrap();
        client.write_all(&vec![b'x'; LARGE]).await.unwrap();
        client.close_notify().await.unwrap();
        client.read_to_end().await.unwrap()
    });
    let mut raw = raw.await;
    let mut all = Vec::new();
    raw.read_to_end(&mut all).await.unwrap();
    assert!(all.starts_with(b"hellox") && all.len() == LARGE + 5, "{} bytes", all.len());
    raw.write_all(&all).await.unwrap();
    raw.close().await.unwrap();
    assert!(client.await == all);
    let error = raw.into_std().unwrap_err();
    assert_eq!(error.to_string(), "the connection is encrypted, and a socket is not");
    server.finish().await;
}

on_every_stage!(what_is_given_to_a_connect_is_for_its_handshake_as_well);
async fn what_is_given_to_a_connect_is_for_its_handshake_as_well(stage: Stage) {
    let server = stage.builder().tls(Identity::new()).bind().await;
    // It is there by then: only the handshake takes too long.
    let client = server.connect().await;
    server.expect_connect().within(SHORT).named("first");
    server.expect_line("ping");
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          start_tls(), implied by tls(..) named "first" at tests/tests/conformance/tls.rs:LINE
          timed out waiting for the TLS handshake, after 10 ms: nothing arrived
          the client is still connected
          usual cause: a client that speaks in clear and waits for the server to begin, or that is not told to use TLS

          script
            ok    1  expect_connect() named "first"                 tests/tests/conformance/tls.rs:LINE
            FAIL  2  start_tls(), implied by tls(..) named "first"  tests/tests/conformance/tls.rs:LINE
            --    3  expect_line("ping")                            tests/tests/conformance/tls.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/tls.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

/// Wherever TCP cuts what the server sends, handshake and all, a client over rustls reads the same.
#[test]
fn every_cut_reads_the_same() {
    let identity = Identity::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let builder = tcpclient_tokio::TcpServer::builder().tls(&identity).plans(200);
    runtime.block_on(builder.explore(async |server| {
        server.expect_connect();
        server.expect_line("ping");
        server.send_line("pong");
        server.disconnect();
        let mut client = TlsClient::new(server.connect_in_memory().into(), identity.client_config(), "localhost");
        client.write_all(b"ping\r\n").await.unwrap();
        assert_eq!(client.read_to_end().await.unwrap(), b"pong\r\n");
    }));
}
