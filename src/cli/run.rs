//! `s3scan run`: the jobs one after another, each from its file to its exit code.

use super::arguments::OutputFormat;
use super::ending::{Scanned, close};
use super::exit::{Exit, Refusal};
use super::resume::{Choice, Chosen, Wish};
use super::signals::Listener;
use super::{
    FormatArgument, LevelArgument, ProgressArgument, RunArguments, ShowingArguments, environment, plan, resume,
    session, signals,
};
use crate::event::{Event, Events};
use crate::job::{Job, LogFormat, LogLevel, LogSettings};
use crate::report::{
    Console, LogGuard, LogOptions, Progress, ProgressChoice, append_step_summary, report, start_logging, wants_colour,
};
use crate::scan::{self, Budget, GRACE, Stop};
use crate::state::JobLock;
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
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
    for (_, loaded) in arguments.layers.load_all(&arguments.jobs, now) {
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
    let closing = closed?;
    let RunArguments { showing, fresh, .. } = invocation.arguments;
    closing.tell(console, showing.quiet, *fresh);
    if let Some(path) = environment(STEP_SUMMARY)
        && let Err(error) = append_step_summary(Path::new(&path), &closing.summary)
    {
        console.print(&format!("warning: could not write the step summary `{path}`: {error}"));
    }
    Ok(closing.exit)
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
