//! Room on the disk: a bucket is not begun to be joined where there is too little, and joining needs
//! little of it.

use crate::memory_run::{Asked, finished, published, try_invoke};
use crate::memory_store::{MemoryStore, StoredObject};
use s3scan::output::FreeSpace;
use s3scan::scan::ScanError;
use s3scan::state::StateError;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const LARGE: u64 = 400;
const SMALL: u64 = 10;

/// A small bucket and a large one of eight prefixes, so that it has eight parts.
fn store() -> Arc<MemoryStore> {
    let object = StoredObject { size: 1, modified: 1, class: "STANDARD" };
    let keys = |count: u64| {
        let key = |number: u64| (format!("{}/{number:05}", number % 8), object.clone());
        (0..count).map(key).collect::<BTreeMap<_, _>>()
    };
    let buckets = BTreeMap::from([("large".to_owned(), keys(LARGE)), ("small".to_owned(), keys(SMALL))]);
    Arc::new(MemoryStore { buckets, page_size: 20, frame: 1000, ..MemoryStore::default() })
}

fn asked(rows_per_file: u64, free_space: FreeSpace) -> Asked {
    let prefixes = (0..8).map(|prefix| format!("{prefix}/")).collect();
    Asked { prefixes, rows_per_file, free_space, ..Asked::default() }
}

/// A row is `0/00000,1` and a line feed.
const ROW: u64 = 10;
const HEAD: u64 = "key,size\n".len() as u64;

#[test]
fn too_little_room_ends_the_run_and_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(ROW * SMALL + HEAD));
    let told = Arc::clone(&free);
    let asked = asked(1000, FreeSpace::new(move |_| Some(told.load(Ordering::SeqCst))));
    let store = store();
    let error = try_invoke(&asked, &store, folder.path()).unwrap().unwrap_err();
    let (ScanError::File(error) | ScanError::State(StateError::File(error))) = error else {
        panic!("{error}");
    };
    assert_eq!(error.source.kind(), ErrorKind::StorageFull);
    let needed = ROW * LARGE + HEAD;
    assert_eq!(error.source.to_string(), format!("{needed} bytes are needed, and {} are free", ROW * SMALL + HEAD));
    assert!(published(&asked, folder.path(), "large").is_empty());
    let joined = walk(folder.path()).into_iter().filter(|name| name.ends_with(".joined")).count();
    assert!(joined <= 1, "the large bucket was not begun");

    // Once there is room, exactly enough, the run goes on.
    free.store(needed, Ordering::SeqCst);
    let outcome = try_invoke(&asked, &store, folder.path()).unwrap().unwrap();
    assert!(outcome.unfinished.is_empty());
    assert_eq!(published(&asked, folder.path(), "large").len() as u64, LARGE);
    assert_eq!(published(&asked, folder.path(), "small").len() as u64, SMALL);
    assert_eq!(finished(folder.path()).len(), 2);
}

fn walk(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(walk(&entry.path()));
        } else {
            names.push(entry.path().to_string_lossy().into_owned());
        }
    }
    names
}

#[test]
fn many_files_need_the_room_of_the_parts_that_one_is_made_of() {
    // Every file is of one part or two: 60 rows of 50 a part.
    let folder = tempfile::tempdir().unwrap();
    let files = LARGE.div_ceil(60);
    let asked = asked(60, FreeSpace::new(move |_| Some(3 * 50 * ROW + (files + 1) * HEAD)));
    let outcome = try_invoke(&asked, &store(), folder.path()).unwrap().unwrap();
    assert!(outcome.unfinished.is_empty());
    assert_eq!(published(&asked, folder.path(), "large").len() as u64, LARGE);
}

#[test]
fn a_bucket_waits_for_the_room_that_others_give_back() {
    // Both would fit, but not at once: the second begins when the first is joined.
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(0_u64));
    let asked_for = Arc::clone(&seen);
    let free = FreeSpace::new(move |_| {
        *asked_for.lock().unwrap() += 1;
        Some(ROW * LARGE + HEAD)
    });
    let asked = asked(1000, free);
    let outcome = try_invoke(&asked, &store(), folder.path()).unwrap().unwrap();
    assert!(outcome.unfinished.is_empty());
    assert!(*seen.lock().unwrap() >= 2);
}
