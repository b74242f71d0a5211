//! What the endpoint was asked and what it did about it.
//!
//! Responsible for counting requests, keys, faults and concurrency, and for waiting until a counter has
//! come to a number. It leaves deciding what counts to `server`. Invariants: `in_flight` falls whenever it
//! rose, also when a client goes away; and whoever waits is woken by every change.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method, Uri};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::fault::FaultKind;
use super::gate::Scope;
use super::list_query::{wants_owner, wants_restore_status};
use super::list_route::is_list_request;

/// The endpoint's counters at one moment. Requests for the endpoint's own paths are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersSnapshot {
    /// S3 requests received, also those that were throttled or met a fault.
    pub requests: u64,
    /// Those of them that asked for the list of buckets.
    pub bucket_list_requests: u64,
    /// Those of them that asked for a list of objects.
    pub list_requests: u64,
    /// Those of the latter that asked for owners, by `fetch-owner`.
    pub owner_requests: u64,
    /// Those of the same that asked for the state of restores.
    pub restore_requests: u64,
    /// Keys on list pages that were meant to arrive whole; common prefixes do not count.
    pub keys: u64,
    /// Requests whose answer is not yet handed over.
    pub in_flight: u64,
    /// The largest `in_flight` so far.
    pub most_in_flight: u64,
    /// How often each kind of fault was made; kinds that were not are absent.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Requests refused by the cap on requests per second.
    pub throttled: u64,
    /// Requests without a signature.
    pub unsigned: u64,
    /// Requests refused for a key that was no longer good.
    pub expired: u64,
    /// Different access keys that requests were signed with.
    pub access_keys: u64,
}

impl CountersSnapshot {
    /// The counter of this name, as it stands in the JSON; that of a kind of fault is `faults.KIND`, and
    /// is 0 where the fault was never made.
    fn get(&self, name: &str) -> Option<u64> {
        if let Some(kind) = name.strip_prefix("faults.") {
            return Some(self.faults.get(&kind.parse::<FaultKind>().ok()?).copied().unwrap_or(0));
        }
        serde_json::to_value(self).ok()?.get(name)?.as_u64()
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    bucket_list_requests: AtomicU64,
    list_requests: AtomicU64,
    owner_requests: AtomicU64,
    restore_requests: AtomicU64,
    keys: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
    faults: [AtomicU64; FaultKind::ALL.len()],
    throttled: AtomicU64,
    unsigned: AtomicU64,
    expired: AtomicU64,
    /// How many requests each signed.
    access_keys: Mutex<HashMap<String, u64>>,
    changed: Notify,
}

/// A request on its way; ends when dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Counters>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
        self.0.changed.notify_waiters();
    }
}

impl Counters {
    /// Counts a request, and gives its ordinal, from 0.
    pub(super) fn begin(self: &Arc<Self>) -> (u64, InFlight) {
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Relaxed);
        let ordinal = self.add(&self.requests, 1);
        (ordinal, InFlight(Arc::clone(self)))
    }

    /// Counts a list request, and gives its ordinal among them, from 0.
    pub(super) fn begin_list(&self) -> u64 {
        self.add(&self.list_requests, 1)
    }

    /// Adds to a counter; what it was before.
    fn add(&self, counter: &AtomicU64, more: u64) -> u64 {
        let before = counter.fetch_add(more, Relaxed);
        self.changed.notify_waiters();
        before
    }

    /// Waits until the counter of this name is at least so much; `None` where there is none of it.
    pub(super) async fn at_least(&self, name: &str, least: u64) -> Option<CountersSnapshot> {
        loop {
            // Before looking, so that no change behind the look is missed.
            let changed = self.changed.notified();
            let snapshot = self.snapshot();
            if snapshot.get(name)? >= least {
                return Some(snapshot);
            }
            changed.await;
        }
    }

    /// Counts what a request asks for.
    pub(super) fn count_asked(&self, method: &Method, uri: &Uri, headers: &HeaderMap) {
        if method == Method::GET && uri.path() == "/" {
            self.add(&self.bucket_list_requests, 1);
        }
        if is_list_request(method, uri) {
            self.add(&self.owner_requests, u64::from(wants_owner(uri.query())));
            self.add(&self.restore_requests, u64::from(wants_restore_status(headers)));
        }
    }

    pub(super) fn add_keys(&self, keys: u64) {
        self.add(&self.keys, keys);
    }

    /// Counts who asked, and gives how many requests their key has signed, this one included.
    pub(super) fn count_scope(&self, scope: Option<&Scope>) -> u64 {
        let Some(Scope { access_key, .. }) = scope else {
            self.add(&self.unsigned, 1);
            return 0;
        };
        let mut known = self.access_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = known.entry(access_key.clone()).or_default();
        *signed += 1;
        self.changed.notify_waiters();
        *signed
    }

    pub(super) fn add_expired(&self) {
        self.add(&self.expired, 1);
    }

    pub(super) fn add_throttled(&self) {
        self.add(&self.throttled, 1);
    }

    pub(super) fn add_fault(&self, kind: FaultKind) {
        // The discriminants index `FaultKind::ALL`, which a test holds to.
        self.add(&self.faults[kind as usize], 1);
    }

    pub(super) fn snapshot(&self) -> CountersSnapshot {
        let faults = FaultKind::ALL.into_iter().zip(&self.faults);
        CountersSnapshot {
            requests: self.requests.load(Relaxed),
            bucket_list_requests: self.bucket_list_requests.load(Relaxed),
            list_requests: self.list_requests.load(Relaxed),
            owner_requests: self.owner_requests.load(Relaxed),
            restore_requests: self.restore_requests.load(Relaxed),
            keys: self.keys.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            most_in_flight: self.most_in_flight.load(Relaxed),
            faults: faults.map(|(kind, count)| (kind, count.load(Relaxed))).filter(|(_, count)| *count > 0).collect(),
            throttled: self.throttled.load(Relaxed),
            unsigned: self.unsigned.load(Relaxed),
            expired: self.expired.load(Relaxed),
            access_keys: self.access_keys.lock().unwrap_or_else(PoisonError::into_inner).len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_counter() {
        let counters = Counters::default();
        for (index, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            for _ in 0..=index {
                counters.add_fault(kind);
            }
        }
        for (kind, count) in counters.snapshot().faults {
            assert_eq!(count, kind as u64 + 1, "{kind}");
        }
    }

    #[test]
    fn in_flight_rises_and_falls() {
        let counters = Arc::new(Counters::default());
        let (first, one) = counters.begin();
        let (second, two) = counters.begin();
        assert_eq!((first, second), (0, 1));
        drop((one, two));
        let (_, three) = counters.begin();
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.in_flight, snapshot.most_in_flight), (1, 2));
        drop(three);
        assert_eq!(counters.snapshot().in_flight, 0);
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_change_that_is_waited_for() {
        let counters = Arc::new(Counters::default());
        let waiting = |name: &'static str| {
            let counters = Arc::clone(&counters);
            tokio::spawn(async move { counters.at_least(name, 2).await.map(|snapshot| snapshot.list_requests) })
        };
        let (lists, stalled, nothing) = (waiting("list_requests"), waiting("faults.stalled"), waiting("lists"));
        assert_eq!(nothing.await.unwrap(), None);
        tokio::task::yield_now().await;
        counters.begin_list();
        counters.add_fault(FaultKind::Stalled);
        tokio::task::yield_now().await;
        assert!(!lists.is_finished() && !stalled.is_finished());
        counters.begin_list();
        assert_eq!(lists.await.unwrap(), Some(2));
        counters.add_fault(FaultKind::Stalled);
        assert_eq!(stalled.await.unwrap(), Some(2));
    }

    #[test]
    fn json_names_the_faults() {
        let counters = Counters::default();
        counters.add_fault(FaultKind::InternalError);
        counters.add_keys(3);
        assert_eq!(
            serde_json::to_string(&counters.snapshot()).unwrap(),
            concat!(
                r#"{"requests":0,"bucket_list_requests":0,"list_requests":0,"owner_requests":0,"restore_requests":0,"keys":3,"#,
                r#""in_flight":0,"most_in_flight":0,"faults":{"500":1},"throttled":0,"#,
                r#""unsigned":0,"expired":0,"access_keys":0}"#
            )
        );
    }
}
