//! `s3scan status`: how far jobs are, from their states.

use super::arguments::{JobsArguments, OutputFormat, print, print_json};
use super::exit::{Exit, Refusal};
use crate::event::Verdict;
use crate::job::Job;
use crate::report::grouped;
use crate::rows::RowCounts;
use crate::state::{BucketRecord, RunPhase, RunStatus};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `s3scan status`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan status jobs/quarterly.toml\n  s3scan status jobs/*.toml --format json")]
pub struct StatusArguments {
    /// Job files
    #[arg(required = true, value_name = "JOB")]
    jobs: Vec<PathBuf>,
    #[command(flatten)]
    jobs: JobsArguments,
}

/// Tells of each job how far its last run is.
///
/// # Errors
/// When standard output cannot be written. Jobs that are wrong and states that cannot be read are
/// told, and the others all the same.
pub fn command(arguments: &StatusArguments) -> Result<Exit, Refusal> {
    let mut worst = Exit::Complete;
    let (mut text, mut jobs) = (String::new(), Vec::new());
    for (_, loaded) in arguments.jobs.load_all() {
        let status = match loaded {
            Ok(job) => read(&job),
            Err(problems) => {
                eprintln!("{problems}");
                worst = worst.min(Exit::Usage);
                continue;
            }
        };
        match status {
            Ok(status) => {
                status.tell(&mut text);
                jobs.push(status.to_json());
            }
            Err(refusal) => {
                eprintln!("{refusal}");
                worst = worst.min(refusal.exit);
            }
        }
    }
    match arguments.jobs.format {
        OutputFormat::Text => print(&text)?,
        OutputFormat::Json => print_json(&json!({ "format": "s3scan-status", "version": 1, "jobs": jobs }))?,
    }
    Ok(worst)
}

fn read(job: &Job) -> Result<JobStatus, Refusal> {
    let run = RunStatus::read(&job.state.file)?;
    let run = run.filter(|run| run.record.job == job.name);
    // The summary of a run that is over; without it the state still says that it is over.
    let over = run.as_ref().filter(|run| run.record.phase == RunPhase::Done);
    let summary = over.and_then(|run| std::fs::read(run.record.folder.join("summary.json")).ok());
    let summary: Option<Value> = summary.and_then(|text| serde_json::from_slice(&text).ok());
    Ok(JobStatus { name: job.name.clone(), run, summary: summary.unwrap_or_default() })
}

/// How far a job is.
struct JobStatus {
    name: String,
    run: Option<RunStatus>,
    summary: Value,
}

impl JobStatus {
    fn phase(&self) -> &'static str {
        match &self.run {
            None => "never run",
            Some(run) if run.is_running => "running",
            Some(run) => match run.record.phase {
                RunPhase::Preparing => "not begun",
                RunPhase::Scanning => "unfinished",
                RunPhase::Done => "over",
            },
        }
    }

    fn tell(&self, text: &mut String) {
        let _ = write!(text, "{}: {}", self.name, self.phase());
        let Some(run) = &self.run else {
            text.push('\n');
            return;
        };
        let _ = writeln!(text, ", run {} begun {}", run.record.run, run.record.now.strftime("%Y-%m-%d %H:%M:%SZ"));
        if run.record.phase == RunPhase::Done {
            let totals = &self.summary["totals"];
            let number = |key: &str| totals[key].as_u64().map_or_else(|| "?".to_owned(), grouped);
            let code = self.summary["exit_code"].as_u64().map_or_else(|| "?".to_owned(), |code| code.to_string());
            let _ = writeln!(text, "  exit code {code}, {} rows in {} files", number("rows"), number("files"));
            let _ = writeln!(text, "  {}", run.record.folder.display());
            return;
        }
        let done = self.verdicts();
        let rows: u64 = run.finished.iter().map(|entry| entry.counts.rows).sum();
        let open: RowCounts = run.record.buckets.iter().map(counts).fold(RowCounts::default(), |mut sum, counts| {
            sum += counts;
            sum
        });
        let verdicts: Vec<String> = done.iter().map(|(verdict, number)| format!("{number} {verdict}")).collect();
        let verdicts = if verdicts.is_empty() { "none".to_owned() } else { verdicts.join(", ") };
        let _ = writeln!(
            text,
            "  buckets: {} in all; done: {verdicts}; {} in progress, {} waiting",
            grouped(run.buckets.len() as u64),
            run.record.buckets.len(),
            grouped(self.waiting()),
        );
        let _ = writeln!(
            text,
            "  rows: {} in buckets that are done, {} in those in progress",
            grouped(rows),
            grouped(open.rows)
        );
        for bucket in &run.record.buckets {
            let entry = run.buckets.get(bucket.bucket as usize);
            let name = entry.map_or("?", |entry| entry.name.as_str());
            let account = entry.and_then(|entry| run.record.accounts.get(entry.account as usize));
            let account = account.map_or("?", |account| account.name.as_str());
            let counts = counts(bucket);
            let _ = writeln!(
                text,
                "  {account}/{}: {} objects listed; goes on {}",
                name.escape_debug(),
                grouped(counts.objects),
                where_it_goes_on(bucket)
            );
        }
    }

    fn verdicts(&self) -> BTreeMap<Verdict, u64> {
        let mut verdicts = BTreeMap::new();
        for entry in self.run.iter().flat_map(|run| &run.finished) {
            *verdicts.entry(entry.verdict).or_default() += 1;
        }
        verdicts
    }

    fn waiting(&self) -> u64 {
        let run = self.run.as_ref();
        run.map_or(0, |run| run.buckets.len().saturating_sub(run.finished.len() + run.record.buckets.len()) as u64)
    }

    fn to_json(&self) -> Value {
        let mut value = json!({ "job": self.name, "status": self.phase() });
        let Some(run) = &self.run else {
            return value;
        };
        value["run"] = json!(run.record.run);
        value["begun"] = json!(run.record.now.to_string());
        value["folder"] = json!(run.record.folder);
        if run.record.phase == RunPhase::Done {
            value["exit_code"] = self.summary["exit_code"].clone();
            value["totals"] = self.summary["totals"].clone();
            return value;
        }
        let verdicts = self.verdicts().into_iter().map(|(verdict, number)| (verdict.to_string(), json!(number)));
        value["buckets"] = json!({
            "selected": run.buckets.len(),
            "done": verdicts.collect::<serde_json::Map<_, _>>(),
            "waiting": self.waiting(),
            "in_progress": run.record.buckets.iter().map(|bucket| bucket_json(run, bucket)).collect::<Vec<_>>(),
        });
        value["rows"] = json!(run.finished.iter().map(|entry| entry.counts.rows).sum::<u64>());
        value
    }
}

fn bucket_json(run: &RunStatus, bucket: &BucketRecord) -> Value {
    let entry = run.buckets.get(bucket.bucket as usize);
    let account = entry.and_then(|entry| run.record.accounts.get(entry.account as usize));
    let counts = counts(bucket);
    json!({
        "account": account.map(|account| &account.name),
        "bucket": entry.map(|entry| &entry.name),
        "objects": counts.objects,
        "rows": counts.rows,
        "resumes_after": bucket.ranges.iter().map(|range| &range.cursor.after).collect::<Vec<_>>(),
        "ranges_waiting": bucket.waiting,
    })
}

/// What a bucket in progress has listed.
fn counts(bucket: &BucketRecord) -> RowCounts {
    let mut counts = bucket.counts;
    bucket.ranges.iter().for_each(|range| counts += range.counts);
    counts
}

/// Where a bucket in progress goes on.
fn where_it_goes_on(bucket: &BucketRecord) -> String {
    let waiting = usize::try_from(bucket.waiting).unwrap_or(usize::MAX);
    match (bucket.publishing, bucket.ranges.as_slice(), waiting) {
        (Some(_), ..) => "publishing its files".to_owned(),
        (None, [], 0) => "putting its files together".to_owned(),
        (None, [range], 0) => match &range.cursor.after {
            Some(key) => format!("behind {key:?}"),
            None => "at its first key".to_owned(),
        },
        (None, begun, waiting) => format!("in {} ranges", begun.len() + waiting),
    }
}
