//! What has happened before a checkpoint is never missed: bytes, an end, a connection.
//!
//! The client's action is complete, and the runtime has had no occasion to notice it, when the script asks. The deadline of the
//! step is zero: it is judged as soon as the step is current.
//!
//! Some of these tests keep all cores busy, and so have a binary to themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tcpclient_tests::prelude::*;

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

async fn everything_in_time(stage: Stage) {
    let server = stage.bind().await;
    for round in 0..stage.rounds(1000) {
        let mut client = server.connect_unnoticed();
        server.expect_connect().within(Duration::ZERO);
        server.join().await;
        assert_eq!(server.connections(), round + 1);

        client.write_all(b"Hello").await.unwrap();
        server.expect_bytes("Hello").within(Duration::ZERO);
        server.join().await;

        drop(client);
        server.expect_disconnect().within(Duration::ZERO);
        server.join().await;
    }
}

async fn every_second_connection(stage: Stage) {
    for round in 0..stage.rounds(1000) {
        let server = stage.bind().await;
        server.expect_connect();
        let first = server.connect_unnoticed();
        server.join().await;

        let second = server.connect_unnoticed();
        let failure = server.try_join().await.expect_err("the join is to notice the second connection");
        assert!(failure.to_string().contains("a second connection was attempted"), "round {round}: {failure}");
        drop((first, second));
    }
}

on_every_stage!(nothing_is_missed);
async fn nothing_is_missed(stage: Stage) {
    everything_in_time(stage).await;
    every_second_connection(stage).await;
}

on_every_stage!(nothing_is_missed_under_load);
async fn nothing_is_missed_under_load(stage: Stage) {
    let _load = Load::new(2);
    everything_in_time(stage).await;
    every_second_connection(stage).await;
}
