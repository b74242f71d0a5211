//! Which run an invocation does: the unfinished one of the job, or a new one.
//!
//! Owns that an unfinished run goes on only where everything its bytes depend on is as it was.

use super::exit::{Exit, Refusal};
use crate::event::{AccountVerdict, Event};
use crate::job::{Account, Job};
use crate::rows::ENCODER_VERSION;
use crate::state::{AccountRecord, RunPhase, RunRecord};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A setting of the fingerprint that is longer stands in the state as its digest.
const LONGEST: usize = 1024;

/// What a run's bytes depend on, by name.
fn fingerprint(job: &Job) -> BTreeMap<String, String> {
    let parts = job.fingerprint_parts().into_iter().map(|(name, text)| (name.to_owned(), compact(text)));
    parts.chain([("encoder".to_owned(), ENCODER_VERSION.to_string())]).collect()
}

/// A setting's text; of a long one, such as a thousand prefixes, its digest, for the state is written
/// again with every commit.
fn compact(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let digest = Sha256::digest(text.as_bytes());
    let hexadecimal = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{} bytes, SHA-256 {hexadecimal}", text.len())
}

/// The run that an invocation does.
pub struct Chosen {
    /// The unfinished run of the job, or a new one.
    pub record: RunRecord,
    /// Whether it is an unfinished one.
    pub resumed: bool,
    /// What is given up when it begins, to be told then.
    pub dropped: Option<Event>,
}

/// Chooses the run to be done.
///
/// # Errors
/// When the state cannot be used, or belongs to a job that has changed since.
pub fn choose(job: &Job, fresh: bool, now: Timestamp) -> Result<Chosen, Refusal> {
    let mut dropped = None;
    let found = match RunRecord::load(&job.state.file) {
        Ok(found) => found,
        Err(error) if !fresh => return Err(error.into()),
        Err(error) => {
            dropped = Some(Event::StateDropped { reason: Refusal::from(error).message });
            None
        }
    };
    let fingerprint = fingerprint(job);
    let mut superseded = Vec::new();
    if let Some(record) = found {
        if record.phase != RunPhase::Scanning || fresh {
            dropped = (record.phase == RunPhase::Scanning).then(|| run_dropped(&record));
            superseded = record.superseded;
            superseded.push(record.folder);
        } else if record.job != job.name {
            let message = format!("`{}` holds an unfinished run of the job `{}`", job.state.file.display(), record.job);
            return Err(Refusal::new(Exit::Usage, message).hint("give each job a state file of its own"));
        } else if !record.is_current() {
            let message = format!("the unfinished run {} is of another version of s3scan, {}", record.run, record.tool);
            return Err(Refusal::new(Exit::Usage, message)
                .hint("finish it with that version, or start over with --fresh, which drops its parts"));
        } else if record.fingerprint != fingerprint {
            return Err(changed(&record, &fingerprint));
        } else {
            return Ok(Chosen { record, resumed: true, dropped });
        }
    }
    let record = RunRecord { superseded, fingerprint, ..new_record(job, now) };
    Ok(Chosen { record, resumed: false, dropped })
}

fn run_dropped(record: &RunRecord) -> Event {
    Event::RunDropped {
        run: record.run.clone(),
        folder: record.folder.clone(),
        buckets: record.buckets.len(),
        objects: record.buckets.iter().map(|bucket| bucket.all_counts().objects).sum(),
    }
}

/// Holds the addresses that accounts would be asked at to those they were asked at when the run began:
/// the environment and the configuration may say another one meanwhile.
///
/// # Errors
/// When an account would now be asked elsewhere: its rows would be those of two stores.
pub fn same_endpoints(records: &mut [AccountRecord], endpoints: &[Option<String>]) -> Result<(), Refusal> {
    for (record, endpoint) in records.iter_mut().zip(endpoints) {
        if record.discovered && record.endpoint != *endpoint {
            let named =
                |endpoint: &Option<String>| endpoint.as_ref().map_or("AWS".to_owned(), |url| format!("`{url}`"));
            let (before, now) = (named(&record.endpoint), named(endpoint));
            let message = format!(
                "the account `{}` was asked at {before} when its unfinished run began, and would be asked at {now}",
                record.name
            );
            return Err(Refusal::new(Exit::Usage, message).hint(
                "name the address in the job (`endpoint_url`), or set AWS_ENDPOINT_URL as it was; --fresh starts over",
            ));
        }
        record.endpoint.clone_from(endpoint);
    }
    Ok(())
}

/// Notes whom an account's credentials belong to, and holds it to whom they belonged to when its
/// buckets were found.
///
/// # Errors
/// When they belong to another now: its rows would be those of two accounts.
pub fn same_identity(record: &mut AccountRecord, account_id: Option<String>) -> Result<(), Refusal> {
    if record.discovered && record.account_id != account_id {
        let named = |id: &Option<String>| id.as_ref().map_or("of an unknown id".to_owned(), |id| format!("`{id}`"));
        let (before, now) = (named(&record.account_id), named(&account_id));
        let message = format!(
            "the credentials of the account `{}` were those of {before} when its unfinished run began, and are those \
             of {now} now",
            record.name
        );
        return Err(Refusal::new(Exit::Usage, message).hint("use the credentials it began with; --fresh starts over"));
    }
    record.account_id = account_id;
    Ok(())
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

/// An account that is still to be asked for its buckets.
pub fn unasked(account: &Account) -> AccountRecord {
    AccountRecord {
        name: account.name.clone(),
        discovered: false,
        settled: false,
        account_id: None,
        arn: None,
        endpoint: None,
        verdict: AccountVerdict::Ok,
        reason: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_settings_are_told_apart_by_their_digests() {
        assert_eq!(compact("[\"a/\"]".to_owned()), "[\"a/\"]");
        let one = compact("a".repeat(100_000));
        assert!(one.starts_with("100000 bytes, SHA-256 ") && one.len() < 100, "{one}");
        assert_ne!(one, compact("b".repeat(100_000)));
        assert_eq!(one, compact("a".repeat(100_000)));
    }
}
