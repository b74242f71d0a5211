//! The buckets being listed: their workers, and whose range goes to the next free worker.
//!
//! Owns that slots are shared fairly: the next worker goes to the bucket that has the fewest, so that
//! neither a bucket of many ranges nor a slow one takes the slots of the others. Which ranges there
//! are is the ledger's affair.

use super::caller::Limiter;
use super::stop::Stop;
use crate::s3::Failure;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A bucket being listed in this invocation.
pub(super) struct Listing {
    /// Its own wish to stop, which also heeds its account's.
    pub stop: Stop,
    /// Its pace, shared by its workers.
    pub limiter: Option<Arc<Limiter>>,
    /// Workers under way.
    pub workers: usize,
    /// The failure that ended its listing, to be judged once its last worker has gone.
    pub failure: Option<Failure>,
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
        self.turns.push_back(place);
    }

    /// The bucket to which the next worker goes: of those with the fewest, the one that waited
    /// longest.
    pub fn next(&mut self) -> Option<u32> {
        let workers = |place: &u32| self.open.get(place).map_or(0, |listing| listing.workers);
        let (at, _) = self.turns.iter().map(workers).enumerate().min_by_key(|(_, workers)| *workers)?;
        self.turns.remove(at)
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
            let listing = Listing { stop: Stop::default(), limiter: None, workers: 0, failure: None };
            listings.insert(place, listing);
            listings.wait(place);
        }
        listings
    }

    /// Gives a worker to the bucket whose turn it is; it always has more ranges.
    fn turn(listings: &mut Listings) -> u32 {
        let place = listings.next().unwrap();
        listings.get_mut(place).unwrap().workers += 1;
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
            listings.get_mut(2).unwrap().workers -= 1;
            assert_eq!(turn(&mut listings), 2);
        }
    }

    #[test]
    fn a_bucket_that_ended_has_no_turns() {
        let mut listings = listings(&[1, 2]);
        assert!(listings.remove(1).is_some());
        assert_eq!((turn(&mut listings), turn(&mut listings)), (2, 2));
        listings.silence(2);
        assert_eq!((listings.next(), listings.has_waiting(), listings.len()), (None, false, 1));
    }
}
