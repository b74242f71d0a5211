//! The accounts of a run: opened, and asked for their buckets where that is still to be done.

use super::demo;
use super::exit::{Exit, Refusal};
use crate::demo::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY};
use crate::event::{AccountVerdict, Effort, Event, Events};
use crate::job::{Account, Job};
use crate::plan;
use crate::s3::{Access, Failure, FailureKind, Identity, Store};
use crate::scan::{Budget, Caller, Discovered, Halt, Stop, discover};
use crate::state::{AccountRecord, BucketEntry};
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
    let mut accounts = Accounts { open: Vec::new(), endpoints: Vec::new() };
    for account in &job.accounts {
        let access = access(account, &mut accounts.endpoints, events).await?;
        let (slots, budget) = (Arc::clone(&slots), Arc::clone(budget));
        let caller = Caller::new(&account.pace, slots, budget, events.clone(), stop.child());
        let is_demo = matches!(access.identity, Identity::Keys(..));
        accounts.open.push(OpenAccount { store: Arc::new(Store::open(&access).await), caller, is_demo });
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
        region: account.region.clone(),
        path_style: account.path_style,
        identity,
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

/// Asks all accounts at once for their buckets, but for those asked in an earlier invocation, and
/// notes in `records` what became of each. A broken account does not stop the others. Those that did
/// not answer before stopping was asked for stay unasked.
pub async fn ask(job: &Job, accounts: &[OpenAccount], records: &mut [AccountRecord], events: &Events) -> Asked {
    let mut asking = JoinSet::new();
    for (index, (account, record)) in accounts.iter().zip(records.iter_mut()).enumerate() {
        record.verdict = AccountVerdict::Ok;
        record.reason = None;
        if record.discovered {
            continue;
        }
        let (store, caller) = (Arc::clone(&account.store), account.caller.clone());
        let (name, search) = (record.name.clone(), plan::search(&job.accounts[index].selection));
        asking.spawn(async move {
            let mut effort = Effort::default();
            let discovered = Box::pin(discover(&store, &caller, &name, &search, &mut effort)).await;
            (index, discovered, effort)
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(index, ..)| *index);
    let mut asked = Asked::default();
    for (index, discovered, effort) in answers {
        asked.effort += effort;
        match discovered {
            Ok(discovered) => {
                let selected = selected(job, index, &discovered, accounts[index].store.home_region());
                let record = &mut records[index];
                record.discovered = true;
                record.settled = true;
                let (found, count) = (discovered.found.len() + discovered.literals.len(), selected.len());
                let account = record.name.clone();
                events.emit(Event::AccountDiscovered { account, found, selected: count }).await;
                asked.buckets.extend(selected);
                asked.discovered.push((index, discovered));
            }
            Err(Halt::Interrupted) => asked.interrupted = true,
            Err(Halt::Failed(failure)) => {
                let record = &mut records[index];
                record.settled = !failure.is_transient();
                record.verdict = match failure.kind {
                    FailureKind::Denied => AccountVerdict::Denied,
                    _ => AccountVerdict::Unusable,
                };
                record.reason = Some(failure.to_string());
                let (account, reason) = (record.name.clone(), failure.to_string());
                events.emit(Event::AccountFailed { account, reason, hint: hint(&failure) }).await;
                asked.failures.push(failure);
            }
        }
    }
    asked
}

fn selected(job: &Job, index: usize, discovered: &Discovered, home_region: &str) -> Vec<BucketEntry> {
    // There are far fewer accounts than 2^32: each is a table in a file of at most 1 MiB.
    let account = u32::try_from(index).unwrap_or(u32::MAX);
    plan::select(account, &job.accounts[index].selection, &discovered.literals, &discovered.found, home_region)
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
