//! Parity with pytest-tcpclient 0.7.29: each of its behaviours against a real client on loopback sockets, with the text of each
//! failure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

mod bytes;
mod connect;
mod deadlines;
mod disconnect;
mod fixtures;
mod frames;
mod halves;
mod live;
mod panics;
mod second;
mod unread;

use std::panic::{AssertUnwindSafe, catch_unwind};
use tcpclient_tokio::prelude::*;

/// A deadline for what is not going to happen.
const SHORT: Duration = Duration::from_millis(100);

/// Connects a client.
async fn connect(server: &TcpServer) -> TcpStream {
    TcpStream::connect(server.local_addr()).await.unwrap()
}

/// Returns how the script failed, as text without ports, moments and line numbers.
async fn failure(server: &TcpServer) -> String {
    let failure = server.try_join().await.expect_err("the script is to fail");
    tcpclient_tests::normalize(&failure.to_string())
}

/// Returns the message of the panic that a test body ends in.
fn panic_of(test: impl AsyncFnOnce()) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test()))).expect_err("the test is to panic");
    let message = *payload.downcast::<String>().expect("panic payloads are Strings");
    tcpclient_tests::normalize(&message)
}

/// Writes a frame with a 4-byte big-endian length.
async fn write_frame(client: &mut TcpStream, payload: &[u8]) {
    client.write_all(&u32::try_from(payload.len()).unwrap().to_be_bytes()).await.unwrap();
    client.write_all(payload).await.unwrap();
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
    fn of_a_server(server: TcpServer) {
        sends(|| server.join());
        sends(|| server.try_join());
        sends(|| server.finish());
    }
    let _ = of_a_server;
}
