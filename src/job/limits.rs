//! How hard a job may press its stores, and where it ends.
//!
//! Responsible for the table `[limits]`, the job's and an account's. It leaves keeping the limits to
//! the scan. It owns the invariant that every limit lets at least something through.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::problem::{Findings, Refusal};
use super::read::{Key, table};
use super::values::{Count, Lasting, Many};

/// Largest `concurrency`: beyond it a client has more connections than a store answers in parallel.
const MOST_CONCURRENCY: u32 = 1024;
/// Largest `max_attempts`: beyond it a page that fails is not a passing trouble.
const MOST_ATTEMPTS: u32 = 100;
/// Longest `request_timeout`, in hours.
const LONGEST_REQUEST: u64 = 24;
/// Longest `max_duration`, in hours: a month.
const LONGEST_RUN: u64 = 31 * 24;

table! {
    /// How hard the stores may be pressed, and where a run ends.
    pub(super) struct LimitsFile {
        /// Most requests per second, for each AWS account and address: every attempt counts, retries and those for
        /// finding buckets too.
        #[schemars(example = 500)]
        requests_per_second: Key<Count<{ u32::MAX }>>,
        /// The same for each bucket.
        #[schemars(example = 100)]
        bucket_requests_per_second: Key<Count<{ u32::MAX }>>,
        /// Requests that may go at once after a pause. Left out: a hundredth of the rate, at least 1.
        #[schemars(example = 5)]
        burst: Key<Count<{ u32::MAX }>>,
        /// Most requests in flight at once, over the whole run, for one bucket or for many: the ceiling of what is
        /// found out that a store bears. With 1, each bucket is listed by one request behind the other.
        concurrency: Key<Count<MOST_CONCURRENCY>>,
        /// Attempts at one page. An address that was never reached is tried 4 times at most.
        max_attempts: Key<Count<MOST_ATTEMPTS>>,
        /// How long one attempt may take; doubled after each timeout, up to eightfold. An answer that falls silent
        /// half-way is given up after 20 s at the latest. At most 24 hours.
        #[schemars(example = &"60s")]
        request_timeout: Key<Lasting<LONGEST_REQUEST>>,
        /// How long one call may work on the job. Then it stops as after a signal, with exit code 124, and the next
        /// call goes on. At most 744 hours, which are 31 days.
        #[schemars(example = &"6h")]
        max_duration: Key<Lasting<LONGEST_RUN>>,
        /// How many requests one call may send for the job, every attempt counted. Then it stops as after a signal,
        /// with exit code 124, and the next call goes on.
        #[schemars(example = 5_000_000)]
        max_requests: Key<Many>,
    }
}

table! {
    /// How hard this account may be pressed, key by key in place of the job's `[limits]`.
    pub(super) struct AccountLimitsFile {
        /// Requests per second of this account.
        #[schemars(example = 200)]
        requests_per_second: Key<Count<{ u32::MAX }>>,
        /// The same for each of its buckets.
        bucket_requests_per_second: Key<Count<{ u32::MAX }>>,
        /// Requests that may go at once after a pause.
        burst: Key<Count<{ u32::MAX }>>,
        /// Attempts at one page.
        max_attempts: Key<Count<MOST_ATTEMPTS>>,
        /// How long one attempt may take.
        request_timeout: Key<Lasting<LONGEST_REQUEST>>,
    }
}

/// Bounds of a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests in flight over the whole run, 1 to 1024.
    pub concurrency: NonZeroU32,
    /// Attempts that one invocation may send, retries and those for finding buckets included; `None`
    /// is no end.
    pub max_requests: Option<NonZeroU64>,
    /// How long one invocation may work on the job; `None` is no end.
    pub max_duration: Option<Duration>,
}

impl Limits {
    pub(super) fn check(file: &LimitsFile) -> Option<Self> {
        Some(Self {
            concurrency: file.concurrency.value()?.0,
            max_requests: file.max_requests.value().map(|many| many.0),
            max_duration: file.max_duration.value().map(|lasting| lasting.0),
        })
    }
}

/// How hard an account may be pressed: rates and patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Requests per second of the account; `None` is no cap.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests per second of each of its buckets; `None` is no cap.
    pub bucket_requests_per_second: Option<NonZeroU32>,
    /// Requests let through at once under a cap; `None` is a hundredth of the rate, at least 1.
    pub burst: Option<NonZeroU32>,
    /// Attempts of one page, 1 to 100.
    pub max_attempts: NonZeroU32,
    /// Patience with one attempt.
    pub request_timeout: Duration,
}

impl Pace {
    /// The job's pace. `is_unread` tells whether a key could not be read, which is noted already.
    pub(super) fn check(file: &LimitsFile, is_unread: impl Fn(&str) -> bool, findings: &mut Findings) -> Option<Self> {
        let rates = file.requests_per_second.value().or(file.bucket_requests_per_second.value());
        let is_unread = is_unread("limits.requests_per_second") || is_unread("limits.bucket_requests_per_second");
        if let (Some(burst), None, false) = (file.burst.written(), rates, is_unread) {
            findings.refuse(&burst.blame, burst_alone());
        }
        Some(Self {
            requests_per_second: file.requests_per_second.value().map(|count| count.0),
            bucket_requests_per_second: file.bucket_requests_per_second.value().map(|count| count.0),
            burst: file.burst.value().map(|count| count.0),
            max_attempts: file.max_attempts.value()?.0,
            request_timeout: file.request_timeout.value()?.0,
        })
    }

    /// This pace with what an account's own table says instead.
    pub(super) fn with(&self, own: &AccountLimitsFile, findings: &mut Findings) -> Self {
        let pace = self.laid_under(own);
        let is_capped = pace.requests_per_second.or(pace.bucket_requests_per_second).is_some();
        if let (Some(burst), false) = (own.burst.written(), is_capped) {
            let is_unread =
                |key: &&str| findings.blames_beside(&burst.blame, key) || findings.blames(&format!("limits.{key}"));
            if !["requests_per_second", "bucket_requests_per_second"].iter().any(is_unread) {
                findings.refuse(&burst.blame, burst_alone());
            }
        }
        pace
    }

    fn laid_under(&self, own: &AccountLimitsFile) -> Self {
        Self {
            requests_per_second: own.requests_per_second.value().map(|count| count.0).or(self.requests_per_second),
            bucket_requests_per_second: (own.bucket_requests_per_second.value().map(|count| count.0))
                .or(self.bucket_requests_per_second),
            burst: own.burst.value().map(|count| count.0).or(self.burst),
            max_attempts: own.max_attempts.value().map_or(self.max_attempts, |count| count.0),
            request_timeout: own.request_timeout.value().map_or(self.request_timeout, |lasting| lasting.0),
        }
    }
}

fn burst_alone() -> Refusal {
    let hint = "set `requests_per_second` or `bucket_requests_per_second` too";
    Refusal::new("means nothing without a rate").hint(hint)
}
