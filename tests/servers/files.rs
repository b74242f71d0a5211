//! Objects as files: written with their dates, and as a listing must show them.

use crate::conformance::Object;
use jiff::Timestamp;
use std::fs::{self, File};
use std::path::Path;

impl Object {
    /// An object with an RFC 3339 instant.
    pub fn new(key: &str, size: u64, last_modified: &str) -> Self {
        Self { key: key.to_owned(), size, last_modified: last_modified.parse().expect("an instant") }
    }

    /// The `number`th object of a bucket: sizes and instants, to the millisecond, differ.
    pub fn numbered(key: &str, number: u16) -> Self {
        // 2025-01-01, and not quite nine minutes between one and the next.
        let milliseconds = 1_735_689_600_000 + i64::from(number) * 523_457;
        let last_modified = Timestamp::from_millisecond(milliseconds).expect("an instant");
        Self { key: key.to_owned(), size: u64::from(number) * 3, last_modified }
    }
}

/// Makes a folder with these objects as files.
pub fn write(bucket: &Path, objects: &[Object]) {
    fs::create_dir_all(bucket).expect("a folder for the bucket");
    for object in objects {
        let path = bucket.join(&object.key);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the file");
        let file = File::create_new(&path).expect("a new file");
        file.set_len(object.size).expect("a size");
        file.set_modified(object.last_modified.into()).expect("a date");
    }
}

/// The objects in the order of a listing: by the bytes of their keys.
pub fn in_key_order(mut objects: Vec<Object>) -> Vec<Object> {
    objects.sort_by(|left, right| left.key.as_bytes().cmp(right.key.as_bytes()));
    objects
}
