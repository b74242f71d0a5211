//! Finishing a bucket: room for its files, and joining its parts. Blocking work, done beside the
//! listing.

use crate::crash;
use crate::output::{
    FileError, FileRules, JoinFolder, JoinProgress, JoinedFile, PartToJoin, Place, create_folder, join, join_left,
    room_for_joining,
};
use crate::state::{FileEntry, IndexEntry, RunFolder};
use std::io;

/// Joins the parts of a bucket whose ranges are all listed, in key order, into files that are not
/// published yet. `None` where cancelled.
///
/// # Errors
/// As the file system says, or when a part is not what was committed.
pub fn join_bucket(
    folder: &RunFolder,
    bucket: u32,
    generation: u32,
    ranges: Vec<IndexEntry>,
    rules: &FileRules,
    place: &Place,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<FileEntry>>, FileError> {
    let parts = parts(folder, bucket, ranges);
    let path = folder.bucket(bucket);
    create_folder(&path)?;
    let Some(files) = join(JoinFolder { path: &path, generation }, &parts, rules, is_cancelled)? else {
        return Ok(None);
    };
    crash::reached("bucket-joined");
    let entry = |file: JoinedFile| FileEntry { bucket, path: place.file(file.part), file, made_of: Vec::new() };
    Ok(Some(files.into_iter().map(entry).collect()))
}

/// Joins the parts of the left end of a bucket that is still being listed into as many whole files as
/// they suffice for; returns how many rows of the bucket are joined then.
///
/// # Errors
/// As of [`join_bucket`].
pub fn join_left_end(
    folder: &RunFolder,
    bucket: u32,
    generation: u32,
    ranges: Vec<IndexEntry>,
    rules: &FileRules,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<u64, FileError> {
    let parts = parts(folder, bucket, ranges);
    join_left(JoinFolder { path: &folder.bucket(bucket), generation }, &parts, rules, is_cancelled)
}

/// The parts of a bucket, in key order. A range without rows has none.
pub(super) fn parts(folder: &RunFolder, bucket: u32, mut ranges: Vec<IndexEntry>) -> Vec<PartToJoin> {
    ranges.retain(|entry| entry.part.bytes > 0);
    ranges.sort_by(|left, right| left.range.cmp(&right.range));
    ranges.iter().map(|entry| PartToJoin { path: folder.part(bucket, entry.id), length: entry.part }).collect()
}

/// The room that [`join_bucket`] needs beyond what the parts take, in bytes, where it can be known.
///
/// # Errors
/// As the file system says.
pub fn room_for_bucket(
    folder: &RunFolder,
    bucket: u32,
    generation: u32,
    ranges: Vec<IndexEntry>,
    rules: &FileRules,
) -> Result<Option<u64>, FileError> {
    let (_, (_, from)) = JoinProgress::open(JoinFolder { path: &folder.bucket(bucket), generation })?;
    Ok(room_for_joining(&parts(folder, bucket, ranges), from, rules))
}

/// There is too little room for the files of a bucket.
#[must_use]
pub fn no_room(folder: &RunFolder, needed: u64, free: u64) -> FileError {
    let reason = format!("{needed} bytes are needed, and {free} are free");
    let error = io::Error::new(io::ErrorKind::StorageFull, reason);
    FileError::at("put together the files of a bucket in", folder.path())(error)
}
