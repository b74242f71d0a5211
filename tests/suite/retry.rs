//! `run --retry`: a run that is over is reopened, and only what is not complete of it is listed again.

use crate::harness::{Server, Workspace};
use s3scan::crash::STEPS;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

/// Two of the five small buckets do not exist yet.
const BEFORE: &str = "demo:?objects=3000&shape=flat&small=3";
const AFTER: &str = "demo:?objects=3000&shape=flat&small=5";

/// A job over six buckets of one account, and one of an account whose profile does not exist.
fn job(workspace: &Workspace, url: &str, rest: &str) {
    let small: Vec<String> = (1..=5).map(|number| format!("\"demo-small-000{number}\"")).collect();
    let rest = format!(
        "buckets = {{ include = [\"demo-flat\", {}] }}\n\
         [accounts.b]\nendpoint_url = \"{url}\"\npath_style = true\nprofile = \"audit\"\n\
         buckets = {{ include = [\"demo-small-0001\"] }}\n\
         [limits]\nconcurrency = 4\n[state]\ncheckpoint_every = \"10ms\"\n{rest}",
        small.join(", ")
    );
    workspace.job(url, &rest);
}

/// Makes the profile that the job names.
fn mend(workspace: &Workspace) {
    let (key, secret) = (s3scan::demo::ACCESS_KEY, s3scan::demo::SECRET_KEY);
    workspace.write(
        ".aws/config",
        format!("[profile audit]\nregion = us-east-1\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"),
    );
}

/// The server in place of one that was there before, with all buckets.
fn replaced(server: Server) -> Server {
    let address = server.address().to_owned();
    drop(server);
    Server::start_at(&address, AFTER)
}

#[test]
fn only_what_is_not_complete_is_listed_again() {
    let server = Server::start(BEFORE);
    let workspace = Workspace::new();
    job(&workspace, &server.url, "");
    let told = workspace.expect(3, &[]);
    assert!(told.contains("hint: once the causes are gone, `--retry`"), "{told}");
    let run = workspace.last_run();
    let partial = workspace.summary();
    assert_eq!(partial["totals"]["buckets"], serde_json::json!({ "complete": 4, "missing": 2 }));
    assert!(run.join(".parts/finished.jsonl").exists() && !run.join(".parts/000000").exists());

    // The causes are still there: the same verdicts, of the buckets that had them.
    workspace.expect(3, &["-q", "--retry"]);
    assert_eq!(workspace.summary()["totals"]["buckets"], partial["totals"]["buckets"]);

    let spent = workspace.summary()["totals"]["requests"].as_u64().unwrap();
    let server = replaced(server);
    mend(&workspace);
    workspace.expect(0, &["-q", "--retry"]);
    // A page for each of the two and for that of the account, which also asks for its region.
    assert_eq!((server.count("list_requests"), server.count("requests")), (3, 4));
    let summary = workspace.summary();
    assert_eq!(workspace.runs(), std::slice::from_ref(&run));
    assert_eq!(summary["run"], partial["run"]);
    assert_eq!(
        (&summary["complete"], &summary["resumed"], &summary["exit_code"]),
        (&true.into(), &true.into(), &0.into())
    );
    assert_eq!(summary["totals"]["buckets"], serde_json::json!({ "complete": 7 }));
    assert_eq!(summary["totals"]["rows"], 3000 + 6 * 100);
    assert_eq!(summary["totals"]["requests"], spent + 4);
    assert_eq!((workspace.listed_files().len(), workspace.verdicts().len()), (7, 6), "names are the same in both");
    assert!(!run.join(".parts").exists());

    let whole = Workspace::new();
    job(&whole, &server.url, "");
    mend(&whole);
    whole.expect(0, &["-q"]);
    assert!(workspace.files() == whole.files(), "the files are those of a run without any cause");

    let told = workspace.expect(0, &["--retry"]);
    assert!(told.contains("nothing to retry: the run") && told.contains("is complete"), "{told}");
    assert_eq!(workspace.runs().len(), 1);
}

#[test]
fn what_stands_where_paths_are_shared_is_replaced_by_the_retry() {
    let server = Server::start(BEFORE);
    let workspace = Workspace::new();
    mend(&workspace);
    job(&workspace, &server.url, "[output]\npath = \"out/{account}-{bucket}_{part}.csv\"");
    workspace.expect(3, &["-q", "--now", "2026-01-01T00:00:00Z"]);
    workspace.expect(3, &["-q", "--now", "2026-01-02T00:00:00Z"]);
    let _server = replaced(server);
    workspace.expect(0, &["-q", "--retry"]);
    let files = fs::read_dir(workspace.path("out")).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(files.count(), 7);
    let latest: serde_json::Value =
        serde_json::from_slice(&fs::read(workspace.path("out/job/latest.json")).unwrap()).unwrap();
    assert_eq!((&latest["run"], &latest["complete"]), (&"20260102T000000Z".into(), &true.into()));
}

#[test]
fn killed_at_every_step_of_a_retry() {
    let server = Server::start(BEFORE);
    // Every bucket has several files.
    let rest = "[output]\nrows_per_file = 60";
    let steps: Vec<&str> =
        STEPS.into_iter().filter(|step| !step.starts_with("replace") && *step != "run-created").collect();
    let begin = |crash: Option<&str>| {
        let workspace = Workspace::new();
        job(&workspace, &server.url, rest);
        let mut command = workspace.command(&["run", "job.toml", "-q"]);
        crash.map(|step| command.env("S3SCAN_CRASH_AT", step));
        let status = command.stderr(Stdio::null()).status().expect("runs");
        assert_eq!(status.code(), if crash.is_some() { None } else { Some(3) });
        mend(&workspace);
        workspace
    };
    let mut cases: Vec<(&str, Workspace)> = steps.iter().map(|step| (*step, begin(None))).collect();
    // The end of the first run was cut off before its parts went.
    cases.push(("run-reopened", begin(Some("run-finished:1"))));
    let server = replaced(server);
    let whole = Workspace::new();
    job(&whole, &server.url, rest);
    mend(&whole);
    whole.expect(0, &["-q"]);
    let expected = whole.files();
    for (step, workspace) in cases {
        let mut command = workspace.command(&["run", "job.toml", "-q", "--retry"]);
        let status = command.env("S3SCAN_CRASH_AT", format!("{step}:1")).stderr(Stdio::null()).status().expect("runs");
        assert_eq!(status.signal(), Some(9), "{step}: it was never reached");
        // What was reopened is unfinished: without the flag it is gone on with too.
        let state = fs::read_to_string(workspace.path("state/job.json")).expect("the state");
        let is_reopened = state.contains("\"scanning\"");
        let more: &[&str] = if is_reopened { &["-q"] } else { &["-q", "--retry"] };
        let status = workspace.tell(0, &["status", "job.toml"]);
        assert_eq!(status.contains("\n  reopened by --retry: "), is_reopened, "{step}: {status}");
        if step != "run-finished" {
            workspace.expect(0, more);
            assert!(!workspace.last_run().join(".parts").exists(), "{step}: parts were left behind");
        }
        assert_eq!(workspace.runs().len(), 1, "{step}");
        assert!(workspace.files() == expected, "{step}: the files differ");
        let summary = workspace.summary();
        assert_eq!((&summary["complete"], &summary["totals"]["rows"]), (&true.into(), &3600.into()), "{step}");
    }
}

#[test]
fn an_unfinished_run_is_gone_on_with() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=4000", "[limits]\nconcurrency = 4\n[state]\ncheckpoint_every = \"10ms\"");
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    assert_eq!(command.env("S3SCAN_CRASH_AT", "state-committed:2").status().expect("runs").signal(), Some(9));
    workspace.expect(0, &["-q", "--retry"]);
    assert_eq!((workspace.runs().len(), &workspace.summary()["totals"]["rows"]), (1, &20_000.into()));
}

#[test]
fn without_a_run_that_can_be_retried_it_is_said_why() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10", "");
    let told = workspace.expect(2, &["--retry"]);
    assert!(told.contains("error: the job `job` has no run yet") && told.contains("without --retry"), "{told}");
    assert!(workspace.runs().is_empty());

    let told = workspace.expect(2, &["--retry", "--fresh"]);
    assert!(told.contains("cannot be used with"), "{told}");

    workspace.job("demo:?objects=10", "[buckets]\ninclude = [\"nothing-*\"]");
    workspace.expect(3, &["-q"]);
    let told = workspace.expect(3, &["--retry"]);
    assert!(told.contains("nothing to retry: no bucket matched in the run"), "{told}");
    let told = workspace.expect(2, &["--retry", "--set", "output.header=false"]);
    assert!(told.contains("since its last run") && told.contains("output.header (was true, is false)"), "{told}");
    assert!(told.contains("or begin a new one without --retry"), "{told}");
}

#[test]
fn without_its_journals_a_run_is_not_reopened() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10&missing=1", "");
    workspace.expect(3, &["-q"]);
    fs::remove_dir_all(workspace.last_run().join(".parts")).expect("removed");
    let told = workspace.expect(74, &["-q", "--retry"]);
    assert!(told.contains("buckets.jsonl") && told.contains("hint: "), "{told}");
    workspace.tell(74, &["run", "job.toml", "--retry", "--dry-run"]);
    assert!(workspace.tell(0, &["status", "job.toml"]).contains("job: over"));
    // A new run needs nothing of it.
    workspace.expect(3, &["-q", "--now", "2030-01-01T00:00:00Z"]);
    assert_eq!(workspace.runs().len(), 2);
}

#[test]
fn what_was_skipped_is_asked_for_again() {
    let server = Server::start("demo:?objects=10&shape=flat&denied=2");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[buckets]\non_denied = \"skip\"");
    workspace.expect(0, &["-q"]);
    let spent = server.count("list_requests");
    workspace.expect(0, &["-q", "--retry"]);
    assert_eq!(server.count("list_requests") - spent, 2);
    assert_eq!(workspace.summary()["totals"]["buckets"], serde_json::json!({ "complete": 1, "skipped": 2 }));
}
