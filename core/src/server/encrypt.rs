//! The verbs of TLS.

use super::builder::Builder;
use super::pushed::Pushed;
use super::script::Script;
use crate::step::Step;
use crate::tls::{Alert, Tls};

impl Script {
    /// Encrypts the connection: waits until the handshake with the client is done, and goes on in TLS. Framings, patterns and all steps
    /// are as before; what they tell, and transcripts and reports show, is what was encrypted.
    ///
    /// Right behind [`expect_connect`](Self::expect_connect) it is TLS from the first byte; for servers all of whose connections are so,
    /// there is [`tls`](Builder::tls). Elsewhere it is what comes behind a STARTTLS. What the client has sent before, and no step has
    /// claimed, has to be the beginning of its handshake: a message in clear behind the command fails this step, for it would pass for one
    /// that was encrypted. From the last message that a step receives before this one, an [`anytime`](Self::anytime) answers nothing; if it has by
    /// the time that this step is pushed, the step fails as well. So the command itself is for a step to receive. An optional block in between
    /// waits for a message in clear; where it does, an `anytime` answers one as well.
    ///
    /// A block that repeats may begin TLS once: a client that asks for it again fails the script.
    ///
    /// The client's `close_notify` is the end of its stream, as [`expect_eof`](Self::expect_eof) waits for it. The server sends its own
    /// before the end of its stream, in [`disconnect`](Self::disconnect) and [`shutdown`](Self::shutdown), and does not answer by itself: for a
    /// client that waits for it, script `expect_eof()` and `disconnect()`. A client that closes without one
    /// does not fail the script; the transcript tells. What comes behind the client's `close_notify` counts for nothing (RFC 8446, 6.1), and a
    /// record counts once it is whole.
    ///
    /// ```
    /// # use tcpclient_core::tls::Identity;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// let identity = Identity::new();
    /// server.expect_connect();
    /// server.send_line("220 ready");
    /// server.expect_line("STARTTLS");
    /// server.send_line("220 go on");
    /// server.start_tls(identity.tls().server_name("localhost"));
    /// server.expect_line("QUIT");
    /// server.disconnect();
    /// // ... and a client that trusts identity.root_pem()
    /// # }
    /// ```
    #[track_caller]
    pub fn start_tls(&self, tls: impl Into<Tls>) -> Pushed {
        self.push(Step::start_tls(tls))
    }

    /// Refuses to speak TLS: answers the client's hello with this alert, then closes the connection.
    ///
    /// ```
    /// # use tcpclient_core::tls::Alert;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// server.expect_connect();
    /// server.refuse_tls(Alert::HANDSHAKE_FAILURE);
    /// # }
    /// ```
    ///
    /// # Panics
    /// Panics for a `close_notify`, which refuses nothing.
    #[track_caller]
    pub fn refuse_tls(&self, alert: impl Into<Alert>) -> Pushed {
        self.push(Step::refuse_tls(alert))
    }

    /// Closes the connection in the middle of the handshake: the client gets one half of what the server answers to its hello, then the end
    /// of the stream.
    ///
    /// ```
    /// # use tcpclient_core::tls::Identity;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// server.expect_connect();
    /// server.interrupt_tls(Identity::new());
    /// # }
    /// ```
    #[track_caller]
    pub fn interrupt_tls(&self, tls: impl Into<Tls>) -> Pushed {
        self.push(Step::interrupt_tls(tls))
    }

    /// Closes the connection as [`disconnect`](Self::disconnect) does, but without a `close_notify`: the client has to take it that what it
    /// was sent may be cut short. Fails where the connection is not encrypted.
    ///
    /// ```
    /// # use tcpclient_core::tls::Identity;
    /// # fn example(server: &tcpclient_core::server::Script) {
    /// server.expect_connect();
    /// server.start_tls(Identity::new());
    /// server.send_line("half of it");
    /// server.truncate();
    /// # }
    /// ```
    #[track_caller]
    pub fn truncate(&self) -> Pushed {
        self.push(Step::truncate())
    }
}

impl<R> Builder<R> {
    /// Has the server speak TLS from the first byte: each [`expect_connect`](Script::expect_connect) is followed by a
    /// [`start_tls`](Script::start_tls) at the same place. A deadline and a name that the first is given are for both.
    ///
    /// Steps that refuse TLS or break it off are for servers without this.
    pub fn tls(mut self, tls: impl Into<Tls>) -> Self {
        self.security = Some(tls.into().implied());
        self
    }
}
