//! Framings of all kinds, with bytes of all kinds.

use super::input::Input;
use tcpclient_core::framing::Framing;

/// Cuts frames off the bytes, and builds one: what is decoded must be the same when it is encoded and decoded again, what is built must be
/// read, and the cuts must not matter. Returns how many frames there were.
///
/// # Panics
/// Panics if one of these is not so.
pub fn check(bytes: &[u8]) -> usize {
    let mut input = Input::new(bytes);
    let (framing, is_whole) = framing(&mut input);
    let message = input.take(usize::from(bytes.first().copied().unwrap_or(0) % 20));
    if let Ok(frame) = framing.encode(message) {
        // Other bytes behind it change nothing, and none of its beginnings is one.
        for behind in [&b""[..], b"\0", b"\xff\xff"] {
            let decoded = framing.decode(&[&frame, behind].concat()).unwrap().unwrap();
            assert_eq!(decoded.len, frame.len(), "{framing:?}");
            // Where the header belongs to the message, what stands there is overwritten.
            assert_eq!(framing.encode(&decoded.message).as_ref(), Ok(&frame), "{framing:?}");
            assert!(is_whole || decoded.message == message, "{framing:?}: {message:?} became {decoded:?}");
        }
        for len in 0..frame.len() {
            assert_eq!(framing.decode(&frame[..len]), Ok(None), "{framing:?}: {len} bytes of {frame:?}");
        }
    }

    let stream = input.rest();
    let (mut rest, mut frames) = (stream, 0);
    while let Ok(Some(frame)) = framing.decode(rest) {
        assert!(frame.len > 0 && frame.len <= rest.len(), "{framing:?}");
        assert_eq!(framing.decode(&rest[..frame.len]), Ok(Some(frame.clone())), "{framing:?}");
        for len in 0..frame.len {
            assert_eq!(framing.decode(&rest[..len]), Ok(None), "{framing:?}: {len} bytes of {rest:?}");
        }
        // A number can be written in several ways, and a line can end in two.
        let again = framing.encode(&frame.message).unwrap_or_else(|error| panic!("{framing:?}: {error}, {frame:?}"));
        let decoded = framing.decode(&again).unwrap().unwrap();
        assert_eq!((decoded.len, decoded.message), (again.len(), frame.message), "{framing:?}");
        rest = &rest[frame.len..];
        frames += 1;
    }
    frames
}

/// Returns a framing, and whether its header belongs to the message.
fn framing(input: &mut Input<'_>) -> (Framing, bool) {
    let mut is_whole = false;
    let framing = match input.below(8) {
        0..=3 => {
            let (offset, width) = (input.below(4), 1 + input.below(8));
            let framing = Framing::length_field(offset, width);
            let framing = if input.below(2) == 0 { framing } else { framing.little_endian() };
            let framing = match input.below(6) {
                0 => framing.inclusive(),
                1 => framing.counting_all(),
                2 => framing.adjusted(i32::from(input.byte()) - 128),
                _ => framing,
            };
            is_whole = offset > 0 || input.below(3) == 0;
            if is_whole { framing.whole() } else { framing }
        }
        4 => Framing::varint().max_width(1 + input.below(10)),
        5 => Framing::lines(),
        6 => {
            let delimiter = [&b"\0"[..], b"ab", b"aab", b"\r\n\r\n"][input.below(4)];
            let framing = Framing::delimited(delimiter);
            if input.below(2) == 0 { framing } else { framing.keep_delimiter() }
        }
        _ => return (Framing::fixed(1 + input.below(20)), false),
    };
    let framing = match input.below(4) {
        0 => framing.max_length(input.below(30)),
        1 => framing.max_length(usize::MAX),
        2 => framing.max_length(300),
        _ => framing,
    };
    (framing, is_whole)
}
