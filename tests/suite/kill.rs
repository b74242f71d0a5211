//! `kill -9`, everywhere: at every named step of the commit protocol and at seeded random moments,
//! with faults on. After enough reruns the files are those of an uninterrupted run, byte for byte.

use crate::harness::{Server, Workspace};
use s3scan::crash::STEPS;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What is served.
pub const SPEC: &str = "objects=6000&small=12&small_objects=150&seed=3";
const FAULTS: &str = "fault_rate=0.05&faults=500,503,reset,truncated,malformed,error200";
/// The rest of the job.
const REST: &str = "[output]\nrows_per_file = 1_100\n[limits]\nmax_attempts = 20\nconcurrency = 8\n[state]\ncheckpoint_every = \"10ms\"";

/// A job over [`SPEC`] that is killed and gone on with.
pub struct Kills {
    /// The job but for its account.
    pub rest: String,
    /// The rows it comes to.
    pub rows: u64,
}

impl Kills {
    fn workspace(&self, server: &Server) -> Workspace {
        let workspace = Workspace::new();
        workspace.job(&server.url, &self.rest);
        workspace
    }

    /// The files of a run without faults and kills.
    fn undisturbed(&self) -> BTreeMap<String, Vec<u8>> {
        let server = Server::start(&format!("demo:?{SPEC}"));
        let workspace = self.workspace(&server);
        workspace.expect(0, &["-q"]);
        assert_eq!(workspace.summary()["totals"]["rows"], self.rows);
        workspace.files()
    }

    /// Kills at every named step of the commit protocol.
    pub fn at_every_step(&self) {
        let server = Server::start(&format!("demo:?{SPEC}&{FAULTS}"));
        let expected = self.undisturbed();
        let mut kills = 0;
        // Where every run has paths of its own, nothing is replaced: `replacing` walks through those steps,
        // and `retry` through those of a run that is done once more.
        for step in STEPS.into_iter().filter(|step| !step.starts_with("replace") && *step != "run-reopened") {
            for count in [1, 2, 5] {
                let workspace = self.workspace(&server);
                let what = format!("{step}:{count}");
                let mut command = workspace.command(&["run", "job.toml", "-q"]);
                let status = command.env("S3SCAN_CRASH_AT", &what).stderr(Stdio::null()).status().expect("runs");
                if status.signal() == Some(9) {
                    kills += 1;
                    // And once more at the same step, so that what resuming does is cut off as well.
                    let mut again = workspace.command(&["run", "job.toml", "-q"]);
                    let status =
                        again.env("S3SCAN_CRASH_AT", format!("{step}:1")).stderr(Stdio::null()).status().expect("runs");
                    kills += u32::from(status.signal() == Some(9));
                    if status.signal() == Some(9) || !status.success() {
                        let output = workspace.run(&["-q"]);
                        let told = String::from_utf8_lossy(&output.stderr);
                        assert_eq!(output.status.code(), Some(0), "{what}: {told}");
                    }
                } else {
                    // Some steps come once a run: there is no fifth time.
                    assert_eq!(status.code(), Some(0), "{what}");
                    assert!(count > 1, "{what}: the step was never reached");
                }
                if step != "run-finished" || status.signal() != Some(9) {
                    assert_whole(&workspace, &expected, self.rows, &what);
                }
            }
        }
        assert!(kills >= 50, "only {kills} kills");
    }

    /// Kills at seeded random moments.
    pub fn at_random_moments(&self) {
        // Latency stretches a run, so that most moments fall into it.
        let server = Server::start(&format!("demo:?{SPEC}&{FAULTS}&latency_ms=12"));
        let expected = self.undisturbed();
        let mut moments = Moments(20_261_123);
        let mut kills = 0;
        for round in 0..40 {
            if kills >= 60 {
                break;
            }
            let workspace = self.workspace(&server);
            let mut ended = false;
            for _ in 0..12 {
                let mut child =
                    workspace.command(&["run", "job.toml", "-q"]).stderr(Stdio::null()).spawn().expect("runs");
                let deadline = Instant::now() + Duration::from_millis(15 + moments.next(140));
                let status = loop {
                    match child.try_wait().expect("waited") {
                        Some(status) => break Some(status),
                        None if Instant::now() >= deadline => break None,
                        None => std::thread::yield_now(),
                    }
                };
                if let Some(status) = status {
                    assert_eq!(status.code(), Some(0), "round {round}");
                    ended = true;
                    break;
                }
                child.kill().expect("killed");
                child.wait().expect("waited");
                kills += 1;
            }
            if !ended {
                workspace.expect(0, &["-q"]);
            }
            // A kill behind the last commit finds the run finished: then the rerun is a run of its own.
            for run in workspace.runs() {
                let text = std::fs::read(run.join("summary.json")).expect("every run that was begun was finished");
                let summary: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
                assert_eq!(summary["complete"], true, "round {round}");
                assert!(!run.join(".parts").exists(), "round {round}: parts were left behind");
            }
            assert!(workspace.files() == expected, "round {round}: the files differ after {kills} kills");
        }
        assert!(kills >= 50, "only {kills} kills");
    }
}

/// What a run that was killed and gone on with must have come to.
fn assert_whole(workspace: &Workspace, expected: &BTreeMap<String, Vec<u8>>, rows: u64, what: &str) {
    assert_eq!(workspace.runs().len(), 1, "{what}: the run was begun anew instead of gone on with");
    assert!(workspace.files() == *expected, "{what}: the files differ");
    let run = workspace.last_run();
    assert!(!run.join(".parts").exists(), "{what}: parts were left behind");
    let summary = workspace.summary();
    assert_eq!(summary["complete"], true, "{what}");
    assert_eq!(summary["totals"]["rows"], rows, "{what}");
    assert_eq!(workspace.listed_files().len(), expected.len(), "{what}: files.csv");
}

#[test]
fn killed_while_parts_go_as_they_are_joined() {
    let server = Server::start("demo:?objects=6000&seed=3&latency_ms=2");
    let prefixes: Vec<String> = (1..=28).map(|day| format!("\"year=2023/month=01/day={day:02}/\"")).collect();
    let rest = format!(
        "[objects]\nprefixes = [{}]\n[buckets]\ninclude = [\"demo-dates\"]\n{}",
        prefixes.join(", "),
        REST.replace("1_100", "450")
    );
    let begin = || {
        let workspace = Workspace::new();
        workspace.job(&server.url, &rest);
        workspace
    };
    let whole = begin();
    whole.expect(0, &["-q"]);
    let expected = whole.files();
    assert!(expected.len() > 10, "a bucket of several files, each of several parts");
    for step in ["parts-synced", "state-written", "state-committed", "file-joined", "joining-noted", "bucket-joined"] {
        for count in [1, 2, 3, 7] {
            let workspace = begin();
            let what = format!("{step}:{count}");
            for again in [what.as_str(), "joining-noted:2"] {
                let mut command = workspace.command(&["run", "job.toml", "-q"]);
                let status = command.env("S3SCAN_CRASH_AT", again).status().expect("runs");
                if status.code() == Some(0) {
                    break;
                }
                assert_eq!(status.signal(), Some(9), "{what}");
            }
            if workspace.runs().iter().any(|run| run.join(".parts").exists()) {
                workspace.expect(0, &["-q"]);
            }
            assert_eq!(workspace.runs().len(), 1, "{what}");
            assert!(workspace.files() == expected, "{what}: the files differ");
        }
    }
}

#[test]
fn what_is_joined_is_of_a_listing_that_a_kill_does_not_take_back() {
    let server = Server::start("demo:?objects=6000&seed=3");
    let workspace = Workspace::new();
    // Nothing but what waits for it brings a commit.
    let rest =
        "[buckets]\ninclude = [\"demo-flat\"]\n[output]\nrows_per_file = 700\n[state]\ncheckpoint_every = \"1h\"";
    workspace.job(&server.url, rest);
    let whole = Workspace::new();
    whole.job(&server.url, rest);
    whole.expect(0, &["-q"]);
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    let status = command.env("S3SCAN_CRASH_AT", "joining-noted:4").status().expect("runs");
    assert_eq!(status.signal(), Some(9));
    // Were it listed again, there would be other objects now.
    let address = server.address().to_owned();
    drop(server);
    let _changed = Server::start_at(&address, "demo:?objects=6000&seed=4");
    workspace.expect(0, &["-q"]);
    assert!(workspace.files() == whole.files());
}

/// A small generator (`SplitMix64`), so that the moments are the same in every run of the test.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// Whole buckets.
fn plain() -> Kills {
    Kills { rest: REST.to_owned(), rows: 5 * 6000 + 12 * 150 }
}

#[test]
fn killed_at_every_step_of_the_commit_protocol() {
    plain().at_every_step();
}

#[test]
fn killed_at_random_moments() {
    plain().at_random_moments();
}
