//! What stands in the way of the files of one bucket, and files that somebody takes or changes while a
//! run is cut off: a fact of that bucket, told with what to do, and put right by a rerun.

use crate::harness::{Server, Workspace};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

const SPEC: &str = "demo:?objects=260&small=2&small_objects=30&seed=1";
/// Fixes the run's id, and so its paths.
const NOW: [&str; 3] = ["-q", "--now", "2026-11-22T11:45:00Z"];
/// Paths without `{run}` and with it.
const PATHS: [&str; 2] = ["out/{bucket}_{part}.csv", "out/{run}_{bucket}_{part}.csv"];
const GO_ON: &str = "hint: move away what stands in the way of the files; then run the same command again to go on";

fn job(server: &Server, path: &str, rest: &str) -> Workspace {
    let workspace = Workspace::new();
    let output = format!("[output]\npath = \"{path}\"\nrows_per_file = 100\n{rest}");
    workspace.job(&server.url, &format!("[state]\ncheckpoint_every = \"10ms\"\n{output}"));
    workspace
}

/// A file of the bucket `demo-flat` by its number, in the run of [`NOW`].
fn flat(path: &str, part: u64) -> String {
    let path = path.replace("{bucket}", "demo-flat").replace("{run}", "20261122T114500Z");
    path.replace("{part}", &part.to_string())
}

/// The files below `out` but for the folders of runs, by name.
fn out(workspace: &Workspace) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![workspace.path("out")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("entry").path()) {
            if path.is_file() && !path.is_symlink() {
                let name = path.strip_prefix(workspace.path("out")).expect("below").to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).expect("read"));
            } else if path.is_dir() && path != workspace.path("out/job") {
                folders.push(path);
            }
        }
    }
    found
}

fn run_folder(workspace: &Workspace) -> PathBuf {
    let state: serde_json::Value =
        serde_json::from_slice(&fs::read(workspace.path("state/job.json")).expect("a state")).expect("JSON");
    workspace.path(state["folder"].as_str().expect("a folder"))
}

fn summary(workspace: &Workspace) -> serde_json::Value {
    serde_json::from_slice(&fs::read(run_folder(workspace).join("summary.json")).expect("a summary")).expect("JSON")
}

/// The rows of one of the run's tables.
fn table(workspace: &Workspace, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(run_folder(workspace).join(name)).expect("a table");
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

/// What a run ends with that leaves `demo-flat` alone, for `file` is in its way: all else is published,
/// the summary written, and the bucket told with the file.
fn expect_blocked(workspace: &Workspace, whole: &BTreeMap<String, Vec<u8>>, file: &str, why: &str) {
    let told = workspace.expect(74, &NOW);
    let lines: Vec<&str> = told.lines().collect();
    let line = |start: &str| lines.iter().copied().find(|line| line.trim_start().starts_with(start)).unwrap_or("");
    assert!(line("not complete: ").contains(" rows in "), "{told}");
    assert!(line("1 bucket failed: ").starts_with("1 bucket failed: mend what the reason names"), "{told}");
    assert!(line("a/demo-flat ").contains(&format!("`{file}`")), "{told}");
    assert_eq!(lines.last(), Some(&GO_ON));
    assert!(!told.contains("error: "), "{told}");

    let summary = summary(workspace);
    assert_eq!((&summary["exit_code"], &summary["complete"]), (&74.into(), &false.into()));
    let not_complete = summary["not_complete"].as_array().expect("a list");
    assert_eq!(not_complete.len(), 1);
    let reason = not_complete[0]["reason"].as_str().expect("a reason");
    assert_eq!((&not_complete[0]["bucket"], &not_complete[0]["verdict"]), (&"demo-flat".into(), &"failed".into()));
    assert!(reason.contains(&format!("`{file}`")) && reason.contains(why), "{reason}");
    let listed = table(workspace, "files.csv");
    assert!(listed.iter().all(|row| !row["path"].contains("demo-flat")), "{listed:?}");
    let others = whole.iter().filter(|(name, _)| !name.contains("demo-flat"));
    let found = out(workspace);
    assert_eq!(listed.len(), others.clone().count());
    for (name, content) in others {
        assert!(found.get(name) == Some(content), "{name} is not published");
    }
    assert_eq!(
        found.keys().filter(|name| name.contains("demo-flat")).count(),
        usize::from(found.contains_key(file.strip_prefix("out/").expect("below out"))),
        "files of the bucket stand: {:?}",
        found.keys()
    );
}

/// The files of a run that nothing was in the way of.
fn undisturbed(server: &Server, path: &str, rest: &str) -> BTreeMap<String, Vec<u8>> {
    let workspace = job(server, path, rest);
    workspace.expect(0, &NOW);
    out(&workspace)
}

#[test]
fn a_file_in_the_way_of_one_bucket_leaves_the_others_and_its_listing_alone() {
    let server = Server::start(SPEC);
    for path in PATHS {
        let whole = undisturbed(&server, path, "");
        // The first is seen before anything of the bucket is listed, the third when it is published.
        for (part, requests) in [(1, 6), (3, 7)] {
            let workspace = job(&server, path, "");
            let file = flat(path, part);
            workspace.write(&file, "mine");
            let before = server.count("list_requests");
            expect_blocked(&workspace, &whole, &file, "there is a file already");
            assert_eq!(server.count("list_requests") - before, requests);
            // Nothing changes while nobody moves it away, and nobody is asked anything.
            expect_blocked(&workspace, &whole, &file, "there is a file already");
            assert_eq!(server.count("list_requests") - before, requests);
            assert_eq!(fs::read(workspace.path(&file)).expect("read"), b"mine");

            fs::rename(workspace.path(&file), workspace.path("mine")).expect("moved");
            workspace.expect(0, &NOW);
            assert_eq!(server.count("list_requests") - before, 7, "a bucket is listed once");
            let summary = summary(&workspace);
            assert_eq!((&summary["complete"], &summary["resumed"]), (&true.into(), &true.into()));
            assert!(out(&workspace) == whole, "{path}: the files differ");
            assert!(!run_folder(&workspace).join(".parts").exists());
        }
    }
}

#[test]
fn links_and_folders_are_in_the_way_too() {
    let server = Server::start(SPEC);
    for path in PATHS {
        let whole = undisturbed(&server, path, "");
        for part in [1, 2] {
            let file = flat(path, part);
            let workspace = job(&server, path, "");
            fs::create_dir(workspace.path("out")).expect("created");
            symlink("nowhere", workspace.path(&file)).expect("linked");
            expect_blocked(&workspace, &whole, &file, "there is a symbolic link already");
            fs::remove_file(workspace.path(&file)).expect("the link is still there");
            fs::create_dir(workspace.path(&file)).expect("created");
            expect_blocked(&workspace, &whole, &file, "there is a folder already");
            fs::remove_dir(workspace.path(&file)).expect("still there");
            workspace.expect(0, &NOW);
            assert!(out(&workspace) == whole);
        }
    }
    // A file where a folder of the bucket has to be.
    let path = "out/{bucket}/{part}.csv";
    let whole = undisturbed(&server, path, "");
    let workspace = job(&server, path, "");
    workspace.write("out/demo-flat", "mine");
    expect_blocked(&workspace, &whole, "out/demo-flat", "a folder is needed where there is a file");
    fs::remove_file(workspace.path("out/demo-flat")).expect("still there");
    workspace.expect(0, &NOW);
    assert!(out(&workspace) == whole);
}

#[test]
fn a_link_in_the_place_of_a_published_file_is_seen_before_listing() {
    let server = Server::start(SPEC);
    let workspace = job(&server, PATHS[0], "");
    workspace.expect(0, &NOW);
    let whole = out(&workspace);
    for (file, target) in [("out/demo-flat_1.csv", "../moved.csv"), ("out/demo-flat_3.csv", "nowhere")] {
        fs::rename(workspace.path(file), workspace.path("moved.csv")).expect("moved");
        symlink(target, workspace.path(file)).expect("linked");
        let before = server.count("list_requests");
        let told = workspace.expect(74, &["-q"]);
        assert!(told.contains(&format!("`{file}`: there is a symbolic link already")), "{told}");
        assert_eq!(server.count("list_requests") - before, 6, "all buckets but that one");
        assert!(workspace.path(file).is_symlink() && workspace.path("moved.csv").is_file());
        fs::remove_file(workspace.path(file)).expect("removed");
        workspace.expect(0, &["-q"]);
        assert!(out(&workspace) == whole);
    }
}

const ONE: &str = "[buckets]\ninclude = [\"demo-flat\"]\n";

/// A run over `demo-flat` that was cut off when two of its three files had their names.
fn cut_off(server: &Server, path: &str) -> Workspace {
    let workspace = job(server, path, ONE);
    kill(&workspace, "file-published:2");
    assert!(workspace.path(&flat(path, 2)).exists() && !workspace.path(&flat(path, 3)).exists());
    workspace
}

fn kill(workspace: &Workspace, step: &str) {
    let mut command = workspace.command(&[&["run", "job.toml"], &NOW[..]].concat());
    let status = command.env("S3SCAN_CRASH_AT", step).status().expect("runs");
    assert_eq!(status.signal(), Some(9), "{step}");
}

#[test]
fn files_that_were_removed_while_a_run_was_cut_off_are_made_again() {
    let server = Server::start(SPEC);
    for path in PATHS {
        let whole = undisturbed(&server, path, ONE);
        for again in [None, Some("file-joined:2"), Some("bucket-published:1"), Some("file-published:1")] {
            let workspace = cut_off(&server, path);
            let before = server.count("list_requests");
            for part in [1, 2] {
                fs::remove_file(workspace.path(&flat(path, part))).expect("removed");
            }
            if let Some(step) = again {
                kill(&workspace, step);
            } else {
                let told = workspace.expect(0, &NOW);
                assert!(told.contains("published files were removed or changed meanwhile, made again"), "{told}");
                assert!(told.contains("_1.csv`: it is not there any more"), "{told}");
            }
            if again.is_some() {
                // And once more.
                let _ = fs::remove_file(workspace.path(&flat(path, 1)));
                workspace.expect(0, &NOW);
            }
            assert!(out(&workspace) == whole, "{path}, {again:?}: the files differ");
            assert_eq!(summary(&workspace)["complete"], true);
            assert_eq!(server.count("list_requests"), before, "nothing is listed again");
        }
    }
}

#[test]
fn the_only_file_of_a_small_bucket_is_made_again() {
    let server = Server::start(SPEC);
    for compression in ["none", "gzip"] {
        let workspace = Workspace::new();
        // Nothing but what waits for it brings a commit: the bucket is joined before its listing is one.
        let rest = format!("{ONE}[output]\ncompression = \"{compression}\"\n[state]\ncheckpoint_every = \"1h\"\n");
        workspace.job(&server.url, &rest);
        kill(&workspace, "file-published:1");
        let files = workspace.files();
        assert_eq!(files.len(), 1);
        let before = server.count("list_requests");
        fs::remove_dir_all(workspace.last_run().join("a")).expect("removed");
        workspace.expect(0, &NOW);
        assert!(workspace.files() == files);
        assert_eq!(workspace.summary()["complete"], true);
        assert_eq!(server.count("list_requests"), before);
    }
}

#[test]
fn a_file_that_was_changed_while_a_run_was_cut_off_is_made_again_and_the_other_kept() {
    let server = Server::start(SPEC);
    let whole = undisturbed(&server, PATHS[0], ONE);
    for change in [&(|bytes: &mut Vec<u8>| bytes[40] ^= 1) as &dyn Fn(&mut Vec<u8>), &|bytes| bytes.truncate(9)] {
        let workspace = cut_off(&server, PATHS[0]);
        let path = workspace.path("out/demo-flat_1.csv");
        let mut changed = fs::read(&path).expect("published");
        change(&mut changed);
        fs::write(&path, &changed).expect("written");
        let told = workspace.expect(0, &NOW);
        assert!(told.contains("made again"), "{told}");
        assert!(told.contains("warning: files that were changed since they were published are kept as"), "{told}");
        let mut found = out(&workspace);
        assert_eq!(found.remove("demo-flat_1.csv.kept-20261122T114500Z"), Some(changed));
        assert!(found == whole);
        assert_eq!(summary(&workspace)["complete"], true);
    }
}

#[test]
fn where_every_run_has_its_paths_a_changed_file_is_in_the_way() {
    let server = Server::start(SPEC);
    let whole = undisturbed(&server, PATHS[1], ONE);
    let workspace = cut_off(&server, PATHS[1]);
    let file = flat(PATHS[1], 1);
    fs::write(workspace.path(&file), "changed").expect("written");
    let told = workspace.expect(74, &NOW);
    assert!(
        told.contains(&format!("`{file}`: there is a file already, and it is not what this run publishes")),
        "{told}"
    );
    assert_eq!(fs::read(workspace.path(&file)).expect("read"), b"changed");
    fs::remove_file(workspace.path(&file)).expect("removed");
    workspace.expect(0, &NOW);
    assert!(out(&workspace) == whole);
}

#[test]
fn a_file_that_cannot_be_made_again_costs_its_bucket() {
    let server = Server::start(SPEC);
    for path in PATHS {
        let workspace = cut_off(&server, path);
        let parts = run_folder(&workspace).join(".parts");
        fs::remove_file(parts.join("000000/0.part")).expect("removed");
        fs::remove_file(workspace.path(&flat(path, 1))).expect("removed");
        let before = server.count("list_requests");

        let told = workspace.expect(3, &NOW);
        assert!(told.contains("1 bucket failed: "), "{told}");
        assert!(!told.contains("run the same command again"), "the run is over: {told}");
        let summary = summary(&workspace);
        assert_eq!(summary["complete"], false);
        assert_eq!(summary["totals"]["buckets"], serde_json::json!({ "failed": 1 }));
        let reason = summary["not_complete"][0]["reason"].as_str().expect("a reason");
        assert!(reason.starts_with(&format!("could not publish `{}`: it is not there any more", flat(path, 1))));
        assert!(reason.contains("; making it again failed: could not open part `"), "{reason}");
        assert!(table(&workspace, "files.csv").is_empty(), "what stands of it is not called complete");
        assert_eq!(server.count("list_requests"), before);
        assert!(!run_folder(&workspace).join(".parts/000000").exists());
        workspace.expect(0, &["-q"]);
    }
}

#[test]
fn what_the_file_system_refuses_ends_the_run() {
    let server = Server::start(SPEC);
    let workspace = job(&server, &format!("out/{{bucket}}_{{part}}_{}.csv", "x".repeat(300)), "");
    let told = workspace.expect(74, &NOW);
    assert!(told.starts_with("error: could not look at `out/demo-"), "{told}");
    assert!(
        told.ends_with("hint: what was committed is kept; once this is mended, the same command goes on\n"),
        "{told}"
    );
    assert!(!run_folder(&workspace).join("summary.json").exists());
}
