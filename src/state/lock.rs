//! The job's lock: one run of a job at a time.
//!
//! An advisory lock on `state/{job}.lock`, a file of its own because the state file is replaced. The
//! operating system drops it when the process ends, however it ends.

use super::StateError;
use crate::output::{FileError, create_folder};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock, held until dropped.
#[derive(Debug)]
pub struct JobLock {
    _file: File,
}

impl JobLock {
    /// Takes the lock that belongs to a state file.
    ///
    /// # Errors
    /// [`StateError::Locked`] when another process holds it, else as the file system says.
    pub fn take(state_file: &Path) -> Result<Self, StateError> {
        let path = lock_path(state_file);
        create_folder(path.parent().unwrap_or(Path::new(".")))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(FileError::at("open lock", &path))?;
        let mut locked = file.try_lock();
        for _ in 0..LOOKS {
            // Somebody who only looks whether there is a run holds it for a moment.
            if matches!(locked, Err(TryLockError::WouldBlock)) {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "no runtime is about yet, and it is a tenth of a second"
                )]
                std::thread::sleep(LOOK);
                locked = file.try_lock();
            }
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only to be more helpful: the lock stands whatever the file says.
                let _ = file.read_to_string(&mut holder);
                return Err(StateError::Locked { path, holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(FileError::at("lock", &path)(error).into()),
        }
        let mut note = || {
            file.set_len(0)?;
            file.write_all(format!("process {}\n", std::process::id()).as_bytes())
        };
        note().map_err(FileError::at("write", &path))?;
        Ok(Self { _file: file })
    }

    /// Whether a process holds the lock right now. Where that cannot be told, none does.
    #[must_use]
    pub fn is_held(state_file: &Path) -> bool {
        let file = File::open(lock_path(state_file));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// How often the lock is asked for, and how long between: looking takes far less.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(20);

fn lock_path(state_file: &Path) -> PathBuf {
    // A state file may itself be named so: the two must never be one.
    let extension =
        if state_file.extension().is_some_and(|extension| extension == "lock") { "lock.lock" } else { "lock" };
    state_file.with_extension(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/job.json");
        let lock = JobLock::take(&state).unwrap();
        let error = JobLock::take(&state).unwrap_err();
        assert!(
            matches!(&error, StateError::Locked { holder, .. } if holder.contains(&std::process::id().to_string()))
        );
        assert!(JobLock::is_held(&state));
        drop(lock);
        assert!(!JobLock::is_held(&state) && !JobLock::is_held(Path::new("not/there.json")));
        JobLock::take(&state).unwrap();
        assert_ne!(lock_path(Path::new("state/x.lock")), Path::new("state/x.lock"));
    }
}
