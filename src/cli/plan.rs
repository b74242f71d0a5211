//! `s3scan plan`: what a run would do and take. Goes online and lists buckets, never an object, and
//! writes nothing.
//!
//! Goes the way of a run as far as its buckets are known, so that what it says is what a run would do:
//! the same choice of the run, the same questions to the accounts, the same refusals.

use super::accounts::{self, Accounts, Asked, OpenAccount};
use super::arguments::{LayerArguments, NarrowArguments, OutputFormat, print, print_json};
use super::exit::{Exit, Refusal, no_bucket, of_failures};
use super::history;
use super::resume::{self, Choice, Chosen, Wish};
use super::session::{blocked, placed};
use crate::event::{AccountVerdict, Events};
use crate::job::{Job, Narrowing};
use crate::plan::{self, Estimate, Expected, Known, Pace};
use crate::report::{
    Absence, Plan, PlannedAbsence, PlannedAccount, PlannedBucket, PlannedEffort, PlannedFiles, PlannedRun,
    PlannedWindow, Plans, RunBegin, account_identity, plan_text, price_estimate,
};
use crate::s3::{Range, is_aws, is_directory_bucket};
use crate::scan::{Budget, ScanBucket, Stop};
use crate::state::{AccountRecord, BucketEntry, History, RunRecord, RunStatus};
use clap::Args;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// `s3scan plan`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the run can be complete, as far as can be seen; 3 it cannot; 75, 4, 124\n\
    as of `run`; 2 usage or job file, or the run would be refused.\n\n\
    Examples:\n  s3scan plan jobs/quarterly.toml\n  s3scan plan jobs/multi-account.toml --account 'prod*' --format json")]
pub struct PlanArguments {
    /// Job files
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<PathBuf>,
    #[command(flatten)]
    narrow: NarrowArguments,
    #[command(flatten)]
    layers: LayerArguments,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT")]
    format: OutputFormat,
}

/// Tells of each job what a run would do.
///
/// # Errors
/// When standard output cannot be written. Jobs that cannot be planned are told, and the others all
/// the same.
pub fn command(arguments: &PlanArguments) -> Result<Exit, Refusal> {
    let PlanArguments { jobs, narrow, layers, format } = arguments;
    of_jobs(jobs, layers, &narrow.narrowing(), Wish::GoOn, *format)
}

/// Tells of each job what a run would do that is wished for like this.
///
/// # Errors
/// When standard output cannot be written.
pub fn of_jobs(
    paths: &[PathBuf],
    layers: &LayerArguments,
    narrowing: &Narrowing,
    wish: Wish,
    format: OutputFormat,
) -> Result<Exit, Refusal> {
    let now = layers.now();
    let mut worst = Exit::Complete;
    let mut plans: Vec<Plan> = Vec::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::error(Exit::Files, &error))?;
    for (_, loaded) in layers.load_all(paths, now) {
        let job = match loaded {
            Ok(job) => job,
            Err(problems) => {
                eprintln!("{problems}");
                worst = worst.min(Exit::Usage);
                continue;
            }
        };
        match runtime.block_on(Box::pin(one(&job, narrowing, wish, now))) {
            Ok(Some((plan, exit))) => {
                worst = worst.min(exit);
                plans.push(plan);
            }
            Ok(None) => {}
            Err(refusal) => {
                eprintln!("{refusal}");
                worst = worst.min(refusal.exit);
            }
        }
    }
    match format {
        OutputFormat::Text => print(&plans.iter().map(plan_text).collect::<Vec<_>>().join("\n"))?,
        OutputFormat::Json => print_json(&Plans::new(plans).to_json())?,
    }
    Ok(worst)
}

/// The plan of a job; `None` where a run would do nothing.
async fn one(job: &Job, narrowing: &Narrowing, wish: Wish, now: Timestamp) -> Result<Option<(Plan, Exit)>, Refusal> {
    let (job, narrowing) = resume::part(job, wish, narrowing)?;
    let chosen = match resume::choose(&job, &narrowing, wish, now)? {
        Choice::Run(chosen) => *chosen,
        Choice::Nothing { told, complete: true } => {
            eprintln!("{told}");
            return Ok(None);
        }
        Choice::Nothing { told, .. } => return Err(Refusal::new(Exit::Partial, told)),
    };
    let before = Before::of(&job, &chosen)?;
    let Chosen { mut record, resumed, reopened, .. } = chosen;
    let (events, mut receiver) = Events::channel();
    let drained = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    let stop = Stop::default();
    let budget = Arc::new(Budget::new(&job.limits, stop.clone()));
    let Accounts { mut open, endpoints } = accounts::open(&job, &events, &stop, &budget).await?;
    let addresses: Vec<Option<String>> = open.iter().map(OpenAccount::endpoint).collect();
    resume::same_endpoints(&mut record.accounts, &addresses)?;
    let mut asked = Asked::default();
    accounts::identify(&job, &mut open, &mut record.accounts, &events, &mut asked).await?;
    accounts::ask(&job, &open, &mut record.accounts, &events, &mut asked).await;
    let entries: Vec<BucketEntry> = before.buckets.iter().chain(&asked.buckets).cloned().collect();
    let buckets = placed(&job, &record, entries)?;
    let publishing = record.buckets.iter().filter(|bucket| bucket.publishing.is_some()).map(|bucket| bucket.bucket);
    if let Some((_, reason)) = blocked(&buckets, &before.done.iter().copied().chain(publishing).collect())?.pop_first()
    {
        return Err(Refusal::new(Exit::Files, reason).hint("move away what stands in the way"));
    }
    let billed: Vec<bool> = open.iter().map(|account| is_aws(account.store.endpoint_url())).collect();
    for endpoint in endpoints {
        endpoint.stop().await;
    }
    drop((events, open));
    // The drain ends with the last sender of events; it cannot fail.
    let _ = drained.await;
    let begin = match (resumed, reopened) {
        (_, true) => RunBegin::Reopened,
        (true, false) => RunBegin::Resumed,
        (false, false) => RunBegin::New,
    };
    let survey = Survey { job: &job, narrowing: &narrowing, record: &record, before, asked, buckets, billed };
    let (exit, problems) = survey.outlook(budget.reached().is_some());
    let (past, ignored) = history::of(&job);
    if let Some(reason) = ignored {
        eprintln!("warning: what earlier runs learnt is not used: {reason}");
    }
    Ok(Some((survey.plan(&history::known(&past), begin, exit, problems), exit)))
}

/// What a run has come to before it would go on.
#[derive(Default)]
struct Before {
    buckets: Vec<BucketEntry>,
    /// Places of buckets that would not be listed.
    done: HashSet<u32>,
    /// Objects that are listed already, of the buckets in progress.
    listed: HashMap<u32, u64>,
}

impl Before {
    fn of(job: &Job, chosen: &Chosen) -> Result<Self, Refusal> {
        if !chosen.resumed {
            return Ok(Self::default());
        }
        let Some(run) = RunStatus::read(&job.state.file)? else {
            return Ok(Self::default());
        };
        let run = if chosen.reopened { run.with_journals()? } else { run };
        // Reopening withdraws all other verdicts.
        let stays = |verdict| !chosen.reopened || verdict == crate::event::Verdict::Complete;
        let done = run.finished.iter().filter(|entry| stays(entry.verdict)).map(|entry| entry.bucket);
        let open = run.record.buckets.iter().map(|bucket| (bucket.bucket, bucket.all_counts().objects));
        Ok(Self { done: done.collect(), listed: open.collect(), buckets: run.buckets })
    }
}

/// All that a plan is made of.
struct Survey<'call> {
    job: &'call Job,
    narrowing: &'call Narrowing,
    record: &'call RunRecord,
    before: Before,
    asked: Asked,
    buckets: Vec<ScanBucket>,
    /// Of each account, whether AWS bills its requests.
    billed: Vec<bool>,
}

impl Survey<'_> {
    /// What the run would end with, as far as can be seen, and why it would not be complete.
    fn outlook(&self, limited: bool) -> (Exit, Vec<String>) {
        let (mut exit, mut problems) = (Exit::Complete, Vec::new());
        let accounts = &self.record.accounts;
        if self.asked.interrupted {
            exit = if limited { Exit::Limit } else { Exit::Interrupted };
            problems.push("not all accounts were asked: a limit of the job is reached".to_owned());
        } else if accounts.iter().all(|account| account.verdict != AccountVerdict::Ok) {
            exit = of_failures(&self.asked.failures);
            problems.push("no account of the job can be used".to_owned());
        } else if accounts.iter().any(|account| !account.settled) {
            exit = Exit::TryAgain;
            problems.push("an account could not be reached".to_owned());
        } else {
            let lost = accounts.iter().filter(|account| account.verdict != AccountVerdict::Ok);
            problems.extend(lost.map(|account| format!("the account {} cannot be used", account.name)));
            let refused = self.asked.discovered.iter().flat_map(|(index, discovered)| {
                let account = &accounts[*index].name;
                discovered.refused.iter().map(move |(bucket, failure)| format!("{account}/{bucket}: {failure}"))
            });
            problems.extend(refused);
            if self.buckets.is_empty() {
                problems.extend(no_bucket(self.job, self.narrowing).map(|refusal| refusal.message));
            }
            if !problems.is_empty() {
                exit = Exit::Partial;
            }
        }
        (exit, problems)
    }

    fn plan(&self, known: &Known, begin: RunBegin, exit: Exit, problems: Vec<String>) -> Plan {
        let (job, record) = (self.job, self.record);
        let pace = self.pace();
        let expected = |place: usize| {
            let bucket = &self.buckets[place];
            let name = (bucket.fields.account.clone(), bucket.entry.name.clone());
            Expected {
                account: bucket.entry.account as usize,
                known: known.get(&name),
                listed: self.listed(place),
                in_turn: is_directory_bucket(&bucket.entry.name),
            }
        };
        let to_list = (0..self.buckets.len()).filter(|place| !self.is_done(*place));
        let estimate = plan::of_run(to_list.map(expected), &pace);
        let mut regions = BTreeMap::new();
        for bucket in &self.buckets {
            *regions.entry(bucket.entry.region.clone()).or_default() += 1;
        }
        let mut buckets: Vec<PlannedBucket> =
            (0..self.buckets.len()).map(|place| self.bucket(place, &expected(place), &pace)).collect();
        buckets.sort_by(|one, other| (&one.account, &one.bucket).cmp(&(&other.account, &other.bucket)));
        Plan {
            job: job.name.clone(),
            description: job.description.clone(),
            narrowed: Some(self.narrowing.clone()).filter(|narrowing| !narrowing.is_whole()),
            run: PlannedRun {
                run: record.run.clone(),
                folder: record.folder.to_string_lossy().into_owned(),
                begin,
                buckets_done: self.before.done.len() as u64,
            },
            window: PlannedWindow::of(job, record),
            accounts: record.accounts.iter().enumerate().map(|(index, record)| self.account(index, record)).collect(),
            buckets,
            left_out: self.left_out(),
            regions,
            estimate: self.effort(&estimate),
            files: self.files(&estimate),
            problems,
            exit_code: exit.code(),
        }
    }

    fn is_done(&self, place: usize) -> bool {
        u32::try_from(place).is_ok_and(|place| self.before.done.contains(&place))
    }

    fn listed(&self, place: usize) -> u64 {
        u32::try_from(place).ok().and_then(|place| self.before.listed.get(&place).copied()).unwrap_or(0)
    }

    fn pace(&self) -> Pace {
        let job = self.job;
        let ranges = Range::of_prefixes(&job.objects.prefixes).len() as u64;
        Pace {
            ranges,
            within_bucket: u64::from(job.limits.concurrency.get()),
            concurrency: u64::from(job.limits.concurrency.get()),
            bucket_rates: job
                .accounts
                .iter()
                .map(|account| account.pace.bucket_requests_per_second.map(std::num::NonZeroU32::get))
                .collect(),
            account_rates: job
                .accounts
                .iter()
                .map(|account| account.pace.requests_per_second.map(std::num::NonZeroU32::get))
                .collect(),
            rows_per_file: job.output.rows_per_file,
        }
    }

    fn account(&self, index: usize, record: &AccountRecord) -> PlannedAccount {
        let asked = self.asked.discovered.iter().find(|(asked, _)| *asked == index);
        let lists = plan::search(&self.job.accounts[index].selection).list;
        PlannedAccount {
            name: record.name.clone(),
            identity: account_identity(self.job, record),
            verdict: record.verdict,
            reason: record.reason.clone(),
            hint: record.hint.clone(),
            found: asked.filter(|_| lists).map(|(_, discovered)| discovered.found.len() as u64),
            matched: self.buckets.iter().filter(|bucket| bucket.entry.account as usize == index).count() as u64,
        }
    }

    fn bucket(&self, number: usize, expected: &Expected<'_>, pace: &Pace) -> PlannedBucket {
        let ScanBucket { entry, fields, place } = &self.buckets[number];
        let own = plan::of_bucket(expected, pace);
        let refused = self.asked.discovered.iter().find(|(index, _)| *index == expected.account);
        let refused = refused.and_then(|(_, asked)| asked.refused.iter().find(|(name, _)| *name == entry.name));
        let done = self.is_done(number);
        PlannedBucket {
            account: fields.account.clone(),
            bucket: entry.name.clone(),
            region: entry.region.clone(),
            named: entry.literal,
            done,
            objects: expected.known.map(|known| known.objects),
            listed: expected.listed,
            requests: if done { 0 } else { own.requests },
            files_at_most: own.files,
            first_file: place.file(1).to_string_lossy().into_owned(),
            problem: refused.map(|(_, failure)| failure.to_string()),
        }
    }

    fn left_out(&self) -> Vec<PlannedAbsence> {
        let mut absences = Vec::new();
        for (index, discovered) in &self.asked.discovered {
            let account = &self.record.accounts[*index].name;
            let selected: Vec<BucketEntry> = self
                .buckets
                .iter()
                .filter(|bucket| bucket.entry.account as usize == *index)
                .map(|bucket| bucket.entry.clone())
                .collect();
            for left in plan::left_out(&self.job.accounts[*index].selection, &discovered.found, &selected) {
                let (reason, pattern) = Absence::of(&left.why);
                let (bucket, region) = (left.bucket, left.region);
                absences.push(PlannedAbsence { account: account.clone(), bucket, region, reason, pattern });
            }
        }
        absences
    }

    fn effort(&self, estimate: &Estimate) -> PlannedEffort {
        let finding = self.asked.effort.requests;
        let listing: u64 = estimate.requests.iter().sum();
        let at_aws = estimate.requests.iter().zip(&self.billed).filter(|(_, billed)| **billed);
        let at_aws: u64 = at_aws.map(|(requests, _)| requests).sum();
        let billable = self.billed.contains(&true).then_some(at_aws + finding);
        let concurrency = self.job.limits.concurrency;
        let latency = plan::ASSUMED_LATENCY.as_millis();
        let assumed = format!("{latency} ms a request assumed, {concurrency} at once");
        PlannedEffort {
            unknown_buckets: estimate.unknown,
            objects: estimate.objects,
            requests: listing + finding,
            price: price_estimate(billable, self.job.pricing.list_per_1000),
            response_bytes: estimate.response_bytes,
            seconds: estimate.time.as_secs_f64(),
            seconds_basis: if estimate.measured {
                format!("by how long buckets took the last time; else {assumed}")
            } else {
                assumed
            },
        }
    }

    fn files(&self, estimate: &Estimate) -> PlannedFiles {
        let (job, record) = (self.job, self.record);
        let date = record.now.strftime("%Y-%m-%d").to_string();
        let rows = job.output.path.to_string();
        let rows = rows.replace("{job}", &job.name).replace("{run}", &record.run).replace("{date}", &date);
        let runs = record.folder.parent().unwrap_or(&record.folder);
        let of_run = ["summary.json", "buckets.csv", "files.csv"].map(|name| record.folder.join(name));
        let history = History::file(&job.state.file);
        let own = [runs.join("latest.json"), job.state.file.clone(), history, job.log.file.clone()];
        PlannedFiles {
            rows: rows.replace("{ext}", job.output.extension()),
            at_most: estimate.files,
            others: of_run.iter().chain(&own).map(|path| path.to_string_lossy().into_owned()).collect(),
        }
    }
}
