use super::{Count, LIMIT, Preview};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

#[test]
fn text_is_shown_as_text_and_all_else_in_hexadecimal() {
    let cases: [(&[u8], &str); 8] = [
        (b"", r#""""#),
        (b"Hello", r#""Hello""#),
        (b"say \"hi\"\r\n\t\\", r#""say \"hi\"\r\n\t\\""#),
        ("caf\u{e9} \u{1f600}".as_bytes(), "\"caf\u{e9} \u{1f600}\""),
        (b"\0\0\0\x02hi", "[00 00 00 02 68 69]"),
        (b"\xff", "[ff]"),
        (b"\x1b\xff\x01[0m", "[1b ff 01 5b 30 6d]"),
        (b"\x7f", "[7f]"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Preview::of(bytes).to_string(), expected);
    }
}

#[test]
fn what_is_mostly_text_is_shown_as_text() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0];
    let http2 = [&preface[..], &settings].concat();
    let cases: [(&str, &[u8], &str); 13] = [
        ("Postgres, a query", b"QSELECT 2\0", r#""QSELECT 2\0""#),
        (
            "Postgres, the start",
            b"\0\x03\0\0user\0me\0database\0test\0\0",
            r#""\0\x03\0\0user\0me\0database\0test\0\0""#,
        ),
        ("Postgres, terminate", b"X\0\0\0\x04", "[58 00 00 00 04]"),
        ("MQTT, PUBLISH", b"0\0\x05topichello", r#""0\0\x05topichello""#),
        ("MQTT, CONNECT", b"\x10\0\x04MQTT\x04\x02\0\x3c\0\x02id", "[10 00 04 4d 51 54 54 04 02 00 3c 00 02 69 64]"),
        ("HTTP/2", &http2, r#""PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0\0\x02\0"..."#),
        ("a frame of text", b"\0\0\0\x0eHello, server!", r#""\0\0\0\x0eHello, server!""#),
        ("colours", b"\x1b[0m\x7f ok", r#""\x1b[0m\x7f ok""#),
        ("another encoding", b"gr\xfcn", r#""gr\xfcn""#),
        ("control characters", "gr\u{fc}n!\0\u{80}".as_bytes(), "\"gr\u{fc}n!\\0\\u{80}\""),
        ("few bytes", b"Q2\0", "[51 32 00]"),
        ("numbers", b"\0\0\0\x0a\0\0\0\x41", "[00 00 00 0a 00 00 00 41]"),
        ("UTF-16", b"H\0e\0l\0l\0o\0", "[48 00 65 00 6c 00 6c 00 6f 00]"),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(Preview::of(bytes).to_string(), expected, "{what}");
    }
}

#[test]
fn a_line_is_cut_at_its_limit_and_not_before() {
    let text = |len: usize| "a".repeat(len);
    assert_eq!(Preview::of(text(LIMIT).as_bytes()).to_string(), format!("{:?}", text(LIMIT)));
    assert_eq!(Preview::of(text(LIMIT + 1).as_bytes()).to_string(), format!("{:?}...", text(LIMIT)));
    assert_eq!(Preview::of(&[0; 16]).to_string(), format!("[{}]", vec!["00"; 16].join(" ")));
    assert_eq!(Preview::of(&[0; 17]).to_string(), format!("[{}]...", vec!["00"; 16].join(" ")));
}

#[test]
fn a_cut_through_a_character_leaves_text_text() {
    let text: String = "a".repeat(LIMIT - 1) + "\u{e9}!";
    assert_eq!(Preview::of(text.as_bytes()).to_string(), format!("{:?}...", "a".repeat(LIMIT - 1)));
    assert_eq!(Preview::of(b"a\xc3").to_string(), "[61 c3]", "an incomplete character at the real end is not text");
}

#[test]
fn one_byte_is_singular() {
    assert_eq!(Count(0).to_string(), "0 bytes");
    assert_eq!(Count(1).to_string(), "1 byte");
    assert_eq!(Count(1_048_576).to_string(), "1,048,576 bytes");
}
