//! Fields and rows of CSV, as every dialect has them: RFC 4180, separated by commas, rows ended by a
//! line feed with or without a carriage return before it.
//!
//! Bytes are written as they are; a field is quoted only where a comma, a quote, a carriage return
//! or a line feed is in it, with its quotes doubled. That is also what Python's `csv.writer` does by
//! default (`QUOTE_MINIMAL`), whose line terminator is the same two characters.

use crate::s3::contains_any;
use memchr::memchr;

/// Appends `field`, quoted if need be.
#[inline]
pub fn push_field(row: &mut Vec<u8>, field: &[u8]) {
    if contains_any(field, *b",\"\n\r") {
        push_quoted(row, field);
    } else {
        row.extend_from_slice(field);
    }
}

fn push_quoted(row: &mut Vec<u8>, field: &[u8]) {
    row.push(b'"');
    let mut rest = field;
    while let Some(quote) = memchr(b'"', rest) {
        row.extend_from_slice(&rest[..=quote]);
        row.push(b'"');
        rest = &rest[quote + 1..];
    }
    row.extend_from_slice(rest);
    row.push(b'"');
}

/// Where the row that begins at the start of `rows` ends, behind its line feed; `None` where `rows`
/// holds no whole row. Line feeds inside quotes do not count.
#[must_use]
pub fn row_end(rows: &[u8]) -> Option<usize> {
    let mut quoted = false;
    for at in memchr::memchr2_iter(b'"', b'\n', rows) {
        if rows[at] == b'"' {
            // A doubled quote inside a field closes and opens again: the parity stays right.
            quoted = !quoted;
        } else if !quoted {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(text: &[u8]) -> Vec<u8> {
        let mut row = Vec::new();
        push_field(&mut row, text);
        row
    }

    #[test]
    fn quoting_is_minimal() {
        for (text, written) in [
            ("", ""),
            ("plain", "plain"),
            (" spaces ", " spaces "),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("return\r", "\"return\r\""),
            ("behind a block of 16,", "\"behind a block of 16,\""),
            ("'=cmd'", "'=cmd'"),
        ] {
            assert_eq!(field(text.as_bytes()), written.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn the_csv_crate_reads_back_every_byte(records in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 2..5), 1..6)
        ) {
            let mut rows = Vec::new();
            let mut ends = Vec::new();
            for record in &records {
                for (index, text) in record.iter().enumerate() {
                    if index > 0 {
                        rows.push(b',');
                    }
                    push_field(&mut rows, text);
                }
                rows.push(b'\n');
                ends.push(rows.len());
            }
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rows.as_slice());
            let read: Vec<Vec<Vec<u8>>> =
                reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect();
            prop_assert_eq!(read, records);
            let mut at = 0;
            for end in ends {
                at += row_end(&rows[at..]).unwrap();
                prop_assert_eq!(at, end);
            }
        }
    }
}
