//! Hangs up on the idle connection of a `lettre` mailer, as a mail server may, and prints what becomes of the next mail.

use lettre::message::Mailbox;
use lettre::{Message, SmtpTransport, Transport};
use std::error::Error;
use tcpclient_clients::smtp::{greeting, mail, quit};
use tcpclient_tokio::TcpServer;

fn main() -> Result<(), Box<dyn Error>> {
    let server = TcpServer::bind_blocking()?;
    server.expect_connect();
    greeting(&server);
    mail(&server, "one");
    server.hold("idle");
    server.send_line("221 Idle timeout, closing connection");
    server.disconnect();
    server.mark("hung up");
    server.expect_connect();
    greeting(&server);
    mail(&server, "three");
    quit(&server);

    let mailer = SmtpTransport::builder_dangerous("127.0.0.1").port(server.port()).build();
    let me: Mailbox = "me@example.org".parse()?;
    let send = |text: &str| -> Result<_, Box<dyn Error>> {
        let message = Message::builder().from(me.clone()).to(me.clone()).body(text.to_owned())?;
        Ok(mailer.send(&message)?)
    };
    let one = send("one");
    server.release("idle");
    server.reached_blocking("hung up");
    let two = send("two");
    let three = send("three");
    mailer.shutdown();

    server.join_blocking();
    println!("{}", server.transcript());
    println!();
    for (text, outcome) in [("one", one), ("two", two), ("three", three)] {
        println!("mail {text:?}: {}", outcome.map_or_else(|error| error.to_string(), |_| "sent".to_owned()));
    }
    Ok(())
}
