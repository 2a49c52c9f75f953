//! Steps that are played or not, again and again, and at any time.

use super::*;
use crate::reply::Reply;

fn lines() -> Framing {
    Framing::lines()
}

fn anytime(line: &str, reply: impl Into<Reply>) -> Step {
    Step::anytime(&lines(), line, reply)
}

/// As [`check`], with each run of bytes whole, and a byte at a time.
#[track_caller]
fn check_cut(script: &[Step], inputs: &[In], expected: Expect) {
    let cut = inputs.iter().flat_map(|input| match input {
        Bytes(bytes) => bytes.chunks(1).map(Bytes).collect(),
        input => vec![input.clone()],
    });
    let cut: Vec<In> = cut.collect();
    let [whole, cut] = [inputs, &cut].map(|inputs| {
        let player = Player::play(script, inputs);
        (player.verdict(), player.log)
    });
    assert_eq!(whole, cut, "the cuts have changed the verdict, or what was done");
    check(script, inputs, expected);
}

#[test]
fn an_optional_block_is_played_if_its_message_comes() {
    let script = [connect(), Step::optional(2), line("AUTH"), send("no"), line("GET"), send("yes")];
    check_cut(&script, &[Connect, Bytes(b"AUTH\r\nGET\r\n")], expect!["accept, send no, send yes | all 6 done"]);
    check_cut(&script, &[Connect, Bytes(b"GET\n")], expect!["accept, send yes | all 6 done"]);
    check_cut(&script, &[Connect, After(999), Bytes(b"AUTH\n")], expect!["accept, send no | 4 done"]);
    check_cut(
        &script,
        &[Connect, Bytes(b"AUTH\nPUT\n")],
        expect![[
            r#"accept, send no, reset | step 5 failed: WrongByte { offset: 0, expected: 71, received: 80, framed: true }"#
        ]],
    );
    // Skipped, what came is judged by the step behind it.
    check_cut(
        &script,
        &[Connect, Bytes(b"AUTO\n")],
        expect![[
            r#"accept, reset | step 5 failed: WrongByte { offset: 0, expected: 71, received: 65, framed: true }"#
        ]],
    );
    check_cut(
        &script,
        &[Connect, Bytes(b"AU"), Eof],
        expect![[
            r#"accept, reset | step 5 failed: WrongByte { offset: 0, expected: 71, received: 65, framed: true }"#
        ]],
    );
}

#[test]
fn an_optional_block_is_skipped_when_its_time_is_over() {
    let script = [connect(), Step::optional(2), line("AUTH"), send("no"), send("hello"), line("AUTH"), send("yes")];
    check_cut(&script, &[Connect, After(1000), Bytes(b"AUTH\n")], expect!["accept, send hello, send yes | all 7 done"]);
    // A beginning of its message does not hold up what is behind it.
    check_cut(
        &script,
        &[Connect, Bytes(b"AU"), After(1000), Bytes(b"TH\n")],
        expect!["accept, send hello, send yes | all 7 done"],
    );
    let soon = Duration::from_millis(10);
    for script in [
        [connect(), Step::optional(1), line("AUTH").within(soon), send("hello")],
        [connect(), Step::optional(1).within(soon), line("AUTH"), send("hello")],
    ] {
        check(&script, &[Connect, After(9)], expect!["accept | 1 done"]);
        check(&script, &[Connect, After(10)], expect!["accept, send hello | all 4 done"]);
    }
    // It is no deadline in which a debugger would be in the way.
    let config = Config { deadline_scale: 0.0, ..Config::default() };
    let mut player = Player::new(config, &[connect(), Step::optional(1), line("AUTH"), send("hello")]);
    player.inputs(&[Connect, After(1000)]);
    assert_eq!(player.verdict(), Verdict::Done(4));
}

#[test]
fn the_end_of_the_client_skips_an_optional_block() {
    let script = [connect(), Step::optional(2), line("QUIT"), send("bye"), closed()];
    check_cut(&script, &[Connect, Eof], expect!["accept, disconnect | all 5 done"]);
    check_cut(&script, &[Connect, Bytes(b"QUIT\n"), Eof], expect!["accept, send bye, disconnect | all 5 done"]);
    check_cut(&script, &[Connect, Bytes(b"QUIT"), Eof], expect!["accept, reset | step 5 failed: UnexpectedData"]);
}

#[test]
fn an_optional_block_may_begin_with_raw_bytes() {
    let script = [connect(), Step::optional(1), expect_bytes("ab"), expect_bytes("ac")];
    check_cut(&script, &[Connect, Bytes(b"abac")], expect!["accept | all 4 done"]);
    check_cut(&script, &[Connect, Bytes(b"ac")], expect!["accept | all 4 done"]);
}

#[test]
fn a_block_repeats_until_the_client_disconnects() {
    let script = [connect(), Step::repeat_until_disconnect(2), line("PING"), send("PONG "), connect()];
    check_cut(&script, &[Connect, Eof], expect!["accept, disconnect | 4 done"]);
    check_cut(
        &script,
        &[Connect, Bytes(b"PING\nPING\nPING\n"), Eof, Connect],
        expect!["accept, send PONG , send PONG , send PONG , disconnect, accept | all 5 done"],
    );
    check_cut(
        &script,
        &[Connect, Bytes(b"PING\nPIN"), Eof],
        expect![[
            r#"accept, send PONG , reset | step 3 failed: Closed { by: Close, arrived: Arrived { part: Message, bytes: 3, of: None } }"#
        ]],
    );
    check_cut(
        &script,
        &[Connect, Bytes(b"PING\nPUNG\n")],
        expect![[
            r#"accept, send PONG , reset | step 3 failed: WrongByte { offset: 1, expected: 73, received: 85, framed: true }"#
        ]],
    );
    // Each round has its own deadlines.
    check(
        &script,
        &[Connect, After(900), Bytes(b"PING\n"), After(900), Bytes(b"PING\n"), After(1000)],
        expect![[
            r#"accept, send PONG , send PONG , reset | step 3 failed: MessageTimeout { after: 1s, arrived: Arrived { part: Message, bytes: 0, of: None } }"#
        ]],
    );
    check(
        &script,
        &[Connect, Bytes(b"PING\n"), In::Reset],
        expect!["accept, send PONG  | step 3 failed: Unread { sent: 5, unread: None }"],
    );
    check(
        &script,
        &[Connect, Bytes(b"PING\n"), Unread(2), Eof],
        expect!["accept, send PONG  | step 3 failed: Unread { sent: 5, unread: Some(2) }"],
    );
}

/// Where a client may go is where nothing of a round has happened: nothing came or went, and no time has passed.
#[test]
fn a_client_does_not_go_in_the_middle_of_a_round() {
    let end = |first: Step, inputs: &[In]| {
        let mut player = Player::new(Config::default(), &[connect(), Step::repeat_until_disconnect(2)]);
        player.session.push(first);
        player.session.push(line("b"));
        player.inputs(&[&[Connect], inputs, &[Eof]].concat());
        player.verdict()
    };
    let early = failed(4, Cause::Closed { by: End::Close, arrived: message(0, None) });
    assert_eq!(end(line("a"), &[Bytes(b"a\n")]), early);
    assert_eq!(end(expect_bytes("a"), &[Bytes(b"a")]), early);
    assert_eq!(end(send("a"), &[]), early);
    assert_eq!(end(Step::reply(|_| b"a".to_vec()), &[]), early);
    assert_eq!(end(pause(5), &[After(5)]), early);
    assert_eq!(end(Step::expect_silence(SECOND), &[After(1000)]), early);
    for nothing in [Step::mark("a"), pause(0), anytime("a", "A"), Step::reply(|_| Vec::new())] {
        assert_eq!(end(nothing, &[]), Verdict::Done(4));
    }
}

/// A round may begin with what is optional: then it is known only at its end that nothing has come.
#[test]
fn a_round_of_nothing_is_the_last() {
    let script = [connect(), Step::hold("go"), Step::repeat_until_disconnect(2), Step::optional(1), line("PING")];
    let end = |inputs: &[In]| {
        let mut player = Player::play(&script, &[&[Connect], inputs].concat());
        player.session.release("go");
        player.inputs(&[After(2000)]);
        player.verdict()
    };
    let arrived = message(2, None);
    assert_eq!(end(&[Eof]), Verdict::Done(5));
    assert_eq!(end(&[Bytes(b"PI"), Eof]), failed(3, Cause::Closed { by: End::Close, arrived }));
    assert_eq!(end(&[Bytes(b"PI")]), failed(3, Cause::MessageTimeout { after: SECOND, arrived }));
    assert_eq!(end(&[Bytes(b"PO\n"), Eof]), failed(3, Cause::UnexpectedData));
    assert_eq!(end(&[Bytes(b"PO\n")]), failed(3, Cause::UnexpectedData));
    assert_eq!(end(&[Held(0), Eof]), failed(3, Cause::DisconnectTimeout { after: SECOND }));
    let arrived = message(0, None);
    assert_eq!(end(&[]), failed(3, Cause::MessageTimeout { after: SECOND, arrived }));
}

/// What is optional may come late: then the round that has missed it has another behind it.
#[test]
fn a_message_that_was_missed_is_taken_in_the_next_round() {
    let optional = [Step::optional(1), line("a"), Step::optional(1), line("b")];
    let script = [&[connect(), Step::repeat_until_disconnect(4)], &optional[..]].concat();
    check(&script, &[Connect, After(1500), Bytes(b"a\n"), Eof], expect!["accept, disconnect | all 6 done"]);
}

#[test]
fn a_round_waits_for_a_message_that_may_be_that_of_a_rule() {
    let rule = Step::anytime(&lines(), Pattern::suffix("!"), "yes");
    let script = [rule, connect(), Step::repeat_until_disconnect(2), Step::optional(1), line("abcd")];
    let inputs = [Connect, Bytes(b"ab"), After(1500), Bytes(b"c!\n"), After(400), Eof];
    check(&script, &inputs, expect![[r#"accept, send yes\r\n, disconnect | all 5 done"#]]);
}

#[test]
fn a_server_may_speak_round_after_round() {
    let script = [connect(), Step::repeat_until_disconnect(2), send("."), pause(100)];
    check(&script, &[Connect, After(250)], expect!["accept, send ., send ., send . | 1 done"]);
}

#[test]
fn a_half_closed_client_is_waited_for_between_rounds() {
    let script = [connect(), Step::repeat_until_disconnect(1), line("PING")];
    let inputs = [Connect, Bytes(b"PING\n"), Held(0), Eof];
    check(&script, &inputs, expect!["accept | 1 done"]);
    check(&script, &[&inputs[..], &[Unread(0)]].concat(), expect!["accept, disconnect | all 3 done"]);
    check(
        &script,
        &[&inputs[..], &[After(1000)]].concat(),
        expect!["accept, reset | step 3 failed: DisconnectTimeout { after: 1s }"],
    );
}

#[test]
fn rounds_may_be_of_several_kinds() {
    let script = [
        connect(),
        Step::repeat_until_disconnect(6),
        Step::optional(1),
        line("a"),
        Step::optional(3),
        line("b"),
        send("B"),
        Step::disconnect(),
        send("behind"),
    ];
    let player = Player::play(&script, &[Connect, Bytes(b"a\na\nb\n")]);
    assert_eq!(player.log.join(", "), "accept, send B, disconnect");
    assert_eq!(player.verdict(), failed(9, Cause::NotConnected { ended_by: Some(8) }));
    check_cut(&script[..8], &[Connect, Bytes(b"a\n"), Eof], expect!["accept, disconnect | all 8 done"]);
    check_cut(&script[..8], &[Connect, Eof], expect!["accept, disconnect | all 8 done"]);
    // What none of them wants is refused, and not offered again and again.
    check_cut(&script[..8], &[Connect, Bytes(b"a\nc\n")], expect!["accept, reset | step 2 failed: UnexpectedData"]);
    check(
        &script[..8],
        &[Connect, After(5000), Bytes(b"a\n"), After(5000)],
        expect![
            "accept, reset | step 2 failed: MessageTimeout { after: 2s, arrived: Arrived { part: Message, bytes: 0, of: None } }"
        ],
    );
    check(
        &script[..8],
        &[Connect, Bytes(b"a"), After(5000)],
        expect![
            "accept, reset | step 2 failed: MessageTimeout { after: 1s, arrived: Arrived { part: Message, bytes: 1, of: None } }"
        ],
    );
}

#[test]
fn a_repeated_reply_is_computed_anew() {
    let mut session = Session::new(Config::default());
    session.push(connect());
    session.push(Step::repeat_until_disconnect(2));
    session.push(line(Pattern::any()));
    session.push(Step::reply(|line| line.to_vec()));
    let mut player = Player { session, now: Instant::ORIGIN, room: usize::MAX, log: Vec::new() };
    player.inputs(&[Connect, Bytes(b"one\ntwo\n"), Eof]);
    assert_eq!(player.log, ["accept", "send one", "send two", "disconnect"]);
    assert_eq!(player.verdict(), Verdict::Done(4));
}

#[test]
fn a_rule_answers_at_any_time() {
    let script = [anytime("PING", "PONG"), connect(), line("a"), send("A"), Step::expect_silence(SECOND), closed()];
    check_cut(
        &script,
        &[Connect, Bytes(b"PING\na\nPING\n"), After(500), Bytes(b"PING\n"), After(500), Bytes(b"PING\n"), Eof],
        expect![[
            r#"accept, send PONG\r\n, send A, send PONG\r\n, send PONG\r\n, send PONG\r\n, disconnect | all 6 done"#
        ]],
    );
    check_cut(
        &script,
        &[Connect, Bytes(b"PING\nb\n")],
        expect![[
            r#"accept, send PONG\r\n, reset | step 3 failed: WrongByte { offset: 0, expected: 97, received: 98, framed: true }"#
        ]],
    );
    check_cut(&script, &[Connect, Bytes(b"a\nx\n")], expect!["accept, send A, reset | step 5 failed: UnexpectedData"]);
    check_cut(
        &script,
        &[Connect, Bytes(b"a\n"), After(1000), Bytes(b"PIN"), Eof],
        expect!["accept, send A, reset | step 6 failed: UnexpectedData"],
    );
    // A message that has begun when the silence ends is for the next step to judge.
    check_cut(
        &script,
        &[Connect, Bytes(b"a\nPI"), After(1000), Bytes(b"NG\n"), Eof],
        expect![[r#"accept, send A, send PONG\r\n, disconnect | all 6 done"#]],
    );
}

#[test]
fn a_rule_answers_while_the_script_holds_pauses_or_has_no_step_left() {
    let script = [anytime("PING", "PONG"), connect(), Step::hold("x"), Step::pause(SECOND)];
    let mut player = Player::play(&script, &[Connect, Bytes(b"PING\n")]);
    player.session.release("x");
    player.inputs(&[Bytes(b"PING\n"), After(1000), Bytes(b"PING\n"), After(9999), Bytes(b"PING\n")]);
    assert_eq!(player.log, ["accept", "send PONG\r\n", "send PONG\r\n", "send PONG\r\n", "send PONG\r\n"]);
    assert_eq!(player.verdict(), Verdict::Done(4));
    // A client that is answered may wait for something else all the while.
    player.inputs(&[After(1)]);
    assert!(matches!(player.verdict(), Verdict::Failed(None, Cause::NoStepLeft { .. })), "{:?}", player.verdict());
}

#[test]
fn the_scripts_own_step_has_the_first_choice_then_the_rules_in_their_order() {
    let script = [
        anytime("PING", "first"),
        Step::anytime(&lines(), Pattern::any(), "second"),
        connect(),
        line("PING"),
        send("own"),
    ];
    check_cut(
        &script,
        &[Connect, Bytes(b"x\nPING\nPING\n")],
        expect![[r#"accept, send second\r\n, send own, send first\r\n | all 5 done"#]],
    );
    // Whatever the framing of each: the own step wants a longer message that begins alike.
    let script = [anytime("PING", "PONG"), connect(), Step::expect_until(".\r\n", Pattern::any()), send("own")];
    check_cut(&script, &[Connect, Bytes(b"PING\nPING\n.\r\n")], expect!["accept, send own | all 4 done"]);
    // A message that is answered does not skip an optional block.
    let script = [anytime("PING", "PONG"), connect(), Step::optional(1), line("AUTH"), line("GET"), send("own")];
    check_cut(
        &script,
        &[Connect, Bytes(b"PING\nAUTH\nGET\n")],
        expect![[r#"accept, send PONG\r\n, send own | all 6 done"#]],
    );
    check_cut(&script, &[Connect, Bytes(b"PING\nGET\n")], expect![[r#"accept, send PONG\r\n, send own | all 6 done"#]]);
    // Nor is it the beginning of a round.
    let script = [anytime("PING", "PONG"), connect(), Step::repeat_until_disconnect(1), line("GET")];
    check_cut(
        &script,
        &[Connect, Bytes(b"GET\nPING\n"), Eof],
        expect![[r#"accept, send PONG\r\n, disconnect | all 4 done"#]],
    );
}

#[test]
fn a_step_that_is_done_at_once_lets_no_rule_take_the_next_message() {
    for between in [Step::wait_until_read(), pause(0), Step::mark("x"), Step::hold("go")] {
        let script = [anytime("b", "B"), connect(), line("a"), between, line("b")];
        let mut player = Player::play(&script, &[]);
        player.session.release("go");
        player.inputs(&[Connect, Bytes(b"a\nb\n")]);
        assert_eq!((player.verdict(), player.log.len()), (Verdict::Done(5), 1), "{script:?}");
    }
}

#[test]
fn a_rule_is_not_asked_about_a_message_of_the_scripts_own() {
    let rule = Pattern::matching(|message: &[u8]| match message {
        b"own" => panic!("that is not for a rule"),
        _ => true,
    });
    let script = [Step::anytime(&lines(), rule, "rule"), connect(), line("own"), send("yes")];
    let mut session = Session::new(Config::default());
    script.into_iter().for_each(|step| _ = session.push(step));
    let mut player = Player { session, now: Instant::ORIGIN, room: usize::MAX, log: Vec::new() };
    player.inputs(&[Connect, Bytes(b"other\nown\n")]);
    assert_eq!(player.log, ["accept", "send rule\r\n", "send yes"]);
}

#[test]
fn a_short_message_is_not_kept_waiting_by_a_rule_that_it_cannot_be_for() {
    let script =
        [Step::anytime(&Framing::default(), "P", "Q"), connect(), Step::optional(1), line("A"), line("B"), send("yes")];
    check_cut(&script, &[Connect, Bytes(b"B\n")], expect!["accept, send yes | all 6 done"]);
}

#[test]
fn messages_that_came_in_one_piece_are_answered_one_by_one() {
    let framing = Framing::length_prefixed(1);
    let script = [connect(), Step::anytime(&framing, "ping", "pong"), Step::expect_frame(&framing, "quit")];
    check_cut(
        &script,
        &[Connect, Bytes(b"\x04ping\x04ping\x04quit")],
        expect!["accept, send \u{4}pong, send \u{4}pong | all 3 done"],
    );
}

#[test]
fn what_comes_while_a_connection_is_given_away_goes_with_it() {
    let mut player = Player::play(&[connect(), line("GO"), Step::hand_over()], &[Connect]);
    // As a driver does that reads more than once before it asks.
    player.session.handle_bytes(player.now, b"GO\nfirst,");
    assert_eq!(player.session.appetite(), 0);
    player.session.handle_bytes(player.now, b" second");
    player.settle();
    assert_eq!(player.log, ["accept", "hand over by 2 with first, second"]);
}

#[test]
fn a_rule_may_be_bounded() {
    let script = [anytime("PING", "PONG"), connect(), line("a")];
    let mut player = Player::play(&script, &[]);
    player.session.amend(0, Amendment::AtMost(2));
    player.inputs(&[Connect, Bytes(b"PING\nPING\nPING\n")]);
    assert_eq!(player.log, ["accept", "send PONG\r\n", "send PONG\r\n", "reset"]);
    assert_eq!(
        player.verdict(),
        failed(3, Cause::WrongByte { offset: 0, expected: b'a', received: b'P', framed: true })
    );
    let mut player = Player::play(&script, &[]);
    player.session.amend(0, Amendment::AtMost(0));
    player.inputs(&[Connect, Bytes(b"PING\n")]);
    assert!(player.session.has_failed());
    // Before it is its turn.
    let mut player = Player::new(Config::default(), &script);
    player.session.amend(0, Amendment::AtMost(0));
    player.inputs(&[Connect, Bytes(b"PING\n")]);
    assert!(player.session.has_failed());
}

#[test]
fn a_rule_may_be_bounded_in_the_middle_of_a_message() {
    let script = |first: &str| [anytime(first, "1"), anytime("PONG", "2"), connect(), expect_bytes("PUNG\n")];
    for first in ["PING", "PONG"] {
        let mut player = Player::play(&script(first), &[Connect, Bytes(b"P")]);
        player.session.amend(0, Amendment::AtMost(0));
        player.inputs(&[Bytes(b"ONG\nP")]);
        assert_eq!(player.log, ["accept", "send 2\r\n"], "the other still answers");
        player.session.amend(1, Amendment::AtMost(0));
        player.inputs(&[Bytes(b"UNG\n")]);
        assert_eq!(player.verdict(), Verdict::Done(4), "and the step gets its own");
    }
}

#[test]
fn a_message_is_judged_once_however_long_another_is() {
    let judged = Arc::new(Mutex::new(0));
    let rule = {
        let judged = Arc::clone(&judged);
        Pattern::matching(move |_: &[u8]| {
            *judged.lock().unwrap() += 1;
            false
        })
    };
    let mut player = Player::new(Config::default(), &[]);
    // What is no message for the first may still become one for the second.
    player.session.push(Step::anytime(&lines(), rule, "no"));
    player.session.push(Step::anytime(&Framing::delimited("!"), Pattern::any(), "yes"));
    player.session.push(connect());
    player.session.push(Step::hold("go"));
    player.inputs(&[Connect, Bytes(b"a\n"), Bytes(b"b"), Bytes(b"c")]);
    assert_eq!(*judged.lock().unwrap(), 1);
    player.inputs(&[Bytes(b"!")]);
    assert_eq!(player.log, ["accept", "send yes!"]);
}

#[test]
fn an_answer_comes_between_two_sends_and_not_into_one() {
    let script = [anytime("PING", "PONG"), connect(), send("abc"), send("d"), Step::disconnect()];
    check(
        &script,
        &[Room(1), Connect, Bytes(b"PING\n"), Room(3), Bytes(b"PING\n"), Room(99)],
        expect!["accept, send a, send bc, send d, disconnect | all 5 done"],
    );
    // What was answered is sent before the server ends its stream, and before what is computed next.
    let script = [anytime("PING", "PONG"), connect(), line("QUIT"), Step::disconnect()];
    check(
        &script,
        &[Room(0), Connect, Bytes(b"PING\nQUIT\n"), Room(99)],
        expect![[r#"accept, send PONG\r\n, disconnect | all 4 done"#]],
    );
    // The last one, too, of a rule that answers no more.
    let script = [anytime("PING", "PONG"), connect(), expect_bytes("QUIT\n"), send("bye")];
    let mut player = Player::play(&script, &[Room(0)]);
    player.session.amend(0, Amendment::AtMost(1));
    player.inputs(&[Connect, Bytes(b"PING\nQUIT\n"), Room(99)]);
    assert_eq!(player.log, ["accept", "send PONG\r\n", "send bye"]);
}

#[test]
fn what_was_not_given_out_was_not_sent() {
    // An answer that the driver has not seen yet.
    let mut player = Player::play(&[anytime("PING", "PONG"), connect(), line("QUIT")], &[Connect]);
    player.session.handle_bytes(player.now, b"PING\n");
    player.session.handle_sent(player.now, 3);
    player.settle();
    assert_eq!(player.log, ["accept", "send PONG\r\n"]);
    assert_eq!(player.session.transcript().to_string().matches("sent ").count(), 1);
    // One that was dropped since: what comes late is not said of the step.
    let script = [anytime("PING", "PONG"), connect(), pause(5), send("abc")];
    let mut player = Player::play(&script, &[Room(0), Connect, Bytes(b"PING\n"), After(5)]);
    player.session.handle_reset(player.now);
    player.session.handle_sent(player.now, 6);
    assert_eq!(player.verdict(), failed(4, Cause::NotDelivered { bytes: 3 }));
    assert!(!player.session.transcript().to_string().contains("sent"), "{}", player.session.transcript());
}

#[test]
fn a_message_that_ends_too_early_may_be_that_of_no_rule_either() {
    let script = [anytime("PING", "PONG"), connect(), line("QUIT")];
    check_cut(
        &script,
        &[Connect, Bytes(b"QU"), Eof],
        expect![
            "accept, reset | step 3 failed: Closed { by: Close, arrived: Arrived { part: Message, bytes: 2, of: None } }"
        ],
    );
}

#[test]
fn what_is_heard_is_answered_and_captured_with_a_rule_in_force_and_without() {
    for rules in [vec![], vec![anytime("PING", "PONG")]] {
        for (step, said) in [(expect_bytes("ab"), &b"ab"[..]), (line("ab"), b"ab\n"), (line(Pattern::any()), b"ab\n")] {
            let place = Arc::new(Place::default());
            let handle: Weak<dyn Capture> = Arc::<Place>::downgrade(&place);
            let mut player = Player::play(&rules, &[Push(connect()), Push(step.captured(handle))]);
            player.session.push(Step::reply(<[u8]>::to_vec));
            player.inputs(&[Connect]);
            player.session.handle_bytes(player.now, said);
            player.settle();
            assert_eq!(player.log, ["accept", "send ab"]);
            assert_eq!(*place.0.lock().unwrap(), ["ab"]);
        }
    }
}

#[test]
fn an_answer_that_nobody_gets_fails_nothing() {
    let script = [anytime("PING", "PONG"), connect(), Step::hold("go")];
    let mut player = Player::play(&script, &[Room(0), Connect, Bytes(b"PING\n")]);
    assert!(!player.wait().send.is_empty());
    player.inputs(&[In::Reset]);
    assert!(player.wait().send.is_empty());
    let script = [anytime("PING", "PONG"), connect(), closed()];
    check(&script, &[Room(0), Connect, Bytes(b"PING\n"), Unread(0), Eof], expect!["accept, disconnect | all 3 done"]);
    check(&script, &[Room(0), Connect, Bytes(b"PING\n"), SendFailed], expect!["accept | step 3 failed: Aborted"]);
}

#[test]
fn what_was_left_unread_is_found_among_answers_and_rounds() {
    let script = [anytime("PING", "PONG"), connect(), Step::repeat_until_disconnect(2), line("x"), send("<x>")];
    for (unread, bytes) in [(6, &b"NG\r\n<x>"[1..]), (11, b"x>PONG\r\n<x>")] {
        let player = Player::play(&script, &[Connect, Bytes(b"x\nPING\nx\n"), Unread(unread), Eof]);
        let report = player.session.report("server", Cause::Dropped);
        let shown = report.evidence.first().map(|dump| (dump.excerpt.start, &dump.excerpt.bytes[..]));
        assert_eq!(shown, Some((12 - unread as usize, bytes)));
    }
}

#[test]
fn messages_are_captured_again_and_again() {
    #[derive(Default)]
    struct Place(Mutex<Vec<Vec<u8>>>);
    impl Capture for Place {
        fn capture(&self, message: &[u8]) {
            self.0.lock().unwrap().push(message.to_vec());
        }
    }
    let places: [Arc<Place>; 2] = Default::default();
    let place = |index: usize| {
        let place: Weak<Place> = Arc::downgrade(&places[index]);
        place
    };
    let script = [
        Step::anytime(&lines(), Pattern::prefix("P"), Reply::none()).captured(place(0)),
        connect(),
        Step::repeat_until_disconnect(1),
        line(Pattern::any()).captured(place(1)),
    ];
    Player::play(&script[1..], &[Connect, Bytes(b"a\nb\n"), Eof]);
    assert_eq!(*places[1].0.lock().unwrap(), [b"a", b"b"]);
    let script = [&script[..2], &[line("x")]].concat();
    Player::play(&script, &[Connect, Bytes(b"P1\nP2\nx\n"), Eof]);
    assert_eq!(*places[0].0.lock().unwrap(), [b"P1", b"P2"]);
}

/// Those of a block are the messages with which it begins, round by round.
#[test]
fn the_messages_that_begin_a_block_are_captured_with_it() {
    let places: [Arc<Place>; 2] = Default::default();
    let place = |index: usize| -> Weak<dyn Capture> { Arc::<Place>::downgrade(&places[index]) };
    let script = [
        connect(),
        Step::repeat_until_disconnect(3).captured(place(0)),
        Step::optional(1).captured(place(1)),
        line("A"),
        line("B"),
    ];
    Player::play(&script, &[Connect, Bytes(b"A\nB\nB\nA\nB\n"), Eof]);
    assert_eq!(*places[0].0.lock().unwrap(), ["A", "B", "A"]);
    assert_eq!(*places[1].0.lock().unwrap(), ["A", "A"]);
}

#[test]
fn a_script_that_has_stopped_reading_takes_what_it_expects_and_no_more() {
    let script =
        [connect(), Step::stop_reading(), expect_bytes("abc"), Step::hold("x"), frame("hi"), line("x"), closed()];
    let mut player = Player::play(&script, &[Connect]);
    assert_eq!(player.wait().receive, 3);
    player.inputs(&[Bytes(b"a")]);
    assert_eq!(player.wait().receive, 2);
    player.inputs(&[Bytes(b"bc")]);
    assert_eq!(player.wait().receive, 0);
    player.session.release("x");
    assert_eq!(player.wait().receive, 4);
    player.inputs(&[Bytes(b"\0\0")]);
    assert_eq!(player.wait().receive, 2);
    player.inputs(&[Bytes(b"\0\x02")]);
    assert_eq!(player.wait().receive, 2);
    player.inputs(&[Bytes(b"hi")]);
    // The end of a line may be anywhere.
    assert_eq!(player.wait().receive, 1);
    player.inputs(&[Bytes(b"x"), Bytes(b"\n")]);
    assert_eq!(player.wait().receive, usize::MAX);
    player.inputs(&[Eof]);
    assert_eq!(player.verdict(), Verdict::Done(7));
}

#[test]
fn what_waits_behind_a_message_is_counted_without_it() {
    let script = [anytime("PING", "PONG"), connect(), Step::stop_reading(), Step::expect_bytes([b'.'; 20])];
    let inputs = [Room(0), Connect, Bytes(b"PING\n"), Bytes(b"PING\n.........."), Room(6)];
    assert_eq!(Player::play(&script, &inputs).wait().receive, 10);

    let [rule, other] = [anytime("PING", "PONG"), Step::anytime(&lines(), Pattern::suffix("!"), Reply::none())];
    let script = [rule, other, connect(), Step::repeat_until_disconnect(2), Step::optional(1), line("abcdefghi")];
    let inputs = [Room(0), Connect, Bytes(b"PING\n"), Bytes(b"PING\nabcdefgh"), Room(99), After(5000)];
    check(
        &script,
        &inputs,
        expect![[
            r#"accept, send PONG\r\n, send PONG\r\n, reset | step 4 failed: MessageTimeout { after: 1s, arrived: Arrived { part: Message, bytes: 8, of: None } }"#
        ]],
    );
}

#[test]
fn a_connection_is_given_away_with_what_nobody_has_claimed() {
    let script = [connect(), line("a"), Step::hand_over(), connect(), line("b")];
    check(
        &script,
        &[Connect, Bytes(b"a\nrest"), Bytes(b"not its own"), Eof, Connect, Bytes(b"b\n")],
        expect!["accept, hand over by 2 with rest, accept | all 5 done"],
    );
    check(
        &script,
        &[Connect, Bytes(b"a\n"), After(2000)],
        expect!["accept, hand over by 2 with  | step 4 failed: ConnectTimeout { after: 1s }"],
    );
    check(&script[..3], &[Connect, Bytes(b"a\n"), Finish], expect!["accept, hand over by 2 with  | all 3 done"]);
    check(
        &[connect(), Step::hand_over(), send("x")],
        &[Connect],
        expect!["accept, hand over by 1 with  | step 3 failed: NotConnected { ended_by: Some(2) }"],
    );
}

/// Whatever the script and whatever the client says: the cuts change nothing, and no script goes round in circles.
#[test]
fn no_cut_changes_the_verdict_of_any_script() {
    let mut seed: u32 = 7;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize % below
    };
    let mut kinds = BTreeSet::new();
    for _ in 0..4000 {
        let mut script = vec![connect()];
        while script.len() < 9 {
            // Blocks, of which some are in others and some go beyond the end.
            let len = 1 + random(3);
            match random(16) {
                0 => script.extend([Step::optional(len), line("a")]),
                1 => script.extend([Step::optional(len), expect_bytes("ab")]),
                2 => script.extend([Step::repeat_until_disconnect(len), line("b")]),
                3 => script.extend([Step::repeat_until_disconnect(len + 2), Step::optional(1), line("a")]),
                4 => script.push(anytime("c", "C")),
                5 => script.push(anytime("a", Reply::none())),
                6 => script.push(line("b")),
                7 => script.push(line(Pattern::prefix("a"))),
                8 => script.push(Step::expect_until("b\n", Pattern::any())),
                9 => script.push(send("x")),
                10 => script.push(closed()),
                11 => script.push(Step::wait_until_read()),
                12 => script.push(pause(0)),
                13 => script.extend([anytime("a", "A"), line("b"), Step::wait_until_read(), line("ab")]),
                14 => script.extend([
                    Step::repeat_until_disconnect(4),
                    Step::optional(1),
                    line("a"),
                    send("."),
                    anytime("b", "B"),
                ]),
                _ => script.push(Step::expect_silence(SECOND / 10)),
            }
        }
        let said: String = (0..random(6)).map(|_| ["a\n", "b\n", "c\n", "ab", "b"][random(5)]).collect();
        let ends = [Eof, After(350), In::Reset][random(3)].clone();
        let cuts = [1, 2, 3, usize::MAX].map(|size| {
            let mut player = Player::new(Config::default(), &script);
            player.inputs(&[Connect]);
            for piece in said.as_bytes().chunks(size) {
                player.settle();
                player.session.handle_bytes(player.now, piece);
            }
            player.inputs(core::slice::from_ref(&ends));
            player.inputs(&[After(1000)]);
            (player.verdict(), player.log)
        });
        for cut in &cuts[1..] {
            assert_eq!(cuts[0], *cut, "{script:#?} of {said:?}, then {ends:?}");
        }
        kinds.insert(match &cuts[0].0 {
            Verdict::Done(_) => "done",
            Verdict::Failed(_, Cause::WrongByte { .. } | Cause::WrongMessage { .. }) => "wrong",
            Verdict::Failed(_, Cause::UnexpectedData) => "unexpected",
            Verdict::Failed(_, Cause::Closed { .. }) => "closed",
            Verdict::Failed(..) => "another",
        });
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
}

#[test]
fn an_answer_that_the_client_does_not_take_is_too_late_for_the_step_that_waits() {
    let script = [connect(), anytime("PING", "PONG"), line("QUIT")];
    check(&script, &[Connect, Room(2), Bytes(b"PING\r\n"), After(999)], expect!["accept, send PO | 2 done"]);
    check(
        &script,
        &[Connect, Room(2), Bytes(b"PING\r\n"), After(1000)],
        expect!["accept, send PO, reset | step 2 failed: SendTimeout { after: 1s, taken: 2, of: 6 }"],
    );
    // What is left of it goes on where it stopped.
    let inputs = [Connect, Room(2), Bytes(b"PING\r\n"), After(999), Room(9), After(0), Bytes(b"QUIT\r\n")];
    check(&script, &inputs, expect!["accept, send PO, send NG\\r\\n | all 3 done"]);
}

/// Only so many steps are kept that are done.
#[test]
fn what_holds_at_any_time_holds_however_long_the_script_is() {
    let mut script = vec![connect(), anytime("PING", "PONG")];
    script.extend((0..40).map(|_| line("GET")));
    let mut player = Player::play(&script, &[Connect]);
    for _ in 0..39 {
        player.inputs(&[Bytes(b"GET\r\n")]);
    }
    player.inputs(&[Bytes(b"PING\r\nPING\r\nGET\r\n")]);
    assert_eq!(player.log, ["accept", "send PONG\r\n", "send PONG\r\n"]);
    assert_eq!(player.verdict(), Verdict::Done(42));
}

#[test]
fn the_last_message_is_answered_however_many_steps_are_between() {
    let mut script = vec![connect(), line("GET")];
    script.extend((0..40).map(|_| send(".")));
    let mut player = Player::new(Config::default(), &script);
    player.session.push(Step::reply(|message| [b"200 ", message].concat()));
    player.inputs(&[Connect, Bytes(b"GET\r\n")]);
    assert_eq!(player.log.last().map(String::as_str), Some("send 200 GET"));
    // Then another is the last one.
    player.inputs(&[Push(line(Pattern::prefix("PUT"))), Bytes(b"PUT 1\r\n")]);
    player.session.push(Step::reply(|message| [b"201 ", message].concat()));
    player.inputs(&[]);
    assert_eq!(player.log.last().map(String::as_str), Some("send 201 PUT 1"));
    assert_eq!(player.verdict(), Verdict::Done(45));
}

#[test]
fn what_takes_no_time_is_never_too_late() {
    for steps in [vec![Step::mark("here")], vec![Step::stop_reading()], vec![Step::optional(1), line("AUTH")]] {
        let mut session = Session::new(Config::default());
        session.push(connect());
        let done = if steps.len() > 1 { 1 } else { 2 };
        steps.into_iter().for_each(|step| _ = session.push(step));
        // The transport has yet to accept the client, so nothing more is played; and it says that it is late.
        session.handle_connection(Instant::ORIGIN, None);
        let late = Instant::at(Duration::from_secs(60));
        session.handle_timeout(late);
        assert!(!session.has_failed() && session.done() == 1);
        while !matches!(session.poll_output(late), Output::Wait(_)) {}
        assert!(!session.has_failed() && session.done() == done);
    }
}

#[test]
fn a_block_without_steps_is_no_block() {
    let script = [connect(), Step::optional(0), line("GET"), send("yes"), closed()];
    check_cut(&script, &[Connect, Bytes(b"GET\n"), Eof], expect!["accept, send yes, disconnect | all 5 done"]);
    let script = [connect(), Step::optional(2), line("AUTH"), Step::optional(0), line("GET"), send("yes"), closed()];
    check_cut(&script, &[Connect, Bytes(b"AUTH\nGET\n"), Eof], expect!["accept, send yes, disconnect | all 7 done"]);
    // What is behind it is not optional.
    let script = [connect(), Step::optional(0), line("GET")];
    check_cut(
        &script,
        &[Connect, Bytes(b"PUT\n")],
        expect!["accept, reset | step 3 failed: WrongByte { offset: 0, expected: 71, received: 80, framed: true }"],
    );
    let script = [connect(), Step::repeat_until_disconnect(0), send("yes")];
    check(
        &script,
        &[Connect, Eof],
        expect![
            "accept, reset | step 2 failed: MessageTimeout { after: 0ns, arrived: Arrived { part: Message, bytes: 0, of: None } }"
        ],
    );
}

#[test]
fn a_block_may_be_longer_than_what_was_pushed_of_it() {
    // More than a session keeps of what is done.
    let script = [connect(), Step::optional(30), line("AUTH")];
    check_cut(&script, &[Connect, Bytes(b"AUTH\n")], expect!["accept | all 1 done"]);
    check_cut(&script, &[Connect, Bytes(b"GET\n")], expect!["accept | all 32 done"]);
    let script = [connect(), Step::optional(i32::MAX as usize), line("AUTH")];
    check_cut(&script, &[Connect, Bytes(b"AUTH\n")], expect!["accept | all 1 done"]);
    let script = [connect(), Step::repeat_until_disconnect(i32::MAX as usize), line("AUTH")];
    check_cut(&script, &[Connect, Bytes(b"AUTH\n"), Eof], expect!["accept | all 1 done"]);
}

#[test]
fn a_block_does_not_go_beyond_that_which_it_is_in() {
    let script = [connect(), Step::optional(2), Step::optional(2), line("AUTH"), line("GET")];
    check(&script, &[Connect], expect!["accept, reset | step 3 failed: Overrun { by: 1 }"]);
    // Skipped, it might as well not be there.
    let script = [connect(), Step::optional(2), line("AUTH"), Step::optional(2), line("GET"), line("PUT")];
    check_cut(&script, &[Connect, Bytes(b"GET\nPUT\n")], expect!["accept | all 6 done"]);
    check_cut(&script, &[Connect, Bytes(b"AUTH\nGET\n")], expect!["accept, reset | step 4 failed: Overrun { by: 2 }"]);
}

#[test]
fn a_block_of_more_steps_than_can_be_counted_is_refused() {
    for make in [Step::optional, Step::repeat_until_disconnect] {
        let panic = std::panic::catch_unwind(|| make(usize::MAX)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.ends_with(": a block has at most 2147483647 steps, not 18446744073709551615"), "{text}");
    }
}
