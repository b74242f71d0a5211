//! The ledger: what every bucket in progress has come to, in memory, and what of it the next commit
//! has to make durable.
//!
//! Owns that a commit never claims more than what was handed to it: ranges as of their last written
//! page, with the parts those pages are in.

use crate::event::{Effort, Verdict};
use crate::rows::RowCounts;
use crate::s3::{Cursor, Range};
use crate::state::{
    AccountRecord, BucketRecord, Commit, FileEntry, FinishedEntry, FinishedRange, IndexEntry, RangeRecord,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Arc;

/// How far a bucket in progress is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Ranges are being listed.
    Listing,
    /// All ranges are listed; the parts are being joined.
    Joining,
    /// Its files are made and wait for a commit.
    Joined,
    /// Its files are being published.
    Publishing,
    /// It will not be listed further in this invocation; a rerun goes on with it.
    Halted(Verdict, String),
}

/// A bucket in progress.
#[derive(Debug)]
pub struct OpenBucket {
    /// What the state will say of it.
    pub record: BucketRecord,
    /// How far it is.
    pub stage: Stage,
    parts: HashMap<u32, OpenPart>,
    finished_ranges: Vec<IndexEntry>,
    files: u64,
    entries: Vec<FileEntry>,
    new_parts: bool,
    restarted: bool,
}

#[derive(Debug)]
struct OpenPart {
    file: Arc<File>,
    dirty: bool,
}

impl OpenBucket {
    /// A bucket of which nothing has been listed.
    #[must_use]
    pub fn begin(bucket: u32, started: Timestamp) -> Self {
        let range = Range::default();
        let first = RangeRecord {
            id: 0,
            cursor: Cursor::at_start_of(&range),
            range,
            part: crate::output::PartLength::default(),
            counts: RowCounts::default(),
        };
        let record = BucketRecord {
            bucket,
            started,
            effort: Effort::default(),
            ordered: true,
            counts: RowCounts::default(),
            index: 0,
            next_range: 1,
            ranges: vec![first],
            publishing: None,
        };
        Self::resume(record)
    }

    /// A bucket as the state has it.
    #[must_use]
    pub fn resume(record: BucketRecord) -> Self {
        let stage = match (&record.publishing, record.ranges.is_empty()) {
            (Some(_), _) => Stage::Publishing,
            (None, true) => Stage::Joining,
            (None, false) => Stage::Listing,
        };
        Self {
            record,
            stage,
            parts: HashMap::new(),
            finished_ranges: Vec::new(),
            files: 0,
            entries: Vec::new(),
            new_parts: false,
            restarted: false,
        }
    }

    /// What it has seen and written so far.
    #[must_use]
    pub fn counts(&self) -> RowCounts {
        let mut counts = self.record.counts;
        self.record.ranges.iter().for_each(|range| counts += range.counts);
        counts
    }

    /// Ranges finished since the last commit, which are not in the index on disk yet.
    #[must_use]
    pub fn uncommitted_ranges(&self) -> &[IndexEntry] {
        &self.finished_ranges
    }

    /// Files made or published.
    #[must_use]
    pub fn file_count(&self) -> u64 {
        self.files
    }

    /// A range's part is open.
    pub fn opened(&mut self, range: u32, file: Arc<File>) {
        self.parts.insert(range, OpenPart { file, dirty: true });
        self.new_parts = true;
    }

    /// A page of a range was written. News of a range that is no longer listed is old news.
    pub fn paged(&mut self, record: RangeRecord) {
        self.touch(record.id);
        if let Some(open) = self.record.ranges.iter_mut().find(|open| open.id == record.id) {
            *open = record;
        }
    }

    /// The last page of a range was written. Once no range is left, the parts can be joined.
    pub fn listed(&mut self, record: RangeRecord) {
        if !self.record.ranges.iter().any(|open| open.id == record.id) {
            return;
        }
        self.touch(record.id);
        self.record.counts += record.counts;
        self.record.ranges.retain(|open| open.id != record.id);
        let RangeRecord { id, range, part, counts, .. } = record;
        self.finished_ranges.push(IndexEntry { id, range, part, counts });
        if self.record.ranges.is_empty() {
            self.stage = Stage::Joining;
        }
    }

    fn touch(&mut self, range: u32) {
        self.parts.get_mut(&range).into_iter().for_each(|part| part.dirty = true);
    }

    /// Forgets all that was listed: the store does not keep the order, and the bucket is listed
    /// anew by token. The new range's part has a name of its own, so that the old one may go on
    /// being what the last commit says until the next.
    pub fn restart_unordered(&mut self) {
        let id = self.record.next_range;
        let fresh = Self::begin(self.record.bucket, self.record.started);
        self.record = BucketRecord {
            ranges: fresh.record.ranges.into_iter().map(|range| RangeRecord { id, ..range }).collect(),
            ordered: false,
            effort: self.record.effort,
            next_range: id + 1,
            ..fresh.record
        };
        self.parts.clear();
        self.finished_ranges.clear();
        self.restarted = true;
    }

    /// Whether nothing of it has been listed, so that there is nothing to keep.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        let untouched = |range: &RangeRecord| range.cursor == Cursor::at_start_of(&range.range);
        self.finished_ranges.is_empty()
            && self.record.index == 0
            && self.record.ordered
            && matches!(self.record.ranges.as_slice(), [range] if untouched(range) && range.part.bytes == 0)
    }

    /// Goes on with a bucket whose files were made before an interruption.
    pub fn resume_publishing(&mut self, files: u64) {
        self.files = files;
    }

    /// Takes in the files its parts were joined into.
    pub fn joined(&mut self, entries: Vec<FileEntry>) {
        self.stage = Stage::Joined;
        self.files = entries.len() as u64;
        self.entries = entries;
    }
}

/// All buckets in progress, and what became of the others since the last commit.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Buckets in progress, by their place in the run.
    pub open: BTreeMap<u32, OpenBucket>,
    /// Accounts, in the run's order.
    pub accounts: Vec<AccountRecord>,
    /// Requests that are not some bucket's, and those of finished buckets.
    pub effort: Effort,
    finished: Vec<FinishedEntry>,
}

impl Ledger {
    /// A ledger of a run with these accounts, for which `effort` was made so far.
    #[must_use]
    pub fn new(accounts: Vec<AccountRecord>, effort: Effort) -> Self {
        Self { accounts, effort, ..Self::default() }
    }

    /// Whether there is something that others wait for a commit of.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.finished.is_empty() || self.open.values().any(|bucket| bucket.stage == Stage::Joined)
    }

    /// Buckets that are listed and not yet published.
    #[must_use]
    pub fn closing(&self) -> usize {
        let closing = |bucket: &&OpenBucket| matches!(bucket.stage, Stage::Joining | Stage::Joined | Stage::Publishing);
        self.open.values().filter(closing).count()
    }

    /// Notes a bucket's final verdict; it is no longer in progress.
    pub fn finish(&mut self, entry: FinishedEntry) {
        self.open.remove(&entry.bucket);
        self.effort += entry.effort;
        self.finished.push(entry);
    }

    /// Everything to be committed now. Returns it with the buckets whose parts may go once it is
    /// durable.
    pub fn commit(&mut self) -> (Commit, Vec<u32>) {
        let mut commit = Commit { accounts: self.accounts.clone(), effort: self.effort, ..Commit::default() };
        for (&place, bucket) in &mut self.open {
            if bucket.stage == Stage::Joined {
                // Its files are durable: what the parts hold is of no further interest.
                bucket.stage = Stage::Publishing;
                bucket.finished_ranges.clear();
                bucket.parts.clear();
                commit.files.push((place, std::mem::take(&mut bucket.entries)));
            } else {
                for (_, part) in bucket.parts.iter_mut().filter(|(_, part)| part.dirty) {
                    part.dirty = false;
                    commit.parts.push(Arc::clone(&part.file));
                }
                if std::mem::take(&mut bucket.restarted) {
                    commit.restarted.push(place);
                }
                if std::mem::take(&mut bucket.new_parts) {
                    commit.new_parts.push(place);
                }
                let ranges = bucket.finished_ranges.drain(..);
                commit.ranges.extend(ranges.map(|entry| FinishedRange { bucket: place, entry }));
                let open: Vec<u32> = bucket.record.ranges.iter().map(|range| range.id).collect();
                bucket.parts.retain(|id, _| open.contains(id));
            }
            commit.buckets.push(bucket.record.clone());
        }
        commit.finished = std::mem::take(&mut self.finished);
        let removable = commit.finished.iter().map(|entry| entry.bucket).collect();
        (commit, removable)
    }
}
