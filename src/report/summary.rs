//! The summary of a run: what every run leaves in its folder, whatever became of it.
//!
//! Written from committed state only. Owns the shape of `summary.json`, version 1, and that `complete`
//! is said of a run only when every account and every bucket is.

use super::earlier::{EarlierFiles, earlier};
use super::price::{PriceEstimate, billable, estimate};
use super::settings::job_resolved;
use super::tables::{BucketResult, buckets_csv, files_csv, listed, results};
use super::totals::{RunTotals, totals};
use crate::crash;
use crate::event::{AccountVerdict, RunCounts, Verdict};
use crate::job::{Job, Narrowing};
use crate::output::{FileError, replace};
use crate::scan::{ScanError, ScanOutcome};
use crate::state::{AccountRecord, FinishedEntry, RunRecord, StateError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const FORMAT: &str = "s3scan-summary";
const VERSION: u32 = 1;

/// What a summary is made of.
#[derive(Clone, Debug)]
pub struct SummaryInput<'run> {
    /// What was asked for.
    pub job: &'run Job,
    /// What this invocation came to.
    pub outcome: &'run ScanOutcome,
    /// Of each of the run's accounts, whether AWS bills its requests.
    pub billed: &'run [bool],
    /// What the process will exit with.
    pub exit_code: u8,
    /// What stopped it before its end: a signal's name or the words of a limit.
    pub stopped: Option<String>,
    /// When this invocation began.
    pub started: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// Whether it went on with an unfinished run.
    pub resumed: bool,
    /// What went wrong beside the scan.
    pub warnings: Vec<String>,
}

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Always `s3scan-summary`.
    #[schemars(extend("const" = FORMAT))]
    pub format: String,
    /// The version of this shape.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The version of s3scan that wrote it.
    pub tool: String,
    /// The job's name.
    pub job: String,
    /// The job's description.
    pub description: String,
    /// The job's settings as they hold, defaults and overrides included, by their keys: those that
    /// change the files, how accounts are asked, what counts as complete, the limits and the log. A
    /// setting that is absent is `null`.
    pub job_resolved: BTreeMap<String, Value>,
    /// The run's id.
    pub run: String,
    /// The run's folder, as the run knows it.
    pub folder: String,
    /// When the run was first started; what relative dates count from.
    #[schemars(with = "Instant")]
    pub now: Timestamp,
    /// Which objects by modification time.
    pub window: WindowSummary,
    /// The part of the job that the run is of, by the flags `--account` and `--bucket`; `null` is the
    /// whole job.
    pub narrowed: Option<Narrowing>,
    /// Whether every selected bucket was listed to its end, or skipped as the job says. Never of a part
    /// of the job, for the rest was left out.
    pub complete: bool,
    /// What the process exits with.
    pub exit_code: u8,
    /// What stopped this invocation before its end, a signal or a limit; `null` where nothing did.
    pub stopped: Option<String>,
    /// Whether this invocation went on with an unfinished run, or with one reopened by `--retry`.
    pub resumed: bool,
    /// When this invocation began.
    #[schemars(with = "Instant")]
    pub started: Timestamp,
    /// When it was over.
    #[schemars(with = "Instant")]
    pub ended: Timestamp,
    /// Between the two, to the millisecond.
    pub duration_seconds: f64,
    /// Over all invocations of the run.
    pub totals: RunTotals,
    /// The accounts, in the job's order.
    pub accounts: Vec<AccountSummary>,
    /// What the requests cost, over all invocations of the run.
    pub price: PriceEstimate,
    /// Every bucket that is not complete, in the order of `buckets.csv`.
    pub not_complete: Vec<IncompleteBucket>,
    /// Where `output.path` lacks `{run}`: files of earlier runs that still stand, for this run does not
    /// have their buckets, or has not completed them.
    pub earlier_files: Vec<EarlierFiles>,
    /// New names of files that this run would have replaced, and that somebody had changed since they
    /// were published.
    pub kept_files: Vec<String>,
    /// What went wrong and leaves the output whole, such as a log that could not be written.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Summary {
    /// What the run has come to.
    #[must_use]
    pub fn counts(&self) -> RunCounts {
        let RunTotals { objects, rows, files, .. } = self.totals;
        RunCounts { objects, rows, files, effort: self.totals.effort() }
    }
}

/// How an instant is written: RFC 3339 in UTC.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it lends the schema its words, as instants are another crate's")]
#[schemars(inline, extend("format" = "date-time"))]
pub(super) struct Instant(String);

/// The window of modification times: `since <= t < until`, open where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowSummary {
    /// The first instant inside.
    #[schemars(with = "Option<Instant>")]
    pub since: Option<Timestamp>,
    /// The first instant after.
    #[schemars(with = "Option<Instant>")]
    pub until: Option<Timestamp>,
    /// In which dates and local times are meant.
    pub timezone: String,
    /// `since` as the job says it.
    pub since_written: Option<String>,
    /// `until` as the job says it.
    pub until_written: Option<String>,
}

/// An account of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountSummary {
    /// Its name in the job.
    pub name: String,
    /// As what it was used.
    pub identity: AccountIdentity,
    /// What became of it.
    pub verdict: AccountVerdict,
    /// Whether its buckets are known; if not, none of them is counted anywhere.
    pub discovered: bool,
    /// Why, where it is not `ok`.
    pub reason: Option<String>,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

/// As what an account was used: what the job says of its credentials and its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountIdentity {
    /// The twelve digits of its id: as the credentials tell, else as the job says.
    pub account_id: Option<String>,
    /// The user or role session that asked; `null` where the store does not tell, and the id was then not
    /// checked.
    pub arn: Option<String>,
    /// The profile of the AWS configuration; `null` are the ambient credentials, or none.
    pub profile: Option<String>,
    /// The role assumed.
    pub role_arn: Option<String>,
    /// The endpoint of the job; `null` is that of AWS, or of the environment.
    pub endpoint_url: Option<String>,
    /// Whether requests went without credentials.
    pub anonymous: bool,
}

/// A bucket that is not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncompleteBucket {
    /// The account's name in the job.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<String>,
}

/// `latest.json`: the job's newest run.
#[derive(Serialize)]
struct Latest<'run> {
    run: &'run str,
    folder: &'run str,
    exit_code: u8,
    /// Whether it has all that the job asks for: never of a part of it.
    complete: bool,
}

/// Writes `files.csv`, `buckets.csv` and `summary.json` into the run's folder, then `latest.json`
/// beside it; each is replaced whole. Blocks.
///
/// # Errors
/// When the state cannot be read or a file cannot be written.
pub fn write_summary(input: &SummaryInput<'_>) -> Result<Summary, ScanError> {
    let outcome = input.outcome;
    let folder = outcome.store.record().folder.as_path();
    let results = results(outcome)?;
    let listed = listed(outcome);
    let path = folder.join("files.csv");
    files_csv(outcome, &results, &path)?;
    let path = folder.join("buckets.csv");
    buckets_csv(outcome, &results, &listed, &path)?;
    let earlier = earlier(outcome.buckets.iter().map(|bucket| &bucket.place))?;
    let withdrawn: Vec<FinishedEntry> = outcome.store.withdrawn()?.collect::<Result<_, StateError>>()?;
    let summary = Summary {
        earlier_files: earlier.standing,
        kept_files: earlier.kept,
        ..summarise(input, &results, &withdrawn, &listed)
    };
    write_json(&folder.join("summary.json"), &summary)?;
    let latest =
        Latest { run: &summary.run, folder: &summary.folder, exit_code: summary.exit_code, complete: summary.complete };
    write_json(&folder.parent().unwrap_or(Path::new("")).join("latest.json"), &latest)?;
    crash::reached("summary-written");
    Ok(summary)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::from);
    let mut text = text.map_err(FileError::at("write", path))?;
    text.push(b'\n');
    replace(path, &text, |_| ())
}

fn summarise(
    input: &SummaryInput<'_>,
    results: &[BucketResult],
    withdrawn: &[FinishedEntry],
    listed: &[usize],
) -> Summary {
    let SummaryInput { job, outcome, billed, exit_code, ref stopped, started, ended, resumed, ref warnings } = *input;
    let record = outcome.store.record();
    let not_complete: Vec<IncompleteBucket> = listed
        .iter()
        .filter(|place| results[**place].verdict != Verdict::Complete)
        .map(|&place| IncompleteBucket {
            account: outcome.buckets[place].fields.account.clone(),
            bucket: outcome.buckets[place].entry.name.clone(),
            verdict: results[place].verdict,
            reason: results[place].reason.clone(),
        })
        .collect();
    let accounts: Vec<AccountSummary> = record.accounts.iter().map(|record| account(job, record)).collect();
    let known = accounts.iter().all(|account| account.discovered && account.verdict == AccountVerdict::Ok);
    let totals = totals(outcome, results);
    let narrowed = Some(record.narrowing.clone()).filter(|narrowing| !narrowing.is_whole());
    let listed_all = not_complete.iter().all(|bucket| bucket.verdict == Verdict::Skipped);
    Summary {
        format: FORMAT.to_owned(),
        version: VERSION,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        job: job.name.clone(),
        description: job.description.clone(),
        job_resolved: job_resolved(job),
        run: record.run.clone(),
        folder: record.folder.to_string_lossy().into_owned(),
        now: record.now,
        window: window(job, record),
        // The exit code knows of failures that no bucket and no account speaks of.
        complete: exit_code == 0 && known && listed_all && narrowed.is_none(),
        narrowed,
        exit_code,
        stopped: stopped.clone(),
        resumed,
        started,
        ended,
        duration_seconds: (ended.duration_since(started).as_secs_f64() * 1e3).round() / 1e3,
        price: estimate(billable(outcome, results, billed, withdrawn, &totals), job.pricing.list_per_1000),
        totals,
        accounts,
        not_complete,
        earlier_files: Vec::new(),
        kept_files: Vec::new(),
        warnings: warnings.clone(),
    }
}

fn account(job: &Job, record: &AccountRecord) -> AccountSummary {
    AccountSummary {
        name: record.name.clone(),
        identity: account_identity(job, record),
        verdict: record.verdict,
        discovered: record.discovered,
        reason: record.reason.clone(),
        hint: record.hint.clone(),
    }
}

/// As what an account of a run is used.
#[must_use]
pub fn account_identity(job: &Job, record: &AccountRecord) -> AccountIdentity {
    let account = job.accounts.iter().find(|account| account.name == record.name);
    let identity = account.map(|account| AccountIdentity {
        account_id: record.account_id.clone().or_else(|| account.account_id.clone()),
        arn: record.arn.clone(),
        profile: account.profile.clone(),
        role_arn: account.role.as_ref().map(|role| role.arn.clone()),
        endpoint_url: account.endpoint_url.clone(),
        anonymous: account.anonymous,
    });
    identity.unwrap_or_default()
}

/// The run's frozen window, with the words of the job.
fn window(job: &Job, record: &RunRecord) -> WindowSummary {
    WindowSummary {
        since: record.since,
        until: record.until,
        timezone: job.window.timezone.clone(),
        since_written: job.window.since_written.clone(),
        until_written: job.window.until_written.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::Effort;
    use crate::output::{JoinedFile, Place, PlaceValues};
    use crate::rows::BucketFields;
    use crate::rows::RowCounts;
    use crate::scan::{ScanBucket, Unfinished};
    use crate::state::{BucketEntry, Commit, FileEntry, FinishedEntry, RunStore};
    use std::fs;
    use std::path::PathBuf;

    const JOB: &str = "version = 1\nname = \"quarterly\"\ndescription = \"Objects of the quarter\"\n\
        [window]\nsince = 2025-07-01\nuntil = 2025-10-01\ntimezone = \"America/New_York\"\n\
        [accounts.prod]\n[accounts.test]\n";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_347_900 + seconds).unwrap()
    }

    pub fn job(folder: &Path) -> Job {
        let path = folder.join("job.toml");
        fs::write(&path, JOB).unwrap();
        crate::job::load(&crate::job::Request::of(&path)).unwrap()
    }

    fn bucket(job: &Job, account: u32, name: &str) -> ScanBucket {
        let fields = BucketFields {
            account: ["prod", "test"][account as usize].to_owned(),
            account_id: String::new(),
            bucket: name.to_owned(),
            region: "us-east-1".to_owned(),
        };
        let place = Place::new(&job.output.path, &PlaceValues { bucket: name, ext: "csv", ..PlaceValues::default() });
        let entry = BucketEntry { account, name: name.to_owned(), region: "us-east-1".to_owned(), literal: false };
        ScanBucket { entry, fields, place }
    }

    pub fn finished(bucket: u32, verdict: Verdict, reason: Option<&str>, files: u64) -> FinishedEntry {
        FinishedEntry {
            bucket,
            verdict,
            reason: reason.map(str::to_owned),
            ordered: true,
            counts: RowCounts { objects: 1_000, bytes: 5_000, rows: 900, undated: 1 },
            files,
            effort: Effort { requests: 4, retries: 1, throttles: 1, ..Effort::default() },
            started: at(1),
            ended: at(2),
        }
    }

    pub fn file(bucket: u32, part: u64) -> FileEntry {
        let file = JoinedFile { part, rows: 450, bytes: 9_000, sha256: format!("{part:064x}") };
        let path = PathBuf::from(format!("data/a,{bucket}_{part}.csv"));
        FileEntry { bucket, path, file, made_of: Vec::new() }
    }

    fn account(name: &str) -> AccountRecord {
        AccountRecord { discovered: true, settled: true, ..AccountRecord::unasked(name) }
    }

    /// The end of an invocation that began it all and was not stopped.
    fn input<'run>(job: &'run Job, outcome: &'run ScanOutcome, exit_code: u8) -> SummaryInput<'run> {
        SummaryInput {
            job,
            outcome,
            billed: &[],
            exit_code,
            stopped: None,
            started: at(0),
            ended: at(12),
            resumed: false,
            warnings: Vec::new(),
        }
    }

    /// A run in `folder` with these buckets finished; the others were not.
    pub fn outcome(folder: &Path, job: &Job, ended: Vec<FinishedEntry>, unfinished: Vec<Unfinished>) -> ScanOutcome {
        let run = folder.join("data").join("20261122T114500Z");
        let mut record = RunRecord::new("quarterly", "20261122T114500Z", at(0), run);
        (record.since, record.until) = (job.window.since, job.window.until);
        // The account `prod` was discovered after `test`.
        let buckets = [(1, "t-first"), (1, "t-second"), (0, "p-\"odd\",\nname"), (0, "p-last")]
            .map(|(account, name)| bucket(job, account, name));
        let entries: Vec<_> = buckets.iter().map(|bucket| bucket.entry.clone()).collect();
        let mut store = RunStore::create(&folder.join("state.json"), record, &entries).unwrap();
        store
            .commit(&Commit {
                // The second bucket was joined before the first, and the last is not published.
                files: vec![(1, vec![file(1, 1), file(1, 2)]), (0, vec![file(0, 1)]), (3, vec![file(3, 1)])],
                finished: ended,
                accounts: vec![account("prod"), account("test")],
                effort: Effort { requests: 20, retries: 3, throttles: 2, ..Effort::default() },
                ..Commit::default()
            })
            .unwrap();
        ScanOutcome {
            store,
            buckets: buckets.to_vec(),
            unfinished,
            blocked: false,
            interrupted: false,
            limit: None,
            lessons: BTreeMap::new(),
            finishing: std::time::Duration::ZERO,
        }
    }

    fn partial(folder: &Path, job: &Job) -> ScanOutcome {
        let ended = vec![
            finished(1, Verdict::Complete, None, 2),
            finished(2, Verdict::Denied, Some("AccessDenied: \u{1b}[31mno"), 0),
            finished(0, Verdict::Complete, None, 1),
        ];
        let unfinished = Unfinished {
            bucket: 3,
            verdict: Verdict::Throttled,
            reason: "SlowDown".to_owned(),
            counts: RowCounts { objects: 7, bytes: 70, rows: 7, undated: 0 },
            effort: Effort { requests: 11, retries: 9, throttles: 9, ..Effort::default() },
            started: Some(at(3)),
        };
        outcome(folder, job, ended, vec![unfinished])
    }

    pub fn written(folder: &Path) -> Summary {
        let job = job(folder);
        let outcome = partial(folder, &job);
        let warnings = vec!["the log is full".to_owned()];
        let input = input(&job, &outcome, 75);
        write_summary(&SummaryInput { billed: &[true, false], resumed: true, warnings, ..input }).unwrap()
    }

    fn read(folder: &Path, path: &str) -> String {
        let text = fs::read_to_string(folder.join("data").join(path)).unwrap();
        let text = text.replace(&folder.display().to_string(), "FOLDER");
        text.replace(&format!("\"tool\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"tool\": \"VERSION\"")
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the summary is shown whole")]
    fn the_summary_of_a_run_that_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let summary = written(folder.path());
        let text = fs::read(folder.path().join("data/20261122T114500Z/summary.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Summary>(&text).unwrap(), summary);
        insta::assert_snapshot!(read(folder.path(), "20261122T114500Z/summary.json"), @r#"
{
  "format": "s3scan-summary",
  "version": 1,
  "tool": "VERSION",
  "job": "quarterly",
  "description": "Objects of the quarter",
  "job_resolved": {
    "accounts": {
      "prod": {},
      "test": {}
    },
    "accounts.prod.bucket_owner": null,
    "accounts.prod.limits.bucket_requests_per_second": null,
    "accounts.prod.limits.burst": null,
    "accounts.prod.limits.max_attempts": 10,
    "accounts.prod.limits.request_timeout_seconds": 60.0,
    "accounts.prod.limits.requests_per_second": null,
    "accounts.prod.path_style": false,
    "accounts.prod.region": null,
    "accounts.prod.request_payer": false,
    "accounts.prod.use_dual_stack": false,
    "accounts.prod.use_fips": false,
    "accounts.test.bucket_owner": null,
    "accounts.test.limits.bucket_requests_per_second": null,
    "accounts.test.limits.burst": null,
    "accounts.test.limits.max_attempts": 10,
    "accounts.test.limits.request_timeout_seconds": 60.0,
    "accounts.test.limits.requests_per_second": null,
    "accounts.test.path_style": false,
    "accounts.test.region": null,
    "accounts.test.request_payer": false,
    "accounts.test.use_dual_stack": false,
    "accounts.test.use_fips": false,
    "buckets.exclude": {
      "prod": [],
      "test": []
    },
    "buckets.include": {
      "prod": [
        "*"
      ],
      "test": [
        "*"
      ]
    },
    "buckets.on_denied": "fail",
    "buckets.on_empty": "fail",
    "limits.concurrency": 64,
    "limits.max_duration_seconds": null,
    "limits.max_requests": null,
    "log.file": "logs/quarterly.log",
    "log.format": "text",
    "log.level": "info",
    "objects.exclude": null,
    "objects.include": null,
    "objects.list": "current",
    "objects.max_size": null,
    "objects.min_size": null,
    "objects.prefixes": [],
    "objects.storage_classes": [],
    "output.columns": [
      "account",
      "account_id",
      "bucket",
      "key",
      "size",
      "last_modified",
      "storage_class",
      "etag"
    ],
    "output.compression": "none",
    "output.dialect": "standard",
    "output.empty": "header",
    "output.format": "csv",
    "output.header": true,
    "output.key_encoding": "raw",
    "output.path": "data/quarterly/{run}/{account}/{bucket}_{part}.{ext}",
    "output.rows_per_file": 1000000,
    "state.file": "state/quarterly.json",
    "window.period": null,
    "window.since": "2025-07-01",
    "window.timezone": "America/New_York",
    "window.until": "2025-10-01"
  },
  "run": "20261122T114500Z",
  "folder": "FOLDER/data/20261122T114500Z",
  "now": "2026-11-22T11:45:00Z",
  "window": {
    "since": "2025-07-01T04:00:00Z",
    "until": "2025-10-01T04:00:00Z",
    "timezone": "America/New_York",
    "since_written": "2025-07-01",
    "until_written": "2025-10-01"
  },
  "narrowed": null,
  "complete": false,
  "exit_code": 75,
  "stopped": null,
  "resumed": true,
  "started": "2026-11-22T11:45:00Z",
  "ended": "2026-11-22T11:45:12Z",
  "duration_seconds": 12.0,
  "totals": {
    "buckets": {
      "complete": 2,
      "denied": 1,
      "throttled": 1
    },
    "objects": 3007,
    "bytes": 15070,
    "rows": 1800,
    "files": 3,
    "undated": 3,
    "requests": 31,
    "retries": 12,
    "throttles": 11,
    "timeouts": 0,
    "slowdowns": 0,
    "empty_requests": 0,
    "splits": 0,
    "most_at_once": 0
  },
  "accounts": [
    {
      "name": "prod",
      "identity": {
        "account_id": null,
        "arn": null,
        "profile": null,
        "role_arn": null,
        "endpoint_url": null,
        "anonymous": false
      },
      "verdict": "ok",
      "discovered": true,
      "reason": null,
      "hint": null
    },
    {
      "name": "test",
      "identity": {
        "account_id": null,
        "arn": null,
        "profile": null,
        "role_arn": null,
        "endpoint_url": null,
        "anonymous": false
      },
      "verdict": "ok",
      "discovered": true,
      "reason": null,
      "hint": null
    }
  ],
  "price": {
    "usd": 0.00007,
    "billable_requests": 14,
    "usd_per_1000_requests": 0.005,
    "basis": "the price of 1,000 LIST requests in `pricing.list_per_1000`. Answers that asked to slow down are not billed and not counted; other failed attempts are counted, and so are all requests for finding buckets. Requests for buckets in other stores are not"
  },
  "not_complete": [
    {
      "account": "prod",
      "bucket": "p-\"odd\",\nname",
      "verdict": "denied",
      "reason": "AccessDenied: \u001b[31mno"
    },
    {
      "account": "prod",
      "bucket": "p-last",
      "verdict": "throttled",
      "reason": "SlowDown"
    }
  ],
  "earlier_files": [],
  "kept_files": [],
  "warnings": [
    "the log is full"
  ]
}
"#);
    }

    #[test]
    fn the_tables_beside_the_summary() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        insta::assert_snapshot!(read(folder.path(), "20261122T114500Z/buckets.csv").replace('\u{1b}', "ESC"), @r#"
account,bucket,region,verdict,reason,ordered,objects,bytes,rows,files,requests,retries,throttles,started,ended,timeouts,slowdowns,empty_requests,splits,most_at_once
prod,"p-""odd"",
name",us-east-1,denied,AccessDenied: ESC[31mno,true,1000,5000,0,0,4,1,1,2026-11-22T11:45:01Z,2026-11-22T11:45:02Z,0,0,0,0,0
prod,p-last,us-east-1,throttled,SlowDown,true,7,70,0,0,11,9,9,2026-11-22T11:45:03Z,,0,0,0,0,0
test,t-first,us-east-1,complete,,true,1000,5000,900,1,4,1,1,2026-11-22T11:45:01Z,2026-11-22T11:45:02Z,0,0,0,0,0
test,t-second,us-east-1,complete,,true,1000,5000,900,2,4,1,1,2026-11-22T11:45:01Z,2026-11-22T11:45:02Z,0,0,0,0,0
"#);
        insta::assert_snapshot!(read(folder.path(), "20261122T114500Z/files.csv"), @r#"
path,rows,bytes,sha256
"data/a,0_1.csv",450,9000,0000000000000000000000000000000000000000000000000000000000000001
"data/a,1_1.csv",450,9000,0000000000000000000000000000000000000000000000000000000000000001
"data/a,1_2.csv",450,9000,0000000000000000000000000000000000000000000000000000000000000002
"#);
        insta::assert_snapshot!(read(folder.path(), "latest.json"), @r#"
{
  "run": "20261122T114500Z",
  "folder": "FOLDER/data/20261122T114500Z",
  "exit_code": 75,
  "complete": false
}
"#);
        let left = fs::read_dir(folder.path().join("data/20261122T114500Z")).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".parts", "buckets.csv", "files.csv", "summary.json"]);
    }

    #[test]
    fn complete_is_said_only_of_what_is() {
        let all = |last: Verdict| {
            let complete = |place| finished(place, Verdict::Complete, None, 1);
            vec![complete(0), complete(1), complete(2), finished(3, last, None, 0)]
        };
        for (ended, exit_code, expected) in [
            (all(Verdict::Complete), 0, true),
            (all(Verdict::Skipped), 0, true),
            (all(Verdict::Complete), 3, false),
            (all(Verdict::Denied), 0, false),
            // A bucket that nothing is known of.
            (all(Verdict::Complete)[..3].to_vec(), 0, false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let job = job(folder.path());
            let outcome = outcome(folder.path(), &job, ended, Vec::new());
            let summary = write_summary(&input(&job, &outcome, exit_code)).unwrap();
            assert_eq!(summary.complete, expected, "{:?} {exit_code}", summary.totals.buckets);
        }
    }
}
