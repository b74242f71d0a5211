//! What a job may say already although a run cannot do it yet.
//!
//! Owns that such a job is not run as if it had said nothing.

use crate::job::{Account, Job, PathPiece, PathToken};

/// Each such setting of a job, named.
#[must_use]
pub fn of(job: &Job) -> Vec<String> {
    let mut found: Vec<String> =
        SETTINGS.into_iter().filter_map(|(key, is_set)| of_accounts(job, key, is_set)).collect();
    if job.output.path.pieces().contains(&PathPiece::Token(PathToken::AccountId)) {
        found.push("`{account_id}` in `output.path` is not supported yet".to_owned());
    }
    found
}

type IsSet = fn(&Account) -> bool;

const SETTINGS: [(&str, IsSet); 5] = [
    ("account_id", |account| account.account_id.is_some()),
    ("role_arn", |account| account.role.is_some()),
    ("regions", |account| account.regions.is_some()),
    ("sts_endpoint_url", |account| account.sts_endpoint_url.is_some()),
    ("{region}` in `endpoint_url", |account| account.endpoint_url.as_ref().is_some_and(|url| url.contains("{region}"))),
];

fn of_accounts(job: &Job, key: &str, is_set: IsSet) -> Option<String> {
    let names: Vec<String> =
        job.accounts.iter().filter(|account| is_set(account)).map(|account| format!("`{}`", account.name)).collect();
    let of = match names.as_slice() {
        [] => return None,
        [name] => format!("of the account {name}"),
        [name, others @ ..] => format!("of the account {name} and {} more", others.len()),
    };
    Some(format!("`{key}` {of} is not supported yet"))
}
