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

/// `base.toml` is what the others lay under themselves: alone it is refused, among them it is no job.
#[test]
fn the_base_is_no_job() {
    let workspace = workspace();
    for command in ["check", "run", "plan", "status", "config"] {
        let output = workspace.command(&[command, "jobs/base.toml"]).output().expect("runs");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        assert!(told.contains("the key `version` is missing"), "{command}: {told}");
        assert!(told.contains("a file without it is no job, and can only be extended by jobs"), "{command}: {told}");
    }
    assert!(!workspace.path("state").exists() && !workspace.path("data").exists());

    let told = workspace.tell(0, &["check", "jobs/base.toml", "jobs/ci-audit.toml", "jobs/../jobs/base.toml"]);
    assert_eq!(told, "jobs/ci-audit.toml: ok\n");
    workspace.tell(0, &["run", "-q", "jobs/base.toml", "jobs/ci-audit.toml"]);
    assert!(workspace.path("state/ci-audit.json").exists() && !workspace.path("state/base.json").exists());

    // What is wrong in it is told of the job that extends it; a job that does not keeps it from nothing.
    workspace.write("jobs/base.toml", "[limits]\nconcurency = 4\n");
    let told = workspace.tell(2, &["check", "jobs/base.toml", "jobs/ci-audit.toml"]);
    assert!(told.contains("jobs/base.toml:2:1") && told.contains("1 problem in 1 of 1 job file"), "{told}");
    let told = workspace.tell(2, &["check", "jobs/base.toml", "jobs/demo.toml"]);
    assert!(told.contains("the key `version` is missing") && told.contains("jobs/demo.toml: ok"), "{told}");
}

#[test]
fn all_of_them_are_right() {
    let workspace = workspace();
    let jobs = fs::read_dir(workspace.path("jobs")).expect("the jobs");
    let mut paths: Vec<String> =
        jobs.map(|entry| format!("jobs/{}", entry.expect("an entry").file_name().display())).collect();
    paths.sort();
    let arguments: Vec<&str> = ["check"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let told = workspace.tell(0, &arguments);
    let right = paths.iter().filter(|path| *path != "jobs/base.toml").map(|path| format!("{path}: ok\n"));
    assert_eq!(told, right.collect::<String>());
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
