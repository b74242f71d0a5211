//! Making the files of a bucket again from its parts, where somebody removed or changed one between
//! an interruption and the rerun.
//!
//! Owns that a file which is made again is byte for byte what was committed, else nothing changes; and
//! that being cut off costs nothing: all is done in a folder of its own, and a file leaves that only
//! whole.

use super::file::{FileError, create_folder, remove_folder, sync_folder};
use super::join::{FileRules, JoinedFile, PartToJoin, join, joined_path};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The folder of files being made again, beside the parts of their bucket.
const FOLDER: &str = "again";

/// What making files again came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remade {
    /// They are joined again and wait for their names.
    Done,
    /// It was cut off.
    Cancelled,
    /// They cannot be made again, and why: parts have gone or are not what was committed.
    Impossible(String),
}

/// Makes those of `files` again whose numbers are `lost`, from the `parts` that all of them were made
/// of. The other files are left as they are.
///
/// # Errors
/// As the file system says where it refuses to write.
pub fn remake(
    folder: &Path,
    parts: &[PartToJoin],
    rules: &FileRules,
    files: &[JoinedFile],
    lost: &[u64],
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Remade, FileError> {
    let again = folder.join(FOLDER);
    // What an earlier attempt left is of no use: parts go only with a file that is known to be whole.
    remove_folder(&again)?;
    create_folder(&again)?;
    let made = match join(again.as_path(), parts, rules, is_cancelled) {
        Ok(Some(made)) => made,
        Ok(None) => return Ok(Remade::Cancelled),
        Err(error) if is_of_parts(&error) => return Ok(Remade::Impossible(error.reason())),
        Err(error) => return Err(error),
    };
    if made != files {
        return Ok(Remade::Impossible("its parts do not give the files that were committed".to_owned()));
    }
    lost.iter().try_for_each(|part| hand_over(&again, folder, *part))?;
    sync_folder(folder)?;
    remove_folder(&again)?;
    Ok(Remade::Done)
}

/// Whether it is the parts that are to blame, rather than the disk.
fn is_of_parts(error: &FileError) -> bool {
    matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::InvalidData)
}

#[expect(clippy::disallowed_methods, reason = "whoever calls syncs the folder after it")]
fn hand_over(again: &Path, folder: &Path, part: u64) -> Result<(), FileError> {
    let joined = joined_path(folder, part);
    fs::rename(joined_path(again, part), &joined).map_err(FileError::at("make again", &joined))
}

#[cfg(test)]
mod tests {
    use super::super::part::PartLength;
    use super::*;
    use crate::job::{Compression, EmptyBucket};

    /// Parts of so many rows each, and the files that joining makes of them.
    fn joined(folder: &Path, sizes: &[u64], rules: &FileRules) -> (Vec<PartToJoin>, Vec<JoinedFile>) {
        let part = |(name, size): (usize, &u64)| {
            let path = folder.join(format!("{name}.part"));
            let bytes: Vec<u8> = (0..*size).flat_map(|row| format!("{name},{row}\n").into_bytes()).collect();
            fs::write(&path, &bytes).unwrap();
            let length = PartLength { bytes: bytes.len() as u64, rows: *size, checksum: crc32fast::hash(&bytes) };
            PartToJoin { path, length }
        };
        let parts: Vec<PartToJoin> = sizes.iter().enumerate().map(part).collect();
        let files = join(folder, &parts, rules, &|| false).unwrap().unwrap();
        (parts, files)
    }

    fn rules(rows_per_file: u64, compression: Compression) -> FileRules {
        FileRules { head: b"h\n".to_vec(), rows_per_file, compression, empty: EmptyBucket::Header }
    }

    #[test]
    fn lost_files_come_back_as_they_were_and_others_are_left() {
        for (sizes, compression) in
            [(&[7_u64][..], Compression::None), (&[7], Compression::Gzip), (&[2, 1], Compression::None)]
        {
            let folder = tempfile::tempdir().unwrap();
            let rules = rules(3, compression);
            let (parts, files) = joined(folder.path(), sizes, &rules);
            let read = |part| fs::read(joined_path(folder.path(), part)).ok();
            let before: Vec<_> = files.iter().map(|file| read(file.part)).collect();
            fs::remove_file(joined_path(folder.path(), 1)).unwrap();
            for part in 2..=files.len() as u64 {
                fs::write(joined_path(folder.path(), part), b"not looked at").unwrap();
            }
            let again =
                |is_cancelled: bool| remake(folder.path(), &parts, &rules, &files, &[1], &|| is_cancelled).unwrap();
            assert_eq!((again(true), read(1)), (Remade::Cancelled, None));
            assert_eq!(again(false), Remade::Done);
            assert_eq!(read(1), before[0]);
            assert!((2..=files.len() as u64).all(|part| read(part).unwrap() == b"not looked at"));
            assert!(!folder.path().join(FOLDER).exists());
            // And again, as often as it takes.
            assert_eq!(again(false), Remade::Done);
        }
    }

    #[test]
    fn nothing_is_made_of_parts_that_are_not_what_was_committed() {
        let rules = rules(3, Compression::None);
        let lost = |change: &dyn Fn(&Path, &mut Vec<PartToJoin>)| {
            let folder = tempfile::tempdir().unwrap();
            let (mut parts, files) = joined(folder.path(), &[2, 1], &rules);
            fs::remove_file(joined_path(folder.path(), 1)).unwrap();
            change(folder.path(), &mut parts);
            let remade = remake(folder.path(), &parts, &rules, &files, &[1], &|| false).unwrap();
            assert!(!joined_path(folder.path(), 1).exists());
            let Remade::Impossible(reason) = remade else { panic!("{remade:?}") };
            reason
        };
        let gone = lost(&|folder, _| fs::remove_file(folder.join("0.part")).unwrap());
        assert!(gone.contains("could not open part") && gone.contains("0.part"), "{gone}");
        let changed = lost(&|folder, _| fs::write(folder.join("0.part"), b"0,0\n0,9\n").unwrap());
        assert!(changed.contains("the checksum differs"), "{changed}");
        let fewer = lost(&|_, parts| drop(parts.pop()));
        assert_eq!(fewer, "its parts do not give the files that were committed");
        let none = lost(&|_, parts| parts.clear());
        assert_eq!(none, fewer);
    }
}
