//! Several scripts of one server, for clients that have several connections at once.

use expect_test::expect;
use std::sync::Arc;
use tcpclient_tests::prelude::*;

/// A script that greets its client by a name of its own and waits for it to say that, then to leave.
fn greet(script: &Script, name: &str) {
    script.expect_connect();
    script.send_bytes(name);
    script.expect_bytes(name);
    script.expect_disconnect();
}

/// Returns so many bytes of what a client is sent.
async fn read(client: &mut Client, count: usize) -> String {
    let mut bytes = vec![0; count];
    client.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The events of a transcript, without their moments.
fn events(script: &Script) -> Vec<String> {
    let transcript = script.transcript();
    let events = transcript.entries().map(|entry| entry.event().to_string());
    events.map(|event| event.split(" from ").next().unwrap_or_default().to_owned()).collect()
}

on_every_stage!(two_connections_with_steps_in_turn);
async fn two_connections_with_steps_in_turn(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    greet(&server, "one");
    greet(&second, "two");
    let mut a = server.connect().await;
    let mut b = server.connect().await;
    assert_eq!(read(&mut b, 3).await, "two");
    assert_eq!(read(&mut a, 3).await, "one");
    a.write_all(b"on").await.unwrap();
    b.write_all(b"two").await.unwrap();
    a.write_all(b"e").await.unwrap();
    drop(b);
    server.join_script(&second).await;
    assert_eq!(events(&second)[1..3], ["sent 3 bytes  \"two\"", "received 3 bytes  \"two\""]);
    drop(a);
    server.join().await;
    assert_eq!((server.connections(), second.connections()), (2, 2));
    server.finish().await;
}

on_every_stage!(the_first_client_is_for_the_script_that_has_waited_longest);
async fn the_first_client_is_for_the_script_that_has_waited_longest(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    // Whether or not the server gets a turn between these.
    greet(&second, "two");
    greet(&server, "one");
    for name in ["two", "one"] {
        let mut client = server.connect().await;
        assert_eq!(read(&mut client, 3).await, name);
        client.write_all(name.as_bytes()).await.unwrap();
    }
    server.finish().await;
}

on_every_stage!(a_script_waits_from_when_it_comes_to_its_step_and_not_from_when_that_was_added);
async fn a_script_waits_from_when_it_comes_to_its_step_and_not_from_when_that_was_added(stage: Stage) {
    for _ in 0..stage.rounds(50) {
        let server = stage.bind().await;
        let second = server.script();
        second.hold("go");
        greet(&second, "two");
        greet(&server, "one");
        // Whether or not the server gets a turn before this.
        server.release("go");
        for name in ["one", "two"] {
            let mut client = server.connect().await;
            assert_eq!(read(&mut client, 3).await, name);
            client.write_all(name.as_bytes()).await.unwrap();
        }
        server.finish().await;
    }
}

on_every_stage!(a_script_that_ends_its_connection_waits_for_the_next_client_at_once);
async fn a_script_that_ends_its_connection_waits_for_the_next_client_at_once(stage: Stage) {
    for _ in 0..stage.rounds(50) {
        let server = stage.bind().await;
        server.expect_connect();
        let old = server.connect().await;
        server.join().await;
        let second = server.script();
        server.disconnect();
        greet(&server, "one");
        greet(&second, "two");
        for name in ["one", "two"] {
            let mut client = server.connect().await;
            assert_eq!(read(&mut client, 3).await, name);
            client.write_all(name.as_bytes()).await.unwrap();
        }
        drop(old);
        server.finish().await;
    }
}

on_every_stage!(clients_that_nobody_expects_yet_are_taken_in_the_order_in_which_they_came);
async fn clients_that_nobody_expects_yet_are_taken_in_the_order_in_which_they_came(stage: Stage) {
    for main_first in [true, false] {
        let server = stage.bind().await;
        let main = Script::clone(&server);
        let second = server.script();
        let first_client = server.connect().await;
        let second_client = server.connect().await;
        let mut clients = Vec::new();
        let order = if main_first { [&main, &second] } else { [&second, &main] };
        for ((script, mut client), name) in order.into_iter().zip([first_client, second_client]).zip(["one", "two"]) {
            script.expect_connect();
            script.send_bytes(name);
            // When the first has its client, the second has waited for nobody.
            assert_eq!(read(&mut client, 3).await, name);
            clients.push(client);
        }
        drop(clients);
        server.finish().await;
    }
}

on_every_stage!(a_client_at_the_door_of_one_script_goes_to_another);
async fn a_client_at_the_door_of_one_script_goes_to_another(stage: Stage) {
    let server = stage.bind().await;
    let mut client = server.connect().await;
    server.join().await;
    // Opened when the client is there.
    let late = server.script();
    greet(&late, "hello");
    assert_eq!(read(&mut client, 5).await, "hello");
    client.write_all(b"hello").await.unwrap();
    drop(client);
    server.join_script(&late).await;
    assert_eq!(events(&server), ["client connected", "client went to script 2"]);
    assert_eq!(events(&late)[0], "client connected");
    assert_eq!(server.connections(), 1);
    server.finish().await;
}

on_every_stage!(a_client_that_comes_while_one_script_is_busy_waits_for_the_other);
async fn a_client_that_comes_while_one_script_is_busy_waits_for_the_other(stage: Stage) {
    let server = stage.bind().await;
    greet(&server, "one");
    let second = server.script();
    let mut a = server.connect().await;
    assert_eq!(read(&mut a, 3).await, "one");
    let mut b = server.connect().await;
    server.join_script(&second).await;
    assert_eq!(events(&second), ["client connected"]);
    greet(&second, "two");
    assert_eq!(read(&mut b, 3).await, "two");
    b.write_all(b"two").await.unwrap();
    a.write_all(b"one").await.unwrap();
    drop((a, b));
    server.finish().await;
}

on_every_stage!(a_client_that_connects_again_comes_back_to_its_script);
async fn a_client_that_connects_again_comes_back_to_its_script(stage: Stage) {
    for _ in 0..stage.rounds(50) {
        let server = stage.bind().await;
        let second = server.script();
        greet(&server, "one");
        let mut steady = server.connect().await;
        assert_eq!(read(&mut steady, 3).await, "one");
        for name in ["a", "b", "c"] {
            greet(&second, name);
        }
        for name in ["a", "b", "c"] {
            let mut client = server.connect().await;
            assert_eq!(read(&mut client, 1).await, name);
            client.write_all(name.as_bytes()).await.unwrap();
        }
        steady.write_all(b"one").await.unwrap();
        drop(steady);
        server.finish().await;
    }
}

on_every_stage!(a_failure_is_that_of_the_server);
async fn a_failure_is_that_of_the_server(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    greet(&server, "one");
    server.expect_connect();
    second.expect_connect();
    second.expect_bytes("right");
    second.send_bytes("never sent");
    let third = server.script();
    third.mark("there");
    server.join_script(&third).await;
    let mut a = server.connect().await;
    assert_eq!(read(&mut a, 3).await, "one");
    let mut b = server.connect().await;
    b.write_all(b"wrong").await.unwrap();
    let text = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT, script 2: step 2 of 3 failed
          expect_bytes("right") at tests/tests/conformance/scripts.rs:LINE
          byte 0 differs: expected 0x72 'r', received 0x77 'w'
            expected  00000000  72 69 67 68 74                                    right
            received  00000000  77 72 6f 6e 67                                    wrong
                                ^^
          the client is still connected

          script
            ok    1  expect_connect()          tests/tests/conformance/scripts.rs:LINE
            FAIL  2  expect_bytes("right")     tests/tests/conformance/scripts.rs:LINE
            --    3  send_bytes("never sent")  tests/tests/conformance/scripts.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  received 5 bytes  "wrong"
            0.000 s  reset by the script's failure

          other scripts
            script 1: at step 3 of 5, expect_bytes("one") at tests/tests/conformance/scripts.rs:LINE
            script 3: its only step done

          told by try_join() at tests/tests/conformance/scripts.rs:LINE"#]]
    .assert_eq(&text);
    // Both clients are reset, and no script goes on.
    assert!(a.read(&mut [0]).await.is_err() || a.read(&mut [0]).await.is_err(), "the other client is reset as well");
    assert!(b.read(&mut [0]).await.is_err());
    assert_eq!(events(&server)[2..], ["reset by the failure of another script"]);
    let late = server.script();
    late.mark("late");
    for script in [&second, &*server, &late] {
        let failure = server.try_join_script(script).await.unwrap_err();
        assert_eq!((failure.script(), failure.step()), (Some(2), Some(2)));
    }
    // In full the first time, be it by whichever script.
    let texts = [
        panic_of(stage, async { server.join_script(&third).await }).await,
        panic_of(stage, async { server.join().await }).await,
    ];
    assert!(texts[0].contains("\n  other scripts\n"), "{}", texts[0]);
    assert_eq!(
        texts[1],
        "scripted server 127.0.0.1:PORT, script 2: step 2 of 3 failed, expect_bytes(\"right\") at \
         tests/tests/conformance/scripts.rs:LINE (the whole report was shown before)"
    );
}

on_every_stage!(no_script_goes_on_behind_a_failure);
async fn no_script_goes_on_behind_a_failure(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    server.expect_connect();
    second.expect_connect();
    let mut a = server.connect_unnoticed();
    let mut b = server.connect_unnoticed();
    server.join().await;
    server.expect_bytes("right");
    second.expect_bytes("right");
    a.write_all(b"wrong").await.unwrap();
    b.write_all(b"right").await.unwrap();
    let failure = server.failure().await;
    // Both have come before the server had a look.
    let stands = failure.contains("script 2: at step 2 of 2, expect_bytes(\"right\")");
    assert!(stands || stage.plays_beside_the_test(), "{failure}");
}

on_every_stage!(nobody_ever_takes_a_client);
async fn nobody_ever_takes_a_client(stage: Stage) {
    let server = stage.builder().idle_limit(SHORT).bind().await;
    let second = server.script();
    // It is not left alone though the test never asks how the server does.
    let mut client = server.connect().await;
    assert!(client.read(&mut [0]).await.is_err());
    let failure = server.failure().await;
    assert!(failure.contains("nobody expects this client"), "{failure}");
    assert_eq!(second.transcript().entries().len(), 0);
}

on_every_stage!(one_client_more_than_there_are_scripts);
async fn one_client_more_than_there_are_scripts(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    greet(&server, "one");
    greet(&second, "two");
    let mut a = server.connect().await;
    let mut b = server.connect().await;
    assert_eq!((read(&mut a, 3).await, read(&mut b, 3).await), ("one".to_owned(), "two".to_owned()));
    let third = server.connect_to_be_reset().await;
    let text = server.failure().await;
    drop((a, b, third));
    expect![[r#"
        scripted server 127.0.0.1:PORT, script 1: step 3 of 4 failed
          expect_bytes("one") at tests/tests/conformance/scripts.rs:LINE
          a second connection was attempted, from 127.0.0.1:PORT
          the client is still connected
          usual cause: a client that opens more connections at once than there are scripts: server.script() makes one
            more; or that connects again before it closes its first connection

          script
            ok    1  expect_connect()     tests/tests/conformance/scripts.rs:LINE
            ok    2  send_bytes("one")    tests/tests/conformance/scripts.rs:LINE
            FAIL  3  expect_bytes("one")  tests/tests/conformance/scripts.rs:LINE
            --    4  expect_disconnect()  tests/tests/conformance/scripts.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  sent 3 bytes  "one"
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          other scripts
            script 2: at step 3 of 4, expect_bytes("two") at tests/tests/conformance/scripts.rs:LINE

          told by try_join() at tests/tests/conformance/scripts.rs:LINE"#]]
    .assert_eq(&text);
}

on_every_stage!(a_client_fewer_than_there_are_scripts);
async fn a_client_fewer_than_there_are_scripts(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    server.expect_connect();
    let client = server.connect().await;
    server.join().await;
    second.expect_connect().within(SHORT);
    expect![[r#"
        scripted server 127.0.0.1:PORT, script 2: step 1 of 1 failed
          expect_connect() at tests/tests/conformance/scripts.rs:LINE
          timed out waiting for the client to connect, after 10 ms
          usual cause: a client that opens fewer connections than the scripts expect, or opens this one later

          script
            FAIL  1  expect_connect()  tests/tests/conformance/scripts.rs:LINE

          conversation
            (none)

          other scripts
            script 1: its only step done

          told by try_join() at tests/tests/conformance/scripts.rs:LINE"#]]
    .assert_eq(&server.failure().await);
    drop(client);
}

on_every_stage!(a_mark_of_one_script_lets_the_others_go_on);
async fn a_mark_of_one_script_lets_the_others_go_on(stage: Stage) {
    let server = stage.bind().await;
    let (second, third) = (server.script(), server.script());
    server.expect_connect();
    second.expect_connect();
    second.hold("subscribed");
    second.send_bytes("message");
    third.hold("subscribed");
    third.mark("third");
    let mut a = server.connect().await;
    let mut b = server.connect().await;
    server.expect_bytes("subscribe");
    server.mark("subscribed");
    // Of its own name a script waits for the test.
    server.hold("subscribed");
    server.send_bytes("late");
    server.mark("after");
    a.write_all(b"subscribe").await.unwrap();
    match stage.waits_blocking() {
        true => second.reached_blocking("subscribed"),
        false => second.reached("subscribed").await,
    }
    // By any handle; and what the mark has set going is gone before it is told.
    assert_eq!(events(&second).last().unwrap(), "sent 7 bytes  \"message\"");
    assert_eq!(read(&mut b, 7).await, "message");
    server.join_script(&third).await;
    assert_eq!(events(&server).last().unwrap(), "received 9 bytes  \"subscribe\"");
    third.release("subscribed");
    match stage.waits_blocking() {
        true => third.reached_blocking("after"),
        false => third.reached("after").await,
    }
    // A script that comes later has heard of it as well.
    let late = server.script();
    late.hold("subscribed");
    server.join_script(&late).await;
    assert_eq!(read(&mut a, 4).await, "late");
    drop((a, b));
    server.finish().await;
}

on_every_stage!(a_chain_of_marks_is_played_in_one_go);
async fn a_chain_of_marks_is_played_in_one_go(stage: Stage) {
    let server = stage.bind().await;
    let scripts: Vec<Script> = (0..20).map(|_| server.script()).collect();
    // The last is the first that may go on.
    scripts[0].expect_connect();
    for (index, script) in scripts.iter().enumerate() {
        script.hold(format!("{}", index + 1));
        script.mark(format!("{index}"));
    }
    scripts[0].send_bytes("end");
    let client = server.connect().await;
    server.join_script(&server).await;
    let first = format!("{}", scripts.len());
    server.mark(&first);
    match stage.waits_blocking() {
        true => server.reached_blocking(&first),
        false => server.reached(&first).await,
    }
    assert_eq!(events(&scripts[0]).last().unwrap(), "sent 3 bytes  \"end\"");
    server.join().await;
    let mut client = client;
    assert_eq!(read(&mut client, 3).await, "end");
    drop(client);
    server.finish().await;
}

on_every_stage!(names_of_marks_are_the_server_s);
async fn names_of_marks_are_the_server_s(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    server.mark("x");
    second.hold("x");
    let text = panic_of(stage, async { drop(second.mark("x")) }).await;
    assert!(text.ends_with("there is a mark(\"x\") already; each name is for one step"), "{text}");
    let text = panic_of(stage, async { drop(second.hold("x")) }).await;
    assert!(text.ends_with("there is a hold(\"x\") already; each name is for one step"), "{text}");
    server.hold("x");
    second.release("x");
    server.finish().await;
}

on_every_stage!(a_name_is_released_that_no_hold_has);
async fn a_name_is_released_that_no_hold_has(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    server.hold("half way");
    server.release("half way");
    second.hold("full");
    second.release("full");
    second.release("hafl way");
    let text = normalize_on(stage, &server.try_finish().await.unwrap_err().to_string());
    expect![[r#"
        scripted server 127.0.0.1:PORT, script 2: failed after its only step
          release("hafl way") at tests/tests/conformance/scripts.rs:LINE no hold has this name; there are hold("full"), hold("half way")

          script
            ok    1  hold("full")  tests/tests/conformance/scripts.rs:LINE

          conversation
            (none)

          other scripts
            script 1: its only step done

          told by try_finish() at tests/tests/conformance/scripts.rs:LINE"#]]
    .assert_eq(&text);
}

on_every_stage!(a_name_is_released_though_there_is_no_hold_at_all);
async fn a_name_is_released_though_there_is_no_hold_at_all(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let client = server.connect().await;
    server.release("x");
    server.join().await;
    let text = normalize_on(stage, &server.try_finish().await.unwrap_err().to_string());
    let words =
        "release(\"x\") at tests/tests/conformance/scripts.rs:LINE no hold has this name; there is no hold at all";
    assert!(text.contains(words), "{text}");
    drop(client);
}

on_every_stage!(the_end_of_several_scripts);
async fn the_end_of_several_scripts(stage: Stage) {
    let server = stage.bind().await;
    let second = server.script();
    server.expect_connect();
    second.expect_connect();
    let a = server.connect().await;
    let b = server.connect().await;
    server.join().await;
    let finish = if stage.waits_blocking() {
        // The clients close while the thread of the test waits.
        let closing = std::thread::spawn(move || drop((a, b)));
        let finish = server.finish();
        closing.join().unwrap();
        finish
    } else {
        let finish = server.finish();
        drop((b, a));
        finish
    };
    finish.await;
}

on_every_stage!(a_client_that_stays_is_that_of_its_script);
async fn a_client_that_stays_is_that_of_its_script(stage: Stage) {
    let server = stage.builder().deadline(SHORT).bind().await;
    let second = server.script();
    server.expect_connect().within(Duration::from_secs(20));
    second.expect_connect().within(Duration::from_secs(20));
    let a = server.connect().await;
    let b = server.connect().await;
    server.join().await;
    drop(a);
    let text = normalize_on(stage, &server.try_finish().await.unwrap_err().to_string());
    assert!(text.starts_with("scripted server 127.0.0.1:PORT, script 2: step 2 of 2 failed"), "{text}");
    assert!(text.contains("expect_disconnect(), implied by the end at tests/tests/conformance/scripts.rs"), "{text}");
    assert!(text.contains("timed out waiting for the client to disconnect"), "{text}");
    drop(b);
}

on_every_stage!(steps_that_nobody_asked_about_fail_the_drop);
async fn steps_that_nobody_asked_about_fail_the_drop(stage: Stage) {
    let text = panic_of(stage, async {
        let server = stage.bind().await;
        let second = server.script();
        server.mark("a");
        server.join().await;
        second.mark("b");
        server.join_script(&server).await;
        drop(server);
    })
    .await;
    expect![[r#"
        scripted server 127.0.0.1:PORT, script 2: all steps (1) are done
          dropped without join().await or finish().await
          no client has connected for this script, as far as the server has noticed
          usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:
            unwrap what the client returns, or have the body of TcpServer::run(..) return it

          script
            ok    1  mark("b")  tests/tests/conformance/scripts.rs:LINE

          conversation
            (none)

          other scripts
            script 1: its only step done

          the server was bound at tests/tests/conformance/scripts.rs:LINE"#]]
    .assert_eq(&text);

    let server = stage.bind().await;
    let second = server.script();
    server.mark("a");
    second.mark("b");
    server.join_script(&server).await;
    server.join_script(&second).await;
    drop(server);
    let text = panic_of(stage, async { drop(second.mark("c")) }).await;
    assert!(text.ends_with("a step was added after the server had been finished or dropped"), "{text}");
}

on_every_stage!(a_fixture_finishes_all_scripts);
async fn a_fixture_finishes_all_scripts(stage: Stage) {
    stage
        .run_fixture(async |server| {
            let second = server.script();
            greet(&server, "one");
            greet(&second, "two");
            for name in ["one", "two"] {
                let mut client = server.connect().await;
                assert_eq!(read(&mut client, 3).await, name);
                client.write_all(name.as_bytes()).await.unwrap();
            }
        })
        .await;
    let mut kept = None;
    let text = panic_of(stage, async {
        stage
            .run_fixture(async |server| {
                let second = server.script();
                second.expect_connect().within(SHORT);
                kept = Some(server);
            })
            .await;
    })
    .await;
    assert!(text.starts_with("scripted server 127.0.0.1:PORT, script 2: step 1 of 1 failed"), "{text}");
    let text = panic_of(stage, async { drop(kept.unwrap().script()) }).await;
    assert!(text.ends_with("a script was opened after the server had been finished or dropped"), "{text}");
}

on_every_stage!(one_script_ends_its_connection_and_the_other_goes_on);
async fn one_script_ends_its_connection_and_the_other_goes_on(stage: Stage) {
    for reset in [false, true] {
        let server = stage.bind().await;
        let second = server.script();
        server.expect_connect();
        server.expect_bytes("x");
        second.expect_connect();
        let mut a = server.connect().await;
        let mut b = server.connect().await;
        a.write_all(b"x").await.unwrap();
        if reset {
            server.reset();
            assert!(a.read(&mut [0]).await.is_err());
        } else {
            server.disconnect();
            assert_eq!(a.read(&mut [0]).await.unwrap(), 0);
        }
        second.send_bytes("still here");
        second.expect_bytes("me too");
        assert_eq!(read(&mut b, 10).await, "still here");
        b.write_all(b"me too").await.unwrap();
        // The main script may have another one meanwhile.
        greet(&server, "again");
        let mut again = server.connect().await;
        assert_eq!(read(&mut again, 5).await, "again");
        again.write_all(b"again").await.unwrap();
        drop((a, b, again));
        server.finish().await;
    }
}

on_every_stage!(nothing_is_left_to_do_when_no_script_has_anything_left);
async fn nothing_is_left_to_do_when_no_script_has_anything_left(stage: Stage) {
    let server = stage.builder().idle_limit(SHORT).bind().await;
    let second = server.script();
    second.pause(SHORT * 5);
    second.mark("end");
    server.expect_connect();
    let client = server.connect().await;
    // This one waits for the other script.
    let stranger = server.connect().await;
    second.expect_connect().within(Duration::from_secs(20));
    let failure = loop {
        if let Err(failure) = server.try_join().await {
            break normalize_on(stage, &failure.to_string());
        }
    };
    assert!(failure.contains("script 1: failed after its only step\n  nothing happens"), "{failure}");
    assert!(failure.contains("script 2: all 3 steps done"), "{failure}");
    drop((client, stranger));
}

on_every_stage!(fifty_scripts_at_once);
async fn fifty_scripts_at_once(stage: Stage) {
    let server = stage.bind().await;
    let scripts: Vec<Script> = (0..50).map(|_| server.script()).collect();
    for (index, script) in scripts.iter().enumerate() {
        greet(script, &format!("{index:02}"));
    }
    let mut clients = Vec::new();
    for _ in &scripts {
        clients.push(server.connect().await);
    }
    for (index, client) in clients.iter_mut().enumerate().rev() {
        let name = format!("{index:02}");
        assert_eq!(read(client, 2).await, name);
        client.write_all(name.as_bytes()).await.unwrap();
    }
    drop(clients);
    server.finish().await;
}

on_every_stage!(a_script_is_opened_from_another_thread);
async fn a_script_is_opened_from_another_thread(stage: Stage) {
    let server = Arc::new(stage.bind().await);
    let there = Arc::clone(&server);
    let opened = std::thread::spawn(move || {
        let script = there.script();
        greet(&script, "there");
        script
    });
    let script = opened.join().unwrap();
    let mut client = server.connect().await;
    assert_eq!(read(&mut client, 5).await, "there");
    client.write_all(b"there").await.unwrap();
    drop(client);
    server.join_script(&script).await;
    Arc::into_inner(server).unwrap().finish().await;
}

on_every_stage!(nobody_connects_for_a_while);
async fn nobody_connects_for_a_while(stage: Stage) {
    let server = stage.bind().await;
    server.expect_no_connect(SHORT);
    server.join().await;
    server.expect_connect();
    server.expect_no_connect(SHORT);
    server.expect_bytes("early");
    server.expect_disconnect();
    server.expect_no_connect(SHORT);
    let mut client = server.connect().await;
    // What it says meanwhile waits.
    client.write_all(b"early").await.unwrap();
    drop(client);
    server.finish().await;
}

on_every_stage!(somebody_connects_where_nobody_was_to);
async fn somebody_connects_where_nobody_was_to(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    server.disconnect();
    let first = server.connect().await;
    server.join().await;
    server.expect_no_connect(Duration::from_secs(600));
    let second = server.connect_to_be_reset().await;
    let text = server.failure().await;
    expect![[r#"
        scripted server 127.0.0.1:PORT: step 3 of 3 failed
          expect_no_connect(600 s) at tests/tests/conformance/scripts.rs:LINE
          a client connected from 127.0.0.1:PORT, and nobody was to connect for 600 s

          script
            ok    1  expect_connect()          tests/tests/conformance/scripts.rs:LINE
            ok    2  disconnect()              tests/tests/conformance/scripts.rs:LINE
            FAIL  3  expect_no_connect(600 s)  tests/tests/conformance/scripts.rs:LINE

          conversation
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  server closed the connection
            0.000 s  client connected from 127.0.0.1:PORT
            0.000 s  reset by the script's failure

          told by try_join() at tests/tests/conformance/scripts.rs:LINE"#]]
    .assert_eq(&text);
    drop((first, second));
}

on_every_stage!(somebody_connects_beside_an_open_connection);
async fn somebody_connects_beside_an_open_connection(stage: Stage) {
    let server = stage.bind().await;
    server.expect_connect();
    let first = server.connect().await;
    server.join().await;
    server.expect_no_connect(Duration::from_secs(600));
    let second = server.connect_to_be_reset().await;
    let text = server.failure().await;
    assert!(text.contains("step 2 of 2 failed\n  expect_no_connect(600 s)"), "{text}");
    assert!(
        text.contains("and nobody was to connect for 600 s\n  the client of an earlier step is still connected"),
        "{text}"
    );
    drop((first, second));
}

on_every_stage!(a_client_for_another_script_is_none_for_this_one);
async fn a_client_for_another_script_is_none_for_this_one(stage: Stage) {
    for _ in 0..stage.rounds(50) {
        let server = stage.bind().await;
        let second = server.script();
        second.expect_connect();
        second.expect_disconnect();
        second.expect_connect();
        second.mark("both");
        server.expect_no_connect(SHORT);
        // The second may come before the server has noticed that the first has gone.
        drop(server.connect().await);
        let client = server.connect().await;
        server.join().await;
        drop(client);
        server.finish().await;
    }
}
