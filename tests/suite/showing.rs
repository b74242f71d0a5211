//! What is told and logged: levels, the run's id, no secrets, what is dropped, and the summary for CI.

use crate::harness::{Server, Workspace};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// Six buckets of ten objects, of which one is denied.
const DENIED: &str = "demo:?objects=10&shape=flat&small=5&small_objects=10&denied=1";

/// The records of the job's log, which is to be JSON.
fn records(workspace: &Workspace) -> Vec<Value> {
    let log = fs::read_to_string(workspace.path("logs/job.log")).expect("the log");
    log.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

#[test]
fn every_record_of_a_run_bears_its_id_and_the_last_one_its_totals() {
    let workspace = Workspace::new();
    workspace.job(DENIED, "[log]\nlevel = \"debug\"\nformat = \"json\"");
    let told = workspace.expect(3, &["--log-format", "json", "--progress", "none"]);
    let summary = workspace.summary();
    let records = records(&workspace);
    let begun = records.iter().position(|record| record["message"] == "run started").expect("the start");
    assert!(records[..begun].iter().all(|record| record.get("run").is_none()));
    assert!(records[begun..].iter().all(|record| record["run"] == summary["run"]), "{records:?}");
    assert!(records.iter().any(|record| record["message"] == "page listed" && record["level"] == "DEBUG"));

    let last = records.last().expect("a record");
    assert_eq!(last["message"], "run ended");
    for figure in ["objects", "rows", "files", "requests", "retries", "throttles"] {
        assert_eq!(last[figure], summary["totals"][figure], "{figure}: {last}");
    }
    assert_eq!(last["exit_code"], 3);

    let of_console: Vec<Value> = told.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(of_console.last(), Some(last), "{told}");
    assert!(of_console.iter().all(|record| record["level"] != "DEBUG"));
}

#[test]
fn a_failed_request_is_told_once_with_its_id() {
    let workspace = Workspace::new();
    workspace.job(DENIED, "[log]\nformat = \"json\"");
    let told = workspace.expect(3, &["--progress", "none"]);
    let records = records(&workspace);
    let denied: Vec<&Value> = records.iter().filter(|record| record.to_string().contains("AccessDenied")).collect();
    assert_eq!(denied.len(), 1, "{denied:?}");
    assert_eq!((denied[0]["level"].as_str(), denied[0]["message"].as_str()), (Some("WARN"), Some("bucket denied")));
    assert!(denied[0]["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{}", denied[0]);
    assert_eq!(told.matches("AccessDenied").count(), 2, "in the log and in the closing table: {told}");
    assert!(told.contains("1 bucket denied: allow s3:ListBucket"), "{told}");
}

/// A store that denies everything, as S3 does it.
fn denying() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // The head of a request without a body.
            let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            assert!(head.count() > 0, "no request");
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\nx-amz-request-id: 4442587FB7D0A2F9\r\nx-amz-id-2: Uuag1LuByRx9e6j5O\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).expect("answered");
        }
    });
    url
}

#[test]
fn both_ids_that_support_asks_for_are_logged() {
    let workspace = Workspace::new();
    workspace.job(&denying(), "[log]\nformat = \"json\"");
    workspace.expect(3, &["-q"]);
    let records = records(&workspace);
    let failed = records.iter().find(|record| record["message"] == "account cannot be used").expect("the failure");
    assert_eq!((&failed["request_id"], &failed["host_id"]), (&"4442587FB7D0A2F9".into(), &"Uuag1LuByRx9e6j5O".into()));
}

#[test]
fn nothing_is_said_of_the_order_of_a_bucket_that_gave_no_page() {
    let workspace = Workspace::new();
    workspace.job(DENIED, "");
    workspace.expect(3, &["-q"]);
    let mut reader = csv::Reader::from_path(workspace.last_run().join("buckets.csv")).expect("buckets.csv");
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    for row in &rows {
        let ordered = if row["verdict"] == "denied" { "" } else { "true" };
        assert_eq!(row["ordered"], ordered, "{row:?}");
    }
    assert!(rows.iter().any(|row| row["verdict"] == "denied"));
}

#[test]
fn secrets_are_never_told() {
    use s3scan::demo::{ACCESS_KEY, SECRET_KEY};
    const QUERY: &str = "/?signature=qUerySecReT";
    let server = Server::start("demo:?objects=3000&small=1&fault_rate=0.2&faults=503");
    let nowhere = "http://127.0.0.1:1";
    for (url, query, key, secret, token) in [
        // It scans; the store does not know the key; nothing is sent; nobody answers.
        (&*server.url, "", ACCESS_KEY, SECRET_KEY, None),
        (&*server.url, "", "AKIASECRETKEY", "kEySecReT", Some("t0kenSecReT")),
        (&*server.url, QUERY, "AKIASECRETKEY", "kEySecReT", Some("t0kenSecReT")),
        (nowhere, QUERY, "AKIASECRETKEY", "kEySecReT", Some("t0kenSecReT")),
        (nowhere, "", "AKIASECRETKEY", "kEySecReT", Some("t0kenSecReT")),
    ] {
        let workspace = Workspace::new();
        workspace.job(&format!("{url}{query}"), "[log]\nlevel = \"trace\"\nformat = \"json\"");
        let mut command = workspace.command(&["run", "job.toml", "--log-level", "trace", "--progress", "plain"]);
        command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret);
        command.envs(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        let output = command.output().expect("runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let log = fs::read_to_string(workspace.path("logs/job.log")).expect("the log");
        assert!(!log.is_empty() && !told.is_empty());
        for hidden in [secret, "AKIASECRETKEY", "t0kenSecReT", "qUerySecReT"] {
            assert!(!told.contains(hidden), "`{hidden}` was told:\n{told}");
            assert!(!log.contains(hidden), "`{hidden}` was logged:\n{log}");
        }
    }
}

#[test]
fn a_run_that_is_dropped_is_told() {
    let server = Server::start("demo:?objects=30000&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nmax_requests = 8");
    workspace.expect(124, &["-q"]);
    let dropped = workspace.last_run();
    let run = dropped.file_name().expect("a name").to_string_lossy();

    workspace.job(&server.url, "");
    let told = workspace.expect(0, &["--fresh", "--now", "2030-01-01T00:00:00Z"]);
    let line = told.lines().find(|line| line.contains("unfinished run dropped")).expect("it is told");
    assert!(line.contains(&format!("dropped=\"{run}\"")) && line.contains("buckets=1"), "{line}");

    let told = workspace.expect(0, &["--fresh"]);
    assert!(!told.contains("dropped"), "there was nothing to drop: {told}");
}

#[test]
fn a_resumed_run_is_counted_whole_everywhere() {
    let server = Server::start("demo:?objects=30000&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nmax_requests = 12");
    workspace.expect(124, &["-q"]);
    let before = workspace.summary()["totals"]["objects"].as_u64().expect("a number");
    assert!(before > 0);

    workspace.job(&server.url, "[limits]\nrequests_per_second = 1\nburst = 1");
    let running = workspace.start(&["--progress", "plain"]);
    let told = running.once_told(&["run resumed"]);
    assert!(told.contains(&format!("objects={before}")), "{told}");
    drop(running);

    workspace.job(&server.url, "");
    let told = workspace.expect(0, &[]);
    assert!(told.contains("complete: 30,000 objects, 30,000 rows"), "{told}");
    assert!(told.contains(" in the whole run, ") && told.contains(" since it was resumed"), "{told}");
    let ended = told.lines().find(|line| line.contains("run ended")).expect("the end");
    assert!(ended.contains("objects=30000 rows=30000"), "{ended}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_that_cannot_be_written_fails_no_run_and_is_told_once() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10", "");
    let told = workspace.expect(0, &["--log-file", "/dev/full"]);
    assert_eq!(told.matches("warning: could not write log `/dev/full`").count(), 1, "{told}");
    let summary = workspace.summary();
    let warning = summary["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("could not write log `/dev/full`"), "{warning}");
    assert_eq!(summary["complete"], true);
}

#[test]
fn ci_gets_a_summary_of_each_job_and_none_costs_a_warning() {
    let workspace = Workspace::new();
    workspace.job(DENIED, "");
    workspace.write("summary.md", "from an earlier step\n");
    let run = |path: &str| {
        let mut command = workspace.command(&["run", "job.toml", "-q"]);
        let output = command.env("GITHUB_STEP_SUMMARY", path).output().expect("runs");
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = run("summary.md");
    assert!(!told.contains("step summary"), "{told}");
    let text = fs::read_to_string(workspace.path("summary.md")).expect("the summary");
    assert!(text.starts_with("from an earlier step\n## s3scan: job is not complete\n"), "{text}");
    let run_id = workspace.summary()["run"].as_str().expect("an id").to_owned();
    assert!(text.contains(&format!("| {run_id} | 3 | ")), "{text}");
    assert!(text.contains("- 1 bucket denied: allow s3:ListBucket"), "{text}");
    assert!(text.contains(" | denied | AccessDenied"), "{text}");

    let told = run("no/such/folder/summary.md");
    assert!(told.contains("warning: could not write the step summary `no/such/folder/summary.md`: "), "{told}");
}
