//! One object as a listing shows it, borrowed from the bytes of the answer.

/// The metadata of one object. Every field is decoded text (XML entities and URL encoding undone)
/// and empty where the store did not give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'page> {
    /// The key's raw bytes.
    pub key: &'page [u8],
    /// Decimal digits, in bytes.
    pub size: &'page [u8],
    /// ISO 8601 as the store wrote it, with or without fractions of a second.
    pub last_modified: &'page [u8],
    /// Without its quotes.
    pub etag: &'page [u8],
    /// Such as `STANDARD` or `GLACIER`.
    pub storage_class: &'page [u8],
}

/// What takes the objects of a page, one by one in key order. Nothing of a page counts before the
/// page's request has succeeded as a whole.
pub trait ObjectSink: Send {
    /// Forgets the page so far: a new attempt at it begins.
    fn reset(&mut self);

    /// Takes one object.
    fn object(&mut self, object: &Object<'_>);
}
