//! Which run an invocation does: the unfinished one of the job, or a new one.
//!
//! Owns that an unfinished run goes on only where everything its bytes depend on is as it was.

use super::exit::{Exit, Refusal};
use crate::event::AccountVerdict;
use crate::job::{Account, Job};
use crate::rows::ENCODER_VERSION;
use crate::state::{AccountRecord, RunPhase, RunRecord};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a run's bytes depend on, by name.
fn fingerprint(job: &Job) -> BTreeMap<String, String> {
    let parts = job.fingerprint_parts().into_iter().map(|(name, text)| (name.to_owned(), text));
    parts.chain([("encoder".to_owned(), ENCODER_VERSION.to_string())]).collect()
}

/// The record of the run to be done: the unfinished one, or a new one; and whether it is resumed.
///
/// # Errors
/// When the state cannot be used, or belongs to a job that has changed since.
pub fn record(job: &Job, fresh: bool, now: Timestamp) -> Result<(RunRecord, bool), Refusal> {
    let found = match RunRecord::load(&job.state.file) {
        Ok(found) => found,
        Err(error) if !fresh => return Err(error.into()),
        Err(_) => None,
    };
    let fingerprint = fingerprint(job);
    let mut superseded = Vec::new();
    if let Some(record) = found {
        if record.phase != RunPhase::Scanning || fresh {
            superseded = record.superseded;
            superseded.push(record.folder);
        } else if record.job != job.name {
            let message = format!("`{}` holds an unfinished run of the job `{}`", job.state.file.display(), record.job);
            return Err(Refusal::new(Exit::Usage, message).hint("give each job a state file of its own"));
        } else if record.fingerprint != fingerprint {
            return Err(changed(&record, &fingerprint));
        } else {
            return Ok((record, true));
        }
    }
    let record = new_record(job, now);
    Ok((RunRecord { superseded, fingerprint, ..record }, false))
}

fn changed(record: &RunRecord, fingerprint: &BTreeMap<String, String>) -> Refusal {
    let names = fingerprint.keys().chain(record.fingerprint.keys());
    let mut changed: Vec<String> = names
        .filter(|name| record.fingerprint.get(*name) != fingerprint.get(*name))
        .map(|name| {
            let text = |map: &BTreeMap<String, String>| map.get(name).map_or("nothing", String::as_str).to_owned();
            format!("{name} (was {}, is {})", text(&record.fingerprint), text(fingerprint))
        })
        .collect();
    changed.sort_unstable();
    changed.dedup();
    let message = format!("the job has changed since its unfinished run {}: {}", record.run, changed.join("; "));
    Refusal::new(Exit::Usage, message)
        .hint("undo the change to go on with that run, or start over with --fresh, which drops its parts")
}

fn new_record(job: &Job, now: Timestamp) -> RunRecord {
    let start = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let folder = |run: &str| job.output.path.root().join(&job.name).join(run);
    // Two runs may begin within a second, or with the same `--now`.
    let runs = std::iter::once(start.clone()).chain((2..).map(|number: u64| format!("{start}-{number}")));
    let run = runs.into_iter().find(|run| !folder(run).exists()).unwrap_or(start);
    let mut record = RunRecord::new(&job.name, &run, now, folder(&run));
    record.since = job.window.since;
    record.until = job.window.until;
    record.accounts = job.accounts.iter().map(unasked).collect();
    record
}

fn unasked(account: &Account) -> AccountRecord {
    AccountRecord {
        name: account.name.clone(),
        discovered: false,
        settled: false,
        verdict: AccountVerdict::Ok,
        reason: None,
    }
}
