//! How many keys a range is thought to have ahead of its cursor, and how far away.
//!
//! Owns the one assumption by which that is guessed: what lies ahead is as dense as what lies as far
//! behind. Farther than was looked back the density falls, or rises, to what is known of that behind the
//! range's end.

use super::alphabet::Alphabet;
use super::trail::{Seen, hole};

/// What a range is thought to have ahead.
#[derive(Debug)]
pub struct Outlook {
    /// Distances from the cursor, and how many keys lie up to there.
    points: Vec<(f64, f64)>,
    beyond: Option<Beyond>,
    width: f64,
}

/// What lies farther ahead than was looked back. Its density falls with a power of the distance.
#[derive(Debug)]
struct Beyond {
    /// How far was looked back.
    reach: f64,
    /// How many keys were found there.
    keys: f64,
    /// One less the power: with 1 there is no fall, with 0 each doubling of the distance has as many keys.
    evenness: f64,
    /// How much wider the range is.
    width: f64,
}

impl Outlook {
    /// Of a range with a `width` left: `back` is what was listed before, the latest first, and `behind` the
    /// density from its end on, as a natural logarithm.
    pub fn new<'seen>(alphabet: &Alphabet, width: f64, back: impl Iterator<Item = &'seen Seen>, behind: f64) -> Self {
        let mut outlook = Self { points: vec![(0.0, 0.0)], beyond: None, width };
        let mut nearer: Option<&Seen> = None;
        for seen in back {
            if let Some((width, keys)) = nearer.and_then(|nearer| hole(alphabet, seen, nearer)) {
                outlook.look_back(width, keys);
            }
            outlook.look_back(seen.width(alphabet), seen.keys);
            nearer = Some(seen);
        }
        let (reach, keys) = outlook.looked_back();
        let width = width - reach;
        if reach > 0.0 && width > 1e-9 * reach {
            let lower = (keys.max(1.0) / reach).ln() - behind;
            let fall = (lower / (width / reach).ln_1p()).clamp(0.0, 1.0);
            outlook.beyond = Some(Beyond { reach, keys, evenness: 1.0 - fall, width });
        }
        outlook
    }

    /// Takes in what lies next behind, as far as the range is wide.
    fn look_back(&mut self, width: f64, keys: f64) {
        let (distance, before) = self.looked_back();
        let part = ((self.width - distance) / width).clamp(0.0, 1.0);
        if part > 0.0 {
            self.points.push((part.mul_add(width, distance), part.mul_add(keys, before)));
        }
    }

    fn looked_back(&self) -> (f64, f64) {
        self.points.last().copied().unwrap_or_default()
    }

    /// How many keys there are.
    pub fn keys(&self) -> f64 {
        self.looked_back().1 + self.beyond.as_ref().map_or(0.0, |beyond| beyond.keys_within(beyond.width))
    }

    /// The share of the width that has the nearer half of the keys.
    pub fn middle(&self) -> f64 {
        let half = 0.5 * self.keys();
        let at = self.points.partition_point(|point| point.1 < half).max(1);
        let (near, before) = self.points[at - 1];
        let distance = match (self.points.get(at), &self.beyond) {
            (Some((far, keys)), _) => ((half - before) / (keys - before)).mul_add(far - near, near),
            (None, Some(beyond)) => near + beyond.distance_of(half - before),
            (None, None) => 0.5 * self.width,
        };
        (distance / self.width).clamp(f64::MIN_POSITIVE, 1.0)
    }
}

impl Beyond {
    /// How many keys lie within a distance of where it begins.
    fn keys_within(&self, distance: f64) -> f64 {
        let doublings = (distance / self.reach).ln_1p();
        self.keys * if self.is_even() { (self.evenness * doublings).exp_m1() / self.evenness } else { doublings }
    }

    /// The distance within which so many keys lie.
    fn distance_of(&self, keys: f64) -> f64 {
        let times = keys / self.keys.max(f64::MIN_POSITIVE);
        let doublings = if self.is_even() { (self.evenness * times).ln_1p() / self.evenness } else { times };
        self.reach * doublings.exp_m1()
    }

    fn is_even(&self) -> bool {
        self.evenness > 1e-6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::Key;
    use proptest::prelude::*;

    fn knowing_digits() -> Alphabet {
        let mut alphabet = Alphabet::default();
        for digit in 0..10 {
            alphabet.learn(format!("{digit}{digit}{digit}{digit}").as_bytes());
        }
        alphabet
    }

    fn seen(after: usize, until: usize, keys: f64) -> Seen {
        let key = |number: usize| Key::from(format!("{number:04}").as_str());
        Seen { after: key(after), until: key(until), keys, pages: 1 }
    }

    #[test]
    fn what_lies_ahead_is_as_dense_as_what_lies_as_far_behind() {
        let alphabet = knowing_digits();
        let back = [seen(300, 400, 800.0), seen(400, 500, 100.0)];
        let ahead = |hundreds: usize| {
            let width = seen(500, 500 + hundreds * 100, 0.0).width(&alphabet);
            Outlook::new(&alphabet, width, back.iter().rev(), f64::NEG_INFINITY)
        };
        let (one, two) = (ahead(1), ahead(2));
        assert!((one.keys() - 100.0).abs() < 5.0 && (two.keys() - 900.0).abs() < 20.0, "{one:?} {two:?}");
        assert!((one.middle() - 0.5).abs() < 0.02 && (two.middle() - 0.72).abs() < 0.02, "{one:?} {two:?}");
    }

    #[test]
    fn farther_than_was_looked_back_it_goes_by_what_is_behind_the_end() {
        let alphabet = knowing_digits();
        let back = [seen(0, 10, 10.0)];
        let density = back[0].density(&alphabet);
        let width = seen(0, 1_000, 0.0).width(&alphabet);
        let [even, falling] =
            [density, f64::NEG_INFINITY].map(|behind| Outlook::new(&alphabet, width, back.iter(), behind));
        let times = width / back[0].width(&alphabet);
        assert!((even.keys() - 10.0 * times).abs() < 1.0 && (even.middle() - 0.5).abs() < 0.02, "{even:?}");
        // As many keys for each doubling of the distance.
        let expected = 10.0 * (1.0 + times.ln());
        assert!((falling.keys() - expected).abs() < 2.0 && falling.middle() < 0.2, "{falling:?}");
    }

    proptest! {
        #[test]
        fn a_middle_is_inside(
            ends in proptest::collection::btree_set(0..5_000_usize, 2..12),
            keys in proptest::collection::vec(0.0..1e6_f64, 12),
            until in 5_001..9_999_usize,
            behind in -1e3..1e3_f64,
        ) {
            let alphabet = knowing_digits();
            let ends: Vec<usize> = ends.into_iter().collect();
            let back: Vec<Seen> = ends.chunks_exact(2).zip(keys).map(|(pair, keys)| seen(pair[0], pair[1], keys)).collect();
            let width = seen(5_000, until, 0.0).width(&alphabet);
            let outlook = Outlook::new(&alphabet, width, back.iter().rev(), behind);
            prop_assert!(outlook.keys() >= 0.0 && outlook.keys().is_finite());
            prop_assert!(outlook.middle() > 0.0 && outlook.middle() <= 1.0);
        }
    }
}
