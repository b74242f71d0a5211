//! Wrong input, with the real program: how it ends, what it tells, and that nothing is lost.
//!
//! Job files and the command line are tested here, accounts that cannot be used in `accounts`, what
//! lies on disk in `files`, stores and their answers in `stores`.

mod accounts;
mod files;
mod stores;

use crate::harness::Workspace;

/// Asserts that all of `words` were told.
fn assert_told(told: &str, words: &[&str]) {
    for word in words {
        assert!(told.contains(word), "`{word}` is missing in:\n{told}");
    }
}

/// Runs one job file and expects a wrong one, which leaves nothing behind.
fn refused(text: &str) -> String {
    let workspace = Workspace::new();
    workspace.write("job.toml", text);
    let told = workspace.expect(2, &[]);
    for name in ["data", "state", "logs"] {
        assert!(!workspace.path(name).exists(), "`{name}` was made for a job that is wrong:\n{told}");
    }
    told
}

#[test]
fn a_job_file_that_is_not_there() {
    let workspace = Workspace::new();
    let output = workspace.command(&["run", "nowhere.toml"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_told(&told, &["error: the job file cannot be read: No such file", "nowhere.toml"]);
    assert!(!workspace.path("logs").exists());
}

#[test]
fn broken_toml_is_shown_with_its_place() {
    let told = refused("version = 1\n[buckets]\ninclude = [\"a\",\n[limits]\n");
    assert_told(&told, &["error: not valid TOML", "job.toml:3:11"]);
    assert_told(&refused("version = 1\nname = \"a\nb\"\n"), &["job.toml:2:"]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = refused(
        "version = 1\n\
         nmae = \"x\"\n\
         [window]\n\
         since = 2025-10-01\n\
         until = 2025-07-01\n\
         timezone = \"America/New_Yrok\"\n\
         [buckets]\n\
         include = [\"logs-[\"]\n\
         [objects]\n\
         min_size = \"1 potato\"\n\
         [limits]\n\
         concurency = 5\n\
         request_timeout = \"soon\"\n",
    );
    assert_told(&told, &["job.toml:2:1", "unknown key `nmae`", "hint: did you mean `name`?"]);
    assert_told(&told, &["job.toml:5:9", "must be later than `window.since`"]);
    assert_told(&told, &["job.toml:6:12", "America/New_Yrok", "hint: did you mean `America/New_York`?"]);
    assert_told(&told, &["job.toml:8:12", "logs-["]);
    assert_told(&told, &["job.toml:10:12", "1 potato"]);
    assert_told(&told, &["job.toml:12:1", "unknown key `limits.concurency`"]);
    assert_told(&told, &["job.toml:13:19", "soon"]);
    assert_eq!(told.matches("error: ").count(), 7, "{told}");
}

#[test]
fn two_jobs_of_one_name_are_not_begun() {
    let workspace = Workspace::new();
    let text = "version = 1\nname = \"same\"\n[accounts.a]\nendpoint_url = \"demo:?objects=10\"\n";
    workspace.write("one.toml", text);
    workspace.write("two.toml", text);
    let output = workspace.command(&["run", "one.toml", "two.toml"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_told(&told, &["error: the job is named `same`, as is that of `two.toml`", "hint: set `name`, and"]);
    assert!(!workspace.path("data").exists());
}

#[test]
fn a_wrong_job_does_not_keep_the_next_from_running() {
    let workspace = Workspace::new();
    workspace.write("wrong.toml", "version = 2\n");
    workspace.job("demo:?objects=10&shape=flat", "");
    let output = workspace.command(&["run", "wrong.toml", "job.toml", "-q"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2), "the worse exit code counts");
    assert_told(&String::from_utf8_lossy(&output.stderr), &["wrong.toml:1:11", "hint: write `version = 1`"]);
    assert_eq!(workspace.summary()["complete"], true);
}

#[test]
fn a_demo_knob_that_is_wrong_names_those_there_are() {
    for (knob, words) in [
        (
            "object=3",
            ["error: `accounts.a.endpoint_url`: unknown knob `object`", "hint: the knobs are `objects`, `shape`,"],
        ),
        (
            "page_size=0",
            [
                "error: `accounts.a.endpoint_url`: knob `page_size` cannot be `0`",
                "expected a whole number from 1 to 1000",
            ],
        ),
        (
            "faults=500,501",
            ["error: `accounts.a.endpoint_url`: knob `faults` cannot be `500,501`", "`truncated`, `malformed`"],
        ),
    ] {
        let workspace = Workspace::new();
        workspace.job(&format!("demo:?{knob}"), "");
        assert_told(&workspace.expect(2, &[]), &words);
        assert!(!workspace.path("data").exists() && !workspace.path("state/job.json").exists());
    }
}
