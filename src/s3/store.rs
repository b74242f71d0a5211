//! One account's S3: its credentials, one client per region, and the page request.
//!
//! Every request made here is one attempt: the SDK's own retries are off, so that whoever calls can
//! pace each of them (`scan` owns that loop). Owns that buckets an account has listed as its own are
//! asked for as its own.

use super::access::{Access, Reach};
use super::connector::PageTap;
use super::endpoint::{REGION, filled_in, is_aws};
use super::failure::{Advice, Failure, FailureKind};
use super::network::Network;
use super::range::{Cursor, Key};
use super::regions::Regions;
use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, OptionalObjectAttributes, RequestPayer};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, OnceLock, PoisonError};

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
    reach: Reach,
    path_style: bool,
    request_payer: Option<RequestPayer>,
    /// The owner that the job expects of every bucket.
    bucket_owner: Option<String>,
    /// The account's own id, with the names that it did not list as its own.
    own: OnceLock<(String, HashSet<String>)>,
    regions: Regions,
    clients: Mutex<HashMap<String, Client>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("home", &self.reach.home).finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares access to an account. Nothing is sent yet; missing credentials show at the first
    /// request.
    pub async fn open(access: &Access, network: &Network) -> Self {
        Self {
            reach: access.reach(network).await,
            path_style: access.path_style,
            request_payer: access.request_payer.then_some(RequestPayer::Requester),
            bucket_owner: access.bucket_owner.clone(),
            own: OnceLock::new(),
            regions: Regions::default(),
            clients: Mutex::default(),
        }
    }

    /// Whether the account can be asked, as far as can be told without asking.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn usable(&self) -> Result<(), Failure> {
        self.reach.refused.clone().map_or(Ok(()), Err)
    }

    /// What its requests are made with.
    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The region buckets are listed from, and in which a bucket of unknown region is asked for.
    #[must_use]
    pub fn home_region(&self) -> String {
        self.regions.of(ALL_BUCKETS, &self.reach.home)
    }

    /// The endpoint that requests go to, of the job, the environment or the profile, with `{region}`
    /// where the region is filled in; `None` is AWS's.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.reach.endpoint_url.as_deref()
    }

    /// Whether there is a service that tells whom the credentials belong to.
    #[must_use]
    pub fn tells_identities(&self) -> bool {
        self.reach.sts.is_some()
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

    /// The client for a region; clients of one account share credentials and connections.
    pub(super) fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let mut config = aws_sdk_s3::config::Builder::from(&self.reach.config)
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::disabled())
            .force_path_style(self.path_style);
        if let Some(template) = &self.reach.endpoint_url {
            // The address says which endpoint it is: what the environment wants of those of AWS does
            // not concern it.
            config = config.endpoint_url(filled_in(template, region)).use_fips(false).use_dual_stack(false);
        }
        let client = Client::from_conf(config.build());
        clients.insert(region.to_owned(), client.clone());
        client
    }

    /// The client of the service of identities, where there is one.
    pub(super) fn sts(&self) -> Option<aws_sdk_sts::Client> {
        let config = aws_sdk_sts::config::Builder::from(self.reach.sts.as_ref()?);
        Some(aws_sdk_sts::Client::from_conf(config.retry_config(RetryConfig::disabled()).build()))
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

    /// A failure with what this account's owner can do about it.
    pub(super) fn advised(&self, failure: Failure) -> Failure {
        let login = self.reach.login.as_ref().filter(|_| failure.wants_login());
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
        let mut request = self
            .client(&region)
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
        self.learn(Some(bucket), &region, sent.map(drop).map_err(|error| Failure::from_sdk(&error)))
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
