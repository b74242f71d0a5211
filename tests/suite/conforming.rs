//! The conformance cases over the stores that need no server: the one in memory, whose instants have no
//! fractions, and the demo endpoint, whose instants have.

use crate::conformance::endpoint::Endpoint;
use crate::conformance::{Ask, Bucket, Object, Scanned, Subject, cases, keys};
use crate::harness::Server;
use crate::memory_run::{Asked, finished, invoke};
use crate::memory_store::{MemoryStore, StoredObject};
use jiff::Timestamp;
use s3scan::demo::{ACCESS_KEY, SECRET_KEY, truth};
use s3scan::job::Column;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A store in memory of which every scan gets a copy.
struct Memory {
    bucket: Bucket,
}

impl Memory {
    fn store(&self) -> MemoryStore {
        let stored = |object: &Object| {
            let modified = object.last_modified.as_second();
            (object.key.clone(), StoredObject { size: object.size, modified, class: "STANDARD" })
        };
        let objects = self.bucket.objects.iter().map(stored).collect();
        MemoryStore {
            buckets: BTreeMap::from([(self.bucket.name.clone(), objects)]),
            page_size: self.bucket.page,
            frame: 700,
            asked: Mutex::default(),
            ..MemoryStore::default()
        }
    }
}

impl Subject for Memory {
    fn scan(&self, bucket: &str, ask: &Ask) -> Scanned {
        let asked = Asked {
            prefixes: ask.prefixes.clone(),
            window: ask
                .window
                .map_or((None, None), |(since, until)| (Some(since.as_second()), Some(until.as_second()))),
            max_requests: ask.stop_after,
            concurrency: ask.concurrency(),
            rows_per_file: 1_000_000,
            columns: vec![Column::Key, Column::Size, Column::LastModified],
            ..Asked::default()
        };
        let (store, folder) = (Arc::new(self.store()), tempfile::tempdir().unwrap());
        let mut invocations = 1;
        while invoke(&asked, &store, folder.path()).expect("no crash").interrupted {
            invocations += 1;
        }
        let mut reader = csv::Reader::from_path(folder.path().join(format!("data/memory/run/{bucket}_1.csv"))).unwrap();
        Scanned {
            rows: reader.deserialize().map(Result::unwrap).collect(),
            invocations,
            requests: store.requests() as u64,
            splits: finished(folder.path())[0].effort.splits,
            ordered: finished(folder.path())[0].ordered,
        }
    }
}

/// As many objects as keys, a minute between one and the next.
fn objects(keys: impl IntoIterator<Item = String>) -> Vec<Object> {
    let object = |(number, key): (i64, String)| Object {
        key,
        size: number.unsigned_abs() * 3,
        last_modified: Timestamp::from_second(1_735_689_600 + number * 60).unwrap(),
    };
    (0..).zip(keys).map(object).collect()
}

#[test]
fn a_store_in_memory() {
    for page in [1, 7, 20] {
        let bucket = Bucket::new("odd", page, objects(keys::all()));
        cases::all(&Memory { bucket: bucket.clone() }, &bucket);
    }
    let many = (0..20_000).map(|number| format!("day {}/{number:05} + 1%,é&", number % 7));
    let bucket = Bucket::new("many", 1000, objects(many));
    cases::all(&Memory { bucket: bucket.clone() }, &bucket);
}

fn demo(spec: &str, name: &str, page: usize) {
    let server = Server::start(spec);
    let endpoint =
        Endpoint { url: server.url.clone(), access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() };
    let objects = truth(&spec.parse().unwrap(), name).unwrap().map(|object| Object {
        key: object.key,
        size: object.size,
        last_modified: object.last_modified.parse().unwrap(),
    });
    cases::all(&endpoint, &Bucket::new(name, page, objects.collect()));
}

#[test]
fn the_demo_endpoint() {
    demo("demo:?shape=unicode&objects=130&page_size=1", "demo-unicode", 1);
    demo("demo:?shape=unicode&objects=3000&page_size=137", "demo-unicode", 137);
    demo("demo:?shape=skewed&objects=20000", "demo-skewed", 1000);
}

/// What is selected stands at the end of two pages of buckets.
#[test]
fn buckets_come_in_pages() {
    let server = Server::start("demo:?objects=3&shape=flat&small=1400&small_objects=2");
    let workspace = crate::harness::Workspace::new();
    workspace.job(&server.url, "[buckets]\ninclude = [\"demo-small-13[89]*\", \"demo-flat\"]");
    workspace.expect(0, &[]);
    assert_eq!(workspace.verdicts().len(), 21);
    assert_eq!(workspace.summary()["totals"]["objects"], 20 * 2 + 3);
}
