//! Links the core into a program that has no `std`, and runs it on the host.
//!
//! The panic handler below is the proof. `std` brings a panic handler too, and a program has only one: as soon as the core
//! pulls in `std`, this program fails to compile with E0152, "found duplicate lang item". It must really use the core, or else
//! the compiler never loads it.
//!
//! The C library serves as the entry point, for `abort`, and for `memcpy` and its like.

#![no_std]
#![no_main]

extern crate alloc;

mod bump;

use alloc::string::ToString;
use core::ffi::{c_char, c_int};
use core::panic::PanicInfo;

use tcpclient_core::capture::Section;
use tcpclient_core::report::Cause;
use tcpclient_core::session::{Config, Output, Session};
use tcpclient_core::step::Step;
use tcpclient_core::time::{Duration, Instant};

#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
}

/// Exits with 0 if the core did its work here, and aborts otherwise.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    tells_time();
    plays_a_session();
    0
}

fn tells_time() {
    let moment = Instant::ORIGIN + Duration::from_millis(1500);
    assert_eq!(moment.to_string(), "1.500 s");
}

/// Plays a short script with a `Session`, from its steps to its report.
fn plays_a_session() {
    let now = Instant::ORIGIN;
    let mut session = Session::new(Config::default());
    session.start_capture();
    session.push(Step::expect_connect());
    session.push(Step::expect_bytes("ping"));
    session.push(Step::send_bytes("pong"));
    session.push(Step::expect_disconnect());
    session.handle_connection(now, None);
    assert!(matches!(session.poll_output(now), Output::Accept));
    session.handle_bytes(now, b"ping");
    assert!(matches!(session.poll_output(now), Output::Wait(wait) if wait.send == b"pong"));
    session.handle_sent(now, 4);
    session.handle_bytes(now, b"pang");
    let report = session.report("no std", Cause::Interrupted);
    assert_eq!(report.cause(), &Cause::UnexpectedData);
    assert!(report.to_string().starts_with("scripted server no std: step 4 of 4 failed\n"));
    let capture = Section::default().write(session.capture());
    assert!(["ping", "pong", "pang"].iter().all(|word| capture.windows(4).any(|bytes| bytes == word.as_bytes())));
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    abort()
}

/// The ready-made `core` and `alloc` are compiled for unwinding and name this symbol. Nothing unwinds here, so nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Like [`rust_eh_personality`]: named, never called.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    abort()
}
