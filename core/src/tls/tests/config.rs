//! What cannot be asked for, and what is not told.

use super::*;
use std::panic::catch_unwind;

#[track_caller]
fn refuses<T>(act: impl FnOnce() -> T + std::panic::UnwindSafe, expected: &Expect) {
    let Err(payload) = catch_unwind(act) else { panic!("it is to be refused") };
    let text = payload.downcast_ref::<String>().cloned();
    expected.assert_eq(&text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap());
}

#[test]
fn values_that_make_no_sense() {
    refuses(
        || Identity::for_names([""; 0]),
        &expect!["Identity::for_names: a certificate for no name is for no server"],
    );
    for name in ["", " ", "a b", "[::1]", "example.com:443", "a..b", "localhost.", "h\u{f6}st", &"a".repeat(300)] {
        let Err(payload) = catch_unwind(|| Identity::for_names([name])) else { panic!("{name:?} is to be refused") };
        let text = payload.downcast_ref::<String>().unwrap();
        let expected = format!(
            "Identity::for_names: {name:?} is neither the name of a host nor an IP address: give it without a port, without brackets \
             and, if it is not ASCII, in its encoded form (xn--)"
        );
        assert_eq!(*text, expected);
    }
    for name in ["localhost", "*.example.com", "xn--mnchen-3ya.de", "::1", "10.0.0.1", "a_b"] {
        Identity::for_names([name]);
    }
    refuses(
        || Identity::new().tls().server_name("localhost."),
        &expect![[r#"server_name: clients ask without the dot at the end of "localhost.""#]],
    );
    refuses(
        || Identity::new().tls().server_name("127.0.0.1"),
        &expect![[r#"server_name: no client asks for an IP address by name, "127.0.0.1""#]],
    );
    refuses(|| Identity::new().tls().server_name(""), &expect![[r#"server_name: "" is no name of a host"#]]);
    refuses(
        || Identity::new().tls().alpn(""),
        &expect!["alpn: the name of a protocol has 1 to 255 bytes, and this has 0"],
    );
    refuses(
        || Identity::new().tls().alpn([7; 256]),
        &expect!["alpn: the name of a protocol has 1 to 255 bytes, and this has 256"],
    );
    refuses(
        || Tls::from(Arc::clone(&Identity::new().tls().config)).alpn("h2"),
        &expect![[r#"alpn: the configuration does not offer "h2" in its alpn_protocols"#]],
    );
    refuses(|| Step::refuse_tls(Alert::CLOSE_NOTIFY), &expect!["refuse_tls: a close_notify refuses nothing"]);
}

/// Some clients refuse what is valid for longer than 825 days.
#[test]
fn a_certificate_is_valid_for_a_year() {
    let identity = Identity::new();
    let mut talk = Talk::of(&identity, vec![Step::expect_connect(), Step::start_tls(&identity)]);
    talk.pump();
    let certificate = &talk.client.peer_certificates().unwrap()[0];
    // RFC 5280: two times of the form YYMMDDHHMMSSZ, of type 23 and with 13 bytes.
    let times = certificate.windows(15).filter(|window| window[..2] == [23, 13] && window[14] == b'Z');
    let years = times.map(|time| str::from_utf8(&time[2..4]).unwrap().parse::<u32>().unwrap());
    let [from, to] = years.collect::<Vec<_>>()[..] else { panic!("there are two") };
    // A year, and the day before.
    assert!((1..=2).contains(&(to - from)), "from {from} to {to}");
}

/// A client that knows another root of this kind is not to take it for this one.
#[test]
fn every_root_has_a_name_of_its_own() {
    let id = |identity: Identity| {
        let prefix = b"tcpclient test root ";
        let der = identity.root_der();
        let at = der.windows(prefix.len()).position(|window| window == prefix).unwrap() + prefix.len();
        u32::from_str_radix(str::from_utf8(&der[at..at + 8]).unwrap(), 16).unwrap()
    };
    let (one, other) = (id(Identity::new()), id(Identity::new()));
    assert!(one != other && one | other > 0xff_ffff, "{one:08x} {other:08x}");
}

#[test]
fn no_key_is_shown() {
    let identity = Identity::new();
    let tls = identity.tls().server_name("localhost").alpn("h2");
    assert_eq!(format!("{identity:?}"), r#"Identity { names: ["localhost", "127.0.0.1", "::1"], .. }"#);
    assert_eq!(format!("{tls:?}"), r#"Tls(server name "localhost", ALPN "h2")"#);
}

/// The private key, however it may be written, is in nothing that is shown: of a configuration whose key is known.
#[test]
fn the_private_key_is_nowhere() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    let der = key.serialize_der();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der.clone().try_into().unwrap())
        .unwrap();
    let tls = Tls::from(Arc::new(config));
    let identity = Identity::new();
    let script =
        vec![Step::expect_connect(), Step::start_tls(&tls), Step::expect_bytes("ping"), Step::expect_bytes("x")];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let mut client = identity.client_config();
    client.dangerous().set_certificate_verifier(
        rustls::client::WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(rustls::crypto::ring::default_provider()),
        )
        .build()
        .unwrap(),
    );
    let mut talk = Talk::new(client, "localhost", script);
    talk.pump();
    talk.say(b"ping");
    talk.close();
    assert_eq!(talk.session.done(), 3);
    let report = talk.report();
    let texts = [
        report.to_string(),
        format!("{report:?}"),
        talk.transcript(),
        format!("{:?}", talk.session),
        format!("{tls:?} {:?}", Step::start_tls(&tls)),
    ];
    for secret in spellings(&der) {
        for text in &texts {
            assert!(!text.contains(&secret), "{secret} in {text}");
        }
    }
    // The search finds what there is.
    let shown = format!("{der:02x?} {der:?} {}", key.serialize_pem());
    assert_eq!(spellings(&der).iter().filter(|secret| shown.contains(&secret[..])).count(), 3, "{shown}");
}

/// Returns ways to write the secret part of a key: the 32 bytes of its scalar, or what makes a line of them.
fn spellings(der: &[u8]) -> Vec<String> {
    // RFC 5915: an octet string of 32 bytes behind the version 1.
    let at = der.windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap() + 5;
    let scalar = &der[at..at + 32];
    let join = |of: &dyn Fn(&u8) -> String, by: &str| scalar.iter().map(of).collect::<Vec<_>>().join(by);
    // In PEM, 48 bytes make a line of 64 characters, and 3 of them make 4.
    let aligned = &der[at.next_multiple_of(3)..(at + 30) / 3 * 3];
    vec![
        join(&|byte| format!("{byte:02x}"), ", "),
        join(&|byte| format!("{byte:02x}"), " "),
        join(&|byte| format!("{byte:02x}"), ""),
        join(&|byte| format!("{byte}"), ", "),
        base64(&aligned[..12]),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0_usize, |bits, &byte| bits << 8 | usize::from(byte));
        [18, 12, 6, 0].map(|shift| ALPHABET[bits >> shift & 63])
    });
    sextets.map(char::from).collect()
}

#[test]
fn the_root_certificate_is_there_in_both_forms() {
    let identity = Identity::new();
    let lines: Vec<&str> = identity.root_pem().lines().collect();
    let [first, body @ .., last] = &lines[..] else { panic!("it has lines") };
    assert_eq!((*first, *last), ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"));
    // What is in full groups of 3 bytes is written the same without the padding behind it.
    let der = identity.root_der();
    assert!(body.concat().starts_with(&base64(&der[..der.len() / 3 * 3])));
}
