//! Fields that take more than copying: those of few columns, and those a dialect writes in its own
//! way.
//!
//! Responsible for the text of every varying field in every dialect. It leaves the order of fields and
//! the way past all this, where nothing is to be shaped, to `encoder`.

use super::csv::push_field;
use super::percent::push_percent_encoded;
use super::{excel, instant};
use crate::job::Dialect;
use crate::s3::Object;

/// A field that differs from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Key,
    PercentEncodedKey,
    Size,
    LastModified,
    StorageClass,
    Etag,
    ChecksumAlgorithm,
    ChecksumType,
    OwnerId,
    RestoreInProgress,
    RestoreExpiry,
    IsMultipart,
}

/// Writes fields in one dialect.
#[derive(Clone, Copy, Debug)]
pub struct Shaper {
    pub dialect: Dialect,
    /// Whether a row has one field only: an empty one is then quoted, for readers skip empty lines.
    pub is_alone: bool,
}

impl Shaper {
    /// Whether a value is written as the object has it, quoted if need be.
    pub fn is_copied(self, value: Value) -> bool {
        match value {
            _ if self.is_alone => false,
            Value::Size => true,
            Value::Key | Value::StorageClass | Value::Etag => self.dialect != Dialect::Excel,
            Value::LastModified => self.dialect == Dialect::Standard,
            _ => false,
        }
    }

    /// Appends a field. `last_modified` is the object's instant in UTC, empty where there is none.
    #[cold]
    pub fn push(self, row: &mut Vec<u8>, value: Value, object: &Object<'_>, last_modified: &[u8]) {
        let start = row.len();
        match value {
            Value::Key => self.text(row, object.key),
            Value::PercentEncodedKey => {
                push_percent_encoded(row, object.key);
                if self.dialect == Dialect::Excel {
                    excel::mark_text(row, start);
                }
            }
            Value::Size => row.extend_from_slice(object.size.text),
            Value::LastModified => self.instant(row, last_modified),
            Value::StorageClass => self.text(row, object.storage_class),
            Value::Etag => self.text(row, object.etag),
            Value::ChecksumAlgorithm => self.text(row, object.details.checksum_algorithm),
            Value::ChecksumType => self.text(row, object.details.checksum_type),
            Value::OwnerId => self.text(row, object.details.owner_id),
            Value::RestoreInProgress => {
                if let known @ (b"true" | b"false") = object.details.restore_in_progress {
                    row.extend_from_slice(known);
                }
            }
            Value::RestoreExpiry => {
                let expiry = object.details.restore_expiry;
                if instant::parse_utc(expiry).is_some() {
                    self.instant(row, expiry);
                } else if let Some((_, text)) = instant::parse_any(expiry) {
                    self.instant(row, text.as_bytes());
                }
            }
            Value::IsMultipart => row.extend_from_slice(is_multipart(object.etag)),
        }
        self.fill(row, start);
    }

    /// Appends a field that is the same in all rows of a bucket.
    pub fn push_constant(self, row: &mut Vec<u8>, text: &str) {
        let start = row.len();
        self.text(row, text.as_bytes());
        self.fill(row, start);
    }

    fn text(self, row: &mut Vec<u8>, text: &[u8]) {
        match self.dialect {
            Dialect::Standard | Dialect::Classic => push_field(row, text),
            Dialect::Excel => excel::push_text(row, text),
        }
    }

    /// Appends an RFC 3339 instant in UTC, or nothing where there is none.
    fn instant(self, row: &mut Vec<u8>, text: &[u8]) {
        match self.dialect {
            Dialect::Standard => row.extend_from_slice(text),
            Dialect::Classic => instant::push_as_python(row, text),
            Dialect::Excel => instant::push_as_excel(row, text),
        }
    }

    fn fill(self, row: &mut Vec<u8>, start: usize) {
        if self.is_alone && row.len() == start {
            row.extend_from_slice(b"\"\"");
        }
    }
}

/// Whether an entity tag is that of a multipart upload: it then ends in the number of parts.
fn is_multipart(etag: &[u8]) -> &'static [u8] {
    let digits = etag.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = &etag[..etag.len() - digits];
    match etag {
        [] => b"",
        _ if digits > 0 && before.ends_with(b"-") => b"true",
        _ => b"false",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::{Details, Size};

    fn alone(dialect: Dialect, value: Value, object: &Object<'_>) -> String {
        written(Shaper { dialect, is_alone: true }, value, object)
    }

    fn written(shaper: Shaper, value: Value, object: &Object<'_>) -> String {
        let mut row = Vec::new();
        shaper.push(&mut row, value, object, object.last_modified);
        String::from_utf8(row).unwrap()
    }

    fn field(value: Value, object: &Object<'_>) -> String {
        written(Shaper { dialect: Dialect::Standard, is_alone: false }, value, object)
    }

    #[test]
    fn multipart_is_inferred_from_the_entity_tag() {
        for (etag, expected) in [
            ("", ""),
            ("9b2cf535f27731c974343645a3985328", "false"),
            ("9b2cf535f27731c974343645a3985328-1", "true"),
            ("9b2cf535f27731c974343645a3985328-10000", "true"),
            ("9b2cf535-", "false"),
            ("9b2-cf535", "false"),
            ("-12", "true"),
            ("12", "false"),
        ] {
            let object = Object { etag: etag.as_bytes(), ..Object::default() };
            assert_eq!(field(Value::IsMultipart, &object), expected, "{etag}");
        }
    }

    #[test]
    fn details_that_cannot_be_are_left_out() {
        let restore = |in_progress: &str, expiry: &str| {
            let details = Details {
                restore_in_progress: in_progress.as_bytes(),
                restore_expiry: expiry.as_bytes(),
                ..Details::default()
            };
            let object = Object { details: &details, ..Object::default() };
            (field(Value::RestoreInProgress, &object), field(Value::RestoreExpiry, &object))
        };
        let both = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(restore("true", ""), both("true", ""));
        assert_eq!(restore("false", "2025-12-21T00:00:00.000Z"), both("false", "2025-12-21T00:00:00.000Z"));
        assert_eq!(restore("no", "2025-12-21T01:00:00+01:00"), both("", "2025-12-21T00:00:00Z"));
        assert_eq!(restore("", "soon"), both("", ""));
    }

    #[test]
    fn the_one_field_of_a_row_is_never_an_empty_line() {
        let empty = Object::default();
        for value in [Value::Key, Value::Size, Value::LastModified, Value::RestoreInProgress, Value::IsMultipart] {
            for dialect in [Dialect::Standard, Dialect::Excel] {
                assert_eq!(alone(dialect, value, &empty), "\"\"");
            }
            assert_eq!(field(value, &empty), "");
        }
        let object = Object { key: b"k", size: Size::new(b"7"), ..empty };
        assert_eq!(alone(Dialect::Standard, Value::Key, &object), "k");
        assert_eq!(alone(Dialect::Standard, Value::Size, &object), "7");
        let mut row = Vec::new();
        Shaper { dialect: Dialect::Standard, is_alone: true }.push_constant(&mut row, "");
        assert_eq!(row, b"\"\"");
    }

    #[test]
    fn percent_encoded_keys_are_marked_for_excel_too() {
        for (key, standard, excel) in [
            ("-x y", "-x%20y", "'-x%20y"),
            ("=1", "%3D1", "%3D1"),
            ("007", "007", "\"=\"\"007\"\"\""),
            ("a/é", "a/%C3%A9", "a/%C3%A9"),
        ] {
            let object = Object { key: key.as_bytes(), ..Object::default() };
            assert_eq!(field(Value::PercentEncodedKey, &object), standard);
            assert_eq!(alone(Dialect::Excel, Value::PercentEncodedKey, &object), excel);
        }
    }
}
