//! What a person reads when a run is over: the result in a line, where it lies, and what is missing,
//! by its kind and with what to do about it.

use super::figures::{counted, grouped, taken};
use super::incomplete::{Group, groups};
use super::names::{cut, padded, visible, width_of};
use super::summary::Summary;
use std::time::Duration;

/// Lines for accounts and buckets that are not complete; the rest is in `buckets.csv`.
const ROWS: usize = 20;
/// What a run that was stopped by a limit exits with.
const LIMIT_REACHED: u8 = 124;
/// Lines for what can be done about accounts.
const HINTS: usize = 5;
/// A reason is cut to this many characters.
const REASON: usize = 160;

/// The closing text of a run, several lines without a line feed at the end.
#[must_use]
pub fn closing_table(summary: &Summary) -> String {
    let mut lines = vec![result_line(summary)];
    // A signal needs no word: whoever sent it knows.
    lines.extend(summary.stopped.clone().filter(|_| summary.exit_code == LIMIT_REACHED));
    if let Some(narrowed) = &summary.narrowed {
        lines.push(format!("a part of the job: {narrowed}"));
    }
    lines.push(format!("written to {}", visible(&summary.folder)));
    let groups = groups(summary);
    let mut room = ROWS;
    // All names stand in one column, so that the reasons do too.
    let name_width = groups.iter().flat_map(|group| &group.rows).take(ROWS).map(|row| width_of(&visible(&row.name)));
    let name_width = name_width.max().unwrap_or(0);
    for group in &groups {
        let shown = group.rows.len().min(room);
        room -= shown;
        lines.push(heading(group));
        lines.extend(group.rows[..shown].iter().map(|row| {
            let reason = cut(&visible(row.reason.unwrap_or_default()), REASON).into_owned();
            format!("  {}  {reason}", padded(&visible(&row.name), name_width)).trim_end().to_owned()
        }));
        let more = group.rows.len() - shown;
        if more > 0 {
            let and = if shown > 0 { "and " } else { "" };
            lines.push(format!("  {and}{} more, see {}", grouped(more as u64), group.file));
        }
        lines.extend(group.hints.iter().take(HINTS).map(|hint| format!("  hint: {}", visible(hint))));
    }
    lines.join("\n")
}

fn heading(group: &Group<'_>) -> String {
    let Group { what, verdict, hint, rows, .. } = group;
    let count = counted(rows.len() as u64, what.one, what.many);
    match hint {
        Some(hint) => format!("{count} {verdict}: {hint}"),
        None => format!("{count} {verdict}"),
    }
}

/// The result of a run in a word or two.
#[must_use]
pub fn result(summary: &Summary) -> &'static str {
    match summary.exit_code {
        _ if summary.complete => "complete",
        0 if summary.narrowed.is_some() => "complete as far as asked for",
        130 | 143 => "interrupted",
        LIMIT_REACHED => "stopped at a limit",
        _ => "not complete",
    }
}

fn result_line(summary: &Summary) -> String {
    let totals = &summary.totals;
    // Negative where the clock was set back meanwhile.
    let span = Duration::try_from_secs_f64(summary.duration_seconds).unwrap_or_default();
    let (whole, since) = if summary.resumed { (" in the whole run", " since it was resumed") } else { ("", "") };
    format!(
        "{}: {}, {} in {}, {}, {} throttled{whole}, {}{since}",
        result(summary),
        counted(totals.objects, "object", "objects"),
        counted(totals.rows, "row", "rows"),
        counted(totals.files, "file", "files"),
        counted(totals.requests, "request", "requests"),
        grouped(totals.throttles),
        taken(span),
    )
}

#[cfg(test)]
mod tests {
    use super::super::summary::IncompleteBucket;
    use super::super::summary::tests::written;
    use super::*;
    use crate::event::{AccountVerdict, Verdict};
    use insta::assert_snapshot;

    fn summary() -> Summary {
        let folder = tempfile::tempdir().unwrap();
        let folder_shown = "data/quarterly/20261122T114500Z".to_owned();
        Summary { folder: folder_shown, resumed: false, ..written(folder.path()) }
    }

    fn bucket(name: &str, verdict: Verdict, reason: &str) -> IncompleteBucket {
        let reason = Some(reason.to_owned());
        IncompleteBucket { account: "prod".to_owned(), bucket: name.to_owned(), verdict, reason }
    }

    #[test]
    fn a_run_that_is_not_complete_says_what_is_missing_and_what_to_do() {
        let mut summary = summary();
        summary.accounts[1].verdict = AccountVerdict::Unusable;
        summary.accounts[1].reason = Some("the credentials are expired".to_owned());
        summary.accounts[1].hint = Some("log in with `aws sso login --profile test`".to_owned());
        summary.not_complete.extend([
            bucket("gone", Verdict::Missing, "NoSuchBucket (404): The specified bucket does not exist"),
            bucket("abroad", Verdict::Moved, "PermanentRedirect (301): the bucket is in eu-west-1"),
            bucket("バケット", Verdict::Denied, "AccessDenied (403): Access Denied"),
            bucket("odd", Verdict::Failed, "key `a` came behind `b`: the store does not list in key order"),
            bucket("left", Verdict::Interrupted, "the run was stopped"),
            bucket("private", Verdict::Skipped, "AccessDenied (403): Access Denied"),
        ]);
        assert_snapshot!(closing_table(&summary), @r#"
not complete: 3,007 objects, 1,800 rows in 3 files, 31 requests, 11 throttled, 12.0 s
written to data/quarterly/20261122T114500Z
1 account unusable: what was listed of them is kept; mend what is told below
  test                 the credentials are expired
  hint: log in with `aws sso login --profile test`
2 buckets denied: allow s3:ListBucket, exclude by `buckets.exclude`, or set `buckets.on_denied = "skip"`
  prod/p-"odd",\nname  AccessDenied: \u{1b}[31mno
  prod/バケット        AccessDenied (403): Access Denied
1 bucket missing: not there any more, or misspelt in the job
  prod/gone            NoSuchBucket (404): The specified bucket does not exist
1 bucket moved: the store sends requests elsewhere, and not to where they could be followed
  prod/abroad          PermanentRedirect (301): the bucket is in eu-west-1
1 bucket throttled: run the same command again later, or set a lower `limits.requests_per_second`
  prod/p-last          SlowDown
1 bucket failed: mend what the reason names; `log.level = "debug"` logs every failed request with its id
  prod/odd             key `a` came behind `b`: the store does not list in key order
1 bucket interrupted
  prod/left            the run was stopped
1 bucket skipped
  prod/private         AccessDenied (403): Access Denied
"#);
    }

    #[test]
    fn a_resumed_run_says_that_it_counts_all_of_it() {
        let mut summary = Summary { resumed: true, complete: true, exit_code: 0, ..summary() };
        summary.not_complete.clear();
        assert_snapshot!(closing_table(&summary), @"
complete: 3,007 objects, 1,800 rows in 3 files, 31 requests, 11 throttled in the whole run, 12.0 s since it was resumed
written to data/quarterly/20261122T114500Z
");
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
    fn many_buckets_are_cut_short_and_no_kind_is_left_out() {
        let mut summary = Summary { exit_code: 130, ..summary() };
        let many = |number: usize| bucket(&format!("bucket-{number}"), Verdict::Denied, &"r".repeat(500));
        summary.not_complete = (0..1_020).map(many).collect();
        summary.not_complete.push(bucket("left", Verdict::Interrupted, "the run was stopped"));
        let text = closing_table(&summary);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("interrupted: "), "{text}");
        assert!(lines[2].starts_with("1,020 buckets denied: "), "{text}");
        assert_eq!(lines[23], "  and 1,000 more, see buckets.csv");
        assert_eq!(lines[24..], ["1 bucket interrupted", "  1 more, see buckets.csv"]);
        assert!(lines.iter().all(|line| line.chars().count() < 220));
        summary.not_complete.truncate(20);
        assert!(!closing_table(&summary).contains("more, see"), "twenty are shown whole");
    }
}
