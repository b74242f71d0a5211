//! Append-only journals: a JSON value a line, beside the parts.
//!
//! What grows with a run is kept here, so that the state file stays small; it holds the length of
//! each journal that counts. Owns that what stands behind that length is cut off before more is
//! appended.

use super::StateError;
use crate::output::{FileError, open_committed};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// A journal of `T`s, open for appending.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    length: u64,
    entries: PhantomData<fn(T)>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens the journal at `path` behind its first `committed` bytes, creating it where none count.
    ///
    /// # Errors
    /// As the file system says, or when the journal is shorter than what was committed.
    pub fn open(path: &Path, committed: u64) -> Result<Self, StateError> {
        let file = open_committed(path, committed).map_err(FileError::at("open journal", path))?;
        Ok(Self { path: path.to_owned(), file, length: committed, entries: PhantomData })
    }

    /// Appends entries and makes them durable; returns the length to be committed.
    ///
    /// # Errors
    /// As the file system says.
    pub fn append<'entry>(&mut self, entries: impl IntoIterator<Item = &'entry T>) -> Result<u64, StateError>
    where
        T: 'entry,
    {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)
                .map_err(io::Error::from)
                .map_err(FileError::at("write", &self.path))?;
            lines.push(b'\n');
        }
        if !lines.is_empty() {
            let mut write = || self.file.write_all(&lines).and_then(|()| self.file.sync_data());
            write().map_err(FileError::at("write", &self.path))?;
            self.length += lines.len() as u64;
        }
        Ok(self.length)
    }

    /// The committed length.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// Reads the first `committed` bytes of a journal, entry by entry.
///
/// # Errors
/// When the journal cannot be opened; each entry that cannot be read is an error of its own.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    committed: u64,
) -> Result<impl Iterator<Item = Result<T, StateError>> + use<T>, StateError> {
    Ok(read_placed(path, committed)?.map(|(_, entry)| entry))
}

/// Reads as [`read`] does, each entry with the byte at which it begins.
///
/// # Errors
/// As [`read`].
pub fn read_placed<T: DeserializeOwned>(
    path: &Path,
    committed: u64,
) -> Result<impl Iterator<Item = (u64, Result<T, StateError>)> + use<T>, StateError> {
    let file = File::open(path).map_err(FileError::at("open journal", path))?;
    let path = path.to_owned();
    let mut lines = BufReader::new(file.take(committed));
    let mut line = Vec::new();
    let mut left = committed;
    Ok(std::iter::from_fn(move || {
        line.clear();
        let at = committed - left;
        let entry = match lines.read_until(b'\n', &mut line) {
            Err(error) => Some(Err(FileError::at("read", &path)(error).into())),
            Ok(0) if left == 0 => None,
            Ok(0) => {
                left = 0;
                Some(Err(StateError::corrupt(&path, "it is shorter than what was committed")))
            }
            Ok(read) => {
                left -= read as u64;
                let entry = serde_json::from_slice(&line);
                Some(entry.map_err(|error| StateError::corrupt(&path, &error.to_string())))
            }
        };
        entry.map(|entry| (at, entry))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_committed_entries_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        let mut journal = Journal::<String>::open(&path, 0).unwrap();
        let committed = journal.append(&["a\nb".to_owned(), "c".to_owned()]).unwrap();
        journal.append(&["lost".to_owned()]).unwrap();
        drop(journal);
        let mut journal = Journal::<String>::open(&path, committed).unwrap();
        let length = journal.append(&["d".to_owned()]).unwrap();
        let entries: Vec<String> = read(&path, length).unwrap().map(Result::unwrap).collect();
        assert_eq!(entries, ["a\nb", "c", "d"]);
    }

    #[test]
    fn damage_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.jsonl");
        std::fs::write(&path, b"\"a\"\nnonsense\n").unwrap();
        assert!(read::<String>(&path, 13).unwrap().any(|entry| entry.is_err()));
        assert!(read::<String>(&path, 20).unwrap().any(|entry| entry.is_err()));
        assert!(Journal::<String>::open(&path, 20).is_err());
        assert!(read::<String>(&folder.path().join("none"), 1).is_err());
    }
}
