//! The jobs in `jobs/`, run as they are or over a demo store: what they promise in their comments.

use crate::harness::Workspace;
use std::fs;
use std::path::{Path, PathBuf};

const STORE: &str = "accounts.demo.endpoint_url=demo:?objects=3000&small=2";

/// A folder with a copy of all jobs.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs");
    for job in fs::read_dir(jobs).expect("the jobs").map(|entry| entry.expect("an entry").path()) {
        let name = job.file_name().expect("a name").to_string_lossy().into_owned();
        workspace.write(&format!("jobs/{name}"), fs::read(&job).expect("read"));
    }
    workspace
}

/// Runs a job and expects it to be complete: its summary and the folder of its run.
fn complete(workspace: &Workspace, root: &str, job: &str, more: &[&str]) -> (serde_json::Value, PathBuf) {
    workspace.tell(0, &[&["run", &format!("jobs/{job}.toml"), "-q"], more].concat());
    let text = fs::read(workspace.path(root).join(job).join("latest.json")).expect("latest.json");
    let latest: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let run = workspace.path(root).join(job).join(latest["run"].as_str().expect("a run"));
    let summary = serde_json::from_slice(&fs::read(run.join("summary.json")).expect("a summary")).expect("JSON");
    (summary, run)
}

#[test]
fn demo() {
    let workspace = workspace();
    let (summary, run) = complete(&workspace, "data", "demo", &[]);
    assert_eq!(summary["totals"]["rows"], 5 * 100_000 + 20 * 100);
    assert!(run.join("demo/demo-flat_2.csv").exists());
}

#[test]
fn ci_audit() {
    let workspace = workspace();
    for overlays in [&[][..], &["--overlay", "ci", "--now", "2026-11-23T00:00:00Z"]] {
        let (summary, run) = complete(&workspace, "data", "ci-audit", overlays);
        assert_eq!(summary["totals"]["buckets"]["complete"], 10);
        assert!(summary["totals"]["rows"].as_u64() > Some(0) && run.join("demo/demo-flat_1.csv.gz").exists());
    }
}

#[test]
fn classic() {
    let workspace = workspace();
    for _ in 0..2 {
        let (summary, _) = complete(&workspace, "Data", "classic", &["--set", STORE]);
        let rows = summary["totals"]["rows"].as_u64().expect("a number");
        assert!((100..15_000).contains(&rows), "{rows}");
        assert!(workspace.path("Data/demo-flat/demo-flat_1.csv").exists());
    }
}

#[test]
fn quarterly() {
    let workspace = workspace();
    let (summary, run) =
        complete(&workspace, "data", "quarterly", &["--set", STORE, "--set", "buckets.include=[\"demo-*\"]"]);
    assert_eq!(summary["window"]["since"], "2025-07-01T04:00:00Z");
    assert!(summary["totals"]["rows"].as_u64() > Some(0) && run.join("demo/demo-flat_1.csv").exists());
}

#[test]
fn cold_data() {
    let workspace = workspace();
    let (summary, run) =
        complete(&workspace, "data", "cold-data", &["--set", STORE, "--set", "buckets.include=[\"demo-*\"]"]);
    assert!(summary["totals"]["rows"].as_u64() > Some(0) && run.join("demo/demo-flat_1.csv.zst").exists());
}

#[test]
fn many_accounts_none_of_which_is_there() {
    let workspace = workspace();
    let nowhere = "accounts.organization.sts_endpoint_url=\"http://127.0.0.1:1\"";
    let mut command = workspace.command(&["run", "jobs/multi-account.toml", "--set", nowhere]);
    let output = command.args(["--set", "limits.max_attempts=1"]).output().expect("runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{told}");
    assert!(told.contains("no profile `production-audit`") && told.contains("no profile `research`"), "{told}");
    assert!(!workspace.path("data").exists() && !workspace.path("state/multi-account.json").exists());
}
