//! A driver whose clients come when the test says so, and whose clock stands still in between.

use super::link::LASTING;
use super::{ANSWER, BATCH, Driver, ROUNDS};
use crate::report::Cause;
use crate::server::hub::{Goal, Hub, Name, Progress, Ticket};
use crate::server::listening::{Manner, Port};
use crate::server::runtime::{Alarm, Listener, Timer};
use crate::server::tests::Fake;
use crate::session::{Config, Peer};
use crate::step::Step;
use crate::time::{Duration, Instant};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::panic::Location;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::io::{self, ErrorKind};
use std::sync::{Mutex, OnceLock};
use std::task::Wake;

/// More clients than a driver takes in one turn.
const CROWD: usize = ROUNDS as usize * BATCH + 100;

/// What driver and test share.
#[derive(Default)]
struct World {
    /// The clients that are about to connect.
    clients: Mutex<Vec<Fake>>,
    /// In milliseconds.
    now: AtomicU64,
    wakes: AtomicUsize,
}

impl World {
    /// Has so many clients connect that have said something. Returns them.
    fn connect(&self, count: usize) -> Vec<Fake> {
        let clients: Vec<Fake> = core::iter::repeat_with(Fake::default).take(count).collect();
        clients.iter().for_each(|client| client.wire().reads.push_back(Ok(b"hello".to_vec())));
        self.clients.lock().unwrap().extend(clients.iter().rev().cloned());
        clients
    }
}

impl Wake for World {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }
}

struct Entrance(Arc<World>);

impl Listener for Entrance {
    type Stream = Fake;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Fake, Option<SocketAddr>)>> {
        self.0.clients.lock().unwrap().pop().map_or(Poll::Pending, |client| Poll::Ready(Ok((client, None))))
    }

    fn accept_now(&mut self) -> io::Result<(Fake, Option<SocketAddr>)> {
        Err(ErrorKind::WouldBlock.into())
    }
}

struct Watch(Arc<World>);

impl Timer for Watch {
    fn now(&self) -> Instant {
        Instant::at(Duration::from_millis(self.0.now.load(Ordering::Relaxed)))
    }

    fn set_alarm(&mut self, _: Option<Alarm>) {}

    fn poll_alarm(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

struct Stage {
    world: Arc<World>,
    hub: Arc<Hub>,
    driver: Driver<Entrance, Watch>,
    ticket: Ticket,
}

impl Stage {
    /// Returns a server with these scripts.
    fn new(scripts: Vec<Vec<Step>>) -> Self {
        Self::of(Hub::new(Name::InMemory, Config::default(), Location::caller()), scripts)
    }

    /// The same for one that is taken to be on a socket.
    fn on_socket(script: Vec<Step>) -> Self {
        let port = Arc::new(Port::bind((Ipv4Addr::LOCALHOST, 0).into(), Manner::Accepting, None).unwrap());
        let mut hub = Hub::new(Name::Of(port.addr()), Config::default(), Location::caller());
        hub.set_port(&port, None);
        Self::of(hub, vec![script])
    }

    fn of(hub: Hub, scripts: Vec<Vec<Step>>) -> Self {
        let (world, hub) = (Arc::<World>::default(), Arc::new(hub));
        for (index, script) in scripts.into_iter().enumerate() {
            if index > 0 {
                hub.open_script();
            }
            hub.push(index, script);
        }
        let driver = Driver::new(Arc::clone(&hub), Entrance(Arc::clone(&world)), Watch(Arc::clone(&world)));
        Self { world, hub, driver, ticket: Ticket::new() }
    }

    /// Gives the driver a turn. Returns whether it asks for another.
    fn turn(&mut self) -> bool {
        self.world.wakes.store(0, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.world));
        assert!(Pin::new(&mut self.driver).poll(&mut Context::from_waker(&waker)).is_pending());
        self.world.wakes.load(Ordering::Relaxed) > 0
    }

    /// Returns what the driver has made known, and whether that many steps are done of each script.
    fn progress(&self, steps: Vec<usize>) -> (Progress, bool) {
        self.hub.watch_for(self.ticket, &Context::from_waker(Waker::noop()), &Goal::Each(steps), 0)
    }
}

#[test]
fn who_hears_of_a_mark_finds_done_what_holds_until_then_however_busy_the_clients_keep_the_driver() {
    let mut stage = Stage::new(vec![
        vec![Step::pause(Duration::from_millis(5)), Step::mark("here")],
        vec![Step::hold("here"), Step::mark("there")],
    ]);
    assert!(!stage.turn());
    assert!(!stage.progress(vec![1, 0]).1);
    // The pause is over when more come than there is time for.
    stage.world.now.store(5, Ordering::Relaxed);
    stage.world.connect(CROWD);
    assert!(stage.turn());
    let (progress, done) = stage.progress(vec![2, 2]);
    assert!(done && !progress.failed, "{progress:?}");
}

#[test]
fn a_crowd_that_comes_behind_a_failure_is_sent_away_to_the_last() {
    let mut stage = Stage::new(vec![vec![Step::expect_connect(), Step::expect_bytes("x")]]);
    stage.world.connect(1);
    stage.turn();
    assert!(stage.progress(vec![2]).0.failed);
    let crowd = stage.world.connect(CROWD);
    let sent_away = |crowd: &[Fake]| crowd.iter().filter(|client| client.is_closed()).count();
    // The others have their turns in between.
    assert!(stage.turn());
    assert_eq!(sent_away(&crowd), ROUNDS as usize * BATCH);
    assert!(!stage.turn());
    assert_eq!(sent_away(&crowd), CROWD);
}

/// Looks, when it hears of something, whether its client has been reset.
struct Witness {
    client: Fake,
    was_reset: OnceLock<bool>,
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        let _ = self.was_reset.set(self.client.is_closed());
    }
}

#[test]
fn a_failure_is_known_before_its_client_is_reset() {
    let mut stage = Stage::new(vec![vec![Step::expect_connect(), Step::expect_bytes("x")]]);
    let client = stage.world.connect(1).remove(0);
    let witness = Arc::new(Witness { client, was_reset: OnceLock::new() });
    let waker = Waker::from(Arc::clone(&witness));
    assert!(!stage.hub.watch(stage.ticket, &Context::from_waker(&waker)).failed);
    stage.turn();
    assert_eq!(witness.was_reset.get(), Some(&false));
    assert!(witness.client.is_closed() && stage.progress(vec![2]).0.failed);
}

#[test]
fn a_client_whom_nobody_has_yet_when_a_script_fails_belongs_to_the_report() {
    let mut stage = Stage::new(vec![
        // No frame has room for what it replies.
        vec![Step::expect_connect(), Step::reply_frame(&crate::framing::Framing::fixed(1), |_: &[u8]| b"22".to_vec())],
        vec![Step::expect_connect(), Step::expect_bytes("hello")],
    ]);
    let clients = stage.world.connect(2);
    stage.turn();
    let (progress, other) = stage.progress(vec![0, 1]);
    assert!(progress.failed && !other, "the other script is not played behind that");
    let report = stage.hub.failure().unwrap().report().clone();
    assert_eq!(report.step, Some(2));
    assert_eq!(report.transcript.to_string().matches("client connected").count(), 2, "{report}");
    stage.turn();
    assert!(clients.iter().all(Fake::is_closed));
}

#[test]
fn who_comes_in_a_crowd_when_the_scripts_are_finished_is_one_too_many() {
    let mut stage = Stage::new(vec![vec![]]);
    stage.turn();
    stage.hub.request_finish(Location::caller());
    stage.world.connect(CROWD);
    stage.turn();
    let failure = stage.hub.failure().unwrap();
    assert!(matches!(failure.cause(), Cause::UnclaimedConnection { .. }), "{failure}");
}

#[test]
fn what_a_closure_orders_counts_before_the_clock_is_asked() {
    let mut stage =
        Stage::new(vec![vec![], vec![Step::expect_no_connect(Duration::from_millis(5)), Step::mark("quiet")]]);
    let hub = Arc::clone(&stage.hub);
    let order = move |_: &[u8]| {
        hub.push(1, [Step::mark("late")]);
        b"ordered".to_vec()
    };
    stage.hub.push(0, [Step::expect_connect(), Step::expect_bytes("hello"), Step::reply(order)]);
    stage.turn();
    stage.world.now.store(5, Ordering::Relaxed);
    let clients = stage.world.connect(1);
    stage.turn();
    assert_eq!(clients[0].wire().written, b"ordered");
    assert!(stage.progress(vec![3, 3]).1, "{}", stage.hub.state().unwrap());
}

#[test]
fn a_client_of_which_nobody_knows_whether_it_has_gone_is_answered_with_the_end_of_the_stream() {
    let mut stage =
        Stage::new(vec![vec![Step::expect_connect(), Step::expect_bytes("hello"), Step::expect_disconnect()]]);
    let clients = stage.world.connect(1);
    clients[0].wire().reads.push_back(Ok(Vec::new()));
    stage.turn();
    assert!(stage.progress(vec![3]).1 && !clients[0].wire().shut);
    stage.world.now.store(ANSWER.as_millis() as u64, Ordering::Relaxed);
    stage.turn();
    assert!(clients[0].wire().shut);
}

#[test]
fn a_client_that_has_gone_when_its_time_is_over_was_not_too_late() {
    let within = Duration::from_millis(5);
    let end = Step::expect_disconnect().within(within);
    let mut stage = Stage::new(vec![vec![Step::expect_connect(), Step::expect_bytes("hello"), end]]);
    let clients = stage.world.connect(1);
    clients[0].wire().reads.push_back(Ok(Vec::new()));
    // It holds the connection at each look but the last, which is that before the verdict.
    let holds = Peer::Open { unread: Some(0) };
    clients[0].wire().peers.extend([holds, holds]);
    stage.turn();
    assert!(!stage.progress(vec![3]).1 && clients[0].wire().peers.is_empty());
    clients[0].wire().peers.extend([holds, holds, Peer::Closed { unread: Some(0) }]);
    stage.world.now.store(5, Ordering::Relaxed);
    stage.turn();
    let (progress, done) = stage.progress(vec![3]);
    assert!(done && !progress.failed, "{}", stage.hub.state().unwrap());
}

#[test]
fn who_waits_at_the_door_of_a_script_that_takes_another_client_goes_on_to_the_next() {
    let mut stage = Stage::new(vec![vec![], vec![]]);
    stage.world.connect(2);
    stage.turn();
    stage.hub.push(0, [Step::expect_connect(), Step::expect_bytes("hello")]);
    stage.turn();
    assert!(stage.progress(vec![2, 0]).1);
    let transcript = |script| stage.hub.with_session(script, |session| session.transcript().to_string()).unwrap();
    assert!(transcript(0).contains("script 2"), "{}", transcript(0));
    assert_eq!(transcript(1), "0.000 s  client connected");
}

#[test]
fn the_next_client_is_looked_for_as_soon_as_a_script_waits_for_one() {
    let mut stage = Stage::on_socket(vec![
        Step::expect_connect(),
        Step::expect_bytes("hello"),
        Step::expect_disconnect(),
        Step::expect_connect(),
    ]);
    let clients = stage.world.connect(2);
    assert!(!stage.turn());
    assert_eq!(stage.hub.connections(), 1);
    clients[0].wire().reads.push_back(Ok(Vec::new()));
    assert!(!stage.turn());
    assert!(stage.progress(vec![4]).1 && stage.hub.connections() == 2);
}

#[test]
fn a_client_for_whom_no_script_waits_is_looked_for_when_the_connection_before_has_lasted() {
    let mut stage = Stage::on_socket(vec![Step::expect_connect(), Step::expect_bytes("hello, world")]);
    stage.world.connect(2);
    stage.turn();
    assert!(stage.hub.connections() == 1 && !stage.progress(vec![1]).0.failed);
    stage.world.now.store(LASTING.as_millis() as u64, Ordering::Relaxed);
    stage.turn();
    let failure = stage.hub.failure().unwrap();
    assert!(matches!(failure.cause(), Cause::SecondConnection { .. }), "{failure}");
}
