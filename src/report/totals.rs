//! What a run sums up to, for its summary.
//!
//! Owns that rows and files are those of complete buckets, and requests those of all.

use super::tables::BucketResult;
use crate::event::{Effort, Verdict};
use crate::rows::RowCounts;
use crate::scan::ScanOutcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The sums of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunTotals {
    /// Buckets by verdict; a verdict that no bucket has is left out.
    #[schemars(extend("propertyNames" = { "$ref": "#/definitions/Verdict" }))]
    pub buckets: BTreeMap<Verdict, u64>,
    /// Objects seen, in all buckets.
    pub objects: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// Rows in the files published: those of complete buckets.
    pub rows: u64,
    /// Files published.
    pub files: u64,
    /// Objects whose time of modification was missing or unreadable.
    pub undated: u64,
    /// Attempts sent, retries and those for finding buckets included.
    pub requests: u64,
    /// Attempts that repeated a failed one.
    pub retries: u64,
    /// Answers that asked to slow down.
    pub throttles: u64,
    /// Attempts that were not answered in time.
    pub timeouts: u64,
    /// How often a bucket was asked more slowly from then on, for throttles or timeouts.
    pub slowdowns: u64,
    /// Answers without a key of the range of keys they were for: the price of guessing where keys are.
    pub empty_requests: u64,
    /// How often a range of keys was split, so that one more request lists its bucket.
    pub splits: u64,
    /// The most ranges of one bucket that were listed at once.
    pub most_at_once: u64,
}

impl RunTotals {
    /// The requests made.
    #[must_use]
    pub fn effort(&self) -> Effort {
        let Self { requests, retries, throttles, timeouts, slowdowns, splits, most_at_once, .. } = *self;
        Effort { requests, retries, throttles, timeouts, empty: self.empty_requests, splits, slowdowns, most_at_once }
    }
}

/// The sums of a run over the results of all its buckets.
pub(super) fn totals(outcome: &ScanOutcome, results: &[BucketResult]) -> RunTotals {
    let mut totals = RunTotals::default();
    let mut counts = RowCounts::default();
    // The run's effort holds that of finished buckets already.
    let mut effort: Effort = outcome.store.record().effort;
    for result in results {
        *totals.buckets.entry(result.verdict).or_default() += 1;
        counts += result.counts;
        totals.files = totals.files.saturating_add(result.files);
        totals.rows = totals.rows.saturating_add(result.rows());
        if result.ended.is_none() {
            effort += result.effort;
        }
    }
    let Effort { requests, retries, throttles, timeouts, empty, splits, slowdowns, most_at_once } = effort;
    let RowCounts { objects, bytes, undated, .. } = counts;
    let totals = RunTotals { objects, bytes, undated, requests, retries, throttles, ..totals };
    RunTotals { timeouts, slowdowns, empty_requests: empty, splits, most_at_once, ..totals }
}
