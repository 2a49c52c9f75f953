use super::{Framing, FramingError, Grouped};
use alloc::string::ToString;

#[test]
fn every_width_carries_the_length_big_endian() {
    for width in 1..=8 {
        let framing = Framing::length_prefixed(width);
        let frame = framing.encode(&[7; 200]).unwrap();
        assert_eq!(frame.len(), width + 200);
        assert_eq!(frame[width - 1], 200);
        assert!(frame[..width - 1].iter().all(|&byte| byte == 0));
        for cut in 0..width {
            assert_eq!(framing.decode(&frame[..cut]), Ok(None));
        }
        assert_eq!(framing.decode(&frame[..width]), Ok(Some(200)));
        assert_eq!(framing.decode(&frame), Ok(Some(200)));
    }
}

#[test]
fn the_longest_frame_is_legal_and_one_more_byte_is_not() {
    let framing = Framing::default().max_length(3);
    assert!(framing.encode(b"abc").is_ok());
    assert_eq!(framing.encode(b"abcd"), Err(FramingError::Payload { length: 4, max: 3 }));
    assert_eq!(framing.decode(&[0, 0, 0, 3]), Ok(Some(3)));
    assert_eq!(framing.decode(&[0, 0, 0, 4]), Err(FramingError::LengthField { length: 4, max: 3 }));
}

#[test]
fn a_narrow_field_limits_the_length_too() {
    assert!(Framing::length_prefixed(1).encode(&[0; 255]).is_ok());
    assert_eq!(Framing::length_prefixed(1).encode(&[0; 256]), Err(FramingError::Payload { length: 256, max: 255 }));
}

#[test]
fn a_hostile_length_is_named_in_full() {
    let error = Framing::default().decode(&[0xff; 4]).unwrap_err();
    assert_eq!(error.to_string(), "length field says 4,294,967,295 (maximum 16,777,216)");
    let error = Framing::length_prefixed(8).decode(&[0xff; 8]).unwrap_err();
    assert_eq!(error.to_string(), "length field says 18,446,744,073,709,551,615 (maximum 16,777,216)");
}

#[test]
fn a_field_of_no_or_too_many_bytes_is_refused() {
    for width in [0, 9] {
        assert!(std::panic::catch_unwind(|| Framing::length_prefixed(width)).is_err());
    }
}

#[test]
fn digits_are_grouped_by_three() {
    let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (16_777_216, "16,777,216"), (1_000_005, "1,000,005")];
    for (number, text) in cases {
        assert_eq!(Grouped(number).to_string(), text);
    }
}
