//! The sessions of a server: one for each of its scripts, and what has been said between them.

use crate::report::{Cause, Report};
use crate::session::{Config, Session};
use crate::step::{Amendment, Step};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// The sessions of a server, in the order in which their scripts were opened: the main script's is the first.
#[derive(Debug)]
pub(super) struct Sessions {
    all: Vec<Part>,
    /// What is to be done.
    orders: VecDeque<Order>,
    /// What holds may wait for: scripts that are opened later have to hear it, too.
    said: BTreeSet<Said>,
    /// Whether they keep their conversations.
    #[cfg(feature = "pcapng")]
    captures: bool,
}

/// The session of one script.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) session: Session,
    /// The smallest number of done steps that somebody waits for.
    pub(super) awaited: usize,
}

/// A name that lets scripts go on which hold with it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    name: Box<str>,
    /// The index of the script whose mark it is; its own holds wait for the test.
    by: Option<usize>,
}

/// What a handle wants of the sessions: of that of the script with this index, if it names one.
#[derive(Debug)]
pub(super) enum Order {
    Open(Config),
    Push(usize, Step),
    Amend(usize, usize, Amendment),
    Release(String),
}

impl Sessions {
    /// The number of orders for which no memory is kept.
    const MANY: usize = 1024;

    /// Returns the session of a main script.
    pub(super) fn new(config: Config) -> Self {
        let mut sessions = Self {
            all: Vec::with_capacity(1),
            orders: VecDeque::new(),
            said: BTreeSet::new(),
            #[cfg(feature = "pcapng")]
            captures: false,
        };
        sessions.open(config);
        sessions
    }

    /// Has the sessions keep their conversations, also those of scripts that are opened later.
    #[cfg(feature = "pcapng")]
    pub(super) fn start_captures(&mut self) {
        self.captures = true;
        self.all.iter_mut().for_each(|part| part.session.start_capture());
    }

    /// Adds to what is to be done.
    pub(super) fn order(&mut self, orders: &mut VecDeque<Order>) {
        if self.orders.is_empty() {
            // As they lie: a script of a million steps is not to be there twice.
            core::mem::swap(&mut self.orders, orders);
        } else {
            self.orders.append(orders);
        }
    }

    /// Carries out the order that has waited longest. Returns `None` if there is none.
    pub(super) fn carry_out(&mut self) -> Option<()> {
        let Some(order) = self.orders.pop_front() else {
            if self.orders.capacity() > Self::MANY {
                self.orders = VecDeque::new();
            }
            return None;
        };
        match order {
            Order::Open(config) => self.open(config),
            Order::Push(script, step) => _ = self.all[script].session.push(step),
            Order::Amend(script, index, amendment) => self.all[script].session.amend(index, amendment),
            Order::Release(name) => self.say(name.into(), None),
        }
        Some(())
    }

    /// Adds the session of one more script.
    fn open(&mut self, config: Config) {
        // Set up where it lies: it is large.
        self.all.push(Part { session: Session::new(config), awaited: usize::MAX });
        if let Some(Part { session, .. }) = self.all.last_mut() {
            #[cfg(feature = "pcapng")]
            if self.captures {
                session.start_capture();
            }
            self.said.iter().for_each(|said| session.release(&*said.name));
        }
        if self.all.len() > 1 {
            self.all.iter_mut().for_each(|part| part.session.share_door());
        }
    }

    /// Lets every script go on that holds with this name, or all but that whose mark it is.
    fn say(&mut self, name: Box<str>, by: Option<usize>) {
        for (index, part) in self.all.iter_mut().enumerate() {
            if Some(index) != by {
                part.session.release(&*name);
            }
        }
        self.said.insert(Said { name, by });
    }

    /// Lets scripts go on that hold until another has come to its mark. Returns whether any mark was reached.
    pub(super) fn meet(&mut self) -> bool {
        let mut met = false;
        let mut index = 0;
        while index < self.all.len() {
            if self.all[index].session.has_marks() {
                for mark in self.all[index].session.take_marks() {
                    met = true;
                    self.say(mark, Some(index));
                }
            }
            index += 1;
        }
        met
    }

    /// Returns the index of the script that has failed.
    pub(super) fn failed(&self) -> Option<usize> {
        // A plain loop, as this is asked again and again: chains of iterators cost most where tests are built without optimisation.
        let mut index = 0;
        while index < self.all.len() {
            if self.all[index].session.has_failed() {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    /// Says whether the steps of all scripts are done.
    pub(super) fn are_done(&self) -> bool {
        self.all.iter().all(|part| part.session.is_done())
    }

    /// Says whether any script waits for a client.
    pub(super) fn want_client(&self) -> bool {
        self.all.iter().any(|part| part.session.wants_client())
    }

    /// Says whether any client has gone and what it left is about to be known.
    pub(super) fn are_settling(&self) -> bool {
        self.all.iter().any(|part| part.session.is_settling())
    }

    /// Returns how many clients have connected.
    pub(super) fn connections(&self) -> usize {
        self.all.iter().map(|part| part.session.connections()).sum()
    }

    /// Returns the index of the first script that has steps to play or, if none has, of the main script.
    pub(super) fn unfinished(&self) -> usize {
        self.all.iter().position(|part| !part.session.is_done()).unwrap_or(0)
    }

    /// Returns the story of a script, and where the others stand.
    pub(super) fn report(&self, index: usize, server: &str, cause: Cause) -> Report {
        let mut report = self.all[index].session.report(server, cause);
        if self.all.len() > 1 {
            report.name_script(index + 1);
            let others = self.all.iter().enumerate().filter(|&(other, _)| other != index);
            others.for_each(|(other, part)| part.session.report_beside(&mut report, other + 1));
        }
        report
    }
}

impl Deref for Sessions {
    type Target = [Part];

    fn deref(&self) -> &[Part] {
        &self.all
    }
}

impl DerefMut for Sessions {
    fn deref_mut(&mut self) -> &mut [Part] {
        &mut self.all
    }
}
