//! Joining: the parts of a bucket, in key order, become its files, cut exactly every
//! `rows_per_file` rows, each with its header and its SHA-256.
//!
//! Owns that the files depend on the rows alone, not on how many parts they came in. The files lie
//! beside the parts and are durable when this returns; giving them their final names is publishing.

use super::file::{FileError, sync_folder};
use super::part::PartLength;
use crate::crash;
use crate::rows::row_end;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Read at once; also the largest row there can be: a key of 1,024 bytes fits many times.
const BLOCK: usize = 256 * 1024;

/// A part to be joined.
#[derive(Clone, Debug)]
pub struct PartToJoin {
    /// Where it lies.
    pub path: PathBuf,
    /// How much of it counts.
    pub length: PartLength,
}

/// A file that was made, not yet under its final name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedFile {
    /// Its number within the bucket, from 1.
    pub part: u64,
    /// Rows, without the header.
    pub rows: u64,
    /// Bytes, with the header.
    pub bytes: u64,
    /// SHA-256 of the whole file, in lower-case hexadecimal.
    pub sha256: String,
}

/// Where the file with the number `part` lies until it is published.
#[must_use]
pub fn joined_path(folder: &Path, part: u64) -> PathBuf {
    folder.join(format!("{part}.joined"))
}

/// Joins `parts` into files in `folder`. A bucket without rows gives one file with the header only.
/// `None` where `is_cancelled` said so on the way; it is asked every few hundred kilobytes.
///
/// # Errors
/// As the file system says, or when a part is not what was committed.
pub fn join(
    folder: &Path,
    parts: &[PartToJoin],
    header: &[u8],
    rows_per_file: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<JoinedFile>>, FileError> {
    let mut joiner = Joiner { folder, header, rows_per_file, files: Vec::new(), current: None };
    joiner.open()?;
    let mut block = vec![0; BLOCK];
    for part in parts {
        if !copy(part, &mut block, &mut joiner, is_cancelled)? {
            return Ok(None);
        }
    }
    joiner.close()?;
    sync_folder(folder)?;
    Ok(Some(joiner.files))
}

/// Copies a part; false where cancelled.
fn copy(
    part: &PartToJoin,
    block: &mut [u8],
    joiner: &mut Joiner<'_>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<bool, FileError> {
    let fail = |reason: &str| FileError::at("join", &part.path)(io::Error::new(io::ErrorKind::InvalidData, reason));
    let mut file = File::open(&part.path).map_err(FileError::at("open part", &part.path))?.take(part.length.bytes);
    let mut hasher = crc32fast::Hasher::new();
    let mut rows_left = part.length.rows;
    let mut held = 0;
    loop {
        if is_cancelled() {
            return Ok(false);
        }
        let read = file.read(&mut block[held..]).map_err(FileError::at("read", &part.path))?;
        hasher.update(&block[held..held + read]);
        held += read;
        if held == 0 {
            break;
        }
        let used = if joiner.room()? >= rows_left {
            // All that is left of this part goes into one file: no need to look for rows.
            joiner.write(&block[..held])?;
            held
        } else {
            let (used, rows) = joiner.write_rows(&block[..held])?;
            rows_left = rows_left.checked_sub(rows).ok_or_else(|| fail("it has more rows than were committed"))?;
            used
        };
        if used == 0 && (read == 0 || held == block.len()) {
            return Err(fail("it does not end with a whole row"));
        }
        block.copy_within(used..held, 0);
        held -= used;
    }
    if hasher.finalize() != part.length.checksum || file.limit() > 0 {
        return Err(fail("it is not what was committed: the checksum differs"));
    }
    joiner.count(rows_left);
    Ok(true)
}

/// The file being written and those already done.
struct Joiner<'job> {
    folder: &'job Path,
    header: &'job [u8],
    rows_per_file: u64,
    files: Vec<JoinedFile>,
    current: Option<Current>,
}

struct Current {
    path: PathBuf,
    file: File,
    digest: Sha256,
    rows: u64,
    bytes: u64,
}

impl Current {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(FileError::at("write", &self.path))
    }
}

impl Joiner<'_> {
    fn open(&mut self) -> Result<&mut Current, FileError> {
        let path = joined_path(self.folder, self.files.len() as u64 + 1);
        let file = File::create(&path).map_err(FileError::at("create", &path))?;
        let mut current = Current { path, file, digest: Sha256::new(), rows: 0, bytes: 0 };
        current.write(self.header)?;
        Ok(self.current.insert(current))
    }

    /// Rows that still fit into the current file; a full one is closed and the next opened, so this
    /// is never 0. Called only when there are rows to come.
    fn room(&mut self) -> Result<u64, FileError> {
        if self.current.as_ref().is_some_and(|current| current.rows >= self.rows_per_file) {
            self.close()?;
        }
        let rows_per_file = self.rows_per_file;
        let current = match &mut self.current {
            Some(current) => current,
            None => self.open()?,
        };
        Ok(rows_per_file - current.rows)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        match &mut self.current {
            Some(current) => current.write(bytes),
            None => Ok(()),
        }
    }

    fn count(&mut self, rows: u64) {
        if let Some(current) = &mut self.current {
            current.rows += rows;
        }
    }

    /// Writes whole rows of `block` until the current file is full; returns their bytes and number.
    fn write_rows(&mut self, block: &[u8]) -> Result<(usize, u64), FileError> {
        let room = self.room()?;
        let mut used = 0;
        let mut rows = 0;
        while rows < room
            && let Some(length) = row_end(&block[used..])
        {
            used += length;
            rows += 1;
        }
        self.write(&block[..used])?;
        self.count(rows);
        Ok((used, rows))
    }

    fn close(&mut self) -> Result<(), FileError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        current.file.sync_all().map_err(FileError::at("sync", &current.path))?;
        let sha256 = current.digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        self.files.push(JoinedFile {
            part: self.files.len() as u64 + 1,
            rows: current.rows,
            bytes: current.bytes,
            sha256,
        });
        crash::reached("file-joined");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn part(folder: &Path, name: usize, rows: &[Vec<u8>]) -> PartToJoin {
        let path = folder.join(format!("{name}.part"));
        let bytes = rows.concat();
        fs::write(&path, [bytes.as_slice(), b"uncommitted tail"].concat()).unwrap();
        let length =
            PartLength { bytes: bytes.len() as u64, rows: rows.len() as u64, checksum: crc32fast::hash(&bytes) };
        PartToJoin { path, length }
    }

    fn contents(folder: &Path, files: &[JoinedFile]) -> Vec<Vec<u8>> {
        files.iter().map(|file| fs::read(joined_path(folder, file.part)).unwrap()).collect()
    }

    #[test]
    fn no_rows_give_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let files = join(folder.path(), &[], b"h\n", 10, &|| false).unwrap().unwrap();
        assert_eq!(contents(folder.path(), &files), [b"h\n"]);
        assert_eq!(files[0].rows, 0);
    }

    #[test]
    fn a_damaged_part_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![b"a\n".to_vec(), b"b\n".to_vec()];
        let good = part(folder.path(), 0, &rows);
        fs::write(&good.path, b"a\nX\n").unwrap();
        assert!(join(folder.path(), std::slice::from_ref(&good), b"", 10, &|| false).is_err());
        fs::write(&good.path, b"a\n").unwrap();
        assert_eq!(join(folder.path(), std::slice::from_ref(&good), b"", 10, &|| true).unwrap(), None);
        assert!(join(folder.path(), std::slice::from_ref(&good), b"", 10, &|| false).is_err());
    }

    #[test]
    fn parts_larger_than_a_block_are_cut_at_rows() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<Vec<u8>> = (0..40_000).map(|n| format!("{n},\"quoted\nline {n}\"\n").into_bytes()).collect();
        let files = join(folder.path(), &[part(folder.path(), 0, &rows)], b"h\n", 7_001, &|| false).unwrap().unwrap();
        let expected: Vec<Vec<u8>> =
            rows.chunks(7_001).map(|chunk| [b"h\n".to_vec(), chunk.concat()].concat()).collect();
        assert!(contents(folder.path(), &files) == expected);
    }

    proptest! {
        #[test]
        fn files_depend_on_the_rows_alone(
            sizes in proptest::collection::vec(0_usize..9, 1..5), rows_per_file in 1_u64..8
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut number = 0;
            let mut all = Vec::new();
            let mut parts = Vec::new();
            for (name, size) in sizes.iter().enumerate() {
                let rows: Vec<Vec<u8>> = (0..*size).map(|_| { number += 1; format!("\"{number}\n\"\"\"\n").into_bytes() }).collect();
                parts.push(part(folder.path(), name, &rows));
                all.extend(rows);
            }
            let files = join(folder.path(), &parts, b"h\n", rows_per_file, &|| false).unwrap().unwrap();
            let chunk = usize::try_from(rows_per_file).unwrap();
            let mut expected: Vec<Vec<u8>> = all.chunks(chunk).map(|rows| [b"h\n".to_vec(), rows.concat()].concat()).collect();
            if expected.is_empty() {
                expected.push(b"h\n".to_vec());
            }
            prop_assert_eq!(contents(folder.path(), &files), expected);
            for (file, rows) in files.iter().zip(all.chunks(chunk)) {
                prop_assert_eq!(file.rows, rows.len() as u64);
            }
        }
    }
}
