//! The files of captures.

use super::VARIABLE;
use crate::capture::Section;
use crate::report::Report;
use crate::server::Builder;
use crate::server::hub::Hub;
use crate::server::listening::explain;
use crate::server::runtime::Runtime;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf, absolute};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use std::{eprintln, thread};

/// The longest part of a test's name that a file bears: file systems have a limit.
const LONGEST: usize = 150;

/// What a test wants of captures.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Captures {
    file: Option<PathBuf>,
}

impl<R: Runtime> Builder<R> {
    /// Has a capture of the server written to this file, whatever its verdict: the whole conversation as pcapng, for Wireshark, tshark and the
    /// like. The module [`capture`](crate::capture) says what is in it, and how much of a long conversation is.
    ///
    /// The file is written when a failure of the server is told, and when it is dropped, or its fixture has ended. One that is there already
    /// is overwritten. Of [`explore`](Self::explore) it has the play that is shown or, if no plan fails, the first.
    ///
    /// # Every test that fails
    /// The variable `TCPCLIENT_CAPTURE` in the environment names a folder, which is made if it is not there. Each server of a test that fails
    /// leaves its capture there, in a file of its own. This is named after the test, or after the server where a thread has no name but `main`,
    /// and counted: `sends_a_greeting-1.pcapng`. The report ends with its path. For that no option is needed, only the feature `pcapng`; where
    /// that is missing, or the folder cannot be written to, the report ends with a line that says so.
    ///
    /// # Errors
    /// If the file cannot be written, [`bind`](Self::bind) returns the error; calls that return none panic with it.
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
    /// let file = std::env::temp_dir().join(format!("hello-{}.pcapng", std::process::id()));
    /// let server = TcpServer::builder().capture(&file).in_memory();
    /// server.expect_connect();
    /// server.send_bytes("220 ready");
    /// let client = server.connect_in_memory();
    /// server.join().await;
    /// drop((client, server));
    /// assert!(std::fs::read(&file)?.windows(9).any(|bytes| bytes == b"220 ready"));
    /// # std::fs::remove_file(&file)
    /// # })?;
    /// # io::Result::Ok(())
    /// ```
    pub fn capture(mut self, file: impl Into<PathBuf>) -> Self {
        self.captures.file = Some(file.into());
        self
    }
}

impl Captures {
    /// Checks whether the file can be written.
    pub(in crate::server) fn prepare(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        fs::write(file, Section::default().write(None))
            .map_err(|error| explain(&error, &format!("write a capture to {}", file.display())))
    }

    /// Has the server of this hub captured, if anybody wants it.
    pub(in crate::server) fn of(&self, hub: &mut Hub) {
        let folder = VARIABLE.get().map(PathBuf::from);
        if folder.is_none() && self.file.is_none() {
            return;
        }
        let test = thread::current().name().filter(|name| *name != "main").map(|name| name.replace("::", "."));
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let name = file_name(&test.unwrap_or_else(|| hub.name().to_string()));
        hub.set_place(Place { file: self.file.clone(), folder, name, began, told: Mutex::default() });
    }
}

/// Where the capture of a server goes.
#[derive(Debug)]
pub(in crate::server) struct Place {
    /// The file for it, whatever the verdict.
    file: Option<PathBuf>,
    /// The folder for those of tests that fail.
    folder: Option<PathBuf>,
    /// How a file in that is to begin.
    name: String,
    /// The time of day when the server began.
    began: Duration,
    told: Mutex<Told>,
}

/// What was told of a failure.
#[derive(Debug, Default)]
struct Told {
    headline: String,
    /// Where the capture is in the folder, or why it is not.
    note: Option<String>,
}

impl Place {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing panics while it holds the lock.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a capture into a new file in the folder, and says where that is.
    fn write_new(&self, folder: &Path, capture: &[u8]) -> String {
        let folder = absolute(folder).unwrap_or_else(|_| folder.into());
        match write_new(&folder, &self.name, capture) {
            Ok(file) => format!("captured in {}", file.display()),
            Err(error) => format!("{VARIABLE}: cannot write a capture to {}: {error}", folder.display()),
        }
    }
}

/// Creates the first file of this name that is not there yet: others may do the same, also from other processes.
fn write_new(folder: &Path, name: &str, capture: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|error| match folder.is_dir() || !folder.exists() {
        true => error,
        false => io::Error::new(error.kind(), "it is no folder"),
    })?;
    let mut number = 1;
    loop {
        let path = folder.join(format!("{name}-{number}.pcapng"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => return file.write_all(capture).map(|()| path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Returns a name that a file may have on all systems.
fn file_name(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().take(LONGEST).map(fit).collect()
}

impl Hub {
    /// Leaves the capture of a server whose failure is about to be told; the report then ends with where it is.
    pub(in crate::server) fn add_capture(&self, report: &mut Report) {
        let Some(place) = self.place() else { return };
        let headline = report.summary().to_string();
        place.told().headline = headline;
        self.write_file(place).into_iter().for_each(|note| report.add_note(note));
        self.write_folder(place).into_iter().for_each(|note| report.add_note(note));
    }

    /// Leaves the capture of a server that has come to its end. Where the test fails without a word of this server, prints where it is.
    pub(in crate::server) fn leave_capture(&self) {
        let Some(place) = self.place() else { return };
        let file = self.write_file(place);
        let is_told = place.told().note.is_some() || !place.told().headline.is_empty();
        if thread::panicking() && !is_told {
            for note in file.into_iter().chain(self.write_folder(place)) {
                eprintln!("scripted server {}: {note}", self.name());
            }
        }
    }

    /// Writes the file that the test has named, and says where it is.
    fn write_file(&self, place: &Place) -> Option<String> {
        let file = place.file.as_deref()?;
        let capture = self.section(place)?;
        let file = absolute(file).unwrap_or_else(|_| file.into());
        Some(match fs::write(&file, capture) {
            Ok(()) => format!("captured in {}", file.display()),
            Err(error) => format!("cannot write a capture to {}: {error}", file.display()),
        })
    }

    /// Writes a file in the folder that the environment names, once, and says where it is.
    fn write_folder(&self, place: &Place) -> Option<String> {
        let folder = place.folder.as_deref()?;
        let told = place.told().note.clone();
        if told.is_some() {
            return told;
        }
        let note = place.write_new(folder, &self.section(place)?);
        place.told().note = Some(note.clone());
        Some(note)
    }

    /// Returns the captures of all scripts, as a file.
    fn section(&self, place: &Place) -> Option<Vec<u8>> {
        let section = Section { server: self.addr(), began: place.began, comment: place.told().headline.clone() };
        self.with_sessions(|sessions| section.write(sessions.iter().filter_map(|part| part.session.capture())))
    }
}

#[cfg(test)]
mod tests;
