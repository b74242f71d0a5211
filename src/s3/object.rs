//! One object as a listing shows it, borrowed from the bytes of the answer.

use super::details::{Details, WantedDetails};

/// The metadata of one object. Every field is decoded text (XML entities and URL encoding undone)
/// and empty where the store did not give it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Object<'page> {
    /// The key's raw bytes.
    pub key: &'page [u8],
    /// How large it is.
    pub size: Size<'page>,
    /// ISO 8601 as the store wrote it, with or without fractions of a second.
    pub last_modified: &'page [u8],
    /// Without its quotes.
    pub etag: &'page [u8],
    /// Such as `STANDARD` or `GLACIER`.
    pub storage_class: &'page [u8],
    /// What else the sink wants to know.
    pub details: &'page Details<'page>,
}

/// An object's size: the decimal digits the store wrote, and the number of bytes they say. Text that
/// is no number below 10^19 is no size: both are then empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size<'page> {
    /// Decimal digits, or nothing.
    pub text: &'page [u8],
    /// Bytes, where there are digits.
    pub bytes: Option<u64>,
}

impl<'page> Size<'page> {
    /// The size that `text` is.
    #[must_use]
    pub fn new(text: &'page [u8]) -> Self {
        let size = Self::leading(text);
        if size.text.len() == text.len() { size } else { Self::default() }
    }

    /// The size that `text` begins with.
    #[must_use]
    #[inline]
    pub fn leading(text: &'page [u8]) -> Self {
        let mut bytes = 0_u64;
        for (at, byte) in text.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return match at {
                    1..=19 => Self { text: &text[..at], bytes: Some(bytes) },
                    _ => Self::default(),
                };
            }
            bytes = bytes.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        match text.len() {
            1..=19 => Self { text, bytes: Some(bytes) },
            _ => Self::default(),
        }
    }
}

/// What takes the objects of a page, one by one in key order. Nothing of a page counts before the
/// page's request has succeeded as a whole.
pub trait ObjectSink: Send {
    /// Which details of objects it needs; the others stay empty. Always the same for one sink.
    fn wanted(&self) -> WantedDetails {
        WantedDetails::default()
    }

    /// Forgets the page so far: a new attempt at it begins.
    fn reset(&mut self);

    /// Takes one object.
    fn object(&mut self, object: &Object<'_>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_digits_or_nothing() {
        let size = |text: &'static str| Size::new(text.as_bytes());
        assert_eq!(size("5497558138880").bytes, Some(5_497_558_138_880));
        assert_eq!(size("0"), Size { text: b"0", bytes: Some(0) });
        for text in ["", "-1", "12x", " 1", "99999999999999999999"] {
            assert_eq!(size(text), Size::default(), "{text}");
        }
        assert_eq!(Size::leading(b"12</Size>"), Size { text: b"12", bytes: Some(12) });
    }
}
