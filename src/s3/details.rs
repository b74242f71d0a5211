//! What a listing tells of an object beyond what every row needs: checksums, owner, restore.
//!
//! Responsible for reading them from the children of a `<Contents>`, where a sink wants them; where
//! none does, nothing here runs. Texts are copied into buffers that are reused from object to object,
//! for some of them come in several elements. It leaves asking the store for them to `store`.

use super::elements::{child, tag};
use super::text::unescape;
use memchr::memchr;

/// What of an object only some columns hold. Every field is decoded text, empty where the store did
/// not give it or nobody wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'page> {
    /// Such as `CRC64NVME`; several are separated by a space, in the store's order.
    pub checksum_algorithm: &'page [u8],
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub checksum_type: &'page [u8],
    /// The owner's canonical user id.
    pub owner_id: &'page [u8],
    /// `true` or `false`.
    pub restore_in_progress: &'page [u8],
    /// ISO 8601 as the store wrote it.
    pub restore_expiry: &'page [u8],
}

impl Details<'_> {
    /// None known.
    pub const NONE: &'static Details<'static> = &Details {
        checksum_algorithm: b"",
        checksum_type: b"",
        owner_id: b"",
        restore_in_progress: b"",
        restore_expiry: b"",
    };
}

impl Default for &Details<'_> {
    fn default() -> Self {
        Details::NONE
    }
}

/// Which details a sink needs. Owner and restore come only when the request asks for them, and make
/// its answer larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedDetails {
    /// The checksum's algorithm and type, which S3 always tells.
    pub checksum: bool,
    /// The owner: `fetch-owner` of `ListObjectsV2`.
    pub owner: bool,
    /// The restore's state: `RestoreStatus` of its header `x-amz-optional-object-attributes`.
    pub restore: bool,
}

impl WantedDetails {
    /// Whether any is wanted.
    #[must_use]
    pub fn any(self) -> bool {
        self.checksum || self.owner || self.restore
    }
}

/// Reads the details of one object after another.
#[derive(Debug, Default)]
pub struct DetailReader {
    wanted: WantedDetails,
    checksum_algorithm: Vec<u8>,
    checksum_type: Vec<u8>,
    owner_id: Vec<u8>,
    restore_in_progress: Vec<u8>,
    restore_expiry: Vec<u8>,
    scratch: Vec<u8>,
}

impl DetailReader {
    /// A reader of what is wanted.
    pub fn new(wanted: WantedDetails) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub fn wanted(&self) -> WantedDetails {
        self.wanted
    }

    /// Forgets the object before.
    pub fn begin(&mut self) {
        self.checksum_algorithm.clear();
        self.checksum_type.clear();
        self.owner_id.clear();
        self.restore_in_progress.clear();
        self.restore_expiry.clear();
    }

    /// Takes a child of `<Contents>`: its name, its text and all of it.
    pub fn take(&mut self, name: &[u8], text: &[u8], element: &[u8]) {
        let scratch = &mut self.scratch;
        match name {
            b"ChecksumAlgorithm" if self.wanted.checksum => {
                // A list without an element of its own: one `<ChecksumAlgorithm>` behind the other.
                if !self.checksum_algorithm.is_empty() {
                    self.checksum_algorithm.push(b' ');
                }
                self.checksum_algorithm.extend_from_slice(unescape(text, scratch));
            }
            b"ChecksumType" if self.wanted.checksum => set(&mut self.checksum_type, text, scratch),
            b"Owner" if self.wanted.owner => each_child(element, |name, text| {
                if name == b"ID" {
                    set(&mut self.owner_id, text, scratch);
                }
            }),
            b"RestoreStatus" if self.wanted.restore => each_child(element, |name, text| match name {
                b"IsRestoreInProgress" => set(&mut self.restore_in_progress, text, scratch),
                b"RestoreExpiryDate" => set(&mut self.restore_expiry, text, scratch),
                _ => {}
            }),
            _ => {}
        }
    }

    /// The object's details.
    pub fn details(&self) -> Details<'_> {
        Details {
            checksum_algorithm: &self.checksum_algorithm,
            checksum_type: &self.checksum_type,
            owner_id: &self.owner_id,
            restore_in_progress: &self.restore_in_progress,
            restore_expiry: &self.restore_expiry,
        }
    }
}

fn set(field: &mut Vec<u8>, text: &[u8], scratch: &mut Vec<u8>) {
    field.clear();
    field.extend_from_slice(unescape(text, scratch));
}

/// Visits the children of a whole element with their names and texts.
fn each_child(element: &[u8], mut visit: impl FnMut(&[u8], &[u8])) {
    let Ok(Some((start, used))) = tag(element) else {
        return;
    };
    let mut rest = if start.empty { &[][..] } else { &element[used..] };
    while let Some(at) = memchr(b'<', rest)
        && !rest[at..].starts_with(b"</")
        && let Ok(Some(((tag, text), used))) = child(&rest[at..])
    {
        visit(tag.name, text);
        rest = &rest[at + used..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::elements::in_any_order;

    const ALL: WantedDetails = WantedDetails { checksum: true, owner: true, restore: true };

    /// The reader after the objects with these children.
    fn read(wanted: WantedDetails, objects: &[&str]) -> DetailReader {
        let mut reader = DetailReader::new(wanted);
        for children in objects {
            reader.begin();
            let input = format!("<Key>k</Key>{children}</Contents>");
            let found = in_any_order(input.as_bytes(), |name, text, element| reader.take(name, text, element))
                .unwrap()
                .unwrap();
            assert_eq!((found.0.key, found.1), (Some(&b"k"[..]), input.len()));
        }
        reader
    }

    const OBJECT: &str = "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType>\
        <Owner><DisplayName>d</DisplayName><ID>a&amp;b</ID></Owner><RestoreStatus>\
        <IsRestoreInProgress>false</IsRestoreInProgress> \
        <RestoreExpiryDate>2025-12-21T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>";

    #[test]
    fn everything_wanted_is_read() {
        let expected = Details {
            checksum_algorithm: b"CRC32",
            checksum_type: b"COMPOSITE",
            owner_id: b"a&b",
            restore_in_progress: b"false",
            restore_expiry: b"2025-12-21T00:00:00.000Z",
        };
        assert_eq!(read(ALL, &[OBJECT]).details(), expected);
    }

    #[test]
    fn nothing_is_left_of_the_object_before() {
        for next in
            ["", "<Owner/><RestoreStatus></RestoreStatus>", "<ID>x</ID><Owner><Other><ID>x</ID></Other></Owner>"]
        {
            assert_eq!(read(ALL, &[OBJECT, next]).details(), *Details::NONE, "{next}");
        }
    }

    #[test]
    fn what_nobody_wants_is_not_read() {
        assert_eq!(read(WantedDetails::default(), &[OBJECT]).details(), *Details::NONE);
        let reader = read(WantedDetails { owner: true, ..WantedDetails::default() }, &[OBJECT]);
        assert_eq!(reader.details(), Details { owner_id: b"a&b", ..Details::default() });
    }

    #[test]
    fn several_algorithms_are_separated_by_a_space() {
        let two = "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>";
        assert_eq!(read(ALL, &[two]).details().checksum_algorithm, b"CRC32 SHA256");
    }
}
