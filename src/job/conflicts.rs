//! What cannot stand together in the table of an account.
//!
//! Responsible for keys that contradict one another, and for keys that mean nothing without another or
//! have no effect beside it. It leaves the ids of a template and its role to `fan_out`.

use super::account::AccountFile;
use super::problem::{Blame, Findings, Refusal};
use super::read::Key;

/// Notes keys that contradict one another, whatever other layers say.
pub(super) fn check_beside(file: &AccountFile, findings: &mut Findings) {
    let mut refuse = |blame: Option<&Blame>, message: &str, hint: &str| {
        if let Some(blame) = blame {
            findings.refuse(blame, Refusal::new(message).hint(hint));
        }
    };
    let is_on = |flag: &Key<bool>| flag.value() == Some(&true);
    if is_on(&file.anonymous) {
        let keys = [
            file.profile.blame(),
            file.external_id.blame(),
            file.role_arn.blame(),
            file.account_id.blame(),
            file.account_ids.blame(),
            file.account_ids_file.blame(),
        ];
        for blame in keys {
            refuse(
                blame,
                "cannot stand beside `anonymous = true`, which takes no credentials",
                "leave one of them out",
            );
        }
    }
    let ids = file.account_ids.blame().or(file.account_ids_file.blame());
    if ids.is_some() {
        let message = "cannot stand in a template, whose accounts have an id each";
        refuse(file.account_id.blame(), message, "leave it out, or `account_ids`");
    }
    // Those of a lower layer are left out before.
    if file.account_ids.written().is_some() {
        let message = "cannot stand beside `account_ids`";
        refuse(file.account_ids_file.blame(), message, "leave one of them out");
    }
    if file.sts_endpoint_url.value().is_some_and(super::endpoint::EndpointUrl::is_demo) {
        let hint = "leave it out, or write `http://HOST:PORT` or `https://HOST`";
        let message = "the synthetic store tells no identities and lends no roles";
        refuse(file.sts_endpoint_url.blame(), message, hint);
    }
    let Some(url) = file.endpoint_url.value() else {
        return;
    };
    for (key, flag) in [("use_fips", &file.use_fips), ("use_dual_stack", &file.use_dual_stack)] {
        let hint = format!("leave `{key}` out: the address says which endpoint it is");
        refuse(flag.blame().filter(|_| is_on(flag)), "cannot stand beside `endpoint_url`", &hint);
    }
    if url.is_demo() {
        // Path style is what it has, and may be said: the line stands in jobs of every other address.
        let is_by_host = file.path_style.value() == Some(&false);
        for (blame, why) in [
            (file.profile.blame(), "has keys of its own"),
            (file.role_arn.blame(), "has keys of its own"),
            (file.anonymous.blame().filter(|_| is_on(&file.anonymous)), "has keys of its own"),
            (file.region.blame(), "has a region of its own"),
            (file.path_style.blame().filter(|_| is_by_host), "takes buckets in the path only"),
        ] {
            refuse(blame, &format!("cannot stand beside a `demo:` endpoint, which {why}"), "leave it out");
        }
    }
}

/// Notes keys that mean nothing without another, once all layers have been heard.
pub(super) fn check_needs(file: &AccountFile, findings: &mut Findings) {
    for blame in [file.external_id.blame(), file.role_session_name.blame()].into_iter().flatten() {
        if file.role_arn.written().is_none() && !findings.blames_beside(blame, "role_arn") {
            let refusal = Refusal::new("means nothing without `role_arn`");
            findings.refuse(blame, refusal.hint("set `role_arn`, or leave it out"));
        }
    }
}
