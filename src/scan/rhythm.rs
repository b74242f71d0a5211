//! How fast a bucket can be asked, found out from its answers. Pure: time is passed in.
//!
//! Nothing is held back until the store asks to slow down. Then requests keep to a rate, and the rate
//! governs how many of them are in flight, down to less than one at a time. It falls by a share where
//! too many answers of a stretch are refusals, and grows again along a cubic: soon up to shortly below
//! where it was refused, long near there, then faster and faster, for a store may have made room. (The
//! curve is that of CUBIC, RFC 9438, but over rates, and of the same form at every rate.)
//!
//! Owns that a refusal counts once: answers to requests sent before the rate fell say nothing of it.

use std::time::Duration;

/// What is left of the rate that was found to be bearable, when it is refused.
const BACKOFF: f64 = 0.85;
/// How steep the cubic is, per cubic second and as a share of the rate.
const STEEPNESS: f64 = 0.004;
/// Of the answers of a stretch, so many may be refusals: stores refuse now and then without being
/// pressed.
const TOLERATED: f64 = 0.04;
/// A stretch is judged from so many answers on.
const FEWEST_ANSWERS: u32 = 10;
/// A stretch that gave no reason to slow down ends after this time.
const STRETCH: Duration = Duration::from_secs(1);
/// What may be sent at once after a pause, as time at the rate: a runtime's timers are no finer than
/// a millisecond.
const CREDIT: f64 = 0.02;
/// After this time a request that waits asks again.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// For so long what slowing down has brought is remembered.
const MEMORY: Duration = Duration::from_secs(5);
/// The share of a rate from which on it is what holds requests back.
const FELT: f64 = 0.6;
/// The slowest rate, in requests per second.
const SLOWEST: f64 = 0.2;

/// The pace of one bucket.
#[derive(Debug, Default)]
pub struct Rhythm {
    bend: Option<Bend>,
    stretch: Stretch,
    /// When the last request went, in seconds; earlier where there was a pause.
    last: f64,
    /// How long a request takes, in seconds, averaged over the last ones.
    latency: Option<f64>,
}

/// The last time the rate fell.
#[derive(Clone, Copy, Debug)]
struct Bend {
    at: Duration,
    /// The rate that was bearable then, in requests per second.
    bearable: f64,
    /// The part of the answers that were refusals.
    refused: f64,
}

impl Bend {
    /// The rate at `now`, in requests per second.
    fn rate(&self, now: Duration) -> f64 {
        let plateau = ((1.0 - BACKOFF) / STEEPNESS).cbrt();
        let since = now.saturating_sub(self.at).as_secs_f64() - plateau;
        (self.bearable * STEEPNESS.mul_add(since.powi(3), 1.0)).max(SLOWEST)
    }
}

/// The answers since the last judgement.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    begun: Duration,
    answers: u32,
    refusals: u32,
}

impl Rhythm {
    /// Whether a request may go now: `None` where it may, and is counted as gone; else how long to wait
    /// before asking again.
    pub fn wait(&mut self, now: Duration) -> Option<Duration> {
        let bend = self.bend?;
        let now_seconds = now.as_secs_f64();
        let due = self.last + 1.0 / bend.rate(now);
        if due <= now_seconds {
            self.last = due.max(now_seconds - CREDIT);
            return None;
        }
        // The rate grows meanwhile.
        Some(Duration::from_secs_f64(due - now_seconds).clamp(Duration::from_millis(1), LONGEST_WAIT))
    }

    /// Takes in the answer at `now` to a request sent at `sent`; `is_refused`: the store asked to slow
    /// down, or did not answer in time. Returns whether the rate fell by it.
    pub fn answered(&mut self, sent: Duration, now: Duration, is_refused: bool) -> bool {
        if !is_refused {
            let taken = now.saturating_sub(sent).as_secs_f64();
            self.latency = Some(self.latency.map_or(taken, |latency| latency.mul_add(0.9, 0.1 * taken)));
        }
        if self.bend.is_some_and(|bend| sent < bend.at) {
            return false;
        }
        self.stretch.answers += 1;
        self.stretch.refusals += u32::from(is_refused);
        let Stretch { begun, answers, refusals } = self.stretch;
        let elapsed = now.saturating_sub(begun);
        let refused = f64::from(refusals) / f64::from(answers);
        let is_judged = answers >= FEWEST_ANSWERS || elapsed >= 10 * STRETCH;
        if is_judged && refusals >= 2 && refused > TOLERATED {
            self.stretch = Stretch { begun: now, ..Stretch::default() };
            let measured = f64::from(answers) / elapsed.as_secs_f64().max(1e-3);
            // What does not get better by asking less is no matter of how much is asked; where nearly all
            // is refused, it may still be far too much. But less is asked only where the rate is felt: a few
            // workers that wait after refusals may be slower than it.
            let is_felt = |bend: Bend| measured > FELT * bend.rate(now);
            let is_unmoved = |bend: Bend| now < bend.at + MEMORY && refused > 0.7 * bend.refused && is_felt(bend);
            if refused < 0.7 && self.bend.is_some_and(is_unmoved) {
                return false;
            }
            let sent = self.bend.map_or(measured, |bend| bend.rate(now).min(measured.max(bend.rate(bend.at))));
            // All of few answers may be refusals by chance.
            let bearable = (sent * (1.0 - refused).max(0.1)).max(SLOWEST);
            self.bend = Some(Bend { at: now, bearable, refused });
            self.last = self.last.max(now.as_secs_f64() - CREDIT);
            return true;
        }
        if elapsed >= STRETCH && answers >= FEWEST_ANSWERS || elapsed >= 10 * STRETCH {
            self.stretch = Stretch { begun: now, ..Stretch::default() };
        }
        false
    }

    /// Requests per second that the bucket is held to; `None` where nothing holds it.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        self.bend.map(|bend| bend.rate(now))
    }

    /// How long a request takes, in seconds; `None` where none was answered yet.
    pub fn latency(&self) -> Option<f64> {
        self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    /// A store that lets so many requests a second through, and a tenth of them at once.
    struct Store {
        cap: f64,
        level: f64,
        seen: Duration,
    }

    impl Store {
        fn refuses(&mut self, now: Duration) -> bool {
            let passed = now.saturating_sub(self.seen).as_secs_f64();
            self.level = (self.level + passed * self.cap).min((self.cap / 10.0).max(1.0));
            self.seen = now;
            let refuses = self.level < 1.0;
            self.level -= if refuses { 0.0 } else { 1.0 };
            refuses
        }
    }

    /// Asks a store for 60 s with so many workers, each of which waits a little after a refusal.
    /// `cap` is asked at each moment. Returns accepted and refused answers behind the first 5 s.
    fn ask(workers: u32, latency: Duration, cap: impl Fn(Duration) -> f64, faulty: bool) -> (f64, f64) {
        let mut store = Store { cap: cap(Duration::ZERO), level: 0.0, seen: Duration::ZERO };
        let mut rhythm = Rhythm::default();
        let (mut accepted, mut refused, mut number) = (0.0, 0.0, 0_u64);
        // What happens when, soonest first: workers that want to ask, and answers with when they were asked
        // for.
        let mut due: BinaryHeap<_> = (0..workers).map(|worker| Reverse((Duration::ZERO, worker, None))).collect();
        while let Some(Reverse((now, worker, asked))) = due.pop()
            && now < Duration::from_mins(1)
        {
            store.cap = cap(now);
            let Some(sent) = asked else {
                let next = match rhythm.wait(now) {
                    None => (now + latency + Duration::from_micros(300), worker, Some(now)),
                    Some(wait) => (now + wait, worker, None),
                };
                due.push(Reverse(next));
                continue;
            };
            number += 1;
            let is_refused = store.refuses(now) || faulty && number % 100 == 0;
            rhythm.answered(sent, now, is_refused);
            if now >= Duration::from_secs(5) {
                *(if is_refused { &mut refused } else { &mut accepted }) += 1.0;
            }
            let back_off = if is_refused { Duration::from_millis(50 + number % 50) } else { Duration::ZERO };
            due.push(Reverse((now + back_off, worker, None)));
        }
        (accepted, refused)
    }

    #[test]
    fn a_store_is_asked_nearly_as_often_as_it_allows_and_seldom_more() {
        for cap in [20.0, 100.0, 3_500.0] {
            for (workers, milliseconds) in [(64, 0_u32), (2, 0), (5, 0), (10, 0), (64, 30), (256, 200), (8, 30)] {
                let (accepted, refused) = ask(workers, Duration::from_millis(milliseconds.into()), |_| cap, false);
                let possible = f64::from(workers) * 1e3 / (f64::from(milliseconds) + 0.3);
                let share = accepted / (55.0 * cap.min(possible));
                let told = format!("{cap}/s, {workers} workers, {milliseconds} ms: {share:.3}, {refused} refused");
                assert!(share >= 0.9, "{told}");
                assert!(refused <= 0.05 * (accepted + refused), "{told}");
            }
        }
    }

    #[test]
    fn room_that_a_store_makes_is_found() {
        let cap = |now: Duration| if now < Duration::from_secs(20) { 100.0 } else { 1_000.0 };
        let (accepted, _) = ask(64, Duration::from_millis(10), cap, false);
        assert!(accepted > 0.6 * (15.0 * 100.0 + 40.0 * 1_000.0), "{accepted}");
    }

    #[test]
    fn refusals_now_and_then_do_not_slow_a_bucket_down_much() {
        let (accepted, _) = ask(64, Duration::from_millis(30), |_| f64::INFINITY, true);
        assert!(accepted > 0.85 * 55.0 * 64.0 / 0.0303, "{accepted}");
    }

    #[test]
    fn a_store_that_refuses_however_little_it_is_asked_is_not_waited_for() {
        let mut rhythm = Rhythm::default();
        let (mut now, mut number) = (Duration::ZERO, 0);
        while now < Duration::from_secs(20) {
            now += Duration::from_millis(1);
            if rhythm.wait(now).is_none() {
                number += 1;
                rhythm.answered(now, now, number % 2 == 0);
            }
        }
        assert!(rhythm.rate(now).unwrap() > 10.0, "{:?}", rhythm.rate(now));
    }

    #[test]
    fn a_rate_falls_until_it_is_felt() {
        let mut rhythm = Rhythm::default();
        let mut now = Duration::ZERO;
        for number in 1..=12 {
            now += Duration::from_millis(1);
            rhythm.answered(now, now, number % 6 == 0);
        }
        assert!(rhythm.rate(now).unwrap() > 500.0, "{:?}", rhythm.rate(now));
        // Few workers that wait after refusals ask less than that, and still too much.
        for number in 0..480 {
            now += Duration::from_micros(8_600);
            rhythm.answered(now, now, number % 7 == 0);
        }
        assert!(rhythm.rate(now).unwrap() < 200.0, "{:?}", rhythm.rate(now));
    }

    #[test]
    fn without_refusals_nothing_waits() {
        let mut rhythm = Rhythm::default();
        for at in (0..1_000).map(Duration::from_millis) {
            assert_eq!(rhythm.wait(at), None);
            assert!(!rhythm.answered(at, at + Duration::from_millis(30), false));
        }
        assert_eq!(rhythm.rate(Duration::from_secs(1)), None);
        assert!((rhythm.latency().unwrap() - 0.03).abs() < 1e-9);
    }
}
