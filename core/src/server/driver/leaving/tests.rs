use super::super::read::Ask;
use super::Draining;
use crate::server::tests::Fake;
use crate::session::{Config, Session};
use crate::time::{Duration, Instant};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::io::ErrorKind;
use std::task::Wake;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_client_that_never_stops_is_let_go_in_the_end() {
    let until = Instant::at(Duration::from_secs(1));
    let fake = Fake::default();
    fake.wire().flood = Some(b'x');
    let mut draining = Draining::new(fake.clone(), until);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    // The others have their turn, and then it goes on.
    let mut ask = Ask::Runtime(&mut cx);
    assert_eq!(draining.poll(None, &mut Vec::new(), Instant::ORIGIN, &mut ask), Poll::Pending);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(fake.wire().shut);
    // Nobody is woken where the kernel was asked.
    assert_eq!(draining.poll(None, &mut Vec::new(), Instant::ORIGIN, &mut Ask::Kernel), Poll::Pending);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert_eq!(draining.poll(None, &mut Vec::new(), until, &mut Ask::Kernel), Poll::Ready(()));
    // Nor does one that is silent.
    fake.wire().flood = None;
    assert_eq!(draining.poll(None, &mut Vec::new(), Instant::ORIGIN, &mut Ask::Kernel), Poll::Pending);
    assert_eq!(draining.poll(None, &mut Vec::new(), until, &mut Ask::Kernel), Poll::Ready(()));
}

#[test]
fn what_ends_the_connection_is_put_on_record() {
    for (end, line) in [
        (None, "client closed the connection, or its sending half"),
        (Some(ErrorKind::ConnectionReset), "client reset the connection"),
    ] {
        let mut session = Session::new(Config::default());
        session.push(crate::step::Step::expect_connect());
        session.push(crate::step::Step::disconnect());
        session.handle_connection(Instant::ORIGIN, None);
        while !matches!(session.poll_output(Instant::ORIGIN), crate::session::Output::Wait(_)) {}
        let fake = Fake::default();
        fake.wire().reads = [Ok(b"late".to_vec()), end.map_or(Ok(Vec::new()), |end| Err(end.into()))].into();
        let mut draining = Draining::new(fake, Instant::at(Duration::from_secs(1)));
        let polled = draining.poll(Some(&mut session), &mut Vec::new(), Instant::ORIGIN, &mut Ask::Kernel);
        assert_eq!(polled, Poll::Ready(()));
        let text = session.transcript().to_string();
        assert!(text.contains("received 4 bytes  \"late\"") && text.ends_with(line), "{text}");
    }
}
