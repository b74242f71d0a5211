//! Keys as percent-encoded UTF-8: RFC 3986, section 2.1, with `/` kept beside the unreserved
//! characters of section 2.3.

const HEXADECIMAL: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `key`, encoded: nothing in the result needs quotes in CSV.
pub fn push_percent_encoded(row: &mut Vec<u8>, key: &[u8]) {
    let mut rest = key;
    while let Some(at) = rest.iter().position(|&byte| !is_kept(byte)) {
        row.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        row.extend_from_slice(&[b'%', HEXADECIMAL[usize::from(byte >> 4)], HEXADECIMAL[usize::from(byte & 15)]]);
        rest = &rest[at + 1..];
    }
    row.extend_from_slice(rest);
}

fn is_kept(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::push_field;
    use proptest::prelude::*;

    fn encoded(key: &[u8]) -> String {
        let mut row = Vec::new();
        push_percent_encoded(&mut row, key);
        String::from_utf8(row).unwrap()
    }

    #[test]
    fn reserved_characters_are_encoded() {
        let kept = "AZaz09-._~/";
        assert_eq!(encoded(kept.as_bytes()), kept);
        assert_eq!(encoded(b"a b+c%=&\",\r\n\x00"), "a%20b%2Bc%25%3D%26%22%2C%0D%0A%00");
        assert_eq!(encoded("é日".as_bytes()), "%C3%A9%E6%97%A5");
    }

    proptest! {
        #[test]
        fn it_can_be_undone_and_needs_no_quotes(key in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = encoded(&key);
            let mut field = Vec::new();
            push_field(&mut field, text.as_bytes());
            prop_assert_eq!(&field, text.as_bytes());
            let mut decoded = Vec::new();
            let mut pieces = text.split('%');
            decoded.extend_from_slice(pieces.next().unwrap().as_bytes());
            for piece in pieces {
                decoded.push(u8::from_str_radix(&piece[..2], 16).unwrap());
                decoded.extend_from_slice(&piece.as_bytes()[2..]);
            }
            prop_assert_eq!(decoded, key);
        }
    }
}
