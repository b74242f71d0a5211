//! How S3 is asked: the only place that names `aws_*` crates.
//!
//! [`Store`] is one account's S3: credentials, a client per region, its buckets. [`Lister`] is the
//! one question scanning asks of it, a page behind a cursor, whose objects go straight from the body
//! to an [`ObjectSink`] by way of the [connector](mod@connector) and the [`PageScan`]. Failures are
//! classified here once, as [`Failure`]s. Pacing, retries and what to do next are left to `scan`.

mod access;
mod bound;
mod classify;
pub mod connector;
mod counts;
mod details;
pub mod discovery;
mod elements;
mod endpoint;
mod failure;
mod fault;
mod identity;
mod network;
mod object;
mod page;
mod page_scan;
mod profiles;
mod range;
mod regions;
mod session;
mod store;
mod text;
mod unsent;

pub use access::{Access, AssumedRole, Identity};
pub use bound::Bound;
pub use connector::PageTap;
pub use counts::{BUCKETS_PER_QUESTION, ObjectCount};
pub use details::{Details, WantedDetails};
pub use discovery::{FoundBucket, is_directory_bucket};
pub use elements::{Root, root};
pub use endpoint::is_aws;
pub use failure::{Failure, FailureKind};
pub use fault::PageFault;
pub use identity::CallerIdentity;
pub use network::Network;
pub use object::{Object, ObjectSink, Size};
pub use page::{BodySink, PageFacts};
pub use page_scan::PageScan;
pub use range::{Cursor, Key, Range};
pub use store::{Lister, Store};
pub use text::{KeyEncoding, contains_any};
