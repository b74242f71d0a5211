//! Why a request was not sent: for want of credentials, or because of what it asks for.
//!
//! Owns that credentials which are refused, or are nowhere, are told from those that are not to be had just
//! now.

use super::classify::{causes, chain, find};
use super::failure::{Failure, FailureKind, NO_CREDENTIALS, NO_ROLE};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;

/// What the SDK says before it says what is wrong.
const FILLERS: [&str; 3] = [
    "an error occurred while loading credentials: ",
    "unexpected credentials error: ",
    "an error occurred while loading an access token: ",
];

/// A request that was not sent: without credentials, or because of what it asks for, such as a name
/// that no bucket can have. Asked again it fails again, unless the credentials' source was only not
/// reached.
pub(super) fn unsent(error: &(dyn Error + 'static)) -> Failure {
    let Some(credentials) = find::<CredentialsError>(error) else {
        return Failure::local(FailureKind::Refused, chain(error));
    };
    let is_absent = |cause: &(dyn Error + 'static)| {
        matches!(cause.downcast_ref::<CredentialsError>(), Some(CredentialsError::CredentialsNotLoaded(_)))
    };
    if causes(credentials).any(is_absent) {
        // Where they were looked for is known to who asked.
        let message = "no credentials were found".to_owned();
        return Failure { code: Some(NO_CREDENTIALS.to_owned()), ..Failure::local(FailureKind::Identity, message) };
    }
    let refused = causes(credentials).find_map(|cause| {
        Lending::of::<AssumeRoleError>(cause)
            .or_else(|| Lending::of::<AssumeRoleWithWebIdentityError>(cause))
            .or_else(|| Lending::of::<GetRoleCredentialsError>(cause).map(Lending::of_login))
    });
    let code = refused.as_ref().and_then(|refused| refused.code);
    let is_passing = match &refused {
        Some(Lending { status: 429 | 500.., .. }) => true,
        Some(_) => code.is_some_and(|code| code.starts_with("Throttling") || code == "IDPCommunicationError"),
        None => {
            matches!(credentials, CredentialsError::ProviderTimedOut(_))
                || find::<ConnectorError>(credentials).is_some_and(|error| error.is_io() || error.is_timeout())
                // A connection that was closed, or an answer that was cut.
                || find::<hyper_util::client::legacy::Error>(credentials).is_some()
                || find::<hyper::Error>(credentials).is_some()
        }
    };
    let is_of_role = refused.as_ref().is_some_and(|refused| !refused.is_of_login);
    let what = if is_of_role { "the role is not lent" } else { "the credentials could not be fetched" };
    let why = refused.as_ref().and_then(|refused| refused.message).map_or_else(|| chain(credentials), str::to_owned);
    let why = FILLERS.iter().fold(why.as_str(), |why, filler| why.strip_prefix(filler).unwrap_or(why));
    let message = format!("{what}: {}{why}", code.map_or_else(String::new, |code| format!("{code}: ")));
    if is_passing {
        return Failure::local(FailureKind::Transient, message);
    }
    let code = match code {
        // Whoever asks has to log in again, which is known where there is no code.
        _ if !is_of_role => None,
        // The token of who assumes the role.
        Some("ExpiredToken" | "ExpiredTokenException") => Some("ExpiredToken"),
        Some("InvalidClientTokenId") => Some("InvalidClientTokenId"),
        Some("SignatureDoesNotMatch") => Some("SignatureDoesNotMatch"),
        _ => Some(NO_ROLE),
    };
    Failure { code: code.map(str::to_owned), ..Failure::local(FailureKind::Identity, message) }
}

/// What was answered to who wanted a role's credentials, by STS or by the portal of single sign-on.
struct Lending<'error> {
    /// Whether it was the portal, where a person logs in.
    is_of_login: bool,
    status: u16,
    code: Option<&'error str>,
    message: Option<&'error str>,
}

impl<'error> Lending<'error> {
    fn of<E: ProvideErrorMetadata + Error + 'static>(cause: &'error (dyn Error + 'static)) -> Option<Self> {
        let SdkError::ServiceError(context) = cause.downcast_ref::<SdkError<E, HttpResponse>>()? else {
            return None;
        };
        let (code, message) = (context.err().code(), context.err().message());
        Some(Self { is_of_login: false, status: context.raw().status().as_u16(), code, message })
    }

    fn of_login(self) -> Self {
        Self { is_of_login: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;
    use std::io;

    #[test]
    fn credentials_that_are_refused_and_credentials_that_are_not_to_be_had_just_now() {
        let lent = |status: u16, code: &str| {
            let meta = ErrorMetadata::builder().code(code).message("not for you").build();
            let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            let error = SdkError::service_error(AssumeRoleError::generic(meta), answer);
            unsent(&CredentialsError::provider_error(error))
        };
        let refused = lent(403, "AccessDenied");
        assert_eq!(refused.kind, FailureKind::Identity);
        assert_eq!(refused.to_string(), "the role is not lent: AccessDenied: not for you");
        assert!(refused.hint().unwrap().contains("`external_id`"));
        assert_eq!(lent(400, "Throttling").kind, FailureKind::Transient);
        assert_eq!(lent(400, "IDPCommunicationError").kind, FailureKind::Transient);
        assert_eq!(lent(503, "").kind, FailureKind::Transient);
        assert!(lent(400, "ExpiredToken").wants_login());
        let logged_in = |status: u16, code: &str| {
            let meta = ErrorMetadata::builder().code(code).message("not for you").build();
            let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            let error = SdkError::service_error(GetRoleCredentialsError::generic(meta), answer);
            unsent(&CredentialsError::provider_error(error))
        };
        let over = logged_in(401, "UnauthorizedException");
        assert_eq!(over.to_string(), "the credentials could not be fetched: UnauthorizedException: not for you");
        assert!(over.wants_login() && !over.is_transient());
        assert_eq!(logged_in(429, "TooManyRequestsException").kind, FailureKind::Transient);
        let cut = || ConnectorError::io(io::Error::other("cut").into());
        assert_eq!(unsent(&CredentialsError::provider_error(cut())).kind, FailureKind::Transient);
        let absent = unsent(&CredentialsError::provider_error(CredentialsError::not_loaded("none")));
        assert!(absent.kind == FailureKind::Identity && absent.is_absence(), "{absent:?}");
    }
}
