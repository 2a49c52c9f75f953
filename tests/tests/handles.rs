//! What servers, scripts and their futures show, hold and refuse, on every runtime.
#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;
use tcpclient_async_std::AsyncStd;
use tcpclient_core::framing::Framing;
use tcpclient_core::pattern::Pattern;
use tcpclient_core::reply::Reply;
use tcpclient_core::server::runtime::{Listener, Runtime};
use tcpclient_core::server::{Script, Server, Servers};
use tcpclient_smol::Smol;
use tcpclient_tokio::Tokio;

/// Makes a test of each case on every runtime.
macro_rules! on_every_runtime {
    ($($case:ident)+) => {$(
        mod $case {
            #[test]
            fn tokio() {
                super::cases::$case::<super::Tokio>();
            }

            #[test]
            fn async_std() {
                super::cases::$case::<super::AsyncStd>();
            }

            #[test]
            fn smol() {
                super::cases::$case::<super::Smol>();
            }
        }
    )+};
}

on_every_runtime! {
    a_server_has_a_port
    a_failure_shows_its_report_however_it_is_shown
    a_server_that_is_finished_with_a_failure_panics_with_it
    a_mark_that_there_is_not_cannot_be_waited_for
    a_connection_is_handed_over_to_a_test_that_blocks
    servers_of_every_kind_are_finished
    a_report_that_the_body_was_shown_is_not_shown_again
    a_fixture_that_has_ended_is_not_polled_again
    a_block_may_be_long
    a_closure_of_the_script_learns_nothing_of_it
    no_code_of_a_test_runs_under_a_lock
}

fn message(act: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(act)).unwrap_err().downcast().unwrap()
}

fn connect<R: Runtime>(server: &Server<R>) -> TcpStream {
    TcpStream::connect(server.local_addr()).unwrap()
}

/// Makes a server fail.
fn fail<R: Runtime>(server: &Server<R>) {
    server.expect_connect();
    server.expect_bytes("ping");
    let mut client = connect(server);
    client.write_all(b"pong").unwrap();
    // It is reset, or ended.
    let _ = client.read(&mut [0]);
}

/// What code of a test was called so far, and which of it is at work.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<(BTreeSet<&'static str>, Option<&'static str>)>>);

/// Code of a test that uses the handles of a server: under a lock of theirs it would wait for itself.
#[derive(Clone)]
struct Code {
    script: Script,
    calls: Calls,
    /// When it is called.
    kind: &'static str,
}

impl Code {
    fn call(&self) {
        self.calls.0.lock().unwrap().1 = Some(self.kind);
        self.script.transcript();
        self.script.connections();
        self.script.release("go");
        self.script.framing(Framing::lines());
        drop(self.script.try_join());
        let mut calls = self.calls.0.lock().unwrap();
        calls.0.insert(self.kind);
        calls.1 = None;
    }
}

/// A value of a test that uses handles when it is dropped.
struct Dropped(Code);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.call();
    }
}

/// An error of a test that uses handles when it is shown.
struct Shown(Code);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.call();
        f.write_str("shown")
    }
}

/// A waker of a test that uses handles when it is called, and when it is dropped.
struct Alarm(Thread, Code, Dropped);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let Self(thread, code, Dropped(_)) = &*self;
        code.call();
        thread.unpark();
    }
}

mod cases {
    use super::*;

    /// A test on a thread of its own, that a call which waits for itself may stop.
    pub(super) fn no_code_of_a_test_runs_under_a_lock<R: Runtime>() {
        let calls = Calls::default();
        let (doing, (done, end)) = (calls.clone(), mpsc::channel());
        let test = thread::spawn(move || {
            converse_with_code::<R>(&doing);
            show_an_error_with_code::<R>(&doing);
            done.send(()).unwrap();
        });
        if let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(Duration::from_secs(30)) {
            panic!("called under a lock: {:?}", calls.0.lock().unwrap().1);
        }
        test.join().unwrap_or_else(|panic| resume_unwind(panic));
        let all = [
            "a body's error is shown",
            "a closure is dropped behind its step",
            "a closure is dropped whose step is refused",
            "a codec is asked",
            "a codec is dropped with its framing",
            "a message is judged",
            "a reply is computed",
            "a rule answers",
            "a waker is called",
            "a waker is dropped",
        ];
        assert_eq!(calls.0.lock().unwrap().0, BTreeSet::from(all));
    }

    fn converse_with_code<R: Runtime>(calls: &Calls) {
        let server = Server::<R>::bind_blocking().unwrap();
        let script = (*server).clone();
        let code = |kind| Code { script: script.clone(), calls: calls.clone(), kind };
        server.hold("go");
        server.release("go");
        server.expect_connect();
        let judge = code("a message is judged");
        server.expect_line(Pattern::matching(move |_: &[u8]| {
            judge.call();
            true
        }));
        let (reply, kept) = (code("a reply is computed"), Dropped(code("a closure is dropped behind its step")));
        server.reply(move |_| {
            let Dropped(_) = &kept;
            reply.call();
            b"1".to_vec()
        });
        let kept = Dropped(code("a codec is dropped with its framing"));
        server.framing(Framing::codec(move |_: &[u8]| {
            let Dropped(_) = &kept;
            Ok(None)
        }));
        server.framing(Framing::lines());
        let codec = code("a codec is asked");
        server.framing(Framing::codec(move |bytes: &[u8]| {
            codec.call();
            Ok((bytes.len() >= 2).then_some(2))
        }));
        server.expect_frame("ab");
        server.framing(Framing::lines());
        let rule = code("a rule answers");
        let pong = move |_: &[u8]| {
            rule.call();
            b"PONG".to_vec()
        };
        server.anytime("PING", Reply::with(pong));
        // So many that those before are forgotten.
        server.repeat(25, |script| script.send_bytes("x"));
        server.expect_line("end");

        let waker = || {
            let end = Dropped(code("a waker is dropped"));
            Waker::from(Arc::new(Alarm(thread::current(), code("a waker is called"), end)))
        };
        let mut join = pin!(server.try_join());
        let mut passed = || join.as_mut().poll(&mut Context::from_waker(&waker())).is_ready();
        // The second takes the place of the first.
        assert!(!passed() && !passed());
        let mut client = connect(&server);
        client.write_all(b"hello\r\nabPING\r\nend\r\n").unwrap();
        client.read_exact(&mut [0; 32]).unwrap();
        while !passed() {
            thread::park();
        }
        drop(client);
        server.finish_blocking();
        let kept = Dropped(code("a closure is dropped whose step is refused"));
        let refused = message(|| {
            script.reply(move |_| {
                let Dropped(_) = &kept;
                Vec::new()
            });
        });
        assert!(refused.contains("a step was added after the server had been finished"), "{refused}");
    }

    fn show_an_error_with_code<R: Runtime>(calls: &Calls) {
        let text = message(|| {
            let _ = Server::<R>::run_blocking(|server| {
                server.hold("go");
                server.release("go");
                fail(&server);
                let script = (*server).clone();
                Err::<(), _>(Shown(Code { script, calls: calls.clone(), kind: "a body's error is shown" }))
            });
        });
        assert!(text.contains("the test body had returned Err(shown)"), "{text}");
    }

    pub(super) fn a_server_has_a_port<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        assert_eq!(server.port(), server.local_addr().port());
        assert_ne!(server.port(), 0);
        server.finish_blocking();
    }

    pub(super) fn a_failure_shows_its_report_however_it_is_shown<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        fail(&server);
        let failure = server.try_join_blocking().unwrap_err();
        assert!(failure.to_string().contains("step 2 of 2 failed"), "{failure}");
        // As `unwrap` shows it, behind its own words.
        assert_eq!(format!("{failure:?}"), format!("\n{failure}"));
        assert_eq!(failure.report().server(), server.local_addr().to_string());
    }

    pub(super) fn a_server_that_is_finished_with_a_failure_panics_with_it<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        fail(&server);
        let text = message(|| server.finish_blocking());
        assert!(
            text.contains("step 2 of 2 failed")
                && text.contains("told by finish_blocking() at tests/tests/handles.rs:")
        );
    }

    pub(super) fn a_mark_that_there_is_not_cannot_be_waited_for<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        server.mark("there");
        server.reached_blocking("there");
        let expected = format!("scripted server {}: the script has no mark(\"here\")", server.local_addr());
        assert_eq!(message(|| server.reached_blocking("here")), expected);
        assert_eq!(message(|| drop(server.reached("here"))), expected);
        server.finish_blocking();
    }

    pub(super) fn a_connection_is_handed_over_to_a_test_that_blocks<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        server.expect_connect();
        server.expect_line("CONNECT");
        let mut client = connect(&server);
        client.write_all(b"CONNECT\r\nhello").unwrap();
        let (mut raw, received) = server.hand_over_blocking().into_std().unwrap();
        let mut all = received;
        client.shutdown(std::net::Shutdown::Write).unwrap();
        raw.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"hello");
        server.finish_blocking();
        // Of a server that plays on the test's own runtime nobody would ever hand it over.
        let server = R::block_on(Server::<R>::bind()).unwrap().unwrap();
        assert!(message(|| drop(server.hand_over_blocking())).contains("hand_over_blocking()"));
    }

    pub(super) fn servers_of_every_kind_are_finished<R: Runtime>() {
        let text = message(|| {
            R::block_on(Servers::<R>::run(async |servers| {
                let blocking = servers.bind_blocking().unwrap();
                blocking.expect_connect();
                drop(connect(&blocking));
                let memory = servers.in_memory();
                memory.expect_connect().named("nobody");
                let bound = servers.bind().await.unwrap();
                bound.expect_connect();
                drop(connect(&bound));
            }))
            .unwrap();
        });
        assert!(text.contains("expect_connect() named \"nobody\""), "{text}");
    }

    pub(super) fn a_report_that_the_body_was_shown_is_not_shown_again<R: Runtime>() {
        let mut shown = String::new();
        let text = message(|| {
            R::block_on(Servers::<R>::run(async |servers| {
                let server = servers.bind_blocking().unwrap();
                fail(&server);
                shown = message(|| server.join_blocking());
                pending::<()>().await;
            }))
            .unwrap();
        });
        assert!(shown.contains("step 2 of 2 failed\n"), "{shown}");
        assert!(
            text.ends_with(" (the whole report was shown before)") && text.contains("step 2 of 2 failed, "),
            "{text}"
        );
    }

    pub(super) fn a_fixture_that_has_ended_is_not_polled_again<R: Runtime>() {
        R::block_on(async {
            let mut run = pin!(Server::<R>::run(async |server| server.port()));
            assert_eq!(format!("{run:?}"), "Run { stage: Body, .. }");
            assert_eq!(format!("{:?}", Server::<R>::explore(async |_| ())), "Explore { .. }");
            assert_ne!(run.as_mut().await, 0);
            poll_fn(|cx| {
                let payload = catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))).unwrap_err();
                assert_eq!(payload.downcast_ref::<&str>(), Some(&"polled after completion"));
                Poll::Ready(())
            })
            .await;
        })
        .unwrap();
    }

    pub(super) fn a_closure_of_the_script_learns_nothing_of_it<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        let script = server.script();
        server.expect_connect();
        server.expect_line("how far?");
        server.reply(move |_| format!("{} entries", script.transcript().entries().count()).into_bytes());
        server.disconnect();
        let mut client = connect(&server);
        client.write_all(b"how far?\r\n").unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        assert_eq!(reply, "0 entries");
        server.join_blocking();
        assert_ne!(server.transcript().entries().count(), 0);
        server.finish_blocking();
    }

    pub(super) fn a_block_may_be_long<R: Runtime>() {
        let server = Server::<R>::bind_blocking().unwrap();
        server.expect_connect();
        server.optional(|script| {
            for number in 0..3000 {
                script.expect_line(format!("{number}"));
            }
        });
        server.expect_disconnect();
        let mut client = connect(&server);
        let lines: String = (0..3000).map(|number| format!("{number}\r\n")).collect();
        client.write_all(lines.as_bytes()).unwrap();
        drop(client);
        server.finish_blocking();
    }
}

#[test]
fn listeners_are_shown_with_their_sockets() {
    fn shown<R: Runtime<Listener: fmt::Debug>>() -> String {
        R::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let port = listener.local_addr().unwrap().port().to_string();
            let text = format!("{:?}", R::listen(listener).unwrap());
            assert!(text.contains(&port), "{text}");
            text.replace(&port, "PORT")
        })
        .unwrap()
    }
    for text in [shown::<Tokio>(), shown::<AsyncStd>(), shown::<Smol>()] {
        assert!(text.starts_with("Listener("), "{text}");
    }
}

#[test]
fn listeners_can_be_asked_past_their_runtime() {
    fn ask<R: Runtime>() {
        R::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let addr = listener.local_addr().unwrap();
            let mut listener = R::listen(listener).unwrap();
            let Err(error) = listener.accept_now() else { panic!("nobody has connected") };
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
            let client = TcpStream::connect(addr).unwrap();
            let (_, peer) = listener.accept_now().unwrap();
            assert_eq!(peer, Some(client.local_addr().unwrap()));
        })
        .unwrap();
    }
    ask::<Tokio>();
    ask::<AsyncStd>();
    ask::<Smol>();
}

#[test]
fn connections_in_memory_take_several_pieces_at_once() {
    use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
    Smol::block_on(async {
        let server = Server::<Smol>::in_memory();
        server.expect_connect();
        server.expect_bytes("Hello, server!");
        let mut client = server.connect_in_memory();
        let pieces = ["Hello, ", "", "server!"].map(|piece| IoSlice::new(piece.as_bytes()));
        assert_eq!(client.write_vectored(&pieces).await.unwrap(), 14);
        client.flush().await.unwrap();
        let raw = server.hand_over();
        let mut raw = raw.await;
        raw.write_all(b"bye").await.unwrap();
        raw.flush().await.unwrap();
        let mut bye = [0; 3];
        client.read_exact(&mut bye).await.unwrap();
        assert_eq!(&bye, b"bye");
        server.finish().await;
    })
    .unwrap();
}
