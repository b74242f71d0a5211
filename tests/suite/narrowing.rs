//! `run --account` and `--bucket`: a run of a part of the job, which never speaks for the whole.

use crate::harness::{Server, Workspace};
use serde_json::json;

const SPEC: &str = "demo:?objects=2000&shape=flat&small=3";

fn workspace(server: &Server) -> Workspace {
    let workspace = Workspace::new();
    let rest = format!(
        "[accounts.b]\nendpoint_url = \"{}\"\npath_style = true\n[buckets]\nexclude = [\"demo-small-0003\"]\n\
         [limits]\nconcurrency = 2\n[state]\ncheckpoint_every = \"10ms\"",
        server.url
    );
    workspace.job(&server.url, &rest);
    workspace
}

#[test]
fn a_part_of_the_job_is_done_and_not_called_the_whole() {
    let server = Server::start(SPEC);
    let workspace = workspace(&server);
    let told = workspace.expect(0, &["--account", "a", "--bucket", "demo-small-*"]);
    assert!(told.contains("complete as far as asked for: 200 objects"), "{told}");
    assert!(told.contains("a part of the job: --account a --bucket 'demo-small-*'"), "{told}");
    assert_eq!((server.count("bucket_list_requests"), server.count("list_requests")), (1, 2));
    let summary = workspace.summary();
    assert_eq!((&summary["complete"], &summary["exit_code"]), (&false.into(), &0.into()));
    assert_eq!(summary["narrowed"], json!({ "accounts": ["a"], "buckets": ["demo-small-*"] }));
    assert_eq!(summary["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(workspace.verdicts().into_keys().collect::<Vec<_>>(), ["demo-small-0001", "demo-small-0002"]);
    let latest = std::fs::read_to_string(workspace.path("data/job/latest.json")).unwrap();
    assert!(latest.contains("\"complete\": false"), "{latest}");
    let status = workspace.tell(0, &["status", "job.toml"]);
    assert!(status.contains("\n  a part of the job: --account a --bucket 'demo-small-*'\n  exit code 0, "), "{status}");
    let status: serde_json::Value =
        serde_json::from_str(&workspace.tell(0, &["status", "job.toml", "--format", "json"])).unwrap();
    assert_eq!(status["jobs"][0]["narrowed"], summary["narrowed"]);
    // The part is over and complete: nothing of it is left to be retried, and a run of the whole is a new one.
    let told = workspace.expect(0, &["--retry"]);
    assert!(told.contains("nothing to retry"), "{told}");
    workspace.expect(0, &["-q", "--now", "2030-01-01T00:00:00Z"]);
    let summary = workspace.summary();
    assert_eq!((&summary["complete"], &summary["narrowed"]), (&true.into(), &json!(null)));
    assert!(!workspace.tell(0, &["status", "job.toml"]).contains("a part of the job"));
    assert_eq!(summary["totals"]["buckets"], json!({ "complete": 6 }));
}

#[test]
fn an_unfinished_part_goes_on_as_that_part_only() {
    let server = Server::start(SPEC);
    let workspace = workspace(&server);
    let part = ["-q", "--bucket", "demo-flat"];
    let stopped = [&part[..], &["--set", "limits.max_requests=3"]].concat();
    workspace.expect(124, &stopped);
    let told = workspace.expect(2, &["-q"]);
    assert!(told.contains("is of `--bucket demo-flat`, and asked for is the whole job"), "{told}");
    // What has to be said to go on with it stands in the status.
    let status = workspace.tell(0, &["status", "job.toml"]);
    assert!(status.starts_with("job: unfinished, run "), "{status}");
    assert!(status.contains("\n  a part of the job: --bucket demo-flat\n"), "{status}");
    workspace.expect(2, &["-q", "--bucket", "demo-*"]);
    workspace.expect(0, &part);
    assert_eq!((workspace.runs().len(), workspace.verdicts().len()), (1, 1));

    // `--retry` knows which part it was.
    let stopped = [&stopped[..], &["--now", "2030-01-01T00:00:00Z"]].concat();
    workspace.expect(124, &stopped);
    workspace.expect(0, &["-q", "--retry"]);
    assert_eq!((workspace.runs().len(), &workspace.summary()["narrowed"]["buckets"]), (2, &json!(["demo-flat"])));
    assert_eq!(workspace.summary()["totals"]["buckets"], json!({ "complete": 2 }));

    // Nor is an unfinished run of the whole gone on with in part.
    workspace.expect(124, &["-q", "--set", "limits.max_requests=5", "--now", "2031-01-01T00:00:00Z"]);
    let told = workspace.expect(2, &part);
    assert!(told.contains("is of the whole job, and asked for is `--bucket demo-flat`"), "{told}");
}

#[test]
fn a_part_that_is_nothing_is_no_success() {
    let server = Server::start(SPEC);
    let workspace = workspace(&server);
    let told = workspace.expect(2, &["-q", "--account", "c"]);
    assert!(told.contains("the job `job`: no account of the job matches `c`"), "{told}");
    workspace.expect(2, &["-q", "--bucket", "["]);
    assert!(workspace.runs().is_empty());
    // Excluded by the job, and allowed to be empty by it: the flag is what does not fit.
    let told = workspace.expect(3, &["-q", "--bucket", "demo-small-0003", "--set", "buckets.on_empty=ok"]);
    assert!(told.contains("no bucket of the job matches `--bucket demo-small-0003`"), "{told}");
    let told = workspace.expect(2, &["-q", "--retry", "--bucket", "x"]);
    assert!(told.contains("cannot be used with"), "{told}");
}

#[test]
fn a_part_replaces_the_files_of_its_buckets_only() {
    let server = Server::start(SPEC);
    let workspace = Workspace::new();
    workspace.job(&server.url, "[output]\npath = \"out/{bucket}_{part}.csv\"");
    workspace.expect(0, &["-q", "--now", "2026-01-01T00:00:00Z"]);
    workspace.expect(0, &["-q", "--now", "2026-01-02T00:00:00Z", "--bucket", "demo-flat"]);
    let text = std::fs::read(workspace.path("out/job/20260102T000000Z/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(summary["earlier_files"].as_array().unwrap().len(), 3, "{summary}");
    assert!(workspace.path("out/demo-small-0001_1.csv").exists());
}
