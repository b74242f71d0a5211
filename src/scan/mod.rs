//! Doing it: the run's loop, its workers, the retry loop and the commits.
//!
//! One loop owns the run ([`run`]); workers own their range and tell the loop of every page. Owns
//! that one bucket's or account's failure is a fact in the outcome and not the end of the run, and
//! that nothing partial is ever called complete.

mod asking;
mod begin;
mod budget;
mod caller;
mod discover;
mod fate;
mod finish;
mod hints;
mod joining;
mod learning;
mod ledger;
mod limiter;
mod listings;
mod open_bucket;
mod open_parts;
mod pace;
mod publishing;
mod recheck;
mod rhythm;
mod run;
mod seams;
mod settle;
mod sketch;
mod split;
mod stop;
mod worker;

pub use asking::Asking;
pub use budget::Budget;
pub use caller::{Caller, Halt};
pub use discover::{Discovered, Discovery};
pub use hints::{Hint, OBJECTS_PER_PIECE};
pub use limiter::Limiter;
pub use pace::BucketPace;
pub use run::run;
pub use sketch::Lesson;
pub use split::PageKeys;
pub use stop::{GRACE, Stop};
pub use worker::{Message, News, Page, RangeProgress, RangeTask, StopCause, list_range};

use crate::event::{BucketLabel, Effort, Events, ReachedLimit, Verdict};
use crate::job::{Limits, OnDenied};
use crate::output::{FileError, FileRules, FreeSpace, Place};
use crate::rows::{BucketFields, ObjectFilter, RowCounts, RowFormat};
use crate::state::{AccountRecord, BucketEntry, RunStore, StateError};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// An account that can be asked.
#[derive(Debug)]
pub struct ScanAccount<L> {
    /// Its store.
    pub lister: Arc<L>,
    /// Sends its requests; heeds the account's own wish to stop.
    pub caller: Caller,
    /// Set once its store turned out not to URL-encode keys.
    pub plain_keys: Arc<AtomicBool>,
}

impl<L> ScanAccount<L> {
    /// An account with its store and its caller.
    #[must_use]
    pub fn new(lister: Arc<L>, caller: Caller) -> Self {
        Self { lister, caller, plain_keys: Arc::default() }
    }
}

/// What all buckets of a run have in common.
#[derive(Debug)]
pub struct ScanSettings {
    /// Which objects become rows.
    pub filter: Arc<ObjectFilter>,
    /// How rows are written.
    pub rows: RowFormat,
    /// How files are made of rows.
    pub files: Arc<FileRules>,
    /// Which keys are asked for, as [`ObjectRules`](crate::job::ObjectRules) has them.
    pub prefixes: Vec<String>,
    /// Bounds.
    pub limits: Limits,
    /// How often progress is made durable.
    pub checkpoint_every: Duration,
    /// What a denied bucket means.
    pub on_denied: OnDenied,
}

/// A bucket of the run.
#[derive(Clone, Debug)]
pub struct ScanBucket {
    /// As the state has it.
    pub entry: BucketEntry,
    /// Its constant columns.
    pub fields: BucketFields,
    /// Where its files go.
    pub place: Place,
}

impl ScanBucket {
    /// The bucket as people name it.
    #[must_use]
    pub fn label(&self) -> BucketLabel {
        BucketLabel { account: self.fields.account.as_str().into(), bucket: self.fields.bucket.as_str().into() }
    }
}

/// A run about to be done or gone on with.
pub struct ScanInput<L> {
    /// Accounts in the run's order; `None` where one cannot be used.
    pub accounts: Vec<Option<ScanAccount<L>>>,
    /// What the state says of the accounts.
    pub account_records: Vec<AccountRecord>,
    /// All buckets of the run by their places.
    pub buckets: Vec<ScanBucket>,
    /// Buckets, by their places, that have something in their way, and what: they are not listed.
    pub in_the_way: BTreeMap<u32, String>,
    /// What earlier runs know of buckets, by their places.
    pub hints: BTreeMap<u32, Hint>,
    /// Requests made before the scan, for finding buckets.
    pub effort: Effort,
    /// What all buckets have in common.
    pub settings: ScanSettings,
    /// Where to tell what happens.
    pub events: Events,
    /// The wish to stop.
    pub stop: Stop,
    /// What this invocation may spend; asks `stop` to stop.
    pub budget: Arc<Budget>,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
    /// Tells the room on the disk.
    pub free_space: FreeSpace,
}

/// A bucket that is not finished when an invocation ends.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Its place in the run.
    pub bucket: u32,
    /// `throttled`, `failed` or `interrupted`.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What was seen and written so far.
    pub counts: RowCounts,
    /// Requests made for it.
    pub effort: Effort,
    /// When it was begun, if it was.
    pub started: Option<Timestamp>,
}

/// What an invocation came to.
#[derive(Debug)]
pub struct ScanOutcome {
    /// The run's store, everything committed.
    pub store: RunStore,
    /// All buckets of the run by their places.
    pub buckets: Vec<ScanBucket>,
    /// Buckets without a final verdict.
    pub unfinished: Vec<Unfinished>,
    /// Whether some of them wait for somebody to move away what stands in the way of their files.
    pub blocked: bool,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// The limit that stopped it, if one did.
    pub limit: Option<ReachedLimit>,
    /// What the buckets that it completed have taught, by their places.
    pub lessons: BTreeMap<u32, Lesson>,
    /// How long nothing was listed, for all was waiting for files to be put together and published.
    pub finishing: Duration,
}

/// A scan could not go on: what it wrote or kept could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A part or a file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The state or a journal.
    #[error(transparent)]
    State(#[from] StateError),
}
