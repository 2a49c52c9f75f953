use super::{Hub, Name};
use crate::server::hand_over::Taker;
use crate::server::raw::RawStream;
use crate::server::tests::Fake;
use crate::session::Config;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::panic::Location;

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
