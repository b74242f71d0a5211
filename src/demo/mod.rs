//! A synthetic S3 endpoint: a real HTTP server on a loopback port over buckets computed from a seed.
//!
//! Responsible for serving `ListBuckets`, `HeadBucket`, `GetBucketLocation` and `ListObjectsV2` with
//! S3's protocol, signatures, limits and failures, path-style only. It leaves everything else about
//! S3 aside: there are no objects to read, and nothing can be written. Invariant: what is served is
//! a pure function of the [`Spec`]; nothing is stored, whatever the number of objects.
//!
//! # Knobs
//!
//! An endpoint is described by `demo:` or `demo:?knob=value&knob=value`:
//!
//! | knob | default | meaning |
//! |---|---|---|
//! | `objects` | 20000 | keys in each bucket of a shape, up to 1000000000 |
//! | `shape` | `all` | `flat`, `uuid`, `dates`, `skewed`, `unicode`, or `all`: buckets of each |
//! | `buckets` | 1 | buckets per shape: `demo-flat`, or `demo-flat-0001` onwards when not 1 |
//! | `small` | 0 | further buckets `demo-small-0001` onwards, taking the shapes in turn |
//! | `small_objects` | 100 | keys in each of them |
//! | `denied` | 0 | buckets `demo-denied-1` onwards, which answer 403 `AccessDenied` |
//! | `missing` | 0 | buckets `demo-missing-1` onwards: listed, but 404 `NoSuchBucket` |
//! | `elsewhere` | 0 | buckets `demo-elsewhere-1` onwards, of 100 keys: listed as if here, but in `eu-west-1` |
//! | `disabled` | 0 | buckets `demo-disabled-1` onwards, in `me-south-1`, which does not know the access key |
//! | `hostile` | 0 | 1: also a bucket `../../etc` and one with a line feed, of 10 keys each |
//! | `latency_ms` | 0 | wait before every answer |
//! | `requests_per_second` | 0 | cap over the endpoint, beyond which 503 `SlowDown`; 0: no cap |
//! | `fault_rate` | 0 | share of list requests that meet a fault, 0 to 1 |
//! | `faults` | all but `slow,stalled` | kinds to draw from, separated by commas: see [`FaultKind`] |
//! | `seed` | 1 | changes keys, attributes and faults |
//! | `page_size` | 1000 | the server's own limit for keys on a page, 1 to 1000 |
//!
//! A bucket that is elsewhere answers requests signed for another region, in turn, with 301, 307 and
//! 400, each naming its region. An access key `demo-until-MILLISECONDS`, with the same secret, is good until
//! that instant since the epoch, and is refused with `ExpiredToken` from then on; one `demo-for-COUNT-NAME` is
//! good for so many requests.
//!
//! A few objects of the class `GLACIER` are being restored, or were; pages tell it where the request's
//! header `x-amz-optional-object-attributes` names `RestoreStatus`.
//!
//! # Own paths
//!
//! Outside S3's name space, and without a signature: `GET /_demo/counters` answers a
//! [`CountersSnapshot`] as JSON, with `?NAME=NUMBER` as soon as that counter is at least so much;
//! `GET /_demo/truth/<bucket>` every [`Truth`] of a bucket as JSON lines.

mod auth;
mod catalog;
mod counters;
mod encoding;
mod endpoint;
mod error_document;
mod fault;
mod gate;
mod hash;
mod list_query;
mod list_route;
mod object;
mod odd_keys;
mod page;
mod reply;
mod server;
mod service;
mod shape;
mod spec;
#[cfg(test)]
mod tests;
mod truth;

pub use counters::CountersSnapshot;
pub use endpoint::Endpoint;
pub use fault::FaultKind;
pub use page::OWNER;
pub use shape::KeyStyle;
pub use spec::{Spec, SpecError};
pub use truth::{Truth, truth};

/// The access key that the endpoint knows.
pub const ACCESS_KEY: &str = "demo";

/// The secret that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "demo-secret";

/// The region of every bucket but those that are elsewhere.
pub const REGION: &str = "us-east-1";
