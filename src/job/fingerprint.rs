//! What of a job changes the bytes it writes.
//!
//! Responsible for the canonical text of those settings. It leaves hashing and comparing to the
//! state. It owns the invariant that two jobs with equal parts, run over the same buckets at the same
//! time, write the same files.

use serde_json::{Value, json};

use super::Job;
use super::globs::KeyGlobs;

impl Job {
    /// The name and the canonical text of each setting that changes the bytes written, always the
    /// same names in the same order. An account is its name and its endpoint. Limits, state and log are not among them. Values are JSON; a
    /// setting that is absent is `null`.
    #[must_use]
    pub fn fingerprint_parts(&self) -> Vec<(&'static str, String)> {
        let accounts = self.accounts.iter().map(|account| json!([account.name, account.endpoint_url]));
        let keys = |globs: &Option<KeyGlobs>| json!(globs.as_ref().map(KeyGlobs::patterns));
        // The job's name counts where it is part of a path.
        let path = self.output.path.to_string().replace("{job}", &self.name);
        let parts: [(&'static str, Value); 13] = [
            ("window.since", json!(self.window.since_written)),
            ("window.until", json!(self.window.until_written)),
            ("window.timezone", json!(self.window.timezone)),
            ("accounts", accounts.collect()),
            ("buckets.include", json!(self.buckets.include.patterns())),
            ("buckets.exclude", json!(self.buckets.exclude.patterns())),
            ("objects.include", keys(&self.objects.include)),
            ("objects.exclude", keys(&self.objects.exclude)),
            ("objects.min_size", json!(self.objects.min_size)),
            ("objects.max_size", json!(self.objects.max_size)),
            ("objects.storage_classes", json!(self.objects.storage_classes)),
            ("output.path", json!(path)),
            ("output.rows_per_file", json!(self.output.rows_per_file)),
        ];
        parts.map(|(name, value)| (name, value.to_string())).into()
    }
}
