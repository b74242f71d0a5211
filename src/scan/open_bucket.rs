//! A bucket in progress: its ranges, and what the next commit has to make durable of it.
//!
//! Owns that a range is listed by one worker at a time, that only ranges that somebody has begun cost a
//! record, and that a bucket is listed only once no range is left and no seam is in doubt.

use super::hints::pieces;
use super::learning::Learning;
use super::open_parts::OpenParts;
use super::seams::{self, Apart};
use super::worker::RangeProgress;
use crate::event::{Effort, Verdict};
use crate::rows::RowCounts;
use crate::s3::{Cursor, Key, Range};
use crate::state::{BucketRecord, Commit, Doubt, FileEntry, FinishedRange, IndexEntry, RangeRecord, Shown};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How far a bucket in progress is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Ranges are being listed, or wait to be.
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
    /// Ranges in progress that no worker lists, by their ids.
    idle: BTreeSet<u32>,
    /// Seams in doubt that a worker lists across, by their ids.
    checking: BTreeSet<u32>,
    /// What is learnt of it.
    pub learning: Learning,
    /// Its parts that are open.
    pub parts: OpenParts,
    finished_ranges: Vec<IndexEntry>,
    /// Whether a range of it was ever finished, committed or not.
    has_finished: bool,
    /// Files made or published.
    pub files: u64,
    entries: Vec<FileEntry>,
    /// Its finished left end.
    pub left: LeftEnd,
}

/// The ranges of a bucket that are finished, with nothing to their left that is not.
#[derive(Debug)]
pub struct LeftEnd {
    /// Whether there may be more of them than when it was last looked at.
    pub has_grown: bool,
    /// Rows of them that are joined into files, as far as is known.
    pub joined_rows: u64,
}

impl OpenBucket {
    /// A bucket of which nothing has been listed, and whose listing begins with the ranges `first`.
    #[must_use]
    pub fn begin(bucket: u32, started: Timestamp, first: &[Range], ordered: bool) -> Self {
        let record = BucketRecord {
            bucket,
            started,
            effort: Effort::default(),
            ordered,
            counts: RowCounts::default(),
            index: 0,
            void_below: 0,
            next_range: 0,
            // There are far fewer prefixes: they stand in a file of at most 1 MiB.
            waiting: u32::try_from(first.len()).unwrap_or(u32::MAX),
            ranges: Vec::new(),
            doubts: Vec::new(),
            publishing: None,
        };
        Self { learning: Learning::begun(Some(started)), ..Self::resume(record) }
    }

    /// A bucket as the state has it.
    #[must_use]
    pub fn resume(record: BucketRecord) -> Self {
        let stage = match &record.publishing {
            Some(_) => Stage::Publishing,
            None if is_listed(&record) => Stage::Joining,
            None => Stage::Listing,
        };
        Self {
            has_finished: record.index > 0,
            idle: record.ranges.iter().map(|range| range.id).collect(),
            learning: Learning::resumed(&record),
            record,
            stage,
            checking: BTreeSet::new(),
            parts: OpenParts::default(),
            finished_ranges: Vec::new(),
            files: 0,
            entries: Vec::new(),
            left: LeftEnd { has_grown: true, joined_rows: 0 },
        }
    }

    /// Whether something of it waits for a worker.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.record.waiting > 0 || !self.idle.is_empty() || self.checking.len() < self.record.doubts.len()
    }

    /// The next seam in doubt for a worker.
    pub fn next_doubt(&mut self) -> Option<Doubt> {
        let next = self.record.doubts.iter().find(|doubt| !self.checking.contains(&doubt.id))?;
        self.checking.insert(next.id);
        Some(next.clone())
    }

    /// A seam that was in doubt holds; returns it.
    pub fn settled(&mut self, id: u32) -> Option<Key> {
        self.checking.remove(&id);
        let at = self.record.doubts.iter().position(|doubt| doubt.id == id)?;
        let doubt = self.record.doubts.remove(at);
        self.end_listing();
        Some(doubt.seam)
    }

    fn doubt(&mut self, apart: Option<Apart>) {
        if let Some(Apart { prefix, seam, cursor }) = apart {
            let id = self.next_id();
            self.record.doubts.push(Doubt { id, prefix, seam, cursor });
        }
    }

    fn next_id(&mut self) -> u32 {
        let id = self.record.next_range;
        self.record.next_range += 1;
        id
    }

    /// Once no range is left and no seam is in doubt, the parts can be joined.
    fn end_listing(&mut self) {
        if is_listed(&self.record) {
            self.stage = Stage::Joining;
        }
    }

    /// The next range for a worker: of those in progress the leftmost, so that the finished left end grows;
    /// else the next of the `first` ranges, which is cut and begun with this.
    pub fn next_range(&mut self, first: &[Range]) -> Option<RangeRecord> {
        if self.idle.is_empty() {
            let range = first.get(self.begun(first)).filter(|_| self.record.waiting > 0)?.clone();
            self.record.waiting -= 1;
            for piece in pieces(range, if self.record.ordered { &self.learning.cuts } else { &[] }) {
                self.begin_range(piece, None);
            }
        }
        let idle = self.record.ranges.iter().filter(|range| self.idle.contains(&range.id));
        let next = idle.min_by(|one, other| one.range.cmp(&other.range))?.clone();
        self.idle.remove(&next.id);
        Some(next)
    }

    /// Adds a range in progress, which waits for a worker.
    fn begin_range(&mut self, range: Range, right_side: Option<Shown>) -> u32 {
        let id = self.next_id();
        self.record.ranges.push(RangeRecord { right_side, ..RangeRecord::begun(id, range) });
        self.idle.insert(id);
        id
    }

    /// How many of the `first` ranges have been begun.
    fn begun(&self, first: &[Range]) -> usize {
        first.len().saturating_sub(self.record.waiting as usize)
    }

    /// Puts ranges back that were begun last and of which nothing was listed, so that they cost no
    /// record while nobody lists them. The pieces of one that was cut stay.
    pub fn put_back(&mut self, first: &[Range]) {
        while let Some(range) = self.record.ranges.last().filter(|range| is_untouched(range)) {
            let (id, begun) = (range.id, self.begun(first));
            if begun == 0 || first.get(begun - 1) != Some(&range.range) {
                return;
            }
            self.record.ranges.pop();
            self.record.waiting += 1;
            self.parts.remove(id);
            self.idle.remove(&id);
        }
    }

    /// What it has seen and written so far.
    #[must_use]
    pub fn counts(&self) -> RowCounts {
        let mut counts = self.record.counts;
        self.record.ranges.iter().for_each(|range| counts += range.counts);
        counts
    }

    /// All its finished ranges that count: those in its `index` on disk, and those finished since the
    /// last commit.
    #[must_use]
    pub fn finished_ranges(&self, mut index: Vec<IndexEntry>) -> Vec<IndexEntry> {
        index.extend_from_slice(&self.finished_ranges);
        index.retain(|entry| entry.id >= self.record.void_below);
        index
    }

    /// Of the ranges in its `index`, those of its left end that are committed.
    #[must_use]
    pub fn left_end(&self, mut index: Vec<IndexEntry>, first: &[Range]) -> Vec<IndexEntry> {
        let open = self.record.ranges.iter().map(|range| &range.range);
        let uncommitted = self.finished_ranges.iter().map(|entry| &entry.range);
        let waiting = first.get(self.begun(first)).filter(|_| self.record.waiting > 0);
        let frontier = open.chain(uncommitted).chain(waiting).min();
        let is_left = |range: &Range| frontier.is_none_or(|frontier| range < frontier);
        index.retain(|entry| entry.id >= self.record.void_below && is_left(&entry.range));
        index
    }

    /// Whether all ranges that were finished are committed. Before that a crash takes the listing back.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.finished_ranges.is_empty()
    }

    /// A range in progress.
    #[must_use]
    pub fn range(&self, id: u32) -> Option<&RangeRecord> {
        self.record.ranges.iter().find(|range| range.id == id)
    }

    /// A page of a range was written, and `first` is what the range has shown by it first of all. News of a
    /// range that is no longer listed is old news.
    pub fn paged(&mut self, id: u32, progress: RangeProgress, first: Option<Shown>) {
        let apart = first.and_then(|first| seams::began(&mut self.record.ranges, id, first));
        self.doubt(apart);
        self.parts.touch(id);
        if let Some(open) = self.record.ranges.iter_mut().find(|open| open.id == id) {
            // The range itself is ours: it may have been split meanwhile.
            (open.cursor, open.part, open.counts) = (progress.cursor, progress.part, progress.counts);
        }
    }

    /// Splits a range in progress at `cut`, which lies in what is left of it; returns the range behind,
    /// which waits for a worker.
    pub fn split(&mut self, id: u32, cut: Key) -> Option<u32> {
        let victim = self.record.ranges.iter_mut().find(|range| range.id == id)?;
        let until = victim.range.until.replace(cut.clone());
        let range = Range { prefix: victim.range.prefix.clone(), after: Some(cut), until };
        let right_side = victim.right_side.take();
        Some(self.begin_range(range, right_side))
    }

    /// A worker gave a range back; another may go on with it.
    pub fn yielded(&mut self, id: u32) {
        self.parts.release(id);
        self.idle.insert(id);
    }

    /// A range is listed to its end, and `behind` is what it showed first behind it.
    pub fn listed(&mut self, id: u32, behind: Option<Shown>) {
        let Some(at) = self.record.ranges.iter().position(|open| open.id == id) else {
            return;
        };
        self.parts.touch(id);
        self.parts.release(id);
        let ended = self.record.ranges.remove(at);
        let apart = behind.and_then(|shown| seams::ended(&mut self.record.ranges, &ended, shown));
        self.doubt(apart);
        let RangeRecord { range, part, counts, .. } = ended;
        self.record.counts += counts;
        self.has_finished = true;
        self.finished_ranges.push(IndexEntry { id, range, part, counts });
        self.end_listing();
    }

    /// Forgets all that was listed: the store does not keep the order, and the bucket is listed
    /// anew by token, from its `first` ranges. The parts of the new ranges have names of their own, so
    /// that the old ones may go on being what the last commit says until the next.
    pub fn restart_unordered(&mut self, first: &[Range]) {
        let fresh = Self::begin(self.record.bucket, self.record.started, first, false);
        self.record = BucketRecord {
            effort: self.record.effort,
            next_range: self.record.next_range,
            void_below: self.record.next_range,
            ..fresh.record
        };
        self.idle.clear();
        self.checking.clear();
        self.learning = Learning::begun(self.learning.begun);
        self.parts.clear();
        self.finished_ranges.clear();
        self.left = LeftEnd { has_grown: false, joined_rows: 0 };
    }

    /// Whether nothing of it has been listed, so that there is nothing to keep.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        !self.has_finished && self.record.ordered && self.record.ranges.iter().all(is_untouched)
    }

    /// Adds to `commit` what is to be made durable of the bucket at this place.
    pub fn commit(&mut self, place: u32, commit: &mut Commit) {
        if self.stage == Stage::Joined {
            // Its files are durable: what the parts hold is of no further interest.
            // But which they are is kept with the files, should these have to be made again.
            self.stage = Stage::Publishing;
            let unindexed = std::mem::take(&mut self.finished_ranges);
            self.parts.clear();
            let mut files = std::mem::take(&mut self.entries);
            if let Some(first) = files.first_mut() {
                first.made_of = unindexed;
            }
            commit.files.push((place, files));
        } else {
            let (parts, is_any_new) = self.parts.commit();
            commit.parts.extend(parts);
            if is_any_new {
                commit.new_parts.push(place);
            }
            // Only what is committed is looked at.
            self.left.has_grown |= !self.finished_ranges.is_empty();
            let ranges = self.finished_ranges.drain(..);
            commit.ranges.extend(ranges.map(|entry| FinishedRange { bucket: place, entry }));
        }
        commit.buckets.push(self.record.clone());
    }

    /// Takes in the files its parts were joined into.
    pub fn joined(&mut self, entries: Vec<FileEntry>) {
        self.stage = Stage::Joined;
        self.files = entries.len() as u64;
        self.entries = entries;
    }
}

fn is_listed(record: &BucketRecord) -> bool {
    record.waiting == 0 && record.ranges.is_empty() && record.doubts.is_empty()
}

fn is_untouched(range: &RangeRecord) -> bool {
    range.cursor == Cursor::at_start_of(&range.range) && range.part.bytes == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::PartLength;
    use crate::scan::ledger::Ledger;

    fn first(prefixes: &[&str]) -> Vec<Range> {
        Range::of_prefixes(&prefixes.iter().map(|prefix| (*prefix).to_owned()).collect::<Vec<_>>())
    }

    fn begin(first: &[Range]) -> OpenBucket {
        OpenBucket::begin(0, Timestamp::UNIX_EPOCH, first, true)
    }

    /// As a worker hands it in behind a page whose last key is `key`.
    fn paged(record: &RangeRecord, key: &str) -> RangeProgress {
        let part = PartLength { bytes: record.part.bytes + 10, rows: record.part.rows + 1, checksum: 1 };
        let cursor = Cursor { after: Some(Key::from(key)), token: None };
        RangeProgress { cursor, part, counts: record.counts }
    }

    fn listed(bucket: &mut OpenBucket, id: u32, progress: RangeProgress) {
        bucket.paged(id, progress, None);
        bucket.listed(id, None);
    }

    fn file() -> std::sync::Arc<std::fs::File> {
        std::sync::Arc::new(tempfile::tempfile().unwrap())
    }

    #[test]
    fn a_bucket_is_listed_once_no_range_is_left_or_waits() {
        let first = first(&["a/", "b/", "c/"]);
        let mut bucket = begin(&first);
        assert!(bucket.record.ranges.is_empty(), "what nobody has begun costs no record");
        for (id, prefix) in (0..).zip(["a/", "b/", "c/"]) {
            assert_eq!(bucket.stage, Stage::Listing);
            let range = bucket.next_range(&first).unwrap();
            assert_eq!((range.id, range.range.prefix.as_str()), (id, prefix));
            listed(&mut bucket, range.id, paged(&range, "x"));
        }
        assert_eq!((bucket.next_range(&first), &bucket.stage), (None, &Stage::Joining));
        assert_eq!((bucket.finished_ranges(Vec::new()).len(), bucket.is_committed()), (3, false));
        let mut ledger = Ledger::default();
        ledger.open.insert(0, bucket);
        ledger.commit();
        assert!(ledger.open[&0].is_committed());
    }

    #[test]
    fn a_resumed_bucket_goes_on_with_what_is_in_progress_and_then_with_the_rest() {
        let first = first(&["a/", "b/", "c/", "d/"]);
        let mut bucket = begin(&first);
        let ranges: Vec<_> = (0..3).filter_map(|_| bucket.next_range(&first)).collect();
        listed(&mut bucket, ranges[1].id, paged(&ranges[1], "b/9"));
        bucket.paged(ranges[2].id, paged(&ranges[2], "c/1"), None);
        let mut resumed = OpenBucket::resume(bucket.record);
        let next: Vec<_> = std::iter::from_fn(|| resumed.next_range(&first)).collect();
        let prefixes: Vec<_> = next.iter().map(|range| range.range.prefix.as_str()).collect();
        assert_eq!(prefixes, ["a/", "c/", "d/"]);
        assert_eq!(next[1].cursor.after, Some(Key::from("c/1")));
        assert!(!resumed.has_waiting());
    }

    #[test]
    fn ranges_begun_in_vain_are_put_back() {
        let first = first(&["a/", "b/", "c/", "d/"]);
        let mut bucket = begin(&first);
        let ranges: Vec<_> = (0..4).filter_map(|_| bucket.next_range(&first)).collect();
        bucket.paged(ranges[1].id, paged(&ranges[1], "b/9"), None);
        bucket.put_back(&first);
        assert_eq!((bucket.record.ranges.len(), bucket.record.waiting), (2, 2));
        assert!(!bucket.is_untouched());
        let again = bucket.next_range(&first).unwrap();
        assert_eq!((again.id, again.range.prefix.as_str()), (4, "c/"), "a part of its own");
        // What was finished is not forgotten with the commit that takes it.
        let mut bucket = begin(&first);
        let range = bucket.next_range(&first).unwrap();
        listed(&mut bucket, range.id, paged(&range, "a/1"));
        let mut ledger = Ledger::default();
        ledger.open.insert(0, bucket);
        ledger.commit();
        assert!(!ledger.open[&0].is_untouched());
        let mut untouched = begin(&first);
        untouched.next_range(&first);
        assert!(untouched.is_untouched());
        untouched.put_back(&first);
        assert_eq!((untouched.record.ranges.len(), untouched.record.waiting), (0, 4));
    }

    #[test]
    fn a_restart_forgets_all_ranges_and_names_parts_anew() {
        let first = first(&["a/", "b/"]);
        let mut bucket = begin(&first);
        let range = bucket.next_range(&first).unwrap();
        listed(&mut bucket, range.id, paged(&range, "a/1"));
        // A commit that was under way may have written it to the index.
        let index = bucket.finished_ranges(Vec::new());
        bucket.next_range(&first);
        bucket.restart_unordered(&first);
        assert!(bucket.finished_ranges(index).is_empty());
        assert_eq!((bucket.record.waiting, bucket.counts(), bucket.record.ordered), (2, RowCounts::default(), false));
        assert_eq!(bucket.next_range(&first).map(|range| (range.id, range.range.prefix)), Some((2, "a/".to_owned())));
    }

    #[test]
    fn parts_nobody_writes_to_are_held_until_the_next_commit_only() {
        let first = first(&["a/", "b/", "c/"]);
        let mut ledger = Ledger::default();
        let mut bucket = begin(&first);
        let ranges: Vec<_> = (0..3).filter_map(|_| bucket.next_range(&first)).collect();
        for range in &ranges {
            bucket.parts.open(range.id, file());
        }
        listed(&mut bucket, ranges[0].id, paged(&ranges[0], "a/1"));
        bucket.paged(ranges[1].id, paged(&ranges[1], "b/1"), None);
        bucket.parts.release(ranges[1].id);
        ledger.open.insert(0, bucket);
        assert_eq!(ledger.parts(), (3, 2));
        let (commit, _) = ledger.commit();
        assert_eq!((commit.parts.len(), ledger.parts()), (3, (1, 0)));
        assert_eq!((commit.ranges.len(), commit.buckets[0].ranges.len()), (1, 2));
    }
}
