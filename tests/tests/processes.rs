//! What shows only in a process of its own: the text of a panic with its place, the environment, a test that fails.
//!
//! These tests start processes, and so have a binary to themselves. Between `fork` and `exec` a new process holds a copy of
//! every socket that its parent has open: a client that another test drops meanwhile is not closed before that copy is.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

use expect_test::expect;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use tcpclient_core::server::probe;
use tcpclient_tests::{child, is_child, normalize, run_child};
use tcpclient_tokio::prelude::*;

#[test]
fn join_panics_on_the_line_of_the_test() {
    // The hook sees the panic's own place, which the payload does not have.
    let output = run_child("child_joins", &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.split_once("the next line is ").unwrap().1.lines().next().unwrap();
    assert!(stderr.contains(&format!("panicked at tests/tests/processes.rs:{line}:")), "{stderr}");
    assert!(stderr.contains("step 1 of 1 failed\n  expect_disconnect()"), "{stderr}");
}

#[tokio::test]
async fn child_joins() {
    if is_child() {
        let server = TcpServer::bind().await.unwrap();
        server.expect_disconnect();
        eprintln!("the next line is {}", line!() + 1);
        server.join().await;
    }
}

#[test]
fn open_panics_on_the_line_of_the_test() {
    let output = run_child("child_opens", &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.split_once("the next line is ").unwrap().1.lines().next().unwrap();
    assert!(stderr.contains(&format!("panicked at tests/tests/processes.rs:{line}:")), "{stderr}");
    assert!(stderr.contains("listens already"), "{stderr}");
}

#[tokio::test]
async fn child_opens() {
    if is_child() {
        let server = TcpServer::bind().await.unwrap();
        eprintln!("the next line is {}", line!() + 1);
        server.open().unwrap();
    }
}

#[test]
fn a_test_that_panics_for_its_own_reasons_shows_the_script_and_survives() {
    let output = run_child("child_panics", &[]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{stderr}");
    assert!(stdout.contains("test result: FAILED. 0 passed; 1 failed"), "the test binary survives: {stdout}");
    assert!(!stderr.contains("panicked while panicking"), "{stderr}");
    let state = stderr.split_once("my own reason\n").unwrap().1;
    let state = state.split_once("scripted server").unwrap().1;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 3 was waiting
          expect_bytes("Hello") at tests/tests/processes.rs:LINE
          the test panicked; the script had not failed
          the client is still connected, as far as the server has noticed

          script
            ok    1  expect_connect()       tests/tests/processes.rs:LINE
            >>    2  expect_bytes("Hello")  tests/tests/processes.rs:LINE
            --    3  send_bytes("reply")    tests/tests/processes.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT

          the server was bound at tests/tests/processes.rs:LINE"#]]
    .assert_eq(&normalize(&format!("scripted server{state}")));
}

#[tokio::test]
async fn child_panics() {
    if is_child() {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.expect_bytes("Hello");
        let client = TcpStream::connect(server.local_addr()).await.unwrap();
        server.send_bytes("reply");
        tokio::task::yield_now().await;
        assert!(client.peer_addr().is_err(), "my own reason");
    }
}

const SCALE: &str = "TCPCLIENT_DEADLINE_SCALE";

/// Runs a test of this file with the scale set so, and returns whether it passed and what it said.
fn scaled(test: &str, scale: &str) -> (bool, String) {
    let output = run_child(test, &[(SCALE, scale)]);
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
        drop(TcpStream::connect(server.local_addr()).await.unwrap());
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

#[test]
fn a_scale_that_is_no_number_is_a_panic_of_a_server_in_memory() {
    let (passed, stderr) = scaled("child_makes_a_server_in_memory", "fast");
    assert!(!passed);
    assert!(stderr.contains(&format!("\n{SCALE} is \"fast\": not a number from 0 on\n")), "{stderr}");
    assert_eq!(scaled("child_makes_a_server_in_memory", "2"), (true, String::new()));
}

#[tokio::test]
async fn child_makes_a_server_in_memory() {
    if is_child() {
        drop(TcpServer::in_memory());
    }
}

#[test]
fn with_the_probe_turned_off_nobody_knows_what_a_client_left_unread() {
    let said = |probe| {
        let output = run_child("child_is_left_with_bytes", &[("TCPCLIENT_PROBE", probe)]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        stderr
    };
    let guess = "some of the 4 bytes sent were not read, or it aborted on purpose";
    assert!(said("off").contains(guess), "{}", said("off"));
    // Where it is turned on it may still be denied.
    #[cfg(target_os = "linux")]
    if probe::is_available() {
        assert!(!said("on").contains(guess), "{}", said("on"));
    }
}

#[tokio::test]
async fn child_is_left_with_bytes() {
    if is_child() {
        let server = TcpServer::bind().await.unwrap();
        server.expect_connect();
        server.send_bytes("left");
        server.expect_disconnect();
        let client = TcpStream::connect(server.local_addr()).await.unwrap();
        client.readable().await.unwrap();
        drop(client);
        eprintln!("{:?}", server.try_join().await);
    }
}

#[test]
fn a_probe_that_is_neither_on_nor_off_is_an_error_of_bind() {
    const PROBE: &str = "TCPCLIENT_PROBE";
    for value in ["no", "OFF", "0"] {
        let output = run_child("child_binds", &[(PROBE, value)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr, format!("InvalidInput: {PROBE} is {value:?}: neither on nor off\n"));
    }
    for value in ["", "on", "off"] {
        let output = run_child("child_binds", &[(PROBE, value)]);
        assert!(!output.status.success(), "{value:?} says it");
    }
}

#[tokio::test]
async fn child_binds() {
    if is_child() {
        let error = TcpServer::bind().await.unwrap_err();
        eprintln!("{:?}: {error}", error.kind());
        assert_eq!(error.to_string(), TcpServer::bind_blocking().unwrap_err().to_string());
    }
}

/// Returns what cargo builds for a package, itself included, by name.
fn crates_of(package: &str) -> std::collections::BTreeSet<String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args([
        "tree",
        "--locked",
        "--offline",
        "--edges=normal",
        "--prefix=none",
        "--format={p}",
        "--package",
        package,
    ]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

// The probe is for Linux, and so are its crates.
#[cfg(target_os = "linux")]
#[test]
fn the_readme_lists_the_crates_that_an_adapter_adds_to_its_runtime() {
    let readme = include_str!("../../README.md");
    for runtime in ["tokio", "smol", "async-std"] {
        let adapter = format!("tcpclient-{runtime}");
        let added: Vec<String> = crates_of(&adapter).difference(&crates_of(runtime)).cloned().collect();
        let row = readme.lines().find(|line| line.starts_with(&format!("| {runtime} |"))).unwrap();
        let mut listed: Vec<&str> =
            row.rsplit('|').nth(1).unwrap().split(',').map(|name| name.trim().trim_matches('`')).collect();
        listed.sort_unstable();
        assert_eq!(listed, added, "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_with_its_process_closes() {
    for way in ["exit", "abort", "panic", "kill"] {
        for read in ["5", "2"] {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.send_bytes("hello");
            let addr = server.local_addr().to_string();
            let variables = [("SERVER", &*addr), ("READ", read), ("WAY", way)];
            let mut client =
                child("child_is_a_client", &variables).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let stdout = BufReader::new(client.stdout.take().unwrap());
            assert!(stdout.lines().any(|line| line.unwrap().ends_with("has read")), "{way} {read}");
            if way == "kill" {
                client.kill().unwrap();
            }
            client.wait().unwrap();
            server.expect_disconnect();
            let result = server.try_join().await;
            if read == "5" {
                result.unwrap();
                continue;
            }
            let failure = result.unwrap_err().to_string();
            let words = if probe::is_available() { ": 3 of the 5 bytes" } else { "some of the 5 bytes" };
            assert!(failure.contains(&format!("{words} sent were not read")), "{way}: {failure}");
        }
    }
}

#[test]
fn child_is_a_client() {
    if is_child() {
        let variable = |name| std::env::var(name).unwrap();
        let mut client = std::net::TcpStream::connect(variable("SERVER")).unwrap();
        client.read_exact(&mut vec![0; variable("READ").parse().unwrap()]).unwrap();
        println!("the client has read");
        match &*variable("WAY") {
            "exit" => std::process::exit(0),
            "abort" => std::process::abort(),
            "panic" => panic!("of the client's own"),
            // Until the parent kills it.
            _ => loop {
                std::thread::park();
            },
        }
    }
}

const PLAN: &str = "TCPCLIENT_PLAN";

#[test]
fn a_plan_in_the_environment_is_played_alone() {
    let told = |test, plan| String::from_utf8_lossy(&run_child(test, &[(PLAN, plan)]).stderr).into_owned();
    let stderr = told("child_explores", "cut 3");
    assert!(stderr.ends_with("\nplayed the plan `cut 3` alone\n"), "{stderr}");
    let stderr = told("child_explores", "");
    assert!(stderr.contains("\nplayed 16 delivery plans, "), "{stderr}");
    // Whoever runs a test has the last word.
    assert_eq!(told("child_explores_a_plan", ""), "played the plan `reads 2` alone\n");
    assert_eq!(told("child_explores_a_plan", "cut 3"), "played the plan `cut 3` alone\n");
    let output = run_child("child_explores", &[(PLAN, "cut")]);
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.split_once("the next line is ").unwrap().1.lines().next().unwrap();
    assert!(stderr.contains(&format!("panicked at tests/tests/processes.rs:{line}:")), "{stderr}");
    assert!(stderr.contains(&format!("\n{PLAN}: \"cut\" is no delivery plan: it begins with `whole`, ")), "{stderr}");
}

async fn greeting(server: TcpServer) {
    server.expect_connect();
    server.send_bytes("ready");
    server.connect_in_memory().read_exact(&mut [0; 5]).await.unwrap();
}

#[tokio::test]
async fn child_explores() {
    if is_child() {
        eprintln!("the next line is {}", line!() + 1);
        let explore = TcpServer::explore(greeting);
        eprintln!("{}", explore.await);
    }
}

#[tokio::test]
async fn child_explores_a_plan() {
    if is_child() {
        eprintln!("{}", TcpServer::builder().plan("reads 2").explore(greeting).await);
    }
}

#[test]
fn explore_panics_on_the_line_of_the_test() {
    let output = run_child("child_explores_in_vain", &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stderr.split_once("the next line is ").unwrap().1.lines().next().unwrap();
    assert!(stderr.contains(&format!("panicked at tests/tests/processes.rs:{line}:")), "{stderr}");
    assert!(stderr.contains("told by explore() at tests/tests/processes.rs"), "{stderr}");
}

#[tokio::test]
async fn child_explores_in_vain() {
    if is_child() {
        let body = async |server: TcpServer| drop(server.expect_connect());
        eprintln!("the next line is {}", line!() + 1);
        TcpServer::explore(body).await;
    }
}

/// Runs a test of this file in a process that cannot write a byte into any file.
#[cfg(unix)]
fn without_files(test: &str) -> std::process::Output {
    let child = child(test, &[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -f 0 && exec \"$@\"", "sh"]).arg(child.get_program()).args(child.get_args());
    // Where coverage is measured, its figures go to a file.
    command.env("LLVM_PROFILE_FILE", "/dev/null");
    for (name, value) in child.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.output().unwrap()
}

#[cfg(unix)]
#[test]
fn the_private_key_is_not_written_to_disk() {
    let output = without_files("child_speaks_tls");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("-----BEGIN CERTIFICATE-----"), "{output:?}");
    // One that does write is seen.
    let output = without_files("child_writes_a_file");
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("about to write"),
        "{output:?}"
    );
}

#[tokio::test]
async fn child_speaks_tls() {
    if is_child() {
        let identity = tcpclient_tokio::tls::Identity::new();
        let server = TcpServer::builder().tls(&identity).bind().await.unwrap();
        server.expect_connect();
        server.expect_line("Hello");
        server.expect_bytes("never");
        let client = TcpStream::connect(server.local_addr()).await.unwrap();
        let tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(identity.client_config()));
        let mut client = tls.connect("localhost".try_into().unwrap(), client).await.unwrap();
        client.write_all(b"Hello\r\nx").await.unwrap();
        let report = server.try_join().await.unwrap_err().to_string();
        assert!(report.contains("step 4 of 4 failed"), "{report}");
        eprintln!("{}", identity.root_pem());
    }
}

#[cfg(unix)]
#[test]
fn child_writes_a_file() {
    if is_child() {
        eprintln!("about to write");
        let path = std::env::temp_dir().join(format!("tcpclient-{}", std::process::id()));
        let written = std::fs::write(&path, "x");
        let _ = std::fs::remove_file(&path);
        written.unwrap();
    }
}

/// A test that ends with the error of its body has nothing else to go by.
#[test]
fn an_error_of_the_body_shows_the_script() {
    let output = run_child("child_returns_an_error", &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{stderr}");
    let state = stderr.split_once("scripted server").unwrap().1.split_once("Error: ").unwrap();
    assert!(state.1.contains("no greeting"), "{stderr}");
    let (state, conversation) = state.0.split_once("  conversation\n").unwrap();
    let lines = ["client connected from 127.0.0.1:", "sent 5 bytes  \"220\\r\\n\"", "server closed the connection"];
    assert!(lines.iter().all(|line| conversation.contains(line)), "{conversation}");
    expect![[r#"
        scripted server 127.0.0.1:PORT: all steps (3) are done
          the test body returned Err(Custom { kind: Other, error: "no greeting" }); the script had not failed
          the script itself has ended the last connection

          script
            ok    1  expect_connect()  tests/tests/processes.rs:LINE
            ok    2  send_line("220")  tests/tests/processes.rs:LINE
            ok    3  disconnect()      tests/tests/processes.rs:LINE"#]]
    .assert_eq(normalize(&format!("scripted server{state}")).trim_end());
}

#[tokio::test]
async fn child_returns_an_error() -> std::io::Result<()> {
    if !is_child() {
        return Ok(());
    }
    TcpServer::run(async |server| {
        server.expect_connect();
        server.send_line("220");
        server.disconnect();
        let mut client = TcpStream::connect(server.local_addr()).await?;
        client.read_exact(&mut [0; 5]).await?;
        Err(std::io::Error::other("no greeting"))
    })
    .await
}
