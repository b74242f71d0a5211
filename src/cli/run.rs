//! `s3scan run`: the jobs one after another, each from its file to its exit code.

use super::arguments::OutputFormat;
use super::exit::{Exit, Refusal, ScanFacts, no_bucket, of_scan};
use super::resume::{Choice, Chosen, Wish};
use super::signals::Listener;
use super::{
    FormatArgument, LevelArgument, ProgressArgument, RunArguments, ShowingArguments, environment, history, plan,
    resume, session, signals,
};
use crate::event::{AccountVerdict, Event, Events, Verdict};
use crate::job::{Job, LogFormat, LogLevel, LogSettings};
use crate::report::{
    Console, EarlierFiles, LogGuard, LogOptions, Progress, ProgressChoice, Summary, SummaryInput, append_step_summary,
    closing_table, report, start_logging, visible, wants_colour, write_summary,
};
use crate::scan::{self, Budget, GRACE, ScanOutcome, Stop};
use crate::state::{JobLock, RunEnd};
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often progress is told where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Names the file that GitHub Actions shows as the summary of a step, where it runs the program.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Runs the jobs of a command line; the exit that goes first of all.
pub fn command(arguments: &RunArguments) -> Exit {
    let now = arguments.layers.now();
    let is_terminal = io::stderr().is_terminal();
    let progress = Progress::resolve(progress(&arguments.showing), is_terminal, environment);
    let console = Console::new(progress, wants_colour(is_terminal, environment));
    let mut worst = Exit::Complete;
    let mut jobs: Vec<Job> = Vec::new();
    for loaded in arguments.layers.load_all(&arguments.jobs, now) {
        match loaded {
            Ok(job) => jobs.push(job),
            Err(problems) => {
                console.print(&problems.render(console.colour()));
                worst = worst.min(Exit::Usage);
            }
        }
    }
    let options = log_options(&arguments.showing);
    let mut log = match start_logging(&options, &console) {
        Ok(log) => log,
        Err(error) => {
            console.print(&Refusal::error(Exit::Files, &error).to_string());
            return Exit::Files;
        }
    };
    let invocation = Invocation { arguments, now, console: &console, stop: Stop::default() };
    worst.min(invocation.run(&jobs, &mut log).unwrap_or_else(|error| {
        console.print(&Refusal::error(Exit::Files, &error).to_string());
        Exit::Files
    }))
}

/// Tells what the runs would do.
///
/// # Errors
/// When standard output cannot be written.
pub fn dry(arguments: &RunArguments) -> Result<Exit, Refusal> {
    let RunArguments { jobs, narrow, layers, .. } = arguments;
    plan::of_jobs(jobs, layers, &narrow.narrowing(), wish(arguments), OutputFormat::Text)
}

/// What is wished for of the run there may be already.
fn wish(arguments: &RunArguments) -> Wish {
    match arguments {
        RunArguments { fresh: true, .. } => Wish::Fresh,
        RunArguments { retry: true, .. } => Wish::Retry,
        _ => Wish::GoOn,
    }
}

/// What the jobs of a command line have in common.
struct Invocation<'call> {
    arguments: &'call RunArguments,
    now: Timestamp,
    console: &'call Console,
    stop: Stop,
}

impl Invocation<'_> {
    fn run(&self, jobs: &[Job], log: &mut LogGuard) -> io::Result<Exit> {
        allow_open_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(async { signals::listen(self.stop.clone(), self.console.clone()) })?;
        let mut worst = Exit::Complete;
        for job in jobs {
            // A signal that came between two jobs.
            if let Some(exit) = listener.exit() {
                return Ok(worst.min(exit));
            }
            let exit = self.one(job, log, &runtime, &listener).unwrap_or_else(|refusal| {
                self.console.print(&refusal.to_string());
                // What goes wrong on the way out of a stopped run is told, but not what it ends with.
                listener.exit().unwrap_or(refusal.exit)
            });
            worst = worst.min(exit);
        }
        Ok(worst)
    }

    fn one(&self, job: &Job, log: &mut LogGuard, runtime: &Runtime, listener: &Listener) -> Result<Exit, Refusal> {
        let showing = &self.arguments.showing;
        let file = showing.log_file.clone().unwrap_or_else(|| job.log.file.clone());
        log.redirect(&LogSettings { file, ..job.log.clone() })?;
        let _lock = JobLock::take(&job.state.file)?;
        let wish = wish(self.arguments);
        let (job, narrowing) = resume::part(job, wish, &self.arguments.narrow.narrowing())?;
        let job = &job;
        let chosen = match resume::choose(job, &narrowing, wish, self.now)? {
            Choice::Run(chosen) => *chosen,
            Choice::Nothing { told, complete } => {
                self.console.print(&told);
                return Ok(if complete { Exit::Complete } else { Exit::Partial });
            }
        };
        runtime.block_on(shown(job, chosen, self, log, listener))
    }
}

/// A scan holds a connection and a part for each request in flight; the usual soft limit of 1,024
/// open files is less than that for the highest concurrency.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(65_536);
    if limit.current.is_some_and(|current| current < wanted) {
        // Where it cannot be raised, the limit as it is may well do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}

/// Scans with events shown.
async fn shown(
    job: &Job,
    chosen: Chosen,
    invocation: &Invocation<'_>,
    log: &LogGuard,
    listener: &Listener,
) -> Result<Exit, Refusal> {
    let resumed = chosen.resumed;
    let console = invocation.console;
    // A limit stops this job, a signal also those behind it.
    let stop = &invocation.stop.child();
    let budget = Arc::new(Budget::new(&job.limits, stop.clone()));
    let enforcer = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.enforce(GRACE).await }
    });
    let started = super::now();
    let (events, receiver) = Events::channel();
    let reporter = tokio::spawn(report(receiver, console.clone(), log.tag(), HEARTBEAT));
    let announcer = tokio::spawn({
        let (stop, events, listener) = (stop.clone(), events.clone(), listener.clone());
        let budget = Arc::clone(&budget);
        async move {
            stop.requested().await;
            // Neither a limit nor a signal: the scan stops itself, for an error that is told at its end.
            let told = match budget.reached() {
                Some(limit) => Some(Event::LimitReached(limit)),
                None => listener.exit().map(|_| Event::StopRequested { signal: listener.signal() }),
            };
            if let Some(told) = told {
                events.emit(told).await;
            }
        }
    });
    let scanned = Box::pin(scan(job, chosen, &events, stop, &budget)).await;
    enforcer.abort();
    announcer.abort();
    let closed = scanned.and_then(|outcome| close(job, outcome, resumed, started, log, listener));
    if let Ok(closing) = &closed {
        events.emit(Event::RunEnded { exit_code: closing.exit.code(), counts: closing.summary.counts() }).await;
    }
    drop(events);
    // The reporter ends with the last sender of events; it cannot fail.
    let _ = reporter.await;
    let Closing { exit, over, can_retry, complaints, forgotten, summary } = closed?;
    for told in complaints.iter().map(ToString::to_string).chain(forgotten) {
        console.print(&told);
    }
    if over {
        for note in earlier_files(&summary) {
            console.print(&note);
        }
    }
    if !(invocation.arguments.showing.quiet && exit == Exit::Complete) {
        console.print(&closing_table(&summary));
    }
    if !over {
        // The same flag again would give up what was just kept.
        let how = if invocation.arguments.fresh { ", without --fresh," } else { "" };
        // Nothing but that ends a run with this which is told by its buckets.
        let before = match exit {
            Exit::Files => "move away what stands in the way of the files; then ",
            Exit::Identity => "mend the credentials as told above; then ",
            _ => "",
        };
        console.print(&format!("hint: {before}run the same command again{how} to go on"));
    }
    if can_retry {
        console.print("hint: once the causes are gone, `--retry` lists again what is not complete, and nothing else");
    }
    if let Some(path) = environment(STEP_SUMMARY)
        && let Err(error) = append_step_summary(Path::new(&path), &summary)
    {
        console.print(&format!("warning: could not write the step summary `{path}`: {error}"));
    }
    Ok(exit)
}

/// What an invocation came to, and of each account whether AWS bills its requests.
struct Scanned {
    outcome: ScanOutcome,
    billed: Vec<bool>,
}

/// How an invocation ends.
struct Closing {
    exit: Exit,
    /// Whether the run is over.
    over: bool,
    /// Whether something of it could be listed once more.
    can_retry: bool,
    /// What the verdict of no bucket and no account tells.
    complaints: Vec<Refusal>,
    /// What is to be said where what was learnt could not be kept.
    forgotten: Option<String>,
    summary: Summary,
}

/// Writes what an invocation came to, and ends the run where it is over.
fn close(
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

async fn scan(
    job: &Job,
    chosen: Chosen,
    events: &Events,
    stop: &Stop,
    budget: &Arc<Budget>,
) -> Result<Scanned, Refusal> {
    let session = Box::pin(session::prepare(job, chosen, events, stop, budget)).await?;
    let outcome = scan::run(session.input, session.store).await;
    for endpoint in session.endpoints {
        endpoint.stop().await;
    }
    Ok(Scanned { outcome: outcome?, billed: session.billed })
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

fn progress(showing: &ShowingArguments) -> ProgressChoice {
    match showing.progress {
        _ if showing.quiet => ProgressChoice::None,
        ProgressArgument::Auto => ProgressChoice::Auto,
        ProgressArgument::Bar => ProgressChoice::Bar,
        ProgressArgument::Plain => ProgressChoice::Plain,
        ProgressArgument::None => ProgressChoice::None,
    }
}

fn log_options(showing: &ShowingArguments) -> LogOptions<'static> {
    let level = match showing.log_level {
        Some(LevelArgument::Error) => LogLevel::Error,
        Some(LevelArgument::Debug) => LogLevel::Debug,
        Some(LevelArgument::Trace) => LogLevel::Trace,
        Some(LevelArgument::Warn) => LogLevel::Warn,
        None if showing.quiet => LogLevel::Warn,
        Some(LevelArgument::Info) | None => LogLevel::Info,
    };
    let format = match showing.log_format {
        Some(FormatArgument::Json) => LogFormat::Json,
        Some(FormatArgument::Text) | None => LogFormat::Text,
    };
    LogOptions { level, format, file: None }
}
