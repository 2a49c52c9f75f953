//! What is fuzzed, as functions of bytes: each panics if the core does what it must not. The fuzz targets call them, and so does the
//! suite, with bytes by chance.
#![allow(missing_docs, unreachable_pub, reason = "nobody else uses it")]
#![allow(clippy::unwrap_used, reason = "who cannot go on says so")]

pub mod chaos;
pub mod framing;
mod input;
mod model;
pub mod pattern;
pub mod play;
mod script;
pub mod session;
