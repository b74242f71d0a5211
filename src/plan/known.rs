//! What is known of buckets before a run lists them.
//!
//! Pure. Owns that what is known says whence: what a listing saw is of the keys that the job asks for,
//! what CloudWatch counted is of the whole bucket and more.

use jiff::Timestamp;
use std::collections::BTreeMap;

/// What is known of buckets, by the names of account and bucket.
pub type Known = BTreeMap<(String, String), KnownBucket>;

/// What is known of a bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownBucket {
    /// Its objects.
    pub objects: u64,
    /// Who counted them.
    pub source: CountSource,
    /// Requests that its last listing took.
    pub requests: Option<u64>,
    /// How long a page of that took, in seconds.
    pub page_seconds: Option<f64>,
    /// Its share of how long that run waited for files, in seconds.
    pub finish_seconds: Option<f64>,
    /// How long that listing took, in seconds, where the store had it asked more slowly.
    pub held_seconds: Option<f64>,
}

/// Who counted the objects of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountSource {
    /// The job's last complete listing of it.
    LastListing,
    /// CloudWatch, on that day.
    CloudWatch(Timestamp),
}

impl KnownBucket {
    /// A bucket of which there is nothing but this count.
    #[must_use]
    pub fn counted(objects: u64, source: CountSource) -> Self {
        Self { objects, source, requests: None, page_seconds: None, finish_seconds: None, held_seconds: None }
    }
}
