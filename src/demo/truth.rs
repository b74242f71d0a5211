//! What a bucket holds, apart from any listing.
//!
//! Responsible for enumerating a bucket's objects, as values and as JSON lines. It leaves keys and
//! attributes to `shape` and `object`. Invariant: objects come in UTF-8 byte order of their keys,
//! each once.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::catalog::{Bucket, Catalog};
use super::object::{Attributes, Restore};
use super::shape::Shape;
use super::spec::Spec;

/// Lines are handed out in pieces of about this many bytes.
const PIECE: usize = 64 * 1024;

/// One object as a complete listing must show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The key, decoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The text as served: `2023-11-05T05:58:20.000Z`.
    pub last_modified: String,
    /// Without quotes.
    pub etag: String,
    /// As in `StorageClass`.
    pub storage_class: String,
    /// Whether an archived object is being restored; absent where it was never asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_in_progress: Option<bool>,
    /// Until when a restored copy can be read, as served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_expiry: Option<String>,
}

/// Every object of a bucket in UTF-8 byte order of the keys; `None` where there is no such bucket
/// or it cannot be listed.
#[must_use]
pub fn truth(spec: &Spec, bucket: &str) -> Option<impl Iterator<Item = Truth> + use<>> {
    match Catalog::new(spec).find(bucket)? {
        Bucket::Open(shape) => Some(objects(shape.clone())),
        Bucket::Denied | Bucket::Missing => None,
    }
}

fn objects(shape: Shape) -> impl Iterator<Item = Truth> + use<> {
    let mut key = Vec::new();
    (0..shape.objects()).map(move |rank| {
        shape.key_at(rank, &mut key);
        let attributes = Attributes::of(&shape, rank);
        let mut etag = Vec::new();
        attributes.etag.write(&mut etag);
        Truth {
            key: text(&key),
            size: attributes.size,
            last_modified: text(&attributes.last_modified),
            etag: text(&etag),
            storage_class: attributes.storage_class.to_owned(),
            restore_in_progress: attributes.restore.map(|restore| restore == Restore::InProgress),
            restore_expiry: match attributes.restore {
                Some(Restore::Until(expiry)) => Some(text(&expiry)),
                Some(Restore::InProgress) | None => None,
            },
        }
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A bucket's objects as JSON lines, in pieces of some 64 KiB.
pub(super) fn json_lines(shape: Shape) -> impl Iterator<Item = Bytes> + Send {
    let mut objects = objects(shape);
    std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE + 4_096);
        while piece.len() < PIECE {
            let Some(object) = objects.next() else { break };
            serde_json::to_writer(&mut piece, &object)
                .expect("text and numbers have a JSON form, and a vector takes every write");
            piece.push(b'\n');
        }
        (!piece.is_empty()).then(|| piece.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_byte_order_with_every_object_once() {
        let spec: Spec = "demo:?objects=500".parse().unwrap();
        for bucket in ["demo-flat", "demo-uuid", "demo-dates", "demo-skewed", "demo-unicode"] {
            let objects: Vec<Truth> = truth(&spec, bucket).unwrap().collect();
            assert_eq!(objects.len(), 500);
            assert!(objects.is_sorted_by(|one, next| one.key.as_bytes() < next.key.as_bytes()), "{bucket}");
        }
    }

    #[test]
    fn what_cannot_be_listed_has_no_truth() {
        let spec: Spec = "demo:?denied=1&missing=1".parse().unwrap();
        for bucket in ["demo-denied-1", "demo-missing-1", "demo", ""] {
            assert!(truth(&spec, bucket).is_none(), "{bucket}");
        }
    }

    #[test]
    fn json_lines_are_the_same_objects_in_pieces() {
        let spec: Spec = "demo:?objects=2000&shape=unicode".parse().unwrap();
        let catalog = Catalog::new(&spec);
        let Some(Bucket::Open(shape)) = catalog.find("demo-unicode") else {
            panic!("the bucket exists");
        };
        let pieces: Vec<Bytes> = json_lines(shape.clone()).collect();
        assert!(pieces.len() > 1);
        let lines = String::from_utf8(pieces.concat()).unwrap();
        let parsed: Vec<Truth> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(parsed, truth(&spec, "demo-unicode").unwrap().collect::<Vec<_>>());
    }
}
