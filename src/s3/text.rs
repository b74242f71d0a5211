//! Text of a listing back to the bytes it stands for: XML entities and `encoding-type=url`.
//!
//! Both return the input itself where there is nothing to undo, which is nearly always, so nothing
//! is copied or allocated for it.

use memchr::memchr;

/// How the keys of a listing are written inside the XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// `encoding-type=url`, as always asked for: the answer says so in `<EncodingType>`.
    Url,
    /// As XML text only: the store did not heed the request.
    Plain,
}

/// Whether one of `marks` is in `text`. For the short texts of a listing: looks at blocks of 16 or 8
/// bytes, which the compiler turns into vector instructions, and costs no call. The last block
/// overlaps the one before.
#[inline(always)]
#[must_use]
pub fn contains_any<const MARKS: usize>(text: &[u8], marks: [u8; MARKS]) -> bool {
    if let Some(last) = text.last_chunk::<16>() {
        return block_has(last, marks) || text.as_chunks::<16>().0.iter().any(|block| block_has(block, marks));
    }
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => block_has(first, marks) || block_has(last, marks),
        _ => text.iter().any(|byte| marks.contains(byte)),
    }
}

#[inline(always)]
fn block_has<const SIZE: usize, const MARKS: usize>(block: &[u8; SIZE], marks: [u8; MARKS]) -> bool {
    // As a fold over plain bytes the compiler vectorizes it; other forms came out scalar.
    let hits = |byte: u8| marks.iter().fold(0, |hits, &mark| hits | u8::from(byte == mark));
    block.iter().fold(0, |found, &byte| found | hits(byte)) != 0
}

/// Where the first of `marks` stands, which is expected within the next few dozen bytes: looked for
/// eight bytes at a time, which over so short a way costs less than a call of `memchr`.
#[inline(always)]
#[must_use]
pub fn near<const MARKS: usize>(text: &[u8], marks: [u8; MARKS]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, tail) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let hits = marks.iter().fold(0, |hits, &mark| {
            // Bytes equal to the mark become zero, and borrow into their highest bit; the lowest set
            // one is exact.
            let zeroed = word ^ (ONES * u64::from(mark));
            hits | zeroed.wrapping_sub(ONES) & !zeroed & (ONES << 7)
        });
        if hits != 0 {
            return Some(number * 8 + hits.trailing_zeros() as usize / 8);
        }
    }
    tail.iter().position(|byte| marks.contains(byte)).map(|at| words.len() * 8 + at)
}

/// Undoes the XML entities of `raw`; `scratch` holds the result where there were any.
/// Unknown or broken entities stay as they are.
#[inline(always)]
pub fn unescape<'text>(raw: &'text [u8], scratch: &'text mut Vec<u8>) -> &'text [u8] {
    if contains_any(raw, *b"&") { unescape_into(raw, scratch) } else { raw }
}

fn unescape_into<'text>(raw: &[u8], scratch: &'text mut Vec<u8>) -> &'text [u8] {
    let first = memchr(b'&', raw).unwrap_or(raw.len());
    scratch.clear();
    scratch.extend_from_slice(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some(&byte) = rest.first() {
        if byte == b'&'
            && let Some(end) = memchr(b';', &rest[..rest.len().min(12)])
            && let Some(character) = entity(&rest[1..end])
        {
            scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[end + 1..];
        } else {
            scratch.push(byte);
            rest = &rest[1..];
        }
    }
    scratch
}

/// The character of an entity's name: the five of XML and numeric ones. Control characters that XML
/// 1.0 forbids are accepted, for S3 writes keys with `&#x1;`.
fn entity(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => {
            let number = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// Whether `raw` is the bytes it stands for whatever its encoding: nothing in it that [`unescape`]
/// or [`url_decode`] would change.
pub fn is_plain(raw: &[u8]) -> bool {
    !contains_any(raw, *b"%+&")
}

/// Whether `raw` would be changed by [`url_decode`].
pub fn is_url_encoded(raw: &[u8]) -> bool {
    contains_any(raw, *b"%+")
}

/// Undoes the URL encoding S3 applies with `encoding-type=url`: `+` is a space and `%XX` a byte.
/// An escape that is none stays as it is.
pub fn url_decode<'text>(raw: &'text [u8], scratch: &'text mut Vec<u8>) -> &'text [u8] {
    let Some(first) = near(raw, [b'%', b'+']) else {
        return raw;
    };
    scratch.clear();
    scratch.extend_from_slice(&raw[..first]);
    let mut rest = &raw[first..];
    loop {
        match rest {
            [b'+', tail @ ..] => {
                scratch.push(b' ');
                rest = tail;
            }
            [b'%', tail @ ..] => {
                let digits =
                    tail.first_chunk::<2>().map(|[high, low]| (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]));
                match digits {
                    Some((high, low)) if high | low < 16 => {
                        scratch.push(high << 4 | low);
                        rest = &tail[2..];
                    }
                    _ => {
                        scratch.push(b'%');
                        rest = tail;
                    }
                }
            }
            _ => {
                let plain = near(rest, [b'%', b'+']).unwrap_or(rest.len());
                scratch.extend_from_slice(&rest[..plain]);
                rest = &rest[plain..];
                if rest.is_empty() {
                    return scratch;
                }
            }
        }
    }
}

/// The values of hexadecimal digits; 255 for every other byte.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_wherever_they_stand() {
        for length in 0..40 {
            let mut text = vec![b'x'; length];
            assert!(!contains_any(&text, *b",\""));
            for at in 0..length {
                text[at] = b'"';
                assert!(contains_any(&text, *b",\""), "{at} of {length}");
                text[at] = b'x';
            }
        }
    }

    #[test]
    fn the_first_mark_is_found_wherever_it_stands() {
        for length in 0..30 {
            for at in 0..length {
                let mut text = vec![b'='; length];
                text[at..].fill(b'<');
                text[length - 1] = b'%';
                assert_eq!(near(&text, [b'<', b'%']), Some(at), "{at} of {length}");
            }
            assert_eq!(near(&vec![b';'; length], [b'<', b'%']), None);
        }
    }

    #[test]
    fn entities() {
        let mut scratch = Vec::new();
        for (raw, text) in [
            ("plain", "plain"),
            ("&quot;abc&quot;", "\"abc\""),
            ("a&amp;b&lt;c&gt;d&apos;", "a&b<c>d'"),
            ("&#x1;&#10;&#x1F600;", "\u{1}\n\u{1f600}"),
            ("&unknown; & &", "&unknown; & &"),
            ("&amp;amp;", "&amp;"),
            ("&#xD800;", "&#xD800;"),
        ] {
            assert_eq!(unescape(raw.as_bytes(), &mut scratch), text.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn url_encoding() {
        let mut scratch = Vec::new();
        for (raw, text) in [
            ("a/b.c", &b"a/b.c"[..]),
            ("a+b%20c", b"a b c"),
            ("%2B%25%26%0a", b"+%&\n"),
            ("%E6%97%a5", "日".as_bytes()),
            ("100%", b"100%"),
            ("%zz%4", b"%zz%4"),
            ("%%41", b"%A"),
            ("+", b" "),
        ] {
            assert_eq!(url_decode(raw.as_bytes(), &mut scratch), text, "{raw}");
        }
    }
}
