//! Which objects become rows: the job's conditions on borrowed bytes, all of which must hold.
//!
//! Owns the rule that nothing is invented: an object without a readable `LastModified` fails every
//! window, one without a size every size limit.

use super::instant::Instant;
use crate::job::{KeyGlobs, ObjectRules, Window};
use crate::s3::Object;

/// The conditions of one job, ready to be asked for each object.
#[derive(Clone, Debug, Default)]
pub struct ObjectFilter {
    since: Option<Instant>,
    until: Option<Instant>,
    min_size: Option<u64>,
    max_size: Option<u64>,
    storage_classes: Vec<String>,
    include: Option<KeyGlobs>,
    exclude: Option<KeyGlobs>,
}

impl ObjectFilter {
    /// The filter of a job's window and object rules.
    #[must_use]
    pub fn new(window: &Window, rules: &ObjectRules) -> Self {
        Self {
            since: window.since.map(Instant::from),
            until: window.until.map(Instant::from),
            min_size: rules.min_size,
            max_size: rules.max_size,
            storage_classes: rules.storage_classes.clone(),
            include: rules.include.clone(),
            exclude: rules.exclude.clone(),
        }
    }

    /// Whether the object is wanted. `last_modified` is its field as read, `None` where missing
    /// or unreadable. Cheap conditions are asked first, globs last.
    #[must_use]
    #[inline]
    pub fn matches(&self, object: &Object<'_>, last_modified: Option<impl Into<Instant>>) -> bool {
        (self.since.is_none() && self.until.is_none() || self.in_window(last_modified.map(Into::into)))
            && self.min_size.is_none_or(|min| object.size.bytes.is_some_and(|size| size >= min))
            && self.max_size.is_none_or(|max| object.size.bytes.is_some_and(|size| size <= max))
            && (self.storage_classes.is_empty()
                || self.storage_classes.iter().any(|class| class.as_bytes() == object.storage_class))
            && self.include.as_ref().is_none_or(|globs| globs.matches(object.key))
            && !self.exclude.as_ref().is_some_and(|globs| globs.matches(object.key))
    }

    /// Half-open: `since <= t < until`.
    fn in_window(&self, last_modified: Option<Instant>) -> bool {
        self.since.is_none_or(|since| last_modified.is_some_and(|instant| instant >= since))
            && self.until.is_none_or(|until| last_modified.is_some_and(|instant| instant < until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::instant::parse_utc;
    use crate::s3::Size;

    fn object(size: Option<u64>) -> Object<'static> {
        let size = Size { text: b"", bytes: size };
        Object { key: b"a/b.parquet", size, storage_class: b"GLACIER", ..Object::default() }
    }

    fn at(text: &str) -> Option<Instant> {
        parse_utc(text.as_bytes()).map(Instant::from)
    }

    #[test]
    fn the_window_is_half_open() {
        let filter = ObjectFilter {
            since: at("2025-07-01T00:00:00Z"),
            until: at("2025-10-01T00:00:00Z"),
            ..ObjectFilter::default()
        };
        for (text, expected) in [
            ("2025-06-30T23:59:59.999Z", false),
            ("2025-07-01T00:00:00.000Z", true),
            ("2025-09-30T23:59:59.999Z", true),
            ("2025-10-01T00:00:00Z", false),
            ("missing", false),
        ] {
            assert_eq!(filter.matches(&object(Some(10)), at(text)), expected, "{text}");
        }
        assert!(ObjectFilter::default().matches(&object(None), None::<Instant>));
    }

    #[test]
    fn sizes_are_inclusive_and_a_missing_one_fails() {
        let filter = ObjectFilter { min_size: Some(10), max_size: Some(20), ..ObjectFilter::default() };
        for (size, expected) in [(Some(9), false), (Some(10), true), (Some(20), true), (Some(21), false), (None, false)]
        {
            assert_eq!(filter.matches(&object(size), None::<Instant>), expected, "{size:?}");
        }
    }

    #[test]
    fn storage_classes_are_alternatives() {
        let filter = |classes: &[&str]| ObjectFilter {
            storage_classes: classes.iter().map(ToString::to_string).collect(),
            ..ObjectFilter::default()
        };
        assert!(filter(&["STANDARD", "GLACIER"]).matches(&object(None), None::<Instant>));
        assert!(!filter(&["STANDARD"]).matches(&object(None), None::<Instant>));
    }
}
