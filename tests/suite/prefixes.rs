//! Listing by prefixes: killed everywhere over several shapes, and a thousand prefixes in one bucket.

use crate::harness::{PROGRAM, Server, Workspace};
use crate::kill::{Kills, SPEC};
use s3scan::demo::{Spec, truth};
use std::process::Command;

/// In no order, overlapping, of several shapes, of keys there are and are not, and one that only an
/// escape can send.
const PREFIXES: [&str; 14] = [
    "temporary/",
    "object-000000003",
    "object-00000000100",
    "f",
    "0",
    "0a",
    "year=2023/month=01/day=2",
    "data/ware",
    "data/",
    "emoji/",
    "é",
    "line\\nfeed-",
    "nothing/",
    "percent%",
];

fn settings(compression: &str) -> String {
    let prefixes: Vec<String> = PREFIXES.iter().map(|prefix| format!("\"{prefix}\"")).collect();
    format!(
        "[objects]\nprefixes = [{}]\n[output]\nrows_per_file = 1_100\ncompression = \"{compression}\"\n\
         [limits]\nmax_attempts = 20\nconcurrency = 8\n[state]\ncheckpoint_every = \"10ms\"",
        prefixes.join(", ")
    )
}

/// Objects below the prefixes, in all buckets.
fn expected_rows() -> u64 {
    let spec: Spec = format!("demo:?{SPEC}").parse().expect("a spec");
    let prefixes = PREFIXES.map(|prefix| prefix.replace("\\n", "\n"));
    let is_wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
    let shapes = ["flat", "uuid", "dates", "skewed", "unicode"].map(|shape| format!("demo-{shape}"));
    let small = (1..=12).map(|number| format!("demo-small-{number:04}"));
    let objects = shapes.into_iter().chain(small).flat_map(|bucket| truth(&spec, &bucket).expect("a bucket"));
    objects.filter(|object| is_wanted(&object.key)).count() as u64
}

#[test]
fn killed_at_every_step_with_prefixes() {
    let kills = Kills { rest: settings("gzip"), rows: expected_rows() };
    assert!((5_000..20_000).contains(&kills.rows), "{}", kills.rows);
    kills.at_every_step();
}

#[test]
fn killed_at_random_moments_with_prefixes() {
    Kills { rest: settings("none"), rows: expected_rows() }.at_random_moments();
}

/// A thousand prefixes of a hundred keys each, which are all keys.
fn thousand() -> String {
    let prefixes: Vec<String> = (0..1000).map(|number| format!("\"object-{number:010}\"")).collect();
    format!("[objects]\nprefixes = [{}]\n[output]\nrows_per_file = 30_000", prefixes.join(","))
}

#[test]
fn a_thousand_prefixes_are_the_bucket_and_need_few_open_files() {
    let server = Server::start("demo:?objects=100000&shape=flat");
    let whole = Workspace::new();
    whole.job(&server.url, "[output]\nrows_per_file = 30_000");
    whole.expect(0, &["-q"]);
    let whole = whole.files();
    assert_eq!(whole.len(), 4);

    for concurrency in [1, 8, 64] {
        let workspace = Workspace::new();
        workspace.job(&server.url, &format!("{}\n[limits]\nconcurrency = {concurrency}", thousand()));
        let before = server.count("list_requests");
        if concurrency == 8 {
            // The hard limit, which the program cannot raise.
            let script = format!("ulimit -n 128 && exec '{PROGRAM}' run job.toml -q");
            let limited = workspace.command(&[]);
            let mut command = Command::new("sh");
            command.args(["-c", &script]).current_dir(workspace.path("")).env_clear();
            command.envs(limited.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = command.output().expect("runs");
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        } else {
            workspace.expect(0, &["-q"]);
        }
        assert!(workspace.files() == whole, "concurrency {concurrency}");
        assert_eq!(server.count("list_requests") - before, 1000, "a request for each prefix");
    }
}
