//! Stores that cannot be reached, are none, refuse, are overloaded or stall: the verdicts, and that
//! whatever can be scanned is.

use super::assert_told;
use crate::harness::{Server, Workspace, rows};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

pub const LITERAL: &str = "[buckets]\ninclude = [\"demo-flat\"]\n";

/// Serves on loopback for as long as the test's process lives; the URL.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    url
}

/// Answers one request with a page for people.
fn html(stream: TcpStream) {
    answer(stream, "200 OK", "<!DOCTYPE html>\n<html><body>Welcome!</body></html>");
}

fn answer(mut stream: TcpStream, status: &str, body: &str) {
    let mut lines = BufReader::new(&mut stream).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    // A client that has gone away is of no interest.
    let _ = stream.write_all(answer.as_bytes());
}

/// The one account could not be asked: the run did not begin.
pub fn assert_not_begun(workspace: &Workspace) {
    assert!(workspace.runs().is_empty() && !workspace.path("state/job.json").exists());
}

fn unreachable(endpoint_url: &str, reason: &str) {
    let workspace = Workspace::new();
    workspace.job(endpoint_url, "");
    let since = Instant::now();
    let told = workspace.expect(75, &[]);
    assert!(since.elapsed() < Duration::from_secs(15), "a misspelt endpoint is told soon: {:?}", since.elapsed());
    assert_told(&told, &[reason, "hint=\"check `endpoint_url`", "error: no account of the job could be used"]);
    assert_not_begun(&workspace);
}

#[test]
fn an_endpoint_that_refuses_the_connection() {
    unreachable("http://127.0.0.1:1", "Connection refused");
}

#[test]
fn an_endpoint_without_an_address() {
    unreachable("http://no-such-host.invalid", "dns error");
}

#[test]
fn an_endpoint_without_tls() {
    let server = Server::start("demo:?objects=10");
    unreachable(&format!("https://{}", server.address()), "TLS handshake failed");
}

#[test]
fn an_endpoint_that_is_not_s3() {
    let url = serve(html);
    unreachable(&url, "the answer is not S3's: it begins with `<!DOCTYPE html>");

    let workspace = Workspace::new();
    workspace.job(&url, LITERAL);
    let since = Instant::now();
    assert_told(&workspace.expect(75, &[]), &["the answer is not S3's"]);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(workspace.verdicts()["demo-flat"].0, "failed");
    assert!(workspace.files().is_empty());
}

#[test]
fn answers_that_only_look_like_a_listing() {
    // The SDK takes each of these for a page; none may pass for an empty bucket.
    for body in [
        "<s3:ListBucketResult xmlns:s3=\"x\"><s3:IsTruncated>false</s3:IsTruncated></s3:ListBucketResult>",
        "<!-- a > b --><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
        "<ListBucketResult/>",
        "<ListBucketResult></ListBucketResult>",
    ] {
        let workspace = Workspace::new();
        workspace
            .job(&serve(move |stream| answer(stream, "200 OK", body)), &format!("{LITERAL}[limits]\nmax_attempts = 2"));
        workspace.expect(75, &[]);
        assert_eq!(workspace.verdicts()["demo-flat"].0, "failed", "{body}");
        assert!(workspace.files().is_empty(), "{body}");
    }
}

#[test]
fn a_page_counts_whatever_kind_of_success_it_is() {
    const PAGE: &str = "<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>\
        <Contents><Key>k</Key><Size>1</Size></Contents></ListBucketResult>";
    let workspace = Workspace::new();
    workspace.job(&serve(|stream| answer(stream, "203 Non-Authoritative Information", PAGE)), LITERAL);
    workspace.expect(0, &[]);
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 1);
}

#[test]
fn an_endpoint_that_closes_every_connection() {
    let workspace = Workspace::new();
    workspace.job(&serve(drop), "[limits]\nmax_attempts = 3");
    let told = workspace.expect(75, &[]);
    assert_told(
        &told,
        &["attempt=3 max_attempts=3", "account cannot be used", "hint=\"try the same command again later"],
    );
    assert_not_begun(&workspace);
}

/// Runs the job; the verdict of the bucket in question, after a look at the others.
fn verdict(spec: &str, rest: &str, code: i32, bucket: &str) -> (Workspace, String) {
    let workspace = Workspace::new();
    workspace.job(spec, rest);
    let told = workspace.expect(code, &[]);
    let mut verdicts = workspace.verdicts();
    let (verdict, reason) = verdicts.remove(bucket).expect("the bucket");
    assert!(told.contains(&format!("bucket {verdict}")) && !reason.is_empty(), "{told}");
    for (other, (verdict, _)) in verdicts {
        assert_eq!(verdict, "complete", "{other}");
        assert_eq!(rows(&workspace.files(), &other).len(), 10);
    }
    assert_eq!(workspace.summary()["complete"], code == 0);
    assert_eq!(workspace.summary()["not_complete"][0]["bucket"], bucket);
    (workspace, verdict)
}

#[test]
fn a_denied_bucket() {
    let (skip, denied) = ("[buckets]\non_denied = \"skip\"\n", "demo-denied-1");
    let spec = "demo:?objects=10&denied=1";
    assert_eq!(verdict(spec, "", 3, denied).1, "denied");
    assert_eq!(verdict(spec, skip, 0, denied).1, "skipped");
    let literal = format!("{skip}include = [\"demo-denied-1\", \"demo-f*\"]");
    let (workspace, verdict) = verdict(spec, &literal, 3, denied);
    assert_eq!(verdict, "denied", "a bucket that is asked for by name is never skipped");
    assert_eq!(workspace.verdicts().len(), 2);
}

#[test]
fn an_account_in_which_everything_is_denied() {
    let workspace = Workspace::new();
    workspace.job("demo:?buckets=0&denied=2", "[buckets]\non_denied = \"skip\"\n");
    let told = workspace.expect(3, &[]);
    assert_told(&told, &["error: every bucket of account `a` is denied", "hint: allow s3:ListBucket"]);
    assert_eq!(workspace.summary()["complete"], false);
}

#[test]
fn a_missing_bucket() {
    assert_eq!(verdict("demo:?objects=10&missing=1", "", 3, "demo-missing-1").1, "missing");
    let literal = "[buckets]\ninclude = [\"demo-flat\", \"no-such-bucket\"]";
    assert_eq!(verdict("demo:?objects=10", literal, 3, "no-such-bucket").1, "missing");
}

#[test]
fn no_bucket_matches() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10", "[buckets]\ninclude = [\"nobody-*\"]");
    let told = workspace.expect(3, &[]);
    assert_told(
        &told,
        &["error: no bucket matches the job", "hint: check `include` and `exclude`", "on_empty = \"ok\""],
    );
    assert_eq!(workspace.summary()["complete"], false);

    workspace.job("demo:?objects=10", "[buckets]\ninclude = [\"nobody-*\"]\non_empty = \"ok\"");
    let told = workspace.expect(0, &[]);
    assert!(!told.contains("error: "), "{told}");
}

/// Every file and folder below `folder`, by its path from there.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            found.push(path.strip_prefix(folder).expect("below it").to_string_lossy().into_owned());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn bucket_names_cannot_leave_the_folder_of_the_run() {
    let outer = Workspace::new();
    // Deep enough for two steps up to stay inside the outer folder, where they would be seen.
    let deep = "one/two/three";
    outer.write(
        &format!("{deep}/job.toml"),
        "version = 1\n[accounts.a]\nendpoint_url = \"demo:?objects=10&shape=flat&hostile=1\"\n",
    );
    let mut command = outer.command(&["run", "job.toml"]);
    let output = command.current_dir(outer.path(deep)).output().expect("runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(!told.contains("demo-line\nbreak"), "the line feed of a name breaks no line of output:\n{told}");

    let entries: Vec<String> = fs::read_dir(outer.path(deep).join("data/job"))
        .expect("runs")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "latest.json")
        .collect();
    let [run] = entries.as_slice() else { panic!("{entries:?}") };
    let data = format!("{deep}/data/job/{run}");
    let outside: Vec<String> =
        tree(&outer.path("")).into_iter().filter(|path| !path.starts_with(&format!("{data}/"))).collect();
    let expected = [
        "one",
        "one/two",
        "one/two/three",
        "one/two/three/data",
        "one/two/three/data/job",
        &data,
        "one/two/three/data/job/latest.json",
        "one/two/three/job.toml",
        "one/two/three/logs",
        "one/two/three/logs/job.log",
        "one/two/three/state",
        "one/two/three/state/job.history.json",
        "one/two/three/state/job.json",
        "one/two/three/state/job.lock",
    ];
    assert_eq!(outside, expected);
    let inside = tree(&outer.path(&data).join("a"));
    assert_eq!(inside, ["%2E.%2F..%2Fetc_1.csv", "demo-flat_1.csv", "demo-line%0Abreak_1.csv"]);
    let buckets = fs::read_to_string(outer.path(&data).join("buckets.csv")).expect("read");
    assert_told(&buckets, &["a,../../etc,us-east-1,complete,,true,10,", "\"demo-line\nbreak\",us-east-1,complete"]);
}

#[test]
fn a_job_runs_once_at_a_time() {
    let server = Server::start("demo:?objects=4000&shape=flat&latency_ms=200");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nconcurrency = 1");
    let mut first = workspace.start(&["-q"]);
    server.wait_for("list_requests", 1);
    for more in [&[][..], &["--fresh"]] {
        let told = workspace.expect(75, more);
        let holder = format!("process {}", first.process());
        assert_told(&told, &["error: another run of this job is under way", &holder, "`state/job.lock`"]);
        assert_told(&told, &["hint: wait until it has ended"]);
    }
    assert_eq!(first.wait().code(), Some(0), "{}", first.told());
    assert_eq!(server.count("requests"), 1 + 4, "the others asked nothing");
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 4000);
    assert_eq!(workspace.runs().len(), 1);
}

#[test]
fn a_store_that_is_overloaded_is_gone_on_with_when_it_is_not() {
    let spec = "demo:?objects=3000&shape=flat&small=2";
    let server = Server::start(&format!("{spec}&fault_rate=1&faults=503"));
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nmax_attempts = 2");
    let told = workspace.expect(75, &[]);
    assert_told(&told, &["SlowDown (503)", "attempt=2 max_attempts=2", "bucket throttled", "not complete"]);
    for (verdict, reason) in workspace.verdicts().values() {
        assert_eq!(verdict, "throttled");
        assert!(reason.contains("SlowDown"), "{reason}");
    }
    let summary = workspace.summary();
    assert_eq!((&summary["exit_code"], &summary["complete"]), (&75.into(), &false.into()));
    assert_eq!(summary["totals"]["buckets"]["throttled"], 3, "{summary}");
    assert!(workspace.files().is_empty());

    let address = server.address().to_owned();
    drop(server);
    let _server = Server::start_at(&address, spec);
    workspace.expect(0, &["-q"]);
    let summary = workspace.summary();
    assert_eq!((&summary["resumed"], &summary["complete"]), (&true.into(), &true.into()));
    assert_eq!(summary["totals"]["rows"], 3200);
    assert_eq!(summary["totals"]["throttles"], 6, "those of the first invocation count");
    assert_eq!(workspace.runs().len(), 1);
}

#[test]
fn a_store_that_restarts_meanwhile_is_waited_for() {
    let spec = "demo:?objects=30000&shape=flat";
    let server = Server::start(spec);
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nrequests_per_second = 25");
    let mut running = workspace.start(&["--log-level", "debug"]);
    server.wait_for("list_requests", 6);
    let address = server.address().to_owned();
    drop(server);
    running.once_told(&["Connection refused", "attempt=5"]);
    let _server = Server::start_at(&address, spec);
    assert_eq!(running.wait().code(), Some(0), "{}", running.told());
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 30_000);
}

#[test]
fn a_store_that_stalls_is_given_up() {
    let server = Server::start("demo:?objects=3000&shape=flat&fault_rate=1&faults=stalled");
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nmax_attempts = 3\nrequest_timeout = \"300ms\"");
    let since = Instant::now();
    let told = workspace.expect(75, &[]);
    assert_told(&told, &["attempt=3 max_attempts=3", "bucket failed"]);
    // Three attempts of 300 ms, two waits of 200 ms at most, and time to start.
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert_eq!(workspace.verdicts()["demo-flat"].0, "failed");
    assert!(workspace.files().is_empty());
}

#[test]
fn a_store_that_never_answers_is_given_up() {
    let workspace = Workspace::new();
    // Connections are accepted and left open.
    let url = serve(std::mem::forget);
    workspace.job(&url, "[limits]\nmax_attempts = 2\nrequest_timeout = \"300ms\"");
    let since = Instant::now();
    let told = workspace.expect(75, &["--log-level", "debug"]);
    assert_told(&told, &["no answer within 300ms", "no answer within 600ms", "hint=\"try the same command again"]);
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert_not_begun(&workspace);
}
