//! What a run has come to so far, counted from its events.
//!
//! Pure: the time is passed in. Owns that the sums are those of the whole run, also of one that goes
//! on, while the rates are those of this invocation; and that memory is bounded by the buckets in
//! progress.

use super::meter::Meter;
use crate::event::{BucketLabel, Effort, Event, SlowdownCause};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a run sums up to, over all its invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Objects listed; those of a bucket that started over count once.
    pub objects: u64,
    /// Requests that were answered or given up, those for finding buckets included.
    pub requests: u64,
    /// Of these, those that AWS bills; `None` where it bills none.
    pub billed: Option<u64>,
    /// Answers that asked to slow down, to any request.
    pub throttles: u64,
    /// Requests of this invocation that failed in another way, and were or were not repeated.
    pub failures: u64,
    /// Buckets of the run.
    pub buckets: u64,
    /// Buckets that are done with, those of earlier invocations included.
    pub ended: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Accounts are asked for their buckets.
    #[default]
    Finding,
    /// Buckets are listed.
    Listing,
    /// Nothing new is begun.
    Stopping,
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
    /// Ranges of it that are being listed.
    pub ranges: usize,
    /// The requests per second to which the store's answers hold it, and why, where they do.
    pub held: Option<(f64, SlowdownCause)>,
    /// Whether its requests are billed.
    is_billed: bool,
    /// When its last page came, if one did.
    last: Option<Duration>,
}

/// A run's counters.
#[derive(Clone, Debug)]
pub struct Tally {
    window: Duration,
    /// How far the run is.
    pub stage: Stage,
    /// The sums.
    pub totals: Totals,
    /// How fast the run goes, in objects.
    pub keys: Meter,
    /// How fast the run goes, in requests.
    pub requests: Meter,
    /// Objects that the run will have listed at its end, where that is known.
    expected: Option<u64>,
    /// When the listing began in this invocation, and objects that were listed before.
    begun: (Duration, u64),
    /// Accounts whose requests are billed.
    billed: BTreeSet<String>,
    /// US dollars for 1,000 of them.
    pub usd_per_1000: f64,
    /// Buckets in progress, by their place in the run.
    active: BTreeMap<u32, ActiveBucket>,
}

impl Tally {
    /// Nothing so far; rates are over `window`.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            stage: Stage::default(),
            totals: Totals::default(),
            keys: Meter::new(Duration::ZERO, window),
            requests: Meter::new(Duration::ZERO, window),
            expected: None,
            begun: (Duration::ZERO, 0),
            billed: BTreeSet::new(),
            usd_per_1000: 0.0,
            active: BTreeMap::new(),
        }
    }

    /// Counts an event that came at `at` since the beginning.
    pub fn observe(&mut self, event: &Event, at: Duration) {
        match event {
            Event::RunStarted { buckets, finished, counts, expected, billed, .. } => {
                self.expected = *expected;
                self.begun = (at, counts.objects);
                self.stage = if self.stage == Stage::Stopping { Stage::Stopping } else { Stage::Listing };
                self.billed = billed.accounts.iter().cloned().collect();
                self.usd_per_1000 = billed.usd_per_1000;
                self.totals = Totals {
                    objects: counts.objects,
                    requests: counts.effort.requests,
                    billed: (!billed.accounts.is_empty()).then_some(billed.requests),
                    // Those of finding buckets are among them, as events and in the state.
                    throttles: counts.effort.throttles,
                    buckets: *buckets as u64,
                    ended: *finished as u64,
                    ..self.totals
                };
            }
            Event::BucketStarted { bucket, label, objects } => {
                let keys = Meter::new(at, self.window);
                let is_billed = self.billed.contains(&*label.account);
                let (label, objects) = (label.clone(), *objects);
                let active = ActiveBucket { label, objects, keys, ranges: 0, held: None, is_billed, last: None };
                self.active.insert(*bucket, active);
            }
            Event::PageListed { bucket, objects, effort, ranges, .. } => {
                self.page(*bucket, *objects, *effort, at);
                self.spread(*bucket, *ranges);
            }
            Event::RangeSplit { bucket, ranges, .. } => self.spread(*bucket, *ranges),
            Event::PaceFell { label, rate, cause } => {
                if let Some(bucket) = self.active.values_mut().find(|bucket| bucket.label == *label) {
                    bucket.held = Some((*rate, *cause));
                }
            }
            // Each is told at once, the page's effort only when it is listed or given up at last.
            Event::AttemptFailed(failed) if failed.throttled => self.totals.throttles += 1,
            Event::AttemptFailed(_) => self.totals.failures += 1,
            Event::OrderLost { bucket, .. } => {
                if let Some(active) = self.active.remove(bucket) {
                    self.totals.objects = self.totals.objects.saturating_sub(active.objects);
                }
            }
            Event::BucketEnded { bucket, .. } => {
                self.active.remove(bucket);
                self.totals.ended += 1;
            }
            Event::StopRequested { .. } | Event::LimitReached(_) => self.stage = Stage::Stopping,
            Event::DemoStarted { .. }
            | Event::AccountDiscovered { .. }
            | Event::AccountFailed { .. }
            | Event::RunDropped { .. }
            | Event::StateDropped { .. }
            | Event::HistoryIgnored { .. }
            | Event::FilesMadeAgain { .. }
            | Event::AccountIdentified { .. }
            | Event::SeamHolds { .. }
            | Event::CredentialsRenewed { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    fn spread(&mut self, bucket: u32, ranges: usize) {
        if let Some(active) = self.active.get_mut(&bucket) {
            active.ranges = ranges;
        }
    }

    fn page(&mut self, bucket: u32, objects: u64, effort: Effort, at: Duration) {
        self.totals.objects += objects;
        self.totals.requests += effort.requests;
        self.keys.add(at, objects);
        self.requests.add(at, effort.requests);
        if let Some(active) = self.active.get_mut(&bucket) {
            active.objects += objects;
            active.keys.add(at, objects);
            active.last = Some(at);
            if let Some(billed) = self.totals.billed.as_mut().filter(|_| active.is_billed) {
                *billed += effort.requests;
            }
        }
    }

    /// How much of what is expected is listed, in per cent, and how long the rest will take at the pace of
    /// this invocation, where it has one yet. Nothing where more was listed than was expected: nobody knows
    /// then how much there is. Never the whole, which only the end of a run tells.
    #[must_use]
    pub fn outlook(&self, at: Duration) -> Option<(u64, Option<Duration>)> {
        let (expected, objects) = (self.expected?, self.totals.objects);
        let left = expected.checked_sub(objects)?;
        let percent = u128::from(objects) * 100 / u128::from(expected.max(1));
        let (begun, before) = self.begun;
        let (elapsed, listed) = (at.saturating_sub(begun), objects.saturating_sub(before));
        let has_pace = listed > 0 && elapsed >= Duration::from_secs(1);
        let millis = has_pace.then(|| u128::from(left) * elapsed.as_millis() / u128::from(listed));
        let time = millis.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)));
        Some((u64::try_from(percent).unwrap_or(99).min(99), time))
    }

    /// Of the buckets in progress up to `most`, and how many more there are: those that got a page
    /// within the window before those that wait, and large ones before small ones. In the order of
    /// their places, so that lines do not change places while they are read.
    #[must_use]
    pub fn liveliest(&self, most: usize, at: Duration) -> (Vec<&ActiveBucket>, usize) {
        let mut ranked: Vec<(u32, &ActiveBucket)> =
            self.active.iter().map(|(place, bucket)| (*place, bucket)).collect();
        ranked.sort_by_key(|(_, bucket)| {
            let is_lively = bucket.last.is_some_and(|last| at.saturating_sub(last) < self.window);
            Reverse((is_lively, bucket.objects))
        });
        ranked.truncate(most);
        ranked.sort_by_key(|(place, _)| *place);
        (ranked.into_iter().map(|(_, bucket)| bucket).collect(), self.active.len().saturating_sub(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Billed, RunCounts, Subject, Verdict};
    use crate::report::view;

    const WINDOW: Duration = Duration::from_secs(5);

    fn label(account: &str, bucket: &str) -> BucketLabel {
        BucketLabel { account: account.into(), bucket: bucket.into() }
    }

    fn begun(bucket: u32, account: &str, objects: u64) -> Event {
        Event::BucketStarted { bucket, label: label(account, &format!("bucket-{bucket}")), objects }
    }

    fn page(bucket: u32, objects: u64) -> Event {
        Event::PageListed {
            bucket,
            objects,
            rows: 1,
            effort: Effort { requests: 2, retries: 1, throttles: 1, ..Effort::default() },
            ranges: 1,
        }
    }

    fn failed(throttled: bool) -> Event {
        view::tests::failed(Subject::Bucket(label("prod", "logs")), throttled)
    }

    fn run_started(accounts: &[&str]) -> Event {
        let effort = Effort { requests: 90, retries: 9, throttles: 8, ..Effort::default() };
        Event::RunStarted {
            job: "job".to_owned(),
            run: "run".to_owned(),
            resumed: true,
            buckets: 40,
            finished: 12,
            counts: RunCounts { objects: 5_000, rows: 4_000, files: 12, effort },
            expected: Some(10_000),
            billed: Billed {
                accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
                requests: 50,
                usd_per_1000: 0.005,
            },
            folder: "data".into(),
        }
    }

    fn tally(events: &[Event]) -> Tally {
        let mut tally = Tally::new(WINDOW);
        for event in events {
            tally.observe(event, Duration::from_secs(1));
        }
        tally
    }

    #[test]
    fn a_resumed_run_is_counted_whole_and_its_rates_are_those_of_now() {
        // A throttle before the run's start is among the eight already.
        let tally = tally(&[failed(true), failed(false), run_started(&[]), begun(3, "prod", 500), page(3, 100)]);
        let totals =
            Totals { objects: 5_100, requests: 92, billed: None, throttles: 8, failures: 1, buckets: 40, ended: 12 };
        assert_eq!(tally.totals, totals);
        assert_eq!((tally.keys.per_second(WINDOW), tally.requests.per_second(WINDOW)), (21, 0));
        assert_eq!(tally.active[&3].objects, 600);
    }

    #[test]
    fn the_outlook_is_by_what_is_expected_and_by_the_pace_of_now() {
        let seconds = Duration::from_secs;
        let mut tally = tally(&[run_started(&[]), begun(3, "prod", 500)]);
        assert_eq!(tally.outlook(seconds(2)), Some((50, None)), "known before there is a pace");
        tally.observe(&page(3, 1_000), seconds(3));
        assert_eq!(tally.outlook(seconds(1)), Some((60, None)), "no pace of an instant");
        assert_eq!(tally.outlook(seconds(3)), Some((60, Some(seconds(8)))), "what was listed before is no pace");
        tally.observe(&page(3, 4_000), seconds(6));
        assert_eq!(tally.outlook(seconds(6)), Some((99, Some(seconds(0)))), "the end is told by the end");
        tally.observe(&page(3, 1), seconds(6));
        assert_eq!(tally.outlook(seconds(6)), None, "more than was expected");
        assert_eq!(Tally::new(WINDOW).outlook(seconds(6)), None);
    }

    #[test]
    fn a_bucket_that_starts_over_counts_once() {
        let lost = Event::OrderLost { bucket: 3, label: label("prod", "logs"), reason: "x".to_owned() };
        let ended = Event::BucketEnded {
            bucket: 3,
            label: label("prod", "logs"),
            verdict: Verdict::Complete,
            reason: None,
            objects: 40,
            rows: 9,
            files: 2,
        };
        let events = [run_started(&[]), begun(3, "prod", 500), page(3, 1_000), lost, begun(3, "prod", 0), page(3, 40)];
        let mut tally = tally(&events);
        assert_eq!((tally.totals.objects, tally.active[&3].objects), (4_540, 40));
        tally.observe(&ended, WINDOW);
        assert!(tally.active.is_empty());
        assert_eq!(tally.totals.ended, 13);
    }

    #[test]
    fn throttles_count_as_they_come_and_once() {
        let tally = tally(&[failed(true), page(0, 1), failed(false)]);
        assert_eq!((tally.totals.throttles, tally.totals.failures), (1, 1));
    }

    #[test]
    fn only_what_aws_answers_is_billed() {
        let events = [run_started(&["aws"]), begun(0, "aws", 0), begun(1, "own", 0), page(0, 5), page(1, 5)];
        assert_eq!(tally(&events).totals.billed, Some(52));
        assert_eq!(tally(&[run_started(&[]), begun(0, "aws", 0), page(0, 5)]).totals.billed, None);
    }

    #[test]
    fn the_liveliest_buckets_are_shown_in_the_order_of_their_places() {
        let mut tally = Tally::new(WINDOW);
        for bucket in 0..6 {
            tally.observe(&begun(bucket, "prod", 0), Duration::ZERO);
        }
        // Large, but silent for a while; two that list; and three that wait for their first page.
        tally.observe(&page(1, 9_000), Duration::ZERO);
        tally.observe(&page(5, 10), Duration::from_secs(10));
        tally.observe(&page(2, 20), Duration::from_secs(10));
        let names = |most| {
            let (shown, more) = tally.liveliest(most, Duration::from_secs(11));
            (shown.iter().map(|bucket| &bucket.label.bucket[7..]).collect::<String>(), more)
        };
        assert_eq!(names(1), ("2".to_owned(), 5));
        assert_eq!(names(2), ("25".to_owned(), 4));
        assert_eq!(names(3), ("125".to_owned(), 3));
        assert_eq!(names(8), ("012345".to_owned(), 0));
    }

    #[test]
    fn stopping_lasts() {
        assert_eq!(tally(&[]).stage, Stage::Finding);
        assert_eq!(tally(&[run_started(&[])]).stage, Stage::Listing);
        let stop = Event::StopRequested { signal: "SIGINT" };
        assert_eq!(tally(&[stop, run_started(&[])]).stage, Stage::Stopping);
    }
}
