//! The property that matters: for any objects, page sizes, faults and crashes, the rows of the
//! published files equal a ten-line reference filter over the objects, each row once, in key order.

use crate::memory_run::{Asked, finished, invoke, published, published_path};
use crate::memory_store::{Habit, MemoryStore, Mishap, StoredObject};
use proptest::prelude::*;
use s3scan::job::{Compression, Dialect, EmptyBucket, merged_prefixes};
use s3scan::s3::Key;
use s3scan::scan::Hint;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Case {
    buckets: BTreeMap<String, BTreeMap<String, StoredObject>>,
    asked: Asked,
    page_size: usize,
    frame: usize,
    mishaps: Vec<Option<Mishap>>,
    crashes: Vec<usize>,
    garbage: bool,
    habit: Habit,
}

/// As a history may have them that is of another bucket, old, or no history at all: in any order, of keys
/// there are and are not, that can and cannot be asked for.
fn hints() -> impl Strategy<Value = Hint> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..6);
    let key = prop_oneof![3 => keys().prop_map(String::into_bytes), 1 => bytes].prop_map(Key::from);
    (0_u64..100_000, proptest::collection::vec(key, 0..12)).prop_map(|(objects, keys)| Hint { objects, keys })
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c/]{1,6}", "[a-z0-9 ,\"'+%&<>=\n\r\t\u{1}\u{1f}\u{7f}é日😀/-]{1,12}", Just("x".repeat(1024)),]
}

fn objects() -> impl Strategy<Value = BTreeMap<String, StoredObject>> {
    let class = prop_oneof![Just("STANDARD"), Just("GLACIER")];
    let object =
        (0_u64..100, 0_i64..1000, class).prop_map(|(size, modified, class)| StoredObject { size, modified, class });
    proptest::collection::btree_map(keys(), object, 0..60)
}

/// As a job may write them: in any order, overlapping, twice, of keys there are and are not.
fn prefixes() -> impl Strategy<Value = Vec<String>> {
    let prefix =
        prop_oneof![6 => "[a-c/]{1,3}", 1 => "[é日+%& /]{1,2}", 1 => Just("x".repeat(1024)), 1 => Just(String::new())];
    prop_oneof![1 => Just(Vec::new()), 2 => proptest::collection::vec(prefix, 1..6)]
}

/// Dialect, compression and what a bucket without rows gives.
fn forms() -> impl Strategy<Value = (Dialect, Compression, EmptyBucket)> {
    (
        prop_oneof![Just(Dialect::Standard), Just(Dialect::Classic)],
        prop_oneof![2 => Just(Compression::None), 1 => Just(Compression::Gzip), 1 => Just(Compression::Zstd)],
        prop_oneof![Just(EmptyBucket::Header), Just(EmptyBucket::None)],
    )
}

fn cases() -> impl Strategy<Value = Case> {
    let mishap = prop_oneof![
        3 => Just(None),
        1 => prop_oneof![Just(Mishap::Internal), Just(Mishap::Cut), Just(Mishap::Late)].prop_map(Some),
    ];
    let window = (proptest::option::of(0_i64..1000), proptest::option::of(0_i64..1000));
    (
        proptest::collection::btree_map("[a-z]{3,5}", objects(), 0..5),
        1_usize..12,
        1_usize..700,
        (proptest::collection::vec(mishap, 0..9), any::<bool>()),
        proptest::collection::vec(1_usize..25, 0..4),
        (1_u64..20, proptest::option::of(0_u64..100), prefixes(), 1_u32..9, forms()),
        (
            window,
            any::<bool>(),
            prop_oneof![3 => Just(Habit::Sound), 1 => Just(Habit::PlainKeys), 1 => Just(Habit::Unordered)],
            proptest::option::of(hints()),
        ),
    )
        .prop_map(|(buckets, page_size, frame, mishaps, crashes, asked, (window, garbage, habit, hint))| {
            let (rows_per_file, min_size, prefixes, concurrency, (dialect, compression, empty)) = asked;
            let prefixes = merged_prefixes(prefixes);
            let hints = hint.map(|hint| buckets.keys().map(|name| (name.clone(), hint.clone())).collect());
            let asked = Asked {
                hints: hints.unwrap_or_default(),
                prefixes,
                rows_per_file,
                dialect,
                compression,
                empty,
                min_size,
                window,
                concurrency,
                ..Asked::default()
            };
            // With nothing but mishaps no page would ever come, and with many calls to slow down it would take
            // long, for they are heeded.
            let (mishaps, is_slowed) = mishaps;
            let slowed = if is_slowed { [vec![Some(Mishap::SlowDown)], vec![None; 12]].concat() } else { vec![None] };
            let mishaps = mishaps.into_iter().chain(slowed).collect();
            Case { buckets, asked, page_size, frame, mishaps, crashes, garbage, habit }
        })
}

impl Case {
    /// One invocation, to the end or to the crash.
    fn invoke(&self, folder: &Path, crash_after: Option<usize>) -> bool {
        let store = MemoryStore {
            habit: self.habit,
            buckets: self.buckets.clone(),
            page_size: self.page_size,
            frame: self.frame,
            mishaps: self.mishaps.clone(),
            crash_after,
            ..MemoryStore::default()
        };
        let outcome = invoke(&self.asked, &Arc::new(store), folder);
        outcome.is_some_and(|outcome| {
            assert!(outcome.unfinished.is_empty());
            true
        })
    }
}

/// What a crash may leave behind the committed lengths: bytes of a page that was being written.
fn scribble(folder: &Path) {
    use std::io::Write;
    let parts = folder.join("data/memory/run/.parts");
    let mut folders = vec![parts];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension != "joined") {
                let mut file = std::fs::OpenOptions::new().append(true).open(entry.path()).unwrap();
                file.write_all(b"torn,\"ro").unwrap();
            }
        }
    }
}

fn reference(case: &Case, bucket: &str) -> Vec<(String, String)> {
    let Asked { prefixes, window, min_size, .. } = &case.asked;
    let objects = case.buckets[bucket].iter();
    objects
        .filter(|(key, _)| prefixes.is_empty() || prefixes.iter().any(|prefix| key.starts_with(prefix)))
        .filter(|(_, object)| min_size.is_none_or(|min| object.size >= min))
        .filter(|(_, object)| window.0.is_none_or(|since| object.modified >= since))
        .filter(|(_, object)| window.1.is_none_or(|until| object.modified < until))
        .map(|(key, object)| (key.clone(), object.size.to_string()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn every_row_once_whatever_happens(case in cases()) {
        let folder = tempfile::tempdir().unwrap();
        for crash in &case.crashes {
            if !case.invoke(folder.path(), Some(*crash)) && case.garbage {
                scribble(folder.path());
            }
        }
        prop_assert!(case.invoke(folder.path(), None));
        for bucket in case.buckets.keys() {
            let mut rows = published(&case.asked, folder.path(), bucket);
            if case.habit == Habit::Unordered {
                rows.sort();
            }
            let has_file = published_path(&case.asked, folder.path(), bucket, 1).exists();
            prop_assert_eq!(has_file, !rows.is_empty() || case.asked.empty == EmptyBucket::Header);
            prop_assert_eq!(rows, reference(&case, bucket), "bucket {}", bucket);
        }
    }
}

#[test]
fn a_store_that_is_not_to_be_trusted_is_never_called_complete() {
    let object = StoredObject { size: 1, modified: 1, class: "STANDARD" };
    let objects: BTreeMap<_, _> = (0..40).map(|number| (format!("key-{number:03}"), object.clone())).collect();
    for (habit, prefixes, reason) in [
        (Habit::Repeating, Vec::new(), "does not list in key order"),
        (Habit::DeafToPrefixes, vec!["key-01".to_owned(), "key-03".to_owned()], "does not heed the prefix"),
    ] {
        let case = Case {
            buckets: BTreeMap::from([("bucket".to_owned(), objects.clone())]),
            asked: Asked { prefixes, ..Asked::default() },
            page_size: 7,
            frame: 500,
            mishaps: Vec::new(),
            crashes: Vec::new(),
            garbage: false,
            habit,
        };
        let folder = tempfile::tempdir().unwrap();
        assert!(case.invoke(folder.path(), None));
        let finished = finished(folder.path());
        assert_eq!(finished.len(), 1, "{habit:?}");
        assert_eq!((finished[0].verdict, finished[0].ordered), (s3scan::event::Verdict::Failed, false), "{habit:?}");
        assert!(finished[0].reason.as_ref().is_some_and(|told| told.contains(reason)), "{:?}", finished[0].reason);
        assert!(published(&case.asked, folder.path(), "bucket").is_empty());
    }
}
