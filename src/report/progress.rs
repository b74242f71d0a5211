//! Showing a run while it goes on: bars, a heartbeat, or nothing.
//!
//! Owns the pace of showing: the bars are drawn anew at most eight times a second however fast events
//! come. What they say is left to the view.

use super::console::{Console, Progress};
use super::journal::Journal;
use super::record::RunTag;
use super::tally::Tally;
use super::view::{bars, heartbeat};
use crate::event::Event;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval_at};

/// Between two redraws of the bars.
const REDRAW: Duration = Duration::from_millis(125);
/// What the rates of the bars look back over.
const WINDOW: Duration = Duration::from_secs(5);

/// Shows and logs events until the channel closes. `beat` is the time between two lines where there
/// are no bars, and what the rates in them look back over.
pub async fn report(mut events: Receiver<Event>, console: Console, tag: RunTag, beat: Duration) {
    let begun = Instant::now();
    // An interval of nothing is not allowed.
    let beat = beat.max(Duration::from_millis(1));
    let (every, window) = if console.progress() == Progress::Bar { (REDRAW, WINDOW) } else { (beat, beat) };
    let mut tally = Tally::new(window);
    let mut journal = Journal::new(tag);
    let mut tick = interval_at(tokio::time::Instant::now() + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        // In this order, so that a flood of events does not keep the view from being shown.
        tokio::select! {
            biased;
            _ = tick.tick() => match console.progress() {
                Progress::Bar => console.show(bars(&tally, begun.elapsed(), console.size())),
                Progress::Plain => console.print(&heartbeat(&tally, begun.elapsed())),
                Progress::None => {}
            },
            event = events.recv() => {
                let Some(event) = event else {
                    break;
                };
                tally.observe(&event, begun.elapsed());
                journal.record(&event);
            }
        }
    }
    console.clear();
}

#[cfg(test)]
mod tests {
    use super::super::console::tests::{Shared, captured, text};
    use super::super::frame::Size;
    use super::super::logging::{LogOptions, subscriber};
    use super::super::view::tests::{page, run_started, started, tally};
    use super::*;
    use crate::event::Events;
    use crate::job::{LogFormat, LogLevel};
    use std::io::{self, Write};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn the_report_ends_with_the_channel() {
        let (console, written) = captured(Progress::Plain);
        let (events, receiver) = Events::channel();
        let task = tokio::spawn(report(receiver, console, RunTag::default(), Duration::from_hours(1)));
        for event in [run_started(&[]), started(0, "a"), page(0, 7, 1), page(0, 5, 1)] {
            events.emit(event).await;
        }
        drop(events);
        task.await.unwrap();
        assert_eq!(text(&written), "", "no heartbeat is due within the hour");
    }

    #[tokio::test]
    async fn the_heartbeat_beats_without_events_and_none_is_silent() {
        let begin = |progress| {
            let (console, written) = captured(progress);
            let (events, receiver) = Events::channel();
            let task = tokio::spawn(report(receiver, console, RunTag::default(), Duration::from_millis(1)));
            (task, events, written)
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
        assert!(text(&beats).starts_with("0s: finding buckets, 0/0 buckets, 0 keys, 0 keys/s, "));
    }

    /// A terminal, as far as frames need one: it wraps at its width, and knows the escapes for going
    /// up, for erasing what is below, and for colours. It is as wide as the test says.
    struct Screen {
        columns: Arc<AtomicUsize>,
        /// Rows, and whether each was wrapped into the next.
        rows: Vec<(Vec<char>, bool)>,
        row: usize,
        column: usize,
    }

    impl Screen {
        fn here(&mut self) -> &mut (Vec<char>, bool) {
            self.rows.resize(self.rows.len().max(self.row + 1), (Vec::new(), false));
            &mut self.rows[self.row]
        }

        fn put(&mut self, character: char) {
            match character {
                '\n' => (self.row, self.column) = (self.row + 1, 0),
                '\r' => self.column = 0,
                _ => {
                    assert!(!character.is_control(), "{character:?} on the terminal");
                    if self.column == self.columns.load(Ordering::Relaxed) {
                        self.here().1 = true;
                        (self.row, self.column) = (self.row + 1, 0);
                    }
                    let column = self.column;
                    let (row, _) = self.here();
                    row.resize(row.len().max(column + 1), ' ');
                    row[column] = character;
                    self.column += 1;
                }
            }
        }

        /// Becomes narrower: rows that do not fit any more are wrapped, as terminals do. The cursor
        /// stays where it is in the text.
        fn narrow(&mut self, columns: usize) {
            self.columns.store(columns, Ordering::Relaxed);
            let (mut rows, mut cursor) = (Vec::new(), 0);
            for (number, (row, wrapped)) in self.rows.drain(..).enumerate() {
                if number == self.row {
                    cursor = rows.len();
                }
                let mut pieces: Vec<_> = row.chunks(columns).map(|piece| (piece.to_vec(), true)).collect();
                match pieces.last_mut() {
                    Some(last) => last.1 = wrapped,
                    None => pieces.push((Vec::new(), false)),
                }
                rows.append(&mut pieces);
            }
            self.row = if self.row >= rows.len() || cursor == 0 { rows.len() } else { cursor };
            self.rows = rows;
        }

        fn lines(&self) -> Vec<String> {
            let lines = self.rows.iter().map(|(row, _)| row.iter().collect::<String>().trim_end().to_owned());
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
                match &escape[end..=end] {
                    "A" => self.row = self.row.checked_sub(escape[..end].parse().unwrap()).expect("above the screen"),
                    "J" => {
                        let column = self.column;
                        self.here().0.truncate(column);
                        self.rows.truncate(self.row + 1);
                    }
                    "m" => {}
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

    fn on_screen(columns: usize) -> (Console, Arc<Mutex<Screen>>) {
        let columns = Arc::new(AtomicUsize::new(columns));
        let screen = Screen { columns: columns.clone(), rows: Vec::new(), row: 0, column: 0 };
        let screen = Arc::new(Mutex::new(screen));
        let size = move || Size { rows: 24, columns: columns.load(Ordering::Relaxed) };
        (Console::over(Progress::Bar, true, Shared(screen.clone()), size), screen)
    }

    /// Two buckets, one with a name that no terminal is wide enough for.
    fn two() -> Tally {
        tally(&[(0, run_started(&["prod"])), (0, started(0, "a")), (0, started(1, &"b".repeat(250)))])
    }

    fn show(console: &Console, tally: &Tally, seconds: u64) {
        console.show(bars(tally, Duration::from_secs(seconds), console.size()));
    }

    #[test]
    fn lines_stand_whole_above_the_bars_and_the_bars_go() {
        for columns in [24, 40, 80, 200] {
            let (console, screen) = on_screen(columns);
            let lines = || screen.lock().unwrap().lines();
            let mut tally = two();
            show(&console, &tally, 1);
            let drawn = lines().len();
            assert_eq!(drawn, bars(&tally, Duration::from_secs(1), console.size()).len());
            console.print("first line\nsecond line");
            assert_eq!(lines().len(), drawn + 2, "{columns}: {:?}", lines());
            tally.observe(&page(0, 5, 1), Duration::from_secs(1));
            show(&console, &tally, 2);
            console.print("third line");
            let shown = lines();
            assert_eq!(&shown[..3], ["first line", "second line", "third line"]);
            assert!(shown[3].starts_with("2s  12/40 buckets"), "{shown:?}");
            assert!(shown[3].contains("  5 keys") || shown[4].starts_with("5 keys"), "{shown:?}");
            assert!(shown.iter().any(|line| line.contains("prod/bbb") && line.contains('…')), "{shown:?}");
            let drawn = bars(&tally, Duration::from_secs(2), console.size()).len();
            assert_eq!(shown.len(), drawn + 3, "nothing is wrapped: {shown:?}");
            console.clear();
            assert_eq!(lines(), ["first line", "second line", "third line"]);
        }
    }

    #[test]
    fn a_terminal_that_becomes_narrower_keeps_nothing_of_the_bars() {
        for (from, to) in [(200, 80), (200, 40), (200, 24), (80, 40), (80, 24), (40, 80), (24, 200)] {
            let (console, screen) = on_screen(from);
            console.print("a line");
            show(&console, &two(), 1);
            if to < from {
                screen.lock().unwrap().narrow(to);
            } else {
                screen.lock().unwrap().columns.store(to, Ordering::Relaxed);
            }
            show(&console, &two(), 2);
            let shown = screen.lock().unwrap().lines();
            assert_eq!(shown.iter().filter(|line| line.contains("12/40 buckets")).count(), 1, "{shown:?}");
            assert!(shown[1].starts_with("2s  "), "{shown:?}");
            console.clear();
            assert_eq!(screen.lock().unwrap().lines(), ["a line"]);
        }
    }

    #[test]
    fn logs_at_debug_from_many_threads_are_whole_lines_above_the_bars() {
        const THREADS: usize = 4;
        const RECORDS: usize = 50;
        let (console, screen) = on_screen(200);
        let options = LogOptions { level: LogLevel::Debug, format: LogFormat::Text, file: None };
        let (subscriber, _guard) = subscriber(&options, &console);
        let dispatch = tracing::Dispatch::new(subscriber);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let dispatch = dispatch.clone();
                scope.spawn(move || {
                    let log = || (0..RECORDS).for_each(|record| tracing::debug!(thread, record, "page listed"));
                    tracing::dispatcher::with_default(&dispatch, log);
                });
            }
            (0..100).for_each(|second| show(&console, &two(), second));
        });
        let shown = screen.lock().unwrap().lines();
        let is_record = |line: &&String| line.contains("DEBUG page listed thread=") && line[2..3] == *":";
        let records = shown.iter().take_while(is_record).count();
        assert_eq!(records, THREADS * RECORDS, "{shown:?}");
        assert!(shown[records].starts_with("1m39s  12/40 buckets"), "{shown:?}");
        console.clear();
        assert_eq!(screen.lock().unwrap().lines().len(), records);
    }

    #[test]
    fn what_the_terminal_echoes_goes_with_the_bars() {
        let (console, screen) = on_screen(40);
        show(&console, &two(), 1);
        screen.lock().unwrap().write_all(b"^C").unwrap();
        console.print("stopping");
        let shown = screen.lock().unwrap().lines();
        assert_eq!(shown[0], "stopping");
        assert!(!shown.iter().any(|line| line.contains("^C")), "{shown:?}");
        console.clear();
        assert_eq!(screen.lock().unwrap().lines(), ["stopping"]);
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
        let console = Console::over(Progress::Bar, false, Gone, || Size { rows: 24, columns: 60 });
        let (events, receiver) = Events::channel();
        let task = tokio::spawn(report(receiver, console.clone(), RunTag::default(), Duration::from_hours(1)));
        events.emit(started(0, "a")).await;
        console.print("a line");
        drop(events);
        task.await.unwrap();
    }
}
