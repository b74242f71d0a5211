//! Text in and out of the wire's forms: numbers, hexadecimal, XML text, URL encoding.
//!
//! Responsible for writing values into a caller's buffer without allocating, and for decoding what
//! a query string carries. It leaves to others which form applies where. Invariant: what `xml_text`
//! and `url_encoded` write, a conforming reader decodes to exactly the bytes that were given.

const LOWER_HEX: &[u8; 16] = b"0123456789abcdef";
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Bytes that XML text carries as references. S3 writes control characters as hexadecimal
/// character references, also those that XML 1.0 forbids.
const REFERENCED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[0x7f] = true;
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[b'\'' as usize] = true;
    table
};

/// Bytes that stand for themselves under `encoding-type=url`.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~*()'!/";
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

/// Appends `value` in decimal digits.
pub(super) fn decimal(value: u64, out: &mut Vec<u8>) {
    padded(value, 1, out);
}

/// Appends `value` in decimal digits, with leading zeros up to `width` (at most 20) digits.
pub(super) fn padded(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    let start = start.min(digits.len() - width);
    out.extend_from_slice(&digits[start..]);
}

/// The 16 lower-case hexadecimal digits of `value`.
pub(super) fn hexadecimal(value: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(value.to_be_bytes()) {
        pair[0] = LOWER_HEX[usize::from(byte >> 4)];
        pair[1] = LOWER_HEX[usize::from(byte & 15)];
    }
    digits
}

/// Appends each byte as two lower-case hexadecimal digits.
pub(super) fn hex_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.push(LOWER_HEX[usize::from(byte >> 4)]);
        out.push(LOWER_HEX[usize::from(byte & 15)]);
    }
}

/// The bytes behind pairs of hexadecimal digits; `None` for anything else.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|pair| byte_of(*pair)).collect()
}

fn byte_of([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Appends `text` as the content of an XML element.
pub(super) fn xml_text(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(index) = text.iter().position(|&byte| REFERENCED[usize::from(byte)]) {
        out.extend_from_slice(&text[..index]);
        let byte = text[index];
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            _ => {
                out.extend_from_slice(b"&#x");
                if byte >= 16 {
                    out.push(UPPER_HEX[usize::from(byte >> 4)]);
                }
                out.push(UPPER_HEX[usize::from(byte & 15)]);
                out.push(b';');
            }
        }
        text = &text[index + 1..];
    }
    out.extend_from_slice(text);
}

/// Appends `text` the way S3 answers `encoding-type=url`: a space is `+`, `/` stays, every byte
/// that is not unreserved is a percent sign and two upper-case digits. Needs no XML escaping.
pub(super) fn url_encoded(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(index) = text.iter().position(|&byte| !UNRESERVED[usize::from(byte)]) {
        out.extend_from_slice(&text[..index]);
        match text[index] {
            b' ' => out.push(b'+'),
            byte => {
                out.extend_from_slice(&[b'%', UPPER_HEX[usize::from(byte >> 4)], UPPER_HEX[usize::from(byte & 15)]]);
            }
        }
        text = &text[index + 1..];
    }
    out.extend_from_slice(text);
}

/// Decodes percent escapes; `None` when an escape is broken.
pub(super) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index] == b'%' {
            out.push(byte_of([*bytes.get(index + 1)?, *bytes.get(index + 2)?])?);
            index += 3;
        } else {
            out.push(bytes[index]);
            index += 1;
        }
    }
    Some(out)
}

/// Decodes a name or value of a query string, in which `+` is a space too.
pub(super) fn form_decoded(text: &str) -> Option<Vec<u8>> {
    percent_decoded(&text.replace('+', "%20"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers() {
        assert_eq!(written(|out| decimal(0, out)), "0");
        assert_eq!(written(|out| decimal(u64::MAX, out)), u64::MAX.to_string());
        assert_eq!(written(|out| padded(42, 5, out)), "00042");
        assert_eq!(written(|out| padded(1_234_567, 5, out)), "1234567");
        assert_eq!(&hexadecimal(0x0123_4567_89ab_cdef), b"0123456789abcdef");
    }

    #[test]
    fn xml_keeps_no_control_character_and_no_markup() {
        assert_eq!(
            written(|out| xml_text("a&b<c>\"d'\u{1}\n\r\u{1f}\u{7f}é😀".as_bytes(), out)),
            "a&amp;b&lt;c&gt;&quot;d&apos;&#x1;&#xA;&#xD;&#x1F;&#x7F;é😀"
        );
    }

    #[test]
    fn url_encoding_is_that_of_s3() {
        assert_eq!(
            written(|out| url_encoded("a b/c+d%2F&=é\n~*()'!-._".as_bytes(), out)),
            "a+b/c%2Bd%252F%26%3D%C3%A9%0A~*()'!-._"
        );
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "%2", "%zz", "a%+1"] {
            assert_eq!(percent_decoded(text), None, "{text}");
        }
        assert_eq!(from_hex(b"abc"), None);
        assert_eq!(from_hex(b"xx"), None);
        assert_eq!(percent_decoded("a+b").unwrap(), b"a+b");
        assert_eq!(form_decoded("a+b").unwrap(), b"a b");
    }

    proptest! {
        #[test]
        fn url_encoding_round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = written(|out| url_encoded(&bytes, out));
            prop_assert_eq!(form_decoded(&text).unwrap(), bytes);
        }

        #[test]
        fn hexadecimal_round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = written(|out| hex_bytes(&bytes, out));
            prop_assert_eq!(from_hex(text.as_bytes()).unwrap(), bytes);
        }
    }
}
