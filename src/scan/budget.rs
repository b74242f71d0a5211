//! What one invocation may spend on a job: attempts and time.
//!
//! Owns that no more attempts are sent than the job allows, whoever sends them, and that an
//! invocation stops for a limit only when it has more to do: the last allowed request may well
//! complete the run. What stopping means is the affair of those who heed the wish.

use super::stop::Stop;
use crate::event::ReachedLimit;
use crate::job::Limits;
use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The budget of one invocation of a job, shared by all that send requests for it.
#[derive(Debug)]
pub struct Budget {
    max_requests: Option<NonZeroU64>,
    max_duration: Option<Duration>,
    sent: AtomicU64,
    reached: OnceLock<ReachedLimit>,
    stop: Stop,
}

impl Budget {
    /// The budget of a job, which asks `stop` to stop where it is used up.
    #[must_use]
    pub fn new(limits: &Limits, stop: Stop) -> Self {
        let Limits { max_requests, max_duration, .. } = *limits;
        Self { max_requests, max_duration, sent: AtomicU64::new(0), reached: OnceLock::new(), stop }
    }

    /// Takes one attempt; false where none is left, and the invocation is to stop.
    #[must_use]
    pub fn take(&self) -> bool {
        let Some(most) = self.max_requests else {
            return true;
        };
        let one_more = |sent: u64| (sent < most.get()).then_some(sent + 1);
        let taken = self.sent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        if !taken {
            self.reach(ReachedLimit::Requests(most));
        }
        taken
    }

    /// The limit that stopped the invocation, if one did.
    #[must_use]
    pub fn reached(&self) -> Option<ReachedLimit> {
        self.reached.get().copied()
    }

    /// Asks to stop when the time is up, counted from now. Once stopping is asked for, by whomever,
    /// what is in flight is given up after `grace`.
    pub async fn enforce(&self, grace: Duration) {
        let timer = async {
            match self.max_duration {
                Some(duration) => {
                    tokio::time::sleep(duration).await;
                    ReachedLimit::Duration(duration)
                }
                None => std::future::pending().await,
            }
        };
        if let Some(limit) = self.stop.unless_requested(timer).await {
            self.reach(limit);
        }
        tokio::time::sleep(grace).await;
        self.stop.abandon();
    }

    fn reach(&self, limit: ReachedLimit) {
        // Whoever was first to ask is the reason.
        if !self.stop.is_requested() {
            self.reached.get_or_init(|| limit);
            self.stop.request();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use std::sync::Arc;

    fn budget(max_requests: Option<u64>, max_duration: Option<Duration>) -> Budget {
        let max_requests = max_requests.and_then(NonZeroU64::new);
        Budget::new(&Limits { concurrency: NonZeroU32::MIN, max_requests, max_duration }, Stop::default())
    }

    #[test]
    fn exactly_as_many_attempts_as_allowed_are_taken_whoever_asks() {
        let budget = Arc::new(budget(Some(1000), None));
        let worker = |budget: Arc<Budget>| move || (0..400).filter(|_| budget.take()).count();
        let workers: Vec<_> = (0..4).map(|_| std::thread::spawn(worker(Arc::clone(&budget)))).collect();
        let sent: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert_eq!(sent, 1000);
        assert_eq!(budget.reached(), NonZeroU64::new(1000).map(ReachedLimit::Requests));
    }

    #[test]
    fn the_last_allowed_attempt_stops_nothing() {
        let budget = budget(Some(2), None);
        assert!(budget.take() && budget.take());
        assert!(!budget.stop.is_requested() && budget.reached().is_none());
        assert!(!budget.take());
        assert!(budget.stop.is_requested() && !budget.stop.is_abandoned());
    }

    #[test]
    fn without_limits_nothing_is_reached() {
        let budget = budget(None, None);
        assert!((0..100).all(|_| budget.take()) && budget.reached().is_none());
    }

    #[test]
    fn who_was_stopped_before_has_reached_no_limit() {
        let budget = budget(Some(1), None);
        budget.stop.request();
        assert!(budget.take() && !budget.take());
        assert_eq!(budget.reached(), None);
    }

    #[test]
    fn time_that_is_up_asks_to_stop_and_then_gives_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let budget = budget(None, Some(Duration::ZERO));
        runtime.block_on(budget.enforce(Duration::ZERO));
        assert_eq!(budget.reached(), Some(ReachedLimit::Duration(Duration::ZERO)));
        assert!(budget.stop.is_abandoned());
    }
}
