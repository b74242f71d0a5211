//! Where the listing of a bucket is cut before anything of it is listed: at keys that an earlier run has
//! found to part it evenly.
//!
//! Pure. Owns that hints are no more than hints. Whatever they say, the pieces of a range tile it, each
//! begins behind a key that can be sent, and there are not more of them than workers can use: a wrong
//! hint costs a request, never a row.

use crate::s3::{Key, Range};
use crate::state::thinned;

/// Objects that are worth a range of their own: four full pages.
pub const OBJECTS_PER_PIECE: u64 = 4_000;
/// Pieces for each request that may be in flight: some are done before others.
const PIECES_PER_WORKER: usize = 2;
/// No key of S3 is longer.
const LONGEST: usize = 1024;

/// What earlier runs know of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// Its objects.
    pub objects: u64,
    /// Keys that part it evenly.
    pub keys: Vec<Key>,
}

impl Hint {
    /// The keys at which the bucket is cut for so many workers, in order.
    #[must_use]
    pub fn cuts(&self, workers: usize) -> Vec<Key> {
        let worthy = usize::try_from(self.objects / OBJECTS_PER_PIECE).unwrap_or(usize::MAX);
        let pieces = worthy.min(PIECES_PER_WORKER.saturating_mul(workers));
        if workers < 2 || pieces < 2 {
            return Vec::new();
        }
        let mut keys: Vec<Key> = self.keys.iter().filter(|key| is_usable(key)).cloned().collect();
        keys.sort();
        keys.dedup();
        thinned(&keys, pieces - 1)
    }
}

/// Whether a listing can be asked to begin behind a key.
pub fn is_usable(key: &Key) -> bool {
    key.as_bytes().len() <= LONGEST && key.as_start_after().is_some()
}

/// A range cut at those of the keys, which are in order, that lie strictly inside; its pieces from left
/// to right.
pub fn pieces(range: Range, cuts: &[Key]) -> Vec<Range> {
    let is_inside = |cut: &&Key| {
        let (cut, prefix) = (cut.as_bytes(), range.prefix.as_bytes());
        cut.starts_with(prefix)
            && cut.len() > prefix.len()
            && range.after.as_ref().is_none_or(|after| cut > after.as_bytes())
            && range.until.as_ref().is_none_or(|until| cut < until.as_bytes())
    };
    let mut pieces = Vec::new();
    let mut after = range.after.clone();
    for cut in cuts.iter().filter(is_inside) {
        let left = Range { prefix: range.prefix.clone(), after: after.replace(cut.clone()), until: Some(cut.clone()) };
        pieces.push(left);
    }
    pieces.push(Range { after, ..range });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hint(objects: u64, keys: usize) -> Hint {
        Hint { objects, keys: (0..keys).map(|number| Key::from(format!("{number:04}").as_str())).collect() }
    }

    #[test]
    fn there_are_as_many_pieces_as_are_of_use() {
        assert_eq!(hint(1_000_000, 249).cuts(8).len(), 15, "two for each worker");
        assert_eq!(hint(40_000, 9).cuts(64).len(), 9, "none smaller than four pages");
        assert_eq!(hint(1_000_000, 3).cuts(8).len(), 3, "no more than there are keys");
        assert_eq!(hint(7_999, 9).cuts(8), []);
        assert_eq!(hint(1_000_000, 9).cuts(1), [], "one worker has no use for it");
        let odd = ["b", "a", "\u{1}", "b", "x\u{ffff}"].map(Key::from).to_vec();
        let odd = odd.into_iter().chain([Key::from(&b"\xff"[..]), Key::from("x".repeat(1025).as_str())]);
        assert_eq!(Hint { objects: 1_000_000, keys: odd.collect() }.cuts(8), ["a", "b"].map(Key::from));
    }

    #[test]
    fn a_prefix_is_cut_only_inside() {
        let range = Range { prefix: "b/".to_owned(), ..Range::default() };
        let cuts = ["a/9", "b/", "b/5", "b0"].map(Key::from);
        let [left, right] = pieces(range, &cuts).try_into().expect("two pieces");
        assert_eq!((left.after, &left.until, left.prefix.as_str()), (None, &Some(Key::from("b/5")), "b/"));
        assert_eq!((right.after, right.until, right.prefix.as_str()), (left.until, None, "b/"));
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![3 => "[a-c/é\u{1}]{0,4}".prop_map(String::into_bytes), 1 => proptest::collection::vec(any::<u8>(), 0..5)]
    }

    proptest! {
        #[test]
        fn any_hints_tile_any_range(
            keys in proptest::collection::vec(bytes(), 0..40),
            objects in any::<u64>(),
            workers in 0_usize..20,
            (prefix, ends) in ("[a-c/]{0,2}", proptest::collection::btree_set("[a-c/]{1,3}", 0..3)),
        ) {
            let hint = Hint { objects, keys: keys.into_iter().map(Key::from).collect() };
            let cuts = hint.cuts(workers);
            prop_assert!(cuts.is_sorted_by(|one, other| one < other) && cuts.len() < (2 * workers).max(1));
            let mut ends = ends.iter().map(|end| Key::from(format!("{prefix}{end}").as_str()));
            let range = Range { after: ends.next(), until: ends.next(), prefix };
            let pieces = pieces(range.clone(), &cuts);
            let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
                return Err(TestCaseError::fail("no piece"));
            };
            prop_assert_eq!((&first.after, &last.until), (&range.after, &range.until));
            for pair in pieces.windows(2) {
                prop_assert!(pair[0].until.is_some() && pair[0].until == pair[1].after && pair[0] < pair[1]);
                prop_assert!(pair[1].after.as_ref().is_some_and(|cut| is_usable(cut) && cut.as_bytes().starts_with(range.prefix.as_bytes())));
            }
            for piece in &pieces {
                prop_assert_eq!(&piece.prefix, &range.prefix);
                prop_assert!(piece.until.is_none() || piece.after < piece.until);
            }
        }
    }
}
