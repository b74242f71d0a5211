//! What progress says: the lines below everything else on a terminal, and the heartbeat.
//!
//! Pure: from a tally, a time and a size to text. Owns that a percentage and the time left are told only
//! where earlier runs know how much there is to list.

use super::figures::{clock, counted, grouped, price, roughly};
use super::frame::{Line, Size, Tone};
use super::names::{padded, shortened, visible, width_of};
use super::tally::{ActiveBucket, Stage, Tally, Totals};
use std::time::Duration;

/// Buckets that have a line of their own, at most.
const BUCKETS: usize = 8;
/// Between two figures in a line.
const GAP: usize = 2;
/// A name is not made shorter than this for the sake of a rate.
const SHORTEST_NAME: usize = 16;

/// The lines below everything else: the run's figures, then its liveliest buckets.
#[must_use]
pub fn bars(tally: &Tally, at: Duration, size: Size) -> Vec<Line> {
    let mut lines = flowed(&figures(tally, at), size.line());
    for line in &mut lines {
        line.tone = Tone::Strong;
    }
    let room = size.lines().saturating_sub(lines.len());
    lines.extend(buckets(tally, at, room, size.line()));
    lines.truncate(size.lines());
    lines
}

/// The same figures in a line, for where there is no terminal.
#[must_use]
pub fn heartbeat(tally: &Tally, at: Duration) -> String {
    let figures = figures(tally, at);
    format!("{}: {}", figures[0], figures[1..].join(", "))
}

/// The figures of a run, the weightier first.
fn figures(tally: &Tally, at: Duration) -> Vec<String> {
    let Totals { objects, requests, billed, throttles, failures, buckets, ended } = tally.totals;
    let mut figures = vec![clock(at)];
    match tally.stage {
        Stage::Finding => figures.push("finding buckets".to_owned()),
        Stage::Listing => {}
        Stage::Stopping => figures.push("stopping".to_owned()),
    }
    if tally.stage == Stage::Listing
        && let Some((percent, left)) = tally.outlook(at)
    {
        let left = left.map_or_else(String::new, |left| format!(", {} left", roughly(left)));
        figures.push(format!("{percent} %{left}"));
    }
    figures.push(format!("{}/{} buckets", grouped(ended), grouped(buckets)));
    figures.push(counted(objects, "key", "keys"));
    figures.push(format!("{} keys/s", grouped(tally.keys.per_second(at))));
    figures.push(counted(requests, "request", "requests"));
    figures.push(format!("{} requests/s", grouped(tally.requests.per_second(at))));
    figures.push(format!("{} throttled", grouped(throttles)));
    // Not a word of what does not happen, so that it is seen when it does.
    figures.extend((failures > 0).then(|| format!("{} failed", grouped(failures))));
    figures.extend(billed.map(|requests| price(requests, tally.usd_per_1000)));
    figures
}

/// Figures in as many lines as they need.
fn flowed(figures: &[String], width: usize) -> Vec<Line> {
    let mut lines: Vec<String> = Vec::new();
    for figure in figures {
        match lines.last_mut() {
            Some(line) if width_of(line) + GAP + width_of(figure) <= width => {
                line.push_str("  ");
                line.push_str(figure);
            }
            _ => lines.push(figure.clone()),
        }
    }
    lines.into_iter().map(plain).collect()
}

/// A line for each of the liveliest buckets, and one for how many more there are.
fn buckets(tally: &Tally, at: Duration, room: usize, width: usize) -> Vec<Line> {
    let (shown, more) = match tally.liveliest(BUCKETS.min(room), at) {
        // The line that says how many more there are takes the place of one.
        (_, more) if more > 0 && room <= BUCKETS => tally.liveliest(room.saturating_sub(1), at),
        fitting => fitting,
    };
    let rows: Vec<[String; 4]> = shown.into_iter().map(|bucket| row(bucket, at)).collect();
    let widest = |column: usize| rows.iter().map(|row| width_of(&row[column])).max().unwrap_or(0);
    let (objects_width, rate_width, note_width) = (widest(1), widest(2), widest(3));
    // Where a name would not be known by what is left of it, the rate goes first.
    let with_rate = width.saturating_sub(objects_width + rate_width + 3 * GAP);
    let has_rate = with_rate >= widest(0).min(SHORTEST_NAME);
    let most = if has_rate { with_rate } else { width.saturating_sub(objects_width + 2 * GAP) };
    let name_width = widest(0).min(most);
    let mut lines: Vec<Line> = rows
        .iter()
        .map(|[name, objects, rate, note]| {
            let name = padded(&shortened(name, name_width), name_width);
            let rate = if has_rate { format!("  {rate:>rate_width$}") } else { String::new() };
            // What else there is to say of a bucket is said only where there is room for it.
            let has_note = has_rate && !note.is_empty() && with_rate >= name_width + note_width + GAP;
            let note = if has_note { format!("  {note}") } else { String::new() };
            plain(format!("  {name}  {objects:>objects_width$}{rate}{note}"))
        })
        .collect();
    if more > 0 && room > 0 {
        lines.push(Line { tone: Tone::Faint, text: format!("  and {} more", grouped(more as u64)) });
    }
    lines
}

fn row(bucket: &ActiveBucket, at: Duration) -> [String; 4] {
    let name = format!("{}/{}", visible(&bucket.label.account), visible(&bucket.label.bucket));
    let rate = format!("{}/s", grouped(bucket.keys.per_second(at)));
    let mut notes = Vec::new();
    if bucket.ranges > 1 {
        notes.push(format!("{} ranges", grouped(bucket.ranges as u64)));
    }
    if let Some((rate, cause)) = bucket.held {
        notes.push(format!("held to {rate:.0} requests/s: {cause}"));
    }
    [name, counted(bucket.objects, "key", "keys"), rate, notes.join(", ")]
}

fn plain(text: String) -> Line {
    Line { tone: Tone::Plain, text }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::event::{Billed, BucketLabel, Effort, Event, FailedAttempt, RequestIds, RunCounts, Subject};

    pub fn started(bucket: u32, name: &str) -> Event {
        let label = BucketLabel { account: "prod".into(), bucket: name.into() };
        Event::BucketStarted { bucket, label, objects: 0 }
    }

    pub fn page(bucket: u32, objects: u64, requests: u64) -> Event {
        Event::PageListed { bucket, objects, rows: 0, effort: Effort { requests, ..Effort::default() }, ranges: 1 }
    }

    pub fn run_started(billed: &[&str]) -> Event {
        run_expecting(None, billed)
    }

    fn run_expecting(expected: Option<u64>, billed: &[&str]) -> Event {
        Event::RunStarted {
            job: "job".to_owned(),
            run: "run".to_owned(),
            resumed: false,
            buckets: 40,
            finished: 12,
            counts: RunCounts::default(),
            expected,
            billed: Billed {
                accounts: billed.iter().map(|name| (*name).to_owned()).collect(),
                requests: 0,
                usd_per_1000: 0.005,
            },
            folder: "data".into(),
        }
    }

    pub fn tally(events: &[(u64, Event)]) -> Tally {
        let mut tally = Tally::new(Duration::from_secs(5));
        for (seconds, event) in events {
            tally.observe(event, Duration::from_secs(*seconds));
        }
        tally
    }

    pub fn failed(subject: Subject, throttled: bool) -> Event {
        Event::AttemptFailed(FailedAttempt {
            subject,
            attempt: 1,
            max_attempts: 10,
            throttled,
            reason: "SlowDown".to_owned(),
            ids: RequestIds::default(),
            wait: None,
        })
    }

    /// A run of eleven buckets, the second and the last of them large.
    fn busy() -> Tally {
        let account = || Subject::Account("prod".into());
        let mut events = vec![(0, run_started(&["prod"])), (0, failed(account(), true)), (0, failed(account(), false))];
        let name = |bucket| match bucket {
            1 => "company-production-access-logs-eu-central-1-archive".to_owned(),
            10 => "バケット-バケット-バケット\u{1b}[2J".to_owned(),
            _ => format!("bucket-{bucket}"),
        };
        events.extend((0..11).map(|bucket| (0, started(bucket, &name(bucket)))));
        events.extend([(1, page(1, 1_234_567, 1_240)), (1, page(10, 12_000, 12))]);
        tally(&events)
    }

    fn text(columns: usize, rows: usize) -> String {
        let size = Size { rows, columns };
        let lines = bars(&busy(), Duration::from_secs(2), size);
        assert!(lines.len() <= size.lines());
        assert!(lines.iter().all(|line| width_of(&line.text) < columns), "{lines:?}");
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_heartbeat_is_one_line() {
        let tally = tally(&[
            (0, run_started(&["prod"])),
            (1, started(0, "a")),
            (746, page(0, 1_000_000, 1_000)),
            (749, page(0, 234_567, 240)),
        ]);
        assert_eq!(
            heartbeat(&tally, Duration::from_secs(750)),
            "12m30s: 12/40 buckets, 1,234,567 keys, 259,909 keys/s, 1,240 requests, 261 requests/s, 0 throttled, \
             ~$0.0062"
        );
        assert_eq!(
            heartbeat(&Tally::new(Duration::from_secs(5)), Duration::ZERO),
            "0s: finding buckets, 0/0 buckets, 0 keys, 0 keys/s, 0 requests, 0 requests/s, 0 throttled"
        );
    }

    #[test]
    fn what_is_left_is_told_where_it_is_known() {
        let at = |seconds: u64, listed: u64| {
            let events =
                [(0, run_expecting(Some(2_000_000), &[])), (0, started(0, "a")), (seconds, page(0, listed, 1))];
            let line = heartbeat(&tally(&events), Duration::from_secs(seconds));
            line.split(", ").take(2).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(at(0, 0), "0s: 0 %, 12/40 buckets");
        assert_eq!(at(140, 740_000), "2m20s: 37 %, 4m left");
        assert_eq!(at(10, 1_999_999), "10s: 99 %, 1s left");
        assert_eq!(at(3_600, 500_000), "1h00m00s: 25 %, 3h00m left");
        assert_eq!(at(10, 2_000_001), "10s: 12/40 buckets, 2,000,001 keys", "more than was expected");
        let events = [(0, run_expecting(Some(90_000), &[])), (0, started(0, "a")), (30, page(0, 30_000, 30))];
        let lines = bars(&tally(&events), Duration::from_secs(30), Size { rows: 24, columns: 80 });
        let text = lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(text, @r"
30s  33 %, 1m left  12/40 buckets  30,000 keys  6,316 keys/s  30 requests
6 requests/s  0 throttled
  prod/a  30,000 keys  6,316/s
");
    }

    #[test]
    fn stopping_is_said() {
        let tally = tally(&[(0, run_started(&[])), (1, Event::StopRequested { signal: "SIGINT" })]);
        assert!(heartbeat(&tally, Duration::from_secs(2)).starts_with("2s: stopping, 12/40 buckets, 0 keys, "));
    }

    #[test]
    fn the_bars_of_a_wide_terminal() {
        insta::assert_snapshot!(text(200, 50), @r#"
2s  12/40 buckets  1,246,567 keys  623,284 keys/s  1,252 requests  626 requests/s  1 throttled  1 failed  ~$0.0063
  prod/bucket-0                                                     0 keys        0/s
  prod/company-production-access-logs-eu-central-1-archive  1,234,567 keys  617,284/s
  prod/bucket-2                                                     0 keys        0/s
  prod/bucket-3                                                     0 keys        0/s
  prod/bucket-4                                                     0 keys        0/s
  prod/bucket-5                                                     0 keys        0/s
  prod/bucket-6                                                     0 keys        0/s
  prod/バケット-バケット-バケット\u{1b}[2J                     12,000 keys    6,000/s
  and 3 more
"#);
    }

    #[test]
    fn the_bars_of_a_usual_terminal() {
        insta::assert_snapshot!(text(80, 24), @r#"
2s  12/40 buckets  1,246,567 keys  623,284 keys/s  1,252 requests
626 requests/s  1 throttled  1 failed  ~$0.0063
  prod/bucket-0                                               0 keys        0/s
  prod/company-production-access-lo…entral-1-archive  1,234,567 keys  617,284/s
  prod/bucket-2                                               0 keys        0/s
  prod/bucket-3                                               0 keys        0/s
  prod/bucket-4                                               0 keys        0/s
  prod/bucket-5                                               0 keys        0/s
  prod/bucket-6                                               0 keys        0/s
  prod/バケット-バケット-バケット\u{1b}[2J               12,000 keys    6,000/s
  and 3 more
"#);
    }

    #[test]
    fn the_bars_of_a_narrow_terminal() {
        insta::assert_snapshot!(text(40, 24), @"
2s  12/40 buckets  1,246,567 keys
623,284 keys/s  1,252 requests
626 requests/s  1 throttled  1 failed
~$0.0063
  prod/bucket-0                  0 keys
  prod/company-p…rchive  1,234,567 keys
  prod/bucket-2                  0 keys
  prod/bucket-3                  0 keys
  prod/bucket-4                  0 keys
  prod/bucket-5                  0 keys
  prod/bucket-6                  0 keys
  prod/バケット-…1b}[2J     12,000 keys
  and 3 more
");
    }

    #[test]
    fn the_bars_of_a_tiny_terminal() {
        insta::assert_snapshot!(text(24, 8), @"
2s  12/40 buckets
1,246,567 keys
623,284 keys/s
1,252 requests
626 requests/s
1 throttled  1 failed
");
    }

    #[test]
    fn without_buckets_there_are_the_figures_only() {
        let size = Size { rows: 24, columns: 200 };
        assert_eq!(bars(&tally(&[(0, run_started(&[]))]), Duration::from_secs(1), size).len(), 1);
    }
}
