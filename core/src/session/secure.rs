//! Connections that are encrypted: what comes on the wire becomes what the client says, and what the script says goes there.

use super::channel::{Arrival, Channel};
use super::connection::{Connection, Hearer};
use super::progress::Outcome;
use super::{Command, Link, Session};
use crate::report::Cause;
use crate::security::{Security, State, Trouble};
use crate::time::Instant;
use crate::transcript::Event;
use alloc::boxed::Box;
use alloc::sync::Arc;

impl Session {
    /// Plays a step that encrypts the connection.
    pub(super) fn encrypt(
        &mut self,
        now: Instant,
        security: &Arc<dyn Security>,
        rest: &mut &[u8],
        connection: Connection,
    ) -> Outcome {
        let step = self.steps.at;
        if let Some(by) = connection.shut_down_by {
            return Outcome::Failed(Cause::ShutDown { by: by + 1 });
        }
        if let (None, Hearer::Rule(by)) = (&self.channel, connection.heard_by) {
            // The script had yet to learn that TLS is next. It would pass for a message that was encrypted.
            return Outcome::Failed(Cause::Tls(Trouble::Answered { by: by + 1 }));
        }
        let upgraded = connection.sent > 0 || connection.heard_by != Hearer::Nobody;
        let channel = self.channel.get_or_insert_with(|| {
            let mut channel = Channel::new(security.engine(), step, connection.sent, upgraded);
            channel.receive(rest);
            self.log.take_back(rest.len());
            *rest = &[];
            Box::new(channel)
        });
        if channel.begun || channel.step != step {
            return Outcome::Failed(Cause::Tls(Trouble::Started { by: channel.step + 1, again: channel.step == step }));
        }
        match (channel.state(), connection.judged_end()) {
            (State::Established | State::Closed, _) if channel.is_through() || !connection.may_wait() => {
                channel.begun = true;
                Outcome::Done
            }
            (State::Over(alert), _) if channel.pending().is_empty() => {
                self.log.record(now, alert.map_or(Event::TlsInterrupted, Event::AlertSent));
                self.end_connection(now, connection, Command::Disconnect, rest)
            }
            (State::Fresh | State::Answered, Some(by)) if !channel.has_more() => {
                Outcome::Failed(Cause::Tls(Trouble::Ended { by, stage: channel.stage() }))
            }
            _ => Outcome::Waiting,
        }
    }

    /// Closes the connection, and does not say so in TLS.
    pub(super) fn truncate(&mut self, now: Instant, connection: Connection, rest: &mut &[u8]) -> Outcome {
        // Where there is a channel its handshake is done: else its step would be the current one.
        if self.channel.is_none() {
            return Outcome::Failed(Cause::Tls(Trouble::NotStarted));
        }
        if let Some(by) = connection.shut_down_by {
            // TLS has said so with that.
            return Outcome::Failed(Cause::ShutDown { by: by + 1 });
        }
        if !self.is_flushed(connection) {
            return Outcome::Waiting;
        }
        self.log.record(now, Event::Truncated);
        self.end_connection(now, connection, Command::Disconnect, rest)
    }

    /// Has TLS say that the server's stream ends, before it does. Returns whether that is out.
    pub(super) fn close_channel(&mut self, now: Instant, connection: Connection) -> bool {
        if let Some(channel) = self.channel.as_mut().filter(|_| connection.may_wait()) {
            if channel.close() {
                self.log.record(now, Event::CloseNotifySent);
            }
        }
        self.is_flushed(connection)
    }

    /// Says whether nothing is to be sent any more that TLS itself has to say, or nobody is there to get it.
    fn is_flushed(&mut self, connection: Connection) -> bool {
        let Some(channel) = &mut self.channel else { return true };
        if !connection.may_wait() || connection.shut_down_by.is_some() {
            channel.drop_pending();
        }
        channel.pending().is_empty()
    }

    /// Says whether what has come on the wire is to be looked at. What the script has to say goes first: what it has done by then does
    /// not depend on how much came at once.
    fn may_decrypt(&self) -> bool {
        // Whoever gets the connection gets what encrypts it, and is told what is wrong.
        if self.is_handing_over() {
            return false;
        }
        match (&self.fault, self.link) {
            (None, Link::Open(_)) => self.command.is_none() && self.unsent().is_empty(),
            _ => true,
        }
    }

    /// Looks at what has come on the wire, as far as it may be.
    pub(super) fn decrypt(&mut self, now: Instant) {
        if self.channel.is_none() {
            return;
        }
        while self.may_decrypt() {
            let Some(channel) = &mut self.channel else { return };
            match channel.next() {
                Some(arrival) => self.take_arrival(now, arrival),
                None if channel.has_more() => return,
                None => match channel.end.take() {
                    Some(end) => self.handle_end(now, end),
                    None => return,
                },
            }
        }
    }

    fn take_arrival(&mut self, now: Instant, arrival: Arrival) {
        let is_open = matches!(self.link, Link::Open(_));
        if let Some(channel) = self.channel.as_ref().filter(|_| arrival.established && arrival.trouble.is_none()) {
            self.log.record(now, Event::TlsEstablished(channel.handshake()));
            if let Link::Open(connection) = &mut self.link {
                connection.heard_by = Hearer::Nobody;
            }
            self.play_backlog(now);
        }
        if let Some(trouble) = arrival.trouble {
            if let Trouble::Refused(alert) | Trouble::Alert(alert) = trouble {
                self.log.record(now, Event::AlertReceived(alert));
            }
            if is_open {
                self.fail(Cause::Tls(trouble));
            }
        }
        if !arrival.plain.is_empty() {
            self.handle_plain(now, &arrival.plain);
        }
        if arrival.closed {
            self.handle_close_notify(now);
        }
    }

    /// Returns what encrypts the connection, which is about to be given away.
    #[cfg(feature = "std")]
    pub(crate) fn take_channel(&mut self) -> Option<Box<Channel>> {
        self.channel.take()
    }

    /// Encrypts some of what the script has to send, if it is to be encrypted and nothing is under way.
    pub(super) fn seal(&mut self) {
        let Some(mut channel) = self.channel.take() else { return };
        channel.seal(self.unsent());
        self.channel = Some(channel);
    }

    /// Returns what goes out next.
    pub(super) fn outgoing(&self) -> &[u8] {
        match (&self.channel, &self.fault, self.link) {
            (None, ..) => self.unsent(),
            (Some(channel), None, Link::Open(connection))
                if !self.is_settling() && connection.shut_down_by.is_none() =>
            {
                channel.pending()
            }
            _ => &[],
        }
    }
}
