//! Processes that measure.
//!
//! Each has one core, so that neither side pays for waking another one, and a network of its own where the system gives it one: the
//! closed connections of others would be in the way. Whether servers know what clients do with their end (the probe) is decided once in
//! a process, so hello is measured in two.

use crate::harness::Plan;
use std::process::Command;

/// Measures all that is wanted, each group in a process of its own, and hello once more with the probe.
pub(crate) fn all(plan: &Plan) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (options, only): (Vec<String>, Vec<String>) = args.into_iter().partition(|arg| arg.starts_with('-'));
    for (group, _) in super::TABLES.iter().filter(|(group, _)| plan.wants(group)) {
        let mut args = options.clone();
        args.extend(only.iter().filter(|only| only.starts_with(group)).cloned());
        if args.len() == options.len() {
            args.push((*group).into());
        }
        launch("off", &args);
        if *group == "hello" {
            launch("on", &args);
        }
    }
}

fn launch(probe: &str, args: &[String]) {
    let program = std::env::current_exe().expect("the path of this program");
    let own =
        ["--net", "--map-root-user", "sh", "-c", "ip link set lo up && ulimit -n $(ulimit -Hn) && exec \"$0\" \"$@\""];
    let isolated = Command::new("unshare").args(own).arg("true").status().is_ok_and(|status| status.success());
    let mut command = if isolated {
        let mut command = Command::new("unshare");
        command.args(own).arg(program);
        command
    } else {
        eprintln!("no network namespaces here: the closed connections of others may be in the way");
        Command::new(program)
    };
    let status = command.args(args).arg(Plan::LAUNCHED).env("TCPCLIENT_PROBE", probe).status();
    let status = status.expect("this program can be run");
    assert!(status.success(), "the process that measures ended with {status}");
}

/// Binds this process to the last of its cores: the first has most interrupts to serve.
pub(crate) fn pin() {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Ok(allowed) = sched_getaffinity(None) else { return };
        let mut one = CpuSet::new();
        if let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|&cpu| allowed.is_set(cpu)) {
            one.set(last);
            if sched_setaffinity(None, &one).is_err() {
                eprintln!("this process cannot be bound to a core: what crosses threads is not comparable");
            }
        }
    }
}
