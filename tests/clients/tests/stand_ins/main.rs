//! Cases of clients that are too heavy to be here for a test or two: of their protocols, a small client plays as much as the case needs.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

#[macro_use]
mod stage;

mod cql;
mod kafka;
mod mongo;
mod mqtt;
