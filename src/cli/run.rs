//! `s3scan run`: the jobs one after another, each from its file to its exit code.

use super::exit::{Exit, Refusal, ScanFacts, of_scan};
use super::{
    FormatArgument, LevelArgument, ProgressArgument, RunArguments, ShowingArguments, resume, session, signals,
};
use crate::event::{AccountVerdict, Events, Verdict};
use crate::job::{self, Job, LogFormat, LogLevel, LogSettings, OnEmpty};
use crate::report::{
    Console, LogGuard, LogOptions, Progress, ProgressChoice, SummaryInput, closing_table, report, start_logging,
    wants_colour, write_summary,
};
use crate::scan::{self, ScanOutcome, Stop};
use crate::state::{JobLock, RunRecord, RunStore};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

/// How often progress is told where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Runs the jobs of a command line; the exit that goes first of all.
pub fn command(arguments: &RunArguments) -> Exit {
    let now = arguments.now.unwrap_or_else(super::now);
    let is_terminal = std::io::stderr().is_terminal();
    let progress = Progress::resolve(progress(&arguments.showing), is_terminal, environment);
    let console = Console::new(progress, wants_colour(is_terminal, environment));
    let mut worst = Exit::Complete;
    let mut jobs: Vec<Job> = Vec::new();
    for path in &arguments.jobs {
        match job::load(path) {
            Ok(job) if jobs.iter().any(|other| other.name == job.name) => {
                let message = format!("two of the jobs are named `{}`: they would share state and files", job.name);
                console.print(&Refusal::new(Exit::Usage, message).hint("set `name` in one of them").to_string());
                return Exit::Usage;
            }
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
    for job in &jobs {
        let exit = one(job, arguments, now, &console, &mut log).unwrap_or_else(|refusal| {
            console.print(&refusal.to_string());
            refusal.exit
        });
        worst = worst.min(exit);
        if matches!(exit, Exit::Interrupted | Exit::Terminated) {
            break;
        }
    }
    worst
}

fn one(
    job: &Job,
    arguments: &RunArguments,
    now: Timestamp,
    console: &Console,
    log: &mut LogGuard,
) -> Result<Exit, Refusal> {
    let file = arguments.showing.log_file.clone().unwrap_or_else(|| job.log.file.clone());
    log.redirect(&LogSettings { file, ..job.log.clone() })?;
    let _lock = JobLock::take(&job.state.file)?;
    let (record, resumed) = resume::record(job, arguments.fresh, now)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::error(Exit::Files, &error))?;
    let ended = runtime.block_on(shown(job, record, resumed, console, arguments.showing.quiet));
    // A bucket that is still being joined when a person stops the run is joined again by the next.
    runtime.shutdown_background();
    ended
}

/// Scans with signals heeded and events shown.
async fn shown(job: &Job, record: RunRecord, resumed: bool, console: &Console, quiet: bool) -> Result<Exit, Refusal> {
    let started = super::now();
    let (events, receiver) = Events::channel();
    let stop = Stop::default();
    let listener =
        signals::listen(stop.clone(), events.clone()).map_err(|error| Refusal::error(Exit::Files, &error))?;
    let reporter = tokio::spawn(report(receiver, console.clone(), HEARTBEAT));
    let scanned = scan(job, record, resumed, &events, &stop).await;
    drop(events);
    let signal = listener.exit();
    drop(listener);
    // The reporter ends with the last sender of events; it cannot fail.
    let _ = reporter.await;
    let mut outcome = scanned.map_err(|refusal| match signal {
        Some(exit) if refusal.exit == Exit::Interrupted => Refusal { exit, ..refusal },
        _ => refusal,
    })?;
    let Judgement { exit, over, complaints } = judged(job, &outcome, signal)?;
    let ended = super::now();
    let input = SummaryInput { job, outcome: &outcome, exit_code: exit.code(), started, ended, resumed };
    let summary = write_summary(&input)?;
    if over {
        outcome.store.finish()?;
        RunStore::remove_parts(&outcome.store.record().folder)?;
    }
    for complaint in complaints {
        console.print(&complaint.to_string());
    }
    if !(quiet && exit == Exit::Complete) {
        console.print(&closing_table(&summary));
    }
    Ok(exit)
}

async fn scan(
    job: &Job,
    record: RunRecord,
    resumed: bool,
    events: &Events,
    stop: &Stop,
) -> Result<ScanOutcome, Refusal> {
    let session = session::prepare(job, record, resumed, events, stop).await?;
    let outcome = scan::run(session.input, session.store).await;
    for endpoint in session.endpoints {
        endpoint.stop().await;
    }
    Ok(outcome?)
}

/// What is to be said of an invocation as a whole.
struct Judgement {
    exit: Exit,
    /// Whether the run is over.
    over: bool,
    /// What the verdict of no bucket and no account tells.
    complaints: Vec<Refusal>,
}

fn judged(job: &Job, outcome: &ScanOutcome, signal: Option<Exit>) -> Result<Judgement, Refusal> {
    let mut worst = None;
    // Of every account with finished buckets, whether all of them were skipped: for they were denied.
    let mut denied: BTreeMap<u32, bool> = BTreeMap::new();
    for entry in outcome.store.finished()? {
        let entry = entry?;
        if !matches!(entry.verdict, Verdict::Complete | Verdict::Skipped) {
            worst = Some(entry.verdict);
        }
        let skipped = entry.verdict == Verdict::Skipped;
        let account = outcome.buckets[entry.bucket as usize].entry.account;
        denied.entry(account).and_modify(|denied| *denied &= skipped).or_insert(skipped);
    }
    let accounts = &outcome.store.record().accounts;
    let mut complaints = Vec::new();
    if outcome.buckets.is_empty() && job.buckets.on_empty == OnEmpty::Fail {
        let hint = "check `include` and `exclude` of `[buckets]`, or allow it with `on_empty = \"ok\"`";
        complaints.push(Refusal::new(Exit::Partial, "no bucket matches the job").hint(hint));
    }
    for (&account, _) in denied.iter().filter(|(_, denied)| **denied) {
        let message = format!("every bucket of account `{}` is denied", accounts[account as usize].name);
        let hint = "allow s3:ListBucket, or leave the account out of the job";
        complaints.push(Refusal::new(Exit::Partial, message).hint(hint));
    }
    let facts = ScanFacts {
        signal,
        accounts_usable: accounts.iter().filter(|account| account.verdict == AccountVerdict::Ok).count(),
        accounts_lost: accounts.iter().any(|account| account.verdict != AccountVerdict::Ok),
        unsettled_accounts: accounts.iter().any(|account| !account.settled),
        complained: !complaints.is_empty(),
    };
    let exit = of_scan(outcome, worst, &facts);
    let over = !outcome.interrupted && outcome.unfinished.is_empty() && !facts.unsettled_accounts;
    if !over {
        // What is still to come may put it right.
        complaints.clear();
    }
    Ok(Judgement { exit, over, complaints })
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
