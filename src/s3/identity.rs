//! Who an account's credentials belong to, as STS tells it.
//!
//! Owns that an identity is asked of a service that tells it, and never guessed from a key or a name.

use super::failure::{Advice, Failure, FailureKind};
use super::session::Session;
use super::store::Store;
use aws_config::retry::RetryConfig;

/// What to do where nobody tells.
const UNREACHED: &str =
    "STS tells whose the credentials are, and was not reached: check the network, the region and `sts_endpoint_url`";

/// Who the credentials of an account belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The twelve digits of the account's id.
    pub account_id: String,
    /// The user, role session or root that asks.
    pub arn: String,
}

impl Store {
    /// Asks who the credentials belong to; one attempt. `None` where nobody tells: requests are not
    /// signed, or the store is not AWS and has no such service.
    ///
    /// # Errors
    /// The classified failure. Whatever is refused here is the credentials' fault.
    pub async fn caller_identity(&self) -> Result<Option<CallerIdentity>, Failure> {
        let turn = self.turn().await?;
        let answer = turn.session.identity(RetryConfig::disabled()).await;
        let identity = self.sessions.heed(turn, answer).await.map_err(|failure| self.advised(failure))?;
        if let Some(identity) = &identity {
            self.sessions.belong_to(&identity.account_id);
            self.accept(self.home_region().as_str());
        }
        Ok(identity)
    }
}

impl Session {
    /// Whom its credentials belong to.
    pub(super) async fn identity(&self, retries: RetryConfig) -> Result<Option<CallerIdentity>, Failure> {
        let Some(sts) = self.sts(retries) else {
            return Ok(None);
        };
        let answer = sts.get_caller_identity().send().await.map_err(|error| {
            let failure = Failure::from_sdk(&error);
            let kind = match failure.kind {
                FailureKind::Denied | FailureKind::Refused if failure.status.is_some() => FailureKind::Identity,
                ref kind => kind.clone(),
            };
            let is_lost = matches!(kind, FailureKind::Unreachable | FailureKind::NotS3);
            let advice = is_lost.then(|| Box::new(Advice(UNREACHED.to_owned())));
            Failure { kind, advice, ..failure }
        })?;
        let (Some(account_id), Some(arn)) = (answer.account(), answer.arn()) else {
            let message = "the service of identities does not say whose the credentials are".to_owned();
            return Err(Failure::local(FailureKind::NotS3, message));
        };
        Ok(Some(CallerIdentity { account_id: account_id.to_owned(), arn: arn.to_owned() }))
    }
}
