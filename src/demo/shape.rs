//! Key spaces computed from a rank, without storage.
//!
//! Responsible for the keys of a synthetic bucket: the key of any rank, and the rank of any string.
//! It leaves the objects' other attributes to `object`. Invariant: keys increase strictly in byte
//! order over the ranks, so that seeking is a binary search and 100 million keys cost no memory.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::encoding::{decimal, hexadecimal, padded};
use super::hash::mix;
use super::odd_keys::{self, NUMBER_WIDTH};

/// Most keys of one bucket: what the numbers in the keys have digits for.
pub(super) const MOST_OBJECTS: u64 = 1_000_000_000;

/// Days from 1970-01-01 to 2023-01-01, on which every synthetic calendar begins.
pub(super) const FIRST_DAY: u64 = 19_358;

const MOST_HOURS: u64 = 24_000;
const OBJECTS_PER_HOUR: u64 = 8;

const SKEWED_BEFORE: &[u8] = b"archive/before-the-bulk-";
const SKEWED_BULK: &[u8] = b"data/warehouse/production/region=eu-central-1/tenant=00042/\
    application=event-collector/pipeline=ingestion-and-enrichment/schema-version=0017/\
    compaction=none/format=json-lines/source=mobile-clients/batch-";
const SKEWED_BEHIND: &[u8] = b"temporary/behind-the-bulk-";

/// How the keys of a bucket look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStyle {
    /// Zero-padded numbers.
    Flat,
    /// Lower-case uuids, spread evenly yet irregularly.
    Uuid,
    /// Hive-style dates and hours from 2023-01-01, unequally filled.
    Dates,
    /// Nine of ten keys under one prefix of some 200 bytes.
    Skewed,
    /// Awkward yet legal names.
    Unicode,
}

impl KeyStyle {
    /// All styles, in the order in which `shape=all` makes buckets.
    pub const ALL: [Self; 5] = [Self::Flat, Self::Uuid, Self::Dates, Self::Skewed, Self::Unicode];
}

impl fmt::Display for KeyStyle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Flat => "flat",
            Self::Uuid => "uuid",
            Self::Dates => "dates",
            Self::Skewed => "skewed",
            Self::Unicode => "unicode",
        })
    }
}

impl FromStr for KeyStyle {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|style| style.to_string() == text).ok_or(())
    }
}

/// The key space of one bucket: a pure function of style, number of objects and seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    style: KeyStyle,
    objects: u64,
    seed: u64,
}

impl Shape {
    /// A key space of at most [`MOST_OBJECTS`] keys.
    pub(super) fn new(style: KeyStyle, objects: u64, seed: u64) -> Self {
        Self { style, objects: objects.min(MOST_OBJECTS), seed }
    }

    pub(super) fn objects(&self) -> u64 {
        self.objects
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Replaces the contents of `key` by the key of `rank`, which must be below the number of
    /// objects.
    pub(super) fn key_at(&self, rank: u64, key: &mut Vec<u8>) {
        debug_assert!(rank < self.objects);
        key.clear();
        match self.style {
            KeyStyle::Flat => {
                key.extend_from_slice(b"object-");
                padded(rank, 12, key);
                key.extend_from_slice(b".bin");
            }
            KeyStyle::Uuid => self.uuid(rank, key),
            KeyStyle::Dates => self.dated(rank, key),
            KeyStyle::Skewed => {
                let edge = self.objects / 20;
                let (prefix, number) = if rank < edge {
                    (SKEWED_BEFORE, rank)
                } else if rank < self.objects - edge {
                    (SKEWED_BULK, rank - edge)
                } else {
                    (SKEWED_BEHIND, rank - (self.objects - edge))
                };
                key.extend_from_slice(prefix);
                padded(number, 10, key);
                key.extend_from_slice(b".json");
            }
            KeyStyle::Unicode => {
                let prefixes = odd_keys::prefixes();
                let parts = prefixes.len() as u64;
                // The inverse of `start of part p = p * objects / parts`, both rounded down.
                let part = ((rank + 1) * parts - 1) / self.objects;
                let number = rank - part * self.objects / parts;
                let index = usize::try_from(part).unwrap_or(prefixes.len() - 1);
                key.extend_from_slice(prefixes[index].as_bytes());
                padded(number, NUMBER_WIDTH, key);
            }
        }
    }

    /// A version 4 uuid. Each rank owns an equal share of the leading 60 bits and lies somewhere in
    /// the lower fifteen sixteenths of it, so neighbours never meet.
    fn uuid(&self, rank: u64, key: &mut Vec<u8>) {
        let share = (1 << 60) / self.objects;
        let jitter = (u128::from(mix(self.seed, rank)) * u128::from(share - share / 16)) >> 64;
        let leading = rank * share + jitter as u64;
        let high = hexadecimal((leading >> 12 << 16) | 0x4000 | (leading & 0xfff));
        let low = hexadecimal((mix(!self.seed, rank) >> 2) | (1 << 63));
        for (index, digits) in [&high[..8], &high[8..12], &high[12..], &low[..4], &low[4..]].into_iter().enumerate() {
            if index > 0 {
                key.push(b'-');
            }
            key.extend_from_slice(digits);
        }
    }

    fn dated(&self, rank: u64, key: &mut Vec<u8>) {
        let hour = self.hour_of(rank);
        let (year, month, day) = civil_date(FIRST_DAY + hour / 24);
        key.extend_from_slice(b"year=");
        decimal(year, key);
        key.extend_from_slice(b"/month=");
        padded(month, 2, key);
        key.extend_from_slice(b"/day=");
        padded(day, 2, key);
        key.extend_from_slice(b"/hour=");
        padded(hour % 24, 2, key);
        key.extend_from_slice(b"/part-");
        padded(rank - self.hour_start(hour), 5, key);
        key.push(b'-');
        key.extend_from_slice(&hexadecimal(mix(self.seed, rank))[..12]);
        key.extend_from_slice(b".snappy.parquet");
    }

    fn hours(&self) -> u64 {
        (self.objects / OBJECTS_PER_HOUR).clamp(1, MOST_HOURS)
    }

    /// First rank of an hour: an equal share, moved on by a random part of a share. Never falls.
    fn hour_start(&self, hour: u64) -> u64 {
        let hours = self.hours();
        if hour == 0 || hour >= hours {
            return self.objects * hour.min(hours) / hours;
        }
        (self.objects * hour + mix(self.seed, hour) % self.objects) / hours
    }

    fn hour_of(&self, rank: u64) -> u64 {
        let mut hour = rank * self.hours() / self.objects;
        while self.hour_start(hour) > rank {
            hour -= 1;
        }
        while self.hour_start(hour + 1) <= rank {
            hour += 1;
        }
        hour
    }

    /// The seconds since 1970 among which an object's `LastModified` lies: the hour that a dated key
    /// names, and the years 2023 to 2025 for every other style.
    pub(super) fn modified_within(&self, rank: u64) -> Range<u64> {
        let first = FIRST_DAY * 86_400;
        if self.style == KeyStyle::Dates {
            let start = first + self.hour_of(rank) * 3_600;
            start..start + 3_600
        } else {
            first..first + 1_096 * 86_400
        }
    }

    /// The number of keys that are smaller than `text`: the rank at which a listing from `text` on
    /// begins.
    pub(super) fn rank_from(&self, text: &[u8]) -> u64 {
        self.count_while(|key| key < text)
    }

    /// The number of keys that are not greater than `text`: the rank at which a listing after
    /// `text` begins.
    pub(super) fn rank_after(&self, text: &[u8]) -> u64 {
        self.count_while(|key| key <= text)
    }

    /// The first rank behind every key that begins with `prefix`.
    pub(super) fn rank_behind(&self, prefix: &[u8]) -> u64 {
        self.count_while(|key| key < prefix || key.starts_with(prefix))
    }

    fn count_while(&self, holds: impl Fn(&[u8]) -> bool) -> u64 {
        let mut key = Vec::with_capacity(256);
        let (mut low, mut high) = (0, self.objects);
        while low < high {
            let middle = low + (high - low) / 2;
            self.key_at(middle, &mut key);
            if holds(&key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Counts in years that begin in March, so that the leap day is the last of its year; 5 months from
/// March always have 153 days.
pub(super) fn civil_date(day: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468;
    const DAYS_OF_ERA: u64 = 146_097;
    let shifted = day + DAYS_BEFORE_1970;
    let day_of_era = shifted % DAYS_OF_ERA;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = shifted / DAYS_OF_ERA * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(shape: &Shape) -> Vec<Vec<u8>> {
        let mut key = Vec::new();
        (0..shape.objects())
            .map(|rank| {
                shape.key_at(rank, &mut key);
                key.clone()
            })
            .collect()
    }

    fn assert_increasing(shape: &Shape, ranks: Range<u64>) {
        let (mut last, mut key) = (Vec::new(), Vec::new());
        for rank in ranks {
            shape.key_at(rank, &mut key);
            assert!(last < key, "{shape:?} at {rank}");
            std::mem::swap(&mut last, &mut key);
        }
    }

    #[test]
    fn strictly_increasing_at_every_size() {
        for style in KeyStyle::ALL {
            for objects in [0, 1, 2, 7, 19, 20, 63, 64, 1_000, 30_011] {
                assert_increasing(&Shape::new(style, objects, 7), 0..objects);
            }
        }
    }

    #[test]
    fn strictly_increasing_in_samples_of_large_buckets() {
        for style in KeyStyle::ALL {
            for objects in [100_000_000, MOST_OBJECTS] {
                let shape = Shape::new(style, objects, 3);
                for start in (0..objects).step_by(7_919_191) {
                    assert_increasing(&shape, start..(start + 100).min(objects));
                }
            }
        }
    }

    #[test]
    fn keys_are_utf8_of_at_most_1024_bytes() {
        for style in KeyStyle::ALL {
            for key in keys(&Shape::new(style, 3_000, 5)) {
                assert!((1..=1024).contains(&key.len()));
                assert!(std::str::from_utf8(&key).is_ok());
            }
        }
    }

    #[test]
    fn the_styles_look_as_described() {
        let first = |style| {
            let mut key = Vec::new();
            Shape::new(style, 100_000, 1).key_at(50_000, &mut key);
            String::from_utf8(key).unwrap()
        };
        assert_eq!(first(KeyStyle::Flat), "object-000000050000.bin");
        let uuid = first(KeyStyle::Uuid);
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        let dated = first(KeyStyle::Dates);
        assert!(dated.starts_with("year=2023/month="), "{dated}");
        assert!(dated.ends_with(".snappy.parquet"), "{dated}");
        assert!((200..260).contains(&first(KeyStyle::Skewed).len()));
    }

    #[test]
    fn dates_cover_a_thousand_days_unequally() {
        let shape = Shape::new(KeyStyle::Dates, 1_000_000, 1);
        let mut key = Vec::new();
        shape.key_at(999_999, &mut key);
        assert!(key.starts_with(b"year=2025/month=09/day="), "{key:?}");
        let counts: Vec<u64> =
            (0..shape.hours()).map(|hour| shape.hour_start(hour + 1) - shape.hour_start(hour)).collect();
        assert_eq!(counts.iter().sum::<u64>(), 1_000_000);
        assert!(counts.iter().max() > counts.iter().min());
    }

    #[test]
    fn no_hour_has_more_parts_than_digits() {
        let shape = Shape::new(KeyStyle::Dates, MOST_OBJECTS, 9);
        let most = (0..shape.hours()).map(|hour| shape.hour_start(hour + 1) - shape.hour_start(hour)).max();
        assert!(most < Some(100_000), "{most:?}");
    }

    #[test]
    fn calendar() {
        assert_eq!(civil_date(0), (1970, 1, 1));
        assert_eq!(civil_date(FIRST_DAY), (2023, 1, 1));
        assert_eq!(civil_date(FIRST_DAY + 365 + 59), (2024, 2, 29));
        assert_eq!(civil_date(FIRST_DAY + 1_095), (2025, 12, 31));
    }

    fn any_style() -> impl Strategy<Value = KeyStyle> {
        proptest::sample::select(KeyStyle::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn seeking_inverts(
            style in any_style(),
            objects in 1..=MOST_OBJECTS,
            fraction in 0.0..1.0,
            seed: u64,
        ) {
            #[expect(
                clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                reason = "any rank serves"
            )]
            let rank = ((objects as f64 * fraction) as u64).min(objects - 1);
            let shape = Shape::new(style, objects, seed);
            let mut key = Vec::new();
            shape.key_at(rank, &mut key);
            prop_assert_eq!(shape.rank_after(&key), rank + 1);
            prop_assert_eq!(shape.rank_from(&key), rank);
        }

        #[test]
        fn seeking_counts_like_a_walk(
            style in any_style(),
            objects in 0..300_u64,
            pick: proptest::sample::Index,
            cut in 0..60_usize,
            tail in "[ -~é😀]{0,2}",
        ) {
            let shape = Shape::new(style, objects, 11);
            let keys = keys(&shape);
            let mut text = keys.get(pick.index(keys.len().max(1))).cloned().unwrap_or_default();
            text.truncate(text.len().saturating_sub(cut));
            text.extend_from_slice(tail.as_bytes());
            let count = |holds: &dyn Fn(&Vec<u8>) -> bool| {
                keys.iter().filter(|key| holds(key)).count() as u64
            };
            prop_assert_eq!(shape.rank_from(&text), count(&|key| *key < text));
            prop_assert_eq!(shape.rank_after(&text), count(&|key| *key <= text));
            prop_assert_eq!(
                shape.rank_behind(&text),
                count(&|key| *key < text || key.starts_with(&text))
            );
        }
    }
}
