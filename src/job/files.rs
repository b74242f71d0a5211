//! The files of a job on the disk, and which of them are one.
//!
//! Responsible for comparing paths. It owns the invariant that what a run writes about itself never
//! lands on what the job is made of. Links are not followed: a path is what its text says, so that the
//! answer does not change with what happens to be on the disk.

use std::path::{Component, Path, PathBuf, absolute};

use super::fan_out;
use super::problem::{Blame, Findings, Refusal};
use super::records::{LogSettings, StateSettings};
use super::settings::Settings;
use super::suggest::quoted;
use super::text::{Origin, Stack};

/// Whether two paths are the same but for how they are written.
pub(super) fn is_one_file(left: &Path, right: &Path) -> bool {
    plain(left) == plain(right)
}

/// The path from the root, without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    // Fails where there is no working directory, and there relative paths are of no use.
    let whole = absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::CurDir => {}
            // At the root there is nothing above, and it stays.
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Notes a state or a log that would stand where a file is that the job is made of.
pub(super) fn check_kept(
    settings: &Settings,
    (state, log): (Option<&StateSettings>, Option<&LogSettings>),
    stack: &Stack,
    findings: &mut Findings,
) {
    let made_of = stack.files.iter().map(|path| (plain(path), path.display().to_string()));
    let ids = settings.accounts.0.iter().filter_map(|(_, account)| account.account_ids_file.written());
    let ids = ids.map(fan_out::path).map(|path| (plain(&path), path.display().to_string()));
    let read: Vec<(PathBuf, String)> = made_of.chain(ids).collect();
    let state = state.map(|state| state.files().to_vec()).unwrap_or_default();
    let log = log.map(|log| vec![(log.file.clone(), "the log")]).unwrap_or_default();
    let keys = [("state.file", settings.state.file.written(), state), ("log.file", settings.log.file.written(), log)];
    for (key, written, kept) in keys {
        let kept = kept.iter().map(|(path, what)| (plain(path), what));
        let found = kept.into_iter().find_map(|(path, what)| {
            let (_, name) = read.iter().find(|(other, _)| *other == path)?;
            Some((what, name))
        });
        let (Some((what, name)), Some(written)) = (found, written) else {
            continue;
        };
        // The defaults are never to blame: then it is the job file that stands in the wrong place.
        let whole = Blame { key: Some(key.to_owned()), ..stack.job.clone() };
        let blame = if written.blame.source.origin == Origin::Defaults { &whole } else { &written.blame };
        let message = format!("{what} and {}, which the job is made of, would be one file", quoted(name));
        findings.refuse(blame, Refusal::new(message).hint(format!("set `{key}` to another path")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_what_they_say() {
        let here = std::env::current_dir().unwrap();
        for (left, right) in
            [("a/b", "./a//b"), ("a/../a/b", "a/b"), ("a/x/../../b", "b"), ("/../../a", "/a"), ("a/./b/.", "a/b")]
        {
            assert!(is_one_file(Path::new(left), Path::new(right)), "{left} {right}");
            assert!(is_one_file(&here.join(left), Path::new(right)), "{left} {right}");
        }
        for (left, right) in [("a/b", "a/B"), ("a", "a/b"), ("../a", "a"), ("/a", "a")] {
            assert!(!is_one_file(Path::new(left), Path::new(right)), "{left} {right}");
        }
    }
}
