//! Why an account's buckets are left out.
//!
//! Pure. Owns that every bucket an account lists is either selected or told with the reason.

use crate::job::NameRules;
use crate::s3::FoundBucket;
use crate::state::BucketEntry;
use std::collections::HashSet;

/// A bucket that the account has and the run has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name, as the store gave it.
    pub bucket: String,
    /// Its region, where the store says it.
    pub region: Option<String>,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why a bucket is left out; of several reasons the first of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyLeftOut {
    /// No pattern of `include` matches.
    NotIncluded,
    /// This pattern of `exclude` matches.
    Excluded(String),
    /// The call keeps to other buckets.
    Narrowed,
    /// The account's `regions` do not have its region.
    Region,
}

/// The buckets among `found` that are not `selected`, in the order of their names.
#[must_use]
pub fn left_out(rules: &NameRules, found: &[FoundBucket], selected: &[BucketEntry]) -> Vec<LeftOut> {
    let selected: HashSet<&str> = selected.iter().map(|bucket| bucket.name.as_str()).collect();
    let mut left: Vec<LeftOut> = found
        .iter()
        .filter(|bucket| !selected.contains(bucket.name.as_str()))
        .map(|bucket| LeftOut {
            bucket: bucket.name.clone(),
            region: bucket.region.clone(),
            why: why(rules, &bucket.name),
        })
        .collect();
    left.sort_by(|one, other| one.bucket.cmp(&other.bucket));
    left
}

fn why(rules: &NameRules, name: &str) -> WhyLeftOut {
    if !rules.include.matches(name) {
        return WhyLeftOut::NotIncluded;
    }
    if let Some(pattern) = rules.exclude.matching(name) {
        return WhyLeftOut::Excluded(pattern.to_owned());
    }
    // What the names do not decide, the region does.
    if rules.takes(name) { WhyLeftOut::Region } else { WhyLeftOut::Narrowed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Narrowing, Request, load};

    #[test]
    fn each_bucket_that_is_left_out_has_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        let text = "version = 1\n[buckets]\ninclude = ['logs-*', 'data']\nexclude = ['*-old', '*-tmp']\n";
        #[expect(clippy::disallowed_methods, reason = "nobody else reads the file yet")]
        std::fs::write(&path, text).unwrap();
        let job = load(&Request::of(&path)).unwrap();
        let job = job.narrowed(&Narrowing::new(&[], &["logs-*".to_owned()])).unwrap();
        let rules = &job.accounts[0].selection;
        let found = ["other", "logs-a", "data", "logs-far", "logs-x-tmp"].map(|name| FoundBucket {
            name: name.to_owned(),
            region: Some(if name == "logs-far" { "ap-east-1" } else { "us-east-1" }.to_owned()),
        });
        let selected = super::super::select(0, rules, None, &[], &found, "us-east-1");
        // As if the account's regions had left it out.
        let selected: Vec<BucketEntry> = selected.into_iter().filter(|bucket| bucket.name != "logs-far").collect();
        assert_eq!(selected.len(), 1);
        let left = left_out(rules, &found, &selected);
        let reasons: Vec<(&str, &WhyLeftOut)> = left.iter().map(|left| (left.bucket.as_str(), &left.why)).collect();
        assert_eq!(
            reasons,
            [
                ("data", &WhyLeftOut::Narrowed),
                ("logs-far", &WhyLeftOut::Region),
                ("logs-x-tmp", &WhyLeftOut::Excluded("*-tmp".to_owned())),
                ("other", &WhyLeftOut::NotIncluded),
            ]
        );
    }
}
