//! The connections of a server that are delivered by a plan.

use super::course::{Course, Passed};
use super::{Stream, Wire, connect};
use crate::server::plan::Plan;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The connections that a plan is carried out on, in the order in which their clients came.
#[derive(Debug)]
pub(in crate::server) struct Plot {
    scene: Arc<Scene>,
    wires: Mutex<Vec<Arc<Mutex<Wire>>>>,
}

/// What all these connections have in common.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) plan: Plan,
    /// Those who are known to use the connections, if anybody asks who else does.
    players: Vec<Waker>,
    /// Whether anybody else has.
    strangers: AtomicBool,
    /// How often bytes were sent, or read.
    moves: AtomicU64,
}

impl Scene {
    /// Notes that a task with this waker uses a connection.
    pub(super) fn enter(&self, waker: &Waker) {
        if !self.players.is_empty() && !self.players.iter().any(|player| player.will_wake(waker)) {
            self.strangers.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn note_move(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }
}

impl Plot {
    pub(in crate::server) fn new(plan: Plan, players: Vec<Waker>) -> Self {
        let scene = Scene { plan, players, strangers: false.into(), moves: 0.into() };
        Self { scene: Arc::new(scene), wires: Mutex::default() }
    }

    fn wires(&self) -> MutexGuard<'_, Vec<Arc<Mutex<Wire>>>> {
        // Nothing panics while it holds the lock.
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects one more client; returns its side and the server's.
    pub(super) fn connect(&self, capacity: usize) -> (Stream, Stream) {
        let mut wires = self.wires();
        let course = Course::new(Arc::clone(&self.scene), wires.len() as u64 + 1);
        let (client, server) = connect(capacity, Some(course));
        wires.push(Arc::clone(&client.wire));
        (client, server)
    }

    /// Looks at what has passed on each connection.
    fn look<T>(&self, look: impl Fn(&Passed) -> T) -> Vec<T> {
        self.wires().iter().filter_map(|wire| Some(look(&lock(wire).course.as_ref()?.passed))).collect()
    }

    /// Returns what has passed on each connection.
    pub(in crate::server) fn passed(&self) -> Vec<Passed> {
        self.look(Passed::clone)
    }

    /// Returns how many bytes the server has sent on each connection.
    pub(in crate::server) fn sent(&self) -> Vec<u64> {
        self.look(|passed| passed.sent)
    }

    /// Says whether anybody but those who are known has used a connection.
    pub(in crate::server) fn had_strangers(&self) -> bool {
        self.scene.strangers.load(Ordering::Relaxed)
    }

    /// Returns a number that is another when bytes have been sent, or read.
    pub(in crate::server) fn moves(&self) -> u64 {
        self.scene.moves.load(Ordering::Relaxed)
    }

    /// Returns how many wakers of this task wait at connections, where only the other side can wake them.
    pub(in crate::server) fn held(&self, task: &Waker) -> usize {
        let count = |wire: &Arc<Mutex<Wire>>| {
            let wire = lock(wire);
            let ends = [&wire.client, &wire.server];
            ends.into_iter().flat_map(|end| [&end.reader, &end.writer]).flatten().filter(|w| w.will_wake(task)).count()
        };
        self.wires().iter().map(count).sum()
    }

    /// Says whether all clients have let go of their connections.
    pub(in crate::server) fn is_left(&self) -> bool {
        self.wires().iter().all(|wire| lock(wire).client.left.is_some())
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    // Nothing panics while it holds the lock.
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}
