//! What scripted servers cost, beside what a test would use instead: `cargo bench -p tcpclient-tests`. See README.md here.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what a measurement cannot do without may fail it")]

mod connections;
mod frames;
mod harness;
mod hello;
mod launch;
mod memory;
mod resident;
mod steps;
mod table;

use harness::Plan;
use table::Table;

/// Makes the tables of a group.
type Tables = fn() -> Vec<Table>;

/// All that is measured, in this order. A table is made when its turn has come: what it holds would be in the others' way.
pub(crate) const TABLES: &[(&str, Tables)] = &[
    ("hello", hello::tables),
    ("memory", memory::tables),
    ("frames", frames::tables),
    ("steps", steps::tables),
    ("connections", connections::tables),
    ("resident.session", resident::session_steps),
    ("resident.server", resident::server_steps),
    ("resident.idle", resident::idle),
    ("resident.conversation", resident::conversation),
];

fn main() {
    let plan = Plan::from_args();
    if let Some((name, count)) = &plan.exercise {
        return exercise(name, *count);
    }
    if !plan.launched {
        return launch::all(&plan);
    }
    launch::pin();
    for (name, tables) in TABLES {
        if plan.wants(name) {
            tables().iter_mut().filter(|table| plan.wants_table(table.name())).for_each(|table| table.measure(&plan));
        }
    }
}

/// Runs one case so often and does nothing else, for a tool that counts instructions or system calls.
fn exercise(name: &str, count: usize) {
    let tables = TABLES.iter().filter(|(table, _)| name.starts_with(table));
    for mut table in tables.flat_map(|(_, tables)| tables()) {
        if table.exercise(name, count) {
            return;
        }
    }
    panic!("there is no case {name:?}");
}
