//! The buckets being listed: their workers, and where the next free worker goes.
//!
//! Owns that slots are shared fairly: a worker goes first to ranges that wait, and there to the bucket
//! that has the fewest workers; only then is a range split, in the account that has the fewest workers
//! and there where the most is left. A bucket gets no more workers than its pace keeps busy. Which
//! ranges there are is the ledger's affair.

use super::pace::BucketPace;
use super::split::{Candidate, Splitter};
use super::stop::Stop;
use crate::s3::{Bound, Failure};
use crate::state::RangeRecord;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bucket being listed in this invocation.
#[derive(Default)]
pub(super) struct Listing {
    /// Its account's place in the run.
    pub account: u32,
    /// Its own wish to stop, which also heeds its account's.
    pub stop: Stop,
    /// Its pace, shared by its workers.
    pub pace: Arc<BucketPace>,
    /// The ranges that workers list, with their ends.
    pub workers: BTreeMap<u32, Arc<Bound>>,
    /// How many workers are to give their range back.
    pub surplus: Arc<AtomicUsize>,
    /// What is known of its keys.
    pub splitter: Splitter,
    /// The failure that ended its listing, to be judged once its last worker has gone.
    pub failure: Option<Failure>,
}

impl Listing {
    /// Whether one more worker would be of use, of at most `most`; none is where it is to stop.
    fn has_use(&self, most: usize) -> bool {
        !self.stop.is_requested() && self.workers.len() < self.pace.workers(most)
    }

    /// Asks workers that the pace does not keep busy to give back their ranges.
    pub fn thin_out(&self, most: usize) {
        let surplus = self.workers.len().saturating_sub(self.pace.workers(most));
        self.surplus.store(surplus, Ordering::Relaxed);
    }
}

/// All buckets being listed, by their places in the run.
#[derive(Default)]
pub(super) struct Listings {
    open: BTreeMap<u32, Listing>,
    /// Buckets with ranges that wait for a worker, those that waited longest first.
    turns: VecDeque<u32>,
}

impl Listings {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether a range waits for a worker.
    pub fn has_waiting(&self) -> bool {
        !self.turns.is_empty()
    }

    pub fn insert(&mut self, place: u32, listing: Listing) {
        self.open.insert(place, listing);
    }

    pub fn get_mut(&mut self, place: u32) -> Option<&mut Listing> {
        self.open.get_mut(&place)
    }

    /// Ends a bucket's listing: it has no more turns.
    pub fn remove(&mut self, place: u32) -> Option<Listing> {
        self.silence(place);
        self.open.remove(&place)
    }

    /// A bucket gets no more workers.
    pub fn silence(&mut self, place: u32) {
        self.turns.retain(|other| *other != place);
    }

    /// A range of a bucket waits for a worker.
    pub fn wait(&mut self, place: u32) {
        if !self.turns.contains(&place) {
            self.turns.push_back(place);
        }
    }

    /// The bucket to which the next worker goes, of those with ranges that wait and use for one: in the
    /// account with the fewest workers the bucket with the fewest, and of these the one that waited longest.
    pub fn next(&mut self, most: usize) -> Option<u32> {
        let busy = self.busy();
        let workers = |place: &u32| {
            let listing = self.open.get(place)?;
            listing.has_use(most).then_some((busy.get(&listing.account), listing.workers.len()))
        };
        let useful = self.turns.iter().enumerate().filter_map(|(at, place)| Some((at, workers(place)?)));
        let (at, _) = useful.min_by_key(|(_, workers)| *workers)?;
        self.turns.remove(at)
    }

    /// Workers under way, by account.
    fn busy(&self) -> BTreeMap<u32, usize> {
        let mut busy = BTreeMap::new();
        for listing in self.open.values() {
            *busy.entry(listing.account).or_default() += listing.workers.len();
        }
        busy
    }

    /// The ranges that may be split, the most useful first: `ranges` are those in progress of a bucket.
    pub fn candidates<'ledger, R: Iterator<Item = &'ledger RangeRecord>>(
        &self,
        most: usize,
        ranges: impl Fn(u32) -> R,
    ) -> Vec<(u32, Candidate)> {
        let busy = self.busy();
        let mut candidates: Vec<(usize, u32, Candidate)> = Vec::new();
        for (&place, listing) in &self.open {
            let most = most.min(listing.splitter.most_workers());
            if listing.failure.is_some() || !listing.has_use(most) {
                continue;
            }
            let listed = ranges(place).filter(|record| listing.workers.contains_key(&record.id));
            let found = listing.splitter.candidates(listed);
            candidates.extend(found.into_iter().map(|candidate| (busy[&listing.account], place, candidate)));
        }
        candidates.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| other.2.worth.total_cmp(&one.2.worth)));
        candidates.into_iter().map(|(_, place, candidate)| (place, candidate)).collect()
    }

    /// The buckets of an account that nobody lists.
    pub fn unlisted_of(&self, account: u32) -> Vec<u32> {
        let unlisted = |(_, listing): &(&u32, &Listing)| listing.account == account && listing.workers.is_empty();
        self.open.iter().filter(unlisted).map(|(place, _)| *place).collect()
    }

    /// Any bucket that is being listed.
    pub fn first(&self) -> Option<u32> {
        self.open.keys().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listings(places: &[u32]) -> Listings {
        let mut listings = Listings::default();
        for &place in places {
            listings.insert(place, Listing::default());
            listings.wait(place);
        }
        listings
    }

    /// Gives a worker to the bucket whose turn it is; it always has more ranges.
    fn turn(listings: &mut Listings) -> u32 {
        let place = listings.next(64).unwrap();
        let workers = &mut listings.get_mut(place).unwrap().workers;
        let range = workers.last_key_value().map_or(0, |(range, _)| range + 1);
        workers.insert(range, Arc::default());
        listings.wait(place);
        place
    }

    #[test]
    fn workers_are_shared_evenly() {
        let mut listings = listings(&[1, 2, 3]);
        let turns: Vec<u32> = (0..7).map(|_| turn(&mut listings)).collect();
        assert_eq!(turns, [1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn a_bucket_that_keeps_its_workers_long_does_not_get_all_of_them() {
        let mut listings = listings(&[1, 2]);
        let first: Vec<u32> = (0..8).map(|_| turn(&mut listings)).collect();
        assert_eq!(first, [1, 2, 1, 2, 1, 2, 1, 2]);
        for _ in 0..100 {
            // Workers of the second are soon done, those of the first never.
            listings.get_mut(2).unwrap().workers.pop_first();
            assert_eq!(turn(&mut listings), 2);
        }
    }

    #[test]
    fn an_account_of_many_buckets_leaves_the_others_their_share() {
        let mut listings = listings(&[1, 2, 3, 9]);
        listings.get_mut(9).unwrap().account = 7;
        let turns: Vec<u32> = (0..6).map(|_| turn(&mut listings)).collect();
        assert_eq!(turns, [1, 9, 2, 9, 3, 9]);
    }

    #[test]
    fn a_bucket_that_ended_has_no_turns() {
        let mut listings = listings(&[1, 2]);
        assert!(listings.remove(1).is_some());
        assert_eq!((turn(&mut listings), turn(&mut listings)), (2, 2));
        listings.silence(2);
        assert_eq!((listings.next(64), listings.has_waiting(), listings.len()), (None, false, 1));
    }

    #[test]
    fn a_bucket_gets_no_more_workers_than_there_is_use_for() {
        let mut listings = listings(&[1]);
        assert_eq!((0..3).map(|_| turn(&mut listings)).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(listings.next(3), None);
        let listing = listings.get_mut(1).unwrap();
        listing.thin_out(2);
        assert_eq!(listing.surplus.load(Ordering::Relaxed), 1);
    }
}
