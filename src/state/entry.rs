//! What the journals say: a line of each, in the shape it has on disk.
//!
//! The version that `record` owns covers them too. Owns when a verdict holds.

use crate::event::{Effort, Verdict};
use crate::output::{JoinedFile, PartLength};
use crate::rows::RowCounts;
use crate::s3::Range;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A finished range, in its bucket's index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Names its part.
    pub id: u32,
    /// The keys it covers.
    pub range: Range,
    /// How much of its part counts.
    pub part: PartLength,
    /// What it has seen and written.
    pub counts: RowCounts,
}

/// A selected bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketEntry {
    /// The account's place in the run's accounts, from 0.
    pub account: u32,
    /// The bucket's name, as the store or the job gave it.
    pub name: String,
    /// The region it is asked for in.
    pub region: String,
    /// Whether the job names it literally rather than by a glob.
    pub literal: bool,
}

/// A file of a bucket, made and about to be published, or published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The bucket's place in the journal of buckets.
    pub bucket: u32,
    /// Its final path.
    pub path: PathBuf,
    /// Number, rows, bytes and SHA-256.
    #[serde(flatten)]
    pub file: JoinedFile,
    /// Of a bucket's first file, the ranges that are in no index, for the bucket was listed and joined
    /// between two commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_of: Vec<IndexEntry>,
}

/// A bucket with its final verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinishedEntry {
    /// Its place in the journal of buckets.
    pub bucket: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where it is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether its rows stand in key order.
    pub ordered: bool,
    /// What was seen and written.
    pub counts: RowCounts,
    /// Files published.
    pub files: u64,
    /// Requests made.
    pub effort: Effort,
    /// When it was begun.
    pub started: Timestamp,
    /// When it had its verdict.
    pub ended: Timestamp,
}

impl FinishedEntry {
    /// Whether the verdict, which begins at byte `at` of its journal, holds where so many bytes are
    /// [`withdrawn`](super::RunRecord::withdrawn).
    pub(super) fn holds(&self, at: u64, withdrawn: u64) -> bool {
        at >= withdrawn || self.verdict == Verdict::Complete
    }
}
