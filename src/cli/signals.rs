//! Signals: the first SIGINT or SIGTERM asks to stop and gives pages in flight two seconds, the
//! second ends the process at once.

use super::exit::Exit;
use crate::event::{Event, Events};
use crate::scan::Stop;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long pages in flight may still take once stopping is asked for.
const GRACE: Duration = Duration::from_secs(2);

/// Listens until dropped, and knows which signal stopped the process, if one did.
#[derive(Debug)]
pub struct Listener {
    noted: Arc<OnceLock<Exit>>,
    task: tokio::task::AbortHandle,
}

impl Listener {
    /// The exit that belongs to the signal.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.noted.get().copied()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens for signals from now on, and asks `stop` to stop.
///
/// # Errors
/// When the operating system does not let a handler be installed.
#[expect(clippy::disallowed_methods, reason = "the second signal ends the process as it is")]
pub fn listen(stop: Stop, events: Events) -> io::Result<Listener> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let noted = Arc::<OnceLock<Exit>>::default();
    let note = Arc::clone(&noted);
    let task = tokio::spawn(async move {
        let first = next(&mut interrupt, &mut terminate).await;
        // Only this task sets it, once.
        let _ = note.set(first);
        stop.request();
        let name = if first == Exit::Terminated { "SIGTERM" } else { "SIGINT" };
        events.emit(Event::StopRequested { signal: name }).await;
        drop(events);
        tokio::select! {
            () = tokio::time::sleep(GRACE) => stop.abandon(),
            second = next(&mut interrupt, &mut terminate) => std::process::exit(i32::from(second.code())),
        }
        let second = next(&mut interrupt, &mut terminate).await;
        std::process::exit(i32::from(second.code()));
    });
    Ok(Listener { noted, task: task.abort_handle() })
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}
