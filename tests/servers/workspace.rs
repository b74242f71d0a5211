//! s3scan with a job in a folder of its own, and what it leaves there.

use crate::files::Object;
use crate::rclone::{ACCESS_KEY, SECRET_KEY};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with a job over one store.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// A job over the store at this address; `rest` are its other tables.
    pub fn new(url: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let job = format!("version = 1\n[accounts.store]\nendpoint_url = \"{url}\"\npath_style = true\n{rest}\n");
        fs::write(folder.path().join("job.toml"), job).expect("a job");
        Self { folder }
    }

    /// The program on the job, with the store's credentials and nothing else in its environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s3scan"));
        command
            .args(["run", "job.toml", "--progress", "none"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command
    }

    /// Runs the job to its end, which must be this exit code; what was said on stderr.
    pub fn run(&self, code: i32) -> String {
        said(&self.command().output().expect("s3scan can be run"), code)
    }

    /// The folder of the newest run that came to an end.
    pub fn newest(&self) -> Option<PathBuf> {
        let latest = fs::read(self.path("data/job/latest.json")).ok()?;
        let latest: serde_json::Value = serde_json::from_slice(&latest).expect("JSON");
        Some(self.path(latest["folder"].as_str().expect("a folder")))
    }

    /// `summary.json` of the newest run.
    pub fn summary(&self) -> serde_json::Value {
        let text = fs::read(self.newest().expect("a run").join("summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// The rows of `buckets.csv` by bucket, each by column.
    pub fn buckets(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let rows: Vec<BTreeMap<String, String>> = rows(&self.newest().expect("a run").join("buckets.csv"));
        rows.into_iter().map(|row| (row["bucket"].clone(), row)).collect()
    }

    /// A bucket's only file, where it was published.
    pub fn file(&self, bucket: &str) -> Option<PathBuf> {
        let path = self.newest()?.join(format!("store/{bucket}_1.csv"));
        path.exists().then_some(path)
    }

    /// The objects in a bucket's only file.
    pub fn objects(&self, bucket: &str) -> Vec<Object> {
        rows(&self.file(bucket).expect("a published file"))
    }

    /// How many runs were begun.
    pub fn runs(&self) -> usize {
        let entries = fs::read_dir(self.path("data/job")).expect("the folder of runs");
        entries.filter(|entry| entry.as_ref().expect("an entry").path().is_dir()).count()
    }

    /// Bytes in the parts of runs that are under way.
    pub fn bytes_in_parts(&self) -> u64 {
        fn bytes(folder: &Path) -> u64 {
            // The program makes and removes files meanwhile.
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let length = |path: PathBuf| match path.metadata() {
                Ok(metadata) if metadata.is_dir() => bytes(&path),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            };
            entries.map(|entry| length(entry.path())).sum()
        }
        let runs = fs::read_dir(self.path("data/job")).into_iter().flatten().flatten();
        runs.map(|run| bytes(&run.path().join(".parts"))).sum()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What a program said on stderr, having ended with this exit code.
pub fn said(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "stderr:\n{stderr}");
    assert!(output.stdout.is_empty(), "stdout is for data");
    stderr
}

fn rows<Row: DeserializeOwned>(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).expect("a CSV file");
    reader.deserialize().map(|row| row.expect("a row")).collect()
}
