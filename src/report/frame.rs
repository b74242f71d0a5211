//! The lines at the bottom of a terminal that are drawn again and again.
//!
//! Owns that no line of a frame is as wide as the terminal, so that none is ever wrapped, and that
//! what takes a frame off takes off all of it: also after the terminal became narrower and wrapped its
//! lines itself, and also what a terminal echoes meanwhile, such as `^C`. For that the cursor rests on
//! a line of its own below the frame. Indicatif draws the lines, on a terminal that makes one text of
//! every change; writing it is left to the console.

use super::names::{shortened, width_of};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, mem};

/// How a line of a frame is shown where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What is to be seen first.
    Strong,
    /// As it is.
    Plain,
    /// What matters least.
    Faint,
}

/// A line of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it is shown.
    pub tone: Tone,
    /// What it says; without control characters.
    pub text: String,
}

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl Size {
    /// Columns that a line of a frame may fill. In the last one some terminals wrap at once.
    #[must_use]
    pub fn line(self) -> usize {
        self.columns.saturating_sub(1).max(1)
    }

    /// Lines a frame may have: the cursor rests below it, and a line of what was told before it stays
    /// in sight.
    #[must_use]
    pub fn lines(self) -> usize {
        self.rows.saturating_sub(2).max(1)
    }
}

/// The frame that is on the terminal: a bar of indicatif for each line of it.
#[derive(Debug)]
pub struct Frame {
    lines: Vec<Line>,
    size: Option<Size>,
    group: MultiProgress,
    bars: Vec<ProgressBar>,
    terminal: Terminal,
}

impl Default for Frame {
    fn default() -> Self {
        let terminal = Terminal::default();
        // Without a rate: how often a frame changes is for those who show it.
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let group = MultiProgress::with_draw_target(target);
        Self { lines: Vec::new(), size: None, group, bars: Vec::new(), terminal }
    }
}

impl Frame {
    /// Puts other lines in the place of those that are there; `None` where these are the same.
    pub fn replace(&mut self, lines: Vec<Line>, size: Size, colour: bool) -> Option<String> {
        if lines == self.lines {
            return None;
        }
        self.lines = lines;
        self.lay_out(size, colour);
        Some(self.terminal.picture().change())
    }

    /// Puts whole lines of text above the frame.
    pub fn above(&mut self, lines: &str, size: Size, colour: bool) -> String {
        if self.size != Some(size) {
            self.lay_out(size, colour);
        }
        self.group.suspend(|| self.terminal.picture().above.push_str(lines));
        self.terminal.picture().change()
    }

    /// Lets the bars say what the lines say, as far as it fits.
    fn lay_out(&mut self, size: Size, colour: bool) {
        self.size = Some(size);
        self.terminal.picture().size = size;
        let count = self.lines.len().min(size.lines());
        for bar in self.bars.drain(count.min(self.bars.len())..) {
            self.group.remove(&bar);
        }
        while self.bars.len() < count {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(message_only());
            self.bars.push(self.group.add(bar));
        }
        for (bar, line) in self.bars.iter().zip(&self.lines) {
            bar.set_message(line.fitted(size, colour));
        }
        if self.bars.is_empty() {
            // The terminal here never fails; a bar that is removed is not taken off by itself.
            let _ = self.group.clear();
        }
    }
}

impl Line {
    fn fitted(&self, size: Size, colour: bool) -> String {
        let cut = shortened(self.text.trim_end(), size.line());
        match self.tone {
            Tone::Strong if colour => format!("\u{1b}[1m{cut}\u{1b}[0m"),
            Tone::Faint if colour => format!("\u{1b}[2m{cut}\u{1b}[0m"),
            _ => cut.into_owned(),
        }
    }
}

/// With a line feed, without which an empty message has no row.
fn message_only() -> ProgressStyle {
    ProgressStyle::with_template("{msg}\n").expect("the template is constant and has one known key")
}

/// What indicatif draws on. All bars are drawn anew for every one that changes, and a bar that indicatif
/// fills up is one line with the next to a terminal that becomes narrower: so it draws a picture here,
/// which is then put on the real terminal at once. Clones share it.
#[derive(Clone, Debug, Default)]
struct Terminal(Arc<Mutex<Picture>>);

impl Terminal {
    fn picture(&self) -> MutexGuard<'_, Picture> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be on the terminal, and what is there.
#[derive(Debug, Default)]
struct Picture {
    size: Size,
    /// What goes above the frame.
    above: String,
    /// The rows of the frame; the last one is open until it is filled.
    rows: Vec<String>,
    is_open: bool,
    /// How wide the lines are that are on the terminal.
    drawn: Vec<usize>,
}

impl Picture {
    /// What makes the terminal look like this: the cursor goes up to the first row of the frame that is
    /// there, from where on all is erased (CUU and ED of ECMA-48).
    fn change(&mut self) -> String {
        let columns = self.size.columns.max(1);
        // A terminal that became narrower has wrapped the lines that did not fit.
        let rows: usize = self.drawn.drain(..).map(|width| width.div_ceil(columns).max(1)).sum();
        let mut text = match rows {
            0 => String::new(),
            rows => format!("\r\u{1b}[{rows}A\u{1b}[J"),
        };
        text.push_str(&mem::take(&mut self.above));
        for row in &self.rows {
            text.push_str(row);
            text.push('\n');
        }
        self.drawn.extend(self.rows.iter().map(|row| uncoloured_width(row)));
        text
    }
}

/// The columns of a line that may be coloured.
fn uncoloured_width(line: &str) -> usize {
    let mut parts = line.split("\u{1b}[");
    let plain = parts.next().map_or(0, width_of);
    // Each escape here ends at its first `m`.
    plain + parts.map(|part| part.split_once('m').map_or(0, |(_, text)| width_of(text))).sum::<usize>()
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        // One more than a line fills, so that indicatif has a blank to fill each row with.
        u16::try_from(self.picture().size.line() + 1).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.picture().size.rows.max(1)).unwrap_or(u16::MAX)
    }

    // Indicatif moves only between the rows that it clears, and it clears all or none.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut picture = self.picture();
        picture.rows.clear();
        picture.is_open = false;
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.write_str(" ")
    }

    /// Indicatif fills each row with blanks up to where the terminal wraps it. Blanks alone end a row
    /// here instead: a terminal that becomes narrower would wrap them too.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut picture = self.picture();
        if !picture.is_open {
            picture.rows.push(String::new());
        }
        picture.is_open = text.is_empty() || !text.bytes().all(|byte| byte == b' ');
        if picture.is_open
            && let Some(row) = picture.rows.last_mut()
        {
            row.push_str(text);
        }
        Ok(())
    }

    /// Nothing: the frame hands the change to who writes it.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { rows: 24, columns: 20 };

    fn plain(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line { tone: Tone::Plain, text: (*text).to_owned() }).collect()
    }

    #[test]
    fn the_same_lines_are_not_drawn_again() {
        let mut frame = Frame::default();
        assert_eq!(frame.replace(plain(&["a", "b"]), SIZE, false).as_deref(), Some("a\nb\n"));
        assert_eq!(frame.replace(plain(&["a", "b"]), SIZE, false), None);
        assert_eq!(frame.replace(plain(&["c"]), SIZE, false).as_deref(), Some("\r\u{1b}[2A\u{1b}[Jc\n"));
        assert_eq!(frame.above("told\n", SIZE, false), "\r\u{1b}[1A\u{1b}[Jtold\nc\n");
        assert_eq!(frame.replace(Vec::new(), SIZE, false).as_deref(), Some("\r\u{1b}[1A\u{1b}[J"));
        assert_eq!(frame.above("told\n", SIZE, false), "told\n");
    }

    #[test]
    fn lines_are_cut_by_what_they_fill() {
        let mut frame = Frame::default();
        let text = frame.replace(plain(&["バケットバケットバケット"]), SIZE, false).unwrap();
        assert_eq!(text, "バケットバケ…ケット\n");
        let narrow = Size { rows: 3, columns: 1 };
        assert_eq!(frame.replace(plain(&["ab", "cd"]), narrow, false).unwrap().chars().last(), Some('\n'));
        assert_eq!(frame.terminal.picture().drawn, [1], "one row is left of three, and one column of it");
    }

    #[test]
    fn what_a_narrower_terminal_wrapped_is_taken_off_whole() {
        let mut frame = Frame::default();
        frame.replace(plain(&["0123456789012345678", "short"]), SIZE, false);
        let narrow = Size { columns: 8, ..SIZE };
        let text = frame.replace(plain(&["x"]), narrow, false).unwrap();
        assert_eq!(text, "\r\u{1b}[4A\u{1b}[Jx\n", "19 columns are three rows of 8, and `short` is one");
    }

    #[test]
    fn a_low_terminal_shows_what_fits() {
        let mut frame = Frame::default();
        let low = Size { rows: 4, columns: 20 };
        assert_eq!(frame.replace(plain(&["a", "b", "c", "d"]), low, false).as_deref(), Some("a\nb\n"));
    }

    #[test]
    fn tones_are_colours_where_there_are_any() {
        let mut frame = Frame::default();
        let line = |tone| Line { tone, text: "x".to_owned() };
        let text = frame.replace(vec![line(Tone::Strong), line(Tone::Plain), line(Tone::Faint)], SIZE, true);
        assert_eq!(text.as_deref(), Some("\u{1b}[1mx\u{1b}[0m\nx\n\u{1b}[2mx\u{1b}[0m\n"));
    }

    #[test]
    fn frames_grow_and_shrink_and_blank_lines_are_lines() {
        for columns in [1, 2, 24, 40, 80, 200] {
            let size = Size { rows: 24, columns };
            let line = size.line();
            let full = "x".repeat(line);
            let mut frame = Frame::default();
            let mut shown = 0;
            for texts in [vec![], vec!["", &full], vec!["  ", "a", "", "b"], vec!["b"], vec![""], vec![&full, "a"]] {
                let Some(text) = frame.replace(plain(&texts), size, false) else { continue };
                let off = if shown == 0 { String::new() } else { format!("\r\u{1b}[{shown}A\u{1b}[J") };
                let drawn = texts.iter().map(|text| format!("{}\n", shortened(text.trim_end(), line)));
                let drawn = drawn.collect::<Vec<_>>().concat();
                assert_eq!(text, format!("{off}{drawn}"), "{columns}");
                shown = texts.len();
                assert_eq!(frame.above("told\n", size, false), format!("\r\u{1b}[{shown}A\u{1b}[Jtold\n{drawn}"));
            }
        }
    }

    #[test]
    fn lines_fit_the_terminal_of_now_also_below_what_is_told() {
        let mut frame = Frame::default();
        let long = Line { tone: Tone::Strong, text: "0123456789".repeat(9) };
        let mut width = 0;
        for columns in [200, 80, 40, 24, 9, 80] {
            let size = Size { rows: 24, columns };
            let text = if width == 0 {
                frame.replace(vec![long.clone(), long.clone()], size, true).unwrap()
            } else {
                frame.above("told\n", size, true)
            };
            let off = match width {
                0 => String::new(),
                width => format!("\r\u{1b}[{}A\u{1b}[Jtold\n", 2 * usize::div_ceil(width, columns)),
            };
            let drawn = format!("\u{1b}[1m{}\u{1b}[0m\n", shortened(&long.text, size.line()));
            assert_eq!(text, format!("{off}{drawn}{drawn}"), "{columns}");
            width = 90.min(columns - 1);
        }
    }
}
