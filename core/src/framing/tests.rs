mod codecs;

use super::{Frame, Framing, FramingError, Grouped};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use codecs::{Amqp, SunRpc, WebSocket, http, resp};

/// A framing, a message, and the frame that carries it.
pub(crate) type Sample = (&'static str, Framing, &'static [u8], &'static [u8]);

/// Frames of real protocols.
pub(crate) fn census() -> Vec<Sample> {
    let field = Framing::length_field;
    vec![
        ("Kafka, ZooKeeper, Thrift", Framing::length_prefixed(4), b"\0\x12\0\x03", b"\0\0\0\x04\0\x12\0\x03"),
        ("DNS over TCP", Framing::length_prefixed(2), b"\xab\xcd\x01", b"\0\x03\xab\xcd\x01"),
        ("Postgres", field(1, 4).inclusive(), b"QSELECT 1\0", b"Q\0\0\0\x0dSELECT 1\0"),
        ("Postgres, no body", field(1, 4).inclusive(), b"X", b"X\0\0\0\x04"),
        ("Postgres start-up", field(0, 4).counting_all(), b"\0\x03\0\0user", b"\0\0\0\x0c\0\x03\0\0user"),
        ("MySQL", field(0, 3).little_endian().adjusted(1), b"\0\x03SELECT 1", b"\x09\0\0\0\x03SELECT 1"),
        ("MongoDB", field(0, 4).little_endian().counting_all(), b"\x01\0\0\0\0\0\0\0", b"\x0c\0\0\0\x01\0\0\0\0\0\0\0"),
        ("Modbus TCP", field(4, 2), b"\0\x07\0\0\x01\x03\0\x01", b"\0\x07\0\0\0\x04\x01\x03\0\x01"),
        ("CQL", field(5, 4), b"\x04\0\0\x01\x07SELECT", b"\x04\0\0\x01\x07\0\0\0\x06SELECT"),
        ("HTTP/2", field(0, 3).adjusted(6), b"\x06\0\0\0\0\0pingpong", b"\0\0\x08\x06\0\0\0\0\0pingpong"),
        ("AMQP 0-9-1", field(3, 4).adjusted(1), b"\x08\0\0body\xce", b"\x08\0\0\0\0\0\x04body\xce"),
        ("AMQP 1.0, SMPP", field(0, 4).counting_all(), b"\x02\0\0\0", b"\0\0\0\x08\x02\0\0\0"),
        ("TDS", field(2, 2).counting_all(), b"\x12\x01\0\0\x01\0body", b"\x12\x01\0\x0c\0\0\x01\0body"),
        ("TLS record", field(3, 2), b"\x16\x03\x01hello", b"\x16\x03\x01\0\x05hello"),
        ("gRPC", field(1, 4), b"\0message", b"\0\0\0\0\x07message"),
        (
            "BGP",
            field(16, 2).counting_all(),
            &[0xff; 17],
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x13\xff",
        ),
        ("PROXY v2", field(14, 2), b"\r\n\r\n\0\r\nQUIT\n\x21\x11addr", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04addr"),
        (
            "memcached",
            field(8, 4).adjusted(12),
            b"\x80\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0key",
            b"\x80\0\0\x03\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0key",
        ),
        ("NetBIOS", field(1, 3), b"\0SMB", b"\0\0\0\x03SMB"),
        ("Docker stream", field(4, 4), b"\x01\0\0\0out", b"\x01\0\0\0\0\0\0\x03out"),
        ("MQTT", Framing::varint().at(1).max_width(4), b"\xc0", b"\xc0\0"),
        ("protobuf", Framing::varint().max_width(5), b"message", b"\x07message"),
        ("SMTP, FTP, IRC, POP3", Framing::lines(), b"EHLO me", b"EHLO me\r\n"),
        ("SMTP data", Framing::delimited("\r\n.\r\n").keep_delimiter(), b"mail\r\n.\r\n", b"mail\r\n.\r\n"),
        ("STOMP", Framing::delimited("\0"), b"CONNECT\n\n", b"CONNECT\n\n\0"),
        ("SOCKS5", Framing::fixed(3), b"\x05\x01\0", b"\x05\x01\0"),
        ("a whole frame", field(4, 2).whole(), b"\0\x07\0\0\0\x02ab", b"\0\x07\0\0\0\x02ab"),
        ("RESP, simple", Framing::codec(resp), b"+OK\r\n", b"+OK\r\n"),
        ("RESP, nested", Framing::codec(resp), b"*2\r\n$3\r\nGET\r\n*1\r\n:7\r\n", b"*2\r\n$3\r\nGET\r\n*1\r\n:7\r\n"),
        (
            "HTTP/1.1",
            Framing::codec(http),
            b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi",
            b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi",
        ),
        ("WebSocket", Framing::codec(WebSocket), b"Hello", b"\x82\x05Hello"),
        ("AMQP 0-9-1 by a codec", Framing::codec(Amqp), b"\x08\0\0body", b"\x08\0\0\0\0\0\x04body\xce"),
        ("SunRPC", Framing::codec(SunRpc), b"call", b"\x80\0\0\x04call"),
    ]
}

#[test]
fn frames_of_real_protocols_are_cut_out_and_made() {
    for (name, framing, message, wire) in census() {
        assert_eq!(framing.encode(message).as_deref(), Ok(wire), "{name}");
        let frame = Frame { len: wire.len(), message: message.to_vec() };
        for cut in 0..wire.len() {
            assert_eq!(framing.decode(&wire[..cut]), Ok(None), "{name}, {cut} bytes");
        }
        for behind in [&b""[..], b"\0", b"\r\n", wire] {
            assert_eq!(framing.decode(&[wire, behind].concat()), Ok(Some(frame.clone())), "{name}");
        }
    }
}

#[test]
fn the_longest_message_is_legal_and_one_more_byte_is_not() {
    for (name, framing, message, wire) in census() {
        let longest = framing.clone().max_length(message.len().max(wire.len() * usize::from(name_of_codec(name))));
        assert!(longest.decode(wire).is_ok_and(|frame| frame.is_some()), "{name}");
        assert_eq!(framing.clone().max_length(message.len()).encode(message).as_deref(), Ok(wire), "{name}");
        let shorter = framing.max_length(message.len() - 1);
        assert!(matches!(shorter.encode(message), Err(FramingError::Message { .. })), "{name}");
        if name != "SOCKS5" {
            assert!(shorter.decode(wire).is_err(), "{name}: {:?}", shorter.decode(wire));
        }
    }
}

/// The maximum of a codec is that of its frames.
fn name_of_codec(name: &str) -> bool {
    ["RESP", "HTTP/1.1", "WebSocket", "SunRPC", "AMQP 0-9-1 by"].iter().any(|codec| name.starts_with(codec))
}

#[test]
fn lines_of_a_client_may_end_with_lf_alone() {
    let lines = Framing::lines();
    for (bytes, len, message) in
        [("a\nb\r\n", 2, "a"), ("a\r\n", 3, "a"), ("\n", 1, ""), ("\r\n", 2, ""), ("a\r\r\n", 4, "a\r")]
    {
        let frame = Frame { len, message: message.as_bytes().to_vec() };
        assert_eq!(lines.decode(bytes.as_bytes()), Ok(Some(frame)), "{bytes:?}");
    }
    assert_eq!(lines.clone().max_length(1).decode(b"ab\n"), Err(FramingError::NoEnd { max: 1 }));
    assert_eq!(lines.max_length(1).decode(b"ab\r"), Err(FramingError::NoEnd { max: 1 }));
}

#[test]
fn no_maximum_at_all_is_legal() {
    let endless = |framing: Framing| framing.max_length(usize::MAX);
    assert!(endless(Framing::lines()).decode(b"a\n").is_ok_and(|frame| frame.is_some()));
    assert_eq!(endless(Framing::length_prefixed(8)).decode(&[0xff; 9]), Ok(None));
    assert_eq!(endless(Framing::varint()).decode(&[0xff, 0xff, 1, 0]), Ok(None));
}

#[test]
fn a_delimiter_that_begins_twice_is_found() {
    let framing = Framing::delimited("aab");
    assert_eq!(framing.decode(b"aaab"), Ok(Some(Frame { len: 4, message: b"a".to_vec() })));
    assert_eq!(framing.decode(b"aaaa"), Ok(None));
}

#[test]
fn every_width_carries_the_length() {
    for width in 1..=8 {
        let framing = Framing::length_prefixed(width);
        let frame = framing.encode(&[7; 200]).unwrap();
        assert_eq!(frame.len(), width + 200);
        assert_eq!(frame[width - 1], 200);
        assert!(frame[..width - 1].iter().all(|&byte| byte == 0));
        let little = framing.little_endian().encode(&[7; 200]).unwrap();
        assert_eq!(little[0], 200);
        assert!(little[1..width].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_varint_takes_as_many_bytes_as_its_length_needs() {
    let mqtt = Framing::varint().at(1).max_width(4);
    for (rest, width) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (2_097_151, 3), (2_097_152, 4)] {
        let message = vec![0x30; 1 + rest];
        let frame = mqtt.encode(&message).unwrap();
        assert_eq!(frame.len(), 1 + width + rest);
        assert_eq!(mqtt.decode(&frame), Ok(Some(Frame { len: frame.len(), message })), "{rest}");
    }
    let narrow = Framing::varint().max_width(1);
    assert_eq!(narrow.encode(&[0; 128]), Err(FramingError::Message { length: 128, max: 127 }));
    let error = FramingError::Message { length: 16_385, max: 16_384 };
    assert_eq!(Framing::varint().at(1).max_width(2).encode(&[0; 16_385]), Err(error));
    assert_eq!(mqtt.decode(b"\x30\x80\x80\x80\x80"), Err(FramingError::Varint { max: 4 }));
    let hostile = Framing::varint().decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(hostile.unwrap_err().to_string(), "length field says 18,446,744,073,709,551,615 (maximum 16,777,216)");
}

#[test]
fn a_narrow_field_limits_the_length_too() {
    assert!(Framing::length_prefixed(1).encode(&[0; 255]).is_ok());
    assert_eq!(Framing::length_prefixed(1).encode(&[0; 256]), Err(FramingError::Message { length: 256, max: 255 }));
    assert!(Framing::length_field(1, 1).inclusive().encode(&[0; 255]).is_ok());
    let error = FramingError::Message { length: 256, max: 255 };
    assert_eq!(Framing::length_field(1, 1).inclusive().encode(&[0; 256]), Err(error));
}

#[test]
fn what_is_no_frame_is_named_in_full() {
    let cases: [(Framing, &[u8], &str); 10] = [
        (Framing::default(), &[0xff; 4], "length field says 4,294,967,295 (maximum 16,777,216)"),
        (Framing::default(), b"\x05\0\0\0", "length field says 83,886,080 (maximum 16,777,216): wrong endianness?"),
        (Framing::default(), b"\x7f\xff\xff\xff", "length field says 2,147,483,647 (maximum 16,777,216)"),
        (
            Framing::default().little_endian(),
            b"\0\0\0\x05",
            "length field says 83,886,080 (maximum 16,777,216): wrong endianness?",
        ),
        (Framing::length_prefixed(8), &[0xff; 8], "length field says 18,446,744,073,709,551,615 (maximum 16,777,216)"),
        (Framing::length_field(1, 4).inclusive(), b"Q\0\0\0\x03", "length field says 3 (minimum 4)"),
        (Framing::delimited("\0").max_length(3), b"abcd", "it has no end within the maximum of 3 bytes"),
        (Framing::codec(Amqp), b"\x08\0\0\0\0\0\x01x\xcf", "it ends with 0xcf instead of 0xce"),
        (Framing::codec(resp), b"?\r\n", "no value begins with '?'"),
        (Framing::codec(|_: &[u8]| Ok(Some(0))), b"", "a frame of no bytes at all"),
    ];
    for (framing, bytes, text) in cases {
        assert_eq!(framing.decode(bytes).unwrap_err().to_string(), text, "{framing:?}");
    }
}

#[test]
fn a_message_that_no_frame_carries_is_refused() {
    let cases: [(Framing, &[u8], &str); 7] = [
        (Framing::default().max_length(3), b"abcd", "a frame of 4 bytes is longer than the framing's maximum of 3"),
        (Framing::length_field(4, 2), b"abc", "a frame of 3 bytes is shorter than the 4 that this framing demands"),
        (Framing::fixed(3), b"ab", "a frame of 2 bytes is not of the fixed length of 3"),
        (Framing::codec(WebSocket), &[0; 126], "too long for this test"),
        (Framing::lines(), b"a\nb", "the message has the framing's delimiter in it: it would be two"),
        (
            Framing::delimited(";").keep_delimiter(),
            b"a",
            "the message does not end with the framing's delimiter, which is a part of it",
        ),
        (
            Framing::length_prefixed(1).adjusted(300),
            b"abc",
            "a frame of 3 bytes is shorter than the 300 that this framing demands",
        ),
    ];
    for (framing, message, text) in cases {
        assert_eq!(framing.encode(message).unwrap_err().to_string(), text, "{framing:?}");
    }
}

#[test]
fn what_a_framing_does_not_have_cannot_be_set() {
    let wrong: [fn() -> Framing; 12] = [
        || Framing::length_prefixed(0),
        || Framing::length_prefixed(9),
        || Framing::length_field(17, 2),
        || Framing::varint().at(17),
        || Framing::varint().max_width(0),
        || Framing::varint().max_width(11),
        || Framing::fixed(0),
        || Framing::delimited(""),
        || Framing::lines().little_endian(),
        || Framing::varint().inclusive(),
        || Framing::lines().at(1),
        || Framing::fixed(1).keep_delimiter(),
    ];
    for (i, framing) in wrong.iter().enumerate() {
        assert!(std::panic::catch_unwind(framing).is_err(), "{i}");
    }
}

#[test]
fn a_framing_is_shown_as_it_is_written() {
    let cases = [
        (Framing::default(), "Framing::length_prefixed(4)"),
        (
            Framing::length_field(4, 2).little_endian().max_length(9),
            "Framing::length_field(4, 2).little_endian().max_length(9)",
        ),
        (Framing::length_field(0, 4).inclusive().whole(), "Framing::length_prefixed(4).inclusive().whole()"),
        (Framing::length_field(2, 4).counting_all(), "Framing::length_field(2, 4).counting_all()"),
        (Framing::length_field(2, 4).adjusted(-3), "Framing::length_field(2, 4).adjusted(-3)"),
        (Framing::varint().at(1).max_width(4), "Framing::varint().at(1).max_width(4)"),
        (Framing::lines().keep_delimiter(), "Framing::lines().keep_delimiter()"),
        (Framing::delimited("\0"), "Framing::delimited(\"\\0\")"),
        (Framing::delimited(b"\xff\r"), "Framing::delimited(b\"\\xff\\r\")"),
        (Framing::fixed(8), "Framing::fixed(8)"),
        (Framing::codec(resp), "Framing::codec(..)"),
    ];
    for (framing, text) in cases {
        assert_eq!(format!("{framing:?}"), text);
    }
}

#[test]
fn digits_are_grouped_by_three() {
    let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (16_777_216, "16,777,216"), (1_000_005, "1,000,005")];
    for (number, text) in cases {
        assert_eq!(Grouped(number).to_string(), text);
    }
}

#[test]
fn a_message_that_ends_before_its_varint_would_stand_has_no_frame() {
    let error = Framing::varint().at(2).encode(b"a").unwrap_err();
    assert_eq!(error, FramingError::Lead { length: 1, lead: 2 });
    assert_eq!(Framing::varint().at(2).encode(b"ab"), Ok(vec![b'a', b'b', 0]));
}
