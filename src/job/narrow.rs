//! A part of a job: some of its accounts, some of its buckets.
//!
//! Responsible for what the patterns of a call leave of a job. It owns the invariant that a part has
//! nothing that the whole has not: what the job leaves out stays out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::globs::NameGlobs;
use super::suggest::{nearest, quoted};
use super::{Account, Job};

/// To which part of a job a call keeps; patterns as in the job file, and none is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Narrowing {
    /// Patterns over the names of accounts.
    pub accounts: Vec<String>,
    /// Patterns over the names of buckets.
    pub buckets: Vec<String>,
}

impl Narrowing {
    /// The part that these patterns name; their order does not matter.
    #[must_use]
    pub fn new(accounts: &[String], buckets: &[String]) -> Self {
        let sorted = |patterns: &[String]| {
            let mut patterns = patterns.to_vec();
            patterns.sort_unstable();
            patterns.dedup();
            patterns
        };
        Self { accounts: sorted(accounts), buckets: sorted(buckets) }
    }

    /// Whether it is the whole job.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.accounts.is_empty() && self.buckets.is_empty()
    }
}

/// As it is written on the command line: what a shell would take for a pattern of its own stands in quotes.
impl std::fmt::Display for Narrowing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let accounts = self.accounts.iter().map(|pattern| ("--account", pattern));
        let flags = accounts.chain(self.buckets.iter().map(|pattern| ("--bucket", pattern)));
        for (at, (flag, pattern)) in flags.enumerate() {
            let space = if at == 0 { "" } else { " " };
            let shown = pattern.escape_debug();
            if pattern.chars().all(|character| character.is_ascii_alphanumeric() || "._-".contains(character)) {
                write!(formatter, "{space}{flag} {shown}")?;
            } else {
                write!(formatter, "{space}{flag} '{shown}'")?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a pattern of a call, and a hint.
pub type NarrowingProblem = (String, Option<String>);

impl Job {
    /// The part of the job that `narrowing` names.
    ///
    /// # Errors
    /// When a pattern is broken, or one over accounts matches none of the job.
    pub fn narrowed(mut self, narrowing: &Narrowing) -> Result<Self, NarrowingProblem> {
        if !narrowing.accounts.is_empty() {
            let globs = compiled(&narrowing.accounts)?;
            for pattern in &narrowing.accounts {
                let glob = compiled(std::slice::from_ref(pattern))?;
                if !self.accounts.iter().any(|account| glob.matches(&account.name)) {
                    return Err(unknown_account(pattern, &self.accounts));
                }
            }
            self.accounts.retain(|account| globs.matches(&account.name));
        }
        if !narrowing.buckets.is_empty() {
            let globs = compiled(&narrowing.buckets)?;
            self.accounts.iter_mut().for_each(|account| account.selection.only = Some(globs.clone()));
        }
        Ok(self)
    }
}

fn compiled(patterns: &[String]) -> Result<NameGlobs, NarrowingProblem> {
    NameGlobs::of(patterns).map_err(|refusal| (refusal.message, refusal.hint))
}

fn unknown_account(pattern: &str, accounts: &[Account]) -> NarrowingProblem {
    let names = || accounts.iter().map(|account| account.name.as_str());
    let all = || {
        let more = if accounts.len() > 5 { ", ..." } else { "" };
        format!("it has {}{more}", names().take(5).map(quoted).collect::<Vec<_>>().join(", "))
    };
    let hint = nearest(pattern, names()).map_or_else(all, |meant| format!("did you mean `{meant}`?"));
    (format!("no account of the job matches {}", quoted(pattern)), Some(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Request, load};

    fn job() -> Job {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        let text = "version = 1\n[accounts.prod-eu]\n[accounts.prod-us]\n[accounts.test]\n\
            [buckets]\ninclude = ['logs-*', 'data']\nexclude = ['*-tmp']\n";
        #[expect(clippy::disallowed_methods, reason = "nobody else reads the file yet")]
        std::fs::write(&path, text).unwrap();
        load(&Request::of(&path)).unwrap()
    }

    fn part(accounts: &[&str], buckets: &[&str]) -> Result<Job, NarrowingProblem> {
        let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
        job().narrowed(&Narrowing::new(&owned(accounts), &owned(buckets)))
    }

    #[test]
    fn a_part_has_nothing_that_the_whole_has_not() {
        let job = part(&["prod-*"], &["logs-a*", "other"]).unwrap();
        assert_eq!(
            job.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(),
            ["prod-eu", "prod-us"]
        );
        for (name, expected) in [("logs-a", true), ("logs-b", false), ("logs-a-tmp", false), ("other", false)] {
            assert_eq!(job.accounts[0].selection.takes(name), expected, "{name}");
        }
        let whole = part(&[], &[]).unwrap();
        assert!(whole.accounts.len() == 3 && whole.accounts[0].selection.takes("logs-b"));
    }

    #[test]
    fn patterns_that_name_nothing_are_refused() {
        let (message, hint) = part(&["prod-*", "tset"], &[]).unwrap_err();
        assert_eq!(message, "no account of the job matches `tset`");
        assert_eq!(hint.as_deref(), Some("did you mean `test`?"));
        let (_, hint) = part(&["production"], &[]).unwrap_err();
        assert_eq!(hint.as_deref(), Some("it has `prod-eu`, `prod-us`, `test`"));
        for wrong in ["[", "", "a/b"] {
            assert!(part(&[], &[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_reads_as_it_is_written() {
        let narrowing = Narrowing::new(&["b".into(), "a".into(), "b".into()], &["x-*".into()]);
        assert_eq!(narrowing.to_string(), "--account a --account b --bucket 'x-*'");
        assert!(!narrowing.is_whole() && Narrowing::default().is_whole());
    }
}
