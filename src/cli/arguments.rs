//! What several commands have in common on the command line: jobs and what is laid over them, and
//! results on standard output.

use super::exit::{Exit, Refusal};
use crate::job::{self, Job, Narrowing, Problems, Request};
use clap::{Args, ValueEnum};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What is laid over the jobs of a command.
#[derive(Clone, Debug, Default, Args)]
pub struct LayerArguments {
    /// Set a key of the job: a TOML value, or plain text [repeatable, the last wins]
    #[arg(long, value_name = "KEY=VALUE", help_heading = "The job")]
    pub set: Vec<String>,
    /// Lay the job's table `[overlay.NAME]` over it [repeatable, the last wins]
    #[arg(long, value_name = "NAME", help_heading = "The job")]
    pub overlay: Vec<String>,
    /// Count relative dates from this instant instead of the clock's [RFC 3339]
    #[arg(long, value_name = "INSTANT", help_heading = "The job")]
    pub now: Option<jiff::Timestamp>,
}

impl LayerArguments {
    /// What relative dates count from.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        self.now.unwrap_or_else(super::now)
    }

    /// The request for the job of a file at the instant `now`.
    #[must_use]
    pub fn request(&self, path: &Path, now: jiff::Timestamp) -> Request {
        // What is not UTF-8 is told as it can be shown.
        let variables = std::env::vars_os();
        let variables =
            variables.map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        Request {
            path: path.to_owned(),
            overlays: self.overlay.clone(),
            environment: variables.collect(),
            set: self.set.clone(),
            demo_rule: Some(demo_rule),
            now,
        }
    }

    /// The jobs of several files, each by itself and against the others; without files that are no jobs
    /// and that one of them extends.
    #[must_use]
    pub fn load_all<'path>(
        &self,
        paths: &'path [PathBuf],
        now: jiff::Timestamp,
    ) -> Vec<(&'path Path, Result<Job, Problems>)> {
        let requests: Vec<Request> = paths.iter().map(|path| self.request(path, now)).collect();
        warn_of_variables();
        let loaded = paths.iter().zip(job::load_all(&requests));
        loaded.filter_map(|(path, loaded)| Some((path.as_path(), loaded?))).collect()
    }
}

/// The jobs of a command that tells something of each.
#[derive(Debug, Args)]
pub struct JobsArguments {
    /// Job files
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<PathBuf>,
    #[command(flatten)]
    layers: LayerArguments,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT")]
    pub format: OutputFormat,
}

impl JobsArguments {
    /// The jobs, each with the path of its file.
    #[must_use]
    pub fn load_all(&self) -> Vec<(&Path, Result<Job, Problems>)> {
        self.layers.load_all(&self.jobs, self.layers.now())
    }
}

/// To which part of a job a command keeps.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "A part of the job")]
pub struct NarrowArguments {
    /// Keep to the accounts whose names match [repeatable]
    #[arg(long, value_name = "GLOB")]
    account: Vec<String>,
    /// Keep to the buckets whose names match, of those the job has [repeatable]
    #[arg(long, value_name = "GLOB")]
    bucket: Vec<String>,
}

impl NarrowArguments {
    /// The part that is named.
    #[must_use]
    pub fn narrowing(&self) -> Narrowing {
        Narrowing::new(&self.account, &self.bucket)
    }
}

/// Warns of variables that look as if they set a key and do not.
fn warn_of_variables() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let is_ours = |name: &str| OF_OTHERS.iter().any(|known| name.starts_with(known));
    for name in names.filter(|name| name.starts_with("S3SCAN_") && !is_ours(name)) {
        eprintln!("warning: the variable `{name}` is not used");
        eprintln!("hint: one that sets a key is named `S3SCAN_JOB__TABLE__KEY`, with two underscores");
    }
}

/// How variables begin that set keys, or are for those who work on s3scan.
const OF_OTHERS: [&str; 4] = ["S3SCAN_JOB__", "S3SCAN_CRASH_AT", "S3SCAN_TEST_", "S3SCAN_WRITE_"];

/// The rule for the knobs of a synthetic store.
fn demo_rule(url: &str) -> Result<(), (String, Option<String>)> {
    super::demo::spec(url).map(drop).map_err(|refusal| (refusal.message, refusal.hint))
}

/// How a command tells what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Writes a result to standard output.
///
/// # Errors
/// As the system says, but for a reader that has seen enough.
pub fn print(text: &str) -> Result<(), Refusal> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Refusal::error(Exit::Files, &error)),
        _ => Ok(()),
    }
}

/// Writes a result to standard output as JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &serde_json::Value) -> Result<(), Refusal> {
    print(&format!("{value:#}\n"))
}
