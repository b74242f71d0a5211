//! Credentials that do not last as long as a run, and clocks that are wrong.

use crate::harness::{Server, Workspace, rows};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// A profile whose credentials come from a process, each good for so many milliseconds, by what the
/// server holds to and by what the process says itself.
fn short_lived(url: &str, milliseconds: u32, rest: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.job(url, &format!("profile = \"short\"\n{rest}"));
    let process = workspace.path("credentials.sh");
    workspace.write(
        "credentials.sh",
        format!(
            "#!/bin/sh\n\
             now=$(date +%s%3N)\n\
             [ -e stop ] && {{ echo 'the session is over' >&2; exit 1; }}\n\
             until=$((now + {milliseconds}))\n\
             expiration=$(date -u -d @$((until / 1000)).$((until % 1000)) +%Y-%m-%dT%H:%M:%SZ)\n\
             echo '{{\"Version\":1,\"AccessKeyId\":\"demo-until-'$until'\",\"SecretAccessKey\":\"demo-secret\",\
             \"SessionToken\":\"t\",\"Expiration\":\"'$expiration'\"}}'\n"
        ),
    );
    std::fs::set_permissions(&process, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let config = format!("[profile short]\nregion = us-east-1\ncredential_process = {}\n", process.display());
    workspace.write(".aws/config", config);
    workspace
}

/// Two hours and credentials of a quarter of one would be eight expiries; here are more than twenty. The
/// SDK fetches new ones ten seconds before their end at the latest, and so each time here.
#[test]
fn credentials_that_expire_are_fetched_anew() {
    let server = Server::start("demo:?objects=400&shape=flat&page_size=10");
    let workspace = short_lived(&server.url, 4_000, "[limits]\nconcurrency = 1\nrequests_per_second = 40");
    let output = workspace.command(&["run", "job.toml", "-q"]).env("PATH", "/usr/bin:/bin").output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let counters = server.counters();
    assert!(counters["access_keys"].as_u64() > Some(20), "{counters}");
    assert_eq!((&counters["unsigned"], &counters["expired"]), (&0.into(), &0.into()));
    let mut keys: Vec<String> = rows(&workspace.files(), "demo-flat").into_iter().map(|row| row[3].clone()).collect();
    assert_eq!(keys.len(), 400);
    keys.dedup();
    assert_eq!(keys.len(), 400, "each once");
}

/// Where no new ones are to be had, the account stops with what is committed, says what to run, and the
/// next run goes on.
#[test]
fn an_account_whose_session_is_over_goes_on_after_the_login() {
    let server = Server::start("demo:?objects=3000&shape=flat&page_size=10");
    let rest = "[limits]\nconcurrency = 1\nrequests_per_second = 100\n[state]\ncheckpoint_every = \"50ms\"";
    let workspace = short_lived(&server.url, 3_000, rest);
    let mut command = workspace.command(&["run", "job.toml", "--log-level", "debug"]);
    command.env("PATH", "/usr/bin:/bin").stderr(std::process::Stdio::piped());
    let child = command.spawn().expect("runs");
    crate::harness::until("some pages are listed", || server.count("list_requests") > 20);
    workspace.write("stop", "");
    let output = child.wait_with_output().expect("waited");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("hint=\"run the `credential_process` of the profile `short` by hand"), "{told}");
    let listed = server.count("list_requests");
    assert!(listed < 290, "it was stopped half-way");
    let (verdict, _) = &workspace.verdicts()["demo-flat"];
    assert_eq!(verdict, "failed");

    std::fs::remove_file(workspace.path("stop")).expect("removed");
    workspace.job(&server.url, "profile = \"short\"");
    let output = workspace.command(&["run", "job.toml", "-q"]).env("PATH", "/usr/bin:/bin").output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(workspace.runs().len(), 1, "the same run goes on");
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 3000);
    assert!(server.count("list_requests") < listed + 290, "what was committed is not listed again");
    assert_eq!(server.count("unsigned"), 0);
}

/// Keys of a session that were exported cannot be fetched anew.
#[test]
fn exported_keys_that_are_over_are_told() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let mut command = workspace.command(&["run", "job.toml"]);
    let output = command.env("AWS_ACCESS_KEY_ID", "demo-until-1000").env("AWS_SESSION_TOKEN", "t").output();
    let output = output.expect("runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("ExpiredToken (400)") && told.contains("hint=\"export new keys"), "{told}");
}

#[test]
fn a_profile_that_wants_a_code_says_so() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "profile = \"code\"");
    workspace.write(
        ".aws/config",
        "[profile base]\naws_access_key_id = k\naws_secret_access_key = s\n[profile code]\nsource_profile = base\n\
         role_arn = arn:aws:iam::123456789012:role/x\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n",
    );
    let told = workspace.expect(4, &[]);
    assert!(told.contains("wants the code of an MFA device"), "{told}");
    assert!(told.contains("aws configure export-credentials --profile code"), "{told}");
    assert_eq!(server.count("requests"), 0);
}

/// A store that finds the clock wrong, at noon of the first of January 2026.
#[test]
fn a_clock_that_is_wrong_is_told_by_how_much() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&mut stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time \
                and the current time is too large.</Message></Error>";
            let head = "HTTP/1.1 403 Forbidden\r\ndate: Thu, 01 Jan 2026 12:00:00 GMT\r\nconnection: close\r\n";
            let _ = write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
        }
    });
    let workspace = Workspace::new();
    workspace.job(&url, "");
    let told = workspace.expect(4, &[]);
    assert!(told.contains("is too large.; this machine's clock is "), "{told}");
    assert!(told.contains(" ahead of the store's") && told.contains("hint=\"set this machine's clock\""), "{told}");
}
