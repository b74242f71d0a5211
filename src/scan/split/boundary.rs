//! Where a stretch of key space is cut: the shortest key near the wanted place.
//!
//! Owns that a boundary lies strictly inside its stretch and can be sent to S3 as it is: at most 1,024
//! bytes of UTF-8, without characters that XML forbids and without noncharacters, which S3 answers
//! with 400.

use super::alphabet::Alphabet;
use super::measure::{Step, Stretch, behind, relative_width};
use crate::s3::Key;

/// No key of S3 is longer (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
const LONGEST: usize = 1024;
/// How far below the ends of a stretch a boundary is looked for.
const BELOW: usize = 8;
/// How many bytes are tried at a position: what is wrong with one is mostly wrong with all.
const TRIES: usize = 4;

/// A key that leaves about `share` of the stretch's width to its left: up to a fifth of it more or less
/// where that makes the key shorter, and more where there is no other. `None` where no key will do.
pub fn boundary(alphabet: &Alphabet, stretch: &Stretch<'_>, share: f64) -> Option<Key> {
    let common = stretch.common();
    let mut prefix = stretch.low().get(..common)?.to_vec();
    let mut step = Step::behind(&prefix);
    let width = relative_width(alphabet, stretch, common, step);
    let (target, slack) = (share * width, 0.2 * share * width);
    // The key that bounds what is left and the one that bounds what is right, for as long as the way
    // down goes along them.
    let mut low = Some(stretch.low()).filter(|low| low.len() > common);
    let mut high = stretch.until;
    let (mut base, mut scale) = (0.0, 1.0_f64);
    // The best so far of what is too far away.
    let mut nearest: Option<(f64, Key)> = None;
    // Deeper than a little below the longer end there is nothing to be found.
    let deepest = stretch.low().len().max(high.map_or(0, <[u8]>::len)) + BELOW;
    while prefix.len() < deepest.min(LONGEST) {
        let (shares, due) = (alphabet.shares(step.at), step.is_due());
        let behind_byte = prefix.last().copied().unwrap_or_default();
        let first = low.and_then(|low| low.get(step.at).copied());
        let last = high.and_then(|high| high.get(step.at).copied());
        let inner = match (first, low) {
            (Some(byte), Some(low)) => shares.share(byte, due) * behind(alphabet, low, step.down(byte)),
            _ => 0.0,
        };
        // How much lies between the stretch's beginning and the keys that go on with `byte`.
        let begin = |byte: u8| match first {
            Some(first) => scale.mul_add(inner + shares.between(first, byte, due), base),
            None => scale.mul_add(shares.below(byte, due), base),
        };
        let bytes = || first.map_or(0, |first| first.saturating_add(1))..=last.unwrap_or(u8::MAX);
        let mut near: Vec<(f64, u8)> = bytes()
            .filter(|byte| may_stand(behind_byte, *byte, due))
            .map(|byte| ((begin(byte) - target).abs(), byte))
            .collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (distance, byte) in near.into_iter().take(TRIES) {
            let Some(key) = completed(&prefix, byte, step).filter(|key| lies_in(key, stretch)) else {
                continue;
            };
            if distance <= slack {
                return Some(key);
            }
            if nearest.as_ref().is_none_or(|(least, _)| distance < *least) {
                nearest = Some((distance, key));
            }
        }
        let is_before = |byte: &u8| may_stand(behind_byte, *byte, due) && begin(*byte) <= target;
        let Some(byte) = bytes().rev().find(is_before).or(first) else {
            break;
        };
        if !may_stand(behind_byte, byte, due) {
            // No key that begins like this can be sent.
            break;
        }
        if Some(byte) == first {
            scale *= shares.share(byte, due);
        } else {
            base = begin(byte);
            scale *= shares.share(byte, due);
            low = None;
        }
        high = high.filter(|_| Some(byte) == last);
        prefix.push(byte);
        step = step.down(byte);
    }
    nearest.map(|(_, key)| key)
}

/// Whether a boundary may have `byte` behind another, where a byte that goes on a character is `due` or
/// not. The second byte of some characters is bounded, so that each has one spelling and none is a
/// surrogate (Unicode, table 3-7).
fn may_stand(behind: u8, byte: u8, due: bool) -> bool {
    match byte {
        0x80..=0xbf => {
            due && match behind {
                0xe0 => byte >= 0xa0,
                0xed => byte <= 0x9f,
                0xf0 => byte >= 0x90,
                0xf4 => byte <= 0x8f,
                _ => true,
            }
        }
        // The first three are all that can be sent between keys with control characters.
        b'\t' | b'\n' | b'\r' | 0x20..=0x7f | 0xc2..=0xf4 => !due,
        _ => false,
    }
}

fn lies_in(key: &Key, stretch: &Stretch<'_>) -> bool {
    let bytes = key.as_bytes();
    bytes > stretch.low() && stretch.until.is_none_or(|until| bytes < until) && bytes.starts_with(stretch.prefix)
}

/// The lowest key that begins with `prefix` and `byte` and may be sent, where there is one.
fn completed(prefix: &[u8], byte: u8, step: Step) -> Option<Key> {
    let mut key = prefix.to_vec();
    key.push(byte);
    let mut step = step.down(byte);
    while step.is_due() {
        let lowest = match key.last() {
            Some(0xe0) => 0xa0,
            Some(0xf0) => 0x90,
            _ => 0x80,
        };
        key.push(lowest);
        step = step.down(lowest);
    }
    let key = Key::from(key);
    let text = key.as_start_after()?;
    (text.len() <= LONGEST && !text.chars().any(is_noncharacter)).then_some(key)
}

/// Code points that Unicode keeps for no character
/// (<https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-23/#G12612>).
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::super::measure::width;
    use super::*;
    use proptest::prelude::*;

    fn knowing(keys: &[&str]) -> Alphabet {
        let mut alphabet = Alphabet::default();
        for key in keys {
            alphabet.learn(key.as_bytes());
        }
        alphabet
    }

    fn text(key: Option<Key>) -> String {
        key.map_or_else(|| "none".to_owned(), |key| String::from_utf8_lossy(key.as_bytes()).into_owned())
    }

    #[test]
    fn boundaries_are_short_and_near_the_middle() {
        let keys: Vec<String> = (0..10_u32).map(|digit| format!("key-{digit}{}", 9 - digit)).collect();
        let alphabet = knowing(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        let stretch = |after, until| Stretch { prefix: b"", after, until };
        assert_eq!(text(boundary(&alphabet, &stretch(Some(b"key-00"), Some(b"key-99")), 0.5)), "key-5");
        assert_eq!(text(boundary(&alphabet, &stretch(Some(b"key-00"), Some(b"key-10")), 0.5)), "key-05");
        assert_eq!(text(boundary(&alphabet, &stretch(Some(b"a\x01"), Some(b"a\x02")), 0.5)), "none");
        assert_eq!(text(boundary(&knowing(&["a\x01", "a\x1f"]), &stretch(Some(b"a\x01"), Some(b"a\x1f")), 0.5)), "a\t");
        let inside = Stretch { prefix: b"key-3", after: None, until: None };
        assert_eq!(text(boundary(&alphabet, &inside, 0.5)), "key-35");
    }

    #[test]
    fn characters_are_whole() {
        let alphabet = knowing(&["каталог/а", "каталог/я", "日本/1", "语言/2", "\u{1f600}"]);
        for share in [0.5, 0.25, 0.1, 0.01, 0.9] {
            let key = boundary(&alphabet, &Stretch { prefix: b"", after: Some("аб".as_bytes()), until: None }, share);
            assert!(key.is_some_and(|key| std::str::from_utf8(key.as_bytes()).is_ok()), "{share}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_boundary_lies_inside_and_may_be_sent(
            after in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..12)),
            until in proptest::option::of("\\PC{1,300}|[\\x00-\\x7f]{1,12}|a{1000,1024}"),
            learnt in proptest::collection::vec("\\PC{1,8}|[a-z0-9/]{1,20}|[\\x00-\\x7f]{1,12}", 0..12),
            prefix in "|a|logs/|é",
            share in 0.001..0.999_f64,
        ) {
            let alphabet = knowing(&learnt.iter().map(String::as_str).collect::<Vec<_>>());
            let within = |tail: Vec<u8>| [prefix.as_bytes(), &tail].concat();
            let after = after.map(within);
            let until = until.map(|until| within(until.into_bytes()));
            prop_assume!(until.as_ref().is_none_or(|until| after.as_deref().unwrap_or(prefix.as_bytes()) < until.as_slice()));
            let stretch = Stretch { prefix: prefix.as_bytes(), after: after.as_deref(), until: until.as_deref() };
            prop_assert!(width(&alphabet, &stretch) >= 0.0);
            if let Some(key) = boundary(&alphabet, &stretch, share) {
                prop_assert!(lies_in(&key, &stretch));
                let text = key.as_start_after().unwrap();
                prop_assert!(text.len() <= 1024 && !text.chars().any(is_noncharacter));
            }
        }
    }
}
