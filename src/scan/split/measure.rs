//! How wide a stretch of key space is: the share of all possible keys, as an [`Alphabet`] weighs them,
//! that lies in it.
//!
//! Owns that a width is a sum of positive terms only, so that it is exact enough however deep the
//! stretch lies.

use super::alphabet::{Alphabet, due_behind};

/// A stretch of key space: the keys with a prefix, behind a key, up to a key.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'key> {
    /// What all its keys begin with, and thereby also both ends.
    pub prefix: &'key [u8],
    /// It begins behind this key; `None` is the prefix's beginning.
    pub after: Option<&'key [u8]>,
    /// It ends with this key; `None` is the prefix's end.
    pub until: Option<&'key [u8]>,
}

impl<'key> Stretch<'key> {
    /// Where it begins.
    pub fn low(&self) -> &'key [u8] {
        self.after.unwrap_or(self.prefix)
    }

    /// How many bytes both of its ends have in common.
    pub fn common(&self) -> usize {
        let Some(until) = self.until else {
            return self.prefix.len();
        };
        self.low().iter().zip(until).take_while(|(low, high)| low == high).count()
    }
}

/// A walk down the key space along a key.
#[derive(Clone, Copy)]
pub struct Step {
    /// The position.
    pub at: usize,
    /// Bytes due here that go on a character.
    pub due: u8,
}

impl Step {
    /// The position behind the bytes of `prefix`.
    pub fn behind(prefix: &[u8]) -> Self {
        let due = prefix.iter().fold(0, |due, &byte| due_behind(due, byte));
        Self { at: prefix.len(), due }
    }

    /// One byte further.
    pub fn down(self, byte: u8) -> Self {
        Self { at: self.at + 1, due: due_behind(self.due, byte) }
    }

    /// Whether a byte that goes on a character is due.
    pub fn is_due(self) -> bool {
        self.due > 0
    }
}

/// The width of a stretch, between 0 and 1, where `alphabet` is known of its bucket.
pub fn width(alphabet: &Alphabet, stretch: &Stretch<'_>) -> f64 {
    let common = stretch.common();
    let prefix = &stretch.low()[..common];
    let mut step = Step { at: 0, due: 0 };
    let mut scale = 1.0;
    for &byte in prefix {
        scale *= alphabet.shares(step.at).share(byte, step.is_due());
        step = step.down(byte);
    }
    scale * relative_width(alphabet, stretch, common, step)
}

/// The width of a stretch as a share of what lies below its common beginning.
pub fn relative_width(alphabet: &Alphabet, stretch: &Stretch<'_>, common: usize, step: Step) -> f64 {
    let (low, high) = (stretch.low().get(common), stretch.until.and_then(|until| until.get(common)));
    let (shares, due) = (alphabet.shares(step.at), step.is_due());
    let inner = |byte: u8, rest: f64| shares.share(byte, due) * rest;
    match (low, high) {
        (None, None) => 1.0,
        (Some(&low), None) => inner(low, behind(alphabet, stretch.low(), step.down(low))) + shares.above(low, due),
        (low, Some(&high)) => {
            let until = stretch.until.unwrap_or_default();
            let last = inner(high, before(alphabet, until, step.down(high)));
            match low {
                None => shares.below(high, due) + last,
                Some(&low) => {
                    let first = inner(low, behind(alphabet, stretch.low(), step.down(low)));
                    first + shares.between(low, high, due) + last
                }
            }
        }
    }
}

/// Of what lies below the first bytes of `key`, up to `step`: the share that sorts behind the key.
pub fn behind(alphabet: &Alphabet, key: &[u8], mut step: Step) -> f64 {
    let (mut sum, mut scale) = (0.0, 1.0);
    for &byte in key.get(step.at..).unwrap_or_default() {
        let shares = alphabet.shares(step.at);
        sum += scale * shares.above(byte, step.is_due());
        scale *= shares.share(byte, step.is_due());
        step = step.down(byte);
    }
    sum + scale
}

/// The same for what sorts before the key.
fn before(alphabet: &Alphabet, key: &[u8], mut step: Step) -> f64 {
    let (mut sum, mut scale) = (0.0, 1.0);
    for &byte in key.get(step.at..).unwrap_or_default() {
        let shares = alphabet.shares(step.at);
        sum += scale * shares.below(byte, step.is_due());
        scale *= shares.share(byte, step.is_due());
        step = step.down(byte);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stretch<'key>(after: Option<&'key str>, until: Option<&'key str>) -> Stretch<'key> {
        Stretch { prefix: b"", after: after.map(str::as_bytes), until: until.map(str::as_bytes) }
    }

    proptest! {
        #[test]
        fn widths_add_up(
            mut keys in proptest::collection::vec("[a-f0-9/é日]{1,8}", 3),
            learnt in proptest::collection::vec("[a-f0-9/é日]{1,8}", 0..20),
        ) {
            keys.sort();
            keys.dedup();
            prop_assume!(keys.len() == 3);
            let mut alphabet = Alphabet::default();
            for key in &learnt {
                alphabet.learn(key.as_bytes());
            }
            let of = |after: Option<&str>, until: Option<&str>| width(&alphabet, &stretch(after, until));
            let [low, middle, high] = [0, 1, 2].map(|at| Some(keys[at].as_str()));
            let whole = of(None, None);
            prop_assert!((whole - 1.0).abs() < 1e-9);
            for (after, until) in [(None, None), (low, None), (None, high), (low, high)] {
                let (left, right) = (of(after, middle), of(middle, until));
                prop_assert!(left >= 0.0 && right >= 0.0);
                prop_assert!((left + right - of(after, until)).abs() < 1e-3, "{left} {right} {}", of(after, until));
            }
        }
    }

    #[test]
    fn what_lies_deep_has_a_width_too() {
        let mut alphabet = Alphabet::default();
        let deep = "x".repeat(300);
        let keys = [format!("{deep}0"), format!("{deep}9")];
        for key in &keys {
            alphabet.learn(key.as_bytes());
        }
        let inside = width(&alphabet, &stretch(Some(&keys[0]), Some(&keys[1])));
        let whole = width(&alphabet, &Stretch { prefix: deep.as_bytes(), after: None, until: None });
        assert!(inside > 0.3 * whole && inside < whole, "{inside} of {whole}");
    }
}
