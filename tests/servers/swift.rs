//! Swift, of `OpenStack`, with s3api: users of one account, versions, and pages of any size.

use crate::client::Client;
use crate::conformance::endpoint::Endpoint;
use crate::python_server::PythonServer;
use crate::workspace::Workspace;
use crate::{objects, refusals};
use jiff::RoundMode;
use tempfile::TempDir;

/// Keys that it does not take, and how it refuses them.
const REFUSED: &[(&str, &str)] = &[];

struct Swift {
    python: PythonServer,
    endpoint: Endpoint,
    /// A user of the same account, who may do what is granted.
    guest: Endpoint,
    _folder: TempDir,
}

impl Swift {
    /// A server whose pages hold so many keys.
    fn start(page: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = [folder.path().to_str().expect("UTF-8"), &page.to_string()];
        let mut python = PythonServer::start("S3SCAN_TEST_SWIFT", "serve_swift.py", &arguments);
        let url = python.line();
        let user = |name: &str| Endpoint {
            url: url.clone(),
            access_key: format!("one:{name}"),
            secret_key: format!("{name}-secret"),
        };
        Self { python, endpoint: user("user"), guest: user("guest"), _folder: folder }
    }
}

#[test]
fn odd_keys_whatever_the_page() {
    for page in [1, 7, 1000] {
        objects::odd_keys(&Swift::start(page).endpoint, page, REFUSED);
    }
}

/// It keeps fractions of a second, and tells the next whole one.
#[test]
fn many_objects() {
    let mut swift = Swift::start(1000);
    objects::many_told_in_seconds(&mut swift.python, &swift.endpoint, RoundMode::Ceil);
}

#[test]
fn only_current_versions_are_rows() {
    let swift = Swift::start(2);
    objects::versions(&swift.endpoint, 2);
}

#[test]
fn what_it_refuses() {
    let swift = Swift::start(1000);
    let client = Client::new(&swift.endpoint);
    client.create_bucket("open");
    // It does not tell whether it knows the key.
    refusals::wrong_credentials(&swift.endpoint, "open", ["SignatureDoesNotMatch"; 2]);
    client.create_bucket("closed");
    client.let_all_list("open");
    refusals::denied_and_missing(&swift.guest, Some("closed"), "open");
}

/// It takes signatures for its own region only, and names it in its answer's document: there it is
/// asked again.
#[test]
fn another_region_than_its_own() {
    let swift = Swift::start(1000);
    let client = Client::new(&swift.endpoint);
    client.create_bucket("open");
    client.put("open", "a", 3);
    for rest in ["", "[buckets]\ninclude = [\"open\"]"] {
        let rest = format!("region = \"eu-west-1\"\n{rest}\n[output]\ncolumns = [\"region\", \"key\"]");
        let workspace = Workspace::new(&swift.endpoint, &rest);
        workspace.run(0);
        assert_eq!(workspace.buckets()["open"]["rows"], "1");
        assert_eq!(workspace.summary()["totals"]["retries"], 1, "once for all");
    }
}

/// Its accounts have name spaces of their own: two of them may have buckets of one name.
#[test]
fn two_accounts_with_a_bucket_of_one_name() {
    let swift = Swift::start(1000);
    let other =
        Endpoint { access_key: "two:user".to_owned(), secret_key: "other-secret".to_owned(), ..swift.endpoint.clone() };
    for (endpoint, sizes) in [(&swift.endpoint, 1..=2), (&other, 3..=7)] {
        let client = Client::new(endpoint);
        client.create_bucket("data");
        for size in sizes {
            client.put("data", &format!("{size}"), size);
        }
    }
    let second = "profile = \"one\"\n[accounts.second]\nprofile = \"two\"\npath_style = true";
    let workspace = Workspace::new(&swift.endpoint, &format!("{second}\nendpoint_url = \"{}\"", other.url));
    let keys = |name: &str, of: &Endpoint| {
        format!("[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n", of.access_key, of.secret_key)
    };
    workspace.write(".aws/credentials", &(keys("one", &swift.endpoint) + &keys("two", &other)));
    workspace.run(0);
    let objects = |account: &str| workspace.objects_of(account, "data").into_iter().map(|object| object.size);
    assert_eq!(objects("store").collect::<Vec<_>>(), [1, 2]);
    assert_eq!(objects("second").collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    let accounts = &workspace.summary()["accounts"];
    assert!(accounts[0]["identity"]["arn"].is_null() && accounts[0]["identity"]["account_id"].is_null(), "{accounts}");
}

/// It gives owners, and no checksums, restores or storage classes but one.
#[test]
fn every_column() {
    let swift = Swift::start(1000);
    let client = Client::new(&swift.endpoint);
    client.create_bucket("full");
    client.put("full", "a b", 3);
    let workspace = Workspace::new(&swift.endpoint, "[output]\ncolumns = \"full\"");
    workspace.run(0);
    workspace.assert_row(
        "full",
        &[
            ("account", "store"),
            ("account_id", ""),
            ("bucket", "full"),
            ("region", "us-east-1"),
            ("key", "a b"),
            ("size", "3"),
            ("storage_class", "STANDARD"),
            // The MD5 of `xxx`.
            ("etag", "f561aaf6ef0bf14d4208bb46a4ccb3ad"),
            ("checksum_algorithm", ""),
            ("checksum_type", ""),
            ("owner_id", "one:user"),
            ("restore_in_progress", ""),
            ("restore_expiry", ""),
            ("is_multipart", "false"),
        ],
    );
}

/// It lists them all at once, whatever it is asked.
#[test]
fn more_buckets_than_are_asked_for_at_once() {
    let mut swift = Swift::start(1000);
    let client = Client::new(&swift.endpoint);
    client.create_bucket("zz-last");
    swift.python.put_buckets(&objects::names(1100));
    let workspace = Workspace::new(&swift.endpoint, "[buckets]\ninclude = [\"zz-*\"]");
    workspace.run(0);
    assert_eq!(workspace.objects("zz-last"), []);
}
