//! What is wrong with a job file, and where.
//!
//! Responsible for collecting problems, for their places in the source, and for showing them with
//! the line and a caret. It leaves to the rules what is wrong and what would be right. It owns two
//! invariants: [`Problems`] holds at least one problem, and a late rule blames the same place as a
//! parse error would.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

/// Most problems shown in one text; the rest is counted. A file of nonsense shall not scroll away
/// the first line that explains it.
const MOST_SHOWN: usize = 100;

/// One text that values come from: a job file or the built-in defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
    /// Where each line starts, so that a file of nonsense is not searched anew for every problem.
    line_starts: Vec<usize>,
}

impl Source {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let after_ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self { name: name.into(), line_starts: std::iter::once(0).chain(after_ends).collect(), text }
    }

    /// The number, from 1, of the line that holds the byte `offset`.
    pub(super) fn line_number(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The line that holds the byte `offset`: its number, and its range without the line end.
    fn line(&self, offset: usize) -> (usize, Range<usize>) {
        let number = self.line_number(offset);
        let start = self.line_starts[number - 1];
        let next = self.line_starts.get(number).copied();
        let line = &self.text[start..next.unwrap_or(self.text.len())];
        let line = line.strip_suffix('\n').unwrap_or(line).trim_end_matches('\r');
        (number, start..start + line.len())
    }

    fn position(&self, span: Range<usize>) -> Position {
        let (line, range) = self.line(span.start);
        let start = self.text.floor_char_boundary(span.start);
        let before = &self.text[range.start..start.max(range.start)];
        let column = before.chars().count() + 1;
        Position { line, column, span }
    }
}

/// Whom a problem with a value is laid to: the source, the key's path, and the bytes, where known.
#[derive(Debug, Clone)]
pub(super) struct Blame {
    pub(super) source: Arc<Source>,
    pub(super) key: Option<String>,
    pub(super) span: Option<Range<usize>>,
}

/// A value as read from a source, and whom to blame for it.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) blame: Blame,
}

/// Why a rule does not accept a value: what was found, and advice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Where a problem stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes of the file, half-open.
    pub span: Range<usize>,
}

/// One thing that is wrong with a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named by the caller.
    pub file: String,
    /// The place in the file; `None` when the file as a whole is to blame.
    pub position: Option<Position>,
    /// The dotted path of the key, for example `limits.concurrency`.
    pub key: Option<String>,
    /// What was found and what is allowed: a lower-case fragment without a final period.
    pub message: String,
    /// Advice on how to put it right.
    pub hint: Option<String>,
    source: Arc<Source>,
}

impl Problem {
    fn render(&self, renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(normalize_untrusted_str(&self.message)));
        // Only the line itself is handed over: a picture then costs the length of a line, not of the
        // file.
        group = match &self.position {
            Some(position) => {
                let (number, line) = self.source.line(position.span.start);
                let text = &self.source.text[line.clone()];
                let within = |offset: usize| offset.clamp(line.start, line.end) - line.start;
                let start = text.floor_char_boundary(within(position.span.start));
                let end = text.ceil_char_boundary(within(position.span.end));
                group.element(
                    Snippet::source(text)
                        .line_start(number)
                        .path(&self.file)
                        .annotation(AnnotationKind::Primary.span(start..end)),
                )
            }
            None => group.element(Origin::path(&self.file)),
        };
        if let Some(hint) = &self.hint {
            let hint = normalize_untrusted_str(hint);
            group = group.element(Level::HELP.with_name("hint").message(hint));
        }
        renderer.render(&[group])
    }
}

/// Everything that is wrong with a job, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// All problems as text, each with its source line and a caret below it; `color` adds ANSI
    /// colours. Lines end with LF, the last one too.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut pictures: Vec<String> =
            self.0.iter().take(MOST_SHOWN).map(|problem| problem.render(&renderer)).collect();
        if let Some(more) = self.0.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
            pictures.push(format!("... and {more} more problems"));
        }
        pictures.join("\n\n") + "\n"
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Collects problems while the reading and the checking go on.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Problem>);

impl Findings {
    /// Notes a problem whose message stands for itself.
    pub(super) fn add(&mut self, blame: &Blame, refusal: Refusal) {
        let position = blame.span.clone().map(|span| blame.source.position(span));
        self.0.push(Problem {
            file: blame.source.name.clone(),
            position,
            key: blame.key.clone(),
            message: refusal.message,
            hint: refusal.hint,
            source: Arc::clone(&blame.source),
        });
    }

    /// Notes a problem with a key's value; the key's path opens the message.
    pub(super) fn refuse(&mut self, blame: &Blame, mut refusal: Refusal) {
        if let Some(key) = &blame.key {
            refusal.message = format!("`{key}`: {}", refusal.message);
        }
        self.add(blame, refusal);
    }

    /// Applies a rule to a value that may be absent. `None` says that it is absent, or that it was
    /// refused and the refusal noted, so checking can carry on either way.
    pub(super) fn accept<W: Borrow<B>, B: ?Sized, T>(
        &mut self,
        written: Option<&Written<W>>,
        rule: impl FnOnce(&B) -> Result<T, Refusal>,
    ) -> Option<T> {
        let written = written?;
        rule(written.value.borrow()).map_err(|refusal| self.refuse(&written.blame, refusal)).ok()
    }

    /// Whether a problem with this key was noted.
    pub(super) fn blames(&self, key: &str) -> bool {
        self.0.iter().any(|problem| problem.key.as_deref() == Some(key))
    }

    /// The outcome: the job if it is whole and nothing was found.
    ///
    /// # Errors
    ///
    /// All problems, by file and place; those of a file as a whole come first.
    pub(super) fn conclude<T>(mut self, outcome: Option<T>, file: &Blame) -> Result<T, Problems> {
        if self.0.is_empty() {
            if let Some(whole) = outcome {
                return Ok(whole);
            }
            self.add(file, Refusal::new("the built-in defaults are incomplete"));
        }
        self.0.sort_by(|left, right| {
            let order = |problem: &Problem| problem.position.as_ref().map(|at| at.span.start);
            (&left.file, order(left)).cmp(&(&right.file, order(right)))
        });
        Err(Problems(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blame(text: &str, span: Option<Range<usize>>) -> Blame {
        Blame { source: Arc::new(Source::new("job.toml", text)), key: None, span }
    }

    fn problems(blame: &Blame) -> Problems {
        let mut findings = Findings::default();
        findings.add(blame, Refusal::new("no good").hint("try another"));
        findings.conclude(None::<()>, blame).unwrap_err()
    }

    #[test]
    fn the_caret_stands_at_line_and_column() {
        let blame = blame("é = 1\r\nü = \"ä\" # x\r\n", Some(13..17));
        let problems = problems(&blame);
        let position = problems.iter().next().unwrap().position.clone();
        let expected = Position { line: 2, column: 5, span: 13..17 };
        assert_eq!(position, Some(expected));
        insta::assert_snapshot!(problems, @r#"
error: no good
 --> job.toml:2:5
  |
2 | ü = "ä" # x
  |     ^^^
  |
  = hint: try another
"#);
    }

    #[test]
    fn a_file_as_a_whole_has_no_line() {
        insta::assert_snapshot!(problems(&blame("x = 1", None)), @r#"
error: no good
--> job.toml
 = hint: try another
"#);
    }

    #[test]
    fn any_span_can_be_shown() {
        let text = "a = \"é\"\n\n[b]\n";
        for start in 0..text.len() + 2 {
            for end in start..text.len() + 2 {
                assert!(!problems(&blame(text, Some(start..end))).render(true).is_empty());
            }
        }
    }

    #[test]
    fn a_flood_is_counted() {
        let blame = blame("x = 1", Some(0..1));
        let mut findings = Findings::default();
        for _ in 0..103 {
            findings.add(&blame, Refusal::new("no good"));
        }
        let text = findings.conclude(None::<()>, &blame).unwrap_err().to_string();
        assert!(text.ends_with("\n\n... and 3 more problems\n"), "{text}");
    }
}
