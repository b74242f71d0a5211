//! Showing a run while it goes on: bars, a heartbeat, or nothing.
//!
//! Owns the pace of showing: the bars are drawn anew eight times a second however fast events come.
//! There is never a percentage, for nobody knows how much there is to list.

use super::console::{Console, Progress};
use super::figures::{clock, counted, grouped};
use super::journal::Journal;
use super::names::visible;
use super::tally::{ActiveBucket, Tally, Totals};
use crate::event::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval_at};

/// Between two redraws of the bars.
const REDRAW: Duration = Duration::from_millis(125);
/// What the rates of the bars look back over.
const WINDOW: Duration = Duration::from_secs(5);
/// Buckets that have a line of their own.
const LINES: usize = 8;

/// Shows events until the channel closes, and returns what they sum up to. `heartbeat` is the time
/// between two lines where there are no bars, and what the rates in them look back over.
pub async fn report(mut events: Receiver<Event>, console: Console, heartbeat: Duration) -> Totals {
    let begun = Instant::now();
    let mut bars = console.bars().map(Bars::new);
    // An interval of nothing is not allowed.
    let heartbeat = heartbeat.max(Duration::from_millis(1));
    let (every, window) = if bars.is_some() { (REDRAW, WINDOW) } else { (heartbeat, heartbeat) };
    let mut tally = Tally::new(window);
    let mut journal = Journal::new();
    let mut tick = interval_at(tokio::time::Instant::now() + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        // In this order, so that a flood of events does not keep the view from being shown.
        tokio::select! {
            biased;
            _ = tick.tick() => match &mut bars {
                Some(bars) => bars.show(&tally, begun.elapsed()),
                None if console.progress() == Progress::Plain => console.print(&heartbeat_line(&tally, begun.elapsed())),
                None => {}
            },
            event = events.recv() => {
                let Some(event) = event else {
                    break;
                };
                tally.observe(&event, begun.elapsed());
                journal.record(&event, &tally.totals);
            }
        }
    }
    if let Some(bars) = bars {
        bars.clear();
    }
    tally.totals
}

fn heartbeat_line(tally: &Tally, at: Duration) -> String {
    let Totals { objects, requests, throttles, ended, buckets, .. } = tally.totals;
    format!(
        "{}: {} ({}/s), {}, {} throttled, {}/{} buckets",
        clock(at),
        counted(objects, "key", "keys"),
        grouped(tally.keys.per_second(at)),
        counted(requests, "request", "requests"),
        grouped(throttles),
        grouped(ended),
        grouped(buckets),
    )
}

fn total_line(tally: &Tally, at: Duration) -> String {
    let Totals { objects, requests, throttles, ended, buckets, .. } = tally.totals;
    format!(
        "{}  {} ({}/s)  {} ({}/s)  {} throttled  {}/{} buckets",
        clock(at),
        counted(objects, "key", "keys"),
        grouped(tally.keys.per_second(at)),
        counted(requests, "request", "requests"),
        grouped(tally.requests.per_second(at)),
        grouped(throttles),
        grouped(ended),
        grouped(buckets),
    )
}

/// A line for each of the first buckets in progress, and one for how many more there are. The name
/// stands last: it is what a narrow terminal cuts off.
fn bucket_lines(tally: &Tally, at: Duration) -> Vec<String> {
    let line = |bucket: &ActiveBucket| {
        let rate = grouped(bucket.keys.per_second(at));
        let (account, name) = (visible(&bucket.label.account), visible(&bucket.label.bucket));
        format!("{:>15} keys {rate:>9}/s  {account}/{name}", grouped(bucket.objects))
    };
    let mut lines: Vec<String> = tally.active.values().take(LINES).map(line).collect();
    if let Some(more) = tally.active.len().checked_sub(LINES).filter(|more| *more > 0) {
        lines.push(format!("{:>15} more", format!("+{}", grouped(more as u64))));
    }
    lines
}

/// The bars on the terminal.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    buckets: Vec<ProgressBar>,
}

impl Bars {
    fn new(all: &MultiProgress) -> Self {
        let total = all.add(line("{spinner} {wide_msg}"));
        Self { all: all.clone(), total, buckets: Vec::new() }
    }

    fn show(&mut self, tally: &Tally, at: Duration) {
        let lines = bucket_lines(tally, at);
        while self.buckets.len() > lines.len()
            && let Some(bar) = self.buckets.pop()
        {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        for (place, text) in lines.into_iter().enumerate() {
            if place == self.buckets.len() {
                self.buckets.push(self.all.add(line("{wide_msg}")));
            }
            self.buckets[place].set_message(text);
        }
        self.total.set_message(total_line(tally, at));
        self.total.tick();
    }

    fn clear(self) {
        self.buckets.iter().chain([&self.total]).for_each(ProgressBar::finish_and_clear);
        // A terminal that cannot be written to shows no bars either.
        let _ = self.all.clear();
    }
}

fn line(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the templates of this file are sound");
    ProgressBar::no_length().with_style(style)
}

#[cfg(test)]
mod tests {
    use super::super::console::tests::{captured, text};
    use super::*;
    use crate::event::{BucketLabel, Effort, Events};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    fn started(bucket: u32, name: &str) -> Event {
        let label = BucketLabel { account: "prod".into(), bucket: name.into() };
        Event::BucketStarted { bucket, label, objects: 0 }
    }

    fn page(bucket: u32, objects: u64, requests: u64) -> Event {
        Event::PageListed { bucket, objects, rows: 0, effort: Effort { requests, ..Effort::default() } }
    }

    fn run_started() -> Event {
        Event::RunStarted {
            job: "job".to_owned(),
            run: "run".to_owned(),
            resumed: false,
            buckets: 40,
            finished: 12,
            folder: "data".into(),
        }
    }

    fn tally(events: &[(u64, Event)]) -> Tally {
        let mut tally = Tally::new(WINDOW);
        for (seconds, event) in events {
            tally.observe(event, Duration::from_secs(*seconds));
        }
        tally
    }

    #[test]
    fn a_heartbeat_is_one_line() {
        let tally = tally(&[
            (0, run_started()),
            (1, started(0, "a")),
            (700, page(0, 1_000_000, 1_000)),
            (749, page(0, 234_567, 240)),
        ]);
        assert_eq!(
            heartbeat_line(&tally, Duration::from_secs(750)),
            "12m30s: 1,234,567 keys (49,383/s), 1,240 requests, 0 throttled, 12/40 buckets"
        );
    }

    #[test]
    fn the_bars_show_eight_buckets_and_how_many_more() {
        let mut events = vec![(0, run_started())];
        events.extend((0..11).map(|bucket| (0, started(bucket, &format!("bucket-{bucket}\u{1b}[2J")))));
        events.push((1, page(2, 12_000, 12)));
        let tally = tally(&events);
        let at = Duration::from_secs(2);
        assert_eq!(total_line(&tally, at), "2s  12,000 keys (6,000/s)  12 requests (6/s)  0 throttled  12/40 buckets");
        let lines = bucket_lines(&tally, at);
        assert_eq!(lines.len(), 9);
        assert_eq!(lines[0], "              0 keys         0/s  prod/bucket-0\\u{1b}[2J");
        assert_eq!(lines[2], "         12,000 keys     6,000/s  prod/bucket-2\\u{1b}[2J");
        assert_eq!(lines[8], "             +3 more");
        assert!(bucket_lines(&Tally::new(WINDOW), at).is_empty());
    }

    #[tokio::test]
    async fn the_report_ends_with_the_channel_and_sums_up() {
        let (console, written) = captured(Progress::Plain);
        let (events, receiver) = Events::channel();
        let task = tokio::spawn(report(receiver, console, Duration::from_hours(1)));
        for event in [run_started(), started(0, "a"), page(0, 7, 1), page(0, 5, 1), Event::ScanEnded] {
            events.emit(event).await;
        }
        drop(events);
        let totals = task.await.unwrap();
        assert_eq!(totals, Totals { objects: 12, requests: 2, buckets: 40, ended: 12, ..Totals::default() });
        assert_eq!(text(&written), "", "no heartbeat is due within the hour");
    }

    #[tokio::test]
    async fn the_heartbeat_beats_without_events_and_none_is_silent() {
        let begin = |progress| {
            let (console, written) = captured(progress);
            let (events, receiver) = Events::channel();
            (tokio::spawn(report(receiver, console, Duration::from_millis(1))), events, written)
        };
        let (silent, silent_events, nothing) = begin(Progress::None);
        let (beating, beating_events, beats) = begin(Progress::Plain);
        while text(&beats).lines().count() < 3 {
            tokio::task::yield_now().await;
        }
        drop((silent_events, beating_events));
        beating.await.unwrap();
        silent.await.unwrap();
        assert_eq!(text(&nothing), "");
        assert!(text(&beats).starts_with("0s: 0 keys (0/s), 0 requests, 0 throttled, 0/0 buckets\n"));
    }

    const WIDTH: usize = 60;

    /// A terminal, as far as bars need one: it wraps, and knows the escapes for moving the cursor up
    /// and down and for clearing a line.
    #[derive(Default)]
    struct Screen {
        rows: Vec<Vec<char>>,
        row: usize,
        column: usize,
    }

    impl Screen {
        fn here(&mut self) -> &mut Vec<char> {
            self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
            &mut self.rows[self.row]
        }

        fn put(&mut self, character: char) {
            match character {
                '\n' => (self.row, self.column) = (self.row + 1, 0),
                '\r' => self.column = 0,
                _ => {
                    if self.column == WIDTH {
                        (self.row, self.column) = (self.row + 1, 0);
                    }
                    let column = self.column;
                    let row = self.here();
                    row.resize(row.len().max(column + 1), ' ');
                    row[column] = character;
                    self.column += 1;
                }
            }
        }

        fn lines(&self) -> Vec<String> {
            let lines = self.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
            lines.filter(|line| !line.is_empty()).collect()
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut rest = std::str::from_utf8(bytes).unwrap();
            while let Some(character) = rest.chars().next() {
                rest = &rest[character.len_utf8()..];
                let Some(escape) = rest.strip_prefix('[').filter(|_| character == '\u{1b}') else {
                    self.put(character);
                    continue;
                };
                let end = escape.find(|character: char| character.is_ascii_alphabetic()).unwrap();
                let number: usize = escape[..end].parse().unwrap();
                match &escape[end..=end] {
                    "A" => self.row = self.row.saturating_sub(number),
                    "B" => self.row += number,
                    "C" => self.column += number,
                    "D" => self.column = self.column.saturating_sub(number),
                    "K" => self.here().clear(),
                    other => panic!("unknown escape {other}"),
                }
                rest = &escape[end + 1..];
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn on_screen() -> (Console, Arc<Mutex<Screen>>) {
        let screen = Arc::new(Mutex::new(Screen::default()));
        (Console::over(Progress::Bar, false, screen.clone(), || (24, 60)), screen)
    }

    #[test]
    fn lines_stand_whole_above_the_bars_and_the_bars_go() {
        let (console, screen) = on_screen();
        let lines = || screen.lock().unwrap().lines();
        let mut bars = Bars::new(console.bars().unwrap());
        let long = "b".repeat(80);
        let mut tally = tally(&[(0, run_started()), (0, started(0, "a")), (0, started(1, &long))]);
        bars.show(&tally, Duration::from_secs(1));
        console.print("first line\nsecond line");
        assert_eq!(lines().len(), 5);
        tally.active.remove(&0);
        bars.show(&tally, Duration::from_secs(2));
        console.print("third line");
        let shown = lines();
        assert_eq!(&shown[..3], ["first line", "second line", "third line"]);
        assert!(shown[3].contains("2s  0 keys (0/s)  0 requests"), "{shown:?}");
        assert!(shown[4].contains("prod/bbb"), "{shown:?}");
        assert_eq!(shown.len(), 5, "long names are cut off: {shown:?}");
        bars.clear();
        assert_eq!(lines(), ["first line", "second line", "third line"]);
    }

    #[tokio::test]
    async fn a_terminal_that_is_gone_does_not_end_the_run() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("hung up"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::Error::other("hung up"))
            }
        }
        let console = Console::over(Progress::Bar, false, Arc::new(Mutex::new(Gone)), || (24, 60));
        let (events, receiver) = Events::channel();
        let task = tokio::spawn(report(receiver, console.clone(), Duration::from_hours(1)));
        events.emit(started(0, "a")).await;
        console.print("a line");
        drop(events);
        assert_eq!(task.await.unwrap().objects, 0);
    }
}
