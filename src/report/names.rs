//! Text that others chose, such as names and reasons from a server, made fit for a terminal.
//!
//! Owns that no such text can move the cursor, break a line or turn the reading direction, and how
//! many columns text fills.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// `text` with control characters, and those that change the direction of reading, written as
/// escapes such as `\n` and `\u{202e}`.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters, line and paragraph separators, and the explicit directional formatting
/// characters of Unicode's bidirectional algorithm (UAX #9, 2).
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` in at most `width` characters, the last one `…` where it was cut.
#[must_use]
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().nth(width).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    Cow::Owned(short)
}

/// The columns that text fills on a terminal (UAX #11). What should fill none is counted as one:
/// not every terminal knows, and a line that is too short does no harm.
#[must_use]
pub fn width_of(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(character: char) -> usize {
    character.width().unwrap_or(0).max(1)
}

/// `text` in at most `width` columns. What is left out is taken from its middle and stands as `…`:
/// names of buckets differ at their ends.
#[must_use]
pub fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    if width_of(text) <= width {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(1);
    let head = fitting(text.chars(), room - room / 3);
    let rest: String = text.chars().rev().collect();
    let tail = fitting(rest.chars(), room - width_of(&head));
    let mut short = head;
    short.push('…');
    short.extend(tail.chars().rev());
    Cow::Owned(short)
}

fn fitting(characters: impl Iterator<Item = char>, mut room: usize) -> String {
    characters
        .take_while(|character| {
            let fits = columns(*character) <= room;
            room = room.saturating_sub(columns(*character));
            fits
        })
        .collect()
}

/// `text` with blanks behind it, so that it fills at least `width` columns.
#[must_use]
pub fn padded(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(width_of(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_made_visible() {
        for (text, shown) in [
            ("plain-bucket", "plain-bucket"),
            ("日本 \"quoted\"", "日本 \"quoted\""),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{9b}31m\0", "\\u{9b}31m\\u{0}"),
            ("a\u{202e}gnp", "a\\u{202e}gnp"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("äöüß", 4), "äöüß");
        assert_eq!(cut("äöüß!", 4), "äöü…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn text_is_shortened_in_its_middle() {
        for (text, width, expected) in [
            ("prod/logs", 9, "prod/logs"),
            ("prod/logs-eu-west-1", 13, "prod/log…st-1"),
            ("äöüß!", 4, "äö…!"),
            ("バケット", 8, "バケット"),
            ("バケット", 7, "バケ…ト"),
            ("abc", 1, "…"),
        ] {
            let short = shortened(text, width);
            assert_eq!(short, expected);
            assert!(width_of(&short) <= width);
        }
        assert_eq!((width_of("e\u{301}"), padded("バ", 4)), (2, "バ  ".to_owned()));
    }
}
