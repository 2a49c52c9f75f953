//! Frames from memory: matching alone.

use super::{Frames, PIECE, Size, connected, feed, per, profile};
use crate::harness::{median, nanos};
use crate::table::{Table, Unit};
use futures_lite::StreamExt;
use futures_lite::future::block_on;
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;
use tcpclient_core::framing::Framing;
use tcpclient_core::pattern::Pattern;
use tcpclient_core::session::Session;
use tcpclient_core::step::Step;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

pub(super) fn table(size: usize) -> Table {
    let title = format!("a frame of {}, from memory, {}", Size(size), profile());
    let mut table = Table::new(format!("frames.{size}"), title, Unit::Nanos);
    let frames = Rc::new(Frames::new(size));
    let count = (16 << 20) / frames.stream.len();
    let mut case = |name: &str, play: fn(&Frames) -> f64| {
        let frames = Rc::clone(&frames);
        table.case(name, count, move |count| {
            median(&mut (0..count).map(|_| per(play(&frames), frames.count)).collect::<Vec<_>>())
        });
    };
    case("tokio-util and assert_eq", tokio_util);
    case("ours", ours);
    case("ours, with pushing the steps", scripted);
    case("compare in the read buffer", in_place);
    case("slice equality", equality);
    let (must, aim) = match size {
        16 => (2.0, 4.0),
        256 => (2.0, 3.4),
        4096 => (1.0, 1.3),
        _ => (0.8, 1.0),
    };
    table.speed("ours", "tokio-util and assert_eq", must, aim);
    table
}

/// What both sides have to do: to get bytes into a buffer.
struct Source<'a>(&'a [u8]);

impl AsyncRead for Source<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (piece, rest) = self.0.split_at(self.0.len().min(buffer.remaining()));
        buffer.put_slice(piece);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

fn tokio_util(frames: &Frames) -> f64 {
    let start = Instant::now();
    let mut framed = FramedRead::with_capacity(Source(&frames.stream), LengthDelimitedCodec::new(), PIECE);
    block_on(async {
        for _ in 0..frames.count {
            let frame = framed.next().await.unwrap().unwrap();
            assert_eq!(frame, frames.message);
        }
        assert!(framed.next().await.is_none());
    });
    nanos(start)
}

fn steps(frames: &Frames) -> impl Iterator<Item = Step> {
    let (framing, pattern) = (Framing::default(), Pattern::from(&frames.message));
    (0..frames.count).map(move |_| Step::expect_frame(&framing, pattern.clone()))
}

fn ours(frames: &Frames) -> f64 {
    let mut session = connected(steps(frames));
    let start = Instant::now();
    play(&mut session, frames);
    nanos(start)
}

fn scripted(frames: &Frames) -> f64 {
    let start = Instant::now();
    let mut session = connected(steps(frames));
    play(&mut session, frames);
    nanos(start)
}

fn play(session: &mut Session, frames: &Frames) {
    let mut buffer = vec![0; PIECE];
    for piece in frames.stream.chunks(PIECE) {
        buffer[..piece.len()].copy_from_slice(piece);
        feed(session, &buffer[..piece.len()]);
    }
    assert!(session.is_done() && !session.has_failed());
}

/// No library: positions in the read buffer, and no diagnosis.
fn in_place(frames: &Frames) -> f64 {
    let start = Instant::now();
    let mut buffer = vec![0; PIECE];
    let frame = &frames.stream[..4 + frames.message.len()];
    let (mut matched, mut seen) = (0, 0);
    for piece in frames.stream.chunks(PIECE) {
        buffer[..piece.len()].copy_from_slice(piece);
        let mut rest = &buffer[..piece.len()];
        while !rest.is_empty() {
            let taken = rest.len().min(frame.len() - matched);
            assert!(rest[..taken] == frame[matched..matched + taken]);
            matched += taken;
            rest = &rest[taken..];
            if matched == frame.len() {
                matched = 0;
                seen += 1;
            }
        }
    }
    assert_eq!(seen, frames.count);
    nanos(start)
}

/// The limit: what there is to compare is there.
fn equality(frames: &Frames) -> f64 {
    let start = Instant::now();
    for frame in frames.stream.chunks(4 + frames.message.len()) {
        assert!(black_box(&frame[4..]) == black_box(&frames.message[..]));
    }
    nanos(start)
}
