//! What s3scan must make of a server over files: every file once, in key order, with its date; and
//! what it says where it cannot.

use crate::files::{Object, in_key_order, write};
use crate::rclone::Rclone;
use crate::workspace::{Workspace, said};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names that some step between a file and a row could take for something else.
const ODD_NAMES: [&str; 30] = [
    " lead",
    "trail ",
    "two  spaces",
    "com,ma",
    "qu\"ote",
    "apo'strophe",
    "pl+us",
    "per%cent",
    "per%41",
    "per%2B",
    "am&p",
    "am&amp;p",
    "less<greater>",
    "q?uery=x",
    "ha#sh",
    "semi;colon",
    "back\\slash",
    "co:lon",
    "~tilde",
    "@at",
    "=formula",
    "é",
    "日本語",
    "😀",
    "\u{ffee}",
    "NULL",
    "a/b/c d/e+f",
    "a-b",
    "a.b",
    "a0",
];

fn served(buckets: &[(&str, &[Object])]) -> (TempDir, Rclone) {
    let folder = tempfile::tempdir().expect("a folder");
    for (bucket, objects) in buckets {
        write(&folder.path().join(bucket), objects);
    }
    let server = Rclone::serve(folder.path());
    (folder, server)
}

/// As many objects, with names that show how a cursor is written and read.
fn numbered(count: u16) -> Vec<Object> {
    (0..count).map(|number| Object::numbered(&format!("day {}/{number:04} + 1%,é&.csv", number % 7), number)).collect()
}

#[test]
fn every_file_is_a_row_in_key_order() {
    let odd: Vec<Object> = (1..).zip(ODD_NAMES).map(|(number, name)| Object::numbered(name, number)).collect();
    let (many, page) = (numbered(2345), numbered(1000));
    let (_folder, server) = served(&[("odd", &odd), ("many", &many), ("page", &page), ("empty", &[])]);
    let workspace = Workspace::new(&server.url(), "");
    workspace.run(0);
    assert_eq!(workspace.objects("odd"), in_key_order(odd));
    assert_eq!(workspace.objects("many"), in_key_order(many));
    assert_eq!(workspace.objects("page"), in_key_order(page));
    assert_eq!(workspace.objects("empty"), []);
    let buckets = workspace.buckets();
    assert_eq!(buckets.keys().collect::<Vec<_>>(), ["empty", "many", "odd", "page"]);
    for bucket in buckets.values() {
        assert_eq!((bucket["verdict"].as_str(), bucket["ordered"].as_str()), ("complete", "true"), "{bucket:?}");
    }
    assert_eq!(buckets["many"]["requests"], "3");
    assert_eq!(workspace.summary()["totals"]["objects"], 30 + 2345 + 1000);
}

/// rclone shows control characters as their pictures, and orders by what it shows.
#[test]
fn control_characters_come_as_the_server_shows_them() {
    let shown = [("line\nfeed", "line␊feed"), ("ta\tb", "ta␉b"), ("on\u{1}e", "on␁e")];
    let plain = ["linear", "tab", "one"];
    let names = shown.iter().map(|(name, _)| *name).chain(plain);
    let objects: Vec<Object> = (1..).zip(names).map(|(number, name)| Object::numbered(name, number)).collect();
    let (_folder, server) = served(&[("control", &objects)]);
    let workspace = Workspace::new(&server.url(), "");
    workspace.run(0);
    let names = shown.iter().map(|(_, name)| *name).chain(plain);
    let expected = (1..).zip(names).map(|(number, name)| Object::numbered(name, number)).collect();
    assert_eq!(workspace.objects("control"), in_key_order(expected));
}

#[test]
fn a_window_holds_its_first_instant_and_not_its_last() {
    // The quarter of New York, in summer time: four hours behind.
    let inside = [
        Object::new("inside/first", 1, "2025-07-01T04:00:00Z"),
        Object::new("inside/just after", 2, "2025-07-01T04:00:00.001Z"),
        Object::new("inside/last", 3, "2025-10-01T03:59:59.999Z"),
        Object::new("inside/middle", 4, "2025-08-15T12:00:00Z"),
    ];
    let outside = [
        Object::new("outside/just before", 5, "2025-07-01T03:59:59.999Z"),
        Object::new("outside/of the date in utc", 6, "2025-07-01T00:00:00Z"),
        Object::new("outside/next", 7, "2025-10-01T04:00:00Z"),
        Object::new("outside/old", 8, "1999-12-31T23:59:59Z"),
    ];
    let (_folder, server) = served(&[("dated", &[inside.as_slice(), outside.as_slice()].concat())]);
    let window = "[window]\nsince = 2025-07-01\nuntil = 2025-10-01\ntimezone = \"America/New_York\"";
    let workspace = Workspace::new(&server.url(), window);
    workspace.run(0);
    assert_eq!(workspace.objects("dated"), inside);
    assert_eq!(workspace.buckets()["dated"]["objects"], "8", "objects outside are seen, and left out");
}

#[test]
fn credentials_that_the_server_refuses_end_the_run() {
    let (_folder, server) = served(&[("bucket", &[])]);
    for (variable, value, code) in [
        ("AWS_SECRET_ACCESS_KEY", "not-the-secret", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "not-the-key", "InvalidAccessKeyId"),
    ] {
        for rest in ["", "[buckets]\ninclude = [\"bucket\"]"] {
            let workspace = Workspace::new(&server.url(), rest);
            let stderr = said(&workspace.command().env(variable, value).output().expect("s3scan can be run"), 4);
            assert!(stderr.contains(code) && stderr.contains("store"), "{stderr}");
            assert_eq!(workspace.file("bucket"), None, "nothing was scanned");
            // The same job goes on once the credentials are right.
            workspace.run(0);
            assert_eq!(workspace.objects("bucket"), []);
        }
    }
}

#[test]
fn a_bucket_that_is_not_there_does_not_stop_the_others() {
    let objects = numbered(3);
    let (_folder, server) = served(&[("there", &objects)]);
    let workspace = Workspace::new(&server.url(), "[buckets]\ninclude = [\"there\", \"not-there\"]");
    let stderr = workspace.run(3);
    assert!(stderr.contains("not-there") && stderr.contains("missing"), "{stderr}");
    assert_eq!(workspace.objects("there"), in_key_order(objects));
    assert_eq!(workspace.file("not-there"), None);
    assert_eq!(workspace.buckets()["not-there"]["verdict"], "missing");
    assert_eq!(workspace.summary()["complete"], false);
}

#[test]
fn a_killed_run_goes_on_to_the_same_files() {
    let names = ["first", "second", "third"];
    let objects = numbered(2100);
    let (_folder, server) = served(&names.map(|name| (name, objects.as_slice())));
    let whole = Workspace::new(&server.url(), "");
    whole.run(0);
    // Ten requests, a fifth of a second apart: a moment after the first page is long before the end.
    let paced = "[limits]\nrequests_per_second = 5\nburst = 1\n[state]\ncheckpoint_every = \"10ms\"";
    let killed = Workspace::new(&server.url(), paced);
    let mut before = 0;
    for _ in 0..2 {
        let mut process = killed.command().stderr(Stdio::null()).spawn().expect("s3scan can be run");
        let deadline = Instant::now() + Duration::from_mins(1);
        while killed.bytes_in_parts() <= before {
            assert!(process.try_wait().expect("the state of s3scan").is_none(), "it ended before it could be killed");
            assert!(Instant::now() < deadline, "nothing was written");
            std::thread::sleep(Duration::from_millis(5));
        }
        process.kill().expect("killed");
        assert_eq!(process.wait().expect("the end of s3scan").signal(), Some(9));
        before = killed.bytes_in_parts();
        assert!(killed.newest().is_none(), "it was killed before its end");
    }
    killed.run(0);
    assert_eq!(killed.runs(), 1, "the run went on");
    assert_eq!(killed.summary()["resumed"], true);
    let expected = in_key_order(objects);
    for name in names {
        assert_eq!(killed.objects(name), expected);
        let bytes = |workspace: &Workspace| fs::read(workspace.file(name).expect("a published file")).expect("bytes");
        assert!(bytes(&killed) == bytes(&whole), "{name}: the bytes differ");
    }
}
