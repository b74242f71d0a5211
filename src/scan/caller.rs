//! The retry loop: every attempt at every request goes through here.
//!
//! Owns that every attempt is one paced request: it takes the bucket's permit, the account's permit,
//! a slot of the run, and only then sends, so that waiting never counts against the request's
//! timeout; and that each is taken from the invocation's budget before it is sent. Jitter, `Retry-After`
//! and growing timeouts are decided here and nowhere else.

use super::budget::Budget;
use super::limiter::Limiter;
use super::pace::BucketPace;
use super::stop::Stop;
use crate::event::{Effort, Event, Events, FailedAttempt, SlowdownCause, Subject};
use crate::job::Pace;
use crate::s3::{Failure, FailureKind};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

/// So often in a row may one request find the credentials over. Each time there were new ones, which were
/// good for others.
const MOST_RENEWALS: u32 = 8;

/// Why a request gave nothing.
#[derive(Debug)]
pub enum Halt {
    /// It failed, and retries did not help or were no use.
    Failed(Failure),
    /// Stopping was asked for, if only because the budget is used up.
    Interrupted,
}

/// Sends an account's requests.
#[derive(Clone, Debug)]
pub struct Caller {
    account: Option<Arc<Limiter>>,
    pace: Arc<Pace>,
    slots: Arc<Semaphore>,
    budget: Arc<Budget>,
    /// Whether a request has succeeded, if only once.
    reached: Arc<AtomicBool>,
    events: Events,
    stop: Stop,
}

impl Caller {
    /// A caller at the account's pace. `slots` and `budget` are shared by all accounts of the run.
    #[must_use]
    pub fn new(pace: &Pace, slots: Arc<Semaphore>, budget: Arc<Budget>, events: Events, stop: Stop) -> Self {
        Self {
            account: pace.requests_per_second.map(|rate| Arc::new(Limiter::new(rate, pace.burst))),
            pace: Arc::new(pace.clone()),
            slots,
            budget,
            reached: Arc::default(),
            events,
            stop,
        }
    }

    /// The same caller, at a pace that it shares with those of the same AWS account.
    #[must_use]
    pub fn sharing(self, account: Option<Arc<Limiter>>) -> Self {
        Self { account, ..self }
    }

    /// The same caller, heeding another wish to stop.
    #[must_use]
    pub fn heeding(&self, stop: Stop) -> Self {
        Self { stop, ..self.clone() }
    }

    /// What paces the requests for one bucket, beside the account.
    #[must_use]
    pub fn bucket_pace(&self) -> BucketPace {
        let burst = self.pace.burst;
        let own = self.pace.bucket_requests_per_second.map(|rate| Limiter::new(rate, burst));
        BucketPace::new(own, self.account.as_ref().map(|account| account.rate()))
    }

    /// The wish to stop that this caller heeds.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// How long a body may stay silent: the request's timeout, yet no longer than 20 s, for a
    /// listing that S3 takes long to answer does so before its first byte.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.pace.request_timeout.min(Duration::from_secs(20))
    }

    /// Sends `request` until it succeeds, fails for good or the attempts are used up. What it took
    /// is added to `effort`, whatever the outcome.
    ///
    /// # Errors
    /// The last failure, or that stopping was asked for.
    pub async fn call<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        subject: impl Fn() -> Subject,
        bucket: Option<&BucketPace>,
        effort: &mut Effort,
        mut request: impl FnMut() -> F,
    ) -> Result<T, Halt> {
        let (mut timeouts, mut attempt, mut renewals, mut is_repeated) = (0, 0, 0, false);
        loop {
            attempt += 1;
            let permit = self.stop.unless_requested(self.permit(bucket)).await.ok_or(Halt::Interrupted)?;
            if !self.budget.take() {
                return Err(Halt::Interrupted);
            }
            effort.requests += 1;
            effort.retries += u64::from(std::mem::replace(&mut is_repeated, true));
            let timeout = self.pace.request_timeout * 2_u32.pow(timeouts);
            let sent = Instant::now();
            let answer = tokio::time::timeout(timeout, request());
            let answer = self.stop.unless_abandoned(answer).await.ok_or(Halt::Interrupted)?;
            drop(permit);
            if let Some(bucket) = bucket {
                self.weigh(bucket, &subject, sent, &answer, effort).await;
            }
            let failure = match answer {
                Ok(Ok(value)) => {
                    self.reached.store(true, Ordering::Relaxed);
                    return Ok(value);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::local(FailureKind::Timeout, format!("no answer within {timeout:?}")),
            };
            if matches!(failure.kind, FailureKind::Redirected(_)) {
                // The store sees to it that this comes once for each that asked in the wrong region.
                attempt -= 1;
                continue;
            }
            if let FailureKind::Renewed { first } = failure.kind {
                renewals += 1;
                let wait = (renewals <= MOST_RENEWALS).then(|| renewal_pause(renewals));
                if first {
                    self.events.emit(Event::CredentialsRenewed { subject: subject() }).await;
                }
                self.tell(subject(), attempt, &failure, wait).await;
                let Some(wait) = wait else {
                    return Err(Halt::Failed(Failure { kind: FailureKind::Identity, ..failure }));
                };
                self.stop.unless_requested(tokio::time::sleep(wait)).await.ok_or(Halt::Interrupted)?;
                attempt -= 1;
                continue;
            }
            // Listing over many delete markers can take S3 minutes: the next attempt waits longer.
            timeouts = (timeouts + u32::from(failure.kind == FailureKind::Timeout)).min(3);
            effort.throttles += u64::from(failure.kind == FailureKind::Throttled);
            effort.timeouts += u64::from(failure.kind == FailureKind::Timeout);
            let again = failure.is_transient() && attempt < self.attempts_for(&failure.kind);
            let wait = again.then(|| back_off(attempt, failure.retry_after));
            self.tell(subject(), attempt, &failure, wait).await;
            match wait {
                Some(wait) => {
                    self.stop.unless_requested(tokio::time::sleep(wait)).await.ok_or(Halt::Interrupted)?;
                }
                None => return Err(Halt::Failed(failure)),
            }
        }
    }

    /// What an answer says of the pace at which its bucket can be asked.
    async fn weigh<T>(
        &self,
        bucket: &BucketPace,
        subject: &impl Fn() -> Subject,
        sent: Instant,
        answer: &Result<Result<T, Failure>, Elapsed>,
        effort: &mut Effort,
    ) {
        let cause = match answer {
            Ok(Err(failure)) if failure.kind == FailureKind::Throttled => Some(SlowdownCause::Throttled),
            Ok(Err(failure)) if failure.kind == FailureKind::Timeout => Some(SlowdownCause::TimedOut),
            Err(_) => Some(SlowdownCause::TimedOut),
            Ok(Ok(_)) => None,
            // What else went wrong has nothing to do with the pace.
            Ok(Err(_)) => return,
        };
        if let (Some(rate), Some(cause)) = (bucket.answered(sent, cause.is_some()), cause) {
            effort.slowdowns += 1;
            if let Subject::Bucket(label) = subject() {
                self.events.emit(Event::PaceFell { label, rate, cause }).await;
            }
        }
    }

    async fn permit(&self, bucket: Option<&BucketPace>) -> Option<tokio::sync::SemaphorePermit<'_>> {
        if let Some(bucket) = bucket {
            bucket.permit().await;
        }
        if let Some(account) = &self.account {
            account.ready().await;
        }
        // The semaphore is never closed.
        self.slots.acquire().await.ok()
    }

    /// What will hardly mend itself in seconds is tried less often, so that a misspelt endpoint is
    /// reported soon. A store that was reached before is no misspelling: it may be restarting.
    fn attempts_for(&self, kind: &FailureKind) -> u32 {
        let most = self.pace.max_attempts.get();
        match kind {
            FailureKind::NotS3 => most.min(4),
            FailureKind::Unreachable if !self.reached.load(Ordering::Relaxed) => most.min(4),
            _ => most,
        }
    }

    async fn tell(&self, subject: Subject, attempt: u32, failure: &Failure, wait: Option<Duration>) {
        if matches!(failure.kind, FailureKind::Encoding(_)) {
            return;
        }
        let failed = FailedAttempt {
            subject,
            attempt,
            max_attempts: self.attempts_for(&failure.kind),
            throttled: failure.kind == FailureKind::Throttled,
            reason: failure.to_string(),
            ids: (*failure.ids).clone(),
            wait,
        };
        self.events.emit(Event::AttemptFailed(failed)).await;
    }
}

/// How long to wait before a request is repeated for which credentials were fetched anew so many times:
/// not at all at first.
fn renewal_pause(renewals: u32) -> Duration {
    if renewals > 1 { back_off(renewals - 1, None) } else { Duration::ZERO }
}

/// How long to wait after the failed attempt with this number: exponential from 100 ms to 20 s,
/// with the upper half of it random so that workers do not come back all at once, and never less
/// than the store asks for (up to 5 minutes).
fn back_off(attempt: u32, retry_after: Option<Duration>) -> Duration {
    let ceiling = Duration::from_millis(100 << attempt.min(9).saturating_sub(1)).min(Duration::from_secs(20));
    let jittered = ceiling.mul_f64(0.5 + 0.5 * random_fraction());
    jittered.max(retry_after.unwrap_or_default().min(Duration::from_mins(5)))
}

/// A random number in `0..1`. The standard library's hasher keys are random enough for jitter.
fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let fraction = bits as f64 / (1_u64 << 53) as f64;
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_a_ceiling_and_heeds_the_store() {
        for (attempt, ceiling) in [(1, 100), (2, 200), (5, 1_600), (9, 20_000), (60, 20_000)] {
            let ceiling = Duration::from_millis(ceiling);
            let wait = back_off(attempt, None);
            assert!(wait >= ceiling / 2 && wait <= ceiling, "{attempt}: {wait:?}");
        }
        assert_eq!(back_off(1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(back_off(1, Some(Duration::from_secs(7000))), Duration::from_mins(5));
    }
}
