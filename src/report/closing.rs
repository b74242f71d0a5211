//! What a person reads when a run is over: the result in a line, where it lies, and what is missing.

use super::figures::{counted, grouped, taken};
use super::names::{cut, visible};
use super::summary::Summary;
use crate::event::AccountVerdict;
use std::time::Duration;

/// Lines for buckets that are not complete; the rest is in `buckets.csv`.
const BUCKETS: usize = 20;
/// What a run that was stopped by a limit exits with.
const LIMIT_REACHED: u8 = 124;
/// A reason is cut to this many characters.
const REASON: usize = 160;

/// The closing text of a run, several lines without a line feed at the end.
#[must_use]
pub fn closing_table(summary: &Summary) -> String {
    let mut lines = vec![result_line(summary)];
    // A signal needs no word: whoever sent it knows.
    lines.extend(summary.stopped.clone().filter(|_| summary.exit_code == LIMIT_REACHED));
    lines.push(format!("written to {}", visible(&summary.folder)));
    let accounts = summary.accounts.iter().filter(|account| account.verdict != AccountVerdict::Ok);
    let mut rows: Vec<[String; 3]> = accounts
        .map(|account| {
            let verdict = match account.verdict {
                AccountVerdict::Ok => "ok",
                AccountVerdict::Unusable => "unusable",
                AccountVerdict::Denied => "denied",
            };
            [format!("account {}", visible(&account.name)), verdict.to_owned(), shown(account.reason.as_deref())]
        })
        .collect();
    rows.extend(summary.not_complete.iter().take(BUCKETS).map(|bucket| {
        let name = format!("{}/{}", visible(&bucket.account), visible(&bucket.bucket));
        [name, bucket.verdict.to_string(), shown(bucket.reason.as_deref())]
    }));
    lines.extend(aligned(&rows));
    if let Some(more) = summary.not_complete.len().checked_sub(BUCKETS).filter(|more| *more > 0) {
        lines.push(format!("  and {} more, see buckets.csv", grouped(more as u64)));
    }
    lines.join("\n")
}

fn result_line(summary: &Summary) -> String {
    let totals = &summary.totals;
    let result = match summary.exit_code {
        _ if summary.complete => "complete",
        130 | 143 => "interrupted",
        LIMIT_REACHED => "stopped at a limit",
        _ => "not complete",
    };
    // Negative where the clock was set back meanwhile.
    let span = Duration::try_from_secs_f64(summary.duration_seconds).unwrap_or_default();
    format!(
        "{result}: {}, {} in {}, {}, {} throttled, {}",
        counted(totals.objects, "object", "objects"),
        counted(totals.rows, "row", "rows"),
        counted(totals.files, "file", "files"),
        counted(totals.requests, "request", "requests"),
        grouped(totals.throttles),
        taken(span),
    )
}

fn shown(reason: Option<&str>) -> String {
    cut(&visible(reason.unwrap_or_default()), REASON).into_owned()
}

fn aligned(rows: &[[String; 3]]) -> impl Iterator<Item = String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name_width, verdict_width) = (width(0), width(1));
    rows.iter().map(move |[name, verdict, reason]| {
        format!("  {name:name_width$}  {verdict:verdict_width$}  {reason}").trim_end().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::summary::IncompleteBucket;
    use super::super::summary::tests::written;
    use super::*;
    use crate::event::Verdict;
    use insta::assert_snapshot;

    fn summary() -> Summary {
        let folder = tempfile::tempdir().unwrap();
        Summary { folder: "data/quarterly/20261122T114500Z".to_owned(), ..written(folder.path()) }
    }

    #[test]
    fn a_run_that_is_not_complete_says_what_is_missing() {
        let mut summary = summary();
        summary.accounts[1].verdict = AccountVerdict::Unusable;
        summary.accounts[1].reason = Some("the credentials are expired".to_owned());
        assert_snapshot!(closing_table(&summary), @r#"
not complete: 3,007 objects, 1,800 rows in 3 files, 31 requests, 11 throttled, 12.0 s
written to data/quarterly/20261122T114500Z
  account test         unusable   the credentials are expired
  prod/p-"odd",\nname  denied     AccessDenied: \u{1b}[31mno
  prod/p-last          throttled  SlowDown
"#);
    }

    #[test]
    fn a_run_stopped_by_a_limit_says_which() {
        let requests = std::num::NonZeroU64::new(500).unwrap();
        let stopped = Some(crate::event::ReachedLimit::Requests(requests).to_string());
        let mut summary = Summary { exit_code: 124, stopped, ..summary() };
        summary.not_complete.clear();
        assert_snapshot!(closing_table(&summary), @"
stopped at a limit: 3,007 objects, 1,800 rows in 3 files, 31 requests, 11 throttled, 12.0 s
`limits.max_requests` is reached: this invocation has sent 500
written to data/quarterly/20261122T114500Z
");
    }

    #[test]
    fn a_complete_run_is_two_lines() {
        let mut summary = Summary { complete: true, exit_code: 0, duration_seconds: 12.34, ..summary() };
        summary.not_complete.clear();
        summary.totals.objects = 1_234_567;
        assert_snapshot!(closing_table(&summary), @"
complete: 1,234,567 objects, 1,800 rows in 3 files, 31 requests, 11 throttled, 12.3 s
written to data/quarterly/20261122T114500Z
");
    }

    #[test]
    fn many_buckets_are_cut_short() {
        let mut summary = Summary { exit_code: 130, ..summary() };
        let bucket = |number: usize| IncompleteBucket {
            account: "prod".to_owned(),
            bucket: format!("bucket-{number}"),
            verdict: Verdict::Interrupted,
            reason: Some("r".repeat(500)),
        };
        summary.not_complete = (0..1_020).map(bucket).collect();
        let text = closing_table(&summary);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("interrupted: "), "{text}");
        assert_eq!((lines.len(), lines[22]), (23, "  and 1,000 more, see buckets.csv"));
        assert!(lines.iter().all(|line| line.chars().count() < 220));
        summary.not_complete.truncate(20);
        assert!(!closing_table(&summary).contains("more"), "twenty are shown whole");
    }
}
