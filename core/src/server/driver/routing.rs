//! Which script gets a client.
//!
//! A server with one script gives it every client at once. Where there are several, a client first stands in the lobby. A script that waits in
//! an `expect_connect` takes the client that came first, those that wait for one in the order in which they came to it. Whom nobody waits
//! for is *hosted*, once the kernel has been asked for what could make somebody wait: he stands at the door of a script, whose
//! failures he then belongs to, and is passed on when another one wants him.

use super::super::runtime::{Listener, Timer};
use super::super::sessions::Sessions;
use super::Driver;
use super::lane::Guest;
use core::task::Context;

/// Where the client stands that came first.
enum Place {
    Door(usize),
    Lobby,
}

impl<L: Listener, T: Timer> Driver<L, T> {
    /// Takes in a client that was just accepted.
    pub(super) fn receive(&mut self, sessions: &mut Sessions, guest: Guest<L::Stream>) {
        // Behind a failure, what comes belongs to its report. A script that was opened before the client came may not be here yet.
        let alone = self.lanes.len() == 1 && self.hub.scripts() == 1;
        match sessions.failed().or(alone.then_some(0)) {
            Some(index) => self.lanes[index].welcome(&mut sessions[index].session, &mut self.kit, guest),
            None => self.lobby.push(guest),
        }
    }

    /// Brings the clients to the scripts that wait for one. Returns whether any script has something new to do.
    pub(super) fn route(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Some((to, place)) = self.waiting(sessions).zip(self.first_guest()) {
            if sessions.failed().is_some() {
                return true;
            }
            self.give(sessions, to, place);
            // It is at the door until the session has said that it takes it in.
            self.lanes[to].obey(&mut sessions[to].session, &mut self.kit, cx);
            moved = true;
        }
        let host = host(sessions);
        for from in 0..self.lanes.len() {
            // A script that has taken a client keeps no other waiting if somebody else can.
            if from != host && sessions[from].session.is_connected() {
                while let Some(guest) = self.lanes[from].door.pop_front() {
                    sessions[from].session.pass_on_client(self.kit.now(), host + 1);
                    self.welcome(sessions, host, guest);
                    moved = true;
                }
            }
        }
        moved
    }

    /// Has clients wait for whom no script waits, the kernel having been asked. Returns whether there were any.
    pub(super) fn host(&mut self, sessions: &mut Sessions) -> bool {
        let lobby = core::mem::take(&mut self.lobby);
        let some = !lobby.is_empty();
        for guest in lobby {
            self.welcome(sessions, host(sessions), guest);
        }
        some
    }

    fn welcome(&mut self, sessions: &mut Sessions, index: usize, guest: Guest<L::Stream>) {
        // If a script has failed over the one before, this one belongs to its report.
        let index = sessions.failed().unwrap_or(index);
        self.current = index;
        self.lanes[index].welcome(&mut sessions[index].session, &mut self.kit, guest);
    }

    /// Returns the index of the script that has waited longest for a client.
    fn waiting(&mut self, sessions: &Sessions) -> Option<usize> {
        let turn = self.turn;
        let parts = self.lanes.iter_mut().zip(sessions.iter()).enumerate();
        let waiting = parts.filter_map(|(index, (lane, part))| {
            if !part.session.wants_client() {
                lane.wants_since = None;
                return None;
            }
            Some((*lane.wants_since.get_or_insert(turn), index))
        });
        waiting.min().map(|(_, index)| index)
    }

    fn first_guest(&self) -> Option<Place> {
        let doors = self.lanes.iter().enumerate();
        let doors = doors.filter_map(|(index, lane)| Some((lane.door.front()?.number, Place::Door(index))));
        let lobby = self.lobby.first().map(|guest| (guest.number, Place::Lobby));
        doors.chain(lobby).min_by_key(|&(number, _)| number).map(|(_, place)| place)
    }

    fn give(&mut self, sessions: &mut Sessions, to: usize, place: Place) {
        let now = self.kit.now();
        self.current = to;
        self.lanes[to].wants_since = None;
        self.lanes[to].take_leave(&mut sessions[to].session, &mut self.kit);
        let guest = match place {
            Place::Door(from) if from == to => {
                sessions[to].session.take_client(now);
                return;
            }
            Place::Door(from) => {
                sessions[from].session.pass_on_client(now, to + 1);
                self.lanes[from].door.pop_front()
            }
            Place::Lobby => Some(self.lobby.remove(0)),
        };
        if let Some(guest) = guest {
            sessions[to].session.give_client(now, guest.peer);
            self.lanes[to].door.push_front(guest);
        }
    }
}

/// Returns the index of the script at whose door a client waits for whom no script does: the main one or, if that has an open
/// connection, the first that has none. If all have one, the main script has to say that it is one too many.
fn host(sessions: &Sessions) -> usize {
    sessions.iter().position(|part| !part.session.is_connected()).unwrap_or(0)
}
