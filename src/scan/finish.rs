//! Finishing a bucket: joining its parts, and publishing its files. Blocking work, done beside the
//! listing.

use crate::crash;
use crate::output::{FileError, FileRules, JoinedFile, PartToJoin, Place, create_folder, join, publish};
use crate::state::{FileEntry, IndexEntry, RunFolder};

/// Joins the parts of a bucket whose ranges are all listed, in key order, into files that are not
/// published yet. `None` where cancelled.
///
/// # Errors
/// As the file system says, or when a part is not what was committed.
pub fn join_bucket(
    folder: &RunFolder,
    bucket: u32,
    mut ranges: Vec<IndexEntry>,
    rules: &FileRules,
    place: &Place,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<FileEntry>>, FileError> {
    ranges.sort_by(|left, right| left.range.cmp(&right.range));
    let parts: Vec<PartToJoin> =
        ranges.iter().map(|entry| PartToJoin { path: folder.part(bucket, entry.id), length: entry.part }).collect();
    let path = folder.bucket(bucket);
    create_folder(&path)?;
    let Some(files) = join(&path, &parts, rules, is_cancelled)? else {
        return Ok(None);
    };
    crash::reached("bucket-joined");
    let entry = |file: JoinedFile| FileEntry { bucket, path: place.file(file.part), file };
    Ok(Some(files.into_iter().map(entry).collect()))
}

/// Gives the files of a bucket their final names.
///
/// # Errors
/// As the file system says.
pub fn publish_bucket(folder: &RunFolder, bucket: u32, files: &[FileEntry]) -> Result<(), FileError> {
    let files: Vec<_> = files.iter().map(|entry| (entry.file.part, entry.path.clone(), entry.file.bytes)).collect();
    publish(&folder.bucket(bucket), &files)?;
    crash::reached("bucket-published");
    Ok(())
}
