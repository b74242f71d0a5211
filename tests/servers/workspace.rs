//! s3scan with a job in a folder of its own, and what it leaves there.

use crate::conformance::Object;
use crate::conformance::endpoint::{Endpoint, newest, rows, said};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder with a job over one store.
pub struct Workspace {
    folder: TempDir,
    endpoint: Endpoint,
}

impl Workspace {
    /// A job over the store at this endpoint; `rest` are its other tables.
    pub fn new(endpoint: &Endpoint, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        endpoint.write_job(folder.path(), rest);
        Self { folder, endpoint: endpoint.clone() }
    }

    /// The program on the job, with the store's credentials and nothing else in its environment.
    pub fn command(&self) -> Command {
        self.endpoint.command(self.folder.path())
    }

    /// Runs the job to its end, which must be this exit code; what was said on stderr.
    pub fn run(&self, code: i32) -> String {
        said(&self.command().output().expect("s3scan can be run"), code)
    }

    /// The folder of the newest run that came to an end.
    pub fn newest(&self) -> Option<PathBuf> {
        newest(self.folder.path())
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

    /// The objects in the only file of a bucket of this account.
    pub fn objects_of(&self, account: &str, bucket: &str) -> Vec<Object> {
        rows(&self.newest().expect("a run").join(format!("{account}/{bucket}_1.csv")))
    }

    /// Writes a file into the folder, which is the home of who runs the job.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    /// The only row of a bucket's only file, by column.
    pub fn row(&self, bucket: &str) -> BTreeMap<String, String> {
        let mut rows = rows(&self.file(bucket).expect("a published file"));
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// Asserts what stands in columns of that row.
    pub fn assert_row(&self, bucket: &str, expected: &[(&str, &str)]) {
        let row = self.row(bucket);
        for (column, value) in expected {
            assert_eq!(row[*column], *value, "{column}");
        }
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
