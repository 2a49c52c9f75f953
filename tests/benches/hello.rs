//! Hello: a client connects, says so many bytes, gets as many, and closes.

mod async_std;
mod smol;
mod std;
mod tokio;

use crate::table::{Table, Unit};
use ::std::time::Duration;
use tcpclient_core::server::probe;

const REQUEST: &[u8; 14] = b"Hello, server!";
const REPLY: &[u8; 14] = b"Hello, client!";
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn tables() -> Vec<Table> {
    let debug = cfg!(debug_assertions);
    let known = probe::is_available();
    let profile = if debug { "debug" } else { "release" };
    let probe = if known { "probe on" } else { "probe off" };
    let title = |runtime: &str| format!("hello over loopback, {runtime}, {profile}, {probe}");
    let name = |runtime: &str| format!("hello.{runtime}");

    let mut all = vec![tokio::table(Table::new(name("tokio"), title("tokio"), Unit::Micros))];
    let [tokio] = &mut all[..] else { unreachable!() };
    let (must, aim) = match (debug, known) {
        (false, false) => (1.10, 1.04),
        (true, false) => (1.30, 1.15),
        (_, true) => (1.25, 1.10),
    };
    tokio.time("ours", "by hand, timeouts", must, aim);
    tokio.time("ours, new runtime", "by hand, timeouts, new runtime", must, aim);
    let (must, aim) = if known { (1.25, 1.10) } else { (1.10, 1.05) };
    for mut table in [
        smol::table(Table::new(name("smol"), title("smol"), Unit::Micros)),
        async_std::table(Table::new(name("async-std"), title("async-std"), Unit::Micros)),
    ] {
        table.time("ours", "by hand, timeouts", must, aim);
        all.push(table);
    }
    all.push(std::table(Table::new(name("std"), title("a client that blocks"), Unit::Micros)));
    all
}
