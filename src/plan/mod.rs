//! What will be done: the job and the buckets that accounts have, to the buckets of a run, and what
//! that will take.
//!
//! Pure. Owns which names are scanned without being listed first, that no two buckets of a run
//! would write to the same path, and that none would write over the program's own files.

mod duration;
mod estimate;
mod known;
mod survey;

pub use duration::{Holder, Span};
pub use estimate::{
    BucketEstimate, Estimate, Expected, KEYS_PER_REQUEST, Pace, RESPONSE_BYTES_PER_KEY, of_bucket, of_run,
};
pub use known::{CountSource, Known, KnownBucket};
pub use survey::{LeftOut, WhyLeftOut, left_out};

use crate::job::{NameGlobs, NameRules, PathTemplate};
use crate::output::{Place, PlaceValues};
use crate::s3::FoundBucket;
use crate::state::BucketEntry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// How the buckets of an account are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Names to scan directly, without asking whether they exist.
    pub literals: Vec<String>,
    /// Whether the account's buckets have to be listed.
    pub list: bool,
}

/// What to ask of an account. A name without glob characters is scanned directly where the rules say
/// so; else it is matched against what the account lists.
#[must_use]
pub fn search(rules: &NameRules) -> Search {
    if !rules.direct {
        return Search { literals: Vec::new(), list: true };
    }
    let literals: Vec<String> = rules.include.literals().filter(|name| rules.takes(name)).map(str::to_owned).collect();
    let list = rules.include.literals().count() < rules.include.patterns().len();
    Search { literals, list }
}

/// The buckets of an account that the job wants, in the order of their names: by name, and by region
/// where `regions` says which.
#[must_use]
pub fn select(
    account: u32,
    rules: &NameRules,
    regions: Option<&NameGlobs>,
    literals: &[(String, String)],
    found: &[FoundBucket],
    home_region: &str,
) -> Vec<BucketEntry> {
    let mut selected = BTreeMap::new();
    for bucket in found {
        if rules.takes(&bucket.name) {
            let region = bucket.region.clone().unwrap_or_else(|| home_region.to_owned());
            selected.insert(
                bucket.name.clone(),
                BucketEntry { account, name: bucket.name.clone(), region, literal: false },
            );
        }
    }
    for (name, region) in literals {
        let entry = BucketEntry { account, name: name.clone(), region: region.clone(), literal: true };
        selected.insert(name.clone(), entry);
    }
    selected.into_values().filter(|entry| regions.is_none_or(|regions| regions.matches(&entry.region))).collect()
}

/// The run that buckets are placed in.
#[derive(Clone, Debug)]
pub struct RunNames<'run> {
    /// The job's name.
    pub job: &'run str,
    /// The run's id.
    pub run: &'run str,
    /// The run's UTC date.
    pub date: &'run str,
    /// The names of the accounts, in the run's order.
    pub accounts: &'run [String],
    /// Their ids, as far as they are known, in the same order.
    pub account_ids: &'run [String],
    /// The extension of the files.
    pub ext: &'run str,
}

impl RunNames<'_> {
    /// Where the files of a bucket go.
    #[must_use]
    pub fn place(&self, template: &PathTemplate, bucket: &BucketEntry) -> Place {
        let account = self.accounts.get(bucket.account as usize).map_or("", String::as_str);
        let values = PlaceValues {
            job: self.job,
            run: self.run,
            date: self.date,
            account,
            account_id: self.account_ids.get(bucket.account as usize).map_or("", String::as_str),
            bucket: &bucket.name,
            region: &bucket.region,
            ext: self.ext,
        };
        Place::new(template, &values)
    }
}

/// The first bucket whose files would get in the way of one of the program's own, `reserved`; with
/// that one.
#[must_use]
pub fn intrusion<'run>(
    names: &RunNames<'_>,
    template: &PathTemplate,
    buckets: &'run [BucketEntry],
    reserved: &'run [PathBuf],
) -> Option<(&'run BucketEntry, &'run Path)> {
    buckets.iter().find_map(|bucket| {
        let place = names.place(template, bucket);
        let met = reserved.iter().find(|path| place.meets(path))?;
        Some((bucket, met.as_path()))
    })
}

/// The first two buckets whose files would have the same path, on a file system that ignores case.
#[must_use]
pub fn collision<'run>(
    names: &RunNames<'_>,
    template: &PathTemplate,
    buckets: &'run [BucketEntry],
) -> Option<(&'run BucketEntry, &'run BucketEntry)> {
    let mut taken = HashMap::with_capacity(buckets.len());
    buckets.iter().find_map(|bucket| {
        let other = taken.insert(names.place(template, bucket).collision_key(), bucket)?;
        Some((other, bucket))
    })
}
