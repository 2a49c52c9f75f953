//! What the tests of the same protocol share: how its messages are cut, what they look like, and how a session begins.
//!
//! A part of a script that many tests share is a plain function over [`Script`](tcpclient_tokio::Script), like
//! [`resp::handshake`] and [`smtp::greeting`]: no trait, no macro, and a server of any runtime can be passed to it. With
//! `#[track_caller]` a report shows the line of the test that called the function, not a line of the function.

pub mod ciphers;
pub mod http2;
pub mod modbus;
pub mod mqtt;
pub mod postgres;
pub mod resp;
pub mod smtp;
