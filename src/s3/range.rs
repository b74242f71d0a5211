//! Keys, cursors and ranges: where in a bucket's key space a listing stands.
//!
//! Owns the rule that ranges are `(after, until]` over raw UTF-8 bytes: the boundary key belongs to
//! the left range, the first range has no `after` and the last no `until`. How ranges are made and
//! given to workers is the scheduler's affair.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An object key as raw bytes. S3 keys are UTF-8 of at most 1,024 bytes; other stores may hand out
/// bytes that are not UTF-8, which are kept as they came.
///
/// Ordered by bytes, which is the order of a listing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as text that can be sent as `start-after`, or `None` where it cannot serve: real S3
    /// answers 400 to characters that XML 1.0 forbids, and a query parameter must be UTF-8.
    #[must_use]
    pub fn as_start_after(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.0).ok()?;
        text.chars().all(is_xml_character).then_some(text)
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A JSON string where the key is UTF-8, else an array of its bytes.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> serde::de::Visitor<'de> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key as text or as an array of bytes")
            }

            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(Key::from(text))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut bytes: A) -> Result<Key, A::Error> {
                let mut key = Vec::new();
                while let Some(byte) = bytes.next_element()? {
                    key.push(byte);
                }
                Ok(Key(key))
            }
        }
        deserializer.deserialize_any(KeyVisitor)
    }
}

/// What XML 1.0 allows in a document (<https://www.w3.org/TR/xml/#charsets>).
fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The part of a bucket's key space that one worker lists: the keys that begin with `prefix`, and of
/// these `after < key <= until`.
///
/// Ordered by prefix and then by `after`, which is the order of the keys where no prefix is the
/// beginning of another: the first range of a prefix is behind no key, and `None` sorts first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// What all its keys begin with; the store is asked for these only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Keys up to and including this one belong to the range on the left.
    pub after: Option<Key>,
    /// The last key that may belong to the range; `None` is the end of the prefix.
    pub until: Option<Key>,
}

impl Range {
    /// The ranges that a listing of the keys with these prefixes begins with, in key order; without
    /// any, of the whole bucket.
    #[must_use]
    pub fn of_prefixes(prefixes: &[String]) -> Vec<Self> {
        if prefixes.is_empty() {
            return vec![Self::default()];
        }
        prefixes.iter().map(|prefix| Self { prefix: prefix.clone(), after: None, until: None }).collect()
    }
}

/// How far a range has been listed: everything up to and including `after` has been delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last key delivered, or the range's own `after` at its beginning.
    pub after: Option<Key>,
    /// The store's continuation token, kept only where `after` cannot be sent as `start-after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Cursor {
    /// The cursor of a range of which nothing has been listed yet.
    #[must_use]
    pub fn at_start_of(range: &Range) -> Self {
        Self { after: range.after.clone(), token: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_characters_xml_forbids_cannot_start_a_listing() {
        for text in ["a\u{1}b", "\u{1f}", "a\u{fffe}", "\u{ffff}", "\u{0}"] {
            assert_eq!(Key::from(text).as_start_after(), None, "{text:?}");
        }
        for text in ["plain", "new\nline", "tab\t", "\u{7f}", "\u{1f600}", "+%&"] {
            assert_eq!(Key::from(text).as_start_after(), Some(text));
        }
        assert_eq!(Key::from(&b"\xff"[..]).as_start_after(), None);
    }

    #[test]
    fn ranges_sort_as_their_keys_do() {
        let range = |prefix: &str, after: Option<&str>| Range {
            prefix: prefix.to_owned(),
            after: after.map(Key::from),
            until: None,
        };
        let sorted = [range("a/", None), range("a/", Some("a/m")), range("a0", None), range("é", None)];
        assert!(sorted.is_sorted());
        assert!([range("", None), range("", Some("b")), range("", Some("b/"))].is_sorted());
    }

    #[test]
    fn a_range_without_a_prefix_reads_and_writes_as_ever() {
        let json = r#"{"after":null,"until":"k"}"#;
        let range: Range = serde_json::from_str(json).unwrap();
        assert_eq!(range, Range { until: Some(Key::from("k")), ..Range::default() });
        assert_eq!(serde_json::to_string(&range).unwrap(), json);
    }

    #[test]
    fn keys_survive_json_whatever_their_bytes() {
        for bytes in [&b"a,b\"c\n\x01"[..], "日本".as_bytes(), b"\xff\xfe", b""] {
            let json = serde_json::to_string(&Key::from(bytes)).unwrap();
            assert_eq!(serde_json::from_str::<Key>(&json).unwrap().as_bytes(), bytes);
        }
    }
}
