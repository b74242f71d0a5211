//! Where the working files of a run lie.
//!
//! Owns their names, which no server has a say in.

use std::path::{Path, PathBuf};

/// Where the working files of a run lie: below the run's folder, on the output's file system.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The working files of the run whose folder is `run`.
    #[must_use]
    pub fn new(run: &Path) -> Self {
        Self(run.join(".parts"))
    }

    /// All of them.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Those of one bucket.
    #[must_use]
    pub fn bucket(&self, bucket: u32) -> PathBuf {
        self.0.join(format!("{bucket:06}"))
    }

    /// The part of one range.
    #[must_use]
    pub fn part(&self, bucket: u32, range: u32) -> PathBuf {
        self.bucket(bucket).join(format!("{range}.part"))
    }

    /// The journal of its finished ranges.
    pub(super) fn index(&self, bucket: u32) -> PathBuf {
        self.bucket(bucket).join("index.jsonl")
    }

    /// A journal of the run.
    pub(super) fn journal(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
