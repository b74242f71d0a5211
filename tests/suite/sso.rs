//! Credentials of single sign-on: the portal gives them to who has logged in.

use crate::harness::{Server, Workspace, rows};
use crate::loopback::{Loopback, Reply};
use std::process::{Command, Output};

/// The name of the file in which the AWS CLI keeps the token of the session `corp`: the SHA-1 of that name.
const TOKEN: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

/// A portal that gives the holder of `token` keys which are good for so many requests, and to whom the first
/// requests are too many.
fn portal(token: &'static str, requests: u64, too_many: u64) -> Loopback {
    let mut asked_so_far = 0;
    Loopback::start(move |asked| {
        asked_so_far += 1;
        if asked_so_far <= too_many {
            let body = "{\"message\":\"slowly\"}";
            return Reply::of("429 Too Many Requests", body).with("x-amzn-errortype: TooManyRequestsException");
        }
        if asked.header("x-amz-sso_bearer_token") != Some(token) {
            let body = "{\"message\":\"Session token not found or invalid\"}";
            return Reply::of("401 Unauthorized", body).with("x-amzn-errortype: UnauthorizedException");
        }
        assert!(asked.target.starts_with("/federation/credentials?"), "{asked:?}");
        Reply::ok(format!(
            "{{\"roleCredentials\":{{\"accessKeyId\":\"demo-for-{requests}-{asked_so_far}\",\
             \"secretAccessKey\":\"demo-secret\",\"sessionToken\":\"t\",\"expiration\":4070908800000}}}}"
        ))
    })
}

/// A job of a profile of single sign-on whose owner has logged in and got this token.
fn logged_in(url: &str, token: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.job(url, "profile = \"corp\"\n[state]\ncheckpoint_every = \"20ms\"");
    workspace.write(
        ".aws/config",
        "[profile corp]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 123456789012\n\
         sso_role_name = audit\n[sso-session corp]\nsso_region = us-east-1\n\
         sso_start_url = https://corp.invalid/start\n",
    );
    log_in(&workspace, token);
    workspace
}

fn log_in(workspace: &Workspace, token: &str) {
    let text = format!(
        "{{\"accessToken\":\"{token}\",\"expiresAt\":\"2099-01-01T00:00:00Z\",\"region\":\"us-east-1\",\
         \"startUrl\":\"https://corp.invalid/start\"}}"
    );
    workspace.write(TOKEN, text);
}

fn run(workspace: &Workspace, portal: &Loopback) -> Output {
    let mut command: Command = workspace.command(&["run", "job.toml"]);
    command.env("AWS_ENDPOINT_URL_SSO", &portal.url).output().expect("runs")
}

/// Those that the store finds over are asked for again, with the same login.
#[test]
fn the_portal_is_asked_again() {
    let server = Server::start("demo:?objects=2000&shape=flat&page_size=10");
    let portal = portal("token-1", 80, 0);
    let workspace = logged_in(&server.url, "token-1");
    let output = run(&workspace, &portal);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 2000);
    let asked = portal.asked().len() as u64;
    assert!(asked >= 3, "{}", server.counters());
    assert_eq!((server.count("access_keys"), server.count("unsigned")), (asked, 0));
}

/// A session that is over says how to log in, and the same command goes on.
#[test]
fn a_login_that_is_over_is_told() {
    let server = Server::start("demo:?objects=100&shape=flat&page_size=10");
    let portal = portal("token-2", 1000, 0);
    let workspace = logged_in(&server.url, "token-1");
    let output = run(&workspace, &portal);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    let words = "the credentials could not be fetched: UnauthorizedException: Session token not found or invalid";
    assert!(told.contains(words), "{told}");
    assert!(
        told.contains("\nhint: log in with `aws sso login --profile corp`; the same command then goes on"),
        "{told}"
    );
    assert_eq!(server.count("requests"), 0);

    log_in(&workspace, "token-2");
    let output = run(&workspace, &portal);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 100);
}

/// A portal that many accounts ask at once is asked again later.
#[test]
fn a_portal_that_is_asked_too_often_is_no_login_that_is_over() {
    let server = Server::start("demo:?objects=10&shape=flat");
    // More than the SDK repeats by itself.
    let portal = portal("token-1", 1000, 7);
    let workspace = logged_in(&server.url, "token-1");
    let output = run(&workspace, &portal);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 10);
}
