use super::{Duration, Span};
use alloc::string::ToString;

#[test]
fn a_span_is_told_in_its_largest_unit() {
    let micros = Duration::from_micros;
    for (span, text) in [
        (Duration::ZERO, "0 us"),
        (micros(1), "1 us"),
        (micros(999), "999 us"),
        (micros(1_000), "1 ms"),
        (micros(1_001), "1.001 ms"),
        (micros(1_500), "1.5 ms"),
        (micros(100_000), "100 ms"),
        (micros(999_999), "999.999 ms"),
        (micros(1_000_000), "1 s"),
        (micros(1_500_000), "1.5 s"),
        (micros(1_050_000), "1.05 s"),
        (micros(61_000_000), "61 s"),
        (micros(3_600_000_000), "3600 s"),
    ] {
        assert_eq!(Span(span).to_string(), text);
    }
}
