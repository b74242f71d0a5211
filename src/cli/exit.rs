//! Exit codes: which there are, which goes first, and what leads to each.

use crate::job::{Job, Narrowing, OnEmpty};
use crate::output::FileError;
use crate::s3::{Failure, FailureKind};
use crate::scan::ScanError;
use crate::state::StateError;
use std::fmt;
use std::io::ErrorKind;

/// How a command ended. In the order in which one goes before another where several apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// A bug.
    Bug,
    /// Stopped by SIGINT; a rerun goes on.
    Interrupted,
    /// Stopped by SIGTERM; a rerun goes on.
    Terminated,
    /// Usage or job file wrong, or an unfinished run of a different job stands in the way.
    Usage,
    /// No account of the job could be used.
    Identity,
    /// Output, state or log could not be read or written, or something stands in the way of a bucket's
    /// files.
    Files,
    /// A limit of the job was reached; a rerun goes on.
    Limit,
    /// Transient failures outlasted the retries, or another run holds the lock.
    TryAgain,
    /// Over, but some account or bucket is not complete.
    Partial,
    /// Every selected bucket was listed to its end.
    Complete,
}

impl Exit {
    /// The number given to the operating system.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Bug => 70,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Usage => 2,
            Self::Identity => 4,
            Self::Files => 74,
            Self::Limit => 124,
            Self::TryAgain => 75,
            Self::Partial => 3,
            Self::Complete => 0,
        }
    }
}

/// Why a command cannot do its work: what is told on stderr, with advice, and how it ends.
#[derive(Debug)]
pub struct Refusal {
    /// How it ends.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without advice.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// With advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A refusal for a file or folder that cannot be used as it must be.
    fn file(error: &FileError) -> Self {
        let hint = match error.source.kind() {
            ErrorKind::InvalidData if error.doing == "use" => {
                "restore the file; without it, the files it speaks of count as foreign and have to be moved away"
            }
            ErrorKind::InvalidData => "restore it, or give up the unfinished run with --fresh",
            ErrorKind::NotFound => "restore it, or, if it belongs to an unfinished run, give up that run with --fresh",
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "a folder is needed where a file stands: move the file away, or set another path in the job"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "make room: what was committed is kept, and the same command then goes on"
            }
            _ => "what was committed is kept; once this is mended, the same command goes on",
        };
        Self::error(Exit::Files, error).hint(hint)
    }

    /// A refusal for an error and its causes.
    #[must_use]
    pub fn error(exit: Exit, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let texts: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new(exit, texts.join(": "))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.message)?;
        self.hint.iter().try_for_each(|hint| write!(formatter, "\nhint: {hint}"))
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        match &error {
            StateError::Locked { .. } => {
                Self::error(Exit::TryAgain, &error).hint("wait until it has ended; the lock goes with its process")
            }
            StateError::Corrupt { .. } => {
                Self::error(Exit::Files, &error).hint("restore the file, or give up the unfinished run with --fresh")
            }
            StateError::NoHistory { .. } => Self::error(Exit::Files, &error),
            StateError::Newer { .. } => {
                Self::error(Exit::Files, &error).hint("use that version, or give up the unfinished run with --fresh")
            }
            StateError::File(error) => Self::file(error),
        }
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        Self::file(&error)
    }
}

impl From<ScanError> for Refusal {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::File(error) => error.into(),
            ScanError::State(error) => error.into(),
        }
    }
}

/// What an invocation that scanned ends with.
#[must_use]
pub fn of_scan(facts: &ScanFacts) -> Exit {
    if facts.interrupted && (!facts.limited || facts.signal.is_some()) {
        return facts.signal.unwrap_or(Exit::Interrupted);
    }
    if facts.accounts_usable == 0 {
        return Exit::Identity;
    }
    if facts.blocked {
        return Exit::Files;
    }
    if facts.interrupted {
        return Exit::Limit;
    }
    // What an account lost on the way leaves behind waits for its owner, not for another try.
    if facts.unsettled_accounts || facts.retry {
        return Exit::TryAgain;
    }
    if facts.partial || facts.accounts_lost || facts.unfinished {
        return Exit::Partial;
    }
    Exit::Complete
}

/// What a run ends with that could not begin, for none of its accounts could be used.
#[must_use]
pub fn of_failures(failures: &[Failure]) -> Exit {
    if !failures.is_empty() && failures.iter().all(|failure| failure.kind == FailureKind::Identity) {
        Exit::Identity
    } else if failures.iter().any(Failure::is_transient) {
        Exit::TryAgain
    } else {
        Exit::Partial
    }
}

/// What is to be said where no bucket matches; a job may allow it, but a slip on the command line is
/// none of the job's.
#[must_use]
pub fn no_bucket(job: &Job, narrowing: &Narrowing) -> Option<Refusal> {
    if !narrowing.buckets.is_empty() {
        let message = format!("no bucket of the job matches `{narrowing}`");
        return Some(
            Refusal::new(Exit::Partial, message).hint("`s3scan plan` tells which buckets are left out and why"),
        );
    }
    let hint = "check `include` and `exclude` of `[buckets]`, or allow it with `on_empty = \"ok\"`";
    let refusal = || Refusal::new(Exit::Partial, "no bucket matches the job").hint(hint);
    (job.buckets.on_empty == OnEmpty::Fail).then(refusal)
}

/// What decides how an invocation ends.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and any may go with any")]
#[derive(Clone, Copy, Debug, Default)]
pub struct ScanFacts {
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Whether it was a limit of the job that stopped it.
    pub limited: bool,
    /// The exit that belongs to the signal that came, if one did.
    pub signal: Option<Exit>,
    /// Whether a bucket has no final verdict.
    pub unfinished: bool,
    /// Whether one of them waits for what stands in the way of its files to be moved away.
    pub blocked: bool,
    /// Accounts that can be used, at its end.
    pub accounts_usable: usize,
    /// Whether some account cannot be used.
    pub accounts_lost: bool,
    /// Whether some account is still to be asked for its buckets.
    pub unsettled_accounts: bool,
    /// Whether a bucket has a final verdict that is not complete, or something else is wrong that no
    /// other try mends.
    pub partial: bool,
    /// Whether a bucket is unfinished that its account could still list.
    pub retry: bool,
}

/// From now on a panic in any thread is reported as the bug it is, with its place, and ends the
/// process with 70. What is on disk stays sound: that is what the commit protocol is for.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let message = panic.payload_as_str().unwrap_or("no message");
        eprintln!("error: this is a bug in s3scan{place}: {message}");
        eprintln!("hint: committed work is kept, and the same command goes on with it; please report the bug");
        #[expect(clippy::disallowed_methods, reason = "after a panic nothing in memory is to be trusted")]
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_stopped_a_scan_the_first_in_order_wins() {
        let limited = ScanFacts {
            interrupted: true,
            limited: true,
            accounts_usable: 1,
            unfinished: true,
            retry: true,
            unsettled_accounts: true,
            ..ScanFacts::default()
        };
        assert_eq!(of_scan(&limited), Exit::Limit);
        assert_eq!(of_scan(&ScanFacts { signal: Some(Exit::Terminated), ..limited }), Exit::Terminated);
        assert_eq!(of_scan(&ScanFacts { accounts_usable: 0, ..limited }), Exit::Identity);
        // What somebody has to mend goes before what another try mends.
        assert_eq!(of_scan(&ScanFacts { blocked: true, ..limited }), Exit::Files);
        assert_eq!(of_scan(&ScanFacts { blocked: true, interrupted: false, ..limited }), Exit::Files);
        // A signal that came when all was done stopped nothing.
        let done = ScanFacts { accounts_usable: 1, signal: Some(Exit::Interrupted), ..ScanFacts::default() };
        assert_eq!(of_scan(&done), Exit::Complete);
        assert_eq!(of_scan(&ScanFacts { interrupted: true, ..done }), Exit::Interrupted);
    }

    #[test]
    fn a_disk_without_room_is_told_with_how_to_go_on() {
        let error = FileError {
            doing: "put together the files of a bucket in",
            path: "data/job/run/.parts".into(),
            source: std::io::Error::new(ErrorKind::StorageFull, "90 bytes are needed, and 5 are free"),
        };
        let refusal = Refusal::from(ScanError::File(error));
        assert_eq!(refusal.exit.code(), 74);
        let told = "error: could not put together the files of a bucket in `data/job/run/.parts`: 90 bytes are needed, \
            and 5 are free\nhint: make room: what was committed is kept, and the same command then goes on";
        assert_eq!(refusal.to_string(), told);
    }

    #[test]
    fn the_first_in_the_contracts_order_wins() {
        let order = [
            Exit::Bug,
            Exit::Interrupted,
            Exit::Terminated,
            Exit::Usage,
            Exit::Identity,
            Exit::Files,
            Exit::Limit,
            Exit::TryAgain,
            Exit::Partial,
            Exit::Complete,
        ];
        assert!(order.is_sorted());
        assert_eq!(order.map(Exit::code), [70, 130, 143, 2, 4, 74, 124, 75, 3, 0]);
    }
}
