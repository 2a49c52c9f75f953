use super::{Difference, Pattern, first_difference};
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
        let result = Pattern::exact(expected).compare(message);
        assert_eq!(result.err(), offset.map(|offset| Difference { offset }), "{expected:?} {message:?}");
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
