//! The tables of a run: `buckets.csv` and `files.csv`.
//!
//! Responsible for gathering what became of each bucket and for the order and the columns of the
//! tables; nothing in them is held in memory for each file of a run. Owns that a bucket without a verdict
//! is `interrupted` and never left out; that `files.csv` lists files of complete buckets only; and that
//! rows are those in files, so that both tables and the summary's totals come to the same.

use crate::event::{Effort, Verdict};
use crate::output::{FileError, replace_with};
use crate::rows::RowCounts;
use crate::scan::{ScanError, ScanOutcome};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
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
    /// What was listed of it, and became rows in its parts or its files.
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

impl BucketResult {
    /// Rows in the files published. What else was listed is in no file, and is kept or not: how far a
    /// bucket is that is not complete tell its objects.
    #[must_use]
    pub fn rows(&self) -> u64 {
        if self.verdict == Verdict::Complete { self.counts.rows } else { 0 }
    }
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
    ordered: Option<bool>,
    objects: u64,
    bytes: u64,
    rows: u64,
    files: u64,
    requests: u64,
    retries: u64,
    throttles: u64,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    timeouts: u64,
    slowdowns: u64,
    empty_requests: u64,
    splits: u64,
    most_at_once: u64,
}

/// Writes `buckets.csv` to `path`, replacing it whole: a row per bucket, in the order of `listed`.
///
/// # Errors
/// When the file cannot be written.
pub fn buckets_csv(
    outcome: &ScanOutcome,
    results: &[BucketResult],
    listed: &[usize],
    path: &Path,
) -> Result<(), FileError> {
    let rows = listed.iter().map(|&place| {
        let (bucket, result) = (&outcome.buckets[place], &results[place]);
        let (counts, effort) = (result.counts, result.effort);
        BucketRow {
            account: &bucket.fields.account,
            bucket: &bucket.entry.name,
            region: &bucket.entry.region,
            verdict: result.verdict,
            reason: result.reason.as_deref(),
            // Nothing can be said of the order of a bucket that gave no page.
            ordered: (result.verdict == Verdict::Complete || counts.objects > 0).then_some(result.ordered),
            objects: counts.objects,
            bytes: counts.bytes,
            rows: result.rows(),
            files: result.files,
            requests: effort.requests,
            retries: effort.retries,
            throttles: effort.throttles,
            started: result.started,
            ended: result.ended,
            timeouts: effort.timeouts,
            slowdowns: effort.slowdowns,
            empty_requests: effort.empty,
            splits: effort.splits,
            most_at_once: effort.most_at_once,
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
        "timeouts",
        "slowdowns",
        "empty_requests",
        "splits",
        "most_at_once",
    ];
    let content = |file: &mut File| {
        let mut writer = rows_to(file);
        writer.write_record(header)?;
        rows.into_iter().try_for_each(|row| writer.serialize(row))?;
        writer.flush()
    };
    replace_with(path, content, |_| ())
}

#[derive(Serialize)]
struct FileRow<'run> {
    path: &'run str,
    rows: u64,
    bytes: u64,
    sha256: &'run str,
}

/// Rows of the files of one bucket that stand together in the draft of `files.csv`, their numbers
/// without a gap.
#[derive(Clone, Copy, Debug)]
struct DraftSpan {
    bucket: u32,
    first_part: u64,
    last_part: u64,
    /// Bytes of the draft, half-open.
    start: u64,
    end: u64,
}

/// Writes `files.csv` to `path`, replacing it whole: the files of complete buckets, by the buckets'
/// places and the files' numbers.
///
/// The journal has them in the order in which they were made, which differs from run to run. So the
/// rows are first written in that order beside the parts, and then put in their own: what is held in
/// memory is a span for each bucket, as the files of a bucket are made one after the other.
///
/// # Errors
/// When the journal of files cannot be read, or a file cannot be written.
pub fn files_csv(outcome: &ScanOutcome, results: &[BucketResult], path: &Path) -> Result<(), ScanError> {
    let draft_path = outcome.store.folder().path().join("files.csv");
    let failed = || FileError::at("write", &draft_path);
    let options = || File::options().read(true).write(true).create(true).truncate(true).open(&draft_path);
    let mut draft = options().map_err(failed())?;
    let mut spans = write_draft(outcome, results, &draft_path, &draft)?;
    spans.sort_by_key(|span| (span.bucket, span.first_part));
    let content = |file: &mut File| {
        file.write_all(b"path,rows,bytes,sha256\n")?;
        spans.iter().try_for_each(|span| {
            draft.seek(SeekFrom::Start(span.start))?;
            let copied = io::copy(&mut io::Read::take(&draft, span.end - span.start), file)?;
            let is_whole = copied == span.end - span.start;
            is_whole.then_some(()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        })
    };
    replace_with(path, content, |_| ())?;
    Ok(fs::remove_file(&draft_path).map_err(FileError::at("remove", &draft_path))?)
}

/// Writes the rows in the order of the journal; returns where they stand.
fn write_draft(
    outcome: &ScanOutcome,
    results: &[BucketResult],
    path: &Path,
    draft: &File,
) -> Result<Vec<DraftSpan>, ScanError> {
    let failed = || FileError::at("write", path);
    let mut writer = rows_to(draft);
    // Where the rows end that are written so far.
    let position = |writer: &mut csv::Writer<&File>| {
        writer.flush()?;
        let mut file = *writer.get_ref();
        file.stream_position()
    };
    let mut spans: Vec<DraftSpan> = Vec::new();
    for entry in outcome.store.files()? {
        let entry = entry?;
        if results.get(entry.bucket as usize).is_none_or(|result| result.verdict != Verdict::Complete) {
            continue;
        }
        let (bucket, part) = (entry.bucket, entry.file.part);
        match spans.last_mut() {
            Some(last) if last.bucket == bucket && last.last_part.checked_add(1) == Some(part) => last.last_part = part,
            last => {
                let start = position(&mut writer).map_err(failed())?;
                if let Some(last) = last {
                    last.end = start;
                }
                spans.push(DraftSpan { bucket, first_part: part, last_part: part, start, end: start });
            }
        }
        let row = FileRow {
            path: &entry.path.to_string_lossy(),
            rows: entry.file.rows,
            bytes: entry.file.bytes,
            sha256: &entry.file.sha256,
        };
        writer.serialize(row).map_err(io::Error::from).map_err(failed())?;
    }
    let end = position(&mut writer).map_err(failed())?;
    if let Some(last) = spans.last_mut() {
        last.end = end;
    }
    // A bucket that was listed once more has its files of before in the journal too: of two with the same
    // numbers the last ones count.
    let mut later: HashMap<u32, Vec<DraftSpan>> = HashMap::new();
    let mut is_current = |span: &DraftSpan| {
        let later = later.entry(span.bucket).or_default();
        let overlaps = |other: &DraftSpan| other.first_part <= span.last_part && span.first_part <= other.last_part;
        let is_current = !later.iter().any(overlaps);
        later.push(*span);
        is_current
    };
    let mut current: Vec<DraftSpan> = spans.into_iter().rev().filter(|span| is_current(span)).collect();
    current.reverse();
    Ok(current)
}

/// A writer of rows only: headers are written by themselves, so that a table without rows has one too.
fn rows_to<W: Write>(file: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().has_headers(false).buffer_capacity(1 << 16).from_writer(file)
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::{file, finished, job, outcome};
    use super::*;
    use crate::state::Commit;
    use std::path::PathBuf;

    #[test]
    fn files_are_put_in_order_by_a_span_for_each_bucket() {
        let folder = tempfile::tempdir().unwrap();
        let job = job(folder.path());
        let complete = [0, 1, 3].map(|place| finished(place, Verdict::Complete, None, 1));
        let mut outcome = outcome(folder.path(), &job, complete.into(), Vec::new());
        let late = finished(2, Verdict::Complete, None, 4);
        let mut parts = [3, 4, 1, 2].map(|part| file(2, part));
        parts[1].path = PathBuf::from("data/\n\"4\".csv");
        outcome
            .store
            .commit(&Commit { files: vec![(2, parts.into())], finished: vec![late], ..Commit::default() })
            .unwrap();
        let results = results(&outcome).unwrap();
        let path = folder.path().join("files.csv");
        files_csv(&outcome, &results, &path).unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let paths: Vec<String> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(
            paths,
            [
                "data/a,0_1.csv",
                "data/a,1_1.csv",
                "data/a,1_2.csv",
                "data/a,2_1.csv",
                "data/a,2_2.csv",
                "data/a,2_3.csv",
                "data/\n\"4\".csv",
                "data/a,3_1.csv"
            ]
        );
        let draft_path = outcome.store.folder().path().join("files.csv");
        assert!(!draft_path.exists());
        let draft = File::create(&draft_path).unwrap();
        let spans = write_draft(&outcome, &results, &draft_path, &draft).unwrap();
        let spans: Vec<_> = spans.iter().map(|span| (span.bucket, span.first_part, span.last_part)).collect();
        assert_eq!(spans, [(1, 1, 2), (0, 1, 1), (3, 1, 1), (2, 3, 4), (2, 1, 2)]);
    }
}
