//! What a listing teaches of a bucket: where its objects lie, in little memory.
//!
//! A [`Sketch`] takes the last key of each page with the page's objects, and merges neighbours where they
//! become too many. Keys at even ranks come out of it: [`Lesson`]s, for the next run. Pure. Owns the bounds:
//! so many entries for each bucket being listed, and so many keys over all buckets that are done; and that
//! each key can be sent as `start-after`.

use super::hints::{OBJECTS_PER_PIECE, is_usable};
use crate::s3::Key;
use crate::state::{MOST_KEYS, fit};
use std::collections::BTreeMap;

/// Entries of one bucket at most.
const MOST_ENTRIES: usize = 1024;
/// Keys of one bucket at most: enough for 256 requests at once. What is cut too coarsely is split later.
const MOST_KEYS_OF_BUCKET: u64 = 512;

/// Where the objects of a bucket lie.
#[derive(Debug, Default)]
pub struct Sketch {
    /// Keys, each with the objects between the one before and itself.
    entries: BTreeMap<Key, u64>,
    objects: u64,
}

impl Sketch {
    /// Takes in that the next objects up to and including `last` are so many. Where that key cannot be
    /// sent, they count for the one before.
    pub fn add(&mut self, last: &Key, objects: u64) {
        let before = || self.entries.range(..last).next_back().map(|(key, _)| key.clone());
        let Some(key) = Some(last).filter(|key| is_usable(key)).cloned().or_else(before) else {
            return;
        };
        if objects > 0 {
            *self.entries.entry(key).or_default() += objects;
            self.objects += objects;
        }
        if self.entries.len() > MOST_ENTRIES {
            self.thin_out();
        }
    }

    /// Merges neighbours, the small ones first, so that all become about as large.
    fn thin_out(&mut self) {
        let mut largest = self.objects.div_ceil(MOST_ENTRIES as u64 / 2);
        while self.entries.len() > MOST_ENTRIES * 3 / 4 {
            let mut merged: Vec<(Key, u64)> = Vec::with_capacity(MOST_ENTRIES);
            for (key, objects) in std::mem::take(&mut self.entries) {
                match merged.last_mut() {
                    Some(last) if last.1 + objects <= largest => *last = (key, last.1 + objects),
                    _ => merged.push((key, objects)),
                }
            }
            self.entries.extend(merged);
            largest *= 2;
        }
    }

    /// Objects that were taken in.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Keys that part the bucket evenly, in order; none where a part would be too small to be of use.
    pub fn quantiles(&self) -> Vec<Key> {
        let pieces = (self.objects / OBJECTS_PER_PIECE).min(MOST_KEYS_OF_BUCKET + 1);
        let rank = |number: u64| u128::from(self.objects) * u128::from(number) / u128::from(pieces.max(1));
        let (mut keys, mut number, mut below) = (Vec::new(), 1, 0_u64);
        for (key, objects) in &self.entries {
            below += objects;
            // There is nothing behind the last.
            if number < pieces && below < self.objects && u128::from(below) >= rank(number) {
                keys.push(key.clone());
                while number < pieces && u128::from(below) >= rank(number) {
                    number += 1;
                }
            }
        }
        keys
    }
}

/// What the listing of a bucket has taught.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    /// Objects it saw.
    pub objects: u64,
    /// How long it took, in seconds, where this invocation did all of it.
    pub seconds: Option<f64>,
    /// How long a page took this invocation, in seconds, from when it was asked for until it was written;
    /// `None` where none had objects.
    pub page_seconds: Option<f64>,
    /// Keys that part the bucket evenly, where that could be seen.
    pub keys: Vec<Key>,
}

/// What the listings of an invocation have taught.
#[derive(Debug, Default)]
pub struct Lessons {
    lessons: BTreeMap<u32, Lesson>,
    keys: usize,
}

impl Lessons {
    /// Takes in that of a bucket, by its place in the run.
    pub fn note(&mut self, place: u32, lesson: Lesson) {
        self.keys += lesson.keys.len();
        self.lessons.insert(place, lesson);
        // Thinned out late, so that it is done seldom.
        if self.keys > 2 * MOST_KEYS {
            fit(self.lessons.values_mut().map(|lesson| (lesson.objects, &mut lesson.keys)).collect(), MOST_KEYS);
            self.keys = self.lessons.values().map(|lesson| lesson.keys.len()).sum();
        }
    }

    /// All of them, by the places of the buckets in the run.
    pub fn into_map(self) -> BTreeMap<u32, Lesson> {
        self.lessons
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u64) -> Key {
        Key::from(format!("{number:09}").as_str())
    }

    fn number(key: &Key) -> u64 {
        std::str::from_utf8(key.as_bytes()).unwrap().parse().unwrap()
    }

    #[test]
    fn full_pages_are_parted_at_their_ends() {
        let mut sketch = Sketch::default();
        (1..=40).for_each(|page| sketch.add(&key(page * 1_000), 1_000));
        let quantiles: Vec<u64> = sketch.quantiles().iter().map(number).collect();
        assert_eq!(quantiles, (1..10).map(|piece| piece * 4_000).collect::<Vec<_>>());
        let mut small = Sketch::default();
        (1..=7).for_each(|page| small.add(&key(page * 1_000), 1_000));
        assert!(small.quantiles().is_empty(), "what is small is not parted");
    }

    #[test]
    fn keys_that_cannot_be_sent_count_for_the_one_before() {
        let mut sketch = Sketch::default();
        sketch.add(&Key::from("\u{1}"), 5_000);
        assert_eq!(sketch.objects(), 0);
        sketch.add(&Key::from("a"), 4_000);
        sketch.add(&Key::from("a\u{1}"), 4_000);
        sketch.add(&Key::from("b"), 8_000);
        assert_eq!((sketch.objects(), sketch.quantiles()), (16_000, vec![Key::from("a")]));
    }

    #[test]
    fn lessons_of_many_buckets_are_thinned_out() {
        let mut lessons = Lessons::default();
        for place in 0..200 {
            let keys: Vec<Key> = (0..512).map(key).collect();
            lessons.note(place, Lesson { objects: 1_000_000, keys, ..Lesson::default() });
            assert!(lessons.keys <= 2 * MOST_KEYS);
        }
        let lessons = lessons.into_map();
        assert!(lessons.len() == 200 && lessons.values().all(|lesson| lesson.keys.is_sorted()));
        assert!(lessons.values().map(|lesson| lesson.keys.len()).sum::<usize>() <= 2 * MOST_KEYS);
    }

    proptest! {
        /// Whatever the pages and the order in which ranges bring them: bounded, and parted about evenly.
        #[test]
        fn any_pages_are_parted_evenly(
            pages in proptest::collection::vec(1_u64..1_001, 1..6_000),
            ranges in 1_usize..64,
        ) {
            let (mut at, mut ends) = (0, Vec::new());
            for objects in &pages {
                at += objects;
                ends.push((at, *objects));
            }
            let mut sketch = Sketch::default();
            // The n-th page of each range, then the next of each.
            let each = pages.len().div_ceil(ranges);
            for page in 0..each {
                for (end, objects) in ends.iter().skip(page).step_by(each) {
                    sketch.add(&key(*end), *objects);
                    prop_assert!(sketch.entries.len() <= MOST_ENTRIES);
                }
            }
            prop_assert_eq!((sketch.objects(), sketch.entries.values().sum::<u64>()), (at, at));
            let quantiles: Vec<u64> = sketch.quantiles().iter().map(number).collect();
            prop_assert!(quantiles.is_sorted_by(|one, other| one < other) && quantiles.len() <= 512);
            let pieces = (at / OBJECTS_PER_PIECE).min(513);
            if pieces >= 2 {
                // The largest piece is one even share and what an entry may hold more than that.
                let ends = std::iter::once(0).chain(quantiles.iter().copied()).chain([at]).collect::<Vec<_>>();
                let largest = ends.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
                prop_assert!(largest <= at / pieces + 1_000 + 8 * at / 1_024, "{largest} of {at} in {pieces}");
            }
        }
    }
}
