//! Golden texts, each of a session that was really played.

use crate::framing::{Codec, Framing};
use crate::pattern::Pattern;
use crate::reply::Reply;
use crate::report::{Cause, Report};
use crate::session::{Config, Output, Peer, Session};
use crate::step::{Amendment, Step};
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::panic::Location;
use expect_test::{Expect, expect};

/// Plays a script up to its report.
struct Talk {
    session: Session,
    now: Instant,
    /// How many bytes the transport takes.
    room: usize,
}

impl Talk {
    /// The place of every step.
    #[track_caller]
    fn place() -> &'static Location<'static> {
        Location::caller()
    }

    fn new(script: &[Step]) -> Self {
        let mut session = Session::new(Config::default());
        for step in script {
            session.push(step.clone());
        }
        let mut talk = Self { session, now: Instant::ORIGIN, room: usize::MAX };
        talk.settle();
        talk
    }

    fn with(script: &[Step], act: impl FnOnce(&mut Self)) -> Self {
        let mut talk = Self::new(script);
        act(&mut talk);
        talk
    }

    fn settle(&mut self) {
        loop {
            let count = match self.session.poll_output(self.now) {
                Output::Wait(wait) => wait.send.len().min(self.room),
                _ => continue,
            };
            if count == 0 {
                return;
            }
            self.session.handle_sent(self.now, count);
            self.room -= count;
        }
    }

    /// Has something happen one millisecond later.
    fn act(&mut self, act: impl FnOnce(&mut Session, Instant)) {
        self.now = self.now + Duration::from_millis(1);
        act(&mut self.session, self.now);
        self.settle();
    }

    fn connect(&mut self) {
        self.act(|session, now| session.handle_connection(now, "127.0.0.1:51422".parse().ok()));
    }

    fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.act(|session, now| session.handle_bytes(now, bytes.as_ref()));
    }

    fn close(&mut self) {
        self.act(Session::handle_eof);
    }

    fn reset(&mut self) {
        self.act(Session::handle_reset);
    }

    fn leave(&mut self, count: u64) {
        self.act(|session, now| session.handle_peer(now, Peer::Closed { unread: Some(count) }));
    }

    /// Lets the deadline of the current step come.
    fn wait(&mut self) {
        let Output::Wait(wait) = self.session.poll_output(self.now) else { panic!("the session has settled") };
        let due = wait.until.unwrap().at;
        self.now = self.now.max(due);
        self.session.handle_timeout(self.now);
        self.settle();
    }

    fn report(&self) -> Report {
        self.session.report("127.0.0.1:40123", Cause::Dropped)
    }
}

/// Replaces the places in this file by others: they may change.
fn stable(text: &str) -> String {
    let mut pieces = text.split(concat!(file!(), ":"));
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |text, piece| {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        text + "tests/hello.rs:14:12" + rest
    })
}

/// What a test reads.
struct Text(String);

impl Text {
    fn is(&self, expected: Expect) {
        expected.assert_eq(&self.0);
    }
}

/// Returns all of a report that stands above the script.
fn head_of(report: &Report) -> Text {
    Text(stable(report.to_string().split("\n\n").next().unwrap_or_default()))
}

fn head(script: &[Step], act: impl FnOnce(&mut Talk)) -> Text {
    head_of(&Talk::with(script, act).report())
}

/// The same for a script that begins with `expect_connect`, and a client that has connected.
fn connected(steps: &[Step], act: impl FnOnce(&mut Talk)) -> Text {
    let script = [&[Step::expect_connect()], steps].concat();
    let act = |talk: &mut Talk| {
        talk.connect();
        act(talk);
    };
    head(&script, act)
}

fn full(report: &Report) -> Text {
    Text(stable(&report.to_string()))
}

fn summary(report: &Report) -> Text {
    Text(stable(&report.summary().to_string()))
}

fn frame(payload: &str) -> Step {
    Step::expect_frame(&Framing::default(), payload)
}

fn encode(payload: impl AsRef<[u8]>) -> Vec<u8> {
    Framing::default().encode(payload.as_ref()).unwrap()
}

// Whole reports

#[test]
fn a_report_tells_the_whole_story() {
    let script = [
        Step::expect_connect(),
        Step::expect_bytes("Hello, world!"),
        Step::send_bytes("Hello, client!"),
        Step::expect_disconnect(),
    ];
    let mut talk = Talk::new(&script);
    talk.connect();
    talk.receive("Hello, World!");
    talk.act(Session::record_reset);
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 4 failed
          expect_bytes("Hello, world!") at tests/hello.rs:14:12
          byte 7 differs: expected 0x77 'w', received 0x57 'W'
            expected  00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21           Hello, world!
            received  00000000  48 65 6c 6c 6f 2c 20 57  6f 72 6c 64 21           Hello, World!
                                                     ^^
          the client is still connected

          script
            ok    1  expect_connect()               tests/hello.rs:14:12
            FAIL  2  expect_bytes("Hello, world!")  tests/hello.rs:14:12
            --    3  send_bytes("Hello, client!")   tests/hello.rs:14:12
            --    4  expect_disconnect()            tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  received 13 bytes  "Hello, World!"
            0.003 s  reset by the script's failure"#]]);
    summary(&talk.report()).is(expect![[
        r#"scripted server 127.0.0.1:40123: step 2 of 4 failed, expect_bytes("Hello, world!") at tests/hello.rs:14:12"#
    ]]);
}

#[test]
fn a_script_beside_others_says_which_it_is_and_where_they_stand() {
    let mut talk = Talk::new(&[Step::expect_connect(), Step::expect_bytes("Hello")]);
    talk.connect();
    talk.receive("Jello");
    talk.act(Session::record_reset);
    let mut second =
        Talk::new(&[Step::expect_connect(), Step::expect_line("QUIT").named("the end"), Step::disconnect()]);
    second.connect();
    second.act(Session::record_reset);
    let one = Talk::new(&[Step::mark("ready")]);
    let many = Talk::new(&[Step::mark("ready"), Step::mark("go")]);
    let mut report = talk.report();
    report.name_script(1);
    for (index, other) in [&second, &one, &many, &Talk::new(&[])].into_iter().enumerate() {
        other.session.report_beside(&mut report, index + 2);
    }
    report.add_note("told by join() at tests/hello.rs:20:9");
    full(&report).is(expect![[r#"
        scripted server 127.0.0.1:40123, script 1: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          byte 0 differs: expected 0x48 'H', received 0x4a 'J'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  4a 65 6c 6c 6f                                    Jello
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()       tests/hello.rs:14:12
            FAIL  2  expect_bytes("Hello")  tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  received 5 bytes  "Jello"
            0.003 s  reset by the script's failure

          other scripts
            script 2: at step 2 of 3, expect_line("QUIT") named "the end" at tests/hello.rs:14:12
            script 3: its only step done
            script 4: all 2 steps done
            script 5: no steps

          told by join() at tests/hello.rs:20:9"#]]);
    summary(&report).is(expect![[r#"scripted server 127.0.0.1:40123, script 1: step 2 of 2 failed, expect_bytes("Hello") at tests/hello.rs:14:12"#]]);
    second.close();
    full(&second.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 failed
          expect_line("QUIT") named "the end" at tests/hello.rs:14:12
          the client closed the connection, or its sending half, before line "QUIT"
          usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()                     tests/hello.rs:14:12
            FAIL  2  expect_line("QUIT") named "the end"  tests/hello.rs:14:12
            --    3  disconnect()                         tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  reset by the failure of another script
            0.003 s  client closed the connection, or its sending half"#]]);
    (6..22).for_each(|index| one.session.report_beside(&mut report, index));
    let text = report.to_string();
    assert!(text.contains("\n    script 21: its only step done\n\n  told by"), "{text}");
    (22..50).for_each(|index| one.session.report_beside(&mut report, index));
    let text = report.to_string();
    assert!(text.contains("\n    script 21: its only step done\n    ... 28 more after these\n\n  told by"), "{text}");
}

#[test]
fn a_rule_is_shown_with_what_it_has_answered() {
    let rule = |line: &str| Step::anytime(&Framing::lines(), line, "OK");
    let script = [rule("a"), rule("b"), rule("c"), Step::expect_connect()];
    let mut talk = Talk::new(&script);
    talk.session.amend(2, Amendment::AtMost(3));
    talk.connect();
    talk.receive("a\na\nc\n");
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: all steps (4) are done
          dropped without join().await or finish().await
          the client is still connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            ok    1  anytime("a", "OK"), answered 2               tests/hello.rs:14:12
            ok    2  anytime("b", "OK")                           tests/hello.rs:14:12
            ok    3  anytime("c", "OK"), answered 1 of at most 3  tests/hello.rs:14:12
            ok    4  expect_connect()                             tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  received 6 bytes  "a\na\nc\n"
            0.002 s  sent 4 bytes  "OK\r\n"
            0.002 s  sent 4 bytes  "OK\r\n"
            0.002 s  sent 4 bytes  "OK\r\n""#]]);
    // In a block, it may be of a step that is played again.
    let script = [Step::expect_connect(), Step::repeat_until_disconnect(2), Step::expect_line("GET"), rule("a")];
    let mut talk = Talk::new(&script);
    talk.connect();
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 4 was waiting
          expect_line("GET") at tests/hello.rs:14:12, in round 1
          dropped without join().await or finish().await
          the client is still connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            ok    1  expect_connect()                      tests/hello.rs:14:12
            ok    2  repeat_until_disconnect(..), round 1  tests/hello.rs:14:12
            >>    3  expect_line("GET")                    tests/hello.rs:14:12
            --    4  anytime("a", "OK")                    tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422"#]]);
    talk.receive("GET\n");
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 4 was waiting
          expect_line("GET") at tests/hello.rs:14:12, in round 2
          dropped without join().await or finish().await
          the client is still connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            ok    1  expect_connect()                      tests/hello.rs:14:12
            ok    2  repeat_until_disconnect(..), round 2  tests/hello.rs:14:12
            >>    3  expect_line("GET")                    tests/hello.rs:14:12
            ok    4  anytime("a", "OK")                    tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  received 4 bytes  "GET\n""#]]);
}

#[test]
fn what_goes_wrong_between_several_scripts() {
    let beside = |script: &[Step], act: fn(&mut Talk)| {
        let mut report = Talk::with(script, act).report();
        report.name_script(2);
        head_of(&report)
    };
    let connected: fn(&mut Talk) = |talk| {
        talk.connect();
        talk.connect();
        talk.wait();
    };
    beside(&[Step::expect_connect()], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123, script 2: step 1 of 1 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          usual cause: a client that opens fewer connections than the scripts expect, or opens this one later"#]]);
    beside(&[Step::expect_bytes("x")], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123, script 2: step 1 of 1 failed
          expect_bytes("x") at tests/hello.rs:14:12
          client is not connected
          no client has connected for this script
          usual cause: missing expect_connect() before this step, or a client that never connects"#]]);
    beside(&[Step::hold("go")], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123, script 2: step 1 of 1 failed
          hold("go") at tests/hello.rs:14:12
          held for 10 s: nobody released it
          no client has connected for this script
          usual cause: the release(..), or the mark(..) of another script, waits for something else before;
            a longer hold is allowed by within(..), or builder().idle_limit(..)"#]]);
    beside(&[Step::expect_connect(), Step::expect_bytes("x")], connected).is(expect![[r#"
        scripted server 127.0.0.1:40123, script 2: step 2 of 2 failed
          expect_bytes("x") at tests/hello.rs:14:12
          a second connection was attempted, from 127.0.0.1:51422
          the client is still connected
          usual cause: a client that opens more connections at once than there are scripts: server.script() makes one
            more; or that connects again before it closes its first connection"#]]);
    beside(&[Step::expect_connect(), Step::expect_disconnect()], |talk| {
        talk.connect();
        talk.close();
        talk.connect();
        talk.session.finish(Talk::place());
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123, script 2: failed after the last of its 2 steps
          a second connection was attempted, from 127.0.0.1:51422
          a client has connected and waits for an expect_connect()
          usual cause: a client that connects again by itself; script it with another expect_connect()"#]]);
}

#[test]
fn a_client_where_nobody_was_to_connect() {
    let quiet = Step::expect_no_connect(Duration::from_millis(500));
    head(core::slice::from_ref(&quiet), Talk::connect).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          expect_no_connect(500 ms) at tests/hello.rs:14:12
          a client connected from 127.0.0.1:51422, and nobody was to connect for 500 ms"#]]);
    head(&[Step::expect_connect(), quiet.clone()], |talk| {
        talk.connect();
        talk.connect();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_no_connect(500 ms) at tests/hello.rs:14:12
          a client connected from 127.0.0.1:51422, and nobody was to connect for 500 ms
          the client of an earlier step is still connected"#]]);
    head(&[Step::expect_connect(), Step::expect_disconnect(), quiet], |talk| {
        talk.connect();
        talk.close();
        talk.connect();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_no_connect(500 ms) at tests/hello.rs:14:12
          a client connected from 127.0.0.1:51422, and nobody was to connect for 500 ms"#]]);
}

#[test]
fn a_release_that_no_hold_hears() {
    let unheard = |holds: &[&str]| {
        let mut talk = Talk::new(&[Step::mark("ready")]);
        let holds = holds.iter().map(ToString::to_string).collect();
        talk.session.fail(Cause::UnknownRelease { name: "hafl".into(), at: Talk::place(), holds });
        head_of(&talk.report())
    };
    unheard(&[]).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          release("hafl") at tests/hello.rs:14:12 no hold has this name; there is no hold at all"#]]);
    unheard(&["half"]).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          release("hafl") at tests/hello.rs:14:12 no hold has this name; the only one is hold("half")"#]]);
    unheard(&["full", "half"]).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          release("hafl") at tests/hello.rs:14:12 no hold has this name; there are hold("full"), hold("half")"#]]);
}

#[test]
fn names_and_notes_have_their_place() {
    let script = [
        Step::expect_connect().named("the first client"),
        Step::expect_bytes("Hello").named("greeting \"1\"").within(Duration::from_millis(1500)),
        Step::send_bytes("a".repeat(100)),
        Step::expect_disconnect().named("gr\u{fc}\u{df}e"),
    ];
    let mut talk = Talk::new(&script);
    talk.connect();
    talk.receive("Hel");
    talk.wait();
    let mut report = talk.report();
    report.add_note("joined at tests/hello.rs:20:9");
    report.add_note("the body of the test panicked:\nassertion failed\n");
    full(&report).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 4 failed
          expect_bytes("Hello") named "greeting \"1\"" at tests/hello.rs:14:12
          timed out waiting for "Hello", after 1.5 s: 3 of 5 bytes arrived
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel
          the client is still connected

          script
            ok    1  expect_connect() named "the first client"                    tests/hello.rs:14:12
            FAIL  2  expect_bytes("Hello") named "greeting \"1\""                 tests/hello.rs:14:12
            --    3  send_bytes("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"... 100 bytes)  tests/hello.rs:14:12
            --    4  expect_disconnect() named "grüße"                            tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  received 3 bytes  "Hel"

          joined at tests/hello.rs:20:9
          the body of the test panicked:
            assertion failed"#]]);
    summary(&report).is(expect![[r#"scripted server 127.0.0.1:40123: step 2 of 4 failed, expect_bytes("Hello") named "greeting \"1\"" at tests/hello.rs:14:12"#]]);
    // What else there is to know of a script.
    let of_lines = Step::anytime(&Framing::lines(), "PING", "PONG");
    let of_frames = Step::anytime(&Framing::default(), "PING", "PONG");
    let script = [of_lines, of_frames, Step::expect_connect(), Step::stop_reading(), frame("Hello")];
    let mut talk = Talk::new(&script);
    talk.connect();
    talk.receive(encode("Jello"));
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 5 of 5 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: payload byte 0 differs: expected 0x48 'H', received 0x4a 'J'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  4a 65 6c 6c 6f                                    Jello
                                ^^
          the client is still connected

          script
            ok    1  anytime("PING", "PONG")  tests/hello.rs:14:12
            ok    2  anytime("PING", "PONG")  tests/hello.rs:14:12
            ok    3  expect_connect()         tests/hello.rs:14:12
            ok    4  stop_reading()           tests/hello.rs:14:12
            FAIL  5  expect_frame("Hello")    tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.002 s  received 9 bytes  [00 00 00 05 4a 65 6c 6c 6f]

          the server has read no more than it expected since step 4, stop_reading() at tests/hello.rs:14:12
          anytime("PING", "PONG") at tests/hello.rs:14:12 is for Framing::lines(), and the step that failed is not"#]]);
}

#[test]
fn a_long_listing_and_a_long_conversation_are_cut() {
    let mut talk = Talk::new(&[Step::expect_connect()]);
    talk.connect();
    for _ in 0..1000 {
        talk.session.push(Step::expect_bytes("PING"));
        talk.session.push(Step::send_bytes("PONG"));
    }
    for _ in 0..48 {
        talk.receive("PING");
    }
    talk.receive("PUNG");
    let text = stable(&talk.report().to_string());
    let (above, conversation) = text.split_once("  conversation\n").unwrap();
    expect![[r#"
        scripted server 127.0.0.1:40123: step 98 of 2001 failed
          expect_bytes("PING") at tests/hello.rs:14:12
          byte 1 differs: expected 0x49 'I', received 0x55 'U'
            expected  00000000  50 49 4e 47                                       PING
            received  00000000  50 55 4e 47                                       PUNG
                                   ^^
          the client is still connected

          script
            ... 87 more before these
            ok     88  expect_bytes("PING")  tests/hello.rs:14:12
            ok     89  send_bytes("PONG")    tests/hello.rs:14:12
            ok     90  expect_bytes("PING")  tests/hello.rs:14:12
            ok     91  send_bytes("PONG")    tests/hello.rs:14:12
            ok     92  expect_bytes("PING")  tests/hello.rs:14:12
            ok     93  send_bytes("PONG")    tests/hello.rs:14:12
            ok     94  expect_bytes("PING")  tests/hello.rs:14:12
            ok     95  send_bytes("PONG")    tests/hello.rs:14:12
            ok     96  expect_bytes("PING")  tests/hello.rs:14:12
            ok     97  send_bytes("PONG")    tests/hello.rs:14:12
            FAIL   98  expect_bytes("PING")  tests/hello.rs:14:12
            --     99  send_bytes("PONG")    tests/hello.rs:14:12
            --    100  expect_bytes("PING")  tests/hello.rs:14:12
            --    101  send_bytes("PONG")    tests/hello.rs:14:12
            --    102  expect_bytes("PING")  tests/hello.rs:14:12
            --    103  send_bytes("PONG")    tests/hello.rs:14:12
            --    104  expect_bytes("PING")  tests/hello.rs:14:12
            --    105  send_bytes("PONG")    tests/hello.rs:14:12
            --    106  expect_bytes("PING")  tests/hello.rs:14:12
            --    107  send_bytes("PONG")    tests/hello.rs:14:12
            ... 1894 more after these

    "#]]
    .assert_eq(above);
    let lines: Vec<_> = conversation.lines().map(str::trim_start).collect();
    assert_eq!(lines.len(), 1 + 50);
    expect![[r#"
        ... 48 more before these
        0.025 s  sent 4 bytes  "PONG"
        0.026 s  received 4 bytes  "PING"
        0.026 s  sent 4 bytes  "PONG""#]]
    .assert_eq(&lines[..4].join("\n"));
}

#[test]
fn a_script_of_nothing_says_so() {
    let mut talk = Talk::new(&[]);
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: its script has no step
          dropped without join().await or finish().await
          no client has connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            (no steps)

          conversation
            (none)"#]]);
    talk.connect();
    talk.act(|session, _| session.finish(Talk::place()));
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: its script has no step
          a client connected from 127.0.0.1:51422, and the script has no expect_connect() for it

          script
            (no steps)

          conversation
            0.001 s  client connected from 127.0.0.1:51422"#]]);
}

#[test]
fn a_step_that_is_too_wide_does_not_move_the_others() {
    let wide = Step::expect_bytes("w".repeat(32)).named("a name that is much longer than names usually are");
    let talk = Talk::with(&[Step::expect_connect(), wide, Step::disconnect()], Talk::wait);
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 3 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          usual cause: a client that does not run, or is given another address; one that connects to "localhost"
            may have tried [::1]

          script
            FAIL  1  expect_connect()  tests/hello.rs:14:12
            --    2  expect_bytes("wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww") named "a name that is much longer than names usually are"  tests/hello.rs:14:12
            --    3  disconnect()      tests/hello.rs:14:12

          conversation
            (none)"#]]);
}

// Causes

#[test]
fn a_client_that_does_not_come() {
    head(&[Step::expect_connect()], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          usual cause: a client that does not run, or is given another address; one that connects to "localhost"
            may have tried [::1]"#]]);
    let mut report = Talk::with(&[Step::expect_connect()], Talk::wait).report();
    report.reason = Some("the server was made with unresponsive(): it accepts no client");
    head_of(&report).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          the server was made with unresponsive(): it accepts no client"#]]);
    // It came too late.
    let late = |talk: &mut Talk| {
        talk.wait();
        talk.connect();
    };
    head(&[Step::expect_connect()], late).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          a client has connected since
          usual cause: a client that takes longer to connect; within(..), or builder().deadline(..), allows for that"#]]);
    head(&[Step::expect_bytes("Hello")], late).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          client is not connected
          a client has connected since
          usual cause: missing expect_connect() before this step"#]]);
    let again = [Step::expect_disconnect(), Step::expect_connect()];
    connected(&again, |talk| {
        talk.close();
        late(talk);
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          a client has connected since
          usual cause: a client that takes longer to connect; within(..), or builder().deadline(..), allows for that"#]]);
    // It came in time, but another is in its way.
    connected(&[Step::expect_connect()], |talk| {
        talk.act(|session, now| session.handle_peer(now, Peer::Open { unread: Some(0) }));
        talk.close();
        talk.connect();
        talk.wait();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_connect() at tests/hello.rs:14:12
          another client has connected and waits, but the connection before it has not ended, after 1 s
          the client of an earlier step has shut down its sending half, and holds its connection
          usual cause: a client that closes when the server does: end its connection with expect_eof() and disconnect()
            before this step"#]]);
    let act = |talk: &mut Talk| {
        talk.close();
        talk.wait();
    };
    connected(&[Step::expect_disconnect(), Step::expect_connect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          the client has closed the connection, or its sending half"#]]);
    let script = [Step::expect_connect(), Step::disconnect(), Step::expect_connect().within(Duration::ZERO)];
    let act = |talk: &mut Talk| {
        talk.connect();
        talk.wait();
    };
    head(&script, act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 0 us
          the script itself has ended the last connection"#]]);
    // The test forgot that the first connection must end before.
    connected(&[Step::expect_connect()], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_connect() at tests/hello.rs:14:12
          timed out waiting for the client to connect, after 1 s
          the client of an earlier step is still connected
          usual cause: the client goes on with its first connection; another expect_connect() is for a client that
            closes and connects again"#]]);
}

#[test]
fn a_client_that_does_not_go() {
    connected(&[Step::expect_disconnect()], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect() at tests/hello.rs:14:12
          timed out waiting for the client to disconnect, after 1 s
          the client is still connected
          usual cause: something keeps the client's stream alive: a variable still in scope,
            the other half of a split stream, a task, or a connection pool; drop it"#]]);
    let act = |talk: &mut Talk| {
        talk.act(|session, _| session.finish(Talk::place()));
        talk.wait();
    };
    connected(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect(), implied by the end at tests/hello.rs:14:12
          timed out waiting for the client to disconnect, after 1 s
          the client is still connected
          usual cause: something keeps the client's stream alive: a variable still in scope,
            the other half of a split stream, a task, or a connection pool; drop it"#]]);
    connected(&[Step::expect_eof()], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_eof() at tests/hello.rs:14:12
          timed out waiting for the client to shut down its sending half, after 1 s
          the client is still connected
          usual cause: a client that shuts down or drops its stream only when it has the reply, or never"#]]);
    let act = |talk: &mut Talk| {
        talk.act(|session, now| session.handle_peer(now, Peer::Open { unread: Some(0) }));
        talk.close();
        talk.wait();
    };
    connected(&[Step::expect_disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect() at tests/hello.rs:14:12
          timed out waiting for the client to disconnect, after 1 s
          the client has shut down its sending half, and holds the connection
          usual cause: a client that closes when the server does: script it with expect_eof() and disconnect(); or
            something keeps its stream alive: a variable still in scope, the other half of a split stream"#]]);
}

#[test]
fn a_message_that_does_not_come() {
    let steps = [Step::expect_bytes("Hello, server!")];
    connected(&steps, Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello, server!") at tests/hello.rs:14:12
          timed out waiting for "Hello, server!", after 1 s: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]);
    let some = |talk: &mut Talk| {
        talk.receive("Hello");
        talk.wait();
    };
    connected(&steps, some).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello, server!") at tests/hello.rs:14:12
          timed out waiting for "Hello, server!", after 1 s: 5 of 14 bytes arrived
            expected  00000000  48 65 6c 6c 6f 2c 20 73  65 72 76 65 72 21        Hello, server!
            received  00000000  48 65 6c 6c 6f                                    Hello
          the client is still connected"#]]);
    let steps = [frame("Hello, server!")];
    connected(&steps, Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello, server!") at tests/hello.rs:14:12
          timed out waiting for frame "Hello, server!", after 1 s: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]);
    let case = |arrived: &[u8]| {
        let some = |talk: &mut Talk| {
            talk.receive(arrived);
            talk.wait();
        };
        connected(&steps, some)
    };
    case(b"\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello, server!") at tests/hello.rs:14:12
          timed out waiting for frame "Hello, server!", after 1 s: 1 of the 4 bytes of its header arrived
            received  00000000  00                                                .
          framing: Framing::length_prefixed(4)
          the client is still connected"#]]);
    case(b"\0\0\0\x0e").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello, server!") at tests/hello.rs:14:12
          timed out waiting for frame "Hello, server!", after 1 s: its header and 0 of the 14 bytes of its payload arrived
          the client is still connected"#]]);
    case(b"\0\0\0\x0eHello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello, server!") at tests/hello.rs:14:12
          timed out waiting for frame "Hello, server!", after 1 s: its header and 5 of the 14 bytes of its payload arrived
            expected  00000000  48 65 6c 6c 6f 2c 20 73  65 72 76 65 72 21        Hello, server!
            received  00000000  48 65 6c 6c 6f                                    Hello
          the client is still connected"#]]);
    // The last bytes of a large one, and one byte of one.
    let large = |talk: &mut Talk| {
        talk.receive(vec![b'x'; 99_990]);
        talk.wait();
    };
    connected(&[Step::expect_bytes(vec![b'x'; 100_000])], large).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... 100,000 bytes) at tests/hello.rs:14:12
          timed out waiting for "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... 100,000 bytes, after 1 s: 99,990 of 100,000 bytes arrived
            expected  00018670  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00018680  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00018690  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
            received  00018670  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00018680  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00018690  78 78 78 78 78 78                                 xxxxxx
          the client is still connected"#]]);
    connected(&[Step::expect_bytes("x")], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("x") at tests/hello.rs:14:12
          timed out waiting for "x", after 1 s: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]);
}

#[test]
fn what_has_come_of_a_message_is_shown_once() {
    let act = |talk: &mut Talk| {
        talk.receive("Hel");
        talk.wait();
        talk.receive("!");
    };
    let script = |steps: &[Step]| {
        let Text(head) = connected(steps, act);
        head.replace("step 3 of 3", "step 2 of 2")
    };
    let alone = script(&[Step::expect_bytes("Hello")]);
    assert!(alone.contains("received  00000000  48 65 6c 21    "), "{alone}");
    let rule = Step::anytime(&Framing::lines(), "Hey", "OK");
    assert_eq!(script(&[rule, Step::expect_bytes("Hello")]), alone, "where it may be that of a rule");
}

/// What a client sent that frames its messages otherwise than the script, and that waits for its answer.
#[test]
fn a_payload_that_does_not_end() {
    let waiting = |framing: &Framing, pattern: Pattern, received: &[u8]| {
        let act = |talk: &mut Talk| {
            talk.receive(received);
            talk.wait();
        };
        connected(&[Step::expect_frame(framing, pattern)], act)
    };
    let postgres = Framing::length_field(1, 4).inclusive();
    let startup = b"\0\0\0\x25\0\x03\0\0user\0postgres\0database\0test\0\0";
    waiting(&postgres, Pattern::any(), startup).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: its header and 32 of the 9,468 bytes of its payload arrived
            received  00000000  00 00 00 25 00 03 00 00  75 73 65 72 00 70 6f 73  ...%....user.pos
                      00000010  74 67 72 65 73 00 64 61  74 61 62 61 73 65 00 74  tgres.database.t
                      00000020  65 73 74 00 00                                    est..
          framing: Framing::length_field(1, 4).inclusive()
          the client is still connected
          usual cause: another framing: with Framing::length_prefixed(4).inclusive() what arrived is a whole frame"#]]);
    waiting(&Framing::length_prefixed(2), Pattern::any(), b"\x06\0Hello!").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: its header and 6 of the 1,536 bytes of its payload arrived
            received  00000000  06 00 48 65 6c 6c 6f 21                           ..Hello!
          framing: Framing::length_prefixed(2)
          the client is still connected
          usual cause: another framing: with Framing::length_prefixed(2).little_endian() what arrived is a whole frame"#]]);
    let Text(head) = waiting(&Framing::length_field(1, 4), Pattern::any(), b"Q\0\0\0\x09Hello");
    assert!(head.contains("with Framing::length_field(1, 4).inclusive() what arrived is a whole frame"), "{head}");
    // Where it is known what it is, nothing else is supposed.
    waiting(&Framing::length_prefixed(3), Pattern::any(), b"\x16\x03\x01\0\x2d\x01\0\0\x29\x03\x03").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: its header and 8 of the 1,442,561 bytes of its payload arrived
            received  00000000  16 03 01 00 2d 01 00 00  29 03 03                 ....-...)..
          framing: Framing::length_prefixed(3)
          the client is still connected
          usual cause: these bytes begin a TLS handshake: the script lacks builder().tls(..), or a start_tls() before this step
            (with the feature `tls`), or the client is not to be told to use TLS"#]]);
    waiting(&Framing::varint(), Pattern::matching(|_: &[u8]| true), b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id")
        .is(expect![[r#"
            scripted server 127.0.0.1:40123: step 2 of 2 failed
              expect_frame(matching(..)) at tests/hello.rs:14:12
              timed out waiting for a frame that its closure takes, after 1 s: its header and 15 of the 16 bytes of its payload arrived
                received  00000000  10 0e 00 04 4d 51 54 54  04 02 00 3c 00 02 69 64  ....MQTT...<..id
              framing: Framing::varint()
              the client is still connected
              usual cause: another framing: with Framing::varint().at(1) what arrived is a whole frame"#]]);
    waiting(&Framing::varint(), Pattern::any(), b"\x08Hello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: its header and 5 of the 8 bytes of its payload arrived
            received  00000000  08 48 65 6c 6c 6f                                 .Hello
          framing: Framing::varint()
          the client is still connected
          usual cause: a client that stops half-way, or another framing: is the length field where the framing
            has it?"#]]);
    waiting(&Framing::length_prefixed(4).inclusive(), Pattern::prefix("Hello"), b"\0\0\0\x0eHello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(prefix("Hello")) at tests/hello.rs:14:12
          timed out waiting for a frame that begins with "Hello", after 1 s: its header and 5 of the 10 bytes of its payload arrived
            received  00000000  00 00 00 0e 48 65 6c 6c  6f                       ....Hello
          framing: Framing::length_prefixed(4).inclusive()
          the client is still connected
          usual cause: a client that stops half-way, or another framing: is the length field where the framing
            has it, and in this byte order?"#]]);
    waiting(&Framing::default(), Pattern::any(), b"\0\0\x01\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: its header and 0 of the 256 bytes of its payload arrived
            received  00000000  00 00 01 00                                       ....
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: a client that stops half-way, or another framing: is the length field where the framing
            has it, and in this byte order?"#]]);
    let long = message(80);
    waiting(&Framing::default(), Pattern::any(), &[b"\0\0\x01\0", &long[..]].concat()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: its header and 80 of the 256 bytes of its payload arrived
            received  00000000  00 00 01 00 30 31 32 33  34 35 36 37 38 39 61 62  ....0123456789ab
                      00000010  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                      ...
                      00000040  6f 70 71 72 73 74 75 76  77 78 79 7a 30 31 32 33  opqrstuvwxyz0123
                      00000050  34 35 36 37                                       4567
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: a client that stops half-way, or another framing: is the length field where the framing
            has it, and in this byte order?"#]]);
    waiting(&Framing::default(), Pattern::any(), b"PI").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: 2 of the 4 bytes of its header arrived
            received  00000000  50 49                                             PI
          framing: Framing::length_prefixed(4)
          the client is still connected"#]]);
    waiting(&Framing::fixed(8), Pattern::any(), b"Hello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: 5 of 8 bytes arrived
            received  00000000  48 65 6c 6c 6f                                    Hello
          framing: Framing::fixed(8)
          the client is still connected"#]]);
    waiting(&Framing::delimited("\0"), Pattern::any(), b"Hello\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: 7 bytes arrived, and not its end
            received  00000000  48 65 6c 6c 6f 0d 0a                              Hello..
          framing: Framing::delimited("\0")
          the client is still connected"#]]);
    let act = |talk: &mut Talk| {
        talk.receive(startup);
        talk.close();
    };
    connected(&[Step::expect_frame(&postgres, Pattern::any())], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame payload, after 32 of its 9,468 bytes
            received  00000000  00 00 00 25 00 03 00 00  75 73 65 72 00 70 6f 73  ...%....user.pos
                      00000010  74 67 72 65 73 00 64 61  74 61 62 61 73 65 00 74  tgres.database.t
                      00000020  65 73 74 00 00                                    est..
          framing: Framing::length_field(1, 4).inclusive()
          usual cause: another framing: with Framing::length_prefixed(4).inclusive() what arrived is a whole frame"#]]);
    let act = |talk: &mut Talk| {
        talk.receive(b"\0\0\x01\0Hello");
        talk.close();
    };
    connected(&[Step::expect_frame(&Framing::default(), Pattern::any())], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame payload, after 5 of its 256 bytes
            received  00000000  00 00 01 00 48 65 6c 6c  6f                       ....Hello
          framing: Framing::length_prefixed(4)"#]]);
}

#[test]
fn a_client_that_does_not_read() {
    let case = |step: Step, room: usize| {
        let act = |talk: &mut Talk| {
            talk.room = room;
            talk.connect();
            talk.wait();
        };
        head(&[Step::expect_connect(), step], act)
    };
    case(Step::send_bytes(vec![b'x'; 4_000_000]), 2_539_008).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_bytes("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... 4,000,000 bytes) at tests/hello.rs:14:12
          timed out sending, after 1 s: 2,539,008 of 4,000,000 bytes taken so far
          the client is still connected
          usual cause: the client does not read, or not fast enough"#]]);
    case(Step::send_bytes("x"), 0).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_bytes("x") at tests/hello.rs:14:12
          timed out sending, after 1 s: 0 of 1 byte taken so far
          the client is still connected
          usual cause: the client does not read, or not fast enough"#]]);
    case(Step::send_frame(&Framing::default(), "Hello"), 4).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_frame("Hello") at tests/hello.rs:14:12
          timed out sending, after 1 s: 4 of 9 bytes taken so far
          the client is still connected
          usual cause: the client does not read, or not fast enough"#]]);
}

#[test]
fn a_step_without_a_connection() {
    head(&[Step::expect_bytes("Hello")], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          client is not connected
          no client has connected
          usual cause: missing expect_connect() before this step, or a client that never connects"#]]);
    connected(&[Step::disconnect(), Step::send_bytes("Hello")], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          send_bytes("Hello") at tests/hello.rs:14:12
          client is not connected: step 2 ended its connection
          the script itself has ended the last connection
          usual cause: a client that connects again needs an expect_connect() of its own"#]]);
    let act = |talk: &mut Talk| {
        talk.close();
        talk.wait();
    };
    connected(&[Step::expect_disconnect(), Step::expect_disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          client is not connected: step 2 ended its connection
          the client has closed the connection, or its sending half
          usual cause: a client that connects again needs an expect_connect() of its own"#]]);
    connected(&[Step::hand_over(), Step::send_bytes("Hello")], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          send_bytes("Hello") at tests/hello.rs:14:12
          client is not connected: step 2 handed its connection over"#]]);
    let act = |talk: &mut Talk| {
        talk.connect();
        talk.wait();
    };
    head(&[Step::send_bytes("Hello")], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 1 of 1 failed
          send_bytes("Hello") at tests/hello.rs:14:12
          a client has connected, but no step claims it: missing expect_connect() before this step"#]]);
    let act = |talk: &mut Talk| {
        talk.close();
        talk.connect();
        talk.wait();
    };
    connected(&[Step::expect_disconnect(), Step::send_bytes("Hello")], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          send_bytes("Hello") at tests/hello.rs:14:12
          a client has connected, but no step claims it: missing expect_connect() before this step"#]]);
}

#[test]
fn a_wrong_byte() {
    let case = |step: Step, received: &[u8]| connected(&[step], |talk| talk.receive(received));
    case(Step::expect_bytes("Hello, server!"), b"Hello, Server!").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello, server!") at tests/hello.rs:14:12
          byte 7 differs: expected 0x73 's', received 0x53 'S'
            expected  00000000  48 65 6c 6c 6f 2c 20 73  65 72 76 65 72 21        Hello, server!
            received  00000000  48 65 6c 6c 6f 2c 20 53  65 72 76 65 72 21        Hello, Server!
                                                     ^^
          the client is still connected"#]]);
    case(Step::expect_bytes("Hello\r\n"), b"Hello\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello\r\n") at tests/hello.rs:14:12
          byte 5 differs: expected 0x0d, received 0x0a
            expected  00000000  48 65 6c 6c 6f 0d 0a                              Hello..
            received  00000000  48 65 6c 6c 6f 0a                                 Hello.
                                               ^^
          the client is still connected"#]]);
    case(Step::expect_bytes("it's"), b"it\xff\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("it's") at tests/hello.rs:14:12
          byte 2 differs: expected 0x27 ''', received 0xff
            expected  00000000  69 74 27 73                                       it's
            received  00000000  69 74 ff 00                                       it..
                                      ^^
          the client is still connected"#]]);
    case(Step::expect_bytes(b"\0\x01\x02\xff"), b"\0\x01'\xff").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes([00 01 02 ff]) at tests/hello.rs:14:12
          byte 2 differs: expected 0x02, received 0x27 '''
            expected  00000000  00 01 02 ff                                       ....
            received  00000000  00 01 27 ff                                       ..'.
                                      ^^
          the client is still connected"#]]);
    case(frame("Hello"), b"\0\0\0\x05Jello and more").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: payload byte 0 differs: expected 0x48 'H', received 0x4a 'J'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  4a 65 6c 6c 6f                                    Jello
                                ^^
          the client is still connected"#]]);
}

#[test]
fn a_frame_of_another_length() {
    let case = |step: Step, received: Vec<u8>| connected(&[step], |talk| talk.receive(received));
    case(frame("Hello"), encode("Hel")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 3 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel
          the client is still connected"#]]);
    case(frame("Hello"), encode("Hello!")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 6 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c 6c 6f 21                                 Hello!
          the client is still connected"#]]);
    case(frame("Hello"), encode("Goodbye")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 7 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  47 6f 6f 64 62 79 65                              Goodbye
                                ^^
          the client is still connected"#]]);
    case(frame("Hello"), encode("Goodbye")[..4].to_vec()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 7 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  (nothing from byte 0 on)
          the client is still connected"#]]);
    case(frame("Hello"), encode("")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 0 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  (nothing from byte 0 on)
          the client is still connected"#]]);
    case(frame(""), encode("x")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("") at tests/hello.rs:14:12
          wrong frame: its payload has 1 byte, expected 0 bytes
            expected  (nothing from byte 0 on)
            received  00000000  78                                                x
          the client is still connected"#]]);
    case(frame(&"x".repeat(1500)), encode("x".repeat(1501))).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... 1,500 bytes) at tests/hello.rs:14:12
          wrong frame: its payload has 1,501 bytes, expected 1,500 bytes
            expected  00000000  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000010  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000020  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000030  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      ...
            received  00000000  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000010  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000020  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000030  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
          the client is still connected"#]]);
    // What stands behind the frame is not its payload.
    case(frame("Hello"), [encode("Hel"), encode("lo")].concat()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 3 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel
          the client is still connected"#]]);
}

#[test]
fn a_length_field_that_counts_otherwise() {
    let case = |framing: Framing, expected: &[u8], received: &[u8]| {
        connected(&[Step::expect_frame(&framing, expected)], |talk| talk.receive(received))
    };
    let (plain, typed) = (|| Framing::length_prefixed(4), || Framing::length_field(1, 4));
    case(plain(), b"Hello", b"\0\0\0\x09Hello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 9 bytes, expected 5 bytes
            expected  00000000  00 00 00 05 48 65 6c 6c  6f                       ....Hello
            received  00000000  00 00 00 09 48 65 6c 6c  6f                       ....Hello
                                         ^^
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_prefixed(4).inclusive() this is the frame expected"#]]);
    case(typed(), b"QHello", b"Q\0\0\0\x0aHello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("QHello") at tests/hello.rs:14:12
          wrong frame: its payload has 11 bytes, expected 6 bytes
            expected  00000000  51 00 00 00 05 48 65 6c  6c 6f                    Q....Hello
            received  00000000  51 00 00 00 0a 48 65 6c  6c 6f                    Q....Hello
                                            ^^
          framing: Framing::length_field(1, 4)
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_field(1, 4).counting_all() this is the frame expected"#]]);
    case(typed(), b"X", b"X\0\0\0\x05").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("X") at tests/hello.rs:14:12
          wrong frame: its payload has 6 bytes, expected 1 byte
            expected  00000000  58 00 00 00 00                                    X....
            received  00000000  58 00 00 00 05                                    X....
                                            ^^
          framing: Framing::length_field(1, 4)
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_field(1, 4).counting_all() this is the frame expected"#]]);
    case(plain(), b"Hello", b"\0\0\0\x07Hello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 7 bytes, expected 5 bytes
            expected  00000000  00 00 00 05 48 65 6c 6c  6f                       ....Hello
            received  00000000  00 00 00 07 48 65 6c 6c  6f                       ....Hello
                                         ^^
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_prefixed(4).adjusted(-2) this is the frame expected"#]]);
    case(plain().inclusive(), b"Hello", b"\0\0\0\x05Hello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 1 byte, expected 5 bytes
            expected  00000000  00 00 00 09 48 65 6c 6c  6f                       ....Hello
            received  00000000  00 00 00 05 48 65 6c 6c  6f                       ....Hello
                                         ^^
          framing: Framing::length_prefixed(4).inclusive()
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_prefixed(4) this is the frame expected"#]]);
    case(Framing::length_prefixed(2), b"Hello", b"\x05\0Hello").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 1,280 bytes, expected 5 bytes
            expected  00000000  00 05 48 65 6c 6c 6f                              ..Hello
            received  00000000  05 00 48 65 6c 6c 6f                              ..Hello
                                ^^
          framing: Framing::length_prefixed(2)
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_prefixed(2).little_endian() this is the frame expected"#]]);
    let long = message(80);
    case(plain(), &long, &[b"\0\0\0\x54", &long[..]].concat()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("0123456789abcdefghijklmnopqrstuv"... 80 bytes) at tests/hello.rs:14:12
          wrong frame: its payload has 84 bytes, expected 80 bytes
            expected  00000000  00 00 00 50 30 31 32 33  34 35 36 37 38 39 61 62  ...P0123456789ab
                      00000010  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                      00000020  73 74 75 76 77 78 79 7a  30 31 32 33 34 35 36 37  stuvwxyz01234567
                      00000030  38 39 61 62 63 64 65 66  67 68 69 6a 6b 6c 6d 6e  89abcdefghijklmn
                      ...
            received  00000000  00 00 00 54 30 31 32 33  34 35 36 37 38 39 61 62  ...T0123456789ab
                                         ^^
                      00000010  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                      00000020  73 74 75 76 77 78 79 7a  30 31 32 33 34 35 36 37  stuvwxyz01234567
                      00000030  38 39 61 62 63 64 65 66  67 68 69 6a 6b 6c 6d 6e  89abcdefghijklmn
                      ...
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: a client that counts other bytes, or another framing:
            with Framing::length_prefixed(4).inclusive() this is the frame expected"#]]);
    // Another message, another length.
    case(plain(), b"Hello", b"\0\0\0\x09Hello you").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 9 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c 6c 6f 20 79 6f  75                       Hello you
          the client is still connected"#]]);
    case(plain(), b"Hello", b"\0\0\0\x09").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: its payload has 9 bytes, expected 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  (nothing from byte 0 on)
          the client is still connected"#]]);
    // Nothing is said of bytes that have not come, and nothing that nobody can write.
    let says = |Text(head): Text| head.contains("adjusted(");
    let said = |length: u8, message: &[u8]| [&[0, 0, 0, length], message].concat();
    assert!(says(case(plain(), &long[..63], &said(70, &long[..63]))));
    assert!(!says(case(plain(), &long[..64], &said(70, &long[..64]))), "there may be more of it");
    assert!(!says(case(plain(), b"", &said(5, b""))));
    assert!(!says(case(plain().max_length(usize::MAX), b"Hello", b"\xff\xff\xff\xffHello")));
}

#[test]
fn something_that_is_no_frame() {
    connected(&[frame("Hello")], |talk| talk.receive("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          no frame: length field says 1,195,725,856 (maximum 16,777,216)
            received  00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..
                      00000010  48 6f 73 74 3a 20 6c 6f  63 61 6c 68 6f 73 74 0d  Host: localhost.
                      00000020  0a 0d 0a                                          ...
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: another framing, or the other byte order"#]]);
    connected(&[frame("Hello")], |talk| talk.receive(b"\x05\0\0\0Hello")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          no frame: length field says 83,886,080 (maximum 16,777,216): wrong endianness?
            received  00000000  05 00 00 00 48 65 6c 6c  6f                       ....Hello
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: another framing: with Framing::length_prefixed(4).little_endian() what arrived is a whole frame"#]]);
    connected(&[frame("Hello")], |talk| talk.receive([0xff; 4])).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          no frame: length field says 4,294,967,295 (maximum 16,777,216)
            received  00000000  ff ff ff ff                                       ....
          framing: Framing::length_prefixed(4)
          the client is still connected
          usual cause: another framing, or the other byte order"#]]);
    // In the other order it is a whole frame, unless more may have come than is kept.
    let says = |Text(head): Text| head.contains("little_endian()");
    let little = |length: u8, more: usize| [&[length, 0, 0, 0], &message(more)[..]].concat();
    assert!(says(connected(&[frame("Hello")], |talk| talk.receive(little(59, 59)))));
    let Text(long) = connected(&[frame("Hello")], |talk| talk.receive(little(60, 60)));
    assert!(long.contains("framing: Framing::length_prefixed(4)\n") && !says(Text(long)));
    // Another protocol altogether, which is known by its first bytes.
    let hello = b"\x16\x03\x01\0\x2d\x01\0\0\x29\x03\x03";
    connected(&[Step::expect_bytes("Hello")], |talk| talk.receive(hello)).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          byte 0 differs: expected 0x48 'H', received 0x16
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  16 03 01 00 2d 01 00 00  29 03 03                 ....-...)..
                                ^^
          the client is still connected
          usual cause: these bytes begin a TLS handshake: the script lacks builder().tls(..), or a start_tls() before this step
            (with the feature `tls`), or the client is not to be told to use TLS"#]]);
    let Text(head) = connected(&[Step::expect_bytes(hello)], |talk| talk.receive("Hello"));
    assert!(!head.contains("TLS"), "it is the script that speaks of it: {head}");
}

#[test]
fn a_frame_that_another_pattern_demands() {
    let case = |pattern: Pattern, received: &[u8]| {
        connected(&[Step::expect_frame(&Framing::default(), pattern)], |talk| talk.receive(received))
    };
    case(Pattern::prefix("GET "), b"\0\0\0\x07PUT /ab").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(prefix("GET ")) at tests/hello.rs:14:12
          wrong frame: it does not begin with "GET "
            expected  00000000  47 45 54 20                                       GET 
            received  00000000  50 55 54 20 2f 61 62                              PUT /ab
                                ^^
          the client is still connected"#]]);
    case(Pattern::prefix("Hello"), b"\0\0\0\x03Hel").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(prefix("Hello")) at tests/hello.rs:14:12
          wrong frame: it does not begin with "Hello"
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel
          the client is still connected"#]]);
    case(Pattern::suffix("\r\n"), b"\0\0\0\x03Hel").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(suffix("\r\n")) at tests/hello.rs:14:12
          wrong frame: it does not end with "\r\n"
            received  00000000  48 65 6c                                          Hel
          the client is still connected"#]]);
    case(Pattern::contains("ell"), b"\0\0\0\x04Hallo").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(contains("ell")) at tests/hello.rs:14:12
          wrong frame: it does not contain "ell"
            received  00000000  48 61 6c 6c                                       Hall
          the client is still connected"#]]);
    case(Pattern::matching(|_: &[u8]| false), b"\0\0\0\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(matching(..)) at tests/hello.rs:14:12
          wrong frame: the closure does not take it
            received  (nothing from byte 0 on)
          the client is still connected"#]]);
    let two_lines = |_: &[u8]| Err("it has no type:\nneither Q nor X");
    case(Pattern::matching(two_lines), b"\0\0\0\x01Z").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(matching(..)) at tests/hello.rs:14:12
          wrong frame: it has no type:
            neither Q nor X
            received  00000000  5a                                                Z
          the client is still connected"#]]);
    #[cfg(feature = "regex")]
    case(Pattern::regex("^[0-9]+$"), b"\0\0\0\x03a12").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(regex("^[0-9]+$")) at tests/hello.rs:14:12
          wrong frame: it does not match the regular expression "^[0-9]+$"
            received  00000000  61 31 32                                          a12
          the client is still connected"#]]);
}

#[test]
fn a_pattern_with_words_of_its_own() {
    let publish = || Pattern::matching(|_: &[u8]| false).described("PUBLISH \"one\"");
    let step = || [Step::expect_frame(&Framing::default(), publish())];
    connected(&step(), |talk| talk.receive(encode("two"))).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(PUBLISH "one") at tests/hello.rs:14:12
          wrong frame: it is not PUBLISH "one"
            received  00000000  74 77 6f                                          two
          the client is still connected"#]]);
    connected(&step(), Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(PUBLISH "one") at tests/hello.rs:14:12
          timed out waiting for a frame that is PUBLISH "one", after 1 s: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]);
    connected(&step(), Talk::close).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(PUBLISH "one") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, before a frame that is PUBLISH "one"
          usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early"#]]);
    let reason = Pattern::matching(|_: &[u8]| Err("its topic is \"two\"")).described("PUBLISH\n\"one\"");
    connected(&[Step::expect_line(reason)], |talk| talk.receive("two\n")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line(PUBLISH "one") at tests/hello.rs:14:12
          wrong line: its topic is "two"
            received  00000000  74 77 6f 0a                                       two.
          the client is still connected"#]]);
    let exact = Pattern::exact("\x10\x0e").described("CONNECT");
    connected(&[Step::expect_frame(&Framing::fixed(2), exact)], |talk| talk.receive("\x20\x02")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(CONNECT) at tests/hello.rs:14:12
          wrong frame: payload byte 0 differs: expected 0x10, received 0x20 ' '
            expected  00000000  10 0e                                             ..
            received  00000000  20 02                                              .
                                ^^
          the client is still connected"#]]);
    let head = Pattern::contains("host:").described("a request with a host");
    connected(&[Step::expect_until("\r\n\r\n", head)], |talk| talk.receive("GET /\r\n\r\n")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_until("\r\n\r\n", a request with a host) at tests/hello.rs:14:12
          wrong message: it does not contain "host:"
            received  00000000  47 45 54 20 2f 0d 0a 0d  0a                       GET /....
          the client is still connected"#]]);
}

#[test]
fn a_long_message_is_shown_where_the_pattern_looks() {
    let head = b"GET /a/rather/long/path/to/something HTTP/1.1\r\nhost: localhost:8080\r\naccept: */*\r\nuser-agent: me/1.0\r\n\r\n";
    let case = |pattern: Pattern| {
        connected(&[Step::expect_until("\r\n\r\n", pattern)], |talk| talk.receive([head, &b"more"[..]].concat()))
    };
    case(Pattern::suffix("me/2.0\r\n\r\n")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_until("\r\n\r\n", suffix("me/2.0\r\n\r\n")) at tests/hello.rs:14:12
          wrong message: it does not end with "me/2.0\r\n\r\n"
            received  00000030  6f 73 74 3a 20 6c 6f 63  61 6c 68 6f 73 74 3a 38  ost: localhost:8
                      00000040  30 38 30 0d 0a 61 63 63  65 70 74 3a 20 2a 2f 2a  080..accept: */*
                      00000050  0d 0a 75 73 65 72 2d 61  67 65 6e 74 3a 20 6d 65  ..user-agent: me
                      00000060  2f 31 2e 30 0d 0a 0d 0a                           /1.0....
          the client is still connected"#]]);
    case(Pattern::contains("content-length:")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_until("\r\n\r\n", contains("content-length:")) at tests/hello.rs:14:12
          wrong message: it does not contain "content-length:"
            received  00000000  47 45 54 20 2f 61 2f 72  61 74 68 65 72 2f 6c 6f  GET /a/rather/lo
                      00000010  6e 67 2f 70 61 74 68 2f  74 6f 2f 73 6f 6d 65 74  ng/path/to/somet
                      ...
                      00000050  0d 0a 75 73 65 72 2d 61  67 65 6e 74 3a 20 6d 65  ..user-agent: me
                      00000060  2f 31 2e 30 0d 0a 0d 0a                           /1.0....
          the client is still connected"#]]);
    case(Pattern::matching(|_: &[u8]| false)).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_until("\r\n\r\n", matching(..)) at tests/hello.rs:14:12
          wrong message: the closure does not take it
            received  00000000  47 45 54 20 2f 61 2f 72  61 74 68 65 72 2f 6c 6f  GET /a/rather/lo
                      00000010  6e 67 2f 70 61 74 68 2f  74 6f 2f 73 6f 6d 65 74  ng/path/to/somet
                      00000020  68 69 6e 67 20 48 54 54  50 2f 31 2e 31 0d 0a 68  hing HTTP/1.1..h
                      00000030  6f 73 74 3a 20 6c 6f 63  61 6c 68 6f 73 74 3a 38  ost: localhost:8
                      ...
          the client is still connected"#]]);
    #[cfg(feature = "regex")]
    case(Pattern::regex("me/2.0\r\n\r\n$")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_until("\r\n\r\n", regex("me/2.0\r\n\r\n$")) at tests/hello.rs:14:12
          wrong message: it does not match the regular expression "me/2.0\r\n\r\n$"
            received  00000000  47 45 54 20 2f 61 2f 72  61 74 68 65 72 2f 6c 6f  GET /a/rather/lo
                      00000010  6e 67 2f 70 61 74 68 2f  74 6f 2f 73 6f 6d 65 74  ng/path/to/somet
                      ...
                      00000050  0d 0a 75 73 65 72 2d 61  67 65 6e 74 3a 20 6d 65  ..user-agent: me
                      00000060  2f 31 2e 30 0d 0a 0d 0a                           /1.0....
          the client is still connected"#]]);
    let case = |pattern: Pattern, len: usize| {
        evidence(Step::expect_frame(&Framing::default(), pattern), &encode(message(len)))
    };
    case(Pattern::suffix("#"), 64).is(expect![[r#"
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
    "#]]);
    case(Pattern::suffix("#"), 65).is(expect![[r#"
        received  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                  00000040  73                                                s
    "#]]);
    case(Pattern::contains("#"), 65).is(expect![[r#"
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  ...
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                  00000040  73                                                s
    "#]]);
    case(Pattern::contains("#"), 100_000).is(expect![[r#"
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  ...
                  00018680  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00018690  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
    "#]]);
    let act = |talk: &mut Talk| {
        talk.receive(message(100));
        talk.wait();
    };
    connected(&[Step::expect_frame(&Framing::fixed(200), Pattern::any())], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: 100 of 200 bytes arrived
            received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                      00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                      00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                      00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                      ...
          framing: Framing::fixed(200)
          the client is still connected"#]]);
}

#[test]
fn a_frame_with_something_in_front_of_its_length() {
    let framing = Framing::length_field(1, 4).inclusive();
    let case =
        |received: &[u8]| connected(&[Step::expect_frame(&framing, "QSELECT 1\0")], |talk| talk.receive(received));
    case(b"X\0\0\0\x04").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("QSELECT 1\0") at tests/hello.rs:14:12
          wrong frame: its payload has 1 byte, expected 10 bytes
            expected  00000000  51 53 45 4c 45 43 54 20  31 00                    QSELECT 1.
            received  00000000  58                                                X
                                ^^
          the client is still connected"#]]);
    case(b"P\0\0\0\x0dSELECT 1\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("QSELECT 1\0") at tests/hello.rs:14:12
          wrong frame: payload byte 0 differs: expected 0x51 'Q', received 0x50 'P'
            expected  00000000  51 53 45 4c 45 43 54 20  31 00                    QSELECT 1.
            received  00000000  50 53 45 4c 45 43 54 20  31 00                    PSELECT 1.
                                ^^
          the client is still connected"#]]);
    case(b"Q\0\0\0\x0dSELECT 2\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("QSELECT 1\0") at tests/hello.rs:14:12
          wrong frame: payload byte 8 differs: expected 0x31 '1', received 0x32 '2'
            expected  00000000  51 53 45 4c 45 43 54 20  31 00                    QSELECT 1.
            received  00000000  51 53 45 4c 45 43 54 20  32 00                    QSELECT 2.
                                                         ^^
          the client is still connected"#]]);
    case(b"Q\0\0\0\x03").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("QSELECT 1\0") at tests/hello.rs:14:12
          no frame: length field says 3 (minimum 4)
            received  00000000  51 00 00 00 03                                    Q....
          framing: Framing::length_field(1, 4).inclusive()
          the client is still connected
          usual cause: another framing"#]]);
}

#[test]
fn a_line_that_is_another_one() {
    let case =
        |pattern: Pattern, received: &[u8]| connected(&[Step::expect_line(pattern)], |talk| talk.receive(received));
    case("EHLO me".into(), b"EHLO you\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line("EHLO me") at tests/hello.rs:14:12
          wrong line: byte 5 differs: expected 0x6d 'm', received 0x79 'y'
            expected  00000000  45 48 4c 4f 20 6d 65                              EHLO me
            received  00000000  45 48 4c 4f 20 79 6f 75  0d 0a                    EHLO you..
                                               ^^
          the client is still connected"#]]);
    case("EHLO me".into(), b"EHLO\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line("EHLO me") at tests/hello.rs:14:12
          wrong line: byte 4 differs: expected 0x20 ' ', received 0x0d
            expected  00000000  45 48 4c 4f 20 6d 65                              EHLO me
            received  00000000  45 48 4c 4f 0d 0a                                 EHLO..
                                            ^^
          the client is still connected"#]]);
    case("EHLO me".into(), b"EHLO me too\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line("EHLO me") at tests/hello.rs:14:12
          wrong line: it goes on behind the 7 bytes expected
            expected  00000000  45 48 4c 4f 20 6d 65                              EHLO me
            received  00000000  45 48 4c 4f 20 6d 65 20  74 6f 6f 0d 0a           EHLO me too..
                                                     ^^
          the client is still connected"#]]);
    case(Pattern::prefix("EHLO "), b"HELO me\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line(prefix("EHLO ")) at tests/hello.rs:14:12
          wrong line: it does not begin with "EHLO "
            expected  00000000  45 48 4c 4f 20                                    EHLO 
            received  00000000  48 45 4c 4f 20 6d 65 0d  0a                       HELO me..
                                ^^
          the client is still connected"#]]);
    case(Pattern::contains("me"), b"EHLO\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line(contains("me")) at tests/hello.rs:14:12
          wrong line: it does not contain "me"
            received  00000000  45 48 4c 4f 0a                                    EHLO.
          the client is still connected"#]]);
}

/// A codec that takes the messages of semicolons, upside down.
struct Reversed;

impl Codec for Reversed {
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        Ok(bytes.iter().position(|&byte| byte == b';').map(|end| end + 1))
    }

    fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, String> {
        Ok(frame.iter().rev().skip(1).copied().collect())
    }
}

#[test]
fn what_follows_a_frame_is_not_shown_with_it() {
    let case = |step: Step, received: &[u8]| connected(&[step], |talk| talk.receive(received));
    let semicolon = || Framing::codec(|bytes: &[u8]| Reversed.frame_len(bytes));
    let reversed = || Framing::codec(Reversed);
    case(Step::expect_frame(&semicolon(), "GET a;"), b"GET b;GET c;").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("GET a;") at tests/hello.rs:14:12
          wrong frame: payload byte 4 differs: expected 0x61 'a', received 0x62 'b'
            expected  00000000  47 45 54 20 61 3b                                 GET a;
            received  00000000  47 45 54 20 62 3b                                 GET b;
                                            ^^
          the client is still connected"#]]);
    case(Step::expect_frame(&semicolon(), Pattern::contains("a")), b"GET b;GET c;").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(contains("a")) at tests/hello.rs:14:12
          wrong frame: it does not contain "a"
            received  00000000  47 45 54 20 62 3b                                 GET b;
          the client is still connected"#]]);
    case(Step::expect_frame(&reversed(), "GET a"), b"b TEG;c TEG;").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("GET a") at tests/hello.rs:14:12
          wrong frame: payload byte 4 differs: expected 0x61 'a', received 0x62 'b'
            expected  00000000  47 45 54 20 61                                    GET a
            received  00000000  47 45 54 20 62                                    GET b
                                            ^^
          the client is still connected"#]]);
    case(Step::expect_frame(&reversed(), Pattern::prefix("PUT")), b"b TEG;c TEG;").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(prefix("PUT")) at tests/hello.rs:14:12
          wrong frame: it does not begin with "PUT"
            expected  00000000  50 55 54                                          PUT
            received  00000000  47 45 54 20 62                                    GET b
                                ^^
          the client is still connected"#]]);
    case(Step::expect_line("GET a"), b"GET b\r\nGET c\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line("GET a") at tests/hello.rs:14:12
          wrong line: byte 4 differs: expected 0x61 'a', received 0x62 'b'
            expected  00000000  47 45 54 20 61                                    GET a
            received  00000000  47 45 54 20 62 0d 0a                              GET b..
                                            ^^
          the client is still connected"#]]);
    case(Step::expect_line("GET"), b"GET b\r\nGET c\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line("GET") at tests/hello.rs:14:12
          wrong line: it goes on behind the 3 bytes expected
            expected  00000000  47 45 54                                          GET
            received  00000000  47 45 54 20 62 0d 0a                              GET b..
                                         ^^
          the client is still connected"#]]);
    case(Step::expect_line(Pattern::prefix("PUT")), b"GET b\r\nGET c\r\n").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line(prefix("PUT")) at tests/hello.rs:14:12
          wrong line: it does not begin with "PUT"
            expected  00000000  50 55 54                                          PUT
            received  00000000  47 45 54 20 62 0d 0a                              GET b..
                                ^^
          the client is still connected"#]]);
    case(Step::expect_until(";", Pattern::suffix("a;")), b"GET b;GET c;").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_until(";", suffix("a;")) at tests/hello.rs:14:12
          wrong message: it does not end with "a;"
            received  00000000  47 45 54 20 62 3b                                 GET b;
          the client is still connected"#]]);
    // In the packet behind the difference is the end.
    let act = |talk: &mut Talk| {
        talk.receive("GET b");
        talk.receive("\r\nGET c\r\n");
    };
    connected(&[Step::expect_line("GET a")], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_line("GET a") at tests/hello.rs:14:12
          wrong line: byte 4 differs: expected 0x61 'a', received 0x62 'b'
            expected  00000000  47 45 54 20 61                                    GET a
            received  00000000  47 45 54 20 62 0d 0a                              GET b..
                                            ^^
          the client is still connected"#]]);
    let act = |talk: &mut Talk| {
        talk.receive("GET b;");
        talk.receive("GET c;");
    };
    connected(&[Step::expect_frame(&semicolon(), "GET a;")], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("GET a;") at tests/hello.rs:14:12
          wrong frame: payload byte 4 differs: expected 0x61 'a', received 0x62 'b'
            expected  00000000  47 45 54 20 61 3b                                 GET a;
            received  00000000  47 45 54 20 62 3b                                 GET b;
                                            ^^
          the client is still connected"#]]);
    connected(&[frame("Hello")], |talk| talk.receive([encode("Help!"), encode("next")].concat())).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          wrong frame: payload byte 3 differs: expected 0x6c 'l', received 0x70 'p'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c 70 21                                    Help!
                                         ^^
          the client is still connected"#]]);
}

#[test]
fn a_message_that_does_not_end() {
    let until = || Step::expect_until("\r\n\r\n", Pattern::prefix("GET "));
    let exact = || Step::expect_until("\r\n\r\n", "GET / HTTP/1.1\r\n\r\n");
    for step in [until(), exact(), Step::expect_line(Pattern::any())] {
        let case = |received: &[u8], act: fn(&mut Talk)| {
            connected(core::slice::from_ref(&step), |talk| {
                if !received.is_empty() {
                    talk.receive(received);
                }
                act(talk);
            })
        };
        let texts =
            [case(b"", Talk::wait), case(b"GET /", Talk::wait), case(b"", Talk::close), case(b"GET /", Talk::close)];
        let text = texts.map(|text| text.0).join("\n");
        let expected = match step.to_string() {
            line if line.starts_with("expect_line") => expect![[r#"
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_line(any()) at tests/hello.rs:14:12
                  timed out waiting for a line, after 1 s: nothing arrived
                  the client is still connected
                  usual cause: a buffered writer that is not flushed, or a client that waits for something else first
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_line(any()) at tests/hello.rs:14:12
                  timed out waiting for a line, after 1 s: 5 bytes arrived, and not its end
                    received  00000000  47 45 54 20 2f                                    GET /
                  the client is still connected
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_line(any()) at tests/hello.rs:14:12
                  the client closed the connection, or its sending half, before a line
                  usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_line(any()) at tests/hello.rs:14:12
                  the client closed the connection, or its sending half, inside a line, after 5 bytes
                    received  00000000  47 45 54 20 2f                                    GET /"#]],
            until if until.contains("prefix") => expect![[r#"
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", prefix("GET ")) at tests/hello.rs:14:12
                  timed out waiting for a message that begins with "GET ", after 1 s: nothing arrived
                  the client is still connected
                  usual cause: a buffered writer that is not flushed, or a client that waits for something else first
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", prefix("GET ")) at tests/hello.rs:14:12
                  timed out waiting for a message that begins with "GET ", after 1 s: 5 bytes arrived, and not its end
                    received  00000000  47 45 54 20 2f                                    GET /
                  the client is still connected
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", prefix("GET ")) at tests/hello.rs:14:12
                  the client closed the connection, or its sending half, before a message that begins with "GET "
                  usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", prefix("GET ")) at tests/hello.rs:14:12
                  the client closed the connection, or its sending half, inside a message, after 5 bytes
                    received  00000000  47 45 54 20 2f                                    GET /"#]],
            _ => expect![[r#"
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", "GET / HTTP/1.1\r\n\r\n") at tests/hello.rs:14:12
                  timed out waiting for message "GET / HTTP/1.1\r\n\r\n", after 1 s: nothing arrived
                  the client is still connected
                  usual cause: a buffered writer that is not flushed, or a client that waits for something else first
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", "GET / HTTP/1.1\r\n\r\n") at tests/hello.rs:14:12
                  timed out waiting for message "GET / HTTP/1.1\r\n\r\n", after 1 s: 5 bytes arrived, and not its end
                    received  00000000  47 45 54 20 2f                                    GET /
                  the client is still connected
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", "GET / HTTP/1.1\r\n\r\n") at tests/hello.rs:14:12
                  the client closed the connection, or its sending half, before message "GET / HTTP/1.1\r\n\r\n"
                  usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early
                scripted server 127.0.0.1:40123: step 2 of 2 failed
                  expect_until("\r\n\r\n", "GET / HTTP/1.1\r\n\r\n") at tests/hello.rs:14:12
                  the client closed the connection, or its sending half, inside a message, after 5 bytes
                    received  00000000  47 45 54 20 2f                                    GET /"#]],
        };
        Text(text).is(expected);
    }
    let framing = Framing::delimited("\0").max_length(4);
    connected(&[Step::expect_frame(&framing, Pattern::any())], |talk| talk.receive("CONNECT")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          no frame: it has no end within the maximum of 4 bytes
            received  00000000  43 4f 4e 4e 45 43 54                              CONNECT
          framing: Framing::delimited("\0").max_length(4)
          the client is still connected
          usual cause: another framing"#]]);
    let varint = Framing::varint().max_width(2);
    let act = |talk: &mut Talk| {
        talk.receive(b"\x80");
        talk.close();
    };
    connected(&[Step::expect_frame(&varint, Pattern::any())], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame header, after 1 byte
            received  00000000  80                                                .
          framing: Framing::varint().max_width(2)"#]]);
    connected(&[Step::expect_frame(&varint, Pattern::any())], |talk| talk.receive(b"\x80\x80\x80")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          no frame: the length goes on behind its 2 bytes
            received  00000000  80 80 80                                          ...
          framing: Framing::varint().max_width(2)
          the client is still connected
          usual cause: another framing"#]]);
}

#[test]
fn a_silence_that_is_broken() {
    let silence = [Step::expect_silence(Duration::from_millis(50))];
    connected(&silence, |talk| talk.receive("PING")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_silence(50 ms) at tests/hello.rs:14:12
          unexpected data while waiting for 50 ms of silence
            received  00000000  50 49 4e 47                                       PING
          the client is still connected"#]]);
}

#[test]
fn a_script_that_nobody_releases() {
    let hold = || [Step::hold("reply")];
    connected(&hold(), Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          hold("reply") at tests/hello.rs:14:12
          held for 10 s: nobody released it
          the client is still connected
          usual cause: a test that waits for something else before its release(..); a longer hold is allowed by within(..),
            or builder().idle_limit(..)"#]]);
    let act = |talk: &mut Talk| {
        talk.session.release("rply");
        talk.session.release("other");
        talk.wait();
    };
    connected(&hold(), act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          hold("reply") at tests/hello.rs:14:12
          held for 10 s: nobody released it; released so far: "other", "rply"
          the client is still connected
          usual cause: a test that waits for something else before its release(..); a longer hold is allowed by within(..),
            or builder().idle_limit(..)"#]]);
}

#[test]
fn a_reply_that_cannot_be_sent() {
    let mut talk = Talk::new(&[Step::expect_connect()]);
    talk.session.push(Step::reply_frame(&Framing::length_field(4, 2), |_| b"ab".to_vec()));
    talk.connect();
    head_of(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          reply_frame(..) at tests/hello.rs:14:12
          the closure's reply cannot be sent: a frame of 2 bytes is shorter than the 4 that this framing demands
          the client is still connected"#]]);
}

#[test]
fn a_reply_is_shown_when_it_is_computed() {
    let mut talk = Talk::new(&[Step::expect_connect(), Step::expect_line("PING")]);
    talk.session.push(Step::reply(|message| [b"+", message, b"\r\n"].concat()));
    talk.session.push(Step::reply_frame(&Framing::default(), <[u8]>::to_vec));
    talk.connect();
    let listing = |talk: &Talk| stable(&format!("script{}", talk.report().script));
    Text(listing(&talk)).is(expect![[r#"
        script
            ok    1  expect_connect()     tests/hello.rs:14:12
            >>    2  expect_line("PING")  tests/hello.rs:14:12
            --    3  reply(..)            tests/hello.rs:14:12
            --    4  reply_frame(..)      tests/hello.rs:14:12"#]]);
    talk.receive("PING\r\n");
    Text(listing(&talk)).is(expect![[r#"
        script
            ok    1  expect_connect()     tests/hello.rs:14:12
            ok    2  expect_line("PING")  tests/hello.rs:14:12
            ok    3  reply("+PING\r\n")   tests/hello.rs:14:12
            ok    4  reply_frame("PING")  tests/hello.rs:14:12"#]]);
}

#[test]
fn a_client_that_goes_too_early() {
    let case = |step: Step, received: &[u8]| {
        let act = |talk: &mut Talk| {
            talk.receive(received);
            talk.close();
        };
        connected(&[step], act)
    };
    case(Step::expect_bytes("Hello"), b"").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, before "Hello"
          usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early"#]]);
    connected(&[Step::expect_bytes("Hello")], |talk| {
        talk.leave(0);
        talk.close();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early"#]]);
    case(Step::expect_bytes("Hello"), b"Hel").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, after 3 of 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel"#]]);
    case(frame("Hello"), b"").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, before frame "Hello"
          usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early"#]]);
    case(frame("Hello"), b"\0\0\0").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame header, after 3 of its 4 bytes
            received  00000000  00 00 00                                          ...
          framing: Framing::length_prefixed(4)"#]]);
    case(frame("Hello"), b"\0\0\0\x05").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame payload, after 0 of its 5 bytes"#]]);
    case(frame("Hello"), b"\0\0\0\x05Hell").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("Hello") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame payload, after 4 of its 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c 6c                                       Hell"#]]);
    case(frame("x"), b"\0\0\0\x01").is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame("x") at tests/hello.rs:14:12
          the client closed the connection, or its sending half, inside the frame payload, after 0 of its 1 byte"#]]);
    let act = |talk: &mut Talk| {
        talk.receive("Hel");
        talk.reset();
    };
    connected(&[Step::expect_bytes("Hello")], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection after 3 of 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel
          it closed with a reset, though it was sent nothing: it aborted the connection"#]]);
    connected(&[Step::expect_bytes("Hello")], Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
          it closed with a reset, though it was sent nothing: it aborted the connection"#]]);
}

#[test]
fn more_than_was_expected() {
    connected(&[Step::expect_disconnect()], |talk| talk.receive("one more\r\n")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect() at tests/hello.rs:14:12
          unexpected data while waiting for the client to disconnect
            received  00000000  6f 6e 65 20 6d 6f 72 65  0d 0a                    one more..
          the client is still connected"#]]);
    let act = |talk: &mut Talk| {
        talk.receive(b"Hello\0");
        talk.close();
    };
    connected(&[Step::expect_bytes("Hello"), Step::expect_disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          unexpected data while waiting for the client to disconnect
            received  00000000  00                                                .
          the client has closed the connection, or its sending half"#]]);
    let act = |talk: &mut Talk| {
        talk.receive("one more");
        talk.close();
        talk.connect();
    };
    connected(&[Step::expect_connect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_connect() at tests/hello.rs:14:12
          unexpected data while waiting for the end of the connection before, which expect_connect() implies
            received  00000000  6f 6e 65 20 6d 6f 72 65                           one more
          the client has closed the connection, or its sending half"#]]);
    connected(&[Step::expect_eof()], |talk| talk.receive("x")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_eof() at tests/hello.rs:14:12
          unexpected data while waiting for the client to shut down its sending half
            received  00000000  78                                                x
          the client is still connected"#]]);
}

#[test]
fn a_client_that_closes_unkindly() {
    let send = Step::send_bytes("Hello, client!");
    connected(&[send.clone(), Step::expect_disconnect()], Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client reset the connection: some of the 14 bytes sent were not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read"#]]);
    connected(&[Step::send_bytes("x"), Step::expect_disconnect()], Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client reset the connection: the 1 byte sent was not read, or it aborted on purpose
          usual cause: a stream that is dropped with data left to read"#]]);
    // Nothing was announced of its socket: maybe it keeps that.
    let silent = |talk: &mut Talk| {
        talk.act(|session, now| session.handle_peer(now, Peer::Closed { unread: None }));
        talk.reset();
    };
    connected(&[Step::send_bytes("Hello"), Step::expect_disconnect()], silent).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose"#]]);
    connected(&[Step::expect_disconnect()], Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client aborted the connection with a reset, though it was sent nothing"#]]);
    let act = |talk: &mut Talk| {
        talk.reset();
        talk.session.push(Step::send_bytes("Hello, client!"));
        talk.settle();
    };
    connected(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_bytes("Hello, client!") at tests/hello.rs:14:12
          the client had already closed the connection: 14 bytes were never delivered"#]]);
    let script = [Step::expect_connect(), send];
    let case = |room: usize| {
        let act = |talk: &mut Talk| {
            talk.room = room;
            talk.connect();
            talk.act(Session::handle_send_failed);
        };
        head(&script, act)
    };
    case(0).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_bytes("Hello, client!") at tests/hello.rs:14:12
          the client had already closed the connection: 14 bytes were never delivered"#]]);
    case(5).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_bytes("Hello, client!") at tests/hello.rs:14:12
          the client closed the connection while it was sent this: at least 9 bytes were never delivered"#]]);
    case(13).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          send_bytes("Hello, client!") at tests/hello.rs:14:12
          the client closed the connection while it was sent this: at least 1 byte was never delivered"#]]);
}

#[test]
fn a_client_that_is_known_not_to_have_read_all() {
    let steps = [Step::expect_connect(), Step::send_bytes("OneTwo"), Step::expect_disconnect()];
    let talk = Talk::with(&steps, |talk| {
        talk.connect();
        talk.leave(3);
        talk.close();
    });
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: 3 of the 6 bytes sent were not read
            unread    00000003  54 77 6f                                          Two
          usual cause: a stream that is dropped with data left to read

          script
            ok    1  expect_connect()      tests/hello.rs:14:12
            ok    2  send_bytes("OneTwo")  tests/hello.rs:14:12
            FAIL  3  expect_disconnect()   tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422
            0.001 s  sent 6 bytes  "OneTwo"
            0.002 s  client left 3 bytes unread
            0.003 s  client closed the connection"#]]);
    let case = |sent: &str, count: u64, end: fn(&mut Talk)| {
        let act = |talk: &mut Talk| {
            talk.leave(count);
            end(talk);
        };
        connected(&[Step::send_bytes(sent), Step::expect_disconnect()], act)
    };
    case("OneTwo", 1, Talk::close).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: 1 of the 6 bytes sent was not read
            unread    00000005  6f                                                o
          usual cause: a stream that is dropped with data left to read"#]]);
    case("OneTwo", 6, Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: 6 of the 6 bytes sent were not read
            unread    00000000  4f 6e 65 54 77 6f                                 OneTwo
          usual cause: a stream that is dropped with data left to read"#]]);
    case("x", 1, Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: the 1 byte sent was not read
            unread    00000000  78                                                x
          usual cause: a stream that is dropped with data left to read"#]]);
    // Nobody has said how the connection before is to end.
    let act = |talk: &mut Talk| {
        talk.leave(3);
        talk.close();
        talk.connect();
    };
    connected(&[Step::send_bytes("OneTwo"), Step::expect_connect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_connect() at tests/hello.rs:14:12
          the client closed the connection: 3 of the 6 bytes sent were not read
            unread    00000003  54 77 6f                                          Two
          that was the connection before, whose end expect_connect() implies
          usual cause: a stream that is dropped with data left to read"#]]);
    let act = |talk: &mut Talk| {
        talk.leave(0);
        talk.reset();
        talk.connect();
    };
    connected(&[Step::send_bytes("OneTwo"), Step::expect_connect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_connect() at tests/hello.rs:14:12
          the client aborted the connection with a reset: nothing was left to read when its socket went
          that was the connection before, whose end expect_connect() implies"#]]);
    case("OneTwo", 0, Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client aborted the connection with a reset: nothing was left to read when its socket went"#]]);
    let large = "x".repeat(100_000);
    case(&large, 99_999, Talk::close).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: 99,999 of the 100,000 bytes sent were not read
            unread    00000001  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000011  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000021  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      00000031  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                      ...
          usual cause: a stream that is dropped with data left to read"#]]);
    // The count comes behind the end.
    let case = |end: fn(&mut Talk), count: u64| {
        let act = |talk: &mut Talk| {
            end(talk);
            talk.leave(count);
        };
        connected(&steps[1..], act)
    };
    case(Talk::close, 3).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: 3 of the 6 bytes sent were not read
            unread    00000003  54 77 6f                                          Two
          usual cause: a stream that is dropped with data left to read"#]]);
    case(Talk::reset, 3).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client reset the connection: some of the 6 bytes sent were not read, or it aborted on purpose
            unread    00000003  54 77 6f                                          Two
          it closed without reading 3 of the 6 bytes it was sent
          usual cause: a stream that is dropped with data left to read"#]]);
    case(Talk::reset, 0).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client reset the connection: some of the 6 bytes sent were not read, or it aborted on purpose
          it closed with a reset, and nothing was left to read when its socket went: it aborted the connection"#]]);
    // And again, where that changes nothing.
    connected(&steps[1..], |talk| {
        talk.leave(3);
        talk.close();
        talk.leave(5);
        talk.reset();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_disconnect() at tests/hello.rs:14:12
          the client closed the connection: 3 of the 6 bytes sent were not read
            unread    00000003  54 77 6f                                          Two
          usual cause: a stream that is dropped with data left to read"#]]);
}

#[test]
fn a_client_that_was_not_waited_for_and_has_not_read_all() {
    let case = |unread: u64, end: fn(&mut Talk), step: Step| {
        connected(&[Step::send_bytes("OneTwo"), step, Step::expect_bytes("Hello")], |talk| {
            talk.receive("Jello");
            talk.leave(unread);
            end(talk);
            if !talk.session.has_failed() {
                talk.wait();
            }
        })
    };
    case(3, Talk::reset, Step::hold("x")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 4 failed
          hold("x") at tests/hello.rs:14:12
          held for 10 s: nobody released it
          the client has closed the connection: 3 of the 6 bytes it was sent were not read
          usual cause: a test that waits for something else before its release(..); a longer hold is allowed by within(..),
            or builder().idle_limit(..)"#]]);
    case(1, Talk::close, Step::hold("x")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 4 failed
          hold("x") at tests/hello.rs:14:12
          held for 10 s: nobody released it
          the client has closed the connection: 1 of the 6 bytes it was sent was not read
          usual cause: a test that waits for something else before its release(..); a longer hold is allowed by within(..),
            or builder().idle_limit(..)"#]]);
    case(6, Talk::reset, Step::pause(Duration::from_millis(10))).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 4 of 4 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          byte 0 differs: expected 0x48 'H', received 0x4a 'J'
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  4a 65 6c 6c 6f                                    Jello
                                ^^
          the client has closed the connection: 6 of the 6 bytes it was sent were not read"#]]);
    case(3, Talk::reset, Step::expect_silence(Duration::from_millis(10))).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 4 failed
          expect_silence(10 ms) at tests/hello.rs:14:12
          unexpected data while waiting for 10 ms of silence
            received  00000000  4a 65 6c 6c 6f                                    Jello
          the client has closed the connection: 3 of the 6 bytes it was sent were not read"#]]);
    let script = [Step::expect_connect(), Step::send_bytes("OneTwo"), Step::hold("x")];
    let gone = Talk::with(&script, |talk| {
        talk.connect();
        talk.leave(3);
        talk.reset();
    });
    head_of(&gone.session.report("127.0.0.1:40123", Cause::Interrupted)).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 was waiting
          hold("x") at tests/hello.rs:14:12
          the test panicked; the script had not failed
          the client has closed the connection: 3 of the 6 bytes it was sent were not read"#]]);
}

#[test]
fn a_client_that_has_yet_to_read() {
    let case = |sent: &str, unread: u64, ends: bool, step: Step| {
        connected(&[Step::send_bytes(sent), step], |talk| {
            talk.act(|session, now| session.handle_peer(now, Peer::Open { unread: Some(unread) }));
            if ends {
                talk.close();
            }
            if !talk.session.has_failed() {
                talk.wait();
            }
        })
    };
    case("OneTwo", 3, true, Step::expect_bytes("Hello")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client ended its stream before "Hello"
          it holds the connection, and may go on reading
          so far it has not read 3 of the 6 bytes it was sent"#]]);
    case("OneTwo", 6, true, Step::expect_bytes("Hello")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client ended its stream before "Hello"
          it holds the connection, and may go on reading
          so far it has read none of the 6 bytes it was sent"#]]);
    case("OneTwo", 0, true, Step::expect_bytes("Hello")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client ended its stream before "Hello"
          it holds the connection, and may go on reading"#]]);
    case("OneTwo", 6, false, Step::expect_bytes("Hello")).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          timed out waiting for "Hello", after 1 s: nothing arrived
            unread    00000000  4f 6e 65 54 77 6f                                 OneTwo
          the client is still connected
          it has read none of the 6 bytes it was sent
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]);
    case("x", 1, false, Step::wait_until_read()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          wait_until_read() at tests/hello.rs:14:12
          timed out waiting for the client to read, after 1 s: it has not read the 1 byte it was sent
            unread    00000000  78                                                x
          the client is still connected
          usual cause: the client does not read, or waits for something else first"#]]);
    case("OneTwo", 6, false, Step::wait_until_read()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          wait_until_read() at tests/hello.rs:14:12
          timed out waiting for the client to read, after 1 s: it has read none of the 6 bytes it was sent
            unread    00000000  4f 6e 65 54 77 6f                                 OneTwo
          the client is still connected
          usual cause: the client does not read, or waits for something else first"#]]);
    case("OneTwo", 5, true, Step::wait_until_read()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          wait_until_read() at tests/hello.rs:14:12
          timed out waiting for the client to read, after 1 s: it has not read 5 of the 6 bytes it was sent
            unread    00000001  6e 65 54 77 6f                                    neTwo
          the client has shut down its sending half, and holds the connection
          usual cause: the client does not read, or waits for something else first"#]]);
}

#[test]
fn a_client_that_goes_too_early_without_reading_all() {
    let steps = [Step::send_bytes("OneTwoFour"), Step::expect_bytes("Hello")];
    let case = |count: u64, received: &str, end: fn(&mut Talk)| {
        let act = |talk: &mut Talk| {
            talk.receive(received);
            talk.leave(count);
            end(talk);
        };
        connected(&steps, act)
    };
    case(4, "Hel", Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection after 3 of 5 bytes
            expected  00000000  48 65 6c 6c 6f                                    Hello
            received  00000000  48 65 6c                                          Hel
            unread    00000006  46 6f 75 72                                       Four
          it closed without reading 4 of the 10 bytes it was sent"#]]);
    case(4, "", Talk::close).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
            unread    00000006  46 6f 75 72                                       Four
          it closed without reading 4 of the 10 bytes it was sent"#]]);
    case(0, "", Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
          it closed with a reset, and nothing was left to read when its socket went: it aborted the connection"#]]);
    case(0, "", Talk::close).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early"#]]);
    connected(&steps, |talk| {
        talk.reset();
        talk.leave(10);
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
            unread    00000000  4f 6e 65 54 77 6f 46 6f  75 72                    OneTwoFour
          it closed without reading 10 of the 10 bytes it was sent"#]]);
    connected(&steps, Talk::reset).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
          it closed with a reset: it had not read all that it was sent, unless it aborted on purpose"#]]);
    connected(&[Step::send_bytes("x"), Step::expect_bytes("Hello")], |talk| {
        talk.leave(1);
        talk.close();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the client closed the connection before "Hello"
            unread    00000000  78                                                x
          it closed without reading the 1 byte it was sent"#]]);
}

#[test]
fn a_pause() {
    let script = [Step::expect_connect(), Step::pause(Duration::from_millis(1500)), Step::expect_disconnect()];
    let mut talk = Talk::with(&script, Talk::connect);
    full(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 was waiting
          pause(1.5 s) at tests/hello.rs:14:12
          dropped without join().await or finish().await
          the client is still connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            ok    1  expect_connect()     tests/hello.rs:14:12
            >>    2  pause(1.5 s)         tests/hello.rs:14:12
            --    3  expect_disconnect()  tests/hello.rs:14:12

          conversation
            0.001 s  client connected from 127.0.0.1:51422"#]]);
    talk.connect();
    talk.wait();
    head_of(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 failed
          pause(1.5 s) at tests/hello.rs:14:12
          a second connection was attempted, from 127.0.0.1:51422
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()"#]]);
}

#[test]
fn a_client_too_many() {
    let act = |talk: &mut Talk| {
        talk.connect();
        talk.wait();
    };
    connected(&[Step::expect_disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect() at tests/hello.rs:14:12
          a second connection was attempted, from 127.0.0.1:51422
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()"#]]);
    connected(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          a second connection was attempted, from 127.0.0.1:51422
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()"#]]);
    let act = |talk: &mut Talk| {
        talk.close();
        talk.connect();
        talk.act(|session, _| session.finish(Talk::place()));
    };
    connected(&[Step::expect_disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after the last of its 2 steps
          a second connection was attempted, from 127.0.0.1:51422
          a client has connected and waits for an expect_connect()
          usual cause: a client that connects again by itself; script it with another expect_connect()"#]]);
    let act = |talk: &mut Talk| {
        talk.act(|session, now| session.handle_connection(now, None));
        talk.wait();
    };
    connected(&[Step::expect_disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_disconnect() at tests/hello.rs:14:12
          a second connection was attempted
          the client is still connected
          usual cause: a client that connects again before it closes its first connection; a scripted
            reconnect needs expect_disconnect() or disconnect() before the next expect_connect()"#]]);
    let act = |talk: &mut Talk| {
        talk.act(|session, now| session.handle_connection(now, None));
        talk.act(|session, _| session.finish(Talk::place()));
    };
    head(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: its script has no step
          a client connected, and the script has no expect_connect() for it"#]]);
}

#[test]
fn a_client_with_no_step_left() {
    connected(&[Step::expect_bytes("Hello")], |talk| {
        talk.receive("Hello");
        talk.wait();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after the last of its 2 steps
          nothing happens: no step has been left to play for 10 s, and the connection is still open
          the client is still connected
          usual cause: the client waits for a reply that the script does not send, or does not close;
            a longer pause is allowed by builder().idle_limit(..)"#]]);
    connected(&[], Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          nothing happens: no step has been left to play for 10 s, and the connection is still open
          the client is still connected
          usual cause: the client waits for a reply that the script does not send, or does not close;
            a longer pause is allowed by builder().idle_limit(..)"#]]);
    let act = |talk: &mut Talk| {
        talk.close();
        talk.wait();
    };
    connected(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          nothing happens: the client has closed the connection, or its sending half, and for 10 s no step has been left to play
          usual cause: the client waits for a reply that the script does not send, or the test asks too late:
            expect_disconnect() or finish() tell that all is well; a longer pause is allowed by builder().idle_limit(..)"#]]);
}

#[test]
fn what_nobody_expects() {
    let act = |talk: &mut Talk| {
        talk.receive("Hello?");
        talk.wait();
    };
    connected(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          nobody expects this: the client's bytes have been waiting for 10 s with no step left to claim them
            received  00000000  48 65 6c 6c 6f 3f                                 Hello?
          the client is still connected"#]]);
    let act = |talk: &mut Talk| {
        talk.connect();
        talk.wait();
    };
    head(&[], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: its script has no step
          nobody expects this client, from 127.0.0.1:51422: it has been waiting for 10 s with no expect_connect() left to claim it"#]]);
    connected(&[Step::disconnect()], act).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after the last of its 2 steps
          nobody expects this client, from 127.0.0.1:51422: it has been waiting for 10 s with no expect_connect() left to claim it"#]]);
}

#[test]
fn what_lies_outside_of_the_script() {
    let steps = [Step::expect_bytes("Hello"), Step::expect_disconnect()];
    let case = |cause: Cause| connected(&steps, |talk| talk.session.fail(cause));
    case(Cause::Panicked("index out of bounds: the len is 3 but the index is 7".into())).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          panicked: index out of bounds: the len is 3 but the index is 7
          the client is still connected"#]]);
    case(Cause::Panicked("assertion `left == right` failed\n  left: 1\n right: 2".into())).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          panicked: assertion `left == right` failed
              left: 1
             right: 2
          the client is still connected"#]]);
    case(Cause::Abandoned).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          the task that plays the script was dropped: the runtime it ran on has shut down
          the client is still connected, as far as the server has noticed"#]]);
    case(Cause::Transport("cannot read: Host is down (os error 112)".into())).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 failed
          expect_bytes("Hello") at tests/hello.rs:14:12
          cannot read: Host is down (os error 112)
          the client is still connected"#]]);
    connected(&[], |talk| talk.session.fail(Cause::Abandoned)).is(expect![[r#"
        scripted server 127.0.0.1:40123: failed after its only step
          the task that plays the script was dropped: the runtime it ran on has shut down
          the client is still connected, as far as the server has noticed"#]]);

    let case = |steps: &[Step], cause: Cause| {
        let talk = Talk::with(&[&[Step::expect_connect()], steps].concat(), Talk::connect);
        head_of(&talk.session.report("127.0.0.1:40123", cause))
    };
    case(&steps, Cause::Interrupted).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 was waiting
          expect_bytes("Hello") at tests/hello.rs:14:12
          the test panicked; the script had not failed
          the client is still connected, as far as the server has noticed"#]]);
    case(&steps, Cause::Returned("Err(\"no greeting\")".into())).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 was waiting
          expect_bytes("Hello") at tests/hello.rs:14:12
          the test body returned Err("no greeting"); the script had not failed
          the client is still connected"#]]);
    case(&steps, Cause::Dropped).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 3 was waiting
          expect_bytes("Hello") at tests/hello.rs:14:12
          dropped without join().await or finish().await
          the client is still connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it"#]]);
    case(&[], Cause::Dropped).is(expect![[r#"
        scripted server 127.0.0.1:40123: all steps (1) are done
          dropped without join().await or finish().await
          the client is still connected, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it"#]]);

    // What the client did since, nobody has looked at; that it has left is so.
    let client = |steps: &[Step], act: fn(&mut Talk)| {
        let report = Talk::with(steps, act).session.report("127.0.0.1:40123", Cause::Interrupted).to_string();
        Text(report.lines().nth(3).unwrap().trim().to_string())
    };
    let script = [Step::expect_connect(), Step::expect_disconnect(), Step::hold("more")];
    client(&script, |_| ()).is(expect!["no client has connected, as far as the server has noticed"]);
    client(&script[2..], Talk::connect)
        .is(expect!["a client has connected and waits for an expect_connect(), as far as the server has noticed"]);
    client(&script, |talk| {
        talk.connect();
        talk.act(|session, now| session.handle_peer(now, Peer::Open { unread: Some(0) }));
        talk.close();
    })
    .is(expect![
        "the client has shut down its sending half, and holds the connection, as far as the server has noticed"
    ]);
    client(&script, |talk| {
        talk.connect();
        talk.close();
    })
    .is(expect!["the client has closed the connection, or its sending half"]);
    client(&script, |talk| {
        talk.connect();
        talk.leave(0);
        talk.close();
    })
    .is(expect!["the client has closed the connection"]);

    let waiting = Talk::new(&[Step::expect_connect()]);
    summary(&waiting.report()).is(expect![
        "scripted server 127.0.0.1:40123: step 1 of 1 was waiting, expect_connect() at tests/hello.rs:14:12"
    ]);
}

// Evidence

/// Returns the lines of a report that show bytes.
fn evidence(step: Step, received: &[u8]) -> Text {
    let script = [Step::expect_connect(), step];
    let talk = Talk::with(&script, |talk| {
        talk.connect();
        talk.receive(received);
    });
    let Text(head) = head_of(&talk.report());
    let lines = head.lines().filter_map(|line| line.strip_prefix("    "));
    Text(lines.map(|line| format!("{line}\n")).collect())
}

fn message(len: usize) -> Vec<u8> {
    b"0123456789abcdefghijklmnopqrstuvwxyz".iter().copied().cycle().take(len).collect()
}

/// Returns what is shown of a message of so many bytes that differs at `offset`.
fn difference(len: usize, offset: usize) -> Text {
    let message = message(len);
    let mut received = message.clone();
    received[offset] = b'#';
    evidence(Step::expect_bytes(message), &received)
}

#[test]
fn the_first_difference_is_marked_wherever_it_is() {
    difference(64, 0).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
        received  00000000  23 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  #123456789abcdef
                            ^^
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
    "#]]);
    difference(16, 7).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
        received  00000000  30 31 32 33 34 35 36 23  38 39 61 62 63 64 65 66  0123456#89abcdef
                                                 ^^
    "#]]);
    difference(16, 8).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
        received  00000000  30 31 32 33 34 35 36 37  23 39 61 62 63 64 65 66  01234567#9abcdef
                                                     ^^
    "#]]);
    difference(16, 15).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 23  0123456789abcde#
                                                                          ^^
    "#]]);
    difference(17, 16).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67                                                g
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  23                                                #
                            ^^
    "#]]);
    difference(40, 31).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33                           wxyz0123
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 23  ghijklmnopqrstu#
                                                                          ^^
                  00000020  77 78 79 7a 30 31 32 33                           wxyz0123
    "#]]);
    difference(40, 32).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33                           wxyz0123
        received  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  23 78 79 7a 30 31 32 33                           #xyz0123
                            ^^
    "#]]);
    difference(1100, 1000).is(expect![[r#"
        expected  000003c0  6f 70 71 72 73 74 75 76  77 78 79 7a 30 31 32 33  opqrstuvwxyz0123
                  000003d0  34 35 36 37 38 39 61 62  63 64 65 66 67 68 69 6a  456789abcdefghij
                  000003e0  6b 6c 6d 6e 6f 70 71 72  73 74 75 76 77 78 79 7a  klmnopqrstuvwxyz
                  000003f0  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  ...
        received  000003c0  6f 70 71 72 73 74 75 76  77 78 79 7a 30 31 32 33  opqrstuvwxyz0123
                  000003d0  34 35 36 37 38 39 61 62  63 64 65 66 67 68 69 6a  456789abcdefghij
                  000003e0  6b 6c 6d 6e 6f 70 71 72  23 74 75 76 77 78 79 7a  klmnopqr#tuvwxyz
                                                     ^^
                  000003f0  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  ...
    "#]]);
}

#[test]
fn the_mark_stands_under_the_byte_that_differs() {
    let message = message(300);
    for offset in 0..message.len() {
        let mut received = message.clone();
        received[offset] = b'#';
        let Text(text) = evidence(Step::expect_bytes(&message), &received);
        let lines: Vec<_> = text.lines().collect();
        let mark = lines.iter().position(|line| line.contains('^')).unwrap();
        let column = lines[mark].find("^^").unwrap();
        assert_eq!(lines[mark].trim(), "^^");
        assert_eq!(&lines[mark - 1][column - 1..column + 3], " 23 ", "{text}");
        let shown: usize = lines[mark - 1][10..18].chars().fold(0, |n, c| n * 16 + c.to_digit(16).unwrap() as usize);
        assert_eq!(shown, offset / 16 * 16, "{text}");
    }
}

#[test]
fn evidence_is_cut_at_64_bytes() {
    difference(65, 0).is(expect![[r#"
        expected  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                  ...
        received  00000000  23 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  #123456789abcdef
                            ^^
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
    "#]]);
    difference(64, 63).is(expect![[r#"
        expected  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
        received  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 23  cdefghijklmnopq#
                                                                          ^^
    "#]]);
    difference(66, 64).is(expect![[r#"
        expected  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                  00000040  73 74                                             st
        received  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                  00000040  23 74                                             #t
                            ^^
    "#]]);
}

#[test]
fn the_evidence_is_the_same_however_it_was_cut() {
    let sent = message(200);
    let [whole, cut] = [200, 40].map(|size| {
        let Text(head) =
            connected(&[Step::expect_disconnect()], |talk| sent.chunks(size).for_each(|piece| talk.receive(piece)));
        head
    });
    assert!(whole.contains("00000030") && !whole.contains("00000040"), "{whole}");
    assert_eq!(whole, cut);
}

/// Plays the sends of two connections, of which the client leaves so many bytes of the second unread.
fn unread(first: &[Step], second: &[Step], count: u64) -> Text {
    let (connect, closed) = (Step::expect_connect, Step::expect_disconnect);
    let script = [&[connect()], first, &[closed(), connect()], second, &[closed()]].concat();
    let talk = Talk::with(&script, |talk| {
        talk.connect();
        talk.close();
        talk.connect();
        talk.leave(count);
        talk.close();
    });
    let Text(head) = head_of(&talk.report());
    let lines = head.lines().filter_map(|line| line.strip_prefix("    "));
    Text(lines.map(|line| format!("{line}\n")).collect())
}

#[test]
fn the_bytes_that_were_not_read_are_those_of_the_last_sends() {
    let send = |bytes: &str| Step::send_bytes(bytes);
    let first = [send("another"), send("connection")];
    let second =
        [send("One"), Step::send_frame(&Framing::default(), "Two"), Step::pause(Duration::ZERO), send("Three")];
    unread(&first, &second, 1).is(expect![[r#"
        unread    0000000e  65                                                e
    "#]]);
    unread(&first, &second, 5).is(expect![[r#"
        unread    0000000a  54 68 72 65 65                                    Three
    "#]]);
    unread(&first, &second, 6).is(expect![[r#"
        unread    00000009  6f 54 68 72 65 65                                 oThree
    "#]]);
    unread(&first, &second, 14).is(expect![[r#"
        unread    00000001  6e 65 00 00 00 03 54 77  6f 54 68 72 65 65        ne....TwoThree
    "#]]);
    unread(&first, &second, 15).is(expect![[r#"
        unread    00000000  4f 6e 65 00 00 00 03 54  77 6f 54 68 72 65 65     One....TwoThree
    "#]]);
    // Nothing of the connection before, whatever a transport says.
    unread(&first, &second, 16).is(expect![[r#"
        unread    00000000  4f 6e 65 00 00 00 03 54  77 6f 54 68 72 65 65     One....TwoThree
    "#]]);
    unread(&first, &second, u64::MAX).is(expect![[r#"
        unread    00000000  4f 6e 65 00 00 00 03 54  77 6f 54 68 72 65 65     One....TwoThree
    "#]]);
}

#[test]
fn the_bytes_that_were_not_read_are_cut_at_64() {
    let large = String::from_utf8(message(1000)).unwrap();
    let case = |count: u64| unread(&[], &[Step::send_bytes(&large), Step::send_bytes("the end")], count);
    case(64).is(expect![[r#"
        unread    000003af  37 38 39 61 62 63 64 65  66 67 68 69 6a 6b 6c 6d  789abcdefghijklm
                  000003bf  6e 6f 70 71 72 73 74 75  76 77 78 79 7a 30 31 32  nopqrstuvwxyz012
                  000003cf  33 34 35 36 37 38 39 61  62 63 64 65 66 67 68 69  3456789abcdefghi
                  000003df  6a 6b 6c 6d 6e 6f 70 71  72 74 68 65 20 65 6e 64  jklmnopqrthe end
    "#]]);
    case(65).is(expect![[r#"
        unread    000003ae  36 37 38 39 61 62 63 64  65 66 67 68 69 6a 6b 6c  6789abcdefghijkl
                  000003be  6d 6e 6f 70 71 72 73 74  75 76 77 78 79 7a 30 31  mnopqrstuvwxyz01
                  000003ce  32 33 34 35 36 37 38 39  61 62 63 64 65 66 67 68  23456789abcdefgh
                  000003de  69 6a 6b 6c 6d 6e 6f 70  71 72 74 68 65 20 65 6e  ijklmnopqrthe en
                  ...
    "#]]);
    case(1007).is(expect![[r#"
        unread    00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef
                  00000010  67 68 69 6a 6b 6c 6d 6e  6f 70 71 72 73 74 75 76  ghijklmnopqrstuv
                  00000020  77 78 79 7a 30 31 32 33  34 35 36 37 38 39 61 62  wxyz0123456789ab
                  00000030  63 64 65 66 67 68 69 6a  6b 6c 6d 6e 6f 70 71 72  cdefghijklmnopqr
                  ...
    "#]]);
}

#[test]
fn the_bytes_that_were_not_read_are_shown_while_their_step_is_kept() {
    let steps: Vec<_> = ('a'..='z').map(|c| Step::send_bytes(format!("{c}{c}"))).collect();
    // The last 20 done steps are kept: those that sent "gg" to "zz".
    unread(&[], &steps, 38).is(expect![[r#"
        unread    0000000e  68 68 69 69 6a 6a 6b 6b  6c 6c 6d 6d 6e 6e 6f 6f  hhiijjkkllmmnnoo
                  0000001e  70 70 71 71 72 72 73 73  74 74 75 75 76 76 77 77  ppqqrrssttuuvvww
                  0000002e  78 78 79 79 7a 7a                                 xxyyzz
    "#]]);
    unread(&[], &steps, 39).is(expect![[r#"
        unread    0000000d  67 68 68 69 69 6a 6a 6b  6b 6c 6c 6d 6d 6e 6e 6f  ghhiijjkkllmmnno
                  0000001d  6f 70 70 71 71 72 72 73  73 74 74 75 75 76 76 77  oppqqrrssttuuvvw
                  0000002d  77 78 78 79 79 7a 7a                              wxxyyzz
    "#]]);
    unread(&[], &steps, 40).is(expect![[r#"
        unread    0000000c  67 67 68 68 69 69 6a 6a  6b 6b 6c 6c 6d 6d 6e 6e  gghhiijjkkllmmnn
                  0000001c  6f 6f 70 70 71 71 72 72  73 73 74 74 75 75 76 76  ooppqqrrssttuuvv
                  0000002c  77 77 78 78 79 79 7a 7a                           wwxxyyzz
    "#]]);
    unread(&[], &steps, 41).is(expect![[""]]);
    unread(&[], &steps, 52).is(expect![[""]]);
}

#[test]
fn of_a_send_that_is_under_way_only_what_was_sent_is_shown() {
    let script = [Step::expect_connect(), Step::send_bytes("One"), Step::send_bytes("TwoThree")];
    let mut talk = Talk::new(&script);
    talk.room = 6;
    talk.connect();
    talk.leave(4);
    head_of(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 3 failed
          send_bytes("TwoThree") at tests/hello.rs:14:12
          the client closed the connection while it was sent this: at least 5 bytes were never delivered
            unread    00000002  65 54 77 6f                                       eTwo
          it closed without reading 4 of the 6 bytes it was sent"#]]);
}

#[test]
fn evidence_shows_what_there_is() {
    let hello = || Step::expect_bytes("Hello");
    evidence(hello(), b"J").is(expect![[r#"
        expected  00000000  48 65 6c 6c 6f                                    Hello
        received  00000000  4a                                                J
                            ^^
    "#]]);
    evidence(hello(), b"Jello and so much more that it does not fit on one line any more").is(expect![[r#"
        expected  00000000  48 65 6c 6c 6f                                    Hello
        received  00000000  4a 65 6c 6c 6f 20 61 6e  64 20 73 6f 20 6d 75 63  Jello and so muc
                            ^^
                  00000010  68 20 6d 6f 72 65 20 74  68 61 74 20 69 74 20 64  h more that it d
                  00000020  6f 65 73 20 6e 6f 74 20  66 69 74 20 6f 6e 20 6f  oes not fit on o
                  00000030  6e 65 20 6c 69 6e 65 20  61 6e 79 20 6d 6f 72 65  ne line any more
    "#]]);
    let binary: Vec<u8> = (0..=255).collect();
    let mut received = binary.clone();
    received[0x7f] = 0xff;
    evidence(Step::expect_bytes(&binary), &received).is(expect![[r#"
        expected  00000050  50 51 52 53 54 55 56 57  58 59 5a 5b 5c 5d 5e 5f  PQRSTUVWXYZ[\]^_
                  00000060  60 61 62 63 64 65 66 67  68 69 6a 6b 6c 6d 6e 6f  `abcdefghijklmno
                  00000070  70 71 72 73 74 75 76 77  78 79 7a 7b 7c 7d 7e 7f  pqrstuvwxyz{|}~.
                  00000080  80 81 82 83 84 85 86 87  88 89 8a 8b 8c 8d 8e 8f  ................
                  ...
        received  00000050  50 51 52 53 54 55 56 57  58 59 5a 5b 5c 5d 5e 5f  PQRSTUVWXYZ[\]^_
                  00000060  60 61 62 63 64 65 66 67  68 69 6a 6b 6c 6d 6e 6f  `abcdefghijklmno
                  00000070  70 71 72 73 74 75 76 77  78 79 7a 7b 7c 7d 7e ff  pqrstuvwxyz{|}~.
                                                                          ^^
                  00000080  80 81 82 83 84 85 86 87  88 89 8a 8b 8c 8d 8e 8f  ................
                  ...
    "#]]);
    evidence(Step::expect_bytes("gr\u{fc}n"), "gr\u{fa}n".as_bytes()).is(expect![[r#"
        expected  00000000  67 72 c3 bc 6e                                    gr..n
        received  00000000  67 72 c3 ba 6e                                    gr..n
                                     ^^
    "#]]);
    evidence(Step::expect_disconnect(), &[b'x'; 64]).is(expect![[r#"
        received  00000000  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                  00000010  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                  00000020  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                  00000030  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
    "#]]);
    evidence(Step::expect_disconnect(), &[b'x'; 65]).is(expect![[r#"
        received  00000000  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                  00000010  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                  00000020  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
                  00000030  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx
    "#]]);
}

// Parts of reports

#[test]
fn a_report_can_be_asked_for_its_parts() {
    let talk = Talk::with(&[Step::expect_connect(), Step::expect_bytes("ping")], |talk| {
        talk.connect();
        talk.receive("pong");
    });
    let mut report = talk.report();
    assert_eq!((report.server(), report.script()), ("127.0.0.1:40123", None));
    report.name_script(2);
    assert_eq!(report.script(), Some(2));
    assert_eq!(report.transcript().to_string(), talk.session.transcript().to_string());
    assert!(report.transcript().to_string().contains(r#"received 4 bytes  "pong""#), "{}", report.transcript());
}

#[test]
fn a_failure_of_no_step_is_told_in_one_line() {
    let talk = Talk::with(&[Step::expect_connect()], |talk| {
        talk.connect();
        talk.receive("pong");
        talk.wait();
    });
    summary(&talk.report()).is(expect!["scripted server 127.0.0.1:40123: failed after its only step"]);
}

#[test]
fn a_header_whose_length_is_not_known_came_in_part() {
    connected(&[Step::expect_frame(&Framing::varint().at(1), Pattern::any())], |talk| {
        talk.receive([0x30, 0x80]);
        talk.wait();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 2 failed
          expect_frame(any()) at tests/hello.rs:14:12
          timed out waiting for a frame, after 1 s: 2 bytes of its header arrived
            received  00000000  30 80                                             0.
          framing: Framing::varint().at(1)
          the client is still connected"#]]);
}

#[test]
fn a_client_that_only_half_closes_in_a_round_of_a_block() {
    let script =
        [Step::expect_connect(), Step::repeat_until_disconnect(2), Step::expect_line("PING"), Step::send_line("PONG")];
    head(&script, |talk| {
        talk.connect();
        talk.receive("PING\r\n");
        talk.act(|session, now| session.handle_peer(now, Peer::Open { unread: Some(0) }));
        talk.close();
        talk.wait();
    })
    .is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 4 failed
          expect_line("PING") at tests/hello.rs:14:12, in round 2
          timed out waiting for the client to disconnect, after 1 s
          the client has shut down its sending half, and holds the connection
          usual cause: a client that closes when the server does: have a step of the block disconnect(); or
            something keeps its stream alive: a variable still in scope, the other half of a split stream"#]]);
}

/// Returns the marks of the steps: `o` of one that is done, `s` of one that was skipped.
fn marks(script: &[Step], act: impl FnOnce(&mut Talk)) -> String {
    let report = Talk::with(script, act).report().to_string();
    let listing = report.split("\n\n").find(|part| part.starts_with("  script")).unwrap_or_default();
    listing.lines().skip(1).filter_map(|line| line.trim_start().chars().next()).collect()
}

#[test]
fn steps_that_were_skipped_are_marked() {
    let play = |script: &[Step], received: &str| {
        marks(script, |talk| {
            talk.connect();
            talk.receive(received);
        })
    };
    let [a, b, c] = ["a", "b", "c"].map(Step::expect_line);
    let (connect, optional, repeat) = (Step::expect_connect(), Step::optional, Step::repeat_until_disconnect);
    let nested = [connect.clone(), optional(3), a.clone(), optional(1), b.clone(), c];
    for (received, expected) in [
        ("", "oo>---"),
        ("a\n", "oooo>-"),
        ("a\nc\n", "ooooso"),
        ("a\nb\nc\n", "oooooo"),
        ("c\n", "oossso"),
        ("a\nx\n", "oooosF"),
    ] {
        assert_eq!(play(&nested, received), expected, "{received:?}");
    }
    // What was skipped in one round is ahead in the next, until it is its turn.
    let rounds = [connect, repeat(4), optional(1), a, optional(1), b];
    for (received, expected) in
        [("", "ooo>--"), ("b\n", "ooo>--"), ("a\n", "ooooo>"), ("a\na\n", "ooooo>"), ("x\n", "oF-s-s")]
    {
        assert_eq!(play(&rounds, received), expected, "{received:?}");
    }
}

#[test]
fn a_block_that_goes_beyond_its_end() {
    let script = [Step::optional(1), Step::optional(2), Step::expect_line("PING"), Step::send_bytes("PONG")];
    connected(&script, |_| ()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 3 of 5 failed
          optional(..) at tests/hello.rs:14:12
          this block ends behind the block that it is in, by 2: the number of a block counts all of its steps, with those of blocks in it and the steps that head them
          the client is still connected"#]]);
}

#[test]
fn a_round_that_does_not_begin() {
    let script = [Step::repeat_until_disconnect(2), Step::optional(1), Step::expect_line("PING")];
    connected(&script, Talk::wait).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 4 failed
          repeat_until_disconnect(..), round 1 at tests/hello.rs:14:12
          timed out waiting for a message that one of its blocks takes, or for the client to disconnect, after 1 s: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first"#]]);
    // A rule is in no round, wherever it is that it answers.
    let short = Framing::delimited(";").max_length(3);
    let rule = Step::anytime(&short, "a", Reply::with(|_| b"long".to_vec()));
    let mut talk = Talk::new(&[Step::expect_connect()]);
    for step in [rule, Step::repeat_until_disconnect(1), Step::expect_line("PING")] {
        talk.session.push(step);
    }
    talk.connect();
    talk.receive("a;");
    head_of(&talk.report()).is(expect![[r#"
        scripted server 127.0.0.1:40123: step 2 of 4 failed
          anytime("a", with(..)), answered 1 at tests/hello.rs:14:12
          the closure's reply cannot be sent: a frame of 4 bytes is longer than the framing's maximum of 3
          the client is still connected"#]]);
}
