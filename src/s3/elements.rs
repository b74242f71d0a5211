//! Cuts the XML of a listing into elements, on borrowed bytes.
//!
//! Every function returns `Ok(None)` where the input ends before the element does: the caller then
//! waits for more of the body. Only the XML that stores write is understood: elements, text,
//! attributes that are ignored, comments and processing instructions; no CDATA and no DTD.

use super::fault::PageFault;
use super::object::Size;
use super::text::{contains_any, near};
use memchr::memchr;

/// The parts of one `<Contents>` that rows are made of, still encoded.
#[derive(Clone, Copy, Default)]
pub struct RawObject<'page> {
    pub key: Option<&'page [u8]>,
    pub size: Size<'page>,
    pub last_modified: &'page [u8],
    pub etag: &'page [u8],
    pub storage_class: &'page [u8],
    /// Whether the fields but for the key are known to be free of entities, the tag of its quotes.
    pub plain: bool,
}

type Cut<T> = Result<Option<(T, usize)>, PageFault>;

/// Reads the children of a `<Contents>`, from behind its start tag to behind its end tag, in
/// whatever order they come; unknown ones are skipped.
pub fn contents(input: &[u8]) -> Cut<RawObject<'_>> {
    match as_s3_writes(input) {
        Some(found) => Ok(Some(found)),
        None => in_any_order(input, |_, _, _| ()),
    }
}

/// The same, for exactly what S3 writes today. Nearly all objects of all listings come this way, so
/// it compares whole runs of markup at once; [`in_any_order`] gives the same for the same input.
#[inline]
fn as_s3_writes(input: &[u8]) -> Option<(RawObject<'_>, usize)> {
    /// What stands between the tag and the size, unless the object has another checksum or none.
    const CHECKSUM: &[u8; 88] =
        b"<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>";
    let rest = input.strip_prefix(b"<Key>")?;
    let (key, rest) = rest.split_at(near(rest, [b'<'])?);
    let rest = rest.strip_prefix(b"</Key><LastModified>")?;
    let (last_modified, rest) = rest.split_at_checked(24)?;
    let rest = rest.strip_prefix(b"</LastModified><ETag>&quot;")?;
    let (etag, rest) = match rest.split_at_checked(32) {
        Some((digits, tail)) if tail.first() == Some(&b'&') => (digits, tail),
        _ => rest.split_at(near(rest, [b'&'])?),
    };
    let rest = rest.strip_prefix(b"&quot;</ETag>")?;
    let rest = rest.strip_prefix(CHECKSUM).unwrap_or(rest).strip_prefix(b"<Size>")?;
    let size = Size::leading(rest);
    let rest = rest[size.text.len()..].strip_prefix(b"</Size><StorageClass>")?;
    let (storage_class, rest) = match rest.strip_prefix(b"STANDARD<") {
        Some(_) => rest.split_at(8),
        None => rest.split_at(near(rest, [b'<'])?),
    };
    let rest = rest.strip_prefix(b"</StorageClass></Contents>")?;
    let object = RawObject { key: Some(key), size, last_modified, etag, storage_class, plain: true };
    // Names of storage classes have no entities; should one ever, it is read the other way.
    (!contains_any(storage_class, *b"&")).then(|| (object, input.len() - rest.len()))
}

/// The same for every order; children that no row needs are shown to `other`, with their names, their
/// texts and themselves.
pub fn in_any_order(input: &[u8], mut other: impl FnMut(&[u8], &[u8], &[u8])) -> Cut<RawObject<'_>> {
    let mut object = RawObject::default();
    let mut at = 0;
    loop {
        let rest = &input[at..];
        let Some(start) = memchr(b'<', rest) else {
            return Ok(None);
        };
        at += start;
        let rest = &input[at..];
        if rest.starts_with(b"</") {
            return match rest.get(..11) {
                Some(b"</Contents>") => Ok(Some((object, at + 11))),
                Some(_) => Err(PageFault::Malformed("an end tag that closes nothing")),
                None => Ok(None),
            };
        }
        let Some(((tag, text), used)) = child(rest)? else {
            return Ok(None);
        };
        match tag.name {
            b"Key" => object.key = Some(text),
            b"LastModified" => object.last_modified = text,
            b"ETag" => object.etag = text,
            b"Size" => object.size = Size::new(text),
            b"StorageClass" => object.storage_class = text,
            name => other(name, text, &rest[..used]),
        }
        at += used;
    }
}

/// A start tag at the beginning of `input`.
pub struct Tag<'page> {
    /// The element's name.
    pub name: &'page [u8],
    /// Whether it is self-closing.
    pub empty: bool,
}

/// Reads the start tag (or end tag, comment, processing instruction: then the name begins with its
/// mark) that `input` begins with.
pub fn tag(input: &[u8]) -> Cut<Tag<'_>> {
    let Some(end) = memchr(b'>', input) else {
        return Ok(None);
    };
    let inner = &input[1..end];
    if inner.starts_with(b"!--") && !inner.ends_with(b"--") {
        return Err(PageFault::Malformed("a comment with `>` in it"));
    }
    let empty = inner.last() == Some(&b'/');
    let name_end = inner.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/' && inner[0] != b'/');
    let name = &inner[..name_end.unwrap_or(inner.len())];
    if name.is_empty() {
        return Err(PageFault::Malformed("a tag without a name"));
    }
    Ok(Some((Tag { name, empty }, end + 1)))
}

/// A small child of the root, such as `<IsTruncated>true</IsTruncated>`: its tag and its text,
/// which is empty where the element has children of its own.
pub fn child(input: &[u8]) -> Cut<(Tag<'_>, &[u8])> {
    let Some((start, text_at)) = tag(input)? else {
        return Ok(None);
    };
    if let Some(text) = only_text(&start, &input[text_at..]) {
        let used = text_at + text.len() + start.name.len() + 3;
        return Ok(Some(((start, text), used)));
    }
    let Some(((), used)) = skip(input)? else {
        return Ok(None);
    };
    let inside = if start.empty || used == text_at { &[][..] } else { &input[text_at..used] };
    let text = memchr(b'<', inside).map_or(&[][..], |end| {
        let closes = inside[end..].len() == start.name.len() + 3;
        if closes { &inside[..end] } else { &[][..] }
    });
    Ok(Some(((start, text), used)))
}

/// The text of an element that has nothing else in it, as nearly all have, given what stands behind its
/// start tag: [`skip`] finds the same end by looking at every tag.
fn only_text<'page>(start: &Tag<'_>, inside: &'page [u8]) -> Option<&'page [u8]> {
    if start.empty || !start.name[0].is_ascii_alphabetic() {
        return None;
    }
    let (text, end) = inside.split_at(memchr(b'<', inside)?);
    end.strip_prefix(b"</")?.strip_prefix(start.name)?.starts_with(b">").then_some(text)
}

/// Skips the element, comment or processing instruction that `input` begins with, children and all.
pub fn skip(input: &[u8]) -> Cut<()> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let Some((tag, used)) = tag(&input[at..])? else {
            return Ok(None);
        };
        at += used;
        match tag.name[0] {
            b'/' if depth == 0 => return Err(PageFault::Malformed("an end tag that closes nothing")),
            b'/' => depth -= 1,
            b'!' | b'?' => {}
            _ if tag.empty => {}
            _ => depth += 1,
        }
        if depth == 0 {
            return Ok(Some(((), at)));
        }
        match memchr(b'<', &input[at..]) {
            Some(text) => at += text,
            None => return Ok(None),
        }
    }
}

/// What the root element of an answer's body is.
#[derive(Debug, PartialEq, Eq)]
pub enum Root {
    /// More of the body is needed to know.
    Undecided,
    /// A page of a listing; its children begin at this offset.
    Listing {
        /// Bytes before its first child.
        children_at: usize,
    },
    /// Something else: an error, or not S3 at all.
    Foreign,
}

/// Finds the root element behind the byte order mark, XML declaration, comments and white space.
pub fn root(input: &[u8]) -> Root {
    /// Longest prologue looked through; real ones have about 40 bytes.
    const PROLOGUE_LIMIT: usize = 4096;
    let mut at = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    loop {
        at += input[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match input.get(at) {
            None => {}
            Some(b'<') => match tag(&input[at..]) {
                Ok(Some((tag, used))) => match tag.name {
                    [b'!' | b'?', ..] => {
                        at += used;
                        continue;
                    }
                    b"ListBucketResult" if !tag.empty => return Root::Listing { children_at: at + used },
                    _ => return Root::Foreign,
                },
                Ok(None) => {}
                Err(_) => return Root::Foreign,
            },
            Some(_) => return Root::Foreign,
        }
        return if input.len() > PROLOGUE_LIMIT { Root::Foreign } else { Root::Undecided };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_in_any_order_and_unknown_ones_are_skipped() {
        let input = b"<Size>7</Size> <Owner><ID>x</ID><Key>no</Key></Owner><New a='1'/>\n<Key>k</Key></Contents>tail";
        let (object, used) = contents(input).unwrap().unwrap();
        assert_eq!((object.key, object.size.text), (Some(&b"k"[..]), &b"7"[..]));
        assert_eq!(&input[used..], b"tail");
    }

    #[test]
    fn what_s3_writes_reads_the_same_either_way() {
        let head =
            "<Key>a%2Bb</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified><ETag>&quot;0123-2&quot;</ETag>";
        let crc = "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>";
        for checksum in ["", crc] {
            for class in ["STANDARD", "GLACIER", "STANDARD_IA"] {
                let size = "<Size>12345678901</Size>";
                let text = format!("{head}{checksum}{size}<StorageClass>{class}</StorageClass></Contents>tail");
                let (fast, fast_used) = as_s3_writes(text.as_bytes()).expect("the fast way takes it");
                let (slow, slow_used) = in_any_order(text.as_bytes(), |_, _, _| ()).unwrap().unwrap();
                assert_eq!(fast_used, slow_used);
                assert_eq!(
                    (fast.key, fast.size, fast.last_modified, fast.storage_class),
                    (slow.key, slow.size, slow.last_modified, slow.storage_class)
                );
                assert_eq!([b"&quot;", fast.etag, b"&quot;"].concat(), slow.etag);
                for end in 0..fast_used {
                    assert!(as_s3_writes(&text.as_bytes()[..end]).is_none(), "cut at {end}");
                }
            }
        }
    }

    #[test]
    fn any_cut_is_incomplete_never_wrong() {
        let input = b"<Key>k</Key><R><A/></R><StorageClass>S</StorageClass></Contents>";
        for end in 0..input.len() {
            assert!(matches!(contents(&input[..end]), Ok(None)), "cut at {end}");
        }
    }

    #[test]
    fn broken_markup_is_malformed() {
        for input in [&b"</Key></Contents>"[..], b"<></Contents>", b"<Key>k</Key></Wrong></Contents>"] {
            assert!(matches!(contents(input), Err(PageFault::Malformed(_))));
        }
        // An element that is never closed takes the end tag for its own: the page is cut.
        assert!(matches!(contents(b"<Key>a<b></Key></Contents>"), Ok(None)));
    }

    #[test]
    fn roots() {
        let listing = b"<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\"><Name>";
        assert_eq!(root(listing), Root::Listing { children_at: listing.len() - 6 });
        assert_eq!(root(&listing[..30]), Root::Undecided);
        assert_eq!(root(b""), Root::Undecided);
        assert_eq!(root(b"<Error><Code>"), Root::Foreign);
        assert_eq!(root(b"<!DOCTYPE html><html>"), Root::Foreign);
        assert_eq!(root(b"{\"json\": 1}"), Root::Foreign);
    }

    #[test]
    fn a_childs_text() {
        let ((tag, text), used) = child(b"<IsTruncated>true</IsTruncated><X>").unwrap().unwrap();
        assert_eq!((tag.name, text, used), (&b"IsTruncated"[..], &b"true"[..], 31));
        let ((_, text), _) = child(b"<CommonPrefixes><Prefix>a</Prefix></CommonPrefixes>").unwrap().unwrap();
        assert_eq!(text, b"");
        let ((_, text), used) = child(b"<!--a-->b</!--a-->").unwrap().unwrap();
        assert_eq!((text, used), (&b""[..], 8), "a comment has no end tag");
        let ((_, text), used) = child(b"<A >b</A ><X>").unwrap().unwrap();
        assert_eq!((text, used), (&b""[..], 10), "an end tag may have white space");
        let ((_, text), _) = child(b"<Prefix/>").unwrap().unwrap();
        assert_eq!(text, b"");
    }
}
