//! What must hold of a scan whatever store is scanned: one set of cases for every implementation.
//!
//! Responsible for what a case needs to know of a bucket and of a store. The cases themselves are in
//! `cases`, and the awkward keys they are run over in `keys`; `endpoint` is the real program over a store
//! that speaks HTTP. The suite runs them over the store in memory and the demo endpoint, the tests with
//! servers over what other makers wrote.

pub mod cases;
pub mod endpoint;
pub mod keys;

use jiff::{Timestamp, Unit};
use serde::Deserialize;

/// What a row tells of an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Object {
    pub key: String,
    pub size: u64,
    pub last_modified: Timestamp,
}

/// A bucket and all that is in it.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub name: String,
    /// In the order of a listing: by the bytes of their keys.
    pub objects: Vec<Object>,
    /// How many of them the store puts on a page.
    pub page: usize,
    /// The unit to which their instants are known.
    pub known_to: Unit,
}

impl Bucket {
    /// A bucket with these objects, whose instants are known to the millisecond.
    pub fn new(name: &str, page: usize, mut objects: Vec<Object>) -> Self {
        objects.sort_by(|left, right| left.key.as_bytes().cmp(right.key.as_bytes()));
        Self { name: name.to_owned(), objects, page, known_to: Unit::Millisecond }
    }
}

/// What is asked of a scan besides the bucket.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub prefixes: Vec<String>,
    /// In whole seconds.
    pub window: Option<(Timestamp, Timestamp)>,
    /// After how many requests an invocation stops.
    pub stop_after: Option<u64>,
    /// Whether many requests are in flight at once, instead of one after another.
    pub at_once: bool,
}

impl Ask {
    /// How many requests there may be at once.
    pub fn concurrency(&self) -> u32 {
        if self.at_once { 32 } else { 1 }
    }
}

/// What came of a scan, when it had been gone on with until it was complete.
#[derive(Debug)]
pub struct Scanned {
    /// In the order they were written in.
    pub rows: Vec<Object>,
    /// How often the program was started.
    pub invocations: usize,
    /// Requests for pages, over all of them.
    pub requests: u64,
    /// How often a range was split in two.
    pub splits: u64,
    /// Whether the store is said to keep the order of keys.
    pub ordered: bool,
}

/// A store that can be scanned.
pub trait Subject {
    /// Scans a bucket, again and again until it is complete.
    fn scan(&self, bucket: &str, ask: &Ask) -> Scanned;
}
