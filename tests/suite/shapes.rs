//! Every shape of keys, compared with the truth: rows, their order and their content, read back by
//! the csv crate; and the bytes, whatever the concurrency.

use crate::harness::{Server, Workspace, rows};
use s3scan::demo::{Spec, truth};
use std::io::Write;
use std::process::Stdio;

const SHAPES: [&str; 5] = ["flat", "uuid", "dates", "skewed", "unicode"];

fn expected(spec: &Spec, bucket: &str) -> Vec<Vec<String>> {
    let objects = truth(spec, bucket).expect("a bucket");
    objects
        .map(|object| {
            let fields = [
                "a",
                "",
                bucket,
                &object.key,
                &object.size.to_string(),
                &object.last_modified,
                &object.storage_class,
                &object.etag,
            ];
            fields.map(str::to_owned).to_vec()
        })
        .collect()
}

#[test]
fn rows_equal_the_truth_for_every_shape() {
    let text = "demo:?objects=200000&small=3";
    let spec: Spec = text.parse().expect("a spec");
    let server = Server::start(text);
    let workspace = Workspace::new();
    workspace.job(&server.url, "[output]\nrows_per_file = 30_000");
    workspace.expect(0, &[]);
    let files = workspace.files();
    for shape in SHAPES {
        let bucket = format!("demo-{shape}");
        let (found, expected) = (rows(&files, &bucket), expected(&spec, &bucket));
        assert_eq!(found.len(), expected.len(), "{bucket}");
        let first_wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!(first_wrong, None, "{bucket}: {:?}", first_wrong.map(|row| (&found[row], &expected[row])));
        assert!(found.is_sorted_by(|one, next| one[3].as_bytes() < next[3].as_bytes()), "{bucket} is not in key order");
        assert_eq!(files.keys().filter(|name| name.starts_with(&format!("{bucket}_"))).count(), 7, "7 files of 30,000");
    }

    for concurrency in [1, 7] {
        let again = Workspace::new();
        again.job(&server.url, &format!("[output]\nrows_per_file = 30_000\n[limits]\nconcurrency = {concurrency}"));
        again.expect(0, &[]);
        assert!(again.files() == files, "the bytes differ with concurrency {concurrency}");
    }
}

#[test]
fn faults_change_nothing_but_the_effort() {
    let plain = Workspace::new();
    plain.job("demo:?objects=60000&seed=5", "");
    plain.expect(0, &[]);
    let faulty = Workspace::new();
    let all = "faults=500,503,reset,truncated,malformed,error200,slow,stalled";
    faulty.job(
        &format!("demo:?objects=60000&seed=5&fault_rate=0.1&{all}"),
        "[limits]\nrequest_timeout = \"300ms\"\nmax_attempts = 30",
    );
    faulty.expect(0, &["-q"]);
    assert!(faulty.files() == plain.files());
    let totals = &faulty.summary()["totals"];
    assert!(totals["retries"].as_u64() > Some(5), "{totals}");
    assert!(totals["throttles"].as_u64() > Some(0), "{totals}");
}

#[test]
fn short_pages_are_not_the_end() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=5000&page_size=137", "");
    workspace.expect(0, &[]);
    assert_eq!(workspace.summary()["totals"]["rows"], 25_000);
}

#[test]
fn the_window_and_the_filters_apply() {
    let text = "demo:?objects=20000&shape=dates";
    let spec: Spec = text.parse().expect("a spec");
    let workspace = Workspace::new();
    workspace.job(
        text,
        "[window]\nsince = 2023-01-02\nuntil = \"2023-01-05T12:00:00\"\ntimezone = \"America/New_York\"\n\
         [objects]\ninclude = [\"year=*/**/*.parquet\"]\nexclude = [\"**/hour=07/**\"]\nmin_size = \"1 KiB\"\n\
         storage_classes = [\"STANDARD\", \"GLACIER\"]",
    );
    workspace.expect(0, &[]);
    let window = "2023-01-02T05:00:00.000Z".."2023-01-05T17:00:00.000Z";
    let expected: Vec<String> = truth(&spec, "demo-dates")
        .expect("a bucket")
        .filter(|object| window.contains(&object.last_modified.as_str()))
        .filter(|object| object.size >= 1024 && ["STANDARD", "GLACIER"].contains(&object.storage_class.as_str()))
        .filter(|object| !object.key.contains("/hour=07/"))
        .map(|object| object.key)
        .collect();
    let found: Vec<String> = rows(&workspace.files(), "demo-dates").into_iter().map(|row| row[3].clone()).collect();
    assert!(!expected.is_empty() && expected.len() < 19_000, "{} of 20,000 expected", expected.len());
    assert_eq!(found, expected);
}

#[test]
fn the_truth_is_printed_as_json_lines() {
    let workspace = Workspace::new();
    let output = workspace.command(&["demo", "truth", "demo-unicode", "demo:?objects=300"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.split(|&byte| byte == b'\n').count(), 301);
    let mut child = workspace
        .command(&["demo", "truth", "demo-flat", "demo:?objects=100000"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(0), "a reader that stops early is no failure");
    std::io::stdout().flush().expect("flushed");
}
