use super::{Hub, Name};
use crate::server::hand_over::Taker;
use crate::server::raw::RawStream;
use crate::server::tests::Fake;
use crate::session::Config;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::panic::Location;
use core::task::Waker;
use std::thread;

/// A driver on another thread may come to the step as soon as it is pushed.
#[test]
fn a_connection_goes_where_it_is_to_go_whether_that_is_known_before_or_behind() {
    let hub = Hub::on_thread(Name::InMemory, Config::default(), Location::caller());
    let give = || hub.give_away(0, 3, RawStream::new(Fake::default(), b"early".to_vec(), None));
    for early in [true, false] {
        let taker = Arc::<Taker>::default();
        if early {
            give();
        }
        hub.take_over(0, 3, &taker);
        if !early {
            give();
        }
        assert!(taker.lock().unwrap().is_some(), "{early}");
    }
    // One that nobody takes any more is closed.
    let fake = Fake::default();
    hub.take_over(0, 3, &Arc::default());
    hub.give_away(0, 3, RawStream::new(fake.clone(), Vec::new(), None));
    assert!(fake.is_closed());
    assert!(hub.board().takers.is_empty() && hub.board().given.is_empty());
}

/// A report may be asked for while the driver is at work on another thread.
#[test]
fn who_looks_at_a_session_waits_for_the_driver_that_has_it() {
    let hub = Hub::on_thread(Name::InMemory, Config::default(), Location::caller());
    let (sessions, _) = hub.begin(Waker::noop()).unwrap();
    // On its own thread it is a closure of the script that asks.
    assert!(hub.with_session(0, |_| ()).is_none());
    thread::scope(|scope| {
        let look = scope.spawn(|| hub.with_session(0, |session| session.done()));
        while hub.board().blocked == 0 {
            thread::yield_now();
        }
        hub.park(sessions, 0, false);
        assert_eq!(look.join().unwrap(), Some(0));
    });
}
