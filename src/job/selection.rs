//! Which buckets and which objects a job asks for.
//!
//! Responsible for the tables `[buckets]` and `[objects]`. It leaves applying them to discovery and to
//! the row filter. It owns the invariant that no condition is impossible by itself: no empty list,
//! no smallest size above the largest.

use super::globs::{KeyGlobs, KeyPattern, NameGlobs, NamePattern};
use super::prefixes::{Prefix, merged_prefixes};
use super::problem::{Findings, Refusal, Written};
use super::read::{Key, table, words};
use super::values::{Size, StorageClass};

table! {
    /// Which buckets are scanned, by patterns over their names.
    pub(super) struct BucketsFile {
        /// Buckets to take. `*` stands for any characters, `?` for one; there are also `[a-z]` and `{a,b}`. A name
        /// without such characters is scanned without looking for it, where the job has one account or the list is
        /// an account's own.
        #[schemars(example = serde_json::json!(["logs-*", "reports"]))]
        include: Key<Vec<Written<NamePattern>>>,
        /// Buckets to leave out of these.
        #[schemars(example = serde_json::json!(["*-tmp"]))]
        exclude: Key<Vec<Written<NamePattern>>>,
        /// What is made of a bucket that a pattern matched and that may not be listed. One that is scanned by its plain
        /// name always counts as failed, and so does an account in which everything is denied.
        on_denied: Key<OnDenied>,
        /// What is made of a job that matches no bucket.
        on_empty: Key<OnEmpty>,
    }
}

table! {
    /// Which buckets of this account are scanned, key by key in place of the job's `[buckets]`.
    pub(super) struct AccountBucketsFile {
        /// Buckets to take; names without patterns are scanned without looking for them.
        #[schemars(example = serde_json::json!(["data-lake"]))]
        include: Key<Vec<Written<NamePattern>>>,
        /// Buckets to leave out of these.
        exclude: Key<Vec<Written<NamePattern>>>,
    }
}

table! {
    /// Which objects become rows. All conditions must hold; without any, all objects do.
    pub(super) struct ObjectsFile {
        /// What is listed.
        list: Key<Listed>,
        /// Only keys that begin with one of these; plain text, not patterns. They are sent to the store, and each is
        /// listed on its own, so that only what they cover costs requests. Overlapping ones are merged: no object gives
        /// two rows.
        #[schemars(example = serde_json::json!(["year=2025/", "year=2026/"]))]
        prefixes: Key<Vec<Written<Prefix>>>,
        /// Patterns of keys to take; left out, all. `*` and `?` stop at `/`, `**` between slashes does not.
        #[schemars(example = serde_json::json!(["**/*.parquet"]))]
        include: Key<Vec<Written<KeyPattern>>>,
        /// Keys to leave out of these.
        #[schemars(example = serde_json::json!(["**/_temporary/**"]))]
        exclude: Key<Vec<Written<KeyPattern>>>,
        /// The smallest size, included: bytes, or text with a unit.
        #[schemars(example = &"1 MiB", example = 1)]
        min_size: Key<Size>,
        /// The largest size, included.
        #[schemars(example = &"5 GB")]
        max_size: Key<Size>,
        /// Storage classes to take.
        #[schemars(example = serde_json::json!(["STANDARD", "GLACIER"]))]
        storage_classes: Key<Vec<Written<StorageClass>>>,
    }
}

impl ObjectsFile {
    /// Notes sizes that no object has.
    pub(super) fn check_sizes(&self, findings: &mut Findings) {
        if let (Some(min), Some(max)) = (self.min_size.value(), self.max_size.written())
            && *min > max.value
        {
            let (min, found) = (min.0, max.value.0);
            let message = format!("must not be below `objects.min_size`: `{found}` bytes are less than `{min}`");
            findings.refuse(&max.blame, Refusal::new(message));
        }
    }
}

words! {
    /// What is listed.
    pub enum Listed {
        /// The current objects.
        "current" => Current,
    }
    reserved "versions", "uploads";
}

words! {
    /// What becomes of a bucket matched by a pattern that may not be listed.
    pub enum OnDenied {
        /// The run is partial.
        "fail" => Fail,
        /// The bucket is left out.
        "skip" => Skip,
    }
}

words! {
    /// What becomes of a job that matches no bucket.
    pub enum OnEmpty {
        /// The run is partial.
        "fail" => Fail,
        /// The run is complete.
        "ok" => Ok,
    }
}

/// Which buckets of an account are scanned.
#[derive(Debug, Clone)]
pub struct NameRules {
    /// Names to take.
    pub include: NameGlobs,
    /// Names to leave out nevertheless.
    pub exclude: NameGlobs,
    /// The names to keep to, of a call that does a part of the job.
    pub only: Option<NameGlobs>,
    /// Whether names without glob characters are scanned without asking whether the account has them.
    pub direct: bool,
}

impl NameRules {
    /// The job's rules, which by themselves look for all names.
    pub(super) fn check(file: &BucketsFile, findings: &mut Findings) -> Option<Self> {
        let include = some(&file.include, "bucket", findings).and_then(|list| NameGlobs::compile(list, findings));
        let exclude = file.exclude.written().and_then(|list| NameGlobs::compile(list, findings));
        Some(Self { include: include?, exclude: exclude?, only: None, direct: false })
    }

    /// Whether a bucket of this name is to be scanned.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let only = self.only.as_ref().is_none_or(|only| only.matches(name));
        only && self.include.matches(name) && !self.exclude.matches(name)
    }

    /// These rules with what an account's own table says instead.
    pub(super) fn with(&self, own: &AccountBucketsFile, findings: &mut Findings) -> Self {
        let include = some(&own.include, "bucket", findings).and_then(|list| NameGlobs::compile(list, findings));
        let exclude = own.exclude.written().and_then(|list| NameGlobs::compile(list, findings));
        Self {
            direct: include.is_some(),
            include: include.unwrap_or_else(|| self.include.clone()),
            exclude: exclude.unwrap_or_else(|| self.exclude.clone()),
            only: None,
        }
    }
}

/// What becomes of buckets that may not be listed, and of a job without any.
#[derive(Debug, Clone)]
pub struct BucketRules {
    /// Buckets that may not be listed.
    pub on_denied: OnDenied,
    /// No bucket at all.
    pub on_empty: OnEmpty,
}

impl BucketRules {
    pub(super) fn check(file: &BucketsFile) -> Option<Self> {
        Some(Self { on_denied: *file.on_denied.value()?, on_empty: *file.on_empty.value()? })
    }
}

/// Which objects give a row: all conditions hold; `None` and an empty list are no condition.
#[derive(Debug, Clone)]
pub struct ObjectRules {
    /// What is listed.
    pub list: Listed,
    /// What keys begin with, each sent to the store and listed on its own; none is the whole bucket.
    /// As [`merged_prefixes`] gives them.
    pub prefixes: Vec<String>,
    /// Keys to take.
    pub include: Option<KeyGlobs>,
    /// Keys to leave out nevertheless.
    pub exclude: Option<KeyGlobs>,
    /// Smallest size in bytes, inclusive.
    pub min_size: Option<u64>,
    /// Largest size in bytes, inclusive.
    pub max_size: Option<u64>,
    /// Storage classes to take.
    pub storage_classes: Vec<String>,
}

impl ObjectRules {
    pub(super) fn check(file: &ObjectsFile, findings: &mut Findings) -> Option<Self> {
        let include = some(&file.include, "object", findings).and_then(|list| KeyGlobs::compile(list, findings));
        let exclude = file.exclude.written().filter(|list| !list.value.is_empty());
        let exclude = exclude.and_then(|list| KeyGlobs::compile(list, findings));
        file.check_sizes(findings);
        some(&file.prefixes, "object", findings);
        some(&file.storage_classes, "object", findings);
        Some(Self {
            list: *file.list.value()?,
            prefixes: merged_prefixes(file.prefixes.iter().map(|prefix| prefix.value.0.clone()).collect()),
            include,
            exclude,
            min_size: file.min_size.value().map(|size| size.0),
            max_size: file.max_size.value().map(|size| size.0),
            storage_classes: file.storage_classes.iter().map(|class| class.value.0.clone()).collect(),
        })
    }
}

/// A list that must have elements: an empty one would quietly take nothing.
pub(super) fn some<'w, T>(
    list: &'w Key<Vec<Written<T>>>,
    what: &str,
    findings: &mut Findings,
) -> Option<&'w Written<Vec<Written<T>>>> {
    let list = list.written()?;
    if list.value.is_empty() && !findings.is_inside(&list.blame) {
        let message = format!("an empty list takes no {what} at all");
        let hint = "leave the key out to take all";
        findings.refuse(&list.blame, Refusal::new(message).hint(hint));
        return None;
    }
    Some(list)
}
