//! Finding an account's buckets: paced and retried like every request.

use super::caller::{Caller, Halt};
use crate::event::{BucketLabel, Effort, Subject};
use crate::plan::Search;
use crate::s3::discovery::BUCKETS_PER_PAGE;
use crate::s3::{Failure, FailureKind, FoundBucket, Store};
use std::collections::HashSet;

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

/// Finds what `search` asks for.
///
/// # Errors
/// When the account's buckets cannot be listed. A literal name that cannot be asked for is no
/// error: listing it will show what is wrong with it.
pub async fn discover(
    store: &Store,
    caller: &Caller,
    account: &str,
    search: &Search,
    effort: &mut Effort,
) -> Result<Discovered, Halt> {
    store.usable().map_err(Halt::Failed)?;
    let mut discovered = Discovered::default();
    if search.list {
        discovered.found = list_buckets(store, caller, account, effort).await?;
    }
    for name in &search.literals {
        let subject = || Subject::Bucket(BucketLabel { account: account.into(), bucket: name.as_str().into() });
        let region = match caller.call(subject, None, effort, || store.bucket_region(name)).await {
            Ok(region) => region,
            Err(Halt::Interrupted) => return Err(Halt::Interrupted),
            Err(Halt::Failed(failure)) if concerns_account(&failure.kind) => return Err(Halt::Failed(failure)),
            Err(Halt::Failed(failure)) => {
                discovered.refused.push((name.clone(), failure));
                None
            }
        };
        discovered.literals.push((name.clone(), region.unwrap_or_else(|| store.home_region().to_owned())));
    }
    Ok(discovered)
}

/// Whether a failure speaks of the account or its endpoint rather than of one bucket.
fn concerns_account(kind: &FailureKind) -> bool {
    matches!(kind, FailureKind::Identity | FailureKind::Unreachable | FailureKind::NotS3)
}

async fn list_buckets(
    store: &Store,
    caller: &Caller,
    account: &str,
    effort: &mut Effort,
) -> Result<Vec<FoundBucket>, Halt> {
    let subject = || Subject::Account(account.into());
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
