//! What servers take of a process and give back: threads, tasks and descriptors; and what happens where there are none left.
//!
//! Each case is played in a process of its own, so that nobody else's are counted. For the same reason as those of `processes.rs` these
//! tests have a binary to themselves.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use std::process::{Command, Output};
use std::time::Duration;
use tcpclient_core::server::probe;
use tcpclient_tests::conversations::{CONVERSATIONS, Conversation, Turn};
use tcpclient_tests::prelude::*;
use tcpclient_tests::stage::{On, Over};
use tcpclient_tests::{child, is_child};

const STAGE: &str = "TCPCLIENT_TEST_STAGE";

/// The stages by their names.
const STAGES: &[(&str, On, Over)] = &[
    ("tokio", On::Tokio, Over::Sockets),
    ("tokio in memory", On::Tokio, Over::Memory),
    ("tokio blocking", On::Tokio, Over::Blocking),
    ("tokio threads", On::TokioThreads, Over::Sockets),
    ("async-std", On::AsyncStd, Over::Sockets),
    ("async-std in memory", On::AsyncStd, Over::Memory),
    ("async-std blocking", On::AsyncStd, Over::Blocking),
    ("smol", On::Smol, Over::Sockets),
    ("smol in memory", On::Smol, Over::Memory),
    ("smol blocking", On::Smol, Over::Blocking),
    ("threads", On::Threads, Over::Sockets),
];

/// Runs a test of this file on each of the stages, in a process that may have so many descriptors.
fn on_each(test: &str, stages: impl Fn(On, Over) -> bool, descriptors: usize) {
    for &(name, ..) in STAGES.iter().filter(|&&(_, on, over)| stages(on, over)) {
        let output = limited(test, name, descriptors);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("it was played"), "{test} on {name}:\n{text}");
    }
}

fn limited(test: &str, stage: &str, descriptors: usize) -> Output {
    let child = child(test, &[(STAGE, stage)]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$@\""), "sh"]);
    command.arg(child.get_program()).args(child.get_args());
    for (name, value) in child.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.output().unwrap()
}

/// Plays a case, in a process of its own only.
fn play(case: impl AsyncFnOnce(Stage)) {
    if !is_child() {
        return;
    }
    let stage = std::env::var(STAGE).unwrap();
    let &(_, on, over) = STAGES.iter().find(|(name, ..)| *name == stage).unwrap();
    let stage = Stage::new(on, over);
    stage.run(case(stage));
    eprintln!("it was played");
}

/// Holds a conversation as it should be.
async fn hold(server: &Server, conversation: &Conversation) {
    let mut client = server.connect().await;
    for turn in conversation.turns {
        match *turn {
            Turn::Say(bytes) => client.write_all(bytes).await.unwrap(),
            Turn::Hear(bytes) => client.read_exact(&mut vec![0; bytes.len()]).await.unwrap(),
        }
    }
}

/// Returns how many descriptors and threads the process has, where the system tells.
#[cfg(target_os = "linux")]
fn owned() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_behind() {
    on_each("child_leaves_nothing", |_, _| true, 1024);
}

#[cfg(target_os = "linux")]
#[test]
fn child_leaves_nothing() {
    /// Servers that pass, that fail, that are dropped with a client, without one, and whose clients leave in all manners.
    async fn round(stage: Stage) {
        for conversation in CONVERSATIONS {
            let server = stage.bind().await;
            server.expect_connect();
            (conversation.script)(&server);
            hold(&server, conversation).await;
            server.finish().await;
        }
        for way in 0..4 {
            let server = stage.bind().await;
            server.expect_connect();
            server.expect_bytes("Hello");
            let mut client = server.connect().await;
            client.write_all(b"He").await.unwrap();
            match way {
                0 => drop(client),
                1 => client.shutdown().await.unwrap(),
                2 if stage.on_sockets() => client.abort().unwrap(),
                _ => client.write_all(b"x").await.unwrap(),
            }
            assert!(server.try_finish().await.is_err());
        }
        // Given up, with a client that holds on, and while it is bound.
        let server = stage.bind().await;
        let client = server.connect().await;
        drop(server);
        drop(client);
        drop(stage.bind().await);
    }

    play(async |stage| {
        // The runtimes have started their threads by then, and the probe has its socket.
        for _ in 0..5 {
            round(stage).await;
        }
        let before = settled(stage).await;
        for _ in 0..30 {
            round(stage).await;
        }
        let after = settled(stage).await;
        // A runtime may have started one more thread for what blocks, and ended others.
        assert!(after.0 <= before.0, "descriptors: {} before, {} after", before.0, after.0);
        assert!(after.1 <= before.1 + 1, "threads: {} before, {} after", before.1, after.1);
        if let On::Tokio | On::TokioThreads = stage_of().1 {
            if stage_of().2 != Over::Blocking {
                assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
            }
        }
    });

    /// Waits until what was let go is gone: it is, when there is nothing less for a while.
    async fn settled(stage: Stage) -> (usize, usize) {
        let mut least = owned();
        let mut same = 0;
        while same < 10 {
            stage.sleep(Duration::from_millis(10)).await;
            let now = owned();
            let less = (least.0.min(now.0), least.1.min(now.1));
            same = if less == least { same + 1 } else { 0 };
            least = less;
        }
        least
    }

    fn stage_of() -> (&'static str, On, Over) {
        let stage = std::env::var(STAGE).unwrap();
        *STAGES.iter().find(|(name, ..)| *name == stage).unwrap()
    }
}

#[test]
fn a_thousand_servers_in_one_process() {
    // A listener, both ends of a connection and what the probe needs for each.
    on_each("child_has_a_thousand_servers", |_, over| over != Over::Blocking, 8192);
}

#[test]
fn child_has_a_thousand_servers() {
    play(async |stage| {
        let mut servers = Vec::new();
        for number in 0..1000 {
            // A busy machine takes its time until each has a client.
            let server = stage.builder().idle_limit(Duration::from_secs(60)).try_bind().await.unwrap();
            server.expect_connect();
            server.expect_line(format!("I want {number}"));
            server.send_line(number.to_string());
            servers.push(server);
        }
        let mut clients = Vec::new();
        for (number, server) in servers.iter().enumerate() {
            let mut client = server.connect().await;
            client.write_all(format!("I want {number}\r\n").as_bytes()).await.unwrap();
            clients.push(client);
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.read_until(b'\n').await.unwrap(), format!("{number}\r\n").as_bytes());
        }
        drop(clients);
        for server in servers {
            server.finish().await;
        }
    });
}

/// As long as this is there, no descriptor can be had: others may close theirs as they like.
struct Exhausted(Rlimit);

impl Exhausted {
    fn new() -> Self {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
        Self(before)
    }
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

#[test]
fn a_server_that_cannot_be_bound_says_why() {
    on_each("child_cannot_bind", |_, over| over != Over::Memory, 64);
}

#[test]
fn child_cannot_bind() {
    play(async |stage| {
        // The runtime is up, and gives nothing back meanwhile.
        let first = stage.bind().await;
        let exhausted = Exhausted::new();
        let error = stage.builder().try_bind().await.unwrap_err();
        drop(exhausted);
        // Its driver may have looked for clients meanwhile: the kernel wants a descriptor before it looks.
        let _ = first.try_finish().await;
        assert!(error.to_string().contains("Too many open files"), "{error}");
        stage.bind().await.finish().await;
    });
}

#[test]
fn a_server_that_cannot_accept_says_why() {
    on_each("child_cannot_accept", |_, over| over != Over::Memory, 64);
}

#[test]
fn child_cannot_accept() {
    play(async |stage| {
        let server = stage.bind().await;
        server.expect_connect();
        server.expect_bytes("Hello");
        // A socket for the client, and none for the server's end of the connection.
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let exhausted = Exhausted::new();
        // The kernel wants a descriptor before it looks for a client, so the server may have failed already.
        let _ = client.connect(&server.local_addr().into());
        let failure = server.try_join().await.unwrap_err().to_string();
        drop((exhausted, client));
        assert!(failure.contains("cannot accept clients: Too many open files"), "{failure}");
    });
}

#[test]
fn the_kernel_is_tried_out_before_any_deadline_runs() {
    let expected = format!("probe: {}\n", probe::is_available());
    for &(name, ..) in STAGES.iter().filter(|&&(.., over)| over != Over::Memory) {
        let output = limited("child_binds_and_has_no_descriptor_left", name, 64);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains(&expected), "on {name}:\n{text}");
    }
}

#[test]
fn child_binds_and_has_no_descriptor_left() {
    play(async |stage| {
        let server = stage.bind().await;
        // To try it out now would fail.
        let exhausted = Exhausted::new();
        let is_known = probe::is_available();
        drop(exhausted);
        eprintln!("probe: {is_known}");
        // Its driver may have looked for clients meanwhile: the kernel wants a descriptor before it looks.
        let _ = server.try_finish().await;
    });
}
