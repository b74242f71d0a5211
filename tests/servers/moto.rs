//! moto's S3 server with its permissions on: users who may not list, storage classes, checksums, and
//! buckets cut off without a token.

use crate::client::Client;
use crate::conformance::endpoint::{Endpoint, said};
use crate::python_server::PythonServer;
use crate::workspace::Workspace;
use crate::{objects, refusals};
use aws_sdk_s3::types::StorageClass;
use jiff::RoundMode;

/// Keys that it does not take, and how it refuses them: its routes are patterns in which a dot stands
/// for any character but this.
const REFUSED: &[(&str, &str)] = &[("line\nfeed", "404")];

struct Moto {
    python: PythonServer,
    endpoint: Endpoint,
    /// The second user, who may not list objects.
    other: Endpoint,
}

impl Moto {
    /// A server whose pages hold so many keys.
    fn start(page: usize) -> Self {
        let mut python = PythonServer::start("S3SCAN_TEST_MOTO", "serve_moto.py", &[&page.to_string()]);
        let url = python.line();
        let mut user = || {
            let line = python.line();
            let (access_key, secret_key) = line.split_once(' ').expect("two words");
            Endpoint { url: url.clone(), access_key: access_key.to_owned(), secret_key: secret_key.to_owned() }
        };
        let (endpoint, other) = (user(), user());
        Self { python, endpoint, other }
    }
}

#[test]
fn odd_keys_whatever_the_page() {
    for page in [1, 7, 1000] {
        objects::odd_keys(&Moto::start(page).endpoint, page, REFUSED);
    }
}

/// It keeps fractions of a second, and tells the whole one before.
#[test]
fn many_objects() {
    let mut moto = Moto::start(1000);
    objects::many_told_in_seconds(&mut moto.python, &moto.endpoint, RoundMode::Floor);
}

#[test]
fn only_current_versions_are_rows() {
    let moto = Moto::start(2);
    objects::versions(&moto.endpoint, 2);
}

#[test]
fn what_it_refuses() {
    let moto = Moto::start(1000);
    Client::new(&moto.endpoint).create_bucket("open");
    refusals::wrong_credentials(&moto.endpoint, "open", ["SignatureDoesNotMatch", "InvalidAccessKeyId"]);
    refusals::denied_and_missing(&moto.endpoint, None, "open");
    let workspace = Workspace::new(&moto.other, "[buckets]\ninclude = [\"op*\"]");
    let stderr = said(&workspace.command().output().expect("s3scan can be run"), 3);
    assert!(stderr.contains("open") && stderr.contains("AccessDenied"), "{stderr}");
    assert_eq!(workspace.buckets()["open"]["verdict"], "denied");
}

/// It gives owners, storage classes and checksums, but not the checksums' types. Where a bucket is it
/// tells those who ask for that one.
#[test]
fn every_column() {
    let moto = Moto::start(1000);
    let client = Client::new(&moto.endpoint);
    client.create_bucket_in("eu-west-1", "full");
    let etag = client.put_with_details("full", "a b", StorageClass::GlacierIr);
    let workspace = Workspace::new(&moto.endpoint, "[buckets]\ninclude = [\"full\"]\n[output]\ncolumns = \"full\"");
    workspace.run(0);
    workspace.assert_row(
        "full",
        &[
            ("account", "store"),
            ("account_id", ""),
            ("bucket", "full"),
            ("region", "eu-west-1"),
            ("key", "a b"),
            ("size", "7"),
            ("storage_class", "GLACIER_IR"),
            ("etag", &etag),
            ("checksum_algorithm", "SHA256"),
            ("checksum_type", ""),
            ("owner_id", "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"),
            ("restore_in_progress", ""),
            ("restore_expiry", ""),
            ("is_multipart", "false"),
        ],
    );
}

/// It cuts its list of buckets where it is asked to, and gives no token to go on with.
#[test]
fn more_buckets_than_are_asked_for_at_once() {
    let mut moto = Moto::start(1000);
    moto.python.put_buckets(&objects::names(1100));
    Client::new(&moto.endpoint).create_bucket("zz-last");
    let workspace = Workspace::new(&moto.endpoint, "[buckets]\ninclude = [\"zz-*\", \"bucket-109*\"]");
    workspace.run(0);
    assert_eq!(workspace.buckets().len(), 11);
}
