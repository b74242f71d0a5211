//! The pace that a job sets, as the server counts it.

use crate::harness::{Server, Workspace};
use std::time::{Duration, Instant};

/// Runs a job of so many requests a second; requests by the server's count, and the time it took.
fn paced(spec: &str, rate: u32, rest: &str) -> (u64, Duration) {
    let server = Server::start(spec);
    let workspace = Workspace::new();
    workspace.job(&server.url, &format!("[limits]\nrequests_per_second = {rate}\n{rest}"));
    let since = Instant::now();
    workspace.expect(0, &["-q"]);
    (server.count("requests"), since.elapsed())
}

/// Asserts that the rate was not exceeded, by what passes between the first request and the last; returns
/// the seconds that so many requests take at least.
fn assert_not_exceeded((requests, elapsed): (u64, Duration), rate: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred requests")]
    let least = (requests as f64 - 1.0) / f64::from(rate);
    assert!(elapsed.as_secs_f64() >= 0.98 * least, "{requests} requests in {elapsed:?}, at {rate} a second");
    least
}

/// Asserts that the rate was also reached.
fn assert_kept((requests, elapsed): (u64, Duration), rate: u32) {
    let least = assert_not_exceeded((requests, elapsed), rate);
    // Beginning and ending take their time as well, on a busy machine more than here.
    assert!(elapsed.as_secs_f64() <= 1.5 * least + 2.0, "{requests} requests in {elapsed:?}, at {rate} a second");
}

#[test]
fn a_rate_is_reached_and_not_exceeded() {
    assert_kept(paced("demo:?objects=1200&shape=flat&page_size=10", 50, ""), 50);
}

#[test]
fn answers_that_ask_to_slow_down_count_like_others() {
    // The store is asked more slowly for them, so that the rate is not reached.
    let spec = "demo:?objects=100&page_size=10&fault_rate=0.2&faults=503";
    let (requests, elapsed) = paced(spec, 50, "max_attempts = 20\nconcurrency = 8");
    assert!(requests >= 60, "{requests}");
    assert_not_exceeded((requests, elapsed), 50);
}

#[test]
fn buckets_have_a_pace_of_their_own() {
    let (requests, elapsed) =
        paced("demo:?objects=300&shape=flat&page_size=10&small=3", 200, "bucket_requests_per_second = 15");
    assert!(elapsed >= Duration::from_millis(1_900), "{requests} requests in {elapsed:?}, 30 of them for a bucket");
}
