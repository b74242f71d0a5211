//! How one account is reached: whose credentials, which region, which endpoints.
//!
//! Owns that a profile that is named is the one that is used: the environment's keys never stand in
//! for it, one that does not exist is an error, not another account, and what it says of endpoints goes
//! before what the environment says.

use super::counts::Counting;
use super::endpoint::{filled_in, is_aws};
use super::failure::Failure;
use super::network::Network;
use super::profiles::ProfileFacts;
use aws_config::identity::IdentityCache;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::os_shim_internal::Env;
use aws_types::service_config::ServiceConfigKey;
use std::time::Duration;

/// How long getting credentials may take, several attempts included: a process or a login service is
/// slower than a store.
pub(super) const CREDENTIALS_TIMEOUT: Duration = Duration::from_mins(1);
/// The region of who says none.
const DEFAULT_REGION: &str = "us-east-1";

/// How to reach one account.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// An S3-compatible endpoint instead of AWS; `{region}` in it is filled in.
    pub endpoint_url: Option<String>,
    /// Where identities are told and roles lent, instead of AWS; `{region}` in it is filled in.
    pub sts_endpoint_url: Option<String>,
    /// Home region; else the profile's or the environment's, else us-east-1.
    pub region: Option<String>,
    /// Bucket names in the path instead of the host name.
    pub path_style: bool,
    /// Who asks.
    pub identity: Identity,
    /// The role that is assumed by who asks.
    pub role: Option<AssumedRole>,
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

/// A role to assume.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    /// Its ARN.
    pub arn: String,
    /// What it wants to hear.
    pub external_id: Option<String>,
    /// The name of the session, as it stands in the logs of AWS.
    pub session_name: Option<String>,
}

/// What an account's requests are made with.
pub(super) struct Reach {
    /// The SDK's configuration for S3, its endpoint apart.
    pub config: SdkConfig,
    /// The endpoint for S3, where it is not that of AWS.
    pub endpoint_url: Option<String>,
    /// The SDK's configuration for the service of identities, its credentials apart; `None` where there
    /// is none.
    pub sts: Option<SdkConfig>,
    /// Where CloudWatch is asked; `None` where it has nothing to tell.
    pub counting: Option<Counting>,
    /// The region of who says none to a request.
    pub home: String,
    /// Why nothing can be asked.
    pub refused: Option<Failure>,
    /// What a person does when the credentials are over, where it is known.
    pub login: Option<String>,
    /// Where credentials were looked for, if there are none.
    pub absence: Absence,
}

/// What is said where there are no credentials.
pub(super) struct Absence {
    /// That there are none, and where.
    pub message: String,
    /// What a person can do about it.
    pub advice: String,
}

impl Absence {
    fn of_profile(name: &str, message: String) -> Self {
        let advice = format!(
            "write keys into it with `aws configure --profile {name}`, or log in with `aws sso login --profile {name}` \
             once `aws configure sso` has set it up"
        );
        Self { message, advice }
    }
}

impl Access {
    /// Finds out how to ask. Nothing is sent yet.
    pub(super) async fn reach(&self, network: &Network) -> Reach {
        let (profile, unread) = match self.facts().await {
            Some(Ok(profile)) => (Some(profile), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        let refused = network.refused().cloned().or(unread).or_else(|| profile.as_ref()?.refused());
        let config = self.load(network).await;
        let home = config.region().map_or_else(|| DEFAULT_REGION.to_owned(), ToString::to_string);
        let is_named = matches!(self.identity, Identity::Profile(_));
        let named = profile.as_ref().filter(|_| is_named);
        let of_profile = |service: &str| named.and_then(|profile| profile.endpoint_url(service));
        let endpoint_url = (self.endpoint_url.clone())
            .or_else(|| of_profile("s3"))
            .or_else(|| configured(&config, "s3"))
            .or_else(|| config.endpoint_url().map(str::to_owned));
        let sts = self.sts(&config, &home, endpoint_url.as_deref(), profile.as_ref());
        let config = match (&self.role, &sts) {
            (Some(role), Some(sts)) => assumed(role, config, sts).await,
            _ => config,
        };
        let counting = self.counting(endpoint_url.as_deref(), profile.as_ref());
        let login = profile.and_then(|profile| profile.login()).or_else(exported);
        Reach { config, endpoint_url, sts, counting, home, refused, login, absence: self.absence() }
    }

    fn absence(&self) -> Absence {
        if let Identity::Profile(name) = &self.identity {
            return Absence::of_profile(name, format!("the profile `{name}` gives no credentials"));
        }
        let nowhere = |profile: &str| {
            format!(
                "no credentials were found: none in the environment, none of {profile}, and none of a web identity, a \
                 container or an instance"
            )
        };
        match Env::real().get("AWS_PROFILE").ok().filter(|name| !name.is_empty()) {
            Some(name) => Absence::of_profile(&name, nowhere(&format!("the profile `{name}`"))),
            None => Absence {
                message: nowhere("the profile `default`"),
                advice:
                    "name a profile by AWS_PROFILE, or by `profile` in the account's table, and log in with `aws sso \
                         login --profile NAME`; or give keys: by `aws configure`, or by AWS_ACCESS_KEY_ID and \
                         AWS_SECRET_ACCESS_KEY"
                        .to_owned(),
            },
        }
    }

    /// The profile that the credentials come from, as far as one is known before they are asked for.
    async fn facts(&self) -> Option<Result<ProfileFacts, Failure>> {
        match &self.identity {
            Identity::Profile(name) => Some(ProfileFacts::read(name).await),
            Identity::Ambient => {
                // Keys in the environment go before the profile that it names.
                let environment = Env::real();
                let name = environment.get("AWS_PROFILE").ok().filter(|name| !name.is_empty())?;
                let has_keys = environment.get("AWS_ACCESS_KEY_ID").is_ok();
                if has_keys { None } else { Some(ProfileFacts::read(&name).await) }
            }
            Identity::Keys(..) | Identity::Anonymous => None,
        }
    }

    async fn load(&self, network: &Network) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(network.scanning.clone())
            // For getting credentials; requests to S3 are repeated by who makes them.
            .retry_config(RetryConfig::standard())
            // A clock that is wrong is told: windows that count from it would be wrong as well.
            .disable_clock_skew_correction(true)
            .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build())
            .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).build());
        if let Ok(name) = AppName::new(concat!("s3scan-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
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
        let provider = ProviderConfig::default().with_http_client(network.plain.clone());
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

    /// How the service of identities is asked. A store of another maker has none, unless one is named
    /// for it or a role is to be lent.
    fn sts(
        &self,
        config: &SdkConfig,
        home: &str,
        s3_endpoint: Option<&str>,
        profile: Option<&ProfileFacts>,
    ) -> Option<SdkConfig> {
        if matches!(self.identity, Identity::Anonymous | Identity::Keys(..)) {
            return None;
        }
        let configured = || self.own_endpoint("sts", profile);
        let own = self.sts_endpoint_url.as_ref().map(|url| filled_in(url, home)).or_else(configured);
        if own.is_none() && self.role.is_none() && !is_aws(s3_endpoint) {
            return None;
        }
        let region = config.region().cloned().unwrap_or(Region::from_static(DEFAULT_REGION));
        let mut builder = config.clone().into_builder().region(region);
        if let Some(own) = own {
            builder = builder.endpoint_url(own).use_fips(false).use_dual_stack(false);
        }
        Some(builder.build())
    }

    /// Where CloudWatch is asked. A store of another maker has nothing to do with it, unless an address is
    /// named for it.
    fn counting(&self, s3_endpoint: Option<&str>, profile: Option<&ProfileFacts>) -> Option<Counting> {
        if matches!(self.identity, Identity::Anonymous | Identity::Keys(..)) {
            return None;
        }
        let endpoint_url = self.own_endpoint("cloudwatch", profile);
        (endpoint_url.is_some() || is_aws(s3_endpoint)).then_some(Counting { endpoint_url })
    }

    /// The endpoint that the environment or the profile sets for one service, and not for all of them. Of
    /// a profile that is named the profile's goes first.
    fn own_endpoint(&self, service: &str, profile: Option<&ProfileFacts>) -> Option<String> {
        let of_profile = profile.and_then(|profile| profile.own_endpoint_url(service));
        let variable = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase());
        let of_environment = Env::real().get(&variable).ok();
        let is_named = matches!(self.identity, Identity::Profile(_));
        if is_named { of_profile.or(of_environment) } else { of_environment.or(of_profile) }
    }
}

/// The endpoint that the environment or the profile sets for a service: its own goes before that of
/// all services, as in the SDK.
fn configured(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    config.service_config().and_then(|settings| settings.load_config(key.ok()?))
}

/// The configuration with the credentials of the role that its own credentials are lent.
async fn assumed(role: &AssumedRole, config: SdkConfig, sts: &SdkConfig) -> SdkConfig {
    let Some(base) = config.credentials_provider() else {
        return config;
    };
    let mut builder = AssumeRoleProvider::builder(&role.arn).configure(sts);
    if let Some(id) = &role.external_id {
        builder = builder.external_id(id);
    }
    builder = builder.session_name(role.session_name.as_deref().unwrap_or("s3scan"));
    let provider = SharedCredentialsProvider::new(builder.build_from_provider(base).await);
    config.into_builder().credentials_provider(provider).build()
}

/// What to do about keys of a session that were exported.
fn exported() -> Option<String> {
    Env::real().get("AWS_SESSION_TOKEN").ok()?;
    Some("export new keys, those of the environment are over; the same command then goes on".to_owned())
}
