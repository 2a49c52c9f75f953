//! Fixtures: servers that are bound before a test body runs and finished behind it.

use super::blocking::block_on;
use super::driver::panic_message;
use super::hub::{Hub, Judge, Ticket};
use super::join::poll_finish;
use super::runtime::Runtime;
use super::{Builder, Server};
use crate::report::{Cause, Report};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::{self, Debug, Formatter};
use core::marker::PhantomData;
use core::panic::AssertUnwindSafe;
use core::panic::Location;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::eprintln;
use std::io;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

impl<R: Runtime> Server<R> {
    /// Binds a server, runs the body with it, and [finishes](Server::finish) it; returns the body's value.
    ///
    /// When the script fails, the body is dropped at its next `await` and the report is the test's panic. A future that is dropped
    /// before its end is judged as a server is that is dropped. The body's value has to be `Debug`, so that the report can quote an
    /// error which it returned.
    ///
    /// Shorthand for `Self::builder().run(body)`.
    ///
    /// # Panics
    /// The future panics with the report if the script fails; with the error if the server cannot be bound; and as the body
    /// does if that panics for a reason of its own: then the state of the script is printed to stderr.
    #[track_caller]
    pub fn run<F, B>(body: F) -> Run<B>
    where
        F: FnOnce(Self) -> B,
        B: Future<Output: Debug>,
    {
        Self::builder().run(body)
    }

    /// As [`run`](Self::run), with a server in memory.
    ///
    /// Shorthand for `Self::builder().run_in_memory(body)`.
    ///
    /// # Panics
    /// As for [`run`](Self::run).
    #[track_caller]
    pub fn run_in_memory<F, B>(body: F) -> Run<B>
    where
        F: FnOnce(Self) -> B,
        B: Future<Output: Debug>,
    {
        Self::builder().run_in_memory(body)
    }

    /// As [`run`](Self::run), for a test that blocks. When the script fails, the body goes on: a client that blocks can only be
    /// sent an error. The report comes behind it.
    ///
    /// Shorthand for `Self::builder().run_blocking(body)`.
    ///
    /// # Panics
    /// As for [`run`](Self::run).
    #[track_caller]
    pub fn run_blocking<T: Debug>(body: impl FnOnce(Self) -> T) -> T {
        Self::builder().run_blocking(body)
    }
}

/// Each of these finishes the server itself, also if the builder is one of [`Servers`].
impl<R: Runtime> Builder<R> {
    /// Binds the server, runs the body with it and finishes it, as [`Server::run`] does.
    ///
    /// # Panics
    /// As for [`Server::run`].
    #[track_caller]
    pub fn run<F, B>(self, body: F) -> Run<B>
    where
        F: FnOnce(Server<R>) -> B,
        B: Future<Output: Debug>,
    {
        let caller = Location::caller();
        let servers = Servers::<R>::new();
        match self.for_fixture(&servers.hubs).listen(caller) {
            Ok(server) => Run::new(&servers, "run()", caller, || body(server)),
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`run`](Self::run), with a server in memory.
    ///
    /// # Panics
    /// As for [`Server::run`] and [`in_memory`](Self::in_memory).
    #[track_caller]
    pub fn run_in_memory<F, B>(self, body: F) -> Run<B>
    where
        F: FnOnce(Server<R>) -> B,
        B: Future<Output: Debug>,
    {
        let servers = Servers::<R>::new();
        let server = self.for_fixture(&servers.hubs).in_memory();
        Run::new(&servers, "run_in_memory()", Location::caller(), || body(server))
    }

    /// As [`run`](Self::run), for a test that blocks, as [`Server::run_blocking`] does.
    ///
    /// # Panics
    /// As for [`Server::run`].
    #[track_caller]
    pub fn run_blocking<T: Debug>(self, body: impl FnOnce(Server<R>) -> T) -> T {
        let caller = Location::caller();
        let servers = Servers::<R>::new();
        match self.for_fixture(&servers.hubs).listen_blocking(caller) {
            Ok(server) => block_on(Run::new(&servers, "run_blocking()", caller, || async move { body(server) })),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Several scripted servers for one test, all of which are finished behind its body.
#[derive(Debug)]
pub struct Servers<R> {
    hubs: Hubs,
    runtime: PhantomData<fn() -> R>,
}

/// The servers of a fixture.
#[derive(Clone, Debug, Default)]
pub(super) struct Hubs(Arc<Mutex<Given>>);

#[derive(Debug, Default)]
struct Given {
    hubs: Vec<Arc<Hub>>,
    /// Whether the fixture has ended.
    over: bool,
}

impl Hubs {
    /// Adds a server, and returns who judges it if it is dropped: the fixture, as long as there is one.
    pub(super) fn add(&self, hub: &Arc<Hub>) -> Judge {
        let mut given = self.lock();
        if given.over {
            return Judge::Drop;
        }
        given.hubs.push(Arc::clone(hub));
        Judge::Fixture
    }

    /// Returns all servers that were given out so far.
    fn all(&self) -> Vec<Arc<Hub>> {
        self.lock().hubs.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Runtime> Servers<R> {
    fn new() -> Self {
        Self { hubs: Hubs::default(), runtime: PhantomData }
    }

    /// Runs the body, then finishes every server that it has bound; returns the body's value.
    ///
    /// When a script fails, the body is dropped at its next `await`, every other server gets one look at what the kernel holds
    /// for it, and the reports of all that have failed are the test's panic.
    ///
    /// # Panics
    /// The future panics with the reports of all servers that fail; and as the body does if that panics for a reason of its
    /// own: then the states of the scripts are printed to stderr.
    #[track_caller]
    pub fn run<F, B>(body: F) -> Run<B>
    where
        F: FnOnce(Self) -> B,
        B: Future<Output: Debug>,
    {
        let servers = Self::new();
        Run::new(&servers, "run()", Location::caller(), || body(servers.share()))
    }

    /// As [`run`](Self::run), for a test that blocks; its servers are bound with [`bind_blocking`](Self::bind_blocking).
    ///
    /// # Panics
    /// As for [`run`](Self::run), behind the body.
    #[track_caller]
    pub fn run_blocking<T: Debug>(body: impl FnOnce(Self) -> T) -> T {
        let servers = Self::new();
        let given = servers.share();
        block_on(Run::new(&servers, "run_blocking()", Location::caller(), || async move { body(given) }))
    }

    fn share(&self) -> Self {
        Self { hubs: self.hubs.clone(), runtime: PhantomData }
    }

    /// Returns a builder for one more server. Whatever it makes is finished by the fixture.
    pub fn builder(&self) -> Builder<R> {
        Builder::new(Some(self.hubs.clone()))
    }

    /// Binds one more server, as [`Server::bind`] does.
    ///
    /// # Errors
    /// As for [`Server::bind`].
    #[track_caller]
    pub fn bind(&self) -> impl Future<Output = io::Result<Server<R>>> + Send + use<R> {
        self.builder().bind()
    }

    /// Binds one more server, as [`Server::bind_blocking`] does.
    ///
    /// # Errors
    /// As for [`Server::bind_blocking`].
    #[track_caller]
    pub fn bind_blocking(&self) -> io::Result<Server<R>> {
        self.builder().bind_blocking()
    }

    /// Makes one more server, as [`Server::in_memory`] does.
    ///
    /// # Panics
    /// As for [`Server::in_memory`].
    #[track_caller]
    pub fn in_memory(&self) -> Server<R> {
        self.builder().in_memory()
    }
}

/// The future of [`Server::run`], [`Builder::run`] and [`Servers::run`].
#[must_use = "futures do nothing unless awaited"]
pub struct Run<B: Future> {
    hubs: Hubs,
    ticket: Ticket,
    call: &'static str,
    caller: &'static Location<'static>,
    /// The test body, until it is done or has been dropped.
    body: Option<Pin<Box<B>>>,
    value: Option<B::Output>,
    stage: Stage,
}

// The body is behind a pointer, and its value is never pinned.
impl<B: Future> Unpin for Run<B> {}

#[derive(Debug)]
enum Stage {
    Body,
    /// A script has failed: each of the others is looked at once more.
    LastLook(Vec<Look>),
    /// The body is done: each server is finished.
    Finish {
        /// How many servers were asked to finish.
        asked: usize,
    },
    /// All has been told.
    Over,
}

#[derive(Debug)]
struct Look {
    checkpoint: u64,
    /// Whether the script had failed before that look.
    failed_before: bool,
}

impl<B: Future<Output: Debug>> Run<B> {
    fn new<R>(
        servers: &Servers<R>,
        call: &'static str,
        caller: &'static Location<'static>,
        body: impl FnOnce() -> B,
    ) -> Self {
        // If the closure panics, this is dropped, and closes and judges the servers.
        let mut run = Self {
            hubs: servers.hubs.clone(),
            ticket: Ticket::new(),
            call,
            caller,
            body: None,
            value: None,
            stage: Stage::Body,
        };
        run.body = Some(Box::pin(body()));
        run
    }

    fn hubs(&self) -> Vec<Arc<Hub>> {
        self.hubs.all()
    }

    /// Polls the body unless a script has failed.
    #[track_caller]
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Stage> {
        if let Some(stage) = self.last_look(cx) {
            return Poll::Ready(stage);
        }
        let Some(body) = &mut self.body else { return Poll::Ready(Stage::Finish { asked: 0 }) };
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
            Ok(Poll::Ready(value)) => {
                self.value = Some(value);
                self.body = None;
                Poll::Ready(Stage::Finish { asked: 0 })
            }
            // Servers that the body has bound in this poll are watched as well.
            Ok(Poll::Pending) => self.last_look(cx).map_or(Poll::Pending, Poll::Ready),
            Err(payload) => self.body_panicked(payload),
        }
    }

    /// Watches all servers. If a script has failed, has all others looked at.
    fn last_look(&self, cx: &Context<'_>) -> Option<Stage> {
        let hubs = self.hubs();
        let failed: Vec<bool> = hubs.iter().map(|hub| hub.watch(self.ticket, cx).failed).collect();
        if !failed.contains(&true) {
            return None;
        }
        let looks = hubs.iter().zip(failed);
        let looks = looks.map(|(hub, failed_before)| Look { checkpoint: hub.request_checkpoint(), failed_before });
        Some(Stage::LastLook(looks.collect()))
    }

    #[track_caller]
    fn body_panicked(&mut self, payload: Box<dyn Any + Send>) -> ! {
        let hubs = self.hubs();
        self.stage = Stage::Over;
        let note = format!("the test body panicked as well: {}", panic_message(&*payload));
        let reports = self.reports(&hubs, |_| Some(note.clone()));
        if reports.is_empty() {
            if hubs.iter().all(|hub| hub.failure().is_none()) {
                show(&hubs, &Cause::Interrupted);
            }
            resume_unwind(payload);
        }
        panic!("{}", together(&reports));
    }

    /// Returns the reports of all failures that were not shown yet.
    fn reports(&self, hubs: &[Arc<Hub>], note: impl Fn(usize) -> Option<String>) -> Vec<Report> {
        let returned = self.value.as_ref().and_then(returned_error);
        let failed = hubs.iter().enumerate().filter_map(|(index, hub)| {
            let failure = hub.failure().filter(|_| hub.tell())?;
            let mut report = failure.report().clone();
            returned.iter().for_each(|note| report.add_note(note));
            note(index).into_iter().for_each(|note| report.add_note(note));
            report.add_note(format!("told by {} at {}", self.call, self.caller));
            hub.add_capture(&mut report);
            Some(report)
        });
        failed.collect()
    }

    /// Shows what the servers have seen if the body has returned an error, and the scripts are fine: most likely the test fails with that.
    fn show_behind(&self, hubs: &[Arc<Hub>]) {
        if let Some(error) = self.value.as_ref().and_then(shown_error) {
            show(hubs, &Cause::Returned(error));
        }
    }

    /// Drops the body and panics with all there is to tell.
    #[track_caller]
    fn fail(&mut self, hubs: &[Arc<Hub>], note: impl Fn(usize) -> Option<String>) -> ! {
        self.stage = Stage::Over;
        let reports = self.reports(hubs, note);
        self.value = None;
        let body = self.body.take();
        // What the body's values say when they are dropped must not hide the cause.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(body)));
        if reports.is_empty() {
            let failures = hubs.iter().filter_map(|hub| hub.failure());
            let lines: Vec<String> = failures.map(|failure| format!("{}", failure.report().summary())).collect();
            panic!("{} (the whole report was shown before)", lines.join("\n"));
        }
        panic!("{}", together(&reports));
    }
}

/// Says what error a body has returned: it may be why the script could not go on.
fn returned_error(value: &impl Debug) -> Option<String> {
    shown_error(value).map(|error| format!("the test body had returned {error}"))
}

/// Returns the error that a body has returned. Of all values only errors show themselves so.
pub(super) fn shown_error(value: &impl Debug) -> Option<String> {
    let value = format!("{value:?}");
    value.starts_with("Err(").then_some(value)
}

/// Prints the state of servers whose scripts have not failed, for a test that fails for another reason.
fn show(hubs: &[Arc<Hub>], cause: &Cause) {
    for hub in hubs {
        if let Some(mut state) = hub.state_behind(cause.clone()) {
            hub.add_capture(&mut state);
            eprintln!("{state}");
        }
    }
}

/// Fails the test with these reports, if there are any; prints them if it is failing already.
pub(super) fn tell(reports: &[Report]) {
    if reports.is_empty() {
        return;
    }
    let text = together(reports);
    if std::thread::panicking() {
        eprintln!("{text}");
    } else {
        panic!("{text}");
    }
}

/// Returns the text of several reports.
fn together(reports: &[Report]) -> String {
    let texts: Vec<String> = reports.iter().map(|report| format!("{report}")).collect();
    match &texts[..] {
        [text] => text.clone(),
        texts => format!("{} scripted servers failed\n\n{}", texts.len(), texts.join("\n\n")),
    }
}

impl<B: Future<Output: Debug>> Future for Run<B> {
    type Output = B::Output;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Body => match this.poll_body(cx) {
                    Poll::Ready(stage) => this.stage = stage,
                    Poll::Pending => return Poll::Pending,
                },
                Stage::LastLook(looks) => {
                    let looks = core::mem::take(looks);
                    let hubs = this.hubs();
                    let waiting = hubs.iter().zip(&looks).any(|(hub, look)| {
                        let progress = hub.watch(this.ticket, cx);
                        progress.served < look.checkpoint && !progress.failed && !progress.gone
                    });
                    if waiting {
                        this.stage = Stage::LastLook(looks);
                        return Poll::Pending;
                    }
                    // The root cause comes first.
                    let (first, later): (Vec<_>, Vec<_>) =
                        hubs.into_iter().zip(looks).partition(|(_, look)| look.failed_before);
                    let roots = first.len();
                    let hubs: Vec<_> = first.into_iter().chain(later).map(|(hub, _)| hub).collect();
                    this.fail(&hubs, |index| {
                        let later = index >= roots;
                        later.then(|| "this was found when another server's failure had ended the test".into())
                    });
                }
                Stage::Finish { asked } => {
                    // A task that outlives the body may still bind servers.
                    let hubs = this.hubs.all();
                    let asked = core::mem::replace(asked, hubs.len());
                    // Not lazily: every server has to be asked, and watched.
                    let states = hubs.iter().enumerate();
                    let states =
                        states.map(|(index, hub)| poll_finish(hub, this.ticket, this.caller, index >= asked, cx));
                    let states: Vec<_> = states.collect();
                    if states.iter().any(Poll::is_pending) {
                        return Poll::Pending;
                    }
                    if states.contains(&Poll::Ready(Err(()))) {
                        this.fail(&hubs, |_| None);
                    }
                    this.show_behind(&hubs);
                    this.stage = Stage::Over;
                }
                Stage::Over => {
                    let Some(value) = this.value.take() else { panic!("polled after completion") };
                    return Poll::Ready(value);
                }
            }
        }
    }
}

impl<B: Future> Drop for Run<B> {
    fn drop(&mut self) {
        self.hubs.lock().over = true;
        let hubs = self.hubs.all();
        hubs.iter().for_each(|hub| hub.close());
        // Dropped half-way, by a timeout of the test for example: that must not pass in silence.
        if !matches!(self.stage, Stage::Over) {
            let mut reports: Vec<Report> = hubs.iter().filter_map(|hub| hub.judge_drop()).collect();
            let note = format!("the future of {} at {} was dropped before its end", self.call, self.caller);
            reports.iter_mut().for_each(|report| report.add_note(note.clone()));
            hubs.iter().for_each(|hub| hub.leave_capture());
            tell(&reports);
        } else {
            hubs.iter().for_each(|hub| hub.leave_capture());
        }
    }
}

impl<B: Future> Debug for Run<B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("stage", &self.stage).finish_non_exhaustive()
    }
}
