//! What one bucket in progress begins with by what earlier runs learnt, and what it teaches itself.
//!
//! Owns that nothing is learnt of a listing without order, nor of a part of one as if it were the whole:
//! a run that goes on takes in what was listed before it, as far as its ranges tell.

use super::sketch::{Lesson, Sketch};
use crate::s3::Key;
use crate::state::{BucketRecord, IndexEntry};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// What is learnt of a bucket in progress.
#[derive(Debug, Default)]
pub struct Learning {
    /// Keys at which its first ranges are cut when they are begun, in order.
    pub cuts: Vec<Key>,
    /// When this invocation began its listing, if it was this one.
    pub begun: Option<Timestamp>,
    /// When all its ranges were listed.
    pub listed: Option<Timestamp>,
    /// How long its pages with objects took together, and how many they were.
    taken: (Duration, u32),
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

    /// Takes in how long a page with objects took, waiting for pace apart.
    pub fn timed(&mut self, taken: Duration) {
        let (all, pages) = &mut self.taken;
        *all += taken;
        *pages = pages.saturating_add(1);
    }

    /// What the listing of so many objects has taught. A sketch of less than half of them says nothing of
    /// the whole.
    #[must_use]
    pub fn lesson(&self, objects: u64) -> Lesson {
        let is_seen = self.sketch.objects() >= objects.div_ceil(2);
        let (taken, pages) = self.taken;
        let lasted = self.begun.zip(self.listed).map(|(begun, listed)| listed.duration_since(begun));
        Lesson {
            objects,
            seconds: lasted.map(|lasted| lasted.as_secs_f64().max(0.0)),
            page_seconds: taken.checked_div(pages).map(|taken| taken.as_secs_f64()),
            keys: if is_seen { self.sketch.quantiles() } else { Vec::new() },
        }
    }
}

/// How long nothing was listed, for all was waiting for files to be put together, committed and published:
/// what files take beside the listing costs a run no time.
#[derive(Debug, Default)]
pub struct Finishing {
    before: Duration,
    since: Option<Instant>,
}

impl Finishing {
    /// Notes whether nothing is listed from `now` on.
    pub fn note(&mut self, is_waited_for: bool, now: Instant) {
        self.before = self.time(now);
        self.since = is_waited_for.then_some(now);
    }

    /// All of it until `now`.
    #[must_use]
    pub fn time(&self, now: Instant) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_as_long_as_the_average_of_those_with_objects() {
        let mut learning = Learning::default();
        assert_eq!(learning.lesson(0).page_seconds, None, "nobody knows");
        [10, 20, 60].map(Duration::from_millis).into_iter().for_each(|taken| learning.timed(taken));
        assert_eq!(learning.lesson(3_000).page_seconds, Some(0.03));
    }

    #[test]
    fn finishing_counts_while_it_is_waited_for() {
        let (mut finishing, mut now) = (Finishing::default(), Instant::now());
        for (is_waited_for, seconds, so_far) in [(false, 5, 0), (true, 3, 3), (true, 2, 5), (false, 9, 5), (true, 1, 6)]
        {
            finishing.note(is_waited_for, now);
            now += Duration::from_secs(seconds);
            assert_eq!(finishing.time(now), Duration::from_secs(so_far));
        }
    }
}
