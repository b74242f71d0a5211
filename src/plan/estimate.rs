//! What a run will take, from what is known of its buckets: requests, bytes over the network, time
//! and files.
//!
//! Pure arithmetic. Owns that a bucket of which nothing is known is counted with the least it can
//! take and told apart, so that a sum is never taken for more than it is: at least so much. How long it
//! takes is left to `duration`.

use super::duration::{self, Load, Span};
use super::known::{CountSource, KnownBucket};

/// Keys in a full answer to a list request.
pub const KEYS_PER_REQUEST: u64 = 1_000;
/// What a key takes of an answer, about: some three hundred bytes of XML around it and a key of usual
/// length.
pub const RESPONSE_BYTES_PER_KEY: u64 = 350;
/// A bucket that no run has listed yet takes so many requests for a hundred pages, where several are in
/// flight: some find out where keys lie.
const REQUESTS_PER_100_PAGES: u64 = 120;

/// A bucket that a run has.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'known> {
    /// The account's place in the run.
    pub account: usize,
    /// What is known of it.
    pub known: Option<&'known KnownBucket>,
    /// Objects that an unfinished run has listed already.
    pub listed: u64,
    /// Whether each of its ranges is listed by one request after another, for its keys keep no order.
    pub in_turn: bool,
    /// Whether it could not even be asked for its region: its listing will end with the first request.
    pub is_refused: bool,
}

/// How a run goes about it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Ranges that a bucket is listed in from the start, one for each prefix; at least one.
    pub ranges: u64,
    /// Requests in flight over the whole run.
    pub concurrency: u64,
    /// Requests per second of a bucket, by account; `None` is no cap.
    pub bucket_rates: Vec<Option<u32>>,
    /// Requests per second of an account; `None` is no cap.
    pub account_rates: Vec<Option<u32>>,
    /// Rows of a file at most.
    pub rows_per_file: u64,
}

/// What one bucket will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketEstimate {
    /// Answers with keys, or the one that says there are none.
    pub pages: u64,
    /// Requests, those included that find out where keys lie.
    pub requests: u64,
    /// Bytes of answers.
    pub response_bytes: u64,
    /// Files at most; `None` where the objects are not known.
    pub files: Option<u64>,
}

/// What a run will take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Buckets to be listed, as far as nothing is seen to be wrong with them.
    pub buckets: u64,
    /// Those of them of which nothing is known; where there are any, all is at least.
    pub unknown: u64,
    /// Objects still to be listed.
    pub objects: u64,
    /// Requests by account, in the run's order, but for those for finding buckets.
    pub requests: Vec<u64>,
    /// Bytes of answers.
    pub response_bytes: u64,
    /// Files of rows at most.
    pub files: u64,
    /// How long it takes.
    pub span: Span,
}

impl Expected<'_> {
    /// Its objects still to be listed; none where they are not known.
    fn objects(&self) -> u64 {
        let known = self.known.filter(|_| !self.is_refused);
        known.map_or(0, |known| known.objects.saturating_sub(self.listed))
    }
}

/// What a bucket will take.
#[must_use]
pub fn of_bucket(bucket: &Expected<'_>, pace: &Pace) -> BucketEstimate {
    let objects = bucket.objects();
    let pages = pages(objects, pace);
    let in_turn = bucket.in_turn || pace.concurrency <= 1;
    let as_last_time = |known: &KnownBucket| Some((known.requests?, self::pages(known.objects, pace)));
    let (requests, of_pages) = match bucket.known {
        _ if in_turn || pages == 1 => (1, 1),
        None => (1, 1),
        Some(known) => as_last_time(known).unwrap_or((REQUESTS_PER_100_PAGES, 100)),
    };
    BucketEstimate {
        pages,
        requests: share(pages, requests, of_pages).max(pages),
        response_bytes: objects.saturating_mul(RESPONSE_BYTES_PER_KEY),
        files: bucket.known.map(|known| known.objects.div_ceil(pace.rows_per_file.max(1)).max(1)),
    }
}

/// Pages of so many objects. The last one of each range is not full.
fn pages(objects: u64, pace: &Pace) -> u64 {
    objects.div_ceil(KEYS_PER_REQUEST).max(1).saturating_add(pace.ranges.saturating_sub(1))
}

/// What the buckets of a run will take together.
#[must_use]
pub fn of_run<'known>(buckets: impl IntoIterator<Item = Expected<'known>>, pace: &Pace) -> Estimate {
    let mut sum = Estimate { requests: vec![0; pace.account_rates.len()], ..Estimate::default() };
    let mut loads = Vec::new();
    for bucket in buckets {
        let own = of_bucket(&bucket, pace);
        sum.buckets += u64::from(!bucket.is_refused);
        sum.unknown += u64::from(bucket.known.is_none() && !bucket.is_refused);
        sum.objects = sum.objects.saturating_add(bucket.objects());
        if let Some(requests) = sum.requests.get_mut(bucket.account) {
            *requests = requests.saturating_add(own.requests);
        }
        sum.response_bytes = sum.response_bytes.saturating_add(own.response_bytes);
        sum.files = sum.files.saturating_add(if bucket.is_refused { 0 } else { own.files.unwrap_or(1) });
        loads.push(load(&bucket, own, pace));
    }
    sum.span = duration::of_loads(&loads, pace.concurrency, &pace.bucket_rates, &pace.account_rates);
    sum
}

fn load(bucket: &Expected<'_>, own: BucketEstimate, pace: &Pace) -> Load {
    let known = bucket.known;
    let left = |known: &KnownBucket| if known.objects == 0 { 1.0 } else { ratio(bucket.objects(), known.objects) };
    Load {
        account: bucket.account,
        pages: own.pages,
        requests: own.requests,
        at_once: if bucket.in_turn { pace.ranges } else { pace.concurrency },
        has_hints: known.is_some_and(|known| known.source == CountSource::LastListing),
        page_seconds: known.and_then(|known| known.page_seconds),
        finish_seconds: known.and_then(|known| known.finish_seconds),
        held_seconds: known.and_then(|known| Some(known.held_seconds? * left(known))),
    }
}

/// As many of so many as `part` is of `whole`, rounded up.
fn share(number: u64, part: u64, whole: u64) -> u64 {
    let share = (u128::from(number) * u128::from(part)).div_ceil(u128::from(whole.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::time::Duration;

    fn pace() -> Pace {
        Pace {
            ranges: 1,
            concurrency: 10,
            bucket_rates: vec![None, None],
            account_rates: vec![None, None],
            rows_per_file: 1_000_000,
        }
    }

    fn known(objects: u64) -> KnownBucket {
        KnownBucket::counted(objects, CountSource::LastListing)
    }

    fn expected(known: Option<&KnownBucket>) -> Expected<'_> {
        Expected { account: 0, known, listed: 0, in_turn: false, is_refused: false }
    }

    fn requests(known: KnownBucket, pace: &Pace) -> u64 {
        of_bucket(&expected(Some(&known)), pace).requests
    }

    #[test]
    fn a_page_for_each_thousand_keys_and_at_least_one() {
        let one = Pace { concurrency: 1, ..pace() };
        for (objects, pages) in
            [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (1_200_000, 1_200), (u64::MAX, u64::MAX / 1_000 + 1)]
        {
            let estimate = of_bucket(&expected(Some(&known(objects))), &one);
            assert_eq!((estimate.pages, estimate.requests), (pages, pages), "{objects}");
        }
        let prefixes = Pace { ranges: 4, ..one };
        assert_eq!(requests(known(10_000), &prefixes), 13);
        assert_eq!(of_bucket(&expected(None), &prefixes).requests, 4);
    }

    #[test]
    fn requests_that_find_no_keys_are_as_many_as_the_last_time() {
        let last = |requests| KnownBucket { requests: Some(requests), ..known(100_000) };
        assert_eq!(requests(last(124), &pace()), 124);
        assert_eq!(requests(last(90), &pace()), 100, "never fewer than pages");
        assert_eq!(requests(last(124), &Pace { concurrency: 1, ..pace() }), 100, "one chain asks for nothing in vain");
        let all = last(150);
        let half = Expected { listed: 50_000, ..expected(Some(&all)) };
        assert_eq!(of_bucket(&half, &pace()).requests, 75);
        assert_eq!(of_bucket(&Expected { in_turn: true, ..expected(Some(&all)) }, &pace()).requests, 100);
        // Nobody has listed it yet.
        let counted = KnownBucket::counted(100_000, CountSource::CloudWatch(Timestamp::UNIX_EPOCH));
        assert_eq!(requests(counted, &pace()), 120);
        assert_eq!(requests(KnownBucket { objects: 900, ..counted }, &pace()), 1);
        assert_eq!(requests(KnownBucket { objects: u64::MAX, ..last(u64::MAX) }, &pace()), u64::MAX);
    }

    #[test]
    fn what_is_listed_already_is_not_listed_again() {
        let all = KnownBucket { held_seconds: Some(80.0), ..known(10_000) };
        let half = Expected { listed: 5_000, ..expected(Some(&all)) };
        let estimate = of_bucket(&half, &Pace { concurrency: 1, ..pace() });
        assert_eq!((estimate.pages, estimate.response_bytes, estimate.files), (5, 1_750_000, Some(1)));
        let run = of_run([half], &pace());
        assert!((40..45).contains(&run.span.time.as_secs()), "half of what the store held it up: {run:?}");
        // More than was there the last time: the end may be near, and costs a request.
        assert_eq!(of_bucket(&Expected { listed: 20_000, ..expected(Some(&all)) }, &pace()).requests, 1);
    }

    #[test]
    fn what_is_not_known_is_told_apart() {
        let one = KnownBucket { requests: Some(3), ..known(2_500) };
        let gone = Expected { is_refused: true, ..expected(None) };
        let other = Expected { account: 1, ..expected(None) };
        let estimate = of_run([expected(Some(&one)), expected(None), other, gone], &pace());
        assert_eq!((estimate.buckets, estimate.unknown, estimate.objects, estimate.files), (3, 2, 2_500, 3));
        assert_eq!(estimate.requests, [5, 1]);
        assert_eq!(estimate.response_bytes, 2_500 * RESPONSE_BYTES_PER_KEY);
        assert_eq!(estimate.span.measured, 0);
        let nothing = of_run([], &pace());
        assert!(nothing.span.time < Duration::from_secs(1), "{nothing:?}");
    }
}
