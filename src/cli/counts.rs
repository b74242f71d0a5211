//! What CloudWatch counted in the buckets of which earlier runs of the job know nothing, for plans.
//!
//! Owns that a plan never waits long for it, and never fails by it: whatever is not answered in time, or
//! not permitted, stays unknown and is told once for each account.

use super::accounts::{Asked, OpenAccount};
use crate::event::AccountVerdict;
use crate::job::Job;
use crate::plan::{CountSource, Known, KnownBucket};
use crate::report::PlannedNote;
use crate::s3::{BUCKETS_PER_QUESTION, Failure, FailureKind, ObjectCount};
use crate::scan::ScanBucket;
use crate::state::AccountRecord;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// What is not answered by then stays unknown.
const LONGEST: Duration = Duration::from_secs(10);
/// Questions that are under way at once.
const AT_ONCE: usize = 16;

/// Buckets that nobody counted, by their accounts' places and their regions.
pub type Uncounted = BTreeMap<(usize, String), Vec<String>>;

/// The buckets to be listed of which nothing is known. None where the job asks for some prefixes only:
/// CloudWatch counts whole buckets.
pub fn uncounted(
    job: &Job,
    accounts: &[AccountRecord],
    buckets: &[ScanBucket],
    done: &HashSet<u32>,
    asked: &Asked,
    known: &Known,
) -> Uncounted {
    let mut uncounted = Uncounted::new();
    if !job.objects.prefixes.is_empty() {
        return uncounted;
    }
    let refused: HashSet<(usize, &str)> = asked
        .discovered
        .iter()
        .flat_map(|(account, found)| found.refused.iter().map(|(bucket, _)| (*account, bucket.as_str())))
        .collect();
    for (_, bucket) in (0_u32..).zip(buckets).filter(|(place, _)| !done.contains(place)) {
        let (account, name) = (bucket.entry.account as usize, &bucket.entry.name);
        let is_known = known.contains_key(&(bucket.fields.account.clone(), name.clone()));
        if !is_known && accounts[account].verdict == AccountVerdict::Ok && !refused.contains(&(account, name)) {
            uncounted.entry((account, bucket.entry.region.clone())).or_default().push(name.clone());
        }
    }
    uncounted
}

/// Asks CloudWatch about these buckets, where an account has it. The clock is that of today, whatever
/// instant the plan is made for.
pub async fn ask(
    accounts: &[OpenAccount],
    records: &[AccountRecord],
    uncounted: Uncounted,
    now: Timestamp,
) -> (Known, Vec<PlannedNote>) {
    let (mut known, mut lost) = (Known::new(), Lost::new());
    let mut waiting: BTreeSet<(usize, String, Vec<String>)> = uncounted
        .into_iter()
        .filter(|((account, _), _)| accounts[*account].store.has_counts())
        .flat_map(|((account, region), buckets)| {
            let chunks: Vec<Vec<String>> = buckets.chunks(BUCKETS_PER_QUESTION).map(<[String]>::to_vec).collect();
            chunks.into_iter().map(move |chunk| (account, region.clone(), chunk))
        })
        .collect();
    let (mut asking, mut under_way) = (JoinSet::new(), Vec::new());
    let deadline = Instant::now() + LONGEST;
    loop {
        while asking.len() < AT_ONCE
            && let Some((account, region, buckets)) = waiting.pop_first()
        {
            let store = Arc::clone(&accounts[account].store);
            under_way.push((account, region.clone()));
            asking.spawn(async move {
                let counts = Box::pin(store.object_counts(&region, &buckets, now)).await;
                (account, region, counts)
            });
        }
        let Ok(answer) = timeout_at(deadline, asking.join_next()).await else {
            let late = waiting.into_iter().map(|(account, region, _)| (account, region)).chain(under_way);
            let message = format!("no answer within {} s", LONGEST.as_secs());
            late.for_each(|place| lose(&mut lost, place, Failure::local(FailureKind::Timeout, message.clone())));
            break;
        };
        let Some(answer) = answer else {
            break;
        };
        let (account, region, counts) = answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let place = (account, region);
        if let Some(at) = under_way.iter().position(|other| *other == place) {
            under_way.swap_remove(at);
        }
        match counts {
            Ok(counts) => known.extend(counts.into_iter().map(|(bucket, ObjectCount { objects, at })| {
                let counted = KnownBucket::counted(objects, CountSource::CloudWatch(at));
                ((records[account].name.clone(), bucket), counted)
            })),
            Err(failure) => {
                // What else would be asked there fails alike.
                waiting.retain(|(account, region, _)| (*account, region.as_str()) != (place.0, place.1.as_str()));
                lose(&mut lost, place, failure);
            }
        }
    }
    (known, lost.into_iter().map(|(account, lost)| note(&records[account].name, &lost)).collect())
}

/// Where CloudWatch told nothing, by account: the regions, and the first failure.
type Lost = BTreeMap<usize, (BTreeSet<String>, Failure)>;

fn lose(lost: &mut Lost, (account, region): (usize, String), failure: Failure) {
    lost.entry(account).or_insert_with(|| (BTreeSet::new(), failure)).0.insert(region);
}

fn note(account: &str, (regions, failure): &(BTreeSet<String>, Failure)) -> PlannedNote {
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    let is_denied = failure.kind == FailureKind::Denied
        || failure.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied"));
    PlannedNote {
        account: account.to_owned(),
        message: format!("CloudWatch tells no numbers of objects in {}: {failure}", regions.join(", ")),
        hint: is_denied.then(|| "allow cloudwatch:GetMetricData, or do without: a run does not need it".to_owned()),
    }
}
