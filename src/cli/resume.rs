//! Which run an invocation does: the unfinished one of the job, its last one once more, or a new one.
//!
//! Owns that a run goes on only where everything its bytes depend on is as it was, and only as the
//! part of the job that it is of.

use super::exit::{Exit, Refusal};
use crate::event::{AccountVerdict, Event};
use crate::job::{Job, Narrowing};
use crate::rows::ENCODER_VERSION;
use crate::state::{AccountRecord, RunEnd, RunPhase, RunRecord};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A setting of the fingerprint that is longer stands in the state as its digest.
const LONGEST: usize = 1024;
/// The setting of the fingerprint that tells of each account whom it asks as whom.
const ACCOUNTS: &str = "accounts";

/// What a run's bytes depend on, by name.
fn fingerprint(job: &Job) -> BTreeMap<String, String> {
    let parts = job.fingerprint_parts().into_iter().map(|(name, text)| (name.to_owned(), compact(text)));
    parts.chain([("encoder".to_owned(), ENCODER_VERSION.to_string())]).collect()
}

/// A setting's text; of a long one, such as a thousand prefixes, its digest, for the state is written
/// again with every commit.
pub fn compact(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let digest = Sha256::digest(text.as_bytes());
    let hexadecimal = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{} bytes, SHA-256 {hexadecimal}", text.len())
}

/// What is wanted of the run there may be already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To go on with it where it is unfinished.
    GoOn,
    /// To begin anew whatever there is.
    Fresh,
    /// To list again what is not complete of it.
    Retry,
}

/// What an invocation does.
pub enum Choice {
    /// This run.
    Run(Box<Chosen>),
    /// Nothing, for the last run has nothing to be listed again.
    Nothing {
        /// The run that has not.
        told: String,
        /// Whether it is complete.
        complete: bool,
    },
}

/// The run that an invocation does.
pub struct Chosen {
    /// The unfinished run of the job, its last one, or a new one.
    pub record: RunRecord,
    /// Whether it is one that was begun before.
    pub resumed: bool,
    /// Whether it was over and is to be reopened.
    pub reopened: bool,
    /// What is given up when it begins, to be told then.
    pub dropped: Option<Event>,
}

/// The part of the job that an invocation does, and what it was made by: with `--retry` that of the
/// run there is.
///
/// # Errors
/// When the state has to be read and cannot, or the job has no such part.
pub fn part(job: &Job, wish: Wish, asked: &Narrowing) -> Result<(Job, Narrowing), Refusal> {
    let narrowing = match wish {
        Wish::Retry => RunRecord::load(&job.state.file)?.map_or_else(Narrowing::default, |record| record.narrowing),
        Wish::GoOn | Wish::Fresh => asked.clone(),
    };
    match job.clone().narrowed(&narrowing) {
        Ok(part) => Ok((part, narrowing)),
        Err((message, hint)) => {
            let message = format!("the job `{}`: {message}", job.name);
            Err(Refusal { hint, ..Refusal::new(Exit::Usage, message) })
        }
    }
}

/// Chooses the run to be done. `job` is the part of it that `narrowing` names.
///
/// # Errors
/// When the state cannot be used, belongs to a job that has changed since or to another part of it, or
/// when there is no run to be done once more.
pub fn choose(job: &Job, narrowing: &Narrowing, wish: Wish, now: Timestamp) -> Result<Choice, Refusal> {
    let mut dropped = None;
    let found = match RunRecord::load(&job.state.file) {
        Ok(found) => found,
        Err(error) if wish != Wish::Fresh => return Err(error.into()),
        Err(error) => {
            dropped = Some(Event::StateDropped { reason: Refusal::from(error).message });
            None
        }
    };
    let fingerprint = fingerprint(job);
    let mut superseded = Vec::new();
    if let Some(mut record) = found {
        let goes_on = match wish {
            Wish::Fresh => false,
            Wish::GoOn => record.phase == RunPhase::Scanning,
            Wish::Retry => record.phase != RunPhase::Preparing,
        };
        if goes_on {
            check_same(job, narrowing, &record, &fingerprint)?;
            record.fingerprint = fingerprint;
            let reopened = record.phase == RunPhase::Done;
            if reopened && let Some(nothing) = nothing_to_retry(&record) {
                return Ok(nothing);
            }
            return Ok(Choice::Run(Box::new(Chosen { record, resumed: true, reopened, dropped })));
        }
        dropped = (record.phase == RunPhase::Scanning).then(|| run_dropped(&record));
        superseded = record.superseded;
        superseded.push(record.folder);
    }
    if wish == Wish::Retry {
        let message = format!("the job `{}` has no run yet that could be retried", job.name);
        return Err(Refusal::new(Exit::Usage, message).hint("run it without --retry"));
    }
    let record = RunRecord { superseded, fingerprint, narrowing: narrowing.clone(), ..new_record(job, now) };
    Ok(Choice::Run(Box::new(Chosen { record, resumed: false, reopened: false, dropped })))
}

/// Where nothing of a run that is over is to be listed again.
fn nothing_to_retry(record: &RunRecord) -> Option<Choice> {
    let complete = record.end != Some(RunEnd::Incomplete);
    let is_asked = record.accounts.iter().all(|account| account.verdict == AccountVerdict::Ok);
    let told = match complete {
        true if record.narrowing.is_whole() => format!("nothing to retry: the run {} is complete", record.run),
        true => format!("nothing to retry: the run {} was of a part of the job and is complete", record.run),
        // No account was lost, and no bucket either, for there is none.
        false if is_asked && record.journals.finished == 0 => {
            format!("nothing to retry: no bucket matched in the run {}", record.run)
        }
        false => return None,
    };
    Some(Choice::Nothing { told, complete })
}

/// Refuses to go on with a run of another job, of another part of this one, or of a job that has
/// changed since.
fn check_same(
    job: &Job,
    narrowing: &Narrowing,
    record: &RunRecord,
    fingerprint: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let kind = kind(record);
    if record.job != job.name {
        let message = format!("`{}` holds the {kind} run of the job `{}`", job.state.file.display(), record.job);
        return Err(Refusal::new(Exit::Usage, message).hint("give each job a state file of its own"));
    }
    if !record.is_current() {
        let message = format!("the {kind} run {} is of another version of s3scan, {}", record.run, record.tool);
        let hint = match record.phase {
            RunPhase::Done => "begin a new one without --retry",
            _ => "finish it with that version, or start over with --fresh, which drops its parts",
        };
        return Err(Refusal::new(Exit::Usage, message).hint(hint));
    }
    if record.narrowing != *narrowing {
        let part = |part: &Narrowing| if part.is_whole() { "the whole job".to_owned() } else { format!("`{part}`") };
        let message = format!(
            "the unfinished run {} is of {}, and asked for is {}",
            record.run,
            part(&record.narrowing),
            part(narrowing)
        );
        return Err(Refusal::new(Exit::Usage, message)
            .hint("ask for the same, or use --retry, to go on with that run; --fresh drops it and starts over"));
    }
    changed(record, fingerprint).map_or(Ok(()), Err)
}

fn kind(record: &RunRecord) -> &'static str {
    if record.phase == RunPhase::Done { "last" } else { "unfinished" }
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

/// What of the job has changed that the bytes of the run depend on.
fn changed(record: &RunRecord, fingerprint: &BTreeMap<String, String>) -> Option<Refusal> {
    let names = fingerprint.keys().chain(record.fingerprint.keys());
    let mut changed: Vec<String> = names
        .filter(|name| record.fingerprint.get(*name) != fingerprint.get(*name))
        .filter(|name| *name != ACCOUNTS || !is_as_used(record, fingerprint))
        .map(|name| {
            let text = |map: &BTreeMap<String, String>| map.get(name).map_or("nothing", String::as_str).to_owned();
            format!("{name} (was {}, is {})", text(&record.fingerprint), text(fingerprint))
        })
        .collect();
    if changed.is_empty() {
        return None;
    }
    changed.sort_unstable();
    changed.dedup();
    let message = format!("the job has changed since its {} run {}: {}", kind(record), record.run, changed.join("; "));
    let hint = match record.phase {
        RunPhase::Done => "undo the change to retry that run, or begin a new one without --retry",
        _ => "undo the change to go on with that run, or start over with --fresh, which drops its parts",
    };
    Some(Refusal::new(Exit::Usage, message).hint(hint))
}

/// Whether the accounts are what they were, but for those that no bucket of the run is of: what was
/// wrong with them, such as a misspelt profile, may have been put right.
fn is_as_used(record: &RunRecord, fingerprint: &BTreeMap<String, String>) -> bool {
    let accounts = |parts: &BTreeMap<String, String>| {
        let text = parts.get(ACCOUNTS)?;
        // A digest is not JSON, and says nothing of a single account.
        serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text).ok()
    };
    let (Some(before), Some(now)) = (accounts(&record.fingerprint), accounts(fingerprint)) else {
        return false;
    };
    before.keys().eq(now.keys())
        && record
            .accounts
            .iter()
            .filter(|account| account.discovered)
            .all(|account| before.get(&account.name) == now.get(&account.name))
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
    record.accounts = job.accounts.iter().map(|account| AccountRecord::unasked(&account.name)).collect();
    record
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
