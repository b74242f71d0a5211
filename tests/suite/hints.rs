//! What one run learns and the next begins with: all workers at once, the same files, and hints that are
//! wrong.

use crate::memory_run::{Asked, finished, invoke, published, published_path, recorded};
use crate::memory_store::{Habit, MemoryStore, StoredObject};
use s3scan::s3::Key;
use s3scan::scan::{Hint, ScanOutcome};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const BUCKET: &str = "bucket";
const WORKERS: u32 = 8;

fn object() -> StoredObject {
    StoredObject { size: 1, modified: 1, class: "STANDARD" }
}

fn numbered(prefix: &str, numbers: std::ops::Range<usize>) -> impl Iterator<Item = (String, StoredObject)> {
    numbers.map(move |number| (format!("{prefix}{number:06}"), object()))
}

fn store(objects: impl IntoIterator<Item = (String, StoredObject)>) -> MemoryStore {
    MemoryStore {
        buckets: BTreeMap::from([(BUCKET.to_owned(), objects.into_iter().collect())]),
        page_size: 1000,
        frame: 1 << 20,
        ..MemoryStore::default()
    }
}

fn asked() -> Asked {
    Asked { concurrency: WORKERS, rows_per_file: 9_000, ..Asked::default() }
}

/// What the next run knows by this one.
fn learnt(outcome: &ScanOutcome) -> BTreeMap<String, Hint> {
    let lesson = &outcome.lessons[&0];
    BTreeMap::from([(BUCKET.to_owned(), Hint { objects: lesson.objects, keys: lesson.keys.clone() })])
}

/// How often a range of the bucket was split.
fn splits(folder: &Path) -> usize {
    usize::try_from(finished(folder)[0].effort.splits).unwrap()
}

fn files(asked: &Asked, folder: &Path) -> Vec<Vec<u8>> {
    (1..).map_while(|part| std::fs::read(published_path(asked, folder, BUCKET, part)).ok()).collect()
}

#[test]
fn the_second_run_has_all_workers_at_once_and_writes_the_same_files() {
    // A few more pages than four for each worker.
    let objects = || numbered("key-", 0..33_500);
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let taught = invoke(&asked(), &Arc::new(store(objects())), first.path()).unwrap();
    let lesson = &taught.lessons[&0];
    assert_eq!((lesson.objects, lesson.seconds), (33_500, Some(0.0)), "the clock of these tests stands still");
    let asked = Asked { hints: learnt(&taught), ..asked() };
    // Were there fewer in flight, none would ever be answered: this is the first round trip.
    let together = Arc::new(MemoryStore { together: WORKERS as usize, ..store(objects()) });
    let outcome = invoke(&asked, &together, second.path()).unwrap();
    assert!(outcome.unfinished.is_empty());
    let (one, other) = (files(&asked, first.path()), files(&asked, second.path()));
    assert_eq!(one.len(), 4);
    assert!(one == other, "byte for byte");
    // 34 pages, and one for each cut and each split at the most; how many splits there are hangs on who is
    // answered first.
    let (requests, splits) = (together.requests(), splits(second.path()));
    let most = 34 + lesson.keys.len() + splits;
    assert!((34..=most).contains(&requests), "{requests} requests, {splits} splits");
    assert!(splits <= 2 * WORKERS as usize, "{splits} splits");
    // What it learns is as good.
    assert_eq!(outcome.lessons[&0].keys.len(), taught.lessons[&0].keys.len());
}

#[test]
fn a_range_of_each_prefix_is_cut_when_it_is_begun() {
    let prefixes = ["a/", "b/", "c/"].map(str::to_owned).to_vec();
    let objects = || prefixes.iter().flat_map(|prefix| numbered(prefix, 0..12_000)).chain(numbered("d/", 0..9_000));
    let asked = Asked { prefixes: prefixes.clone(), ..asked() };
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let taught = invoke(&asked, &Arc::new(store(objects())), first.path()).unwrap();
    assert!(taught.lessons[&0].keys.iter().all(|key| !key.as_bytes().starts_with(b"d/")));
    let asked = Asked { hints: learnt(&taught), ..asked };
    let together = Arc::new(MemoryStore { together: WORKERS as usize, ..store(objects()) });
    assert!(invoke(&asked, &together, second.path()).unwrap().unfinished.is_empty());
    assert!(files(&asked, first.path()) == files(&asked, second.path()), "byte for byte");
    for prefix in &prefixes {
        assert!(together.requests_for(BUCKET, prefix) >= 12);
    }
}

#[test]
fn stale_hints_cost_requests_and_no_row() {
    let taught =
        Hint { objects: 400_000, keys: numbered("key-", 1..100).map(|(key, _)| Key::from(key.as_str())).collect() };
    let buckets: [(&str, Vec<(String, StoredObject)>); 5] = [
        ("gone", Vec::new()),
        ("shrunk", numbered("key-", 40..60).collect()),
        ("grown", numbered("key-", 0..30_000).collect()),
        ("another", numbered("other/", 0..5_000).collect()),
        ("before", numbered("a/", 0..2_500).chain(numbered("z/", 0..2_500)).collect()),
    ];
    for (name, objects) in buckets {
        let keys: Vec<String> = objects.iter().map(|(key, _)| key.clone()).collect();
        let asked = Asked { hints: BTreeMap::from([(BUCKET.to_owned(), taught.clone())]), ..asked() };
        let store = Arc::new(store(objects));
        let folder = tempfile::tempdir().unwrap();
        assert!(invoke(&asked, &store, folder.path()).unwrap().unfinished.is_empty());
        let rows: Vec<String> = published(&asked, folder.path(), BUCKET).into_iter().map(|(key, _)| key).collect();
        assert!(rows == keys, "{name}: {} rows of {}", rows.len(), keys.len());
        // A piece in vain for each that was expected, two for each worker, and one for each split.
        let (requests, splits) = (store.requests(), splits(folder.path()));
        let most = keys.len() / 1000 + 2 * WORKERS as usize + splits;
        assert!((keys.len().div_ceil(1000)..=most).contains(&requests), "{name}: {requests} requests, {splits} splits");
        assert!(splits <= 4 * WORKERS as usize, "{name}: {splits} splits");
    }
}

#[test]
fn an_unordered_bucket_is_neither_cut_nor_learnt() {
    let keys = numbered("key-", 1..100).map(|(key, _)| Key::from(key.as_str())).collect();
    let hints = BTreeMap::from([(BUCKET.to_owned(), Hint { objects: 400_000, keys })]);
    let asked = Asked { hints, ..asked() };
    let store = Arc::new(MemoryStore { habit: Habit::Unordered, ..store(numbered("key-", 0..20_000)) });
    let folder = tempfile::tempdir().unwrap();
    let outcome = invoke(&asked, &store, folder.path()).unwrap();
    assert_eq!(published(&asked, folder.path(), BUCKET).len(), 20_000);
    assert_eq!((outcome.lessons[&0].objects, outcome.lessons[&0].keys.len()), (20_000, 0));
}

#[test]
fn a_run_that_was_cut_off_goes_on_with_its_pieces_and_learns_of_all() {
    let objects = || numbered("key-", 0..40_000);
    let taught = invoke(&asked(), &Arc::new(store(objects())), tempfile::tempdir().unwrap().path()).unwrap();
    let asked = Asked { hints: learnt(&taught), ..asked() };
    let folder = tempfile::tempdir().unwrap();
    let crashing = MemoryStore { crash_after: Some(25), ..store(objects()) };
    assert!(invoke(&asked, &Arc::new(crashing), folder.path()).is_none(), "it crashed");
    let record = recorded(folder.path());
    assert!(record.buckets[0].ranges.len() <= 3 * WORKERS as usize, "{} ranges", record.buckets[0].ranges.len());
    let outcome = invoke(&asked, &Arc::new(store(objects())), folder.path()).unwrap();
    assert_eq!(published(&asked, folder.path(), BUCKET).len(), 40_000);
    let lesson = &outcome.lessons[&0];
    assert_eq!((lesson.objects, lesson.seconds), (40_000, None), "no invocation did all of it");
    assert!(lesson.keys.len() >= 6 && lesson.keys.is_sorted(), "{:?}", lesson.keys);
}
