//! What a good job comes to: defaults behind every key, the shipped jobs, the fingerprint. Wrong jobs,
//! layers and texts are among the integration tests.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use insta::assert_snapshot;

use super::*;

/// The job of a `job.toml` with this text, flags laid over it.
fn job_with(text: &str, set: &[&str]) -> Job {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.toml");
    File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let set = set.iter().map(|flag| (*flag).to_owned()).collect();
    load(&Request { path, set, ..Request::default() }).unwrap_or_else(|problems| panic!("{problems}"))
}

fn job(text: &str) -> Job {
    job_with(text, &[])
}

#[test]
fn defaults_stand_behind_every_key() {
    let job = job("version = 1");
    assert_eq!((job.name.as_str(), job.description.as_str()), ("job", ""));
    let window = Window {
        since: None,
        until: None,
        since_written: None,
        until_written: None,
        period: None,
        timezone: "UTC".to_owned(),
    };
    assert_eq!(job.window, window);
    let [account] = job.accounts.as_slice() else { panic!("{} accounts", job.accounts.len()) };
    assert_eq!(account.name, "default");
    let texts = [&account.profile, &account.account_id, &account.region, &account.endpoint_url];
    assert!(texts.into_iter().chain([&account.sts_endpoint_url, &account.bucket_owner]).all(Option::is_none));
    assert!(account.role.is_none() && account.regions.is_none());
    let flags = [account.path_style, account.anonymous, account.request_payer, account.use_fips];
    assert!(!flags.contains(&true) && !account.use_dual_stack);
    assert_eq!(account.selection.include.patterns(), ["*"]);
    assert!(account.selection.exclude.patterns().is_empty() && account.selection.direct);
    assert_eq!((job.buckets.on_denied, job.buckets.on_empty), (OnDenied::Fail, OnEmpty::Fail));
    assert_eq!(job.objects.list, Listed::Current);
    assert!(job.objects.prefixes.is_empty() && job.objects.include.is_none() && job.objects.exclude.is_none());
    assert_eq!((job.objects.min_size, job.objects.max_size), (None, None));
    assert!(job.objects.storage_classes.is_empty());
    assert_eq!(job.output.columns, Column::STANDARD);
    assert_eq!((job.output.format, job.output.dialect), (Format::Csv, Dialect::Standard));
    assert_eq!(job.output.path.to_string(), "data/{job}/{run}/{account}/{bucket}_{part}.{ext}");
    assert_eq!(job.output.path.root(), Path::new("data"));
    assert_eq!((job.output.header, job.output.rows_per_file), (true, 1_000_000));
    assert_eq!((job.output.compression, job.output.extension()), (Compression::None, "csv"));
    assert_eq!((job.output.key_encoding, job.output.empty), (KeyEncoding::Raw, EmptyBucket::Header));
    assert_eq!((account.pace.requests_per_second, account.pace.bucket_requests_per_second), (None, None));
    assert_eq!((account.pace.burst, account.pace.max_attempts.get()), (None, 10));
    assert_eq!(account.pace.request_timeout.as_secs(), 60);
    assert_eq!(job.limits.concurrency.get(), 64);
    assert_eq!((job.limits.max_duration, job.limits.max_requests), (None, None));
    assert_eq!((job.state.file.as_path(), job.state.checkpoint_every.as_secs()), (Path::new("state/job.json"), 2));
    assert_eq!(job.log.file, Path::new("logs/job.log"));
    assert_eq!((job.log.level, job.log.format), (LogLevel::Info, LogFormat::Text));
}

fn shipped(name: &str) -> Job {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs").join(name);
    let now = "2026-06-01T03:00:00Z".parse().unwrap();
    let request = Request { path, now, ..Request::default() };
    load(&request).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_shipped_jobs_load() {
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs");
    let names = jobs.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let jobs: Vec<String> = names.filter(|name| name != "base.toml").map(|name| shipped(&name).name).collect();
    assert!(["demo", "quarterly"].iter().all(|name| jobs.iter().any(|job| job == name)), "{jobs:?}");
}

#[test]
fn the_demo_job() {
    let job = shipped("demo.toml");
    assert_eq!(job.name, "demo");
    assert_eq!(job.accounts[0].name, "demo");
    assert!(job.accounts[0].endpoint_url.as_deref().is_some_and(|url| url.starts_with("demo:")));
}

#[test]
fn the_quarterly_job() {
    let job = shipped("quarterly.toml");
    assert_eq!(job.window.since, Some("2025-07-01T04:00:00Z".parse().unwrap()));
    assert_eq!(job.window.until, Some("2025-10-01T04:00:00Z".parse().unwrap()));
    assert_eq!(job.window.since_written.as_deref(), Some("2025-07-01"));
    let excluded = job.objects.exclude.unwrap();
    assert!(excluded.matches(b"a/_temporary/b/c") && !excluded.matches(b"a/b.csv"));
}

#[test]
fn the_fingerprint_holds_what_changes_the_bytes() {
    let text = "version = 1\nname = \"a\"\n[window]\nsince = 2025-07-01\n[accounts.x]\nregion = \"r\"\n\
                [objects]\nmin_size = \"1 KiB\"\nexclude = [\"b\"]";
    let parts = job(text).fingerprint_parts();
    let lines: Vec<String> = parts.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    assert_snapshot!(lines.join("\n"), @r#"
window.since = "2025-07-01"
window.until = null
window.period = null
window.timezone = "UTC"
accounts = {"x":{}}
buckets.include = {"x":["*"]}
buckets.exclude = {"x":[]}
objects.list = "current"
objects.prefixes = []
objects.include = null
objects.exclude = ["b"]
objects.min_size = 1024
objects.max_size = null
objects.storage_classes = []
output.path = "data/a/{run}/{account}/{bucket}_{part}.{ext}"
output.rows_per_file = 1000000
output.format = "csv"
output.columns = ["account","account_id","bucket","key","size","last_modified","storage_class","etag"]
output.dialect = "standard"
output.header = true
output.key_encoding = "raw"
output.empty = "header"
output.compression = "none"
"#);
    let slower = format!("{text}\n[limits]\nconcurrency = 1\nrequests_per_second = 5\n[log]\nlevel = \"debug\"");
    assert_eq!(job(&slower).fingerprint_parts(), parts);
    for other in [
        "output.compression = \"gzip\"",
        "output.header = false",
        "output.columns = [\"key\"]",
        "output.key_encoding = \"url\"",
        "output.empty = \"none\"",
        "objects.prefixes = [\"a/\"]",
        "buckets.exclude = [\"c\"]",
        "window.until = 2025-10-01",
    ] {
        assert_ne!(job_with(text, &[other]).fingerprint_parts(), parts, "{other}");
    }
}
