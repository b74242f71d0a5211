//! Cuts the XML of a listing into elements, on borrowed bytes.
//!
//! Every function returns `Ok(None)` where the input ends before the element does: the caller then
//! waits for more of the body. Only the XML that stores write is understood: elements, text,
//! attributes that are ignored, comments and processing instructions; no CDATA and no DTD.

use super::fault::PageFault;
use memchr::memchr;

/// The parts of one `<Contents>` that rows are made of, still encoded.
#[derive(Clone, Copy, Default)]
pub struct RawObject<'page> {
    pub key: Option<&'page [u8]>,
    pub size: &'page [u8],
    pub last_modified: &'page [u8],
    pub etag: &'page [u8],
    pub storage_class: &'page [u8],
}

type Cut<T> = Result<Option<(T, usize)>, PageFault>;

/// Reads the children of a `<Contents>`, from behind its start tag to behind its end tag, in
/// whatever order they come; unknown ones are skipped.
pub fn contents(input: &[u8]) -> Cut<RawObject<'_>> {
    let mut object = RawObject::default();
    let mut at = 0;
    loop {
        let Some(&[first, second]) = input.get(at..at + 2) else {
            return Ok(None);
        };
        if first != b'<' {
            match memchr(b'<', &input[at..]) {
                Some(space) => at += space,
                None => return Ok(None),
            }
            continue;
        }
        let rest = &input[at..];
        let field = match second {
            b'K' if rest.starts_with(b"<Key>") => Some((&b"</Key>"[..], 5)),
            b'L' if rest.starts_with(b"<LastModified>") => Some((&b"</LastModified>"[..], 14)),
            b'E' if rest.starts_with(b"<ETag>") => Some((&b"</ETag>"[..], 6)),
            b'S' if rest.starts_with(b"<Size>") => Some((&b"</Size>"[..], 6)),
            b'S' if rest.starts_with(b"<StorageClass>") => Some((&b"</StorageClass>"[..], 14)),
            b'/' => {
                return match rest.get(..11) {
                    Some(b"</Contents>") => Ok(Some((object, at + 11))),
                    Some(_) => Err(PageFault::Malformed("an end tag that closes nothing")),
                    None => Ok(None),
                };
            }
            _ => None,
        };
        let Some((end_tag, text_at)) = field else {
            match skip(rest)? {
                Some(((), used)) => at += used,
                None => return Ok(None),
            }
            continue;
        };
        let Some((value, used)) = text(&rest[text_at..], end_tag)? else {
            return Ok(None);
        };
        match second {
            b'K' => object.key = Some(value),
            b'L' => object.last_modified = value,
            b'E' => object.etag = value,
            _ if text_at == 6 => object.size = value,
            _ => object.storage_class = value,
        }
        at += text_at + used;
    }
}

/// The text up to `end_tag`, which must follow it at once.
fn text<'page>(input: &'page [u8], end_tag: &[u8]) -> Cut<&'page [u8]> {
    let Some(end) = memchr(b'<', input) else {
        return Ok(None);
    };
    let tail = &input[end..];
    if tail.starts_with(end_tag) {
        Ok(Some((&input[..end], end + end_tag.len())))
    } else if tail.len() < end_tag.len() && end_tag.starts_with(tail) {
        Ok(None)
    } else {
        Err(PageFault::Malformed("markup inside a text element"))
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
    Listing { children_at: usize },
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
        assert_eq!((object.key, object.size), (Some(&b"k"[..]), &b"7"[..]));
        assert_eq!(&input[used..], b"tail");
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
        for input in [&b"<Key>a<b></Key></Contents>"[..], b"</Key></Contents>", b"<></Contents>"] {
            assert!(matches!(contents(input), Err(PageFault::Malformed(_))));
        }
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
        let ((_, text), _) = child(b"<Prefix/>").unwrap().unwrap();
        assert_eq!(text, b"");
    }
}
