//! What one bucket in progress begins with by what earlier runs learnt, and what it teaches itself.
//!
//! Owns that nothing is learnt of a listing without order, nor of a part of one as if it were the whole:
//! a run that goes on takes in what was listed before it, as far as its ranges tell.

use super::sketch::{Lesson, Sketch};
use crate::s3::Key;
use crate::state::{BucketRecord, IndexEntry};
use jiff::Timestamp;

/// What is learnt of a bucket in progress.
#[derive(Debug, Default)]
pub struct Learning {
    /// Keys at which its first ranges are cut when they are begun, in order.
    pub cuts: Vec<Key>,
    /// When this invocation began its listing, if it was this one.
    pub begun: Option<Timestamp>,
    /// When all its ranges were listed.
    pub listed: Option<Timestamp>,
    /// Where its objects lie, as far as it is listed.
    sketch: Sketch,
}

impl Learning {
    /// Nothing yet of a bucket whose listing this invocation began then, if it was this one.
    #[must_use]
    pub fn begun(begun: Option<Timestamp>) -> Self {
        Self { begun, ..Self::default() }
    }

    /// What the ranges in progress tell of a bucket that was begun before.
    #[must_use]
    pub fn resumed(record: &BucketRecord) -> Self {
        let mut learning = Self::default();
        for range in record.ranges.iter().filter(|_| record.ordered) {
            range.cursor.after.iter().for_each(|last| learning.sketch.add(last, range.counts.objects));
        }
        learning
    }

    /// Takes in what finished ranges tell.
    pub fn recall(&mut self, finished: &[IndexEntry]) {
        for entry in finished {
            entry.range.until.iter().for_each(|last| self.sketch.add(last, entry.counts.objects));
        }
    }

    /// Takes in a page of a range that ends with `until`. Its last key may lie behind that; of the range are
    /// so many objects.
    pub fn page(&mut self, until: Option<&Key>, last: &Key, objects: u64) {
        self.sketch.add(until.map_or(last, |until| last.min(until)), objects);
    }

    /// What the listing of so many objects has taught. A sketch of less than half of them says nothing of
    /// the whole.
    #[must_use]
    pub fn lesson(&self, objects: u64) -> Lesson {
        let is_seen = self.sketch.objects() >= objects.div_ceil(2);
        let lasted = self.begun.zip(self.listed).map(|(begun, listed)| listed.duration_since(begun));
        Lesson {
            objects,
            seconds: lasted.map(|lasted| lasted.as_secs_f64().max(0.0)),
            keys: if is_seen { self.sketch.quantiles() } else { Vec::new() },
        }
    }
}
