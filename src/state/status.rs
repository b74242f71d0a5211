//! How far a job is, read from its state without touching anything.
//!
//! Owns that looking changes nothing: no journal is cut, no file made, and a run under way is not
//! disturbed.

use super::StateError;
use super::entry::{BucketEntry, FinishedEntry};
use super::folder::RunFolder;
use super::journal;
use super::lock::JobLock;
use super::record::{RunPhase, RunRecord};
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
    /// The selected buckets, in the order of their places; none of a run that is over.
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
        let mut status = Self { record, is_running, buckets: Vec::new(), finished: Vec::new() };
        if status.record.phase == RunPhase::Scanning {
            status.read_journals()?;
        }
        Ok(Some(status))
    }

    /// With the journals of a run that is over, which one that is not complete keeps.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn with_journals(mut self) -> Result<Self, StateError> {
        self.read_journals()?;
        Ok(self)
    }

    fn read_journals(&mut self) -> Result<(), StateError> {
        let (lengths, withdrawn) = (self.record.journals, self.record.withdrawn);
        let folder = RunFolder::new(&self.record.folder).path().to_owned();
        self.buckets = journal::read(&folder.join("buckets.jsonl"), lengths.buckets)?.collect::<Result<_, _>>()?;
        for (at, entry) in journal::read_placed::<FinishedEntry>(&folder.join("finished.jsonl"), lengths.finished)? {
            let entry = entry?;
            if entry.holds(at, withdrawn) {
                self.finished.push(entry);
            }
        }
        Ok(())
    }
}
