//! Which run an invocation does: the unfinished one, a new one beside others, or none for a state that
//! does not fit.

use crate::harness::{PROGRAM, Server, Workspace};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

const REST: &str = "[limits]\nconcurrency = 4\n[state]\ncheckpoint_every = \"10ms\"";

/// Begins a run of `job.toml` and kills it at its second commit.
fn cut_off(workspace: &Workspace) {
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    let status = command.env("S3SCAN_CRASH_AT", "state-committed:2").status().expect("runs");
    assert_eq!(status.code(), None, "killed");
}

#[test]
fn a_fresh_run_that_cannot_begin_gives_up_nothing() {
    let server = Server::start("demo:?objects=4000");
    let workspace = Workspace::new();
    workspace.job(&server.url, REST);
    cut_off(&workspace);
    let begun = workspace.runs();

    let mut fresh = workspace.command(&["run", "job.toml", "-q", "--fresh"]);
    let output = fresh.env("AWS_SECRET_ACCESS_KEY", "wrong").output().expect("runs");
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    workspace.expect(0, &[]);
    assert_eq!(workspace.runs(), begun, "the run that was cut off was gone on with");
    assert_eq!(workspace.summary()["totals"]["rows"], 20_000);
}

#[test]
fn a_fresh_run_removes_what_it_replaces() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=4000", REST);
    cut_off(&workspace);
    let old = workspace.last_run();
    workspace.expect(0, &["--fresh", "--now", "2030-01-01T00:00:00Z"]);
    assert!(!old.join(".parts").exists());
    assert_eq!(workspace.summary()["complete"], true);
    assert!(workspace.last_run().ends_with("20300101T000000Z"));
}

#[test]
fn how_to_go_on_is_told_and_does_not_give_up_what_was_kept() {
    let failing = "demo:?objects=10&fault_rate=1&faults=503";
    let workspace = Workspace::new();
    workspace.job(failing, "[limits]\nmax_attempts = 1");
    let told = workspace.expect(75, &["-q"]);
    assert!(told.contains("hint: run the same command again to go on"), "{told}");
    let told = workspace.expect(75, &["-q", "--fresh"]);
    assert!(told.contains("hint: run the same command again, without --fresh, to go on"), "{told}");
}

#[test]
fn a_changed_job_does_not_go_on_and_the_change_is_named() {
    let server = Server::start("demo:?objects=4000");
    let workspace = Workspace::new();
    workspace.job(&server.url, REST);
    cut_off(&workspace);
    let state = fs::read(workspace.path("state/job.json")).expect("the state");
    for (key, value) in [
        ("output.columns", "full"),
        ("output.dialect", "excel"),
        ("output.header", "false"),
        ("output.compression", "zstd"),
        ("output.key_encoding", "url"),
        ("output.empty", "none"),
        ("output.rows_per_file", "1_000"),
        ("objects.prefixes", "[\"object-\"]"),
        ("window.period", "last-year"),
    ] {
        let told = workspace.expect(2, &["-q", "--set", &format!("{key}={value}")]);
        assert!(told.contains(&format!("{key} (was ")), "{key}: {told}");
        assert_eq!(told.matches(" (was ").count(), 1, "nothing else has changed: {told}");
        assert!(told.contains("hint: undo the change") && told.contains("--fresh"), "{told}");
        assert!(fs::read(workspace.path("state/job.json")).expect("the state") == state, "{key}");
    }
    workspace.expect(0, &["-q"]);
    assert_eq!((workspace.runs().len(), &workspace.summary()["resumed"]), (1, &true.into()));

    // With the same change from the start it is the same job.
    workspace.expect(0, &["-q", "--set", "output.columns=full", "--now", "2030-01-01T00:00:00Z"]);
    assert_eq!(workspace.runs().len(), 2);
}

#[test]
fn jobs_of_one_name_with_states_of_their_own_leave_each_other_alone() {
    let workspace = Workspace::new();
    let state =
        |file: &str| format!("[limits]\nconcurrency = 4\n[state]\ncheckpoint_every = \"10ms\"\nfile = \"{file}\"");
    workspace.job("demo:?objects=4000", &state("state/one.json"));
    cut_off(&workspace);
    let first = workspace.last_run();
    let job = fs::read_to_string(workspace.path("job.toml")).expect("the job");

    workspace.job("demo:?objects=4000", &state("state/two.json"));
    workspace.expect(0, &["-q"]);
    assert!(first.join(".parts").exists(), "the other run's parts were removed");

    workspace.write("job.toml", job);
    workspace.expect(0, &["-q"]);
    let summary = fs::read_to_string(first.join("summary.json")).expect("the first run is finished");
    assert!(summary.contains("\"complete\": true"), "{summary}");
}

#[test]
fn a_state_that_names_unknown_buckets_is_not_sound() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=4000", REST);
    cut_off(&workspace);
    let path = workspace.path("state/job.json");
    let state = fs::read_to_string(&path).expect("the state");
    let mut json: serde_json::Value = serde_json::from_str(&state).expect("JSON");
    json["buckets"][0]["bucket"] = 999.into();
    fs::write(&path, json.to_string()).expect("written");
    let told = workspace.expect(74, &["-q"]);
    assert!(told.contains("is not a sound state") && told.contains("--fresh"), "{told}");
    fs::write(&path, state).expect("written");
    workspace.expect(0, &["-q"]);
}

#[test]
fn open_files_are_bounded_by_the_concurrency_not_by_the_buckets() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=1&small=700&small_objects=1", "[limits]\nconcurrency = 8");
    // The hard limit, which the program cannot raise. A few dozen are the runtime's and the server's.
    let script = format!("ulimit -n 128 && exec '{PROGRAM}' run job.toml -q");
    let mut command = Command::new("sh");
    let output = command.args(["-c", &script]).current_dir(workspace.path("")).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(workspace.summary()["totals"]["buckets"]["complete"], 705);
}

#[test]
fn an_unfinished_run_is_not_gone_on_with_at_another_address() {
    let (here, there) =
        (Server::start("demo:?objects=4000&shape=flat"), Server::start("demo:?objects=5000&shape=flat"));
    let workspace = Workspace::new();
    workspace.write("job.toml", "version = 1\n[accounts.a]\npath_style = true\n[state]\ncheckpoint_every = \"10ms\"\n");
    let at = |server: &Server, arguments: &[&str]| {
        let mut command = workspace.command(&[&["run", "job.toml", "-q"], arguments].concat());
        let output = command.env("AWS_ENDPOINT_URL_S3", &server.url).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = at(&here, &["--set", "limits.max_requests=3"]);
    assert_eq!(code, Some(124), "{told}");
    let (code, told) = at(&there, &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains(&here.url) && told.contains(&there.url) && told.contains("--fresh"), "{told}");
    assert_eq!(at(&here, &[]).0, Some(0));
    assert_eq!(workspace.summary()["totals"]["rows"], 4000);
}

#[test]
fn a_run_of_another_version_is_left_alone() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=4000", REST);
    cut_off(&workspace);
    let path = workspace.path("state/job.json");
    let state = fs::read_to_string(&path).expect("the state");
    fs::write(&path, state.replace("\"version\": 4", "\"version\": 3")).expect("written");
    let told = workspace.expect(2, &["-q"]);
    assert!(told.contains("is of another version of s3scan") && told.contains("--fresh"), "{told}");
    fs::write(&path, state).expect("written");
    workspace.expect(0, &["-q"]);
}

/// The tables of the last run and its summary count the same rows: those in its files.
fn assert_counted_alike(workspace: &Workspace) -> u64 {
    let sum = |rows: &[BTreeMap<String, String>], column: &str| {
        rows.iter().map(|row| row[column].parse::<u64>().expect("a number")).sum::<u64>()
    };
    let mut reader = csv::Reader::from_path(workspace.last_run().join("buckets.csv")).expect("buckets.csv");
    let buckets: Vec<BTreeMap<String, String>> = reader.deserialize().map(|row| row.expect("a row")).collect();
    let files = workspace.listed_files();
    let totals = &workspace.summary()["totals"];
    assert_eq!(totals["rows"], sum(&files, "rows"), "files.csv");
    assert_eq!(totals["rows"], sum(&buckets, "rows"), "buckets.csv");
    assert_eq!((&totals["files"], sum(&buckets, "files")), (&files.len().into(), files.len() as u64));
    assert_eq!(totals["objects"], sum(&buckets, "objects"));
    let not_complete: Vec<_> = buckets.into_iter().filter(|row| row["verdict"] != "complete").collect();
    assert_eq!(sum(&not_complete, "rows") + sum(&not_complete, "files"), 0, "{not_complete:?}");
    sum(&not_complete, "objects")
}

#[test]
fn rows_are_those_published_in_every_table() {
    let server = Server::start("demo:?objects=4000&denied=1");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nconcurrency = 2\n[state]\ncheckpoint_every = \"10ms\"");
    // A request finds the buckets, and one of five buckets of four pages is left half-way.
    workspace.expect(124, &["-q", "--set", "limits.max_requests=8"]);
    assert!(assert_counted_alike(&workspace) > 0, "something was listed of what is not complete");
    let status = workspace.tell(0, &["status", "job.toml"]);
    let published = workspace.summary()["totals"]["rows"].as_u64().expect("a number");
    let published = if published == 0 { "0".to_owned() } else { format!("{},000", published / 1000) };
    assert!(status.contains(&format!("\n  rows: {published} published, ")), "{status}");
    workspace.expect(3, &["-q"]);
    assert_eq!(assert_counted_alike(&workspace), 0);
    let status = workspace.tell(0, &["status", "job.toml"]);
    assert!(status.contains("\n  exit code 3, 20,000 rows in 5 files\n  buckets: 5 complete, 1 denied\n"), "{status}");
}
