//! `s3scan plan`: what it tells, what it asks of a store and leaves alone, and how near it comes to the run.

use crate::harness::{PROGRAM, Server, Workspace};
use serde_json::{Value, json};
use std::process::Command;

const COMMITTED: &str = include_str!("../../schemas/plan.schema.json");

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(COMMITTED).expect("JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
}

/// The plan of `job.toml` as JSON, which keeps to its schema.
#[track_caller]
fn planned(workspace: &Workspace, code: i32, more: &[&str]) -> Value {
    let told = workspace.tell(code, &[&["plan", "job.toml", "--format", "json"], more].concat());
    let plans: Value = serde_json::from_str(&told).expect("JSON");
    let problems: Vec<String> =
        validator().iter_errors(&plans).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{plans:#}");
    let plan = plans["jobs"][0].clone();
    assert!(plan.is_null() || plan["exit_code"] == code, "{plan:#}");
    plan
}

fn reasons(plan: &Value) -> Vec<(String, String, Value)> {
    let left = plan["left_out"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    left.map(|left| (text(&left["bucket"]), text(&left["reason"]), left["pattern"].clone())).collect()
}

#[test]
fn buckets_are_listed_and_no_object_and_nothing_is_written() {
    let server = Server::start("demo:?objects=2000&small=3");
    let workspace = Workspace::new();
    let rest = "[window]\nsince = 2025-07-01\nuntil = 2025-10-01\ntimezone = \"America/New_York\"\n\
        [buckets]\ninclude = [\"demo-small-*\", \"demo-flat\"]\nexclude = [\"*-0003\"]\n";
    workspace.job(&server.url, rest);
    let told = workspace.tell(0, &["plan", "job.toml", "--now", "2026-01-01T00:00:00Z"]);
    let told = told.replace(&server.url, "URL");
    insta::assert_snapshot!(told, @r"
    job: a new run
      window: from 2025-07-01T04:00:00Z to before 2025-10-01T04:00:00Z
              from 2025-07-01 00:00:00 EDT to before 2025-10-01 00:00:00 EDT in America/New_York
    1 account
      a  id unknown  3 buckets of 8 (URL)
    3 buckets to be listed: us-east-1 3
      a/demo-flat        us-east-1  objects not known
      a/demo-small-0001  us-east-1  objects not known
      a/demo-small-0002  us-east-1  objects not known
    5 buckets left out
      a/demo-dates       us-east-1  no pattern of `include` matches
      a/demo-skewed      us-east-1  no pattern of `include` matches
      a/demo-small-0003  us-east-1  excluded by `*-0003`
      a/demo-unicode     us-east-1  no pattern of `include` matches
      a/demo-uuid        us-east-1  no pattern of `include` matches
    estimate
      objects   not known: nobody has counted those of 3 buckets
      requests  at least 5, one for each bucket not known
      price     not known: no account is at an endpoint of AWS
      transfer  not known
      duration  at least 0.4 s: 100 ms a page assumed, 64 at once
    to be written: at least 3 files of rows
      data/job/20260101T000000Z/{account}/{bucket}_{part}.csv
      data/job/20260101T000000Z/summary.json
      data/job/20260101T000000Z/buckets.csv
      data/job/20260101T000000Z/files.csv
      data/job/latest.json
      state/job.json
      state/job.history.json
      logs/job.log
    ");
    assert_eq!(workspace.tell(0, &["run", "job.toml", "--dry-run", "--now", "2026-01-01T00:00:00Z"]), {
        told.replace("URL", &server.url)
    });
    // One for the list of buckets, one for the region of the bucket that is named.
    assert_eq!((server.count("list_requests"), server.count("requests")), (0, 4));
    let left: Vec<_> = std::fs::read_dir(workspace.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["job.toml"], "nothing is written");

    let plan = planned(&workspace, 0, &["--bucket", "demo-small-*"]);
    assert_eq!(plan["narrowed"]["buckets"], json!(["demo-small-*"]));
    assert_eq!(plan["window"]["since"], "2025-07-01T04:00:00Z");
    assert_eq!(plan["window"]["since_local"], "2025-07-01 00:00:00 EDT");
    let reasons = reasons(&plan);
    assert_eq!(reasons.len(), 6);
    assert!(reasons.contains(&("demo-dates".into(), "not_included".into(), json!(null))), "{reasons:?}");
    assert!(reasons.contains(&("demo-flat".into(), "narrowed".into(), json!(null))), "{reasons:?}");
    assert!(reasons.contains(&("demo-small-0003".into(), "excluded".into(), json!("*-0003"))), "{reasons:?}");
    assert_eq!(plan["estimate"]["price"]["usd"], json!(null), "no price where nothing is billed by AWS");
}

#[test]
fn the_requests_of_a_run_are_foreseen() {
    let server = Server::start("demo:?objects=12345&shape=flat&small=7&small_objects=1500");
    let workspace = Workspace::new();
    // Of more, some ask in vain where there are no keys.
    workspace.job(&server.url, "[limits]\nconcurrency = 1");
    let unknown = planned(&workspace, 0, &[]);
    assert_eq!((&unknown["estimate"]["unknown_buckets"], &unknown["estimate"]["objects"]), (&json!(8), &json!(0)));
    workspace.expect(0, &["-q"]);

    let plan = planned(&workspace, 0, &[]);
    let estimate = &plan["estimate"];
    let before = server.count("requests");
    workspace.expect(0, &["-q", "--now", "2030-01-01T00:00:00Z"]);
    let taken = server.count("requests") - before;
    let totals = workspace.summary()["totals"].clone();
    assert_eq!(totals["requests"], taken);
    let foreseen = estimate["requests"].as_u64().unwrap();
    assert!(taken.abs_diff(foreseen) * 20 <= taken, "foreseen were {foreseen}, it took {taken}");
    assert_eq!((&estimate["objects"], &plan["files"]["at_most"]), (&totals["objects"], &totals["files"]));
    assert_eq!((&estimate["unknown_buckets"], &plan["buckets"][0]["objects"]), (&json!(0), &json!(12_345)));
    let seconds = estimate["seconds_basis"].as_str().unwrap();
    assert!(seconds.contains(" ms a page as the last time, 1 at once"), "{seconds}");
}

#[test]
fn what_a_run_would_end_with_is_told_by_the_exit_code() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[buckets]\ninclude = [\"demo-flat\", \"demo-gone\"]");
    let plan = planned(&workspace, 3, &[]);
    let gone = "NoSuchBucket (404): The specified bucket does not exist";
    assert_eq!(plan["problems"], json!([format!("a/demo-gone is missing: {gone}")]));
    assert_eq!(
        (&plan["buckets"][1]["problem"], &plan["buckets"][0]["problem"]),
        (&json!(format!("missing: {gone}")), &json!(null))
    );
    assert_eq!((&plan["estimate"]["unknown_buckets"], &plan["files"]["at_most"]), (&json!(1), &json!(1)));
    workspace.expect(3, &["-q"]);
    assert_eq!(workspace.verdicts()["demo-gone"], ("missing".to_owned(), gone.to_owned()), "the run says the same");

    workspace.job(&server.url, "[buckets]\ninclude = [\"nothing-*\"]");
    assert_eq!(planned(&workspace, 3, &[])["problems"], json!(["no bucket matches the job"]));
    assert_eq!(planned(&workspace, 0, &["--set", "buckets.on_empty=ok"])["problems"], json!([]));

    workspace.job(&server.url, "profile = \"nobody\"");
    let plan = planned(&workspace, 4, &[]);
    assert_eq!(plan["accounts"][0]["verdict"], "unusable");
    assert!(plan["accounts"][0]["reason"].as_str().unwrap().contains("no profile `nobody`"), "{plan:#}");
    workspace.job(&server.url, "profile = \"nobody\"\n[accounts.b]\nendpoint_url = \"demo:\"\n");
    let plan = planned(&workspace, 3, &[]);
    assert_eq!((&plan["accounts"][1]["found"], &plan["accounts"][1]["matched"]), (&json!(5), &json!(5)));

    workspace.job("http://127.0.0.1:1", "limits = { max_attempts = 1 }");
    assert_eq!(planned(&workspace, 75, &[])["accounts"][0]["verdict"], "unusable");
    workspace.job(&server.url, "regions = [\"us-*\"]\n[limits]\nburst = 1");
    assert!(planned(&workspace, 2, &[]).is_null());
}

#[test]
fn a_run_that_would_go_on_is_planned_as_what_is_left_of_it() {
    let server = Server::start("demo:?objects=4000&shape=flat&small=2");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nconcurrency = 1\n[state]\ncheckpoint_every = \"10ms\"");
    workspace.expect(124, &["-q", "--set", "limits.max_requests=3"]);
    let plan = planned(&workspace, 0, &["--now", "2030-01-01T00:00:00Z"]);
    assert_eq!((&plan["run"]["begin"], plan["buckets"].as_array().unwrap().len()), (&json!("resumed"), 3));
    assert!(workspace.last_run().ends_with(plan["run"]["run"].as_str().unwrap()));
    assert_eq!((&plan["buckets"][0]["listed"], &plan["run"]["buckets_done"]), (&json!(2000), &json!(0)), "{plan:#}");
    workspace.expect(124, &["-q", "--set", "limits.max_requests=3"]);
    let plan = planned(&workspace, 0, &[]);
    let done = plan["buckets"].as_array().unwrap().iter().filter(|bucket| bucket["done"] == true).count();
    assert_eq!(plan["run"]["buckets_done"], done);
    assert_eq!(plan["estimate"]["unknown_buckets"], 3 - done, "{plan:#}");
    // What would be refused is refused.
    planned(&workspace, 2, &["--set", "output.header=false"]);
    planned(&workspace, 2, &["--bucket", "demo-flat"]);
    workspace.expect(0, &["-q"]);
    assert_eq!(planned(&workspace, 0, &[])["run"]["begin"], "new");
}

#[test]
fn a_retry_is_planned_as_what_is_not_complete() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10&shape=flat&small=2&missing=1&denied=1", "");
    workspace.expect(3, &["-q"]);
    let told = workspace.tell(0, &["run", "job.toml", "--retry", "--dry-run"]);
    assert!(
        told.contains("job: reopens the run ") && told.contains("2 buckets to be listed, 3 done already"),
        "{told}"
    );
    let told = workspace.tell(0, &["run", "job.toml", "--dry-run"]);
    assert!(told.contains("job: a new run") && told.contains("5 buckets to be listed: "), "{told}");
}

#[test]
fn the_committed_schema_is_fresh_and_rejects_what_is_wrong() {
    let output = Command::new(PROGRAM).args(["schema", "plan"]).output().expect("runs");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let mend = "cargo run -- schema plan > schemas/plan.schema.json";
    assert!(printed == COMMITTED, "`schemas/plan.schema.json` is out of date; mend it with\n\n    {mend}\n");

    let workspace = Workspace::new();
    workspace.job("demo:?objects=10", "[buckets]\nexclude = [\"demo-flat\"]");
    let told = workspace.tell(0, &["plan", "job.toml", "--format", "json"]);
    let good: Value = serde_json::from_str(&told).expect("JSON");
    let validator = validator();
    assert!(validator.is_valid(&good));
    for (pointer, value) in [
        ("/format", json!("s3scan-summary")),
        ("/version", json!(2)),
        ("/jobs/0/run/begin", json!("anew")),
        ("/jobs/0/window/since", json!("yesterday")),
        ("/jobs/0/accounts/0/verdict", json!("fine")),
        ("/jobs/0/accounts/0/found", json!(-1)),
        ("/jobs/0/buckets/0/objects", json!("many")),
        ("/jobs/0/left_out/0/reason", json!("bored")),
        ("/jobs/0/estimate/requests", json!(1.5)),
        ("/jobs/0/estimate/price/usd", json!("0.1")),
        ("/jobs/0/exit_code", json!(256)),
        ("/jobs/0/problems", json!(null)),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap_or_else(|| panic!("no `{pointer}` in {good:#}")) = value;
        assert!(!validator.is_valid(&wrong), "accepted: {pointer}");
    }
}
