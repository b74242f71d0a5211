//! What of a job changes the bytes it writes.
//!
//! Responsible for the canonical text of those settings. It leaves hashing and comparing to the
//! state. It owns the invariant that two jobs with equal parts, run over the same buckets at the same
//! time, write the same files.

use serde_json::{Value, json};

use super::globs::{KeyGlobs, NameGlobs};
use super::{Account, Job, NameRules, Period};

impl Job {
    /// The name and the canonical text of each setting that changes the bytes written, always the
    /// same names in the same order. An account is whom it asks as whom; the names of buckets stand by
    /// account. Limits, state and log are not among them. Values are JSON; a setting that is absent is
    /// `null`.
    #[must_use]
    pub fn fingerprint_parts(&self) -> Vec<(&'static str, String)> {
        let accounts = self.accounts.iter().map(|account| (account.name.clone(), identity(account)));
        let names = |globs: fn(&NameRules) -> &NameGlobs| {
            let of = |account: &Account| (account.name.clone(), json!(globs(&account.selection).patterns()));
            Value::Object(self.accounts.iter().map(of).collect())
        };
        let keys = |globs: &Option<KeyGlobs>| json!(globs.as_ref().map(KeyGlobs::patterns));
        // The job's name counts where it is part of a path.
        let path = self.output.path.to_string().replace("{job}", &self.name);
        let columns = self.output.columns.iter().map(|column| json!(column.name()));
        let parts: [(&'static str, Value); 23] = [
            ("window.since", json!(self.window.since_written)),
            ("window.until", json!(self.window.until_written)),
            ("window.period", json!(self.window.period.map(Period::name))),
            ("window.timezone", json!(self.window.timezone)),
            ("accounts", Value::Object(accounts.collect())),
            ("buckets.include", names(|rules| &rules.include)),
            ("buckets.exclude", names(|rules| &rules.exclude)),
            ("objects.list", json!(self.objects.list.name())),
            ("objects.prefixes", json!(self.objects.prefixes)),
            ("objects.include", keys(&self.objects.include)),
            ("objects.exclude", keys(&self.objects.exclude)),
            ("objects.min_size", json!(self.objects.min_size)),
            ("objects.max_size", json!(self.objects.max_size)),
            ("objects.storage_classes", json!(self.objects.storage_classes)),
            ("output.path", json!(path)),
            ("output.rows_per_file", json!(self.output.rows_per_file)),
            ("output.format", json!(self.output.format.name())),
            ("output.columns", columns.collect()),
            ("output.dialect", json!(self.output.dialect.name())),
            ("output.header", json!(self.output.header)),
            ("output.key_encoding", json!(self.output.key_encoding.name())),
            ("output.empty", json!(self.output.empty.name())),
            ("output.compression", json!(self.output.compression.name())),
        ];
        parts.map(|(name, value)| (name, value.to_string())).into()
    }
}

/// Whom an account asks, and as whom: what is set of it.
fn identity(account: &Account) -> Value {
    let regions = account.regions.as_ref().map(|regions| json!(regions.patterns()));
    let settings = [
        ("endpoint_url", account.endpoint_url.as_ref().map(|url| json!(url))),
        ("profile", account.profile.as_ref().map(|profile| json!(profile))),
        ("account_id", account.account_id.as_ref().map(|id| json!(id))),
        ("role_arn", account.role.as_ref().map(|role| json!(role.arn))),
        ("anonymous", account.anonymous.then(|| json!(true))),
        ("regions", regions),
    ];
    let set = settings.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(set.collect())
}
