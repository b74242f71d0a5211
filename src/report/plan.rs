//! What a run would do, for programs: the shape of `s3scan plan --format json`, version 1.
//!
//! Owns that shape, and that what is not known is `null` or told as at least so much, and never made
//! up.

use super::figures::local;
use super::price::PriceEstimate;
use super::summary::{AccountIdentity, Instant};
use crate::event::AccountVerdict;
use crate::job::{Job, Narrowing};
use crate::plan::WhyLeftOut;
use crate::state::RunRecord;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FORMAT: &str = "s3scan-plan";
const VERSION: u32 = 1;

/// What `s3scan plan --format json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plans {
    /// Always `s3scan-plan`.
    #[schemars(extend("const" = FORMAT))]
    format: &'static str,
    /// The version of this shape.
    #[schemars(extend("const" = VERSION))]
    version: u32,
    /// The version of s3scan that made it.
    tool: &'static str,
    /// The jobs that could be planned, in the order of the command line.
    jobs: Vec<Plan>,
}

impl Plans {
    /// The plans of these jobs.
    #[must_use]
    pub fn new(jobs: Vec<Plan>) -> Self {
        Self { format: FORMAT, version: VERSION, tool: env!("CARGO_PKG_VERSION"), jobs }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!(self)
    }
}

/// What a run of a job would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// The job's name.
    pub job: String,
    /// The job's description.
    pub description: String,
    /// The part of the job that is planned; `null` is the whole job.
    pub narrowed: Option<Narrowing>,
    /// The run.
    pub run: PlannedRun,
    /// Which objects by modification time.
    pub window: PlannedWindow,
    /// The accounts, in the job's order.
    pub accounts: Vec<PlannedAccount>,
    /// The buckets of the run, by account and name; those of an unfinished run in its order.
    pub buckets: Vec<PlannedBucket>,
    /// Buckets that accounts have and the run has not, by account and name. Only accounts that were
    /// asked to list their buckets now have any here.
    pub left_out: Vec<PlannedAbsence>,
    /// How many of the buckets are in each region.
    pub regions: BTreeMap<String, u64>,
    /// What it would take.
    pub estimate: PlannedEffort,
    /// What would be written.
    pub files: PlannedFiles,
    /// What could not be found out, though nothing but the estimate suffers by it.
    pub notes: Vec<PlannedNote>,
    /// What keeps the run from being complete, as far as can be seen.
    pub problems: Vec<String>,
    /// What the plan exits with: what the run would, as far as can be seen.
    pub exit_code: u8,
}

/// Which run it would be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedRun {
    /// Its id; that of a new run is of the instant it begins.
    pub run: String,
    /// Its folder.
    pub folder: String,
    /// How it would begin.
    pub begin: RunBegin,
    /// Buckets that have their verdict already and would not be listed.
    pub buckets_done: u64,
}

/// How a run would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunBegin {
    /// As a new one.
    New,
    /// As the unfinished one, gone on with.
    Resumed,
    /// As the last one, reopened by `--retry`.
    Reopened,
}

/// The window of modification times: `since <= t < until`, open where there is none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedWindow {
    /// The first instant inside.
    #[schemars(with = "Option<Instant>")]
    pub since: Option<Timestamp>,
    /// The first instant after.
    #[schemars(with = "Option<Instant>")]
    pub until: Option<Timestamp>,
    /// In which dates and local times are meant.
    pub timezone: String,
    /// `since` by the clocks of `timezone`.
    pub since_local: Option<String>,
    /// `until` by the clocks of `timezone`.
    pub until_local: Option<String>,
    /// `since` as the job says it.
    pub since_written: Option<String>,
    /// `until` as the job says it.
    pub until_written: Option<String>,
}

impl PlannedWindow {
    /// The window of a run of a job: a run that was begun keeps the instants it began with.
    #[must_use]
    pub fn of(job: &Job, record: &RunRecord) -> Self {
        let in_zone = |instant: Option<Timestamp>| instant.map(|instant| local(instant, &job.window.timezone));
        Self {
            since: record.since,
            until: record.until,
            timezone: job.window.timezone.clone(),
            since_local: in_zone(record.since),
            until_local: in_zone(record.until),
            since_written: job.window.since_written.clone(),
            until_written: job.window.until_written.clone(),
        }
    }
}

/// An account of the run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedAccount {
    /// Its name in the job.
    pub name: String,
    /// As what it is used.
    pub identity: AccountIdentity,
    /// What became of asking it.
    pub verdict: AccountVerdict,
    /// Why, where it is not `ok`.
    pub reason: Option<String>,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// Buckets it lists; `null` where it was not asked to list them now.
    pub found: Option<u64>,
    /// Buckets of it that the run has.
    pub matched: u64,
}

/// A bucket of the run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedBucket {
    /// The account's name in the job.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// The region it would be asked for in.
    pub region: String,
    /// Whether the job names it, rather than matching it by a pattern.
    pub named: bool,
    /// Whether it has its verdict already and would not be listed.
    pub done: bool,
    /// Its objects, as far as they were counted before; `null` where they were not.
    pub objects: Option<u64>,
    /// Who counted them.
    pub objects_by: Option<CountedBy>,
    /// The day of which the count is, where CloudWatch counted them.
    #[schemars(with = "Option<Instant>")]
    pub objects_at: Option<Timestamp>,
    /// Objects that the unfinished run has listed already.
    pub listed: u64,
    /// List requests it would take, those included that find out where keys lie; where its objects are not
    /// known, at least.
    pub requests: u64,
    /// Files of rows it would have at most; `null` where its objects are not known.
    pub files_at_most: Option<u64>,
    /// The path of the first of them.
    pub first_file: String,
    /// What is wrong with it, as far as can be seen without listing it.
    pub problem: Option<String>,
}

/// Who counted the objects of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// The job's last complete listing of it: of the keys that the job asks for.
    LastListing,
    /// CloudWatch, by S3's daily metric: of the whole bucket, versions that are not current, delete markers and
    /// parts of unfinished uploads included.
    Cloudwatch,
}

/// What could not be found out of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlannedNote {
    /// The account's name in the job.
    pub account: String,
    /// What, and why.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// A bucket that an account has and the run has not.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedAbsence {
    /// The account's name in the job.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// Its region; `null` where the store does not say it.
    pub region: Option<String>,
    /// Why it is left out.
    pub reason: Absence,
    /// The pattern of `exclude` that matches it.
    pub pattern: Option<String>,
}

/// Why a bucket is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// No pattern of `include` matches.
    NotIncluded,
    /// A pattern of `exclude` matches.
    Excluded,
    /// The call keeps to other buckets, by `--bucket`.
    Narrowed,
    /// The account's `regions` do not have its region.
    Region,
}

impl Absence {
    /// The reason, and the pattern that goes with it.
    #[must_use]
    pub fn of(why: &WhyLeftOut) -> (Self, Option<String>) {
        match why {
            WhyLeftOut::NotIncluded => (Self::NotIncluded, None),
            WhyLeftOut::Excluded(pattern) => (Self::Excluded, Some(pattern.clone())),
            WhyLeftOut::Narrowed => (Self::Narrowed, None),
            WhyLeftOut::Region => (Self::Region, None),
        }
    }
}

/// What the run would take.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedEffort {
    /// Buckets to be listed, as far as nothing is seen to be wrong with them.
    pub buckets: u64,
    /// Buckets to be listed whose objects are not known. Where there are any, all else here is what it
    /// takes at least: each of them counts as empty.
    pub unknown_buckets: u64,
    /// Objects to be listed.
    pub objects: u64,
    /// Requests, those for finding buckets included. Failed attempts are not foreseen.
    pub requests: u64,
    /// What they cost.
    pub price: PriceEstimate,
    /// Bytes of answers: what goes over the network.
    pub response_bytes: u64,
    /// From the call to its end.
    pub seconds: f64,
    /// What the time rests on.
    pub seconds_basis: String,
}

/// What the run would write.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlannedFiles {
    /// `output.path` with what is the same for all buckets filled in.
    pub rows: String,
    /// Files of rows at most, those of buckets that are done not counted. Of a bucket whose objects are
    /// not known, one.
    pub at_most: u64,
    /// What is written besides.
    pub others: Vec<String>,
}
