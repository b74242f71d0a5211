//! What happens to a request between its connection and the S3 service.
//!
//! Responsible for the endpoint's own paths, counting, latency, the cap on requests and carrying
//! out faults. It leaves S3 itself to `service` and connections to `endpoint`. Invariant: every
//! request that is not for an own path is counted exactly once, whatever becomes of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::service::S3Service;

use super::catalog::{Bucket, Catalog};
use super::counters::{Counters, CountersSnapshot};
use super::encoding::percent_decoded;
use super::error_document::{self, ErrorDocument};
use super::fault::{FaultKind, FaultPlan, malformed};
use super::gate::{self, Refusal, Scope};
use super::hash::{mix, seed_of};
use super::list_route::{KeysOnPage, ListObjects, is_list_request};
use super::reply::{Cut, Reply};
use super::service;
use super::spec::Spec;
use super::truth;

const COUNTERS_PATH: &str = "/_demo/counters";
const TRUTH_PATH: &str = "/_demo/truth/";
const OWN_PATHS: &str = "/_demo/";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// Everything that the connections of an endpoint share.
pub(super) struct Server {
    catalog: Arc<Catalog>,
    service: S3Service,
    list_objects: ListObjects,
    counters: Arc<Counters>,
    faults: FaultPlan,
    limiter: Option<DefaultDirectRateLimiter>,
    latency: Duration,
    request_id_seed: u64,
}

impl Server {
    pub(super) fn new(spec: &Spec) -> Self {
        let catalog = Arc::new(Catalog::new(spec));
        let limiter = spec.requests_per_second.map(|rate| {
            // A tenth of a second's worth at once: bursts pass, a steady excess does not.
            let burst = (rate.get() / 10).try_into().unwrap_or(std::num::NonZeroU32::MIN);
            RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))
        });
        let list_objects = ListObjects { catalog: Arc::clone(&catalog), page_size: spec.page_size };
        Self {
            service: service::build(Arc::clone(&catalog), list_objects.clone()),
            list_objects,
            catalog,
            counters: Arc::default(),
            faults: FaultPlan::new(spec.seed, spec.fault_rate, spec.faults.clone()),
            limiter,
            latency: spec.latency,
            request_id_seed: seed_of(spec.seed, "request ids"),
        }
    }

    pub(super) fn counters(&self) -> CountersSnapshot {
        self.counters.snapshot()
    }

    /// # Errors
    /// [`Cut`] when the connection is to be closed without an answer.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
        if request.uri().path().starts_with(OWN_PATHS) {
            return Ok(self.own(request.method(), request.uri()).await);
        }
        let (ordinal, in_flight) = self.counters.begin();
        self.counters.count_asked(request.method(), request.uri(), request.headers());
        let scope = Scope::of(request.headers());
        let signed = self.counters.count_scope(scope.as_ref());
        let is_list = is_list_request(request.method(), request.uri());
        let fault = is_list.then(|| self.counters.begin_list()).and_then(|ordinal| self.faults.draw(ordinal));
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        let mut response = match scope.and_then(|scope| self.turned_away(&scope, signed, request.uri())) {
            Some(response) => response,
            None => self.s3(request, fault).await?,
        };
        let id = format!("{:016X}", mix(self.request_id_seed, ordinal));
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        Ok(response.map(|reply| reply.during(in_flight)))
    }

    /// The answer to who does not get as far as S3, with a key that has signed so many requests.
    fn turned_away(&self, scope: &Scope, signed: u64, uri: &Uri) -> Option<Response<Reply>> {
        let refusal = if scope.is_expired(signed) {
            self.counters.add_expired();
            Refusal::expired()
        } else {
            gate::misplaced(scope, uri, &self.catalog)?
        };
        let body = refusal.document.xml_naming(refusal.region);
        let mut response = typed(refusal.document.status, "application/xml", Reply::whole(body.into()));
        response.headers_mut().extend(refusal.headers);
        Some(response)
    }

    async fn s3(&self, request: Request<Incoming>, fault: Option<FaultKind>) -> Result<Response<Reply>, Cut> {
        if let Some(limiter) = &self.limiter
            && limiter.check().is_err()
        {
            self.counters.add_throttled();
            return Ok(refusal(error_document::SLOW_DOWN));
        }
        match fault {
            Some(FaultKind::InternalError | FaultKind::SlowDown | FaultKind::Error200) => {}
            Some(FaultKind::Reset) => {
                self.counters.add_fault(FaultKind::Reset);
                return Err(Cut);
            }
            _ => return self.honest(request, fault).await,
        }
        let document = match fault {
            Some(FaultKind::SlowDown) => error_document::SLOW_DOWN,
            Some(FaultKind::Error200) => ErrorDocument { status: StatusCode::OK, ..error_document::INTERNAL_ERROR },
            _ => error_document::INTERNAL_ERROR,
        };
        if let Some(kind) = fault {
            self.counters.add_fault(kind);
        }
        Ok(refusal(document))
    }

    /// The answer of S3, whose body a fault may spoil if it is a page.
    async fn honest(&self, request: Request<Incoming>, fault: Option<FaultKind>) -> Result<Response<Reply>, Cut> {
        let answer = if is_beyond_s3s(&request) {
            let page = self.list_objects.answer(request.uri(), request.headers());
            let mut answer = Response::new(page.output);
            *answer.status_mut() = page.status.unwrap_or_default();
            *answer.headers_mut() = page.headers;
            *answer.extensions_mut() = page.extensions;
            answer
        } else {
            let answer = self.service.call(request.map(s3s::Body::from)).await;
            answer.map_err(|_| Cut)?
        };
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let keys = parts.extensions.remove::<KeysOnPage>();
        let fault = fault.filter(|_| keys.is_some());
        if let Some(kind) = fault {
            self.counters.add_fault(kind);
        }
        if let Some(KeysOnPage(keys)) = keys
            && matches!(fault, None | Some(FaultKind::Slow))
        {
            self.counters.add_keys(keys);
        }
        let reply = match fault {
            Some(FaultKind::Truncated) => Reply::truncated(&body),
            Some(FaultKind::Malformed) => Reply::whole(malformed(&body)),
            Some(FaultKind::Slow) => Reply::slow(body),
            Some(FaultKind::Stalled) => Reply::stalled(&body),
            _ => Reply::whole(body),
        };
        Ok(Response::from_parts(parts, reply))
    }

    /// The counters: at once, or as soon as the one that a query `NAME=NUMBER` names is at least so much.
    async fn counters_when(&self, query: Option<&str>) -> Option<CountersSnapshot> {
        let Some(query) = query else {
            return Some(self.counters());
        };
        let (name, least) = query.split_once('=')?;
        self.counters.at_least(name, least.parse().ok()?).await
    }

    async fn own(&self, method: &Method, uri: &Uri) -> Response<Reply> {
        let path = uri.path();
        if method != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
        }
        if path == COUNTERS_PATH {
            let Some(counters) = self.counters_when(uri.query()).await else {
                return plain(StatusCode::NOT_FOUND, "no such counter, or no number\n");
            };
            let mut json =
                serde_json::to_vec(&counters).expect("counters are numbers under names, which have a JSON form");
            json.push(b'\n');
            return typed(StatusCode::OK, "application/json", Reply::whole(json.into()));
        }
        let bucket = path
            .strip_prefix(TRUTH_PATH)
            .and_then(percent_decoded)
            .and_then(|name| String::from_utf8(name).ok())
            .and_then(|name| self.catalog.find(&name));
        match bucket {
            Some(Bucket::Open(shape)) => {
                let reply = Reply::generated(truth::json_lines(shape.clone()));
                typed(StatusCode::OK, "application/x-ndjson", reply)
            }
            Some(Bucket::Denied | Bucket::Missing) | None => plain(StatusCode::NOT_FOUND, "no such bucket\n"),
        }
    }
}

/// Whether this is a signed list request for a bucket with a slash in its name. s3s computes
/// signatures over the decoded path, where such a slash is lost, and finds every one of them bad:
/// so these few names, which S3 itself would never give out, are answered without the check.
fn is_beyond_s3s(request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    is_list_request(request.method(), request.uri())
        && request.headers().contains_key(http::header::AUTHORIZATION)
        && (path.contains("%2F") || path.contains("%2f"))
}

fn refusal(document: ErrorDocument) -> Response<Reply> {
    let reply = Reply::whole(document.xml().into());
    typed(document.status, "application/xml", reply)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Reply> {
    typed(status, "text/plain", Reply::whole(Bytes::from_static(text.as_bytes())))
}

fn typed(status: StatusCode, content_type: &'static str, reply: Reply) -> Response<Reply> {
    let mut response = Response::new(reply);
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
