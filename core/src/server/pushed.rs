//! What a verb returns: a step that was pushed.

use super::hub::Hub;
use super::tape::Tape;
use crate::step::{Amendment, Capture, Step};
use crate::time::Duration;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A step that was pushed: to name it, to give it a deadline of its own, and to get at the message it received.
#[derive(Clone, Debug)]
pub struct Pushed {
    hub: Arc<Hub>,
    script: usize,
    /// Where the step was recorded, if it is one of a block: its index is that on the tape.
    tape: Option<Arc<Tape>>,
    index: usize,
    /// How many steps a name and a deadline are for: a server that speaks TLS from the first byte has a handshake behind the connect.
    steps: usize,
    message: Option<Arc<Message>>,
}

impl Pushed {
    pub(super) fn new(
        hub: &Arc<Hub>,
        script: usize,
        tape: Option<&Arc<Tape>>,
        index: usize,
        message: Option<Arc<Message>>,
    ) -> Self {
        Self { hub: Arc::clone(hub), script, tape: tape.map(Arc::clone), index, steps: 1, message }
    }

    /// Has a name and a deadline be for the next step as well.
    pub(super) fn of_two(self) -> Self {
        Self { steps: 2, ..self }
    }

    /// Returns the index of the step in its script, or on its tape.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Has the message of a step be kept, if it receives one.
    pub(super) fn watch(step: Step) -> (Step, Option<Arc<Message>>) {
        if !step.keeps_messages() {
            return (step, None);
        }
        let message = Arc::<Message>::default();
        let place: Weak<Message> = Arc::downgrade(&message);
        (step.captured(place), Some(message))
    }

    fn amend(&self, amendment: Amendment) {
        for index in self.index..self.index + self.steps {
            let index = match &self.tape {
                None => Ok(index),
                Some(tape) => tape.amend(index, amendment.clone()),
            };
            if let Ok(index) = index {
                self.hub.amend(self.script, index, amendment.clone());
            }
        }
    }

    /// Gives the step a deadline of its own, counted from the moment when it becomes the current one.
    #[expect(clippy::return_self_not_must_use, reason = "the step is changed already; a statement may end here")]
    pub fn within(self, deadline: Duration) -> Self {
        self.amend(Amendment::Deadline(deadline));
        self
    }

    /// Gives the step a name, which reports show. Names may repeat.
    #[expect(clippy::return_self_not_must_use, reason = "the step is changed already; a statement may end here")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.amend(Amendment::Name(name.into()));
        self
    }

    /// Returns the message that the step received, of a frame its payload; `None` as long as the step is not done, and for
    /// steps that receive no message. Of a step that repeats, it is the latest.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.message.as_ref()?.lock().bytes.clone()
    }

    /// Returns how many messages the step has received: 0 or 1, unless it [repeats](super::Script::repeat_until_disconnect). Of one in an
    /// [optional](super::Script::optional) block, this tells whether it was played.
    pub fn count(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.lock().count)
    }
}

/// A block of steps that was pushed, with what its closure has returned: the step to ask for its message, for example.
///
/// ```
/// # fn example(server: &tcpclient_core::server::Script) {
/// let login = server.optional(|s| {
///     let user = s.expect_line("AUTH me");
///     s.send_line("welcome");
///     user
/// });
/// // ... and behind the test:
/// assert_eq!((login.count(), login.value.bytes()), (0, None));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Block<T> {
    pub(super) pushed: Pushed,
    /// What the closure has returned.
    pub value: T,
}

impl<T> Block<T> {
    /// Gives an [optional](super::Script::optional) block a deadline: that of its first step, if that has none of its own. Other blocks have none.
    #[expect(clippy::return_self_not_must_use, reason = "the block is changed already; a statement may end here")]
    pub fn within(self, deadline: Duration) -> Self {
        self.pushed.amend(Amendment::Deadline(deadline));
        self
    }

    /// Gives the block a name, which reports show. Names may repeat.
    #[expect(clippy::return_self_not_must_use, reason = "the block is changed already; a statement may end here")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.pushed.amend(Amendment::Name(name.into()));
        self
    }

    /// Returns how often the block was begun: of one that is optional, 0 or 1 tells whether it was played; of one that repeats, this is the
    /// number of rounds in which the client has said something.
    pub fn count(&self) -> usize {
        self.pushed.count()
    }

    /// Returns the message with which the block began, the latest time.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.pushed.bytes()
    }
}

/// A rule that was [put in force](super::Script::anytime).
#[derive(Clone, Debug)]
pub struct Anytime(pub(super) Pushed);

impl Anytime {
    /// Has no more than so many messages be answered from now on. The next one is judged as if there were no rule.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is changed already; a statement may end here")]
    pub fn at_most(self, messages: usize) -> Self {
        self.0.amend(Amendment::AtMost(messages as u64));
        self
    }

    /// Gives the rule a name, which reports show. Names may repeat.
    #[expect(clippy::return_self_not_must_use, reason = "the rule is changed already; a statement may end here")]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.0.amend(Amendment::Name(name.into()));
        self
    }

    /// Returns how many messages were answered so far, as far as the server has noticed; after a [`join`](super::Script::join) those are all
    /// that came before.
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Returns the latest message that was answered.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.0.bytes()
    }
}

/// Where a message is kept for as long as somebody may ask for it.
#[derive(Debug, Default)]
pub(super) struct Message(Mutex<Received>);

#[derive(Debug, Default)]
struct Received {
    bytes: Option<Vec<u8>>,
    count: usize,
}

impl Message {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Capture for Message {
    fn capture(&self, message: &[u8]) {
        let mut received = self.lock();
        received.bytes = Some(message.to_vec());
        received.count += 1;
    }
}
