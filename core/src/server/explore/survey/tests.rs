use super::{Played, Survey};
use crate::server::explore::Options;
use crate::server::explore::setback::Setback;
use crate::server::hub::{Hub, Name};
use crate::server::memory::{Entrance, Plot};
use crate::server::plan::Plan;
use crate::session::Config;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::panic::Location;

/// Plays a conversation of nobody: of plans that fail, each takes so long. Returns the text at the end, and how many were played.
fn survey(took: Duration, fails: impl Fn(&Plan) -> bool) -> (Result<String, String>, usize) {
    let mut survey = Survey::new(Options::default());
    let mut plays = 0;
    while let Some(plan) = survey.next() {
        plays += 1;
        let plot = Arc::new(Plot::new(plan.clone(), Vec::new()));
        let hub = Arc::new(Hub::new(Name::InMemory, Config::default(), Location::caller()));
        let (entrance, mut listener) = Entrance::new(1000, Some(Arc::clone(&plot)));
        let _client = entrance.connect();
        let mut server = crate::server::runtime::Listener::accept_now(&mut listener).unwrap().0;
        let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(server.poll_write(&mut cx, &[b'x'; 20]).is_ready());
        let setback =
            fails(&plan).then(|| Box::new(Setback::new(None, Vec::new(), Arc::clone(&plot), Arc::clone(&hub))));
        survey.note(plan, Played { hub, plot, setback, skipped: false, outsiders: false }, took);
    }
    (survey.verdict(Location::caller()).map(|explored| alloc::format!("{explored}")), plays)
}

#[test]
fn plans_that_fail_slowly_are_not_all_played() {
    let is_cut = |plan: &Plan| plan.named_cuts().len() == 1;
    let text = survey(Duration::from_millis(900), is_cut).0.unwrap_err();
    assert!(text.contains("3 of the first 4 plans failed, which took 2.7 s; of 121 (budget: 1,000) no more"), "{text}");
    let text = survey(Duration::ZERO, is_cut).0.unwrap_err();
    assert!(text.contains("10 of the first 11 plans failed; of 121 (budget: 1,000) no more"), "{text}");
    let (text, plays) = survey(Duration::ZERO, |_| false);
    assert_eq!(text.as_deref(), Ok("played 121 delivery plans, with a cut at each of 19 places (budget: 1,000)"));
    assert_eq!(plays, 121);
}
