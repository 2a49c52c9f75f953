//! A runtime that no adapter knows plays the same scripts: on sockets, in memory, and for clients that block.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use expect_test::expect;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tcpclient_core::server::Server;
use tcpclient_core::server::runtime::{Listener as _, Runtime, Stream as _};
use tcpclient_tests::runtime::{TcpServer, TcpServers, Threads};

/// The deadline of steps. At a deadline the kernel is asked, so that a server which is not woken still passes, but late:
const DEADLINE: Duration = Duration::from_secs(40);

/// how long a test may take, and its client wait.
const PROMPT: Duration = Duration::from_secs(20);

/// Runs a test that must not have to wait for a deadline, nor for ever.
fn promptly(test: impl FnOnce() + Send + 'static) {
    let (is_over, over) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _is_over = is_over;
        test();
    });
    assert!(over.recv_timeout(PROMPT) == Err(RecvTimeoutError::Disconnected), "the server was not woken by its socket");
    thread.join().unwrap_or_else(|payload| resume_unwind(payload));
}

fn block_on<F: Future>(future: F) -> F::Output {
    Threads::block_on(future).unwrap()
}

fn bind() -> TcpServer {
    block_on(TcpServer::builder().deadline(DEADLINE).bind()).unwrap()
}

fn connect<R: Runtime>(server: &Server<R>) -> TcpStream {
    let client = TcpStream::connect(server.local_addr()).unwrap();
    client.set_read_timeout(Some(PROMPT)).unwrap();
    client.set_write_timeout(Some(PROMPT)).unwrap();
    client
}

fn script_hello<R: Runtime>(server: &Server<R>) {
    server.expect_connect();
    server.expect_bytes(b"Hello, server!");
    server.send_bytes(b"Hello, client!");
    server.expect_disconnect();
}

fn say_hello<R: Runtime>(server: &Server<R>) {
    let mut client = connect(server);
    client.write_all(b"Hello, server!").unwrap();
    let mut reply = [0; 14];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"Hello, client!");
}

#[test]
fn hello() {
    promptly(|| {
        let server = bind();
        script_hello(&server);
        say_hello(&server);
        block_on(server.join());
    });
}

#[test]
fn hello_blocking() {
    promptly(|| {
        let server = TcpServer::builder().deadline(DEADLINE).bind_blocking().unwrap();
        script_hello(&server);
        say_hello(&server);
        server.finish_blocking();
    });
}

#[test]
fn hello_in_memory() {
    promptly(|| {
        block_on(async {
            let server = TcpServer::builder().deadline(DEADLINE).in_memory();
            script_hello(&server);
            let mut client = server.connect_in_memory();
            client.write_all(b"Hello, server!").await.unwrap();
            let mut reply = [0; 14];
            client.read_exact(&mut reply).await.unwrap();
            assert_eq!(&reply, b"Hello, client!");
            drop(client);
            server.finish().await;
        });
    });
}

#[test]
fn several_servers() {
    promptly(|| {
        block_on(TcpServers::run(async |servers| {
            let first = servers.builder().deadline(DEADLINE).bind().await.unwrap();
            let second = servers.builder().deadline(DEADLINE).bind().await.unwrap();
            script_hello(&first);
            script_hello(&second);
            say_hello(&second);
            say_hello(&first);
        }));
    });
}

/// Returns how a script fails that its client strays from, and what the client gets for it.
fn report<R: Runtime>() -> String {
    let server = Server::<R>::bind_blocking().unwrap();
    server.expect_connect();
    server.expect_bytes("Hello, world!");
    server.send_bytes("Hello, client!");
    let mut client = connect(&server);
    client.write_all(b"Hello, World!").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let failure = server.try_join_blocking().unwrap_err();
    tcpclient_tests::normalize(&failure.to_string())
}

#[test]
fn a_failure_reads_as_on_every_runtime() {
    let text = report::<Threads>();
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 failed
          expect_bytes("Hello, world!") at tests/tests/runtime.rs:LINE
          byte 7 differs: expected 0x77 'w', received 0x57 'W'
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21           Hello, world!
            received  00000000  48 65 6c 6c 6f 2c 20 57  6f 72 6c 64 21           Hello, World!
                                                     ^^
          the client is still connected

          script
            ok    1  expect_connect()               tests/tests/runtime.rs:LINE
            FAIL  2  expect_bytes("Hello, world!")  tests/tests/runtime.rs:LINE
            --    3  send_bytes("Hello, client!")   tests/tests/runtime.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 13 bytes  "Hello, World!"
            0.000 s  reset by the script's failure

          told by try_join_blocking() at tests/tests/runtime.rs:LINE"#]]
    .assert_eq(&text);
    assert_eq!(text, report::<tcpclient_tokio::Tokio>());
}

#[test]
fn a_deadline_passes_while_nothing_happens() {
    promptly(|| {
        let server = bind();
        server.expect_connect().within(Duration::from_millis(20));
        let failure = block_on(server.try_join()).unwrap_err();
        assert!(failure.to_string().contains("timed out waiting for the client to connect"), "{failure}");
    });
}

/// A megabyte that no part of looks like another.
fn megabyte() -> Vec<u8> {
    (0..1 << 18).flat_map(u32::to_be_bytes).collect()
}

/// The number of megabytes that are more than a socket holds.
const ROUNDS: usize = 16;

#[test]
fn a_megabyte_each_way() {
    promptly(|| {
        let megabyte = megabyte();
        let server = bind();
        server.expect_connect();
        server.expect_bytes(megabyte.clone());
        // More than sockets hold, while the client does not read: the server has to wait for room.
        for _ in 0..ROUNDS {
            server.send_bytes(megabyte.clone());
        }
        let mut client = connect(&server);
        client.write_all(&megabyte).unwrap();
        let mut reply = vec![0; 1 << 20];
        for _ in 0..ROUNDS {
            client.read_exact(&mut reply).unwrap();
            assert!(reply == megabyte, "the bytes that the server sent");
        }
        drop(client);
        block_on(server.finish());
    });
}

#[test]
fn a_megabyte_each_way_in_memory() {
    promptly(|| {
        block_on(async {
            let server = TcpServer::builder().deadline(DEADLINE).in_memory();
            server.expect_connect();
            server.expect_bytes(megabyte());
            server.send_bytes(megabyte());
            let mut client = server.connect_in_memory();
            client.write_all(&megabyte()).await.unwrap();
            let mut reply = vec![0; 1 << 20];
            client.read_exact(&mut reply).await.unwrap();
            assert!(reply == megabyte(), "the bytes that the server sent");
            drop(client);
            server.finish().await;
        });
    });
}

#[test]
fn a_server_that_is_dropped_before_its_client_ends_the_stream() {
    promptly(|| {
        let server = bind();
        server.expect_connect();
        server.send_bytes("bye");
        let mut client = connect(&server);
        block_on(server.join());
        drop(server);
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bye");
    });
}

#[test]
fn a_wake_is_not_lost_where_the_future_parks_its_own_thread() {
    promptly(|| {
        let mut polled = false;
        block_on(poll_fn(|cx| {
            if !polled {
                cx.waker().wake_by_ref();
                // Uses up what the wake left; a channel does so too.
                thread::park();
            }
            if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        }));
    });
}

/// Tells that it was called.
struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_socket_wakes_its_task_and_lets_go_of_it() {
    let std_listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    std_listener.set_nonblocking(true).unwrap();
    let addr = std_listener.local_addr().unwrap();
    let mut listener = Threads::listen(std_listener).unwrap();
    let (sender, rings) = mpsc::channel();
    let bell = Arc::new(Bell(sender));
    let waker = Waker::from(Arc::clone(&bell));
    let cx = &mut Context::from_waker(&waker);

    // The task may have another waker by now: it is the latest that counts.
    assert!(listener.poll_accept(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(listener.poll_accept(cx).is_pending());
    let mut client = TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(PROMPT)).unwrap();
    rings.recv_timeout(PROMPT).unwrap();
    let Poll::Ready(Ok((mut stream, peer))) = listener.poll_accept(cx) else { panic!("a client is there") };
    assert_eq!(peer, client.local_addr().ok());

    // A ring may be for something else: that the socket can be written to.
    while stream.poll_read(cx, &mut [0; 8]).is_pending() {
        client.write_all(b"x").unwrap();
        rings.recv_timeout(PROMPT).unwrap();
    }

    stream.reset();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);

    let mut client = TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(PROMPT)).unwrap();
    let (mut stream, _) = listener.accept_now().unwrap();
    assert!(stream.poll_shutdown(cx).is_ready());
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the end of the stream, though the socket is still open");

    drop((listener, stream, waker));
    // The reactor may be calling it just now.
    wait_until("the wakers are dropped", || Arc::strong_count(&bell) == 1);
}

#[test]
#[cfg(target_os = "linux")]
fn many_servers_leave_nothing_behind() {
    fn count(folder: &str) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    promptly(|| {
        // The reactor stays.
        drop(bind());
        let (threads, files) = (count("/proc/self/task"), count("/proc/self/fd"));
        for round in 0..200 {
            let server = bind();
            script_hello(&server);
            say_hello(&server);
            if round % 2 == 0 {
                block_on(server.finish());
            } else {
                block_on(server.join());
            }
        }
        wait_until("the threads end", || count("/proc/self/task") <= threads);
        wait_until("the sockets are closed", || count("/proc/self/fd") <= files);
    });
}

/// Waits for what a test cannot be told of: no handle sees the thread of a driver end. Other tests come and go meanwhile, so that
/// it may take until they are over.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PROMPT, "{what}: not in time");
        thread::yield_now();
    }
}
