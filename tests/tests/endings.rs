//! What each runtime's own ways to end a stream, or a part of it, amount to on the wire. A scripted server tells them apart.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use core::any::Any;
use core::net::SocketAddr;
use core::time::Duration;
use expect_test::expect;
use std::net::Shutdown;
use tcpclient_core::server::{Failure, Script, probe};
use tcpclient_tests::normalize_on;
use tcpclient_tests::stage::{On, Over, Stage};

/// What the client keeps, so that only what is tried happens.
type Kept = Box<dyn Any>;

/// What the server knows in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing happened.
    Open,
    /// The client has shut down its sending half, and holds the connection.
    HalfClosed,
    /// The client has closed, having read all.
    Closed,
    /// The client has closed, and left 3 of 5 bytes unread.
    Unread,
}
use End::{Closed, HalfClosed, Open, Unread};

/// Has the server wait for the client's end for long enough to see what is on the wire already.
fn wait(server: &Script) {
    server.expect_disconnect().within(Duration::from_millis(10));
}

/// Returns what the server found.
fn end(result: Result<(), Failure>) -> End {
    let Err(failure) = result else { return Closed };
    let report = failure.to_string();
    let holds = |text| report.lines().any(|line| line.trim() == text);
    if holds("the client has shut down its sending half, and holds the connection") {
        HalfClosed
    } else if holds("the client is still connected") {
        Open
    } else {
        let words = if probe::is_available() {
            "3 of the 5 bytes sent were not read"
        } else {
            "some of the 5 bytes sent were not read"
        };
        assert!(report.contains(words), "{report}");
        Unread
    }
}

/// Checks what was found. Where nobody knows what the client does with its end, one that has shut down its sending half counts as
/// one that has closed.
fn check(name: &str, found: End, expected: End) {
    let expected = if expected == HalfClosed && !probe::is_available() { Closed } else { expected };
    assert_eq!(found, expected, "{name}");
}

/// Plays each of these ways on a server and a client of one runtime. The client has read so many of 5 bytes.
macro_rules! endings {
    ($server:ty, $stream:ty, $read_exact:path: $($name:literal, $read:literal, |$client:ident| $way:expr => $end:ident;)+) => {$(
        let server = <$server>::bind().await.unwrap();
        server.expect_connect();
        server.send_bytes("hello");
        let mut $client = <$stream>::connect(server.local_addr()).await.unwrap();
        $read_exact(&mut $client, &mut [0; $read]).await.unwrap();
        let kept: Kept = Box::new($way);
        wait(&server);
        check($name, end(server.try_join().await), $end);
        drop(kept);
    )+};
}

#[tokio::test]
async fn of_tokio() {
    use tcpclient_tokio::TcpServer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
    use tokio::net::TcpStream;

    endings! { TcpServer, TcpStream, AsyncReadExt::read_exact:
        "a stream that is kept", 5, |client| client => Open;
        "a stream that is dropped", 5, |client| drop(client) => Closed;
        "a stream that is dropped with data left", 2, |client| drop(client) => Unread;
        "shutdown()", 5, |client| { client.shutdown().await.unwrap(); client } => HalfClosed;
        "shutdown() of the writer that io::split() gives", 5, |client| {
            let (reader, mut writer) = tokio::io::split(client);
            writer.shutdown().await.unwrap();
            (reader, writer)
        } => HalfClosed;
        "shutdown() of a BufWriter", 5, |client| {
            let mut writer = BufWriter::new(client);
            writer.shutdown().await.unwrap();
            writer
        } => HalfClosed;
        "the writer that into_split() gives dropped", 5, |client| client.into_split().0 => HalfClosed;
        "the reader that into_split() gives dropped", 5, |client| client.into_split().1 => Open;
        "forget() of the writer that into_split() gives", 5, |client| {
            let (reader, writer) = client.into_split();
            writer.forget();
            reader
        } => Open;
        "both that into_split() gives dropped", 5, |client| drop(client.into_split()) => Closed;
        "both that into_split() gives dropped with data left", 2, |client| drop(client.into_split()) => Unread;
        "the writer that io::split() gives dropped", 5, |client| tokio::io::split(client).0 => Open;
        "the reader that io::split() gives dropped", 5, |client| tokio::io::split(client).1 => Open;
        "both that io::split() gives dropped with data left", 2, |client| drop(tokio::io::split(client)) => Unread;
        "a task aborted that owns the stream", 5, |client| {
            let task = tokio::spawn(async move { forever(client).await });
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        } => Closed;
        "a task that owns the stream and panics", 5, |client| {
            let task = tokio::spawn(async move { panics(client).await });
            assert!(task.await.unwrap_err().is_panic());
        } => Closed;
    }
}

#[test]
fn of_async_std() {
    use async_std::io::prelude::{ReadExt, WriteExt};
    use async_std::net::TcpStream;
    use futures_lite::io::split;
    use tcpclient_async_std::TcpServer;

    async_std::task::block_on(async {
        endings! { TcpServer, TcpStream, ReadExt::read_exact:
            "a stream that is kept", 5, |client| client => Open;
            "a stream that is dropped", 5, |client| drop(client) => Closed;
            "a stream that is dropped with data left", 2, |client| drop(client) => Unread;
            "close()", 5, |client| { futures_lite::AsyncWriteExt::close(&mut client).await.unwrap(); client } => Open;
            "flush()", 5, |client| { client.flush().await.unwrap(); client } => Open;
            "close() of the writer that split() gives", 5, |client| {
                let (reader, mut writer) = split(client);
                futures_lite::AsyncWriteExt::close(&mut writer).await.unwrap();
                (reader, writer)
            } => Open;
            "shutdown(Write)", 5, |client| { client.shutdown(Shutdown::Write).unwrap(); client } => HalfClosed;
            "shutdown(Both)", 5, |client| { client.shutdown(Shutdown::Both).unwrap(); client } => Closed;
            "one of two clones dropped", 5, |client| { drop(client.clone()); client } => Open;
            "both of two clones dropped", 5, |client| drop((client.clone(), client)) => Closed;
            "the writer that split() gives dropped", 5, |client| split(client).0 => Open;
            "both that split() gives dropped", 5, |client| drop(split(client)) => Closed;
            "a task cancelled that owns the stream", 5, |client| {
                let task = async_std::task::spawn(async move { forever(client).await });
                assert!(task.cancel().await.is_none());
            } => Closed;
        }
    });
}

#[test]
fn of_smol() {
    use futures_lite::io::split;
    use futures_lite::{AsyncReadExt, AsyncWriteExt};
    use smol::Async;
    use smol::net::TcpStream;
    use tcpclient_smol::TcpServer;

    smol::block_on(async {
        endings! { TcpServer, TcpStream, AsyncReadExt::read_exact:
            "a stream that is kept", 5, |client| client => Open;
            "a stream that is dropped", 5, |client| drop(client) => Closed;
            "a stream that is dropped with data left", 2, |client| drop(client) => Unread;
            "close()", 5, |client| { client.close().await.unwrap(); client } => HalfClosed;
            "close() of the writer that split() gives", 5, |client| {
                let (reader, mut writer) = split(client);
                writer.close().await.unwrap();
                (reader, writer)
            } => HalfClosed;
            "shutdown(Write)", 5, |client| { client.shutdown(Shutdown::Write).unwrap(); client } => HalfClosed;
            "shutdown(Both)", 5, |client| { client.shutdown(Shutdown::Both).unwrap(); client } => Closed;
            "one of two clones dropped", 5, |client| { drop(client.clone()); client } => Open;
            "both of two clones dropped", 5, |client| drop((client.clone(), client)) => Closed;
            "the writer that split() gives dropped", 5, |client| split(client).0 => Open;
            "both that split() gives dropped", 5, |client| drop(split(client)) => Closed;
            "a task dropped that owns the stream", 5, |client| {
                let task = smol::spawn(async move { forever(client).await });
                assert!(task.cancel().await.is_none());
            } => Closed;
        }
        endings! { TcpServer, Async<std::net::TcpStream>, AsyncReadExt::read_exact:
            "close() of an Async<TcpStream>", 5, |client| { client.close().await.unwrap(); client } => Open;
            "an Async<TcpStream> that is dropped", 5, |client| drop(client) => Closed;
        }
    });
}

#[test]
fn of_std() {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use tcpclient_smol::TcpServer;

    /// A client of std, as the table has them.
    struct Blocking(TcpStream);

    impl Blocking {
        async fn connect(addr: SocketAddr) -> std::io::Result<Self> {
            TcpStream::connect(addr).map(Self)
        }

        async fn read_exact(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
            self.0.read_exact(buffer)
        }
    }

    smol::block_on(async {
        endings! { TcpServer, Blocking, Blocking::read_exact:
            "a stream that is kept", 5, |client| client => Open;
            "a stream that is dropped", 5, |client| drop(client) => Closed;
            "a stream that is dropped with data left", 2, |client| drop(client) => Unread;
            "a stream that is dropped with data left that was peeked at", 2, |client| {
                assert_eq!(client.0.peek(&mut [0; 8]).unwrap(), 3);
                drop(client);
            } => Unread;
            "flush()", 5, |client| { client.0.flush().unwrap(); client } => Open;
            "shutdown(Write)", 5, |client| { client.0.shutdown(Shutdown::Write).unwrap(); client } => HalfClosed;
            "shutdown(Read)", 5, |client| { client.0.shutdown(Shutdown::Read).unwrap(); client } => Open;
            "shutdown(Both)", 5, |client| { client.0.shutdown(Shutdown::Both).unwrap(); client } => Closed;
            "one of two clones dropped", 5, |client| { drop(client.0.try_clone().unwrap()); client } => Open;
            "shutdown(Write) of one of two clones", 5, |client| {
                client.0.try_clone().unwrap().shutdown(Shutdown::Write).unwrap();
                client
            } => HalfClosed;
        }
    });
}

/// Has a client of one runtime write a request to a buffered writer that it never flushes, and drop that, or keep it. Returns what the
/// reports say.
macro_rules! unflushed {
    ($server:ty, $stream:ty, $writer:ty, $write_all:path) => {{
        let stage = Stage::new(On::Tokio, Over::Sockets);
        let mut reports = Vec::new();
        for keeps in [false, true] {
            let server = <$server>::bind().await.unwrap();
            server.expect_connect();
            let mut writer = <$writer>::new(<$stream>::connect(server.local_addr()).await.unwrap());
            $write_all(&mut writer, b"request").await.unwrap();
            let kept = keeps.then_some(writer);
            let step = server.expect_bytes("request");
            if keeps {
                step.within(Duration::from_millis(10));
            }
            reports.push(normalize_on(stage, &server.try_join().await.unwrap_err().to_string()));
            drop(kept);
        }
        reports
    }};
}

#[test]
fn a_buffered_writer_that_is_not_flushed_sends_nothing() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let of_tokio = tokio.block_on(async {
        use tokio::io::{AsyncWriteExt, BufWriter};
        unflushed!(tcpclient_tokio::TcpServer, tokio::net::TcpStream, BufWriter<_>, AsyncWriteExt::write_all)
    });
    let of_async_std = async_std::task::block_on(async {
        use async_std::io::{BufWriter, WriteExt};
        unflushed!(tcpclient_async_std::TcpServer, async_std::net::TcpStream, BufWriter<_>, WriteExt::write_all)
    });
    let of_smol = smol::block_on(async {
        use smol::io::{AsyncWriteExt, BufWriter};
        unflushed!(tcpclient_smol::TcpServer, smol::net::TcpStream, BufWriter<_>, AsyncWriteExt::write_all)
    });
    assert_eq!(of_tokio, of_async_std);
    assert_eq!(of_tokio, of_smol);
    let [dropped, kept] = &of_tokio[..] else { panic!("two ways") };
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("request") at tests/tests/endings.rs:LINE
          the client closed the connection before "request"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()         tests/tests/endings.rs:LINE
            FAIL  2  expect_bytes("request")  tests/tests/endings.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  client closed the connection

          told by try_join() at tests/tests/endings.rs:LINE"#]]
    .assert_eq(dropped);
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("request") at tests/tests/endings.rs:LINE
          timed out waiting for "request", after 10 ms: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first

          script
            ok    1  expect_connect()         tests/tests/endings.rs:LINE
            FAIL  2  expect_bytes("request")  tests/tests/endings.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/endings.rs:LINE"#]]
    .assert_eq(kept);
}

#[test]
fn a_buffered_writer_of_std_flushes_when_it_is_dropped() {
    use std::io::Write;
    let server = tcpclient_tokio::TcpServer::bind_blocking().unwrap();
    server.expect_connect();
    server.expect_bytes("request");
    let mut writer = std::io::BufWriter::new(std::net::TcpStream::connect(server.local_addr()).unwrap());
    writer.write_all(b"request").unwrap();
    drop(writer);
    server.finish_blocking();
}

/// Holds a stream for as long as the task lives.
async fn forever<S>(stream: S) {
    core::future::pending::<()>().await;
    drop(stream);
}

/// Lets a stream go in a panic.
async fn panics<S>(stream: S) {
    let _stream = stream;
    // Past the hook, which would print a panic that is not the test's.
    std::panic::resume_unwind(Box::new("of the client's own"));
}

/// Under the socket of such a client is that of the connection, from which the kernel reads in advance.
#[test]
fn of_a_client_that_speaks_mptcp_nothing_is_known() {
    use socket2::{Domain, Protocol, Socket, Type};
    use std::io::Read;
    use std::net::TcpStream;
    use std::time::Instant;
    use tcpclient_tokio::TcpServer;

    for shuts_down in [false, true] {
        let server = TcpServer::bind_blocking().unwrap();
        server.expect_connect();
        server.send_bytes("hello");
        server.wait_until_read();
        server.mark("waited");
        server.expect_disconnect();
        let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)) else {
            eprintln!("skipped: this kernel has no MPTCP");
            return;
        };
        let began = Instant::now();
        socket.connect(&server.local_addr().into()).unwrap();
        let mut client = TcpStream::from(socket);
        // It has read nothing; its kernel has.
        server.reached_blocking("waited");
        assert!(began.elapsed() >= Duration::from_millis(20), "the wait for the client to read is cut short");

        client.read_exact(&mut [0; 5]).unwrap();
        let kept = shuts_down.then(|| client.try_clone().unwrap());
        client.shutdown(Shutdown::Write).unwrap();
        drop(client);
        server.join_blocking();
        drop(kept);
    }
}
