//! What work came to: requests, their price, the limits they met.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU64;
use std::ops::AddAssign;
use std::time::Duration;

/// Requests made, for a bucket or a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Attempts sent, retries included.
    pub requests: u64,
    /// Attempts that repeated a failed one.
    pub retries: u64,
    /// Answers that asked to slow down.
    pub throttles: u64,
    /// Attempts that were not answered in time.
    #[serde(default)]
    pub timeouts: u64,
    /// Answers without a key of the range they were for.
    #[serde(default)]
    pub empty: u64,
    /// Ranges that were split.
    #[serde(default)]
    pub splits: u64,
    /// How often a bucket was asked more slowly from then on, for throttles or timeouts.
    #[serde(default)]
    pub slowdowns: u64,
    /// The most ranges of one bucket that were listed at once.
    #[serde(default)]
    pub most_at_once: u64,
}

impl AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.retries += other.retries;
        self.throttles += other.throttles;
        self.timeouts += other.timeouts;
        self.empty += other.empty;
        self.splits += other.splits;
        self.slowdowns += other.slowdowns;
        self.most_at_once = self.most_at_once.max(other.most_at_once);
    }
}

/// What a run has come to, over all its invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Objects seen.
    pub objects: u64,
    /// Rows written; of a run that has ended, those in published files.
    pub rows: u64,
    /// Files published.
    pub files: u64,
    /// Requests, those for finding buckets included.
    pub effort: Effort,
}

/// The part of a run that AWS bills.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Billed {
    /// Names of the accounts that are asked at AWS; none where all have endpoints of their own.
    pub accounts: Vec<String>,
    /// Requests made so far, those for finding buckets included.
    pub requests: u64,
    /// US dollars for 1,000 of them.
    pub usd_per_1000: f64,
}

/// A limit that an invocation came to before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachedLimit {
    /// So many attempts were sent.
    Requests(NonZeroU64),
    /// It has worked for so long.
    Duration(Duration),
}

impl fmt::Display for ReachedLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(requests) => {
                write!(formatter, "`limits.max_requests` is reached: this invocation has sent {requests}")
            }
            Self::Duration(duration) => {
                // What a span of ours cannot hold is more than 292 years.
                let shown = jiff::SignedDuration::try_from(*duration).unwrap_or(jiff::SignedDuration::MAX);
                write!(formatter, "`limits.max_duration` is reached: this invocation has worked for {shown:#}")
            }
        }
    }
}

/// Why a bucket is asked more slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowdownCause {
    /// The store asked for it.
    Throttled,
    /// The store did not answer in time.
    TimedOut,
}

impl fmt::Display for SlowdownCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Throttled => "throttled",
            Self::TimedOut => "timed out",
        })
    }
}
