//! The sans-IO core.
#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod framing;
pub mod pattern;
mod preview;
mod render;
pub mod report;
#[cfg(feature = "std")]
pub mod server;
pub mod session;
pub mod step;
pub mod time;
pub mod transcript;
