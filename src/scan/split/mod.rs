//! Splitting: which range of a bucket is shared with an idle worker, and where it is cut.
//!
//! A [`Splitter`] learns from the pages of one bucket which keys there may be (the [`Alphabet`]), and
//! remembers of each range what was listed before it (its [`Trail`]). From both it guesses how many keys
//! each range still has, and where (its [`Outlook`]). It is pure: it knows keys and ranges, and neither
//! workers nor requests. It asks for nothing that a listing does not bring anyway.
//!
//! Owns the rule, not the ranges: these are the ledger's, and whatever the rule says, they tile the key
//! space. A wrong guess costs requests, never a row.

mod alphabet;
mod boundary;
mod measure;
mod outlook;
#[cfg(test)]
mod simulation;
mod trail;

use crate::s3::Key;
use crate::state::RangeRecord;
use alphabet::Alphabet;
use boundary::boundary;
use measure::{Stretch, width};
use outlook::Outlook;
use std::cell::Cell;
use std::collections::BTreeMap;
use trail::{Seen, Trail};

/// So many workers may list a bucket for each page that had keys of its range.
const WORKERS_PER_PAGE: f64 = 4.0;
/// How much more the keys at a bucket's left end weigh than those at its right end.
const LEFTWARD: f64 = 5.0;
/// What a guess is worth that rests on a range nobody has listed anything of, beside one that does not.
const UNPROBED: f64 = 0.1;

/// What is known of one bucket's keys, and of its ranges being listed.
#[derive(Debug, Default)]
pub struct Splitter {
    alphabet: Alphabet,
    shards: BTreeMap<u32, Shard>,
    /// Keys of the fullest page so far.
    page: u32,
    pages: usize,
    /// Ranges whose first page had no key of theirs.
    empty: usize,
    /// Keys of all pages, and how wide these were.
    keys: f64,
    width: f64,
}

/// What is known of a range being listed.
#[derive(Debug, Default)]
struct Shard {
    trail: Trail,
    /// The first page that was listed from behind its end.
    behind: Option<Seen>,
    /// How many keys it is thought to have, until its first page tells.
    hoped: Option<f64>,
    /// Its first page found keys behind a gap, and it was not split since.
    is_fresh: bool,
    /// A page listed elsewhere showed that it has no keys, and none of its own says otherwise.
    is_empty: bool,
    /// No place to cut it was found; there is none until more is known of it.
    is_uncut: bool,
    until: Option<Key>,
    /// The ranges beside it when it was split off, or after that.
    left: Option<u32>,
    right: Option<u32>,
    /// The range it was split off, until its first page.
    victim: Option<u32>,
    /// Splits of it whose first page is still to come.
    unprobed: u32,
    /// How many keys it has ahead, since that was last asked. It is not asked anew for each byte that is
    /// new to the alphabet.
    ahead: Cell<Option<f64>>,
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
        self.pages += 1;
        for key in &page.samples {
            self.alphabet.learn(key.as_bytes());
        }
        let shard = self.shards.entry(id).or_default();
        let is_first = shard.trail.is_empty() || shard.hoped.take().is_some();
        (shard.is_uncut, shard.is_empty) = (false, false);
        shard.ahead.take();
        let (left, right) = (shard.left, shard.right);
        let seen = page.samples.first().zip(page.samples.last()).map(|(first, last)| {
            let after = after.cloned().unwrap_or_else(|| Key::from(prefix));
            let seen = Seen { after, until: last.clone(), keys: f64::from(page.answered), pages: 1 };
            self.keys += seen.keys;
            self.width += seen.width(&self.alphabet);
            let is_behind_gap = shard.trail.page(&self.alphabet, &seen, first);
            shard.is_fresh |= is_first && is_behind_gap;
            seen
        });
        if is_first {
            self.note_gap(right, page.samples.first());
            if let Some(left) = left.and_then(|left| self.shards.get_mut(&left)) {
                left.behind = seen;
                left.is_uncut = false;
                left.ahead.take();
            }
        }
    }

    /// Nothing lies before `first`, neither in the range that was listed nor in those from `right` on.
    fn note_gap(&mut self, mut right: Option<u32>, first: Option<&Key>) {
        let ends_before =
            |until: &Option<Key>| first.is_none_or(|first| until.as_ref().is_some_and(|until| until < first));
        while let Some(shard) = right.and_then(|right| self.shards.get_mut(&right))
            && shard.hoped.is_some()
            && ends_before(&shard.until)
        {
            shard.is_empty = true;
            right = shard.right;
        }
    }

    /// The range `child` was split off `victim`, which now ends with `cut`.
    pub fn split(&mut self, victim: u32, child: u32, cut: &Key) {
        let Some(shard) = self.shards.get_mut(&victim) else {
            return;
        };
        let half = 0.5 * shard.ahead.take().unwrap_or_default();
        if let Some(hoped) = &mut shard.hoped {
            *hoped = half;
        }
        shard.is_fresh = false;
        shard.unprobed += 1;
        let right = shard.right.replace(child);
        let split_off = Shard {
            trail: shard.trail.clone(),
            behind: shard.behind.clone(),
            hoped: Some(UNPROBED * half),
            until: shard.until.replace(cut.clone()),
            left: Some(victim),
            right,
            victim: Some(victim),
            ..Shard::default()
        };
        self.shards.insert(child, split_off);
        if let Some(right) = right.and_then(|right| self.shards.get_mut(&right)) {
            right.left = Some(child);
        }
    }

    /// The first page of the range `id` was listed, and had keys of that range or had none.
    pub fn probed(&mut self, id: u32, has_keys: bool) {
        self.empty += usize::from(!has_keys);
        let victim = self.shards.get_mut(&id).and_then(|shard| shard.victim.take());
        if let Some(victim) = victim.and_then(|victim| self.shards.get_mut(&victim)) {
            victim.unprobed = victim.unprobed.saturating_sub(1);
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
        let shard = self.shards.get(&record.id)?;
        let middle = if shard.hoped.is_some() { 0.5 } else { self.outlook(shard, record).middle() };
        let cut = boundary(&self.alphabet, &stretch(record), middle);
        let shard = self.shards.get_mut(&record.id)?;
        shard.is_uncut = cut.is_none();
        shard.until.clone_from(&record.range.until);
        cut
    }

    /// How many workers the bucket may have for what is known of it: a small one is listed before many
    /// could find their keys, and each that finds none has cost a request.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a guess")]
    pub fn most_workers(&self) -> usize {
        let (pages, empty) = (self.pages as f64, self.empty as f64);
        let useful = (1.0 - empty / pages.max(1.0)).max(0.0);
        ((WORKERS_PER_PAGE * pages * useful.powi(3)) as usize).max(1)
    }

    /// How many keys a range is thought to have, but for the page in flight.
    fn left(&self, record: &RangeRecord) -> Option<f64> {
        let shard = self.shards.get(&record.id).filter(|shard| !shard.is_uncut && !shard.is_empty)?;
        let found = || shard.hoped.unwrap_or_else(|| self.outlook(shard, record).keys());
        let keys = shard.ahead.get().unwrap_or_else(found);
        shard.ahead.set(Some(keys));
        // What lies where all widths are lost in rounding cannot be told.
        Some(keys / f64::from(1 + shard.unprobed) - f64::from(self.page)).filter(|keys| keys.is_finite())
    }

    /// What a range has ahead. One whose first page found keys behind a gap may be the beginning of a
    /// thing of its own, which the keys before the gap say nothing of.
    fn outlook(&self, shard: &Shard, record: &RangeRecord) -> Outlook {
        let width = width(&self.alphabet, &stretch(record));
        // Where nobody has listed anything behind its end, that is as dense as all that was listed.
        let average = || (self.keys / self.width.max(f64::MIN_POSITIVE)).ln();
        let behind = shard.behind.as_ref().map_or_else(average, |behind| behind.density(&self.alphabet));
        let whole = Outlook::new(&self.alphabet, width, shard.trail.back(), behind);
        if !shard.is_fresh {
            return whole;
        }
        let own = shard.trail.back().take_while(|seen| seen.keys > 0.0);
        let own = Outlook::new(&self.alphabet, width, own, behind);
        if own.keys() > whole.keys() { own } else { whole }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::Range;

    fn record(id: u32, after: Option<&str>, until: Option<&str>) -> RangeRecord {
        let range = Range { prefix: String::new(), after: after.map(Key::from), until: until.map(Key::from) };
        RangeRecord::begun(id, range)
    }

    fn page(from: usize, until: usize) -> PageKeys {
        let samples = (from..until).map(|number| Key::from(format!("{number:06}").as_str())).collect();
        PageKeys { answered: u32::try_from(until - from).unwrap(), samples }
    }

    #[test]
    fn what_another_page_showed_to_be_empty_is_not_split() {
        let mut splitter = Splitter::default();
        splitter.paged(0, "", None, &page(0, 100));
        let cuts = ["4", "3", "2"];
        let mut until = None;
        for (child, cut) in (1..).zip(cuts) {
            assert!(splitter.cut(&record(0, Some("000099"), until)).is_some());
            splitter.split(0, child, &Key::from(cut));
            until = Some(cut);
        }
        let ranges = [record(1, Some("4"), None), record(2, Some("3"), Some("4")), record(3, Some("2"), Some("3"))];
        let worth = |splitter: &Splitter| {
            ranges.iter().filter(|record| splitter.left(record).is_some()).map(|record| record.id).collect::<Vec<_>>()
        };
        assert_eq!(worth(&splitter), [1, 2, 3]);
        splitter.paged(3, "", Some(&Key::from("2")), &page(500_000, 500_100));
        assert_eq!(worth(&splitter), [1, 3]);
        splitter.paged(2, "", Some(&Key::from("3")), &page(300_000, 300_100));
        assert_eq!(worth(&splitter), [1, 2, 3], "its own page knows better");
    }

    #[test]
    fn a_bucket_has_workers_for_what_was_found_in_it() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.most_workers(), 1);
        splitter.paged(0, "", None, &page(0, 10));
        assert_eq!(splitter.most_workers(), 4);
        splitter.paged(0, "", Some(&Key::from("000009")), &page(10, 20));
        assert_eq!(splitter.most_workers(), 8);
        splitter.paged(1, "", Some(&Key::from("5")), &PageKeys::default());
        splitter.probed(1, false);
        assert_eq!(splitter.most_workers(), 3);
    }
}
