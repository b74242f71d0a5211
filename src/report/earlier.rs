//! Files of earlier runs, where the path is replaced run by run: those that stay, and those of the
//! user's that were kept.
//!
//! Reads the records of what stands; they say it also of what happened before an interruption.

use crate::output::{FileError, Place, Standing, StandingRecord, records};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Files that an earlier run published and this run has not replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierFiles {
    /// The account's name in the job.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// The run that published them.
    pub run: String,
    /// How many they are.
    pub files: u64,
}

/// What a run leaves of the runs before it.
#[derive(Debug, Default)]
pub struct Earlier {
    /// By account and bucket.
    pub standing: Vec<EarlierFiles>,
    /// New names of files that were changed since they were published.
    pub kept: Vec<String>,
}

/// What the run leaves whose buckets have these places. Nothing where every run has paths of its own.
///
/// # Errors
/// When a record cannot be read.
pub fn earlier<'run>(mut places: impl Iterator<Item = &'run Place>) -> Result<Earlier, FileError> {
    let mut found = Earlier::default();
    let Some(standing) = places.find_map(Place::standing) else {
        return Ok(found);
    };
    for record in records(standing.series_folder())? {
        found.note(record, standing);
    }
    Ok(found)
}

impl Earlier {
    fn note(&mut self, record: StandingRecord, standing: &Standing) {
        if record.run == standing.run() {
            self.kept.extend(record.kept.iter().map(|path| path.to_string_lossy().into_owned()));
        } else if !record.files.is_empty() {
            let StandingRecord { account, bucket, run, files, .. } = record;
            self.standing.push(EarlierFiles { account, bucket, run, files: files.len() as u64 });
        }
    }
}
