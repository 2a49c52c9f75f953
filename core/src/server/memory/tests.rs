use super::{Entrance, Plot, Stream, connect};
use crate::server::runtime::{Listener as _, Stream as _};
use crate::session::Peer;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::io::ErrorKind::{self, BrokenPipe, ConnectionReset, WouldBlock};
use std::io::IoSlice;
use std::task::Wake;

/// Reads once, as much as there is.
fn read(stream: &mut Stream) -> Result<Vec<u8>, ErrorKind> {
    let mut buffer = vec![0; 64];
    let count = stream.read_now(&mut buffer).map_err(|error| error.kind())?;
    buffer.truncate(count);
    Ok(buffer)
}

fn write(stream: &mut Stream, bytes: &[u8]) -> Result<usize, ErrorKind> {
    match stream.poll_write(&mut Context::from_waker(Waker::noop()), bytes) {
        Poll::Ready(result) => result.map_err(|error| error.kind()),
        Poll::Pending => Err(WouldBlock),
    }
}

#[test]
fn bytes_go_both_ways_and_there_is_an_end() {
    let (mut client, mut server) = connect(8, None);
    assert_eq!(write(&mut client, b"ping"), Ok(4));
    assert_eq!(write(&mut server, b"pong"), Ok(4));
    assert_eq!(read(&mut server), Ok(b"ping".to_vec()));
    assert_eq!(read(&mut server), Err(WouldBlock));
    client.shutdown();
    assert_eq!(read(&mut server), Ok(vec![]));
    assert_eq!(write(&mut server, b"!"), Ok(1), "it is half-closed only");
    assert_eq!(read(&mut client), Ok(b"pong!".to_vec()));
    assert_eq!(write(&mut client, b"x"), Err(BrokenPipe), "its own stream has ended");
}

#[test]
fn a_pipe_holds_no_more_than_its_capacity() {
    let (mut client, mut server) = connect(4, None);
    assert_eq!(write(&mut client, b"abcdef"), Ok(4));
    assert_eq!(write(&mut client, b"ef"), Err(WouldBlock));
    assert_eq!(write(&mut client, b""), Ok(0), "nothing always fits");
    assert_eq!(server.read_now(&mut [0; 3]).unwrap(), 3);
    assert_eq!(write(&mut client, b"ef"), Ok(2));
    // The bytes lie around the end of the ring; one read takes them all.
    assert_eq!(read(&mut server), Ok(b"def".to_vec()));
}

#[test]
fn several_pieces_go_at_once_as_far_as_they_fit() {
    let (mut client, mut server) = connect(5, None);
    let pieces = [&b"ab"[..], b"", b"cde", b"f"].map(IoSlice::new);
    let write = |client: &mut Stream| {
        client
            .poll_write_vectored(&mut Context::from_waker(Waker::noop()), &pieces)
            .map(|result| result.map_err(|error| error.kind()))
    };
    assert_eq!(write(&mut client), Poll::Ready(Ok(5)));
    assert_eq!(write(&mut client), Poll::Pending);
    assert_eq!(server.read_now(&mut [0; 3]).unwrap(), 3);
    assert_eq!(write(&mut client), Poll::Ready(Ok(3)));
    assert_eq!(read(&mut server), Ok(b"deabc".to_vec()));
    drop(server);
    assert_eq!(write(&mut client), Poll::Ready(Err(BrokenPipe)));
}

#[test]
fn reading_into_nothing_is_no_end() {
    let (mut client, mut server) = connect(4, None);
    assert_eq!(server.read_now(&mut []).unwrap(), 0);
    assert_eq!(write(&mut client, b"a"), Ok(1));
    assert_eq!(server.read_now(&mut []).unwrap(), 0);
    assert_eq!(read(&mut server), Ok(b"a".to_vec()));
}

#[test]
fn a_client_that_has_read_all_closes_with_an_end() {
    let (mut client, mut server) = connect(8, None);
    assert_eq!(write(&mut server, b"hello"), Ok(5));
    assert_eq!(read(&mut client), Ok(b"hello".to_vec()));
    assert_eq!(server.peer(), Some(Peer::Open { unread: Some(0) }), "it may still read more");
    drop(client);
    assert_eq!(read(&mut server), Ok(vec![]));
    assert_eq!(server.peer(), Some(Peer::Closed { unread: Some(0) }));
    assert!(server.take_error().is_none());
    assert_eq!(write(&mut server, b"x"), Err(BrokenPipe));
}

#[test]
fn a_client_that_leaves_something_unread_resets() {
    let (mut client, mut server) = connect(8, None);
    assert_eq!(write(&mut client, b"bye"), Ok(3));
    assert_eq!(write(&mut server, b"hello"), Ok(5));
    assert_eq!(client.read_now(&mut [0; 2]).unwrap(), 2);
    drop(client);
    assert_eq!(server.peer(), Some(Peer::Closed { unread: Some(3) }));
    assert_eq!(read(&mut server), Ok(b"bye".to_vec()), "what was sent before can be read");
    assert_eq!(read(&mut server), Err(ConnectionReset));
    assert_eq!(read(&mut server), Ok(vec![]), "an error is told once");
}

#[test]
fn a_reset_behind_the_end_lies_in_wait_as_an_error() {
    let (mut client, mut server) = connect(8, None);
    assert_eq!(write(&mut server, b"hello"), Ok(5));
    client.shutdown();
    assert_eq!(read(&mut server), Ok(vec![]));
    assert!(server.take_error().is_none());
    drop(client);
    assert_eq!(server.take_error().unwrap().kind(), BrokenPipe);
    assert!(server.take_error().is_none(), "an error is told once");
    assert_eq!(server.peer(), Some(Peer::Closed { unread: Some(5) }));
}

#[test]
fn a_reset_by_the_server_comes_behind_what_it_sent() {
    let (mut client, mut server) = connect(8, None);
    assert_eq!(write(&mut server, b"hello"), Ok(5));
    server.reset();
    assert_eq!(read(&mut client), Ok(b"hello".to_vec()));
    assert_eq!(read(&mut client), Err(ConnectionReset));
    assert_eq!(write(&mut client, b"x"), Err(BrokenPipe));
}

#[test]
fn a_write_meets_the_reset_if_no_read_has() {
    let (mut client, server) = connect(8, None);
    server.reset();
    assert_eq!(write(&mut client, b"x"), Err(ConnectionReset));
    assert_eq!(write(&mut client, b"x"), Err(BrokenPipe));
    assert_eq!(read(&mut client), Ok(vec![]));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Has the client wait, plays the event, and returns how often the client was woken. The event gives back a server that is to
/// stay open.
fn woken(wait: impl Fn(&mut Stream, &mut Context<'_>) -> bool, event: impl FnOnce(Stream) -> Option<Stream>) -> usize {
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let (mut client, server) = connect(4, None);
    write(&mut client, b"full").unwrap();
    assert!(wait(&mut client, &mut Context::from_waker(&waker)), "it has to wait");
    let _open = event(server);
    count.0.load(Ordering::SeqCst)
}

#[test]
fn whoever_waits_is_woken() {
    let reads = |client: &mut Stream, cx: &mut Context<'_>| client.poll_read(cx, &mut [0; 4]).is_pending();
    let writes = |client: &mut Stream, cx: &mut Context<'_>| client.poll_write(cx, b"x").is_pending();
    let close = |_server: Stream| None;
    let reset = |server: Stream| {
        server.reset();
        None
    };
    for (waits, event) in [("reads", close as fn(Stream) -> _), ("reads", reset), ("writes", close), ("writes", reset)]
    {
        let count = if waits == "reads" { woken(reads, event) } else { woken(writes, event) };
        assert_eq!(count, 1, "it {waits}");
    }
    assert_eq!(woken(reads, |mut server| write(&mut server, b"x").ok().map(|_| server)), 1);
    assert_eq!(woken(writes, |mut server| read(&mut server).ok().map(|_| server)), 1);
    let shutdown = |mut server: Stream| {
        server.shutdown();
        Some(server)
    };
    assert_eq!(woken(reads, shutdown), 1);
    assert_eq!(woken(reads, Some), 0, "nothing has happened");
}

#[test]
fn clients_wait_at_the_entrance_until_somebody_accepts_them() {
    let (entrance, mut listener) = Entrance::new(8, None);
    let accept = |listener: &mut super::Listener| listener.accept_now().map_err(|error| error.kind());
    assert_eq!(accept(&mut listener).unwrap_err(), WouldBlock);
    let mut one = entrance.connect();
    let mut two = entrance.connect();
    assert_eq!(write(&mut two, b"2"), Ok(1));
    assert_eq!(write(&mut one, b"1"), Ok(1));
    let (mut first, peer) = accept(&mut listener).unwrap();
    assert_eq!((read(&mut first), peer), (Ok(b"1".to_vec()), None));
    drop(listener);
    assert_eq!(read(&mut two), Err(ConnectionReset), "nobody will accept it any more");
    assert_eq!(read(&mut entrance.connect()), Err(ConnectionReset));
    assert_eq!(read(&mut one), Err(WouldBlock), "it was accepted");
}

#[test]
fn who_listens_is_woken_by_a_client() {
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let (entrance, mut listener) = Entrance::new(8, None);
    assert!(listener.poll_accept(&mut Context::from_waker(&waker)).is_pending());
    let _client = entrance.connect();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(listener.poll_accept(&mut Context::from_waker(&waker)).is_ready());
}

/// Returns both sides of a connection that is delivered by a plan.
fn planned(plan: &str) -> (Stream, Stream) {
    Plot::new(plan.parse().unwrap(), Vec::new()).connect(64)
}

/// Reads once, as much as there is, as a task does.
fn poll_read(stream: &mut Stream) -> Result<Vec<u8>, ErrorKind> {
    let mut buffer = vec![0; 64];
    match stream.poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer) {
        Poll::Ready(result) => result.map(|count| buffer[..count].to_vec()).map_err(|error| error.kind()),
        Poll::Pending => Err(WouldBlock),
    }
}

#[test]
fn a_read_goes_no_further_than_a_cut_and_the_next_has_to_wait_a_turn() {
    let (mut client, mut server) = planned("cut 2 5");
    assert_eq!(write(&mut server, b"abc"), Ok(3));
    assert_eq!(write(&mut server, b"defg"), Ok(4));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let poll = |client: &mut Stream, bytes: &mut [u8]| match client.poll_read(&mut Context::from_waker(&waker), bytes) {
        Poll::Ready(result) => Some(result.unwrap()),
        Poll::Pending => None,
    };
    let mut bytes = [0; 8];
    assert_eq!(poll(&mut client, &mut bytes), Some(2));
    assert_eq!(poll(&mut client, &mut bytes), None);
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "it is woken at once");
    assert_eq!(poll(&mut client, &mut bytes[..1]), Some(1));
    assert_eq!(poll(&mut client, &mut bytes), Some(2), "between cuts, a read does not wait");
    assert_eq!(&bytes[..2], b"de");
    assert_eq!(poll(&mut client, &mut []), None);
    assert_eq!(poll(&mut client, &mut bytes), Some(2));
    assert_eq!(poll(&mut client, &mut bytes), None, "there is nothing");
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
    assert_eq!(write(&mut server, b"h"), Ok(1));
    assert_eq!(count.0.load(Ordering::Relaxed), 3);
    server.shutdown();
    assert_eq!(poll(&mut client, &mut bytes), Some(1));
    assert_eq!(poll(&mut client, &mut bytes), Some(0));
}

#[test]
fn sends_come_whole_or_together() {
    for (plan, expected) in [("whole", vec!["abc", "de"]), ("coalesced", vec!["abcde"])] {
        let (mut client, mut server) = planned(plan);
        assert_eq!(write(&mut server, b"abc"), Ok(3));
        assert_eq!(write(&mut server, b"de"), Ok(2));
        server.shutdown();
        let mut reads = Vec::new();
        loop {
            match poll_read(&mut client) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => reads.push(bytes),
                Err(error) => assert_eq!(error, WouldBlock),
            }
        }
        assert_eq!(reads, expected.iter().map(|read| read.as_bytes()).collect::<Vec<_>>(), "{plan}");
    }
}

#[test]
fn a_send_that_is_taken_in_parts_has_one_end() {
    let plot = Plot::new("whole".parse().unwrap(), Vec::new());
    let (mut client, mut server) = plot.connect(4);
    assert_eq!(write(&mut server, b"abcdef"), Ok(4));
    assert_eq!(poll_read(&mut client), Ok(b"abcd".to_vec()));
    assert_eq!(write(&mut server, b"ef"), Ok(2));
    assert_eq!(poll_read(&mut client), Ok(b"ef".to_vec()));
    let passed = &plot.passed()[0];
    assert_eq!((passed.sent, &passed.ends[..], &passed.bytes[..]), (6, &[6][..], &b"abcdef"[..]));
}

#[test]
fn writes_are_taken_in_pieces_with_a_turn_between() {
    let (mut client, mut server) = planned("whole, writes 2");
    assert_eq!(write(&mut client, b"abcde"), Ok(2));
    assert_eq!(write(&mut client, b"cde"), Err(WouldBlock));
    assert_eq!(write(&mut client, b"cde"), Ok(2));
    assert_eq!(write(&mut client, b"e"), Err(WouldBlock));
    assert_eq!(write(&mut client, b"e"), Ok(1));
    assert_eq!(write(&mut client, b"f"), Ok(1), "that was not all that would have been taken");
    assert_eq!(read(&mut server), Ok(b"abcdef".to_vec()), "the server's side is not cut");
}

#[test]
fn writes_go_through_a_window() {
    let (mut client, mut server) = planned("whole, window 3");
    assert_eq!(write(&mut client, b"ab"), Ok(2));
    assert_eq!(write(&mut client, b"cd"), Ok(1), "so much is left of it");
    assert_eq!(write(&mut client, b"d"), Err(WouldBlock));
    assert_eq!(server.read_now(&mut [0; 2]).unwrap(), 2);
    assert_eq!(write(&mut client, b"def"), Ok(2), "so much is left of it now");
    assert_eq!(write(&mut server, b"not the other way round"), Ok(23));
}

#[test]
fn a_window_is_open_to_clients_of_a_server_that_does_not_read() {
    let (mut client, mut server) = Plot::new("whole, window 3".parse().unwrap(), Vec::new()).connect(8);
    for expected in [Ok(3), Err(WouldBlock), Ok(3), Err(WouldBlock), Ok(2), Err(WouldBlock), Err(WouldBlock)] {
        assert_eq!(write(&mut client, b"abcd"), expected, "as a kernel's buffer does, it takes what it has room for");
    }
    assert_eq!(read(&mut server), Ok(b"abcabcab".to_vec()));
}

#[test]
fn it_is_known_who_waits_at_connections_and_who_uses_them() {
    let [known, other] = [(); 2].map(|()| Waker::from(Arc::new(Count::default())));
    let plot = Plot::new("coalesced".parse().unwrap(), vec![known.clone()]);
    let (mut client, mut server) = plot.connect(4);
    assert!(!plot.is_left());
    assert_eq!(plot.held(&known), 0);
    let poll = |stream: &mut Stream, waker| stream.poll_read(&mut Context::from_waker(waker), &mut [0; 1]).is_pending();
    assert!(poll(&mut client, &known));
    assert!(poll(&mut server, &known));
    assert_eq!(plot.held(&known), 2);
    assert!(!plot.had_strangers());
    assert!(poll(&mut server, &other));
    assert_eq!(plot.held(&known), 1);
    assert!(plot.had_strangers());
    drop(server);
    assert!(!plot.is_left());
    drop(client);
    assert!(plot.is_left());
}
