//! How far the joining of a bucket is, so that parts can go before all of them are joined.
//!
//! Beside the parts stands `joined.jsonl`, a line for every file that is whole, with the place in the
//! parts at which the next one begins. Owns the order: the file is durable, then the line, then the
//! parts go that nothing behind that place needs. What is cut off is done again from the last whole
//! line; so joining needs room for the parts that one file is made of, not for all of them. A bucket's
//! last file has no line: behind it there is nothing to go on with.
//!
//! Whoever joins a bucket of more than one file must have what is joined committed, for what is noted
//! here is of parts that may no longer grow. Parts that come later lie behind, so that places stay what
//! they are.

use super::file::{FileError, sync_folder};
use super::join::{JoinFolder, JoinedFile, PartToJoin, joined_path};
use crate::crash;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// A place in the parts of a bucket, at a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The part, counted from 0 in key order.
    pub at: usize,
    /// Bytes of it that are joined.
    pub bytes: u64,
    /// Rows of it that are joined.
    pub rows: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    file: JoinedFile,
    next: Position,
}

/// The progress of one bucket.
#[derive(Debug)]
pub struct JoinProgress {
    folder: PathBuf,
    path: PathBuf,
    /// Of every whole line, where the next file begins and where the line ends.
    lines: Vec<(Position, u64)>,
    file: Option<File>,
    /// Parts before this one are gone.
    removed: usize,
}

/// What was joined before, in order, and where the next file begins.
pub type Resumed = (Vec<JoinedFile>, Position);

impl JoinProgress {
    /// The progress of the bucket whose parts lie in `folder`, and what was joined before.
    ///
    /// # Errors
    /// As the file system says, or when a file that was noted is not there.
    pub fn open<'job>(folder: impl Into<JoinFolder<'job>>) -> Result<(Self, Resumed), FileError> {
        let JoinFolder { path: folder, generation } = folder.into();
        let path = match generation {
            0 => folder.join("joined.jsonl"),
            generation => folder.join(format!("joined-{generation}.jsonl")),
        };
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text.map_err(FileError::at("read", &path))?,
        };
        let (mut files, mut lines, mut length) = (Vec::new(), Vec::new(), 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            // Only the last line can be cut off, and then its parts are all there.
            let Some(whole) = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice::<Line>(line).ok())
            else {
                break;
            };
            let file = joined_path(folder, whole.file.part);
            let found = fs::metadata(&file).map_err(FileError::at("go on joining behind", &file))?.len();
            if found != whole.file.bytes {
                let reason = format!("it has {found} bytes instead of {}", whole.file.bytes);
                let error = io::Error::new(io::ErrorKind::InvalidData, reason);
                return Err(FileError::at("go on joining behind", &file)(error));
            }
            files.push(whole.file);
            length += line.len() as u64;
            lines.push((whole.next, length));
        }
        let next = lines.last().map_or_else(Position::default, |(next, _)| *next);
        let progress = Self { folder: folder.to_owned(), path, lines, file: None, removed: 0 };
        Ok((progress, (files, next)))
    }

    /// Notes that `file` is whole and the next one begins at `next`; then the parts before that go.
    ///
    /// # Errors
    /// As the file system says.
    pub fn note(&mut self, file: &JoinedFile, next: Position, parts: &[PartToJoin]) -> Result<(), FileError> {
        let mut line = serde_json::to_vec(&Line { file: file.clone(), next })
            .map_err(io::Error::from)
            .map_err(FileError::at("write", &self.path))?;
        line.push(b'\n');
        let mut write = || -> io::Result<File> {
            let mut open = match self.file.take() {
                Some(open) => open,
                None => OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?,
            };
            open.set_len(self.length())?;
            open.seek(SeekFrom::End(0))?;
            open.write_all(&line)?;
            open.sync_data()?;
            Ok(open)
        };
        // Also the name of the joined file has to be durable before a part goes.
        self.file = Some(write().map_err(FileError::at("write", &self.path))?);
        self.lines.push((next, self.length() + line.len() as u64));
        sync_folder(&self.folder)?;
        crash::reached("joining-noted");
        self.remove(next.at, parts)
    }

    /// Bytes of whole lines.
    fn length(&self) -> u64 {
        self.lines.last().map_or(0, |(_, end)| *end)
    }

    /// Forgets the files that hold rows of the part `at`, for it turned out not to be what was
    /// committed. They are made again once it is; where a part is needed for it that has gone, joining
    /// goes on failing rather than have wrong rows in a file.
    ///
    /// # Errors
    /// As the file system says.
    pub fn forget(&mut self, at: usize) -> Result<(), FileError> {
        let before = self.lines.len();
        self.lines.retain(|(next, _)| (next.at, next.bytes) <= (at, 0));
        if self.lines.len() == before {
            return Ok(());
        }
        let cut = || {
            let file = OpenOptions::new().write(true).open(&self.path)?;
            file.set_len(self.length())?;
            file.sync_data()
        };
        cut().map_err(FileError::at("write", &self.path))
    }

    /// Removes the parts before `at`; those that went before an interruption are fine.
    ///
    /// # Errors
    /// As the file system says.
    pub fn remove(&mut self, at: usize, parts: &[PartToJoin]) -> Result<(), FileError> {
        for PartToJoin { path, .. } in &parts[self.removed..at] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::at("remove", path)(error));
                }
                _ => {}
            }
        }
        self.removed = at.max(self.removed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::join::{FileRules, join};
    use super::super::part::PartLength;
    use super::super::space::room_for_joining;
    use super::*;
    use crate::job::{Compression, EmptyBucket};
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::path::Path;

    fn part(folder: &Path, name: usize, rows: &[Vec<u8>]) -> PartToJoin {
        let (path, bytes) = (folder.join(format!("{name}.part")), rows.concat());
        fs::write(&path, &bytes).unwrap();
        let length =
            PartLength { bytes: bytes.len() as u64, rows: rows.len() as u64, checksum: crc32fast::hash(&bytes) };
        PartToJoin { path, length }
    }

    /// Rows of different lengths, in parts of so many rows.
    fn parts(folder: &Path, sizes: &[usize]) -> (Vec<PartToJoin>, Vec<Vec<u8>>) {
        let mut all: Vec<Vec<u8>> = Vec::new();
        let mut made = Vec::new();
        for (name, size) in sizes.iter().enumerate() {
            let rows: Vec<Vec<u8>> = (all.len()..all.len() + size)
                .map(|number| format!("\"{number}\n{}\"\n", "x".repeat(number % 7)).into_bytes())
                .collect();
            made.push(part(folder, name, &rows));
            all.extend(rows);
        }
        (made, all)
    }

    fn rules(rows_per_file: u64, compression: Compression) -> FileRules {
        FileRules { head: b"h\n".to_vec(), rows_per_file, compression, empty: EmptyBucket::Header }
    }

    /// Bytes of all files in a folder but for the notes.
    fn taken(folder: &Path) -> u64 {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.filter(|entry| entry.file_name() != "joined.jsonl").map(|entry| entry.metadata().unwrap().len()).sum()
    }

    proptest! {
        #[test]
        fn joining_goes_on_wherever_it_was_cut_off_and_keeps_to_its_room(
            sizes in proptest::collection::vec(0_usize..9, 1..6),
            rows_per_file in 1_u64..8,
            cuts in proptest::collection::vec(0_u32..8, 0..4),
            torn in any::<bool>(),
            compression in prop_oneof![3 => Just(Compression::None), 1 => Just(Compression::Gzip)],
        ) {
            let rules = rules(rows_per_file, compression);
            let whole = tempfile::tempdir().unwrap();
            let (made, _) = parts(whole.path(), &sizes);
            let expected = join(whole.path(), &made, &rules, &|| false).unwrap().unwrap();

            let folder = tempfile::tempdir().unwrap();
            let (made, _) = parts(folder.path(), &sizes);
            let before = taken(folder.path());
            let room = room_for_joining(&made, Position::default(), &rules);
            let most = Cell::new(before);
            for cut in cuts {
                let asked = Cell::new(0);
                let is_cut = || {
                    most.set(most.get().max(taken(folder.path())));
                    asked.set(asked.get() + 1);
                    asked.get() > cut
                };
                if join(folder.path(), &made, &rules, &is_cut).unwrap().is_none() && torn {
                    let path = folder.path().join("joined.jsonl");
                    let mut text = fs::read(&path).unwrap_or_default();
                    text.extend_from_slice(b"{\"part\":9,\"ro");
                    fs::write(path, text).unwrap();
                }
            }
            let files = join(folder.path(), &made, &rules, &|| { most.set(most.get().max(taken(folder.path()))); false });
            let files = files.unwrap().unwrap();
            prop_assert_eq!(&files, &expected);
            for file in &files {
                let made = fs::read(joined_path(folder.path(), file.part)).unwrap();
                prop_assert_eq!(made, fs::read(joined_path(whole.path(), file.part)).unwrap());
            }
            prop_assert_eq!(room.is_none(), compression == Compression::Gzip);
            if let Some(room) = room {
                prop_assert!(most.get() <= before + room, "{} of {}", most.get() - before, room);
            }
        }
    }

    #[test]
    fn parts_go_with_the_file_that_holds_their_last_row() {
        let folder = tempfile::tempdir().unwrap();
        let (made, _) = parts(folder.path(), &[4, 4, 4, 4]);
        let left = || -> Vec<bool> { made.iter().map(|part| part.path.exists()).collect() };
        let seen = std::cell::RefCell::new(Vec::new());
        let look = || {
            seen.borrow_mut().push(left());
            false
        };
        join(folder.path(), &made, &rules(5, Compression::None), &look).unwrap().unwrap();
        assert!(seen.borrow().contains(&vec![false, true, true, true]));
        assert_eq!(left(), [false, false, false, true], "what is left goes with the folder");
        let bytes = made[0].length.bytes;
        let room = room_for_joining(&made, Position::default(), &rules(5, Compression::None)).unwrap();
        assert!(room < 3 * bytes, "{room}: less than all parts, of {bytes} bytes each");
    }

    #[test]
    fn no_file_keeps_rows_of_a_damaged_part() {
        // In the second case the file that the damaged part begins in also needs the part before.
        for (first, can_go_on) in [(4, true), (3, false)] {
            let folder = tempfile::tempdir().unwrap();
            let (made, rows) = parts(folder.path(), &[first, 6]);
            let good = fs::read(&made[1].path).unwrap();
            let mut bad = good.clone();
            bad[1] = b'?';
            fs::write(&made[1].path, bad).unwrap();
            let rules = rules(2, Compression::None);
            assert!(join(folder.path(), &made, &rules, &|| false).is_err());
            fs::write(&made[1].path, good).unwrap();
            let joined = join(folder.path(), &made, &rules, &|| false);
            assert_eq!(joined.is_ok(), can_go_on);
            if let Ok(Some(files)) = joined {
                let content =
                    |file: &JoinedFile| fs::read(joined_path(folder.path(), file.part)).unwrap()[2..].to_vec();
                assert_eq!(files.iter().flat_map(content).collect::<Vec<u8>>(), rows.concat());
                // A file that was noted and is gone cannot be made again: its part went.
                fs::remove_file(joined_path(folder.path(), 1)).unwrap();
                assert!(join(folder.path(), &made, &rules, &|| false).is_err());
            }
        }
    }
}
