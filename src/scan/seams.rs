//! Whether the ranges of a bucket meet as they should.
//!
//! Pure. Owns the rule that a range is trusted only together with its neighbours: what the one to the left
//! saw first behind its end must be what the one to the right saw first of all. Each range by itself is
//! an unbroken stretch of the store's own order, in ascending keys; where all seams hold, so is the whole
//! bucket, and no key can hide. Of every seam one side is kept, with the range in progress that is
//! still to show the other.

use crate::s3::{Cursor, Key};
use crate::state::{LeftSide, RangeRecord, Shown};

/// A seam whose sides have shown different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// What the keys on both sides begin with.
    pub prefix: String,
    /// The last key that may belong to the left.
    pub seam: Key,
    /// Where the page began that led past the seam.
    pub cursor: Cursor,
}

/// The range `id` has shown its first key, or that there is none.
pub fn began(ranges: &mut [RangeRecord], id: u32, shown: Shown) -> Option<Apart> {
    let range = ranges.iter_mut().find(|range| range.id == id)?;
    let (prefix, seam) = (range.range.prefix.clone(), range.range.after.clone()?);
    if let Some(left) = range.left_side.take() {
        return (left.shown != shown).then_some(Apart { prefix, seam, cursor: left.cursor });
    }
    // Where nobody is still to reach the seam from the left, it was reached without looking behind it.
    let meets = |left: &&mut RangeRecord| left.range.prefix == prefix && left.range.until.as_ref() == Some(&seam);
    ranges.iter_mut().find(meets)?.right_side = Some(shown);
    None
}

/// The range `ended`, which is none of `ranges` any more, is listed to its end, and saw `shown` first behind it.
pub fn ended(ranges: &mut [RangeRecord], ended: &RangeRecord, shown: Shown) -> Option<Apart> {
    let (prefix, seam) = (&ended.range.prefix, ended.range.until.as_ref()?);
    let cursor = ended.cursor.clone();
    if let Some(right) = &ended.right_side {
        return (*right != shown).then(|| Apart { prefix: prefix.clone(), seam: seam.clone(), cursor });
    }
    let meets = |right: &&mut RangeRecord| right.range.prefix == *prefix && right.range.after.as_ref() == Some(seam);
    ranges.iter_mut().find(meets)?.left_side = Some(LeftSide { shown, cursor });
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::PartLength;
    use crate::rows::RowCounts;
    use crate::s3::Range;

    fn range(id: u32, after: Option<&str>, until: Option<&str>) -> RangeRecord {
        let range = Range { prefix: "p/".into(), after: after.map(Key::from), until: until.map(Key::from) };
        let cursor = Cursor { after: Some(Key::from("p/a")), token: None };
        let (part, counts) = (PartLength::default(), RowCounts::default());
        RangeRecord { id, range, cursor, part, counts, left_side: None, right_side: None }
    }

    fn key(text: &str) -> Shown {
        Shown::Key(Key::from(text))
    }

    fn apart() -> Apart {
        let cursor = Cursor { after: Some(Key::from("p/a")), token: None };
        Apart { prefix: "p/".into(), seam: Key::from("p/m"), cursor }
    }

    /// What becomes of a seam when either side comes first.
    fn met(left: &Shown, right: &Shown) -> [Option<Apart>; 2] {
        let two = || (range(0, None, Some("p/m")), range(1, Some("p/m"), Some("p/x")));
        let (left_range, right_range) = two();
        let mut ranges = vec![right_range];
        assert_eq!(ended(&mut ranges, &left_range, left.clone()), None);
        let left_first = began(&mut ranges, 1, right.clone());
        assert_eq!(ranges[0].left_side, None, "what is settled is not kept");
        let (left_range, right_range) = two();
        let mut ranges = vec![left_range, right_range];
        assert_eq!(began(&mut ranges, 1, right.clone()), None);
        let left_range = ranges.remove(0);
        [left_first, ended(&mut ranges, &left_range, left.clone())]
    }

    #[test]
    fn both_sides_of_a_seam_show_the_same_whichever_comes_first() {
        for shown in [key("p/n"), Shown::Nothing] {
            assert_eq!(met(&shown, &shown), [None, None]);
        }
        for (left, right) in [(key("p/n"), key("p/o")), (Shown::Nothing, key("p/n")), (key("p/n"), Shown::Nothing)] {
            assert_eq!(met(&left, &right), [Some(apart()), Some(apart())], "{left} {right}");
        }
    }

    #[test]
    fn only_neighbours_meet() {
        let (left, mut other) = (range(0, None, Some("p/m")), range(1, Some("p/m"), None));
        other.range.prefix = "q/".into();
        let mut ranges = vec![other, range(2, Some("p/n"), None)];
        assert_eq!(ended(&mut ranges, &left, key("p/z")), None);
        assert!(ranges.iter().all(|range| range.left_side.is_none()));
        assert_eq!(began(&mut ranges, 2, key("p/z")), None);
        assert!(ranges.iter().all(|range| range.right_side.is_none()));
        // The ends of the bucket are no seams.
        assert_eq!(began(&mut [range(3, None, None)], 3, key("p/z")), None);
        assert_eq!(ended(&mut [], &range(3, None, None), Shown::Nothing), None);
    }
}
