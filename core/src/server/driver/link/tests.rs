use super::super::lane::Earliest;
use super::{LASTING, Link};
use crate::server::tests::Fake;
use crate::time::Instant;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};
use std::io::{self, ErrorKind};

/// Writes to a client that has ended its stream, where the transport answers so. Returns what that came to, and what was written.
fn write(
    bytes: &[u8],
    answers: impl IntoIterator<Item = Poll<io::Result<usize>>>,
) -> (Poll<Result<usize, ErrorKind>>, Vec<u8>) {
    let fake = Fake::default();
    fake.wire().writes = answers.into_iter().collect();
    let mut link = Link::new(fake.clone());
    link.ended = true;
    let polled = link.poll_write(&mut Context::from_waker(Waker::noop()), Instant::ORIGIN, bytes);
    let polled = polled.map(|result| result.map_err(|error| error.kind()));
    let written = core::mem::take(&mut fake.wire().written);
    (polled, written)
}

fn took(count: usize) -> Poll<io::Result<usize>> {
    Poll::Ready(Ok(count))
}

fn refused(kind: ErrorKind) -> Poll<io::Result<usize>> {
    Poll::Ready(Err(kind.into()))
}

#[test]
fn the_last_byte_goes_in_a_packet_of_its_own_if_the_others_have_gone() {
    assert_eq!(write(b"pong", []), (Poll::Ready(Ok(4)), b"pong".to_vec()));
    assert_eq!(write(b"!", []), (Poll::Ready(Ok(1)), b"!".to_vec()));
    // What does not fit comes again with the next write.
    assert_eq!(write(b"pong", [took(2)]), (Poll::Ready(Ok(2)), b"po".to_vec()));
    assert_eq!(write(b"pong", [took(3), Poll::Pending]), (Poll::Ready(Ok(3)), b"pon".to_vec()));
    assert_eq!(write(b"pong", [took(3), refused(ErrorKind::Interrupted)]), (Poll::Ready(Ok(3)), b"pon".to_vec()));
    // Of which nothing is known is waited for, or told.
    assert_eq!(write(b"pong", [Poll::Pending]), (Poll::Pending, Vec::new()));
    assert_eq!(write(b"pong", [refused(ErrorKind::Interrupted)]).0, Poll::Ready(Err(ErrorKind::Interrupted)));
    // That the client is gone is worth more than what was written.
    assert_eq!(write(b"pong", [took(3), refused(ErrorKind::BrokenPipe)]).0, Poll::Ready(Err(ErrorKind::BrokenPipe)));
}

#[test]
fn a_connection_that_has_lasted_is_watched_once() {
    let mut link = Link::new(Fake::default());
    let now = Instant::ORIGIN;
    let due = |link: &Link<Fake>| {
        let mut earliest = Earliest(None);
        link.due(&mut earliest);
        earliest.0.is_some()
    };
    assert!(!due(&link));
    link.shut_down(&mut Context::from_waker(Waker::noop()), now);
    assert!(due(&link));
    link.watch_on(now, false);
    assert!(due(&link), "it has not lasted yet");
    link.watch_on(now + LASTING, false);
    assert!(!due(&link));
}
