//! Deadlines: of a server, of a step, scaled by a variable, and in real time.

use crate::connect;
use tcpclient_tests::{is_child, run_child};
use tcpclient_tokio::prelude::*;

const SCALE: &str = "TCPCLIENT_DEADLINE_SCALE";

/// Runs a test of this file with the scale set to this, and returns whether it passed and what it said.
fn scaled(test: &str, scale: &str) -> (bool, String) {
    let output = run_child(&format!("deadlines::{test}"), &[(SCALE, scale)]);
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_scale_multiplies_the_deadline_of_the_server_and_of_the_step() {
    assert_eq!(scaled("child_reads_the_deadlines", "2.5"), (true, "server 250 ms, step 25 ms\n".to_owned()));
    assert_eq!(scaled("child_reads_the_deadlines", "1"), (true, "server 100 ms, step 10 ms\n".to_owned()));
}

#[tokio::test]
async fn child_reads_the_deadlines() {
    if is_child() {
        let span = async |within: Option<Duration>| {
            let server = TcpServer::builder().deadline(Duration::from_millis(100)).bind().await.unwrap();
            let step = server.expect_connect();
            if let Some(within) = within {
                step.within(within);
            }
            let text = server.try_join().await.unwrap_err().to_string();
            text.split_once("connect, after ").unwrap().1.lines().next().unwrap().to_owned()
        };
        eprintln!("server {}, step {}", span(None).await, span(Some(Duration::from_millis(10))).await);
    }
}

#[test]
fn a_scale_of_zero_means_no_deadline_at_all() {
    assert_eq!(scaled("child_waits_beyond_its_deadline", "0"), (true, String::new()));
}

#[tokio::test]
async fn child_waits_beyond_its_deadline() {
    if is_child() {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect().within(Duration::from_millis(1));
        let given_up = tokio::time::timeout(Duration::from_millis(50), server.try_join()).await;
        assert!(given_up.is_err(), "{given_up:?}");
        drop(connect(&server).await);
        server.join().await;
    }
}

#[test]
fn a_scale_that_is_no_number_is_an_error_of_bind() {
    for scale in ["fast", "-1", "NaN", "inf", " "] {
        let (passed, stderr) = scaled("child_binds", scale);
        assert!(passed);
        assert_eq!(stderr, format!("InvalidInput: {SCALE} is {scale:?}: not a number from 0 on\n"));
    }
    assert!(!scaled("child_binds", "").0, "a variable that is set to nothing is not set");
}

#[tokio::test]
async fn child_binds() {
    if is_child() {
        let error = TcpServer::bind().await.unwrap_err();
        eprintln!("{:?}: {error}", error.kind());
    }
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
