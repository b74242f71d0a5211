//! Requests a second: who waits, and for how long.
//!
//! Owns that a rate is kept in the long run, neither exceeded nor missed: whoever is woken a moment
//! late by the timer does not put off those behind.

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;

/// A request is counted as so many cells, so that lateness can be told from another request.
const CELLS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Cells by which a request may be late without loss: half of the time between two, which is more than
/// a timer's millisecond up to hundreds of requests a second, and not one request more at once.
const LATE: u32 = 5;

/// Paces requests to a rate.
#[derive(Debug)]
pub struct Limiter {
    cells: DefaultDirectRateLimiter,
    per_request: NonZeroU32,
    rate: NonZeroU32,
}

impl Limiter {
    /// A limiter of `rate` requests per second. The burst is what may go at once after a pause; a
    /// hundredth of the rate unless given: a smaller one loses part of the rate when many wait.
    #[must_use]
    pub fn new(rate: NonZeroU32, burst: Option<NonZeroU32>) -> Self {
        let burst = burst.or(NonZeroU32::new(rate.get() / 100)).unwrap_or(NonZeroU32::MIN);
        let of_cells = |requests: NonZeroU32| requests.checked_mul(CELLS);
        let (per_request, cells, burst) = match (of_cells(rate), of_cells(burst)) {
            (Some(rate), Some(burst)) => (CELLS, rate, burst.saturating_add(LATE)),
            // Millions a second: no timer is as fine.
            _ => (NonZeroU32::MIN, rate, burst),
        };
        Self { cells: RateLimiter::direct(Quota::per_second(cells).allow_burst(burst)), per_request, rate }
    }

    /// Requests per second that it lets through.
    #[must_use]
    pub fn rate(&self) -> NonZeroU32 {
        self.rate
    }

    /// Waits until one more request may be sent.
    pub async fn ready(&self) {
        // A burst is a request at least, so that there is always room for one.
        let _ = self.cells.until_n_ready(self.per_request).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_is_a_hundredth_of_the_rate() {
        let at_once = |rate, burst: Option<u32>| {
            let limiter = Limiter::new(NonZeroU32::new(rate).unwrap(), burst.and_then(NonZeroU32::new));
            let tries = std::iter::repeat_with(|| matches!(limiter.cells.check_n(limiter.per_request), Ok(Ok(()))));
            tries.take_while(|ready| *ready).take(1000).count()
        };
        assert_eq!(at_once(1, None), 1);
        assert_eq!(at_once(10, Some(1)), 1);
        assert_eq!(at_once(10, Some(4)), 4);
        assert_eq!(at_once(1, Some(100)), 100);
    }

    #[test]
    fn any_rate_has_a_limiter() {
        for (rate, burst) in [(1, 1), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
            let limiter = Limiter::new(NonZeroU32::new(rate).unwrap(), NonZeroU32::new(burst));
            assert!(matches!(limiter.cells.check_n(limiter.per_request), Ok(Ok(()))), "{rate} {burst}");
        }
    }
}
