//! What single values mean: names, durations, sizes, bounded integers.
//!
//! Responsible for one value at a time, whatever key it stands at. It leaves to the tables what
//! holds between keys. It owns the invariant that a value is accepted as it is or refused: nothing
//! is clamped or saturated.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::problem::Refusal;
use super::read::{Found, Readable};
use super::suggest::{did_you_mean, listed, nearest, quoted};

/// What names of jobs, accounts, overlays and column sets look like: they become parts of paths.
pub(super) const NAME_PATTERN: &str = "^[a-z0-9][a-z0-9_-]*$";

/// The name of a job, an account, an overlay or a column set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(pub(super) String);

impl Readable for Name {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        name(&found.string("a string")?).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": NAME_PATTERN })
    }
}

/// Names are `[a-z0-9][a-z0-9_-]*`.
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

/// A text that names something outside of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl Readable for Text {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.string("a string")?;
        if text.is_empty() {
            // Mostly a variable of the environment that was not set.
            return Err(Refusal::new("an empty string names nothing").hint("leave the key out"));
        }
        Ok(Self(text))
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// A duration of at most `HOURS` hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lasting<const HOURS: u64>(pub(super) Duration);

impl<const HOURS: u64> Readable for Lasting<HOURS> {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let allowed = "a duration such as `\"60s\"`";
        let text = found.string(allowed).map_err(|_| found.expected(allowed))?;
        duration(&text, HOURS).map(Self)
    }

    fn schema() -> Json {
        // Loose: the units have many spellings.
        json!({ "type": "string", "pattern": "[0-9]" })
    }
}

/// A duration such as `60s`, `250ms` or `1h30m`: more than nothing, at most so many hours.
fn duration(text: &str, hours: u64) -> Result<Duration, Refusal> {
    let hint = "write a number with its unit, for example `250ms`, `60s` or `1h30m`";
    let signed: SignedDuration =
        text.parse().map_err(|_| Refusal::new(format!("{} is not a duration", quoted(text))).hint(hint))?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() && duration <= Duration::from_hours(hours) => Ok(duration),
        _ => {
            let message = format!("must be more than zero and at most {hours} hours, found {}", quoted(text));
            Err(Refusal::new(message))
        }
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size(pub(super) u64);

impl Readable for Size {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let allowed = "a size such as `\"1 MiB\"` or a number of bytes";
        if !found.is_integer() {
            return size(&found.string(allowed).map_err(|_| found.expected(allowed))?).map(Self);
        }
        let bytes = found.integer(allowed)?;
        let bytes = u64::try_from(bytes);
        bytes.map(Self).map_err(|_| found.expected("a number of bytes that is not negative"))
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9][0-9.]* *([kKmMgGtTpPeE]i?)?[bB]?$" },
        ] })
    }
}

fn size(text: &str) -> Result<u64, Refusal> {
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

/// An integer from 1 to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count<const MOST: u32>(pub(super) NonZeroU32);

impl<const MOST: u32> Readable for Count<MOST> {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let number = found.integer("an integer")?;
        let count = u32::try_from(number).ok().and_then(NonZeroU32::new);
        let count = count.filter(|count| count.get() <= MOST);
        count.map(Self).ok_or_else(|| {
            let is_too_small = number < 1 && MOST == u32::MAX;
            let allowed = if is_too_small { "at least 1".to_owned() } else { format!("between 1 and {MOST}") };
            Refusal::new(format!("must be {allowed}, found `{number}`"))
        })
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 1, "maximum": MOST })
    }
}

/// An integer from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Many(pub(super) NonZeroU64);

impl Readable for Many {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let number = found.integer("an integer")?;
        let count = u64::try_from(number).ok().and_then(NonZeroU64::new);
        count.map(Self).ok_or_else(|| Refusal::new(format!("must be at least 1, found `{number}`")))
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": 1 })
    }
}

/// A storage class. The list of known ones grows, and compatible stores add their own, so only the
/// shape is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StorageClass(pub(super) String);

impl Readable for StorageClass {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.string("a string")?;
        let allowed = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_lowercase();
        if !text.is_empty() && text.bytes().all(allowed) {
            return Ok(Self(text));
        }
        let refusal = Refusal::new(format!("{} is not a storage class", quoted(&text)));
        Err(match nearest(&text, KNOWN_STORAGE_CLASSES) {
            Some(known) => refusal.hint(format!("did you mean `{known}`?")),
            None => refusal.hint(format!("for example {}", listed(KNOWN_STORAGE_CLASSES))),
        })
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[!-`{-~]+$", "examples": KNOWN_STORAGE_CLASSES })
    }
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

/// The id of an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountId(pub(super) String);

impl Readable for AccountId {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        account_id(&found.string("a string of twelve digits")?).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]{12}$" })
    }
}

/// Twelve digits; leading zeros are part of it.
pub(super) fn account_id(text: &str) -> Result<String, Refusal> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let digits: String = text.chars().filter(|character| !matches!(character, '-' | ' ')).collect();
    let refusal = Refusal::new(format!("{} is not an account id", quoted(text)));
    let is_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Err(match digits.len() {
        12 if is_digits => refusal.hint(format!("write it without separators: `{digits}`")),
        1..12 if is_digits => refusal.hint("an id has twelve digits; were leading zeros lost?"),
        _ => refusal.hint("an id has twelve digits, for example `123456789012`"),
    })
}

/// Stores name their regions as they like; a region is only kept from breaking host names and paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region(pub(super) String);

impl Readable for Region {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.string("a string")?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !text.is_empty() && text.bytes().all(allowed) {
            return Ok(Self(text));
        }
        let message = format!("{} is not a region", quoted(&text));
        let joined = text.to_lowercase().replace(' ', "-");
        let hint = did_you_mean(&joined, KNOWN_REGIONS).unwrap_or_else(|| "for example `us-east-1`".to_owned());
        Err(Refusal::new(message).hint(hint))
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" })
    }
}

/// A few of the regions there are, to be suggested.
const KNOWN_REGIONS: [&str; 8] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-central-1",
    "ap-southeast-1",
    "ap-northeast-1",
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
            let duration = duration(text, 24).ok();
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
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn names() {
        for good in ["a", "0", "prod-2_x"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", "-a", "_a", "A", "a b", "a/b", "é", ".."] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn account_ids_keep_their_zeros() {
        assert_eq!(account_id("012345678901").as_deref(), Ok("012345678901"));
        let hint = |text: &str| account_id(text).unwrap_err().hint.unwrap();
        assert_eq!(hint("1234-5678-9012"), "write it without separators: `123456789012`");
        assert_eq!(hint("12345678901"), "an id has twelve digits; were leading zeros lost?");
        assert_eq!(hint("prod"), "an id has twelve digits, for example `123456789012`");
        assert_eq!(hint("١٢٣٤٥٦٧٨٩٠١٢"), "an id has twelve digits, for example `123456789012`");
    }
}
