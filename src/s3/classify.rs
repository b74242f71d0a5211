//! What kind of failure it is that the SDK returned: classified once, here; what was not even sent, in
//! `unsent`.
//!
//! Owns that nothing but the two looks at error codes or the SDK's types of errors.

use super::failure::{Failure, FailureKind, SignedWith, TOO_SKEWED};
use super::fault::PageFault;
use super::unsent::unsent;
use crate::event::RequestIds;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::{RequestId, RequestIdExt};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::io;
use std::time::Duration;

impl Failure {
    /// Classifies what the SDK returned.
    pub fn from_sdk<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(context) => service(context.err().meta(), context.raw()),
            SdkError::TimeoutError(_) => Self::local(FailureKind::Timeout, "no answer in time".to_owned()),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(error) => connector(error),
                None => unsent(error),
            },
            SdkError::ResponseError(context) => not_s3(context.raw()),
            SdkError::ConstructionFailure(_) => unsent(error),
            _ => Self::local(FailureKind::Transient, chain(error)),
        }
    }
}

fn service(meta: &aws_smithy_types::error::ErrorMetadata, response: &HttpResponse) -> Failure {
    let status = response.status().as_u16();
    // An error of S3 has a code. The SDK takes any other document for an error without one.
    if meta.code().is_none() && response.body().bytes().is_some_and(is_foreign) {
        return not_s3(response);
    }
    let message = meta.message().unwrap_or("the store gave no reason");
    let code = meta.code().map(|code| if is_of_clock(code, message) { TOO_SKEWED } else { code }.to_owned());
    let region = region_named(response);
    let kind = match (code.as_deref().unwrap_or_default(), status) {
        ("SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests", _)
        | (_, 429 | 503) => FailureKind::Throttled,
        ("RequestTimeout", _) => FailureKind::Timeout,
        ("InternalError", _) | (_, 500..) => FailureKind::Transient,
        (
            "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "TokenRefreshRequired"
            | "InvalidToken"
            | "RequestTimeTooSkewed"
            | "NotSignedUp"
            | "UnauthorizedAccess",
            _,
        )
        | (_, 401) => FailureKind::Identity,
        ("NoSuchBucket", _) | ("", 404) => FailureKind::Missing,
        (
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301 | 307) => FailureKind::Moved(region),
        (_, 403) => FailureKind::Denied,
        // An answer of 200 with an error inside that names no cause.
        (_, 200) => FailureKind::Transient,
        _ => FailureKind::Refused,
    };
    let skew = (code.as_deref() == Some(TOO_SKEWED)).then(|| skew(response)).flatten();
    Failure {
        kind,
        status: Some(status),
        message: skew.map_or_else(|| message.to_owned(), |skew| format!("{message}; {skew}")),
        code,
        ids: Box::new(RequestIds {
            request: meta.request_id().map(str::to_owned),
            host: meta.extended_request_id().map(str::to_owned),
        }),
        retry_after: retry_after(response),
        advice: None,
        signed_with: response.extension::<SignedWith>().copied(),
    }
}

/// The region that an answer names: in a header, or in its document.
fn region_named(response: &HttpResponse) -> Option<String> {
    if let Some(region) = response.headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    let body = String::from_utf8_lossy(response.body().bytes()?);
    let (region, _) = body.split_once("<Region>")?.1.split_once("</Region>")?;
    let is_name =
        |region: &&str| !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    Some(region.trim()).filter(is_name).map(str::to_owned)
}

/// Whether it is the clock that is wrong. The service of identities says so in its words only.
fn is_of_clock(code: &str, message: &str) -> bool {
    let told = ["Signature expired:", "Signature not yet current:"];
    code == TOO_SKEWED || code == "RequestExpired" || told.iter().any(|told| message.starts_with(told))
}

/// By how much this machine's clock differs from the store's, as the date of the answer tells.
fn skew(response: &HttpResponse) -> Option<String> {
    let there = DateTime::from_str(response.headers().get("date")?, Format::HttpDate).ok()?.secs();
    let here = response.extension::<SentAt>()?.0;
    let skew = jiff::SignedDuration::from_secs((here - there).abs());
    let direction = if here > there { "ahead of" } else { "behind" };
    Some(format!("this machine's clock is {skew:#} {direction} the store's"))
}

/// When a request says it was sent, in seconds since the epoch; left with its answer by the connector.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentAt(i64);

impl SentAt {
    /// What the request's own date says, `20261122T114500Z`.
    pub fn of(amz_date: &str) -> Option<Self> {
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", amz_date).ok()?;
        Some(Self(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second()))
    }
}

/// `Retry-After` in seconds; the form with a date is not used by S3.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Whether the SDK gave up before the connection was asked for anything. Finding the endpoint and
/// the credentials is part of its attempt, so that failing there looks like a failed connection but
/// has nothing of one among its causes.
fn is_unsent(error: &ConnectorError) -> bool {
    let is_of_connection = find::<hyper_util::client::legacy::Error>(error).is_some()
        || find::<hyper::Error>(error).is_some()
        || find::<io::Error>(error).is_some()
        // An answer whose head cannot be read.
        || find::<HttpError>(error).is_some();
    error.is_user() || find::<CredentialsError>(error).is_some() || error.is_other() && !is_of_connection
}

fn connector(error: &ConnectorError) -> Failure {
    if let Some(fault) = find::<PageFault>(error) {
        let kind = match fault {
            PageFault::Encoding(encoding) => FailureKind::Encoding(*encoding),
            fault if fault.is_transient() => FailureKind::Transient,
            _ => FailureKind::Untrusted,
        };
        return Failure::local(kind, fault.to_string());
    }
    // The connector's own words only say of which kind the error is.
    let cause = error.source().unwrap_or(error);
    if is_unsent(error) {
        return unsent(cause);
    }
    let kind = if find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
    {
        // Also where connecting took too long: a longer wait for the answer would not help.
        FailureKind::Unreachable
    } else if error.is_timeout() {
        FailureKind::Timeout
    } else {
        FailureKind::Transient
    };
    Failure::local(kind, chain(cause))
}

/// Whether a body that is not empty is something else than the XML of S3, such as a page for people.
fn is_foreign(body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]).to_ascii_lowercase();
    let start = start.trim_start_matches(|first: char| first == '\u{feff}' || first.is_whitespace());
    !start.is_empty() && (!start.starts_with('<') || start.contains("<!doctype html") || start.contains("<html"))
}

fn not_s3(response: &HttpResponse) -> Failure {
    let status = response.status().as_u16();
    let body = response.body().bytes().unwrap_or_default();
    let start: String = String::from_utf8_lossy(&body[..body.len().min(60)]).replace(['\n', '\r'], " ");
    let kind = match status {
        // What stands before a store that is overloaded or down often answers in its stead.
        429 | 503 => FailureKind::Throttled,
        500.. => FailureKind::Transient,
        _ => FailureKind::NotS3,
    };
    Failure {
        kind,
        status: Some(status),
        code: None,
        message: format!("the answer is not S3's: it begins with `{start}`"),
        ids: Box::new(RequestIds {
            request: response.headers().get("x-amz-request-id").map(str::to_owned),
            host: response.headers().get("x-amz-id-2").map(str::to_owned),
        }),
        retry_after: retry_after(response),
        advice: None,
        signed_with: None,
    }
}

/// The error and what caused it, outermost first.
pub(super) fn causes<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The first error of type `T` in the chain of causes.
pub(super) fn find<'error, T: Error + 'static>(error: &'error (dyn Error + 'static)) -> Option<&'error T> {
    causes(error).find_map(|error| error.downcast_ref::<T>())
}

/// The error and its causes in one line; a cause that only repeats what was said is left out.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        // Some causes are written over several lines.
        let words = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !words.is_empty() && !text.contains(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::{Access, Identity, Network, Store};
    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_credential_types::credential_fn::provide_credentials_fn;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    fn kind(status: u16, code: &str) -> FailureKind {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        response.headers_mut().insert("x-amz-bucket-region", "eu-west-1");
        let mut meta = ErrorMetadata::builder();
        if !code.is_empty() {
            meta = meta.code(code);
        }
        service(&meta.build(), &response).kind
    }

    #[test]
    fn answers_are_classified() {
        use FailureKind::{Denied, Identity, Missing, Moved, Refused, Throttled, Timeout, Transient};
        for (status, code, expected) in [
            (503, "SlowDown", Throttled),
            (503, "", Throttled),
            (429, "", Throttled),
            (200, "InternalError", Transient),
            (200, "SlowDown", Throttled),
            (500, "InternalError", Transient),
            (502, "", Transient),
            (400, "RequestTimeout", Timeout),
            (403, "AccessDenied", Denied),
            (403, "", Denied),
            (403, "SignatureDoesNotMatch", Identity),
            (403, "InvalidAccessKeyId", Identity),
            (400, "ExpiredToken", Identity),
            (404, "NoSuchBucket", Missing),
            (301, "PermanentRedirect", Moved(Some("eu-west-1".into()))),
            (400, "AuthorizationHeaderMalformed", Moved(Some("eu-west-1".into()))),
            (400, "InvalidArgument", Refused),
        ] {
            assert_eq!(kind(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn a_region_is_named_in_a_header_or_in_the_document() {
        let named = |body: &str, header: Option<&'static str>| {
            let mut response = HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body));
            if let Some(region) = header {
                response.headers_mut().insert("x-amz-bucket-region", region);
            }
            service(&ErrorMetadata::builder().code("AuthorizationHeaderMalformed").build(), &response).kind
        };
        let moved = |region: &str| FailureKind::Moved(Some(region.to_owned()));
        assert_eq!(named("<Error><Region>eu-west-1</Region></Error>", None), moved("eu-west-1"));
        assert_eq!(named("<Error><Region>eu-west-1</Region></Error>", Some("us-west-2")), moved("us-west-2"));
        for unnamed in ["", "<Error/>", "<Region></Region>", "<Region>../x</Region>", "<Region>eu"] {
            assert_eq!(named(unnamed, None), FailureKind::Moved(None), "{unnamed}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_by_how_much() {
        let told = |date: &str, code: &str, message: &str| {
            let mut response = HttpResponse::new(403.try_into().unwrap(), SdkBody::empty());
            response.headers_mut().insert("date", date.to_owned());
            response.add_extension(SentAt::of("20261127T120000Z").unwrap());
            service(&ErrorMetadata::builder().code(code).message(message).build(), &response)
        };
        let failure = told("Fri, 27 Nov 2026 12:20:30 GMT", "RequestTimeTooSkewed", "too large");
        assert_eq!(failure.message, "too large; this machine's clock is 20m 30s behind the store's");
        assert_eq!((failure.kind.clone(), failure.hint()), (FailureKind::Identity, Some("set this machine's clock")));
        let failure = told("Thu, 26 Nov 2026 12:00:00 GMT", "SignatureDoesNotMatch", "Signature not yet current: x");
        assert!(failure.message.ends_with("this machine's clock is 24h ahead of the store's"), "{failure}");
        let failure = told("Thu, 26 Nov 2026 12:00:00 GMT", "SignatureDoesNotMatch", "another secret");
        assert_eq!(failure.message, "another secret");
        assert!(SentAt::of("yesterday").is_none());
    }

    /// Nothing listens there, and nothing is sent.
    const NOWHERE: &str = "http://127.0.0.1:1";

    #[tokio::test]
    async fn what_the_sdk_does_not_send_is_refused() {
        for path_style in [true, false] {
            for endpoint_url in [Some(NOWHERE.to_owned()), None] {
                let identity = Identity::Keys("key".to_owned(), "secret".to_owned());
                let region = Some("us-east-1".to_owned());
                let access = Access { endpoint_url, region, path_style, identity, ..Access::default() };
                let store = Store::open(&access, &Network::of_environment()).await;
                for bucket in ["", "arn:aws:s3:::x"] {
                    let failure = store.bucket_region(bucket).await.unwrap_err();
                    assert_eq!(failure.kind, FailureKind::Refused, "{bucket}: {failure}");
                    assert!(!failure.is_transient() && !failure.message.is_empty());
                }
            }
        }
    }

    #[tokio::test]
    async fn no_credentials_and_no_connection_are_told_apart() {
        let none = provide_credentials_fn(|| async { Err(CredentialsError::not_loaded("there are none")) });
        let some = provide_credentials_fn(|| async { Ok(Credentials::new("key", "secret", None, None, "test")) });
        for (provider, kind) in [
            (SharedCredentialsProvider::new(none), FailureKind::Identity),
            (SharedCredentialsProvider::new(some), FailureKind::Unreachable),
        ] {
            let config = aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new("us-east-1"))
                .endpoint_url(NOWHERE)
                .force_path_style(true)
                .retry_config(RetryConfig::disabled())
                .credentials_provider(provider);
            let error = aws_sdk_s3::Client::from_conf(config.build()).list_buckets().send().await.unwrap_err();
            let failure = Failure::from_sdk(&error);
            assert_eq!(failure.kind, kind, "{failure}");
        }
    }

    #[test]
    fn what_fails_on_the_way_may_be_asked_again() {
        let other = |error: Box<dyn Error + Send + Sync>| connector(&ConnectorError::other(error, None)).kind;
        assert_eq!(other(io::Error::other("cut").into()), FailureKind::Transient);
        assert_eq!(other(CredentialsError::not_loaded("none").into()), FailureKind::Identity);
    }

    #[test]
    fn what_is_not_s3_is_told_from_its_errors() {
        use FailureKind::{Denied, NotS3, Throttled, Transient};
        for (status, body, expected) in [
            (200, "<!DOCTYPE html><html>", NotS3),
            (404, "\n<html lang=\"en\">", NotS3),
            (403, "{\"message\": \"Forbidden\"}", NotS3),
            (503, "<html>Service Unavailable", Throttled),
            (502, "Bad Gateway", Transient),
            (403, "", Denied),
            (200, "<?xml version=\"1.0\"?><ListAllMyBucketsResult><Buck", Transient),
        ] {
            let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            assert_eq!(service(&ErrorMetadata::builder().build(), &response).kind, expected, "{status} {body}");
        }
    }
}
