//! Buckets that give no row: with a file that holds the header, and without one.

use crate::harness::Workspace;
use std::fs;

const SPEC: &str = "demo:?objects=300&small=2";
/// Before any object.
const WINDOW: &str = "[window]\nuntil = 2001-01-01\n";

fn workspace(output: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.job(SPEC, &format!("{WINDOW}[output]\n{output}"));
    workspace
}

/// All seven buckets are complete, and have so many files in all.
fn assert_complete(workspace: &Workspace, files: u64) {
    let summary = workspace.summary();
    let totals = &summary["totals"];
    assert_eq!((&summary["complete"], &summary["exit_code"]), (&true.into(), &0.into()), "{summary}");
    assert_eq!((&totals["files"], &totals["rows"]), (&files.into(), &0.into()), "{totals}");
    assert_eq!(totals["buckets"], serde_json::json!({ "complete": 7 }));
    assert_eq!(totals["objects"], 5 * 300 + 2 * 100);
    assert_eq!(workspace.listed_files().len() as u64, files);
    assert_eq!(workspace.files().len() as u64, files);
    let verdicts = workspace.verdicts();
    assert!(verdicts.len() == 7 && verdicts.values().all(|(verdict, _)| verdict == "complete"), "{verdicts:?}");
}

#[test]
fn no_file_where_none_is_wanted() {
    for compression in ["none", "gzip", "zstd"] {
        let workspace = workspace(&format!("empty = \"none\"\ncompression = \"{compression}\""));
        workspace.expect(0, &["-q"]);
        assert_complete(&workspace, 0);
        assert!(!workspace.last_run().join(".parts").exists());
    }
}

#[test]
fn no_file_after_a_kill_either() {
    for step in ["bucket-joined:1", "bucket-published:1", "bucket-published:3"] {
        let workspace = workspace("empty = \"none\"");
        let mut command = workspace.command(&["run", "job.toml", "-q"]);
        let status = command.env("S3SCAN_CRASH_AT", step).status().expect("runs");
        assert_eq!(status.code(), None, "{step}: killed");
        workspace.expect(0, &["-q"]);
        assert_eq!(workspace.runs().len(), 1, "{step}");
        assert_complete(&workspace, 0);
    }
}

#[test]
fn a_file_with_the_header_where_one_is_wanted() {
    let workspace = workspace("empty = \"header\"");
    workspace.expect(0, &["-q"]);
    assert_complete(&workspace, 7);
    let header = b"account,account_id,bucket,key,size,last_modified,storage_class,etag\n";
    assert!(workspace.files().values().all(|bytes| bytes == header));

    workspace.job(SPEC, &format!("{WINDOW}[output]\nempty = \"header\"\nheader = false"));
    workspace.expect(0, &["-q", "--now", "2030-01-01T00:00:00Z"]);
    assert_complete(&workspace, 7);
    assert!(workspace.files().values().all(Vec::is_empty), "a file without anything");
}

#[test]
fn a_bucket_with_rows_has_its_files_beside_those_without() {
    let workspace = Workspace::new();
    workspace.job(SPEC, "[objects]\ninclude = [\"object-*\"]\n[output]\nempty = \"none\"\nrows_per_file = 100");
    workspace.expect(0, &["-q"]);
    let files = workspace.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    // The shape of the first small bucket is that of `demo-flat`.
    assert_eq!(names, ["demo-flat_1.csv", "demo-flat_2.csv", "demo-flat_3.csv", "demo-small-0001_1.csv"]);
    assert_eq!(workspace.verdicts().len(), 7);
    let text = fs::read_to_string(workspace.last_run().join("buckets.csv")).expect("buckets.csv");
    assert!(text.lines().count() == 8, "{text}");
}
