//! The text of a report.

use crate::framing::{FramingError, Grouped};
use crate::preview::Count;
use crate::report::{Arrived, Cause, Client, Doubt, Dump, End, Line, Listing, Mark, Part, Report, Standing};
use crate::security::Trouble;
use crate::time::Span;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use core::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scripted server {}: {}", Subject(self), Heading(self))?;
        if let Some(line) = self.failed_line() {
            write!(f, "\n  {line} at {}", line.location)?;
            if let Some(round) = self.round {
                write!(f, ", in round {round}")?;
            }
        }
        write!(f, "\n  {}", Sentence(self))?;
        for dump in &self.evidence {
            write!(f, "{dump}")?;
        }
        if let Some(framing) = &self.framing {
            write!(f, "\n  framing: {framing}")?;
        }
        if let Some(client) = self.client_sentence() {
            write!(f, "\n  {client}")?;
            if self.may_be_outdated() {
                f.write_str(", as far as the server has noticed")?;
            }
        }
        if let Some(left) = self.left_unread() {
            write!(f, "\n  {left}")?;
        }
        match (&self.other_framing, self.advice()) {
            (Some(doubt), _) if self.reason.is_none() => write!(f, "\n  {doubt}")?,
            (_, Some(advice)) => write!(f, "\n  {advice}")?,
            (_, None) => {}
        }
        write!(f, "\n\n  script{}", self.script)?;
        write!(f, "\n\n  conversation")?;
        if self.transcript.entries().len() == 0 {
            f.write_str("\n    (none)")?;
        }
        if self.transcript.dropped() > 0 {
            write!(f, "\n    ... {} more before these", self.transcript.dropped())?;
        }
        for entry in self.transcript.entries() {
            write!(f, "\n    {entry}")?;
        }
        if !self.others.is_empty() {
            write!(f, "\n\n  other scripts")?;
        }
        for other in self.others.iter().take(OTHERS) {
            write!(f, "\n    {other}")?;
        }
        if self.others.len() > OTHERS {
            write!(f, "\n    ... {} more after these", self.others.len() - OTHERS)?;
        }
        if !self.notes.is_empty() {
            f.write_str("\n")?;
        }
        for note in &self.notes {
            write!(f, "\n  {}", note.trim_end().replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

/// The most other scripts that a report shows.
const OTHERS: usize = 20;

impl Report {
    /// Says in one line which step failed, for those who have seen the whole report before.
    pub fn summary(&self) -> impl fmt::Display {
        Summary(self)
    }

    /// Says whether the client may have done more than the report says: the server did not get round to look before the script was over.
    fn may_be_outdated(&self) -> bool {
        matches!(self.cause, Cause::Interrupted | Cause::Dropped | Cause::Abandoned)
            && matches!(self.client, Client::NeverConnected | Client::Waiting | Client::Connected | Client::HalfClosed)
    }

    /// Says what the client has done, where the cause does not say so already.
    fn client_sentence(&self) -> Option<Cow<'static, str>> {
        let sentence = match (&self.cause, self.client) {
            (Cause::Closed { .. }, Client::HalfClosed) => Some("it holds the connection, and may go on reading"),
            (Cause::Unread { .. } | Cause::Aborted, _) if self.connects => {
                Some("that was the connection before, whose end expect_connect() implies")
            }
            (
                Cause::Closed { .. }
                | Cause::Unread { .. }
                | Cause::Aborted
                | Cause::CutOff { .. }
                | Cause::NotDelivered { .. }
                | Cause::MissingConnect
                | Cause::UnclaimedConnection { .. }
                | Cause::UnclaimedClient { .. }
                | Cause::UnknownRelease { .. }
                | Cause::Tls(Trouble::Ended { by: End::Reset, .. }),
                _,
            )
            | (Cause::ConnectTimeout { .. }, Client::NeverConnected)
            | (Cause::UnexpectedClient { .. }, Client::Waiting)
            | (Cause::NoStepLeft { .. }, Client::Closed | Client::Ended) => None,
            (Cause::ConnectTimeout { .. } | Cause::NotConnected { .. }, Client::Waiting) => {
                Some("a client has connected since")
            }
            (Cause::ConnectTimeout { .. }, Client::HalfClosed) => {
                Some("the client of an earlier step has shut down its sending half, and holds its connection")
            }
            (Cause::ConnectTimeout { .. } | Cause::UnexpectedClient { .. }, Client::Connected) => {
                Some("the client of an earlier step is still connected")
            }
            (_, Client::NeverConnected) if self.number.is_some() => Some("no client has connected for this script"),
            (_, Client::NeverConnected) => Some("no client has connected"),
            (_, Client::Waiting) => Some("a client has connected and waits for an expect_connect()"),
            (_, Client::Connected) => Some("the client is still connected"),
            (_, Client::HalfClosed) => Some("the client has shut down its sending half, and holds the connection"),
            (_, Client::Ended) => Some("the client has closed the connection, or its sending half"),
            (_, Client::Closed | Client::Reset) if self.unread.is_some_and(|unread| unread > 0) => {
                let share = Share { count: self.unread.unwrap_or_default(), of: self.sent };
                let verb = if share.count == 1 { "was" } else { "were" };
                let text = format!("the client has closed the connection: {share} it was sent {verb} not read");
                return Some(Cow::Owned(text));
            }
            (_, Client::Closed) => Some("the client has closed the connection"),
            (_, Client::Reset) => Some("the client has reset the connection"),
            (_, Client::EndedByServer) if self.handed_over => None,
            (_, Client::EndedByServer) => Some("the script itself has ended the last connection"),
        };
        sentence.map(Cow::Borrowed)
    }

    /// Says how much the client left unread when it closed, or has not read so far, where the cause does not say so already.
    fn left_unread(&self) -> Option<Cow<'static, str>> {
        let by = match self.cause {
            Cause::Closed { .. } | Cause::CutOff { .. } if self.client == Client::HalfClosed => {
                let unread = NotRead::of(self).filter(|it| it.0.count > 0)?;
                return Some(Cow::Owned(format!("so far it {unread}")));
            }
            Cause::MessageTimeout { .. }
            | Cause::SendTimeout { .. }
            | Cause::EofTimeout { .. }
            | Cause::DisconnectTimeout { .. }
            | Cause::NoStepLeft { .. } => {
                let is_told = matches!(self.client, Client::Closed | Client::Reset);
                let unread = NotRead::of(self).filter(|it| it.0.count > 0 && !is_told)?;
                return Some(Cow::Owned(format!("it {unread}")));
            }
            Cause::Closed { by, .. } => by,
            Cause::CutOff { .. } | Cause::NotDelivered { .. } => End::Close,
            // The count came behind the reset that had failed the script.
            Cause::Unread { unread: None, .. } if self.unread.is_some() => End::Reset,
            _ => return None,
        };
        let text = match (by, self.unread) {
            (_, Some(unread @ 1..)) => {
                let share = Share { count: unread, of: self.sent };
                return Some(Cow::Owned(format!("it closed without reading {share} it was sent")));
            }
            (End::Close, _) => return None,
            (End::Reset, _) if self.sent == 0 => {
                "it closed with a reset, though it was sent nothing: it aborted the connection"
            }
            (End::Reset, Some(_)) => {
                "it closed with a reset, and nothing was left to read when its socket went: it aborted the connection"
            }
            (End::Reset, None) => {
                "it closed with a reset: it had not read all that it was sent, unless it aborted on purpose"
            }
        };
        Some(Cow::Borrowed(text))
    }

    /// Returns what the harness knows of the cause or, where it knows nothing, the usual one if the evidence supports one.
    fn advice(&self) -> Option<&'static str> {
        match &self.cause {
            _ if self.reason.is_some() => self.reason,
            Cause::ConnectTimeout { .. } if self.client == Client::Connected => Some(
                "usual cause: the client goes on with its first connection; another expect_connect() is for a client that\n    \
                 closes and connects again",
            ),
            Cause::ConnectTimeout { .. } if self.client == Client::Waiting => Some(
                "usual cause: a client that takes longer to connect; within(..), or builder().deadline(..), allows for that",
            ),
            Cause::ConnectTimeout { .. } if self.client == Client::NeverConnected && self.number.is_some() => Some(
                "usual cause: a client that opens fewer connections than the scripts expect, or opens this one later",
            ),
            Cause::ConnectTimeout { .. }
                if self.client == Client::NeverConnected && self.server.starts_with("127.0.0.1:") =>
            {
                Some(
                    "usual cause: a client that does not run, or is given another address; one that connects to \"localhost\"\n    \
                     may have tried [::1]",
                )
            }
            Cause::MessageTimeout { arrived, .. } if arrived.is_nothing() && self.client == Client::Connected => Some(
                "usual cause: a buffered writer that is not flushed, or a client that waits for something else first",
            ),
            Cause::ConnectTimeout { .. } if self.client == Client::HalfClosed => Some(
                "usual cause: a client that closes when the server does: end its connection with expect_eof() and disconnect()\n    \
                 before this step",
            ),
            Cause::Closed { by: End::Close, arrived }
                if self.client != Client::HalfClosed && arrived.is_nothing() && self.unread.unwrap_or(0) == 0 =>
            {
                Some(if self.client == Client::Ended {
                    "usual cause, if it has closed: a buffered writer that is dropped without a flush, or a client that gives up early"
                } else {
                    "usual cause: a buffered writer that is dropped without a flush, or a client that gives up early"
                })
            }
            Cause::Dropped => Some(
                "usual cause: neither of them is there; or the test has returned before, with an error of `?` that this panic hides:\n    \
                 unwrap what the client returns, or have the body of TcpServer::run(..) return it",
            ),
            Cause::NoStepLeft { .. } if matches!(self.client, Client::Closed | Client::Ended) => Some(
                "usual cause: the client waits for a reply that the script does not send, or the test asks too late:\n    \
                 expect_disconnect() or finish() tell that all is well; a longer pause is allowed by builder().idle_limit(..)",
            ),
            Cause::NoStepLeft { .. } => Some(
                "usual cause: the client waits for a reply that the script does not send, or does not close;\n    \
                 a longer pause is allowed by builder().idle_limit(..)",
            ),
            Cause::DisconnectTimeout { .. } if self.client == Client::HalfClosed && self.round.is_some() => Some(
                "usual cause: a client that closes when the server does: have a step of the block disconnect(); or\n    \
                 something keeps its stream alive: a variable still in scope, the other half of a split stream",
            ),
            Cause::DisconnectTimeout { .. } if self.client == Client::HalfClosed => Some(
                "usual cause: a client that closes when the server does: script it with expect_eof() and disconnect(); or\n    \
                 something keeps its stream alive: a variable still in scope, the other half of a split stream",
            ),
            Cause::EofTimeout { .. } => {
                Some("usual cause: a client that shuts down or drops its stream only when it has the reply, or never")
            }
            Cause::ReadTimeout { .. } => {
                Some("usual cause: the client does not read, or waits for something else first")
            }
            Cause::DisconnectTimeout { .. } => Some(
                "usual cause: something keeps the client's stream alive: a variable still in scope,\n    \
                 the other half of a split stream, a task, or a connection pool; drop it",
            ),
            Cause::NotConnected { ended_by: None } if self.client == Client::Waiting => {
                Some("usual cause: missing expect_connect() before this step")
            }
            Cause::NotConnected { ended_by: None } => {
                Some("usual cause: missing expect_connect() before this step, or a client that never connects")
            }
            Cause::NotConnected { ended_by: Some(_) } if self.handed_over => None,
            Cause::NotConnected { ended_by: Some(_) } => {
                Some("usual cause: a client that connects again needs an expect_connect() of its own")
            }
            // How much is not known of one that keeps a socket which has lost the connection: then it was not dropped.
            Cause::Unread { .. } if self.unread != Some(0) && !(self.let_go && self.unread.is_none()) => {
                Some("usual cause: a stream that is dropped with data left to read")
            }
            Cause::HoldTimeout { .. } if self.number.is_some() => Some(
                "usual cause: the release(..), or the mark(..) of another script, waits for something else before;\n    \
                 a longer hold is allowed by within(..), or builder().idle_limit(..)",
            ),
            Cause::HoldTimeout { .. } => Some(
                "usual cause: a test that waits for something else before its release(..); a longer hold is allowed by within(..),\n    \
                 or builder().idle_limit(..)",
            ),
            Cause::SendTimeout { .. } => Some("usual cause: the client does not read, or not fast enough"),
            Cause::Framing(FramingError::LengthField { .. }) => {
                Some("usual cause: another framing, or the other byte order")
            }
            Cause::Framing(_) => Some("usual cause: another framing"),
            Cause::Tls(trouble) => trouble.advice(),
            Cause::SecondConnection { .. } if self.number.is_some() && self.client != Client::Waiting => Some(
                "usual cause: a client that opens more connections at once than there are scripts: server.script() makes one\n    \
                 more; or that connects again before it closes its first connection",
            ),
            Cause::SecondConnection { .. } if self.client == Client::Waiting => {
                Some("usual cause: a client that connects again by itself; script it with another expect_connect()")
            }
            Cause::SecondConnection { .. } => Some(
                "usual cause: a client that connects again before it closes its first connection; a scripted\n    \
                 reconnect needs expect_disconnect() or disconnect() before the next expect_connect()",
            ),
            _ => None,
        }
    }
}

/// The name of the server and, if it has several, of the script.
struct Subject<'a>(&'a Report);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        f.write_str(&report.server)?;
        report.number.map_or(Ok(()), |number| write!(f, ", script {number}"))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, line, total } = self;
        write!(f, "script {script}: ")?;
        match (line, total) {
            (Some(line), _) => write!(f, "at step {} of {total}, {line} at {}", line.number, line.location),
            (None, 0) => f.write_str("no steps"),
            (None, 1) => f.write_str("its only step done"),
            (None, _) => write!(f, "all {total} steps done"),
        }
    }
}

/// What happened, behind the name of the server.
struct Heading<'a>(&'a Report);

impl fmt::Display for Heading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        let total = report.script.total;
        let verb = match report.cause {
            Cause::Dropped | Cause::Interrupted | Cause::Returned(_) | Cause::Stalled { .. } => "was waiting",
            _ => "failed",
        };
        match (report.step, total) {
            (Some(step), _) => write!(f, "step {step} of {total} {verb}"),
            (None, 0) => f.write_str("its script has no step"),
            (None, 1) if verb == "failed" => f.write_str("failed after its only step"),
            (None, _) if verb == "failed" => write!(f, "failed after the last of its {total} steps"),
            (None, _) => write!(f, "all steps ({total}) are done"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.name {
            Some(name) => write!(f, " named {name:?}"),
            None => Ok(()),
        }
    }
}

struct Summary<'a>(&'a Report);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        write!(f, "scripted server {}: {}", Subject(report), Heading(report))?;
        if let Some(line) = report.failed_line() {
            write!(f, ", {line} at {}", line.location)?;
        }
        Ok(())
    }
}

/// The cause in words.
struct Sentence<'a>(&'a Report);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        match &report.cause {
            Cause::ConnectTimeout { after } if report.waits => write!(
                f,
                "another client has connected and waits, but the connection before it has not ended, after {}",
                Span(*after)
            ),
            Cause::ConnectTimeout { after } => {
                write!(f, "timed out waiting for the client to connect, after {}", Span(*after))
            }
            Cause::DisconnectTimeout { after } => {
                write!(f, "timed out waiting for the client to disconnect, after {}", Span(*after))
            }
            Cause::EofTimeout { after } => {
                write!(f, "timed out waiting for the client to shut down its sending half, after {}", Span(*after))
            }
            Cause::ReadTimeout { after } => {
                write!(f, "timed out waiting for the client to read, after {}", Span(*after))?;
                NotRead::of(report).map_or(Ok(()), |unread| write!(f, ": it {unread}"))
            }
            Cause::ShutDown { by } => write!(f, "the server's stream has ended: step {by} shut it down"),
            Cause::MessageTimeout { after, arrived } => {
                write!(f, "timed out waiting for {}, after {}: {arrived}", report.subject, Span(*after))
            }
            Cause::HoldTimeout { after, released } => {
                write!(f, "held for {}: nobody released it", Span(*after))?;
                for (i, name) in released.iter().enumerate() {
                    write!(f, "{} {name:?}", if i == 0 { "; released so far:" } else { "," })?;
                }
                Ok(())
            }
            Cause::SendTimeout { after, taken, of } => write!(
                f,
                "timed out sending, after {}: {} of {} taken so far",
                Span(*after),
                Grouped(*taken as u64),
                Count(*of as u64)
            ),
            Cause::NotConnected { ended_by: None } => f.write_str("client is not connected"),
            Cause::NotConnected { ended_by: Some(step) } => {
                let what = if report.handed_over { "handed its connection over" } else { "ended its connection" };
                write!(f, "client is not connected: step {step} {what}")
            }
            Cause::MissingConnect => {
                f.write_str("a client has connected, but no step claims it: missing expect_connect() before this step")
            }
            Cause::WrongByte { offset, expected, received, framed } => {
                let place = match (framed, report.noun) {
                    (false, _) => "byte".into(),
                    (true, "frame") => "wrong frame: payload byte".into(),
                    (true, noun) => format!("wrong {noun}: byte"),
                };
                write!(f, "{place} {offset} differs: expected {}, received {}", Byte(*expected), Byte(*received))
            }
            Cause::WrongLength { expected, announced } => write!(
                f,
                "wrong {}: its payload has {}, expected {}",
                report.noun,
                Count(*announced as u64),
                Count(*expected as u64)
            ),
            Cause::WrongMessage { reason, .. } => {
                write!(f, "wrong {}: {}", report.noun, reason.replace('\n', "\n    "))
            }
            Cause::Framing(error) => write!(f, "no {}: {}", report.noun, error.to_string().replace('\n', "\n    ")),
            Cause::Reply(error) => write!(f, "the closure's reply cannot be sent: {error}"),
            Cause::Closed { arrived, .. } => self.closed(f, arrived),
            Cause::UnexpectedData => write!(f, "unexpected data while waiting for {}", report.subject),
            Cause::Unread { sent, unread: Some(unread) } => {
                let verb = if *unread == 1 { "was" } else { "were" };
                let share = Share { count: *unread, of: *sent };
                write!(f, "the client closed the connection: {share} sent {verb} not read")
            }
            Cause::Unread { sent: 1, unread: None } => {
                f.write_str("the client reset the connection: the 1 byte sent was not read, or it aborted on purpose")
            }
            Cause::Unread { sent, unread: None } => write!(
                f,
                "the client reset the connection: some of the {} sent were not read, or it aborted on purpose",
                Count(*sent)
            ),
            Cause::Aborted if report.sent == 0 => {
                f.write_str("the client aborted the connection with a reset, though it was sent nothing")
            }
            Cause::Aborted => f.write_str(
                "the client aborted the connection with a reset: nothing was left to read when its socket went",
            ),
            Cause::NotDelivered { bytes } => {
                write!(f, "the client had already closed the connection: {} never delivered", Were(*bytes))
            }
            Cause::CutOff { bytes } => {
                write!(
                    f,
                    "the client closed the connection while it was sent this: at least {} never delivered",
                    Were(*bytes)
                )
            }
            Cause::SecondConnection { peer } => {
                f.write_str("a second connection was attempted")?;
                peer.map_or(Ok(()), |peer| write!(f, ", from {peer}"))
            }
            Cause::UnexpectedClient { peer } => {
                f.write_str("a client connected")?;
                peer.map_or(Ok(()), |peer| write!(f, " from {peer}"))?;
                write!(f, ", and {}", report.subject)
            }
            Cause::UnknownRelease { name, at, holds } => {
                write!(f, "release({name:?}) at {at}: no hold has this name")?;
                match &holds[..] {
                    [] => f.write_str("; there is no hold at all"),
                    [hold] => write!(f, "; the only one is hold({hold:?})"),
                    [first, others @ ..] => {
                        write!(f, "; there are hold({first:?})")?;
                        others.iter().try_for_each(|hold| write!(f, ", hold({hold:?})"))
                    }
                }
            }
            Cause::UnclaimedConnection { peer } => {
                f.write_str("a client connected")?;
                peer.map_or(Ok(()), |peer| write!(f, " from {peer}"))?;
                f.write_str(", and the script has no expect_connect() for it")
            }
            Cause::Overrun { by } => write!(
                f,
                "this block ends behind the block that it is in, by {by}: the number of a block counts all of its steps, with those of blocks \
                 in it and the steps that head them"
            ),
            Cause::UnclaimedData { after } => write!(
                f,
                "nobody expects this: the client's bytes have been waiting for {} with no step left to claim them",
                Span(*after)
            ),
            Cause::UnclaimedClient { after, peer } => {
                f.write_str("nobody expects this client")?;
                peer.map_or(Ok(()), |peer| write!(f, ", from {peer}"))?;
                write!(f, ": it has been waiting for {} with no expect_connect() left to claim it", Span(*after))
            }
            Cause::NoStepLeft { after } if matches!(report.client, Client::Closed | Client::Ended) => write!(
                f,
                "nothing happens: the client has closed the connection, or its sending half, and for {} no step has been left to play",
                Span(*after)
            ),
            Cause::NoStepLeft { after } => write!(
                f,
                "nothing happens: no step has been left to play for {}, and the connection is still open",
                Span(*after)
            ),
            Cause::Tls(trouble) => f.write_str(&trouble.to_string().replace('\n', "\n    ")),
            Cause::Panicked(message) => write!(f, "panicked: {}", message.replace('\n', "\n    ")),
            Cause::Abandoned => {
                f.write_str("the task that plays the script was dropped: the runtime it ran on has shut down")
            }
            Cause::Transport(error) => f.write_str(&error.replace('\n', "\n    ")),
            Cause::Interrupted => f.write_str("the test panicked; the script had not failed"),
            Cause::Returned(error) => {
                write!(f, "the test body returned {}; the script had not failed", error.replace('\n', "\n    "))
            }
            Cause::Stalled { waits: true } => {
                f.write_str("the test body waits, and nobody is left to wake it; the script had not failed")
            }
            Cause::Stalled { waits: false } => {
                f.write_str("the test body goes round in circles, and nothing moves; the script had not failed")
            }
            Cause::Dropped => f.write_str("dropped without join().await or finish().await"),
        }
    }
}

impl Sentence<'_> {
    fn closed(&self, f: &mut fmt::Formatter<'_>, arrived: &Arrived) -> fmt::Result {
        let closed = match self.0.client {
            Client::HalfClosed => "ended its stream",
            Client::Ended => "closed the connection, or its sending half,",
            _ => "closed the connection",
        };
        match *arrived {
            Arrived { part: Part::Message | Part::Header, bytes: 0, .. } => {
                write!(f, "the client {closed} before {}", self.0.subject)
            }
            Arrived { part: Part::Message, bytes, of: Some(of) } => {
                write!(f, "the client {closed} after {} of {}", Grouped(bytes as u64), Count(of as u64))
            }
            Arrived { part: Part::Message, bytes, of: None } => {
                write!(f, "the client {closed} inside a {}, after {}", self.0.noun, Count(bytes as u64))
            }
            Arrived { part: Part::Header, bytes, of: Some(of) } => {
                write!(f, "the client {closed} inside the frame header, after {bytes} of its {}", Count(of as u64))
            }
            Arrived { part: Part::Header, bytes, of: None } => {
                write!(f, "the client {closed} inside the frame header, after {}", Count(bytes as u64))
            }
            Arrived { part: Part::Payload, bytes, of } => {
                let (bytes, of) = (Grouped(bytes as u64), Count(of.unwrap_or_default() as u64));
                write!(f, "the client {closed} inside the frame payload, after {bytes} of its {of}")
            }
        }
    }
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(of) = self.of else {
            return match (self.part, self.bytes) {
                (_, 0) => f.write_str("nothing arrived"),
                (Part::Header, bytes) => write!(f, "{} of its header arrived", Count(bytes as u64)),
                (_, bytes) => write!(f, "{} arrived, and not its end", Count(bytes as u64)),
            };
        };
        let (bytes, of) = (Grouped(self.bytes as u64), Count(of as u64));
        match self.part {
            Part::Message | Part::Header if self.bytes == 0 => f.write_str("nothing arrived"),
            Part::Message => write!(f, "{bytes} of {of} arrived"),
            Part::Header => write!(f, "{bytes} of the {of} of its header arrived"),
            Part::Payload => write!(f, "its header and {bytes} of the {of} of its payload arrived"),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(framing) => {
                write!(f, "usual cause: another framing: with {framing} what arrived is a whole frame")
            }
            Self::Counts(framing) => write!(
                f,
                "usual cause: a client that counts other bytes, or another framing:\n    \
                 with {framing} this is the frame expected"
            ),
            Self::Endless { ordered } => {
                f.write_str("usual cause: a client that stops half-way, or another framing: is the length field where the framing\n    has it")?;
                f.write_str(if *ordered { ", and in this byte order?" } else { "?" })
            }
        }
    }
}

/// `6 bytes were`, `1 byte was`.
struct Were(u64);

impl fmt::Display for Were {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Count(self.0), if self.0 == 1 { "was" } else { "were" })
    }
}

/// `3 of the 6 bytes`, `the 1 byte`.
struct Share {
    count: u64,
    of: u64,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (self.count, self.of) != (1, 1) {
            write!(f, "{} of ", Grouped(self.count))?;
        }
        write!(f, "the {}", Count(self.of))
    }
}

/// `has not read 3 of the 6 bytes it was sent`, `has read none of the 6 bytes it was sent`.
struct NotRead(Share);

impl NotRead {
    /// Returns what is known of it.
    fn of(report: &Report) -> Option<Self> {
        report.unread.map(|count| Self(Share { count, of: report.sent }))
    }
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(share @ Share { count, of }) = self;
        if count == of && *of != 1 {
            write!(f, "has read none of the {} it was sent", Count(*of))
        } else {
            write!(f, "has not read {share} it was sent")
        }
    }
}

/// A byte as number and, where it has one, as character.
struct Byte(u8);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(byte) = *self;
        write!(f, "0x{byte:02x}")?;
        if byte == b' ' || byte.is_ascii_graphic() { write!(f, " '{}'", char::from(byte)) } else { Ok(()) }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The widest step that the column of places makes room for.
        const WIDEST: usize = 72;
        let text = |line: &Line| alloc::format!("{:indent$}{line}", "", indent = 2 * line.depth);
        let widths = self.lines.iter().map(|line| text(line).chars().count());
        let width = widths.filter(|&width| width <= WIDEST).max().unwrap_or(0);
        let (Some(first), Some(last)) = (self.lines.first(), self.lines.last()) else {
            return f.write_str("\n    (no steps)");
        };
        let digits = alloc::format!("{}", last.number).len();
        if first.number > 1 {
            write!(f, "\n    ... {} more before these", first.number - 1)?;
        }
        for line in &self.lines {
            let mark = match line.mark {
                Mark::Done => "ok",
                Mark::Skipped => "skip",
                Mark::Failed => "FAIL",
                Mark::Current => ">>",
                Mark::Ahead => "--",
            };
            write!(f, "\n    {mark:<4}  {:>digits$}  {:<width$}  {}", line.number, text(line), line.location)?;
        }
        if last.number < self.total {
            write!(f, "\n    ... {} more after these", self.total - last.number)?;
        }
        Ok(())
    }
}

impl fmt::Display for Dump {
    /// Writes the bytes in hexadecimal and as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The number of bytes in a row.
        const ROW: usize = 16;
        let Self { title, excerpt, mark } = self;
        if excerpt.bytes.is_empty() {
            return write!(f, "\n    {title}  (nothing from byte {} on)", excerpt.start);
        }
        for (i, row) in excerpt.bytes.chunks(ROW).enumerate() {
            let offset = excerpt.start + i * ROW;
            let title = if i == 0 { *title } else { "" };
            write!(f, "\n    {title:<8}  {offset:08x} ")?;
            for column in 0..ROW {
                if column % 8 == 0 {
                    f.write_str(if column == 0 { "" } else { " " })?;
                }
                match row.get(column) {
                    Some(byte) => write!(f, " {byte:02x}")?,
                    None => f.write_str("   ")?,
                }
            }
            f.write_str("  ")?;
            for &byte in row {
                let shown = if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '.' };
                write!(f, "{shown}")?;
            }
            if let Some(column) = mark.and_then(|mark| mark.checked_sub(offset)).filter(|&column| column < row.len()) {
                let indent = 4 + 8 + 2 + 8 + 2 + 3 * column + column / 8;
                write!(f, "\n{:indent$}^^", "")?;
            }
        }
        if excerpt.cut {
            write!(f, "\n    {:<8}  ...", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
