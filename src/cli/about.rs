//! What the program tells of itself: the schemas of job files, summaries and plans, shell completions, manual pages, and a
//! job as it holds after all layers.

use super::arguments::{LayerArguments, print, print_json};
use super::exit::{Exit, Refusal};
use crate::job;
use crate::report::{plan_schema, summary_schema};
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// `s3scan config`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan config jobs/quarterly.toml\n  \
    s3scan config jobs/ci-audit.toml --overlay ci --origin")]
pub struct ConfigArguments {
    /// The job file
    #[arg(value_name = "JOB")]
    job: PathBuf,
    #[command(flatten)]
    layers: LayerArguments,
    /// Tell at each key which file and line, variable or flag set it
    #[arg(long)]
    origin: bool,
}

/// Prints a job as it holds after all layers.
///
/// # Errors
/// When standard output cannot be written.
pub fn config(arguments: &ConfigArguments) -> Result<Exit, Refusal> {
    match job::resolved(&arguments.layers.request(&arguments.job, arguments.layers.now()), arguments.origin) {
        Ok(text) => print(&text).map(|()| Exit::Complete),
        Err(problems) => {
            eprintln!("{problems}");
            Ok(Exit::Usage)
        }
    }
}

/// `s3scan schema`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan schema > job.schema.json\n  s3scan schema summary > summary.schema.json")]
pub struct SchemaArguments {
    /// Of what
    #[arg(value_enum, default_value_t = SchemaOf::Job, value_name = "WHAT")]
    what: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaOf {
    /// Job files
    Job,
    /// `summary.json` in the folder of a run
    Summary,
    /// What `s3scan plan --format json` prints
    Plan,
}

/// Prints a schema.
///
/// # Errors
/// When standard output cannot be written.
pub fn schema(arguments: &SchemaArguments) -> Result<Exit, Refusal> {
    let schema = match arguments.what {
        SchemaOf::Job => job::schema(),
        SchemaOf::Summary => summary_schema(),
        SchemaOf::Plan => plan_schema(),
    };
    print_json(&schema).map(|()| Exit::Complete)
}

/// `s3scan completions`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan completions bash > ~/.local/share/bash-completion/completions/s3scan\n  \
    s3scan completions zsh > ~/.zfunc/_s3scan")]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions of a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(arguments: &CompletionsArguments) -> Result<Exit, Refusal> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Command::command(), "s3scan", &mut text);
    print(&String::from_utf8_lossy(&text)).map(|()| Exit::Complete)
}

/// `s3scan man`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan man | man -l -\n  s3scan man run > s3scan-run.1")]
pub struct ManArguments {
    /// The command the page is about, such as `run` or `demo serve`; left out: s3scan itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// Prints a manual page.
///
/// # Errors
/// When there is no such command, or standard output cannot be written.
pub fn man(arguments: &ManArguments) -> Result<Exit, Refusal> {
    let mut root = super::Command::command();
    root.build();
    let mut page = &root;
    for name in &arguments.command {
        page = page.find_subcommand(name).ok_or_else(|| {
            let message = format!("there is no command `s3scan {}`", arguments.command.join(" "));
            Refusal::new(Exit::Usage, message).hint("`s3scan --help` lists the commands")
        })?;
    }
    let mut text = Vec::new();
    let rendered = clap_mangen::Man::new(page.clone()).render(&mut text);
    rendered.map_err(|error| Refusal::error(Exit::Files, &error))?;
    print(&String::from_utf8_lossy(&text)).map(|()| Exit::Complete)
}
