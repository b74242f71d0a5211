//! How fast something goes: a rate over a sliding window.
//!
//! Pure: the time is passed in, as the span since the run began. Owns that a meter's memory does not
//! depend on how much it counts.

use std::collections::VecDeque;
use std::time::Duration;

/// Slots a window is divided into; a rate is as smooth as one of them.
const SLOTS: u64 = 20;

/// Counts over a sliding window.
#[derive(Clone, Debug)]
pub struct Meter {
    begun: Duration,
    slot: Duration,
    /// The slots in which something was counted, by their number since time zero.
    counts: VecDeque<(u64, u64)>,
}

impl Meter {
    /// A meter that begins at `begun` and looks back over `window`.
    #[must_use]
    pub fn new(begun: Duration, window: Duration) -> Self {
        let slots = u32::try_from(SLOTS).unwrap_or(u32::MAX);
        Self { begun, slot: (window / slots).max(Duration::from_millis(1)), counts: VecDeque::new() }
    }

    /// Counts `amount` at the time `at`.
    pub fn add(&mut self, at: Duration, amount: u64) {
        let slot = self.number(at);
        match self.counts.back_mut() {
            Some((last, count)) if *last == slot => *count += amount,
            _ => {
                self.counts.retain(|(number, _)| number + SLOTS > slot);
                self.counts.push_back((slot, amount));
            }
        }
    }

    /// What was counted per second, over the window before `at` or since the beginning where that is
    /// less ago; over a second at least, for there is no rate of an instant.
    #[must_use]
    pub fn per_second(&self, at: Duration) -> u64 {
        let now = self.number(at);
        let first = (now + 1).saturating_sub(SLOTS);
        let sum: u64 = self.counts.iter().filter(|(number, _)| *number >= first).map(|(_, count)| count).sum();
        let from = self.slot.saturating_mul(u32::try_from(first).unwrap_or(u32::MAX)).max(self.begun);
        let millis = at.saturating_sub(from).as_millis().max(1_000);
        u64::try_from((u128::from(sum) * 1_000 + millis / 2) / millis).unwrap_or(u64::MAX)
    }

    fn number(&self, at: Duration) -> u64 {
        u64::try_from(at.as_millis() / self.slot.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_steady_rate_is_shown_as_it_is() {
        let mut meter = Meter::new(Duration::ZERO, WINDOW);
        for millis in (0..60_000).step_by(50) {
            meter.add(at(millis), 25);
        }
        assert_eq!(meter.per_second(at(60_000)), 500);
        assert!(meter.counts.len() <= 20, "memory is bounded by the window");
    }

    #[test]
    fn the_beginning_counts_from_the_beginning() {
        let mut meter = Meter::new(at(10_000), WINDOW);
        meter.add(at(10_010), 100);
        assert_eq!(meter.per_second(at(10_020)), 100, "not 5,000 after 20 ms");
        assert_eq!(meter.per_second(at(12_000)), 50);
    }

    #[test]
    fn what_is_past_is_forgotten() {
        let mut meter = Meter::new(Duration::ZERO, WINDOW);
        meter.add(at(0), 1_000);
        assert_eq!(meter.per_second(at(4_900)), 204);
        assert_eq!(meter.per_second(at(5_000)), 0);
        meter.add(at(100_000), 10);
        assert_eq!(meter.per_second(at(100_000)), 2);
    }
}
