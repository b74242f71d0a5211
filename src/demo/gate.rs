//! Who asks, and in which region: what a request is refused for before S3 looks at it.
//!
//! Responsible for keys that expire and for buckets that are in another region than the endpoint's. It
//! leaves signatures and unknown keys to s3s. Invariant: a request is let through only with a key that
//! is still good, and in the region of the bucket that it names.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::catalog::{Catalog, Elsewhere, ElsewhereAnswer};
use super::encoding::percent_decoded;
use super::error_document::{self, ErrorDocument};
use super::service::region_header;

/// What an access key begins with that is good until the milliseconds behind it, since the epoch. Its
/// secret is that of the other.
const EXPIRING_KEY: &str = "demo-until-";
/// The same for one that is good for so many requests; what stands behind a further hyphen only tells it
/// from others.
const COUNTED_KEY: &str = "demo-for-";

/// How long an access key is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    Until(SystemTime),
    Requests(u64),
}

impl Term {
    /// `None` where the key says none.
    pub(super) fn of(access_key: &str) -> Option<Self> {
        if let Some(milliseconds) = access_key.strip_prefix(EXPIRING_KEY) {
            return Some(Self::Until(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds.parse().ok()?)));
        }
        let (requests, _) = access_key.strip_prefix(COUNTED_KEY)?.split_once('-')?;
        Some(Self::Requests(requests.parse().ok()?))
    }
}

/// Whom and where a signed request is for, as its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) access_key: String,
    region: String,
}

impl Scope {
    /// `None` for a request that is not signed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let (_, credential) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once("Credential=")?;
        let mut parts = credential.split([',', '/']);
        let (access_key, _, region) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { access_key: access_key.to_owned(), region: region.to_owned() })
    }

    /// Whether the key is over with this request, the so manyth that it signs.
    #[expect(clippy::disallowed_methods, reason = "keys expire by the clock, and nothing else depends on it")]
    pub(super) fn is_expired(&self, requests: u64) -> bool {
        match Term::of(&self.access_key) {
            Some(Term::Until(until)) => until < SystemTime::now(),
            Some(Term::Requests(most)) => requests > most,
            None => false,
        }
    }
}

/// Why a request is refused, as S3 says it.
pub(super) struct Refusal {
    pub(super) document: ErrorDocument,
    pub(super) headers: HeaderMap,
    /// The region to ask in, where it is told in the document.
    pub(super) region: Option<&'static str>,
}

impl Refusal {
    fn of(document: ErrorDocument) -> Self {
        Self { document, headers: HeaderMap::new(), region: None }
    }

    /// The refusal of a key that is no longer good.
    pub(super) fn expired() -> Self {
        Self::of(error_document::EXPIRED_TOKEN)
    }
}

/// Looks at where a request is sent.
pub(super) fn misplaced(scope: &Scope, uri: &Uri, catalog: &Catalog) -> Option<Refusal> {
    let name = uri.path().trim_matches('/');
    let name = percent_decoded(name).and_then(|name| String::from_utf8(name).ok())?;
    let Elsewhere { region, answer } = catalog.elsewhere(&name)?;
    if scope.region != region {
        let status = match answer {
            ElsewhereAnswer::Malformed => {
                return Some(Refusal { region: Some(region), ..Refusal::of(error_document::WRONG_REGION) });
            }
            ElsewhereAnswer::Temporary => StatusCode::TEMPORARY_REDIRECT,
            ElsewhereAnswer::Permanent | ElsewhereAnswer::Disabled => StatusCode::MOVED_PERMANENTLY,
        };
        let document = ErrorDocument { status, ..error_document::PERMANENT_REDIRECT };
        let mut headers = region_header(region);
        headers.insert(header::LOCATION, HeaderValue::from_static("http://localhost/"));
        return Some(Refusal { headers, ..Refusal::of(document) });
    }
    (answer == ElsewhereAnswer::Disabled).then(|| Refusal::of(error_document::UNKNOWN_KEY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(access_key: &str, region: &str) -> Scope {
        let mut headers = HeaderMap::new();
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/20261127/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
        );
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        Scope::of(&headers).unwrap()
    }

    #[test]
    fn keys_expire_by_what_they_say() {
        assert!(Scope::of(&HeaderMap::new()).is_none());
        assert!(scope("demo-until-1000", "us-east-1").is_expired(1));
        for good in ["demo-until-99999999999999", "demo", "demo-until-soon", "demo-for-2"] {
            assert!(!scope(good, "us-east-1").is_expired(1000), "{good}");
        }
        let counted = |requests| scope("demo-for-2-x", "us-east-1").is_expired(requests);
        assert_eq!([1, 2, 3].map(counted), [false, false, true]);
    }

    #[test]
    fn a_bucket_elsewhere_is_answered_in_its_own_region_only() {
        let catalog = Catalog::new(&"demo:?elsewhere=3&disabled=1".parse().unwrap());
        let asked = |region: &str, path: &'static str| {
            let refusal = misplaced(&scope("demo", region), &Uri::from_static(path), &catalog)?;
            let header = refusal.headers.get("x-amz-bucket-region").map(|value| value.to_str().unwrap().to_owned());
            Some((refusal.document.status.as_u16(), header.or(refusal.region.map(str::to_owned))))
        };
        let there = || Some("eu-west-1".to_owned());
        assert_eq!(asked("us-east-1", "/demo-elsewhere-1/"), Some((301, there())));
        assert_eq!(asked("us-east-1", "/demo-elsewhere-2"), Some((307, there())));
        assert_eq!(asked("us-east-1", "/demo-elsewhere-3?list-type=2"), Some((400, there())));
        assert_eq!(asked("eu-west-1", "/demo-elsewhere-3"), None);
        assert_eq!(asked("us-east-1", "/demo-flat"), None);
        assert_eq!(asked("us-east-1", "/"), None);
        assert_eq!(asked("us-east-1", "/demo-disabled-1"), Some((301, Some("me-south-1".to_owned()))));
        assert_eq!(asked("me-south-1", "/demo-disabled-1"), Some((403, None)));
    }
}
