//! Credentials that a store finds over before the end that they name.

use crate::harness::{Server, Workspace, rows};
use crate::loopback::{Loopback, Reply, identity_of};
use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;

/// A profile whose credentials come from a process, good for a long time by what it says itself. It notes
/// each time that it is asked. The access key is what the shell makes of `key`, with `$number` for the
/// so manyth time, and nothing is said where a file `stop` is there.
fn promising(url: &str, key: &str, rest: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.job(url, &format!("profile = \"long\"\n{rest}"));
    hand_out(&workspace, key);
    let process = workspace.path("credentials.sh");
    workspace.write(".aws/config", format!("[profile long]\ncredential_process = {}\n", process.display()));
    workspace
}

fn hand_out(workspace: &Workspace, key: &str) {
    workspace.write(
        "credentials.sh",
        format!(
            "#!/bin/sh\n\
             echo asked >> asked\n\
             number=$(wc -l < asked)\n\
             echo '{{\"Version\":1,\"AccessKeyId\":\"'{key}'\",\"SecretAccessKey\":\"demo-secret\",\
             \"SessionToken\":\"t\",\"Expiration\":\"2099-01-01T00:00:00Z\"}}'\n"
        ),
    );
    let process = workspace.path("credentials.sh");
    std::fs::set_permissions(&process, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

/// How often the process was asked.
fn asked(workspace: &Workspace) -> u64 {
    std::fs::read_to_string(workspace.path("asked")).map_or(0, |text| text.lines().count() as u64)
}

fn run(workspace: &Workspace, code: i32) -> String {
    let output = workspace.command(&["run", "job.toml"]).env("PATH", "/usr/bin:/bin").output().expect("runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

fn assert_each_once(workspace: &Workspace, count: usize) {
    let keys: Vec<String> = rows(&workspace.files(), "demo-flat").into_iter().map(|row| row[3].clone()).collect();
    let different: HashSet<&String> = keys.iter().collect();
    assert_eq!((keys.len(), different.len()), (count, count), "each once");
    assert!(keys.is_sorted());
}

/// Dozens of requests meet the end at once: each time, the process is asked once.
#[test]
fn credentials_that_end_early_are_fetched_anew_once_for_all() {
    let server = Server::start("demo:?objects=5000&shape=flat&page_size=10&latency_ms=2");
    let workspace = promising(&server.url, "demo-for-100-$number", "");
    let told = run(&workspace, 0);
    assert_each_once(&workspace, 5000);
    let (requests, expired) = (server.count("requests"), server.count("expired"));
    assert!(server.count("most_in_flight") > 16 && expired > 16, "many at once: {}", server.counters());
    // Nothing is fetched before those of before have served to their end.
    assert_eq!(asked(&workspace), (requests - expired).div_ceil(100), "{}", server.counters());
    assert_eq!((server.count("access_keys"), server.count("unsigned")), (asked(&workspace), 0));
    // While new ones are fetched, nobody asks with the old.
    assert!(expired <= 64 * (asked(&workspace) - 1), "{}", server.counters());
    let renewals = told.matches("new ones were fetched").count() as u64;
    assert_eq!(renewals, asked(&workspace) - 1, "{told}");
    let effort = &workspace.summary()["totals"];
    assert_eq!(effort["requests"], requests, "{effort}");
}

/// Where the process has nothing else to give, the account stops with what is committed, and the next run
/// goes on.
#[test]
fn the_same_credentials_again_are_an_end() {
    let server = Server::start("demo:?objects=5000&shape=flat&page_size=10");
    let rest = "[limits]\nconcurrency = 16\n[state]\ncheckpoint_every = \"20ms\"";
    let workspace = promising(&server.url, "demo-for-200-same", rest);
    let told = run(&workspace, 4);
    assert!(told.contains("has expired.; those fetched anew are the same"), "{told}");
    assert!(told.contains("hint=\"run the `credential_process` of the profile `long` by hand"), "{told}");
    assert_eq!(asked(&workspace), 2, "{told}");
    assert!(server.count("expired") <= 16, "none is asked once more with the same: {}", server.counters());
    assert_eq!(told.matches("ExpiredToken").count(), 2, "as the account's, in the log and at the end: {told}");
    let (verdict, reason) = &workspace.verdicts()["demo-flat"];
    assert_eq!((verdict.as_str(), reason.as_str()), ("failed", "its account became unusable"));

    hand_out(&workspace, "demo");
    let listed = server.count("list_requests");
    run(&workspace, 0);
    assert_eq!(workspace.runs().len(), 1, "the same run goes on");
    assert_each_once(&workspace, 5000);
    assert!(server.count("list_requests") - listed < 500, "what was committed is not listed again");
    assert_eq!(server.count("unsigned"), 0);
}

/// New ones that are over from the first on are not fetched again and again.
#[test]
fn new_credentials_that_are_refused_are_an_end() {
    let server = Server::start("demo:?objects=1000&shape=flat&page_size=10");
    let key = "$([ $number = 1 ] && echo demo-for-20-a || echo demo-for-0-$number)";
    let workspace = promising(&server.url, key, "[limits]\nconcurrency = 8");
    let told = run(&workspace, 4);
    assert!(told.contains("has expired.; they had just been fetched anew"), "{told}");
    assert_eq!(asked(&workspace), 2, "{told}");
    // Those in flight with the old ones, and the one that tried the new.
    assert!(server.count("expired") <= 8 + 1, "{}", server.counters());
}

/// The very first may be over already, where whoever gives them keeps them too long.
#[test]
fn credentials_that_are_over_at_once_are_fetched_anew() {
    let server = Server::start("demo:?objects=100&shape=flat&page_size=10");
    let key = "$([ $number = 1 ] && echo demo-for-0-a || echo demo-for-1000-b)";
    let workspace = promising(&server.url, key, "");
    run(&workspace, 0);
    assert_eq!((asked(&workspace), server.count("expired")), (2, 1));
    assert_each_once(&workspace, 100);
}

/// Keys that another tool writes into the files of the AWS tools are read again.
#[test]
fn keys_that_were_written_meanwhile_are_read() {
    let server = Server::start("demo:?objects=2000&shape=flat&page_size=10&latency_ms=20");
    let workspace = Workspace::new();
    workspace.job(&server.url, "profile = \"written\"\n[limits]\nconcurrency = 2");
    let write = |key: &str| {
        let text = format!(
            "[written]\naws_access_key_id = {key}\naws_secret_access_key = demo-secret\naws_session_token = t\n"
        );
        workspace.write(".aws/credentials.new", text);
        let path = workspace.path(".aws/credentials");
        std::fs::rename(workspace.path(".aws/credentials.new"), path).expect("renamed");
    };
    write("demo-for-40-a");
    let mut running = workspace.start(&[]);
    server.wait_for("list_requests", 3);
    write("demo-for-1000-b");
    assert!(running.wait().success(), "{}", running.told());
    assert_eq!((server.count("access_keys"), server.count("unsigned")), (2, 0));
    assert_each_once(&workspace, 2000);
}

/// A service of identities that lends keys which are good for so many requests, and says of each key whose
/// it is by `whose`.
fn lending(requests: u64, whose: fn(&str) -> &'static str) -> Loopback {
    let mut lent = 0;
    Loopback::start(move |asked| {
        let action = |name: &str| asked.body.split('&').any(|pair| pair == format!("Action={name}"));
        let kind = ["AssumeRole", "AssumeRoleWithWebIdentity"].into_iter().find(|kind| action(kind));
        let body = match kind {
            None => identity_of(whose(asked.header("authorization").expect("signed"))),
            Some(kind) => {
                lent += 1;
                format!(
                    "<{kind}Response><{kind}Result><Credentials><AccessKeyId>demo-for-{requests}-{lent}</AccessKeyId>\
                     <SecretAccessKey>demo-secret</SecretAccessKey><SessionToken>t</SessionToken>\
                     <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{kind}Result></{kind}Response>"
                )
            }
        };
        Reply::ok(body).with("content-type: text/xml")
    })
}

fn lent(service: &Loopback) -> u64 {
    service.asked().iter().filter(|asked| asked.body.contains("Action=AssumeRole")).count() as u64
}

/// Whoever lends a role lends it again: the role of the job, and that of a token in a file.
#[test]
fn roles_that_end_early_are_assumed_again() {
    for is_web_identity in [false, true] {
        let server = Server::start("demo:?objects=2000&shape=flat&page_size=10");
        let service = lending(80, |_| "012345678901");
        let workspace = Workspace::new();
        let sts = format!("sts_endpoint_url = \"{}\"\n", service.url);
        let role = "role_arn = \"arn:aws:iam::012345678901:role/audit\"\n";
        workspace.job(&server.url, &if is_web_identity { sts } else { sts + role });
        workspace.write("token", "token");
        let mut command = workspace.command(&["run", "job.toml", "-q"]);
        if is_web_identity {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
            command.env("AWS_WEB_IDENTITY_TOKEN_FILE", workspace.path("token"));
            command.env("AWS_ROLE_ARN", "arn:aws:iam::012345678901:role/audit");
            command.env("AWS_ENDPOINT_URL_STS", &service.url);
        }
        let output = command.output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_each_once(&workspace, 2000);
        assert!(lent(&service) >= 3, "{}", server.counters());
        assert_eq!((server.count("access_keys"), server.count("unsigned")), (lent(&service), 0));
    }
}

/// New credentials of somebody else are not used.
#[test]
fn new_credentials_of_another_account_are_an_end() {
    let server = Server::start("demo:?objects=1000&shape=flat&page_size=10");
    let whose = |signed: &str| if signed.contains("for-30-1/") { "111111111111" } else { "222222222222" };
    let service = lending(30, whose);
    let workspace = promising(&server.url, "demo-for-30-$number", &format!("sts_endpoint_url = \"{}\"", service.url));
    let told = run(&workspace, 4);
    let words = "the credentials belong to the account `222222222222`, and not to `111111111111`";
    assert!(told.contains(words), "{told}");
    assert_eq!((asked(&workspace), server.count("access_keys")), (2, 1), "the store never saw the others");
}
