use super::{Pattern, first_difference};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

#[test]
fn a_message_differs_at_its_first_wrong_missing_or_surplus_byte() {
    let cases: [(&[u8], &[u8], Option<usize>); 8] = [
        (b"", b"", None),
        (b"abc", b"abc", None),
        (b"abc", b"abd", Some(2)),
        (b"abc", b"xbc", Some(0)),
        (b"abc", b"ab", Some(2)),
        (b"abc", b"abcd", Some(3)),
        (b"", b"a", Some(0)),
        (b"a", b"", Some(0)),
    ];
    for (expected, message, offset) in cases {
        let result = Pattern::exact(expected).check(message);
        assert_eq!(result.err().and_then(|mismatch| mismatch.offset()), offset, "{expected:?} {message:?}");
    }
}

#[test]
fn each_pattern_says_why_a_message_does_not_match() {
    let cases = [
        (Pattern::exact("abc"), "abc", "abd", "it differs at byte 2"),
        (Pattern::prefix("EHLO "), "EHLO me", "EHLO", "it does not begin with \"EHLO \""),
        (Pattern::prefix(""), "", "", ""),
        (Pattern::suffix("\r\n"), "a\r\n", "a\n", "it does not end with \"\\r\\n\""),
        (Pattern::contains("user"), "the user", "us er", "it does not contain \"user\""),
        (Pattern::contains(""), "", "", ""),
        (Pattern::any(), "", "", ""),
        (Pattern::matching(|message: &[u8]| message.len() == 3), "abc", "ab", "the closure does not take it"),
        (
            Pattern::matching(|message: &[u8]| if message.is_empty() { Err("it is empty") } else { Ok(()) }),
            "a",
            "",
            "it is empty",
        ),
        #[cfg(feature = "regex")]
        (Pattern::regex("^a+$"), "aaa", "aab", "it does not match the regular expression \"^a+$\""),
    ];
    for (pattern, right, wrong, reason) in cases {
        assert!(pattern.check(right.as_bytes()).is_ok(), "{pattern:?} {right:?}");
        let mismatch = pattern.check(wrong.as_bytes()).err();
        assert_eq!(mismatch.map(|mismatch| mismatch.to_string()).unwrap_or_default(), reason, "{pattern:?} {wrong:?}");
    }
}

#[test]
fn a_prefix_says_where_it_ends() {
    let offset = |message: &str| Pattern::prefix("abc").check(message.as_bytes()).unwrap_err().offset();
    assert_eq!(offset("abd"), Some(2));
    assert_eq!(offset("ab"), Some(2));
    assert_eq!(offset(""), Some(0));
}

#[test]
fn what_can_be_seen_as_bytes_is_an_exact_pattern() {
    for pattern in
        [Pattern::from("a"), Pattern::from(b"a"), Pattern::from(vec![b'a']), Pattern::from(String::from("a"))]
    {
        assert!(pattern.check(b"a").is_ok());
        assert!(pattern.check(b"b").is_err());
    }
}

#[test]
fn a_difference_is_found_at_every_offset_of_a_large_message() {
    let expected: Vec<u8> = (0..5000).map(|i: u32| (i % 251) as u8).collect();
    for offset in (0..5000).step_by(97).chain([1023, 1024, 1025, 4999]) {
        let mut message = expected.clone();
        message[offset] ^= 0x80;
        assert_eq!(first_difference(&expected, &message), Some(offset));
    }
}

#[test]
fn only_the_part_that_both_sides_have_is_compared() {
    assert_eq!(first_difference(b"abc", b"ab"), None);
    assert_eq!(first_difference(&vec![0; 3000], &vec![0; 2000]), None);
}

#[test]
fn a_pattern_is_shown_as_the_argument_that_it_is() {
    assert_eq!(format!("{:?}", Pattern::exact("abc\r\n")), r#""abc\r\n""#);
    assert_eq!(format!("{:?}", Pattern::prefix("abc")), r#"prefix("abc")"#);
    assert_eq!(format!("{:?}", Pattern::any().described("a\nb")), "a b");
}

#[cfg(feature = "regex")]
#[test]
fn an_expression_that_makes_no_sense_is_refused_at_once() {
    let payload = std::panic::catch_unwind(|| Pattern::regex("(")).unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("regex: ") && text.contains("unclosed group"), "{text}");
}
