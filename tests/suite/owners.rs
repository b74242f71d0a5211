//! Whose buckets have to be, as it is told to the store.

use crate::harness::Workspace;
use crate::loopback::{Asked, Loopback, Reply, identities};
use std::collections::BTreeMap;

const OWNER: &str = "x-amz-expected-bucket-owner";
const ACCOUNT: &str = "012345678901";
const OTHER: &str = "999999999999";

/// A store with two buckets of an account, and one of another that is not in the list. As S3, it refuses
/// who expects another owner.
fn store() -> Loopback {
    Loopback::start(|asked| {
        let bucket = asked.target.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
        let owner = if bucket == "named" { OTHER } else { ACCOUNT };
        if asked.header(OWNER).is_some_and(|expected| expected != owner) {
            return Reply::of(
                "403 Forbidden",
                "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
            );
        }
        let named = |name: &str| format!("<Bucket><Name>{name}</Name><BucketRegion>us-east-1</BucketRegion></Bucket>");
        match bucket {
            "" => Reply::ok(format!(
                "<ListAllMyBucketsResult><Buckets>{}{}</Buckets></ListAllMyBucketsResult>",
                named("own-1"),
                named("own-2")
            )),
            _ if asked.method == "HEAD" => Reply::ok("").with("x-amz-bucket-region: us-east-1"),
            _ => Reply::ok("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
        }
    })
}

/// What owner was expected, by method and bucket; each is asked for once.
fn expected(asked: &[Asked]) -> BTreeMap<String, Option<String>> {
    let key = |asked: &Asked| {
        let path = asked.target.split('?').next().unwrap_or_default();
        format!("{} {}", asked.method, path.trim_end_matches('/'))
    };
    let by_bucket: BTreeMap<_, _> =
        asked.iter().map(|asked| (key(asked), asked.header(OWNER).map(str::to_owned))).collect();
    assert_eq!(by_bucket.len(), asked.len(), "{asked:?}");
    by_bucket
}

/// Scans all of it, with what else the account says, and with a service of identities or without.
fn scanned(code: i32, rest: &str, identified: bool) -> (BTreeMap<String, Option<String>>, Workspace, String) {
    let (store, identities) = (store(), identities(ACCOUNT));
    let workspace = Workspace::new();
    let service = format!("sts_endpoint_url = \"{}\"\n", identities.url);
    let buckets = "buckets = { include = [\"own-*\", \"named\"] }\n";
    workspace.job(&store.url, &format!("{}{buckets}{rest}", if identified { &service } else { "" }));
    let told = workspace.expect(code, &[]);
    (expected(&store.asked()), workspace, told)
}

fn assert_expected(expected: &BTreeMap<String, Option<String>>, own: Option<&str>, named: Option<&str>) {
    let owners =
        [("GET ", None), ("GET /named", named), ("GET /own-1", own), ("GET /own-2", own), ("HEAD /named", named)];
    let owners = owners.map(|(asked, owner)| (asked.to_owned(), owner.map(str::to_owned)));
    assert_eq!(*expected, BTreeMap::from(owners));
}

/// Those that it lists itself, and no others.
#[test]
fn an_account_s_own_buckets_have_to_be_its_own() {
    let (expected, ..) = scanned(0, "", true);
    assert_expected(&expected, Some(ACCOUNT), None);
}

/// What the job says of an id is not what the store goes by.
#[test]
fn nothing_is_expected_of_who_is_not_known() {
    for rest in ["", "account_id = \"012345678901\""] {
        let (expected, ..) = scanned(0, rest, false);
        assert_expected(&expected, None, None);
    }
}

/// The job goes before what the account says; a bucket of somebody else is a bucket that is denied.
#[test]
fn an_owner_that_the_job_expects_is_expected_of_all() {
    let (expected, workspace, told) = scanned(3, "bucket_owner = \"999999999999\"", true);
    assert_expected(&expected, Some(OTHER), Some(OTHER));
    let verdicts = workspace.verdicts();
    assert_eq!(verdicts["named"].0, "complete");
    for bucket in ["own-1", "own-2"] {
        let (verdict, reason) = &verdicts[bucket];
        let words = "AccessDenied (403): Access Denied; `bucket_owner` wants it to be of `999999999999`";
        assert_eq!((verdict.as_str(), reason.as_str()), ("denied", words), "{told}");
    }
    assert_eq!(workspace.summary()["accounts"][0]["verdict"], "ok");
}

/// On a rerun, too, which does not ask for the list again.
#[test]
fn a_run_that_goes_on_expects_the_same() {
    let (store, identities) = (store(), identities(ACCOUNT));
    let workspace = Workspace::new();
    let account = format!(
        "sts_endpoint_url = \"{}\"\nbuckets = {{ include = [\"own-*\", \"named\"] }}\n[limits]\nconcurrency = 1\n",
        identities.url
    );
    // Who they are, the list, where the named one is, and one page.
    workspace.job(&store.url, &format!("{account}max_requests = 4"));
    workspace.expect(124, &["-q"]);
    assert_eq!(store.asked().len(), 3);
    workspace.job(&store.url, &account);
    workspace.expect(0, &["-q"]);
    assert_expected(&expected(&store.asked()), Some(ACCOUNT), None);
}
