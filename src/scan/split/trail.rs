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

/// Of two densities, as natural logarithms, how far from the lower to the higher that of a hole between
/// them is.
const HOLLOW: f64 = 0.25;

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

    /// Keys per width, as a natural logarithm.
    pub fn density(&self, alphabet: &Alphabet) -> f64 {
        self.density_of(self.width(alphabet))
    }

    /// The same where its width is known. One without keys counts as if it had one.
    pub fn density_of(&self, width: f64) -> f64 {
        (self.keys.max(1.0) / width).ln()
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

/// How wide the stretch between two is that nobody is known to have listed, and how many keys it is
/// thought to have: its density is taken to be between theirs, nearer to the lower.
pub fn hole(alphabet: &Alphabet, one: &Seen, other: &Seen) -> Option<(f64, f64)> {
    (one.until < other.after).then(|| {
        let width = width_between(alphabet, &one.until, &other.after);
        let (one, other) = (one.density(alphabet), other.density(alphabet));
        (width, HOLLOW.mul_add((one - other).abs(), one.min(other)).exp() * width)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing_digits() -> Alphabet {
        let mut alphabet = Alphabet::default();
        for digit in 0..10 {
            alphabet.learn(format!("k{digit}{digit}{digit}{digit}").as_bytes());
        }
        alphabet
    }

    fn seen(after: usize, until: usize, keys: f64) -> Seen {
        let key = |number| Key::from(format!("k{number:04}").as_str());
        Seen { after: key(after), until: key(until), keys, pages: 1 }
    }

    #[test]
    fn pages_in_a_row_become_few_stretches_of_all_their_keys() {
        let (alphabet, mut trail) = (knowing_digits(), Trail::default());
        for page in 0..100 {
            let first = Key::from(format!("k{:04}", page * 10 + 1).as_str());
            assert!(!trail.page(&alphabet, &seen(page * 10, page * 10 + 10, 10.0), &first));
        }
        let lengths: Vec<u32> = trail.back().map(|seen| seen.pages).collect();
        assert_eq!((lengths.len(), lengths.iter().sum::<u32>()), (3, 100), "{lengths:?}");
        assert!((trail.back().map(|seen| seen.keys).sum::<f64>() - 1_000.0).abs() < 1e-6);
    }

    #[test]
    fn what_lies_behind_a_gap_is_by_itself() {
        let (alphabet, mut trail) = (knowing_digits(), Trail::default());
        let page = |trail: &mut Trail, after, first: usize, until| {
            trail.page(&alphabet, &seen(after, until, 10.0), &Key::from(format!("k{first:04}").as_str()))
        };
        assert!(page(&mut trail, 0, 500, 510));
        assert_eq!(trail.back().count(), 1, "what is before the first key is nothing to go by");
        assert!(page(&mut trail, 510, 900, 910));
        let keys: Vec<f64> = trail.back().map(|seen| seen.keys).collect();
        assert_eq!(keys, [10.0, 0.0, 10.0]);
    }

    #[test]
    fn it_stays_short_whatever_comes() {
        let (alphabet, mut trail) = (knowing_digits(), Trail::default());
        for page in 0..100_usize {
            let first = Key::from(format!("k{:04}", page * 90 + 60).as_str());
            trail.page(
                &alphabet,
                &seen(page * 90, page * 90 + 80, 10.0_f64.powi(i32::try_from(page % 7).unwrap())),
                &first,
            );
            assert!(trail.back().count() <= MOST_STRETCHES);
        }
    }

    #[test]
    fn a_hole_is_between_its_neighbours_in_density() {
        let alphabet = knowing_digits();
        let (dense, sparse) = (seen(0, 100, 100_000.0), seen(200, 300, 10.0));
        let (width, keys) = hole(&alphabet, &dense, &sparse).unwrap();
        let density = (keys / width).ln();
        assert!(density > sparse.density(&alphabet) && density < dense.density(&alphabet));
        assert!(hole(&alphabet, &seen(0, 100, 1.0), &seen(100, 200, 1.0)).is_none());
    }
}
