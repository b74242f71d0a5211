//! The tables of a run: `buckets.csv` and `files.csv`.
//!
//! Responsible for gathering what became of each bucket and for the order and the columns of the
//! tables. Owns that a bucket without a verdict is `interrupted` and never left out, and that
//! `files.csv` lists files of complete buckets only.

use crate::event::{Effort, Verdict};
use crate::output::FileError;
use crate::rows::RowCounts;
use crate::scan::{ScanError, ScanOutcome};
use crate::state::FileEntry;
use jiff::Timestamp;
use serde::Serialize;
use std::io;
use std::path::Path;

/// What became of a bucket in a run.
#[derive(Clone, Debug)]
pub struct BucketResult {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where it is not complete.
    pub reason: Option<String>,
    /// Whether its rows stand in key order.
    pub ordered: bool,
    /// What was seen and written.
    pub counts: RowCounts,
    /// Files published.
    pub files: u64,
    /// Requests made for it.
    pub effort: Effort,
    /// When it was begun, if it was.
    pub started: Option<Timestamp>,
    /// When it had its verdict, if it has a final one.
    pub ended: Option<Timestamp>,
}

/// What became of each bucket, by their places in the run.
///
/// # Errors
/// When the journal of finished buckets cannot be read.
pub fn results(outcome: &ScanOutcome) -> Result<Vec<BucketResult>, ScanError> {
    let never_begun = BucketResult {
        verdict: Verdict::Interrupted,
        reason: Some("it was not begun".to_owned()),
        ordered: true,
        counts: RowCounts::default(),
        files: 0,
        effort: Effort::default(),
        started: None,
        ended: None,
    };
    let mut results = vec![never_begun; outcome.buckets.len()];
    for unfinished in &outcome.unfinished {
        if let Some(result) = results.get_mut(unfinished.bucket as usize) {
            *result = BucketResult {
                verdict: unfinished.verdict,
                reason: Some(unfinished.reason.clone()),
                counts: unfinished.counts,
                effort: unfinished.effort,
                started: unfinished.started,
                ..result.clone()
            };
        }
    }
    for record in &outcome.store.record().buckets {
        results.get_mut(record.bucket as usize).into_iter().for_each(|result| result.ordered = record.ordered);
    }
    for entry in outcome.store.finished()? {
        let entry = entry?;
        if let Some(result) = results.get_mut(entry.bucket as usize) {
            *result = BucketResult {
                verdict: entry.verdict,
                reason: entry.reason,
                ordered: entry.ordered,
                counts: entry.counts,
                files: entry.files,
                effort: entry.effort,
                started: Some(entry.started),
                ended: Some(entry.ended),
            };
        }
    }
    Ok(results)
}

/// The places of the buckets in the order in which the tables and the summary list them: by account,
/// then by place. Accounts that were discovered late have theirs behind, so the two can differ.
#[must_use]
pub fn listed(outcome: &ScanOutcome) -> Vec<usize> {
    let mut places: Vec<usize> = (0..outcome.buckets.len()).collect();
    places.sort_by_key(|place| outcome.buckets[*place].entry.account);
    places
}

#[derive(Serialize)]
struct BucketRow<'run> {
    account: &'run str,
    bucket: &'run str,
    region: &'run str,
    verdict: Verdict,
    reason: Option<&'run str>,
    ordered: bool,
    objects: u64,
    bytes: u64,
    rows: u64,
    files: u64,
    requests: u64,
    retries: u64,
    throttles: u64,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
}

/// `buckets.csv`: a row per bucket, in the order of `listed`.
///
/// # Errors
/// When a row cannot be written; `path` is what the error names.
pub fn buckets_csv(
    outcome: &ScanOutcome,
    results: &[BucketResult],
    listed: &[usize],
    path: &Path,
) -> Result<Vec<u8>, FileError> {
    let rows = listed.iter().map(|&place| {
        let (bucket, result) = (&outcome.buckets[place], &results[place]);
        let (counts, effort) = (result.counts, result.effort);
        BucketRow {
            account: &bucket.fields.account,
            bucket: &bucket.entry.name,
            region: &bucket.entry.region,
            verdict: result.verdict,
            reason: result.reason.as_deref(),
            ordered: result.ordered,
            objects: counts.objects,
            bytes: counts.bytes,
            rows: counts.rows,
            files: result.files,
            requests: effort.requests,
            retries: effort.retries,
            throttles: effort.throttles,
            started: result.started,
            ended: result.ended,
        }
    });
    let header = [
        "account",
        "bucket",
        "region",
        "verdict",
        "reason",
        "ordered",
        "objects",
        "bytes",
        "rows",
        "files",
        "requests",
        "retries",
        "throttles",
        "started",
        "ended",
    ];
    table(&header, rows).map_err(FileError::at("write", path))
}

#[derive(Serialize)]
struct FileRow<'run> {
    path: &'run str,
    rows: u64,
    bytes: u64,
    sha256: &'run str,
}

/// `files.csv`: the files of complete buckets, by the buckets' places and the files' numbers.
///
/// # Errors
/// When the journal of files cannot be read, or a row cannot be written.
pub fn files_csv(outcome: &ScanOutcome, results: &[BucketResult], path: &Path) -> Result<Vec<u8>, ScanError> {
    let is_complete =
        |file: &FileEntry| results.get(file.bucket as usize).is_some_and(|result| result.verdict == Verdict::Complete);
    let files = outcome.store.files()?.filter(|file| file.as_ref().map_or(true, is_complete));
    let mut files: Vec<FileEntry> = files.collect::<Result<_, _>>()?;
    files.sort_by_key(|file| (file.bucket, file.file.part));
    let paths: Vec<_> = files.iter().map(|file| file.path.to_string_lossy()).collect();
    let rows = files.iter().zip(&paths).map(|(file, path)| FileRow {
        path,
        rows: file.file.rows,
        bytes: file.file.bytes,
        sha256: &file.file.sha256,
    });
    Ok(table(&["path", "rows", "bytes", "sha256"], rows).map_err(FileError::at("write", path))?)
}

/// The header is written by itself, so that a table without rows has it too.
fn table(header: &[&str], rows: impl Iterator<Item = impl Serialize>) -> io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}
