//! `limits.max_requests` and `limits.max_duration` with the real program: how much is sent, the exit code,
//! what is told, and that the next call goes on.
//!
//! Which buckets a limit cuts off, page by page, is the matter of `limits`.

use crate::harness::{Server, Workspace};
use crate::signals::send;
use rustix::process::Signal;

const SPEC: &str = "demo:?objects=100000&shape=flat";
/// A page for each prefix, and one request to find the bucket.
const NEEDED: u64 = 1001;

/// A job over a thousand prefixes.
fn job(workspace: &Workspace, server: &Server, limits: &str) {
    let prefixes: Vec<String> = (0..1000).map(|number| format!("\"object-{number:010}\"")).collect();
    let rest = format!("[objects]\nprefixes = [{}]\n[limits]\nconcurrency = 8\n{limits}", prefixes.join(","));
    workspace.job(&server.url, &rest);
}

/// What an invocation that a limit stopped must leave and tell.
fn assert_limited(workspace: &Workspace, told: &str, key: &str) {
    let summary = workspace.summary();
    assert_eq!((&summary["exit_code"], &summary["complete"]), (&124.into(), &false.into()), "{summary}");
    let reached = format!("`limits.{key}` is reached");
    assert!(summary["stopped"].as_str().is_some_and(|text| text.contains(&reached)), "{summary}");
    assert_eq!(summary["totals"]["buckets"], serde_json::json!({ "interrupted": 1 }), "{summary}");
    let (verdict, reason) = &workspace.verdicts()["demo-flat"];
    assert!(verdict == "interrupted" && reason.contains(&reached), "{verdict}: {reason}");
    assert!(told.contains(&reached) && told.contains("hint: run the same command again to go on"), "{told}");
    assert!(workspace.files().is_empty(), "nothing partial is published");
}

#[test]
fn each_call_sends_what_it_may_and_the_last_completes_the_run() {
    let server = Server::start(SPEC);
    let whole = Workspace::new();
    whole.job(&server.url, "");
    whole.expect(0, &["-q"]);

    let workspace = Workspace::new();
    job(&workspace, &server, "max_requests = 300");
    for _ in 0..3 {
        let before = server.count("requests");
        let told = workspace.expect(124, &["-q"]);
        assert_eq!(server.count("requests") - before, 300);
        assert_limited(&workspace, &told, "max_requests");
    }
    let before = server.count("requests");
    workspace.expect(0, &["-q"]);
    assert_eq!(server.count("requests") - before, NEEDED - 3 * 300, "nothing is asked for twice");
    assert_eq!(workspace.runs().len(), 1);
    assert!(workspace.files() == whole.files());
    let summary = workspace.summary();
    assert_eq!((&summary["stopped"], &summary["totals"]["requests"]), (&serde_json::Value::Null, &NEEDED.into()));
}

#[test]
fn a_budget_of_just_what_is_needed_is_enough() {
    let server = Server::start(SPEC);
    let workspace = Workspace::new();
    job(&workspace, &server, &format!("max_requests = {NEEDED}"));
    workspace.expect(0, &["-q"]);
    assert_eq!((server.count("requests"), &workspace.summary()["stopped"]), (NEEDED, &serde_json::Value::Null));

    let workspace = Workspace::new();
    job(&workspace, &server, &format!("max_requests = {}", NEEDED - 1));
    let told = workspace.expect(124, &["-q"]);
    assert_limited(&workspace, &told, "max_requests");
    workspace.expect(0, &["-q"]);
    assert_eq!(server.count("requests"), 2 * NEEDED);
}

#[test]
fn a_budget_that_finding_the_bucket_uses_up_loses_nothing() {
    for concurrency in ["concurrency = 1\n", ""] {
        let server = Server::start("demo:?objects=2500&shape=flat");
        let workspace = Workspace::new();
        workspace.job(&server.url, &format!("[limits]\n{concurrency}max_requests = 1"));
        let mut calls = 0;
        while workspace.runs().is_empty() || workspace.summary()["complete"] == false {
            calls += 1;
            let output = workspace.run(&["-q"]);
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 124)), "{told}");
            if output.status.code() == Some(124) {
                assert_limited(&workspace, &told, "max_requests");
            }
            assert_eq!(server.count("requests"), calls, "each sends what it may");
        }
        let totals = &workspace.summary()["totals"];
        // The list of buckets, three pages, and what ranges are split for.
        let most = 4 + totals["splits"].as_u64().expect("a number");
        assert!((4..=most).contains(&calls), "{calls} requests: {totals}");
        assert!(concurrency.is_empty() || calls == 4, "{calls} requests");
        assert_eq!((&totals["rows"], workspace.runs().len()), (&2500.into(), 1));
    }
}

#[test]
fn a_budget_too_small_to_find_the_buckets_begins_nothing() {
    let server = Server::start("demo:?objects=1&small=1500&small_objects=1");
    let workspace = Workspace::new();
    let rest = "[buckets]\ninclude = [\"demo-small-000?\"]\n";
    workspace.job(&server.url, &format!("{rest}[limits]\nmax_requests = 1"));
    let told = workspace.expect(124, &["-q"]);
    assert!(
        told.contains("`limits.max_requests` is reached") && told.contains("before any bucket was known"),
        "{told}"
    );
    assert!(told.contains("hint: raise the limit"), "{told}");
    assert!(workspace.runs().is_empty() && !workspace.path("state/job.json").exists());
    workspace.job(&server.url, rest);
    workspace.expect(0, &["-q"]);
    assert_eq!(workspace.summary()["totals"]["rows"], 9);
}

/// A job against a server whose pages all stall half-way.
fn stalled(limits: &str) -> (Server, Workspace) {
    let server = Server::start("demo:?objects=3000&shape=flat&fault_rate=1&faults=stalled");
    let workspace = Workspace::new();
    workspace.job(&server.url, &format!("[limits]\n{limits}"));
    (server, workspace)
}

#[test]
fn time_that_is_up_stops_a_stalled_run_which_then_goes_on() {
    let (server, workspace) = stalled("max_duration = \"1s\"");
    let told = workspace.expect(124, &["-q"]);
    assert_limited(&workspace, &told, "max_duration");
    let address = server.address().to_owned();
    drop(server);
    let _sound = Server::start_at(&address, "demo:?objects=3000&shape=flat");
    // A second would do, but not on every machine.
    workspace.expect(0, &["-q", "--set", "limits.max_duration=1h"]);
    assert_eq!((&workspace.summary()["totals"]["rows"], workspace.runs().len()), (&3000.into(), 1));
}

#[test]
fn a_signal_before_the_limit_is_what_the_run_ends_with() {
    let (server, workspace) = stalled("max_duration = \"1h\"\nmax_requests = 1_000");
    let mut running = workspace.start(&["-q"]);
    server.wait_for("faults.stalled", 1);
    send(&running, Signal::INT);
    assert_eq!(running.wait().code(), Some(130), "{}", running.told());
    let summary = workspace.summary();
    assert_eq!((&summary["exit_code"], &summary["stopped"]), (&130.into(), &"SIGINT".into()), "{summary}");
}

#[test]
fn a_limit_stops_its_job_and_not_the_next() {
    let workspace = Workspace::new();
    let job = |limits: &str| {
        format!("version = 1\n[accounts.a]\nendpoint_url = \"demo:?objects=500&shape=flat\"\n[limits]\n{limits}")
    };
    workspace.write("first.toml", job("max_requests = 1"));
    workspace.write("job.toml", job(""));
    let output = workspace.command(&["run", "first.toml", "job.toml", "-q"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(124), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(workspace.summary()["complete"], true);
    assert_eq!(workspace.summary()["totals"]["rows"], 500);
    assert!(workspace.path("data/first").exists());
}
