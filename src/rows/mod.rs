//! Object to bytes: what becomes a row and how it is written.
//!
//! Pure, on borrowed bytes, with nothing allocated per object. [`RowWriter`] is the sink of a page:
//! it filters, counts and encodes into one buffer, which is thrown away when the attempt fails.

mod csv;
mod encoder;
mod excel;
mod filter;
mod format;
mod instant;
mod percent;
mod shaped;

pub use csv::{push_field, row_end};
pub use encoder::{BucketFields, ENCODER_VERSION, RowEncoder};
pub use filter::ObjectFilter;
pub use format::RowFormat;

use crate::s3::{Object, ObjectSink, WantedDetails};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;
use std::sync::Arc;

/// What was seen and written, of a page, a range or a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Objects listed.
    pub objects: u64,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
    /// Objects that matched the job and became rows.
    pub rows: u64,
    /// Objects whose `LastModified` was missing or unreadable.
    pub undated: u64,
}

impl AddAssign for RowCounts {
    fn add_assign(&mut self, other: Self) {
        // Sizes are the store's word: a hostile sum stays at its limit instead of ending the run.
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.rows = self.rows.saturating_add(other.rows);
        self.undated = self.undated.saturating_add(other.undated);
    }
}

/// Takes the objects of a page and holds their rows until they are written.
#[derive(Clone, Debug)]
pub struct RowWriter {
    filter: Arc<ObjectFilter>,
    encoder: RowEncoder,
    rows: Vec<u8>,
    counts: RowCounts,
}

impl RowWriter {
    /// A writer for the rows of one bucket.
    #[must_use]
    pub fn new(filter: Arc<ObjectFilter>, encoder: RowEncoder) -> Self {
        Self { filter, encoder, rows: Vec::new(), counts: RowCounts::default() }
    }

    /// The rows of the page, encoded.
    #[must_use]
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// What the page had.
    #[must_use]
    pub fn counts(&self) -> RowCounts {
        self.counts
    }
}

impl ObjectSink for RowWriter {
    fn wanted(&self) -> WantedDetails {
        self.encoder.wanted()
    }

    fn reset(&mut self) {
        self.rows.clear();
        self.counts = RowCounts::default();
    }

    fn object(&mut self, object: &Object<'_>) {
        self.counts.objects += 1;
        self.counts.bytes = self.counts.bytes.saturating_add(object.size.bytes.unwrap_or(0));
        if let Some(instant) = instant::parse_utc(object.last_modified) {
            if self.filter.matches(object, Some(instant)) {
                self.encoder.push(&mut self.rows, object, object.last_modified);
                self.counts.rows += 1;
            }
            return;
        }
        // Rare: a store that writes dates in another form, or none at all.
        let dated = instant::parse_any(object.last_modified);
        self.counts.undated += u64::from(dated.is_none());
        if self.filter.matches(object, dated.as_ref().map(|(instant, _)| *instant)) {
            let text = dated.map(|(_, text)| text).unwrap_or_default();
            self.encoder.push(&mut self.rows, object, text.as_bytes());
            self.counts.rows += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Column;
    use crate::s3::Size;

    fn write(last_modified: &[u8], size: &[u8]) -> (String, RowCounts) {
        let format = RowFormat::standard(&[Column::Key, Column::Size, Column::LastModified]);
        let encoder = RowEncoder::new(&format, &BucketFields::default());
        let mut writer = RowWriter::new(Arc::default(), encoder);
        writer.object(&Object { key: b"k", size: Size::new(size), last_modified, ..Object::default() });
        (String::from_utf8(writer.rows().to_vec()).unwrap(), writer.counts())
    }

    #[test]
    fn dates_keep_their_precision_and_offsets_become_utc() {
        assert_eq!(write(b"2025-01-01T00:00:00.000Z", b"1").0, "k,1,2025-01-01T00:00:00.000Z\n");
        assert_eq!(write(b"2025-01-01T00:00:00Z", b"1").0, "k,1,2025-01-01T00:00:00Z\n");
        assert_eq!(write(b"2025-01-01T01:00:00+01:00", b"1").0, "k,1,2025-01-01T00:00:00Z\n");
    }

    #[test]
    fn nothing_is_invented_for_a_missing_date_or_size() {
        let (row, counts) = write(b"yesterday", b"");
        assert_eq!(row, "k,,\n");
        assert_eq!(write(b"", b"12x").0, "k,,\n");
        assert_eq!(write(b"", b"99999999999999999999").0, "k,,\n");
        assert_eq!(counts, RowCounts { objects: 1, bytes: 0, rows: 1, undated: 1 });
    }

    #[test]
    fn sums_stay_at_their_limit() {
        let most = write(b"2025-01-01T00:00:00Z", b"9999999999999999999").1;
        assert_eq!(most.bytes, 9_999_999_999_999_999_999);
        let mut sum = RowCounts { objects: u64::MAX, bytes: most.bytes, rows: u64::MAX, undated: u64::MAX };
        sum += RowCounts { undated: 1, ..most };
        assert_eq!(sum, RowCounts { objects: u64::MAX, bytes: u64::MAX, rows: u64::MAX, undated: u64::MAX });
    }

    #[test]
    fn sizes_beyond_32_bits_are_summed() {
        assert_eq!(write(b"2025-01-01T00:00:00Z", b"5497558138880").1.bytes, 5_497_558_138_880);
    }
}
