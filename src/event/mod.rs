//! The words between doing and showing: what happens in a run, in the past tense.
//!
//! Scanning emits [`Event`]s and shows nothing; `report` shows them and does nothing else. Also the
//! verdicts and efforts that both, and the files on disk, speak of.

mod effort;

pub use effort::{Billed, Effort, ReachedLimit, RunCounts, SlowdownCause};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What became of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Listed to its end; its files are published.
    Complete,
    /// Left out because it is denied and the job says to skip those.
    Skipped,
    /// The credentials may not list it.
    Denied,
    /// It does not exist (any more).
    Missing,
    /// It lives in a region other than the one it was asked for in.
    Moved,
    /// The store asked to slow down for longer than the retries lasted. A rerun goes on.
    Throttled,
    /// It could not be listed for another reason.
    Failed,
    /// The run was stopped before its end. A rerun goes on.
    Interrupted,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Complete => "complete",
            Self::Skipped => "skipped",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Moved => "moved",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        })
    }
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountVerdict {
    /// It could be used.
    Ok,
    /// Its credentials or its endpoint do not work.
    Unusable,
    /// Its buckets may not be listed.
    Denied,
}

/// A bucket as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketLabel {
    /// The account's name in the job.
    pub account: Arc<str>,
    /// The bucket's name.
    pub bucket: Arc<str>,
}

/// Account and bucket as `account/bucket`, with control characters of a hostile name made visible.
impl fmt::Display for BucketLabel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.account, self.bucket.escape_debug())
    }
}

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An account's list of buckets.
    Account(Arc<str>),
    /// A bucket.
    Bucket(BucketLabel),
}

/// What AWS support asks for when it is to look into a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestIds {
    /// S3's id of the request, `x-amz-request-id`.
    pub request: Option<String>,
    /// The id of the host that answered, `x-amz-id-2`.
    pub host: Option<String>,
}

/// A request that failed, and what will be done about it.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// Whom it was for.
    pub subject: Subject,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How many there may be.
    pub max_attempts: u32,
    /// Whether the store asked to slow down.
    pub throttled: bool,
    /// What happened.
    pub reason: String,
    /// Which request it was.
    pub ids: RequestIds,
    /// How long until the next attempt; `None`: there is none.
    pub wait: Option<Duration>,
}

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// The demo endpoint inside the process is up.
    DemoStarted {
        /// The account it serves.
        account: String,
        /// Where it listens.
        url: String,
    },
    /// It is known whom an account's credentials belong to, or that its store does not tell.
    AccountIdentified {
        /// The account.
        account: String,
        /// The twelve digits of its id; `None` where the store does not tell.
        account_id: Option<String>,
        /// The user or role session that asks.
        arn: Option<String>,
    },
    /// An account's buckets are known.
    AccountDiscovered {
        /// The account.
        account: String,
        /// Buckets it has.
        found: usize,
        /// Buckets the job wants.
        selected: usize,
    },
    /// An account could not be used.
    AccountFailed {
        /// The account.
        account: String,
        /// Why.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// An unfinished run was given up, as asked for.
    RunDropped {
        /// Its id.
        run: String,
        /// Its folder. What it has published stays there.
        folder: PathBuf,
        /// Buckets that were begun and not finished, whose parts go.
        buckets: usize,
        /// Objects they had listed.
        objects: u64,
    },
    /// A state that cannot be read was given up, as asked for.
    StateDropped {
        /// What is wrong with it.
        reason: String,
    },
    /// What earlier runs learnt cannot be used.
    HistoryIgnored {
        /// What is wrong with it.
        reason: String,
    },
    /// The run begins, or goes on.
    RunStarted {
        /// The job's name.
        job: String,
        /// The run's id.
        run: String,
        /// Whether an unfinished run goes on.
        resumed: bool,
        /// Buckets of the run.
        buckets: usize,
        /// Of these, how many already have their verdict.
        finished: usize,
        /// What it has come to so far.
        counts: RunCounts,
        /// How many objects it will have listed at its end, where enough is known of its buckets.
        expected: Option<u64>,
        /// What of it costs money.
        billed: Billed,
        /// Where its files go.
        folder: PathBuf,
    },
    /// A bucket's listing begins, or goes on.
    BucketStarted {
        /// Its place in the run.
        bucket: u32,
        /// Its name.
        label: BucketLabel,
        /// Objects listed before an interruption.
        objects: u64,
    },
    /// A page was listed and its rows written.
    PageListed {
        /// The bucket's place in the run.
        bucket: u32,
        /// Objects on the page.
        objects: u64,
        /// Rows written.
        rows: u64,
        /// Requests it took.
        effort: Effort,
        /// Ranges of the bucket that are being listed.
        ranges: usize,
    },
    /// A range was split, so that one more worker lists its bucket.
    RangeSplit {
        /// The bucket's place in the run.
        bucket: u32,
        /// Its name.
        label: BucketLabel,
        /// The range's id.
        range: u32,
        /// The id of the range that was split off.
        child: u32,
        /// The last key that may be of the range, and behind which the other begins.
        cut: String,
        /// Keys that the range was thought to have left.
        keys: u64,
        /// Ranges of the bucket that are being listed now.
        ranges: usize,
    },
    /// Two ranges had seen different keys where they meet, and were found to agree.
    SeamHolds {
        /// The bucket's name.
        label: BucketLabel,
        /// The last key that may be of the range on the left.
        seam: String,
    },
    /// A bucket is asked more slowly from now on.
    PaceFell {
        /// Its name.
        label: BucketLabel,
        /// Requests per second.
        rate: f64,
        /// What the store did.
        cause: SlowdownCause,
    },
    /// The store found an account's credentials over before their end, and there are new ones.
    CredentialsRenewed {
        /// Whose request it was for which they were fetched.
        subject: Subject,
    },
    /// A request failed.
    AttemptFailed(FailedAttempt),
    /// A store does not list in key order; the bucket starts over by token.
    OrderLost {
        /// The bucket's place in the run.
        bucket: u32,
        /// Its name.
        label: BucketLabel,
        /// What was seen.
        reason: String,
    },
    /// Files of a bucket were removed or changed since an interruption, and were made again.
    FilesMadeAgain {
        /// The bucket's place in the run.
        bucket: u32,
        /// Its name.
        label: BucketLabel,
        /// What was found.
        reason: String,
    },
    /// A bucket is done with in this invocation.
    BucketEnded {
        /// Its place in the run.
        bucket: u32,
        /// Its name.
        label: BucketLabel,
        /// What became of it.
        verdict: Verdict,
        /// Why, where it is not complete.
        reason: Option<String>,
        /// Objects listed.
        objects: u64,
        /// Rows written.
        rows: u64,
        /// Files published.
        files: u64,
    },
    /// A signal asked to stop.
    StopRequested {
        /// Its name.
        signal: &'static str,
    },
    /// A limit of the job asked to stop.
    LimitReached(ReachedLimit),
    /// The invocation is over and its summary is written.
    RunEnded {
        /// What the process exits with.
        exit_code: u8,
        /// What the run has come to.
        counts: RunCounts,
    },
}

/// The sending end of a run's events. Bounded: a reporter that falls behind slows the run down
/// rather than filling the memory.
#[derive(Clone, Debug)]
pub struct Events(tokio::sync::mpsc::Sender<Event>);

impl Events {
    /// A channel for a run's events.
    #[must_use]
    pub fn channel() -> (Self, tokio::sync::mpsc::Receiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::channel(1024);
        (Self(sender), receiver)
    }

    /// Tells what happened. A reporter that is gone is no reason to stop working.
    pub async fn emit(&self, event: Event) {
        let _ = self.0.send(event).await;
    }
}
