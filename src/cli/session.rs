//! Preparing a run: accounts opened and asked, the run begun on disk or opened again, and what comes
//! of it put together as `scan` takes it.

use super::accounts::{self, Accounts, Asked, OpenAccount};
use super::exit::{Exit, Refusal, of_failures};
use super::history;
use super::resume::{Chosen, same_endpoints};
use crate::demo::Endpoint;
use crate::event::{AccountVerdict, Billed, Effort, Event, Events, RunCounts};
use crate::job::{Job, PathPiece, PathToken, Window};
use crate::output::{FileRules, FreeSpace, in_the_way, standing_folder};
use crate::plan::{self, RunNames};
use crate::rows::{BucketFields, ObjectFilter, RowFormat};
use crate::s3::{Failure, Range, Store, is_aws};
use crate::scan::{Budget, ScanAccount, ScanBucket, ScanInput, ScanSettings, Stop};
use crate::state::{AccountRecord, BucketEntry, History, RunRecord, RunStore, StateError};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A run that is ready to be scanned, with what must live as long as it.
pub struct Session {
    /// What to scan.
    pub input: ScanInput<Store>,
    /// Its store on disk.
    pub store: RunStore,
    /// Demo endpoints inside the process.
    pub endpoints: Vec<Endpoint>,
    /// Of each account, whether AWS bills its requests.
    pub billed: Vec<bool>,
}

/// Opens the accounts, asks those for their buckets that were not asked yet, and begins the run on
/// disk, or opens it again.
///
/// # Errors
/// When stopped, when no account of a new run can be used, when files cannot be written, or when two
/// buckets would write to the same path.
pub async fn prepare(
    job: &Job,
    chosen: Chosen,
    events: &Events,
    stop: &Stop,
    budget: &Arc<Budget>,
) -> Result<Session, Refusal> {
    let Chosen { mut record, resumed, reopened, dropped } = chosen;
    let Accounts { mut open, endpoints } = accounts::open(job, events, stop, budget).await?;
    let resuming = if resumed { Some(RunStore::open(&job.state.file, record.clone())?) } else { None };
    if let Some(store) = &resuming {
        store.check(Range::of_prefixes(&job.objects.prefixes).len())?;
    }
    let addresses: Vec<Option<String>> = open.iter().map(OpenAccount::endpoint).collect();
    same_endpoints(&mut record.accounts, &addresses)?;
    let mut asked = Asked::default();
    accounts::identify(job, &mut open, &mut record.accounts, events, &mut asked).await?;
    accounts::ask(job, &open, &mut record.accounts, events, &mut asked).await;
    if asked.interrupted && budget.reached().is_none() {
        return Err(Refusal::new(Exit::Interrupted, "stopped before anything was listed"));
    }
    if !record.accounts.iter().any(is_usable) {
        if let Some(limit) = budget.reached().filter(|_| asked.interrupted) {
            let hint = "raise the limit: finding the buckets takes more than it allows; nothing was begun";
            return Err(Refusal::new(Exit::Limit, format!("{limit} before any bucket was known")).hint(hint));
        }
        return Err(nobody(&asked.failures));
    }
    let known = resuming.as_ref().map_or(Ok(Vec::new()), RunStore::buckets)?;
    let entries: Vec<BucketEntry> = known.into_iter().chain(asked.buckets.iter().cloned()).collect();
    let buckets = placed(job, &record, entries)?;
    let window = Window { since: record.since, until: record.until, ..job.window.clone() };
    let account_records = record.accounts.clone();
    let store = if let Some(mut store) = resuming {
        if reopened {
            store.reopen()?;
        }
        store.extend(record.accounts, &asked.buckets)?;
        store
    } else {
        let store = RunStore::create(&job.state.file, record, &asked.buckets)?;
        if let Some(dropped) = dropped {
            events.emit(dropped).await;
        }
        store
    };
    let in_the_way = check_way(&store, &buckets)?;
    let billed: Vec<bool> = open.iter().map(|account| is_aws(account.store.endpoint_url())).collect();
    let (done, counts, requests) = so_far(&store, &buckets, asked.effort, &billed)?;
    let (past, ignored) = history::of(job);
    if let Some(reason) = ignored {
        events.emit(Event::HistoryIgnored { reason }).await;
    }
    let hints = history::hints(&past, &buckets);
    drop(past);
    let listed = store.record().buckets.iter().map(|bucket| (bucket.bucket, bucket.all_counts().objects)).collect();
    let names = store.record().accounts.iter().map(|account| account.name.clone());
    let accounts = names.zip(&billed).filter(|(_, at_aws)| **at_aws).map(|(name, _)| name).collect();
    let cost = Billed { accounts, requests, usd_per_1000: job.pricing.list_per_1000 };
    events
        .emit(Event::RunStarted {
            job: job.name.clone(),
            run: store.record().run.clone(),
            resumed,
            buckets: buckets.len(),
            finished: done.len(),
            counts,
            expected: history::expected(&hints, buckets.len(), &done, &listed, counts.objects),
            billed: cost,
            folder: store.record().folder.clone(),
        })
        .await;
    let usable = open
        .into_iter()
        .zip(&account_records)
        .map(|(account, record)| is_usable(record).then(|| ScanAccount::new(account.store, account.caller)));
    let rows = RowFormat::new(&job.output);
    let input = ScanInput {
        accounts: usable.collect(),
        account_records,
        buckets,
        in_the_way,
        hints,
        effort: asked.effort,
        settings: ScanSettings {
            filter: Arc::new(ObjectFilter::new(&window, &job.objects)),
            files: Arc::new(FileRules::new(&job.output, rows.head())),
            rows,
            prefixes: job.objects.prefixes.clone(),
            limits: job.limits.clone(),
            checkpoint_every: job.state.checkpoint_every,
            on_denied: job.buckets.on_denied,
        },
        events: events.clone(),
        stop: stop.clone(),
        budget: Arc::clone(budget),
        clock: super::now,
        free_space: FreeSpace::default(),
    };
    Ok(Session { input, store, endpoints, billed })
}

/// No account can be used, and what can be done about it where that is the same for all.
fn nobody(failures: &[Failure]) -> Refusal {
    let refusal = Refusal::new(of_failures(failures), "no account of the job could be used");
    let hints: BTreeSet<&str> = failures.iter().filter_map(Failure::hint).collect();
    match hints.first() {
        Some(hint) if hints.len() == 1 => refusal.hint(*hint),
        Some(_) => refusal.hint("what each account lacks stands above"),
        None => refusal,
    }
}

/// Whether an account's buckets are known and can be asked for.
fn is_usable(account: &AccountRecord) -> bool {
    account.discovered && account.verdict == AccountVerdict::Ok
}

/// What a run has come to before it goes on: which of its buckets have their verdict, its counts,
/// and the requests that AWS bills. `asked` is what finding buckets took just now.
fn so_far(
    store: &RunStore,
    buckets: &[ScanBucket],
    asked: Effort,
    at_aws: &[bool],
) -> Result<(HashSet<u32>, RunCounts, u64), Refusal> {
    let is_billed = |bucket: u32| at_aws[buckets[bucket as usize].entry.account as usize];
    let record = store.record();
    // It holds that of the finished buckets already.
    let mut counts = RunCounts { effort: record.effort, ..RunCounts::default() };
    counts.effort += asked;
    let (mut finished, mut unbilled) = (HashSet::new(), 0);
    for entry in store.finished()? {
        let entry = entry?;
        finished.insert(entry.bucket);
        counts.objects += entry.counts.objects;
        counts.rows += entry.counts.rows;
        counts.files += entry.files;
        unbilled += if is_billed(entry.bucket) { 0 } else { entry.effort.requests };
    }
    for entry in store.withdrawn()? {
        let entry = entry?;
        unbilled += if is_billed(entry.bucket) { 0 } else { entry.effort.requests };
    }
    for bucket in &record.buckets {
        let all = bucket.all_counts();
        counts.objects += all.objects;
        counts.rows += all.rows;
        counts.effort += bucket.effort;
        unbilled += if is_billed(bucket.bucket) { 0 } else { bucket.effort.requests };
    }
    Ok((finished, counts, counts.effort.requests.saturating_sub(unbilled)))
}

/// The buckets of a run with the places of their files.
///
/// # Errors
/// When two would write to the same path, or one over a file of the program itself.
pub fn placed(job: &Job, record: &RunRecord, entries: Vec<BucketEntry>) -> Result<Vec<ScanBucket>, Refusal> {
    let accounts: Vec<String> = record.accounts.iter().map(|account| account.name.clone()).collect();
    let ids = record.accounts.iter().map(|account| account.account_id.clone().unwrap_or_default());
    let account_ids: Vec<String> = ids.collect();
    let date = record.now.strftime("%Y-%m-%d").to_string();
    let names = RunNames {
        job: &job.name,
        run: &record.run,
        date: &date,
        accounts: &accounts,
        account_ids: &account_ids,
        ext: job.output.extension(),
    };
    let needs_id = job.output.path.pieces().contains(&PathPiece::Token(PathToken::AccountId));
    let is_unknown = |entry: &&BucketEntry| account_ids[entry.account as usize].is_empty();
    if let Some(entry) = entries.iter().find(is_unknown).filter(|_| needs_id) {
        let account = &accounts[entry.account as usize];
        let message = format!("the id of the account `{account}` is not known, and `output.path` has `{{account_id}}`");
        return Err(Refusal::new(Exit::Usage, message).hint("set `account_id` of the account, or use `{account}`"));
    }
    if let Some((one, other)) = plan::collision(&names, &job.output.path, &entries) {
        let message = format!(
            "the buckets `{}` and `{}` would write to the same file",
            one.name.escape_debug(),
            other.name.escape_debug()
        );
        return Err(Refusal::new(Exit::Usage, message).hint("name the account or the region in `output.path`"));
    }
    let reserved = reserved(job, record);
    if let Some((bucket, path)) = plan::intrusion(&names, &job.output.path, &entries, &reserved) {
        let message = format!(
            "the files of the bucket `{}` would get in the way of `{}`, which is s3scan's own",
            bucket.name.escape_debug(),
            path.display()
        );
        return Err(Refusal::new(Exit::Usage, message).hint("set another `output.path`, `state.file` or `log.file`"));
    }
    let bucket = |entry: BucketEntry| ScanBucket {
        place: names.place(&job.output.path, &entry),
        fields: BucketFields {
            account: accounts[entry.account as usize].clone(),
            account_id: account_ids[entry.account as usize].clone(),
            bucket: entry.name.clone(),
            region: entry.region.clone(),
        },
        entry,
    };
    Ok(entries.into_iter().map(bucket).collect())
}

/// Files and folders of the program itself, where no file of a bucket may be: what it keeps for the job
/// and in the run's folder; the whole of that folder where the run has no paths of its own.
fn reserved(job: &Job, record: &RunRecord) -> Vec<PathBuf> {
    let run = &record.folder;
    let runs = run.parent().unwrap_or(run);
    let mut reserved = vec![runs.join("latest.json"), standing_folder(runs), job.log.file.clone()];
    let state = &job.state.file;
    reserved.extend([state.clone(), state.with_added_extension("new"), state.with_extension("lock")]);
    let history = History::file(state);
    reserved.extend([history.with_added_extension("new"), history]);
    if job.output.path.pieces().contains(&PathPiece::Token(PathToken::Run)) {
        reserved.extend([".parts", "summary.json", "buckets.csv", "files.csv"].map(|name| run.join(name)));
    } else {
        reserved.push(run.clone());
    }
    reserved
}

/// The buckets that would find something foreign in the way of their files, and what: known now, they
/// cost no listing. Another look is taken when they are published, and so none at those that are being
/// published or have their verdict.
fn check_way(store: &RunStore, buckets: &[ScanBucket]) -> Result<BTreeMap<u32, String>, Refusal> {
    let finished = store.finished()?.map(|entry| Ok(entry?.bucket));
    let mut known: HashSet<u32> = finished.collect::<Result<_, StateError>>()?;
    let publishing = store.record().buckets.iter().filter(|bucket| bucket.publishing.is_some());
    known.extend(publishing.map(|bucket| bucket.bucket));
    blocked(buckets, &known)
}

/// The buckets, but for those that are `known` to be past it, that would find something in the way of
/// their files, and what.
///
/// # Errors
/// When it cannot be seen.
pub fn blocked(buckets: &[ScanBucket], known: &HashSet<u32>) -> Result<BTreeMap<u32, String>, Refusal> {
    let mut found = BTreeMap::new();
    for (place, bucket) in (0..).zip(buckets).filter(|(place, _)| !known.contains(place)) {
        if let Some(error) = in_the_way(&bucket.place)? {
            found.insert(place, error.reason());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::load;
    use crate::state::RunPhase;
    use jiff::Timestamp;
    use std::num::NonZeroU64;
    use std::path::Path;

    /// Prepares a run of a job with these accounts and buckets that may send so many requests.
    fn prepared(folder: &Path, rest: &str, max_requests: u64, known: Option<RunRecord>) -> Result<RunRecord, Refusal> {
        let path = folder.join("job.toml");
        let (state, output) = (folder.join("state.json"), folder.join("data/{run}/{account}/{bucket}_{part}.csv"));
        let (state, output) = (state.display(), output.display());
        let text = format!("version = 1\n[state]\nfile = '{state}'\n[output]\npath = '{output}'\n{rest}");
        std::fs::write(&path, text).unwrap();
        let mut job = load(&crate::job::Request::of(&path)).unwrap();
        job.limits.max_requests = NonZeroU64::new(max_requests);
        let resumed = known.is_some();
        let record = known.unwrap_or_else(|| {
            let mut record = RunRecord::new("job", "run", Timestamp::UNIX_EPOCH, folder.join("data/run"));
            record.accounts = job.accounts.iter().map(|account| AccountRecord::unasked(&account.name)).collect();
            record
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (events, mut receiver) = Events::channel();
            tokio::spawn(async move { while receiver.recv().await.is_some() {} });
            let stop = Stop::default();
            let budget = Arc::new(Budget::new(&job.limits, stop.clone()));
            let chosen = Chosen { record, resumed, reopened: false, dropped: None };
            let session = prepare(&job, chosen, &events, &stop, &budget).await?;
            assert_eq!(session.input.effort.requests, max_requests.min(2), "every request is noted");
            Ok(session.store.record().clone())
        })
    }

    const TWO: &str = "[accounts.one]\nendpoint_url = 'demo:'\n[accounts.two]\nendpoint_url = 'demo:'\n";

    #[test]
    fn accounts_that_were_asked_before_the_budget_was_used_up_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let record = prepared(folder.path(), TWO, 1, None).unwrap();
        assert_eq!(record.phase, RunPhase::Scanning);
        let discovered = |record: &RunRecord| record.accounts.iter().filter(|account| account.discovered).count();
        assert_eq!(discovered(&record), 1);
        assert!(record.accounts.iter().all(|account| account.discovered == account.settled));
        let known = RunRecord::load(&folder.path().join("state.json")).unwrap();
        let record = prepared(folder.path(), TWO, 1, known).unwrap();
        assert_eq!(discovered(&record), 2);
    }

    #[test]
    fn a_budget_too_small_to_find_any_bucket_is_told_and_begins_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let rest = "[accounts.one]\nendpoint_url = 'demo:'\n[buckets]\ninclude = ['demo-flat', 'demo-dates']\n";
        let refusal = prepared(folder.path(), rest, 1, None).unwrap_err();
        assert_eq!(refusal.exit, Exit::Limit);
        let told = "`limits.max_requests` is reached: this invocation has sent 1 before any bucket was known";
        assert_eq!(refusal.message, told);
        assert!(!folder.path().join("state.json").exists() && !folder.path().join("data").exists());
    }
}
