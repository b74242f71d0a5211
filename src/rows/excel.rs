//! Text for the dialect `excel`: fields that Excel would run or change are marked.
//!
//! Owns that no field begins a formula of the store's making. What begins with one of the characters
//! in OWASP's "CSV Injection" gets a `'` in front, which spreadsheets show.
//!
//! Excel reads what looks like a number or a date as one: leading zeros go, digits behind the 15th
//! become zeros, `1e5` is 100000 and `3/4` a day in March. Only a formula keeps such text without
//! showing a mark, `="007"`, which other spreadsheets evaluate too where their import is told to; a leading `'`
//! or tab would stay in the cell. What Excel takes for a date by a month's name, such as `MAR1`, is
//! left alone: which names those are depends on its language.

use super::csv::push_field;

/// Longest text in a formula that Excel takes, in characters.
const LONGEST_LITERAL: usize = 255;

/// What Excel would make of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Text,
    /// A formula, or what some spreadsheet takes for one.
    Formula,
    /// A number, a date or a time.
    Number,
}

fn reading(text: &[u8]) -> Reading {
    match text {
        // The last four are the same signs in full width, which East Asian versions take for them.
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n', ..] | [0xef, 0xbc, 0x8b | 0x8d | 0x9d | 0xa0, ..] => {
            Reading::Formula
        }
        _ if !text.iter().all(|byte| byte.is_ascii_digit() || b" .,:/+-eE%$()".contains(byte)) => Reading::Text,
        _ if !text.iter().any(u8::is_ascii_digit) => Reading::Text,
        // No formula takes it; the mark at least keeps its digits.
        _ if text.len() > LONGEST_LITERAL => Reading::Formula,
        _ => Reading::Number,
    }
}

/// Appends a text, marked and quoted if need be.
pub fn push_text(row: &mut Vec<u8>, text: &[u8]) {
    let start = row.len();
    match reading(text) {
        Reading::Text => push_field(row, text),
        Reading::Formula => {
            push_field(row, text);
            disarm(row, start);
        }
        Reading::Number => {
            row.extend_from_slice(text);
            keep_as_text(row, start);
        }
    }
}

/// Marks, if need be, the text that stands in `row` from `start` on and needs no quotes.
pub fn mark_text(row: &mut Vec<u8>, start: usize) {
    match reading(&row[start..]) {
        Reading::Text => {}
        Reading::Formula => disarm(row, start),
        Reading::Number => keep_as_text(row, start),
    }
}

/// Puts a `'` before the field from `start` on, inside its quotes: none of the characters that need
/// one is a quote itself.
fn disarm(row: &mut Vec<u8>, start: usize) {
    let quoted = row.get(start) == Some(&b'"');
    row.insert(start + usize::from(quoted), b'\'');
}

/// Turns the text from `start` on, in which no quote is, into a quoted formula.
fn keep_as_text(row: &mut Vec<u8>, start: usize) {
    const OPENING: &[u8] = b"\"=\"\"";
    row.extend_from_slice(OPENING);
    row[start..].rotate_right(OPENING.len());
    row.extend_from_slice(b"\"\"\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut row = b"before,".to_vec();
        push_text(&mut row, text.as_bytes());
        String::from_utf8(row).unwrap().strip_prefix("before,").unwrap().to_owned()
    }

    #[test]
    fn what_begins_a_formula_is_disarmed() {
        for (given, written) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("\nx", "\"'\nx\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("＝1", "'＝1"),
            ("－1", "'－1"),
        ] {
            assert_eq!(text(given), written);
        }
    }

    #[test]
    fn what_reads_as_a_number_or_a_date_stays_text() {
        for given in ["012345678901", "12345678901234567890", "1e5", "3/4", "2025-01-01", "1:30", "5%", "1,234", "7"] {
            assert_eq!(text(given), format!("\"=\"\"{given}\"\"\""), "{given}");
        }
        let long = "1".repeat(256);
        assert_eq!(text(&long), format!("'{long}"));
    }

    #[test]
    fn other_text_is_left_alone() {
        for given in ["", "a=b", "a,b", "e", "...", "--", "9b2cf535", "日", "ｆ", "logs/2025/01"] {
            let mut plain = Vec::new();
            push_field(&mut plain, given.as_bytes());
            let expected = if given == "--" { b"'--".to_vec() } else { plain };
            assert_eq!(text(given).into_bytes(), expected, "{given}");
        }
    }

    #[test]
    fn text_in_its_place_is_marked_as_if_it_were_pushed() {
        for given in ["-x", "007", "a", ""] {
            let mut row = b"before,".to_vec();
            let start = row.len();
            row.extend_from_slice(given.as_bytes());
            mark_text(&mut row, start);
            assert_eq!(&row[start..], text(given).as_bytes());
        }
    }
}
