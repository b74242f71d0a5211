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

/// A step of writing a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Bytes that are the same in every row: fields, commas and the row's end.
    Constant(Vec<u8>),
    Key,
    Size,
    LastModified,
    StorageClass,
    Etag,
}

/// Writes the rows of one bucket.
#[derive(Clone, Debug)]
pub struct RowEncoder {
    steps: Vec<Step>,
}

impl RowEncoder {
    /// An encoder for the rows of a bucket.
    #[must_use]
    pub fn new(columns: &[Column], fields: &BucketFields) -> Self {
        let mut steps = Vec::new();
        let mut constant = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                constant.push(b',');
            }
            let step = match column {
                Column::Account => {
                    push_field(&mut constant, fields.account.as_bytes());
                    continue;
                }
                Column::AccountId => {
                    push_field(&mut constant, fields.account_id.as_bytes());
                    continue;
                }
                Column::Bucket => {
                    push_field(&mut constant, fields.bucket.as_bytes());
                    continue;
                }
                Column::Key => Step::Key,
                Column::Size => Step::Size,
                Column::LastModified => Step::LastModified,
                Column::StorageClass => Step::StorageClass,
                Column::Etag => Step::Etag,
            };
            if !constant.is_empty() {
                steps.push(Step::Constant(std::mem::take(&mut constant)));
            }
            steps.push(step);
        }
        constant.push(b'\n');
        steps.push(Step::Constant(constant));
        Self { steps }
    }

    /// Appends the object's row. `last_modified` is its instant in UTC, empty where there is none.
    pub fn push(&self, rows: &mut Vec<u8>, object: &Object<'_>, last_modified: &[u8]) {
        for step in &self.steps {
            match step {
                Step::Constant(bytes) => rows.extend_from_slice(bytes),
                Step::Key => push_field(rows, object.key),
                Step::Size => push_field(rows, object.size),
                Step::LastModified => rows.extend_from_slice(last_modified),
                Step::StorageClass => push_field(rows, object.storage_class),
                Step::Etag => push_field(rows, object.etag),
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

    #[test]
    fn a_row_and_its_header() {
        let fields = BucketFields { account: "prod".into(), account_id: "012345678901".into(), bucket: "a,b".into() };
        let encoder = RowEncoder::new(&Column::STANDARD, &fields);
        let object = Object {
            key: "a \"b\".txt".as_bytes(),
            size: b"7",
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
        let object = Object { key: b"k", size: b"", last_modified: b"", etag: b"e", storage_class: b"" };
        encoder.push(&mut rows, &object, b"");
        assert_eq!(rows, b"e,k\n");
    }
}
