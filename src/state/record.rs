//! What the state file says: its shape on disk, and reading and replacing it.
//!
//! Version 4: ranges know what their neighbours have shown (`left_side`, `right_side`), and a bucket without ranges
//! may still have seams in doubt (`doubts`). Version 3: a range without rows has no part, verdicts may be withdrawn (`withdrawn`), and a run may be
//! of a part of its job (`narrowing`). Version 2: a bucket may have ranges that wait (`waiting`), and ranges
//! that no longer count (`void_below`). Owns that a state of a newer version, of another program or
//! that cannot be read is refused and left alone.

use super::StateError;
use super::seam::{Doubt, LeftSide, Shown};
use crate::crash;
use crate::event::{AccountVerdict, Effort};
use crate::job::Narrowing;
use crate::output::{FileError, PartLength, ReplaceStep, replace};
use crate::rows::RowCounts;
use crate::s3::{Cursor, Range};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "s3scan-state";
const VERSION: u32 = 4;

/// One run of a job, as far as it is committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Always `s3scan-state`.
    pub format: String,
    /// The version of this shape.
    pub version: u32,
    /// The version of s3scan that wrote it.
    pub tool: String,
    /// The job's name.
    pub job: String,
    /// The run's id: its start as `20261122T114500Z`.
    pub run: String,
    /// Whether the run is over.
    pub phase: RunPhase,
    /// What a run that is over has come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
    /// When the run was started; what relative dates count from.
    pub now: Timestamp,
    /// The frozen window: objects of `since <= t < until`.
    pub since: Option<Timestamp>,
    /// The end of the frozen window.
    pub until: Option<Timestamp>,
    /// The run's folder: parts, journals, summary.
    pub folder: PathBuf,
    /// Folders of earlier runs whose parts are still to be removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<PathBuf>,
    /// The part of the job that the run is of.
    #[serde(default, skip_serializing_if = "Narrowing::is_whole")]
    pub narrowing: Narrowing,
    /// What the bytes written depend on; see the crate's documentation of `job`.
    pub fingerprint: BTreeMap<String, String>,
    /// The accounts, in the job's order.
    pub accounts: Vec<AccountRecord>,
    /// Requests made so far, over all invocations of the run, but for the buckets in progress.
    pub effort: Effort,
    /// How much of each journal counts.
    pub journals: JournalLengths,
    /// Verdicts in the first so many bytes of the journal of finished buckets are withdrawn, but for
    /// `complete`: their buckets are listed again.
    #[serde(default, skip_serializing_if = "is_none")]
    pub withdrawn: u64,
    /// Buckets begun and not finished.
    pub buckets: Vec<BucketRecord>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// Its folder is being made: nothing has been listed, and the next invocation begins anew.
    Preparing,
    /// Buckets are being listed and published.
    Scanning,
    /// Every bucket has its verdict.
    Done,
}

/// What a run that is over has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Nothing is left to be listed again: its journals are gone.
    Complete,
    /// Some bucket is not complete, or some account could not be used: its journals are kept, and the
    /// run can be reopened.
    Incomplete,
}

/// An account of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Its name in the job.
    pub name: String,
    /// Whether its buckets are in the journal of buckets; else a rerun asks for them again.
    pub discovered: bool,
    /// Whether nothing more is to be learnt of it in this run: its buckets are known, or it cannot
    /// be used for a reason that waiting does not mend.
    pub settled: bool,
    /// The twelve digits of its id, as the credentials tell, or as the job says where they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The user or role session that asked last; `None` where the store does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The address that was asked; `None` is that of AWS, or of the synthetic store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What became of it.
    pub verdict: AccountVerdict,
    /// Why, where it is not `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl AccountRecord {
    /// An account that is still to be asked for its buckets.
    #[must_use]
    pub fn unasked(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            discovered: false,
            settled: false,
            account_id: None,
            arn: None,
            endpoint: None,
            verdict: AccountVerdict::Ok,
            reason: None,
            hint: None,
        }
    }
}

/// Committed lengths of the run's journals, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLengths {
    /// `buckets.jsonl`: [`BucketEntry`](super::BucketEntry).
    pub buckets: u64,
    /// `files.jsonl`: [`FileEntry`](super::FileEntry).
    pub files: u64,
    /// `finished.jsonl`: [`FinishedEntry`](super::FinishedEntry).
    pub finished: u64,
}

/// A bucket that has been begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketRecord {
    /// Its place in the journal of buckets, from 0.
    pub bucket: u32,
    /// When it was begun.
    pub started: Timestamp,
    /// Requests made for it.
    pub effort: Effort,
    /// Whether its keys come in order; a store that does not keep the order is listed by token.
    pub ordered: bool,
    /// What its finished ranges have seen and written.
    pub counts: RowCounts,
    /// Committed length of its index of finished ranges, in bytes.
    pub index: u64,
    /// Ranges with ids below are of before its listing started over, and no longer count. They stay in
    /// the index, which nothing is cut off from while a state may still speak of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub void_below: u32,
    /// The id the next range gets.
    pub next_range: u32,
    /// How many of the ranges that its listing begins with nobody has begun yet. They are taken up in
    /// key order, so that these are the last ones, and are known from the job's prefixes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u32,
    /// Ranges in progress. None left and none waiting: all are in the index, and once no seam is in
    /// doubt the parts can be joined.
    pub ranges: Vec<RangeRecord>,
    /// Seams in doubt, which are to be listed across once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// Set once its files are made: where they stand in the journal of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishing: Option<FileSpan>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(length: &u64) -> bool {
    *length == 0
}

impl BucketRecord {
    /// What all its ranges have seen and written, those in progress included.
    #[must_use]
    pub fn all_counts(&self) -> RowCounts {
        let mut counts = self.counts;
        self.ranges.iter().for_each(|range| counts += range.counts);
        counts
    }
}

/// A range in progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// Names its part.
    pub id: u32,
    /// The keys it covers.
    pub range: Range,
    /// How far it is listed.
    pub cursor: Cursor,
    /// How much of its part counts.
    pub part: PartLength,
    /// What it has seen and written.
    pub counts: RowCounts,
    /// What its neighbour to the left saw behind the seam between them, while it has shown nothing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_side: Option<LeftSide>,
    /// What its neighbour to the right has shown first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_side: Option<Shown>,
}

impl RangeRecord {
    /// A range of which nothing is listed yet.
    #[must_use]
    pub fn begun(id: u32, range: Range) -> Self {
        let (cursor, part, counts) = (Cursor::at_start_of(&range), PartLength::default(), RowCounts::default());
        Self { id, range, cursor, part, counts, left_side: None, right_side: None }
    }
}

/// A stretch of the journal of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpan {
    /// First byte.
    pub from: u64,
    /// Behind the last byte.
    pub to: u64,
}

impl RunRecord {
    /// A run that is about to begin.
    #[must_use]
    pub fn new(job: &str, run: &str, now: Timestamp, folder: PathBuf) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            job: job.to_owned(),
            run: run.to_owned(),
            phase: RunPhase::Preparing,
            end: None,
            now,
            since: None,
            until: None,
            folder,
            superseded: Vec::new(),
            narrowing: Narrowing::default(),
            fingerprint: BTreeMap::new(),
            accounts: Vec::new(),
            effort: Effort::default(),
            journals: JournalLengths::default(),
            withdrawn: 0,
            buckets: Vec::new(),
        }
    }

    /// Reads the state file; `None` where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, is not a state of s3scan, or one of a newer version.
    pub fn load(path: &Path) -> Result<Option<Self>, StateError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(FileError::at("read state", path))?,
        };
        let head: Head =
            serde_json::from_slice(&text).map_err(|error| StateError::corrupt(path, &error.to_string()))?;
        if head.format != FORMAT {
            return Err(StateError::corrupt(path, &format!("its format is `{}`, not `{FORMAT}`", head.format)));
        }
        if head.version > VERSION {
            return Err(StateError::Newer { path: path.to_owned(), version: head.version, known: VERSION });
        }
        serde_json::from_slice(&text).map(Some).map_err(|error| StateError::corrupt(path, &error.to_string()))
    }

    /// Whether the run is unfinished once more, for it was over and was reopened.
    #[must_use]
    pub fn is_reopened(&self) -> bool {
        self.phase == RunPhase::Scanning && self.withdrawn > 0
    }

    /// Whether this program may go on with the run: one of an older version means other things by
    /// what it says.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.version == VERSION
    }

    /// Replaces the state file, durably.
    ///
    /// # Errors
    /// As the file system says; the old state then stands.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(io::Error::from).map_err(FileError::at("write", path))?;
        text.push(b'\n');
        replace(path, &text, |step| match step {
            ReplaceStep::Written => crash::reached("state-written"),
            ReplaceStep::Renamed => crash::reached("state-renamed"),
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Option<RunRecord>, StateError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.json");
        fs::write(&path, text).unwrap();
        RunRecord::load(&path)
    }

    #[test]
    fn a_state_comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state").join("job.json");
        assert_eq!(RunRecord::load(&path).unwrap(), None);
        let record = RunRecord::new("job", "20261122T114500Z", Timestamp::UNIX_EPOCH, PathBuf::from("data/job"));
        record.save(&path).unwrap();
        assert_eq!(RunRecord::load(&path).unwrap(), Some(record));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_bucket_of_an_older_program_has_no_range_waiting() {
        let json = r#"{"bucket": 3, "started": "2026-11-22T11:45:00Z",
            "effort": {"requests": 1, "retries": 0, "throttles": 0}, "ordered": true,
            "counts": {"objects": 5, "bytes": 5, "rows": 5, "undated": 0}, "index": 0, "next_range": 1,
            "ranges": [{"id": 0, "range": {"after": null, "until": null}, "cursor": {"after": "k"},
                "part": {"bytes": 9, "rows": 5, "checksum": 1},
                "counts": {"objects": 5, "bytes": 5, "rows": 5, "undated": 0}}]}"#;
        let bucket: BucketRecord = serde_json::from_str(json).unwrap();
        assert_eq!((bucket.waiting, bucket.ranges.len()), (0, 1));
        assert_eq!(bucket.ranges[0].range, Range::default());
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        assert!(matches!(load(""), Err(StateError::Corrupt { .. })));
        assert!(matches!(load("{\"format\": \"other\", \"version\": 1}"), Err(StateError::Corrupt { .. })));
        assert!(matches!(
            load("{\"format\": \"s3scan-state\", \"version\": 99, \"shape\": []}"),
            Err(StateError::Newer { version: 99, .. })
        ));
        assert!(matches!(load("{\"format\": \"s3scan-state\", \"version\": 1}"), Err(StateError::Corrupt { .. })));
    }
}
