//! SMTP: lines, and a mail that ends with a dot.

use tcpclient_tokio::tls::Tls;
use tcpclient_tokio::{Anytime, Framing, Pattern, Pushed, Script};

/// Greets the client and answers its greeting. It offers nothing: no STARTTLS, no authentication.
#[track_caller]
pub fn greeting(s: &Script) {
    s.send_line("220 scripted ESMTP");
    s.expect_line(Pattern::prefix("EHLO ")).named("greeting");
    s.send_line("250 scripted");
}

/// Greets the client and has it begin TLS, then answers the greeting that it repeats there.
#[track_caller]
pub fn greeting_with_starttls(s: &Script, tls: impl Into<Tls>) {
    s.send_line("220 scripted ESMTP");
    s.expect_line(Pattern::prefix("EHLO ")).named("greeting");
    s.send_bytes("250-scripted\r\n250 STARTTLS\r\n");
    s.expect_line("STARTTLS");
    s.send_line("220 go on");
    s.start_tls(tls);
    s.expect_line(Pattern::prefix("EHLO ")).named("greeting in TLS");
    s.send_line("250 scripted");
}

/// Takes one mail that has this text in it. Returns the step that receives it.
#[track_caller]
pub fn mail(s: &Script, text: &str) -> Pushed {
    s.expect_line(Pattern::prefix("MAIL FROM:")).named("sender");
    s.send_line("250 ok");
    s.expect_line(Pattern::prefix("RCPT TO:")).named("recipient");
    s.send_line("250 ok");
    s.expect_line("DATA");
    s.send_line("354 go on");
    let mail = s.expect_until("\r\n.\r\n", Pattern::contains(text)).named("mail");
    s.send_line("250 queued");
    mail
}

/// Answers, whenever it comes, the question of a client whether its connection is still good. From here on, messages are lines.
#[track_caller]
pub fn noops(s: &Script) -> Anytime {
    s.framing(Framing::lines());
    s.anytime("NOOP", "250 still here")
}

/// Takes mails as long as the client stays. Returns the step that receives them.
pub fn takes_mail(s: &Script) -> Pushed {
    greeting(s);
    let mut mails = Vec::new();
    s.repeat_until_disconnect(|s| {
        s.optional(|s| {
            s.expect_line("NOOP");
            s.send_line("250 still here");
        });
        s.optional(|s| mails.push(mail(s, "")));
        s.optional(|s| {
            quit(s);
            s.disconnect();
        });
    });
    mails.remove(0)
}

/// Lets the client go.
#[track_caller]
pub fn quit(s: &Script) {
    s.expect_line("QUIT");
    s.send_line("221 bye");
}
