//! The pace of one bucket, shared by all its workers: what the job allows, and what the store bears.
//!
//! Owns that a permit of either is taken before a request is sent, never while it runs; and the number
//! of workers that such a pace keeps busy, so that no slot of the run waits for a slow bucket.

use super::limiter::Limiter;
use super::rhythm::Rhythm;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// More workers than the pace needs on average, so that retries do not leave it unused.
const SPARE: f64 = 1.5;

/// The pace of one bucket.
#[derive(Debug)]
pub struct BucketPace {
    allowed: Option<Limiter>,
    /// Requests per second that the whole account is allowed: no bucket of it has more.
    of_account: Option<NonZeroU32>,
    rhythm: Mutex<Rhythm>,
    turn: tokio::sync::Mutex<()>,
    begun: Instant,
}

impl BucketPace {
    /// The pace of a bucket for which the job allows a rate, or any, and another to its account.
    #[must_use]
    pub fn new(allowed: Option<Limiter>, of_account: Option<NonZeroU32>) -> Self {
        Self {
            allowed,
            of_account,
            rhythm: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            begun: Instant::now(),
        }
    }

    /// Waits until a request may be sent.
    pub async fn permit(&self) {
        if let Some(limiter) = &self.allowed {
            limiter.ready().await;
        }
        // One after another, and only the first of those who wait looks at the clock.
        let _turn = self.turn.lock().await;
        while let Some(wait) = self.next_wait() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes in that a request sent at `sent` was answered; a refusal where the store asked to slow
    /// down or did not answer in time. Returns the rate
    /// in requests per second where it fell by it.
    pub fn answered(&self, sent: Instant, is_refused: bool) -> Option<f64> {
        let (sent, now) = (sent.saturating_duration_since(self.begun), self.begun.elapsed());
        let mut rhythm = self.rhythm();
        rhythm.answered(sent, now, is_refused).then(|| rhythm.rate(now)).flatten()
    }

    /// How many workers the bucket keeps busy, of at most `most`.
    pub fn workers(&self, most: usize) -> usize {
        let rhythm = self.rhythm();
        let allowed =
            [self.allowed.as_ref().map(Limiter::rate), self.of_account].map(|rate| Some(f64::from(rate?.get())));
        let rates = allowed.into_iter().chain([rhythm.rate(self.begun.elapsed())]);
        let (Some(rate), Some(latency)) = (rates.flatten().reduce(f64::min), rhythm.latency()) else {
            return most;
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and bounded below")]
        let needed = (SPARE * rate * latency).ceil() as usize;
        needed.saturating_add(2).min(most)
    }

    fn next_wait(&self) -> Option<Duration> {
        self.rhythm().wait(self.begun.elapsed())
    }

    /// A panic under the lock cannot leave more than a wrong rate.
    fn rhythm(&self) -> MutexGuard<'_, Rhythm> {
        self.rhythm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for BucketPace {
    fn default() -> Self {
        Self::new(None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_bucket_keeps_few_workers_busy() {
        let pace = BucketPace::default();
        assert_eq!(pace.workers(64), 64);
        let answered = |is_refused| pace.answered(pace.begun + Duration::from_micros(1), is_refused);
        assert!((0..20).all(|_| answered(false).is_none()));
        assert_eq!(pace.workers(64), 64, "nothing holds it");
        let fell: Vec<f64> = (0..10).filter_map(|_| answered(true)).collect();
        assert_eq!(fell.len(), 1, "refusals of one stretch count once: {fell:?}");
        let workers = pace.workers(1_000_000);
        assert!((2..1_000_000).contains(&workers), "{workers}");
    }

    #[test]
    fn what_a_job_allows_bounds_the_workers_too() {
        let rate = NonZeroU32::new(10).unwrap();
        for pace in [BucketPace::new(Some(Limiter::new(rate, None)), None), BucketPace::new(None, Some(rate))] {
            assert_eq!(pace.workers(64), 64, "nobody knows how long a request takes");
            pace.rhythm().answered(Duration::ZERO, Duration::from_millis(300), false);
            assert_eq!(pace.workers(64), 7);
            assert_eq!(pace.workers(5), 5);
        }
    }
}
