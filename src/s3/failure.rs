//! Why a request did not give what was asked for, and what can be done about it.
//!
//! Everything else decides by [`FailureKind`]. Making one of what the SDK returned is left to `classify`.

use crate::event::RequestIds;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
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
    /// It does, and from now on is asked for in that one: to be repeated at once.
    Redirected(String),
    /// The credentials were over, and there are new ones: to be repeated at once.
    Renewed {
        /// Whether it was this request for which they were fetched.
        first: bool,
    },
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
/// The code of our own for a profile that wants a code typed in.
pub(super) const WANTS_CODE: &str = "WantsCode";
/// The code of our own for credentials that are nowhere.
pub(super) const NO_CREDENTIALS: &str = "NoCredentials";
/// The code of our own for certificates that cannot be used.
pub(super) const UNUSABLE_BUNDLE: &str = "UnusableBundle";
/// The code of our own for credentials of an account that was not meant.
pub(super) const OTHER_ACCOUNT: &str = "OtherAccount";
/// The code of our own for a role that is not lent.
pub(super) const NO_ROLE: &str = "RoleNotLent";
/// S3's code for a clock that is wrong.
pub(super) const TOO_SKEWED: &str = "RequestTimeTooSkewed";

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
    /// What this account's owner can do about it, where that is known better than by its kind.
    pub advice: Option<Box<Advice>>,
    /// The credentials that the request was signed with, where there was an answer.
    pub signed_with: Option<SignedWith>,
}

/// Which credentials a request was signed with: what tells them from others, and nothing that signs. Small,
/// for failures are handed on by value, and there are few to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedWith(NonZeroU32);

impl SignedWith {
    /// The mark of an access key, and of the token of its session where it has one.
    pub(super) fn of(access_key: &str, token: Option<&str>) -> Self {
        let mut hasher = DefaultHasher::new();
        (access_key, token).hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "any of its bits do")]
        Self(NonZeroU32::new(hasher.finish() as u32).unwrap_or(NonZeroU32::MAX))
    }
}

/// What someone can do about a failure. Apart, for failures are handed on by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice(pub String);

impl Failure {
    /// A failure found on our side of the wire.
    #[must_use]
    pub fn local(kind: FailureKind, message: String) -> Self {
        Self {
            kind,
            status: None,
            code: None,
            message,
            ids: Box::default(),
            retry_after: None,
            advice: None,
            signed_with: None,
        }
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
            | FailureKind::Redirected(_)
            | FailureKind::Renewed { .. }
            | FailureKind::Identity
            | FailureKind::Untrusted
            | FailureKind::Refused => false,
        }
    }

    /// Credentials that work, but are those of another account than was meant.
    #[must_use]
    pub fn other_account(is: &str, meant: &str) -> Self {
        let message = format!("the credentials belong to the account `{is}`, and not to `{meant}`");
        Self { code: Some(OTHER_ACCOUNT.to_owned()), ..Self::local(FailureKind::Identity, message) }
    }

    /// Whether it is the access key itself that is not known, as in a region that the account has not
    /// enabled, or one that does not take the tokens of another.
    pub(super) fn is_of_key(&self) -> bool {
        let codes = ["InvalidAccessKeyId", "InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException"];
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Whether credentials that are fetched or entered anew would mend it.
    pub(super) fn wants_login(&self) -> bool {
        self.kind == FailureKind::Identity && self.code.as_deref().is_none_or(is_of_end)
    }

    /// Whether there are no credentials at all.
    pub(super) fn is_absence(&self) -> bool {
        self.code.as_deref() == Some(NO_CREDENTIALS)
    }

    /// Whether the store found credentials over that were good before.
    pub(super) fn is_over(&self) -> bool {
        self.kind == FailureKind::Identity && self.code.as_deref().is_some_and(is_of_end)
    }

    /// What to do about a failure that concerns an account or its endpoint as a whole.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        if let Some(advice) = &self.advice {
            return Some(&advice.0);
        }
        Some(match (&self.kind, self.code.as_deref()) {
            (FailureKind::Identity, Some("SignatureDoesNotMatch")) => "the secret does not belong to the access key",
            (FailureKind::Identity, Some("InvalidAccessKeyId" | "InvalidClientTokenId")) => {
                "the store does not know this access key"
            }
            (FailureKind::Identity, Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")) => {
                "log in again; the same command then goes on"
            }
            (FailureKind::Identity, Some(TOO_SKEWED)) => "set this machine's clock",
            (FailureKind::Identity, Some(UNKNOWN_PROFILE)) => {
                "`profile` names one of `~/.aws/config` or `~/.aws/credentials`"
            }
            (FailureKind::Identity, Some(UNUSABLE_BUNDLE)) => {
                "AWS_CA_BUNDLE names a file of certificates in PEM, which are trusted instead of the system's"
            }
            (FailureKind::Identity, Some(OTHER_ACCOUNT)) => {
                "check the account's `profile`, `role_arn` and `account_id`; nothing of it was listed"
            }
            (FailureKind::Identity, Some(NO_ROLE)) => {
                "check `role_arn` and `external_id`, and that the role trusts whoever assumes it"
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
}

/// Whether a code says that credentials are over.
fn is_of_end(code: &str) -> bool {
    ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"].contains(&code)
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
