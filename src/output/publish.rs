//! Publishing: joined files get their final names.
//!
//! Owns that this can be repeated: a file that already has its final name, from before an
//! interruption, is left as it is.

use super::file::{FileError, create_folder, sync_folder};
use super::join::joined_path;
use crate::crash;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Moves the joined files of a bucket, as `(number, final path, bytes)`, from `folder` to their
/// final paths. Durable when it returns.
///
/// # Errors
/// As the file system says, or when a file is neither joined nor published.
#[expect(clippy::disallowed_methods, reason = "here the folders are synced after it")]
pub fn publish(folder: &Path, files: &[(u64, PathBuf, u64)]) -> Result<(), FileError> {
    let mut folders = BTreeSet::new();
    for (part, path, bytes) in files {
        let parent = path.parent().unwrap_or(Path::new("."));
        if folders.insert(parent.to_owned()) {
            create_folder(parent)?;
        }
        match fs::rename(joined_path(folder, *part), path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let published = fs::metadata(path).map_err(FileError::at("publish", path))?;
                if published.len() != *bytes {
                    let reason = format!("it has {} bytes instead of {bytes}", published.len());
                    return Err(FileError::at("publish", path)(io::Error::new(io::ErrorKind::InvalidData, reason)));
                }
            }
            Err(error) => return Err(FileError::at("publish", path)(error)),
        }
        crash::reached("file-published");
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data/run/b_1.csv");
        let other = folder.path().join("data/run/b_2.csv");
        fs::write(joined_path(folder.path(), 1), b"one").unwrap();
        fs::write(joined_path(folder.path(), 2), b"two").unwrap();
        let files = [(1, target.clone(), 3), (2, other.clone(), 3)];
        publish(folder.path(), &files[..1]).unwrap();
        publish(folder.path(), &files).unwrap();
        publish(folder.path(), &files).unwrap();
        assert_eq!((fs::read(&target).unwrap(), fs::read(&other).unwrap()), (b"one".to_vec(), b"two".to_vec()));
        assert!(publish(folder.path(), &[(1, target, 99)]).is_err(), "not what was joined");
        assert!(publish(folder.path(), &[(3, folder.path().join("none.csv"), 1)]).is_err());
    }
}
