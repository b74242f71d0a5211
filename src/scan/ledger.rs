//! The ledger: what every bucket in progress has come to, in memory, and what of it the next commit
//! has to make durable.
//!
//! Owns that a commit never claims more than what was handed to it: ranges as of their last written
//! page, with the parts those pages are in.

use super::open_bucket::{OpenBucket, Stage};
use crate::event::Effort;
use crate::state::{AccountRecord, Commit, FinishedEntry};
use std::collections::BTreeMap;

/// All buckets in progress, and what became of the others since the last commit.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Buckets in progress, by their place in the run.
    pub open: BTreeMap<u32, OpenBucket>,
    /// Accounts, in the run's order.
    pub accounts: Vec<AccountRecord>,
    /// Requests that are not some bucket's, and those of finished buckets.
    pub effort: Effort,
    finished: Vec<FinishedEntry>,
}

impl Ledger {
    /// A ledger of a run with these accounts, for which `effort` was made so far.
    #[must_use]
    pub fn new(accounts: Vec<AccountRecord>, effort: Effort) -> Self {
        Self { accounts, effort, ..Self::default() }
    }

    /// Whether there is something that others wait for a commit of.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.finished.is_empty() || self.open.values().any(|bucket| bucket.stage == Stage::Joined)
    }

    /// Buckets that are listed and not yet published.
    #[must_use]
    pub fn closing(&self) -> usize {
        let closing = |bucket: &&OpenBucket| matches!(bucket.stage, Stage::Joining | Stage::Joined | Stage::Publishing);
        self.open.values().filter(closing).count()
    }

    /// Parts held open, and how many of them the next commit lets go.
    #[must_use]
    pub fn parts(&self) -> (usize, usize) {
        let parts = self.open.values().map(|bucket| bucket.parts.count());
        parts.fold((0, 0), |(all, released), (more, done)| (all + more, released + done))
    }

    /// Notes a bucket's final verdict; it is no longer in progress.
    pub fn finish(&mut self, entry: FinishedEntry) {
        self.open.remove(&entry.bucket);
        self.effort += entry.effort;
        self.finished.push(entry);
    }

    /// Everything to be committed now. Returns it with the buckets whose parts may go once it is
    /// durable.
    pub fn commit(&mut self) -> (Commit, Vec<u32>) {
        let mut commit = Commit { accounts: self.accounts.clone(), effort: self.effort, ..Commit::default() };
        for (&place, bucket) in &mut self.open {
            bucket.commit(place, &mut commit);
        }
        commit.finished = std::mem::take(&mut self.finished);
        let removable = commit.finished.iter().map(|entry| entry.bucket).collect();
        (commit, removable)
    }
}
