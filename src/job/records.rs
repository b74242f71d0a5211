//! The files a job keeps about itself: its state and its log.
//!
//! Responsible for the tables `[state]` and `[log]`. It leaves their contents to the writers. It owns
//! the invariant that the two are different files.

use std::path::PathBuf;
use std::time::Duration;

use super::file::{LogFile, StateFile};
use super::path::job_file;
use super::problem::{Findings, Refusal};
use super::values::{choice, duration};

/// Where and how often the progress of a run is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSettings {
    /// The state file, `{job}` filled in.
    pub file: PathBuf,
    /// Time between two savings.
    pub checkpoint_every: Duration,
}

impl StateSettings {
    pub(super) fn check(file: &StateFile, job: &str, findings: &mut Findings) -> Option<Self> {
        let path = findings.accept(file.file.as_ref(), |text: &str| job_file(text, job));
        let checkpoint_every = findings.accept(file.checkpoint_every.as_ref(), duration);
        Some(Self { file: path?, checkpoint_every: checkpoint_every? })
    }
}

/// The least severe message that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may be wrong.
    Warn,
    /// What was done.
    Info,
    /// How it was done.
    Debug,
    /// Every step.
    Trace,
}

/// The shape of a logged line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
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
        state: Option<&StateSettings>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let path = findings.accept(file.file.as_ref(), |text: &str| {
            let path = job_file(text, job)?;
            if state.is_some_and(|state| state.file == path) {
                return Err(Refusal::new("the log and the state would be one file"));
            }
            Ok(path)
        });
        let level = findings.accept(file.level.as_ref(), |text: &str| choice(text, &LEVELS));
        let format = findings.accept(file.format.as_ref(), |text: &str| {
            choice(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
        });
        Some(Self { file: path?, level: level?, format: format? })
    }
}

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
