//! Beginning: which bucket is begun next, and which range the next worker lists.
//!
//! Owns that what is under way is bounded by the run's concurrency, however many buckets a run and
//! however many ranges a bucket has: workers, buckets being listed, and parts held open.

use super::asking::Asking;
use super::listings::Listing;
use super::open_bucket::OpenBucket;
use super::recheck::{Recheck, recheck};
use super::run::Run;
use super::split::Candidate;
use super::worker::{RangeTask, list_range};
use super::{ScanAccount, ScanBucket};
use crate::event::{Event, Verdict};
use crate::rows::{RowEncoder, RowWriter};
use crate::s3::{Bound, Lister, is_directory_bucket};
use std::sync::Arc;

impl<L: Lister> Run<L> {
    /// Requests in flight at most, and so workers.
    pub(super) fn room(&self) -> usize {
        self.input.settings.limits.concurrency.get() as usize
    }

    /// Sends workers to ranges for as long as there is room and a range that waits or may be split.
    pub(super) async fn begin_ranges(&mut self) {
        while self.has_room() {
            let next = match self.next_bucket().await {
                Some(place) => Some(place),
                None => self.split_range().await,
            };
            let Some(place) = next else {
                return;
            };
            self.begin_work(place);
        }
    }

    /// Whether one more worker may be sent. Small ranges are listed faster than they are committed,
    /// and each holds its part open until then.
    fn has_room(&self) -> bool {
        let (parts, _) = self.ledger.parts();
        self.listing < self.room() && parts + self.committing_parts < 3 * self.room() && !self.input.stop.is_requested()
    }

    /// Whether so many parts wait for a commit that it should come at once.
    pub(super) fn is_crowded(&self) -> bool {
        self.ledger.parts().1 >= self.room()
    }

    /// The bucket to which the next worker goes. One that is not begun has none, and so comes first;
    /// but there are never more buckets being listed than workers, for each costs the state a record.
    async fn next_bucket(&mut self) -> Option<u32> {
        // Buckets that wait for their publishing hold files and memory: listing must not run away.
        while self.listings.len() < self.room()
            && self.ledger.closing() < 2 * self.room()
            && let Some(place) = self.pending.pop_front()
        {
            if self.begin_bucket(place).await {
                return Some(place);
            }
        }
        self.listings.next(self.room())
    }

    async fn begin_bucket(&mut self, place: u32) -> bool {
        let Some(account) = self.account(place) else {
            self.halt(place, Verdict::Failed, "its account cannot be used".to_owned()).await;
            return false;
        };
        let stop = account.caller.stop().child();
        let rhythm = Arc::new(account.caller.bucket_pace());
        let account = self.input.buckets[place as usize].entry.account;
        if self.is_blocked(place).await {
            return false;
        }
        self.listings.insert(place, Listing { account, stop, pace: rhythm, ..Listing::default() });
        let started = (self.input.clock)();
        let is_ordered = !is_directory_bucket(&self.input.buckets[place as usize].entry.name);
        let is_new = !self.ledger.open.contains_key(&place);
        let begin = || OpenBucket::begin(place, started, &self.first_ranges, is_ordered);
        let bucket = self.ledger.open.entry(place).or_insert_with(begin);
        let objects = bucket.counts().objects;
        if let Some(hint) = self.input.hints.get(&place).filter(|_| bucket.record.waiting > 0) {
            bucket.learning.cuts = hint.cuts(self.input.settings.limits.concurrency.get() as usize);
        }
        let label = self.label(place);
        self.input.events.emit(Event::BucketStarted { bucket: place, label: label.clone(), objects }).await;
        if is_new && !is_ordered {
            let reason = "a directory bucket is not listed in key order".to_owned();
            self.input.events.emit(Event::OrderLost { bucket: place, label, reason }).await;
        }
        true
    }

    /// The account of a bucket, where it can still be used.
    fn account(&self, place: u32) -> Option<&ScanAccount<L>> {
        let bucket = &self.input.buckets[place as usize];
        let account = self.input.accounts[bucket.entry.account as usize].as_ref();
        account.filter(|account| !account.caller.stop().is_requested())
    }

    /// Sends a worker to what is next of a bucket that is being listed: a seam in doubt or a range.
    fn begin_work(&mut self, place: u32) {
        let bucket: &ScanBucket = &self.input.buckets[place as usize];
        let (Some(account), Some(listing), Some(open)) = (
            self.input.accounts[bucket.entry.account as usize].as_ref(),
            self.listings.get_mut(place),
            self.ledger.open.get_mut(&place),
        ) else {
            return;
        };
        let asking = Asking {
            name: bucket.entry.name.clone(),
            region: bucket.entry.region.clone(),
            label: bucket.label(),
            ordered: open.record.ordered,
            lister: Arc::clone(&account.lister),
            caller: account.caller.heeding(listing.stop.clone()),
            pace: Arc::clone(&listing.pace),
            plain_keys: Arc::clone(&account.plain_keys),
        };
        if let Some(doubt) = open.next_doubt() {
            listing.workers.insert(doubt.id, Arc::default());
            self.listing += 1;
            tokio::spawn(recheck(Recheck { bucket: place, doubt, asking }, self.sender.clone()));
        } else if let Some(record) = open.next_range(&self.first_ranges) {
            let bound = Arc::new(Bound::new(&record.range, record.cursor.after.as_ref()));
            listing.workers.insert(record.id, Arc::clone(&bound));
            let at_once = listing.workers.len() as u64;
            open.record.effort.most_at_once = open.record.effort.most_at_once.max(at_once);
            let settings = &self.input.settings;
            let encoder = RowEncoder::new(&settings.rows, &bucket.fields);
            let task = RangeTask {
                bucket: place,
                record,
                bound,
                surplus: Arc::clone(&listing.surplus),
                asking,
                writer: RowWriter::new(Arc::clone(&settings.filter), encoder),
                folder: self.folder.clone(),
            };
            self.listing += 1;
            tokio::spawn(list_range(task, self.sender.clone()));
        }
        if open.has_waiting() {
            self.listings.wait(place);
        }
    }

    /// Splits the range for which it is of the most use, and returns its bucket. Where an answer is being
    /// read, the next best is taken: what is read is told of soon, and this asked again.
    async fn split_range(&mut self) -> Option<u32> {
        let open = &self.ledger.open;
        let ranges = |place: u32| {
            let bucket = open.get(&place).filter(|bucket| bucket.record.ordered);
            bucket.into_iter().flat_map(|bucket| &bucket.record.ranges)
        };
        for (place, Candidate { range, keys, .. }) in self.listings.candidates(self.room(), ranges) {
            let (Some(listing), Some(bucket)) = (self.listings.get_mut(place), self.ledger.open.get_mut(&place)) else {
                continue;
            };
            // Finding a place to cut is work: not for a range that cannot be cut just now.
            let bound = listing.workers.get(&range).filter(|bound| bound.is_free());
            let Some(bound) = bound.map(Arc::clone) else {
                continue;
            };
            let Some(cut) = bucket.range(range).and_then(|record| listing.splitter.cut(record)) else {
                continue;
            };
            if !bound.lower(&cut) {
                continue;
            }
            let child = bucket.split(range, cut.clone())?;
            bucket.record.effort.splits += 1;
            listing.splitter.split(range, child, &cut);
            let ranges = listing.workers.len() + 1;
            let cut = String::from_utf8_lossy(cut.as_bytes()).into_owned();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate, to be shown")]
            let keys = keys as u64;
            let label = self.label(place);
            self.input.events.emit(Event::RangeSplit { bucket: place, label, range, child, cut, keys, ranges }).await;
            return Some(place);
        }
        None
    }
}
