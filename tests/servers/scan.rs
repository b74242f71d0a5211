//! What needs the dates of files, and time: windows to the millisecond, and a run that is killed.

use crate::conformance::Object;
use crate::files::in_key_order;
use crate::rclone::served;
use crate::workspace::Workspace;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

/// As many objects, with names that show how a cursor is written and read.
fn numbered(count: u16) -> Vec<Object> {
    (0..count).map(|number| Object::numbered(&format!("day {}/{number:04} + 1%,é&.csv", number % 7), number)).collect()
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
    let workspace = Workspace::new(&server.endpoint(), window);
    workspace.run(0);
    assert_eq!(workspace.objects("dated"), inside);
    assert_eq!(workspace.buckets()["dated"]["objects"], "8", "objects outside are seen, and left out");
}

#[test]
fn a_killed_run_goes_on_to_the_same_files() {
    let names = ["first", "second", "third"];
    let objects = numbered(2100);
    let (_folder, server) = served(&names.map(|name| (name, objects.as_slice())));
    let whole = Workspace::new(&server.endpoint(), "");
    whole.run(0);
    // Ten requests, a fifth of a second apart: a moment after the first page is long before the end.
    let paced = "[limits]\nrequests_per_second = 5\nburst = 1\n[state]\ncheckpoint_every = \"10ms\"";
    let killed = Workspace::new(&server.endpoint(), paced);
    let mut before = 0;
    for _ in 0..2 {
        let mut command = killed.command();
        command.args(["--log-level", "debug"]).stderr(Stdio::piped());
        let mut process = command.spawn().expect("s3scan can be run");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let got_on = lines.any(|line| line.contains("page listed") && killed.bytes_in_parts() > before);
        assert!(got_on, "it ended before it could be killed");
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
