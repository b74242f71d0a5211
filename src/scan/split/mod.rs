//! Splitting: which range of a bucket is shared with an idle worker, and where it is cut.
//!
//! A [`Splitter`] learns from the pages of one bucket which keys there may be (the [`Alphabet`]) and how
//! dense they lie in what was listed. From both it estimates how many keys each range still has. It is
//! pure: it knows keys and ranges, and neither workers nor requests. It asks for nothing that a
//! listing does not bring anyway.
//!
//! Owns the rule, not the ranges: these are the ledger's, and whatever the rule says, they tile the key
//! space. A wrong guess costs requests, never a row.

mod alphabet;
mod boundary;
mod measure;
#[cfg(test)]
mod simulation;

use crate::s3::Key;
use crate::state::RangeRecord;
use alphabet::Alphabet;
use boundary::boundary;
use measure::{Stretch, width};
use std::collections::BTreeMap;

/// So many times in a row a split that brought nothing makes the next one bolder.
const MOST_GALLOPS: u32 = 4;
/// A range is not believed to have more than so many times the keys seen so far, and at first pages.
const BELIEVED: f64 = 256.0;
/// So many workers may list a bucket for each page seen of it.
const WORKERS_PER_PAGE: usize = 16;
/// How much more the keys at a bucket's left end weigh than those at its right end.
const LEFTWARD: f64 = 15.0;
/// Of a range's density, the part that is kept when a page says otherwise.
const INERTIA: f64 = 0.6;

/// What is known of one bucket's keys, and of its ranges being listed.
#[derive(Debug, Default)]
pub struct Splitter {
    alphabet: Alphabet,
    /// Keys per width over all pages, as a natural logarithm.
    density: Option<f64>,
    shards: BTreeMap<u32, Shard>,
    /// Keys of the fullest page so far.
    page: u32,
    /// Keys of all pages so far.
    seen: f64,
    pages: usize,
}

/// What is known of a range being listed.
#[derive(Debug, Default)]
struct Shard {
    /// Keys per width, as a natural logarithm: inherited until its first page.
    density: Option<f64>,
    is_probed: bool,
    /// The range it was split off.
    victim: Option<u32>,
    /// How many splits of it brought nothing since one brought something.
    gallops: u32,
    /// Splits of it whose first page is still to come.
    unprobed: u32,
    /// No place to cut it was found; there is none until more is known of it.
    is_uncut: bool,
}

/// A page as a splitter sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageKeys {
    /// Keys in the answer, those beyond the range included.
    pub answered: u32,
    /// Some of these keys, in order; the last of the answer is always among them.
    pub samples: Vec<Key>,
}

/// A range that may be split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub range: u32,
    /// How many keys it is thought to have behind the page in flight.
    pub keys: f64,
    /// How much splitting it is worth: its keys, and the more of them the farther it lies to the left, so
    /// that the left end of the bucket is finished first and can be joined while the rest is listed.
    pub worth: f64,
}

impl Splitter {
    /// Takes in a page of the range `id`, which was listed from behind `after`.
    pub fn paged(&mut self, id: u32, prefix: &str, after: Option<&Key>, page: &PageKeys) {
        self.page = self.page.max(page.answered);
        self.seen += f64::from(page.answered);
        self.pages += 1;
        for key in &page.samples {
            self.alphabet.learn(key.as_bytes());
        }
        let Some(last) = page.samples.last() else {
            return;
        };
        let after = after.map(Key::as_bytes);
        let stretch = Stretch { prefix: prefix.as_bytes(), after, until: Some(last.as_bytes()) };
        let found = (f64::from(page.answered) / width(&self.alphabet, &stretch).max(f64::MIN_POSITIVE)).ln();
        let blend = |old: Option<f64>| old.map_or(found, |old| INERTIA * old + (1.0 - INERTIA) * found);
        self.density = Some(blend(self.density));
        let shard = self.shards.entry(id).or_default();
        shard.density = if shard.is_probed { Some(blend(shard.density)) } else { Some(found) };
        shard.is_probed = true;
        shard.is_uncut = false;
    }

    /// The range `child` was split off `victim`.
    pub fn split(&mut self, victim: u32, child: u32) {
        let inherited = self.shards.get(&victim).and_then(|shard| shard.density);
        // The geometric mean of what is known there and what is known of all.
        let density = match (inherited, self.density) {
            (Some(one), Some(other)) => Some(f64::midpoint(one, other)),
            (one, other) => one.or(other),
        };
        self.shards.entry(victim).or_default().unprobed += 1;
        self.shards.insert(child, Shard { density, victim: Some(victim), ..Shard::default() });
    }

    /// The first page of the range `id` was listed, and had keys of that range or had none: says how bold
    /// the next split of its victim is.
    pub fn probed(&mut self, id: u32, has_keys: bool) {
        let victim = self.shards.get_mut(&id).and_then(|shard| shard.victim.take());
        if let Some(victim) = victim.and_then(|victim| self.shards.get_mut(&victim)) {
            victim.unprobed = victim.unprobed.saturating_sub(1);
            victim.is_uncut = false;
            victim.gallops = if has_keys { 0 } else { (victim.gallops + 1).min(MOST_GALLOPS) };
        }
    }

    /// The range `id` is listed to its end, or nobody lists it any more.
    pub fn ended(&mut self, id: u32) {
        self.shards.remove(&id);
    }

    /// Those of the `ranges` being listed that are worth to be split. What has less than two pages is not
    /// worth a request of its own.
    #[expect(clippy::cast_precision_loss, reason = "there are at most as many ranges as requests in flight")]
    pub fn candidates<'range>(&self, ranges: impl Iterator<Item = &'range RangeRecord>) -> Vec<Candidate> {
        let least = 2.0 * f64::from(self.page.max(1));
        let mut ranges: Vec<&RangeRecord> = ranges.collect();
        ranges.sort_unstable_by(|one, other| one.range.cmp(&other.range));
        let step = LEFTWARD / ranges.len() as f64;
        let candidates = ranges.iter().rev().enumerate().filter_map(|(to_the_right, record)| {
            let keys = self.left(record)?;
            let worth = keys * step.mul_add(to_the_right as f64, 1.0);
            Some(Candidate { range: record.id, keys, worth })
        });
        candidates.filter(|candidate| candidate.keys >= least).collect()
    }

    /// Where a range is cut: what is behind goes to another worker.
    pub fn cut(&mut self, record: &RangeRecord) -> Option<Key> {
        let shard = self.shards.get_mut(&record.id)?;
        let cut = boundary(&self.alphabet, &stretch(record), 0.5_f64.powi(1 << shard.gallops));
        shard.is_uncut = cut.is_none();
        cut
    }

    /// How many workers the bucket may have for what is known of it: a small one is listed before many
    /// could find their keys, and each that finds none has cost a request.
    pub fn most_workers(&self) -> usize {
        WORKERS_PER_PAGE * self.pages
    }

    /// How many keys a range is thought to have, but for the page in flight. A density that was found in
    /// a narrow place says little of a wide one: there is a limit to what is believed, and the splits that
    /// are to find out more share it, lest all workers look for keys in the same emptiness.
    fn left(&self, record: &RangeRecord) -> Option<f64> {
        let shard = self.shards.get(&record.id).filter(|shard| !shard.is_uncut)?;
        let page = f64::from(self.page);
        let keys = shard.density.or(self.density)?.exp() * width(&self.alphabet, &stretch(record));
        let believed = keys.min(BELIEVED * self.seen.max(BELIEVED * page));
        Some(believed / f64::from(1 + shard.unprobed) - page)
    }
}

/// What is left of a range.
fn stretch(record: &RangeRecord) -> Stretch<'_> {
    Stretch {
        prefix: record.range.prefix.as_bytes(),
        after: record.cursor.after.as_ref().map(Key::as_bytes),
        until: record.range.until.as_ref().map(Key::as_bytes),
    }
}
