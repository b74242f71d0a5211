//! One account's S3: its credentials, one client per region, and the page request.
//!
//! Every request made here is one attempt: the SDK's own retries are off, so that whoever calls can
//! pace each of them (`scan` owns that loop).

use super::access::Access;
use super::connector::PageTap;
use super::failure::{Failure, FailureKind};
use super::range::{Cursor, Key};
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, OptionalObjectAttributes, RequestPayer};
use aws_types::service_config::ServiceConfigKey;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

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
#[derive(Debug)]
pub struct Store {
    config: SdkConfig,
    path_style: bool,
    request_payer: Option<RequestPayer>,
    pub(super) bucket_owner: Option<String>,
    refused: Option<Failure>,
    home: String,
    endpoint_url: Option<String>,
    clients: Mutex<HashMap<String, Client>>,
}

impl Store {
    /// Prepares access to an account. Nothing is sent yet; missing credentials show at the first
    /// request.
    pub async fn open(access: &Access) -> Self {
        let config = access.load().await;
        let home = config.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        Self {
            endpoint_url: access.endpoint_url.clone().or_else(|| endpoint_url(&config)),
            config,
            path_style: access.path_style,
            request_payer: access.request_payer.then_some(RequestPayer::Requester),
            bucket_owner: access.bucket_owner.clone(),
            refused: access.refused().await,
            home,
            clients: Mutex::default(),
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
    pub fn home_region(&self) -> &str {
        &self.home
    }

    /// The endpoint that requests go to, of the job, the environment or the profile; `None` is AWS's.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// The client for a region; clients of one account share credentials and connections.
    pub(super) fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .force_path_style(self.path_style)
            .build();
        let client = Client::from_conf(config);
        clients.insert(region.to_owned(), client.clone());
        client
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
        let mut request = self
            .client(region)
            .list_objects_v2()
            .bucket(bucket)
            .encoding_type(EncodingType::Url)
            .set_request_payer(self.request_payer.clone())
            .set_expected_bucket_owner(self.bucket_owner.clone());
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
        sent.map(drop).map_err(|error| Failure::from_sdk(&error))
    }
}

/// The endpoint that the environment or the profile sets: that of S3 goes before that of all services,
/// as in the SDK.
fn endpoint_url(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("s3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_s3 = config.service_config().and_then(|settings| settings.load_config(key.ok()?));
    of_s3.or_else(|| config.endpoint_url().map(str::to_owned))
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

    #[tokio::test]
    async fn an_endpoint_of_its_own_is_not_aws() {
        let identity = Identity::Keys("key".to_owned(), "secret".to_owned());
        let region = Some("us-east-1".to_owned());
        let aws = Access { region, identity, ..Access::default() };
        let own = Access { endpoint_url: Some("http://127.0.0.1:1".to_owned()), ..aws.clone() };
        assert!(Store::open(&own).await.endpoint_url().is_some());
        assert!(Store::open(&aws).await.endpoint_url().is_none());
    }
}
