//! What is written down where handles and driver meet.

use super::{Progress, Ticket};
use crate::report::Cause;
use crate::server::hand_over::Taker;
use crate::server::raw::RawStream;
use crate::server::sessions::{Order, Sessions};
use crate::session::Config;
use crate::step::{Step, SyncPoint};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Weak;
use alloc::vec::Vec;
use core::panic::Location;
use core::task::{Context, Waker};
use std::thread::ThreadId;

/// What a hub keeps under its lock.
#[derive(Debug)]
pub(super) struct Board {
    /// The sessions, while the driver is not at work.
    pub(super) sessions: Option<Box<Sessions>>,
    /// The thread on which the driver is at work.
    pub(super) driving: Option<ThreadId>,
    /// The number of threads that wait for the sessions.
    pub(super) blocked: usize,
    pub(super) orders: VecDeque<Order>,
    /// What there is to know of each script.
    pub(super) desks: Vec<Desk>,
    /// The names of the steps that hold, with their scripts; those of the marks, with their scripts and steps; those that were
    /// released, with the script and the place that did it first.
    pub(super) holds: BTreeSet<(String, usize)>,
    pub(super) marks: BTreeMap<String, (usize, usize)>,
    pub(super) releases: BTreeMap<String, (usize, &'static Location<'static>)>,
    /// The number of the latest checkpoint that somebody asked for: a look at all that the kernel holds.
    pub(super) requested: u64,
    /// Where connections go that scripts give away, with the script and the step.
    pub(super) takers: Vec<((usize, usize), Weak<Taker>)>,
    /// Connections that were given away before it was known where to.
    pub(super) given: Vec<((usize, usize), RawStream)>,
    pub(super) finishing: Option<&'static Location<'static>>,
    pub(super) closed: bool,
    pub(super) progress: Progress,
    /// What there is to say of the clock.
    pub(super) clock: Option<&'static str>,
    /// Whether no client could get through when the script failed.
    pub(super) shut: bool,
    pub(super) told: Told,
    pub(super) driver: Option<Waker>,
    /// Of a server that plays in the task of its test: who else has given orders is somebody to reckon with.
    pub(super) home: Option<Home>,
    pub(super) waiters: Vec<(Ticket, Waker)>,
}

/// Where a server plays.
#[derive(Debug, Default)]
pub(super) struct Home {
    /// The thread on which it is its turn, or that of its test.
    pub(super) thread: Option<ThreadId>,
    /// Whether orders have come from elsewhere.
    pub(super) visited: bool,
}

/// What there is to know of one script.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) pushed: usize,
    /// The number of steps that the driver last made known to be done.
    pub(super) done: usize,
    /// The smallest number of done steps that somebody waits for.
    pub(super) awaited: usize,
    /// The number of steps that a successful join has vouched for.
    pub(super) joined: usize,
}

impl Desk {
    pub(super) const NEW: Self = Self { pushed: 0, done: 0, awaited: usize::MAX, joined: 0 };
}

/// How much of a failure the test has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    Nothing,
    /// It was handed out as a value.
    Value,
    /// It was shown in full.
    Shown,
}

impl Board {
    pub(super) fn new(config: Config) -> Self {
        Self {
            sessions: Some(Box::new(Sessions::new(config))),
            driving: None,
            blocked: 0,
            orders: VecDeque::new(),
            desks: Vec::from([Desk::NEW]),
            holds: BTreeSet::new(),
            marks: BTreeMap::new(),
            releases: BTreeMap::new(),
            requested: 0,
            takers: Vec::new(),
            given: Vec::new(),
            finishing: None,
            closed: false,
            progress: Progress::default(),
            clock: None,
            shut: false,
            told: Told::Nothing,
            driver: None,
            home: None,
            waiters: Vec::new(),
        }
    }

    /// Has the task of this ticket woken when something is made known. Returns the waker that was kept for it until now, if that is another:
    /// it is foreign code, also when it is dropped, which is not to be under the lock.
    pub(super) fn watch(&mut self, ticket: Ticket, cx: &Context<'_>) -> Option<Waker> {
        match self.waiters.iter_mut().find(|(waiter, _)| *waiter == ticket) {
            Some((_, waker)) if waker.will_wake(cx.waker()) => None,
            Some((_, waker)) => Some(core::mem::replace(waker, cx.waker().clone())),
            None => {
                self.waiters.push((ticket, cx.waker().clone()));
                None
            }
        }
    }

    /// Carries out what handles have ordered, for a report; needs the sessions to be here.
    pub(super) fn settle(&mut self) -> Option<&mut Sessions> {
        let sessions = self.sessions.as_mut()?;
        sessions.order(&mut self.orders);
        while sessions.carry_out().is_some() {}
        Some(sessions)
    }

    /// Says whether no more steps and scripts may come.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.finishing.is_some()
    }

    /// Looks for a name that was released and that no hold has.
    pub(super) fn unheard(&self) -> Option<(usize, Cause)> {
        let has_hold = |name: &str| self.holds.iter().any(|(hold, _)| hold == name);
        let (name, &(script, at)) = self.releases.iter().find(|(name, _)| !has_hold(name))?;
        let names: BTreeSet<&String> = self.holds.iter().map(|(hold, _)| hold).collect();
        let holds = names.into_iter().cloned().collect();
        Some((script, Cause::UnknownRelease { name: name.clone(), at, holds }))
    }

    /// Takes note of more steps of a script. Returns the index of the first, or why there can be none.
    pub(super) fn admit(&mut self, script: usize, steps: &[Step]) -> Result<usize, String> {
        if self.is_over() {
            return Err("a step was added after the server had been finished or dropped".into());
        }
        let first = self.desks[script].pushed;
        for (index, step) in (first..).zip(steps) {
            if !self.name(script, index, step) {
                return Err(format!("there is a {step} already; each name is for one step"));
            }
        }
        self.desks[script].pushed += steps.len();
        Ok(first)
    }

    /// Takes note of the name of a step, if it has one on which scripts and test meet; returns whether it was free.
    fn name(&mut self, script: usize, index: usize, step: &Step) -> bool {
        match step.sync_point() {
            Some(SyncPoint::Mark(name)) if self.marks.contains_key(name) => false,
            Some(SyncPoint::Mark(name)) => self.marks.insert(name.into(), (script, index)).is_none(),
            Some(SyncPoint::Hold(name)) => self.holds.insert((name.into(), script)),
            None => true,
        }
    }
}
