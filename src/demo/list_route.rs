//! `ListObjectsV2`, answered past the generic protocol.
//!
//! Responsible for recognising list requests and for answering them with pages written directly. It
//! leaves the pages to `page`, and signatures to s3s. Invariant: the route never answers a request
//! without credentials that s3s found good.

use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri};
use s3s::route::S3Route;
use s3s::{Body, S3Request, S3Response};

use super::catalog::{Bucket, Catalog};
use super::encoding::percent_decoded;
use super::error_document::{self, ErrorDocument};
use super::list_query::{ListQuery, is_list, wants_restore_status};
use super::page;
use super::service::{Boxed, region_header};

/// Keys on a list page, left in the answer's extensions for whoever counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeysOnPage(pub(super) u64);

/// Whether a request asks for a list of objects: `GET /bucket?list-type=2`.
pub(super) fn is_list_request(method: &Method, uri: &Uri) -> bool {
    method == Method::GET && uri.path() != "/" && is_list(uri.query())
}

/// Answers list requests. s3s calls it after the signature was checked, and refuses
/// anonymous requests before it does.
#[derive(Clone)]
pub(super) struct ListObjects {
    pub(super) catalog: Arc<Catalog>,
    /// The server's own limit for the entries of a page.
    pub(super) page_size: u64,
}

impl ListObjects {
    /// The page that a URI and its headers ask for, or why there is none; does not look at who asks.
    pub(super) fn answer(&self, uri: &Uri, headers: &HeaderMap) -> S3Response<Body> {
        let Some(name) = bucket_name(uri.path()) else {
            return refusal(error_document::NO_SUCH_BUCKET);
        };
        let shape = match self.catalog.find(&name) {
            Some(Bucket::Open(shape)) => shape,
            Some(Bucket::Denied) => {
                let mut response = refusal(error_document::ACCESS_DENIED);
                response.headers.extend(region_header(self.catalog.region_of(&name)));
                return response;
            }
            Some(Bucket::Missing) | None => return refusal(error_document::NO_SUCH_BUCKET),
        };
        let query = match ListQuery::parse(uri.query().unwrap_or_default()) {
            Ok(query) => ListQuery { restore_status: wants_restore_status(headers), ..query },
            Err(problem) => {
                let document = ErrorDocument { message: problem.message(), ..error_document::INVALID_ARGUMENT };
                return refusal(document);
            }
        };
        let page = page::write(&name, shape, &query, self.page_size);
        let mut response = xml(StatusCode::OK, page.xml);
        response.headers.extend(region_header(self.catalog.region_of(&name)));
        response.extensions.insert(KeysOnPage(page.keys));
        response
    }
}

fn bucket_name(path: &str) -> Option<String> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    String::from_utf8(percent_decoded(path)?).ok()
}

/// Refusals are answers, not errors, of the route: s3s would write each to the log as an error.
fn refusal(document: ErrorDocument) -> S3Response<Body> {
    xml(document.status, document.xml())
}

fn xml(status: StatusCode, body: Vec<u8>) -> S3Response<Body> {
    let mut response = S3Response::with_status(Body::from(body), status);
    response.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

impl S3Route for ListObjects {
    fn is_match(&self, method: &Method, uri: &Uri, _headers: &HeaderMap, _extensions: &mut Extensions) -> bool {
        is_list_request(method, uri)
    }

    fn call<'life0, 'async_trait>(&'life0 self, request: S3Request<Body>) -> Boxed<'async_trait, Body>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { Ok(self.answer(&request.uri, &request.headers)) })
    }
}
