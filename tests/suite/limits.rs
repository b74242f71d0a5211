//! Stopped by a limit of the job: exactly so many requests, what is kept, and that reruns come to the
//! same files.

use crate::memory_run::{Asked, invoke, published, recorded};
use crate::memory_store::{MemoryStore, Mishap, StoredObject, Trap};
use s3scan::event::{ReachedLimit, Verdict};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const BUCKETS: [&str; 3] = ["one", "three", "two"];
/// Two prefixes of three pages each in every bucket.
const PAGES: u64 = 3 * 2 * 3;

fn store(mishaps: Vec<Option<Mishap>>) -> Arc<MemoryStore> {
    let object = StoredObject { size: 1, modified: 1, class: "STANDARD" };
    let keys = ["a/", "b/", "c/"].iter().flat_map(|prefix| (0..12).map(move |number| format!("{prefix}{number:02}")));
    let objects: BTreeMap<String, StoredObject> = keys.map(|key| (key, object.clone())).collect();
    let buckets = BUCKETS.iter().map(|name| ((*name).to_owned(), objects.clone())).collect();
    Arc::new(MemoryStore { buckets, page_size: 5, frame: 1000, mishaps, ..MemoryStore::default() })
}

fn asked(max_requests: Option<u64>) -> Asked {
    Asked { prefixes: vec!["a/".to_owned(), "c/".to_owned()], max_requests, concurrency: 1, ..Asked::default() }
}

fn assert_published(asked: &Asked, folder: &Path) {
    for bucket in BUCKETS {
        let rows = published(asked, folder, bucket);
        assert_eq!(rows.len(), 24, "{bucket}");
        assert!(rows.is_sorted(), "{bucket}");
    }
}

#[test]
fn exactly_the_requests_allowed_are_sent_and_the_last_may_complete_the_run() {
    for budget in 1..=PAGES + 1 {
        let folder = tempfile::tempdir().unwrap();
        let (asked, store) = (asked(Some(budget)), store(Vec::new()));
        let outcome = invoke(&asked, &store, folder.path()).unwrap();
        assert_eq!(store.requests() as u64, budget.min(PAGES), "{budget}");
        if budget < PAGES {
            let limit = ReachedLimit::Requests(NonZeroU64::new(budget).unwrap());
            assert_eq!((outcome.interrupted, outcome.limit), (true, Some(limit)), "{budget}");
            assert!(!outcome.unfinished.is_empty());
            for bucket in &outcome.unfinished {
                assert_eq!((bucket.verdict, &bucket.reason), (Verdict::Interrupted, &limit.to_string()));
            }
        } else {
            assert_eq!((outcome.interrupted, outcome.limit, outcome.unfinished.len()), (false, None, 0), "{budget}");
            assert_published(&asked, folder.path());
        }
    }
}

#[test]
fn reruns_with_a_budget_each_lose_nothing() {
    for budget in [1, 2, 5, 7] {
        let folder = tempfile::tempdir().unwrap();
        let asked = asked(Some(budget));
        let mut sent = 0;
        let mut complete = false;
        for _ in 0..PAGES {
            let store = store(Vec::new());
            let outcome = invoke(&asked, &store, folder.path()).unwrap();
            sent += store.requests() as u64;
            let noted: u64 = recorded(folder.path()).effort.requests
                + recorded(folder.path()).buckets.iter().map(|bucket| bucket.effort.requests).sum::<u64>();
            assert_eq!(noted, sent, "every request is noted");
            complete = !outcome.interrupted;
            if complete {
                break;
            }
        }
        assert!(complete, "{budget}");
        assert_eq!(sent, PAGES, "no page was listed twice with a budget of {budget}");
        assert_published(&asked, folder.path());
    }
}

#[test]
fn retries_are_paid_from_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(vec![Some(Mishap::Internal)]);
    let outcome = invoke(&asked(Some(7)), &store, folder.path()).unwrap();
    assert_eq!(store.requests(), 7);
    assert!(outcome.interrupted && outcome.unfinished.len() == BUCKETS.len());
    assert!(outcome.unfinished.iter().all(|bucket| bucket.reason.contains("`limits.max_requests` is reached")));
}

#[test]
fn time_that_is_up_ends_an_invocation_whose_pages_never_come() {
    let folder = tempfile::tempdir().unwrap();
    let duration = Duration::from_millis(1);
    let hanging = {
        let mut store = Arc::into_inner(store(Vec::new())).unwrap();
        let every = BUCKETS.iter().map(|name| (((*name).to_owned(), "a/".to_owned()), Trap::Hangs));
        store.traps = every.collect();
        Arc::new(store)
    };
    let limited = Asked { max_duration: Some(duration), ..asked(None) };
    let outcome = invoke(&limited, &hanging, folder.path()).unwrap();
    assert_eq!((outcome.interrupted, outcome.limit), (true, Some(ReachedLimit::Duration(duration))));
    assert_eq!(outcome.unfinished.len(), BUCKETS.len());
    let told = "`limits.max_duration` is reached: this invocation has worked for 1ms";
    assert!(outcome.unfinished.iter().all(|bucket| bucket.reason == told), "{:?}", outcome.unfinished);

    assert!(!invoke(&asked(None), &store(Vec::new()), folder.path()).unwrap().interrupted);
    assert_published(&limited, folder.path());
}
