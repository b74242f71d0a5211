//! Room on the disk: what joining a bucket needs beyond what its parts take already, and what there is.
//!
//! Owns the estimate, which is exact where files are not compressed but for what the file system needs
//! for itself, and too high rather than too low where parts go on the way. What is to be done about too
//! little room is not decided here.

use super::join::{FileRules, PartToJoin};
use super::progress::Position;
use crate::job::Compression;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Tells the bytes that may be written to the file system a folder is on; `None` where it does not say.
#[derive(Clone)]
pub struct FreeSpace(Arc<Tell>);

type Tell = dyn Fn(&Path) -> Option<u64> + Send + Sync;

impl FreeSpace {
    /// As `tell` says.
    pub fn new(tell: impl Fn(&Path) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Bytes free on the file system of `folder`.
    #[must_use]
    pub fn of(&self, folder: &Path) -> Option<u64> {
        (self.0)(folder)
    }
}

impl Default for FreeSpace {
    fn default() -> Self {
        Self::new(free_space)
    }
}

impl fmt::Debug for FreeSpace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FreeSpace")
    }
}

/// Bytes that this user may still write to the file system of `folder`, by `statvfs`. `None` where
/// the file system does not say, as some that are not on a disk of their own do not.
#[must_use]
pub fn free_space(folder: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(folder).ok()?;
    (told.f_blocks > 0).then(|| told.f_bavail.saturating_mul(told.f_frsize))
}

/// The most bytes that joining needs at any time beyond those of its parts; `None` where compression
/// makes it unknown. A part goes with the file that holds its last row, so at no time is there more
/// than the parts that one file is made of, twice, and the heads of all files.
#[must_use]
pub fn room_for_joining(parts: &[PartToJoin], from: Position, rules: &FileRules) -> Option<u64> {
    if rules.compression != Compression::None {
        return None;
    }
    let head = rules.head.len() as u64;
    let (mut most, mut files) = (0_u64, 1_u64);
    // Bytes of the parts that the current file is made of, and how many rows it still takes.
    let (mut bytes, mut room) = (0_u64, rules.rows_per_file);
    for (at, part) in parts.iter().enumerate().skip(from.at) {
        let mut rows = part.length.rows - if at == from.at { from.rows.min(part.length.rows) } else { 0 };
        if rows == 0 {
            continue;
        }
        bytes = bytes.saturating_add(part.length.bytes);
        if rows > room {
            // Before the files that hold nothing but this part, the one with the parts before it.
            most = most.max(bytes);
            rows -= room;
            files += rows.div_ceil(rules.rows_per_file);
            room = (rules.rows_per_file - rows % rules.rows_per_file) % rules.rows_per_file;
            bytes = part.length.bytes;
        } else {
            room -= rows;
        }
    }
    Some(most.max(bytes).saturating_add(head.saturating_mul(files)))
}

#[cfg(test)]
mod tests {
    use super::super::part::PartLength;
    use super::*;
    use crate::job::EmptyBucket;

    #[test]
    fn the_room_is_that_of_the_parts_that_one_file_is_made_of() {
        let part = |rows: u64| PartToJoin {
            path: "0.part".into(),
            length: PartLength { bytes: 100 * rows, rows, checksum: 0 },
        };
        let room = |rows: &[u64], rows_per_file: u64, from: Position| {
            let rules = FileRules {
                head: b"head\n".to_vec(),
                rows_per_file,
                compression: Compression::None,
                empty: EmptyBucket::Header,
            };
            let parts: Vec<PartToJoin> = rows.iter().copied().map(part).collect();
            room_for_joining(&parts, from, &rules).unwrap()
        };
        let start = Position::default();
        assert_eq!(room(&[], 10, start), 5);
        assert_eq!(room(&[4, 0, 6], 1000, start), 1000 + 5, "one file, twice");
        assert_eq!(room(&[10], 3, start), 1000 + 4 * 5, "one part stays until its last file");
        assert_eq!(room(&[4, 4, 4, 4], 5, start), 800 + 4 * 5);
        assert_eq!(room(&[4, 4, 4, 4], 5, Position { at: 3, bytes: 300, rows: 3 }), 400 + 5);
    }

    #[test]
    fn a_disk_tells_its_room_and_nothing_tells_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FreeSpace::default().of(folder.path()).is_some());
        assert_eq!(free_space(&folder.path().join("none")), None);
    }
}
