//! One account's S3: its buckets, its regions, and the page request. Which credentials sign is left to
//! `session`.
//!
//! Every request made here is one attempt: the SDK's own retries are off, so that whoever calls can
//! pace each of them (`scan` owns that loop). Owns that buckets an account has listed as its own are
//! asked for as its own.

use super::access::{Absence, Access, Reach};
use super::connector::PageTap;
use super::counts::Counting;
use super::endpoint::{REGION, is_aws};
use super::failure::{Advice, Failure, FailureKind};
use super::network::Network;
use super::range::{Cursor, Key};
use super::regions::Regions;
use super::session::{Session, Sessions, Turn};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, OptionalObjectAttributes, RequestPayer};
use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::sync::OnceLock;

/// The name that stands for an account's list of buckets where regions are noted by bucket.
const ALL_BUCKETS: &str = "";

/// What scanning asks of a store: one page of one bucket. Implemented by [`Store`] and by the
/// in-memory store that tests use.
pub trait Lister: Send + Sync + 'static {
    /// Sends one request for the page of keys with `prefix` behind `cursor`; its objects go to the
    /// tap's sink, and count only when this returns `Ok`.
    ///
    /// # Errors
    /// The classified failure of this one attempt.
    fn list_page(
        &self,
        bucket: &str,
        region: &str,
        prefix: &str,
        cursor: &Cursor,
        tap: PageTap,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// One account's S3.
pub struct Store {
    pub(super) sessions: Sessions,
    endpoint_url: Option<String>,
    home: String,
    tells_identities: bool,
    /// Where CloudWatch is asked; `None` where it has nothing to tell.
    pub(super) counting: Option<Counting>,
    /// Why nothing can be asked.
    refused: Option<Failure>,
    /// What a person does when the credentials are over, where it is known.
    login: Option<String>,
    absence: Absence,
    path_style: bool,
    request_payer: Option<RequestPayer>,
    /// The owner that the job expects of every bucket.
    bucket_owner: Option<String>,
    /// The account's own id, with the names that it did not list as its own.
    own: OnceLock<(String, HashSet<String>)>,
    regions: Regions,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares access to an account. Nothing is sent yet; missing credentials show at the first
    /// request.
    pub async fn open(access: &Access, network: &Network) -> Self {
        let Reach { config, endpoint_url, sts, counting, home, refused, login, absence } = access.reach(network).await;
        Self {
            tells_identities: sts.is_some(),
            counting,
            sessions: Sessions::new(access.clone(), network.clone(), Session::first(config, sts)),
            endpoint_url,
            home,
            refused,
            login,
            absence,
            path_style: access.path_style,
            request_payer: access.request_payer.then_some(RequestPayer::Requester),
            bucket_owner: access.bucket_owner.clone(),
            own: OnceLock::new(),
            regions: Regions::default(),
        }
    }

    /// Whether the account can be asked, as far as can be told without asking.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn usable(&self) -> Result<(), Failure> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    /// The region buckets are listed from, and in which a bucket of unknown region is asked for.
    #[must_use]
    pub fn home_region(&self) -> String {
        self.regions.of(ALL_BUCKETS, &self.home)
    }

    /// The endpoint that requests go to, of the job, the environment or the profile, with `{region}`
    /// where the region is filled in; `None` is AWS's.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// Whether there is a service that tells whom the credentials belong to.
    #[must_use]
    pub fn tells_identities(&self) -> bool {
        self.tells_identities
    }

    /// Whether the region of a bucket decides where it is asked for.
    #[must_use]
    pub fn has_regions(&self) -> bool {
        self.endpoint_url().is_none_or(|url| is_aws(Some(url)) || url.contains(REGION))
    }

    /// From now on, all buckets but `others` are asked for as the account's own.
    pub fn owns(&self, account_id: &str, others: impl IntoIterator<Item = String>) {
        // Told once, when the buckets are known; what was told first holds.
        let _ = self.own.set((account_id.to_owned(), others.into_iter().collect()));
    }

    /// The account that a bucket must belong to.
    pub(super) fn expected_owner(&self, bucket: &str) -> Option<String> {
        let own = || self.own.get().filter(|(_, others)| !others.contains(bucket)).map(|(id, _)| id);
        self.bucket_owner.as_ref().or_else(own).cloned()
    }

    /// What a request is to be made with.
    pub(super) async fn turn(&self) -> Result<Turn, Failure> {
        self.sessions.turn().await.map_err(|failure| self.advised(failure))
    }

    /// A session's client for a region.
    pub(super) fn client(&self, session: &Session, region: &str) -> Client {
        session.client(region, self.endpoint_url(), self.path_style)
    }

    /// Notes what a request for a bucket, or for all of them, tells of regions, and says what to do
    /// about its failure.
    pub(super) fn learn<T>(
        &self,
        bucket: Option<&str>,
        region: &str,
        answer: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match answer {
            Ok(value) => {
                self.regions.accept(region);
                Ok(value)
            }
            Err(failure) => Err(self.advised(self.regions.judge(bucket.unwrap_or(ALL_BUCKETS), region, failure))),
        }
    }

    /// The credentials were good in a region.
    pub(super) fn accept(&self, region: &str) {
        self.regions.accept(region);
    }

    /// A refusal that may be for the owner that the job expects; the store does not say which it is.
    fn of_owner(&self, failure: Failure) -> Failure {
        match &self.bucket_owner {
            Some(owner) if failure.kind == FailureKind::Denied => Failure {
                message: format!("{}; `bucket_owner` wants it to be of `{owner}`", failure.message),
                ..failure
            },
            _ => failure,
        }
    }

    /// A failure with what this account's owner can do about it.
    pub(super) fn advised(&self, failure: Failure) -> Failure {
        if failure.is_absence() {
            let Absence { message, advice } = &self.absence;
            return Failure { message: message.clone(), advice: Some(Box::new(Advice(advice.clone()))), ..failure };
        }
        let login = self.login.as_ref().filter(|_| failure.wants_login());
        let advice = failure.advice.or_else(|| login.map(|login| Box::new(Advice(login.clone()))));
        Failure { advice, ..failure }
    }
}

impl Lister for Store {
    async fn list_page(
        &self,
        bucket: &str,
        region: &str,
        prefix: &str,
        cursor: &Cursor,
        tap: PageTap,
    ) -> Result<(), Failure> {
        let wanted = tap.sink().wanted();
        let region = self.regions.of(bucket, region);
        let turn = self.turn().await?;
        let mut request = self
            .client(&turn.session, &region)
            .list_objects_v2()
            .bucket(bucket)
            .encoding_type(EncodingType::Url)
            .set_request_payer(self.request_payer.clone())
            .set_expected_bucket_owner(self.expected_owner(bucket));
        if !prefix.is_empty() {
            request = request.prefix(prefix);
        }
        if wanted.owner {
            request = request.fetch_owner(true);
        }
        if wanted.restore {
            request = request.optional_object_attributes(OptionalObjectAttributes::RestoreStatus);
        }
        match (&cursor.token, &cursor.after) {
            (Some(token), _) => request = request.continuation_token(token),
            (None, Some(after)) => request = request.start_after(start_after(after)?),
            (None, None) => {}
        }
        let sent = request
            .customize()
            .mutate_request(move |request| {
                request.add_extension(tap.clone());
            })
            .send()
            .await;
        let answer = sent.map(drop).map_err(|error| self.of_owner(Failure::from_sdk(&error)));
        self.learn(Some(bucket), &region, self.sessions.heed(turn, answer).await)
    }
}

fn start_after(key: &Key) -> Result<&str, Failure> {
    key.as_start_after().ok_or_else(|| {
        let message = format!("the listing cannot go on behind {key:?}: the store gave no continuation token");
        Failure::local(FailureKind::Untrusted, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::Identity;

    async fn store(access: &Access) -> Store {
        Store::open(access, &Network::of_environment()).await
    }

    fn access() -> Access {
        let identity = Identity::Keys("key".to_owned(), "secret".to_owned());
        Access { region: Some("us-east-1".to_owned()), identity, ..Access::default() }
    }

    #[tokio::test]
    async fn an_endpoint_of_its_own_is_not_aws() {
        let own = Access { endpoint_url: Some("http://127.0.0.1:1".to_owned()), ..access() };
        assert!(store(&own).await.endpoint_url().is_some());
        assert!(store(&access()).await.endpoint_url().is_none());
    }

    #[tokio::test]
    async fn buckets_are_asked_for_as_those_of_whom_they_are_thought_to_be() {
        let own = store(&access()).await;
        assert_eq!(own.expected_owner("b"), None);
        own.owns("111111111111", ["literal".to_owned()]);
        assert_eq!(own.expected_owner("b").as_deref(), Some("111111111111"));
        assert_eq!(own.expected_owner("literal"), None);
        let other = store(&Access { bucket_owner: Some("222222222222".to_owned()), ..access() }).await;
        other.owns("111111111111", ["literal".to_owned()]);
        for bucket in ["b", "literal"] {
            assert_eq!(other.expected_owner(bucket).as_deref(), Some("222222222222"));
        }
    }
}
