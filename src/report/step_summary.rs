//! The summary of a run as Markdown, for the page on which GitHub Actions shows a step.
//!
//! Owns that no name or reason from a server is taken for markup.

use super::closing::result;
use super::figures::{counted, grouped, taken};
use super::incomplete::groups;
use super::names::{cut, visible};
use super::summary::Summary;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// Rows of the table. GitHub takes at most 1 MiB for a step.
const ROWS: usize = 100;
/// A reason is cut to this many characters.
const REASON: usize = 200;

/// Appends the summary of a run to the file at `path`, as `GITHUB_STEP_SUMMARY` names it: a workflow's
/// step may write more than one.
///
/// # Errors
/// As the file system says.
pub fn append_step_summary(path: &Path, summary: &Summary) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(markdown(summary).as_bytes())
}

fn markdown(summary: &Summary) -> String {
    let totals = &summary.totals;
    let span = Duration::try_from_secs_f64(summary.duration_seconds).unwrap_or_default();
    let mut text = format!("## s3scan: {} is {}\n\n", literal(&summary.job), result(summary));
    if let Some(stopped) = &summary.stopped {
        // Writing to a string does not fail.
        let _ = writeln!(text, "Stopped by {}.\n", literal(stopped));
    }
    if let Some(narrowed) = &summary.narrowed {
        let _ = writeln!(text, "A part of the job: {}.\n", literal(&narrowed.to_string()));
    }
    text.push_str("| run | exit code | buckets | objects | rows | files | requests | throttled | took |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n\nWritten to {}.",
        literal(&summary.run),
        summary.exit_code,
        grouped(totals.buckets.values().sum()),
        grouped(totals.objects),
        grouped(totals.rows),
        grouped(totals.files),
        grouped(totals.requests),
        grouped(totals.throttles),
        taken(span),
        literal(&summary.folder),
    );
    text.push_str(&incomplete(summary));
    for warning in &summary.warnings {
        let _ = writeln!(text, "\nWarning: {}.", literal(warning));
    }
    text.push('\n');
    text
}

/// What is not complete: what to do by kind, and a table.
fn incomplete(summary: &Summary) -> String {
    let groups = groups(summary);
    if groups.is_empty() {
        return String::new();
    }
    let mut text = "\n### Not complete\n\n".to_owned();
    for group in &groups {
        let count = counted(group.rows.len() as u64, group.what.one, group.what.many);
        let hint = group.hint.map(|hint| format!(": {hint}")).unwrap_or_default();
        let _ = writeln!(text, "- {count} {}{hint}", group.verdict);
        for hint in &group.hints {
            let _ = writeln!(text, "  - {}", literal(hint));
        }
    }
    text.push_str("\n| what | verdict | why |\n| --- | --- | --- |\n");
    let rows = groups.iter().flat_map(|group| group.rows.iter().map(move |row| (group, row)));
    for (group, row) in rows.clone().take(ROWS) {
        let reason = row.reason.map(|reason| literal(&cut(reason, REASON))).unwrap_or_default();
        let _ = writeln!(text, "| {} | {} | {reason} |", literal(&row.name), group.verdict);
    }
    let more = rows.count().saturating_sub(ROWS);
    if more > 0 {
        let _ = writeln!(text, "\nAnd {} more, see `buckets.csv`.", grouped(more as u64));
    }
    text
}

/// Text that stands in Markdown as it is, and in one line: all that means something in the flavour of
/// GitHub, and in its tables, is written as character references.
fn literal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in visible(text).chars() {
        if character.is_ascii_punctuation() && !matches!(character, '.' | ',' | '/' | '-' | '(' | ')') {
            let _ = write!(shown, "&#{};", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::summary::IncompleteBucket;
    use super::super::summary::tests::written;
    use super::*;
    use crate::event::Verdict;

    fn summary() -> Summary {
        let folder = tempfile::tempdir().unwrap();
        Summary { folder: "data/quarterly/20261122T114500Z".to_owned(), ..written(folder.path()) }
    }

    #[test]
    fn a_run_that_is_not_complete() {
        insta::assert_snapshot!(markdown(&summary()), @r#"
## s3scan: quarterly is not complete

| run | exit code | buckets | objects | rows | files | requests | throttled | took |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| 20261122T114500Z | 75 | 4 | 3,007 | 1,800 | 3 | 31 | 11 | 12.0 s |

Written to data/quarterly/20261122T114500Z.

### Not complete

- 1 bucket denied: allow s3:ListBucket, exclude by `buckets.exclude`, or set `buckets.on_denied = "skip"`
- 1 bucket throttled: run the same command again later, or set a lower `limits.requests_per_second`

| what | verdict | why |
| --- | --- | --- |
| prod/p-&#34;odd&#34;,&#92;nname | denied | AccessDenied&#58; &#92;u&#123;1b&#125;&#91;31mno |
| prod/p-last | throttled | SlowDown |

Warning: the log is full.
"#);
    }

    #[test]
    fn a_complete_run_has_no_table_of_what_is_missing() {
        let mut summary = Summary { complete: true, exit_code: 0, warnings: Vec::new(), ..summary() };
        summary.not_complete.clear();
        let text = markdown(&summary);
        assert!(text.starts_with("## s3scan: quarterly is complete\n") && !text.contains("Not complete"), "{text}");
    }

    #[test]
    fn names_and_reasons_are_no_markup() {
        let shown = literal("a|b`c`<img src=x>\n[l](u) _x_ ~y~ #1 @z &lt;");
        assert!(!shown.contains(['|', '`', '<', '>', '[', '_', '~', '@', '\n', '*']), "{shown}");
        assert_eq!(literal("data/a-b/2026.csv (1,5)"), "data/a-b/2026.csv (1,5)");
    }

    #[test]
    fn a_long_table_is_cut_and_summaries_are_appended() {
        let mut summary = summary();
        let bucket = |number| IncompleteBucket {
            account: "prod".to_owned(),
            bucket: format!("bucket-{number}"),
            verdict: Verdict::Denied,
            reason: Some("r".repeat(5_000)),
        };
        summary.not_complete = (0..5_000).map(bucket).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        append_step_summary(&path, &summary).unwrap();
        append_step_summary(&path, &summary).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("And 4,900 more, see `buckets.csv`.").count(), 2);
        assert!(text.len() < 100_000);
    }
}
