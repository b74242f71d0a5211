//! The page scanner: the body of a listing, frame by frame, straight to an [`ObjectSink`].
//!
//! Owns three rules: every object reaches the sink once per attempt, in the order of the answer and
//! only inside the range; keys must ascend strictly; and a body that is not read to the end of its
//! root element is no page. Nothing is allocated per object: frames are scanned where they lie, and
//! only an element cut by a frame's edge is copied together.

use super::bound::Bound;
use super::details::{DetailReader, Details, WantedDetails};
use super::elements::{self, RawObject};
use super::fault::PageFault;
use super::object::{Object, ObjectSink};
use super::page::{BodySink, PageFacts};
use super::range::{Cursor, Key};
use super::text::{KeyEncoding, contains_any, is_plain, is_url_encoded, unescape, url_decode};
use memchr::memmem;
use std::sync::Arc;

/// An element may not be larger than this: a key of 1,024 bytes, every one percent-encoded, and an
/// owner fit many times. Protects the memory from a body that never closes an element.
const ELEMENT_LIMIT: usize = 256 * 1024;

/// Scans one page after another of one range into `sink`.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the page")]
pub struct PageScan<S> {
    /// Where objects go.
    pub sink: S,
    prefix: String,
    bound: Arc<Bound>,
    /// Whether the bound is held, since this attempt's first bytes, and what it is then.
    holds: bool,
    until: Option<Key>,
    ordered: bool,
    after: Option<Key>,
    encoding: KeyEncoding,
    encoding_confirmed: bool,
    encoding_matters: bool,
    last_key: Vec<u8>,
    has_last: bool,
    /// The last key of the answer that lies beyond the range.
    last_beyond: Vec<u8>,
    /// Every so manyth key becomes a sample, and which is the next.
    sample_every: u64,
    next_sample: u64,
    complete: bool,
    finished: bool,
    truncated_said: bool,
    facts: PageFacts,
    carry: Vec<u8>,
    scratch: Scratch,
    details: DetailReader,
    /// Whether the sink wants any details.
    detailed: bool,
}

/// Buffers for what has to be decoded, reused from object to object.
#[derive(Default)]
struct Scratch {
    entities: Vec<u8>,
    key: Vec<u8>,
    fields: [Vec<u8>; 3],
}

impl<S: ObjectSink> PageScan<S> {
    /// A scanner that writes to `sink`.
    pub fn new(sink: S) -> Self {
        let wanted = sink.wanted();
        Self {
            details: DetailReader::new(wanted),
            detailed: wanted.any(),
            sink,
            prefix: String::new(),
            bound: Arc::default(),
            holds: false,
            until: None,
            ordered: true,
            after: None,
            encoding: KeyEncoding::Url,
            encoding_confirmed: false,
            encoding_matters: false,
            last_key: Vec::with_capacity(1024),
            has_last: false,
            last_beyond: Vec::new(),
            sample_every: u64::MAX,
            next_sample: u64::MAX,
            complete: false,
            finished: false,
            truncated_said: false,
            facts: PageFacts::default(),
            carry: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The same, for a listing of the keys with `prefix`: any other key is a fault.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// The same, for a range that ends at `bound`.
    #[must_use]
    pub fn bounded(self, bound: Arc<Bound>) -> Self {
        Self { bound, ..self }
    }

    /// From now on every so manyth key of a page is kept as a sample.
    pub fn sample_every(&mut self, keys: u64) {
        self.sample_every = keys.max(1);
    }

    /// Prepares for the page behind `cursor`; keys are checked to ascend where `ordered`.
    pub fn expect(&mut self, cursor: &Cursor, ordered: bool, encoding: KeyEncoding) {
        self.after.clone_from(&cursor.after);
        self.finished = false;
        self.ordered = ordered;
        self.encoding = encoding;
    }

    /// Whether a page was scanned to its sound end. An answer that never came here is no page,
    /// whatever the request returned.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// What the page said, once its request has succeeded.
    #[must_use]
    pub fn facts(&self) -> &PageFacts {
        &self.facts
    }

    /// The attempt under way came to nothing: the end of the range is nobody's any more.
    pub fn release(&mut self) {
        self.bound.release();
        self.holds = false;
    }

    /// Takes the samples out of the facts.
    #[must_use]
    pub fn take_samples(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.facts.samples)
    }

    /// The last key of the page inside the range, or `None` where it had none.
    #[must_use]
    pub fn last_key(&self) -> Option<Key> {
        (self.facts.keys > 0 && self.has_last).then(|| Key::from(self.last_key.as_slice()))
    }

    /// Scans the complete elements at the beginning of `input` and returns how many bytes they are.
    fn scan(&mut self, input: &[u8]) -> Result<usize, PageFault> {
        let mut at = 0;
        while let Some(start) = memchr::memchr(b'<', &input[at..]) {
            at += start;
            let rest = &input[at..];
            if let Some(children) = rest.strip_prefix(b"<Contents>") {
                if self.detailed {
                    let Some(used) = self.detailed_object(children)? else {
                        return Ok(at);
                    };
                    at += 10 + used;
                    continue;
                }
                let Some((raw, used)) = elements::contents(children)? else {
                    return Ok(at);
                };
                self.object::<false>(&raw)?;
                at += 10 + used;
            } else if rest.starts_with(b"</") {
                return self.root_end(rest, at, input.len());
            } else {
                let Some(used) = self.child(rest)? else {
                    return Ok(at);
                };
                at += used;
            }
        }
        Ok(input.len())
    }

    /// Takes the object whose children `input` begins with, in whatever order they come and with the
    /// details that are wanted, and returns how many bytes they are. Apart from the usual way, for it
    /// costs more.
    #[cold]
    fn detailed_object(&mut self, input: &[u8]) -> Result<Option<usize>, PageFault> {
        let details = &mut self.details;
        details.begin();
        let read = elements::in_any_order(input, |name, text, element| details.take(name, text, element))?;
        read.map(|(raw, used)| self.object::<true>(&raw).map(|()| used)).transpose()
    }

    fn root_end(&mut self, rest: &[u8], at: usize, end: usize) -> Result<usize, PageFault> {
        match elements::tag(rest)? {
            None => Ok(at),
            Some((tag, _)) if tag.name == b"/ListBucketResult" => {
                self.complete = true;
                Ok(end)
            }
            Some(_) => Err(PageFault::Malformed("an end tag that closes nothing")),
        }
    }

    fn child(&mut self, rest: &[u8]) -> Result<Option<usize>, PageFault> {
        let Some(((tag, text), used)) = elements::child(rest)? else {
            return Ok(None);
        };
        match tag.name {
            b"Contents" => {
                // A start tag with attributes or white space, which the fast path does not take.
                let head = elements::tag(rest)?.map_or(0, |(_, used)| used);
                self.detailed_object(&rest[head..])?;
            }
            b"IsTruncated" => {
                self.facts.truncated = match text {
                    b"true" => true,
                    b"false" => false,
                    _ => return Err(PageFault::Malformed("`IsTruncated` is neither true nor false")),
                };
                self.truncated_said = true;
            }
            b"NextContinuationToken" => {
                let token = unescape(text, &mut self.scratch.entities);
                self.facts.next_token = std::str::from_utf8(token).ok().map(str::to_owned);
            }
            b"EncodingType" if text == b"url" => {
                if self.encoding == KeyEncoding::Plain && self.facts.keys > 0 && self.encoding_matters {
                    return Err(PageFault::Encoding(KeyEncoding::Url));
                }
                self.encoding = KeyEncoding::Url;
                self.encoding_confirmed = true;
            }
            _ => {}
        }
        Ok(Some(used))
    }

    /// Takes an object, with its details only where `DETAILED`: decided when compiled, for the usual way
    /// is to pay nothing for them.
    fn object<const DETAILED: bool>(&mut self, raw: &RawObject<'_>) -> Result<(), PageFault> {
        let Some(raw_key) = raw.key else {
            return Err(PageFault::Malformed("an object without a key"));
        };
        let Scratch { entities, key: key_scratch, fields } = &mut self.scratch;
        let key = if is_plain(raw_key) {
            raw_key
        } else {
            // What is not plain and has no entities can only be URL-encoded.
            let escaped = contains_any(raw_key, *b"&");
            let text = if escaped { unescape(raw_key, entities) } else { raw_key };
            let encoded = !escaped || is_url_encoded(text);
            self.encoding_matters |= encoded;
            if encoded && self.encoding == KeyEncoding::Url { url_decode(text, key_scratch) } else { text }
        };
        if key.is_empty() {
            return Err(PageFault::Malformed("an object with an empty key"));
        }
        self.facts.keys += 1;
        // Where a store does not keep the order, at least no key may come twice in a row.
        // Behind the range's end too: what comes back from there is no range's.
        let is_beyond = self.facts.beyond.is_some();
        let last = if is_beyond { self.last_beyond.as_slice() } else { self.last_key.as_slice() };
        if (self.has_last || is_beyond) && (key == last || self.ordered && key < last) {
            // Keys that were decoded although the store never said that it encodes them prove nothing.
            if self.encoding == KeyEncoding::Url && !self.encoding_confirmed && self.encoding_matters {
                return Err(PageFault::Encoding(KeyEncoding::Plain));
            }
            return Err(PageFault::OutOfOrder {
                key: String::from_utf8_lossy(key).into_owned(),
                previous: String::from_utf8_lossy(last).into_owned(),
            });
        }
        if !key.starts_with(self.prefix.as_bytes()) {
            // As above: the key may only be decoded wrongly.
            if self.encoding == KeyEncoding::Url && !self.encoding_confirmed && self.encoding_matters {
                return Err(PageFault::Encoding(KeyEncoding::Plain));
            }
            let key = String::from_utf8_lossy(key).into_owned();
            return Err(PageFault::OutsidePrefix { key, prefix: self.prefix.clone() });
        }
        if self.facts.keys == self.next_sample {
            self.next_sample = self.next_sample.saturating_add(self.sample_every);
            self.facts.samples.push(Key::from(key));
        }
        if self.ordered && self.until.as_ref().is_some_and(|until| key > until.as_bytes()) {
            if !is_beyond {
                self.facts.beyond = Some(Key::from(key));
            }
            self.last_beyond.clear();
            self.last_beyond.extend_from_slice(key);
            return Ok(());
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.has_last = true;
        let details = if DETAILED { &self.details.details() } else { Details::NONE };
        let object = if raw.plain {
            let RawObject { size, last_modified, etag, storage_class, .. } = *raw;
            Object { key, size, last_modified, etag, storage_class, details }
        } else {
            let [last_modified, etag, storage_class] = fields;
            Object {
                key,
                size: raw.size,
                last_modified: unescape(raw.last_modified, last_modified),
                etag: bare_etag(raw.etag, etag),
                storage_class: unescape(raw.storage_class, storage_class),
                details,
            }
        };
        self.sink.object(&object);
        Ok(())
    }
}

/// An `ETag` without its quotes, which come as entities, as plain characters or not at all.
fn bare_etag<'text>(raw: &'text [u8], scratch: &'text mut Vec<u8>) -> &'text [u8] {
    let inner = raw.strip_prefix(b"&quot;").and_then(|tail| tail.strip_suffix(b"&quot;"));
    let text = unescape(inner.unwrap_or(raw), scratch);
    text.strip_prefix(b"\"").and_then(|tail| tail.strip_suffix(b"\"")).unwrap_or(text)
}

impl<S: ObjectSink> BodySink for PageScan<S> {
    fn wanted(&self) -> WantedDetails {
        self.details.wanted()
    }

    fn begin(&mut self) {
        self.sink.reset();
        self.facts = PageFacts::default();
        self.carry.clear();
        self.release();
        self.next_sample = 1;
        self.complete = false;
        self.finished = false;
        self.truncated_said = false;
        self.encoding_confirmed = false;
        self.encoding_matters = false;
        self.last_key.clear();
        self.has_last = self.after.is_some();
        if let Some(after) = &self.after {
            self.last_key.extend_from_slice(after.as_bytes());
        }
    }

    fn feed(&mut self, frame: &[u8]) -> Result<(), PageFault> {
        self.facts.body_bytes += frame.len() as u64;
        if !self.holds {
            self.until = self.bound.hold();
            self.holds = true;
        }
        let mut frame = frame;
        if !self.carry.is_empty() {
            // Complete the element that the last frame's edge cut, and no more, so that the rest of
            // this frame is scanned where it lies.
            let end = memmem::find(frame, b"</Contents>").map_or(frame.len(), |at| at + 11);
            let mut carry = std::mem::take(&mut self.carry);
            carry.extend_from_slice(&frame[..end]);
            frame = &frame[end..];
            let used = self.scan(&carry)?;
            carry.drain(..used);
            if !carry.is_empty() {
                carry.extend_from_slice(frame);
                let used = self.scan(&carry)?;
                carry.drain(..used);
                frame = &[];
            }
            self.carry = carry;
        }
        if self.complete {
            return Ok(());
        }
        let used = self.scan(frame)?;
        self.carry.extend_from_slice(&frame[used..]);
        if self.carry.len() > ELEMENT_LIMIT {
            return Err(PageFault::Malformed("an element without an end"));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), PageFault> {
        if !self.complete {
            return Err(PageFault::Cut);
        }
        if !self.truncated_said {
            return Err(PageFault::Malformed("`IsTruncated` is missing"));
        }
        if self.encoding == KeyEncoding::Url && !self.encoding_confirmed && self.encoding_matters {
            return Err(PageFault::Encoding(KeyEncoding::Plain));
        }
        let last = if self.facts.beyond.is_some() { &self.last_beyond } else { &self.last_key };
        if self.facts.keys > 0 && self.facts.samples.last().is_none_or(|sample| sample.as_bytes() != last) {
            self.facts.samples.push(Key::from(last.as_slice()));
        }
        self.finished = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::Range;
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    #[derive(Default)]
    struct Collected(Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>);

    impl ObjectSink for Collected {
        fn reset(&mut self) {
            self.0.clear();
        }

        fn object(&mut self, object: &Object<'_>) {
            self.0.push((object.key.to_vec(), object.size.text.to_vec(), object.etag.to_vec()));
        }
    }

    fn page(keys: &[&str], tail: &str) -> Vec<u8> {
        let mut xml = String::from("<Name>b</Name><Prefix/><EncodingType>url</EncodingType>");
        for key in keys {
            let _ = writeln!(
                xml,
                "<Contents><Key>{key}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>5</Size><Owner><ID>o</ID></Owner></Contents>"
            );
        }
        (xml + tail + "</ListBucketResult>").into_bytes()
    }

    fn scan(frames: &[&[u8]], until: Option<&str>) -> (Result<(), PageFault>, PageScan<Collected>) {
        let range = Range { until: until.map(Key::from), ..Range::default() };
        let mut scan = PageScan::new(Collected::default()).bounded(Arc::new(Bound::new(&range, None)));
        scan.expect(&Cursor::default(), true, KeyEncoding::Url);
        scan.begin();
        let result = frames.iter().try_for_each(|frame| scan.feed(frame)).and_then(|()| scan.finish());
        (result, scan)
    }

    const DONE: &str = "<IsTruncated>false</IsTruncated>";

    #[test]
    fn a_page_gives_its_objects_and_facts() {
        let tail = "<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>";
        let xml = page(&["a+b", "c%2Fd", "e/%E6%97%A5"], tail);
        let (result, scan) = scan(&[&xml], None);
        result.unwrap();
        let keys: Vec<_> = scan.sink.0.iter().map(|(key, ..)| String::from_utf8_lossy(key)).collect();
        assert_eq!(keys, ["a b", "c/d", "e/日"]);
        assert!(scan.sink.0.iter().all(|(_, size, etag)| size == b"5" && etag == b"e"));
        assert_eq!(scan.facts().next_token.as_deref(), Some("a&b"));
        assert!(scan.facts().truncated && scan.facts().beyond.is_none());
        assert_eq!(scan.last_key(), Some(Key::from("e/日")));
    }

    #[test]
    fn keys_beyond_the_range_end_it() {
        let xml = page(&["a", "b", "c", "d"], DONE);
        let (result, scan) = scan(&[&xml], Some("b"));
        result.unwrap();
        assert_eq!(scan.sink.0.len(), 2, "the boundary belongs to the left");
        assert_eq!(scan.facts().beyond, Some(Key::from("c")));
        assert_eq!(scan.facts().samples.last(), Some(&Key::from("d")));
        assert_eq!(scan.last_key(), Some(Key::from("b")));
    }

    #[test]
    fn keys_that_come_back_from_beyond_the_range_are_out_of_order() {
        for keys in [["a", "c", "b"], ["c", "d", "a"], ["c", "d", "d"]] {
            let refused = scan(&[&page(&keys, DONE)], Some("b")).0;
            assert!(matches!(refused, Err(PageFault::OutOfOrder { .. })), "{keys:?}");
        }
    }

    #[test]
    fn unsound_pages_are_refused() {
        let cut = page(&["a"], DONE);
        assert_eq!(scan(&[&cut[..cut.len() - 4]], None).0, Err(PageFault::Cut));
        assert!(matches!(scan(&[&page(&["b", "a"], DONE)], None).0, Err(PageFault::OutOfOrder { .. })));
        assert!(matches!(scan(&[&page(&["a", "a"], DONE)], None).0, Err(PageFault::OutOfOrder { .. })));
        assert!(matches!(scan(&[&page(&["a"], "")], None).0, Err(PageFault::Malformed(_))));
        let endless = vec![b'x'; ELEMENT_LIMIT + 100];
        let start = b"<Contents><Key>".to_vec();
        assert!(matches!(scan(&[&start, &endless], None).0, Err(PageFault::Malformed(_))));
    }

    #[test]
    fn a_store_that_ignores_the_encoding_is_found_out() {
        let plain = String::from_utf8(page(&["100%", "a+b"], DONE)).unwrap();
        let plain = plain.replace("<EncodingType>url</EncodingType>", "");
        assert_eq!(scan(&[plain.as_bytes()], None).0, Err(PageFault::Encoding(KeyEncoding::Plain)));
        let mut scan = PageScan::new(Collected::default());
        scan.expect(&Cursor::default(), true, KeyEncoding::Plain);
        scan.begin();
        scan.feed(plain.as_bytes()).unwrap();
        scan.finish().unwrap();
        assert_eq!(scan.sink.0[0].0, b"100%");
        assert_eq!(scan.sink.0[1].0, b"a+b");
    }

    #[test]
    fn keys_that_only_look_disordered_are_asked_for_plainly() {
        let plain = String::from_utf8(page(&["a!b", "a+b", "a-b"], DONE)).unwrap();
        let plain = plain.replace("<EncodingType>url</EncodingType>", "");
        assert_eq!(scan(&[plain.as_bytes()], None).0, Err(PageFault::Encoding(KeyEncoding::Plain)));
    }

    #[test]
    fn a_key_outside_the_prefix_is_refused() {
        let scan = |xml: &[u8], prefix: &str, ordered: bool| {
            let mut scan = PageScan::new(Collected::default()).within(prefix);
            scan.expect(&Cursor::default(), ordered, KeyEncoding::Url);
            scan.begin();
            scan.feed(xml).and_then(|()| scan.finish())
        };
        assert_eq!(scan(&page(&["a%2F1", "a%2F2"], DONE), "a/", true), Ok(()));
        for ordered in [true, false] {
            for keys in [["a", "a%2F1"], ["a%2F1", "a0"], ["a%2F1", "b%2F1"]] {
                let refused = scan(&page(&keys, DONE), "a/", ordered);
                assert!(matches!(refused, Err(PageFault::OutsidePrefix { .. })), "{keys:?}");
            }
        }
        let plain = String::from_utf8(page(&["a+b"], DONE)).unwrap().replace("<EncodingType>url</EncodingType>", "");
        assert_eq!(scan(plain.as_bytes(), "a+", true), Err(PageFault::Encoding(KeyEncoding::Plain)));
    }

    #[test]
    fn without_order_a_key_may_still_not_repeat() {
        let mut scan = PageScan::new(Collected::default());
        let cursor = Cursor { after: Some(Key::from("b")), token: Some("t".into()) };
        scan.expect(&cursor, false, KeyEncoding::Url);
        scan.begin();
        assert!(matches!(scan.feed(&page(&["b", "c"], DONE)), Err(PageFault::OutOfOrder { .. })));
        scan.begin();
        scan.feed(&page(&["a", "c"], DONE)).unwrap();
        scan.finish().unwrap();
        assert!(scan.is_finished());
        scan.expect(&cursor, false, KeyEncoding::Url);
        assert!(!scan.is_finished());
    }

    #[test]
    fn a_new_attempt_forgets_the_old_one() {
        let xml = page(&["a", "b"], DONE);
        let mut scan = PageScan::new(Collected::default());
        scan.expect(&Cursor { after: Some(Key::from("0")), token: None }, true, KeyEncoding::Url);
        scan.begin();
        scan.feed(&xml[..xml.len() / 2]).unwrap();
        scan.begin();
        scan.feed(&xml).unwrap();
        scan.finish().unwrap();
        assert_eq!(scan.sink.0.len(), 2);
        assert_eq!(scan.facts().keys, 2);
    }

    proptest! {
        #[test]
        fn frames_may_be_cut_anywhere(cuts in proptest::collection::vec(0_usize..4000, 0..12), encoded in any::<bool>()) {
            let keys: Vec<String> = (0..12).map(|n| format!("k{n:02}{}", if encoded { "%20x" } else { "" })).collect();
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            let xml = page(&names, DONE);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(xml.len())).collect();
            cuts.extend([0, xml.len()]);
            cuts.sort_unstable();
            let frames: Vec<&[u8]> = cuts.windows(2).map(|pair| &xml[pair[0]..pair[1]]).collect();
            let (result, scanned) = scan(&frames, None);
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(&scanned.sink.0, &scan(&[&xml], None).1.sink.0);
        }
    }
}
