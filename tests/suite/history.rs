//! The history of a job, by the real program: what is kept of which run, and what it is good for.

use crate::harness::{Server, Workspace};
use serde_json::{Value, json};

const HISTORY: &str = "state/job.history.json";

fn history(workspace: &Workspace) -> Value {
    serde_json::from_slice(&std::fs::read(workspace.path(HISTORY)).expect("a history")).expect("JSON")
}

/// Objects and number of keys by bucket.
fn known(workspace: &Workspace) -> Vec<(String, u64, usize)> {
    let history = history(workspace);
    let keys = |bucket: &Value| bucket["keys"].as_array().map_or(0, Vec::len);
    let bucket = |bucket: &Value| {
        (
            bucket["bucket"].as_str().expect("a name").to_owned(),
            bucket["objects"].as_u64().expect("a number"),
            keys(bucket),
        )
    };
    history["buckets"].as_array().expect("a list").iter().map(bucket).collect()
}

fn named(all: &[(&str, u64, usize)]) -> Vec<(String, u64, usize)> {
    all.iter().map(|(name, objects, keys)| ((*name).to_owned(), *objects, *keys)).collect()
}

#[test]
fn what_a_run_learns_the_next_begins_with() {
    let server = Server::start("demo:?objects=60000&shape=uuid&small=2&small_objects=10&latency_ms=20");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nconcurrency = 8");
    workspace.expect(0, &["-q"]);
    let first = workspace.files();
    let all = [("demo-small-0001", 10, 0), ("demo-small-0002", 10, 0), ("demo-uuid", 60_000, 14)];
    assert_eq!(known(&workspace), named(&all));
    let history = history(&workspace);
    assert_eq!((&history["format"], &history["version"]), (&json!("s3scan-history"), &json!(1)));
    let large = &history["buckets"][2];
    assert_eq!(large["account"], "a");
    assert!(large["seconds"].as_f64().is_some_and(|seconds| seconds > 0.1), "{large}");
    assert!(large["requests"].as_u64() >= Some(60) && large["bytes"].as_u64() > Some(60_000), "{large}");

    let plan = workspace.tell(0, &["plan", "job.toml"]);
    assert!(plan.contains("objects   about 60,020\n"), "{plan}");
    let told = workspace.expect(0, &["--now", "2030-01-01T00:00:00Z"]);
    assert!(!told.contains("warning"), "{told}");
    assert!(first == workspace.files(), "byte for byte");
    let summary = workspace.summary();
    assert_eq!(summary["totals"]["most_at_once"], 8, "{summary:#}");
}

#[test]
fn buckets_that_a_run_did_not_list_keep_what_was_known() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=12000&shape=flat&small=2&small_objects=10", "");
    workspace.expect(0, &["-q"]);
    let all = named(&[("demo-flat", 12_000, 2), ("demo-small-0001", 10, 0), ("demo-small-0002", 10, 0)]);
    assert_eq!(known(&workspace), all);
    // A part of the job; a bucket that is denied; one that is interrupted.
    workspace.job("demo:?objects=100&shape=flat&small=1&small_objects=20", "");
    workspace.expect(0, &["-q", "--now", "2030-01-01T00:00:00Z", "--bucket", "demo-small-*"]);
    let part = named(&[("demo-flat", 12_000, 2), ("demo-small-0001", 20, 0), ("demo-small-0002", 10, 0)]);
    assert_eq!(known(&workspace), part);
    workspace.job("demo:?objects=50000&shape=flat&small=1&small_objects=20", "[limits]\nconcurrency = 1");
    workspace.expect(124, &["-q", "--now", "2030-01-02T00:00:00Z", "--set", "limits.max_requests=5"]);
    assert_eq!(known(&workspace), part);
    // Of a whole run there are no other buckets any more. It has learnt of what was listed before it too.
    workspace.expect(0, &["-q"]);
    let now = known(&workspace);
    assert_eq!((now.len(), now[0].0.as_str(), now[0].1), (2, "demo-flat", 50_000));
    assert!((8..=11).contains(&now[0].2), "{} keys", now[0].2);
    assert_eq!(now[1..], named(&[("demo-small-0001", 20, 0)]));
    // Of other keys nothing is known.
    workspace.expect(0, &["-q", "--now", "2030-01-03T00:00:00Z", "--set", "objects.prefixes=[\"nothing/\"]"]);
    assert!(known(&workspace).iter().all(|(_, objects, keys)| (*objects, *keys) == (0, 0)));
}

#[test]
fn a_history_that_cannot_be_used_is_told_and_stops_nothing() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=9000&shape=flat", "");
    let newer = r#"{"format": "s3scan-history", "version": 9, "shape": []}"#;
    workspace.write(HISTORY, newer);
    let told = workspace.expect(0, &[]);
    let reason = "`state/job.history.json` was written by a newer s3scan: its version is 9, this one knows up to 1";
    assert!(told.contains(&format!("what earlier runs learnt is not used reason=\"{reason}\"")), "{told}");
    let kept = format!("warning: what this run learnt for the next one is not kept: {reason}");
    assert!(told.contains(&kept), "{told}");
    assert_eq!(std::fs::read_to_string(workspace.path(HISTORY)).expect("read"), newer, "left alone");

    workspace.write(HISTORY, "{\"format\": \"s3scan-hist");
    let output = workspace.command(&["plan", "job.toml"]).output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.contains("warning: what earlier runs learnt is not used: "), "{told}");
    let told = workspace.expect(0, &["--now", "2030-01-01T00:00:00Z"]);
    assert!(told.contains("is not a history of s3scan: "), "{told}");
    assert_eq!(known(&workspace), named(&[("demo-flat", 9_000, 1)]), "what nobody can read is replaced");
}
