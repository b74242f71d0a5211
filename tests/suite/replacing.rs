//! Paths without `{run}`: the files of a bucket are replaced run by run, whatever comes between, and
//! no others are touched.

use crate::harness::{Server, Workspace};
use s3scan::crash::STEPS;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

const FIRST: &str = "demo:?objects=260&small=2&small_objects=30&seed=1";
const SECOND: &str = "demo:?objects=130&small=2&small_objects=30&seed=2";

/// What stands in the folder before any run; the names are as near as foreign ones can be.
const FOREIGN: [&str; 4] = ["out/demo-flat.csv", "out/demo-flat_x.csv", "out/other_1.csv", "out/notes.txt"];

fn job(workspace: &Workspace, url: &str, rows_per_file: u64, rest: &str) {
    workspace.job(
        url,
        &format!(
            "[output]\npath = \"out/{{bucket}}_{{part}}.csv\"\nrows_per_file = {rows_per_file}\n\
             [state]\ncheckpoint_every = \"10ms\"\n{rest}"
        ),
    );
}

fn with_foreign_files() -> Workspace {
    let workspace = Workspace::new();
    for name in FOREIGN {
        workspace.write(name, name);
    }
    workspace
}

/// The files in a folder by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("entry").path());
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
}

fn out(workspace: &Workspace) -> BTreeMap<String, Vec<u8>> {
    files(&workspace.path("out"))
}

/// The summary of the newest run; its folder lies beside the files.
fn summary(workspace: &Workspace) -> serde_json::Value {
    let latest: serde_json::Value =
        serde_json::from_slice(&fs::read(workspace.path("out/job/latest.json")).unwrap()).unwrap();
    let folder = workspace.path(latest["folder"].as_str().unwrap());
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap();
    // Only what can be retried keeps its journals.
    assert_eq!(folder.join(".parts").exists(), summary["exit_code"] != 0, "parts were left behind, or are gone");
    summary
}

/// `files.csv` of a run: the checksums by path.
fn listed(workspace: &Workspace, run: &str) -> BTreeMap<String, String> {
    let mut reader = csv::Reader::from_path(workspace.path("out/job").join(run).join("files.csv")).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
    rows.map(|row| (row["path"].clone(), row["sha256"].clone())).collect()
}

#[test]
fn killed_at_every_step_while_replacing() {
    let (first, second) = (Server::start(FIRST), Server::start(SECOND));
    let begin = || {
        let workspace = with_foreign_files();
        job(&workspace, &first.url, 50, "");
        workspace.expect(0, &["-q"]);
        job(&workspace, &second.url, 60, "");
        workspace
    };
    let whole = begin();
    let before = out(&whole);
    whole.expect(0, &["-q"]);
    let expected = out(&whole);
    assert!(before.len() > expected.len() + 5, "there are files to be removed");
    let reference = Workspace::new();
    job(&reference, &second.url, 60, "");
    reference.expect(0, &["-q"]);
    let mut alone = out(&reference);
    alone.extend(FOREIGN.map(|name| (name.strip_prefix("out/").unwrap().to_owned(), name.as_bytes().to_vec())));
    assert!(expected == alone, "exactly the new files, and the foreign ones");

    let mut kills = 0;
    for step in STEPS.into_iter().filter(|step| *step != "run-reopened") {
        for count in [1, 4] {
            let what = format!("{step}:{count}");
            let workspace = begin();
            let status = killed_at(&workspace, &what, &[]);
            if status.signal() == Some(9) {
                kills += 1;
                // And once more at the same step, so that what resuming does is cut off as well.
                let status = killed_at(&workspace, &format!("{step}:1"), &[]);
                kills += u32::from(status.signal() == Some(9));
                workspace.expect(0, &["-q"]);
            } else {
                assert_eq!(status.code(), Some(0), "{what}");
                assert!(count > 1, "{what}: the step was never reached");
            }
            assert!(out(&workspace) == expected, "{what}: the files differ");
            let summary = summary(&workspace);
            assert_eq!(summary["complete"], true, "{what}");
            assert_eq!((&summary["earlier_files"], &summary["kept_files"]), (&none(), &none()), "{what}");
            assert_eq!(listed(&workspace, summary["run"].as_str().unwrap()).len(), expected.len() - FOREIGN.len());
        }
    }
    assert!(kills >= 40, "only {kills} kills");
}

/// A run that is killed at a step, if it comes to it.
fn killed_at(workspace: &Workspace, step: &str, more: &[&str]) -> ExitStatus {
    let mut command = workspace.command(&[&["run", "job.toml", "-q"], more].concat());
    command.env("S3SCAN_CRASH_AT", step).stderr(Stdio::null()).status().expect("runs")
}

fn none() -> serde_json::Value {
    serde_json::json!([])
}

/// A small generator (`SplitMix64`), so that the runs are the same every time.
struct Chances(u64);

impl Chances {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }
}

#[test]
fn buckets_come_and_go_and_runs_are_cut_off_and_given_up() {
    let servers = [Server::start(FIRST), Server::start(SECOND)];
    let names: Vec<String> = {
        let workspace = Workspace::new();
        job(&workspace, &servers[0].url, 1000, "");
        workspace.expect(0, &["-q"]);
        out(&workspace).into_keys().map(|name| name.trim_end_matches("_1.csv").to_owned()).collect()
    };
    let mut chances = Chances(20_261_124);
    let mut kills = 0;
    for round in 0..4 {
        let workspace = with_foreign_files();
        // Of each bucket, the checksums of the files that are to stand.
        let mut standing: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for turn in 0..7 {
            let what = format!("round {round}, turn {turn}");
            let chosen: BTreeSet<&String> = (0..3).map(|_| &names[chances.next(names.len())]).collect();
            let include: Vec<String> = chosen.iter().map(|name| format!("\"{name}\"")).collect();
            // A literal name that does not exist is missing: what stands of it stays.
            let rest = format!("[buckets]\ninclude = [{}, \"no-such-bucket\"]\n", include.join(", "));
            let rows_per_file = [20, 33, 60, 1000][chances.next(4)];
            job(&workspace, &servers[chances.next(2)].url, rows_per_file, &rest);
            for _ in 0..chances.next(3) {
                let step = ["replacement-noted", "file-published", "replaced-removed", "bucket-published"];
                let step = format!("{}:{}", step[chances.next(4)], 1 + chances.next(3));
                let is_killed = killed_at(&workspace, &step, &[]).signal() == Some(9);
                kills += u32::from(is_killed);
                if is_killed && chances.next(2) == 0 {
                    // Given up half-way: a changed job takes its place, and is cut off too.
                    job(&workspace, &servers[chances.next(2)].url, [25, 70][chances.next(2)], &rest);
                    kills += u32::from(killed_at(&workspace, "file-published:2", &["--fresh"]).signal() == Some(9));
                }
            }
            // What was cut off is gone on with, or there is nothing to go on with.
            let output = workspace.run(&["-q"]);
            assert_eq!(output.status.code(), Some(3), "{what}: {}", String::from_utf8_lossy(&output.stderr));
            let summary = summary(&workspace);
            let listed = listed(&workspace, summary["run"].as_str().unwrap());
            for name in &chosen {
                let prefix = format!("out/{name}_");
                let of_bucket = listed.iter().filter(|(path, _)| path.starts_with(&prefix));
                standing.insert((*name).clone(), of_bucket.map(|(path, sum)| (path.clone(), sum.clone())).collect());
            }
            let expected: BTreeMap<String, String> =
                standing.values().flatten().map(|(path, sum)| (path.clone(), sum.clone())).collect();
            let mut found = out(&workspace);
            for name in FOREIGN {
                assert_eq!(
                    found.remove(name.strip_prefix("out/").unwrap()).as_deref(),
                    Some(name.as_bytes()),
                    "{what}"
                );
            }
            let found: BTreeMap<String, String> =
                found.into_iter().map(|(name, bytes)| (format!("out/{name}"), sha256(&bytes))).collect();
            assert_eq!(found, expected, "{what}");
            let earlier: BTreeSet<&str> =
                summary["earlier_files"].as_array().unwrap().iter().map(|of| of["bucket"].as_str().unwrap()).collect();
            let others: BTreeSet<&str> =
                standing.keys().filter(|name| !chosen.contains(name)).map(String::as_str).collect();
            assert_eq!(earlier, others, "{what}");
        }
    }
    assert!(kills >= 15, "only {kills} kills");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn a_date_in_the_path_keeps_a_set_of_files_for_each_day() {
    let workspace = Workspace::new();
    let job = |rows: u64| {
        let path = "out/{date}/{bucket}_{part}.{ext}";
        let rest = format!("[output]\npath = \"{path}\"\nrows_per_file = {rows}");
        workspace.job("demo:?objects=100", &format!("[buckets]\ninclude = [\"demo-flat\"]\n{rest}"));
    };
    let names = |day: &str| files(&workspace.path("out").join(day)).len();
    job(20);
    workspace.expect(0, &["-q", "--now", "2026-11-22T23:00:00Z"]);
    assert_eq!(names("2026-11-22"), 5);
    job(40);
    workspace.expect(0, &["-q", "--now", "2026-11-23T01:00:00Z"]);
    assert_eq!((names("2026-11-22"), names("2026-11-23")), (5, 3));
    job(60);
    workspace.expect(0, &["-q", "--now", "2026-11-23T02:00:00Z"]);
    assert_eq!((names("2026-11-22"), names("2026-11-23")), (5, 2));
    // A day that comes again finds what it left; other compression, other names.
    workspace.expect(0, &["-q", "--now", "2026-11-22T23:30:00Z", "--set", "output.compression=gzip"]);
    assert_eq!((names("2026-11-22"), names("2026-11-23")), (2, 2));
    assert!(files(&workspace.path("out/2026-11-22")).keys().all(|name| name.ends_with(".csv.gz")));
}

#[test]
fn changed_files_are_kept_and_told() {
    let server = Server::start(FIRST);
    let workspace = Workspace::new();
    job(&workspace, &server.url, 50, "");
    workspace.expect(0, &["-q"]);
    workspace.write("out/demo-flat_1.csv", "changed by hand");
    job(&workspace, &server.url, 60, "[buckets]\ninclude = [\"demo-flat\"]");
    let told = workspace.expect(0, &["-q"]);
    assert!(told.contains("warning: files that were changed since they were published are kept as"), "{told}");
    assert!(told.contains("warning: files of earlier runs still stand: of the bucket `"), "{told}");
    let summary = summary(&workspace);
    let kept = summary["kept_files"][0].as_str().unwrap();
    assert!(kept.starts_with("out/demo-flat_1.csv.kept-"), "{kept}");
    assert_eq!(fs::read(workspace.path(kept)).unwrap(), b"changed by hand");
}

#[test]
fn a_path_into_what_is_the_programs_own_is_refused() {
    for path in [
        "data/{job}/.published/{bucket}_{part}.csv",
        "data/{job}/{run}/.parts/{bucket}_{part}.csv",
        "state/job.json/{bucket}_{part}.csv",
        "logs/job.log/{bucket}_{part}.csv",
        "data/{job}/latest.json/{bucket}/{part}",
    ] {
        let workspace = Workspace::new();
        workspace.job("demo:?objects=5&buckets=1", &format!("[output]\npath = \"{path}\""));
        let output = workspace.run(&["-q"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{path}: {told}");
        assert!(told.contains("would get in the way of"), "{told}");
    }
}
