//! Signals: the first SIGINT or SIGTERM asks to stop and gives pages in flight two seconds, the
//! second ends the process at once.
//!
//! Owns that nothing keeps a signal from being heeded: the listener waits for nothing but time and
//! signals, from the first job to the end of the process.

use super::exit::Exit;
use crate::report::Console;
use crate::scan::{GRACE, Stop};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Knows which signal stopped the process, if one did.
#[derive(Clone, Debug, Default)]
pub struct Listener(Arc<OnceLock<Exit>>);

impl Listener {
    /// The exit that belongs to the signal.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.0.get().copied()
    }

    /// The signal's name.
    #[must_use]
    pub fn signal(&self) -> &'static str {
        if self.exit() == Some(Exit::Terminated) { "SIGTERM" } else { "SIGINT" }
    }
}

/// How long the terminal has for taking the bars off before the process ends.
const TIDYING: Duration = Duration::from_millis(100);

/// Listens for signals from now on, in the runtime of the caller, and asks `stop` to stop. A second
/// one takes the bars off the console, should the terminal let it, before it ends the process.
///
/// # Errors
/// When the operating system does not let a handler be installed.
pub fn listen(stop: Stop, console: Console) -> io::Result<Listener> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = Listener::default();
    let noted = listener.clone();
    tokio::spawn(async move {
        let first = next(&mut interrupt, &mut terminate).await;
        // Only this task sets it, once.
        let _ = noted.0.set(first);
        stop.request();
        tokio::select! {
            () = tokio::time::sleep(GRACE) => stop.abandon(),
            second = next(&mut interrupt, &mut terminate) => end(second, console.clone()),
        }
        end(next(&mut interrupt, &mut terminate).await, console);
    });
    Ok(listener)
}

#[expect(clippy::disallowed_methods, reason = "a second signal means now; what is committed stands")]
fn end(signal: Exit, console: Console) {
    let (done, is_done) = std::sync::mpsc::channel();
    // A terminal that is stopped takes nothing: it is not waited for.
    std::thread::spawn(move || {
        console.clear();
        done.send(())
    });
    let _ = is_done.recv_timeout(TIDYING);
    std::process::exit(i32::from(signal.code()));
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}
