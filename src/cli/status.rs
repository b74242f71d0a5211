//! `s3scan status`: how far jobs are, from their states.

use super::arguments::{JobsArguments, OutputFormat, print, print_json};
use super::exit::{Exit, Refusal};
use crate::event::Verdict;
use crate::job::Job;
use crate::report::{counted, grouped};
use crate::state::{BucketRecord, RunPhase, RunStatus};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `s3scan status`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan status jobs/quarterly.toml\n  s3scan status jobs/*.toml --format json")]
pub struct StatusArguments {
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
        if !run.record.narrowing.is_whole() {
            let _ = writeln!(text, "  a part of the job: {}", run.record.narrowing);
        }
        if run.record.is_reopened() {
            let _ = writeln!(text, "  reopened by --retry: buckets that were not complete are listed again");
        }
        match run.record.phase {
            RunPhase::Preparing => {}
            RunPhase::Scanning => self.tell_progress(run, text),
            RunPhase::Done => self.tell_end(run, text),
        }
    }

    /// What a run that is over came to.
    fn tell_end(&self, run: &RunStatus, text: &mut String) {
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        let (code, totals) = (&self.summary["exit_code"], &self.summary["totals"]);
        if code.is_null() {
            text.push_str("  its summary cannot be read\n");
        } else {
            let rows = counted(count(&totals["rows"]), "row", "rows");
            let _ =
                writeln!(text, "  exit code {code}, {rows} in {}", counted(count(&totals["files"]), "file", "files"));
            let verdicts = totals["buckets"].as_object().into_iter().flatten();
            let verdicts: Vec<String> =
                verdicts.map(|(verdict, number)| format!("{} {verdict}", grouped(count(number)))).collect();
            let verdicts = if verdicts.is_empty() { "none".to_owned() } else { verdicts.join(", ") };
            let _ = writeln!(text, "  buckets: {verdicts}");
        }
        let _ = writeln!(text, "  {}", run.record.folder.display());
    }

    /// How far a run is that is not over.
    fn tell_progress(&self, run: &RunStatus, text: &mut String) {
        let done = self.verdicts();
        let open: u64 = run.record.buckets.iter().map(|bucket| bucket.all_counts().rows).sum();
        let verdicts: Vec<String> =
            done.iter().map(|(verdict, number)| format!("{} {verdict}", grouped(*number))).collect();
        let verdicts = if verdicts.is_empty() { "none".to_owned() } else { verdicts.join(", ") };
        let _ = writeln!(
            text,
            "  buckets: {} in all; done: {verdicts}; {} in progress, {} waiting",
            grouped(run.buckets.len() as u64),
            run.record.buckets.len(),
            grouped(self.waiting()),
        );
        let _ =
            writeln!(text, "  rows: {} published, {} in buckets in progress", grouped(self.published()), grouped(open));
        for bucket in &run.record.buckets {
            let entry = run.buckets.get(bucket.bucket as usize);
            let name = entry.map_or("?", |entry| entry.name.as_str());
            let account = entry.and_then(|entry| run.record.accounts.get(entry.account as usize));
            let account = account.map_or("?", |account| account.name.as_str());
            let _ = writeln!(
                text,
                "  {account}/{}: {} listed; goes on {}",
                name.escape_debug(),
                counted(bucket.all_counts().objects, "object", "objects"),
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

    /// Rows in the files of complete buckets.
    fn published(&self) -> u64 {
        let finished = self.run.iter().flat_map(|run| &run.finished);
        finished.filter(|entry| entry.verdict == Verdict::Complete).map(|entry| entry.counts.rows).sum()
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
        let narrowing = &run.record.narrowing;
        value["narrowed"] = json!(Some(narrowing).filter(|narrowing| !narrowing.is_whole()));
        value["reopened"] = json!(run.record.is_reopened());
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
        value["rows"] = json!(self.published());
        value
    }
}

fn bucket_json(run: &RunStatus, bucket: &BucketRecord) -> Value {
    let entry = run.buckets.get(bucket.bucket as usize);
    let account = entry.and_then(|entry| run.record.accounts.get(entry.account as usize));
    let counts = bucket.all_counts();
    json!({
        "account": account.map(|account| &account.name),
        "bucket": entry.map(|entry| &entry.name),
        "objects": counts.objects,
        "rows": counts.rows,
        "resumes_after": bucket.ranges.iter().map(|range| &range.cursor.after).collect::<Vec<_>>(),
        "ranges_waiting": bucket.waiting,
        "seams_in_doubt": bucket.doubts.len(),
    })
}

/// Where a bucket in progress goes on.
fn where_it_goes_on(bucket: &BucketRecord) -> String {
    let waiting = usize::try_from(bucket.waiting).unwrap_or(usize::MAX);
    match (bucket.publishing, bucket.ranges.as_slice(), waiting) {
        (Some(_), ..) => "publishing its files".to_owned(),
        (None, [], 0) if !bucket.doubts.is_empty() => "asking again where ranges meet".to_owned(),
        (None, [], 0) => "putting its files together".to_owned(),
        (None, [range], 0) => match &range.cursor.after {
            Some(key) => format!("behind {key:?}"),
            None => "at its first key".to_owned(),
        },
        (None, begun, waiting) => format!("in {}", counted((begun.len() + waiting) as u64, "range", "ranges")),
    }
}
