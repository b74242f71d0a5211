//! Seams: where two ranges of a bucket meet, and what either side has shown there.
//!
//! Where keys come in order, whoever lists past a seam sees the same key first behind it as whoever
//! begins there. Owns what the state keeps so that this can be told of every seam, however the work on
//! either side is interrupted: only seams beside a range in progress are kept, and those in doubt.

use crate::s3::{Cursor, Key};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a listing showed first behind a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// There is nothing behind it.
    Nothing,
    /// This key.
    Key(Key),
}

impl From<Option<Key>> for Shown {
    fn from(first: Option<Key>) -> Self {
        first.map_or(Self::Nothing, Self::Key)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("nothing"),
            Self::Key(key) => write!(formatter, "`{}`", String::from_utf8_lossy(key.as_bytes())),
        }
    }
}

/// What the range to the left of a seam has shown behind it, until the one to the right shows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftSide {
    /// What it showed.
    pub shown: Shown,
    /// Where the page began that showed it.
    pub cursor: Cursor,
}

/// A seam whose sides have shown different things. Either keys came or went meanwhile, or the store does
/// not list in key order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// A number like that of a range.
    pub id: u32,
    /// What the keys on both sides begin with.
    pub prefix: String,
    /// The last key that may belong to the left.
    pub seam: Key,
    /// Where the page began that led past the seam.
    pub cursor: Cursor,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_reads_back_as_it_was_written() {
        for shown in [Shown::Nothing, Shown::from(Some(Key::from("a,b"))), Shown::Key(Key::from(&b"\xff"[..]))] {
            let json = serde_json::to_string(&shown).unwrap();
            assert_eq!(serde_json::from_str::<Shown>(&json).unwrap(), shown, "{json}");
        }
        assert_eq!(Shown::Nothing.to_string(), "nothing");
        assert_eq!(Shown::from(Some(Key::from("k"))).to_string(), "`k`");
    }
}
