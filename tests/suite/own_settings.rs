//! What accounts set for themselves: a profile that is used and nothing else, buckets and limits in place
//! of the job's.

use crate::harness::{Server, Workspace, rows};
use s3scan::demo::{ACCESS_KEY, SECRET_KEY};
use std::process::Output;

/// An account with the profile `x`, whose keys stand in the files of the AWS tools.
fn with_profile(server: &Server, key: &str, secret: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.job(&server.url, "profile = \"x\"");
    workspace.write(".aws/config", "[default]\nregion = eu-west-1\n[profile x]\nregion = us-east-1\n");
    workspace.write(
        ".aws/credentials",
        format!(
            "[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n\
                 [x]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        ),
    );
    workspace
}

fn run_with(workspace: &Workspace, key: &str, secret: &str) -> (Option<i32>, String) {
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_PROFILE", "default");
    let Output { status, stderr, .. } = command.output().expect("runs");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_profile_is_used_and_the_keys_of_the_environment_are_not() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let workspace = with_profile(&server, ACCESS_KEY, SECRET_KEY);
    let (code, told) = run_with(&workspace, "somebody", "else");
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 10);

    let workspace = with_profile(&server, "somebody", "else");
    let (code, told) = run_with(&workspace, ACCESS_KEY, SECRET_KEY);
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("InvalidAccessKeyId"), "{told}");
    assert!(workspace.runs().is_empty());
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    let server = Server::start("demo:?objects=10&shape=flat");
    for rest in ["", "[buckets]\ninclude = [\"demo-flat\"]"] {
        let workspace = with_profile(&server, ACCESS_KEY, SECRET_KEY);
        workspace.job(&server.url, &format!("profile = \"absent\"\n{rest}"));
        let (code, told) = run_with(&workspace, ACCESS_KEY, SECRET_KEY);
        assert_eq!(code, Some(4), "{told}");
        assert!(told.contains("absent"), "{told}");
        assert!(workspace.runs().is_empty() && server.count("requests") == 0, "nothing was sent");
    }
}

/// The address that the profile says, in its section of services, before that of the environment; and
/// that of the job before both.
#[test]
fn a_profile_s_address_goes_before_that_of_the_environment() {
    let [job, profile, environment] = ["demo:?objects=1", "demo:?objects=2", "demo:?objects=3"].map(Server::start);
    let workspace = with_profile(&profile, ACCESS_KEY, SECRET_KEY);
    let near = format!("[services near]\ns3 =\n  endpoint_url = {}\n", profile.url);
    workspace.write(".aws/config", format!("[profile x]\nregion = us-east-1\nservices = near\n{near}"));
    let buckets = "[buckets]\ninclude = [\"demo-flat\"]";
    let objects = |account: &str| {
        workspace.write("job.toml", format!("version = 1\n[accounts.a]\npath_style = true\n{account}\n{buckets}\n"));
        let mut command = workspace.command(&["run", "job.toml", "-q"]);
        let output = command.env("AWS_ENDPOINT_URL_S3", &environment.url).output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        rows(&workspace.files(), "demo-flat").len()
    };
    assert_eq!(objects(&format!("profile = \"x\"\nendpoint_url = \"{}\"", job.url)), 1);
    assert_eq!(objects("profile = \"x\""), 2);
    assert_eq!(objects(""), 3);
}

/// Two accounts, each at a server of its own.
fn two(x: &Server, own: &str, y: &Server, rest: &str) -> Workspace {
    let workspace = Workspace::new();
    let account = |name: &str, server: &Server| {
        format!("[accounts.{name}]\npath_style = true\nendpoint_url = \"{}\"\n", server.url)
    };
    workspace.write("job.toml", format!("version = 1\n{}{own}\n{}{rest}\n", account("x", x), account("y", y)));
    workspace
}

#[test]
fn an_account_with_buckets_of_its_own_is_not_asked_for_all() {
    let (x, y) = (Server::start("demo:?objects=10&small=3"), Server::start("demo:?objects=10&small=3"));
    let own = "buckets = { include = [\"demo-flat\", \"demo-uuid\"], exclude = [\"*-uuid\"] }";
    let workspace = two(&x, own, &y, "[buckets]\ninclude = [\"demo-small-0001\", \"demo-d*\"]\nexclude = [\"*-none\"]");
    workspace.expect(0, &["-q"]);
    assert_eq!((x.count("bucket_list_requests"), x.count("list_requests")), (0, 1));
    assert_eq!((y.count("bucket_list_requests"), y.count("list_requests")), (1, 2));
    let files: Vec<String> = workspace.listed_files().into_iter().map(|row| row["path"].clone()).collect();
    let ends = ["x/demo-flat_1.csv", "y/demo-dates_1.csv", "y/demo-small-0001_1.csv"];
    assert!(files.len() == 3 && ends.iter().all(|end| files.iter().any(|file| file.ends_with(end))), "{files:?}");
}

#[test]
fn an_account_keeps_its_own_pace() {
    let capped = "demo:?objects=10000&shape=flat&requests_per_second=200";
    let (x, y) = (Server::start(capped), Server::start(capped));
    let prefixes: Vec<String> = (0..100).map(|number| format!("\"object-{number:010}\"")).collect();
    let rest = format!("[objects]\nprefixes = [{}]\n[limits]\nmax_attempts = 50", prefixes.join(","));
    // A server lets twenty through at once, and then one every 5 ms.
    let workspace = two(&x, "limits = { requests_per_second = 40, burst = 1 }", &y, &rest);
    workspace.expect(0, &["-q"]);
    assert_eq!(x.count("throttled"), 0, "what is paced is never too much");
    assert!(y.count("throttled") > 0, "the other account is not paced");
    assert_eq!(workspace.summary()["totals"]["rows"], 20_000);
}

#[test]
fn an_account_has_its_own_number_of_attempts() {
    let refusing = "demo:?objects=10&shape=flat&fault_rate=1&faults=500";
    let (x, y) = (Server::start(refusing), Server::start(refusing));
    let workspace = two(&x, "limits = { max_attempts = 1 }", &y, "[limits]\nmax_attempts = 3");
    workspace.expect(75, &["-q"]);
    assert_eq!((x.count("list_requests"), y.count("list_requests")), (1, 3));
}
