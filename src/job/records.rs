//! The files a job keeps about itself: its state and its log.
//!
//! Responsible for the tables `[state]` and `[log]`. It leaves their contents to the writers, and what
//! else they must not land on to `files`. It owns the invariant that the two are different files.

use std::path::PathBuf;
use std::time::Duration;

use super::files::is_one_file;
use super::path::JobPath;
use super::problem::{Findings, Refusal};
use super::read::{Key, table, words};
use super::text::Origin;
use super::values::Lasting;

table! {
    /// Where the progress of a run is kept.
    pub(super) struct StateFile {
        /// The state file, relative to the folder in which s3scan is started. `{job}` is the job's name. A file beside
        /// it, its extension `lock`, keeps two runs of a job apart.
        #[schemars(example = &"state/{job}.json")]
        file: Key<JobPath>,
        /// The time between two saves: after a kill, at most about that much is listed again. At most
        /// 24 hours.
        #[schemars(example = &"2s")]
        checkpoint_every: Key<Lasting<24>>,
    }
}

table! {
    /// Where messages go besides the terminal.
    pub(super) struct LogFile {
        /// The log file, relative to the folder in which s3scan is started; appended to. `{job}` is the job's name.
        #[schemars(example = &"logs/{job}.log")]
        file: Key<JobPath>,
        /// The least severe message in the file; `--log-level` is for the terminal.
        level: Key<LogLevel>,
        /// The shape of a line.
        format: Key<LogFormat>,
    }
}

words! {
    /// The least severe message that is logged.
    pub enum LogLevel {
        /// What failed.
        "error" => Error,
        /// What may be wrong.
        "warn" => Warn,
        /// What was done.
        "info" => Info,
        /// How it was done.
        "debug" => Debug,
        /// Every step.
        "trace" => Trace,
    }
}

words! {
    /// The shape of a logged line.
    pub enum LogFormat {
        /// For people.
        "text" => Text,
        /// One JSON object a line.
        "json" => Json,
    }
}

/// Where and how often the progress of a run is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSettings {
    /// The state file, `{job}` filled in.
    pub file: PathBuf,
    /// Time between two savings.
    pub checkpoint_every: Duration,
}

impl StateSettings {
    pub(super) fn check(file: &StateFile, job: &str) -> Option<Self> {
        Some(Self { file: file.file.value()?.of(job), checkpoint_every: file.checkpoint_every.value()?.0 })
    }

    /// The state and the files beside it that are named after it.
    pub(super) fn files(&self) -> [(PathBuf, &'static str); 3] {
        let beside = |extension: &str| self.file.with_extension(extension);
        [
            (self.file.clone(), "the state"),
            (beside("lock"), "the state's lock"),
            (beside("history.json"), "the state's history"),
        ]
    }
}

/// What is logged, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The log file, `{job}` filled in.
    pub file: PathBuf,
    /// The least severe message.
    pub level: LogLevel,
    /// The shape of a line.
    pub format: LogFormat,
}

impl LogSettings {
    pub(super) fn check(
        file: &LogFile,
        job: &str,
        state: (&StateFile, Option<&StateSettings>),
        findings: &mut Findings,
    ) -> Option<Self> {
        let log = file.file.written()?;
        let path = log.value.of(job);
        let clash = state.1.and_then(|state| state.files().into_iter().find(|(other, _)| is_one_file(&path, other)));
        if let Some((_, what)) = clash {
            // Whoever moved one of them onto the other is to blame, never the defaults.
            let moved = state.0.file.written().filter(|_| log.blame.source.origin == Origin::Defaults);
            let refusal = Refusal::new(format!("the log and {what} would be one file"));
            let blame = moved.map_or(&log.blame, |moved| &moved.blame);
            findings.refuse(blame, refusal.hint("set `log.file` or `state.file` to another path"));
        }
        Some(Self { file: path, level: *file.level.value()?, format: *file.format.value()? })
    }
}
