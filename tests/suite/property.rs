//! The property that matters: for any objects, page sizes, faults and crashes, the rows of the
//! published files equal a ten-line reference filter over the objects, each row once, in key order.

use crate::memory_store::{Habit, MemoryStore, Mishap, StoredObject};
use jiff::Timestamp;
use proptest::prelude::*;
use s3scan::event::{Effort, Events};
use s3scan::output::{Place, PlaceValues};
use s3scan::rows::{BucketFields, Column, ObjectFilter};
use s3scan::scan::{Caller, ScanAccount, ScanBucket, ScanInput, ScanSettings, Stop, run};
use s3scan::state::{AccountRecord, BucketEntry, RunRecord, RunStore};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug)]
struct Case {
    buckets: BTreeMap<String, BTreeMap<String, StoredObject>>,
    page_size: usize,
    frame: usize,
    mishaps: Vec<Option<Mishap>>,
    crashes: Vec<usize>,
    rows_per_file: u64,
    min_size: Option<u64>,
    window: (Option<i64>, Option<i64>),
    garbage: bool,
    habit: Habit,
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

fn cases() -> impl Strategy<Value = Case> {
    let mishap = prop_oneof![
        3 => Just(None),
        1 => prop_oneof![Just(Mishap::SlowDown), Just(Mishap::Internal), Just(Mishap::Cut), Just(Mishap::Late)].prop_map(Some),
    ];
    let window = (proptest::option::of(0_i64..1000), proptest::option::of(0_i64..1000));
    (
        proptest::collection::btree_map("[a-z]{3,5}", objects(), 0..5),
        1_usize..12,
        1_usize..700,
        proptest::collection::vec(mishap, 0..9),
        proptest::collection::vec(1_usize..25, 0..4),
        (1_u64..20, proptest::option::of(0_u64..100)),
        (
            window,
            any::<bool>(),
            prop_oneof![3 => Just(Habit::Sound), 1 => Just(Habit::PlainKeys), 1 => Just(Habit::Unordered)],
        ),
    )
        .prop_map(
            |(buckets, page_size, frame, mishaps, crashes, (rows_per_file, min_size), (window, garbage, habit))| {
                // With nothing but mishaps no page would ever come.
                let mishaps = mishaps.into_iter().chain([None]).collect();
                Case { buckets, page_size, frame, mishaps, crashes, rows_per_file, min_size, window, garbage, habit }
            },
        )
}

fn job(folder: &Path) -> s3scan::job::Job {
    let path = folder.join("property.toml");
    let output = folder.join("data/{job}/{run}/{bucket}_{part}.csv");
    let text = format!("version = 1\n[limits]\nmax_attempts = 50\n[output]\npath = '{}'\n", output.display());
    std::fs::write(&path, text).unwrap();
    s3scan::job::load(&path).unwrap()
}

/// One invocation: to the end, or to the crash.
async fn invoke(case: &Case, folder: &Path, crash_after: Option<usize>) -> bool {
    let job = job(folder);
    let state_file = folder.join("state.json");
    let crashed = CancellationToken::new();
    let lister = MemoryStore {
        habit: case.habit,
        buckets: case.buckets.clone(),
        page_size: case.page_size,
        frame: case.frame,
        mishaps: case.mishaps.clone(),
        crash_after,
        crashed: crashed.clone(),
        requests: std::sync::Mutex::new(0),
    };
    let entries: Vec<BucketEntry> = case
        .buckets
        .keys()
        .map(|name| BucketEntry { account: 0, name: name.clone(), region: "r".into(), literal: false })
        .collect();
    let known = RunRecord::load(&state_file).unwrap();
    let store = if let Some(record) = known {
        RunStore::open(&state_file, record).unwrap()
    } else {
        let mut record = RunRecord::new("property", "run", Timestamp::UNIX_EPOCH, folder.join("data/property/run"));
        record.accounts = vec![AccountRecord {
            name: "a".into(),
            discovered: true,
            settled: true,
            verdict: s3scan::event::AccountVerdict::Ok,
            reason: None,
        }];
        RunStore::create(&state_file, record, &entries).unwrap()
    };
    let window = s3scan::job::Window {
        since: case.window.0.map(|second| Timestamp::from_second(second).unwrap()),
        until: case.window.1.map(|second| Timestamp::from_second(second).unwrap()),
        ..job.window.clone()
    };
    let rules = s3scan::job::ObjectRules { min_size: case.min_size, ..job.objects.clone() };
    let (events, mut receiver) = Events::channel();
    let stop = Stop::default();
    let slots = Arc::new(tokio::sync::Semaphore::new(4));
    let caller = Caller::new(&job.limits, slots, events.clone(), stop.child());
    let place = |entry: &BucketEntry| {
        let values = PlaceValues { job: "property", run: "run", bucket: &entry.name, ..PlaceValues::default() };
        Place::new(&job.output.path, &values)
    };
    let input = ScanInput {
        accounts: vec![Some(ScanAccount::new(Arc::new(lister), caller))],
        account_records: store.record().accounts.clone(),
        buckets: entries
            .iter()
            .map(|entry| ScanBucket {
                place: place(entry),
                fields: BucketFields { account: "a".into(), account_id: String::new(), bucket: entry.name.clone() },
                entry: entry.clone(),
            })
            .collect(),
        effort: Effort::default(),
        settings: ScanSettings {
            filter: Arc::new(ObjectFilter::new(&window, &rules)),
            columns: vec![Column::Key, Column::Size],
            rows_per_file: case.rows_per_file,
            limits: job.limits.clone(),
            checkpoint_every: Duration::from_millis(1),
            on_denied: job.buckets.on_denied,
        },
        events,
        stop,
        clock: || Timestamp::UNIX_EPOCH,
    };
    // Workers of a crashed invocation never end, and keep their senders.
    tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    tokio::select! {
        outcome = run(input, store) => {
            assert!(outcome.unwrap().unfinished.is_empty());
            true
        }
        () = crashed.cancelled() => false,
    }
}

/// What a crash may leave behind the committed lengths: bytes of a page that was being written.
fn scribble(folder: &Path) {
    use std::io::Write;
    let parts = folder.join("data/property/run/.parts");
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
    let objects = case.buckets[bucket].iter();
    objects
        .filter(|(_, object)| case.min_size.is_none_or(|min| object.size >= min))
        .filter(|(_, object)| case.window.0.is_none_or(|since| object.modified >= since))
        .filter(|(_, object)| case.window.1.is_none_or(|until| object.modified < until))
        .map(|(key, object)| (key.clone(), object.size.to_string()))
        .collect()
}

fn published(case: &Case, folder: &Path, bucket: &str) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for part in 1_u64.. {
        let path = folder.join(format!("data/property/run/{bucket}_{part}.csv"));
        let Ok(mut reader) = csv::Reader::from_path(path) else {
            return rows;
        };
        let before = rows.len();
        rows.extend(reader.deserialize::<(String, String)>().map(Result::unwrap));
        assert!((rows.len() - before) as u64 <= case.rows_per_file);
        if before > 0 {
            assert_eq!(before as u64 % case.rows_per_file, 0, "only the last file may be short");
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn every_row_once_whatever_happens(case in cases()) {
        let folder = tempfile::tempdir().unwrap();
        for crash in &case.crashes {
            // A runtime of its own, dropped at the crash: nothing of an invocation outlives it.
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let ended = runtime.block_on(invoke(&case, folder.path(), Some(*crash)));
            drop(runtime);
            if !ended && case.garbage {
                scribble(folder.path());
            }
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        prop_assert!(runtime.block_on(invoke(&case, folder.path(), None)));
        for bucket in case.buckets.keys() {
            let mut rows = published(&case, folder.path(), bucket);
            if case.habit == Habit::Unordered {
                rows.sort();
            }
            prop_assert_eq!(rows, reference(&case, bucket), "bucket {}", bucket);
        }
    }
}

#[test]
fn a_store_that_repeats_keys_is_never_called_complete() {
    let object = StoredObject { size: 1, modified: 1, class: "STANDARD" };
    let objects = (0..40).map(|number| (format!("key-{number:03}"), object.clone())).collect();
    let case = Case {
        buckets: BTreeMap::from([("bucket".to_owned(), objects)]),
        page_size: 7,
        frame: 500,
        mishaps: Vec::new(),
        crashes: Vec::new(),
        rows_per_file: 10,
        min_size: None,
        window: (None, None),
        garbage: false,
        habit: Habit::Repeating,
    };
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    assert!(runtime.block_on(invoke(&case, folder.path(), None)));
    let record = RunRecord::load(&folder.path().join("state.json")).unwrap().unwrap();
    let store = RunStore::open(&folder.path().join("state.json"), record).unwrap();
    let finished: Vec<_> = store.finished().unwrap().map(Result::unwrap).collect();
    assert_eq!(finished.len(), 1);
    assert_eq!(finished[0].verdict, s3scan::event::Verdict::Failed);
    assert!(published(&case, folder.path(), "bucket").is_empty());
}
