//! Accounts that cannot be used, alone and beside one that can: how the run ends, and what it tells.

use super::assert_told;
use super::stores::{LITERAL, assert_not_begun};
use crate::harness::{Server, Workspace, rows};
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn credentials_that_do_not_work() {
    let server = Server::start("demo:?objects=10&shape=flat");
    for (variable, reason, hint) in [
        ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch", "hint=\"the secret does not belong to the access key\""),
        ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId", "hint=\"the store does not know this access key\""),
    ] {
        for rest in ["", LITERAL] {
            let workspace = Workspace::new();
            workspace.job(&server.url, rest);
            let output = workspace.command(&["run", "job.toml"]).env(variable, "wrong").output().expect("runs");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(4), "{told}");
            assert_told(&told, &[reason, hint]);
            assert_eq!(told.matches("account cannot be used").count(), 1, "told once:\n{told}");
            workspace.expect(0, &["-q"]);
            assert_eq!(rows(&workspace.files(), "demo-flat").len(), 10, "after the login it goes on");
        }
    }
}

#[test]
fn no_credentials_at_all() {
    let server = Server::start("demo:?objects=10");
    for rest in ["", LITERAL] {
        let workspace = Workspace::new();
        workspace.job(&server.url, rest);
        let mut command = workspace.command(&["run", "job.toml"]);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        let since = Instant::now();
        let output = command.output().expect("runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{told}");
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        let words = ["no credentials were found: none in the environment", "hint=\"name a profile by AWS_PROFILE"];
        assert_told(&told, &words);
        let (_, end) = told.split_once("error: no account of the job could be used\n").expect("it ends so");
        assert!(end.starts_with("hint: name a profile by AWS_PROFILE, or by `profile`"), "{told}");
        assert_not_begun(&workspace);
    }
}

/// A job of an account that works, and of one at `endpoint_url`.
fn two_accounts(endpoint_url: &str) -> Workspace {
    let workspace = Workspace::new();
    let other = format!("[accounts.b]\nendpoint_url = \"{endpoint_url}\"\npath_style = true\n");
    workspace.job("demo:?objects=500&shape=flat", &other);
    workspace
}

/// The account `a` is whole, and `b` is not.
fn assert_one_lost(workspace: &Workspace, reason: &str) {
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 500);
    assert_eq!(workspace.verdicts()["demo-flat"].0, "complete");
    let summary = workspace.summary();
    let accounts = &summary["accounts"];
    assert_eq!((&accounts[0]["name"], &accounts[0]["verdict"]), (&"a".into(), &"ok".into()));
    assert_eq!((&accounts[1]["name"], &accounts[1]["verdict"]), (&"b".into(), &"unusable".into()));
    assert!(accounts[1]["reason"].as_str().is_some_and(|text| text.contains(reason)), "{accounts}");
    assert_eq!(summary["complete"], false);
}

#[test]
fn one_account_of_two_cannot_be_reached_for_now() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let workspace = two_accounts(&format!("http://{free}"));
    let told = workspace.expect(75, &[]);
    assert_told(&told, &["account cannot be used", "account=\"b\"", "Connection refused", "1 account unusable"]);
    assert_one_lost(&workspace, "Connection refused");
    let before = workspace.files();

    let _server = Server::start_at(&free.to_string(), "demo:?objects=700&shape=uuid");
    workspace.expect(0, &["-q"]);
    assert_eq!(workspace.runs().len(), 1, "the same run goes on");
    assert!(workspace.files() == before, "what was complete is left as it was");
    assert_eq!(workspace.verdicts()["demo-uuid"].0, "complete");
    assert!(workspace.last_run().join("b/demo-uuid_1.csv").exists());
    assert_eq!(workspace.summary()["complete"], true);
}

#[test]
fn one_account_of_two_has_no_good_credentials() {
    let server = Server::start("demo:?objects=10&shape=uuid");
    let workspace = two_accounts(&server.url);
    let mut command = workspace.command(&["run", "job.toml"]);
    let output = command.env("AWS_SECRET_ACCESS_KEY", "wrong").output().expect("runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert_told(
        &told,
        &["account=\"b\"", "SignatureDoesNotMatch", "hint=\"the secret does not belong", "1 account unusable"],
    );
    assert_one_lost(&workspace, "SignatureDoesNotMatch");
}
