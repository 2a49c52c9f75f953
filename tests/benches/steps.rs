//! Scripts of many steps.

use crate::harness::{median, nanos};
use crate::table::{Table, Unit};
use std::rc::Rc;
use std::time::Instant;
use tcpclient_core::session::{Config, Output, Session};
use tcpclient_core::step::Step;
use tcpclient_core::time;
use tcpclient_tokio::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const SIZES: [usize; 4] = [10, 1000, 100_000, 1_000_000];
const REQUEST: &[u8; 8] = b"request\n";
const REPLY: &[u8; 8] = b"answer!\n";

/// How long the two parts of a script's life take, for each step.
struct Times {
    build: f64,
    run: f64,
}

type Play = Rc<dyn Fn(usize) -> Times>;

pub(crate) fn tables() -> Vec<Table> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
    let [server, mock] = core::array::from_fn(|_| Rc::clone(&runtime));
    let session: Play = Rc::new(session);
    let server: Play = Rc::new(move |steps| in_memory(&server, steps));
    let mock: Play = Rc::new(move |steps| tokio_test(&mock, steps));
    vec![table("session", &session, &session), table("server", &server, &mock)]
}

fn table(what: &str, play: &Play, mock: &Play) -> Table {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let title = format!("a step of a script, expect and send in turns, {what} in memory, {profile}");
    let mut table = Table::new(format!("steps.{what}"), title, Unit::Nanos);
    for steps in SIZES {
        // A round of a million takes long.
        let count = (100_000 / steps).clamp(1, 100);
        let (builds, runs) = (Rc::clone(play), Rc::clone(play));
        table.case(format!("build, {steps}"), count, move |count| times(count, || builds(steps).build));
        table.case(format!("run, {steps}"), count, move |count| times(count, || runs(steps).run));
    }
    if what == "session" {
        table.limit("build, 1000", 100.0, 50.0);
        table.limit("run, 1000", 50.0, 15.0);
    } else {
        let (builds, runs) = (Rc::clone(mock), Rc::clone(mock));
        table.case("tokio-test, build, 1000", 100, move |count| times(count, || builds(1000).build));
        table.case("tokio-test, run, 1000", 100, move |count| times(count, || runs(1000).run));
    }
    for part in ["build", "run"] {
        for (steps, must) in [(100_000, 1.3), (1_000_000, f64::INFINITY)] {
            table.time(&format!("{part}, {steps}"), &format!("{part}, 1000"), must, 1.1);
        }
    }
    table
}

fn times(count: usize, once: impl Fn() -> f64) -> f64 {
    median(&mut (0..count).map(|_| once()).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn per(nanos: f64, count: usize) -> f64 {
    nanos / count as f64
}

fn session(steps: usize) -> Times {
    let now = time::Instant::ORIGIN;
    let mut session = Session::new(Config::default());
    session.push(Step::expect_connect());
    session.handle_connection(now, None);
    assert!(matches!(session.poll_output(now), Output::Accept));
    let start = Instant::now();
    for _ in 0..steps / 2 {
        session.push(Step::expect_bytes(REQUEST));
        session.push(Step::send_bytes(REPLY));
    }
    let build = per(nanos(start), steps);
    let start = Instant::now();
    for _ in 0..steps / 2 {
        session.handle_bytes(now, REQUEST);
        let Output::Wait(wait) = session.poll_output(now) else { panic!("the reply is due") };
        assert_eq!(wait.send, REPLY);
        session.handle_sent(now, REPLY.len());
    }
    let run = per(nanos(start), steps);
    assert!(session.is_done() && !session.has_failed());
    Times { build, run }
}

fn in_memory(runtime: &Runtime, steps: usize) -> Times {
    runtime.block_on(async {
        let server = TcpServer::in_memory();
        server.expect_connect();
        let start = Instant::now();
        for _ in 0..steps / 2 {
            server.expect_bytes(REQUEST);
            server.send_bytes(REPLY);
        }
        let build = per(nanos(start), steps);
        let mut client = server.connect_in_memory();
        let start = Instant::now();
        play(&mut client, steps).await;
        server.join().await;
        let run = per(nanos(start), steps);
        drop(client);
        server.finish().await;
        Times { build, run }
    })
}

fn tokio_test(runtime: &Runtime, steps: usize) -> Times {
    runtime.block_on(async {
        let start = Instant::now();
        let mut builder = tokio_test::io::Builder::new();
        for _ in 0..steps / 2 {
            builder.write(REQUEST);
            builder.read(REPLY);
        }
        let build = per(nanos(start), steps);
        let mut client = builder.build();
        let start = Instant::now();
        play(&mut client, steps).await;
        Times { build, run: per(nanos(start), steps) }
    })
}

async fn play(client: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), steps: usize) {
    for _ in 0..steps / 2 {
        client.write_all(REQUEST).await.unwrap();
        let mut reply = [0; REPLY.len()];
        client.read_exact(&mut reply).await.unwrap();
        assert_eq!(&reply, REPLY);
    }
}
