//! How an object is written into the columns of a row.
//!
//! Whatever is the same for all rows of a bucket is encoded once; an object costs a few copies. Fields
//! that take more than copying, which the dialect `standard` has none of among its own columns, are
//! left to `shaped`.

use super::csv::push_field;
use super::format::RowFormat;
use super::shaped::{Shaper, Value};
use crate::job::{Column, KeyEncoding};
use crate::s3::{Object, WantedDetails};

/// A change of this number means that the same objects give other bytes than before: an unfinished
/// run of an older encoder must not be continued with this one.
pub const ENCODER_VERSION: u32 = 1;

/// What all rows of a bucket have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketFields {
    /// The account's name in the job.
    pub account: String,
    /// The AWS account id, empty where unknown.
    pub account_id: String,
    /// The bucket's name.
    pub bucket: String,
    /// The region it is listed in.
    pub region: String,
}

/// A field that differs from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Key,
    Size,
    LastModified,
    StorageClass,
    Etag,
    /// One that is not written as it stands, or not of the dialect `standard`.
    Shaped,
}

/// A step of writing a row: a field, and what stands behind it in every row: a comma or the row's
/// end, and fields that are the same in all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    field: Field,
    value: Value,
    mark: u8,
    constant: Vec<u8>,
}

/// Writes the rows of one bucket.
#[derive(Clone, Debug)]
pub struct RowEncoder {
    /// What every row begins with.
    start: Vec<u8>,
    steps: Vec<Step>,
    shaper: Shaper,
    wanted: WantedDetails,
}

impl RowEncoder {
    /// An encoder for the rows of a bucket.
    #[must_use]
    pub fn new(format: &RowFormat, fields: &BucketFields) -> Self {
        let columns = format.columns();
        let mut encoder = Self {
            start: Vec::new(),
            steps: Vec::new(),
            shaper: Shaper { dialect: format.dialect(), is_alone: columns.len() == 1 },
            wanted: wanted(columns),
        };
        for (index, column) in columns.iter().enumerate() {
            let behind = if index + 1 < columns.len() { "," } else { format.row_end() };
            match source(*column, fields, format.key_encoding()) {
                Source::Bucket(text) => encoder.constant(text, behind),
                Source::Object(value) => encoder.field(value, behind),
            }
        }
        encoder
    }

    /// Which details of objects the columns hold.
    #[must_use]
    pub fn wanted(&self) -> WantedDetails {
        self.wanted
    }

    fn constant(&mut self, text: &str, behind: &str) {
        let bytes = self.steps.last_mut().map_or(&mut self.start, |step| &mut step.constant);
        self.shaper.push_constant(bytes, text);
        bytes.extend_from_slice(behind.as_bytes());
    }

    fn field(&mut self, value: Value, behind: &str) {
        let field = match value {
            Value::Key if self.shaper.is_copied(value) => Field::Key,
            Value::Size if self.shaper.is_copied(value) => Field::Size,
            Value::LastModified if self.shaper.is_copied(value) => Field::LastModified,
            Value::StorageClass if self.shaper.is_copied(value) => Field::StorageClass,
            Value::Etag if self.shaper.is_copied(value) => Field::Etag,
            _ => Field::Shaped,
        };
        let (mark, rest) = behind.as_bytes().split_at(1);
        self.steps.push(Step { field, value, mark: mark[0], constant: rest.to_vec() });
    }

    /// Appends the object's row. `last_modified` is its instant in UTC, empty where there is none.
    #[inline]
    pub fn push(&self, rows: &mut Vec<u8>, object: &Object<'_>, last_modified: &[u8]) {
        rows.extend_from_slice(&self.start);
        for step in &self.steps {
            match step.field {
                Field::Key => push_field(rows, object.key),
                Field::Size => rows.extend_from_slice(object.size.text),
                Field::LastModified => rows.extend_from_slice(last_modified),
                Field::StorageClass => push_field(rows, object.storage_class),
                Field::Etag => push_field(rows, object.etag),
                Field::Shaped => self.shaper.push(rows, step.value, object, last_modified),
            }
            rows.push(step.mark);
            if !step.constant.is_empty() {
                rows.extend_from_slice(&step.constant);
            }
        }
    }
}
/// Where a column's field comes from.
enum Source<'bucket> {
    Bucket(&'bucket str),
    Object(Value),
}

fn source(column: Column, fields: &BucketFields, key_encoding: KeyEncoding) -> Source<'_> {
    match column {
        Column::Account => Source::Bucket(&fields.account),
        Column::AccountId => Source::Bucket(&fields.account_id),
        Column::Bucket => Source::Bucket(&fields.bucket),
        Column::Region => Source::Bucket(&fields.region),
        Column::Key => Source::Object(match key_encoding {
            KeyEncoding::Raw => Value::Key,
            KeyEncoding::Url => Value::PercentEncodedKey,
        }),
        Column::Size => Source::Object(Value::Size),
        Column::LastModified => Source::Object(Value::LastModified),
        Column::StorageClass => Source::Object(Value::StorageClass),
        Column::Etag => Source::Object(Value::Etag),
        Column::ChecksumAlgorithm => Source::Object(Value::ChecksumAlgorithm),
        Column::ChecksumType => Source::Object(Value::ChecksumType),
        Column::OwnerId => Source::Object(Value::OwnerId),
        Column::RestoreInProgress => Source::Object(Value::RestoreInProgress),
        Column::RestoreExpiry => Source::Object(Value::RestoreExpiry),
        Column::IsMultipart => Source::Object(Value::IsMultipart),
    }
}

fn wanted(columns: &[Column]) -> WantedDetails {
    let has = |one, other| columns.iter().any(|&column| column == one || column == other);
    WantedDetails {
        checksum: has(Column::ChecksumAlgorithm, Column::ChecksumType),
        owner: columns.contains(&Column::OwnerId),
        restore: has(Column::RestoreInProgress, Column::RestoreExpiry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Dialect;
    use crate::rows::format::tests::format;
    use crate::s3::{Details, Size};

    fn fields() -> BucketFields {
        BucketFields {
            account: "prod".into(),
            account_id: "012345678901".into(),
            bucket: "a,b".into(),
            region: "eu-west-1".into(),
        }
    }

    fn row(format: &RowFormat, object: &Object<'_>) -> String {
        let mut rows = Vec::new();
        RowEncoder::new(format, &fields()).push(&mut rows, object, object.last_modified);
        String::from_utf8(rows).unwrap()
    }

    const DETAILS: Details<'static> = Details {
        checksum_algorithm: b"CRC32 SHA256",
        checksum_type: b"COMPOSITE",
        owner_id: b"7a1f",
        restore_in_progress: b"false",
        restore_expiry: b"2025-02-01T00:00:00.000Z",
    };

    fn object(key: &[u8]) -> Object<'_> {
        Object {
            key,
            size: Size { text: b"7", bytes: Some(7) },
            last_modified: b"2025-01-01T00:00:00.000Z",
            etag: b"9b-2",
            storage_class: b"",
            details: &DETAILS,
        }
    }

    #[test]
    fn a_row_of_the_standard_columns() {
        assert_eq!(
            row(&RowFormat::standard(Column::STANDARD), &object(b"a \"b\".txt")),
            "prod,012345678901,\"a,b\",\"a \"\"b\"\".txt\",7,2025-01-01T00:00:00.000Z,,9b-2\n"
        );
    }

    #[test]
    fn columns_come_in_any_order() {
        let columns = [Column::Etag, Column::Region, Column::Key];
        assert_eq!(row(&RowFormat::standard(&columns), &object(b"k")), "9b-2,eu-west-1,k\n");
        assert_eq!(row(&RowFormat::standard(&[Column::StorageClass]), &object(b"k")), "\"\"\n");
        assert_eq!(row(&RowFormat::standard(&[Column::Region]), &object(b"k")), "eu-west-1\n");
    }

    #[test]
    fn every_column_in_every_dialect() {
        let row = |dialect, key_encoding| row(&format(Column::FULL, dialect, key_encoding, true), &object(b"=a \nb"));
        assert_eq!(
            row(Dialect::Standard, KeyEncoding::Raw),
            "prod,012345678901,\"a,b\",eu-west-1,\"=a \nb\",7,2025-01-01T00:00:00.000Z,,9b-2,\
             CRC32 SHA256,COMPOSITE,7a1f,false,2025-02-01T00:00:00.000Z,true\n"
        );
        assert_eq!(
            row(Dialect::Standard, KeyEncoding::Url),
            "prod,012345678901,\"a,b\",eu-west-1,%3Da%20%0Ab,7,2025-01-01T00:00:00.000Z,,9b-2,\
             CRC32 SHA256,COMPOSITE,7a1f,false,2025-02-01T00:00:00.000Z,true\n"
        );
        assert_eq!(
            row(Dialect::Excel, KeyEncoding::Raw),
            "prod,\"=\"\"012345678901\"\"\",\"a,b\",eu-west-1,\"'=a \nb\",7,2025-01-01 00:00:00,,9b-2,\
             CRC32 SHA256,COMPOSITE,7a1f,false,2025-02-01 00:00:00,true\r\n"
        );
        assert_eq!(row(Dialect::Classic, KeyEncoding::Raw), "\"a,b\",\"=a \nb\",7,2025-01-01 00:00:00+00:00,\r\n");
    }

    #[test]
    fn rows_end_where_their_last_column_is_the_buckets() {
        for (dialect, end) in [(Dialect::Standard, "\n"), (Dialect::Excel, "\r\n")] {
            let columns = [Column::Size, Column::Account];
            let format = format(&columns, dialect, KeyEncoding::Raw, true);
            assert_eq!(row(&format, &object(b"k")), format!("7,prod{end}"));
        }
    }

    #[test]
    fn only_columns_that_hold_details_want_them() {
        let wanted = |columns: &[Column]| RowEncoder::new(&RowFormat::standard(columns), &fields()).wanted();
        assert!(!wanted(Column::STANDARD).any());
        assert!(!wanted(&[Column::IsMultipart, Column::Region]).any());
        assert_eq!(wanted(Column::FULL), WantedDetails { checksum: true, owner: true, restore: true });
        for column in [Column::RestoreExpiry, Column::RestoreInProgress] {
            assert_eq!(wanted(&[column]), WantedDetails { restore: true, ..WantedDetails::default() });
        }
        for column in [Column::ChecksumAlgorithm, Column::ChecksumType] {
            assert_eq!(wanted(&[column]), WantedDetails { checksum: true, ..WantedDetails::default() });
        }
        assert_eq!(wanted(&[Column::OwnerId]), WantedDetails { owner: true, ..WantedDetails::default() });
    }
}
