//! Why a request to S3 did not give what was asked for: classified once, here.
//!
//! Everything else decides by [`FailureKind`]; nothing else looks at error codes or SDK types.

use super::fault::PageFault;
use crate::event::RequestIds;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::{RequestId, RequestIdExt};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// What kind of failure a request met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// 503 `SlowDown`, 429 and their kin: ask less often.
    Throttled,
    /// The store or the way to it failed for once: 5xx, a cut or malformed answer.
    Transient,
    /// No answer in time.
    Timeout,
    /// The endpoint cannot be reached: refused, no such host, no connection in time, no TLS.
    Unreachable,
    /// What answers does not speak S3.
    NotS3,
    /// The credentials may not do this.
    Denied,
    /// The bucket does not exist.
    Missing,
    /// The bucket lives in another region, named where the store says so.
    Moved(Option<String>),
    /// There are no usable credentials, or the store does not accept them.
    Identity,
    /// The store's listing cannot be trusted: no order, no progress.
    Untrusted,
    /// The keys are encoded in another way than assumed.
    Encoding(super::text::KeyEncoding),
    /// The store refuses the request as such.
    Refused,
}

/// The code of our own for a profile that cannot be used.
pub(super) const UNKNOWN_PROFILE: &str = "UnknownProfile";

/// A failed request: its kind, and what a person needs to look into it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What to do about it.
    pub kind: FailureKind,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// S3's error code, such as `SlowDown`.
    pub code: Option<String>,
    /// What happened, in words.
    pub message: String,
    /// Which request it was, for AWS support. Apart, for failures are handed on by value.
    pub ids: Box<RequestIds>,
    /// How long the store asks to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure found on our side of the wire.
    #[must_use]
    pub fn local(kind: FailureKind, message: String) -> Self {
        Self { kind, status: None, code: None, message, ids: Box::default(), retry_after: None }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind {
            FailureKind::Throttled
            | FailureKind::Transient
            | FailureKind::Timeout
            | FailureKind::Unreachable
            | FailureKind::NotS3 => true,
            // Asked again at once, with the right assumption: not a matter of waiting.
            FailureKind::Encoding(_)
            | FailureKind::Denied
            | FailureKind::Missing
            | FailureKind::Moved(_)
            | FailureKind::Identity
            | FailureKind::Untrusted
            | FailureKind::Refused => false,
        }
    }

    /// What to do about a failure that concerns an account or its endpoint as a whole.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match (&self.kind, self.code.as_deref()) {
            (FailureKind::Identity, Some("SignatureDoesNotMatch")) => "the secret does not belong to the access key",
            (FailureKind::Identity, Some("InvalidAccessKeyId")) => "the store does not know this access key",
            (FailureKind::Identity, Some("ExpiredToken")) => "log in again; the same command then goes on",
            (FailureKind::Identity, Some("RequestTimeTooSkewed")) => "set this machine's clock",
            (FailureKind::Identity, Some(UNKNOWN_PROFILE)) => {
                "`profile` names one of `~/.aws/config` or `~/.aws/credentials`"
            }
            (FailureKind::Identity, _) => {
                "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile named by AWS_PROFILE"
            }
            (FailureKind::Unreachable, _) => "check `endpoint_url`, the network, and whether it is http or https",
            (FailureKind::NotS3, _) => "check `endpoint_url`: what answers there is not S3",
            (FailureKind::Moved(_), _) => "set the account's `region` to the one the store names",
            (FailureKind::Throttled | FailureKind::Transient | FailureKind::Timeout, _) => {
                "try the same command again later; if it stays so, check `endpoint_url` and `[limits]`"
            }
            _ => return None,
        })
    }

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

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, self.status) {
            (Some(code), Some(status)) => write!(formatter, "{code} ({status}): {}", self.message),
            (None, Some(status)) => write!(formatter, "status {status}: {}", self.message),
            _ => formatter.write_str(&self.message),
        }
    }
}

fn service(meta: &aws_smithy_types::error::ErrorMetadata, response: &HttpResponse) -> Failure {
    let status = response.status().as_u16();
    // An error of S3 has a code. The SDK takes any other document for an error without one.
    if meta.code().is_none() && response.body().bytes().is_some_and(is_foreign) {
        return not_s3(response);
    }
    let code = meta.code().map(str::to_owned);
    let region = response.headers().get("x-amz-bucket-region").map(str::to_owned);
    let kind = match (code.as_deref().unwrap_or_default(), status) {
        ("SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequests", _)
        | (_, 429 | 503) => FailureKind::Throttled,
        ("RequestTimeout", _) => FailureKind::Timeout,
        ("InternalError", _) | (_, 500..) => FailureKind::Transient,
        (
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "TokenRefreshRequired"
            | "InvalidToken"
            | "RequestTimeTooSkewed"
            | "NotSignedUp"
            | "UnauthorizedAccess",
            _,
        )
        | (_, 401) => FailureKind::Identity,
        ("NoSuchBucket", _) | ("", 404) => FailureKind::Missing,
        ("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed", _) | (_, 301 | 307) => {
            FailureKind::Moved(region)
        }
        (_, 403) => FailureKind::Denied,
        // An answer of 200 with an error inside that names no cause.
        (_, 200) => FailureKind::Transient,
        _ => FailureKind::Refused,
    };
    Failure {
        kind,
        status: Some(status),
        code,
        message: meta.message().unwrap_or("the store gave no reason").to_owned(),
        ids: Box::new(RequestIds {
            request: meta.request_id().map(str::to_owned),
            host: meta.extended_request_id().map(str::to_owned),
        }),
        retry_after: retry_after(response),
    }
}

/// `Retry-After` in seconds; the form with a date is not used by S3.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A request that was not sent: without credentials, or because of what it asks for, such as a name
/// that no bucket can have. Asked again it fails again.
fn unsent(error: &(dyn Error + 'static)) -> Failure {
    let is_identity = find::<CredentialsError>(error).is_some();
    Failure::local(if is_identity { FailureKind::Identity } else { FailureKind::Refused }, chain(error))
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
    }
}

/// The error and what caused it, outermost first.
fn causes<'error>(error: &'error (dyn Error + 'static)) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The first error of type `T` in the chain of causes.
fn find<'error, T: Error + 'static>(error: &'error (dyn Error + 'static)) -> Option<&'error T> {
    causes(error).find_map(|error| error.downcast_ref::<T>())
}

/// The error and its causes in one line; a cause that only repeats what was said is left out.
fn chain(error: &(dyn Error + 'static)) -> String {
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
    use crate::s3::{Access, Identity, Store};
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

    /// Nothing listens there, and nothing is sent.
    const NOWHERE: &str = "http://127.0.0.1:1";

    #[tokio::test]
    async fn what_the_sdk_does_not_send_is_refused() {
        for path_style in [true, false] {
            for endpoint_url in [Some(NOWHERE.to_owned()), None] {
                let identity = Identity::Keys("key".to_owned(), "secret".to_owned());
                let region = Some("us-east-1".to_owned());
                let access = Access { endpoint_url, region, path_style, identity, ..Access::default() };
                let store = Store::open(&access).await;
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
