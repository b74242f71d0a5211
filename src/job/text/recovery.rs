//! What is wrong with a text as TOML, and what is left of it when that is taken out.
//!
//! Responsible for telling each broken statement once, at the place where it went wrong, and for which
//! lines are in doubt because of it. It leaves the healthy rest to `layers`. It owns the invariant that
//! the rest keeps its places: what is taken out leaves spaces behind.
//!
//! The parser carries on behind some errors, but not behind all: a line without `=` ends its reading,
//! and a list that is not closed takes in what follows. So broken statements are blanked out and the
//! text is parsed again, until nothing is wrong with it.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeTable;

use super::source::Source;
use crate::job::problem::Refusal;

/// Most rounds of parsing; a text that needs more is told in part, and no job in any case.
const MOST_ROUNDS: usize = 64;

/// A text without its broken statements.
pub struct Recovered {
    /// As long as the source's text; spaces stand for what is broken.
    pub text: String,
    /// What is wrong, and where if the parser tells.
    pub broken: Vec<(Option<Range<usize>>, Refusal)>,
    /// The lines that are in doubt.
    pub doubted: BTreeSet<usize>,
}

/// Most broken statements after which no further round is made.
const MOST_BROKEN: usize = 1000;
/// Most lines above an error in which what is not closed is looked for.
const MOST_ABOVE: usize = 200;

/// What takes in all that follows it when it is not closed: what the parser says, the mark that opens
/// it, and what to say.
const MARKS: [(&str, &str, &str); 4] = [
    ("unclosed array", "[", "unclosed list, expected `]`"),
    ("unclosed inline table", "{", "unclosed table, expected `}`"),
    ("invalid multi-line basic string, expected `\"`", "\"\"\"", "unclosed text, expected `\"\"\"`"),
    ("invalid multi-line literal string, expected `'`", "'''", "unclosed text, expected `'''`"),
];

/// Takes the broken statements out of a text.
pub fn recover(source: &Source) -> Recovered {
    let mut recovered = Recovered { text: source.text.clone(), broken: Vec::new(), doubted: BTreeSet::new() };
    for _ in 0..MOST_ROUNDS {
        let (errors, nowhere) = errors(&recovered.text);
        if let Some(message) = nowhere {
            recovered.broken.push((None, refusal(&message, false)));
            break;
        }
        if errors.is_empty() {
            return recovered;
        }
        if recovered.broken.len() > MOST_BROKEN {
            break;
        }
        let mark = MARKS.into_iter().find(|mark| errors.iter().any(|(_, message)| message.starts_with(mark.0)));
        for (span, message) in errors {
            let unclosed = mark.and_then(|mark| unclosed(source, &recovered.text, span.start, mark));
            if let Some((opening, lines, refusal)) = unclosed {
                recovered.take_out(source, opening, lines, refusal);
                // What else is wrong is wrong because the parser looked for the end.
                break;
            }
            let line = source.line_number(span.start);
            // What else is wrong in a line is mostly a consequence.
            if !recovered.doubted.contains(&line) {
                let is_header = source.line_text(line).trim_start().starts_with('[');
                let end = if is_header { source.lines_below_header(line).end } else { line + 1 };
                let refusal = refusal(&message, span.is_empty());
                recovered.take_out(source, span, line..end, refusal);
            }
        }
    }
    // Nothing of what is left can be relied on.
    recovered.text.clear();
    recovered
}

impl Recovered {
    fn take_out(&mut self, source: &Source, span: Range<usize>, lines: Range<usize>, refusal: Refusal) {
        self.broken.push((Some(span), refusal));
        let (Some(start), Some(last)) = (source.line_start(lines.start), source.line_start(lines.end - 1)) else {
            return;
        };
        let range = start..source.line(last).1.end;
        let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
        let blanks: String = self.text[range.clone()].bytes().map(blank).collect();
        self.text.replace_range(range, &blanks);
        self.doubted.extend(lines);
    }
}

/// All errors by their places, and the first that has none.
fn errors(text: &str) -> (Vec<(Range<usize>, String)>, Option<String>) {
    let (_, errors) = DeTable::parse_recoverable(text);
    let nowhere = errors.iter().find(|error| error.span().is_none()).map(|error| error.message().to_owned());
    let placed = errors.iter().filter_map(|error| Some((error.span()?, error.message().to_owned())));
    let mut placed: Vec<_> = placed.collect();
    placed.sort_by_key(|(span, _)| span.start);
    (placed, nowhere)
}

/// What is opened above an error, or before it in its line, and not closed: its opening mark, its
/// lines, and what to say.
fn unclosed(
    source: &Source,
    text: &str,
    error: usize,
    (_, mark, message): (&str, &str, &str),
) -> Option<(Range<usize>, Range<usize>, Refusal)> {
    let is_text = mark.len() > 1;
    let line = source.line_number(error);
    let open = |value: &str| {
        if is_text {
            return value.rfind(mark).filter(|_| value.matches(mark).count() % 2 == 1);
        }
        first_open(value)
    };
    let (opened, opening) = (1..=line).rev().take(MOST_ABOVE).find_map(|number| {
        let start = source.line_start(number)?;
        let end = source.line(start).1.end.min(error);
        let (key, value) = text.get(start..end)?.split_once('=')?;
        let place = start + key.len() + 1;
        let at = open(value)?;
        // Closed in a line between.
        open(text.get(place..error)?)?;
        Some((number, place + at))
    })?;
    let is_at_end = error >= text.trim_end().len();
    let end = if is_text || is_at_end { source.line_number(text.len()) + 1 } else { line.max(opened + 1) };
    let refusal = Refusal::new(format!("not valid TOML: {message}"));
    Some((opening..opening + mark.len(), opened..end, refusal))
}

/// The outermost bracket that is not closed.
fn first_open(value: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    for (place, character) in value.char_indices() {
        match (quote, character) {
            (_, '\n') => quote = None,
            (None, '"' | '\'' | '#') => quote = Some(character),
            (Some(before), character) if before == character && before != '#' => quote = None,
            (None, '[' | '{') => open.push(place),
            (None, ']' | '}') => drop(open.pop()),
            _ => {}
        }
    }
    open.first().copied()
}

/// The parser's words, made plainer where they speak of its grammar.
fn refusal(message: &str, is_nothing: bool) -> Refusal {
    let plain = match message {
        "string values must be quoted, expected literal string" if is_nothing => "a value is missing",
        "string values must be quoted, expected literal string" => "a text stands in quotes",
        "invalid basic string, expected `\"`" => "unclosed text, expected `\"`",
        "invalid literal string, expected `'`" => "unclosed text, expected `'`",
        message if message.contains("recurs") => "tables or lists are nested too deeply",
        message if message.contains("visible characters") => "a character that a text cannot hold",
        message => message.trim_end_matches(", expected nothing"),
    };
    let refusal = Refusal::new(format!("not valid TOML: {plain}"));
    if message.contains("leading zero") {
        return refusal.hint("digits that are no number, such as an account id, stand in quotes");
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::text::Origin;

    fn recovered(text: &str) -> (String, usize, Vec<usize>) {
        let Recovered { text, broken, doubted } = recover(&Source::new(Origin::File, 0, "", text));
        (text, broken.len(), doubted.into_iter().collect())
    }

    #[test]
    fn what_is_healthy_keeps_its_place() {
        assert_eq!(recovered("a = 1\nb\nc = 2"), ("a = 1\n \nc = 2".to_owned(), 1, vec![2]));
        assert_eq!(recovered("é = é\nc = 2"), (" ".repeat(7) + "\nc = 2", 1, vec![1]));
        assert_eq!(recovered("[a\nb = 1\n[c]\nd = 2"), ("  \n     \n[c]\nd = 2".to_owned(), 1, vec![1, 2]));
        assert_eq!(recovered("a = 1"), ("a = 1".to_owned(), 0, vec![]));
    }

    #[test]
    fn what_is_not_closed_takes_in_nothing_else() {
        assert_eq!(recovered("a = [1,\n2\nb = 3"), ("       \n \nb = 3".to_owned(), 1, vec![1, 2]));
        assert_eq!(recovered("a = [ # ]\n[b]\nc = 3"), (" ".repeat(9) + "\n[b]\nc = 3", 1, vec![1]));
        assert_eq!(recovered("a = [\n1,\n]\nb = {\nc = 3"), ("a = [\n1,\n]\n     \n     ".to_owned(), 1, vec![4, 5]));
    }
}
