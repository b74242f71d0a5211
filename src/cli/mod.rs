//! The composition root: the only place that knows the command line, reads the clock and maps
//! outcomes to exit codes. One file per command.

mod about;
mod accounts;
mod arguments;
mod check;
mod counts;
mod demo;
mod ending;
mod exit;
mod history;
mod init;
mod plan;
mod resume;
mod run;
mod session;
mod signals;
mod status;
mod survey;

use arguments::{LayerArguments, NarrowArguments};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Scans Amazon S3 and S3-compatible stores and writes the metadata of every object to CSV.
#[derive(Debug, Parser)]
#[command(name = "s3scan", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Examples:\n  s3scan init audit.toml                 a commented job to begin with\n  \
    s3scan check audit.toml                is it right?\n  \
    s3scan plan audit.toml                 what would it take?\n  \
    s3scan run audit.toml                  scan; an interrupted run goes on where it was\n  \
    s3scan run audit.toml --set limits.concurrency=16\n  \
    s3scan status audit.toml               how far is it?")]
struct Command {
    #[command(subcommand)]
    name: Name,
}

#[derive(Debug, Subcommand)]
enum Name {
    /// Write a commented job to begin with, or print the IAM policy a scan needs
    Init(init::InitArguments),
    /// Check jobs offline: every problem at once, with its place
    Check(check::CheckArguments),
    /// Tell what a run would do and take: goes online and lists buckets, but no objects
    Plan(plan::PlanArguments),
    /// Scan the buckets of a job, or go on with its unfinished run
    Run(RunArguments),
    /// Tell how far the runs of jobs are
    Status(status::StatusArguments),
    /// Print a job as it holds after all layers
    Config(about::ConfigArguments),
    /// Print the JSON Schema of job files, of summaries or of plans
    Schema(about::SchemaArguments),
    /// The synthetic S3 endpoint, as a process of its own
    #[command(subcommand)]
    Demo(DemoCommand),
    /// Print the completions of a shell
    Completions(about::CompletionsArguments),
    /// Print a manual page
    Man(about::ManArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 complete, 3 partial, 75 try again, 2 usage or job file, 4 identity,\n\
    74 files or state, 124 a limit of the job, 130/143 interrupted, 70 a bug.\n\n\
    Examples:\n  s3scan run jobs/demo.toml\n  s3scan run jobs/quarterly.toml --progress plain --log-level warn\n  \
    s3scan run jobs/quarterly.toml --retry\n  s3scan run jobs/multi-account.toml --account 'prod*' --bucket logs-eu")]
struct RunArguments {
    /// Job files, run one after another; the worst exit code is returned
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<PathBuf>,
    /// Drop the unfinished run of the job and its parts, and start over
    #[arg(long)]
    fresh: bool,
    /// Reopen the last run and list again only its buckets that are not complete
    #[arg(long, conflicts_with_all = ["fresh", "account", "bucket"])]
    retry: bool,
    /// Tell what the run would do and take, as `s3scan plan` does
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    narrow: NarrowArguments,
    #[command(flatten)]
    layers: LayerArguments,
    #[command(flatten)]
    showing: ShowingArguments,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What is shown")]
struct ShowingArguments {
    /// How to show progress
    #[arg(long, value_enum, default_value_t = ProgressArgument::Auto, value_name = "HOW")]
    progress: ProgressArgument,
    /// What to log to the terminal: error, warn, info, debug, trace
    #[arg(long, value_enum, value_name = "LEVEL")]
    log_level: Option<LevelArgument>,
    /// How to log to the terminal
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<FormatArgument>,
    /// The log file, instead of the job's
    #[arg(long, value_name = "PATH")]
    log_file: Option<PathBuf>,
    /// Show warnings and errors only: no progress, and nothing of a run that is complete
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProgressArgument {
    /// Bars on a terminal, else plain
    Auto,
    /// Bars
    Bar,
    /// A line every 30 seconds
    Plain,
    /// Nothing
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LevelArgument {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArgument {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum DemoCommand {
    /// Serve synthetic buckets until interrupted
    Serve {
        /// What to serve, such as `demo:?objects=1000000&shape=dates`
        #[arg(default_value = "demo:")]
        spec: String,
        /// Loopback address to listen on; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        address: SocketAddr,
    },
    /// Print every object of a synthetic bucket as JSON lines, in key order
    Truth {
        /// The bucket's name
        bucket: String,
        /// What would be served
        #[arg(default_value = "demo:")]
        spec: String,
    },
}

/// The clock, read here and nowhere else.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    exit::report_panics();
    let ended = match Command::parse().name {
        Name::Init(arguments) => init::command(&arguments),
        Name::Check(arguments) => check::command(&arguments),
        Name::Plan(arguments) => plan::command(&arguments),
        Name::Run(arguments) if arguments.dry_run => run::dry(&arguments),
        Name::Run(arguments) => Ok(run::command(&arguments)),
        Name::Status(arguments) => status::command(&arguments),
        Name::Config(arguments) => about::config(&arguments),
        Name::Schema(arguments) => about::schema(&arguments),
        Name::Demo(DemoCommand::Serve { spec, address }) => demo::serve(&spec, address),
        Name::Demo(DemoCommand::Truth { bucket, spec }) => demo::truth(&spec, &bucket),
        Name::Completions(arguments) => about::completions(&arguments),
        Name::Man(arguments) => about::man(&arguments),
    };
    let exit = ended.unwrap_or_else(|refusal| {
        eprintln!("{refusal}");
        refusal.exit
    });
    ExitCode::from(exit.code())
}

/// A variable of the environment, where it is set to something.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
