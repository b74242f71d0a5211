//! How one account is reached: whose credentials, which region, which endpoint.
//!
//! Owns that a profile that is named is the one that is used: the environment's keys never stand in
//! for it, and one that does not exist is an error, not another account.

use super::connector::ScanningClient;
use super::failure::{Failure, FailureKind, UNKNOWN_PROFILE};
use crate::job::nearest;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::os_shim_internal::{Env, Fs};
use std::time::Duration;

/// How to reach one account.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// An S3-compatible endpoint instead of AWS.
    pub endpoint_url: Option<String>,
    /// Home region; else the profile's or the environment's, else us-east-1.
    pub region: Option<String>,
    /// Bucket names in the path instead of the host name.
    pub path_style: bool,
    /// Who asks.
    pub identity: Identity,
    /// Whether requests are paid by who makes them.
    pub request_payer: bool,
    /// Whether FIPS endpoints are used; `false` leaves it to the configuration.
    pub use_fips: bool,
    /// Whether dual-stack endpoints are used; `false` leaves it to the configuration.
    pub use_dual_stack: bool,
    /// The id of the account that must own the buckets.
    pub bucket_owner: Option<String>,
}

/// Whose credentials are used.
#[derive(Clone, Debug, Default)]
pub enum Identity {
    /// Those the AWS tools would find: environment, profile, web identity, container, instance.
    #[default]
    Ambient,
    /// Those of a profile and nothing else.
    Profile(String),
    /// An access key and its secret, for the demo endpoint.
    Keys(String, String),
    /// None: requests are not signed.
    Anonymous,
}

impl Access {
    /// Why the account cannot be asked at all, as far as can be told without asking: a profile that
    /// does not exist. The SDK would say no more than that it has no credentials.
    pub(super) async fn refused(&self) -> Option<Failure> {
        let Identity::Profile(name) = &self.identity else {
            return None;
        };
        let files = EnvConfigFiles::default();
        let message = match profile::load(&Fs::real(), &Env::real(), &files, None).await {
            Ok(profiles) if profiles.get_profile(name).is_some() => return None,
            Ok(profiles) => {
                let meant = nearest(name, profiles.profiles()).map(|meant| format!("; did you mean `{meant}`?"));
                format!("there is no profile `{name}` in the AWS configuration{}", meant.unwrap_or_default())
            }
            Err(error) => format!("the AWS configuration cannot be read: {}", DisplayErrorContext(&error)),
        };
        let code = Some(UNKNOWN_PROFILE.to_owned());
        Some(Failure { code, ..Failure::local(FailureKind::Identity, message) })
    }

    /// The configuration of the SDK, without anything sent yet.
    pub(super) async fn load(&self) -> SdkConfig {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(ScanningClient::new(http.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).build());
        if let Ok(name) = AppName::new(concat!("s3scan-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        if let Some(url) = &self.endpoint_url {
            // The address says which endpoint it is: what the environment wants of those of AWS does
            // not concern it.
            loader = loader.endpoint_url(url).use_fips(false).use_dual_stack(false);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if self.use_fips {
            loader = loader.use_fips(true);
        }
        if self.use_dual_stack {
            loader = loader.use_dual_stack(true);
        }
        let provider = ProviderConfig::default().with_http_client(http);
        self.identified(loader, provider).await.load().await
    }

    async fn identified(&self, loader: ConfigLoader, provider: ProviderConfig) -> ConfigLoader {
        match &self.identity {
            Identity::Ambient => loader,
            Identity::Keys(key, secret) => {
                loader.credentials_provider(Credentials::new(key, secret, None, None, "demo"))
            }
            Identity::Anonymous => loader.no_credentials(),
            Identity::Profile(name) => {
                // `profile_name` alone would let the environment's keys go first.
                let regions = ProfileFileRegionProvider::builder().configure(&provider).profile_name(name).build();
                let region = match &self.region {
                    Some(region) => Some(Region::new(region.clone())),
                    None => aws_config::meta::region::ProvideRegion::region(&regions).await,
                };
                let credentials = ProfileFileCredentialsProvider::builder()
                    .configure(&provider.with_region(region.clone()))
                    .profile_name(name)
                    .build();
                let loader = loader.profile_name(name).credentials_provider(credentials);
                match region {
                    Some(region) => loader.region(region),
                    None => loader,
                }
            }
        }
    }
}
