//! How rows are written: every dialect, set of columns and encoding of keys, against the truth about the
//! demo buckets.
//!
//! It leaves compression to `compressed`, and buckets without rows to `empty_buckets`.

use crate::harness::{Server, Workspace, rows};
use s3scan::demo::{OWNER, Spec, Truth, truth};
use std::collections::BTreeMap;
use std::fs;

const SHAPES: [&str; 5] = ["flat", "uuid", "dates", "skewed", "unicode"];

fn objects(spec: &str, bucket: &str) -> Vec<Truth> {
    let spec: Spec = spec.parse().expect("a spec");
    truth(&spec, bucket).expect("a bucket").collect()
}

/// The one bucket of the shape `unicode`, scanned as `output` says.
fn unicode(output: &str) -> (Workspace, Vec<Truth>) {
    let spec = "demo:?objects=3000&shape=unicode";
    let workspace = Workspace::new();
    workspace.job(spec, &format!("[output]\n{output}"));
    workspace.expect(0, &["-q"]);
    (workspace, objects(spec, "demo-unicode"))
}

#[test]
fn classic_files_are_those_of_the_script() {
    let spec = "demo:?objects=3500";
    let workspace = Workspace::new();
    let output = "dialect = \"classic\"\nrows_per_file = 1_000\npath = \"Data/{run}/{bucket}/{bucket}_{part}.{ext}\"";
    workspace.job(spec, &format!("[window]\nsince = 2023-01-03\n[output]\n{output}"));
    workspace.expect(0, &["-q", "--now", "2026-11-22T11:45:00Z"]);
    let quoted = |text: &str| {
        let is_plain = !text.contains([',', '"', '\r', '\n']);
        if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    for bucket in SHAPES.map(|shape| format!("demo-{shape}")) {
        let row = |object: &Truth| {
            let instant = object.last_modified.replace('T', " ").replace(".000Z", "+00:00");
            format!("{bucket},{},{},{instant},{}\r\n", quoted(&object.key), object.size, object.storage_class)
        };
        let mut objects = objects(spec, &bucket);
        objects.retain(|object| object.last_modified.as_str() >= "2023-01-03T00:00:00.000Z");
        assert!(objects.len() > 3000, "{bucket}");
        let folder = workspace.path("Data/20261122T114500Z").join(&bucket);
        for (part, objects) in (1..).zip(objects.chunks(1000)) {
            let rows: String = objects.iter().map(row).collect();
            let file = fs::read_to_string(folder.join(format!("{bucket}_{part}.csv"))).expect("the file");
            let header = "Bucket Name,File_Name,File Size,Last_Modified_Date,Storage Class\r\n";
            assert!(file == format!("{header}{rows}"), "{bucket}, file {part}");
        }
        assert_eq!(fs::read_dir(folder).expect("a folder").count(), objects.len().div_ceil(1000), "{bucket}");
    }
}

#[test]
fn full_rows_hold_all_that_the_store_tells() {
    let spec = "demo:?objects=3000&small=2";
    let server = Server::start(spec);
    let workspace = Workspace::new();
    workspace.job(&server.url, "[output]\ncolumns = \"full\"");
    workspace.expect(0, &["-q"]);
    let mut kinds: BTreeMap<[bool; 3], usize> = BTreeMap::new();
    for bucket in SHAPES.map(|shape| format!("demo-{shape}")) {
        let expected = objects(spec, &bucket).into_iter().map(|object| {
            let is_multipart = object.etag.contains('-');
            let restore = object.restore_in_progress.map_or_else(String::new, |restore| restore.to_string());
            let expiry = object.restore_expiry.unwrap_or_default();
            *kinds.entry([is_multipart, restore == "true", !expiry.is_empty()]).or_default() += 1;
            let key = object.key;
            let (size, multipart) = (object.size.to_string(), is_multipart.to_string());
            let start = ["a", "", &bucket, "us-east-1", &key, &size, &object.last_modified, &object.storage_class];
            let end = [&object.etag, "CRC64NVME", "FULL_OBJECT", OWNER, &restore, &expiry, &multipart];
            start.iter().chain(&end).map(|field| (*field).to_owned()).collect::<Vec<_>>()
        });
        let expected: Vec<Vec<String>> = expected.collect();
        let found = rows(&workspace.files(), &bucket);
        let first_wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!(first_wrong, None, "{bucket}: {:?}", first_wrong.map(|row| (&found[row], &expected[row])));
        assert_eq!(found.len(), expected.len(), "{bucket}");
    }
    for kind in [[true, false, false], [false, true, false], [false, false, true]] {
        assert!(kinds[&kind] > 20, "{kinds:?}");
    }
}

#[test]
fn owners_and_restores_are_asked_for_only_where_a_column_holds_them() {
    let server = Server::start("demo:?objects=2000");
    let assert_asked = |columns: &str, owners: bool, restores: bool| {
        for concurrency in ["concurrency = 1\n", ""] {
            let before = ["list_requests", "owner_requests", "restore_requests"].map(|name| server.count(name));
            let workspace = Workspace::new();
            workspace.job(&server.url, &format!("[limits]\n{concurrency}[output]\ncolumns = {columns}"));
            workspace.expect(0, &["-q"]);
            let after = ["list_requests", "owner_requests", "restore_requests"].map(|name| server.count(name));
            let [requests, owner, restore] = [0, 1, 2].map(|place| after[place] - before[place]);
            // Two pages of each of five buckets, and what ranges are split for.
            let most = 10 + workspace.summary()["totals"]["splits"].as_u64().expect("a number");
            assert!((10..=most).contains(&requests), "{columns}: {requests} requests, {most} at most");
            assert!(concurrency.is_empty() || requests == 10, "{columns}: {requests} requests");
            let of_all = |asked: bool| if asked { requests } else { 0 };
            assert_eq!((owner, restore), (of_all(owners), of_all(restores)), "{columns}");
        }
    };
    assert_asked("\"standard\"", false, false);
    assert_asked("\"full\"", true, true);
    assert_asked("[\"key\", \"owner_id\"]", true, false);
    assert_asked("[\"key\", \"restore_expiry\"]", false, true);
    assert_asked("[\"key\", \"checksum_type\", \"is_multipart\"]", false, false);
}

#[test]
fn keys_as_urls_are_decoded_to_the_truth() {
    let (workspace, expected) = unicode("key_encoding = \"url\"\ncolumns = [\"key\", \"size\"]");
    let file = &workspace.files()["demo-unicode_1.csv"];
    assert!(file.is_ascii());
    let text = std::str::from_utf8(file).expect("text");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), expected.len(), "a row is a line");
    for (line, object) in lines.iter().zip(&expected) {
        let (key, size) = line.split_once(',').expect("two columns");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
        assert!(key.bytes().all(is_plain), "{key}");
        let mut pieces = key.split('%');
        let mut decoded = pieces.next().expect("a first piece").as_bytes().to_vec();
        for piece in pieces {
            assert!(piece[..2].bytes().all(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit)), "{key}");
            decoded.push(u8::from_str_radix(&piece[..2], 16).expect("an escape"));
            decoded.extend_from_slice(&piece.as_bytes()[2..]);
        }
        assert_eq!((decoded.as_slice(), size), (object.key.as_bytes(), object.size.to_string().as_str()));
    }
}

#[test]
fn files_without_header_are_those_with_one_but_for_their_first_line() {
    for dialect in ["standard", "classic", "excel"] {
        let output = format!("dialect = \"{dialect}\"\nrows_per_file = 1_100");
        let (with, _) = unicode(&output);
        let (without, _) = unicode(&format!("{output}\nheader = false"));
        let mark: &[u8] = if dialect == "excel" { b"\xef\xbb\xbf" } else { b"" };
        let cut = |bytes: &Vec<u8>| {
            let line_end = bytes.iter().position(|byte| *byte == b'\n').expect("a header");
            [mark, &bytes[line_end + 1..]].concat()
        };
        let expected: BTreeMap<String, Vec<u8>> =
            with.files().iter().map(|(name, bytes)| (name.clone(), cut(bytes))).collect();
        assert_eq!(expected.len(), 3);
        assert!(without.files() == expected, "{dialect}");
    }
}

#[test]
fn excel_gets_text_as_text_and_no_formula_of_the_stores() {
    let (workspace, expected) = unicode("dialect = \"excel\"");
    let file = &workspace.files()["demo-unicode_1.csv"];
    let text = std::str::from_utf8(file).expect("text").strip_prefix('\u{feff}').expect("a byte order mark");
    assert!(text.starts_with("account,account_id,bucket,key,size,last_modified,storage_class,etag\r\n"));
    assert_eq!(text.matches("\r\n").count(), expected.len() + 1 + both_line_ends(&expected));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), expected.len());
    let mut marked = 0;
    for (row, object) in rows.iter().zip(&expected) {
        let is_formula = object.key.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        marked += usize::from(is_formula);
        let key = if is_formula { format!("'{}", object.key) } else { object.key.clone() };
        let instant = object.last_modified.replace('T', " ").replace(".000Z", "");
        let size = object.size.to_string();
        assert_eq!(
            row,
            ["a", "", "demo-unicode", &key, &size, &instant, &object.storage_class, &object.etag].as_slice()
        );
    }
    assert!(marked > 100, "{marked}");
}

/// Line ends in keys that look like those of rows.
fn both_line_ends(objects: &[Truth]) -> usize {
    objects.iter().map(|object| object.key.matches("\r\n").count()).sum()
}

#[test]
fn a_set_of_columns_from_an_extended_file() {
    let workspace = Workspace::new();
    workspace.write("team/base.toml", "version = 1\n[column_sets]\nfinops = [\"size\", \"key\", \"storage_class\"]\n");
    let account = "[accounts.a]\nendpoint_url = \"demo:?objects=500&shape=dates\"\n";
    workspace.write(
        "job.toml",
        format!("version = 1\nextends = [\"team/base.toml\"]\n{account}[output]\ncolumns = \"finops\"\n"),
    );
    workspace.expect(0, &["-q"]);
    let text = String::from_utf8(workspace.files()["demo-dates_1.csv"].clone()).expect("text");
    let expected = objects("demo:?objects=500&shape=dates", "demo-dates");
    let rows = expected.iter().map(|object| format!("{},{},{}\n", object.size, object.key, object.storage_class));
    assert!(text == format!("size,key,storage_class\n{}", rows.collect::<String>()), "{text}");
}
