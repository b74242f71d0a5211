//! The credentials of an account in use, and the clients that sign with them.
//!
//! That credentials are fetched, and fetched anew before the end that they name, is the SDK's. A store may
//! find them over before that: sessions are revoked, and a process may promise too much. Owns that they are
//! then fetched anew once, however many requests meet it at once, while those to come wait; and that it ends
//! there where the new ones are the same, are those of another account, or are refused before they were
//! good for anything.

use super::access::{Access, CREDENTIALS_TIMEOUT, Reach};
use super::endpoint::filled_in;
use super::failure::{Advice, Failure, FailureKind, SignedWith};
use super::network::Network;
use super::unsent::unsent;
use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_s3::Client;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{Mutex, OwnedMutexGuard, RwLock};

/// What to do where new credentials are somebody else's.
const OTHERS: &str = "give credentials of the account with which the run began; what was listed is kept";

/// One fetching of credentials, with those that the SDK fetches in their place as they end.
pub(super) struct Session {
    config: SdkConfig,
    sts: Option<SdkConfig>,
    provider: Option<Arc<Remembering>>,
    clients: StdMutex<HashMap<String, Client>>,
    /// Whether a store has taken them, if only to refuse something else.
    proven: AtomicBool,
    /// Held by the one request that tries credentials which stand in for others.
    trial: Arc<Mutex<()>>,
    /// Whether they stand in for others that the store found over.
    is_renewal: bool,
}

impl Session {
    /// The first of an account.
    pub fn first(config: SdkConfig, sts: Option<SdkConfig>) -> Self {
        let provider = config.credentials_provider().map(|source| Remembering::new(source, None));
        Self::of(config, sts, provider, false)
    }

    /// One whose credentials are fetched already.
    fn renewed(config: SdkConfig, sts: Option<SdkConfig>, fetched: Credentials) -> Self {
        let provider = config.credentials_provider().map(|source| Remembering::new(source, Some(fetched)));
        Self::of(config, sts, provider, true)
    }

    fn of(config: SdkConfig, sts: Option<SdkConfig>, provider: Option<Remembering>, is_renewal: bool) -> Self {
        let provider = provider.map(Arc::new);
        // One provider for both, for the SDK's cache goes by providers.
        let shared =
            provider.clone().map(|provider| SharedCredentialsProvider::from(provider as Arc<dyn ProvideCredentials>));
        let with = |config: SdkConfig| {
            let mut builder = config.into_builder();
            builder.set_credentials_provider(shared.clone());
            builder.build()
        };
        let (config, sts) = (with(config), sts.map(with));
        let (clients, proven, trial) = (StdMutex::default(), AtomicBool::new(false), Arc::default());
        Self { config, sts, provider, clients, proven, trial, is_renewal }
    }

    /// The SDK's configuration, with its credentials.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The client for a region; clients of one session share credentials and connections.
    pub fn client(&self, region: &str, endpoint: Option<&str>, path_style: bool) -> Client {
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let mut config = aws_sdk_s3::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::disabled())
            .force_path_style(path_style);
        if let Some(template) = endpoint {
            // The address says which endpoint it is: what the environment wants of those of AWS does
            // not concern it.
            config = config.endpoint_url(filled_in(template, region)).use_fips(false).use_dual_stack(false);
        }
        let client = Client::from_conf(config.build());
        clients.insert(region.to_owned(), client.clone());
        client
    }

    /// The client of the service of identities, where there is one.
    pub fn sts(&self, retries: RetryConfig) -> Option<aws_sdk_sts::Client> {
        let config = aws_sdk_sts::config::Builder::from(self.sts.as_ref()?);
        Some(aws_sdk_sts::Client::from_conf(config.retry_config(retries).build()))
    }

    /// Whether these are the credentials that it hands out now.
    fn signs_with(&self, credentials: SignedWith) -> bool {
        self.provider.as_ref().is_some_and(|provider| *lock(&provider.last) == Some(credentials))
    }

    fn is_untried_renewal(&self) -> bool {
        self.is_renewal && !self.proven.load(Ordering::Relaxed)
    }
}

/// What one request is made with.
pub(super) struct Turn {
    pub session: Arc<Session>,
    /// Until it is known what the request came to.
    _trial: Option<OwnedMutexGuard<()>>,
}

/// Hands credentials out as their source does, and knows which were the last.
#[derive(Debug)]
struct Remembering {
    source: SharedCredentialsProvider,
    /// Fetched already, to be handed out first.
    fetched: StdMutex<Option<Credentials>>,
    last: StdMutex<Option<SignedWith>>,
}

impl Remembering {
    fn new(source: SharedCredentialsProvider, fetched: Option<Credentials>) -> Self {
        let last = StdMutex::new(fetched.as_ref().map(mark));
        Self { source, fetched: StdMutex::new(fetched), last }
    }

    async fn credentials(&self) -> aws_credential_types::provider::Result {
        let fetched = lock(&self.fetched).take();
        let credentials = match fetched {
            Some(credentials) => credentials,
            None => self.source.provide_credentials().await?,
        };
        *lock(&self.last) = Some(mark(&credentials));
        Ok(credentials)
    }
}

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.source.fallback_on_interrupt()
    }
}

fn mark(credentials: &Credentials) -> SignedWith {
    SignedWith::of(credentials.access_key_id(), credentials.session_token())
}

fn lock<T>(mutex: &StdMutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sessions of one account, one after the other.
pub(super) struct Sessions {
    access: Access,
    network: Network,
    /// Held for writing while credentials are fetched anew, so that requests to come wait for them.
    current: RwLock<Current>,
    /// How often that has failed.
    failures: AtomicU64,
    /// The account that the credentials were found to belong to.
    account_id: OnceLock<String>,
}

struct Current {
    session: Arc<Session>,
    /// Why there were no new credentials when they were fetched last; for good, if it does not pass.
    failure: Option<Failure>,
}

impl Sessions {
    pub fn new(access: Access, network: Network, first: Session) -> Self {
        let current = RwLock::new(Current { session: Arc::new(first), failure: None });
        Self { access, network, current, failures: AtomicU64::new(0), account_id: OnceLock::new() }
    }

    /// What the next request is to be made with. Credentials that stand in for others are tried by one
    /// request before all go: else those that they were no longer good for could not be told from those
    /// that they never were.
    ///
    /// # Errors
    /// Why there is nothing any more.
    pub async fn turn(&self) -> Result<Turn, Failure> {
        loop {
            let session = self.current().await?;
            if !session.is_untried_renewal() {
                return Ok(Turn { session, _trial: None });
            }
            let trial = Arc::clone(&session.trial).lock_owned().await;
            if session.is_untried_renewal() && Arc::ptr_eq(&session, &self.current().await?) {
                return Ok(Turn { session, _trial: Some(trial) });
            }
        }
    }

    async fn current(&self) -> Result<Arc<Session>, Failure> {
        let current = self.current.read().await;
        match &current.failure {
            Some(end) if !end.is_transient() => Err(end.clone()),
            _ => Ok(Arc::clone(&current.session)),
        }
    }

    /// Notes whom the credentials belong to. What is fetched in their place has to belong to the same.
    pub fn belong_to(&self, account_id: &str) {
        // What was told first holds.
        let _ = self.account_id.set(account_id.to_owned());
    }

    /// What an answer says of the session that asked. Where its credentials are over, the failure comes
    /// back as one to be repeated, with new ones, or says why there are none.
    pub async fn heed<T>(&self, turn: Turn, answer: Result<T, Failure>) -> Result<T, Failure> {
        let is_taken = |failure: &Failure| matches!(failure.kind, FailureKind::Denied | FailureKind::Missing);
        if answer.as_ref().err().is_none_or(is_taken) {
            turn.session.proven.store(true, Ordering::Relaxed);
        }
        match answer {
            Err(failure) if failure.is_over() => Err(Box::pin(self.renew(failure)).await),
            answer => answer,
        }
    }

    async fn renew(&self, failure: Failure) -> Failure {
        let Some(over) = failure.signed_with else {
            return failure;
        };
        let failures = self.failures.load(Ordering::Relaxed);
        let mut current = self.current.write().await;
        if !current.session.signs_with(over) {
            return Failure { kind: FailureKind::Renewed { first: false }, ..failure };
        }
        // It was tried in vain: for good, or while this one waited for it.
        let is_answer = |last: &&Failure| !last.is_transient() || self.failures.load(Ordering::Relaxed) > failures;
        if let Some(last) = current.failure.as_ref().filter(is_answer) {
            return last.clone();
        }
        let fetched = if current.session.is_untried_renewal() {
            Err(ended(&failure, "they had just been fetched anew"))
        } else {
            Box::pin(self.fetch(over, &failure)).await
        };
        match fetched {
            Ok(session) => {
                *current = Current { session: Arc::new(session), failure: None };
                Failure { kind: FailureKind::Renewed { first: true }, ..failure }
            }
            Err(failure) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                current.failure = Some(failure.clone());
                failure
            }
        }
    }

    /// Begins a session from where credentials come from. Files of the configuration are read again, for
    /// keys may have been written into them meanwhile.
    async fn fetch(&self, over: SignedWith, failure: &Failure) -> Result<Session, Failure> {
        let Reach { config, sts, refused, .. } = self.access.reach(&self.network).await;
        refused.map_or(Ok(()), Err)?;
        let Some(source) = config.credentials_provider() else {
            return Err(failure.clone());
        };
        let fetched = tokio::time::timeout(CREDENTIALS_TIMEOUT, source.provide_credentials()).await;
        let fetched = fetched.map_err(|_| {
            let message = format!("the credentials could not be fetched within {CREDENTIALS_TIMEOUT:?}");
            Failure::local(FailureKind::Transient, message)
        })?;
        let fetched = fetched.map_err(|error| unsent(&error))?;
        if mark(&fetched) == over {
            return Err(ended(failure, "those fetched anew are the same"));
        }
        let session = Session::renewed(config, sts, fetched);
        if let Some(meant) = self.account_id.get()
            && let Some(identity) = session.identity(RetryConfig::standard()).await?
            && identity.account_id != *meant
        {
            let advice = Some(Box::new(Advice(OTHERS.to_owned())));
            return Err(Failure { advice, ..Failure::other_account(&identity.account_id, meant) });
        }
        Ok(session)
    }
}

/// Credentials that are over, and why it ends there.
fn ended(failure: &Failure, why: &str) -> Failure {
    Failure { message: format!("{}; {why}", failure.message), ..failure.clone() }
}
