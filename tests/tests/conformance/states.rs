//! Each way in which a client can leave, met by each kind of step: what a report says of it, where the client's end is known and
//! where it is not.

use expect_test::expect;
use tcpclient_tests::prelude::*;

/// What a client does with a connection on which it was sent "hello".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Closes,
    ShutsDownAndCloses,
    ShutsDown,
    ShutsDownBoth,
    Aborts,
    ShutsDownAndAborts,
}

/// The client, having read so many bytes, leaves in this way. What it keeps of the connection is returned.
async fn leave(mut client: Client, read: usize, way: Way) -> Option<Client> {
    client.read_exact(&mut vec![0; read]).await.unwrap();
    if matches!(way, Way::ShutsDown | Way::ShutsDownAndCloses | Way::ShutsDownAndAborts) {
        client.shutdown().await.unwrap();
    }
    match way {
        Way::Closes | Way::ShutsDownAndCloses => drop(client),
        Way::ShutsDown => return Some(client),
        Way::ShutsDownBoth => {
            client.shutdown_both().unwrap();
            return Some(client);
        }
        Way::Aborts | Way::ShutsDownAndAborts => client.abort().unwrap(),
    }
    None
}

/// Adds a step to a script.
type Add = fn(&Server);

/// What the script goes on with.
const STEPS: [(&str, Add); 7] = [
    ("expect_bytes", |server| drop(server.expect_bytes("x").within(SHORT))),
    ("expect_frame", |server| drop(server.expect_frame("x").within(SHORT))),
    ("expect_eof", |server| drop(server.expect_eof().within(SHORT))),
    ("send_bytes", |server| drop(server.send_bytes("more").within(SHORT))),
    ("wait_until_read", |server| drop(server.wait_until_read().within(SHORT))),
    ("expect_disconnect", |server| drop(server.expect_disconnect().within(SHORT))),
    ("expect_connect", |server| drop(server.expect_connect().within(SHORT))),
];

/// Returns what became of a step, in a line.
async fn outcome(stage: Stage, read: usize, way: Way, step: Add) -> String {
    let server = stage.bind().await;
    server.expect_connect();
    server.send_bytes("hello");
    let client = server.connect().await;
    server.join().await;
    let kept = leave(client, read, way).await;
    step(&server);
    let result = server.try_join().await;
    drop(kept);
    let Err(failure) = result else { return "passes".to_owned() };
    let failure = failure.to_string();
    let lines =
        failure.lines().skip(2).map(str::trim).take_while(|line| !line.is_empty() && !line.starts_with("usual cause"));
    lines.filter(|line| !line.starts_with("unread ")).collect::<Vec<_>>().join("; ")
}

/// Returns a paragraph for each way, with a line for each step.
async fn table(stage: Stage, ways: &[Way]) -> String {
    let mut table = String::new();
    for &way in ways {
        for read in [5, 2] {
            // Together: most of them wait for something that takes its time.
            let lines = STEPS.map(|(name, step)| (name, stage.spawn(outcome(stage, read, way, step))));
            table += &format!("{way:?}, having read {read} of 5\n");
            for (name, outcome) in lines {
                table += &format!("  {name}: {}\n", outcome.await);
            }
        }
    }
    table
}

on_every_stage!(a_client_leaves_before_each_kind_of_step);
async fn a_client_leaves_before_each_kind_of_step(stage: Stage) {
    let table = table(stage, &[Way::Closes, Way::ShutsDownAndCloses, Way::ShutsDown]).await;
    stage.pick(expect![[r#"
        Closes, having read 5 of 5
          expect_bytes: the client closed the connection, or its sending half, before "x"
          expect_frame: the client closed the connection, or its sending half, before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection, or its sending half
        Closes, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_frame: the client closed the connection before frame "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_eof: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_disconnect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_connect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose; that was the connection before, whose end expect_connect() implies
        ShutsDownAndCloses, having read 5 of 5
          expect_bytes: the client closed the connection, or its sending half, before "x"
          expect_frame: the client closed the connection, or its sending half, before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection, or its sending half
        ShutsDownAndCloses, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_frame: the client closed the connection before frame "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_eof: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_disconnect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_connect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose; that was the connection before, whose end expect_connect() implies
        ShutsDown, having read 5 of 5
          expect_bytes: the client closed the connection, or its sending half, before "x"
          expect_frame: the client closed the connection, or its sending half, before frame "x"
          expect_eof: passes
          send_bytes: passes
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection, or its sending half
        ShutsDown, having read 2 of 5
          expect_bytes: the client closed the connection, or its sending half, before "x"
          expect_frame: the client closed the connection, or its sending half, before frame "x"
          expect_eof: passes
          send_bytes: passes
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection, or its sending half
    "#]], expect![[r#"
        Closes, having read 5 of 5
          expect_bytes: the client closed the connection before "x"
          expect_frame: the client closed the connection before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection
        Closes, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_frame: the client closed the connection before frame "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_eof: the client closed the connection: 3 of the 5 bytes sent were not read
          send_bytes: the client had already closed the connection: 4 bytes were never delivered; it closed without reading 3 of the 5 bytes it was sent
          wait_until_read: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_disconnect: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_connect: the client closed the connection: 3 of the 5 bytes sent were not read; that was the connection before, whose end expect_connect() implies
        ShutsDownAndCloses, having read 5 of 5
          expect_bytes: the client closed the connection before "x"
          expect_frame: the client closed the connection before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection
        ShutsDownAndCloses, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_frame: the client closed the connection before frame "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_eof: the client closed the connection: 3 of the 5 bytes sent were not read
          send_bytes: the client had already closed the connection: 4 bytes were never delivered; it closed without reading 3 of the 5 bytes it was sent
          wait_until_read: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_disconnect: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_connect: the client closed the connection: 3 of the 5 bytes sent were not read; that was the connection before, whose end expect_connect() implies
        ShutsDown, having read 5 of 5
          expect_bytes: the client ended its stream before "x"; it holds the connection, and may go on reading
          expect_frame: the client ended its stream before frame "x"; it holds the connection, and may go on reading
          expect_eof: passes
          send_bytes: passes
          wait_until_read: passes
          expect_disconnect: timed out waiting for the client to disconnect, after 10 ms; the client has shut down its sending half, and holds the connection
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client of an earlier step has shut down its sending half, and holds its connection
        ShutsDown, having read 2 of 5
          expect_bytes: the client ended its stream before "x"; it holds the connection, and may go on reading; so far it has not read 3 of the 5 bytes it was sent
          expect_frame: the client ended its stream before frame "x"; it holds the connection, and may go on reading; so far it has not read 3 of the 5 bytes it was sent
          expect_eof: passes
          send_bytes: passes
          wait_until_read: timed out waiting for the client to read, after 10 ms: it has not read 3 of the 5 bytes it was sent; the client has shut down its sending half, and holds the connection
          expect_disconnect: timed out waiting for the client to disconnect, after 10 ms; the client has shut down its sending half, and holds the connection; it has not read 3 of the 5 bytes it was sent
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client of an earlier step has shut down its sending half, and holds its connection
    "#]]).assert_eq(&table);
}

on_every_stage!(a_socket_leaves_before_each_kind_of_step);
async fn a_socket_leaves_before_each_kind_of_step(stage: Stage) {
    if !stage.on_sockets() {
        return;
    }
    let table = table(stage, &[Way::ShutsDownBoth, Way::Aborts, Way::ShutsDownAndAborts]).await;
    stage.pick(expect![[r#"
        ShutsDownBoth, having read 5 of 5
          expect_bytes: the client closed the connection, or its sending half, before "x"
          expect_frame: the client closed the connection, or its sending half, before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection, or its sending half
        ShutsDownBoth, having read 2 of 5
          expect_bytes: the client closed the connection, or its sending half, before "x"
          expect_frame: the client closed the connection, or its sending half, before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection, or its sending half
        Aborts, having read 5 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_frame: the client closed the connection before frame "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_eof: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_disconnect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_connect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose; that was the connection before, whose end expect_connect() implies
        Aborts, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_frame: the client closed the connection before frame "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_eof: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_disconnect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_connect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose; that was the connection before, whose end expect_connect() implies
        ShutsDownAndAborts, having read 5 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_frame: the client closed the connection before frame "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_eof: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_disconnect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_connect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose; that was the connection before, whose end expect_connect() implies
        ShutsDownAndAborts, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_frame: the client closed the connection before frame "x"; it closed with a reset: it had not read all that it was sent, unless it aborted on purpose
          expect_eof: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_disconnect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose
          expect_connect: the client reset the connection: some of the 5 bytes sent were not read, or it aborted on purpose; that was the connection before, whose end expect_connect() implies
    "#]], expect![[r#"
        ShutsDownBoth, having read 5 of 5
          expect_bytes: the client closed the connection before "x"
          expect_frame: the client closed the connection before frame "x"
          expect_eof: passes
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: passes
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client has closed the connection
        ShutsDownBoth, having read 2 of 5
          expect_bytes: the client ended its stream before "x"; it holds the connection, and may go on reading; so far it has not read 3 of the 5 bytes it was sent
          expect_frame: the client ended its stream before frame "x"; it holds the connection, and may go on reading; so far it has not read 3 of the 5 bytes it was sent
          expect_eof: passes
          send_bytes: passes
          wait_until_read: timed out waiting for the client to read, after 10 ms: it has not read 3 of the 5 bytes it was sent; the client has shut down its sending half, and holds the connection
          expect_disconnect: timed out waiting for the client to disconnect, after 10 ms; the client has shut down its sending half, and holds the connection; it has not read 3 of the 5 bytes it was sent
          expect_connect: timed out waiting for the client to connect, after 10 ms; the client of an earlier step has shut down its sending half, and holds its connection
        Aborts, having read 5 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset, and nothing was left to read when its socket went: it aborted the connection
          expect_frame: the client closed the connection before frame "x"; it closed with a reset, and nothing was left to read when its socket went: it aborted the connection
          expect_eof: the client aborted the connection with a reset: nothing was left to read when its socket went
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: the client aborted the connection with a reset: nothing was left to read when its socket went
          expect_connect: the client aborted the connection with a reset: nothing was left to read when its socket went; that was the connection before, whose end expect_connect() implies
        Aborts, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_frame: the client closed the connection before frame "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_eof: the client closed the connection: 3 of the 5 bytes sent were not read
          send_bytes: the client had already closed the connection: 4 bytes were never delivered; it closed without reading 3 of the 5 bytes it was sent
          wait_until_read: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_disconnect: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_connect: the client closed the connection: 3 of the 5 bytes sent were not read; that was the connection before, whose end expect_connect() implies
        ShutsDownAndAborts, having read 5 of 5
          expect_bytes: the client closed the connection before "x"; it closed with a reset, and nothing was left to read when its socket went: it aborted the connection
          expect_frame: the client closed the connection before frame "x"; it closed with a reset, and nothing was left to read when its socket went: it aborted the connection
          expect_eof: the client aborted the connection with a reset: nothing was left to read when its socket went
          send_bytes: the client had already closed the connection: 4 bytes were never delivered
          wait_until_read: passes
          expect_disconnect: the client aborted the connection with a reset: nothing was left to read when its socket went
          expect_connect: the client aborted the connection with a reset: nothing was left to read when its socket went; that was the connection before, whose end expect_connect() implies
        ShutsDownAndAborts, having read 2 of 5
          expect_bytes: the client closed the connection before "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_frame: the client closed the connection before frame "x"; it closed without reading 3 of the 5 bytes it was sent
          expect_eof: the client closed the connection: 3 of the 5 bytes sent were not read
          send_bytes: the client had already closed the connection: 4 bytes were never delivered; it closed without reading 3 of the 5 bytes it was sent
          wait_until_read: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_disconnect: the client closed the connection: 3 of the 5 bytes sent were not read
          expect_connect: the client closed the connection: 3 of the 5 bytes sent were not read; that was the connection before, whose end expect_connect() implies
    "#]]).assert_eq(&table);
}
