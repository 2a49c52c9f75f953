//! The `lettre` crate against scripted mail servers: does its pool survive a server that hangs up while the connection is idle?

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use lettre::message::Mailbox;
use lettre::{
    AsyncSmtpTransport, AsyncStd1Executor, AsyncTransport, Message, SmtpTransport, Tokio1Executor, Transport,
};
use tcpclient_clients::smtp::{greeting, mail, noops, quit, takes_mail};
use tcpclient_tokio::prelude::*;

fn message(text: &str) -> Message {
    let me: Mailbox = "me@example.org".parse().unwrap();
    Message::builder().from(me.clone()).to(me).body(text.to_owned()).unwrap()
}

fn mailer(server: &TcpServer) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(server.port()).build()
}

/// Plays a server that gives up on an idle client: it says so, and hangs up. It is there for another
/// connection. Returns the step that receives the mail which comes by that.
fn idle_timeout(s: &Script) -> Pushed {
    s.expect_connect();
    greeting(s);
    mail(s, "one");
    s.hold("idle");
    s.send_line("221 Idle timeout, closing connection");
    s.disconnect();
    s.mark("hung up");

    s.expect_connect();
    greeting(s);
    let next = mail(s, "");
    quit(s);
    next
}

#[tokio::test]
async fn connection_is_used_again() {
    TcpServer::run(async |server| {
        let noops = noops(&server);
        server.expect_connect();
        greeting(&server);
        mail(&server, "one");
        mail(&server, "two");
        quit(&server);

        let mailer = mailer(&server);
        mailer.send(message("one")).await.unwrap();
        given_back().await;
        mailer.send(message("two")).await.unwrap();
        mailer.shutdown().await;
        // The pool asks whether the connection is still good.
        assert_eq!(noops.count(), 1);
    })
    .await;
}

/// The same server takes mail from the crate's every flavour: how many mails go by a connection, whether a client asks if that is still good,
/// and whether it takes its leave, is up to the client.
#[tokio::test]
async fn mail_is_taken_on_tokio() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    let mails = takes_mail(&server);

    let mailer = mailer(&server);
    mailer.send(message("one")).await.unwrap();
    given_back().await;
    mailer.send(message("two")).await.unwrap();
    mailer.shutdown().await;

    server.finish().await;
    assert_eq!(mails.count(), 2);
}

#[test]
fn mail_is_taken_when_it_blocks() {
    let server = TcpServer::bind_blocking().unwrap();
    server.expect_connect();
    let mails = takes_mail(&server);

    let mailer = SmtpTransport::builder_dangerous("127.0.0.1").port(server.port()).build();
    mailer.send(&message("one")).unwrap();
    mailer.send(&message("two")).unwrap();
    mailer.shutdown();

    server.finish_blocking();
    assert_eq!(mails.count(), 2);
}

/// lettre/lettre#743: the pool asks the server whether the connection is still good (`NOOP`), and takes the farewell that has been
/// waiting there for the answer.
#[tokio::test]
async fn second_mail_fails_after_an_idle_timeout() {
    let server = TcpServer::bind().await.unwrap();
    let next = idle_timeout(&server);

    let mailer = mailer(&server);
    mailer.send(message("one")).await.unwrap();
    given_back().await;
    server.release("idle");
    server.reached("hung up").await;
    let second = mailer.send(message("two")).await;
    assert!(second.is_err(), "lettre #743 is fixed: rejoice, and turn this test round");
    mailer.send(message("three")).await.unwrap();
    mailer.shutdown().await;

    server.finish().await;
    assert!(String::from_utf8(next.bytes().unwrap()).unwrap().contains("three"));
}

#[test]
fn second_mail_fails_after_an_idle_timeout_when_it_blocks() {
    let server = TcpServer::bind_blocking().unwrap();
    let next = idle_timeout(&server);

    let mailer = SmtpTransport::builder_dangerous("127.0.0.1").port(server.port()).build();
    mailer.send(&message("one")).unwrap();
    server.release("idle");
    server.reached_blocking("hung up");
    let second = mailer.send(&message("two"));
    assert!(second.is_err(), "lettre #743 is fixed: rejoice, and turn this test round");
    mailer.send(&message("three")).unwrap();
    mailer.shutdown();

    server.finish_blocking();
    assert!(String::from_utf8(next.bytes().unwrap()).unwrap().contains("three"));
}

/// On async-std the crate takes its leave after each mail: nothing is idle, and the second mail comes by a connection of its own.
#[test]
fn second_mail_comes_by_another_connection_on_async_std() {
    use tcpclient_async_std::TcpServer;

    async_std::task::block_on(async {
        let server = TcpServer::bind().await.unwrap();
        let mails = ["one", "two"].map(|_| {
            server.expect_connect();
            takes_mail(&server)
        });

        let mailer = AsyncSmtpTransport::<AsyncStd1Executor>::builder_dangerous("127.0.0.1");
        let mailer: AsyncSmtpTransport<AsyncStd1Executor> = mailer.port(server.port()).build();
        mailer.send(message("one")).await.unwrap();
        mailer.send(message("two")).await.unwrap();
        mailer.shutdown().await;

        server.finish().await;
        assert_eq!(mails.map(|mail| mail.count()), [1, 1]);
    });
}

/// A server that aborts an idle connection breaks nothing: the question whether it is still good gets no answer.
#[tokio::test]
async fn second_mail_survives_a_reset() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    greeting(&server);
    mail(&server, "one");
    server.hold("idle");
    server.reset();
    server.mark("gone");
    server.expect_connect();
    greeting(&server);
    mail(&server, "two");
    quit(&server);

    let mailer = mailer(&server);
    mailer.send(message("one")).await.unwrap();
    given_back().await;
    server.release("idle");
    server.reached("gone").await;
    mailer.send(message("two")).await.unwrap();
    mailer.shutdown().await;

    server.finish().await;
}

/// Waits until the pool has the connection of the last mail again: it takes it in a task of its own.
async fn given_back() {
    tokio::task::yield_now().await;
}
