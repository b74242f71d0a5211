//! Credentials that a machine has: of its container, or of the instance that it is.

use crate::harness::{Server, Workspace, rows};
use crate::loopback::{Asked, Loopback, Reply, identities};
use std::ops::Range;
use std::process::Command;

/// The program without any credentials but those that the machine gives.
fn bare(workspace: &Workspace) -> Command {
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_EC2_METADATA_DISABLED");
    command
}

fn assert_complete(workspace: &Workspace, command: &mut Command, count: usize) {
    let output = command.output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), count);
}

/// Keys as both services write them.
fn keys(access_key: &str) -> Reply {
    let text = format!(
        "{{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"LastUpdated\":\"2026-01-01T00:00:00Z\",\
         \"AccessKeyId\":\"{access_key}\",\"SecretAccessKey\":\"demo-secret\",\"Token\":\"t\",\
         \"Expiration\":\"2099-01-01T00:00:00Z\"}}"
    );
    Reply::ok(text).with("content-type: application/json")
}

/// A service of a container that wants to hear the token `secret`, and whose keys are good for so many
/// requests, whatever it says of them itself.
fn container(requests: u64) -> Loopback {
    failing_container(requests, 0..0)
}

/// The same, and to those of the questions that are `lost` there is no answer.
fn failing_container(requests: u64, lost: Range<u64>) -> Loopback {
    let (mut asked_so_far, mut given) = (0, 0);
    Loopback::start(move |asked| {
        asked_so_far += 1;
        if lost.contains(&asked_so_far) {
            return Reply::none();
        }
        if asked.header("authorization") != Some("secret") || asked.target != "/keys" {
            return Reply::of("401 Unauthorized", "");
        }
        given += 1;
        keys(&format!("demo-for-{requests}-{given}"))
    })
}

/// A service of instances: it wants a token for each question, and tells keys behind the name of a role.
fn instance() -> Loopback {
    const KEYS: &str = "/latest/meta-data/iam/security-credentials/";
    Loopback::start(|asked| {
        if (asked.method.as_str(), asked.target.as_str()) == ("PUT", "/latest/api/token") {
            return Reply::ok("token-of-the-session").with("x-aws-ec2-metadata-token-ttl-seconds: 21600");
        }
        if asked.header("x-aws-ec2-metadata-token") != Some("token-of-the-session") {
            return Reply::of("401 Unauthorized", "");
        }
        match asked.target.strip_prefix(KEYS) {
            Some("") => Reply::ok("audit-role"),
            Some("audit-role") => keys("demo"),
            _ => Reply::of("404 Not Found", ""),
        }
    })
}

/// The token is in the environment or in a file, as ECS and EKS give it. Keys that the store finds over
/// are fetched anew.
#[test]
fn a_container_gives_keys_to_who_has_its_token() {
    for in_a_file in [false, true] {
        let server = Server::start("demo:?objects=2000&shape=flat&page_size=10");
        let service = container(80);
        let workspace = Workspace::new();
        workspace.job(&server.url, "");
        workspace.write("token", "secret");
        let mut command = bare(&workspace);
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/keys", service.url));
        if in_a_file {
            command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", workspace.path("token"));
        } else {
            command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret");
        }
        assert_complete(&workspace, &mut command, 2000);
        let asked = service.asked().len() as u64;
        assert!(asked >= 3, "two hundred pages and more, eighty with each: {asked}");
        assert_eq!((server.count("access_keys"), server.count("unsigned")), (asked, 0));
    }
}

/// A service that is not reached for a while, when new keys are wanted, is no end: the requests wait.
#[test]
fn a_container_that_does_not_answer_for_a_while_is_waited_for() {
    let server = Server::start("demo:?objects=1000&shape=flat&page_size=10");
    // The SDK by itself asks three times.
    let service = failing_container(60, 2..6);
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let mut command = bare(&workspace);
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/keys", service.url));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret");
    assert_complete(&workspace, &mut command, 1000);
    let asked = service.asked().len() as u64;
    assert_eq!((server.count("access_keys"), server.count("unsigned")), (asked - 4, 0));
}

#[test]
fn a_container_that_gives_no_keys_is_told() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let service = container(40);
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let mut command = bare(&workspace);
    let output = command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/keys", service.url)).output();
    let output = output.expect("runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert_eq!(server.count("requests"), 0);
}

#[test]
fn an_instance_gives_the_keys_of_its_role() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let service = instance();
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    assert_complete(&workspace, bare(&workspace).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url), 10);
    let asked = |asked: &Asked| format!("{} {}", asked.method, asked.target);
    let asked: Vec<String> = service.asked().iter().map(asked).filter(|asked| !asked.contains("placement")).collect();
    let keys = "GET /latest/meta-data/iam/security-credentials/";
    assert_eq!(asked, ["PUT /latest/api/token".to_owned(), keys.to_owned(), format!("{keys}audit-role")]);
}

/// A role that a profile has assumed by what the machine gives.
#[test]
fn a_role_on_top_of_what_the_machine_gives() {
    for source in ["EcsContainer", "Ec2InstanceMetadata"] {
        let server = Server::start("demo:?objects=10&shape=flat");
        let (identities, container, instance) = (identities("012345678901"), container(1000), instance());
        let workspace = Workspace::new();
        workspace.job(&server.url, "profile = \"role\"");
        let role = "role_arn = arn:aws:iam::012345678901:role/audit";
        workspace.write(
            ".aws/config",
            format!("[profile role]\nregion = us-east-1\n{role}\ncredential_source = {source}\n"),
        );
        let mut command = bare(&workspace);
        command
            .env("AWS_ENDPOINT_URL_STS", &identities.url)
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/keys", container.url))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance.url);
        assert_complete(&workspace, &mut command, 10);
        let used = if source == "EcsContainer" { "Credential=demo-for-1000-1/" } else { "Credential=demo/" };
        let lent = &identities.asked()[0];
        assert!(lent.body.contains("Action=AssumeRole") && lent.body.contains("role%2Faudit"), "{lent:?}");
        assert!(lent.header("authorization").is_some_and(|signed| signed.contains(used)), "{lent:?}");
    }
}
