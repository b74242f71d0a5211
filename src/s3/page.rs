//! A page as those see it who ask for it and those who read it.

use super::details::WantedDetails;
use super::fault::PageFault;
use super::range::Key;

/// Takes the body of a listing's answer as it arrives. Implemented by [`PageScan`](super::PageScan) for any sink, so
/// that the connector need not know what rows are.
pub trait BodySink: Send {
    /// Which details of objects the request has to ask for.
    fn wanted(&self) -> WantedDetails;

    /// An attempt begins: whatever an earlier attempt left is forgotten.
    fn begin(&mut self);

    /// Takes the next bytes of the body, from behind the root's start tag on.
    ///
    /// # Errors
    /// When the bytes so far cannot be part of a sound page.
    fn feed(&mut self, frame: &[u8]) -> Result<(), PageFault>;

    /// The body has ended.
    ///
    /// # Errors
    /// When it ended too early, or the page as a whole is not sound.
    fn finish(&mut self) -> Result<(), PageFault>;
}

/// What a page says besides its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Objects in the answer, those beyond the range included.
    pub keys: u64,
    /// Bytes of the answer's body.
    pub body_bytes: u64,
    /// Whether the store has more behind this page.
    pub truncated: bool,
    /// The token to go on with, where truncated.
    pub next_token: Option<String>,
    /// The first key beyond the range's end, where one was seen: then the range is done.
    pub beyond: Option<Key>,
    /// Some keys of the answer in order, those beyond the range included: the last one always, where
    /// there is any.
    pub samples: Vec<Key>,
}
