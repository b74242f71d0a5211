//! Finding an account's buckets and their regions: paced and retried like every request.

use super::caller::{Caller, Halt};
use crate::event::{BucketLabel, Effort, Subject};
use crate::plan::Search;
use crate::s3::discovery::BUCKETS_PER_PAGE;
use crate::s3::{Failure, FailureKind, FoundBucket, Store};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Buckets of one account whose regions are asked for at once.
const PLACES_AT_ONCE: usize = 16;

/// What an account has.
#[derive(Debug, Default)]
pub struct Discovered {
    /// The buckets it lists.
    pub found: Vec<FoundBucket>,
    /// The buckets the job names literally, with their regions.
    pub literals: Vec<(String, String)>,
    /// Those of them whose region could not be asked for, and why: listing them will show what is wrong.
    pub refused: Vec<(String, Failure)>,
}

/// Asking one account for its buckets.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The account's store.
    pub store: Arc<Store>,
    /// Sends its requests.
    pub caller: Caller,
    /// The account's name.
    pub account: Arc<str>,
    /// Whether the job wants buckets for their regions.
    pub places_matter: bool,
}

impl Discovery {
    /// Finds what `search` asks for. Where regions matter, those of the buckets that are `wanted` are
    /// asked for, if the list did not tell them.
    ///
    /// # Errors
    /// When the account's buckets cannot be listed. A literal name that cannot be asked for is no
    /// error: listing it will show what is wrong with it.
    pub async fn run(
        &self,
        search: &Search,
        wanted: impl Fn(&str) -> bool,
        effort: &mut Effort,
    ) -> Result<Discovered, Halt> {
        let mut discovered = Discovered::default();
        if search.list {
            discovered.found = Box::pin(self.list_buckets(effort)).await?;
            if self.places_matter || self.store.has_regions() {
                let unplaced = |bucket: &&FoundBucket| bucket.region.is_none() && wanted(&bucket.name);
                let names = discovered.found.iter().filter(unplaced).map(|bucket| bucket.name.clone()).collect();
                let mut places = self.places(names, effort, &mut Vec::new()).await?;
                for bucket in &mut discovered.found {
                    bucket.region = bucket.region.take().or_else(|| places.remove(&bucket.name).flatten());
                }
            }
        }
        let mut places = self.places(search.literals.clone(), effort, &mut discovered.refused).await?;
        let home = self.store.home_region();
        let place = |name: &String| {
            let region = places.remove(name).flatten();
            (name.clone(), region.unwrap_or_else(|| home.clone()))
        };
        discovered.literals = search.literals.iter().map(place).collect();
        Ok(discovered)
    }

    /// The regions of buckets, several asked for at once; none where the store does not tell. Those that
    /// could not be asked for are `refused`.
    async fn places(
        &self,
        names: Vec<String>,
        effort: &mut Effort,
        refused: &mut Vec<(String, Failure)>,
    ) -> Result<HashMap<String, Option<String>>, Halt> {
        let mut places = HashMap::new();
        let mut asking = JoinSet::new();
        let mut names = names.into_iter();
        loop {
            while asking.len() < PLACES_AT_ONCE
                && let Some(name) = names.next()
            {
                asking.spawn(self.clone().place(name));
            }
            let Some(answer) = asking.join_next().await else {
                return Ok(places);
            };
            let (name, region, sent) = answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            *effort += sent;
            let region = match region {
                Ok(region) => region,
                Err(Halt::Failed(failure)) if !concerns_account(&failure.kind) => {
                    refused.push((name.clone(), failure));
                    None
                }
                Err(halt) => return Err(halt),
            };
            places.insert(name, region);
        }
    }

    async fn place(self, name: String) -> (String, Result<Option<String>, Halt>, Effort) {
        let mut effort = Effort::default();
        let subject =
            || Subject::Bucket(BucketLabel { account: Arc::clone(&self.account), bucket: name.as_str().into() });
        let asking = self.caller.call(subject, None, &mut effort, || self.store.bucket_region(&name));
        let region = Box::pin(asking).await;
        (name, region, effort)
    }

    async fn list_buckets(&self, effort: &mut Effort) -> Result<Vec<FoundBucket>, Halt> {
        let Self { store, caller, account, .. } = self;
        let subject = || Subject::Account(Arc::clone(account));
        let mut found = Vec::new();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        loop {
            let page = caller.call(subject, None, effort, || store.list_buckets(true, token.as_deref())).await?;
            let full = page.buckets.len() == BUCKETS_PER_PAGE;
            found.extend(page.buckets);
            match page.next_token {
                None if full => {
                    // Some stores cut the answer at the size asked for and give no token: buckets would
                    // vanish silently. Asked without a size, they list all.
                    let whole = caller.call(subject, None, effort, || store.list_buckets(false, None)).await?;
                    let known: HashSet<String> = found.iter().map(|bucket| bucket.name.clone()).collect();
                    found.extend(whole.buckets.into_iter().filter(|bucket| !known.contains(&bucket.name)));
                    return Ok(found);
                }
                None => return Ok(found),
                Some(next) => {
                    if !tokens.insert(next.clone()) {
                        let message = "the store's list of buckets does not get on: a token came twice".to_owned();
                        return Err(Halt::Failed(Failure::local(FailureKind::Untrusted, message)));
                    }
                    token = Some(next);
                }
            }
        }
    }
}

/// Whether a failure speaks of the account or its endpoint rather than of one bucket.
fn concerns_account(kind: &FailureKind) -> bool {
    matches!(kind, FailureKind::Identity | FailureKind::Unreachable | FailureKind::NotS3)
}
