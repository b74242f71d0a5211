//! The alphabet of a bucket: which bytes its keys have at which position, and how likely the others
//! are.
//!
//! Owns the weights by which a position shares out what lies below it among its bytes. Bytes that were
//! seen weigh most; of the others those that go with what was seen (digits with digits) weigh more than
//! the rest. Bytes that go on a UTF-8 character and bytes that begin one are shared out separately,
//! for never can both stand at one place.

use std::cell::OnceCell;
use std::sync::LazyLock;

/// Bytes of a key that are looked at: S3 keys have no more.
const MOST_POSITIONS: usize = 1024;
/// The weight of bytes that no key should have; more than nothing, so that no key has a width of 0.
const FLOOR: f64 = 1e-5;

/// What is known of the bytes of a bucket's keys, by their position in the key.
#[derive(Debug, Default)]
pub struct Alphabet {
    positions: Vec<Position>,
}

#[derive(Debug, Default)]
struct Position {
    /// A bit for each byte that was seen.
    seen: [u64; 4],
    /// Made when it is asked for, for many a position never is.
    shares: OnceCell<Box<Shares>>,
}

/// How a position shares out what lies below it: sums of the weights of all lower bytes.
#[derive(Debug)]
pub struct Shares {
    /// Among the bytes that begin a character; those that go on one weigh nothing here.
    beginning: [f32; 257],
    /// Among the bytes that go on a character, from 0x80 on.
    continuing: [f32; 65],
}

impl Alphabet {
    /// Takes in a key.
    pub fn learn(&mut self, key: &[u8]) {
        let length = key.len().min(MOST_POSITIONS);
        if self.positions.len() < length {
            self.positions.resize_with(length, Position::default);
        }
        for (position, &byte) in self.positions.iter_mut().zip(key) {
            let (word, bit) = (usize::from(byte >> 6), 1_u64 << (byte & 63));
            if position.seen[word] & bit == 0 {
                position.seen[word] |= bit;
                position.shares.take();
            }
        }
    }

    /// How the position `at` shares out what lies below it.
    pub fn shares(&self, at: usize) -> &Shares {
        static UNKNOWN: LazyLock<Shares> = LazyLock::new(|| Shares::of(&[0; 4]));
        self.positions
            .get(at)
            .map_or_else(|| &*UNKNOWN, |position| position.shares.get_or_init(|| Box::new(Shares::of(&position.seen))))
    }
}

impl Shares {
    #[expect(clippy::cast_possible_truncation, reason = "sums between 0 and 1 need no more than f32 gives")]
    fn of(seen: &[u64; 4]) -> Self {
        let weights = weights(seen);
        let (mut beginning, mut continuing) = ([0.0; 257], [0.0; 65]);
        let continues = |byte: usize| (0x80..0xc0).contains(&byte);
        let sum = |wanted: bool| -> f64 {
            (0..256).filter(|&byte| continues(byte) == wanted).map(|byte| weights[byte]).sum()
        };
        let (all_beginning, all_continuing) = (sum(false), sum(true));
        let (mut lower, mut lower_continuing) = (0.0, 0.0);
        for byte in 0..256 {
            if continues(byte) {
                lower_continuing += weights[byte] / all_continuing;
                continuing[byte - 0x7f] = lower_continuing as f32;
            } else {
                lower += weights[byte] / all_beginning;
            }
            beginning[byte + 1] = lower as f32;
        }
        Self { beginning, continuing }
    }

    /// The share of all bytes below `byte`, where a byte that goes on a character is `due` or not.
    pub fn below(&self, byte: u8, due: bool) -> f64 {
        if due {
            f64::from(self.continuing[usize::from(byte.clamp(0x80, 0xc0)) - 0x80])
        } else {
            f64::from(self.beginning[usize::from(byte)])
        }
    }

    /// The share of all bytes above `byte`.
    pub fn above(&self, byte: u8, due: bool) -> f64 {
        if due {
            1.0 - f64::from(self.continuing[(usize::from(byte.clamp(0x7f, 0xbf)) + 1) - 0x80])
        } else {
            1.0 - f64::from(self.beginning[usize::from(byte) + 1])
        }
    }

    /// The share of `byte` itself. Never 0: one that cannot stand here weighs the least there is.
    pub fn share(&self, byte: u8, due: bool) -> f64 {
        (1.0 - self.above(byte, due) - self.below(byte, due)).max(FLOOR / 256.0)
    }

    /// The share of the bytes above `low` and below `high`.
    pub fn between(&self, low: u8, high: u8, due: bool) -> f64 {
        (1.0 - self.above(low, due)).mul_add(-1.0, self.below(high, due)).max(0.0)
    }
}

/// How many bytes are still due that go on a character, behind `byte` and where `due` were before it.
pub fn due_behind(due: u8, byte: u8) -> u8 {
    match byte {
        0x80..=0xbf => due.saturating_sub(1),
        0xc2..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf4 => 3,
        _ => 0,
    }
}

fn is_seen(seen: &[u64; 4], byte: u8) -> bool {
    seen[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
}

/// The weight of every byte at a position where `seen` were seen.
fn weights(seen: &[u64; 4]) -> [f64; 256] {
    let number = |class: fn(&u8) -> bool| (0..=255).filter(|byte| class(byte) && is_seen(seen, *byte)).count();
    let all: u32 = seen.iter().map(|word| word.count_ones()).sum();
    let has_digits = number(u8::is_ascii_digit) > 0;
    let is_lower_hex: fn(&u8) -> bool = |byte| matches!(byte, b'a'..=b'f');
    let is_upper_hex: fn(&u8) -> bool = |byte| matches!(byte, b'A'..=b'F');
    let has_lower_hex = has_digits && number(is_lower_hex) > 0;
    let has_upper_hex = has_digits && number(is_upper_hex) > 0;
    let has_lower = number(u8::is_ascii_lowercase) >= 4;
    let has_upper = number(u8::is_ascii_uppercase) >= 4;
    let is_legal = |byte: u8| matches!(byte, 0x21..=0x7e | 0xc2..=0xf4);
    let unseen = (0..=255).filter(|&byte| is_legal(byte) && !is_seen(seen, byte)).count().max(1);
    #[expect(clippy::cast_precision_loss, reason = "at most 256")]
    let rest = if all == 0 { 1.0 } else { 0.05 * f64::from(all) / unseen as f64 };
    let mut weights = [FLOOR; 256];
    for byte in 0..=255_u8 {
        weights[usize::from(byte)] = match byte {
            _ if is_seen(seen, byte) => 1.0,
            0x80..=0xbf => 0.3,
            b'0'..=b'9' if has_digits => 0.3,
            b'a'..=b'f' if has_lower_hex => 0.3,
            b'A'..=b'F' if has_upper_hex => 0.3,
            b'a'..=b'z' if has_lower => 0.09,
            b'A'..=b'Z' if has_upper => 0.09,
            _ if is_legal(byte) => rest,
            _ => FLOOR,
        };
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_position_sum_to_one_and_follow_the_bytes() {
        let mut alphabet = Alphabet::default();
        for key in ["k0", "k1", "k2", "ка"] {
            alphabet.learn(key.as_bytes());
        }
        for at in 0..4 {
            for due in [false, true] {
                let shares = alphabet.shares(at);
                let sum: f64 = (0..=255)
                    .filter(|byte| (0x80..0xc0).contains(byte) == due)
                    .map(|byte| shares.share(byte, due))
                    .sum();
                assert!((sum - 1.0).abs() < 1e-3, "{at} {due}: {sum}");
                for byte in [0x81, 0x90, 0xbf_u8].map(|byte| if due { byte } else { byte - 0x50 }) {
                    let parts = shares.below(byte, due) + shares.share(byte, due) + shares.above(byte, due);
                    assert!((parts - 1.0).abs() < 1e-6, "{byte}: {parts}");
                }
            }
        }
        let shares = alphabet.shares(1);
        assert!(shares.share(b'1', false) > 3.0 * shares.share(b'9', false), "seen before likely");
        assert!(shares.share(b'9', false) > 3.0 * shares.share(b'x', false), "likely before possible");
        assert!(shares.share(b'\x01', false) < shares.share(b'x', false) / 100.0);
    }

    #[test]
    fn an_unknown_position_is_even() {
        let alphabet = Alphabet::default();
        let shares = alphabet.shares(7);
        assert!((shares.share(b'!', false) - shares.share(b'z', false)).abs() < 1e-6);
        assert!((shares.share(0x80, true) - 1.0 / 64.0).abs() < 1e-6);
    }
}
