//! Beginning: which bucket is begun next, and which range the next worker lists.
//!
//! Owns that what is under way is bounded by the run's concurrency, however many buckets a run and
//! however many ranges a bucket has: workers, buckets being listed, and parts held open.

use super::ledger::OpenBucket;
use super::listings::Listing;
use super::run::Run;
use super::worker::{RangeTask, list_range};
use super::{ScanAccount, ScanBucket};
use crate::event::{Event, Verdict};
use crate::rows::{RowEncoder, RowWriter};
use crate::s3::Lister;
use std::sync::Arc;

impl<L: Lister> Run<L> {
    /// Requests in flight at most, and so workers.
    fn room(&self) -> usize {
        self.input.settings.limits.concurrency.get() as usize
    }

    /// Sends workers to ranges for as long as there is room and a range that waits.
    pub(super) async fn begin_ranges(&mut self) {
        while self.has_room() {
            let Some(place) = self.next_bucket().await else {
                return;
            };
            self.begin_range(place);
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
        self.listings.next()
    }

    async fn begin_bucket(&mut self, place: u32) -> bool {
        let Some(account) = self.account(place) else {
            self.halt(place, Verdict::Failed, "its account cannot be used".to_owned()).await;
            return false;
        };
        let stop = account.caller.stop().child();
        let limiter = account.caller.bucket_limiter();
        if self.is_blocked(place).await {
            return false;
        }
        self.listings.insert(place, Listing { stop, limiter, workers: 0, failure: None });
        let started = (self.input.clock)();
        let begin = || OpenBucket::begin(place, started, &self.first_ranges);
        let objects = self.ledger.open.entry(place).or_insert_with(begin).counts().objects;
        let label = self.label(place);
        self.input.events.emit(Event::BucketStarted { bucket: place, label, objects }).await;
        true
    }

    /// The account of a bucket, where it can still be used.
    fn account(&self, place: u32) -> Option<&ScanAccount<L>> {
        let bucket = &self.input.buckets[place as usize];
        let account = self.input.accounts[bucket.entry.account as usize].as_ref();
        account.filter(|account| !account.caller.stop().is_requested())
    }

    /// Sends a worker to the next range of a bucket that is being listed.
    fn begin_range(&mut self, place: u32) {
        let bucket: &ScanBucket = &self.input.buckets[place as usize];
        let (Some(account), Some(listing), Some(open)) = (
            self.input.accounts[bucket.entry.account as usize].as_ref(),
            self.listings.get_mut(place),
            self.ledger.open.get_mut(&place),
        ) else {
            return;
        };
        let Some(record) = open.next_range(&self.first_ranges) else {
            return;
        };
        let settings = &self.input.settings;
        let encoder = RowEncoder::new(&settings.rows, &bucket.fields);
        let task = RangeTask {
            bucket: place,
            name: bucket.entry.name.clone(),
            region: bucket.entry.region.clone(),
            label: bucket.label(),
            record,
            ordered: open.record.ordered,
            lister: Arc::clone(&account.lister),
            caller: account.caller.heeding(listing.stop.clone()),
            limiter: listing.limiter.clone(),
            plain_keys: Arc::clone(&account.plain_keys),
            writer: RowWriter::new(Arc::clone(&settings.filter), encoder),
            folder: self.folder.clone(),
        };
        listing.workers += 1;
        self.listing += 1;
        tokio::spawn(list_range(task, self.sender.clone()));
        if open.has_waiting() {
            self.listings.wait(place);
        }
    }
}
