//! The settings of a job as they hold, for its summary.
//!
//! Owns that what a run came to can be understood from its summary alone: all that changes the files,
//! how the accounts are asked, what counts as complete, the limits, and where the run leaves its traces.

use crate::job::{Account, Job, Limits, Pace};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The settings by their keys; one that is absent is `null`.
pub fn job_resolved(job: &Job) -> BTreeMap<String, Value> {
    // The parts are JSON; what were none would still be told as it is.
    let value = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
    let files = job.fingerprint_parts().into_iter().map(|(name, text)| (name.to_owned(), value(text)));
    let Limits { concurrency, max_requests, max_duration } = &job.limits;
    let limits = [
        ("limits.concurrency", json!(concurrency)),
        ("limits.max_requests", json!(max_requests)),
        ("limits.max_duration_seconds", json!(max_duration.map(|duration| duration.as_secs_f64()))),
    ];
    let others = [
        ("buckets.on_denied", json!(job.buckets.on_denied.name())),
        ("buckets.on_empty", json!(job.buckets.on_empty.name())),
        ("state.file", json!(job.state.file)),
        ("log.file", json!(job.log.file)),
        ("log.level", json!(job.log.level.name())),
        ("log.format", json!(job.log.format.name())),
    ];
    let settings = limits.into_iter().chain(others).map(|(name, value)| (name.to_owned(), value));
    let accounts = job.accounts.iter().flat_map(|account| paces(account).chain(addressing(account)));
    files.chain(settings).chain(accounts).collect()
}

/// How an account's store is addressed, by the keys of its own table.
fn addressing(account: &Account) -> impl Iterator<Item = (String, Value)> {
    let keys = [
        ("region", json!(account.region)),
        ("path_style", json!(account.path_style)),
        ("request_payer", json!(account.request_payer)),
        ("use_fips", json!(account.use_fips)),
        ("use_dual_stack", json!(account.use_dual_stack)),
        ("bucket_owner", json!(account.bucket_owner)),
    ];
    keys.into_iter().map(|(key, value)| (format!("accounts.{}.{key}", account.name), value))
}

/// How hard an account may be pressed, by the keys of its own table.
fn paces(account: &Account) -> impl Iterator<Item = (String, Value)> {
    let Pace { requests_per_second, bucket_requests_per_second, burst, max_attempts, request_timeout } = &account.pace;
    let paces = [
        ("requests_per_second", json!(requests_per_second)),
        ("bucket_requests_per_second", json!(bucket_requests_per_second)),
        ("burst", json!(burst)),
        ("max_attempts", json!(max_attempts)),
        ("request_timeout_seconds", json!(request_timeout.as_secs_f64())),
    ];
    paces.into_iter().map(|(key, value)| (format!("accounts.{}.limits.{key}", account.name), value))
}
