//! Clients that several sessions share: each of these plays one of the scripts that run beside each other on one listener.

use super::{Link, Session};
use crate::step::Kind;
use crate::time::Instant;
use crate::transcript::Event;
use core::net::SocketAddr;

impl Session {
    /// Has the session take a client only when [`take_client`](Self::take_client) or [`give_client`](Self::give_client) says so,
    /// and not when its `expect_connect` meets one at the door. For drivers that have several sessions on one listener: who of them
    /// gets a client that has waited is theirs to say.
    pub fn share_door(&mut self) {
        self.shares_door = true;
    }

    /// Says whether the session is in an `expect_connect`, and has done with the connection before.
    pub fn wants_client(&self) -> bool {
        let idle = self.fault.is_none() && self.command.is_none() && !matches!(self.link, Link::Open(_));
        idle && self.steps.current().is_some_and(|step| matches!(step.kind, Kind::ExpectConnect))
    }

    /// Has the session take the client that has waited longest at its door, if it [wants](Self::wants_client) one.
    pub fn take_client(&mut self, now: Instant) {
        let shares_door = core::mem::take(&mut self.shares_door);
        self.play_backlog(now);
        self.shares_door = shares_door;
    }

    /// Handles a client that comes from the door of another session, or that is for this one because it
    /// [wants](Self::wants_client) one: it is taken before those at the door.
    pub fn give_client(&mut self, now: Instant, peer: Option<SocketAddr>) {
        self.connections += 1;
        self.log.connected(now, peer, true);
        self.door.push_front(peer);
        self.take_client(now);
    }

    /// Has the idle limit count anew from the next [`poll_output`](Self::poll_output) on: for a session that has nothing to do while
    /// the scripts beside it are played.
    pub fn stay(&mut self) {
        self.idle_since = None;
    }

    /// Lets go of the client that has waited longest at the door: it goes to the session of the script with this number, which
    /// only the transcript tells.
    pub fn pass_on_client(&mut self, now: Instant, script: usize) {
        if self.door.pop_front().is_some() {
            self.connections -= 1;
            self.log.record(now, Event::PassedOn(script));
        }
    }
}

#[cfg(test)]
mod tests;
