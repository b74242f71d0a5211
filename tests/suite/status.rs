//! `s3scan status` in every state of a job: what it prints, as text and as JSON, and that it changes
//! nothing.

use crate::harness::{Server, Workspace};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const REST: &str = "[limits]\nconcurrency = 1\n[state]\ncheckpoint_every = \"10ms\"";

fn status(workspace: &Workspace) -> (String, Value) {
    let text = workspace.tell(0, &["status", "job.toml"]);
    let json = workspace.tell(0, &["status", "job.toml", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["format"], &json["version"]), (&"s3scan-status".into(), &1.into()));
    assert_eq!(json["jobs"].as_array().map(Vec::len), Some(1), "{json}");
    (text, json["jobs"][0].clone())
}

/// All files below a folder with their bytes.
fn contents(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            contents(&entry, found);
        } else {
            found.insert(entry.display().to_string(), fs::read(&entry).expect("read"));
        }
    }
}

#[test]
fn never_run() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10", "");
    let (text, json) = status(&workspace);
    assert_eq!(text, "job: never run\n");
    assert_eq!(json, json!({ "job": "job", "status": "never run" }));
    assert!(!workspace.path("state").exists() && !workspace.path("logs").exists(), "looking makes nothing");
}

/// Rows of the buckets that are done, and objects of those in progress.
fn objects(json: &Value) -> u64 {
    let open = json["buckets"]["in_progress"].as_array().expect("a list").iter();
    let open: u64 = open.map(|bucket| bucket["objects"].as_u64().expect("a number")).sum();
    json["rows"].as_u64().expect("a number") + open
}

#[test]
fn unfinished_and_then_over() {
    let server = Server::start("demo:?objects=4000");
    let workspace = Workspace::new();
    workspace.job(&server.url, REST);
    // One request finds the buckets, six list pages: at least one bucket of four pages is left half-way.
    workspace.expect(124, &["-q", "--now", "2026-11-22T11:45:00Z", "--set", "limits.max_requests=7"]);
    let mut before = BTreeMap::new();
    contents(&workspace.path(""), &mut before);
    let (text, json) = status(&workspace);
    let mut after = BTreeMap::new();
    contents(&workspace.path(""), &mut after);
    assert!(before == after, "looking changed something");

    assert!(text.starts_with("job: unfinished, run 20261122T114500Z begun 2026-11-22 11:45:00Z\n"), "{text}");
    assert_eq!((&json["status"], &json["run"]), (&"unfinished".into(), &"20261122T114500Z".into()), "{json}");
    assert_eq!(objects(&json), 6000, "{json}");
    let (buckets, open) = (&json["buckets"], json["buckets"]["in_progress"].as_array().expect("a list"));
    let half = open.iter().find(|bucket| (1..4000).contains(&bucket["objects"].as_u64().expect("a number")));
    let half = half.expect("a bucket half-way");
    let (name, key) = (half["bucket"].as_str().expect("a name"), half["resumes_after"][0].as_str().expect("a key"));
    assert!(text.contains(&format!("  a/{name}: ")) && text.contains(&format!("goes on behind {key:?}")), "{text}");
    let done = buckets["done"]["complete"].as_u64().unwrap_or(0);
    let waiting = buckets["waiting"].as_u64().expect("a number");
    assert_eq!((&buckets["selected"], waiting + open.len() as u64 + done), (&5.into(), 5), "{json}");
    assert!(
        text.contains(&format!("buckets: 5 in all; done: {}", if done > 0 { "1 complete;" } else { "none;" })),
        "{text}"
    );

    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    let killed = command.env("S3SCAN_CRASH_AT", "state-committed:1").status().expect("runs").code();
    assert_eq!(killed, None, "killed");
    let (_, json) = status(&workspace);
    assert_eq!(json["status"], "unfinished");
    assert!((6000..20_000).contains(&objects(&json)), "{json}");

    workspace.expect(0, &["-q"]);
    let (text, json) = status(&workspace);
    assert!(text.starts_with("job: over, run 20261122T114500Z begun 2026-11-22 11:45:00Z\n"), "{text}");
    assert!(text.contains("exit code 0, 20,000 rows in 5 files"), "{text}");
    assert_eq!(
        (&json["status"], &json["exit_code"], &json["totals"]["rows"]),
        (&"over".into(), &0.into(), &20_000.into())
    );
}

#[test]
fn running() {
    let server = Server::start("demo:?objects=3000&shape=flat&fault_rate=1&faults=stalled");
    let workspace = Workspace::new();
    workspace.job(&server.url, REST);
    let running = workspace.start(&["-q"]);
    // A page is asked for only when the state is written.
    server.wait_for("faults.stalled", 1);
    let (text, json) = status(&workspace);
    assert!(text.starts_with("job: running, run "), "{text}");
    assert_eq!((&json["status"], &json["buckets"]["selected"]), (&"running".into(), &1.into()), "{json}");
    // A run that looked would find the lock taken: looking has not taken it away.
    let told = workspace.expect(75, &["-q"]);
    assert!(told.contains("hint: wait until it has ended"), "{told}");
    drop(running);
    assert_eq!(status(&workspace).1["status"], "unfinished");
}

#[test]
fn a_state_that_is_broken_does_not_hide_the_other_jobs() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10", "");
    workspace.write("broken.toml", "version = 1\n");
    workspace.write("wrong.toml", "version = 3\n");
    workspace.write("state/broken.json", "{ \"format\": ");
    let output = workspace.command(&["status", "broken.toml", "job.toml"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(74));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "job: never run\n");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("state/broken.json") && told.contains("hint: "), "{told}");

    let output = workspace.command(&["status", "wrong.toml", "job.toml", "--format", "json"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["jobs"], json!([{ "job": "job", "status": "never run" }]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong.toml:1:11"));
}
