//! What earlier runs of a job learnt of its buckets, brought to where it is of use: hints for the next
//! run, how much it will list, and what a plan rests on.
//!
//! Owns that a history which cannot be used or kept is told and stops nothing, and what becomes of it at
//! a run's end: buckets that were not listed to their ends keep what was known of them, and such as are
//! no more go once a run of the whole job is complete.

use super::exit::Refusal;
use super::resume::compact;
use crate::job::Job;
use crate::plan::{CountSource, Known, KnownBucket};
use crate::scan::{Hint, ScanBucket, ScanOutcome};
use crate::state::{BucketHistory, History, StateError};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Of so many buckets in a hundred the objects have to be known for what a run will list to be told.
const ENOUGH: usize = 90;

/// What is known of a job's buckets, and why that is nothing where it cannot be used.
pub fn of(job: &Job) -> (History, Option<String>) {
    match load(job) {
        Ok(history) => (history, None),
        Err(error) => (History::default(), Some(error.to_string())),
    }
}

fn load(job: &Job) -> Result<History, StateError> {
    History::load(&History::file(&job.state.file), &job.name, &scope(job))
}

/// What was learnt is of the keys that the job asks for.
fn scope(job: &Job) -> String {
    compact(serde_json::json!(job.objects.prefixes).to_string())
}

fn name(bucket: &ScanBucket) -> (String, String) {
    (bucket.fields.account.clone(), bucket.entry.name.clone())
}

/// Hints for those of the buckets that are known, by their places.
pub fn hints(history: &History, buckets: &[ScanBucket]) -> BTreeMap<u32, Hint> {
    let known = |bucket: &ScanBucket| history.buckets.get(&name(bucket));
    let hint = |known: &BucketHistory| Hint { objects: known.objects, keys: known.keys.clone() };
    (0..).zip(buckets).filter_map(|(place, bucket)| Some((place, hint(known(bucket)?)))).collect()
}

/// What a plan rests on.
pub fn known(history: &History) -> Known {
    let known = |known: &BucketHistory| KnownBucket {
        objects: known.objects,
        source: CountSource::LastListing,
        requests: Some(known.requests),
        page_seconds: known.page_seconds,
        finish_seconds: known.finish_seconds,
        held_seconds: known.seconds.filter(|_| known.held),
    };
    history.buckets.iter().map(|(name, bucket)| (name.clone(), known(bucket))).collect()
}

/// How many objects a run of `buckets` buckets will have listed at its end, that has `done` some of them
/// and `listed` some objects of others, `so_far` in all. A bucket of which nothing is known counts as the
/// average of those still to be listed; `None` where there are too many of them, or nothing is left.
pub fn expected(
    hints: &BTreeMap<u32, Hint>,
    buckets: usize,
    done: &HashSet<u32>,
    listed: &BTreeMap<u32, u64>,
    so_far: u64,
) -> Option<u64> {
    let (mut known, mut unknown, mut objects, mut left) = (0_usize, 0_usize, 0_u64, 0_u64);
    let to_list = (0..u32::try_from(buckets).unwrap_or(u32::MAX)).filter(|place| !done.contains(place));
    for place in to_list {
        match hints.get(&place) {
            Some(hint) => {
                known += 1;
                objects = objects.saturating_add(hint.objects);
                left = left.saturating_add(hint.objects.saturating_sub(listed.get(&place).copied().unwrap_or(0)));
            }
            None => unknown += 1,
        }
    }
    if known == 0 || known * 100 < (known + unknown) * ENOUGH {
        return None;
    }
    let average = objects / known as u64;
    Some(so_far.saturating_add(left).saturating_add(average.saturating_mul(unknown as u64)))
}

/// Keeps what an invocation has learnt. `is_all` says that a run of the whole job is complete, so that
/// there are no buckets but those of the run. Returns what is to be said where it could not be kept.
pub fn remember(job: &Job, outcome: &ScanOutcome, is_all: bool) -> Option<String> {
    let error = keep(job, outcome, is_all).err()?;
    Some(format!("warning: what this run learnt for the next one is not kept: {}", Refusal::from(error).message))
}

fn keep(job: &Job, outcome: &ScanOutcome, is_all: bool) -> Result<(), StateError> {
    let mut history = match load(job) {
        Err(newer @ StateError::Newer { .. }) => return Err(newer),
        // Whatever it is, it is of no use to anybody.
        loaded => loaded.unwrap_or_default(),
    };
    let completed = u32::try_from(outcome.lessons.len()).unwrap_or(u32::MAX);
    let finishing = outcome.finishing.checked_div(completed).map(|share| share.as_secs_f64());
    for entry in outcome.store.finished()? {
        let entry = entry?;
        if entry.verdict != crate::event::Verdict::Complete {
            continue;
        }
        let Some(bucket) = outcome.buckets.get(entry.bucket as usize) else {
            continue;
        };
        let known = history.buckets.entry(name(bucket)).or_default();
        (known.objects, known.bytes, known.requests) =
            (entry.counts.objects, entry.counts.bytes, entry.effort.requests.saturating_sub(entry.effort.retries));
        // Those of earlier invocations were learnt then.
        if let Some(lesson) = outcome.lessons.get(&entry.bucket) {
            known.seconds = lesson.seconds.or(known.seconds);
            known.page_seconds = lesson.page_seconds.or(known.page_seconds);
            known.finish_seconds = finishing;
            known.held = entry.effort.slowdowns > 0;
            let is_better = !lesson.keys.is_empty() || known.objects < 2 * crate::scan::OBJECTS_PER_PIECE;
            if is_better || !entry.ordered {
                known.keys.clone_from(&lesson.keys);
            }
        }
    }
    if is_all {
        let there: BTreeSet<(String, String)> = outcome.buckets.iter().map(name).collect();
        history.buckets.retain(|name, _| there.contains(name));
    }
    history.save(&History::file(&job.state.file), &job.name, &scope(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_told_where_enough_is_known() {
        let known = |places: std::ops::Range<u32>| -> BTreeMap<u32, Hint> {
            places.map(|place| (place, Hint { objects: 100, keys: Vec::new() })).collect()
        };
        let (none, nothing) = (HashSet::new(), BTreeMap::new());
        assert_eq!(expected(&known(0..10), 10, &none, &nothing, 0), Some(1_000));
        assert_eq!(expected(&known(0..9), 10, &none, &nothing, 0), Some(1_000), "as the average of the others");
        assert_eq!(expected(&known(0..8), 10, &none, &nothing, 0), None);
        assert_eq!(expected(&BTreeMap::new(), 0, &none, &nothing, 7), None);
        // Two are done, of which one was unknown and both were larger; one has more than it had.
        let (done, listed) = (HashSet::from([0, 9]), BTreeMap::from([(1, 130), (2, 30)]));
        assert_eq!(expected(&known(0..9), 10, &done, &listed, 1_160), Some(1_160 + 70 + 600));
        assert_eq!(expected(&known(0..9), 2, &HashSet::from([0, 1]), &nothing, 7), None, "nothing is left");
    }
}
