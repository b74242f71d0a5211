//! Which buckets and which objects a job asks for.
//!
//! Responsible for the tables `[buckets]` and `[objects]`. It leaves applying them to discovery and to
//! the row filter. It owns the invariant that no condition is impossible by itself: no empty list,
//! no smallest size above the largest.

use super::file::{BucketsFile, ObjectsFile};
use super::globs::{KeyGlobs, NameGlobs};
use super::problem::{Findings, Refusal, Written};
use super::values::{choice, size, storage_class};

/// What becomes of a bucket matched by a pattern that may not be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDenied {
    /// The run is partial.
    Fail,
    /// The bucket is left out.
    Skip,
}

/// What becomes of a job that matches no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnEmpty {
    /// The run is partial.
    Fail,
    /// The run is complete.
    Ok,
}

/// Which buckets are scanned.
#[derive(Debug, Clone)]
pub struct BucketRules {
    /// Names to take.
    pub include: NameGlobs,
    /// Names to leave out nevertheless.
    pub exclude: NameGlobs,
    /// Buckets that may not be listed.
    pub on_denied: OnDenied,
    /// No bucket at all.
    pub on_empty: OnEmpty,
}

impl BucketRules {
    pub(super) fn check(file: &BucketsFile, findings: &mut Findings) -> Option<Self> {
        let include =
            some(file.include.as_ref(), "bucket", findings).and_then(|patterns| NameGlobs::compile(patterns, findings));
        let exclude = file.exclude.as_ref();
        let exclude = exclude.and_then(|list| NameGlobs::compile(&list.value, findings));
        let on_denied = findings.accept(file.on_denied.as_ref(), |text: &str| {
            choice(text, &[("fail", OnDenied::Fail), ("skip", OnDenied::Skip)])
        });
        let on_empty = findings
            .accept(file.on_empty.as_ref(), |text: &str| choice(text, &[("fail", OnEmpty::Fail), ("ok", OnEmpty::Ok)]));
        Some(Self { include: include?, exclude: exclude?, on_denied: on_denied?, on_empty: on_empty? })
    }
}

/// Which objects give a row: all conditions hold; `None` and an empty list are no condition.
#[derive(Debug, Clone)]
pub struct ObjectRules {
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
    pub(super) fn check(file: &ObjectsFile, findings: &mut Findings) -> Self {
        let include =
            some(file.include.as_ref(), "object", findings).and_then(|patterns| KeyGlobs::compile(patterns, findings));
        let exclude = file.exclude.as_ref().filter(|list| !list.value.is_empty());
        let exclude = exclude.and_then(|list| KeyGlobs::compile(&list.value, findings));
        let min_size = findings.accept(file.min_size.as_ref(), size);
        let max_size = findings.accept(file.max_size.as_ref(), size);
        if let (Some(min), Some(max), Some(written)) = (min_size, max_size, &file.max_size)
            && min > max
        {
            let message = format!("must not be below `objects.min_size`: `{max}` bytes are less than `{min}`");
            findings.refuse(&written.blame, Refusal::new(message));
        }
        let classes = some(file.storage_classes.as_ref(), "object", findings).unwrap_or_default();
        let classes = classes.iter().filter_map(|class| findings.accept(Some(class), storage_class));
        let storage_classes = classes.collect();
        Self { include, exclude, min_size, max_size, storage_classes }
    }
}

/// The elements of a list that must have some: an empty one would quietly take nothing.
fn some<'w>(
    list: Option<&'w Written<Vec<Written<String>>>>,
    what: &str,
    findings: &mut Findings,
) -> Option<&'w [Written<String>]> {
    let list = list?;
    if list.value.is_empty() {
        let message = format!("an empty list takes no {what} at all");
        let hint = "leave the key out to take all";
        findings.refuse(&list.blame, Refusal::new(message).hint(hint));
        return None;
    }
    Some(&list.value)
}
