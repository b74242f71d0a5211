//! Buckets of many ranges: what stays bounded, and what the end of one range means to the others.

use crate::memory_run::{Asked, finished, invoke, published, recorded};
use crate::memory_store::{MemoryStore, StoredObject, Trap};
use s3scan::event::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn objects(prefixes: &[String], each: usize) -> BTreeMap<String, StoredObject> {
    let object = StoredObject { size: 1, modified: 1, class: "STANDARD" };
    let keys = prefixes.iter().flat_map(|prefix| (0..each).map(move |number| format!("{prefix}{number:03}")));
    keys.map(|key| (key, object.clone())).collect()
}

fn prefixes(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number:04}/")).collect()
}

fn named(prefixes: &[&str]) -> Vec<String> {
    prefixes.iter().map(|prefix| (*prefix).to_owned()).collect()
}

/// A store of two buckets, `trapped` and `sound`, with ten keys in each of these prefixes.
fn store(prefixes: &[String], traps: &[(&str, Trap)]) -> MemoryStore {
    let of = |name: &str| (name.to_owned(), objects(prefixes, 10));
    let trap = |(prefix, trap): &(&str, Trap)| (("trapped".to_owned(), (*prefix).to_owned()), *trap);
    MemoryStore {
        buckets: BTreeMap::from([of("trapped"), of("sound")]),
        traps: traps.iter().map(trap).collect(),
        page_size: 4,
        frame: 1000,
        ..MemoryStore::default()
    }
}

#[test]
fn a_failure_for_good_stops_the_other_ranges_and_gives_one_verdict() {
    let asked = Asked { prefixes: named(&["a/", "b/", "c/"]), concurrency: 6, ..Asked::default() };
    // The others would go on for ever.
    let store = store(&asked.prefixes, &[("a/", Trap::Hangs), ("b/", Trap::Denied), ("c/", Trap::Hangs)]);
    let folder = tempfile::tempdir().unwrap();
    let outcome = invoke(&asked, &Arc::new(store), folder.path()).unwrap();
    assert!(outcome.unfinished.is_empty() && !outcome.interrupted);
    let verdicts: Vec<_> = finished(folder.path()).into_iter().map(|entry| (entry.bucket, entry.verdict)).collect();
    let verdicts: BTreeMap<_, _> = verdicts.iter().copied().collect::<BTreeMap<_, _>>();
    assert_eq!(verdicts, BTreeMap::from([(0, Verdict::Complete), (1, Verdict::Denied)]));
    assert_eq!(finished(folder.path()).len(), 2, "one verdict each");
    assert_eq!(published(&asked, folder.path(), "sound").len(), 30);
    assert!(published(&asked, folder.path(), "trapped").is_empty());
}

#[test]
fn a_failure_that_may_pass_keeps_what_was_listed() {
    let asked = Asked { prefixes: named(&["a/", "b/", "c/"]), concurrency: 2, max_attempts: 1, ..Asked::default() };
    let down = store(&asked.prefixes, &[("b/", Trap::HangsOnce), ("c/", Trap::Down)]);
    let folder = tempfile::tempdir().unwrap();
    let outcome = invoke(&asked, &Arc::new(down), folder.path()).unwrap();
    let unfinished: Vec<_> = outcome.unfinished.iter().map(|bucket| (bucket.bucket, bucket.verdict)).collect();
    assert_eq!(unfinished, [(1, Verdict::Failed)]);
    assert_eq!(outcome.unfinished[0].counts.objects, 10, "the first prefix was listed");
    let record = recorded(folder.path());
    assert_eq!((record.buckets[0].ranges.len(), record.buckets[0].waiting), (0, 2), "nothing of the others was");

    let mended = Arc::new(store(&asked.prefixes, &[]));
    let outcome = invoke(&asked, &mended, folder.path()).unwrap();
    assert!(outcome.unfinished.is_empty());
    assert_eq!(published(&asked, folder.path(), "trapped").len(), 30);
    assert_eq!(mended.requests_for("trapped", "a/"), 0, "what was listed is not listed again");
    assert_eq!((mended.requests_for("sound", "a/"), mended.requests()), (0, 6));
}

#[test]
fn a_bucket_starts_over_only_when_all_its_workers_have_gone() {
    let asked = Asked { prefixes: named(&["a/", "b/", "c/"]), concurrency: 6, ..Asked::default() };
    let traps = [("a/", Trap::HangsOnce), ("b/", Trap::Disordered), ("c/", Trap::HangsOnce)];
    let store = Arc::new(store(&asked.prefixes, &traps));
    let folder = tempfile::tempdir().unwrap();
    assert!(invoke(&asked, &store, folder.path()).unwrap().unfinished.is_empty());
    let ordered: BTreeMap<_, _> =
        finished(folder.path()).into_iter().map(|entry| (entry.bucket, (entry.verdict, entry.ordered))).collect();
    assert_eq!(ordered, BTreeMap::from([(0, (Verdict::Complete, true)), (1, (Verdict::Complete, false))]));
    let rows = published(&asked, folder.path(), "trapped");
    let keys: BTreeSet<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!((rows.len(), keys.len()), (30, 30), "each key once");
    // Prefix by prefix all the same.
    assert!(rows.iter().map(|(key, _)| &key[..2]).is_sorted());
}

#[test]
fn the_state_holds_no_more_ranges_than_there_are_workers() {
    let asked = Asked { prefixes: prefixes(1000), concurrency: 8, ..Asked::default() };
    let store = |crash_after| {
        Arc::new(MemoryStore {
            buckets: BTreeMap::from([("bucket".to_owned(), objects(&asked.prefixes, 3))]),
            page_size: 2,
            frame: 1000,
            crash_after,
            ..MemoryStore::default()
        })
    };
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        assert!(invoke(&asked, &store(Some(401)), folder.path()).is_none(), "it crashed");
        let record = recorded(folder.path());
        let [bucket] = record.buckets.as_slice() else { panic!("one bucket is in progress") };
        // Those of the crash before are gone on with first.
        assert!(bucket.ranges.len() <= 8, "{} ranges", bucket.ranges.len());
        let size = std::fs::metadata(folder.path().join("state.json")).unwrap().len();
        assert!(size < 8_000, "{size} bytes");
    }
    assert!(recorded(folder.path()).buckets[0].waiting < 700, "it got on");
    assert!(invoke(&asked, &store(None), folder.path()).unwrap().unfinished.is_empty());
    let rows = published(&asked, folder.path(), "bucket");
    assert_eq!(rows.len(), 3000);
    assert!(rows.is_sorted());
    assert!(recorded(folder.path()).buckets.is_empty());
}

#[test]
fn no_more_buckets_are_begun_than_there_are_workers() {
    let asked = Asked { prefixes: prefixes(20), concurrency: 3, ..Asked::default() };
    let buckets = (0..30).map(|number| (format!("bucket-{number:02}"), objects(&asked.prefixes, 1))).collect();
    let store = MemoryStore { buckets, page_size: 2, frame: 1000, crash_after: Some(50), ..MemoryStore::default() };
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(store);
    assert!(invoke(&asked, &store, folder.path()).is_none());
    let asked_of: BTreeSet<String> = store.asked.lock().unwrap().iter().map(|(bucket, _)| bucket.clone()).collect();
    assert!(asked_of.len() <= 5, "{asked_of:?}");
}
