//! How hard a job may press a store.
//!
//! Responsible for the table `[limits]`. It leaves keeping the limits to the scan. It owns the
//! invariant that every limit lets at least something through.

use std::num::NonZeroU32;
use std::time::Duration;

use super::file::LimitsFile;
use super::problem::{Findings, Refusal};
use super::values::{count, duration};

/// Largest `concurrency`: beyond it a client has more connections than a store answers in parallel.
const MOST_CONCURRENCY: u32 = 1024;
/// Largest `max_attempts`: beyond it a page that fails is not a passing trouble.
const MOST_ATTEMPTS: u32 = 100;

/// Rates, widths and patience of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests per second of an account; `None` is no cap.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests per second of a bucket; `None` is no cap.
    pub bucket_requests_per_second: Option<NonZeroU32>,
    /// Requests let through at once under a cap; `None` is a hundredth of the rate, at least 1.
    pub burst: Option<NonZeroU32>,
    /// Requests in flight over the whole run, 1 to 1024.
    pub concurrency: NonZeroU32,
    /// Attempts of one page, 1 to 100.
    pub max_attempts: NonZeroU32,
    /// Patience with one attempt.
    pub request_timeout: Duration,
}

impl Limits {
    pub(super) fn check(file: &LimitsFile, findings: &mut Findings) -> Option<Self> {
        let any = |number: &i64| count(*number, u32::MAX);
        let requests_per_second = findings.accept(file.requests_per_second.as_ref(), any);
        let of_bucket = file.bucket_requests_per_second.as_ref();
        let bucket_requests_per_second = findings.accept(of_bucket, any);
        let burst = findings.accept(file.burst.as_ref(), any);
        let rates = (&file.requests_per_second, of_bucket);
        // A rate of the wrong type reads as none, and is noted already.
        let unreadable = ["requests_per_second", "bucket_requests_per_second"]
            .iter()
            .any(|key| findings.blames(&format!("limits.{key}")));
        if let (Some(burst), (None, None)) = (&file.burst, rates)
            && !unreadable
        {
            let message = "means nothing without a rate";
            let hint = "set `requests_per_second` or `bucket_requests_per_second` too";
            findings.refuse(&burst.blame, Refusal::new(message).hint(hint));
        }
        let concurrency = findings.accept(file.concurrency.as_ref(), |number: &i64| count(*number, MOST_CONCURRENCY));
        let max_attempts = findings.accept(file.max_attempts.as_ref(), |number: &i64| count(*number, MOST_ATTEMPTS));
        let request_timeout = findings.accept(file.request_timeout.as_ref(), duration);
        Some(Self {
            requests_per_second,
            bucket_requests_per_second,
            burst,
            concurrency: concurrency?,
            max_attempts: max_attempts?,
            request_timeout: request_timeout?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::job::resolve;

    #[test]
    fn a_burst_is_not_blamed_for_an_unreadable_rate() {
        let text = "version = 1\n[limits]\nburst = 5\nrequests_per_second = \"x\"";
        let problems = resolve(Path::new("job.toml"), Ok(text.to_owned())).unwrap_err();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_deref()).collect();
        assert_eq!(keys, [Some("limits.requests_per_second")]);
    }
}
