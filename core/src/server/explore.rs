//! Every way TCP could have cut it: a test body is played once for each delivery plan.

mod bell;
mod choice;
mod clock;
mod explored;
mod play;
mod setback;
mod shrinking;
mod survey;

pub use explored::Explored;

use super::environment::Variable;
use super::plan::Plan;
use super::runtime::Runtime;
use super::{Builder, Server};
use alloc::sync::Arc;
use core::fmt::{self, Debug, Formatter};
use core::marker::PhantomData;
use core::panic::Location;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use play::Stage;
use std::string::String;
use survey::Survey;

/// The variable that names the plan to play.
static VARIABLE: Variable = Variable::new("TCPCLIENT_PLAN");

/// The most plans that are played if nobody says otherwise.
const PLANS: usize = 1000;

/// What is played.
#[derive(Clone, Debug)]
pub(super) struct Options {
    plans: usize,
    seed: u64,
    /// The one plan to play, or that of a server which is not explored.
    pub(super) plan: Option<Plan>,
}

impl Default for Options {
    fn default() -> Self {
        Self { plans: PLANS, seed: 0, plan: None }
    }
}

impl<R: Runtime> Server<R> {
    /// Plays a test body in memory, again and again, each time with a new server and with the bytes delivered in another way: what TCP
    /// could have done to them.
    ///
    /// A [*plan*](Builder::plan) says how they are delivered. First comes the one in which each send arrives by itself; then sends come
    /// together, cut in two at every single place, cut at several places, and one byte at a time. The client's writes are taken whole,
    /// one byte at a time, and through a window of three bytes. A body that passes with one plan and fails with another has a client that
    /// counts on how TCP delivers: one that takes a read for a message, or a write for all of it.
    ///
    /// A plan fails if its script fails, and if the body panics or returns an `Err`. Of the plans that fail, the one with the fewest cuts is
    /// shown, with its text. `TCPCLIENT_PLAN` in the environment has only the plan of this text played, and so has
    /// [`Builder::plan`], unless the environment names another. If the first plan fails, it is not the cuts: no other is played.
    ///
    /// Where there are more plans than [`Builder::plans`] allows (1,000), some are chosen: those that cut where a send ends,
    /// or a byte beside that, and others by chance, but by the same chance each time ([`Builder::seed`]). The value of the future says how
    /// many were played. As soon as ten plans have failed, or those that failed have taken 2 s, no more are.
    ///
    /// # How it is played
    /// The server is [in memory](Self::in_memory), and so clients come from [`connect_in_memory`](Self::connect_in_memory). It has its
    /// turns in the task of the test, behind those of the body, so the body must not block its thread. With one thread, and a client that does
    /// nothing by chance, everything happens in the same order each time.
    ///
    /// Only the time in which nobody has anything to do counts to a step's deadline. Where the body waits for nothing but its server, and
    /// nobody else was seen to use a connection, that time is skipped: a client that waits for ever, or a
    /// [`pause`](super::Script::pause), costs none. With timers, tasks or threads beside the body it passes as ever; so with timers and tasks,
    /// pause the runtime's clock if it can be. It also passes while the body asks again and again for what takes time.
    ///
    /// Pieces of what was cut come one turn after another. A client that goes wrong only where a timer of its own goes off *between* two
    /// pieces, as one that drops a read which has begun, is not found in this way: let the script [`pause`](super::Script::pause) there.
    ///
    /// # Panics
    /// Panics if `TCPCLIENT_PLAN` is no plan, and as [`in_memory`](Self::in_memory) does. The future panics with the report if a plan fails; if
    /// no client connects, so that there is nothing to explore; and if the only plan cuts where nothing is sent. It also does if it is
    /// dropped before its end, as that of [`run`](Self::run).
    ///
    /// # Examples
    /// ```
    /// # use tcpclient_core::server::{memory, runtime::{self, Clock, Runtime, SleepTimer, ThreadSleep}};
    /// # use std::{io, thread};
    /// # struct Threads;
    /// # impl Runtime for Threads {
    /// #     type Listener = memory::Listener;
    /// #     type Timer = SleepTimer;
    /// #     type MemoryStream = memory::Stream;
    /// #     fn listen(_: std::net::TcpListener) -> io::Result<memory::Listener> { Err(io::ErrorKind::Unsupported.into()) }
    /// #     fn timer(_: Clock) -> SleepTimer {
    /// #         SleepTimer::new(|span| Box::pin(ThreadSleep::new(span, |wait| drop(thread::spawn(wait)))))
    /// #     }
    /// #     fn spawn(task: impl Future<Output = ()> + Send + 'static) { thread::spawn(move || Self::block_on(task)); }
    /// #     fn block_on<F: Future>(future: F) -> io::Result<F::Output> { Ok(runtime::block_on(future)) }
    /// # }
    /// # type TcpServer = tcpclient_core::server::Server<Threads>;
    /// # runtime::block_on(async {
    /// let explored = TcpServer::explore(async |server| {
    ///     server.expect_connect();
    ///     server.send_bytes("220 ready\r\n");
    ///
    ///     let mut client = server.connect_in_memory();
    ///     let mut line = Vec::new();
    ///     while !line.ends_with(b"\r\n") {
    ///         let mut bytes = [0; 512];
    ///         let count = std::future::poll_fn(|cx| client.poll_read(cx, &mut bytes)).await.unwrap();
    ///         line.extend(&bytes[..count]);
    ///     }
    ///     assert_eq!(line, b"220 ready\r\n");
    /// })
    /// .await;
    /// assert_eq!(explored.single_cuts(), 10);
    /// # });
    /// ```
    #[track_caller]
    pub fn explore<F, T>(body: F) -> Explore<impl Future<Output = Result<Explored, String>>>
    where
        F: AsyncFnMut(Self) -> T,
        T: Debug,
    {
        Self::builder().explore(body)
    }
}

impl<R: Runtime> Builder<R> {
    /// Plays a test body in memory for each delivery plan, as [`Server::explore`] does, with servers of these options.
    ///
    /// # Panics
    /// As for [`Server::explore`].
    #[track_caller]
    pub fn explore<F, T>(self, body: F) -> Explore<impl Future<Output = Result<Explored, String>>>
    where
        F: AsyncFnMut(Server<R>) -> T,
        T: Debug,
    {
        let caller = Location::caller();
        let (stage, options) = self.into_stage(caller);
        Explore { work: alloc::boxed::Box::pin(explore(body, stage, options)) }
    }

    /// Sets how many plans [`explore`](Self::explore) plays at most. Default: 1,000. The first is always played.
    pub fn plans(mut self, most: usize) -> Self {
        self.exploring.plans = most;
        self
    }

    /// Sets by which chance [`explore`](Self::explore) chooses where there are too many plans. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.exploring.seed = seed;
        self
    }

    /// Has the bytes of a server in memory delivered by this plan, and [`explore`](Self::explore) play no other.
    ///
    /// | plan | what the client reads |
    /// |---|---|
    /// | `whole` | each send of the server by itself |
    /// | `coalesced` | sends with nothing between them together |
    /// | `reads 1` | one byte at a time, or another number |
    /// | `cut 7 12` | as `coalesced`, but cut behind its 7th byte and its 12th; `2:7` is behind the 7th byte of the second connection |
    /// | `random 5` | as `coalesced`, but cut at places that the number stands for |
    ///
    /// Behind that, and a comma, may stand how the client's writes are taken. `writes 1` takes one byte at a time, or another number;
    /// `window 3` takes no more than so many bytes before the server, if it does, has read them. Otherwise they are taken whole.
    ///
    /// It is for servers in memory: [`bind`](Self::bind) returns an error.
    ///
    /// # Panics
    /// Panics if the text is no plan.
    #[track_caller]
    pub fn plan(mut self, plan: &str) -> Self {
        match plan.parse() {
            Ok(plan) => self.exploring.plan = Some(plan),
            Err(error) => panic!("plan: {error}"),
        }
        self
    }
}

/// Plays the body for one plan after the other.
async fn explore<R, F, T>(mut body: F, mut stage: Stage<R>, options: Options) -> Result<Explored, String>
where
    R: Runtime,
    F: AsyncFnMut(Server<R>) -> T,
    T: Debug,
{
    let mut survey = Survey::new(options);
    let mut first = None;
    while let Some(plan) = survey.next() {
        let began = std::time::Instant::now();
        let mut played = stage.play(&plan, &mut body).await;
        // Somebody who has not been seen yet may have been about to do something when time was skipped: mostly that shows at once.
        let doubtful = played.skipped && played.setback.is_some() && (played.outsiders || survey.is_first());
        if played.outsiders || doubtful {
            stage.skips = false;
        }
        if doubtful {
            played = stage.play(&plan, &mut body).await;
        }
        first.get_or_insert_with(|| Arc::clone(&played.hub));
        survey.note(plan, played, began.elapsed());
    }
    let verdict = survey.verdict(stage.caller);
    if let (Ok(_), Some(hub)) = (&verdict, first) {
        hub.leave_capture();
    }
    verdict
}

/// The future of [`Server::explore`].
#[must_use = "futures do nothing unless awaited"]
pub struct Explore<F> {
    work: Pin<alloc::boxed::Box<F>>,
}

impl<F: Future<Output = Result<Explored, String>>> Future for Explore<F> {
    type Output = Explored;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Explored> {
        match ready!(self.work.as_mut().poll(cx)) {
            Ok(explored) => Poll::Ready(explored),
            Err(text) => panic!("{text}"),
        }
    }
}

impl<F> Debug for Explore<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore").finish_non_exhaustive()
    }
}

impl<R: Runtime> Builder<R> {
    #[track_caller]
    fn into_stage(mut self, caller: &'static Location<'static>) -> (Stage<R>, Options) {
        self.be_in_memory("explore");
        match plan_of_environment() {
            Ok(plan) => self.exploring.plan = plan.or(self.exploring.plan),
            Err(error) => panic!("{VARIABLE}: {error}"),
        }
        let stage = Stage {
            capacity: self.memory(),
            config: self.config,
            framing: self.framing,
            security: self.security,
            captures: self.captures,
            caller,
            skips: true,
            runtime: PhantomData,
        };
        (stage, self.exploring)
    }
}

/// Reads the plan that the environment names, if it does.
fn plan_of_environment() -> Result<Option<Plan>, String> {
    VARIABLE.get().map(|text| text.to_string_lossy().parse()).transpose()
}
