//! Directory buckets of S3 Express One Zone, which are known by their names: they keep no order, and go on
//! by tokens only.

use crate::memory_run::{Asked, finished, invoke_and_hear, published};
use crate::memory_store::{Habit, MemoryStore, StoredObject};
use s3scan::event::{Event, Verdict};
use s3scan::scan::Hint;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const BUCKET: &str = "logs--use1-az4--x-s3";
const OBJECTS: usize = 1003;
const PAGE: usize = 10;

fn store() -> Arc<MemoryStore> {
    let object = StoredObject { size: 1, modified: 1, class: "EXPRESS_ONEZONE" };
    let objects = (0..OBJECTS).map(|number| (format!("k/{number:05}"), object.clone())).collect();
    Arc::new(MemoryStore {
        habit: Habit::Directory,
        buckets: BTreeMap::from([(BUCKET.to_owned(), objects)]),
        page_size: PAGE,
        frame: 1000,
        ..MemoryStore::default()
    })
}

/// How often it was told that order is not relied on.
fn warned(told: &[Event]) -> usize {
    told.iter().filter(|event| matches!(event, Event::OrderLost { .. })).count()
}

fn assert_listed_in_turn(store: &MemoryStore, asked: &Asked, folder: &std::path::Path) {
    assert_eq!(store.requests(), OBJECTS.div_ceil(PAGE), "each page once, and nothing else");
    let [entry] = &finished(folder)[..] else { panic!("one verdict") };
    assert_eq!((entry.verdict, entry.ordered, entry.counts.objects), (Verdict::Complete, false, OBJECTS as u64));
    assert_eq!((entry.effort.splits, entry.effort.most_at_once), (0, 1), "{:?}", entry.effort);
    let rows = published(asked, folder, BUCKET);
    let different: BTreeSet<&String> = rows.iter().map(|(key, _)| key).collect();
    assert_eq!((rows.len(), different.len()), (OBJECTS, OBJECTS));
}

/// However many workers there are, and whatever earlier runs are said to know.
#[test]
fn a_directory_bucket_is_listed_by_one_chain_of_tokens() {
    let known = Hint { objects: 1_000_000, keys: vec!["k/00300".into(), "k/00700".into()] };
    for hints in [BTreeMap::new(), BTreeMap::from([(BUCKET.to_owned(), known)])] {
        let asked = Asked { concurrency: 64, hints, ..Asked::default() };
        let (store, folder) = (store(), tempfile::tempdir().unwrap());
        let (outcome, told) = invoke_and_hear(&asked, &store, folder.path());
        assert!(outcome.unfinished.is_empty());
        assert_eq!(warned(&told), 1);
        assert!(!told.iter().any(|event| matches!(event, Event::RangeSplit { .. })));
        assert_listed_in_turn(&store, &asked, folder.path());
    }
}

/// A rerun goes on by the token, and does not warn once more.
#[test]
fn a_directory_bucket_goes_on_by_its_token() {
    let (store, folder) = (store(), tempfile::tempdir().unwrap());
    let asked = Asked { concurrency: 64, max_requests: Some(37), ..Asked::default() };
    let (outcome, told) = invoke_and_hear(&asked, &store, folder.path());
    assert_eq!((outcome.unfinished.len(), warned(&told), store.requests()), (1, 1, 37));
    let asked = Asked { max_requests: None, ..asked };
    let (outcome, told) = invoke_and_hear(&asked, &store, folder.path());
    assert_eq!((outcome.unfinished.len(), warned(&told)), (0, 0));
    assert_listed_in_turn(&store, &asked, folder.path());
}
