//! How an invocation ends: what it came to, whether the run is over, and what is said of it.
//!
//! It leaves the exit code of given facts to `exit`, and the closing table to `report`. Owns that the
//! summary is written before the run ends, and that what was learnt is kept before the journals go.

use super::exit::{Exit, Refusal, ScanFacts, no_bucket, of_scan};
use super::history;
use super::signals::Listener;
use crate::event::{AccountVerdict, Verdict};
use crate::job::Job;
use crate::report::{Console, EarlierFiles, LogGuard, Summary, SummaryInput, closing_table, visible, write_summary};
use crate::scan::ScanOutcome;
use crate::state::RunEnd;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What an invocation came to, and of each account whether AWS bills its requests.
pub struct Scanned {
    /// What the scan came to.
    pub outcome: ScanOutcome,
    /// By the run's accounts.
    pub billed: Vec<bool>,
}

/// How an invocation ends.
pub struct Closing {
    /// What the process exits with for it.
    pub exit: Exit,
    /// Whether the run is over.
    over: bool,
    /// Whether something of it could be listed once more.
    can_retry: bool,
    /// What the verdict of no bucket and no account tells.
    complaints: Vec<Refusal>,
    /// What is to be said where what was learnt could not be kept.
    forgotten: Option<String>,
    /// What was written of it.
    pub summary: Summary,
}

/// Writes what an invocation came to, and ends the run where it is over.
///
/// # Errors
/// When the state cannot be read or replaced, or a file of the summary cannot be written.
pub fn close(
    job: &Job,
    scanned: Scanned,
    resumed: bool,
    started: Timestamp,
    log: &LogGuard,
    listener: &Listener,
) -> Result<Closing, Refusal> {
    let Scanned { mut outcome, billed } = scanned;
    let Judgement { exit, over, end, complaints } = judged(job, &outcome, listener.exit())?;
    let stopped = match outcome.limit {
        Some(limit) if exit == Exit::Limit => Some(limit.to_string()),
        _ => outcome.interrupted.then(|| listener.signal().to_owned()),
    };
    let warnings = log.failure().into_iter().collect();
    let summary = write_summary(&SummaryInput {
        job,
        outcome: &outcome,
        billed: &billed,
        exit_code: exit.code(),
        stopped,
        started,
        ended: super::now(),
        resumed,
        warnings,
    })?;
    // While the journals are there; they go with the end of a run.
    let is_all = over && exit == Exit::Complete && outcome.store.record().narrowing.is_whole();
    let forgotten = history::remember(job, &outcome, is_all);
    if over {
        outcome.store.finish(end)?;
    }
    // Where no bucket matches, none is there to be listed again.
    let lost = summary.accounts.iter().any(|account| account.verdict != AccountVerdict::Ok);
    let can_retry = over && exit != Exit::Complete && (lost || !outcome.buckets.is_empty());
    Ok(Closing { exit, over, can_retry, complaints, forgotten, summary })
}

impl Closing {
    /// Tells what the invocation came to, and how to go on with it.
    pub fn tell(&self, console: &Console, is_quiet: bool, is_fresh: bool) {
        for told in self.complaints.iter().map(ToString::to_string).chain(self.forgotten.clone()) {
            console.print(&told);
        }
        if self.over {
            for note in earlier_files(&self.summary) {
                console.print(&note);
            }
        }
        if !(is_quiet && self.exit == Exit::Complete) {
            console.print(&closing_table(&self.summary));
        }
        if !self.over {
            // The same flag again would give up what was just kept.
            let how = if is_fresh { ", without --fresh," } else { "" };
            // Nothing but that ends a run with this which is told by its buckets.
            let before = match self.exit {
                Exit::Files => "move away what stands in the way of the files; then ",
                Exit::Identity => "mend the credentials as told above; then ",
                _ => "",
            };
            console.print(&format!("hint: {before}run the same command again{how} to go on"));
        }
        if self.can_retry {
            console
                .print("hint: once the causes are gone, `--retry` lists again what is not complete, and nothing else");
        }
    }
}

/// What is to be said of files of earlier runs, where the path is replaced run by run.
fn earlier_files(summary: &Summary) -> Vec<String> {
    let more = |number: usize| if number > 1 { format!(" and {} more", number - 1) } else { String::new() };
    let mut notes = Vec::new();
    if let Some(first) = summary.kept_files.first() {
        let number = summary.kept_files.len();
        let first = visible(first);
        notes.push(format!(
            "warning: files that were changed since they were published are kept as `{first}`{}",
            more(number)
        ));
    }
    if let Some(first) = summary.earlier_files.first() {
        let EarlierFiles { account, bucket, run, .. } = first;
        let (bucket, more) = (visible(bucket), more(summary.earlier_files.len()));
        notes.push(format!(
            "warning: files of earlier runs still stand: of the bucket `{bucket}` of `{account}`, run {run}{more}"
        ));
    }
    notes
}

/// What is to be said of an invocation as a whole.
struct Judgement {
    exit: Exit,
    /// Whether the run is over.
    over: bool,
    /// What it has come to, if it is.
    end: RunEnd,
    /// What the verdict of no bucket and no account tells.
    complaints: Vec<Refusal>,
}

fn judged(job: &Job, outcome: &ScanOutcome, signal: Option<Exit>) -> Result<Judgement, Refusal> {
    let (mut partial, mut all_listed) = (false, true);
    // Of every account with finished buckets, whether all of them were skipped: for they were denied.
    let mut denied: BTreeMap<u32, bool> = BTreeMap::new();
    for entry in outcome.store.finished()? {
        let entry = entry?;
        partial |= !matches!(entry.verdict, Verdict::Complete | Verdict::Skipped);
        all_listed &= entry.verdict == Verdict::Complete;
        let skipped = entry.verdict == Verdict::Skipped;
        let account = outcome.buckets[entry.bucket as usize].entry.account;
        denied.entry(account).and_modify(|denied| *denied &= skipped).or_insert(skipped);
    }
    let accounts = &outcome.store.record().accounts;
    let mut complaints = Vec::new();
    if outcome.buckets.is_empty() {
        complaints.extend(no_bucket(job, &outcome.store.record().narrowing));
    }
    for (&account, _) in denied.iter().filter(|(_, denied)| **denied) {
        let message = format!("every bucket of account `{}` is denied", accounts[account as usize].name);
        let hint = "allow s3:ListBucket, or leave the account out of the job";
        complaints.push(Refusal::new(Exit::Partial, message).hint(hint));
    }
    let facts = ScanFacts {
        interrupted: outcome.interrupted,
        limited: outcome.limit.is_some(),
        signal,
        unfinished: !outcome.unfinished.is_empty(),
        blocked: outcome.blocked,
        accounts_usable: accounts.iter().filter(|account| account.verdict == AccountVerdict::Ok).count(),
        accounts_lost: accounts.iter().any(|account| account.verdict != AccountVerdict::Ok),
        unsettled_accounts: accounts.iter().any(|account| !account.settled),
        partial: partial || !complaints.is_empty(),
        retry: outcome.unfinished.iter().any(|bucket| {
            let account = outcome.buckets[bucket.bucket as usize].entry.account;
            accounts[account as usize].verdict == AccountVerdict::Ok
        }),
    };
    let exit = of_scan(&facts);
    let over = !outcome.interrupted && outcome.unfinished.is_empty() && !facts.unsettled_accounts;
    if !over {
        // What is still to come may put it right.
        complaints.clear();
    }
    let end = if exit == Exit::Complete && all_listed { RunEnd::Complete } else { RunEnd::Incomplete };
    Ok(Judgement { exit, over, end, complaints })
}
