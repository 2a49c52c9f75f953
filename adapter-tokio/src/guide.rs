//! Guides, a page each. Those of the other adapters are the same but for the crate's name and the attribute of a test.
//!
//! - [`first_test`]: a server, a script, a client
//! - [`reports`]: what a test that fails says
//! - [`framing`]: where a message ends, and whether it is the right one
//! - [`several_connections`]: one after another, and at once
//! - [`faults`]: what a client must bear
//! - [`in_memory`]: no socket, no waiting, and every way TCP could have cut the bytes
//! - [`blocking`]: clients that block
//! - [`rstest_and_nextest`]
//! - [`embedding`]: the core in a harness of your own

macro_rules! pages {
    ($($name:ident: $file:literal,)+) => {$(
        #[doc = include_str!(concat!("../guide/", $file))]
        pub mod $name {}
    )+};
}

pages! {
    first_test: "first-test.md",
    reports: "reports.md",
    framing: "framing.md",
    several_connections: "several-connections.md",
    faults: "faults.md",
    in_memory: "in-memory.md",
    blocking: "blocking.md",
    rstest_and_nextest: "rstest-and-nextest.md",
    embedding: "embedding.md",
}
