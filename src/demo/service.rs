//! The operations on buckets, as a protocol service.
//!
//! Responsible for `ListBuckets`, `HeadBucket` and `GetBucketLocation`. It leaves listing objects
//! to `list_route`, signatures and protocol to s3s, and counting, latency and faults to `server`.
//! Invariant: nothing is answered unless the request's signature was found good.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::{
    Bucket as ListedBucket, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput, Owner, Timestamp,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::REGION;
use super::auth::KnownKeys;
use super::catalog::{Bucket, Catalog};
use super::encoding::{from_hex, hex_bytes};
use super::error_document;
use super::list_route::ListObjects;
use super::page;

const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// 2022-12-01, before any object.
const CREATED: Duration = Duration::from_hours(463_848);

/// S3's limit for a page of buckets.
const MOST_BUCKETS_PER_PAGE: i32 = 10_000;

/// The traits of s3s have their asynchronous methods boxed.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

/// The protocol service over the buckets of a catalogue.
pub(super) fn build(catalog: Arc<Catalog>, list_objects: ListObjects) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Buckets(catalog));
    builder.set_auth(KnownKeys);
    builder.set_validation(AnyName);
    builder.set_route(list_objects);
    builder.build()
}

/// Hostile bucket names must reach the catalogue to be found there.
struct AnyName;

impl NameValidation for AnyName {
    fn validate_bucket_name(&self, _name: &str) -> bool {
        true
    }
}

struct Buckets(Arc<Catalog>);

impl Buckets {
    fn list(&self, input: &ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let names_regions = input.bucket_region.is_some()
            || input.continuation_token.is_some()
            || input.max_buckets.is_some()
            || input.prefix.is_some();
        let most =
            input.max_buckets.map_or(usize::MAX, |most| usize::try_from(most.min(MOST_BUCKETS_PER_PAGE)).unwrap_or(0));
        if most == 0 {
            let message = "max-buckets must be an integer between 1 and 10000";
            return Err(S3Error::with_message(S3ErrorCode::InvalidArgument, message));
        }
        let after = match &input.continuation_token {
            None => None,
            Some(token) => {
                Some(from_hex(token.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
                    let message = "the continuation token provided is incorrect";
                    S3Error::with_message(S3ErrorCode::InvalidArgument, message)
                })?)
            }
        };
        let elsewhere = input.bucket_region.as_deref().is_some_and(|region| region != REGION);
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let mut names = self.0.names(prefix, after.as_deref()).filter(|_| !elsewhere).peekable();
        let mut page: Vec<&str> = Vec::new();
        while page.len() < most {
            let Some(name) = names.next() else { break };
            page.push(name);
        }
        let continuation_token = names.peek().and(page.last()).map(|name| {
            let mut token = Vec::new();
            hex_bytes(name.as_bytes(), &mut token);
            String::from_utf8_lossy(&token).into_owned()
        });
        let listed = page.into_iter().map(|name| ListedBucket {
            name: Some(name.to_owned()),
            creation_date: Some(Timestamp::from(SystemTime::UNIX_EPOCH + CREATED)),
            bucket_region: names_regions.then(|| self.0.region_told(name).to_owned()),
        });
        Ok(ListBucketsOutput {
            buckets: Some(listed.collect()),
            continuation_token,
            owner: Some(Owner { id: Some(page::OWNER.to_owned()), ..Owner::default() }),
            prefix: input.prefix.clone(),
        })
    }

    fn require_open(&self, name: &str) -> S3Result<()> {
        let (code, document) = match self.0.find(name) {
            Some(Bucket::Open(_)) => return Ok(()),
            Some(Bucket::Denied) => (S3ErrorCode::AccessDenied, error_document::ACCESS_DENIED),
            Some(Bucket::Missing) | None => (S3ErrorCode::NoSuchBucket, error_document::NO_SUCH_BUCKET),
        };
        let mut error = S3Error::with_message(code, document.message);
        if document == error_document::ACCESS_DENIED {
            // As S3 does, so that clients learn where a bucket is that they may not read.
            error.set_headers(region_header(self.0.region_of(name)));
        }
        Err(error)
    }
}

pub(super) fn region_header(region: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(BUCKET_REGION, HeaderValue::from_static(region))])
}

impl S3 for Buckets {
    fn list_buckets<'life0, 'async_trait>(
        &'life0 self,
        request: S3Request<ListBucketsInput>,
    ) -> Boxed<'async_trait, ListBucketsOutput>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.list(&request.input).map(S3Response::new) })
    }

    fn head_bucket<'life0, 'async_trait>(
        &'life0 self,
        request: S3Request<HeadBucketInput>,
    ) -> Boxed<'async_trait, HeadBucketOutput>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            self.require_open(&request.input.bucket)?;
            Ok(S3Response::new(HeadBucketOutput {
                bucket_region: Some(self.0.region_of(&request.input.bucket).to_owned()),
                ..HeadBucketOutput::default()
            }))
        })
    }

    fn get_bucket_location<'life0, 'async_trait>(
        &'life0 self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Boxed<'async_trait, GetBucketLocationOutput>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            self.require_open(&request.input.bucket)?;
            // S3 names the region us-east-1 by saying nothing.
            Ok(S3Response::new(GetBucketLocationOutput::default()))
        })
    }
}
