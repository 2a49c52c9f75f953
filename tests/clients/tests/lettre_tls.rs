//! The `lettre` crate against scripted mail servers that encrypt: from the first byte, or behind STARTTLS.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{
    AsyncSmtpTransport, AsyncStd1Executor, AsyncTransport, Message, SmtpTransport, Tokio1Executor, Transport,
};
use tcpclient_clients::smtp::{greeting, greeting_with_starttls, mail, noops, quit};
use tcpclient_tokio::prelude::*;
use tcpclient_tokio::report::Cause;
use tcpclient_tokio::tls::{Alert, Identity, Trouble};

fn message(text: &str) -> Message {
    let me: Mailbox = "me@example.org".parse().unwrap();
    Message::builder().from(me.clone()).to(me).body(text.to_owned()).unwrap()
}

/// What a client is given that trusts this identity.
fn trust(identity: &Identity) -> TlsParameters {
    let root = Certificate::from_pem(identity.root_pem().as_bytes()).unwrap();
    TlsParameters::builder("localhost".to_owned()).add_root_certificate(root).build_rustls().unwrap()
}

fn mailer(server: &TcpServer, tls: Tls) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(server.port()).tls(tls).build()
}

#[tokio::test]
async fn mail_goes_by_starttls() {
    let identity = Identity::new();
    TcpServer::run(async |server| {
        server.expect_connect();
        greeting_with_starttls(&server, identity.tls().server_name("localhost"));
        mail(&server, "secret");
        quit(&server);

        let mailer = mailer(&server, Tls::Required(trust(&identity)));
        mailer.send(message("secret")).await.unwrap();
        mailer.shutdown().await;
        let transcript = server.transcript().to_string();
        assert!(transcript.contains("TLS established: TLS 1.3, server name \"localhost\""), "{transcript}");
    })
    .await;
}

/// The pool lives on behind a server that hangs up on an idle connection: the next one is encrypted again, before anything is said on it.
#[tokio::test]
async fn next_connection_is_encrypted_again() {
    let identity = Identity::new();
    let server = TcpServer::bind().await.unwrap();
    for text in ["one", "two"] {
        server.expect_connect();
        greeting_with_starttls(&server, &identity);
        mail(&server, text);
        server.disconnect();
        server.mark(format!("hung up behind {text}"));
    }
    let mailer = mailer(&server, Tls::Required(trust(&identity)));
    mailer.send(message("one")).await.unwrap();
    server.reached("hung up behind one").await;
    mailer.send(message("two")).await.unwrap();
    mailer.shutdown().await;
    server.finish().await;
}

#[tokio::test]
async fn mail_goes_by_tls() {
    let identity = Identity::new();
    TcpServer::builder()
        .tls(identity.tls().server_name("localhost"))
        .run(async |server| {
            let noops = noops(&server);
            server.expect_connect();
            greeting(&server);
            mail(&server, "one");
            quit(&server);

            let mailer = mailer(&server, Tls::Wrapper(trust(&identity)));
            mailer.send(message("one")).await.unwrap();
            mailer.shutdown().await;
            assert_eq!(noops.count(), 0);
        })
        .await;
}

#[test]
fn mail_goes_by_starttls_when_it_blocks() {
    let identity = Identity::new();
    let server = TcpServer::bind_blocking().unwrap();
    server.expect_connect();
    greeting_with_starttls(&server, &identity);
    mail(&server, "one");
    quit(&server);

    let mailer = SmtpTransport::builder_dangerous("127.0.0.1").port(server.port());
    let mailer = mailer.tls(Tls::Required(trust(&identity))).build();
    mailer.send(&message("one")).unwrap();
    mailer.shutdown();
    server.finish_blocking();
}

#[test]
fn mail_goes_by_tls_on_async_std() {
    use tcpclient_async_std::TcpServer;

    let identity = Identity::new();
    async_std::task::block_on(async {
        let server = TcpServer::builder().tls(&identity).bind().await.unwrap();
        server.expect_connect();
        greeting(&server);
        mail(&server, "one");
        quit(&server);
        // Else the client says so once more.
        server.disconnect();

        let mailer = AsyncSmtpTransport::<AsyncStd1Executor>::builder_dangerous("127.0.0.1").port(server.port());
        let mailer: AsyncSmtpTransport<AsyncStd1Executor> = mailer.tls(Tls::Wrapper(trust(&identity))).build();
        mailer.send(message("one")).await.unwrap();
        mailer.shutdown().await;
        server.finish().await;
    });
}

/// A client that is not told whom to trust says so, and so does the report.
#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    greeting_with_starttls(&server, Identity::new());

    let mailer = mailer(&server, Tls::Required(trust(&Identity::new())));
    mailer.send(message("one")).await.unwrap_err();
    let failure = server.try_join().await.unwrap_err();
    assert_eq!(failure.report().cause(), &Cause::Tls(Trouble::Refused(Alert::UNKNOWN_CA)), "{failure}");
}

/// Without STARTTLS on offer nothing is sent in clear that was to be encrypted.
#[tokio::test]
async fn nothing_goes_in_clear() {
    let server = TcpServer::bind().await.unwrap();
    server.expect_connect();
    greeting(&server);
    server.expect_disconnect();

    let mailer = mailer(&server, Tls::Required(trust(&Identity::new())));
    mailer.send(message("one")).await.unwrap_err();
    server.finish().await;
}
