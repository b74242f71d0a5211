//! What was listed up to a range's cursor: how many keys lie in how wide a stretch, the nearest in
//! detail and what is farther back in ever longer stretches.
//!
//! Owns that this takes little room however long a range is: a few stretches, each with its two keys.
//! It keeps keys and not widths, for these change with what is learnt of the alphabet.

use super::alphabet::Alphabet;
use super::measure::{Stretch, width};
use crate::s3::Key;

/// So many stretches are kept at most; the oldest go first.
const MOST_STRETCHES: usize = 8;
/// Neighbours become one stretch where their densities, as natural logarithms, differ by no more.
const ALIKE: f64 = 2.0;

/// A stretch of key space that was listed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// It begins behind this key.
    pub after: Key,
    /// It ends with this key.
    pub until: Key,
    /// How many keys lie in it.
    pub keys: f64,
    /// How many pages it took.
    pub pages: u32,
}

impl Seen {
    /// How wide it is.
    pub fn width(&self, alphabet: &Alphabet) -> f64 {
        width_between(alphabet, &self.after, &self.until)
    }

    /// Keys per width, as a natural logarithm: of an empty stretch as if it had one key.
    pub fn density(&self, alphabet: &Alphabet) -> f64 {
        (self.keys.max(1.0) / self.width(alphabet)).ln()
    }
}

/// How wide the stretch behind one key up to another is; never 0.
pub fn width_between(alphabet: &Alphabet, after: &Key, until: &Key) -> f64 {
    let stretch = Stretch { prefix: b"", after: Some(after.as_bytes()), until: Some(until.as_bytes()) };
    width(alphabet, &stretch).max(f64::MIN_POSITIVE)
}

/// What was listed up to a range's cursor, also before the range was split off another.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    seen: Vec<Seen>,
}

impl Trail {
    /// Whether nothing was listed yet.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// What was listed, the latest first. Between two stretches there may be one that was not, or not by
    /// this range.
    pub fn back(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().rev()
    }

    /// Takes in a page, whose keys begin with `first`. Whether these lie behind a gap wider than they are,
    /// so that they are others than those before it.
    pub fn page(&mut self, alphabet: &Alphabet, page: &Seen, first: &Key) -> bool {
        let gap = Seen { until: first.clone(), keys: 0.0, ..page.clone() };
        let keys = Seen { after: first.clone(), ..page.clone() };
        let is_behind_gap = gap.width(alphabet) > keys.width(alphabet);
        if is_behind_gap {
            // Nothing is known of what lies before the very first key.
            self.seen.extend((!self.is_empty()).then_some(gap));
            self.seen.push(keys);
        } else {
            self.seen.push(page.clone());
        }
        while let [.., one, other] = self.seen.as_slice()
            && let Some(both) = merged(alphabet, one, other)
        {
            self.seen.pop();
            self.seen.pop();
            self.seen.push(both);
        }
        let surplus = self.seen.len().saturating_sub(MOST_STRETCHES);
        self.seen.drain(..surplus);
        is_behind_gap
    }
}

/// Both as one stretch, where the older is no longer than the newer and they are alike.
fn merged(alphabet: &Alphabet, one: &Seen, other: &Seen) -> Option<Seen> {
    let touches = one.until == other.after && one.pages <= other.pages;
    let is_alike = || (one.density(alphabet) - other.density(alphabet)).abs() < ALIKE;
    (touches && is_alike()).then(|| Seen {
        after: one.after.clone(),
        until: other.until.clone(),
        keys: one.keys + other.keys,
        pages: one.pages + other.pages,
    })
}
