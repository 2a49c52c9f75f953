//! What is in the kernel at a checkpoint is never missed: bytes, an end, a connection.
//!
//! The client is blocking and on the thread of the test, so that its action is complete, and the runtime has had no occasion to
//! notice it, when the script asks. The deadline of the step is zero: it is judged as soon as the step is current.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tcpclient_tokio::prelude::{Duration, TcpServer};

const ROUNDS: usize = 1000;

/// Keeps all cores busy while it lives.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn new(threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: Arc<AtomicBool>| {
            move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let threads = (0..threads).map(|_| thread::spawn(spin(Arc::clone(&stop)))).collect();
        Self { stop, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

async fn everything_in_time(rounds: usize) {
    let server = TcpServer::bind().await.unwrap();
    for round in 0..rounds {
        let mut client = TcpStream::connect(server.local_addr()).unwrap();
        server.expect_connect().within(Duration::ZERO);
        server.join().await;
        assert_eq!(server.connections(), round + 1);

        client.write_all(b"Hello").unwrap();
        server.expect_bytes("Hello").within(Duration::ZERO);
        server.join().await;

        drop(client);
        server.expect_disconnect().within(Duration::ZERO);
        server.join().await;
    }
}

async fn every_second_connection(rounds: usize) {
    for round in 0..rounds {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        let first = TcpStream::connect(server.local_addr()).unwrap();
        server.join().await;

        let second = TcpStream::connect(server.local_addr()).unwrap();
        let failure = server.try_join().await.expect_err("the join is to notice the second connection");
        assert!(failure.to_string().contains("a second connection was attempted"), "round {round}: {failure}");
        drop((first, second));
    }
}

#[tokio::test]
async fn on_one_thread() {
    everything_in_time(ROUNDS).await;
    every_second_connection(ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads() {
    everything_in_time(ROUNDS).await;
    every_second_connection(ROUNDS).await;
}

#[tokio::test]
async fn on_one_thread_under_load() {
    let _load = Load::new(2);
    everything_in_time(ROUNDS).await;
    every_second_connection(ROUNDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads_under_load() {
    let _load = Load::new(2);
    everything_in_time(ROUNDS).await;
    every_second_connection(ROUNDS).await;
}
