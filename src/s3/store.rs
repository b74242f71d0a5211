//! One account's S3: its credentials, one client per region, and the page request.
//!
//! Every request made here is one attempt: the SDK's own retries are off, so that whoever calls can
//! pace each of them (`scan` owns that loop).

use super::connector::{PageTap, ScanningClient};
use super::failure::{Failure, FailureKind};
use super::range::{Cursor, Key};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::EncodingType;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How to reach one account.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// An S3-compatible endpoint instead of AWS.
    pub endpoint_url: Option<String>,
    /// Home region; else the environment's, else us-east-1.
    pub region: Option<String>,
    /// Bucket names in the path instead of the host name.
    pub path_style: bool,
    /// An access key and its secret, for the demo endpoint; else the ambient credential chain.
    pub keys: Option<(String, String)>,
}

/// What scanning asks of a store: one page of one bucket. Implemented by [`Store`] and by the
/// in-memory store that tests use.
pub trait Lister: Send + Sync + 'static {
    /// Sends one request for the page behind `cursor`; its objects go to the tap's sink, and count
    /// only when this returns `Ok`.
    ///
    /// # Errors
    /// The classified failure of this one attempt.
    fn list_page(
        &self,
        bucket: &str,
        region: &str,
        cursor: &Cursor,
        tap: PageTap,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// One account's S3.
#[derive(Debug)]
pub struct Store {
    config: SdkConfig,
    path_style: bool,
    home: String,
    clients: Mutex<HashMap<String, Client>>,
}

impl Store {
    /// Prepares access to an account. Nothing is sent yet; missing credentials show at the first
    /// request.
    pub async fn open(access: &Access) -> Self {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(ScanningClient::new(http))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).build());
        if let Ok(name) = AppName::new(concat!("s3scan-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        if let Some((key, secret)) = &access.keys {
            loader = loader.credentials_provider(Credentials::new(key, secret, None, None, "demo"));
        }
        if let Some(url) = &access.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(region) = &access.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let config = loader.load().await;
        let home = config.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        Self { config, path_style: access.path_style, home, clients: Mutex::default() }
    }

    /// The region buckets are listed from, and in which a bucket of unknown region is asked for.
    #[must_use]
    pub fn home_region(&self) -> &str {
        &self.home
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
    async fn list_page(&self, bucket: &str, region: &str, cursor: &Cursor, tap: PageTap) -> Result<(), Failure> {
        let mut request = self.client(region).list_objects_v2().bucket(bucket).encoding_type(EncodingType::Url);
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

fn start_after(key: &Key) -> Result<&str, Failure> {
    key.as_start_after().ok_or_else(|| {
        let message = format!("the listing cannot go on behind {key:?}: the store gave no continuation token");
        Failure::local(FailureKind::Untrusted, message)
    })
}
