//! The accounts of a run: opened, asked whom they belong to, and for their buckets where that is still to
//! be done.
//!
//! Owns that an account is not asked for anything before it is known to be the one that is meant.

use super::demo;
use super::exit::{Exit, Refusal};
use super::resume::same_identity;
use crate::demo::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY};
use crate::event::{AccountVerdict, Effort, Event, Events, Subject};
use crate::job::{Account, Job, Role};
use crate::plan;
use crate::s3::{Access, AssumedRole, CallerIdentity, Failure, FailureKind, Identity, Network, Store};
use crate::scan::{Budget, Caller, Discovered, Discovery, Halt, Limiter, Stop};
use crate::state::{AccountRecord, BucketEntry};
use std::collections::{BTreeMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// An account and the means to ask it.
pub struct OpenAccount {
    /// Its store.
    pub store: Arc<Store>,
    /// Sends its requests.
    pub caller: Caller,
    /// Whether it is the synthetic store, whose address is another one in every process.
    is_demo: bool,
}

impl OpenAccount {
    /// The address that is asked, where it is not that of AWS.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        self.store.endpoint_url().filter(|_| !self.is_demo).map(str::to_owned)
    }

    /// Has buckets that the account lists asked for as its own, but not `others`, which the job names.
    fn owns(&self, record: &AccountRecord, others: impl IntoIterator<Item = String>) {
        // An id that only the job says may not be what the store goes by.
        if let (Some(account_id), Some(_)) = (&record.account_id, &record.arn) {
            self.store.owns(account_id, others);
        }
    }
}

/// The accounts of a run.
pub struct Accounts {
    /// In the job's order.
    pub open: Vec<OpenAccount>,
    /// Demo endpoints inside the process, which live as long as the run.
    pub endpoints: Vec<Endpoint>,
}

/// Prepares access to all accounts of a job. Nothing is asked yet.
///
/// # Errors
/// When a demo endpoint is misdescribed or cannot be started.
pub async fn open(job: &Job, events: &Events, stop: &Stop, budget: &Arc<Budget>) -> Result<Accounts, Refusal> {
    let slots = Arc::new(Semaphore::new(job.limits.concurrency.get() as usize));
    let (network, direct) = (Network::of_environment(), Network::direct());
    let mut accounts = Accounts { open: Vec::new(), endpoints: Vec::new() };
    for account in &job.accounts {
        let access = access(account, &mut accounts.endpoints, events).await?;
        let (slots, budget) = (Arc::clone(&slots), Arc::clone(budget));
        let caller = Caller::new(&account.pace, slots, budget, events.clone(), stop.child());
        let is_demo = matches!(access.identity, Identity::Keys(..));
        let network = if is_demo { &direct } else { &network };
        accounts.open.push(OpenAccount {
            store: Arc::new(Box::pin(Store::open(&access, network)).await),
            caller,
            is_demo,
        });
    }
    Ok(accounts)
}

async fn access(account: &Account, endpoints: &mut Vec<Endpoint>, events: &Events) -> Result<Access, Refusal> {
    let identity = match &account.profile {
        _ if account.anonymous => Identity::Anonymous,
        Some(profile) => Identity::Profile(profile.clone()),
        None => Identity::Ambient,
    };
    let plain = Access {
        endpoint_url: account.endpoint_url.clone(),
        sts_endpoint_url: account.sts_endpoint_url.clone(),
        region: account.region.clone(),
        path_style: account.path_style,
        identity,
        role: account.role.as_ref().map(|Role { arn, external_id, session_name }| AssumedRole {
            arn: arn.clone(),
            external_id: external_id.clone(),
            session_name: session_name.clone(),
        }),
        request_payer: account.request_payer,
        use_fips: account.use_fips,
        use_dual_stack: account.use_dual_stack,
        bucket_owner: account.bucket_owner.clone(),
    };
    let Some(spec) = account.endpoint_url.as_deref().filter(|url| url.starts_with("demo:")) else {
        return Ok(plain);
    };
    let endpoint = Endpoint::start(demo::spec(spec)?, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .map_err(|error| Refusal::error(Exit::Files, &error))?;
    let url = endpoint.url();
    events.emit(Event::DemoStarted { account: account.name.clone(), url: url.clone() }).await;
    endpoints.push(endpoint);
    Ok(Access {
        endpoint_url: Some(url),
        region: Some(REGION.to_owned()),
        path_style: true,
        identity: Identity::Keys(ACCESS_KEY.to_owned(), SECRET_KEY.to_owned()),
        ..plain
    })
}

/// What asking the accounts came to.
#[derive(Default)]
pub struct Asked {
    /// Buckets that the run did not know before, by account and name.
    pub buckets: Vec<BucketEntry>,
    /// What the accounts have that were asked now, by their places.
    pub discovered: Vec<(usize, Discovered)>,
    /// Requests it took.
    pub effort: Effort,
    /// How accounts failed that could not be asked.
    pub failures: Vec<Failure>,
    /// Whether stopping was asked for before all had answered.
    pub interrupted: bool,
}

impl Asked {
    /// Notes that an account cannot be used for now, and tells it.
    async fn lose(&mut self, record: &mut AccountRecord, failure: Failure, events: &Events) {
        record.settled = !failure.is_transient();
        record.verdict = match failure.kind {
            FailureKind::Denied => AccountVerdict::Denied,
            _ => AccountVerdict::Unusable,
        };
        let (account, reason, hint) = (record.name.clone(), failure.to_string(), hint(&failure));
        (record.reason, record.hint) = (Some(reason.clone()), hint.clone());
        events.emit(Event::AccountFailed { account, reason, hint }).await;
        self.failures.push(failure);
    }
}

/// Asks all accounts at once whom their credentials belong to, and notes it in `records`. Nothing else
/// is asked of one whose credentials do not work or are not those that the job means. Accounts that
/// turn out to be one and the same share their pace from then on.
///
/// # Errors
/// When an account's credentials are those of another than when the unfinished run began.
pub async fn identify(
    job: &Job,
    accounts: &mut [OpenAccount],
    records: &mut [AccountRecord],
    events: &Events,
    asked: &mut Asked,
) -> Result<(), Refusal> {
    let mut asking = JoinSet::new();
    for (index, (account, record)) in accounts.iter().zip(records.iter_mut()).enumerate() {
        (record.verdict, record.reason, record.hint) = (AccountVerdict::Ok, None, None);
        let (store, caller, name) = (Arc::clone(&account.store), account.caller.clone(), record.name.clone());
        asking.spawn(async move {
            let mut effort = Effort::default();
            let identity = Box::pin(identity(&store, &caller, &name, &mut effort)).await;
            (index, identity, effort)
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(index, ..)| *index);
    for (index, identity, effort) in answers {
        asked.effort += effort;
        let record = &mut records[index];
        let meant = job.accounts[index].account_id.as_ref();
        match identity {
            Err(Halt::Interrupted) => asked.interrupted = true,
            Err(Halt::Failed(failure)) => asked.lose(record, failure, events).await,
            Ok(Some(CallerIdentity { account_id, .. })) if meant.is_some_and(|meant| *meant != account_id) => {
                let failure = Failure::other_account(&account_id, meant.map_or("", String::as_str));
                asked.lose(record, failure, events).await;
            }
            Ok(identity) => {
                let (account_id, arn) = identity.map(|identity| (identity.account_id, identity.arn)).unzip();
                record.settled |= record.discovered;
                record.arn.clone_from(&arn);
                same_identity(record, account_id.clone().or_else(|| meant.cloned()))?;
                let account = record.name.clone();
                events.emit(Event::AccountIdentified { account, account_id, arn }).await;
            }
        }
    }
    share_paces(job, accounts, records);
    Ok(())
}

async fn identity(
    store: &Store,
    caller: &Caller,
    account: &str,
    effort: &mut Effort,
) -> Result<Option<CallerIdentity>, Halt> {
    store.usable().map_err(Halt::Failed)?;
    if !store.tells_identities() {
        return Ok(None);
    }
    caller.call(|| Subject::Account(account.into()), None, effort, || store.caller_identity()).await
}

/// Gives accounts of the job that are one AWS account at one endpoint a pace together: the slowest of
/// those that they have.
fn share_paces(job: &Job, accounts: &mut [OpenAccount], records: &[AccountRecord]) {
    let mut same: BTreeMap<(String, Option<String>), Vec<usize>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        if let (Some(account_id), Some(_)) = (&record.account_id, &record.arn) {
            same.entry((account_id.clone(), accounts[index].endpoint())).or_default().push(index);
        }
    }
    for places in same.values().filter(|places| places.len() > 1) {
        let paces = places.iter().map(|&place| &job.accounts[place].pace);
        let slowest = paces.filter_map(|pace| Some((pace.requests_per_second?, pace.burst))).min();
        let shared = slowest.map(|(rate, burst)| Arc::new(Limiter::new(rate, burst)));
        for &place in places {
            accounts[place].caller = accounts[place].caller.clone().sharing(shared.clone());
        }
    }
}

/// Asks all accounts at once for their buckets, but for those asked in an earlier invocation and those
/// that cannot be used, and notes in `records` what became of each. A broken account does not stop the
/// others. Those that did not answer before stopping was asked for stay unasked.
pub async fn ask(
    job: &Job,
    accounts: &[OpenAccount],
    records: &mut [AccountRecord],
    events: &Events,
    asked: &mut Asked,
) {
    let mut asking = JoinSet::new();
    for (index, (account, record)) in accounts.iter().zip(records.iter()).enumerate() {
        let search = plan::search(&job.accounts[index].selection);
        if record.verdict != AccountVerdict::Ok {
            continue;
        }
        if record.discovered {
            account.owns(record, search.literals);
            continue;
        }
        let (store, caller) = (Arc::clone(&account.store), account.caller.clone());
        let (name, rules) = (record.name.clone(), job.accounts[index].selection.clone());
        let places_matter = job.accounts[index].regions.is_some();
        asking.spawn(async move {
            let mut effort = Effort::default();
            let wanted = |name: &str| rules.takes(name);
            let discovery = Discovery { store, caller, account: name.into(), places_matter };
            let discovered = Box::pin(discovery.run(&search, wanted, &mut effort)).await;
            (index, discovered, effort)
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(index, ..)| *index);
    for (index, discovered, effort) in answers {
        asked.effort += effort;
        let record = &mut records[index];
        match discovered {
            Ok(discovered) => {
                let selected = selected(job, index, &discovered, &accounts[index].store.home_region());
                record.discovered = true;
                record.settled = true;
                let (found, count) = (discovered.found.len() + discovered.literals.len(), selected.len());
                let account = record.name.clone();
                events.emit(Event::AccountDiscovered { account, found, selected: count }).await;
                let listed: HashSet<&str> = discovered.found.iter().map(|bucket| bucket.name.as_str()).collect();
                let literals = discovered.literals.iter().map(|(name, _)| name.clone());
                accounts[index].owns(record, literals.filter(|name| !listed.contains(name.as_str())));
                asked.buckets.extend(selected);
                asked.discovered.push((index, discovered));
            }
            Err(Halt::Interrupted) => asked.interrupted = true,
            Err(Halt::Failed(failure)) => asked.lose(record, failure, events).await,
        }
    }
}

fn selected(job: &Job, index: usize, discovered: &Discovered, home_region: &str) -> Vec<BucketEntry> {
    // There are far fewer accounts than 2^32: each is a table in a file of at most 1 MiB.
    let account = u32::try_from(index).unwrap_or(u32::MAX);
    let Account { selection, regions, .. } = &job.accounts[index];
    plan::select(account, selection, regions.as_ref(), &discovered.literals, &discovered.found, home_region)
}

/// What to do about an account whose buckets cannot be found.
fn hint(failure: &Failure) -> Option<String> {
    let hint = match failure.kind {
        FailureKind::Denied => {
            "allow s3:ListAllMyBuckets, or name the buckets without glob characters in `buckets.include`"
        }
        _ => failure.hint()?,
    };
    Some(hint.to_owned())
}
