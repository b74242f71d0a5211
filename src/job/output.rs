//! Where the rows of a job go, and how they are written.
//!
//! Responsible for the table `[output]`. It leaves the template's grammar to `path`, columns to
//! `columns` and writing to the writers. It owns the invariants that a file has room for at least one
//! row and a row at least one column, and that the dialect `classic` comes with its own columns.

use super::columns::{Column, ColumnList, Columns, columns};
use super::path::{PathTemplate, PathText};
use super::problem::{Findings, Refusal};
use super::read::{Key, Tables, table, words};
use super::text::Origin;
use super::values::Many;

table! {
    /// What is written, and where.
    pub(super) struct OutputFile {
        /// The columns of a row: `"standard"`, `"classic"`, `"full"`, the name of a set of `[column_sets]`, or a list
        /// of columns.
        #[schemars(example = &"full", example = serde_json::json!(["bucket", "key", "size"]))]
        columns: Key<Columns>,
        /// The format of the files.
        format: Key<Format>,
        /// The files' paths, relative to the folder in which s3scan is started. Tokens between braces are filled in:
        /// `{job}`, `{run}` (the run's start, `20261122T114500Z`), `{account}`, `{account_id}`, `{bucket}`, `{region}`,
        /// `{date}` (of the run's start in UTC, `2026-11-22`), `{part}` (the number of the bucket's file) and `{ext}`.
        /// `{bucket}` and `{part}` are needed, with several accounts `{account}` too, and something between two tokens,
        /// such as `_`, so that no two files can have one name. Without `{run}` the files of a bucket are replaced run
        /// by run, with `{date}` only by runs of the same day: what the newest run that completed the bucket had
        /// published is removed, and no other file. Buckets that a run does not have, or cannot complete, keep theirs.
        #[schemars(example = &"data/{job}/{run}/{account}/{bucket}_{part}.{ext}")]
        path: Key<PathText>,
        /// How rows are written: quoting, ends of lines, header, instants.
        dialect: Key<Dialect>,
        /// Whether files begin with a header line.
        header: Key<bool>,
        /// How files are compressed.
        compression: Key<Compression>,
        /// Rows of every file of a bucket but its last, exactly.
        #[schemars(example = 1_000_000)]
        rows_per_file: Key<Many>,
        /// How keys are written.
        key_encoding: Key<KeyEncoding>,
        /// What a bucket without rows gives.
        empty: Key<EmptyBucket>,
    }
}

words! {
    /// The format of the files.
    pub enum Format {
        /// Comma-separated values.
        "csv" => Csv,
    }
    reserved "jsonl", "parquet";
}

words! {
    /// How rows are written: quoting, ends of lines, header, instants.
    pub enum Dialect {
        /// For programs: RFC 4180 quoting where needed, rows ended by a line feed, a header of column
        /// names, UTF-8 without a byte order mark, instants as RFC 3339 in UTC to the precision the store
        /// gave, such as `2025-07-01T04:00:00.000Z`.
        "standard" => Standard,
        /// What Python's `csv.writer` makes of boto3's answers: the columns bucket, key, size, last modified
        /// and storage class under the header
        /// `Bucket Name,File_Name,File Size,Last_Modified_Date,Storage Class`, rows ended by carriage
        /// return and line feed, instants such as `2025-07-01 04:00:00+00:00`, with six digits of a
        /// second's fraction where it is not zero. No other columns can be asked for.
        "classic" => Classic,
        /// For opening in Excel by a double click: UTF-8 with a byte order mark, rows ended by carriage
        /// return and line feed, and instants it reads as such, `2025-07-01 04:00:00` in UTC without
        /// fractions. It changes fields for the reader's safety and for the sake of their text: one that
        /// would begin a formula (with `=`, `+`, `-`, `@`, a tab or an end of line) gets a `'` in front,
        /// and an account id, or any text made up of digits and marks that would be read as a number or a
        /// date, is written as the formula `="012345678901"`. Read by programs, those fields differ from
        /// what the store said.
        "excel" => Excel,
    }
}

words! {
    /// How keys are written.
    pub enum KeyEncoding {
        /// As they are: UTF-8, with whatever the key holds, line feeds included.
        "raw" => Raw,
        /// Percent-encoded UTF-8: letters, digits, `-`, `.`, `_`, `~` and `/` stay, every other byte is
        /// `%` and two upper-case hexadecimal digits; a space is `%20`. A row is then always one line.
        "url" => Url,
    }
}

words! {
    /// What a bucket without rows gives.
    pub enum EmptyBucket {
        /// One file without rows, which holds the header where there is one.
        "header" => Header,
        /// No file.
        "none" => None,
    }
}

words! {
    /// How files are compressed. They are made of pieces of equal numbers of bytes, cut at rows, so that
    /// the same rows give the same file, and every piece can be read without those before it.
    pub enum Compression {
        /// Not at all: `.csv`.
        "none" => None,
        /// Gzip at level 6, in members: `.csv.gz`.
        "gzip" => Gzip,
        /// Zstandard at level 3, in frames with checksums: `.csv.zst`. Faster than gzip, and smaller.
        "zstd" => Zstd,
    }
}

/// What is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The files' format.
    pub format: Format,
    /// The files' paths.
    pub path: PathTemplate,
    /// Rows of every file of a bucket but its last; at least 1.
    pub rows_per_file: u64,
    /// The columns of a row, at least one; of the dialect `classic` always [`Column::CLASSIC`].
    pub columns: Vec<Column>,
    /// How rows are written.
    pub dialect: Dialect,
    /// Whether files begin with a header line.
    pub header: bool,
    /// How keys are written.
    pub key_encoding: KeyEncoding,
    /// What a bucket without rows gives.
    pub empty: EmptyBucket,
    /// How files are compressed.
    pub compression: Compression,
}

impl Output {
    /// What the token `{ext}` stands for.
    #[must_use]
    pub const fn extension(&self) -> &'static str {
        match self.compression {
            Compression::None => "csv",
            Compression::Gzip => "csv.gz",
            Compression::Zstd => "csv.zst",
        }
    }

    pub(super) fn check(
        file: &OutputFile,
        sets: &Tables<Key<ColumnList>>,
        accounts: usize,
        findings: &mut Findings,
    ) -> Option<Self> {
        let path = file.path.written().and_then(|written| {
            let parsed = PathTemplate::check(&written.value, accounts);
            let refuse = |refusals: Vec<_>| {
                for refusal in refusals {
                    findings.refuse(&written.blame, refusal);
                }
            };
            parsed.map_err(refuse).ok()
        });
        let dialect = file.dialect.value().copied();
        let asked = file.columns.written();
        let mut columns = asked.and_then(|asked| columns(asked, sets, findings));
        if dialect == Some(Dialect::Classic) {
            let is_default = asked.is_some_and(|asked| asked.blame.source.origin == Origin::Defaults);
            let is_told = asked.is_some_and(|asked| findings.is_inside(&asked.blame));
            if let (Some(asked), Some(other)) = (asked, &columns)
                && !is_default
                && !is_told
                && other != Column::CLASSIC
            {
                let refusal = Refusal::new("the dialect `classic` comes with its own columns");
                findings.refuse(&asked.blame, refusal.hint("leave `columns` out, or take another dialect"));
            }
            columns = columns.map(|_| Column::CLASSIC.to_vec());
        }
        Some(Self {
            format: *file.format.value()?,
            path: path?,
            rows_per_file: file.rows_per_file.value()?.0.get(),
            columns: columns?,
            dialect: dialect?,
            header: *file.header.value()?,
            key_encoding: *file.key_encoding.value()?,
            empty: *file.empty.value()?,
            compression: *file.compression.value()?,
        })
    }
}
