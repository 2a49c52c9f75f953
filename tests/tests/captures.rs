//! What tests leave in the folder of captures, which shows only in a process of its own: the environment, a test that fails.
//!
//! These tests start processes, and so have a binary to themselves; see `processes.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use expect_test::expect;
use std::process::Stdio;
use tcpclient_tests::pcapng::read;
use tcpclient_tests::{child, is_child, normalize, run_child};
use tcpclient_tokio::prelude::*;

const CAPTURE: &str = "TCPCLIENT_CAPTURE";

/// A folder of its own, which is not there yet.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tcpclient-captures-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    /// Runs a test of this file that leaves its captures there, and returns what it said.
    fn run(&self, test: &str) -> String {
        let output = run_child(test, &[(CAPTURE, self.0.to_str().unwrap())]);
        String::from_utf8_lossy(&output.stderr)
            .replace(self.0.to_str().unwrap(), "FOLDER")
            .replace("FOLDER\\", "FOLDER/")
    }

    /// Returns the names of the files in it.
    fn names(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(&self.0) else { return Vec::new() };
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    fn read(&self, name: &str) -> tcpclient_tests::pcapng::File {
        read(&std::fs::read(self.0.join(name)).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_test_that_fails_leaves_its_capture_in_a_folder() {
    let folder = Folder::new("fails");
    let stderr = folder.run("child_gets_another_hello");
    let report = stderr.split_once("scripted server ").unwrap().1.split_once("\nnote: run with").unwrap().0;
    expect![[r#"
        127.0.0.1:PORT: step 2 of 3 failed
          expect_bytes("Hello, server!") at tests/tests/captures.rs:LINE
          byte 1 differs: expected 0x65 'e', received 0x75 'u'
            expected  00000000  48 65 6c 6c 6f 2c 20 73  65 72 76 65 72 21        Hello, server!
            received  00000000  48 75 6c 6c 6f 2c 20 73  65 72 76 65 72 21        Hullo, server!
                                   ^^
          the client is still connected

          script
            ok    1  expect_connect()                tests/tests/captures.rs:LINE
            FAIL  2  expect_bytes("Hello, server!")  tests/tests/captures.rs:LINE
            --    3  expect_disconnect()             tests/tests/captures.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 14 bytes  "Hullo, server!"
            0.000 s  reset by the script's failure

          told by join() at tests/tests/captures.rs:LINE
          captured in FOLDER/child_gets_another_hello-1.pcapng"#]]
    .assert_eq(&normalize(report));
    let file = folder.read("child_gets_another_hello-1.pcapng");
    assert_eq!(file.payload(true), b"Hullo, server!");
    assert!(normalize(&file.comments[0]).starts_with("scripted server 127.0.0.1:PORT: step 2 of 3 failed, "));

    // Others do not overwrite it, also if they do the same at the same time.
    let variables = [(CAPTURE, folder.0.to_str().unwrap())];
    let run =
        || child("child_gets_another_hello", &variables).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut children: Vec<_> = std::iter::repeat_with(run).take(4).collect();
    children.iter_mut().for_each(|child| _ = child.wait().unwrap());
    let names = folder.names();
    assert_eq!(names, [1, 2, 3, 4, 5].map(|number| format!("child_gets_another_hello-{number}.pcapng")));
    for name in names {
        assert_eq!(folder.read(&name).payload(true), b"Hullo, server!");
    }
}

#[tokio::test]
async fn child_gets_another_hello() {
    if is_child() {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.expect_bytes("Hello, server!");
        server.expect_disconnect();
        let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
        client.write_all(b"Hullo, server!").await.unwrap();
        server.join().await;
    }
}

#[test]
fn a_test_that_passes_leaves_no_capture() {
    let folder = Folder::new("passes");
    assert_eq!(folder.run("child_gets_a_hello"), "");
    assert!(!folder.0.exists());
}

#[tokio::test]
async fn child_gets_a_hello() {
    if is_child() {
        TcpServer::run(hello).await;
        let server = TcpServer::in_memory();
        server.expect_connect();
        drop(server.connect_in_memory());
        server.finish().await;
    }
}

async fn hello(server: TcpServer) {
    server.expect_connect();
    server.expect_bytes("Hello");
    let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
    client.write_all(b"Hello").await.unwrap();
    server.join().await;
}

#[test]
fn a_test_that_fails_for_its_own_reasons_leaves_the_captures_of_its_servers() {
    // The fixture tells how its servers stand; those that are dropped have been joined, and have nothing else to tell.
    let behind = [("child_panics_behind_its_servers", ": "), ("child_panics_in_a_fixture", "\n  ")];
    for (test, before) in behind {
        let folder = Folder::new(test);
        let stderr = folder.run(test);
        for number in [1, 2] {
            assert_eq!(
                stderr.matches(&format!("{before}captured in FOLDER/{test}-{number}.pcapng\n")).count(),
                1,
                "{stderr}"
            );
        }
        assert_eq!(folder.names().len(), 2);
        let hellos = folder.names().iter().map(|name| folder.read(name).payload(true)).collect::<Vec<_>>();
        assert!(hellos.contains(&b"Hello".to_vec()) && hellos.contains(&b"".to_vec()), "{hellos:?}");
    }
}

#[tokio::test]
async fn child_panics_behind_its_servers() {
    if is_child() {
        let _other = TcpServer::in_memory();
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.expect_bytes("Hello");
        let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
        client.write_all(b"Hello").await.unwrap();
        server.join().await;
        panic!("my own reason");
    }
}

#[tokio::test]
async fn child_panics_in_a_fixture() {
    if is_child() {
        TcpServers::run(async |servers| {
            let _other = servers.in_memory();
            hello(servers.bind().await.unwrap()).await;
            panic!("my own reason");
        })
        .await;
    }
}

#[test]
fn of_a_test_that_is_explored_the_failing_play_is_captured() {
    let folder = Folder::new("explores");
    let stderr = folder.run("child_explores_a_wrong_client");
    assert!(stderr.contains("captured in FOLDER/child_explores_a_wrong_client-1.pcapng\n"), "{stderr}");
    assert_eq!(folder.names().len(), 1, "one for all plays");
    assert_eq!(folder.read(&folder.names()[0]).payload(true), b"r", "that of the plan which is shown: {stderr}");
}

#[tokio::test]
async fn child_explores_a_wrong_client() {
    if is_child() {
        TcpServer::explore(async |server| {
            server.expect_connect();
            server.send_bytes("ready");
            server.expect_bytes("ready");
            let mut client = server.connect_in_memory();
            let mut bytes = [0; 64];
            let count = client.read(&mut bytes).await.unwrap();
            client.write_all(&bytes[..count]).await.unwrap();
        })
        .await;
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_does_not_hide_the_report() {
    let folder = Folder::new("wrong");
    std::fs::write(&folder.0, "a file").unwrap();
    let stderr = folder.run("child_gets_another_hello");
    let _ = std::fs::remove_file(&folder.0);
    assert!(stderr.contains("byte 1 differs: "), "{stderr}");
    let note = "\n  told by join() at tests/tests/captures.rs:LINE\n  TCPCLIENT_CAPTURE: cannot write a capture to FOLDER: it is no folder\n";
    assert!(normalize(&stderr).contains(note), "{stderr}");
}

#[test]
fn a_test_that_fails_with_the_error_of_its_body_leaves_a_capture() {
    let folder = Folder::new("errs");
    let stderr = folder.run("child_returns_an_error");
    assert!(stderr.contains("\n  captured in FOLDER/child_returns_an_error-1.pcapng\n"), "{stderr}");
    assert!(stderr.contains("Error: "), "{stderr}");
    assert_eq!(folder.names(), ["child_returns_an_error-1.pcapng"]);
}

#[tokio::test]
async fn child_returns_an_error() -> std::io::Result<()> {
    if !is_child() {
        return Ok(());
    }
    TcpServer::run(async |server| {
        hello(server).await;
        Err(std::io::Error::other("no greeting"))
    })
    .await
}
