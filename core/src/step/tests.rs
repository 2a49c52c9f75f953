use super::{Awaited, Extras, Kind, Rule, Step};
use crate::framing::Framing;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use std::panic::catch_unwind;

#[test]
fn a_step_reads_as_the_call_that_made_it() {
    let framing = Framing::default();
    let cases = [
        (Step::expect_connect(), "expect_connect()"),
        (Step::expect_bytes("Hello"), "expect_bytes(\"Hello\")"),
        (Step::expect_frame(&framing, b"\x01\x02"), "expect_frame([01 02])"),
        (Step::send_bytes(b"hi\r\n"), "send_bytes(\"hi\\r\\n\")"),
        (Step::send_frame(&framing, "hi"), "send_frame(\"hi\")"),
        (Step::send_frame(&framing, ""), "send_frame(\"\")"),
        (Step::expect_disconnect(), "expect_disconnect()"),
        (Step::disconnect(), "disconnect()"),
        (Step::reset(), "reset()"),
        (Step::pause(Duration::ZERO), "pause(0 us)"),
        (Step::pause(Duration::from_millis(50)), "pause(50 ms)"),
        (Step::pause(Duration::from_secs(600)), "pause(600 s)"),
        (Step::expect_no_connect(Duration::from_secs(1)), "expect_no_connect(1 s)"),
        (Step::reset().named("fault"), "reset() named \"fault\""),
        (Step::send_bytes("a".repeat(32)), "send_bytes(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\")"),
        (Step::send_bytes("a".repeat(1033)), "send_bytes(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"... 1,033 bytes)"),
    ];
    for (step, text) in cases {
        assert_eq!(step.to_string(), text);
    }
}

#[test]
fn a_step_knows_its_line_and_takes_amendments_as_often_as_they_come() {
    let step = Step::expect_connect().named("a").within(Duration::from_secs(1)).named("b");
    assert_eq!((step.location().file(), step.location().line()), (file!(), line!() - 1));
    let (line, column) = (step.location().line(), step.location().column());
    assert_eq!(
        alloc::format!("{step:?}"),
        alloc::format!("expect_connect() named \"b\" at {}:{line}:{column}", file!())
    );
    assert_eq!(step.name(), Some("b"));
    assert_eq!(step.deadline(), Some(Duration::from_secs(1)));
}

#[test]
fn values_that_make_no_sense_are_refused_at_once() {
    type Make = Box<dyn Fn() -> Step + core::panic::UnwindSafe>;
    let cases: [(Make, &str); 10] = [
        (Box::new(|| Step::expect_bytes("")), "expect_bytes: there is nothing to expect in an empty byte string"),
        (Box::new(|| Step::expect_line("a\n")), r#"expect_line: "a\n" has a line end in it; it is given without"#),
        (Box::new(|| Step::send_line("a\n")), r#"send_line: "a\n" has a line end in it; it is given without"#),
        (Box::new(|| Step::send_bytes("")), "send_bytes: there is nothing to send in an empty byte string"),
        (
            Box::new(|| Step::expect_frame(&Framing::default().max_length(3), "four")),
            "expect_frame: a frame of 4 bytes is longer than the framing's maximum of 3",
        ),
        (
            Box::new(|| Step::send_frame(&Framing::default().max_length(3), "four")),
            "send_frame: a frame of 4 bytes is longer than the framing's maximum of 3",
        ),
        (
            Box::new(|| Step::anytime(&Framing::default().max_length(3), "four", "")),
            "anytime: a frame of 4 bytes is longer than the framing's maximum of 3",
        ),
        (
            Box::new(|| Step::anytime(&Framing::default().max_length(3), "", "reply")),
            "anytime: a frame of 5 bytes is longer than the framing's maximum of 3",
        ),
        (
            Box::new(|| Step::expect_until("\r\n", "a\r\nb\r\n")),
            r#"expect_until: "a\r\nb\r\n" does not end with its first "\r\n""#,
        ),
        (Box::new(|| Step::expect_until("$", "a")), r#"expect_until: "a" does not end with its first "$""#),
    ];
    for (make, message) in cases {
        let payload = catch_unwind(make).unwrap_err();
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
        assert_eq!(text.as_deref(), Some(message));
    }
}

/// A script is played more than once by a test, unless it has closures.
impl Clone for Step {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind.clone(),
            location: self.location,
            capture: self.capture.clone(),
            extras: self.extras.clone(),
        }
    }
}

impl Clone for Extras {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), shown: self.shown.clone(), ..*self }
    }
}

impl Clone for Awaited {
    fn clone(&self) -> Self {
        Self { framing: self.framing.clone(), pattern: self.pattern.clone() }
    }
}

impl Clone for Rule {
    fn clone(&self) -> Self {
        Self {
            framing: self.framing.clone(),
            pattern: self.pattern.clone(),
            reply: self.reply.clone(),
            left: self.left,
            answered: self.answered,
        }
    }
}

impl Clone for Kind {
    fn clone(&self) -> Self {
        match self {
            Self::ExpectConnect => Self::ExpectConnect,
            Self::ExpectBytes(bytes) => Self::ExpectBytes(bytes.clone()),
            Self::ExpectMessage(awaited) => Self::ExpectMessage(awaited.clone()),
            Self::Send(wire) => Self::Send(wire.clone()),
            Self::Reply(_) => panic!("a closure cannot be cloned"),
            Self::Anytime(rule) => Self::Anytime(rule.clone()),
            &Self::Block { len, flow } => Self::Block { len, flow },
            Self::StopReading => Self::StopReading,
            Self::ExpectSilence(duration) => Self::ExpectSilence(*duration),
            Self::ExpectNoConnect(duration) => Self::ExpectNoConnect(*duration),
            Self::ExpectEof => Self::ExpectEof,
            Self::ExpectDisconnect { implied } => Self::ExpectDisconnect { implied: *implied },
            Self::WaitUntilRead => Self::WaitUntilRead,
            Self::Encrypt(security) => Self::Encrypt(Arc::clone(security)),
            Self::Truncate => Self::Truncate,
            Self::ShutDown => Self::ShutDown,
            Self::Disconnect => Self::Disconnect,
            Self::Reset => Self::Reset,
            Self::HandOver => Self::HandOver,
            Self::Pause(duration) => Self::Pause(*duration),
            Self::Mark(name) => Self::Mark(name.clone()),
            Self::Hold(name) => Self::Hold(name.clone()),
        }
    }
}
