//! What is in the way of the files of a bucket: something at one of their paths, or where a folder of
//! theirs has to be, that no run of the job has put there.
//!
//! Owns that a symbolic link is never one of ours, whatever it leads to, and that being in the way is
//! told apart from a file system that refuses: the one concerns a bucket, the other the run.

use super::file::FileError;
use super::hash::sha256_of;
use super::join::JoinedFile;
use super::place::Place;
use super::standing::{StandingFile, StandingRecord};
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why the files of a bucket were not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Something that is not ours stands where a file or a folder of the bucket has to be. Nothing of
    /// the bucket was touched.
    #[error(transparent)]
    InTheWay(FileError),
    /// Files that were published before an interruption are gone or changed, and so cannot be taken
    /// for published.
    #[error("{first}")]
    Lost {
        /// Their numbers.
        parts: Vec<u64>,
        /// What is wrong with the first.
        #[source]
        first: FileError,
    },
    /// The file system refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Listed files by their paths: two of one path are of two runs.
pub type Listed = BTreeMap<PathBuf, Vec<StandingFile>>;

/// Files by their paths.
pub fn by_path<'file>(files: impl Iterator<Item = &'file StandingFile>) -> Listed {
    let mut listed = Listed::new();
    files.for_each(|file| listed.entry(file.path.clone()).or_default().push(file.clone()));
    listed
}

/// The files that are listed by a path.
pub fn of<'listed>(listed: &'listed Listed, path: &Path) -> &'listed [StandingFile] {
    listed.get(path).map_or(&[], Vec::as_slice)
}

/// What is in the way of the files of a bucket, if anything is, as far as that is known before it is
/// listed: at the path of its first file, where a folder has to be, and at the paths that earlier runs
/// published. It costs no reading but of the record of what stands.
///
/// # Errors
/// As the file system says, or when the record of the bucket is not sound.
pub fn in_the_way(place: &Place) -> Result<Option<FileError>, FileError> {
    let first = place.file(1);
    if let Some(obstacle) = obstacle(folder_of(&first)) {
        return Ok(Some(obstacle));
    }
    let record = place.standing().map_or(Ok(None), super::standing::Standing::load)?;
    let listed = by_path(record.iter().flat_map(StandingRecord::listed));
    for path in listed.keys().chain([&first]) {
        if let Some(metadata) = look(path)?
            && (!metadata.is_file() || of(&listed, path).is_empty())
        {
            return Ok(Some(foreign(path, &metadata, place.standing().is_some())));
        }
    }
    Ok(None)
}

/// What keeps `folder` from being there, if anything does: a file, or a link that leads nowhere.
pub fn obstacle(folder: &Path) -> Option<FileError> {
    // What is there is looked at once: others may be making the same folder at this moment. Where looking
    // is not allowed, or nothing is there, making the folder says what there is to say.
    let is_obstacle = |path: &&Path| {
        fs::symlink_metadata(path).is_ok_and(|metadata| {
            if metadata.is_symlink() {
                let leads_to = fs::metadata(path);
                leads_to.map_or_else(|error| error.kind() != ErrorKind::PermissionDenied, |metadata| !metadata.is_dir())
            } else {
                !metadata.is_dir()
            }
        })
    };
    let path = folder.ancestors().filter(|path| !path.as_os_str().is_empty()).find(is_obstacle)?;
    let what = fs::symlink_metadata(path).map_or("a file", |metadata| described(&metadata));
    let reason = format!("a folder is needed where there is {what}");
    Some(FileError::at("publish into", path)(io::Error::new(ErrorKind::AlreadyExists, reason)))
}

/// The folder in which a file is.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Something that is not ours is at a path, which earlier runs have written to where it `is_replaced`.
pub fn foreign(path: &Path, metadata: &Metadata, is_replaced: bool) -> FileError {
    let what = described(metadata);
    let whose = if is_replaced { "no run of this job has published it" } else { "it is not what this run publishes" };
    let reason = format!("there is {what} already, and {whose}");
    FileError::at("publish", path)(io::Error::new(ErrorKind::AlreadyExists, reason))
}

fn described(metadata: &Metadata) -> &'static str {
    match metadata.file_type() {
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_file() => "a file",
        _ => "something that is no file",
    }
}

/// What is at a path, links not followed; `None` where there is nothing.
///
/// # Errors
/// As the file system says.
pub fn look(path: &Path) -> Result<Option<Metadata>, FileError> {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        metadata => metadata.map(Some).map_err(FileError::at("look at", path)),
    }
}

/// Why what is at a path is not `file`; `None` where it is, with all its bytes.
///
/// # Errors
/// As the file system says.
pub fn difference(path: &Path, file: &JoinedFile) -> Result<Option<FileError>, FileError> {
    let (kind, reason) = match look(path)? {
        None => (ErrorKind::NotFound, "it is not there any more".to_owned()),
        Some(found) if !found.is_file() => (ErrorKind::InvalidData, format!("there is {} now", described(&found))),
        Some(found) if found.len() != file.bytes => {
            (ErrorKind::InvalidData, format!("it has {} bytes instead of {}", found.len(), file.bytes))
        }
        Some(_) if sha256_of(path)? != file.sha256 => {
            (ErrorKind::InvalidData, "it is not as it was published".to_owned())
        }
        Some(_) => return Ok(None),
    };
    Ok(Some(FileError::at("publish", path)(io::Error::new(kind, reason))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_what_is_a_folder_can_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("file"), b"mine").unwrap();
        symlink(at("real"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        symlink(at("circle"), at("circle")).unwrap();
        for free in ["real/new/one", "link/new", "new"] {
            assert!(obstacle(&at(free)).is_none(), "{free}");
        }
        for (blocked, by, what) in [
            ("file", "file", "a file"),
            ("file/new/one", "file", "a file"),
            ("dangling/new", "dangling", "a symbolic link"),
            ("circle", "circle", "a symbolic link"),
        ] {
            let error = obstacle(&at(blocked)).unwrap();
            assert_eq!(error.path, at(by));
            assert_eq!(error.source.to_string(), format!("a folder is needed where there is {what}"));
        }
        assert!(obstacle(Path::new("")).is_none());
    }

    #[test]
    fn a_file_is_told_from_what_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b_1.csv");
        fs::write(&path, b"rows").unwrap();
        let file = JoinedFile { part: 1, rows: 1, bytes: 4, sha256: sha256_of(&path).unwrap() };
        assert!(difference(&path, &file).unwrap().is_none());
        let told = |path: &Path| difference(path, &file).unwrap().unwrap().source.to_string();
        fs::write(&path, b"rowz").unwrap();
        assert_eq!(told(&path), "it is not as it was published");
        fs::write(&path, b"rows, and more").unwrap();
        assert_eq!(told(&path), "it has 14 bytes instead of 4");
        assert_eq!(told(&path.join("below")), "it is not there any more");
        fs::remove_file(&path).unwrap();
        symlink(folder.path(), &path).unwrap();
        assert_eq!(told(&path), "there is a symbolic link now");
    }
}
