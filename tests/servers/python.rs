//! What Python's csv module reads from the files of every shape of keys, compared with the truth.

use s3scan::demo::{Spec, truth};
use std::fs;
use std::process::{Command, Stdio};

/// Reads the CSV files given and prints their rows as JSON arrays, a line each, without the headers.
const READER: &str = "
import csv, json, sys
for name in sys.argv[1:]:
    with open(name, newline='', encoding='utf-8') as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            print(json.dumps(row))
";

#[test]
fn python_reads_every_shape_as_the_truth() {
    let text = "demo:?objects=200000";
    let spec: Spec = text.parse().expect("a spec");
    let folder = tempfile::tempdir().expect("a folder");
    let job = format!("version = 1\n[accounts.a]\nendpoint_url = \"{text}\"\n[output]\nrows_per_file = 90_000\n");
    fs::write(folder.path().join("job.toml"), job).expect("written");
    let status = Command::new(env!("CARGO_BIN_EXE_s3scan"))
        .args(["run", "job.toml", "-q", "--now", "2026-01-02T03:04:05Z"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .status()
        .expect("runs");
    assert_eq!(status.code(), Some(0));
    for shape in ["flat", "uuid", "dates", "skewed", "unicode"] {
        let bucket = format!("demo-{shape}");
        let files = (1..=3).map(|part| folder.path().join(format!("data/job/20260102T030405Z/a/{bucket}_{part}.csv")));
        let output = Command::new("python3").args(["-c", READER]).args(files).output().expect("python3 is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let mut rows = lines.map(|line| serde_json::from_slice::<Vec<String>>(line).expect("JSON"));
        let mut count = 0;
        for object in truth(&spec, &bucket).expect("a bucket") {
            let size = object.size.to_string();
            let expected =
                ["a", "", &bucket, &object.key, &size, &object.last_modified, &object.storage_class, &object.etag];
            assert_eq!(rows.next().expect("a row"), expected, "{bucket}, row {count}");
            count += 1;
        }
        assert_eq!((count, rows.next()), (200_000, None), "{bucket}");
    }
}
