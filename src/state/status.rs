//! How far a job is, read from its state without touching anything.
//!
//! Owns that looking changes nothing: no journal is cut, no file made, and a run under way is not
//! disturbed.

use super::StateError;
use super::journal;
use super::lock::JobLock;
use super::record::{BucketEntry, FinishedEntry, RunEnd, RunPhase, RunRecord};
use super::run::RunFolder;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::Path;

/// How often a state that is being written meanwhile is read again.
const ATTEMPTS: usize = 5;

/// A job's last run.
#[derive(Debug)]
pub struct RunStatus {
    /// What is committed.
    pub record: RunRecord,
    /// Whether a process is working on it right now.
    pub is_running: bool,
    /// The selected buckets, in the order of their places; none of a run that is complete, whose
    /// journals are gone.
    pub buckets: Vec<BucketEntry>,
    /// The buckets that have their verdict.
    pub finished: Vec<FinishedEntry>,
}

impl RunStatus {
    /// The last run of the job that keeps its state in this file; `None` before its first.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn read(state_file: &Path) -> Result<Option<Self>, StateError> {
        for _ in 1..ATTEMPTS {
            // A run that ends meanwhile takes its journals with it.
            match Self::try_read(state_file) {
                Err(StateError::File(error)) if error.source.kind() == ErrorKind::NotFound => {}
                read => return read,
            }
        }
        Self::try_read(state_file)
    }

    fn try_read(state_file: &Path) -> Result<Option<Self>, StateError> {
        let Some(record) = RunRecord::load(state_file)? else {
            return Ok(None);
        };
        let is_running = JobLock::is_held(state_file);
        let (mut buckets, mut finished) = (Vec::new(), Vec::new());
        if record.phase == RunPhase::Scanning || record.end == Some(RunEnd::Incomplete) {
            let folder = RunFolder::new(&record.folder).path().to_owned();
            buckets = entries(&folder.join("buckets.jsonl"), record.journals.buckets)?;
            let placed = journal::read_placed(&folder.join("finished.jsonl"), record.journals.finished)?;
            let placed = placed.map(|(at, entry)| Ok::<(u64, FinishedEntry), StateError>((at, entry?)));
            let placed: Vec<(u64, FinishedEntry)> = placed.collect::<Result<_, _>>()?;
            let holding = placed.into_iter().filter(|(at, entry)| entry.holds(*at, record.withdrawn));
            finished = holding.map(|(_, entry)| entry).collect();
        }
        Ok(Some(Self { record, is_running, buckets, finished }))
    }
}

fn entries<T: DeserializeOwned>(path: &Path, committed: u64) -> Result<Vec<T>, StateError> {
    journal::read(path, committed)?.collect()
}
