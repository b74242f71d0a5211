//! Compressed files: the same bytes whatever the concurrency and the interruptions, listed as they are,
//! and holding what plain files hold.

use crate::harness::{Server, Workspace};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;

/// Enough rows for files of several members, and some buckets of a file each.
const SPEC: &str = "demo:?objects=9000&small=4";

fn rest(compression: &str, concurrency: u32) -> String {
    format!(
        "[output]\nrows_per_file = 4_000\ncompression = \"{compression}\"\n[limits]\nconcurrency = {concurrency}\n\
         [state]\ncheckpoint_every = \"10ms\""
    )
}

fn scanned(server: &Server, compression: &str, concurrency: u32) -> Workspace {
    let workspace = Workspace::new();
    workspace.job(&server.url, &rest(compression, concurrency));
    workspace.expect(0, &["-q"]);
    workspace
}

fn unpacked(compression: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match compression {
        "gzip" => MultiGzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip"),
        _ => {
            zstd::stream::read::Decoder::new(bytes).and_then(|mut reader| reader.read_to_end(&mut plain)).expect("zstd")
        }
    };
    plain
}

/// `files.csv` tells length and digest of the files as they lie there, and the rows in them.
fn assert_listed(workspace: &Workspace, files: &BTreeMap<String, Vec<u8>>) {
    let listed = workspace.listed_files();
    assert_eq!(listed.len(), files.len());
    for row in listed {
        let name = row["path"].rsplit('/').next().expect("a name");
        let bytes = &files[name];
        let digest = Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!((&row["bytes"], &row["sha256"]), (&bytes.len().to_string(), &digest), "{name}");
        let rows: u64 = row["rows"].parse().expect("a number");
        assert!(rows == 4_000 || rows == 1_000 || rows == 100, "{name}: {rows}");
    }
}

#[test]
fn compressed_files_are_the_same_however_they_come_about() {
    let server = Server::start(SPEC);
    let plain = scanned(&server, "none", 8).files();
    for (compression, extension) in [("gzip", "csv.gz"), ("zstd", "csv.zst")] {
        let first = scanned(&server, compression, 1);
        let files = first.files();
        assert_listed(&first, &files);
        assert!(files.keys().eq(plain.keys().map(|name| name.replace("csv", extension)).collect::<Vec<_>>().iter()));
        for (name, bytes) in &files {
            let expected = &plain[&name.replace(extension, "csv")];
            assert!(unpacked(compression, bytes) == *expected, "{name}");
            assert!(bytes.len() < expected.len(), "{name} is not compressed");
        }
        assert!(scanned(&server, compression, 64).files() == files, "{compression}: the concurrency shows");

        for step in ["state-committed:3", "file-joined:1", "file-joined:2", "bucket-joined:1", "file-published:1"] {
            let workspace = Workspace::new();
            workspace.job(&server.url, &rest(compression, 8));
            let mut command = workspace.command(&["run", "job.toml", "-q"]);
            let status = command.env("S3SCAN_CRASH_AT", step).status().expect("runs");
            assert_eq!(status.code(), None, "{step}: killed");
            workspace.expect(0, &["-q"]);
            assert_eq!(workspace.runs().len(), 1, "{step}");
            assert!(workspace.files() == files, "{compression}: the kill at {step} shows");
            assert_listed(&workspace, &files);
        }
    }
}
