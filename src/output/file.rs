//! Files and folders, durably: every operation names its path when it fails, and syncs what must
//! outlive a loss of power.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An operation on a file failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} `{}`", path.display())]
pub struct FileError {
    /// What was tried, as a verb: `write`, `create folder`.
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's reason.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: an I/O error becomes one that names what was done and to what.
    pub fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }

    /// All of it in one text, for where a reason is kept rather than told as an error.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("{self}: {}", self.source)
    }
}

/// Creates a folder and its parents, durably.
///
/// # Errors
/// As the file system says.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| is_missing(folder)).collect();
    fs::create_dir_all(path).map_err(FileError::at("create folder", path))?;
    missing.iter().try_for_each(|folder| sync_folder(folder.parent().unwrap_or(Path::new("."))))
}

fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

/// Opens a file for appending behind its first `committed` bytes, cutting off the rest; creates it
/// where none count.
///
/// # Errors
/// As the file system says, or when committed bytes are missing.
pub fn open_committed(path: &Path, committed: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(committed == 0).truncate(false).open(path)?;
    let found = file.metadata()?.len();
    if found < committed {
        let reason = format!("it has {found} bytes, of which {committed} were committed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    file.set_len(committed)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// Makes the entries of a folder durable.
///
/// # Errors
/// As the file system says.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|folder| folder.sync_all()).map_err(FileError::at("sync folder", path))
}

/// Replaces a file so that a reader, or a loss of power, finds the old or the new content whole:
/// temporary file, fsync, rename, fsync of the folder. `step` is told about each stage.
///
/// # Errors
/// As the file system says; the old file is then untouched.
pub fn replace(path: &Path, content: &[u8], step: impl Fn(ReplaceStep)) -> Result<(), FileError> {
    replace_with(path, |file| file.write_all(content), step)
}

/// Replaces a file as [`replace`] does, by what `content` writes; the writer is not buffered.
///
/// # Errors
/// As the file system or `content` says; the old file is then untouched.
#[expect(clippy::disallowed_methods, reason = "here the folder is synced after it")]
pub fn replace_with(
    path: &Path,
    content: impl FnOnce(&mut File) -> io::Result<()>,
    step: impl Fn(ReplaceStep),
) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = folder.join(name);
    let write = || {
        let mut file = File::create(&temporary)?;
        content(&mut file)?;
        file.sync_all()
    };
    write().map_err(FileError::at("write", &temporary))?;
    step(ReplaceStep::Written);
    fs::rename(&temporary, path).map_err(FileError::at("replace", path))?;
    step(ReplaceStep::Renamed);
    sync_folder(folder)
}

/// The stages of [`replace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceStep {
    /// The temporary file is durable.
    Written,
    /// It has the final name; the folder is not synced yet.
    Renamed,
}

/// Removes a folder with all in it; one that is not there is fine.
///
/// # Errors
/// As the file system says.
pub fn remove_folder(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove folder", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/table.csv");
        replace_with(&path, |file| file.write_all(b"a").and_then(|()| file.write_all(b"b")), |_| ()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        let fails = |file: &mut File| file.write_all(b"half").and_then(|()| Err(io::Error::other("no")));
        assert!(replace_with(&path, fails, |_| ()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        replace(&path, b"c", |_| ()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"c");
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }
}
