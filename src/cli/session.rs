//! Preparing a run: accounts opened and asked, the run begun on disk or opened again, and what comes
//! of it put together as `scan` takes it.

use super::accounts::{self, Accounts};
use super::exit::{Exit, Refusal, of_failures};
use crate::demo::Endpoint;
use crate::event::{Event, Events};
use crate::job::{Job, Window};
use crate::plan::{self, RunNames};
use crate::rows::{BucketFields, Column, ObjectFilter};
use crate::s3::Store;
use crate::scan::{Halt, ScanAccount, ScanBucket, ScanInput, ScanSettings, Stop};
use crate::state::{BucketEntry, RunRecord, RunStore};
use std::sync::Arc;

/// A run that is ready to be scanned, with what must live as long as it.
pub struct Session {
    /// What to scan.
    pub input: ScanInput<Store>,
    /// Its store on disk.
    pub store: RunStore,
    /// Demo endpoints inside the process.
    pub endpoints: Vec<Endpoint>,
}

/// Opens the accounts, asks those for their buckets that were not asked yet, and begins the run on
/// disk, or opens it again.
///
/// # Errors
/// When stopped, when no account of a new run can be used, when files cannot be written, or when two
/// buckets would write to the same path.
pub async fn prepare(
    job: &Job,
    mut record: RunRecord,
    resumed: bool,
    events: &Events,
    stop: &Stop,
) -> Result<Session, Refusal> {
    let Accounts { open, endpoints } = accounts::open(job, events, stop).await?;
    let resuming = if resumed { Some(RunStore::open(&job.state.file, record.clone())?) } else { None };
    if let Some(store) = &resuming {
        store.check()?;
    }
    let asked = match accounts::ask(job, &open, &mut record.accounts, events).await {
        Ok(asked) => asked,
        Err(Halt::Interrupted) => return Err(Refusal::new(Exit::Interrupted, "stopped before anything was listed")),
        Err(Halt::Failed(failure)) => return Err(Refusal::new(Exit::TryAgain, failure.to_string())),
    };
    if !record.accounts.iter().any(|account| account.discovered) {
        return Err(Refusal::new(of_failures(&asked.failures), "no account of the job could be used"));
    }
    let known = resuming.as_ref().map_or(Ok(Vec::new()), RunStore::buckets)?;
    let entries: Vec<BucketEntry> = known.into_iter().chain(asked.buckets.iter().cloned()).collect();
    let buckets = placed(job, &record, entries)?;
    let window = Window { since: record.since, until: record.until, ..job.window.clone() };
    let account_records = record.accounts.clone();
    let store = match resuming {
        Some(mut store) => {
            store.extend(record.accounts, &asked.buckets)?;
            store
        }
        None => RunStore::create(&job.state.file, record, &asked.buckets)?,
    };
    let finished = store.finished()?.count();
    events
        .emit(Event::RunStarted {
            job: job.name.clone(),
            run: store.record().run.clone(),
            resumed,
            buckets: buckets.len(),
            finished,
            folder: store.record().folder.clone(),
        })
        .await;
    let usable = open
        .into_iter()
        .zip(&account_records)
        .map(|(account, record)| record.discovered.then(|| ScanAccount::new(account.store, account.caller)));
    let input = ScanInput {
        accounts: usable.collect(),
        account_records,
        buckets,
        effort: asked.effort,
        settings: ScanSettings {
            filter: Arc::new(ObjectFilter::new(&window, &job.objects)),
            columns: Column::STANDARD.to_vec(),
            rows_per_file: job.output.rows_per_file,
            limits: job.limits.clone(),
            checkpoint_every: job.state.checkpoint_every,
            on_denied: job.buckets.on_denied,
        },
        events: events.clone(),
        stop: stop.clone(),
        clock: super::now,
    };
    Ok(Session { input, store, endpoints })
}

/// The buckets of a run with the places of their files.
fn placed(job: &Job, record: &RunRecord, entries: Vec<BucketEntry>) -> Result<Vec<ScanBucket>, Refusal> {
    let accounts: Vec<String> = record.accounts.iter().map(|account| account.name.clone()).collect();
    let date = record.now.strftime("%Y-%m-%d").to_string();
    let names = RunNames { job: &job.name, run: &record.run, date: &date, accounts: &accounts };
    if let Some((one, other)) = plan::collision(&names, &job.output.path, &entries) {
        let message = format!(
            "the buckets `{}` and `{}` would write to the same file",
            one.name.escape_debug(),
            other.name.escape_debug()
        );
        return Err(Refusal::new(Exit::Usage, message).hint("name the account or the region in `output.path`"));
    }
    let bucket = |entry: BucketEntry| ScanBucket {
        place: names.place(&job.output.path, &entry),
        fields: BucketFields {
            account: accounts[entry.account as usize].clone(),
            account_id: String::new(),
            bucket: entry.name.clone(),
        },
        entry,
    };
    Ok(entries.into_iter().map(bucket).collect())
}
