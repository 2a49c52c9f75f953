//! Every way TCP could have cut it: what `explore` finds, how it says so, and that it finds nothing in a client that is right.

use core::cell::Cell;
use expect_test::expect;
use std::io;
use tcpclient_tests::line::{Bug, LineClient};
use tcpclient_tests::prelude::*;

/// Plays the line protocol: the test of a client, as anybody would write it.
async fn greeting(server: Server, bug: Option<Bug>) -> io::Result<()> {
    server.expect_connect();
    server.send_line("220 ready");
    server.expect_line("GET greeting");
    server.send_bytes("VALUE 5\r\nhello\r\n");
    server.expect_line("GET name");
    server.send_line("VALUE 3");
    server.send_line("Bob");
    server.expect_disconnect();

    let mut client = LineClient::new(server.connect_in_memory(), bug).await?;
    assert_eq!(client.get("greeting").await?, b"hello");
    assert_eq!(client.get("name").await?, b"Bob");
    Ok(())
}

on_every_stage!(the_plain_test_finds_none_of_the_planted_bugs);
async fn the_plain_test_finds_none_of_the_planted_bugs(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    for bug in Bug::ALL {
        stage.run_fixture(|server| greeting(server, Some(bug))).await.unwrap();
    }
}

on_every_stage!(a_right_client_passes_every_plan);
async fn a_right_client_passes_every_plan(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let explored = stage.explore(async |server| greeting(server, None).await).await;
    assert_eq!(explored.to_string(), "played 147 delivery plans, with a cut at each of 40 places (budget: 1,000)");
}

/// Explores with a bug, and returns the text of the failure.
async fn found(stage: Stage, bug: Bug) -> String {
    panic_of(stage, stage.explore(async move |server| greeting(server, Some(bug)).await)).await
}

on_every_stage!(an_end_of_line_that_is_cut_is_found);
async fn an_end_of_line_that_is_cut_is_found(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 8 failed
          expect_line("GET greeting") at tests/tests/conformance/explore.rs:LINE
          timed out waiting for line "GET greeting", after 1 s: nothing arrived
          the client is still connected
          usual cause: a buffered writer that is not flushed, or a client that waits for something else first

          script
            ok    1  expect_connect()                    tests/tests/conformance/explore.rs:LINE
            ok    2  send_line("220 ready")              tests/tests/conformance/explore.rs:LINE
            FAIL  3  expect_line("GET greeting")         tests/tests/conformance/explore.rs:LINE
            --    4  send_bytes("VALUE 5\r\nhello\r\n")  tests/tests/conformance/explore.rs:LINE
            --    5  expect_line("GET name")             tests/tests/conformance/explore.rs:LINE
            --    6  send_line("VALUE 3")                tests/tests/conformance/explore.rs:LINE
            --    7  send_line("Bob")                    tests/tests/conformance/explore.rs:LINE
            --    8  expect_disconnect()                 tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 11 bytes  "220 ready\r\n"
            0.000 s  reset by the script's failure

          the bytes were delivered by the plan `cut 10`: "220 ready\r" | "\n"
          10 of the first 57 plans failed; of 147 (budget: 1,000) no more were played
          others that failed: `cut 19`, `cut 26`, `cut 35`, `cut 40`, `random 0`, and 4 more
          to play it alone: TCPCLIENT_PLAN='cut 10', or builder().plan("cut 10").explore(..)
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&found(stage, Bug::LooksInEachRead).await);
}

on_every_stage!(a_value_that_is_cut_is_found);
async fn a_value_that_is_cut_is_found(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 5 of 8 failed
          expect_line("GET name") at tests/tests/conformance/explore.rs:LINE
          the client closed the connection before line "GET name"
          usual cause: a buffered writer that is dropped without a flush, or a client that gives up early

          script
            ok    1  expect_connect()                    tests/tests/conformance/explore.rs:LINE
            ok    2  send_line("220 ready")              tests/tests/conformance/explore.rs:LINE
            ok    3  expect_line("GET greeting")         tests/tests/conformance/explore.rs:LINE
            ok    4  send_bytes("VALUE 5\r\nhello\r\n")  tests/tests/conformance/explore.rs:LINE
            FAIL  5  expect_line("GET name")             tests/tests/conformance/explore.rs:LINE
            --    6  send_line("VALUE 3")                tests/tests/conformance/explore.rs:LINE
            --    7  send_line("Bob")                    tests/tests/conformance/explore.rs:LINE
            --    8  expect_disconnect()                 tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 11 bytes  "220 ready\r\n"
            0.000 s  received 14 bytes  "GET greeting\r\n"
            0.000 s  sent 16 bytes  "VALUE 5\r\nhello\r\n"
            0.000 s  client closed the connection

          the test body panicked as well: assertion `left == right` failed
              left: [104, 101]
             right: [104, 101, 108, 108, 111]
          the bytes were delivered by the plan `cut 21 22`: ..."20 ready\r\nVALUE 5\r\nh" | "e" | "llo\r\n"
          10 of the first 75 plans failed; of 147 (budget: 1,000) no more were played
          others that failed: `random 0`, `random 6`, `random 7, writes 1`, `random 12`, `random 13, writes 1`, and 5 more
          to play it alone: TCPCLIENT_PLAN='cut 21 22', or builder().plan("cut 21 22").explore(..)
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]].assert_eq(&found(stage, Bug::ReadsValueOnce).await);
}

on_every_stage!(a_write_that_is_not_taken_whole_is_found);
async fn a_write_that_is_not_taken_whole_is_found(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 8 failed
          expect_line("GET greeting") at tests/tests/conformance/explore.rs:LINE
          timed out waiting for line "GET greeting", after 1 s: 1 byte arrived, and not its end
            received  00000000  47                                                G
          the client is still connected

          script
            ok    1  expect_connect()                    tests/tests/conformance/explore.rs:LINE
            ok    2  send_line("220 ready")              tests/tests/conformance/explore.rs:LINE
            FAIL  3  expect_line("GET greeting")         tests/tests/conformance/explore.rs:LINE
            --    4  send_bytes("VALUE 5\r\nhello\r\n")  tests/tests/conformance/explore.rs:LINE
            --    5  expect_line("GET name")             tests/tests/conformance/explore.rs:LINE
            --    6  send_line("VALUE 3")                tests/tests/conformance/explore.rs:LINE
            --    7  send_line("Bob")                    tests/tests/conformance/explore.rs:LINE
            --    8  expect_disconnect()                 tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 11 bytes  "220 ready\r\n"
            0.000 s  received 1 byte  "G"
            0.000 s  reset by the script's failure

          the bytes were delivered by the plan `whole, writes 1`
          10 of the first 56 plans failed; of 147 (budget: 1,000) no more were played
          others that failed: `coalesced, window 3`, `random 1, writes 1`, `random 2, window 3`, `random 4, writes 1`, `random 5, window 3`, and 4 more
          to play it alone: TCPCLIENT_PLAN='whole, writes 1', or builder().plan("whole, writes 1").explore(..)
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]].assert_eq(&found(stage, Bug::WritesOnce).await);
}

on_every_stage!(a_plan_is_played_alone);
async fn a_plan_is_played_alone(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server| greeting(server, Some(Bug::LooksInEachRead)).await;
    let text = panic_of(stage, stage.builder().plan("cut 10").deadline(SHORT).explore(body)).await;
    let expected =
        "\n  the bytes were delivered by the plan `cut 10`: \"220 ready\\r\" | \"\\n\"\n  it was played alone\n";
    assert!(text.contains(expected), "{text}");
    let alone = async |plan| stage.builder().plan(plan).explore(body).await.to_string();
    assert_eq!(alone("cut 9").await, "played the plan `cut 9` alone");
    // Who replays a plan is not to think that a mistake is gone because the cut is elsewhere.
    let text = panic_of(stage, stage.builder().plan("cut 9 41 2:1").explore(body)).await;
    expect![[r#"
        nothing was sent on both sides of 2 of the cuts of the plan `cut 9 41 2:1`: the conversation is another than the one that it is for
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]].assert_eq(&text);
}

on_every_stage!(big_conversations_are_sampled);
async fn big_conversations_are_sampled(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes([b'x'; 3000]);
        server.send_bytes([b'y'; 3000]);
        let mut client = server.connect_in_memory();
        assert_eq!(client.read_exact(&mut [0; 6000]).await.ok(), Some(()));
    };
    let explored = async |most| stage.builder().plans(most).explore(body).await.to_string();
    let expected = "played 50 delivery plans, with a cut at 43 of 5,999 places (budget: 50)";
    assert_eq!(explored(50).await, expected);
    for most in [0, 1] {
        let expected = "played 1 delivery plan, with a cut at 0 of 5,999 places (budget: 1)";
        assert_eq!(explored(most).await, expected);
    }
    for most in 2..8_usize {
        let singles = most.saturating_sub(3);
        let expected =
            format!("played {most} delivery plans, with a cut at {singles} of 5,999 places (budget: {most})");
        assert_eq!(explored(most).await, expected);
    }

    // The end of a send is looked at however small the budget is.
    let bug = async |server: Server| {
        server.expect_connect();
        server.send_bytes([b'x'; 3000]);
        server.send_bytes([b'y'; 3000]);
        let mut client = server.connect_in_memory();
        let mut bytes = [0; 3000];
        let count = client.read(&mut bytes).await?;
        client.read_exact(&mut [0; 6000][count..]).await?;
        if count == 2999 { Err(io::Error::other("a short read")) } else { Ok(()) }
    };
    let text = panic_of(stage, stage.builder().plans(50).explore(bug)).await;
    assert!(text.contains("the bytes were delivered by the plan `cut 2999`"), "{text}");
}

on_every_stage!(few_cuts_are_shown_of_many);
async fn few_cuts_are_shown_of_many(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    // It bears one cut in the message, and no more.
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("0123456789");
        let mut client = server.connect_in_memory();
        let mut bytes = [0; 10];
        let mut count = client.read(&mut bytes).await?;
        if count < 10 {
            count += client.read(&mut bytes[count..]).await?;
        }
        let rest = client.read_exact(&mut bytes[count..]).await;
        if count < 10 { Err(io::Error::other("two short reads")) } else { rest }
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: all steps (3) are done
          the test body returned Err(Custom { kind: Other, error: "two short reads" }); the script had not failed
          the client has closed the connection

          script
            ok    1  expect_connect()                         tests/tests/conformance/explore.rs:LINE
            ok    2  send_bytes("0123456789")                 tests/tests/conformance/explore.rs:LINE
            ok    3  expect_disconnect(), implied by the end  tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 10 bytes  "0123456789"
            0.000 s  client closed the connection

          the bytes were delivered by the plan `cut 1 4`: "0" | "123" | "456789"
          10 of the first 35 plans failed; of 111 (budget: 1,000) no more were played
          others that failed: `random 0`, `random 1`, `random 2`, `random 6`, `random 7`, and 5 more
          to play it alone: TCPCLIENT_PLAN='cut 1 4', or builder().plan("cut 1 4").explore(..)
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.explore(body)).await);
}

on_every_stage!(a_client_that_always_fails_does_so_with_the_first_plan);
async fn a_client_that_always_fails_does_so_with_the_first_plan(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.expect_bytes("ping");
        server.connect_in_memory().write_all(b"pang").await.unwrap();
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 2 of 2 failed
          expect_bytes("ping") at tests/tests/conformance/explore.rs:LINE
          byte 1 differs: expected 0x69 'i', received 0x61 'a'
            expected  00000000  70 69 6e 67                                       ping
            received  00000000  70 61 6e 67                                       pang
                                   ^^
          the client has closed the connection

          script
            ok    1  expect_connect()      tests/tests/conformance/explore.rs:LINE
            FAIL  2  expect_bytes("ping")  tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 4 bytes  "pang"
            0.000 s  client closed the connection

          the first plan fails, in which each send comes by itself: no other was played
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.explore(body)).await);
}

on_every_stage!(a_body_that_panics_fails_with_the_state_of_the_script);
async fn a_body_that_panics_fails_with_the_state_of_the_script(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("abc");
        server.expect_bytes("thanks");
        let mut client = server.connect_in_memory();
        let mut bytes = [0; 3];
        assert_eq!(client.read(&mut bytes).await.unwrap(), 3, "a short read");
        client.write_all(b"thanks").await.unwrap();
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_bytes("thanks") at tests/tests/conformance/explore.rs:LINE
          the client closed the connection before "thanks"
            unread    00000001  62 63                                             bc
          it closed without reading 2 of the 3 bytes it was sent

          script
            ok    1  expect_connect()        tests/tests/conformance/explore.rs:LINE
            ok    2  send_bytes("abc")       tests/tests/conformance/explore.rs:LINE
            FAIL  3  expect_bytes("thanks")  tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 3 bytes  "abc"
            0.000 s  client left 2 bytes unread
            0.000 s  client reset the connection

          the test body panicked as well: assertion `left == right` failed: a short read
              left: 1
             right: 3
          the bytes were delivered by the plan `cut 1`: "a" | "bc"
          5 of 8 plans failed, with a cut at each of 2 places (budget: 1,000)
          others that failed: `cut 2`, `reads 1`, `reads 1, writes 1`, `reads 1, window 3`
          to play it alone: TCPCLIENT_PLAN='cut 1', or builder().plan("cut 1").explore(..)
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.explore(body)).await);
}

on_every_stage!(a_body_that_panics_behind_a_script_that_is_done_fails_with_its_state);
async fn a_body_that_panics_behind_a_script_that_is_done_fails_with_its_state(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("a");
        let mut client = server.connect_in_memory();
        server.join().await;
        assert_eq!(client.read(&mut [0; 2]).await.unwrap(), 2, "a short read");
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: all steps (2) are done
          the test panicked; the script had not failed
          the client has closed the connection

          script
            ok    1  expect_connect()  tests/tests/conformance/explore.rs:LINE
            ok    2  send_bytes("a")   tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 1 byte  "a"
            0.000 s  client closed the connection

          the test body panicked: assertion `left == right` failed: a short read
              left: 1
             right: 2
          the first plan fails, in which each send comes by itself: no other was played
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.explore(body)).await);
}

on_every_stage!(a_client_that_waits_for_ever_is_found_at_once);
async fn a_client_that_waits_for_ever_is_found_at_once(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let began = std::time::Instant::now();
    // No step of the script is waiting any more when the client does.
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("abc");
        let mut client = server.connect_in_memory();
        if client.read(&mut [0; 3]).await.unwrap() < 3 {
            std::future::pending::<()>().await;
        }
    };
    expect![[r#"
        scripted server 127.0.0.1:PORT: failed after the last of its 2 steps
          nothing happens: no step has been left to play for 3600 s, and the connection is still open
            unread    00000001  62 63                                             bc
          the client is still connected
          it has not read 2 of the 3 bytes it was sent
          usual cause: the client waits for a reply that the script does not send, or does not close;
            a longer pause is allowed by builder().idle_limit(..)

          script
            ok    1  expect_connect()   tests/tests/conformance/explore.rs:LINE
            ok    2  send_bytes("abc")  tests/tests/conformance/explore.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 3 bytes  "abc"
            0.000 s  reset by the script's failure

          the bytes were delivered by the plan `cut 1`: "a" | "bc"
          3 of 4 plans failed, with a cut at each of 2 places (budget: 1,000)
          others that failed: `cut 2`, `reads 1`
          to play it alone: TCPCLIENT_PLAN='cut 1', or builder().plan("cut 1").explore(..)
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&panic_of(stage, stage.builder().idle_limit(Duration::from_secs(3600)).explore(body)).await);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

on_every_stage!(the_connection_of_a_cut_is_named);
async fn the_connection_of_a_cut_is_named(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let body = async |server: Server| {
        server.expect_connect();
        server.send_bytes("main");
        let beside = server.script();
        beside.expect_connect();
        beside.send_bytes("beside");
        let mut first = server.connect_in_memory();
        let mut second = server.connect_in_memory();
        first.read_exact(&mut [0; 4]).await?;
        let count = second.read(&mut [0; 6]).await?;
        second.read_exact(&mut [0; 6][count..]).await?;
        if count == 4 { Err(io::Error::other("a short read")) } else { Ok(()) }
    };
    let text = panic_of(stage, stage.explore(body)).await;
    let expected = r#"the bytes were delivered by the plan `cut 2:4`: "besi" | "de" on connection 2"#;
    assert!(text.contains(expected), "{text}");
}

on_every_stage!(what_writes_have_to_do_with_it_is_found_out);
async fn what_writes_have_to_do_with_it_is_found_out(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    // Many cuts, and one more thing: two cuts do it, if the write is not taken whole.
    let explore = async |alone: bool| {
        let body = async |server: Server| {
            server.expect_connect();
            server.expect_bytes("question");
            server.send_bytes("0123456789");
            let mut client = server.connect_in_memory();
            let taken = client.write(b"question").await?;
            client.write_all(&b"question"[taken..]).await?;
            let mut reads = 0;
            let mut count = 0;
            while count < 10 {
                count += client.read(&mut [0; 10][count..]).await?;
                reads += 1;
            }
            if reads > 2 && (alone || taken < 8) { Err(io::Error::other("two cuts")) } else { Ok(()) }
        };
        let text = panic_of(stage, stage.explore(body)).await;
        let plan = text.split_once("by the plan `").unwrap().1;
        plan.split_once('`').unwrap().0.to_owned()
    };
    let plan = explore(true).await;
    assert!(plan.starts_with("cut ") && plan.split(' ').count() == 3, "{plan}");
    let plan = explore(false).await;
    let (cuts, writes) = plan.split_once(", ").unwrap();
    assert!(cuts.starts_with("cut ") && cuts.split(' ').count() == 3, "{plan}");
    assert!(["writes 1", "window 3"].contains(&writes), "{plan}");
}

on_every_stage!(a_body_without_a_client_is_not_explored);
async fn a_body_without_a_client_is_not_explored(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let text = panic_of(stage, stage.explore(async |_: Server| ())).await;
    expect![[r#"
        no client has connected by connect_in_memory(): there was nothing to explore
          told by explore() at tests/tests/conformance/explore.rs:LINE"#]]
    .assert_eq(&text);
    let text = panic_of(stage, stage.explore(async |server: Server| drop(server.expect_connect()))).await;
    assert!(text.contains("timed out waiting for the client to connect, after 1 s"), "{text}");
    assert!(text.contains("the first plan fails, in which each send comes by itself: no other was played"), "{text}");
    assert!(!text.contains("TCPCLIENT_PLAN"), "{text}");
}

on_every_stage!(a_conversation_that_is_not_always_the_same_is_told);
async fn a_conversation_that_is_not_always_the_same_is_told(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let plays = Cell::new(0);
    let body = async |server: Server| {
        plays.set(plays.get() + 1);
        let length = if plays.get() == 3 { 2 } else { 4 };
        server.expect_connect();
        server.send_bytes(&b"abcd"[..length]);
        server.connect_in_memory().read_exact(&mut [0; 4][..length]).await.unwrap();
    };
    let explored = stage.explore(body).await;
    assert_eq!(explored.varied(), 1);
    let expected = "played 8 delivery plans, with a cut at each of 3 places (budget: 1,000); \
                    in 1 play the server did not send as much as in the first: cuts may have missed their places";
    assert_eq!(explored.to_string(), expected);
}

on_every_stage!(a_text_that_is_no_plan_is_refused_at_once);
async fn a_text_that_is_no_plan_is_refused_at_once(stage: Stage) {
    if stage.on_sockets() {
        return;
    }
    let text = panic_of(stage, async { stage.builder().plan("cut 0").bind().await }).await;
    assert!(text.starts_with("plan: \"cut 0\" is no delivery plan: it begins with `whole`, "), "{text}");
}
