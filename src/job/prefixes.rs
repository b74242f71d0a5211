//! The prefixes of keys that a job asks for, without overlap.
//!
//! Responsible for which of them can be sent, and for bringing them into the one form that listing
//! relies on. It owns the invariant that no key lies in two of them,
//! and that keys taken prefix by prefix stand in byte order.

use serde_json::{Value as Json, json};

use super::problem::Refusal;
use super::read::{Found, Readable};
use super::suggest::quoted;

/// Longest prefix in bytes: no S3 key is longer.
const LONGEST: usize = 1024;

/// A prefix of keys that can be sent to a store.
#[derive(Debug, Clone)]
pub(super) struct Prefix(pub(super) String);

impl Readable for Prefix {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.string("a string")?;
        if text.is_empty() {
            return Err(Refusal::new("an empty prefix is the whole bucket").hint("leave `prefixes` out to list all"));
        }
        if text.len() > LONGEST {
            return Err(Refusal::new(format!("a prefix has at most {LONGEST} bytes, found `{}`", text.len())));
        }
        if text.chars().any(|character| character.is_control() && !matches!(character, '\t' | '\n' | '\r')) {
            return Err(Refusal::new(format!("{} holds a character that cannot be sent to S3", quoted(&text))));
        }
        let refusal = Refusal::new(format!("{} is no pattern: prefixes are taken as they are", quoted(&text)));
        // A key may hold both `*` and `?`; a prefix that ends so is meant as a pattern.
        match text.trim_end_matches('*') {
            plain if plain.len() == text.len() => Ok(Self(text)),
            "" => Err(refusal.hint("leave `prefixes` out to list all")),
            plain => Err(refusal.hint(format!("write {}", quoted(plain)))),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "[^*]$" })
    }
}

/// The prefixes that cover the same keys, sorted by bytes, none of them the beginning of another.
/// None at all is the whole bucket, and so is the empty prefix.
#[must_use]
pub fn merged_prefixes(mut prefixes: Vec<String>) -> Vec<String> {
    prefixes.sort_unstable();
    let mut merged: Vec<String> = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        // Whatever begins with a prefix sorts behind it, before anything that does not.
        if merged.last().is_none_or(|last| !prefix.starts_with(last.as_str())) {
            merged.push(prefix);
        }
    }
    if merged.first().is_some_and(String::is_empty) {
        merged.clear();
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overlapping_prefixes_become_one() {
        let merged = |prefixes: &[&str]| merged_prefixes(prefixes.iter().map(|prefix| (*prefix).to_owned()).collect());
        assert_eq!(merged(&["b/", "a/x", "a/", "a/x", "a0", "ab"]), ["a/", "a0", "ab", "b/"]);
        assert_eq!(merged(&["é", "z", "é/x", "\u{1f600}"]), ["z", "é", "\u{1f600}"]);
        assert!(merged(&[]).is_empty());
        assert!(merged(&["a", ""]).is_empty(), "the empty prefix is the whole bucket");
    }

    proptest! {
        #[test]
        fn the_same_keys_are_covered_each_once(
            prefixes in proptest::collection::vec("[ab/é]{0,4}", 0..12),
            keys in proptest::collection::vec("[ab/é]{0,7}", 0..40),
        ) {
            let merged = merged_prefixes(prefixes.clone());
            prop_assert!(merged.is_sorted());
            for key in &keys {
                let asked = prefixes.is_empty() || prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
                let found = merged.iter().filter(|prefix| key.starts_with(prefix.as_str())).count();
                prop_assert_eq!(if merged.is_empty() { 1 } else { found }, usize::from(asked), "{}", key);
            }
            for (at, prefix) in merged.iter().enumerate() {
                for other in &merged[at + 1..] {
                    prop_assert!(!other.starts_with(prefix.as_str()));
                }
            }
            prop_assert_eq!(merged_prefixes(merged.clone()), merged);
        }
    }
}
