//! SMTP: lines, and a mail that ends with a dot.

use tcpclient_tokio::{Pattern, Pushed, Script};

/// Greets the client and answers its greeting. It offers nothing: no STARTTLS, no authentication.
#[track_caller]
pub fn greeting(s: &Script) {
    s.send_line("220 scripted ESMTP");
    s.expect_line(Pattern::prefix("EHLO ")).named("greeting");
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

/// Answers the question of a client whether its connection is still good.
#[track_caller]
pub fn noop(s: &Script) {
    s.expect_line("NOOP");
    s.send_line("250 still here");
}

/// Lets the client go.
#[track_caller]
pub fn quit(s: &Script) {
    s.expect_line("QUIT");
    s.send_line("221 bye");
}
