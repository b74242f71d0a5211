//! What single values mean: names, durations, sizes, bounded integers, choices.
//!
//! Responsible for one value at a time, whatever key it stands at. It leaves to the sections what
//! holds between keys. It owns the invariant that a value is accepted as it is or refused: nothing
//! is clamped or saturated.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;

use super::problem::Refusal;
use super::section::SizeText;
use super::suggest::{did_you_mean, listed, nearest, quoted};

/// Longest duration a job may ask for. It keeps every sum of an instant and a few durations far from
/// the end of time.
const LONGEST: Duration = Duration::from_hours(24);

/// Names of jobs and accounts become parts of paths: `[a-z0-9][a-z0-9_-]*`.
pub(super) fn name(text: &str) -> Result<String, Refusal> {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let allowed = |byte: u8| alphanumeric(&byte) || byte == b'_' || byte == b'-';
    let is_name = |text: &str| text.bytes().all(allowed) && text.as_bytes().first().is_some_and(alphanumeric);
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let refusal = Refusal::new(format!("{} is not a name", quoted(text)));
    let repaired = text.to_lowercase().replace([' ', '.'], "-");
    Err(if is_name(&repaired) {
        refusal.hint(format!("did you mean {}?", quoted(&repaired)))
    } else {
        refusal.hint("a name is lower-case letters, digits, `_` and `-`, and starts with a letter or a digit")
    })
}

/// A duration such as `60s`, `250ms` or `1h30m`: more than nothing, at most a day.
pub(super) fn duration(text: &str) -> Result<Duration, Refusal> {
    let hint = "write a number with its unit, for example `250ms`, `60s` or `1h30m`";
    let signed: SignedDuration =
        text.parse().map_err(|_| Refusal::new(format!("{} is not a duration", quoted(text))).hint(hint))?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => Ok(duration),
        _ => Err(Refusal::new(format!("must be more than zero and at most 24 hours, found {}", quoted(text)))),
    }
}

/// A number of bytes.
pub(super) fn size(written: &SizeText) -> Result<u64, Refusal> {
    match written {
        SizeText::Bytes(bytes) => {
            u64::try_from(*bytes).map_err(|_| Refusal::new(format!("must not be negative, found `{bytes}`")))
        }
        SizeText::Text(text) => size_text(text),
    }
}

fn size_text(text: &str) -> Result<u64, Refusal> {
    let ByteSize(bytes) = text.parse().map_err(|_| {
        Refusal::new(format!("{} is not a size", quoted(text)))
            .hint("write a number with its unit, for example `1 MiB` or `5 GB`, or bytes as an integer")
    })?;
    // The parser saturates: what reaches the largest integer was larger, or is as good as that.
    if bytes == u64::MAX {
        return Err(Refusal::new(format!("{} is too large", quoted(text))));
    }
    Ok(bytes)
}

/// An integer in a range whose upper end, if it is the type's own, is not worth a word.
pub(super) fn within(number: i64, range: &RangeInclusive<i64>) -> Result<i64, Refusal> {
    if range.contains(&number) {
        return Ok(number);
    }
    let (low, high) = (range.start(), range.end());
    Err(Refusal::new(if *high == i64::MAX {
        format!("must be at least {low}, found `{number}`")
    } else {
        format!("must be between {low} and {high}, found `{number}`")
    }))
}

/// An integer from 1 to `most`.
pub(super) fn count(number: i64, most: u32) -> Result<NonZeroU32, Refusal> {
    let number = within(number, &(1..=i64::from(most)))?;
    let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
    Ok(number.expect("the range holds neither zero nor more than `most`"))
}

/// One of a few words, each with what it stands for.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&'static str, T)]) -> Result<T, Refusal> {
    if let Some((_, meaning)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let words = || choices.iter().map(|(word, _)| *word);
    let message = format!("{} is none of {}", quoted(text), listed(words()));
    Err(Refusal { message, hint: did_you_mean(text, words()) })
}

/// A storage class. The list of known ones grows, and compatible stores add their own, so only the
/// shape is held to.
pub(super) fn storage_class(text: &str) -> Result<String, Refusal> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_lowercase();
    if !text.is_empty() && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    let refusal = Refusal::new(format!("{} is not a storage class", quoted(text)));
    Err(match nearest(text, KNOWN_STORAGE_CLASSES) {
        Some(known) => refusal.hint(format!("did you mean `{known}`?")),
        None => refusal.hint(format!("for example {}", listed(KNOWN_STORAGE_CLASSES))),
    })
}

/// `StorageClass` of an object in `ListObjectsV2`'s answer, the common ones.
const KNOWN_STORAGE_CLASSES: [&str; 9] = [
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
    "EXPRESS_ONEZONE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("60s", Some(60_000)),
            ("2m", Some(120_000)),
            ("1h30m", Some(5_400_000)),
            ("24h", Some(86_400_000)),
            ("24h 1ms", None),
            ("0s", None),
            ("2s ago", None),
            ("-2s", None),
            ("2 days", None),
            ("60", None),
            ("", None),
        ] {
            let duration = duration(text).ok();
            assert_eq!(duration, expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1 MiB", Some(1 << 20)),
            ("1.5KiB", Some(1536)),
            ("5 GB", Some(5_000_000_000)),
            ("9007199254740993 B", Some(9_007_199_254_740_993)),
            ("99 EiB", None),
            ("1 MiX", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(size(&SizeText::Text(text.to_owned())).ok(), expected, "{text}");
        }
        assert_eq!(size(&SizeText::Bytes(7)), Ok(7));
        assert!(size(&SizeText::Bytes(-1)).is_err());
    }

    #[test]
    fn names() {
        for good in ["a", "0", "prod-2_x"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", "-a", "_a", "A", "a b", "a/b", "é", ".."] {
            assert!(name(bad).is_err(), "{bad}");
        }
        let hint = name("Prod EU").unwrap_err().hint;
        assert_eq!(hint.as_deref(), Some("did you mean `prod-eu`?"));
    }

    #[test]
    fn counts_keep_to_their_range() {
        assert_eq!(count(1, 1024).map(NonZeroU32::get), Ok(1));
        assert_eq!(count(i64::from(u32::MAX), u32::MAX).map(NonZeroU32::get), Ok(u32::MAX));
        for bad in [0, -1, 1025] {
            assert!(count(bad, 1024).is_err(), "{bad}");
        }
    }

    #[test]
    fn storage_classes_are_held_to_their_shape_only() {
        for good in ["STANDARD", "COLD-2"] {
            assert_eq!(storage_class(good).as_deref(), Ok(good));
        }
        let refusal = storage_class("glacier").unwrap_err();
        assert_eq!(refusal.hint.as_deref(), Some("did you mean `GLACIER`?"));
    }
}
