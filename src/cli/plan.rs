//! `s3scan plan`: what a run would do and take. Goes online and lists buckets, never an object, and
//! writes nothing.
//!
//! Goes the way of a run as far as its buckets are known, so that what it says is what a run would do:
//! the same choice of the run, the same questions to the accounts, the same refusals.

use super::accounts::{self, Accounts, Asked, OpenAccount};
use super::arguments::{LayerArguments, NarrowArguments, OutputFormat, print, print_json};
use super::counts;
use super::exit::{Exit, Refusal};
use super::history;
use super::resume::{self, Choice, Chosen, Wish};
use super::session::{blocked, placed};
use super::survey::Survey;
use crate::event::{Events, Verdict};
use crate::job::{Job, Narrowing};
use crate::report::{Plan, Plans, RunBegin, plan_text};
use crate::s3::is_aws;
use crate::scan::{Budget, Stop};
use crate::state::{BucketEntry, RunStatus};
use clap::Args;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// `s3scan plan`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the run can be complete, as far as can be seen; 3 it cannot; 75, 4, 74, 124\n\
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
    let (past, ignored) = history::of(&job);
    if let Some(reason) = ignored {
        eprintln!("warning: what earlier runs learnt is not used: {reason}");
    }
    let mut known = history::known(&past);
    let uncounted = counts::uncounted(&job, &record.accounts, &buckets, &before.done, &asked, &known);
    let (counted, notes) = counts::ask(&open, &record.accounts, uncounted, super::now()).await;
    known.extend(counted);
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
    let narrowing = &narrowing;
    let survey = Survey { job: &job, narrowing, record: &record, before, asked, buckets, billed, known, notes };
    let (exit, problems) = survey.outlook(budget.reached().is_some());
    Ok(Some((survey.plan(begin, exit, problems), exit)))
}

/// What a run has come to before it would go on.
#[derive(Default)]
pub struct Before {
    /// The buckets that it has.
    pub buckets: Vec<BucketEntry>,
    /// Places of buckets that would not be listed.
    pub done: HashSet<u32>,
    /// Objects that are listed already, of the buckets in progress.
    pub listed: HashMap<u32, u64>,
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
        let stays = |verdict| !chosen.reopened || verdict == Verdict::Complete;
        let done = run.finished.iter().filter(|entry| stays(entry.verdict)).map(|entry| entry.bucket);
        let open = run.record.buckets.iter().map(|bucket| (bucket.bucket, bucket.all_counts().objects));
        Ok(Self { done: done.collect(), listed: open.collect(), buckets: run.buckets })
    }
}
