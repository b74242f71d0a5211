//! The one owner of standard error: bars and the lines above them.
//!
//! Owns that what is shown changes in one write, so that a line is whole and never in a bar, and that a
//! terminal that is gone is no error: a scan of hours outlives the window it was started in. What the
//! lines and the bars say is left to others.

use super::frame::{Frame, Line, Size};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// How progress is asked to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressChoice {
    /// As fits the terminal.
    #[default]
    Auto,
    /// Bars, even where `CI` is set; lines where there is no terminal to draw them on.
    Bar,
    /// A line from time to time.
    Plain,
    /// Not at all.
    None,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bars that are drawn again and again.
    Bar,
    /// A line from time to time.
    Plain,
    /// Not at all.
    None,
}

impl Progress {
    /// What is `wanted`; with `auto`, bars on a terminal that can move its cursor, unless `CI` is
    /// set, for what CI records is read later and as lines.
    #[must_use]
    pub fn resolve(wanted: ProgressChoice, is_terminal: bool, environment: impl Fn(&str) -> Option<String>) -> Self {
        match wanted {
            ProgressChoice::Bar if is_terminal => Self::Bar,
            ProgressChoice::None => Self::None,
            ProgressChoice::Auto if is_terminal && !is_ci(&environment) && !is_dumb(&environment) => Self::Bar,
            ProgressChoice::Bar | ProgressChoice::Plain | ProgressChoice::Auto => Self::Plain,
        }
    }
}

/// Whether text for people may be coloured: on a terminal, unless `NO_COLOR` is set and not empty
/// (<https://no-color.org>) or the terminal knows no colours.
#[must_use]
pub fn wants_colour(is_terminal: bool, environment: impl Fn(&str) -> Option<String>) -> bool {
    let no_colour = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !no_colour && !is_dumb(&environment)
}

/// A variable that is set to nothing counts as not set; people switch CI off by `false`.
fn is_ci(environment: &impl Fn(&str) -> Option<String>) -> bool {
    environment("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

fn is_dumb(environment: &impl Fn(&str) -> Option<String>) -> bool {
    environment("TERM").is_some_and(|terminal| terminal == "dumb")
}

/// Standard error. Clones share it.
#[derive(Clone)]
pub struct Console {
    progress: Progress,
    colour: bool,
    screen: Arc<Mutex<Screen>>,
}

/// What is written to, and what stands there.
struct Screen {
    sink: Box<dyn Write + Send>,
    size: Box<dyn Fn() -> Size + Send>,
    frame: Frame,
}

impl Screen {
    fn write(&mut self, text: &str) {
        // Should standard error be gone, there is nobody left to tell.
        let _ = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush());
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { progress, colour, .. } = self;
        formatter.debug_struct("Console").field("progress", progress).field("colour", colour).finish_non_exhaustive()
    }
}

impl Console {
    /// The console of the process. To be made once.
    #[must_use]
    pub fn new(progress: Progress, colour: bool) -> Self {
        Self::over(progress, colour, io::stderr(), terminal_size)
    }

    /// A console that is written to `sink`, and is as large as `size` says.
    pub(super) fn over(
        progress: Progress,
        colour: bool,
        sink: impl Write + Send + 'static,
        size: impl Fn() -> Size + Send + 'static,
    ) -> Self {
        let screen = Screen { sink: Box::new(sink), size: Box::new(size), frame: Frame::default() };
        Self { progress, colour, screen: Arc::new(Mutex::new(screen)) }
    }

    /// How progress is shown.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether text may be coloured.
    #[must_use]
    pub fn colour(&self) -> bool {
        self.colour
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How large the terminal is now.
    pub(super) fn size(&self) -> Size {
        (self.screen().size)()
    }

    /// Shows these lines below everything else until others are shown; for bars only.
    pub(super) fn show(&self, lines: Vec<Line>) {
        let mut screen = self.screen();
        let size = (screen.size)();
        if let Some(text) = screen.frame.replace(lines, size, self.colour) {
            screen.write(&text);
        }
    }

    /// Takes the bars off the terminal.
    pub fn clear(&self) {
        self.show(Vec::new());
    }

    /// Writes text, ended by a line feed, above the bars.
    pub fn print(&self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.write_lines(&format!("{text}{end}"));
    }

    fn write_lines(&self, lines: &str) {
        let mut screen = self.screen();
        let size = (screen.size)();
        let text = screen.frame.above(lines, size, self.colour);
        screen.write(&text);
    }
}

/// The size of the terminal behind standard error; the classic one where it does not say.
fn terminal_size() -> Size {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    size.map_or(Size { rows: 24, columns: 80 }, |size| Size { rows: size.ws_row.into(), columns: size.ws_col.into() })
}

/// Gathers a record and writes it at once when dropped.
#[derive(Debug)]
pub struct ConsoleWriter<'console> {
    console: &'console Console,
    record: Vec<u8>,
}

impl Write for ConsoleWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.record.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ConsoleWriter<'_> {
    fn drop(&mut self) {
        if !self.record.is_empty() {
            self.console.write_lines(&String::from_utf8_lossy(&self.record));
        }
    }
}

impl<'console> MakeWriter<'console> for Console {
    type Writer = ConsoleWriter<'console>;

    fn make_writer(&'console self) -> Self::Writer {
        ConsoleWriter { console: self, record: Vec::new() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::frame::Tone;
    use super::*;

    /// Writes into memory that is shared.
    pub struct Shared<T>(pub Arc<Mutex<T>>);

    impl<T: Write> Write for Shared<T> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A console without bars and what is written to it.
    pub fn captured(progress: Progress) -> (Console, Arc<Mutex<Vec<u8>>>) {
        let written = Arc::new(Mutex::new(Vec::new()));
        let size = || Size { rows: 24, columns: 80 };
        (Console::over(progress, false, Shared(written.clone()), size), written)
    }

    pub fn text(written: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(written.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn auto_is_bars_only_where_they_can_be_drawn() {
        use ProgressChoice::{Auto, Bar, None as Nothing, Plain};
        for (wanted, is_terminal, variables, expected) in [
            (Auto, true, &[][..], Progress::Bar),
            (Auto, true, &[("TERM", "xterm-256color"), ("CI", "")], Progress::Bar),
            (Auto, true, &[("CI", "false")], Progress::Bar),
            (Auto, true, &[("CI", "true")], Progress::Plain),
            (Auto, true, &[("TERM", "dumb")], Progress::Plain),
            (Auto, true, &[("NO_COLOR", "1")], Progress::Bar),
            (Auto, false, &[], Progress::Plain),
            (Bar, true, &[("CI", "true"), ("TERM", "dumb")], Progress::Bar),
            (Bar, false, &[], Progress::Plain),
            (Plain, true, &[], Progress::Plain),
            (Nothing, true, &[], Progress::None),
        ] {
            let resolved = Progress::resolve(wanted, is_terminal, environment(variables));
            assert_eq!(resolved, expected, "{wanted:?} {is_terminal} {variables:?}");
        }
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(wants_colour(true, environment(&[("NO_COLOR", "")])));
        assert!(!wants_colour(true, environment(&[("NO_COLOR", "false")])));
        assert!(!wants_colour(true, environment(&[("TERM", "dumb")])));
        assert!(!wants_colour(false, environment(&[])));
    }

    fn environment(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    /// Notes every write of its own.
    struct Writes(Arc<Mutex<Vec<String>>>);
    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_is_written_at_once() {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let size = || Size { rows: 24, columns: 80 };
        let console = Console::over(Progress::Plain, false, Writes(noted.clone()), size);
        let mut writer = console.make_writer();
        writer.write_all(b"one ").unwrap();
        writer.write_all(b"record\n").unwrap();
        assert!(noted.lock().unwrap().is_empty());
        drop(writer);
        console.print("a line");
        assert_eq!(*noted.lock().unwrap(), ["one record\n", "a line\n"]);
    }

    #[test]
    fn a_change_of_the_bars_is_one_write() {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let size = || Size { rows: 24, columns: 80 };
        let console = Console::over(Progress::Bar, false, Writes(noted.clone()), size);
        let lines = |texts: &[&str]| {
            let line = |text: &&str| Line { tone: Tone::Plain, text: (*text).to_owned() };
            texts.iter().map(line).collect::<Vec<_>>()
        };
        console.show(lines(&["a", "b"]));
        console.show(lines(&["a", "b"]));
        console.show(lines(&["a", "c", "d"]));
        console.print("a line");
        console.clear();
        console.clear();
        let expected =
            ["a\nb\n", "\r\u{1b}[2A\u{1b}[Ja\nc\nd\n", "\r\u{1b}[3A\u{1b}[Ja line\na\nc\nd\n", "\r\u{1b}[3A\u{1b}[J"];
        assert_eq!(*noted.lock().unwrap(), expected);
    }
}
