//! Joining: the parts of a bucket, in key order, become its files, cut exactly every
//! `rows_per_file` rows, each with its header and its SHA-256, compressed where that is asked for.
//!
//! Owns that the files depend on the rows alone, not on how many parts they came in. The files lie
//! beside the parts and are durable when this returns; giving them their final names is publishing.
//! Parts go on the way, as `progress` says; those that are left are removed with the bucket's folder.

use super::compress::Compressor;
use super::file::{FileError, sync_folder};
use super::hash::hexadecimal;
use super::part::PartLength;
use super::progress::{JoinProgress, Position};
use crate::crash;
use crate::job::{Compression, EmptyBucket, Output};
use crate::rows::row_end;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Read at once; also the largest row there can be: a key of 1,024 bytes fits many times.
const BLOCK: usize = 256 * 1024;

/// How the files of a job are made of rows.
#[derive(Clone, Debug)]
pub struct FileRules {
    /// What every file begins with, such as its header line; may be empty.
    pub head: Vec<u8>,
    /// Exact number of rows of every file but a bucket's last; at least 1.
    pub rows_per_file: u64,
    /// How files are compressed.
    pub compression: Compression,
    /// What a bucket without rows gives.
    pub empty: EmptyBucket,
}

impl FileRules {
    /// The rules of a job whose files begin with `head`.
    #[must_use]
    pub fn new(output: &Output, head: Vec<u8>) -> Self {
        let Output { rows_per_file, compression, empty, .. } = *output;
        Self { head, rows_per_file, compression, empty }
    }
}

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
    /// Bytes of the file as it is, with the header, compressed or not.
    pub bytes: u64,
    /// SHA-256 of the whole file as it is, in lower-case hexadecimal.
    pub sha256: String,
}

/// Where the file with the number `part` lies until it is published.
#[must_use]
pub fn joined_path(folder: &Path, part: u64) -> PathBuf {
    folder.join(format!("{part}.joined"))
}

/// Where a bucket is joined. A listing that started over is another generation: what was joined of the one
/// before no longer counts.
#[derive(Clone, Copy, Debug)]
pub struct JoinFolder<'job> {
    /// Where the parts lie.
    pub path: &'job Path,
    /// Which listing of the bucket they are of.
    pub generation: u32,
}

impl<'job> From<&'job Path> for JoinFolder<'job> {
    fn from(path: &'job Path) -> Self {
        Self { path, generation: 0 }
    }
}

/// Joins `parts` into files in `folder`; a bucket without rows gives one or none, as `rules` say.
/// `None` where `is_cancelled` said so on the way; it is asked every few hundred kilobytes. Where it
/// was cut off before, it goes on behind the last whole file.
///
/// # Errors
/// As the file system says, or when a part is not what was committed.
pub fn join<'job>(
    folder: impl Into<JoinFolder<'job>>,
    parts: &'job [PartToJoin],
    rules: &'job FileRules,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<JoinedFile>>, FileError> {
    let (mut joiner, from) = Joiner::begin(folder.into(), parts, rules, u64::MAX)?;
    if rules.empty == EmptyBucket::Header && joiner.files.is_empty() {
        joiner.open()?;
    }
    if !copy_all(from, &mut joiner, is_cancelled)? {
        return Ok(None);
    }
    joiner.close()?;
    sync_folder(joiner.folder)?;
    Ok(Some(joiner.files))
}

/// Joins `parts`, behind which others will come, into as many whole files as they suffice for; returns
/// the rows that are joined then, those of before included. [`join`] goes on behind them.
///
/// # Errors
/// As of [`join`].
pub fn join_left<'job>(
    folder: impl Into<JoinFolder<'job>>,
    parts: &'job [PartToJoin],
    rules: &'job FileRules,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<u64, FileError> {
    let files = parts.iter().map(|part| part.length.rows).sum::<u64>() / rules.rows_per_file;
    let (mut joiner, from) = Joiner::begin(folder.into(), parts, rules, files)?;
    // What is cut off is begun anew behind the last whole file.
    if !joiner.is_enough() && copy_all(from, &mut joiner, is_cancelled)? {
        joiner.close_full(Position { at: parts.len(), ..Position::default() })?;
    }
    Ok(joiner.files.len() as u64 * rules.rows_per_file)
}

/// Copies all parts from a position on, or as many as are enough; false where cancelled.
fn copy_all(from: Position, joiner: &mut Joiner<'_>, is_cancelled: &dyn Fn() -> bool) -> Result<bool, FileError> {
    let mut block = vec![0; BLOCK];
    for at in from.at..joiner.parts.len() {
        let from = if at == from.at { from } else { Position { at, ..Position::default() } };
        if !copy(from, &mut block, joiner, is_cancelled)? {
            return Ok(false);
        }
        if joiner.is_enough() {
            break;
        }
    }
    Ok(true)
}

/// Copies a part from a position, or as much of it as is enough; false where cancelled.
fn copy(
    from: Position,
    block: &mut [u8],
    joiner: &mut Joiner<'_>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<bool, FileError> {
    let part = &joiner.parts[from.at];
    let fail = |reason: &str| FileError::at("join", &part.path)(io::Error::new(io::ErrorKind::InvalidData, reason));
    let mut file = File::open(&part.path).map_err(FileError::at("open part", &part.path))?.take(part.length.bytes);
    let mut hasher = crc32fast::Hasher::new();
    skip(&mut file, from.bytes, block, &mut hasher).map_err(FileError::at("read", &part.path))?;
    let too_many = || fail("it has more rows than were committed");
    let mut rows_left = part.length.rows.checked_sub(from.rows).ok_or_else(too_many)?;
    let is_plain = joiner.rules.compression == Compression::None;
    let mut position = from;
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
        let room = joiner.room(position)?;
        if joiner.is_enough() {
            return Ok(true);
        }
        let used = if room >= rows_left && is_plain {
            // All that is left of this part goes into one file: no need to look for rows.
            joiner.write(&block[..held])?;
            held
        } else {
            let (used, rows) = joiner.write_rows(&block[..held], room)?;
            rows_left = rows_left.checked_sub(rows).ok_or_else(too_many)?;
            position.rows += rows;
            used
        };
        position.bytes += used as u64;
        if used == 0 && (read == 0 || held == block.len()) {
            return Err(fail("it does not end with a whole row"));
        }
        block.copy_within(used..held, 0);
        held -= used;
    }
    if hasher.finalize() != part.length.checksum || file.limit() > 0 {
        joiner.progress.forget(from.at)?;
        return Err(fail("it is not what was committed: the checksum differs"));
    }
    joiner.count(rows_left);
    Ok(true)
}

/// Reads `bytes` that are joined already, for the checksum is that of the whole part.
fn skip(file: &mut impl Read, bytes: u64, block: &mut [u8], hasher: &mut crc32fast::Hasher) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        let read = file.read(&mut block[..most])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is shorter than what was joined of it"));
        }
        hasher.update(&block[..read]);
        left -= read as u64;
    }
    Ok(())
}

/// The file being written and those already done.
struct Joiner<'job> {
    folder: &'job Path,
    rules: &'job FileRules,
    files: Vec<JoinedFile>,
    current: Option<Current>,
    parts: &'job [PartToJoin],
    progress: JoinProgress,
    /// So many files are enough.
    most_files: u64,
}

struct Current {
    written: Written,
    compressor: Option<Compressor>,
    rows: u64,
}

/// The bytes of a file as they are written.
struct Written {
    path: PathBuf,
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Current {
    /// Writes whole rows, or what stands before them. Where they are compressed, they come one by one.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let Self { written, compressor, .. } = self;
        let done = match compressor {
            None => written.write(bytes),
            Some(compressor) => compressor.write(bytes, |bytes| written.write(bytes)),
        };
        done.map_err(FileError::at("write", &written.path))
    }

    /// The file with all its bytes, durable.
    fn finish(self) -> Result<Written, FileError> {
        let Self { mut written, compressor, .. } = self;
        let rest = compressor.map_or(Ok(()), |compressor| compressor.finish(|bytes| written.write(bytes)));
        rest.map_err(FileError::at("write", &written.path))?;
        written.file.sync_all().map_err(FileError::at("sync", &written.path))?;
        Ok(written)
    }
}

impl<'job> Joiner<'job> {
    /// A joiner, and the position at which it goes on.
    fn begin(
        folder: JoinFolder<'job>,
        parts: &'job [PartToJoin],
        rules: &'job FileRules,
        most_files: u64,
    ) -> Result<(Self, Position), FileError> {
        let (mut progress, (files, from)) = JoinProgress::open(folder)?;
        progress.remove(from.at.min(parts.len()), parts)?;
        Ok((Self { folder: folder.path, rules, files, current: None, parts, progress, most_files }, from))
    }

    fn is_enough(&self) -> bool {
        self.files.len() as u64 >= self.most_files
    }

    fn open(&mut self) -> Result<&mut Current, FileError> {
        let path = joined_path(self.folder, self.files.len() as u64 + 1);
        let file = File::create(&path).map_err(FileError::at("create", &path))?;
        let written = Written { path, file, digest: Sha256::new(), bytes: 0 };
        let mut current = Current { written, compressor: Compressor::new(self.rules.compression), rows: 0 };
        current.write(&self.rules.head)?;
        Ok(self.current.insert(current))
    }

    /// Closes the current file where it is full; the next begins at `position`.
    fn close_full(&mut self, position: Position) -> Result<(), FileError> {
        if self.current.as_ref().is_some_and(|current| current.rows >= self.rules.rows_per_file) {
            self.close()?;
            if let Some(file) = self.files.last() {
                self.progress.note(file, position, self.parts)?;
            }
        }
        Ok(())
    }

    /// Rows that still fit into the current file; a full one is closed and the next opened, so this
    /// is never 0, unless there are enough files. Called only when there are rows to come, those at
    /// `position`.
    fn room(&mut self, position: Position) -> Result<u64, FileError> {
        self.close_full(position)?;
        if self.is_enough() {
            return Ok(0);
        }
        let rows_per_file = self.rules.rows_per_file;
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

    /// Writes up to `room` whole rows of `block`; returns their bytes and number.
    fn write_rows(&mut self, block: &[u8], room: u64) -> Result<(usize, u64), FileError> {
        let is_plain = self.rules.compression == Compression::None;
        let mut used = 0;
        let mut rows = 0;
        while rows < room
            && let Some(length) = row_end(&block[used..])
        {
            if !is_plain {
                self.write(&block[used..used + length])?;
            }
            used += length;
            rows += 1;
        }
        if is_plain {
            self.write(&block[..used])?;
        }
        self.count(rows);
        Ok((used, rows))
    }

    fn close(&mut self) -> Result<(), FileError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let rows = current.rows;
        let written = current.finish()?;
        let sha256 = hexadecimal(&written.digest.finalize());
        self.files.push(JoinedFile { part: self.files.len() as u64 + 1, rows, bytes: written.bytes, sha256 });
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

    fn rules(rows_per_file: u64) -> FileRules {
        let head = b"h\n".to_vec();
        FileRules { head, rows_per_file, compression: Compression::None, empty: EmptyBucket::Header }
    }

    fn contents(folder: &Path, files: &[JoinedFile]) -> Vec<Vec<u8>> {
        files.iter().map(|file| fs::read(joined_path(folder, file.part)).unwrap()).collect()
    }

    #[test]
    fn no_rows_give_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let files = join(folder.path(), &[], &rules(10), &|| false).unwrap().unwrap();
        assert_eq!(contents(folder.path(), &files), [b"h\n"]);
        assert_eq!(files[0].rows, 0);
    }

    #[test]
    fn a_damaged_part_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![b"a\n".to_vec(), b"b\n".to_vec()];
        let good = part(folder.path(), 0, &rows);
        fs::write(&good.path, b"a\nX\n").unwrap();
        assert!(join(folder.path(), std::slice::from_ref(&good), &rules(10), &|| false).is_err());
        fs::write(&good.path, b"a\n").unwrap();
        assert_eq!(join(folder.path(), std::slice::from_ref(&good), &rules(10), &|| true).unwrap(), None);
        assert!(join(folder.path(), std::slice::from_ref(&good), &rules(10), &|| false).is_err());
    }

    #[test]
    fn parts_larger_than_a_block_are_cut_at_rows() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<Vec<u8>> = (0..40_000).map(|n| format!("{n},\"quoted\nline {n}\"\n").into_bytes()).collect();
        let files = join(folder.path(), &[part(folder.path(), 0, &rows)], &rules(7_001), &|| false).unwrap().unwrap();
        let expected: Vec<Vec<u8>> =
            rows.chunks(7_001).map(|chunk| [b"h\n".to_vec(), chunk.concat()].concat()).collect();
        assert!(contents(folder.path(), &files) == expected);
    }

    #[test]
    fn no_rows_may_give_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let rules = FileRules { empty: EmptyBucket::None, ..rules(10) };
        let empty = part(folder.path(), 0, &[]);
        assert_eq!(join(folder.path(), &[], &rules, &|| false).unwrap(), Some(Vec::new()));
        assert_eq!(join(folder.path(), std::slice::from_ref(&empty), &rules, &|| false).unwrap(), Some(Vec::new()));
        let one = part(folder.path(), 1, &[b"a\n".to_vec()]);
        let files = join(folder.path(), &[empty, one], &rules, &|| false).unwrap().unwrap();
        assert_eq!(contents(folder.path(), &files), [b"h\na\n"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "two parts and a file");
    }

    #[test]
    fn rows_that_end_in_two_characters_are_cut_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<Vec<u8>> = (0..10).map(|n| format!("\"{n}\r\n\"\"\n\",\"\r\"\r\n").into_bytes()).collect();
        let files = join(folder.path(), &[part(folder.path(), 0, &rows)], &rules(3), &|| false).unwrap().unwrap();
        let expected: Vec<Vec<u8>> = rows.chunks(3).map(|chunk| [b"h\n".to_vec(), chunk.concat()].concat()).collect();
        assert_eq!(contents(folder.path(), &files), expected);
        assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [3, 3, 3, 1]);
    }

    fn decompressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match compression {
            Compression::None => plain.extend_from_slice(bytes),
            Compression::Gzip => _ = flate2::bufread::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap(),
            Compression::Zstd => plain = zstd::decode_all(bytes).unwrap(),
        }
        plain
    }

    #[test]
    fn compressed_files_do_not_depend_on_the_parts() {
        let rows: Vec<Vec<u8>> =
            (0..120_000).map(|n| format!("account,{n},\"quoted\nline {}\"\n", n % 777).into_bytes()).collect();
        for compression in [Compression::Gzip, Compression::Zstd] {
            let rules = FileRules { compression, ..rules(90_001) };
            let mut made = Vec::new();
            for sizes in [&[120_000][..], &[1, 70_000, 0, 49_999], &[90_001, 29_999]] {
                let folder = tempfile::tempdir().unwrap();
                let mut rest = rows.as_slice();
                let parts: Vec<PartToJoin> = sizes
                    .iter()
                    .enumerate()
                    .map(|(name, &size)| {
                        let (these, others) = rest.split_at(size);
                        rest = others;
                        part(folder.path(), name, these)
                    })
                    .collect();
                let files = join(folder.path(), &parts, &rules, &|| false).unwrap().unwrap();
                assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [90_001, 29_999]);
                let bytes = contents(folder.path(), &files);
                for (file, bytes) in files.iter().zip(&bytes) {
                    assert_eq!(file.bytes, bytes.len() as u64);
                    assert_eq!(file.sha256, hexadecimal(&Sha256::digest(bytes)));
                }
                for (bytes, rows) in bytes.iter().zip(rows.chunks(90_001)) {
                    let plain = decompressed(compression, bytes);
                    assert!(plain == [b"h\n".to_vec(), rows.concat()].concat());
                }
                made.push(bytes);
            }
            assert!(made.iter().all(|files| *files == made[0]));
        }
    }

    #[test]
    fn an_empty_bucket_gives_a_sound_compressed_file() {
        for head in ["h\n", ""] {
            for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
                let folder = tempfile::tempdir().unwrap();
                let rules = FileRules { compression, head: head.into(), ..rules(10) };
                let files = join(folder.path(), &[], &rules, &|| false).unwrap().unwrap();
                let bytes = contents(folder.path(), &files);
                assert_eq!(bytes.len(), 1);
                assert_eq!(decompressed(compression, &bytes[0]), head.as_bytes());
                assert_eq!(bytes[0].is_empty(), compression == Compression::None && head.is_empty());
            }
        }
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
            let files = join(folder.path(), &parts, &rules(rows_per_file), &|| false).unwrap().unwrap();
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
