//! `rclone serve s3`: a server over a folder, whose folders are the buckets and whose files, with their
//! dates, are the objects.

use crate::client::{Client, Put};
use crate::conformance::endpoint::Endpoint;
use crate::conformance::{Bucket, Object, cases, keys};
use crate::files::write;
use crate::workspace::Workspace;
use crate::{objects, refusals};
use jiff::Unit;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The access key that the server knows.
const ACCESS_KEY: &str = "s3scan-test";
/// The secret that belongs to it.
const SECRET_KEY: &str = "s3scan-secret";

/// Keys that it does not take, and how it refuses them: as paths they mean another file.
const REFUSED: &[(&str, &str)] = &[
    ("..", "InvalidArgument"),
    ("/leading", "InvalidArgument"),
    ("dots/../there", "InvalidArgument"),
    ("dots/./here", "InvalidArgument"),
    ("double//slash", "InvalidArgument"),
];

/// A server, for as long as this lives.
pub struct Rclone {
    process: Child,
    url: String,
}

impl Rclone {
    /// Serves a folder on a free loopback port, and returns when it listens.
    pub fn serve(folder: &Path) -> Self {
        let program = std::env::var_os("S3SCAN_TEST_RCLONE")
            .expect("S3SCAN_TEST_RCLONE must be the path of an rclone program: `.ci/run` gets one");
        let mut process = Command::new(&program)
            .args(["serve", "s3", "--config", "/dev/null", "--addr", "127.0.0.1:0"])
            .args(["--auth-key", &format!("{ACCESS_KEY},{SECRET_KEY}")])
            .arg(folder)
            .env_clear()
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("S3SCAN_TEST_RCLONE can be run");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
        // `NOTICE: ...: Starting s3 server on [http://127.0.0.1:36335/]`, once it listens there.
        let url = lines.find_map(|line| Some(line.split_once("server on [")?.1.split_once("/]")?.0.to_owned()));
        // What else it says is of no interest, but somebody has to read it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url: url.expect("rclone says where it listens") }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint { url: self.url.clone(), access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() }
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        // It may have ended by itself; what counts is that it does not outlive the test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server over buckets with these objects as files.
pub fn served(buckets: &[(&str, &[Object])]) -> (TempDir, Rclone) {
    let folder = tempfile::tempdir().expect("a folder");
    for (bucket, objects) in buckets {
        write(&folder.path().join(bucket), objects);
    }
    let server = Rclone::serve(folder.path());
    (folder, server)
}

#[test]
fn odd_keys() {
    let (_folder, server) = served(&[("odd", &[])]);
    // What no file can be called is refused, and yet listed for a while; a folder would be a file.
    let possible = keys::all().into_iter().filter(|key| key.len() < 256 && key != "folder/");
    let Put { accepted, refused } = Client::new(&server.endpoint()).put_all("odd", possible);
    refusals::assert_refused(&refused, REFUSED);
    let bucket = Bucket { known_to: Unit::Second, ..Bucket::new("odd", 1000, accepted) };
    cases::all(&server.endpoint(), &bucket);
}

#[test]
fn many_objects() {
    let many = objects::many();
    let (_folder, server) = served(&[("many", &many)]);
    cases::all(&server.endpoint(), &Bucket::new("many", 1000, many));
}

/// It shows control characters in the names of files as their pictures, and orders by what it shows.
#[test]
fn control_characters_come_as_the_server_shows_them() {
    let shown = [("line\nfeed", "line␊feed"), ("ta\tb", "ta␉b"), ("on\u{1}e", "on␁e")];
    let plain = ["linear", "tab", "one"];
    let numbered = |names: Vec<&str>| (1..).zip(names).map(|(number, name)| Object::numbered(name, number)).collect();
    let files: Vec<Object> = numbered(shown.iter().map(|(name, _)| *name).chain(plain).collect());
    let (_folder, server) = served(&[("control", &files)]);
    let expected = numbered(shown.iter().map(|(_, name)| *name).chain(plain).collect());
    cases::all(&server.endpoint(), &Bucket::new("control", 1000, expected));
}

#[test]
fn what_it_refuses() {
    let (_folder, server) = served(&[("open", &[])]);
    refusals::wrong_credentials(&server.endpoint(), "open", ["SignatureDoesNotMatch", "InvalidAccessKeyId"]);
    refusals::denied_and_missing(&server.endpoint(), None, "open");
}

/// It gives no owners and no checksums, and an entity tag without quotes.
#[test]
fn every_column() {
    let (_folder, server) = served(&[("full", &[Object::new("a b", 0, "2025-01-02T03:04:05.678Z")])]);
    let workspace = Workspace::new(&server.endpoint(), "[output]\ncolumns = \"full\"");
    workspace.run(0);
    workspace.assert_row(
        "full",
        &[
            ("account", "store"),
            ("account_id", ""),
            ("bucket", "full"),
            ("region", "us-east-1"),
            ("key", "a b"),
            ("size", "0"),
            ("last_modified", "2025-01-02T03:04:05.678Z"),
            ("storage_class", "STANDARD"),
            // The MD5 of nothing.
            ("etag", "d41d8cd98f00b204e9800998ecf8427e"),
            ("checksum_algorithm", ""),
            ("checksum_type", ""),
            ("owner_id", ""),
            ("restore_in_progress", ""),
            ("restore_expiry", ""),
            ("is_multipart", "false"),
        ],
    );
}
