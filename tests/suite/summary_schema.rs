//! The schema of summaries: `schemas/summary.schema.json` is what the program prints, it accepts the
//! summaries of real runs, whatever their end, and rejects wrong ones.

use crate::harness::{PROGRAM, Server, Workspace};
use jsonschema::Validator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Command;

const COMMITTED: &str = include_str!("../../schemas/summary.schema.json");

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(COMMITTED).expect("JSON");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
}

#[track_caller]
fn assert_accepted(summary: &Value) {
    let problems: Vec<String> =
        validator().iter_errors(summary).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{summary:#}");
}

#[test]
fn the_committed_schema_is_fresh() {
    let output = Command::new(PROGRAM).args(["schema", "summary"]).output().expect("runs");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let mend = "cargo run -- schema summary > schemas/summary.schema.json";
    assert!(printed == COMMITTED, "`schemas/summary.schema.json` is out of date; mend it with\n\n    {mend}\n");
}

#[test]
fn summaries_of_runs_are_accepted_whatever_their_end() {
    let workspace = Workspace::new();
    let job = "version = 1\ndescription = \"d\"\n[window]\nsince = 2020-01-01\n[accounts.a]\nendpoint_url = \"demo:?objects=30\"\n";
    workspace.write("job.toml", job);
    workspace.expect(0, &["-q"]);
    let complete = workspace.summary();
    assert_eq!(complete["complete"], true);
    assert_accepted(&complete);

    let workspace = Workspace::new();
    workspace.job("demo:?objects=30&denied=1&missing=1", "");
    workspace.expect(3, &["-q"]);
    let partial = workspace.summary();
    assert!(!partial["not_complete"].as_array().expect("a list").is_empty());
    assert_accepted(&partial);

    let server = Server::start("demo:?objects=30000&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nrequests_per_second = 25\nconcurrency = 3");
    let mut running = workspace.start(&["-q"]);
    server.wait_for("list_requests", 5);
    let process = i32::try_from(running.process()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(process, Signal::INT).expect("sent");
    running.wait();
    let interrupted = workspace.summary();
    assert_eq!(interrupted["exit_code"], 130);
    assert_accepted(&interrupted);
    workspace.job(&server.url, "");
    workspace.expect(0, &["-q"]);
    let resumed = workspace.summary();
    assert_eq!((&resumed["resumed"], &resumed["complete"]), (&json!(true), &json!(true)));
    assert_accepted(&resumed);

    let workspace = Workspace::new();
    let path = |rest: &str| format!("[output]\npath = \"data/{{bucket}}_{{part}}.csv\"\n{rest}");
    workspace.job("demo:?objects=30", &path(""));
    workspace.expect(0, &["-q"]);
    workspace.write("data/demo-flat_1.csv", "changed");
    workspace.job("demo:?objects=30", &path("[buckets]\ninclude = [\"demo-flat\"]"));
    workspace.expect(0, &["-q"]);
    let replaced = workspace.summary();
    assert!(replaced["earlier_files"][0].is_object() && replaced["kept_files"][0].is_string(), "{replaced}");
    assert_accepted(&replaced);
}

#[test]
fn wrong_summaries_are_rejected() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=30&denied=1", "");
    workspace.expect(3, &["-q"]);
    let good = workspace.summary();
    let validator = validator();
    assert!(validator.is_valid(&good));
    let set = |pointer: &str, value: Value| {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap_or_else(|| panic!("no `{pointer}` in {good:#}")) = value;
        (format!("{pointer} = {}", wrong.pointer(pointer).unwrap()), wrong)
    };
    let mut wrong = vec![
        set("", json!([])),
        set("/format", json!("s3scan-state")),
        set("/version", json!(2)),
        set("/version", json!("1")),
        set("/job", Value::Null),
        set("/run", json!(20_261_122)),
        set("/now", json!("yesterday")),
        set("/started", json!("2026-11-22 11:45:00")),
        set("/complete", json!("yes")),
        set("/exit_code", json!(256)),
        set("/exit_code", json!(-1)),
        set("/stopped", json!(130)),
        set("/duration_seconds", json!("12 s")),
        set("/window/since", json!(5)),
        set("/window/timezone", Value::Null),
        set("/totals/objects", json!(-1)),
        set("/totals/rows", json!(1.5)),
        set("/totals/buckets", json!({ "finished": 1 })),
        set("/totals/buckets", json!({ "complete": -1 })),
        set("/accounts", json!({})),
        set("/accounts/0/verdict", json!("complete")),
        set("/accounts/0/identity", json!("prod")),
        set("/accounts/0/identity/account_id", json!(123_456_789_012_u64)),
        set("/not_complete/0/verdict", json!("ok")),
        set("/not_complete/0/bucket", Value::Null),
        set("/price/usd", json!("0.005")),
        set("/price/basis", Value::Null),
        set("/earlier_files", json!([{ "bucket": "b" }])),
        set("/kept_files", json!([1])),
        set("/job_resolved", json!([])),
    ];
    let absent = |pointer: &str, key: &str| {
        let mut wrong = good.clone();
        wrong.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(key).expect("the key");
        (format!("{pointer} without {key}"), wrong)
    };
    for (pointer, value) in
        ["", "/window", "/totals", "/accounts/0", "/accounts/0/identity", "/price", "/not_complete/0"]
            .map(|pointer| (pointer, good.pointer(pointer).expect("there")))
    {
        wrong.extend(value.as_object().expect("an object").keys().map(|key| absent(pointer, key)));
    }
    for (what, wrong) in wrong {
        assert!(!validator.is_valid(&wrong), "accepted: {what}");
    }
}
