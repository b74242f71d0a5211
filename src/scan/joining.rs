//! Joining beside the listing: buckets that are listed to their end, and the left end of those that are
//! not, so that their parts go while more come.
//!
//! Owns that nothing is joined whose listing a kill could take back, that no bucket is joined for which
//! the disk has no room, that one bucket is joined once at a time, and that its parts stay for as long
//! as it is.

use super::finish::{join_bucket, join_left_end, no_room, room_for_bucket};
use super::open_bucket::Stage;
use super::run::{Finished, Run};
use super::{ScanError, ScanInput};
use crate::output::{FileError, FileRules};
use crate::s3::Lister;
use crate::state::{FileEntry, IndexEntry, RunStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Buckets that are joined at once: enough to keep a disk busy, few enough to bound the memory.
const JOINS: usize = 4;

/// What joining brought.
pub(super) enum Made {
    /// All files of the bucket; `None` where cancelled.
    Files(Option<Vec<FileEntry>>),
    /// Whole files of the left end of this generation, with so many rows.
    LeftEnd { generation: u32, rows: u64 },
}

/// A bucket of which something was joined.
pub(super) type Joined = (u32, Result<Made, FileError>);

/// Buckets to be joined, and those that are.
#[derive(Default)]
pub(super) struct Joins {
    /// Buckets that are listed and wait for their parts to be joined.
    pub waiting: BTreeSet<u32>,
    /// Buckets being joined, with the room they were promised.
    promised: BTreeMap<u32, u64>,
    /// Buckets that have their verdict and whose parts go once they are no longer joined.
    doomed: BTreeSet<u32>,
    pub tasks: JoinSet<Joined>,
}

impl<L: Lister> Run<L> {
    /// Joins what can be. The index of a bucket is complete while no commit is under way: what is
    /// finished is either in it or still in the ledger.
    pub(super) fn begin_joins(&mut self) -> Result<(), ScanError> {
        if self.input.stop.is_requested() {
            return Ok(());
        }
        while self.joins.tasks.len() < JOINS
            && let Some(store) = &self.store
            && let Some(place) = self.next_to_join()
        {
            let ranges = self.ledger.open[&place].finished_ranges(store.index_of(place)?);
            let Some(room) = self.room_to_join(place, &ranges)? else {
                return Ok(());
            };
            self.joins.waiting.remove(&place);
            self.spawn_join(place, room, ranges, false);
        }
        self.due |= self.joins.waiting.iter().any(|place| !self.ledger.open[place].is_committed());
        while self.joins.tasks.len() < JOINS
            && let Some((place, ranges)) = self.next_left_end()?
        {
            // Where there is no room now, there will be at its end, or the run ends then.
            if let Ok(Some(room)) = self.room_to_join(place, &ranges) {
                self.spawn_join(place, room, ranges, true);
            }
        }
        Ok(())
    }

    fn spawn_join(&mut self, place: u32, room: u64, ranges: Vec<IndexEntry>, is_left_end: bool) {
        self.joins.promised.insert(place, room);
        let ScanInput { buckets, settings, stop, .. } = &self.input;
        let (target, rules) = (buckets[place as usize].place.clone(), Arc::clone(&settings.files));
        let (folder, stop) = (self.folder.clone(), stop.clone());
        let generation = self.ledger.open[&place].record.void_below;
        self.joins.tasks.spawn_blocking(move || {
            // A large bucket takes longer to join than a person waits; a rerun goes on with it.
            let is_cancelled = || stop.is_abandoned();
            let made = if is_left_end {
                let rows = join_left_end(&folder, place, generation, ranges, &rules, &is_cancelled);
                rows.map(|rows| Made::LeftEnd { generation, rows })
            } else {
                join_bucket(&folder, place, generation, ranges, &rules, &target, &is_cancelled).map(Made::Files)
            };
            (place, made)
        });
    }

    /// The next listed bucket to be joined. Parts of a bucket of several files go on the way, and so its
    /// listing has to be committed first; as one that started over, lest what it is joined of be taken
    /// for what was joined before.
    fn next_to_join(&self) -> Option<u32> {
        let is_ready = |place: &u32| {
            let bucket = &self.ledger.open[place];
            let is_one_file = bucket.counts().rows <= self.input.settings.files.rows_per_file;
            !self.joins.promised.contains_key(place)
                && (bucket.is_committed() || is_one_file && bucket.record.void_below == 0)
        };
        self.joins.waiting.iter().copied().find(is_ready)
    }

    /// A bucket being listed whose left end has enough rows for a file more, with the ranges of that end.
    /// One that has been looked at is looked at again when more of it is committed.
    fn next_left_end(&mut self) -> Result<Option<(u32, Vec<IndexEntry>)>, ScanError> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let rows_per_file = self.input.settings.files.rows_per_file;
        for (&place, bucket) in &mut self.ledger.open {
            let least = bucket.left.joined_rows.saturating_add(rows_per_file);
            if bucket.stage != Stage::Listing
                || !bucket.left.has_grown
                || bucket.record.counts.rows < least
                || self.joins.promised.contains_key(&place)
            {
                continue;
            }
            bucket.left.has_grown = false;
            let mut ranges = bucket.left_end(store.index_of(place)?, &self.first_ranges);
            ranges.retain(|entry| entry.part.bytes > 0);
            if ranges.iter().map(|entry| entry.part.rows).sum::<u64>() >= least {
                return Ok(Some((place, ranges)));
            }
        }
        Ok(None)
    }

    /// The room to be kept for the files of a bucket, `None` where what is under way may free some and
    /// is to be waited for. Rather than fill a disk that others use too, the run ends.
    fn room_to_join(&self, place: u32, ranges: &[IndexEntry]) -> Result<Option<u64>, FileError> {
        let rules: &FileRules = &self.input.settings.files;
        let generation = self.ledger.open[&place].record.void_below;
        let (Some(needed), Some(free)) = (
            room_for_bucket(&self.folder, place, generation, ranges.to_vec(), rules)?,
            self.input.free_space.of(self.folder.path()),
        ) else {
            return Ok(Some(0));
        };
        let promised: u64 = self.joins.promised.values().sum();
        if needed.saturating_add(promised) <= free {
            return Ok(Some(needed));
        }
        let is_closing = !self.joins.tasks.is_empty() || !self.behind.is_empty() || self.ledger.is_waiting();
        if is_closing { Ok(None) } else { Err(no_room(&self.folder, needed, free)) }
    }

    /// Takes in what was joined.
    pub(super) fn joined(&mut self, (place, joined): Joined) -> Result<(), ScanError> {
        self.joins.promised.remove(&place);
        if self.joins.doomed.remove(&place) {
            // Whatever came of it is of no interest any more.
            self.remove_parts(place);
            return Ok(());
        }
        let (made, Some(bucket)) = (joined?, self.ledger.open.get_mut(&place)) else {
            return Ok(());
        };
        match made {
            Made::Files(Some(entries)) => bucket.joined(entries),
            Made::Files(None) => {}
            Made::LeftEnd { generation, rows } => {
                if generation == bucket.record.void_below {
                    bucket.left.joined_rows = rows;
                }
            }
        }
        Ok(())
    }

    /// Removes the parts of a bucket that has its verdict, once nothing is made of them any more.
    pub(super) fn remove_parts(&mut self, place: u32) {
        if self.joins.promised.contains_key(&place) {
            self.joins.doomed.insert(place);
            return;
        }
        let folder = self.folder.clone();
        self.behind.spawn_blocking(move || Finished::Removed(RunStore::remove_bucket(&folder, place)));
    }
}
