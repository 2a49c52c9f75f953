//! A message that comes a byte at a time.

use super::{Size, connected, feed, per, profile};
use crate::harness::{median, nanos};
use crate::table::{Table, Unit};
use std::time::Instant;
use tcpclient_core::framing::Framing;
use tcpclient_core::step::Step;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

const LARGE: usize = 1 << 20;
const SMALL: usize = 64 << 10;

pub(super) fn table() -> Table {
    let title = format!("a byte of a message that comes byte by byte, {}", profile());
    let mut table = Table::new("frames.drip", title, Unit::Nanos);
    let mut case = |name: &str, size: usize, play: fn(&[u8]) -> f64| {
        let message: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        let bytes = Framing::default().encode(&message).unwrap();
        table.case(name, 2 * LARGE / size, move |count| {
            median(&mut (0..count).map(|_| per(play(&bytes), bytes.len())).collect::<Vec<_>>())
        });
    };
    let large = format!("ours, expect_bytes, {}", Size(LARGE));
    let small = format!("ours, expect_bytes, {}", Size(SMALL));
    let framed = format!("ours, expect_frame, {}", Size(LARGE));
    case("tokio-util and assert_eq, 1 MiB", LARGE, tokio_util);
    case(&large, LARGE, |bytes| drip(Step::expect_bytes(bytes), bytes));
    case(&small, SMALL, |bytes| drip(Step::expect_bytes(bytes), bytes));
    case(&framed, LARGE, |bytes| drip(Step::expect_frame(&Framing::default(), &bytes[4..]), bytes));
    table.limit(&large, 9.0, 5.0);
    table.limit(&framed, 9.0, 5.0);
    table.time(&large, &small, 1.25, 1.1);
    table
}

fn drip(step: Step, bytes: &[u8]) -> f64 {
    let mut session = connected([step]);
    let start = Instant::now();
    for byte in bytes {
        feed(&mut session, core::slice::from_ref(byte));
    }
    let time = nanos(start);
    assert!(session.is_done() && !session.has_failed());
    time
}

fn tokio_util(bytes: &[u8]) -> f64 {
    let mut codec = LengthDelimitedCodec::new();
    let (mut buffer, mut frame) = (BytesMut::new(), None);
    let start = Instant::now();
    for byte in bytes {
        assert!(frame.is_none());
        buffer.extend_from_slice(core::slice::from_ref(byte));
        frame = codec.decode(&mut buffer).unwrap();
    }
    assert_eq!(frame.unwrap(), bytes[4..]);
    nanos(start)
}
