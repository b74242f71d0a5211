//! What a `ListObjectsV2` request asks for.
//!
//! Responsible for decoding and judging its parameters, for its one header, and for the form of continuation tokens. It
//! leaves answering to `page`. Invariant: a [`ListQuery`] holds only what a page can be made from.

use http::HeaderMap;

use super::encoding::{form_decoded, from_hex, hex_bytes};

/// Most keys and common prefixes that S3 puts on a page.
const MOST_KEYS: u64 = 1_000;

/// Marks what a continuation token continues behind.
const BEHIND_KEY: u8 = b'k';
const BEHIND_PREFIX: u8 = b'p';

/// What a client asks for. Texts are decoded and may be any UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub(super) prefix: String,
    /// Never empty.
    pub(super) delimiter: Option<String>,
    pub(super) start_after: Option<String>,
    pub(super) token: Option<Token>,
    /// At most 1,000, whatever was asked for.
    pub(super) max_keys: u64,
    pub(super) fetch_owner: bool,
    /// Asked for by a header, so not set by [`ListQuery::parse`].
    pub(super) restore_status: bool,
    pub(super) url_encoding: bool,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            delimiter: None,
            start_after: None,
            token: None,
            max_keys: MOST_KEYS,
            fetch_owner: false,
            restore_status: false,
            url_encoding: false,
        }
    }
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// The next page begins behind this key.
    BehindKey(Vec<u8>),
    /// The next page begins behind every key with this prefix.
    BehindPrefix(Vec<u8>),
}

impl Token {
    /// Appends the token's text, which is meant to be opaque: hexadecimal digits.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (mark, bytes) = match self {
            Self::BehindKey(key) => (BEHIND_KEY, key),
            Self::BehindPrefix(prefix) => (BEHIND_PREFIX, prefix),
        };
        hex_bytes(&[mark], out);
        hex_bytes(bytes, out);
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let bytes = from_hex(text)?;
        let (&mark, rest) = bytes.split_first()?;
        match mark {
            BEHIND_KEY => Some(Self::BehindKey(rest.to_vec())),
            BEHIND_PREFIX => Some(Self::BehindPrefix(rest.to_vec())),
            _ => None,
        }
    }
}

/// A parameter that S3 answers with status 400 and code `InvalidArgument`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadArgument {
    Encoding,
    Token,
    MaxKeys,
    StartAfter,
    EncodingType,
}

impl BadArgument {
    /// The message for the wire.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Encoding => "The query string is not percent-encoded UTF-8",
            Self::Token => "The continuation token provided is incorrect",
            Self::MaxKeys => "Argument max-keys must be an integer between 0 and 2147483647",
            Self::StartAfter => "Argument start-after contains characters that XML cannot hold",
            Self::EncodingType => "Invalid Encoding Method specified in Request",
        }
    }
}

/// Whether a query string asks for a listing by the second version of the operation.
pub(super) fn is_list(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "list-type=2"))
}

/// Whether a query string asks for the objects' owners.
pub(super) fn wants_owner(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "fetch-owner=true"))
}

/// Whether the headers ask for the state of restores:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.
pub(super) fn wants_restore_status(headers: &HeaderMap) -> bool {
    let values = headers.get_all("x-amz-optional-object-attributes").iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|name| name.trim() == "RestoreStatus")
}

impl ListQuery {
    /// Reads a query string; parameters it does not know are ignored.
    ///
    /// # Errors
    /// The first parameter whose value S3 would refuse.
    pub(super) fn parse(query: &str) -> Result<Self, BadArgument> {
        let mut parsed = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value =
                form_decoded(value).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(BadArgument::Encoding)?;
            match name {
                "prefix" => parsed.prefix = value,
                "delimiter" => parsed.delimiter = Some(value).filter(|text| !text.is_empty()),
                "start-after" => {
                    if value.contains(xml_cannot_hold) {
                        return Err(BadArgument::StartAfter);
                    }
                    parsed.start_after = Some(value).filter(|text| !text.is_empty());
                }
                "continuation-token" => {
                    let token = Token::parse(value.as_bytes()).ok_or(BadArgument::Token)?;
                    parsed.token = Some(token);
                }
                "max-keys" => {
                    // S3 reads a signed 32-bit number and caps it silently.
                    let number: i32 = value.parse().map_err(|_| BadArgument::MaxKeys)?;
                    let number = u64::try_from(number).map_err(|_| BadArgument::MaxKeys)?;
                    parsed.max_keys = number.min(MOST_KEYS);
                }
                "fetch-owner" => parsed.fetch_owner = value == "true",
                "encoding-type" if value == "url" => parsed.url_encoding = true,
                "encoding-type" => return Err(BadArgument::EncodingType),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

/// Characters outside the production `Char` of XML 1.0.
fn xml_cannot_hold(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognised_by_list_type() {
        assert!(is_list(Some("list-type=2")));
        assert!(is_list(Some("prefix=a&list-type=2")));
        assert!(!is_list(Some("list-type=22")));
        assert!(!is_list(Some("prefix=list-type=2")));
        assert!(!is_list(None));
    }

    #[test]
    fn every_parameter_is_decoded() {
        let query = "list-type=2&x-id=ListObjectsV2&prefix=a+b%2Bc&delimiter=%2F&start-after=%C3%A9\
            &max-keys=5000&fetch-owner=true&encoding-type=url";
        assert_eq!(
            ListQuery::parse(query).unwrap(),
            ListQuery {
                prefix: "a b+c".to_owned(),
                delimiter: Some("/".to_owned()),
                start_after: Some("é".to_owned()),
                token: None,
                max_keys: 1_000,
                fetch_owner: true,
                restore_status: false,
                url_encoding: true,
            }
        );
        assert_eq!(ListQuery::parse("list-type=2&delimiter=&start-after="), Ok(ListQuery::default()));
    }

    #[test]
    fn tokens_round_trip() {
        for token in [Token::BehindKey("é\u{1}".into()), Token::BehindPrefix(b"a/".into())] {
            let mut text = Vec::new();
            token.write(&mut text);
            assert_eq!(Token::parse(&text), Some(token));
        }
    }

    #[test]
    fn refused_like_s3_does() {
        for (query, expected) in [
            ("continuation-token=", BadArgument::Token),
            ("continuation-token=zz", BadArgument::Token),
            ("continuation-token=00", BadArgument::Token),
            ("max-keys=-1", BadArgument::MaxKeys),
            ("max-keys=ten", BadArgument::MaxKeys),
            ("start-after=a%01", BadArgument::StartAfter),
            ("start-after=%EF%BF%BF", BadArgument::StartAfter),
            ("encoding-type=base64", BadArgument::EncodingType),
            ("prefix=%FF", BadArgument::Encoding),
            ("prefix=%2", BadArgument::Encoding),
        ] {
            assert_eq!(ListQuery::parse(query), Err(expected), "{query}");
        }
        for query in ["start-after=%09%0A%0D", "start-after=%7F", "prefix=%01"] {
            assert!(ListQuery::parse(query).is_ok(), "{query}");
        }
    }

    #[test]
    fn restores_are_asked_for_by_a_header() {
        let headers = |value| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static("x-amz-optional-object-attributes"),
                http::HeaderValue::from_static(value),
            )])
        };
        assert!(wants_restore_status(&headers("RestoreStatus")));
        assert!(wants_restore_status(&headers("Other, RestoreStatus")));
        assert!(!wants_restore_status(&headers("Other")) && !wants_restore_status(&HeaderMap::new()));
        assert!(wants_owner(Some("list-type=2&fetch-owner=true")));
        assert!(!wants_owner(Some("list-type=2&fetch-owner=false")) && !wants_owner(None));
    }
}
