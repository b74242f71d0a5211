//! What a listing says about an object besides its key.
//!
//! Responsible for size, `LastModified`, `ETag`, storage class and restores as a pure function of a bucket's
//! shape and an object's rank. It leaves the key to `shape` and the XML to `page`. Invariant: the
//! texts are exactly what is served, so `truth` and list pages cannot disagree.

use super::encoding::hexadecimal;
use super::hash::mix;
use super::shape::{Shape, civil_date};

/// What the draws of an object are for; keeps them independent of each other and of the key.
const SIZE_DRAW: u64 = 0x5123;
const TIME_DRAW: u64 = 0x7154;
const ETAG_DRAW: u64 = 0xe7a6;
const RESTORE_DRAW: u64 = 0x4e57;

/// The storage class of which some objects are being restored, or were.
const ARCHIVED: &str = "GLACIER";

const DAY: u64 = 86_400;

/// One in so many objects is larger than 32 bits can say.
const HUGE_IN: u64 = 512;

/// Part size that multipart uploads are pretended to have had.
const PART_SIZE: u64 = 8 << 20;

/// The attributes of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Bytes, from 0 to below 12 GiB, log-distributed.
    pub(super) size: u64,
    /// Whole seconds in the form `2023-11-05T05:58:20.000Z`.
    pub(super) last_modified: [u8; 24],
    pub(super) etag: Etag,
    pub(super) storage_class: &'static str,
    /// `None` for whatever is not archived, and for most of what is.
    pub(super) restore: Option<Restore>,
}

/// The temporary copy of an archived object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restore {
    /// It is being made.
    InProgress,
    /// It can be read until this instant, in the form of `LastModified`.
    Until([u8; 24]),
}

/// 32 hexadecimal digits; those of multipart uploads end in a dash and the number of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Etag {
    digits: [[u8; 16]; 2],
    /// 0 for an object that was uploaded in one piece.
    parts: u64,
}

impl Etag {
    /// Appends the text without quotes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.digits.as_flattened());
        if self.parts > 0 {
            out.push(b'-');
            super::encoding::decimal(self.parts, out);
        }
    }
}

impl Attributes {
    /// The attributes of the object of `rank`, which must be below the shape's number of objects.
    pub(super) fn of(shape: &Shape, rank: u64) -> Self {
        let draw = |purpose| mix(shape.seed() ^ purpose, rank);
        let bits = draw(SIZE_DRAW);
        let size = size_of(bits);
        let within = shape.modified_within(rank);
        let second = within.start + draw(TIME_DRAW) % (within.end - within.start);
        let etag = draw(ETAG_DRAW);
        let multipart = size > PART_SIZE && etag.is_multiple_of(2);
        let storage_class = storage_class(bits);
        Self {
            size,
            last_modified: instant(second),
            etag: Etag {
                digits: [hexadecimal(etag), hexadecimal(mix(etag, rank))],
                parts: if multipart { size.div_ceil(PART_SIZE) } else { 0 },
            },
            storage_class,
            restore: (storage_class == ARCHIVED).then(|| restore(draw(RESTORE_DRAW), second)).flatten(),
        }
    }
}

/// A size with a uniformly drawn number of bits: every order of magnitude is as frequent.
fn size_of(bits: u64) -> u64 {
    let magnitude = if bits.is_multiple_of(HUGE_IN) { 33 } else { (bits >> 9) % 32 };
    let lowest = (1 << magnitude) >> 1;
    lowest + (bits >> 20) % (1 << magnitude).max(1_u64)
}

/// Roughly what a bucket with life-cycle rules looks like.
fn storage_class(bits: u64) -> &'static str {
    match (bits >> 48) % 100 {
        0..70 => "STANDARD",
        70..82 => "STANDARD_IA",
        82..92 => "INTELLIGENT_TIERING",
        92..97 => ARCHIVED,
        _ => "DEEP_ARCHIVE",
    }
}

/// A quarter of the archived objects is being restored, another is readable for up to 30 days from a
/// year behind their last change on.
fn restore(bits: u64, last_modified: u64) -> Option<Restore> {
    match bits % 4 {
        0 => Some(Restore::InProgress),
        // S3 gives copies up at midnight.
        1 => Some(Restore::Until(instant((last_modified / DAY + 365 + (bits >> 2) % 30) * DAY))),
        _ => None,
    }
}

/// The form in which S3 lists instants: milliseconds that are always zero, and `Z`.
fn instant(second: u64) -> [u8; 24] {
    let (year, month, day) = civil_date(second / DAY);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put_two(&mut text, 0, year / 100);
    put_two(&mut text, 2, year % 100);
    put_two(&mut text, 5, month);
    put_two(&mut text, 8, day);
    put_two(&mut text, 11, second / 3_600 % 24);
    put_two(&mut text, 14, second / 60 % 60);
    put_two(&mut text, 17, second % 60);
    text
}

fn put_two(text: &mut [u8; 24], at: usize, number: u64) {
    text[at] = b'0' + (number / 10 % 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::shape::KeyStyle;

    #[test]
    fn instants_are_written_like_s3_does() {
        assert_eq!(&instant(1_699_163_900), b"2023-11-05T05:58:20.000Z");
    }

    #[test]
    fn sizes_cover_all_magnitudes_and_seldom_exceed_32_bits() {
        let shape = Shape::new(KeyStyle::Flat, 100_000, 1);
        let sizes: Vec<u64> = (0..100_000).map(|rank| Attributes::of(&shape, rank).size).collect();
        assert!(sizes.contains(&0));
        assert!(sizes.iter().any(|&size| size > 5 << 30));
        let huge = sizes.iter().filter(|&&size| size > u64::from(u32::MAX));
        assert!((50..1_000).contains(&huge.count()));
        let small = sizes.iter().filter(|&&size| size < 1 << 16).count();
        assert!((40_000..60_000).contains(&small), "{small}");
    }

    #[test]
    fn etags_have_32_digits_and_some_have_parts() {
        let shape = Shape::new(KeyStyle::Flat, 1_000, 1);
        let texts: Vec<String> = (0..1_000)
            .map(|rank| {
                let mut text = Vec::new();
                Attributes::of(&shape, rank).etag.write(&mut text);
                String::from_utf8(text).unwrap()
            })
            .collect();
        assert!(texts.iter().all(|text| {
            let (digits, parts) = text.split_at(32);
            digits.bytes().all(|digit| digit.is_ascii_hexdigit())
                && (parts.is_empty() || parts[1..].parse::<u64>().is_ok())
        }));
        let multipart = texts.iter().filter(|text| text.contains('-')).count();
        assert!((20..500).contains(&multipart), "{multipart}");
    }

    #[test]
    fn every_storage_class_occurs_and_most_objects_are_standard() {
        let shape = Shape::new(KeyStyle::Flat, 10_000, 1);
        let mut counts = std::collections::BTreeMap::new();
        for rank in 0..10_000 {
            *counts.entry(Attributes::of(&shape, rank).storage_class).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 5);
        assert!((6_500..7_500).contains(&counts["STANDARD"]));
    }

    #[test]
    fn some_archived_objects_are_restored_and_no_others() {
        let shape = Shape::new(KeyStyle::Flat, 10_000, 1);
        let mut counts = [0, 0, 0];
        for rank in 0..10_000 {
            let attributes = Attributes::of(&shape, rank);
            assert!(attributes.restore.is_none() || attributes.storage_class == "GLACIER");
            match attributes.restore {
                _ if attributes.storage_class != "GLACIER" => {}
                None => counts[0] += 1,
                Some(Restore::InProgress) => counts[1] += 1,
                Some(Restore::Until(expiry)) => {
                    counts[2] += 1;
                    assert!(expiry.ends_with(b"T00:00:00.000Z") && expiry > attributes.last_modified);
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    }

    #[test]
    fn dated_objects_were_modified_in_the_hour_of_their_key() {
        let shape = Shape::new(KeyStyle::Dates, 5_000, 1);
        let mut key = Vec::new();
        for rank in 0..5_000 {
            shape.key_at(rank, &mut key);
            let key = str::from_utf8(&key).unwrap();
            let last_modified = Attributes::of(&shape, rank).last_modified;
            let text = str::from_utf8(&last_modified).unwrap();
            let hour =
                format!("year={}/month={}/day={}/hour={}/", &text[..4], &text[5..7], &text[8..10], &text[11..13]);
            assert!(key.starts_with(&hour), "{key} {text}");
        }
    }
}
