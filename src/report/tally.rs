//! What a run has come to so far, counted from its events.
//!
//! Pure: the time is passed in. Owns that memory is bounded by the buckets in progress.

use super::meter::Meter;
use crate::event::{BucketLabel, Effort, Event};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the events of one invocation sum up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Objects listed; those of a bucket that started over count once.
    pub objects: u64,
    /// Rows written, also of buckets that did not become complete.
    pub rows: u64,
    /// Files published.
    pub files: u64,
    /// Requests that listed objects.
    pub requests: u64,
    /// Of these, repetitions of a failed one.
    pub retries: u64,
    /// Answers that asked to slow down, to any request.
    pub throttles: u64,
    /// Buckets of the run.
    pub buckets: u64,
    /// Buckets that are done with, those of earlier invocations included.
    pub ended: u64,
}

/// A bucket in progress.
#[derive(Clone, Debug)]
pub struct ActiveBucket {
    /// Its name.
    pub label: BucketLabel,
    /// Objects listed, those of earlier invocations included.
    pub objects: u64,
    /// How fast it goes, in objects.
    pub keys: Meter,
    /// What this invocation added to the totals, to be taken back should the bucket start over.
    listed: (u64, u64),
}

/// A run's counters.
#[derive(Clone, Debug)]
pub struct Tally {
    window: Duration,
    /// The sums.
    pub totals: Totals,
    /// How fast the run goes, in objects.
    pub keys: Meter,
    /// How fast the run goes, in requests.
    pub requests: Meter,
    /// Buckets in progress, by their place in the run.
    pub active: BTreeMap<u32, ActiveBucket>,
}

impl Tally {
    /// Nothing so far; rates are over `window`.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            totals: Totals::default(),
            keys: Meter::new(Duration::ZERO, window),
            requests: Meter::new(Duration::ZERO, window),
            active: BTreeMap::new(),
        }
    }

    /// Counts an event that came at `at` since the beginning.
    pub fn observe(&mut self, event: &Event, at: Duration) {
        match event {
            Event::RunStarted { buckets, finished, .. } => {
                self.totals.buckets = *buckets as u64;
                self.totals.ended = *finished as u64;
            }
            Event::BucketStarted { bucket, label, objects } => {
                let keys = Meter::new(at, self.window);
                let active = ActiveBucket { label: label.clone(), objects: *objects, keys, listed: (0, 0) };
                self.active.insert(*bucket, active);
            }
            Event::PageListed { bucket, objects, rows, effort } => self.page(*bucket, *objects, *rows, *effort, at),
            // Each such answer is told at once, the page's effort only when it succeeds at last.
            Event::AttemptFailed(failed) => self.totals.throttles += u64::from(failed.throttled),
            Event::OrderLost { bucket, .. } => {
                if let Some(active) = self.active.remove(bucket) {
                    self.totals.objects -= active.listed.0;
                    self.totals.rows -= active.listed.1;
                }
            }
            Event::BucketEnded { bucket, files, .. } => {
                self.active.remove(bucket);
                self.totals.ended += 1;
                self.totals.files += files;
            }
            Event::DemoStarted { .. }
            | Event::AccountDiscovered { .. }
            | Event::AccountFailed { .. }
            | Event::StopRequested { .. }
            | Event::LimitReached(_)
            | Event::ScanEnded => {}
        }
    }

    fn page(&mut self, bucket: u32, objects: u64, rows: u64, effort: Effort, at: Duration) {
        self.totals.objects += objects;
        self.totals.rows += rows;
        self.totals.requests += effort.requests;
        self.totals.retries += effort.retries;
        self.keys.add(at, objects);
        self.requests.add(at, effort.requests);
        if let Some(active) = self.active.get_mut(&bucket) {
            active.objects += objects;
            active.keys.add(at, objects);
            active.listed.0 += objects;
            active.listed.1 += rows;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{FailedAttempt, Verdict};

    fn label() -> BucketLabel {
        BucketLabel { account: "prod".into(), bucket: "logs".into() }
    }

    fn page(objects: u64, rows: u64) -> Event {
        Event::PageListed { bucket: 3, objects, rows, effort: Effort { requests: 2, retries: 1, throttles: 1 } }
    }

    #[test]
    fn a_bucket_that_starts_over_counts_once() {
        let mut tally = Tally::new(Duration::from_secs(5));
        let at = Duration::from_secs(1);
        let ended = Event::BucketEnded {
            bucket: 3,
            label: label(),
            verdict: Verdict::Complete,
            reason: None,
            objects: 40,
            rows: 9,
            files: 2,
        };
        for event in [
            Event::BucketStarted { bucket: 3, label: label(), objects: 500 },
            page(1_000, 10),
            Event::OrderLost { bucket: 3, label: label(), reason: "x".to_owned() },
            Event::BucketStarted { bucket: 3, label: label(), objects: 0 },
            page(40, 9),
        ] {
            tally.observe(&event, at);
        }
        assert_eq!((tally.totals.objects, tally.totals.rows), (40, 9));
        assert_eq!(tally.active[&3].objects, 40);
        tally.observe(&ended, at);
        assert!(tally.active.is_empty());
        let totals = tally.totals;
        assert_eq!((totals.ended, totals.files, totals.requests, totals.retries), (1, 2, 4, 2));
    }

    #[test]
    fn throttles_count_as_they_come_and_once() {
        let mut tally = Tally::new(Duration::from_secs(5));
        let failed = FailedAttempt {
            subject: "prod/logs".to_owned(),
            attempt: 1,
            max_attempts: 10,
            throttled: true,
            reason: "SlowDown".to_owned(),
            request_id: None,
            wait: None,
        };
        tally.observe(&Event::AttemptFailed(failed), Duration::ZERO);
        tally.observe(&page(1, 1), Duration::ZERO);
        assert_eq!(tally.totals.throttles, 1);
    }

    #[test]
    fn a_resumed_run_begins_with_what_is_finished() {
        let mut tally = Tally::new(Duration::from_secs(5));
        let started = Event::RunStarted {
            job: "job".to_owned(),
            run: "run".to_owned(),
            resumed: true,
            buckets: 40,
            finished: 12,
            folder: "data".into(),
        };
        tally.observe(&started, Duration::ZERO);
        assert_eq!((tally.totals.ended, tally.totals.buckets), (12, 40));
    }
}
