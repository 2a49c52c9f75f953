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
        (b"\x1b[0m", "[1b 5b 30 6d]"),
        (b"\x7f", "[7f]"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Preview::of(bytes).to_string(), expected);
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
