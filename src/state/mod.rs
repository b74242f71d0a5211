//! What is done: the state file, its journals, and the job's lock; and what was learnt for the next run.
//!
//! Owns *rows before claims*: whatever the state says is done was durable before the state said so,
//! and going on cuts every part and journal back to what the state says. Who decides when to commit
//! is `scan`.

mod entry;
mod folder;
mod history;
mod journal;
mod lock;
mod record;
mod run;
mod seam;
mod status;

pub use entry::{BucketEntry, FileEntry, FinishedEntry, IndexEntry};
pub use folder::RunFolder;
pub use history::{BucketHistory, History, MOST_KEYS, fit, thinned};
pub use lock::JobLock;
pub use record::{AccountRecord, BucketRecord, FileSpan, JournalLengths, RangeRecord, RunEnd, RunPhase, RunRecord};
pub use run::{Commit, FinishedRange, RunStore};
pub use seam::{Doubt, LeftSide, Shown};
pub use status::RunStatus;

use crate::output::FileError;
use std::path::{Path, PathBuf};

/// The state cannot be read, kept or used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what s3scan wrote.
    #[error("`{}` is not a sound state: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What earlier runs learnt is not what s3scan wrote.
    #[error("`{}` is not a history of s3scan: {reason}", path.display())]
    NoHistory {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The state was written by a newer s3scan.
    #[error("`{}` was written by a newer s3scan: its version is {version}, this one knows up to {known}", path.display())]
    Newer {
        /// The state file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Another process runs the job.
    #[error("another run of this job is under way ({holder} holds `{}`)", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as noted in the file.
        holder: String,
    },
}

impl StateError {
    fn corrupt(path: &Path, reason: &str) -> Self {
        Self::Corrupt { path: path.to_owned(), reason: reason.to_owned() }
    }
}
