//! What can be wrong with the body of a page, as the scanner sees it.

use super::text::KeyEncoding;

/// Why a page's body was refused. Nothing of such a page is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageFault {
    /// The body ended before its root element did.
    #[error("the answer was cut off before its end")]
    Cut,
    /// The body is not the XML of a listing.
    #[error("the answer is malformed: {0}")]
    Malformed(&'static str),
    /// The keys of the page turned out to be encoded in another way than assumed.
    #[error("the keys are encoded as {0:?}, against what was assumed")]
    Encoding(KeyEncoding),
    /// A key that is not behind the one before it: the store does not keep the order, or repeats.
    #[error("key `{key}` came behind `{previous}`: the store does not list in key order")]
    OutOfOrder {
        /// The key that stands in the wrong place, for people to read.
        key: String,
        /// The key before it.
        previous: String,
    },
    /// A key that does not begin with what was asked for.
    #[error("key `{key}` does not begin with `{prefix}`: the store does not heed the prefix")]
    OutsidePrefix {
        /// The key, for people to read.
        key: String,
        /// What was asked for.
        prefix: String,
    },
    /// A truncated page that gives no way to go on.
    #[error("a truncated page does not say where to go on")]
    NoProgress,
}

impl PageFault {
    /// Whether asking again may give a sound page. Disorder is the store's nature, not an accident.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Cut | Self::Malformed(_) | Self::Encoding(_))
    }
}
