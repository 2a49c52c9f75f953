//! The behaviours of the server, each written once and played on every stage: a runtime, and a transport on it. Among them is
//! all that pytest-tcpclient 0.7.29 does, with the text of each failure.
//!
//! A case is an `async fn(Stage)` below an `on_every_stage!` that makes a test of it for each stage. It names no runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot do without may fail it")]

mod bytes;
mod capture;
mod connect;
mod disconnect;
mod ends;
mod explore;
mod explore_right;
mod explore_stalls;
mod fixtures;
mod flow;
mod frames;
mod halves;
mod hand_over;
mod listening;
mod live;
mod memory;
mod panics;
mod scripts;
mod second;
mod states;
mod tls;
mod tls_ends;
mod tls_troubles;
mod unread;
mod words;
