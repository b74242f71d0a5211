//! Which hosts of AWS are asked, as a proxy sees it.

use crate::harness::Workspace;
use crate::loopback::{Loopback, Reply, identities};
use std::collections::BTreeSet;

/// The hosts that are asked for by a job of an account that says this, in an environment with that.
fn hosts(account: &str, environment: &[(&str, &str)], profile: &str) -> BTreeSet<String> {
    // It opens no tunnel: who is behind it is enough.
    let proxy = Loopback::start(|_| Reply::of("502 Bad Gateway", ""));
    let workspace = Workspace::new();
    workspace.write("job.toml", format!("version = 1\n[accounts.a]\n{account}\n[limits]\nmax_attempts = 1\n"));
    workspace.write(".aws/config", format!("[profile p]\n{profile}\n"));
    workspace.write(".aws/credentials", "[p]\naws_access_key_id = k\naws_secret_access_key = s\n");
    let mut command = workspace.command(&["run", "job.toml"]);
    command.env("HTTPS_PROXY", &proxy.url).envs(environment.iter().copied());
    let output = command.output().expect("runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{told}");
    let asked = proxy.asked();
    assert!(asked.iter().all(|asked| asked.method == "CONNECT"), "{asked:?}");
    let host = |target: &str| target.strip_suffix(":443").expect("the port of https").to_owned();
    asked.iter().map(|asked| host(&asked.target)).collect()
}

fn one(host: &str) -> BTreeSet<String> {
    BTreeSet::from([host.to_owned()])
}

const FIPS: (&str, &str) = ("AWS_USE_FIPS_ENDPOINT", "true");
const DUAL_STACK: (&str, &str) = ("AWS_USE_DUALSTACK_ENDPOINT", "true");

/// As AWS documents the names of its endpoints.
#[test]
fn fips_and_dual_stack_are_hosts_of_their_own() {
    let identities = identities("012345678901");
    let account = |keys: &str| format!("sts_endpoint_url = \"{}\"\nregion = \"us-west-2\"\n{keys}", identities.url);
    let (fips, dual_stack) = ("use_fips = true", "use_dual_stack = true");
    let both = format!("{fips}\n{dual_stack}");
    for (keys, environment, host) in [
        ("", &[][..], "s3.us-west-2.amazonaws.com"),
        (fips, &[], "s3-fips.us-west-2.amazonaws.com"),
        (dual_stack, &[], "s3.dualstack.us-west-2.amazonaws.com"),
        (&both, &[], "s3-fips.dualstack.us-west-2.amazonaws.com"),
        ("", &[FIPS], "s3-fips.us-west-2.amazonaws.com"),
        (dual_stack, &[FIPS], "s3-fips.dualstack.us-west-2.amazonaws.com"),
        ("", &[DUAL_STACK], "s3.dualstack.us-west-2.amazonaws.com"),
    ] {
        assert_eq!(hosts(&account(keys), environment, ""), one(host), "{keys} {environment:?}");
    }
    let named = account(&format!("{both}\nbuckets = {{ include = [\"logs\"] }}"));
    let host = "logs.s3-fips.dualstack.us-west-2.amazonaws.com";
    assert_eq!(hosts(&named, &[], ""), one(host), "of a bucket");
}

#[test]
fn a_profile_may_say_so_too() {
    let identities = identities("012345678901");
    let account = format!("profile = \"p\"\nsts_endpoint_url = \"{}\"", identities.url);
    let profile = "region = us-west-2\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true";
    assert_eq!(hosts(&account, &[], profile), one("s3-fips.dualstack.us-west-2.amazonaws.com"));
}

/// The service of identities is asked first, in the same way.
#[test]
fn so_is_the_service_of_identities() {
    for (keys, host) in [
        ("", "sts.us-west-2.amazonaws.com"),
        ("use_fips = true", "sts-fips.us-west-2.amazonaws.com"),
        ("use_dual_stack = true", "sts.us-west-2.api.aws"),
        ("use_fips = true\nuse_dual_stack = true", "sts-fips.us-west-2.api.aws"),
    ] {
        assert_eq!(hosts(&format!("region = \"us-west-2\"\n{keys}"), &[], ""), one(host), "{keys}");
    }
}

/// An address says itself which endpoint it is, whatever the environment wants of those of AWS.
#[test]
fn an_address_of_one_s_own_is_asked_as_it_is() {
    let account = "endpoint_url = \"https://store.example.com\"\nregion = \"us-west-2\"\npath_style = true";
    assert_eq!(hosts(account, &[FIPS, DUAL_STACK], ""), one("store.example.com"));
    let vpc = "endpoint_url = \"https://bucket.vpce-1.s3.{region}.vpce.amazonaws.com\"\nregion = \"us-west-2\"\n\
        sts_endpoint_url = \"https://vpce-2.sts.{region}.vpce.amazonaws.com\"";
    assert_eq!(hosts(vpc, &[FIPS], ""), one("vpce-2.sts.us-west-2.vpce.amazonaws.com"), "who it is comes first");
}
