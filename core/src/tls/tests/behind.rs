//! What goes wrong behind a handshake.

use super::*;

fn served(tls: impl Into<Tls>, more: Vec<Step>) -> Vec<Step> {
    let mut script = vec![Step::expect_connect(), Step::start_tls(tls)];
    script.extend(more);
    script
}

#[test]
fn tls_is_begun_once_however_often_its_step_comes_round() {
    let identity = Identity::new();
    let block = [Step::expect_line("STARTTLS"), Step::send_bytes("220\r\n"), Step::start_tls(&identity)];
    let mut script = vec![Step::expect_connect(), Step::repeat_until_disconnect(3)];
    script.extend(block);
    let mut talk = Talk::of(&identity, script);
    talk.raw(b"STARTTLS\r\n");
    talk.pump();
    assert!(!talk.session.has_failed());
    talk.say(b"STARTTLS\r\n");
    talk.fails(&expect![[r#"
        scripted server here: step 5 of 5 failed
          start_tls() at core/src/tls/tests/behind.rs, in round 2
          the connection is encrypted already: this step began it, in a round before
          the client is still connected
          usual cause: a client that asks for TLS again, within TLS, and a block of the script that offers it there"#]]);
}

#[test]
fn what_makes_no_sense_behind_the_servers_close_notify() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity, vec![Step::shutdown(), Step::expect_line("QUIT")]));
    talk.pump();
    let mut wire = talk.records(b"QUIT\r\n");
    *wire.last_mut().unwrap() ^= 1;
    talk.raw(&wire);
    // A debug build of rustls does not say more than that.
    let cause = talk.report().cause().clone();
    assert!(matches!(&cause, Cause::Tls(Trouble::Failed { in_handshake: false, .. })), "{cause:?}");

    // When the script is done with the client, it is not judged.
    let mut talk = Talk::of(&identity, served(&identity, vec![Step::disconnect()]));
    talk.pump();
    talk.raw(b"\x15\x03\x03\x00\x02\x01\x00");
    talk.passes();
}

#[test]
fn a_client_that_leaves_what_tls_has_sent_has_read_all_of_the_script() {
    let identity = Identity::new();
    let own = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&identity.tls().config.cert_resolver));
    let mut talk = Talk::of(&identity, served(Arc::new(own), vec![Step::expect_line("QUIT")]));
    talk.pump();
    talk.session.handle_reset(talk.now);
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 3 failed
          expect_line("QUIT") at core/src/tls/tests/behind.rs
          the client closed the connection before line "QUIT"
          usual cause: a client that refuses the certificate behind the handshake, or gives up early; or a buffered writer that is
            dropped without a flush"#]]);
}

#[test]
fn a_record_that_does_not_come_to_its_end() {
    let identity = Identity::new();
    for (bytes, note, expected) in [
        (
            27,
            "27 bytes have come of the 28 bytes of a TLS record",
            expect![[r#"
            scripted server here: step 3 of 3 failed
              expect_line("QUIT") at core/src/tls/tests/behind.rs
              timed out waiting for line "QUIT", after 1 s: nothing arrived
              the client is still connected
              usual cause: a client that sends only a part of what TLS gives it: a write that takes less than all, and is not repeated"#]],
        ),
        (
            2,
            "2 bytes have come of the header of a TLS record",
            expect![[r#"
            scripted server here: step 3 of 3 failed
              expect_line("QUIT") at core/src/tls/tests/behind.rs
              timed out waiting for line "QUIT", after 1 s: nothing arrived
              the client is still connected
              usual cause: a client that sends only a part of what TLS gives it: a write that takes less than all, and is not repeated"#]],
        ),
    ] {
        let mut talk = Talk::of(&identity, served(&identity, vec![Step::expect_line("QUIT")]));
        talk.pump();
        let wire = talk.records(b"QUIT\r\n");
        talk.raw(&wire[..bytes]);
        talk.late();
        talk.fails(&expected);
        let report = talk.report().to_string();
        assert!(report.contains(note), "{report}");
    }
}

#[test]
fn a_client_that_cancels_its_handshake() {
    let identity = Identity::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut talk = Talk::new(client_config(&identity, &[version]), "localhost", served(&identity, Vec::new()));
        talk.pump_hello();
        talk.raw(b"\x15\x03\x03\x00\x02\x01\x5a\x15\x03\x03\x00\x02\x01\x00");
        assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Refused(Alert::CLOSE_NOTIFY)), "{version:?}");
    }
}

#[test]
fn a_client_that_offers_none_of_the_configured_protocols() {
    let identity = Identity::new();
    let mut own = (*identity.tls().config).clone();
    own.alpn_protocols = vec![b"h2".to_vec()];
    let mut config = identity.client_config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut talk = Talk::new(config, "localhost", served(Arc::new(own), Vec::new()));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 2 failed
          start_tls() at core/src/tls/tests/behind.rs
          the TLS handshake failed: peer doesn't support any known protocol
          the client is still connected
          usual cause: a client that offers none of the protocols (ALPN) which the server's configuration names: alpn_protocols"#]]);
}

#[test]
fn a_client_whose_certificate_is_not_taken() {
    let identity = Identity::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.root_der().to_vec().into()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let own = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.unwrap())
        .with_cert_resolver(Arc::clone(&identity.tls().config.cert_resolver));
    let stranger = rcgen::generate_simple_self_signed(["client".into()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(stranger.signing_key.serialize_der());
    let certified =
        rustls::sign::CertifiedKey::from_der(vec![stranger.cert.der().clone()], key.into(), &provider).unwrap();
    let mut config = identity.client_config();
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let mut talk = Talk::new(config, "localhost", served(Arc::new(own), Vec::new()));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 2 failed
          start_tls() at core/src/tls/tests/behind.rs
          the TLS handshake failed: invalid peer certificate: UnknownIssuer
          the client is still connected
          usual cause: a client with a certificate that the verifier in the server's configuration does not take"#]]);
}
