//! `s3scan check`: the jobs against the rules, offline.

use super::arguments::{JobsArguments, OutputFormat, print, print_json};
use super::exit::{Exit, Refusal};
use crate::job::{Job, Problems};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;

/// `s3scan check`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 all jobs are right, 2 some are not.\n\n\
    Examples:\n  s3scan check jobs/*.toml\n  s3scan check jobs/ci-audit.toml --overlay ci\n  \
    s3scan check jobs/*.toml --format json")]
pub struct CheckArguments {
    #[command(flatten)]
    jobs: JobsArguments,
    /// Say nothing of jobs that are right
    #[arg(short, long)]
    quiet: bool,
}

/// Tells every problem of every job.
///
/// # Errors
/// When standard output cannot be written.
pub fn command(arguments: &CheckArguments) -> Result<Exit, Refusal> {
    let loaded = arguments.jobs.load_all();
    let wrong = loaded.iter().filter(|(_, loaded)| loaded.is_err()).count();
    match arguments.jobs.format {
        OutputFormat::Text => print(&text(arguments, &loaded, wrong))?,
        OutputFormat::Json => print_json(&json!({
            "format": "s3scan-check",
            "version": 1,
            "ok": wrong == 0,
            "jobs": loaded.iter().map(|(path, loaded)| job_json(path, loaded)).collect::<Vec<_>>(),
        }))?,
    }
    Ok(if wrong == 0 { Exit::Complete } else { Exit::Usage })
}

fn text(arguments: &CheckArguments, loaded: &[(&Path, Result<Job, Problems>)], wrong: usize) -> String {
    let colour = crate::report::wants_colour(std::io::stdout().is_terminal(), super::environment);
    let mut text = String::new();
    for (path, loaded) in loaded {
        match loaded {
            Err(problems) => text.push_str(&(problems.render(colour) + "\n")),
            Ok(_) if arguments.quiet => {}
            Ok(_) => {
                let _ = writeln!(text, "{}: ok", path.display());
            }
        }
    }
    if wrong > 0 {
        let problems: usize =
            loaded.iter().map(|(_, loaded)| loaded.as_ref().err().map_or(0, |all| all.iter().count())).sum();
        let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (problems, files) = (many(problems, "problem"), many(loaded.len(), "job file"));
        let _ = writeln!(text, "{problems} in {wrong} of {files}");
    }
    text
}

fn job_json(path: &Path, loaded: &Result<Job, Problems>) -> serde_json::Value {
    let instant = |instant: Option<jiff::Timestamp>| instant.map(|instant| instant.to_string());
    match loaded {
        Err(problems) => json!({ "path": path.display().to_string(), "ok": false, "problems": problems.to_json() }),
        Ok(job) => json!({
            "path": path.display().to_string(),
            "ok": true,
            "name": job.name,
            "since": instant(job.window.since),
            "until": instant(job.window.until),
            "accounts": job.accounts.iter().map(|account| &account.name).collect::<Vec<_>>(),
            "problems": [],
        }),
    }
}
