//! Invocations of the whole scan over a store in memory: real parts, journals and state in a folder,
//! and what was published read back.

use crate::memory_store::MemoryStore;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use s3scan::event::{Effort, Event, Events};
use s3scan::job::{Column, Compression, Dialect, EmptyBucket, Job, ObjectRules, Window, load};
use s3scan::output::{FileRules, FreeSpace};
use s3scan::output::{Place, PlaceValues};
use s3scan::rows::{BucketFields, ObjectFilter, RowFormat};
use s3scan::s3::Range;
use s3scan::scan::{
    Budget, Caller, Hint, ScanAccount, ScanBucket, ScanError, ScanInput, ScanOutcome, ScanSettings, Stop, run,
};
use s3scan::state::{AccountRecord, BucketEntry, FinishedEntry, RunRecord, RunStore};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a job says that matters to these tests.
#[derive(Clone, Debug)]
pub struct Asked {
    pub prefixes: Vec<String>,
    pub rows_per_file: u64,
    /// Either `standard` or `classic`.
    pub dialect: Dialect,
    pub compression: Compression,
    pub empty: EmptyBucket,
    pub min_size: Option<u64>,
    /// In seconds from the epoch.
    pub window: (Option<i64>, Option<i64>),
    pub concurrency: u32,
    pub max_attempts: u32,
    pub max_requests: Option<u64>,
    pub max_duration: Option<Duration>,
    pub columns: Vec<Column>,
    pub free_space: FreeSpace,
    /// What earlier runs are said to know, by bucket.
    pub hints: BTreeMap<String, Hint>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            prefixes: Vec::new(),
            rows_per_file: 1000,
            dialect: Dialect::Standard,
            compression: Compression::None,
            empty: EmptyBucket::Header,
            min_size: None,
            window: (None, None),
            concurrency: 4,
            max_attempts: 50,
            max_requests: None,
            max_duration: None,
            columns: vec![Column::Key, Column::Size],
            free_space: FreeSpace::new(|_| None),
            hints: BTreeMap::new(),
        }
    }
}

/// How long pages in flight may take once the time is up.
const GRACE: Duration = Duration::from_millis(50);

fn state_file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

fn job(asked: &Asked, folder: &Path) -> Job {
    let path = folder.join("memory.toml");
    let output = folder.join("data/{job}/{run}/{bucket}_{part}.{ext}");
    std::fs::write(&path, format!("version = 1\n[output]\npath = '{}'\n", output.display())).unwrap();
    let mut job = load(&s3scan::job::Request::of(&path)).unwrap();
    job.output.rows_per_file = asked.rows_per_file;
    job.output.columns.clone_from(&asked.columns);
    job.output.dialect = asked.dialect;
    job.output.compression = asked.compression;
    job.output.empty = asked.empty;
    job.limits.concurrency = NonZeroU32::new(asked.concurrency).unwrap();
    job.limits.max_requests = asked.max_requests.map(|requests| NonZeroU64::new(requests).unwrap());
    job.limits.max_duration = asked.max_duration;
    job.accounts[0].pace.max_attempts = NonZeroU32::new(asked.max_attempts).unwrap();
    job
}

/// The run in the folder, begun if there is none.
fn opened(asked: &Asked, entries: &[BucketEntry], folder: &Path) -> RunStore {
    if let Some(record) = RunRecord::load(&state_file(folder)).unwrap() {
        let store = RunStore::open(&state_file(folder), record).unwrap();
        store.check(Range::of_prefixes(&asked.prefixes).len()).unwrap();
        return store;
    }
    let mut record = RunRecord::new("memory", "run", Timestamp::UNIX_EPOCH, folder.join("data/memory/run"));
    record.accounts = vec![AccountRecord { discovered: true, settled: true, ..AccountRecord::unasked("a") }];
    RunStore::create(&state_file(folder), record, entries).unwrap()
}

/// One invocation: what it came to, or nothing where it crashed.
pub fn invoke(asked: &Asked, lister: &Arc<MemoryStore>, folder: &Path) -> Option<ScanOutcome> {
    try_invoke(asked, lister, folder).map(Result::unwrap)
}

/// One invocation that comes to its end, and what it told.
pub fn invoke_and_hear(asked: &Asked, lister: &Arc<MemoryStore>, folder: &Path) -> (ScanOutcome, Vec<Event>) {
    let (outcome, told) = in_a_runtime(asked, lister, folder);
    (outcome.expect("no crash").unwrap(), told)
}

/// One invocation that may also end because something cannot be written.
pub fn try_invoke(asked: &Asked, lister: &Arc<MemoryStore>, folder: &Path) -> Option<Result<ScanOutcome, ScanError>> {
    in_a_runtime(asked, lister, folder).0
}

/// What an invocation came to, or nothing where it crashed, and what it told until its end.
type Heard = (Option<Result<ScanOutcome, ScanError>>, Vec<Event>);

fn in_a_runtime(asked: &Asked, lister: &Arc<MemoryStore>, folder: &Path) -> Heard {
    // A runtime of its own, dropped at the crash: nothing of an invocation outlives it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(Duration::from_mins(1), scanned(asked, lister, folder)).await };
    runtime.block_on(bounded).expect("the invocation came to an end")
}

async fn scanned(asked: &Asked, lister: &Arc<MemoryStore>, folder: &Path) -> Heard {
    let job = job(asked, folder);
    let entry = |name: &String| BucketEntry { account: 0, name: name.clone(), region: "r".into(), literal: false };
    let entries: Vec<BucketEntry> = lister.buckets.keys().map(entry).collect();
    let store = opened(asked, &entries, folder);
    let instant = |second: i64| Timestamp::from_second(second).unwrap();
    let window =
        Window { since: asked.window.0.map(instant), until: asked.window.1.map(instant), ..job.window.clone() };
    let rules = ObjectRules { min_size: asked.min_size, ..job.objects.clone() };
    let (events, mut receiver) = Events::channel();
    let stop = Stop::default();
    let budget = Arc::new(Budget::new(&job.limits, stop.clone()));
    let slots = Arc::new(tokio::sync::Semaphore::new(asked.concurrency as usize));
    let caller = Caller::new(&job.accounts[0].pace, slots, Arc::clone(&budget), events.clone(), stop.child());
    let place = |entry: &BucketEntry| {
        let values = PlaceValues {
            job: "memory",
            run: "run",
            bucket: &entry.name,
            ext: job.output.extension(),
            ..PlaceValues::default()
        };
        Place::new(&job.output.path, &values)
    };
    let bucket = |entry: &BucketEntry| ScanBucket {
        place: place(entry),
        fields: BucketFields { account: "a".into(), bucket: entry.name.clone(), ..BucketFields::default() },
        entry: entry.clone(),
    };
    let rows = RowFormat::new(&job.output);
    let input = ScanInput {
        in_the_way: BTreeMap::new(),
        hints: (0..)
            .zip(&entries)
            .filter_map(|(place, entry)| Some((place, asked.hints.get(&entry.name)?.clone())))
            .collect(),
        accounts: vec![Some(ScanAccount::new(Arc::clone(lister), caller))],
        account_records: store.record().accounts.clone(),
        buckets: entries.iter().map(bucket).collect(),
        effort: Effort::default(),
        settings: ScanSettings {
            filter: Arc::new(ObjectFilter::new(&window, &rules)),
            files: Arc::new(FileRules::new(&job.output, rows.head())),
            rows,
            prefixes: asked.prefixes.clone(),
            limits: job.limits.clone(),
            checkpoint_every: Duration::from_millis(1),
            on_denied: job.buckets.on_denied,
        },
        events,
        stop,
        budget: Arc::clone(&budget),
        clock: || Timestamp::UNIX_EPOCH,
        free_space: asked.free_space.clone(),
    };
    // Workers of a crashed invocation never end, and keep their senders.
    let hearing = tokio::spawn(async move {
        let mut told = Vec::new();
        while let Some(event) = receiver.recv().await {
            told.push(event);
        }
        told
    });
    tokio::spawn(async move { budget.enforce(GRACE).await });
    tokio::select! {
        outcome = run(input, store) => (Some(outcome), hearing.await.expect("it only listens")),
        () = lister.crashed.cancelled() => (None, Vec::new()),
    }
}

/// The verdicts noted so far.
pub fn finished(folder: &Path) -> Vec<FinishedEntry> {
    let store = RunStore::open(&state_file(folder), recorded(folder)).unwrap();
    store.finished().unwrap().map(Result::unwrap).collect()
}

/// The state as it stands.
pub fn recorded(folder: &Path) -> RunRecord {
    RunRecord::load(&state_file(folder)).unwrap().unwrap()
}

/// Where a file of a bucket is published.
pub fn published_path(asked: &Asked, folder: &Path, bucket: &str, part: u64) -> PathBuf {
    let extension = match asked.compression {
        Compression::None => "csv",
        Compression::Gzip => "csv.gz",
        Compression::Zstd => "csv.zst",
    };
    folder.join(format!("data/memory/run/{bucket}_{part}.{extension}"))
}

/// Key and size of the rows of a bucket's files, in order.
pub fn published(asked: &Asked, folder: &Path, bucket: &str) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for part in 1_u64.. {
        let Ok(file) = File::open(published_path(asked, folder, bucket, part)) else {
            return rows;
        };
        let file: Box<dyn Read> = match asked.compression {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(file).unwrap()),
        };
        let before = rows.len();
        // The classic columns begin with the bucket.
        let key = usize::from(asked.dialect == Dialect::Classic);
        for row in csv::Reader::from_reader(file).records().map(Result::unwrap) {
            rows.push((row[key].to_owned(), row[key + 1].to_owned()));
        }
        assert!((rows.len() - before) as u64 <= asked.rows_per_file);
        if before > 0 {
            assert_eq!(before as u64 % asked.rows_per_file, 0, "only the last file may be short");
        }
    }
    rows
}
