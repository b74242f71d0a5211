//! One page of a listing, as XML.
//!
//! Responsible for which keys and common prefixes stand on a page, and for writing them into one
//! buffer. It leaves reading the request to `list_query`. Invariant: nothing is allocated per key,
//! and a page of keys alone is found by seeking once.

use std::ops::Range;

use super::encoding::{decimal, url_encoded, xml_text};
use super::list_query::{ListQuery, Token};
use super::object::{Attributes, Restore};
use super::shape::Shape;

/// Roughly what a key takes as XML besides its name.
const BYTES_PER_KEY: usize = 340;
const BYTES_OF_HEADER: usize = 1_024;

/// The canonical user that owns every object.
pub const OWNER: &str = "7a1f0c53e8d94b26a05c3e9f4d8172b6c0e35d9a4f6b81273d5e0c9a6b4f2810";

/// A page and what it holds.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) xml: Vec<u8>,
    /// Keys on the page, without common prefixes.
    pub(super) keys: u64,
}

/// What stands on a page, before it is written.
#[derive(Debug, Default)]
struct Contents {
    ranges: Vec<Range<u64>>,
    common_prefixes: Vec<Vec<u8>>,
    count: u64,
    /// Where the next page begins, if there is one.
    next: Option<Token>,
}

/// Answers `query` about the bucket `name` with at most `page_size` keys and common prefixes.
pub(super) fn write(name: &str, shape: &Shape, query: &ListQuery, page_size: u64) -> Page {
    let contents = select(shape, query, page_size.min(query.max_keys));
    let keys = contents.ranges.iter().map(|range| range.end - range.start).sum();
    let mut xml = Vec::with_capacity(
        usize::try_from(keys).unwrap_or(0) * (BYTES_PER_KEY + longest_key(shape, &contents)) + BYTES_OF_HEADER,
    );
    write_header(name, query, &contents, &mut xml);
    let mut key = Vec::with_capacity(256);
    for rank in contents.ranges.into_iter().flatten() {
        shape.key_at(rank, &mut key);
        write_object(&key, &Attributes::of(shape, rank), query, &mut xml);
    }
    for prefix in &contents.common_prefixes {
        xml.extend_from_slice(b"<CommonPrefixes><Prefix>");
        write_name(prefix, query, &mut xml);
        xml.extend_from_slice(b"</Prefix></CommonPrefixes>");
    }
    xml.extend_from_slice(b"</ListBucketResult>");
    Page { xml, keys }
}

/// The length of a key on the page, as a guess for all of them.
fn longest_key(shape: &Shape, contents: &Contents) -> usize {
    let mut key = Vec::new();
    if let Some(range) = contents.ranges.first() {
        shape.key_at(range.start, &mut key);
    }
    key.len()
}

fn select(shape: &Shape, query: &ListQuery, most: u64) -> Contents {
    let mut contents = Contents::default();
    let prefix = query.prefix.as_bytes();
    let begin = match (&query.token, &query.start_after) {
        // As S3 documents it, a token makes start-after void.
        (Some(Token::BehindKey(key)), _) => shape.rank_after(key),
        (Some(Token::BehindPrefix(prefix)), _) => shape.rank_behind(prefix),
        (None, Some(key)) => shape.rank_after(key.as_bytes()),
        (None, None) => 0,
    };
    let mut rank = begin.max(shape.rank_from(prefix));
    let end = shape.rank_behind(prefix);
    if most == 0 {
        return contents;
    }
    let mut key = Vec::new();
    let Some(delimiter) = query.delimiter.as_deref() else {
        let until = end.min(rank.saturating_add(most));
        if rank < until {
            contents.count = until - rank;
            contents.ranges.push(rank..until);
        }
        if rank < until && until < end {
            shape.key_at(until - 1, &mut key);
            contents.next = Some(Token::BehindKey(key));
        }
        return contents;
    };
    let mut last = None;
    while rank < end && contents.count < most {
        shape.key_at(rank, &mut key);
        let found = memchr::memmem::find(&key[prefix.len()..], delimiter.as_bytes());
        if let Some(at) = found {
            key.truncate(prefix.len() + at + delimiter.len());
            rank = shape.rank_behind(&key);
            contents.common_prefixes.push(key.clone());
            last = Some(Token::BehindPrefix(key.clone()));
        } else {
            match contents.ranges.last_mut() {
                Some(range) if range.end == rank => range.end += 1,
                _ => contents.ranges.push(rank..rank + 1),
            }
            rank += 1;
            last = None;
        }
        contents.count += 1;
    }
    if rank < end {
        contents.next = last.or(Some(Token::BehindKey(key)));
    }
    contents
}

fn write_header(name: &str, query: &ListQuery, contents: &Contents, xml: &mut Vec<u8>) {
    xml.extend_from_slice(
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
          <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>",
    );
    xml_text(name.as_bytes(), xml);
    xml.extend_from_slice(b"</Name><Prefix>");
    write_name(query.prefix.as_bytes(), query, xml);
    xml.extend_from_slice(b"</Prefix>");
    if let Some(start_after) = &query.start_after {
        xml.extend_from_slice(b"<StartAfter>");
        write_name(start_after.as_bytes(), query, xml);
        xml.extend_from_slice(b"</StartAfter>");
    }
    if let Some(token) = &query.token {
        xml.extend_from_slice(b"<ContinuationToken>");
        token.write(xml);
        xml.extend_from_slice(b"</ContinuationToken>");
    }
    if let Some(token) = &contents.next {
        xml.extend_from_slice(b"<NextContinuationToken>");
        token.write(xml);
        xml.extend_from_slice(b"</NextContinuationToken>");
    }
    xml.extend_from_slice(b"<KeyCount>");
    decimal(contents.count, xml);
    xml.extend_from_slice(b"</KeyCount><MaxKeys>");
    decimal(query.max_keys, xml);
    xml.extend_from_slice(b"</MaxKeys>");
    if let Some(delimiter) = &query.delimiter {
        xml.extend_from_slice(b"<Delimiter>");
        write_name(delimiter.as_bytes(), query, xml);
        xml.extend_from_slice(b"</Delimiter>");
    }
    if query.url_encoding {
        xml.extend_from_slice(b"<EncodingType>url</EncodingType>");
    }
    xml.extend_from_slice(b"<IsTruncated>");
    xml.extend_from_slice(if contents.next.is_some() { b"true" } else { b"false" });
    xml.extend_from_slice(b"</IsTruncated>");
}

fn write_object(key: &[u8], attributes: &Attributes, query: &ListQuery, xml: &mut Vec<u8>) {
    xml.extend_from_slice(b"<Contents><Key>");
    write_name(key, query, xml);
    xml.extend_from_slice(b"</Key><LastModified>");
    xml.extend_from_slice(&attributes.last_modified);
    xml.extend_from_slice(b"</LastModified><ETag>&quot;");
    attributes.etag.write(xml);
    xml.extend_from_slice(
        b"&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>\
          <ChecksumType>FULL_OBJECT</ChecksumType><Size>",
    );
    decimal(attributes.size, xml);
    xml.extend_from_slice(b"</Size>");
    if query.fetch_owner {
        xml.extend_from_slice(b"<Owner><ID>");
        xml.extend_from_slice(OWNER.as_bytes());
        xml.extend_from_slice(b"</ID></Owner>");
    }
    if query.restore_status {
        write_restore(attributes.restore, xml);
    }
    xml.extend_from_slice(b"<StorageClass>");
    xml.extend_from_slice(attributes.storage_class.as_bytes());
    xml.extend_from_slice(b"</StorageClass></Contents>");
}

/// S3 leaves the element out where nothing was ever restored.
fn write_restore(restore: Option<Restore>, xml: &mut Vec<u8>) {
    let Some(restore) = restore else { return };
    xml.extend_from_slice(b"<RestoreStatus><IsRestoreInProgress>");
    match restore {
        Restore::InProgress => xml.extend_from_slice(b"true</IsRestoreInProgress>"),
        Restore::Until(expiry) => {
            xml.extend_from_slice(b"false</IsRestoreInProgress><RestoreExpiryDate>");
            xml.extend_from_slice(&expiry);
            xml.extend_from_slice(b"</RestoreExpiryDate>");
        }
    }
    xml.extend_from_slice(b"</RestoreStatus>");
}

/// Keys, prefixes, delimiters and start-after take the encoding that was asked for.
fn write_name(text: &[u8], query: &ListQuery, xml: &mut Vec<u8>) {
    if query.url_encoding {
        url_encoded(text, xml);
    } else {
        xml_text(text, xml);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::shape::KeyStyle;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn text(shape: &Shape, query: &str) -> String {
        let query = ListQuery::parse(query).unwrap();
        String::from_utf8(write("demo", shape, &query, 1_000).xml).unwrap()
    }

    fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
        text.split(open).skip(1).map(|rest| rest.split(close).next().unwrap()).collect()
    }

    #[test]
    fn elements_stand_in_the_order_of_s3() {
        let shape = Shape::new(KeyStyle::Flat, 3, 1);
        let xml = text(
            &shape,
            "prefix=object-&start-after=a&max-keys=1&delimiter=%20&encoding-type=url\
             &fetch-owner=true",
        );
        let names: Vec<&str> = between(&xml, "<", ">")
            .into_iter()
            .filter(|name| !name.starts_with('/'))
            .map(|name| name.split(' ').next().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "?xml",
                "ListBucketResult",
                "Name",
                "Prefix",
                "StartAfter",
                "NextContinuationToken",
                "KeyCount",
                "MaxKeys",
                "Delimiter",
                "EncodingType",
                "IsTruncated",
                "Contents",
                "Key",
                "LastModified",
                "ETag",
                "ChecksumAlgorithm",
                "ChecksumType",
                "Size",
                "Owner",
                "ID",
                "StorageClass",
            ]
        );
        assert!(xml.contains("<Delimiter>+</Delimiter>"), "{xml}");
        assert!(xml.contains("<ETag>&quot;"), "{xml}");
    }

    #[test]
    fn an_object_takes_about_350_bytes() {
        let shape = Shape::new(KeyStyle::Flat, 1_000, 1);
        let length = text(&shape, "").len();
        assert!((300_000..400_000).contains(&length), "{length}");
    }

    #[test]
    fn a_prefix_bounds_the_listing_wherever_it_is_to_start() {
        let shape = Shape::new(KeyStyle::Flat, 100, 1);
        let all = text(&shape, "");
        let all = between(&all, "<Key>", "</Key>");
        let (first, last) = (all[0], all[all.len() - 1]);
        let prefix = all[50].strip_suffix("0.bin").unwrap();
        let inside: Vec<&str> = all.iter().copied().filter(|key| key.starts_with(prefix)).collect();
        assert!((2..100).contains(&inside.len()), "{prefix}");
        let listed = |start_after: &str| {
            let xml = text(&shape, &format!("prefix={prefix}&start-after={start_after}"));
            assert!(xml.contains("<IsTruncated>false<"), "{xml}");
            between(&xml, "<Key>", "</Key>").into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(listed(first), inside, "before the prefix");
        assert_eq!(listed(inside[0]), inside[1..], "inside it");
        assert!(listed(last).is_empty() && listed(inside[inside.len() - 1]).is_empty(), "behind it");
        assert!(text(&shape, "prefix=none").contains("<KeyCount>0</KeyCount>"));
    }

    #[test]
    fn no_keys_asked_for_is_not_truncated() {
        let xml = text(&Shape::new(KeyStyle::Flat, 3, 1), "max-keys=0");
        assert!(xml.contains("<KeyCount>0</KeyCount><MaxKeys>0</MaxKeys>"), "{xml}");
        assert!(xml.contains("<IsTruncated>false<"), "{xml}");
    }

    #[test]
    fn the_servers_own_limit_shortens_pages() {
        let shape = Shape::new(KeyStyle::Flat, 10, 1);
        let page = write("demo", &shape, &ListQuery::default(), 3);
        let xml = String::from_utf8(page.xml).unwrap();
        assert_eq!(page.keys, 3);
        assert!(xml.contains("<KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys>"), "{xml}");
        assert!(xml.contains("<IsTruncated>true<"), "{xml}");
    }

    #[test]
    fn folders_of_a_huge_bucket_are_sought() {
        let shape = Shape::new(KeyStyle::Dates, 100_000_000, 1);
        let xml = text(&shape, "delimiter=/&prefix=year%3D2024/");
        assert_eq!(between(&xml, "<CommonPrefixes>", "</").len(), 12);
        assert!(xml.contains("<KeyCount>12</KeyCount>"), "{xml}");
    }

    /// Keys and common prefixes as the definition of the operation has them.
    fn expected(keys: &[String], query: &ListQuery) -> (Vec<String>, BTreeSet<String>) {
        let (mut listed, mut prefixes) = (Vec::new(), BTreeSet::new());
        for key in keys {
            if !key.starts_with(&query.prefix) || Some(key) <= query.start_after.as_ref() {
                continue;
            }
            let tail = &key[query.prefix.len()..];
            let found = query.delimiter.as_ref().and_then(|delimiter| {
                tail.find(delimiter.as_str()).map(|at| query.prefix.len() + at + delimiter.len())
            });
            match found {
                Some(length) => {
                    prefixes.insert(key[..length].to_owned());
                }
                None => listed.push(key.clone()),
            }
        }
        (listed, prefixes)
    }

    fn decoded(text: &str) -> String {
        String::from_utf8(crate::demo::encoding::form_decoded(text).unwrap()).unwrap()
    }

    /// Follows the tokens to the end, checking each page against what it claims.
    fn walk(shape: &Shape, query: &ListQuery, page_size: u64) -> (Vec<String>, Vec<String>) {
        let mut query = query.clone();
        let (mut keys, mut prefixes) = (Vec::new(), Vec::new());
        loop {
            let page = write("demo", shape, &query, page_size);
            let xml = String::from_utf8(page.xml).unwrap();
            let listed = between(&xml, "<Key>", "</Key>");
            let folders = between(&xml, "<CommonPrefixes><Prefix>", "</Prefix>");
            let count = listed.len() + folders.len();
            assert_eq!(listed.len() as u64, page.keys);
            assert!(count as u64 <= page_size.min(query.max_keys));
            assert_eq!(between(&xml, "<KeyCount>", "<"), [count.to_string()]);
            keys.extend(listed.into_iter().map(decoded));
            prefixes.extend(folders.into_iter().map(decoded));
            let truncated = between(&xml, "<IsTruncated>", "<") == ["true"];
            let tokens = between(&xml, "<NextContinuationToken>", "<");
            assert_eq!(truncated, tokens.len() == 1);
            let Some(token) = tokens.first() else {
                return (keys, prefixes);
            };
            assert!(count > 0, "a truncated page brings the listing on");
            let again = ListQuery::parse(&format!("continuation-token={token}")).unwrap();
            query.token = again.token;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn paging_agrees_with_the_definition(
            style in proptest::sample::select(KeyStyle::ALL.to_vec()),
            objects in 0..200_u64,
            prefix_of: proptest::sample::Index,
            prefix_length in 0..40_usize,
            start_of: proptest::sample::Index,
            start_length in 0..60_usize,
            delimiter in proptest::option::of(proptest::sample::select(vec!["/", "0", "-", "art"])),
            max_keys in 1..50_u64,
            page_size in 1..50_u64,
        ) {
            let shape = Shape::new(style, objects, 5);
            let mut key = Vec::new();
            let keys: Vec<String> = (0..objects)
                .map(|rank| {
                    shape.key_at(rank, &mut key);
                    String::from_utf8(key.clone()).unwrap()
                })
                .collect();
            let beginning = |of: proptest::sample::Index, length: usize| -> String {
                let key = keys.get(of.index(keys.len().max(1))).cloned().unwrap_or_default();
                key.chars().take(length).collect()
            };
            let query = ListQuery {
                prefix: beginning(prefix_of, prefix_length),
                start_after: Some(beginning(start_of, start_length)).filter(|text| !text.is_empty()),
                delimiter: delimiter.map(str::to_owned),
                max_keys,
                url_encoding: true,
                ..ListQuery::default()
            };
            let (listed, prefixes) = walk(&shape, &query, page_size);
            let (expected_keys, expected_prefixes) = expected(&keys, &query);
            prop_assert_eq!(listed, expected_keys);
            prop_assert_eq!(prefixes, expected_prefixes.into_iter().collect::<Vec<_>>());
        }
    }
}
