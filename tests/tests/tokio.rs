//! What only tokio has: its paused clock, its stream's halves and buffers, and runtimes that end before the test does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use expect_test::expect;
use std::sync::{Arc, Mutex};
use tcpclient_core::server::probe;
use tcpclient_tests::normalize;
use tcpclient_tests::stage::{On, Over, Stage};
use tcpclient_tokio::prelude::*;
use tokio::io::{AsyncRead, BufReader};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Handles may be sent to other threads and shared between them; so may the futures, for `tokio::spawn`.
#[test]
fn handles_and_futures_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    fn sends<T: Send>(_: impl FnOnce() -> T) {}
    crosses::<Script>();
    crosses::<TcpServer>();
    crosses::<TcpServers>();
    crosses::<Failure>();
    sends(|| TcpServer::bind());
    sends(|| TcpServer::run(async |server| server.join().await));
    sends(|| TcpServer::explore(async |server| server.join().await));
    fn of_a_server(server: TcpServer) {
        sends(|| server.join());
        sends(|| server.try_join());
        sends(|| server.finish());
    }
    let _ = of_a_server;
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_make_the_server_time_out() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello");
    server.expect_disconnect();
    let addr = server.local_addr();
    // In another thread, the client takes real time; for this runtime that is time in which nothing is to be done.
    let client = std::thread::spawn(move || {
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        std::io::Write::write_all(&mut client, b"Hello").unwrap();
    });
    server.join().await;
    client.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_in_real_time_while_the_clock_is_paused() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect().within(Duration::from_millis(50));
    let began = std::time::Instant::now();
    assert!(server.try_join().await.is_err());
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn what_a_buffered_reader_took_counts_as_read() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("One\nTwo\n");
    server.expect_disconnect();
    let mut client = BufReader::new(TcpStream::connect(server.local_addr()).await.unwrap());
    let mut line = String::new();
    client.read_line(&mut line).await.unwrap();
    assert_eq!(line, "One\n");
    drop(client);
    server.join().await;
}

#[tokio::test]
async fn a_client_with_split_halves_leaves_something() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.send_bytes("OneTwo");
    server.expect_disconnect();
    let (mut reader, writer) = TcpStream::connect(server.local_addr()).await.unwrap().into_split();
    let mut reply = [0; 3];
    reader.read_exact(&mut reply).await.unwrap();
    // The halves close as an end of stream with a reset behind it.
    drop(writer);
    drop(reader);
    let (unknown, known) = (
        expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_disconnect() at tests/tests/tokio.rs:LINE
          the client reset the connection: some of the 6 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()      tests/tests/tokio.rs:LINE
            ok    2  send_bytes("OneTwo")  tests/tests/tokio.rs:LINE
            FAIL  3  expect_disconnect()   tests/tests/tokio.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 6 bytes  "OneTwo"
            0.000 s  client reset the connection

          told by try_join() at tests/tests/tokio.rs:LINE"#]],
        expect![[r#"
            scripted server 127.0.0.1:PORT: step 3 of 3 failed
              expect_disconnect() at tests/tests/tokio.rs:LINE
              the client closed the connection: 3 of the 6 bytes sent were not read
                unread    00000003  54 77 6f                                          Two
              usual cause: a stream that is dropped with data left to read

              script
                ok    1  expect_connect()      tests/tests/tokio.rs:LINE
                ok    2  send_bytes("OneTwo")  tests/tests/tokio.rs:LINE
                FAIL  3  expect_disconnect()   tests/tests/tokio.rs:LINE

              conversation
                0.000 s  client connected from 127.0.0.1:PORT
                0.000 s  sent 6 bytes  "OneTwo"
                0.000 s  client left 3 bytes unread
                0.000 s  client reset the connection

              told by try_join() at tests/tests/tokio.rs:LINE"#]],
    );
    let expected = if probe::is_available() { known } else { unknown };
    expected.assert_eq(&normalize(&server.try_join().await.unwrap_err().to_string()));
}

#[tokio::test]
async fn a_server_that_a_task_binds_behind_the_body_is_finished_too() {
    TcpServers::run(async |servers| {
        let late = servers.bind().await.unwrap();
        late.expect_connect();
        let addr = late.local_addr();
        tokio::spawn(async move {
            // The fixture waits for the first server's client, which comes only when the second server is there.
            tokio::task::yield_now().await;
            let _second = servers.bind().await.unwrap();
            drop(TcpStream::connect(addr).await.unwrap());
        });
    })
    .await;
}

/// A panic on a task of its own is told there, and the next one who asks gets a line.
#[tokio::test]
async fn a_failure_that_a_local_task_was_told_is_not_told_again() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_disconnect();
    let script = Script::clone(&server);
    let tasks = tokio::task::LocalSet::new();
    let told = tasks.run_until(async { tokio::task::spawn_local(async move { script.join().await }).await }).await;
    assert!(told.unwrap_err().is_panic());
    let again = tcpclient_tests::panic_of(Stage::new(On::Tokio, Over::Sockets), server.join()).await;
    assert!(again.ends_with(" (the whole report was shown before)"), "{again}");
}

#[test]
fn what_was_joined_may_be_dropped() {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        drop(TcpStream::connect(server.local_addr()).await.unwrap());
        server.join().await;
        server
    });
    drop(runtime);
    drop(server);
}

#[test]
fn a_server_outlives_its_runtime_and_says_so() {
    let first = runtime();
    let server = first.block_on(TcpServer::bind()).unwrap();
    drop(first);
    server.expect_connect();
    let failure = runtime().block_on(server.try_join()).unwrap_err();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 1 of 1 failed
          expect_connect() at tests/tests/tokio.rs:LINE
          the task that plays the script was dropped: the runtime it ran on has shut down
          no client has connected, as far as the server has noticed

          script
            FAIL  1  expect_connect()  tests/tests/tokio.rs:LINE

          conversation
            (none)

          told by try_join() at tests/tests/tokio.rs:LINE"#]]
    .assert_eq(&normalize(&failure.to_string()));
}

#[test]
fn a_server_that_outlives_its_runtime_cannot_be_finished() {
    let first = runtime();
    let server = first.block_on(TcpServer::bind()).unwrap();
    drop(first);
    let failure = runtime().block_on(server.try_finish()).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("the task that plays the script was dropped: the runtime it ran on has shut down"), "{text}");
    assert!(text.contains("told by try_finish() at tests/tests/tokio.rs:"), "{text}");
}

#[tokio::test]
async fn a_connection_that_was_handed_over_has_the_traits_of_tokio() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let raw = server.hand_over();
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    let mut raw = raw.await;
    client.write_all(b"ping").await.unwrap();
    let mut ping = [0; 4];
    raw.read_exact(&mut ping).await.unwrap();
    assert_eq!(&ping, b"ping");
    raw.write_all(b"pong").await.unwrap();
    raw.flush().await.unwrap();
    AsyncWriteExt::shutdown(&mut raw).await.unwrap();
    let mut pong = Vec::new();
    client.read_to_end(&mut pong).await.unwrap();
    assert_eq!(pong, b"pong");
    drop(raw);
    server.finish().await;
}

/// A client that connects and never says a word, on a thread of its own. The thread returns what the client reads.
fn silent_client(addr: std::net::SocketAddr) -> std::thread::JoinHandle<std::io::Result<usize>> {
    std::thread::spawn(move || {
        let mut client = std::net::TcpStream::connect(addr)?;
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        std::io::Read::read(&mut client, &mut [0; 1])
    })
}

/// Plays a script that resets a silent client, to its end.
async fn reset_a_silent_client() -> std::thread::JoinHandle<std::io::Result<usize>> {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.reset();
    let client = silent_client(server.local_addr());
    server.try_finish().await.unwrap();
    client
}

#[test]
fn a_silent_client_is_reset_though_nothing_runs_behind_finish() {
    // As in a test that goes on to join the thread of its client, and blocks the runtime with that.
    let runtime = runtime();
    let client = runtime.block_on(reset_a_silent_client());
    let read = client.join().unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    drop(runtime);
}

#[test]
fn a_silent_client_is_reset_though_the_runtime_ends_behind_finish() {
    let client = runtime().block_on(reset_a_silent_client());
    let read = client.join().unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn clients_of_a_script_that_has_failed_are_reset_though_the_runtime_ends() {
    let runtime = runtime();
    let (server, clients) = runtime.block_on(async {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        let mut clients = vec![silent_client(server.local_addr())];
        server.join().await;
        // Of the others, one makes the script fail, and one comes behind that. All are left alone for a while.
        while clients.len() < 3 {
            clients.push(silent_client(server.local_addr()));
            while server.connections() < clients.len() {
                tokio::task::yield_now().await;
            }
        }
        (server, clients)
    });
    drop(runtime);
    for client in clients {
        assert_eq!(client.join().unwrap().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
    give_up(server);
}

#[tokio::test(start_paused = true)]
async fn the_idle_limit_counts_from_when_the_last_script_is_done() {
    let server = TcpServer::in_memory();
    let second = server.script();
    server.expect_connect();
    second.pause(Duration::from_secs(60));
    let client = server.connect_in_memory();
    server.join().await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    server.try_join().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let failure = server.try_join().await.unwrap_err().to_string();
    assert!(failure.contains("no step has been left to play for 10 s"), "{failure}");
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_server_in_memory_goes_by_the_paused_clock() {
    let began = std::time::Instant::now();
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.expect_bytes("question").within(Duration::from_secs(3600));
    server.pause(Duration::from_secs(600));
    server.send_bytes("answer");
    let mut client = server.connect_in_memory();
    tokio::time::sleep(Duration::from_secs(1800)).await;
    client.write_all(b"question").await.unwrap();
    let asked = tokio::time::Instant::now();
    client.read_exact(&mut [0; 6]).await.unwrap();
    assert_eq!(asked.elapsed().as_secs(), 600);
    drop(client);
    let transcript = server.transcript();
    server.finish().await;
    assert!(transcript.to_string().contains("1800.00"), "{transcript}");
    assert!(began.elapsed() < Duration::from_secs(5), "no real time is spent waiting");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_memory_is_judged_by_the_paused_clock() {
    let (began, paused) = (std::time::Instant::now(), tokio::time::Instant::now());
    let server = TcpServer::in_memory();
    server.expect_connect().within(Duration::from_secs(3600));
    let failure = server.try_join().await.unwrap_err();
    assert!(failure.to_string().contains("timed out waiting for the client to connect, after 3600 s"), "{failure}");
    assert_eq!(paused.elapsed().as_secs(), 3600);
    assert!(began.elapsed() < Duration::from_secs(5), "no real time is spent waiting");
}

/// A client on a thread of its own, for which tokio has nothing to do while it takes its time.
fn slow_client(addr: std::net::SocketAddr) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        std::io::Write::write_all(&mut client, b"Hello").unwrap();
    })
}

#[tokio::test(start_paused = true)]
async fn no_timeout_of_the_client_goes_off_while_a_deadline_of_the_script_runs() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello");
    let client = slow_client(server.local_addr());
    // The clock of this runtime would jump to the end of this at once.
    tokio::time::timeout(Duration::from_millis(1), server.join()).await.expect("the clock stands still meanwhile");
    client.join().unwrap();
    server.finish().await;
}

#[tokio::test]
async fn a_clock_that_is_paused_later_stands_still_too() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.expect_bytes("Hello");
    // The server has set its alarm.
    tokio::task::yield_now().await;
    tokio::time::pause();
    let client = slow_client(server.local_addr());
    tokio::time::timeout(Duration::from_millis(1), server.join()).await.expect("the clock stands still meanwhile");
    client.join().unwrap();
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_is_free_when_the_script_owes_the_client_nothing() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let client = TcpStream::connect(server.local_addr()).await.unwrap();
    server.join().await;
    let began = std::time::Instant::now();
    // The idle limit of the connection does not hold it up.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "no real time is spent waiting: {:?}", began.elapsed());
    drop(client);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn no_timeout_of_the_client_goes_off_while_the_script_pauses() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.pause(Duration::from_millis(50));
    server.send_bytes("hello");
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    tokio::time::timeout(Duration::from_millis(1), client.read_exact(&mut [0; 5])).await.unwrap().unwrap();
    drop(client);
    server.finish().await;
}

/// Drops a server whose steps nobody has joined.
fn give_up(server: TcpServer) {
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || drop(server)));
    assert!(dropped.is_err(), "nobody has joined its steps");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_lets_the_paused_clock_go() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect().within(Duration::from_secs(3600));
    // The server sets its alarm.
    tokio::task::yield_now().await;
    give_up(server);
    let began = std::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(7200)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "no alarm holds it up any more");
}

#[tokio::test]
async fn a_stream_in_memory_is_split_as_tokio_does_it() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.expect_bytes("ping");
    server.expect_eof();
    server.send_bytes("pong");
    server.disconnect();
    let (mut reader, mut writer) = tokio::io::split(server.connect_in_memory());
    let reading = tokio::spawn(async move {
        let mut reply = Vec::new();
        reader.read_to_end(&mut reply).await.unwrap();
        reply
    });
    writer.write_all(b"ping").await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(reading.await.unwrap(), b"pong");
    drop(writer);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_stands_still_until_a_silent_client_is_reset() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    server.reset();
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    let read = tokio::time::timeout(Duration::from_millis(1), client.read(&mut [0; 1])).await;
    assert!(read.expect("the reset comes first").is_err());
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_paused_clock_stands_still_until_a_half_closed_client_is_answered() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    if probe::is_available() {
        server.expect_eof();
        server.pause(Duration::from_millis(20));
        server.disconnect();
    } else {
        server.expect_disconnect();
    }
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.shutdown().await.unwrap();
    let read = tokio::time::timeout(Duration::from_millis(1), client.read(&mut [0; 1])).await;
    assert_eq!(read.expect("the end comes first").unwrap(), 0);
    server.finish().await;
}

#[test]
fn an_alarm_rings_though_the_pool_that_holds_the_paused_clock_is_full() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let patient = TcpServer::builder().deadline(Duration::from_secs(60)).bind().await.unwrap();
        patient.expect_connect();
        let hasty = TcpServer::bind().await.unwrap();
        hasty.expect_connect().within(Duration::from_millis(50));
        let began = std::time::Instant::now();
        assert!(hasty.try_join().await.is_err());
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        give_up(patient);
    });
}

#[tokio::test]
async fn a_client_that_closes_early_may_do_so_because_the_clock_is_paused() {
    const REMARK: &str = "tokio's clock is paused: a timeout of the client goes off as soon as everybody waits";
    for paused in [false, true] {
        if paused {
            tokio::time::pause();
        }
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        drop(TcpStream::connect(server.local_addr()).await.unwrap());
        server.expect_bytes("Hello");
        let report = server.try_join().await.unwrap_err().to_string();
        assert_eq!(report.contains(REMARK), paused, "{report}");
    }
}

/// The size of a reply that the kernel takes from the server, but not all of it for the client at once.
const REPLY: usize = 1_000_000;

#[test]
fn a_reply_is_not_cut_off_by_the_end_of_the_runtime() {
    use std::io::{Read, Write};

    let runtime = runtime();
    let server = runtime.block_on(TcpServer::bind()).unwrap();
    server.expect_connect();
    server.send_bytes(vec![b'x'; REPLY]);
    server.disconnect();
    let addr = server.local_addr();
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let client = std::thread::spawn(move || {
        let mut client = std::net::TcpStream::connect(addr).unwrap();
        client.read_exact(&mut [0; 100]).unwrap();
        // If nothing keeps the runtime, it ends at once.
        let _ = end.recv_timeout(Duration::from_millis(100));
        client.write_all(b"one more request").unwrap();
        client.read_to_end(&mut Vec::new()).map_err(|error| error.kind())
    });
    runtime.block_on(server.finish());
    drop((runtime, ended));
    let read = client.join().unwrap();
    if probe::is_available() {
        assert_eq!(read, Ok(REPLY - 100));
    }
}

#[test]
fn a_reply_is_not_cut_off_by_what_came_before_the_end_of_the_runtime() {
    use std::io::{Read, Write};

    let runtime = runtime();
    let server = runtime.block_on(TcpServer::bind()).unwrap();
    server.expect_connect();
    server.send_bytes(vec![b'x'; REPLY]);
    server.disconnect();
    let mut client = std::net::TcpStream::connect(server.local_addr()).unwrap();
    runtime.block_on(server.join());
    client.write_all(b"one more request").unwrap();
    drop((runtime, server));
    let read = client.read_to_end(&mut Vec::new());
    assert_eq!(read.map_err(|error| error.kind()), Ok(REPLY));
}

#[tokio::test(start_paused = true)]
async fn a_finish_waits_a_second_for_a_client_that_does_not_read() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.send_bytes("hello");
    server.disconnect();
    let client = server.connect_in_memory();
    server.join().await;
    let began = tokio::time::Instant::now();
    server.finish().await;
    assert_eq!(began.elapsed().as_secs(), 1);
    drop(client);
}

/// Explores a conversation of two connections, one of which is read in a task of its own; returns all that happened, in order.
async fn told(seed: u64) -> Vec<String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |text: String| told.lock().unwrap().push(text);
    let body = async |server: TcpServer| {
        server.expect_connect();
        server.expect_bytes("question");
        server.pause(Duration::from_millis(3));
        server.send_bytes("one answer, ");
        server.send_bytes("and another");
        let beside = server.script();
        beside.expect_connect();
        beside.send_bytes("news from beside");

        let (mut reader, mut writer) = tokio::io::split(server.connect_in_memory());
        let mut other = server.connect_in_memory();
        let shared = Arc::clone(&told);
        let read = async move |stream: &mut (dyn AsyncRead + Unpin + Send), length: usize| {
            let mut bytes = vec![0; length];
            let mut count = 0;
            while count < length {
                count += stream.read(&mut bytes[count..]).await.unwrap();
                shared.lock().unwrap().push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            }
        };
        let reads = tokio::spawn({
            let read = read.clone();
            async move { read(&mut reader, 23).await }
        });
        writer.write_all(b"question").await.unwrap();
        read(&mut other, 16).await;
        reads.await.unwrap();
        tell(format!("{:?} {:?}", server.transcript(), beside.transcript()));
    };
    let explored = TcpServer::builder().plans(60).seed(seed).explore(body).await;
    tell(explored.to_string());
    told.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_explored_with_the_same_seed_happens_in_the_same_order() {
    let first = told(7).await;
    assert!(first.len() > 300, "{first:?}");
    for _ in 1..100 {
        assert_eq!(told(7).await, first);
    }
    assert_ne!(told(8).await, first);
}

#[tokio::test(start_paused = true)]
async fn failing_plans_take_no_time_while_the_clock_is_paused() {
    let began = std::time::Instant::now();
    let explore = TcpServer::explore(async |server| {
        server.expect_connect();
        server.send_bytes("0123456789");
        server.expect_bytes("thanks");
        let mut client = server.connect_in_memory();
        // A client in a task, of which nobody can know what it waits for.
        let reads = tokio::spawn(async move {
            if client.read(&mut [0; 10]).await.unwrap() < 10 {
                std::future::pending::<()>().await;
            }
            client.write_all(b"thanks").await.unwrap();
        });
        reads.await.unwrap();
    });
    let report = tokio::spawn(explore).await.unwrap_err();
    let report = report.into_panic().downcast::<String>().unwrap();
    assert!(report.contains("timed out waiting for \"thanks\", after 1 s"), "{report}");
    assert!(report.contains("the plan `cut 1`: \"0\" | \"123456789\""), "{report}");
    assert!(report.contains("10 of the first 13 plans failed"), "{report}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_exploration_that_is_given_up_says_at_which_plan() {
    let report = tokio::spawn(async {
        let explore = TcpServer::builder().deadline(Duration::from_secs(3600)).explore(async |server| {
            server.expect_connect();
            server.send_bytes("0123456789");
            let mut client = server.connect_in_memory();
            if client.read(&mut [0; 10]).await.unwrap() < 10 {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
        });
        drop(tokio::time::timeout(Duration::from_millis(20), explore).await);
    });
    let report = report.await.unwrap_err().into_panic().downcast::<String>().unwrap();
    let report = normalize(&report);
    let note = "the future of explore() at tests/tests/tokio.rs:LINE was dropped before its end, at the plan `cut 1`";
    assert!(report.contains(note), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_goes_off_by_real_time_though_the_clock_stands_still_however_often_it_is_asked() {
    use std::future::poll_fn;
    use std::task::Poll;
    use tcpclient_core::server::runtime::{Alarm, Clock, Runtime, Timer};
    use tcpclient_tokio::Tokio;
    let mut timer = Tokio::timer(Clock::Real);
    let at = timer.now() + Duration::from_millis(20);
    timer.set_alarm(Some(Alarm { at, owed: true }));
    let asked = poll_fn(|cx| Poll::Ready([timer.poll_alarm(cx), timer.poll_alarm(cx)])).await;
    assert_eq!(asked, [Poll::Pending; 2]);
    let paused = tokio::time::Instant::now();
    poll_fn(|cx| timer.poll_alarm(cx)).await;
    assert!(timer.now() >= at && tokio::time::Instant::now() == paused);
}
