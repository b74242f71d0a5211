//! Parts: the plain file that one range's rows are appended to while it is listed.
//!
//! Owns the rule that a part's committed length is the truth: going on truncates the file to it, and
//! a file that is shorter is an error. When lengths are committed, and that the file is synced
//! before, is the state's affair.

use super::file::{FileError, open_committed};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of a part counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartLength {
    /// Bytes from the file's start.
    pub bytes: u64,
    /// Rows in them.
    pub rows: u64,
    /// CRC-32 (IEEE) of them.
    pub checksum: u32,
}

/// A part that is being written. Owned by the worker that lists its range.
#[derive(Debug)]
pub struct PartWriter {
    path: PathBuf,
    file: Arc<File>,
    length: PartLength,
    hasher: crc32fast::Hasher,
}

impl PartWriter {
    /// Opens the part at `path` behind its first `length`, creating it where nothing counts yet.
    ///
    /// # Errors
    /// As the file system says, or when the file is shorter than what was committed.
    pub fn open(path: &Path, length: PartLength) -> Result<Self, FileError> {
        let file = open_committed(path, length.bytes).map_err(FileError::at("open part", path))?;
        let file = Arc::new(file);
        let hasher = crc32fast::Hasher::new_with_initial_len(length.checksum, length.bytes);
        Ok(Self { path: path.to_owned(), file, length, hasher })
    }

    /// Appends the rows of a page.
    ///
    /// # Errors
    /// As the file system says; the length is then as before.
    pub fn append(&mut self, bytes: &[u8], rows: u64) -> Result<PartLength, FileError> {
        (&*self.file).write_all(bytes).map_err(FileError::at("write", &self.path))?;
        self.hasher.update(bytes);
        self.length = PartLength {
            bytes: self.length.bytes + bytes.len() as u64,
            rows: self.length.rows + rows,
            checksum: self.hasher.clone().finalize(),
        };
        Ok(self.length)
    }

    /// The file, to be synced before its length is committed.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_on_forgets_what_was_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.part");
        let mut part = PartWriter::open(&path, PartLength::default()).unwrap();
        let committed = part.append(b"a\nb\n", 2).unwrap();
        part.append(b"torn", 1).unwrap();
        drop(part);
        let mut part = PartWriter::open(&path, committed).unwrap();
        let length = part.append(b"c\n", 1).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"a\nb\nc\n");
        assert_eq!(length, PartLength { bytes: 6, rows: 3, checksum: crc32fast::hash(b"a\nb\nc\n") });
    }

    #[test]
    fn a_part_that_lost_committed_bytes_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.part");
        std::fs::write(&path, b"abc").unwrap();
        let error = PartWriter::open(&path, PartLength { bytes: 4, rows: 1, checksum: 0 }).unwrap_err();
        assert_eq!(error.source.to_string(), "it has 3 bytes, of which 4 were committed");
    }
}
