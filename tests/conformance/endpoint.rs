//! The real program over a store that speaks HTTP: a job in a folder of its own, run until it is
//! complete, and its files read back.

use super::{Ask, Scanned, Subject};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where a store is, and who asks it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub url: String,
    pub access_key: String,
    pub secret_key: String,
}

impl Endpoint {
    /// Writes `job.toml` over this store; `rest` are its other tables.
    pub fn write_job(&self, folder: &Path, rest: &str) {
        let url = &self.url;
        let job = format!("version = 1\n[accounts.store]\nendpoint_url = \"{url}\"\npath_style = true\n{rest}\n");
        fs::write(folder.join("job.toml"), job).expect("a job");
    }

    /// The program on the job in a folder, with the store's credentials and nothing else in its
    /// environment.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s3scan"));
        command
            .args(["run", "job.toml", "--progress", "none"])
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", &self.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_key);
        command
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The tables of a job over one bucket.
fn tables(bucket: &str, ask: &Ask) -> String {
    let mut tables = format!("[buckets]\ninclude = [{}]\n", quoted(bucket));
    if !ask.prefixes.is_empty() {
        let prefixes: Vec<String> = ask.prefixes.iter().map(|prefix| quoted(prefix)).collect();
        writeln!(tables, "[objects]\nprefixes = [{}]", prefixes.join(", ")).expect("a string grows");
    }
    if let Some((since, until)) = ask.window {
        writeln!(tables, "[window]\nsince = \"{since}\"\nuntil = \"{until}\"").expect("a string grows");
    }
    writeln!(tables, "[limits]\nconcurrency = {}", ask.concurrency()).expect("a string grows");
    if let Some(requests) = ask.stop_after {
        writeln!(tables, "max_requests = {requests}").expect("a string grows");
    }
    tables
}

impl Subject for Endpoint {
    fn scan(&self, bucket: &str, ask: &Ask) -> Scanned {
        /// The exit code of a run that reached a limit.
        const LIMIT: i32 = 124;
        let folder = tempfile::tempdir().expect("a folder");
        self.write_job(folder.path(), &tables(bucket, ask));
        let mut invocations = 1;
        loop {
            let output = self.command(folder.path()).output().expect("s3scan can be run");
            if ask.stop_after.is_none() || output.status.code() != Some(LIMIT) {
                said(&output, 0);
                break;
            }
            assert!(invocations < 1000, "{bucket}: it does not come to an end");
            invocations += 1;
        }
        let run = newest(folder.path()).expect("a run that ended");
        let told = rows::<BTreeMap<String, String>>(&run.join("buckets.csv")).remove(0);
        assert_eq!(told["verdict"], "complete");
        Scanned {
            rows: rows(&run.join(format!("store/{bucket}_1.csv"))),
            invocations,
            requests: told["requests"].parse().expect("a number"),
            splits: told["splits"].parse().expect("a number"),
            ordered: told["ordered"] == "true",
        }
    }
}

/// The folder of the newest run in `folder` that came to an end.
pub fn newest(folder: &Path) -> Option<PathBuf> {
    let latest = fs::read(folder.join("data/job/latest.json")).ok()?;
    let latest: serde_json::Value = serde_json::from_slice(&latest).expect("JSON");
    Some(folder.join(latest["folder"].as_str().expect("a folder")))
}

/// What a program said on stderr, having ended with this exit code.
pub fn said(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "stderr:\n{stderr}");
    assert!(output.stdout.is_empty(), "stdout is for data");
    stderr
}

/// The rows of a CSV file with a header.
pub fn rows<Row: DeserializeOwned>(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    reader.deserialize().map(|row| row.expect("a row")).collect()
}
