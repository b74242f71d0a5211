//! What of a run is not complete, by its kind, and what to do about each kind.

use super::summary::Summary;
use crate::event::{AccountVerdict, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// What a group is of, in the singular and in the plural.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// One of it.
    pub one: &'static str,
    /// Several.
    pub many: &'static str,
}

const ACCOUNTS: Kind = Kind { one: "account", many: "accounts" };
const BUCKETS: Kind = Kind { one: "bucket", many: "buckets" };

/// Accounts or buckets with the same verdict.
#[derive(Clone, Debug)]
pub struct Group<'run> {
    /// What they are.
    pub what: Kind,
    /// What became of them.
    pub verdict: String,
    /// What to do about it; `None` where what is told of the whole run says it.
    pub hint: Option<&'static str>,
    /// They and why.
    pub rows: Vec<Row<'run>>,
    /// What can be done about some of them, beside what can about all; each once.
    pub hints: BTreeSet<&'run str>,
    /// The file that has all of them.
    pub file: &'static str,
}

/// An account or a bucket.
#[derive(Clone, Debug)]
pub struct Row<'run> {
    /// An account's name, or account and bucket; as others chose it.
    pub name: String,
    /// Why; as others say it.
    pub reason: Option<&'run str>,
}

/// All that is not complete: accounts first, then buckets in the order of their verdicts.
#[must_use]
pub fn groups(summary: &Summary) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    for (verdict, shown, hint) in [
        (AccountVerdict::Unusable, "unusable", "what was listed of them is kept; mend what is told below"),
        (
            AccountVerdict::Denied,
            "denied",
            "allow s3:ListAllMyBuckets, or name the buckets without glob characters in `buckets.include`",
        ),
    ] {
        let accounts = summary.accounts.iter().filter(|account| account.verdict == verdict);
        let row = |name: &String, reason| Row { name: name.clone(), reason };
        let rows: Vec<_> = accounts.clone().map(|account| row(&account.name, account.reason.as_deref())).collect();
        if !rows.is_empty() {
            let hints = accounts.filter_map(|account| account.hint.as_deref()).filter(|other| *other != hint).collect();
            let (verdict, hint) = (shown.to_owned(), Some(hint));
            groups.push(Group { what: ACCOUNTS, verdict, hint, rows, hints, file: "summary.json" });
        }
    }
    let mut buckets: BTreeMap<Verdict, Vec<Row<'_>>> = BTreeMap::new();
    for bucket in &summary.not_complete {
        let name = format!("{}/{}", bucket.account, bucket.bucket);
        buckets.entry(bucket.verdict).or_default().push(Row { name, reason: bucket.reason.as_deref() });
    }
    // What the job itself asked to leave out is told last.
    let skipped = buckets.remove(&Verdict::Skipped).map(|rows| (Verdict::Skipped, rows));
    groups.extend(buckets.into_iter().chain(skipped).map(|(verdict, rows)| Group {
        what: BUCKETS,
        verdict: verdict.to_string(),
        hint: hint(verdict),
        rows,
        hints: BTreeSet::new(),
        file: "buckets.csv",
    }));
    groups
}

/// What to do about buckets with a verdict.
fn hint(verdict: Verdict) -> Option<&'static str> {
    Some(match verdict {
        Verdict::Denied => "allow s3:ListBucket, exclude by `buckets.exclude`, or set `buckets.on_denied = \"skip\"`",
        Verdict::Missing => "not there any more, or misspelt in the job",
        Verdict::Moved => "the store sends requests elsewhere, and not to where they could be followed",
        Verdict::Throttled => "run the same command again later, or set a lower `limits.requests_per_second`",
        Verdict::Failed => "mend what the reason names; `log.level = \"debug\"` logs every failed request with its id",
        // How to go on is told of the run; what was asked for needs no advice.
        Verdict::Complete | Verdict::Skipped | Verdict::Interrupted => return None,
    })
}
