//! The columns of a row and how an object is written into them.
//!
//! Whatever is the same for all rows of a bucket is encoded once; an object costs a few copies.

use super::csv::push_field;
use crate::s3::Object;

/// A change of this number means that the same objects give other bytes than before: an unfinished
/// run of an older encoder must not be continued with this one.
pub const ENCODER_VERSION: u32 = 1;

/// The columns that can be written. Names are those of the CSV header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The account's name in the job.
    Account,
    /// The AWS account id, where known.
    AccountId,
    /// The bucket's name.
    Bucket,
    /// The object's key, as it is.
    Key,
    /// Bytes.
    Size,
    /// RFC 3339 in UTC, to the precision the store gave.
    LastModified,
    /// As the store names it.
    StorageClass,
    /// Without quotes.
    Etag,
}

impl Column {
    /// The `standard` set.
    pub const STANDARD: [Self; 8] = [
        Self::Account,
        Self::AccountId,
        Self::Bucket,
        Self::Key,
        Self::Size,
        Self::LastModified,
        Self::StorageClass,
        Self::Etag,
    ];

    /// The name in the header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AccountId => "account_id",
            Self::Bucket => "bucket",
            Self::Key => "key",
            Self::Size => "size",
            Self::LastModified => "last_modified",
            Self::StorageClass => "storage_class",
            Self::Etag => "etag",
        }
    }
}

/// What all rows of a bucket have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketFields {
    /// The account's name in the job.
    pub account: String,
    /// The AWS account id, empty where unknown.
    pub account_id: String,
    /// The bucket's name.
    pub bucket: String,
}

/// A field that differs from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Key,
    Size,
    LastModified,
    StorageClass,
    Etag,
}

/// A step of writing a row: a field, and what stands behind it in every row: a comma or the row's
/// end, and fields that are the same in all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    field: Field,
    mark: u8,
    constant: Vec<u8>,
}

/// Writes the rows of one bucket.
#[derive(Clone, Debug)]
pub struct RowEncoder {
    /// What every row begins with.
    start: Vec<u8>,
    steps: Vec<Step>,
}

impl RowEncoder {
    /// An encoder for the rows of a bucket.
    #[must_use]
    pub fn new(columns: &[Column], fields: &BucketFields) -> Self {
        let mut encoder = Self { start: Vec::new(), steps: Vec::new() };
        for (index, column) in columns.iter().enumerate() {
            let mark = if index + 1 < columns.len() { b',' } else { b'\n' };
            match column {
                Column::Account => encoder.constant(&fields.account, mark),
                Column::AccountId => encoder.constant(&fields.account_id, mark),
                Column::Bucket => encoder.constant(&fields.bucket, mark),
                Column::Key => encoder.field(Field::Key, mark),
                Column::Size => encoder.field(Field::Size, mark),
                Column::LastModified => encoder.field(Field::LastModified, mark),
                Column::StorageClass => encoder.field(Field::StorageClass, mark),
                Column::Etag => encoder.field(Field::Etag, mark),
            }
        }
        encoder
    }

    fn constant(&mut self, text: &str, mark: u8) {
        let bytes = self.steps.last_mut().map_or(&mut self.start, |step| &mut step.constant);
        push_field(bytes, text.as_bytes());
        bytes.push(mark);
    }

    fn field(&mut self, field: Field, mark: u8) {
        self.steps.push(Step { field, mark, constant: Vec::new() });
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
            }
            rows.push(step.mark);
            if !step.constant.is_empty() {
                rows.extend_from_slice(&step.constant);
            }
        }
    }
}

/// The header line of a file.
#[must_use]
pub fn header(columns: &[Column]) -> Vec<u8> {
    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    (names.join(",") + "\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::Size;

    #[test]
    fn a_row_and_its_header() {
        let fields = BucketFields { account: "prod".into(), account_id: "012345678901".into(), bucket: "a,b".into() };
        let encoder = RowEncoder::new(&Column::STANDARD, &fields);
        let object = Object {
            key: "a \"b\".txt".as_bytes(),
            size: Size::new(b"7"),
            last_modified: b"ignored",
            etag: b"e-2",
            storage_class: b"",
        };
        let mut rows = Vec::new();
        encoder.push(&mut rows, &object, b"2025-01-01T00:00:00.000Z");
        assert_eq!(
            String::from_utf8(rows).unwrap(),
            "prod,012345678901,\"a,b\",\"a \"\"b\"\".txt\",7,2025-01-01T00:00:00.000Z,,e-2\n"
        );
        assert_eq!(header(&Column::STANDARD), b"account,account_id,bucket,key,size,last_modified,storage_class,etag\n");
    }

    #[test]
    fn columns_come_in_any_order() {
        let encoder = RowEncoder::new(&[Column::Etag, Column::Key], &BucketFields::default());
        let mut rows = Vec::new();
        let object = Object { key: b"k", size: Size::default(), last_modified: b"", etag: b"e", storage_class: b"" };
        encoder.push(&mut rows, &object, b"");
        assert_eq!(rows, b"e,k\n");
    }
}
