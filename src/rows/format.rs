//! How the rows of a job are written: columns, dialect, keys, and what a file begins with.
//!
//! Responsible for what is the same in all files of a job. It leaves rows to `encoder`. It owns the
//! invariant that the dialect `classic` has its own columns and no others.

use crate::job::{Column, Dialect, KeyEncoding, Output};

/// The header of the script whose files the dialect `classic` reproduces.
const CLASSIC_HEADER: &str = "Bucket Name,File_Name,File Size,Last_Modified_Date,Storage Class";
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// How rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFormat {
    columns: Vec<Column>,
    dialect: Dialect,
    key_encoding: KeyEncoding,
    header: bool,
}

impl RowFormat {
    /// The format a job asks for.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        let columns = match output.dialect {
            Dialect::Classic => Column::CLASSIC.to_vec(),
            Dialect::Standard | Dialect::Excel => output.columns.clone(),
        };
        Self { columns, dialect: output.dialect, key_encoding: output.key_encoding, header: output.header }
    }

    /// The dialect `standard` with these columns, keys as they are and a header.
    #[must_use]
    pub fn standard(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), dialect: Dialect::Standard, key_encoding: KeyEncoding::Raw, header: true }
    }

    /// The columns of a row.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How fields are written.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How keys are written.
    #[must_use]
    pub fn key_encoding(&self) -> KeyEncoding {
        self.key_encoding
    }

    /// What ends a row.
    #[must_use]
    pub fn row_end(&self) -> &'static str {
        match self.dialect {
            Dialect::Standard => "\n",
            Dialect::Classic | Dialect::Excel => "\r\n",
        }
    }

    /// What a file begins with: a byte order mark where the dialect has one, and the header line
    /// where there is to be one.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mark = if self.dialect == Dialect::Excel { BYTE_ORDER_MARK } else { "" };
        if !self.header {
            return mark.as_bytes().to_vec();
        }
        let header = match self.dialect {
            Dialect::Classic => CLASSIC_HEADER.to_owned(),
            Dialect::Standard | Dialect::Excel => {
                self.columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(",")
            }
        };
        [mark, &header, self.row_end()].concat().into_bytes()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::job::Job;

    /// A format as a job's output would ask for it.
    pub fn format(columns: &[Column], dialect: Dialect, key_encoding: KeyEncoding, header: bool) -> RowFormat {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        std::fs::write(&path, "version = 1").unwrap();
        let Job { output, .. } = crate::job::load(&crate::job::Request::of(&path)).unwrap();
        RowFormat::new(&Output { columns: columns.to_vec(), dialect, key_encoding, header, ..output })
    }

    #[test]
    fn every_dialect_has_its_head() {
        let columns = [Column::Bucket, Column::OwnerId];
        let head =
            |dialect, header| String::from_utf8(format(&columns, dialect, KeyEncoding::Raw, header).head()).unwrap();
        assert_eq!(head(Dialect::Standard, true), "bucket,owner_id\n");
        assert_eq!(head(Dialect::Standard, false), "");
        let classic = "Bucket Name,File_Name,File Size,Last_Modified_Date,Storage Class\r\n";
        assert_eq!(head(Dialect::Classic, true), classic);
        assert_eq!(head(Dialect::Classic, false), "");
        assert_eq!(head(Dialect::Excel, true), "\u{feff}bucket,owner_id\r\n");
        assert_eq!(head(Dialect::Excel, false), "\u{feff}");
    }

    #[test]
    fn the_defaults_of_a_job_are_the_standard_format() {
        let expected = RowFormat::standard(Column::STANDARD);
        assert_eq!(format(Column::STANDARD, Dialect::Standard, KeyEncoding::Raw, true), expected);
        let head = b"account,account_id,bucket,key,size,last_modified,storage_class,etag\n";
        assert_eq!(expected.head(), head);
    }

    #[test]
    fn classic_has_its_own_columns() {
        let format = format(&[Column::Etag], Dialect::Classic, KeyEncoding::Raw, true);
        assert_eq!(format.columns(), Column::CLASSIC);
    }
}
