//! What is wrong with a job file, and where.
//!
//! Responsible for collecting problems, for their places in the source, and for showing them with
//! the line and a caret. It leaves to the rules what is wrong and what would be right. It owns two
//! invariants: [`Problems`] holds at least one problem, and a late rule blames the same place as a
//! parse error would.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};
use serde_json::{Value as Json, json};

use super::text::{Origin, Source};

/// Most problems shown in one text; the rest is counted. A file of nonsense shall not scroll away
/// the first line that explains it.
const MOST_SHOWN: usize = 100;

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
    /// The file as it was named by the caller, or the variable or flag.
    pub file: String,
    /// The place in the file; `None` when the file as a whole is to blame, or a variable or flag.
    pub position: Option<Position>,
    /// The dotted path of the key, for example `limits.concurrency`.
    pub key: Option<String>,
    /// What was found and what is allowed: a lower-case fragment without a final period.
    pub message: String,
    /// Advice on how to put it right.
    pub hint: Option<String>,
    source: Arc<Source>,
    /// The bytes to blame, also of a variable or flag, whose value has no lines to tell a position in.
    span: Option<Range<usize>>,
}

impl Problem {
    /// The problem for programs: `kind` is `file`, `variable` or `flag`; lines and columns count from
    /// 1, columns in characters, and are `null` where no place in a file is to blame.
    fn to_json(&self) -> Json {
        let kind = match self.source.origin {
            Origin::Defaults | Origin::File => "file",
            Origin::Variable => "variable",
            Origin::Flag => "flag",
        };
        // A variable or flag is named in back-ticks, among words for people.
        let name = match self.source.origin {
            Origin::Defaults | Origin::File => self.file.as_str(),
            Origin::Variable | Origin::Flag => {
                let quoted = self.file.split_once('`').and_then(|(_, rest)| rest.rsplit_once('`'));
                quoted.map_or(self.file.as_str(), |(name, _)| name)
            }
        };
        let end = self.position.as_ref().and_then(|at| self.source.position(at.span.end..at.span.end));
        let line = |position: &Option<Position>| position.as_ref().map(|at| at.line);
        let column = |position: &Option<Position>| position.as_ref().map(|at| at.column);
        json!({
            "kind": kind,
            "name": name,
            "line": line(&self.position),
            "column": column(&self.position),
            "end_line": line(&end),
            "end_column": column(&end),
            "key": self.key,
            "message": self.message,
            "hint": self.hint,
        })
    }

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
            None => group.element(annotate_snippets::Origin::path(&self.file)),
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
    /// One problem with a file as a whole, or with what is said for a key somewhere in the job.
    pub(super) fn of_file(path: &Path, key: Option<&str>, refusal: Refusal) -> Self {
        let source = Arc::new(Source::of_file(path, 0, String::new()));
        let mut findings = Findings::default();
        findings.refuse(&Blame { source, key: key.map(str::to_owned), span: None }, refusal);
        Self(findings.problems)
    }

    /// The problems, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// All problems for programs, each an object.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.0.iter().map(Problem::to_json).collect()
    }

    /// All problems as text, each with its source line and a caret below it; `color` adds ANSI
    /// colours. Lines end with LF, the last one too.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut pictures: Vec<String> =
            self.0.iter().take(MOST_SHOWN).map(|problem| problem.render(&renderer)).collect();
        if let Some(more) = self.0.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
            pictures.push(format!("... and {more} more"));
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
pub(super) struct Findings {
    problems: Vec<Problem>,
    /// The keys of the problems, for they are asked for at every table of which there may be many.
    keys: HashSet<String>,
}

impl Findings {
    /// Notes a problem whose message stands for itself.
    pub(super) fn add(&mut self, blame: &Blame, refusal: Refusal) {
        let position = blame.span.clone().and_then(|span| blame.source.position(span));
        self.push(Problem {
            file: blame.source.name.clone(),
            position,
            key: blame.key.clone(),
            message: refusal.message,
            hint: refusal.hint,
            source: Arc::clone(&blame.source),
            span: blame.span.clone(),
        });
    }

    fn push(&mut self, problem: Problem) {
        self.keys.extend(problem.key.clone());
        self.problems.push(problem);
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

    /// Takes over what was noted elsewhere, where the line is one that `is_wanted`.
    pub(super) fn take(&mut self, other: Self, is_wanted: impl Fn(usize) -> bool) {
        let wanted = |problem: &Problem| problem.position.as_ref().is_none_or(|at| is_wanted(at.line));
        other.problems.into_iter().filter(wanted).for_each(|problem| self.push(problem));
    }

    /// Whether a problem with this key was noted.
    pub(super) fn blames(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Whether a problem with a key was noted that stands in the same table as the one blamed.
    pub(super) fn blames_beside(&self, blame: &Blame, key: &str) -> bool {
        let table = blame.key.as_deref().and_then(|path| path.rsplit_once('.'));
        table.is_some_and(|(table, _)| self.blames(&format!("{table}.{key}")))
    }

    /// Whether a problem in the text of this name was noted.
    pub(super) fn names(&self, source: &str) -> bool {
        self.problems.iter().any(|problem| problem.file == source)
    }

    /// Whether a problem with a part of this value was noted.
    pub(super) fn is_inside(&self, blame: &Blame) -> bool {
        let Some(span) = &blame.span else {
            return false;
        };
        let inside = |problem: &Problem| {
            let within = |at: &Range<usize>| span.start <= at.start && at.end <= span.end;
            Arc::ptr_eq(&problem.source, &blame.source) && problem.span.as_ref().is_some_and(within)
        };
        self.problems.iter().any(inside)
    }

    /// The outcome: the job if it is whole and nothing was found.
    ///
    /// # Errors
    ///
    /// All problems, by text and place; those of a text as a whole come first. What was noted twice,
    /// for a file is read twice, is told once.
    pub(super) fn conclude<T>(mut self, outcome: Option<T>, job: &Blame) -> Result<T, Problems> {
        if self.problems.is_empty() {
            if let Some(whole) = outcome {
                return Ok(whole);
            }
            self.add(job, Refusal::new("the built-in defaults are incomplete"));
        }
        let place = |problem: &Problem| problem.position.as_ref().map(|at| at.span.start);
        self.problems.sort_by_key(|problem| (problem.source.rank, place(problem)));
        let mut told = HashSet::new();
        self.problems.retain(|problem| told.insert((problem.file.clone(), place(problem), problem.message.clone())));
        Err(Problems(self.problems))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blame(text: &str, span: Option<Range<usize>>) -> Blame {
        Blame { source: Arc::new(Source::new(Origin::File, 0, "job.toml", text)), key: None, span }
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
        for number in 0..103 {
            findings.add(&blame, Refusal::new(format!("no good {number}")));
        }
        let text = findings.conclude(None::<()>, &blame).unwrap_err().to_string();
        assert!(text.ends_with("\n\n... and 3 more\n"), "{text}");
    }
}
