//! Two sessions on one listener, driven by hand.

use crate::report::{Cause, Client};
use crate::session::{Config, Output, Session};
use crate::step::Step;
use crate::time::{Duration, Instant, Reason};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

const NOW: Instant = Instant::ORIGIN;

fn peer(port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

fn session(steps: impl IntoIterator<Item = Step>) -> Session {
    let mut session = Session::new(Config::default());
    session.share_door();
    steps.into_iter().for_each(|step| _ = session.push(step));
    session
}

/// Does what the session says until it waits; returns what that was, and why it waits no longer than until its deadline.
fn settle(session: &mut Session, now: Instant) -> (String, Option<Reason>) {
    let mut log = String::new();
    loop {
        match session.poll_output(now) {
            Output::Accept => log += "accept ",
            Output::ShutDown => log += "shut down ",
            Output::Disconnect => log += "disconnect ",
            Output::Reset => log += "reset ",
            Output::HandOver { .. } => log += "hand over ",
            Output::Wait(wait) => return (log, wait.until.map(|until| until.reason)),
        }
    }
}

fn events(session: &Session) -> Vec<String> {
    session.transcript().entries().map(|entry| entry.event().to_string()).collect()
}

#[test]
fn a_session_that_shares_its_door_takes_a_client_when_it_is_told_to() {
    let mut session = session([Step::expect_connect()]);
    session.handle_connection(NOW, peer(1));
    assert_eq!(settle(&mut session, NOW).0, "");
    assert!(session.wants_client());
    session.take_client(NOW);
    assert_eq!(settle(&mut session, NOW).0, "accept ");
    assert!(session.is_done() && !session.wants_client());
    assert_eq!(events(&session), ["client connected from 127.0.0.1:1"]);
}

#[test]
fn a_client_is_wanted_in_an_expect_connect_when_the_connection_before_has_ended() {
    let mut first = session([Step::mark("a"), Step::expect_connect(), Step::expect_connect()]);
    assert!(!first.wants_client(), "the mark comes first");
    settle(&mut first, NOW);
    assert!(first.wants_client());
    first.give_client(NOW, peer(1));
    assert!(!first.wants_client(), "this one is to be accepted");
    settle(&mut first, NOW);
    assert!(!first.wants_client(), "its client is still there");
    first.handle_eof(NOW);
    assert!(!first.wants_client(), "the connection is to be closed");
    assert_eq!(settle(&mut first, NOW).0, "disconnect ");
    assert!(first.wants_client());
    first.fail(Cause::Abandoned);
    assert!(!first.wants_client());
    assert!(!session([]).wants_client());
}

#[test]
fn a_client_that_is_passed_on_leaves_nothing_but_a_line() {
    let mut first = session([]);
    let mut second = session([Step::expect_connect()]);
    first.handle_connection(NOW, peer(1));
    first.handle_connection(NOW, peer(2));
    first.pass_on_client(NOW, 2);
    second.give_client(NOW, peer(1));
    assert_eq!(settle(&mut second, NOW).0, "accept ");
    assert_eq!((first.connections(), second.connections()), (1, 1));
    let lines = ["client connected from 127.0.0.1:1", "client connected from 127.0.0.1:2", "client went to script 2"];
    assert_eq!(events(&first), lines);
    assert_eq!(events(&second), ["client connected from 127.0.0.1:1"]);
    // The other one is still there, and somebody has to want it.
    assert_eq!(settle(&mut first, NOW).1, Some(Reason::Idle));
    first.pass_on_client(NOW, 2);
    assert_eq!(settle(&mut first, NOW).1, None);
    assert_eq!(first.report("server", Cause::Dropped).client(), Client::NeverConnected);
    first.pass_on_client(NOW, 2);
    assert_eq!((first.connections(), events(&first).len()), (0, 4), "there is nobody left to pass on");
}

#[test]
fn a_client_that_is_given_comes_before_those_at_the_door() {
    let mut session = session([Step::expect_connect(), Step::expect_connect()]);
    session.handle_connection(NOW, peer(2));
    session.give_client(NOW, peer(1));
    assert_eq!(settle(&mut session, NOW).1, Some(Reason::SecondConnection));
    session.pass_on_client(NOW, 2);
    assert_eq!(settle(&mut session, NOW).1, Some(Reason::Step), "it was the other one that has left");
}

#[test]
fn a_session_that_stays_counts_the_idle_limit_anew() {
    let limit = Config::default().idle_limit;
    let mut session = session([]);
    session.handle_connection(NOW, peer(1));
    settle(&mut session, NOW);
    session.stay();
    session.handle_timeout(NOW + limit);
    settle(&mut session, NOW + limit);
    session.handle_timeout(NOW + limit + limit / 2);
    assert!(!session.has_failed());
    session.handle_timeout(NOW + limit + limit);
    assert!(session.has_failed());
}

#[test]
fn a_mark_is_told_once_when_it_is_reached() {
    let mut session = session([Step::mark("a"), Step::mark("b"), Step::hold("x"), Step::mark("c")]);
    assert!(session.take_marks().is_empty());
    settle(&mut session, NOW);
    assert_eq!(session.take_marks(), ["a".into(), "b".into()]);
    assert!(session.take_marks().is_empty());
    session.release("x");
    settle(&mut session, NOW);
    assert_eq!(session.take_marks(), ["c".into()]);
}

#[test]
fn nobody_is_to_connect_until_the_time_has_come() {
    let span = Duration::from_secs(1);
    let mut quiet = session([Step::expect_no_connect(span).within(Duration::ZERO), Step::expect_connect()]);
    assert_eq!(settle(&mut quiet, NOW).1, Some(Reason::Pause));
    quiet.handle_timeout(NOW + span);
    assert_eq!((quiet.done(), quiet.has_failed()), (1, false));

    // With a connection of its own, and what comes on that.
    let mut busy = session([
        Step::expect_connect(),
        Step::expect_no_connect(span),
        Step::expect_bytes("x"),
        Step::expect_disconnect(),
    ]);
    settle(&mut busy, NOW);
    busy.give_client(NOW, peer(1));
    settle(&mut busy, NOW);
    busy.handle_bytes(NOW, b"x");
    busy.handle_eof(NOW);
    assert_eq!(settle(&mut busy, NOW).1, Some(Reason::Pause));
    busy.handle_timeout(NOW + span);
    assert_eq!((busy.done(), busy.has_failed()), (4, false));

    // Who is there already counts, and who comes; but not who has been passed on.
    for early in [true, false] {
        let mut session = session([Step::pause(span), Step::expect_no_connect(span)]);
        settle(&mut session, NOW);
        session.handle_connection(NOW, peer(1));
        session.pass_on_client(NOW, 2);
        if early {
            session.handle_connection(NOW, peer(2));
        }
        session.handle_timeout(NOW + span);
        assert_eq!(session.has_failed(), early);
        session.handle_connection(NOW + span, peer(2));
        let report = session.report("server", Cause::Dropped);
        assert_eq!((report.step(), report.cause()), (Some(2), &Cause::UnexpectedClient { peer: peer(2) }));
    }
}

#[test]
fn calls_that_come_too_early_or_twice_do_no_harm() {
    let mut session = session([]);
    session.take_client(NOW);
    session.pass_on_client(NOW, 2);
    session.give_client(NOW, peer(1));
    assert_eq!(settle(&mut session, NOW), (String::new(), Some(Reason::Idle)), "it waits as any other does");
    session.push(Step::expect_connect());
    settle(&mut session, NOW);
    session.take_client(NOW);
    session.take_client(NOW);
    assert_eq!(settle(&mut session, NOW).0, "accept ");
    session.fail(Cause::Abandoned);
    session.give_client(NOW, peer(2));
    session.take_client(NOW);
    assert_eq!(settle(&mut session, NOW).0, "reset ");
}
