//! What goes wrong, in words.

use super::super::engine::{Manner, Rustls, usually};
use super::*;
use crate::pattern::Pattern;
use crate::report::End;
use crate::security::{Engine, Place, Stage, begins_record, is_too_long};

fn served(identity: impl Into<Tls>) -> Vec<Step> {
    vec![Step::expect_connect(), Step::start_tls(identity), Step::expect_bytes("ping"), Step::disconnect()]
}

#[test]
fn a_client_that_speaks_in_clear_to_a_tls_server() {
    let expected = expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client speaks in clear to a TLS server: this is no TLS handshake
            received  00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..
                      00000010  0d 0a                                             ..
          the client is still connected
          usual cause: a client that is not told to use TLS, or that begins in clear: then start_tls() belongs behind its
            command"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let identity = Identity::new();
        let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
        talk.raw(b"GET / HTTP/1.1\r\n\r\n");
        talk.fails(&expected);
    }
}

#[test]
fn a_client_that_goes_on_in_clear_behind_its_command() {
    let identity = Identity::new();
    let expected = expect![[r#"
        scripted server here: step 5 of 8 failed
          start_tls() at core/src/tls/tests.rs
          the client sent this in clear where its TLS handshake is to begin: it must not pass for encrypted
            received  00000000  4e 4f 4f 50 0d 0a                                 NOOP..
          the client is still connected
          usual cause: a client that does not wait for the answer to its STARTTLS, or goes on without TLS"#]];
    for cut in (0..20).map(Cut::At).chain([Cut::Whole, Cut::Each]) {
        let mut talk = Talk::of(&identity, mail(&identity)).cut(cut);
        talk.raw(b"STARTTLS\r\nNOOP\r\n");
        talk.fails(&expected);
        assert!(talk.transcript().ends_with("received 6 bytes  \"NOOP\\r\\n\""), "{cut:?}: {}", talk.transcript());
    }
}

#[test]
fn a_client_that_falls_back_to_clear_text() {
    let identity = Identity::new();
    let expected = expect![[r#"
        scripted server here: step 3 of 4 failed
          expect_bytes("ping") at core/src/tls/tests/faults.rs
          the client sent this in clear, in the middle of TLS
            received  00000000  68 65 6c 6c 6f 3f                                 hello?
          the client is still connected
          usual cause: a client that goes on with the stream that TLS was to wrap, and not with the one that does"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
        talk.pump();
        let mut wire = talk.records(b"pi");
        wire.extend(b"hello?");
        talk.raw(&wire);
        talk.fails(&expected);
    }
}

#[test]
fn a_record_that_was_tampered_with() {
    let identity = Identity::new();
    let expected = expect![[r#"
        scripted server here: step 3 of 4 failed
          expect_bytes("ping") at core/src/tls/tests/faults.rs
          TLS failed: cannot decrypt peer's message
          the client is still connected"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
        talk.pump();
        let mut wire = talk.records(b"ping");
        *wire.last_mut().unwrap() ^= 1;
        talk.raw(&wire);
        talk.fails(&expected);
    }
}

#[test]
fn a_client_that_cannot_read_what_it_was_sent() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump();
    // A record that nobody has encrypted.
    let mut record = &[&[0x17, 3, 3, 0, 20][..], &[0; 20]].concat()[..];
    talk.client.read_tls(&mut record).unwrap();
    talk.client.process_new_packets().unwrap_err();
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 4 failed
          expect_bytes("ping") at core/src/tls/tests/faults.rs
          the client gave TLS up: it sent the alert bad_record_mac (20)
          the client is still connected"#]]);
}

#[test]
fn a_client_that_refuses_the_certificate() {
    let stranger = Identity::new();
    let mut talk = Talk::of(&stranger, served(Identity::new()));
    talk.pump();
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client refused the TLS handshake: it sent the alert unknown_ca (48)
          the client is still connected
          usual cause: a client that does not know who has issued the certificate: give it the root certificate,
            identity.root_pem()"#]]);
    assert!(talk.transcript().ends_with("received the TLS alert unknown_ca (48)"), "{}", talk.transcript());
}

#[test]
fn a_client_that_wants_a_certificate_for_another_name() {
    let identity = Identity::for_names(["mail.example"]);
    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump();
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client refused the TLS handshake: it sent the alert bad_certificate (42)
          the client is still connected
          usual cause: a client that connects by a name that the certificate is not for: Identity::for_names(..) makes
            one for other names"#]]);
}

#[test]
fn a_client_that_leaves_in_the_handshake() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity));
    talk.eof();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client ended its stream before the TLS handshake
          the client has closed the connection, or its sending half"#]]);

    let mut talk = Talk::of(&identity, served(&identity));
    let hello = talk.records(b"");
    talk.raw(&hello[..100]);
    talk.eof();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client ended its stream in the TLS handshake: 100 bytes of its ClientHello had come
          the client has closed the connection, or its sending half"#]]);

    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump_hello();
    talk.eof();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client ended its stream in the TLS handshake: the server had answered its ClientHello
          the client has closed the connection, or its sending half
          usual cause: a client that refuses the certificate and does not say so: does it have the root certificate,
            identity.root_pem(), and does it connect by a name that the certificate is for?"#]]);

    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump_hello();
    talk.session.handle_reset(talk.now);
    talk.obey();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the client reset the connection in the TLS handshake: the server had answered its ClientHello
          usual cause: a client that refuses the certificate and does not say so: does it have the root certificate,
            identity.root_pem(), and does it connect by a name that the certificate is for?"#]]);
}

/// What it had sent by then is looked at first.
#[test]
fn a_client_that_had_gone_before_its_handshake_was_asked_for() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::expect_line("STARTTLS")]);
    talk.raw(b"STARTTLS\r\n");
    talk.pump_hello();
    talk.eof();
    talk.session.push(Step::start_tls(&identity));
    talk.obey();
    let (by, stage) = (End::Close, Stage::Answered);
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Ended { by, stage }));
}

/// In TLS 1.2 it says so in clear.
#[test]
fn a_client_of_any_version_that_refuses_the_certificate() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut talk = Talk::new(client_config(&stranger, &[version]), "localhost", served(&identity));
        talk.pump();
        talk.pump();
        assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Refused(Alert::UNKNOWN_CA)), "{version:?}");
    }
}

#[test]
fn a_handshake_that_takes_too_long() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity));
    talk.late();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          timed out waiting for the TLS handshake, after 1 s: nothing arrived
          the client is still connected
          usual cause: a client that speaks in clear and waits for the server to begin, or that is not told to use TLS"#]]);

    let mut talk = Talk::of(&identity, served(&identity));
    talk.raw(&[0x16, 3, 1]);
    talk.late();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          timed out in the TLS handshake, after 1 s: 3 bytes of its ClientHello had come
          the client is still connected"#]]);

    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump_hello();
    talk.late();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          timed out in the TLS handshake, after 1 s: the server had answered its ClientHello
          the client is still connected
          usual cause: a client that does not read, or asks somebody about the certificate"#]]);
}

#[test]
fn a_client_that_asks_for_another_server() {
    let identity = Identity::for_names(["mail.example", "127.0.0.1"]);
    let mut talk = Talk::new(identity.client_config(), "mail.example", served(identity.tls().server_name("localhost")));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls(server name "localhost") at core/src/tls/tests/faults.rs
          the client asked for the server name "mail.example", expected "localhost"
          the client is still connected
          usual cause: a client that is given another name to connect to, or a server_name(..) that is not meant"#]]);
    let mut talk = Talk::new(identity.client_config(), "127.0.0.1", served(identity.tls().server_name("localhost")));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls(server name "localhost") at core/src/tls/tests/faults.rs
          the client asked for no server name, expected "localhost"
          the client is still connected
          usual cause: a client that connects by an IP address, which is no server name, or has SNI turned off"#]]);
}

#[test]
fn a_client_that_offers_another_protocol() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(identity.tls().alpn("h2")));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls(ALPN "h2") at core/src/tls/tests/faults.rs
          the client offered no protocol (ALPN), expected "h2"
          the client is still connected
          usual cause: a client whose TLS configuration names no protocols"#]]);
    let mut config = identity.client_config();
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    let mut talk = Talk::new(config, "localhost", served(identity.tls().alpn("h2")));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls(ALPN "h2") at core/src/tls/tests/faults.rs
          the client offered the protocols (ALPN) "http/1.1", "http/1.0", expected "h2"
          the client is still connected"#]]);
}

#[test]
fn a_server_that_prefers_another_protocol() {
    let identity = Identity::new();
    let mut own = (*identity.tls().config).clone();
    own.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let mut config = identity.client_config();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut talk = Talk::new(config, "localhost", served(Tls::from(Arc::new(own)).alpn("h2")));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls(ALPN "h2") at core/src/tls/tests/faults.rs
          the server's configuration chose the protocol (ALPN) "http/1.1", expected "h2"
          the client is still connected
          usual cause: another order of alpn_protocols in the server's configuration: it decides"#]]);
}

#[test]
fn a_client_of_another_age() {
    let identity = Identity::new();
    let own = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&identity.tls().config.cert_resolver));
    let mut talk = Talk::new(client_config(&identity, &[&rustls::version::TLS12]), "localhost", served(Arc::new(own)));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the TLS handshake failed: peer is incompatible: Tls12NotOfferedOrEnabled
          the client is still connected
          usual cause: a client that knows none of the versions, the ciphers or the key exchanges which the server offers"#]]);
}

#[test]
fn a_configuration_that_asks_for_what_is_not_there() {
    let identity = Identity::new();
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.root_der().to_vec().into()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let own = builder
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_cert_resolver(Arc::clone(&identity.tls().config.cert_resolver));
    let mut talk = Talk::new(identity.client_config(), "localhost", served(Arc::new(own)));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the TLS handshake failed: peer sent no certificates
          the client is still connected
          usual cause: the server's configuration asks for the client's certificate, and the client was given none"#]]);

    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let own =
        builder.with_no_client_auth().with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    let mut talk = Talk::new(identity.client_config(), "localhost", served(Arc::new(own)));
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the TLS handshake failed: unexpected error: no server certificate chain resolved
          the client is still connected
          usual cause: the resolver in the server's configuration has no certificate for the name that the client asks for"#]]);
}

#[test]
fn steps_out_of_order() {
    let identity = Identity::new();
    let mut script = served(&identity);
    script.insert(2, Step::start_tls(&identity));
    let mut talk = Talk::of(&identity, script);
    talk.pump();
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 5 failed
          start_tls() at core/src/tls/tests/faults.rs
          the connection is encrypted already: step 2 began it
          the client is still connected
          usual cause: builder().tls(..), which begins TLS at each expect_connect(), or a start_tls(), and this step besides"#]]);

    let talk = Talk::of(&identity, vec![Step::expect_connect(), Step::truncate()]);
    talk.fails(&expect![[r#"
        scripted server here: step 2 of 2 failed
          truncate() at core/src/tls/tests/faults.rs
          the connection is not encrypted: there is no TLS to truncate
          the client is still connected
          usual cause: missing start_tls() before this step"#]]);

    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::disconnect(), Step::start_tls(&identity)]);
    talk.session.handle_timeout(talk.now);
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 3 failed
          start_tls() at core/src/tls/tests/faults.rs
          client is not connected: step 2 ended its connection
          the script itself has ended the last connection
          usual cause: a client that connects again needs an expect_connect() of its own"#]]);

    let talk = Talk::of(&identity, vec![Step::expect_connect(), Step::shutdown(), Step::start_tls(&identity)]);
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 3 failed
          start_tls() at core/src/tls/tests/faults.rs
          the server's stream has ended: step 2 shut it down
          the client is still connected"#]]);
}

#[test]
fn a_handshake_that_is_refused() {
    let identity = Identity::new();
    let script = [Step::expect_connect(), Step::refuse_tls(Alert::HANDSHAKE_FAILURE)];
    let expected = expect![[r#"
        0.000 s  client connected
        0.000 s  sent the TLS alert handshake_failure (40)
        0.000 s  server closed the connection"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, vec![]).cut(cut);
        script_of(&mut talk, vec![Step::expect_connect(), Step::refuse_tls(Alert::HANDSHAKE_FAILURE)]);
        talk.pump();
        talk.passes();
        assert!(talk.ended);
        let alert = rustls::AlertDescription::HandshakeFailure;
        assert_eq!(talk.error, Some(rustls::Error::AlertReceived(alert)));
        expected.assert_eq(&talk.transcript());
    }
    assert_eq!(script[1].to_string(), "refuse_tls(handshake_failure)");
    assert_eq!(Step::refuse_tls(rustls::AlertDescription::InternalError).to_string(), "refuse_tls(internal_error)");
    assert_eq!(Step::refuse_tls(Alert::new(200)).to_string(), "refuse_tls(200)");
}

fn script_of(talk: &mut Talk, script: Vec<Step>) {
    script.into_iter().for_each(|step| _ = talk.session.push(step));
    talk.obey();
}

#[test]
fn a_handshake_that_breaks_off() {
    let identity = Identity::new();
    let expected = expect![[r#"
        0.000 s  client connected
        0.000 s  server broke off the TLS handshake
        0.000 s  server closed the connection"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::interrupt_tls(&identity)]).cut(cut);
        talk.pump();
        talk.passes();
        assert!(talk.ended && talk.error.is_none() && talk.client.is_handshaking());
        assert!(talk.wire > 100, "some of the server's flight has come: {} bytes", talk.wire);
        expected.assert_eq(&talk.transcript());
    }
}

#[test]
fn a_client_that_is_refused_may_be_one_that_speaks_in_clear() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::refuse_tls(Alert::INTERNAL_ERROR)]);
    talk.raw(b"HELO\r\n");
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Clear(Place::First)),);
}

#[test]
fn an_alert_instead_of_a_hello() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity)).cut(Cut::Each);
    talk.raw(&[0x15, 3, 3, 0, 2, 2, 80]);
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Refused(Alert::INTERNAL_ERROR)));
    // The first of several counts.
    let mut talk = Talk::of(&identity, served(&identity));
    talk.raw(&[0x15, 3, 1, 0, 4, 2, 48, 1, 0]);
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Refused(Alert::UNKNOWN_CA)));
}

/// What is no record is told as such as soon as that is plain, and not later.
#[test]
fn a_first_record_without_a_message_is_none() {
    let identity = Identity::new();
    for record in [&[0x16, 3, 1, 0, 0][..], &[0x15, 3, 1, 0, 0], &[0x15, 3, 1, 0, 1, 2]] {
        for more in [&[][..], &[1], &[0x16, 3, 1, 0, 1, 1]] {
            for cut in (0..12).map(Cut::At).chain([Cut::Whole, Cut::Each]) {
                let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
                talk.raw(&[record, more].concat());
                assert_eq!(
                    talk.report().cause(),
                    &Cause::Tls(Trouble::Clear(Place::First)),
                    "{record:?} {more:?} {cut:?}"
                );
            }
        }
    }
}

#[test]
fn a_record_that_is_longer_than_any() {
    let identity = Identity::new();
    let expected = expect![[r#"
        scripted server here: step 3 of 4 failed
          expect_bytes("ping") at core/src/tls/tests/faults.rs
          TLS failed: the header of a record says 18433 bytes, which is more than one can have
          the client is still connected"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
        talk.pump();
        let mut wire = talk.records(b"pi");
        wire.extend([0x17, 3, 3, 0x48, 1, 0, 0]);
        talk.raw(&wire);
        talk.fails(&expected);
    }
}

/// It is no message as long as its handshake has not begun.
#[test]
fn nothing_is_answered_in_clear_where_tls_is_to_begin() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    let mut script = mail(&identity);
    script.insert(0, Step::anytime(&lines, "NOOP", "250 ok"));
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, vec![]).cut(cut);
        script_of(&mut talk, script.clone());
        talk.raw(b"STARTTLS\r\nNOOP\r\n");
        assert_eq!(talk.report().step(), Some(6));
        assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Clear(Place::Behind)));
        assert_eq!(talk.clear, b"220 ready\r\n220 go on\r\n");
    }
}

/// Nor is it where TLS has begun and is to begin again, which fails.
#[test]
fn nothing_is_answered_where_tls_is_to_begin_again() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    let mut script = vec![Step::expect_connect(), Step::anytime(&lines, "NOOP", "250 ok"), Step::start_tls(&identity)];
    script.extend([Step::expect_line("STARTTLS"), Step::start_tls(&identity)]);
    let mut talk = Talk::of(&identity, script);
    talk.pump();
    talk.say(b"STARTTLS\r\nNOOP\r\n");
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Started { by: 3, again: false }));
    assert_eq!(talk.received, b"");
}

/// Whatever waits between the answer to the command and the handshake: what comes there is no message, be it the hello or not.
#[test]
fn nothing_is_answered_in_clear_where_tls_is_next() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    let script = || {
        let mut script = mail(&identity);
        script.insert(0, Step::anytime(&lines, Pattern::any(), "250 ok"));
        script.insert(5, Step::hold("go on"));
        script
    };
    for cut in (0..25).map(Cut::At).chain([Cut::Whole, Cut::Each]) {
        let mut talk = Talk::of(&identity, script()).cut(cut);
        talk.raw(b"NOOP\r\nSTARTTLS\r\nNOOP\r\n");
        assert!(talk.clear.ends_with(b"220 ready\r\n250 ok\r\n220 go on\r\n"), "{:?}", talk.clear);
        talk.session.release("go on");
        talk.obey();
        assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Clear(Place::Behind)));
    }
    // A client that sends its hello meanwhile, with a line end in it.
    for cut in [Cut::Whole, Cut::Each] {
        let mut config = identity.client_config();
        config.alpn_protocols = vec![b"a\nb\n".to_vec()];
        let mut talk = Talk::new(config, "localhost", script()).cut(cut);
        talk.raw(b"NOOP\r\nSTARTTLS\r\n");
        talk.pump_hello();
        talk.session.release("go on");
        talk.obey();
        talk.pump();
        talk.say(b"EHLO me\r\n");
        talk.say(b"NOOP\r\n");
        talk.close();
        talk.passes();
    }
}

/// Where the script learns too late that TLS is next, a rule has answered by then; and that does not pass.
#[test]
fn what_was_answered_in_clear_behind_the_command_fails_the_handshake() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    let mut script = mail(&identity);
    script.insert(0, Step::anytime(&lines, "NOOP", "250 ok"));
    script.insert(5, Step::hold("go on"));
    let later = script.split_off(6);
    let mut talk = Talk::of(&identity, script);
    talk.raw(b"NOOP\r\nSTARTTLS\r\nNOOP\r\n");
    script_of(&mut talk, later);
    talk.session.release("go on");
    talk.obey();
    talk.fails(&expect![[r#"
        scripted server here: step 7 of 10 failed
          start_tls() at core/src/tls/tests.rs
          step 1 has answered a message in clear, behind the last one that a step waited for: TLS was to be next
          the client is still connected
          usual cause: a start_tls() that the test pushes only when the client has spoken: push it with what answers the
            command; or that command itself was left to anytime(): give it a step of the script"#]]);
}

/// A rule of the last connection has nothing to do with the handshake of the next.
#[test]
fn what_was_answered_on_another_connection_does_not_count() {
    let identity = Identity::new();
    let lines = crate::framing::Framing::lines();
    let script = vec![
        Step::anytime(&lines, "NOOP", "250 ok"),
        Step::expect_connect(),
        Step::expect_disconnect(),
        Step::expect_connect(),
        Step::start_tls(&identity),
        Step::expect_disconnect(),
    ];
    let mut talk = Talk::of(&identity, script);
    talk.raw(b"NOOP\r\n");
    assert_eq!(talk.clear, b"250 ok\r\n");
    talk.eof();
    talk.session.handle_connection(talk.now, None);
    talk.obey();
    talk.pump();
    talk.close();
    talk.passes();
}

/// What the script has to say to a message goes before what is wrong behind that.
#[test]
fn the_step_that_fails_does_not_depend_on_cuts() {
    let identity = Identity::new();
    for cut in [Cut::Whole, Cut::Each] {
        let script = vec![
            Step::expect_connect(),
            Step::start_tls(&identity),
            Step::expect_bytes("ping"),
            Step::send_bytes("pong"),
            Step::expect_bytes("ping"),
        ];
        let mut talk = Talk::of(&identity, script).cut(cut);
        talk.pump();
        let mut wire = talk.records(b"ping");
        wire.extend([0x17, 3, 3, 0, 3, 1, 2, 3]);
        talk.raw(&wire);
        assert_eq!((talk.report().step(), &talk.received[..]), (Some(5), &b"pong"[..]), "{cut:?}");
    }
}

#[test]
fn what_may_begin_a_record() {
    // The newest version, and the longest record.
    let most = [0x16, 3, 4, 0x48, 0, 1];
    for len in 0..=most.len() {
        assert!(begins_record(&most[..len], true), "{len}");
    }
    for (at, wrong) in [(0, 0x17), (0, b'G'), (1, 2), (2, 5), (3, 0x49), (4, 1), (5, 2)] {
        let mut bytes = most;
        bytes[at] = wrong;
        assert!(!begins_record(&bytes[..=at], true), "{wrong} at {at}");
        assert!(!begins_record(&bytes, true), "{wrong} at {at}");
    }
    for kind in 0x14..=0x17 {
        assert!(!is_too_long(&[kind, 3, 3, 0x48, 0]) && is_too_long(&[kind, 3, 3, 0x48, 1]));
        assert!(begins_record(&[kind, 3, 3, 0x48, 1], false));
    }
    assert!(!begins_record(&[0x18], false) && !begins_record(&[0x13], false));
}

/// Where the script speaks in clear and the client does not.
#[test]
fn a_hello_where_none_is_expected() {
    let identity = Identity::new();
    let frames = |width| crate::framing::Framing::length_prefixed(width);
    let told = |step: Option<Step>| {
        let script = [Step::expect_connect()].into_iter().chain(step).collect();
        let mut talk = Talk::of(&identity, script);
        talk.pump();
        talk.session.finish(core::panic::Location::caller());
        talk.obey();
        talk.late();
        assert!(talk.session.has_failed());
        talk.report().to_string()
    };
    let words = "usual cause: these bytes begin a TLS handshake: the script lacks builder().tls(..), or a start_tls() before this step\n";
    for step in [
        Some(Step::expect_bytes("EHLO")),
        Some(Step::expect_line("EHLO me")),
        Some(Step::expect_line(Pattern::prefix("EHLO"))),
        Some(Step::expect_until("\r\n\r\n", Pattern::any())),
        Some(Step::expect_frame(&frames(4), "EHLO")),
        Some(Step::expect_frame(&frames(2), "EHLO")),
        Some(Step::expect_eof()),
        Some(Step::expect_silence(Duration::from_millis(10))),
        None,
    ] {
        let text = told(step);
        assert!(text.contains(words) && text.matches("usual cause").count() == 1, "{text}");
        assert!(!text.contains("byte order"), "{text}");
    }
    // Other bytes are not taken for one.
    for bytes in [&b"\x16\x03\x01\0\x05\x02"[..], b"\x15\x03\x01\0\x02\x02\x28", b"\x16\x03\x01\0\x05"] {
        let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::expect_bytes("EHLO")]);
        talk.raw(bytes);
        assert!(talk.session.has_failed() && !talk.report().to_string().contains("TLS"), "{}", talk.report());
    }
}

/// A client of TLS 1.3 has done its part of the handshake when it looks at the certificate.
#[test]
fn a_client_that_gives_up_behind_the_handshake() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump();
    talk.close();
    talk.fails(&expect![[r#"
        scripted server here: step 3 of 4 failed
          expect_bytes("ping") at core/src/tls/tests/faults.rs
          the client closed the connection, or its sending half, before "ping"
          usual cause: a client that refuses the certificate behind the handshake, or gives up early; or a buffered writer that is
            dropped without a flush"#]]);
    // One that has said something by then had nothing against it.
    let script =
        vec![Step::expect_connect(), Step::start_tls(&identity), Step::expect_bytes("a"), Step::expect_bytes("b")];
    let mut talk = Talk::of(&identity, script);
    talk.pump();
    talk.say(b"a");
    talk.close();
    assert!(!talk.report().to_string().contains("certificate"), "{}", talk.report());
    // What it had said in clear says nothing of that.
    let mut talk = Talk::of(&identity, mail(&identity));
    talk.raw(b"STARTTLS\r\n");
    talk.pump();
    talk.close();
    assert!(talk.report().to_string().contains("refuses the certificate"), "{}", talk.report());
    // One that holds the connection has not given up.
    let mut talk = Talk::of(&identity, served(&identity));
    talk.pump();
    talk.client.send_close_notify();
    talk.pump();
    assert!(talk.session.has_failed() && !talk.report().to_string().contains("certificate"), "{}", talk.report());
}

/// Whether the server has answered the command or not.
#[test]
fn what_stands_behind_a_command_is_told_as_such() {
    let identity = Identity::new();
    let script = vec![Step::expect_connect(), Step::expect_line("STARTTLS"), Step::start_tls(&identity)];
    let mut talk = Talk::of(&identity, script);
    talk.raw(b"STARTTLS\r\nQUIT\r\n");
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Clear(Place::Behind)));
    // Or the server was the first to speak, and the only one.
    let script = vec![Step::expect_connect(), Step::send_bytes("220\r\n"), Step::start_tls(&identity)];
    let mut talk = Talk::of(&identity, script);
    talk.raw(b"QUIT\r\n");
    assert_eq!(talk.report().cause(), &Cause::Tls(Trouble::Clear(Place::Behind)));
}

/// Returns records of a handshake message, `bytes` long at most each.
fn handshake(message: &[u8], bytes: usize) -> Vec<u8> {
    let record = |piece: &[u8]| [&[0x16, 3, 1][..], &(piece.len() as u16).to_be_bytes(), piece].concat();
    message.chunks(bytes).flat_map(record).collect()
}

#[test]
fn a_hello_that_makes_no_sense() {
    let identity = Identity::new();
    let expected = expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the TLS handshake failed: received corrupt message of type MissingData("Random")
          the client is still connected"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
        // A ClientHello of 4 bytes.
        talk.raw(&handshake(&[1, 0, 0, 4, 3, 3, 0, 0], 100));
        talk.fails(&expected);
    }
}

#[test]
fn a_hello_that_has_no_end() {
    let identity = Identity::new();
    let expected = expect![[r#"
        scripted server here: step 2 of 4 failed
          start_tls() at core/src/tls/tests/faults.rs
          the TLS handshake failed: the ClientHello is too long
          the client is still connected"#]];
    for cut in [Cut::Whole, Cut::Each] {
        let mut talk = Talk::of(&identity, served(&identity)).cut(cut);
        let hello = [&[1, 0, 0xff, 0xff][..], &[3; 0xffff]].concat();
        talk.raw(&handshake(&hello, 1 << 14));
        talk.fails(&expected);
    }
}

#[test]
fn a_hello_in_several_records() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, served(&identity));
    let hello = talk.records(b"");
    talk.encrypted = true;
    talk.raw(&handshake(&hello[5..], 50));
    talk.say(b"ping");
    talk.passes();
    assert!(talk.ended);
}

#[test]
fn what_comes_behind_a_refusal_counts_for_nothing() {
    let identity = Identity::new();
    let script = vec![Step::expect_connect(), Step::refuse_tls(Alert::HANDSHAKE_FAILURE)];
    let mut talk = Talk::of(&identity, script);
    let hello = talk.records(b"");
    talk.raw(&hello);
    talk.raw(&handshake(&hello[5..], 50));
    talk.eof();
    talk.passes();

    // Nor does it before the refusal is out, be it TLS or not.
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::refuse_tls(Alert::HANDSHAKE_FAILURE)]);
    talk.session.handle_bytes(talk.now, &[&hello[..], b"clear"].concat());
    talk.obey();
    talk.passes();
}

#[test]
fn what_comes_behind_a_close_notify_counts_for_nothing() {
    let identity = Identity::new();
    let script =
        vec![Step::expect_connect(), Step::start_tls(&identity), Step::expect_bytes("ping"), Step::expect_disconnect()];
    let mut talk = Talk::of(&identity, script);
    talk.pump();
    talk.say(b"ping");
    talk.client.send_close_notify();
    let mut wire = talk.records(b"");
    wire.extend(handshake(&[0; 20], 20));
    talk.raw(&wire);
    talk.eof();
    talk.passes();
}

#[test]
fn a_close_that_the_client_does_not_take() {
    let identity = Identity::new();
    let late = |step: Step| {
        let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::start_tls(&identity)]);
        talk.pump();
        talk.session.push(step);
        let Output::Wait(wait) = talk.session.poll_output(talk.now) else { panic!("it is about to send") };
        assert!(!wait.send.is_empty());
        talk.late();
        talk
    };
    late(Step::disconnect()).fails(&expect![[r#"
        scripted server here: step 3 of 3 failed
          disconnect() at core/src/tls/tests/faults.rs
          timed out sending, after 1 s: 0 of 24 bytes taken so far
          the client is still connected
          usual cause: the client does not read, or not fast enough"#]]);
    late(Step::shutdown()).fails(&expect![[r#"
        scripted server here: step 3 of 3 failed
          shutdown() at core/src/tls/tests/faults.rs
          timed out sending, after 1 s: 0 of 24 bytes taken so far
          the client is still connected
          usual cause: the client does not read, or not fast enough"#]]);
}

/// The engine itself: no session gives it anything more.
#[test]
fn an_engine_that_has_refused_takes_what_comes_and_says_nothing() {
    let identity = Identity::new();
    let hello = Talk::of(&identity, served(&identity)).records(b"");
    let mut engine = Rustls::new(None, Manner::Refuse(Alert::HANDSHAKE_FAILURE));
    let (mut plain, mut wire) = (Vec::new(), Vec::new());
    engine.receive(&hello, &mut plain).unwrap();
    engine.transmit(&mut wire);
    assert_eq!(wire, [0x15, 3, 3, 0, 2, 2, 40]);
    engine.receive(&hello, &mut plain).unwrap();
    engine.transmit(&mut wire);
    assert_eq!((plain.len(), wire.len()), (0, 7));
}

/// Behind whatever is to be sent already. How long a signature is differs by some bytes.
#[test]
fn an_engine_that_breaks_off_sends_half_of_its_flight() {
    let identity = Identity::new();
    let hello = Talk::of(&identity, served(&identity)).records(b"");
    let flight = |manner, before: usize| {
        let mut engine = Rustls::new(Some(identity.tls()), manner);
        let mut wire = vec![0; before];
        engine.receive(&hello, &mut Vec::new()).unwrap();
        engine.transmit(&mut wire);
        wire.len() - before
    };
    let whole = flight(Manner::Serve, 0);
    for before in [0, 10_000] {
        let half = flight(Manner::Interrupt, before);
        assert!((2 * half).abs_diff(whole) < 20, "{half} of {whole}, behind {before}");
    }
}

#[test]
fn an_error_without_a_name_has_no_usual_cause() {
    assert_eq!(usually(&rustls::Error::General("other".into())), None);
}
