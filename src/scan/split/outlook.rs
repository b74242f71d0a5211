//! How many keys a range is thought to have ahead of its cursor, and how far away.
//!
//! Owns the one assumption by which that is guessed: what lies ahead is as dense as what lies as far
//! behind. Farther than was looked back there is less and less, unless the first page behind the
//! range's end says otherwise.

use super::alphabet::Alphabet;
use super::trail::{Seen, width_between};

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
    /// first page from behind its end.
    pub fn new<'seen>(
        alphabet: &Alphabet,
        width: f64,
        back: impl Iterator<Item = &'seen Seen>,
        behind: Option<&Seen>,
    ) -> Self {
        let mut outlook = Self { points: vec![(0.0, 0.0)], beyond: None, width };
        let mut nearer: Option<&Seen> = None;
        for seen in back {
            if let Some(nearer) = nearer.filter(|nearer| nearer.after > seen.until) {
                // What is between was not listed by this range: its density is taken to be between theirs.
                let hole = width_between(alphabet, &seen.until, &nearer.after);
                let density = f64::midpoint(seen.density(alphabet), nearer.density(alphabet)).exp();
                outlook.look_back(hole, density * hole);
            }
            outlook.look_back(seen.width(alphabet), seen.keys);
            nearer = Some(seen);
        }
        let (reach, keys) = outlook.looked_back();
        let width = width - reach;
        if reach > 0.0 && width > 1e-9 * reach {
            let fall = behind.map_or(1.0, |behind| {
                let lower = (keys.max(1.0) / reach).ln() - behind.density(alphabet);
                (lower / (width / reach).ln_1p()).clamp(0.0, 1.0)
            });
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
