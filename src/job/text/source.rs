//! One text that values come from, and where in it something stands.
//!
//! Responsible for lines and columns, and for how a text is named to a user. It leaves parsing to
//! `layers`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::job::problem::Position;

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The defaults that are built in.
    Defaults,
    /// A job file, one it extends, or a file it names.
    File,
    /// An environment variable.
    Variable,
    /// A flag of the command line.
    Flag,
}

/// One text that values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What kind of text it is.
    pub origin: Origin,
    /// A file's path as it was come by, or the variable's or flag's name.
    pub name: String,
    /// The text; of a variable or flag its value.
    pub text: String,
    /// The file's path; empty for what is no file. Unlike the name it need not be Unicode.
    pub path: PathBuf,
    /// Its place among the texts of the job: problems are told in this order.
    pub rank: usize,
    /// Where each line starts, so that a file of nonsense is not searched anew for every problem.
    line_starts: Vec<usize>,
}

impl Source {
    /// The text of a file.
    pub fn of_file(path: &Path, rank: usize, text: impl Into<String>) -> Self {
        let source = Self::new(Origin::File, rank, path.display().to_string(), text);
        Self { path: path.to_owned(), ..source }
    }

    /// A text that stands in no file.
    pub fn new(origin: Origin, rank: usize, name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let after_ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let line_starts = std::iter::once(0).chain(after_ends).collect();
        Self { origin, name: name.into(), path: PathBuf::new(), rank, line_starts, text }
    }

    /// Whether values may stand in it without quotes, as in a shell: what is no TOML is a string, and
    /// a number where a string belongs is the text it was written as.
    pub fn is_loose(&self) -> bool {
        matches!(self.origin, Origin::Variable | Origin::Flag)
    }

    /// What paths to other files in it are relative to.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The number, from 1, of the line that holds the byte `offset`.
    pub fn line_number(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The offset at which the line of this number starts.
    pub fn line_start(&self, number: usize) -> Option<usize> {
        self.line_starts.get(number.checked_sub(1)?).copied()
    }

    /// The text of the line of this number.
    pub fn line_text(&self, number: usize) -> &str {
        self.line_start(number).map_or("", |start| &self.text[self.line(start).1])
    }

    /// The line that holds the byte `offset`: its number, and its range without the line end.
    pub fn line(&self, offset: usize) -> (usize, Range<usize>) {
        let number = self.line_number(offset);
        let start = self.line_starts[number - 1];
        let next = self.line_starts.get(number).copied();
        let line = &self.text[start..next.unwrap_or(self.text.len())];
        let line = line.strip_suffix('\n').unwrap_or(line).trim_end_matches('\r');
        (number, start..start + line.len())
    }

    /// The numbers of the lines below that of a table's header, up to the next header.
    pub fn lines_below_header(&self, header: usize) -> Range<usize> {
        let starts = self.line_starts.iter().enumerate().skip(header);
        let mut headers =
            starts.filter(|(_, start)| self.text[**start..].trim_start_matches([' ', '\t']).starts_with('['));
        let end = headers.next().map_or(self.line_starts.len() + 1, |(index, _)| index + 1);
        header + 1..end
    }

    /// Where a span of the text stands; nowhere in what has no lines to speak of.
    pub fn position(&self, span: Range<usize>) -> Option<Position> {
        if self.is_loose() {
            return None;
        }
        let (line, range) = self.line(span.start);
        let start = self.text.floor_char_boundary(span.start);
        let before = &self.text[range.start..start.max(range.start)];
        let column = before.chars().count() + 1;
        Some(Position { line, column, span })
    }
}
