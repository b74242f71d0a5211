//! Buckets in other regions than they are thought to be in, and regions that do not take the account.

use crate::harness::{Server, Workspace, answering, rows};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// As S3 says it: 301, 307 and 400, with the region in a header or in the document.
#[test]
fn a_region_that_is_named_is_followed_and_remembered() {
    for rest in ["[limits]\nconcurrency = 1", ""] {
        let server = Server::start("demo:?objects=10&shape=flat&elsewhere=3&page_size=10");
        let workspace = Workspace::new();
        workspace.job(&server.url, rest);
        workspace.expect(0, &["-q"]);
        for number in 1..=3 {
            assert_eq!(rows(&workspace.files(), &format!("demo-elsewhere-{number}")).len(), 100);
        }
        let totals = &workspace.summary()["totals"];
        assert_eq!(totals["retries"], 3, "asked in the wrong place once for each bucket: {totals}");
        // One list of buckets; a page of the one that is here; ten pages of each of the others, and one more
        // request each to learn where it is; and what ranges are split for, each of which may end with a page
        // that is not full.
        let (requests, least) = (server.count("requests"), 1 + 1 + 3 * 11);
        let most = least + totals["splits"].as_u64().expect("a number") + 3;
        assert!((least..=most).contains(&requests), "{requests} requests: {totals}");
        assert!(rest.is_empty() || requests == least, "{requests} requests: {totals}");
    }
}

/// A bucket that is named is asked where it is before it is listed.
#[test]
fn a_bucket_named_by_the_job_is_found_where_it_is() {
    let server = Server::start("demo:?objects=10&shape=flat&elsewhere=3");
    let workspace = Workspace::new();
    let names = "[buckets]\ninclude = [\"demo-elsewhere-1\", \"demo-elsewhere-2\", \"demo-elsewhere-3\"]";
    workspace.job(&server.url, &format!("{names}\n[output]\ncolumns = [\"region\", \"key\"]"));
    workspace.expect(0, &["-q"]);
    for number in 1..=2 {
        let rows = rows(&workspace.files(), &format!("demo-elsewhere-{number}"));
        assert!(rows.len() == 100 && rows.iter().all(|row| row[0] == "eu-west-1"), "{:?}", rows[0]);
    }
    // Nothing told where it is but the answer to a listing, which has a document.
    assert_eq!(rows(&workspace.files(), "demo-elsewhere-3").len(), 100);
}

/// Keys are good here, and not there: that is the bucket's verdict, and the account goes on.
#[test]
fn a_region_that_is_not_enabled_is_the_bucket_s_affair() {
    let server = Server::start("demo:?objects=10&shape=flat&disabled=2&small=5&small_objects=3");
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let told = workspace.expect(3, &[]);
    let verdicts = workspace.verdicts();
    for number in 1..=2 {
        let (verdict, reason) = &verdicts[&format!("demo-disabled-{number}")];
        assert_eq!(verdict, "denied", "{told}");
        assert!(reason.contains("the region `me-south-1` does not take the account's credentials"), "{reason}");
    }
    assert_eq!(verdicts.values().filter(|(verdict, _)| verdict == "complete").count(), 6, "{told}");
    assert_eq!(workspace.summary()["accounts"][0]["verdict"], "ok");
}

#[test]
fn buckets_in_regions_that_are_not_wanted_are_left_out() {
    let server = Server::start("demo:?objects=10&shape=flat&disabled=2");
    let workspace = Workspace::new();
    workspace.job(&server.url, "regions = [\"us-*\"]");
    workspace.expect(0, &["-q"]);
    assert_eq!(workspace.verdicts().into_keys().collect::<Vec<_>>(), ["demo-flat"]);
}

/// A store that names no region leaves nothing to follow.
#[test]
fn a_bucket_that_is_nobody_knows_where() {
    let body = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
    let url = answering("301 Moved Permanently", "", body.to_owned());
    let workspace = Workspace::new();
    workspace.job(&url, "[buckets]\ninclude = [\"lost\"]");
    let told = workspace.expect(3, &[]);
    assert_eq!(workspace.verdicts()["lost"].0, "moved");
    assert!(told.contains("PermanentRedirect (301): elsewhere"), "{told}");
}

/// The region of the bucket stands in the address where `{region}` does.
#[test]
fn an_address_may_name_the_region() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, asked) = std::sync::mpsc::sync_channel(16);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let (head, body) = if first.starts_with("HEAD") {
                ("HTTP/1.1 200 OK\r\nx-amz-bucket-region: eu-west-1\r\ncontent-length: 0", "")
            } else {
                let body = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
                ("HTTP/1.1 200 OK\r\ncontent-length: 69", body)
            };
            // A client or a test that has gone away is of no interest.
            let _ = write!(stream, "{head}\r\nconnection: close\r\n\r\n{body}");
            let _ = sender.send(first);
        }
    });
    let workspace = Workspace::new();
    workspace.job(&format!("http://{address}/at/{{region}}"), "[buckets]\ninclude = [\"named\"]");
    workspace.expect(0, &["-q"]);
    let asked: Vec<String> = asked.try_iter().collect();
    assert!(asked[0].starts_with("HEAD /at/us-east-1/named"), "{asked:?}");
    assert!(asked[1].starts_with("GET /at/eu-west-1/named") && asked.len() == 2, "{asked:?}");
}
