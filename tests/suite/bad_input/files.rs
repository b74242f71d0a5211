//! Output, state, log and parts that cannot be used: 74, the file named and left alone.

use super::assert_told;
use crate::harness::{Workspace, rows};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

const SMALL: &str = "demo:?objects=10&shape=flat";

#[test]
fn a_file_where_a_folder_is_needed() {
    for (name, folder) in [("data", "`data"), ("state", "`state`"), ("logs", "`logs`")] {
        let workspace = Workspace::new();
        workspace.job(SMALL, "");
        workspace.write(name, "precious");
        let told = workspace.expect(74, &[]);
        assert_told(&told, &["error: could not create folder", folder, "hint: a folder is needed where a file stands"]);
        assert_eq!(fs::read(workspace.path(name)).expect("read"), b"precious");
        fs::remove_file(workspace.path(name)).expect("removed");
        workspace.expect(0, &["-q"]);
    }
}

#[test]
fn a_folder_where_a_file_is_needed() {
    for name in ["state/job.json", "logs/job.log", "state/job.lock"] {
        let workspace = Workspace::new();
        workspace.job(SMALL, "");
        fs::create_dir_all(workspace.path(name)).expect("created");
        assert_told(&workspace.expect(74, &[]), &["error: could not", name, "Is a directory", "hint: "]);
        assert!(!workspace.path("data").exists());
    }
}

#[test]
fn a_state_that_is_not_ours_is_left_alone_until_fresh() {
    for (state, words) in [
        ("{\"format\": \"s3scan-st", ["error: `state/job.json` is not a sound state", "hint: restore the file"]),
        ("", ["error: `state/job.json` is not a sound state", "--fresh"]),
        ("{\"hello\": [1, 2]}", ["error: `state/job.json` is not a sound state", "missing field `format`"]),
        (
            "{\"format\": \"s3scan-state\", \"version\": 99, \"shape\": {}}",
            ["error: `state/job.json` was written by a newer s3scan: its version is 99", "hint: use that version"],
        ),
    ] {
        let workspace = Workspace::new();
        workspace.job(SMALL, "");
        workspace.write("state/job.json", state);
        assert_told(&workspace.expect(74, &[]), &words);
        assert_eq!(fs::read_to_string(workspace.path("state/job.json")).expect("read"), state);
        assert!(!workspace.path("data").exists());
        workspace.expect(0, &["-q", "--fresh"]);
        assert_eq!(workspace.summary()["complete"], true);
        workspace.expect(0, &["-q"]);
    }
}

const LARGE: &str = "demo:?objects=40000&shape=flat&latency_ms=2";
const CHECKPOINTS: &str = "[state]\ncheckpoint_every = \"10ms\"\n";

/// A run that was cut off after some pages were committed, with the part they are in.
fn cut_off() -> (Workspace, PathBuf) {
    let workspace = Workspace::new();
    workspace.job(LARGE, CHECKPOINTS);
    // One request finds the bucket, four list pages.
    workspace.expect(124, &["-q", "--set", "limits.max_requests=5", "--set", "limits.concurrency=1"]);
    let mut command = workspace.command(&["run", "job.toml", "-q", "--set", "limits.concurrency=1"]);
    let status = command.env("S3SCAN_CRASH_AT", "state-committed:1").status().expect("runs");
    assert_eq!(status.signal(), Some(9), "{status}");
    let state: serde_json::Value =
        serde_json::from_slice(&fs::read(workspace.path("state/job.json")).expect("read")).expect("JSON");
    assert!(state["buckets"][0]["ranges"][0]["part"]["rows"].as_u64() > Some(1000), "no page was committed: {state}");
    let part = workspace.last_run().join(".parts/000000/0.part");
    (workspace, part)
}

fn state(workspace: &Workspace) -> Vec<u8> {
    fs::read(workspace.path("state/job.json")).expect("read")
}

/// Starting over gives a whole run and drops the parts of the other.
fn assert_fresh_completes(workspace: &Workspace) {
    let unfinished = workspace.last_run();
    workspace.expect(0, &["-q", "--fresh"]);
    assert_eq!(workspace.summary()["complete"], true);
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 40_000);
    assert!(!unfinished.join(".parts").exists(), "parts of the run that was given up were left behind");
}

#[test]
fn an_unfinished_run_of_a_job_that_has_changed() {
    let (workspace, part) = cut_off();
    let (before, length) = (state(&workspace), fs::metadata(&part).expect("a part").len());
    let changed = format!("{CHECKPOINTS}[output]\nrows_per_file = 15_000\n[window]\nsince = 2000-01-01");
    workspace.job(LARGE, &changed);
    let told = workspace.expect(2, &[]);
    assert_told(&told, &["error: the job has changed since its unfinished run"]);
    assert_told(&told, &["output.rows_per_file (was 1000000, is 15000)", "window.since (was null, is \"2000-01-01\")"]);
    assert_told(&told, &["hint: undo the change to go on with that run, or start over with --fresh"]);
    assert_eq!(state(&workspace), before);
    assert_eq!(fs::metadata(&part).expect("still there").len(), length);

    workspace.job(LARGE, CHECKPOINTS);
    workspace.expect(0, &["-q"]);
    assert_eq!(workspace.summary()["resumed"], true, "undoing the change goes on with the run");
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 40_000);

    let (workspace, _) = cut_off();
    workspace.job(LARGE, &changed);
    assert_fresh_completes(&workspace);
    assert_eq!(workspace.files().len(), 3, "files of 15,000 rows");
}

#[test]
fn a_part_that_was_cut_short() {
    let (workspace, part) = cut_off();
    let before = state(&workspace);
    fs::File::options().write(true).open(&part).and_then(|file| file.set_len(100)).expect("cut");
    let told = workspace.expect(74, &[]);
    assert_told(&told, &["error: could not open part", ".parts/000000/0.part", "it has 100 bytes, of which"]);
    assert_told(&told, &["hint: restore it, or give up the unfinished run with --fresh"]);
    assert_eq!(state(&workspace), before);
    assert!(workspace.files().is_empty(), "nothing partial is published");
    assert_fresh_completes(&workspace);
}

#[test]
fn a_part_that_was_written_to() {
    let (workspace, part) = cut_off();
    let mut bytes = fs::read(&part).expect("read");
    bytes[50] ^= 1;
    workspace.write(&part.to_string_lossy(), bytes);
    let told = workspace.expect(74, &[]);
    assert_told(&told, &["error: could not join", ".parts/000000/0.part", "the checksum differs", "--fresh"]);
    assert!(workspace.files().is_empty(), "nothing damaged is published");
    assert_fresh_completes(&workspace);
}

#[test]
fn a_journal_that_was_damaged() {
    type Damage = fn(&[u8]) -> Vec<u8>;
    let damages: [(Damage, &str); 3] = [
        (|_| b"{}".to_vec(), "it has 2 bytes, of which"),
        (|bytes| vec![b'x'; bytes.len()], "is not a sound state"),
        (|bytes| bytes.repeat(2)[1..=bytes.len()].to_vec(), "is not a sound state"),
    ];
    for (damage, words) in damages {
        let (workspace, _) = cut_off();
        let before = state(&workspace);
        let journal = workspace.last_run().join(".parts/buckets.jsonl");
        let bytes = fs::read(&journal).expect("read");
        workspace.write(&journal.to_string_lossy(), damage(&bytes));
        assert_told(
            &workspace.expect(74, &[]),
            &["error: ", ".parts/buckets.jsonl", words, "hint: restore", "--fresh"],
        );
        assert_eq!(state(&workspace), before);
        assert_fresh_completes(&workspace);
    }
}

#[test]
fn parts_that_were_removed() {
    let (workspace, _) = cut_off();
    fs::remove_dir_all(workspace.last_run().join(".parts")).expect("removed");
    let told = workspace.expect(74, &[]);
    assert_told(
        &told,
        &[
            "error: could not open",
            ".parts/",
            "No such file",
            "hint: restore it, or, if it belongs to an unfinished run, give up",
            "--fresh",
        ],
    );
    assert_fresh_completes(&workspace);
}
