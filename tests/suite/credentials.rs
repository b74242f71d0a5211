//! Credentials that do not last as long as a run, and clocks that are wrong.

use crate::harness::{Server, Workspace, answering, rows};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::mpsc::{SyncSender, sync_channel};

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
    command.env("PATH", "/usr/bin:/bin").stderr(Stdio::piped());
    let child = command.spawn().expect("runs");
    server.wait_for("list_requests", 21);
    workspace.write("stop", "");
    let output = child.wait_with_output().expect("waited");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("hint=\"run the `credential_process` of the profile `short` by hand"), "{told}");
    let listed = server.count("list_requests");
    assert!((21..290).contains(&listed), "it was stopped half-way: {listed} pages");
    let (verdict, _) = &workspace.verdicts()["demo-flat"];
    assert_eq!(verdict, "failed");

    std::fs::remove_file(workspace.path("stop")).expect("removed");
    workspace.job(&server.url, "profile = \"short\"\n[limits]\nconcurrency = 1");
    let output = workspace.command(&["run", "job.toml", "-q"]).env("PATH", "/usr/bin:/bin").output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(workspace.runs().len(), 1, "the same run goes on");
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 3000);
    // A page of ten keys each, of which the first call kept all that it had asked for.
    assert_eq!(server.count("list_requests"), 300, "what was committed is not listed again");
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

/// The service of a container gives keys to who has none.
#[test]
fn credentials_of_a_container() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let keys = "{\"AccessKeyId\":\"demo\",\"SecretAccessKey\":\"demo-secret\",\"Token\":\"t\",\
        \"Expiration\":\"2099-01-01T00:00:00Z\"}";
    let service = answering("200 OK", "content-type: application/json\r\n", keys.to_owned());
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{service}/keys")).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 10);
}

/// The service of identities: lends a role to who brings a token, and tells whose it is.
fn identities(tokens: SyncSender<String>) -> String {
    const LENT: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
        <AccessKeyId>demo</AccessKeyId><SecretAccessKey>demo-secret</SecretAccessKey><SessionToken>t</SessionToken>\
        <Expiration>2020-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
        </AssumeRoleWithWebIdentityResponse>";
    const WHOSE: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
        <Arn>arn:aws:sts::012345678901:assumed-role/audit/ci</Arn><UserId>U</UserId><Account>012345678901</Account>\
        </GetCallerIdentityResult></GetCallerIdentityResponse>";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&mut stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                    length = told.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut form = vec![0; length];
            reader.read_exact(&mut form).expect("a form");
            let form = String::from_utf8(form).expect("text");
            let token = form.split('&').find_map(|pair| pair.strip_prefix("WebIdentityToken="));
            let body = if token.is_some() { LENT } else { WHOSE };
            // A client or a test that has gone away is of no interest.
            let _ = token.map(|token| tokens.try_send(token.to_owned()));
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

/// As in CI: a token in a file, which is read again whenever credentials are fetched anew. Those here are
/// over as soon as they are there, by what the service says.
#[test]
fn a_web_identity_is_read_anew() {
    let server = Server::start("demo:?objects=200&shape=flat&page_size=10");
    let (sender, tokens) = sync_channel(1000);
    let service = identities(sender);
    let workspace = Workspace::new();
    workspace.job(&server.url, "[limits]\nconcurrency = 1\nrequests_per_second = 20");
    workspace.write("token", "first");
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").stderr(Stdio::piped());
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", workspace.path("token")).env("AWS_ENDPOINT_URL_STS", service);
    command.env("AWS_ROLE_ARN", "arn:aws:iam::012345678901:role/audit");
    let child = command.spawn().expect("runs");
    server.wait_for("list_requests", 3);
    workspace.write("token.new", "second");
    std::fs::rename(workspace.path("token.new"), workspace.path("token")).expect("renamed");
    let output = child.wait_with_output().expect("waited");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut used: Vec<String> = tokens.try_iter().collect();
    used.dedup();
    assert_eq!(used, ["first", "second"]);
    let rows = rows(&workspace.files(), "demo-flat");
    assert!(rows.len() == 200 && rows.iter().all(|row| row[1] == "012345678901"), "{:?}", rows[0]);
    let identity = &workspace.summary()["accounts"][0]["identity"];
    assert_eq!(identity["arn"], "arn:aws:sts::012345678901:assumed-role/audit/ci");
}

/// An SSO session that is over, or was never begun.
#[test]
fn how_to_log_in_is_told_by_where_credentials_come_from() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "profile = \"corp\"");
    workspace.write(
        ".aws/config",
        "[profile corp]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = audit\n\
         [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.invalid/start\n",
    );
    let told = workspace.expect(4, &[]);
    assert!(
        told.contains("hint=\"log in with `aws sso login --profile corp`; the same command then goes on\""),
        "{told}"
    );
    assert_eq!(server.count("requests"), 0);
}

/// A store that finds the clock wrong, at noon of the first of January 2026.
#[test]
fn a_clock_that_is_wrong_is_told_by_how_much() {
    let body = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the \
        current time is too large.</Message></Error>";
    let url = answering("403 Forbidden", "date: Thu, 01 Jan 2026 12:00:00 GMT\r\n", body.to_owned());
    let workspace = Workspace::new();
    workspace.job(&url, "");
    let told = workspace.expect(4, &[]);
    assert!(told.contains("is too large.; this machine's clock is "), "{told}");
    assert!(told.contains(" ahead of the store's") && told.contains("hint=\"set this machine's clock\""), "{told}");
}
