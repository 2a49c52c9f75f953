use super::{Alert, Handshake, Place, Stage, Trouble};
use crate::report::End;
use crate::time::Duration;
use alloc::string::{String, ToString};
use expect_test::{Expect, expect};

#[test]
fn an_alert_reads_as_its_name_and_its_number() {
    assert_eq!(Alert::UNKNOWN_CA.to_string(), "unknown_ca (48)");
    assert_eq!(Alert::new(48), Alert::UNKNOWN_CA);
    assert_eq!(Alert::new(200).to_string(), "200");
    assert_eq!((Alert::new(200).name(), Alert::new(200).code()), (None, 200));
}

/// The numbers of RFC 8446 that have a name, and no other.
#[test]
fn every_alert_has_its_own_name() {
    let named = (0..=u8::MAX).filter_map(|code| Alert::new(code).name().map(|name| (code, name)));
    let mut text = String::new();
    named.for_each(|(code, name)| text += &alloc::format!("{code} {name}\n"));
    expect![[r#"
        0 close_notify
        10 unexpected_message
        20 bad_record_mac
        22 record_overflow
        40 handshake_failure
        42 bad_certificate
        43 unsupported_certificate
        44 certificate_revoked
        45 certificate_expired
        46 certificate_unknown
        47 illegal_parameter
        48 unknown_ca
        49 access_denied
        50 decode_error
        51 decrypt_error
        70 protocol_version
        71 insufficient_security
        80 internal_error
        86 inappropriate_fallback
        90 user_canceled
        109 missing_extension
        110 unsupported_extension
        112 unrecognized_name
        113 bad_certificate_status_response
        115 unknown_psk_identity
        116 certificate_required
        120 no_application_protocol
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_handshake_reads_as_what_was_agreed_on() {
    let mut handshake = Handshake { version: "TLS 1.2", server_name: None, alpn: None };
    assert_eq!(handshake.to_string(), "TLS 1.2, no server name, no ALPN");
    assert_eq!((handshake.version(), handshake.server_name(), handshake.alpn()), ("TLS 1.2", None, None));
    (handshake.server_name, handshake.alpn) = (Some("localhost".into()), Some(b"h2".to_vec()));
    assert_eq!(handshake.to_string(), r#"TLS 1.2, server name "localhost", ALPN "h2""#);
    assert_eq!((handshake.server_name(), handshake.alpn()), (Some("localhost"), Some(&b"h2"[..])));
}

#[track_caller]
fn says(trouble: Trouble, expected: Expect) {
    expected.assert_eq(&alloc::format!("{trouble}\n{}\n", trouble.advice().unwrap_or("-")));
}

#[test]
fn what_goes_wrong_has_words_and_most_of_it_a_usual_cause() {
    says(
        Trouble::Refused(Alert::CERTIFICATE_EXPIRED),
        expect![[r#"
        the client refused the TLS handshake: it sent the alert certificate_expired (45)
        usual cause: a certificate that is not valid now, or a clock that is wrong
    "#]],
    );
    says(
        Trouble::Refused(Alert::PROTOCOL_VERSION),
        expect![[r#"
        the client refused the TLS handshake: it sent the alert protocol_version (70)
        usual cause: a client that knows none of the versions, the ciphers or the key exchanges which the server offers
    "#]],
    );
    says(
        Trouble::Refused(Alert::DECODE_ERROR),
        expect![[r#"
        the client refused the TLS handshake: it sent the alert decode_error (50)
        -
    "#]],
    );
    says(
        Trouble::Alert(Alert::CERTIFICATE_EXPIRED),
        expect![[r#"
        the client gave TLS up: it sent the alert certificate_expired (45)
        usual cause: a certificate that is not valid now, or a clock that is wrong
    "#]],
    );
    says(
        Trouble::Alert(Alert::new(200)),
        expect![[r#"
        the client gave TLS up: it sent the alert 200
        -
    "#]],
    );
    says(
        Trouble::Clear(Place::Within),
        expect![[r#"
        the client sent this in clear, in the middle of TLS
        usual cause: a client that goes on with the stream that TLS was to wrap, and not with the one that does
    "#]],
    );
    says(
        Trouble::Timeout { after: Duration::from_secs(1), stage: Stage::Hello(7) },
        expect![[r#"
        timed out in the TLS handshake, after 1 s: 7 bytes of its ClientHello had come
        -
    "#]],
    );
    says(
        Trouble::Ended { by: End::Reset, stage: Stage::Hello(0) },
        expect![[r#"
        the client reset the connection before the TLS handshake
        -
    "#]],
    );
    says(
        Trouble::Cut { bytes: 2, of: None },
        expect![[r#"
        the client ended its stream within a TLS record: 2 bytes of its header had come
        -
    "#]],
    );
}
