//! What a run will take, from what is known of its buckets: requests, bytes over the network, time
//! and files.
//!
//! Pure arithmetic. Owns that a bucket of which nothing is known is counted with the least it can
//! take and told apart, so that a sum is never taken for more than it is: at least so much.

use std::collections::BTreeMap;
use std::time::Duration;

/// Keys in a full answer to a list request.
pub const KEYS_PER_REQUEST: u64 = 1_000;
/// What a key takes of an answer, about: some three hundred bytes of XML around it and a key of usual
/// length.
pub const RESPONSE_BYTES_PER_KEY: u64 = 350;
/// How long a list request takes where nothing says otherwise.
pub const ASSUMED_LATENCY: Duration = Duration::from_millis(100);

/// What earlier runs of the job know of buckets, by the names of account and bucket.
pub type Known = BTreeMap<(String, String), KnownBucket>;

/// What is known of a bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownBucket {
    /// Objects that its listing saw.
    pub objects: u64,
    /// How long its listing took the last time, in seconds.
    pub seconds: Option<f64>,
}

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
}

/// How a run goes about it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Ranges that a bucket is listed in from the start, one for each prefix; at least one.
    pub ranges: u64,
    /// Requests in flight within a bucket at most.
    pub within_bucket: u64,
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BucketEstimate {
    /// Requests.
    pub requests: u64,
    /// Bytes of answers.
    pub response_bytes: u64,
    /// Files at most; `None` where the objects are not known.
    pub files: Option<u64>,
    /// How long its listing takes, if nothing else is in its way.
    pub time: Duration,
}

/// What a run will take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Buckets to be listed of which nothing is known; where there are any, all is at least.
    pub unknown: u64,
    /// Objects still to be listed.
    pub objects: u64,
    /// Requests by account, in the run's order, but for those for finding buckets.
    pub requests: Vec<u64>,
    /// Bytes of answers.
    pub response_bytes: u64,
    /// Files of rows at most.
    pub files: u64,
    /// From the first request to the last.
    pub time: Duration,
    /// Whether the time rests on that of earlier runs, if only in part.
    pub measured: bool,
}

/// What a bucket will take.
#[must_use]
pub fn of_bucket(bucket: &Expected<'_>, pace: &Pace) -> BucketEstimate {
    let objects = bucket.known.map_or(0, |known| known.objects.saturating_sub(bucket.listed));
    // The last page of each range is not full.
    let requests = objects.div_ceil(KEYS_PER_REQUEST).max(1).saturating_add(pace.ranges.saturating_sub(1));
    let per_second = pace.bucket_rates.get(bucket.account).copied().flatten();
    let at_once = if bucket.in_turn { pace.ranges } else { pace.within_bucket };
    let rounds = requests.div_ceil(at_once.clamp(1, pace.concurrency.max(1)));
    let assumed = lasting(rounds, ASSUMED_LATENCY);
    let measured = bucket.known.and_then(|known| {
        let share = if known.objects == 0 { 1.0 } else { ratio(objects, known.objects) };
        Duration::try_from_secs_f64(known.seconds? * share).ok()
    });
    BucketEstimate {
        requests,
        response_bytes: objects.saturating_mul(RESPONSE_BYTES_PER_KEY),
        files: bucket.known.map(|known| known.objects.div_ceil(pace.rows_per_file.max(1)).max(1)),
        time: measured.unwrap_or(assumed).max(at_rate(requests, per_second)),
    }
}

/// What the buckets of a run will take together: as long as the slowest of them, or as the requests of
/// all take through the concurrency and the rates, whichever is longer.
#[must_use]
pub fn of_run<'known>(buckets: impl IntoIterator<Item = Expected<'known>>, pace: &Pace) -> Estimate {
    let mut sum = Estimate { requests: vec![0; pace.account_rates.len()], ..Estimate::default() };
    let mut slowest = Duration::ZERO;
    for bucket in buckets {
        let own = of_bucket(&bucket, pace);
        match bucket.known {
            None => sum.unknown += 1,
            Some(known) => {
                sum.objects = sum.objects.saturating_add(known.objects.saturating_sub(bucket.listed));
                sum.measured |= known.seconds.is_some();
            }
        }
        if let Some(requests) = sum.requests.get_mut(bucket.account) {
            *requests = requests.saturating_add(own.requests);
        }
        sum.response_bytes = sum.response_bytes.saturating_add(own.response_bytes);
        sum.files = sum.files.saturating_add(own.files.unwrap_or(1));
        slowest = slowest.max(own.time);
    }
    let all: u64 = sum.requests.iter().sum();
    let through = lasting(all.div_ceil(pace.concurrency.max(1)), ASSUMED_LATENCY);
    let rates = sum.requests.iter().zip(&pace.account_rates);
    let paced = rates.map(|(requests, rate)| at_rate(*requests, *rate)).max().unwrap_or_default();
    sum.time = slowest.max(through).max(paced);
    sum
}

/// So many requests one after the other.
fn lasting(requests: u64, each: Duration) -> Duration {
    each.saturating_mul(u32::try_from(requests).unwrap_or(u32::MAX))
}

/// How long so many requests take at a rate.
fn at_rate(requests: u64, per_second: Option<u32>) -> Duration {
    per_second
        .map_or(Duration::ZERO, |rate| Duration::from_millis(requests.saturating_mul(1_000) / u64::from(rate.max(1))))
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace {
            ranges: 1,
            within_bucket: 1,
            concurrency: 10,
            bucket_rates: vec![None, Some(2)],
            account_rates: vec![None, None],
            rows_per_file: 1_000_000,
        }
    }

    fn known(objects: u64, seconds: Option<f64>) -> KnownBucket {
        KnownBucket { objects, seconds }
    }

    fn expected(known: Option<&KnownBucket>) -> Expected<'_> {
        Expected { account: 0, known, listed: 0, in_turn: false }
    }

    #[test]
    fn a_request_for_each_thousand_keys_and_at_least_one() {
        for (objects, requests) in
            [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (1_200_000, 1_200), (u64::MAX, u64::MAX / 1_000 + 1)]
        {
            assert_eq!(of_bucket(&expected(Some(&known(objects, None))), &pace()).requests, requests, "{objects}");
        }
        let prefixes = Pace { ranges: 4, ..pace() };
        assert_eq!(of_bucket(&expected(Some(&known(10_000, None))), &prefixes).requests, 13);
        assert_eq!(of_bucket(&expected(None), &prefixes).requests, 4);
    }

    #[test]
    fn what_is_listed_already_is_not_listed_again() {
        let all = known(10_000, Some(8.0));
        let half = of_bucket(&Expected { listed: 5_000, ..expected(Some(&all)) }, &pace());
        assert_eq!((half.requests, half.response_bytes, half.time), (5, 1_750_000, Duration::from_secs(4)));
        // More than was there the last time: the end may be near, and costs a request.
        assert_eq!(of_bucket(&Expected { listed: 20_000, ..expected(Some(&all)) }, &pace()).requests, 1);
        assert_eq!(half.files, Some(1));
    }

    #[test]
    fn a_run_takes_as_long_as_what_holds_it_up_most() {
        let (small, large) = (known(1_000, None), known(100_000, None));
        // One chain of requests.
        let run = |buckets: &[Expected<'_>], pace: &Pace| of_run(buckets.iter().copied(), pace).time;
        assert_eq!(run(&[expected(Some(&large)), expected(Some(&small))], &pace()), Duration::from_secs(10));
        // The same in ten.
        let wide = Pace { within_bucket: 64, ..pace() };
        assert_eq!(run(&[expected(Some(&large))], &wide), Duration::from_secs(1));
        let directory = Expected { in_turn: true, ..expected(Some(&large)) };
        assert_eq!(run(&[directory], &wide), Duration::from_secs(10), "one after the other");
        // So many buckets that the concurrency counts.
        assert_eq!(run(&vec![expected(Some(&small)); 2_000], &pace()), Duration::from_secs(20));
        // The rate of a bucket, of an account.
        assert_eq!(run(&[Expected { account: 1, ..expected(Some(&large)) }], &pace()), Duration::from_secs(50));
        let capped = Pace { account_rates: vec![Some(5), None], ..pace() };
        assert_eq!(run(&vec![expected(Some(&small)); 500], &capped), Duration::from_secs(100));
        // What was measured goes before what is assumed.
        let slow = known(100_000, Some(70.0));
        let estimate = of_run([expected(Some(&slow))], &pace());
        assert_eq!((estimate.time, estimate.measured), (Duration::from_secs(70), true));
    }

    #[test]
    fn what_is_not_known_is_told_apart() {
        let one = known(2_500, None);
        let estimate =
            of_run([expected(Some(&one)), expected(None), Expected { account: 1, ..expected(None) }], &pace());
        assert_eq!((estimate.unknown, estimate.objects, estimate.files), (2, 2_500, 3));
        assert_eq!(estimate.requests, [4, 1]);
        assert_eq!(estimate.response_bytes, 2_500 * RESPONSE_BYTES_PER_KEY);
        assert!(!estimate.measured);
        assert_eq!(of_run([], &pace()).time, Duration::ZERO);
    }
}
