//! Stopped by signals: the exit codes, how soon, and that a rerun goes on where the run was stopped.

use crate::harness::{Running, Server, Workspace};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

const SPEC: &str = "demo:?objects=30000&shape=flat&small=2";
/// One bucket of the same, listed by one request behind the other.
const ONE: &str = "demo:?objects=30000&shape=flat";
const PAGES: u64 = 30;

/// Sends a signal to a running program.
pub fn send(running: &Running, signal: Signal) {
    let process = i32::try_from(running.process()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(process, signal).expect("sent");
}

/// Waits for the end; the exit code and how long it took.
fn end(running: &mut Running) -> (Option<i32>, Duration) {
    let since = Instant::now();
    let status = running.wait();
    (status.code(), since.elapsed())
}

fn stopped_and_gone_on_with(signal: Signal, code: i32, concurrency: &str) {
    let server = Server::start(ONE);
    let whole = Workspace::new();
    whole.job(&server.url, "");
    whole.expect(0, &["-q"]);

    let workspace = Workspace::new();
    workspace.job(&server.url, &format!("[limits]\nrequests_per_second = 25\n{concurrency}"));
    let before = server.count("list_requests");
    let listed = || server.count("list_requests") - before;
    let mut running = workspace.start(&["-q"]);
    server.wait_for("list_requests", before + 8);
    send(&running, signal);
    let (ended, took) = end(&mut running);
    assert_eq!(ended, Some(code), "{}", running.told());
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(running.told().contains("stopping, pages in flight may still arrive"), "{}", running.told());

    assert!(!running.told().contains("bucket interrupted account="), "the closing table says it: {}", running.told());

    let summary = workspace.summary();
    assert_eq!((summary["exit_code"].as_i64(), summary["complete"].as_bool()), (Some(code.into()), Some(false)));
    assert_eq!(summary["totals"]["buckets"]["interrupted"], 1, "{summary}");
    let (verdict, reason) = &workspace.verdicts()["demo-flat"];
    assert_eq!((verdict.as_str(), reason.as_str()), ("interrupted", "the run was stopped"));
    assert!(!workspace.files().contains_key("demo-flat_1.csv"), "nothing partial is published");

    let first = listed();
    workspace.job(&server.url, &format!("[limits]\n{concurrency}"));
    workspace.expect(0, &["-q"]);
    assert_eq!(workspace.runs().len(), 1);
    assert!(workspace.files() == whole.files(), "the files differ from those of a run that was not stopped");
    assert_eq!(workspace.summary()["resumed"], true);
    // Pages under way when the run was stopped have arrived; beyond them only what ranges were split for is
    // asked for, each of which may end with a page that is not full.
    let totals = &workspace.summary()["totals"];
    let most = PAGES + totals["splits"].as_u64().expect("a number") + 1;
    assert!((PAGES..=most).contains(&listed()), "{} pages after {first}: {totals}", listed());
    assert!(concurrency.is_empty() || listed() == PAGES, "{} pages after {first}: listed again", listed());
}

#[test]
fn an_interrupted_run_goes_on() {
    stopped_and_gone_on_with(Signal::INT, 130, "concurrency = 1");
    stopped_and_gone_on_with(Signal::INT, 130, "");
}

#[test]
fn a_terminated_run_goes_on() {
    stopped_and_gone_on_with(Signal::TERM, 143, "concurrency = 1");
}

/// A run all of whose pages stall half-way.
fn stalled() -> (Server, Workspace, Running) {
    let server = Server::start(&format!("{SPEC}&fault_rate=1&faults=stalled"));
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let running = workspace.start(&["-q"]);
    server.wait_for("faults.stalled", 3);
    (server, workspace, running)
}

/// The job against a store that is well again.
fn assert_goes_on(server: Server, workspace: &Workspace) {
    let address = server.address().to_owned();
    drop(server);
    let _server = Server::start_at(&address, SPEC);
    workspace.expect(0, &["-q"]);
    assert_eq!(workspace.runs().len(), 1, "the run was begun anew");
    assert_eq!(workspace.summary()["totals"]["rows"], 30_200);
}

#[test]
fn a_stalled_endpoint_does_not_hold_up_the_end() {
    let (server, workspace, mut running) = stalled();
    send(&running, Signal::INT);
    let (code, took) = end(&mut running);
    assert_eq!(code, Some(130), "{}", running.told());
    assert!(took > Duration::from_secs(1), "pages in flight may still arrive for 2 s: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let summary = workspace.summary();
    assert_eq!(summary["totals"]["buckets"]["interrupted"], 3, "{summary}");
    assert_goes_on(server, &workspace);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (second, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (server, workspace, mut running) = stalled();
        send(&running, Signal::INT);
        running.once_told(&["(Ctrl-C again to end at once)"]);
        send(&running, second);
        let (ended, took) = end(&mut running);
        assert_eq!(ended, Some(code), "{}", running.told());
        assert!(took < Duration::from_millis(1500), "{took:?}");
        assert_goes_on(server, &workspace);
    }
}

#[test]
fn stopped_while_it_asks_for_buckets() {
    let server = Server::start("demo:?latency_ms=60000");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let workspace = Workspace::new();
        workspace.job(&server.url, "");
        let before = server.count("requests");
        let mut running = workspace.start(&["-q"]);
        server.wait_for("requests", before + 1);
        send(&running, signal);
        let (ended, took) = end(&mut running);
        assert_eq!(ended, Some(code), "{}", running.told());
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(running.told().contains("stopped before anything was listed"), "{}", running.told());
        assert!(workspace.runs().is_empty() && !workspace.path("state/job.json").exists());
    }
}
