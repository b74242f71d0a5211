//! Places: the final paths of a bucket's files, from the job's template.
//!
//! Owns the escaping of names that come from a server, and the tests that no two buckets share a path
//! on a file system that ignores case, and that no file of a bucket gets in the way of another file
//! of the program. What stands at a place from earlier runs is `standing`'s affair.

use super::standing::Standing;
use crate::job::{PathPiece, PathTemplate, PathToken};
use std::fmt::Write as _;
use std::path::{self, Path, PathBuf};

/// What the tokens of a template stand for.
#[derive(Clone, Debug, Default)]
pub struct PlaceValues<'run> {
    /// The job's name.
    pub job: &'run str,
    /// The run's id.
    pub run: &'run str,
    /// The run's UTC date, `2026-11-22`.
    pub date: &'run str,
    /// The account's name in the job.
    pub account: &'run str,
    /// The AWS account id, where known.
    pub account_id: &'run str,
    /// The bucket's name, as the server gave it.
    pub bucket: &'run str,
    /// The bucket's region, as the server gave it.
    pub region: &'run str,
    /// The extension, without a dot before it: `csv.gz`.
    pub ext: &'run str,
}

/// Where the files of one bucket go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    before_part: String,
    after_part: String,
    /// Only where the path lacks `{run}`; few jobs have such paths, and every bucket has a place.
    standing: Option<Box<Standing>>,
}

impl Place {
    /// Fills in a template for one bucket.
    #[must_use]
    pub fn new(template: &PathTemplate, values: &PlaceValues<'_>) -> Self {
        let mut before_part = String::new();
        let mut after_part = None;
        for piece in template.pieces() {
            let text = match piece {
                PathPiece::Literal(text) => text.clone(),
                PathPiece::Token(token) => match token {
                    PathToken::Job => safe_name(values.job),
                    PathToken::Run => safe_name(values.run),
                    PathToken::Account => safe_name(values.account),
                    PathToken::AccountId => safe_name(values.account_id),
                    PathToken::Bucket => safe_name(values.bucket),
                    PathToken::Region => safe_name(values.region),
                    PathToken::Date => values.date.to_owned(),
                    PathToken::Ext => values.ext.to_owned(),
                    PathToken::Part if after_part.is_none() => {
                        after_part = Some(String::new());
                        continue;
                    }
                    // A template may name the part in the folder and in the file; one is enough to
                    // keep files apart, and both must say the same.
                    PathToken::Part => "{part}".to_owned(),
                },
            };
            after_part.as_mut().unwrap_or(&mut before_part).push_str(&text);
        }
        let standing = Standing::of(template, values).map(Box::new);
        Self { before_part, after_part: after_part.unwrap_or_default(), standing }
    }

    /// Where it is noted which files of earlier runs stand here; `None` where every run has paths of
    /// its own.
    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        self.standing.as_deref()
    }

    /// The path of the file with the number `part`, from 1.
    #[must_use]
    pub fn file(&self, part: u64) -> PathBuf {
        let number = part.to_string();
        PathBuf::from(format!("{}{number}{}", self.before_part, self.after_part.replace("{part}", &number)))
    }

    /// Whether a file of the bucket would get in the way of `other`, be it a file or a folder: by its
    /// name, by lying inside, or by being a folder where the other has to be a file. Without regard to
    /// case.
    #[must_use]
    pub fn meets(&self, other: &Path) -> bool {
        let caseless = |path: &Path| {
            let absolute = path::absolute(path).unwrap_or_else(|_| path.to_owned());
            PathBuf::from(absolute.to_string_lossy().to_lowercase())
        };
        let (first, other) = (caseless(&self.file(1)), caseless(other));
        let is_same = |part: u64| caseless(&self.file(part)) == other;
        first.starts_with(&other) || other.starts_with(&first) || numbers(&other).any(is_same)
    }

    /// What two buckets must not have in common: the first file's path, without regard to case.
    #[must_use]
    pub fn collision_key(&self) -> String {
        self.file(1).to_string_lossy().to_lowercase()
    }
}

/// The numbers that stand in a path, as files count them.
fn numbers(path: &Path) -> impl Iterator<Item = u64> {
    let text = path.to_string_lossy().into_owned();
    let runs: Vec<u64> =
        text.split(|character: char| !character.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    runs.into_iter()
}

/// A name as one component of a path: letters, digits, `.`, `-` and `_` stay, anything else becomes
/// `%XX`, and so does a leading dot. Different names stay different.
#[must_use]
pub fn safe_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte == b'.' && at > 0 {
            safe.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    if safe.is_empty() { "%".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn names_from_servers_cannot_leave_their_folder() {
        assert_eq!(safe_name("../../etc"), "%2E.%2F..%2Fetc");
        assert_eq!(safe_name(".."), "%2E.");
        assert_eq!(safe_name("a\n\0b"), "a%0A%00b");
        assert_eq!(safe_name("plain-bucket.name_1"), "plain-bucket.name_1");
    }

    fn place(template: &str, bucket: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, format!("version = 1\n[output]\npath = '{template}'\n")).unwrap();
        let job = crate::job::load(&crate::job::Request::of(&path)).unwrap();
        let values = PlaceValues { job: "x", run: "r", bucket, ext: "csv", ..PlaceValues::default() };
        Place::new(&job.output.path, &values)
    }

    #[test]
    fn files_that_would_get_in_the_way_are_found() {
        for (template, bucket, other) in [
            ("data/{job}/{bucket}/{part}.csv", "latest.json", "data/x/latest.json"),
            ("state/{bucket}_{part}.json", "x", "./state/x_12.json"),
            ("state/{bucket}_{part}.json", "x", "state/X_1.json"),
            ("data/{job}/r/{bucket}_{part}.csv", "b", "data/x/r"),
            ("data/{job}/{run}/.parts/{bucket}_{part}.csv", "b", "data/x/r/.parts"),
        ] {
            assert!(place(template, bucket).meets(Path::new(other)), "{template}");
        }
        for (template, bucket, other) in [
            ("data/{job}/{bucket}/{part}.csv", "latest", "data/x/latest.json"),
            ("state/{bucket}_{part}.json", "x", "state/x_012.json"),
            ("state/{bucket}_{part}.json", "x", "state/x.json"),
            ("data/{job}/{bucket}_{part}.csv", "b", "data/x/r"),
        ] {
            assert!(!place(template, bucket).meets(Path::new(other)), "{template}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_component_and_its_own(first in ".{0,20}", second in ".{0,20}") {
            let safe = safe_name(&first);
            let components: Vec<_> = Path::new(&safe).components().collect();
            prop_assert!(matches!(components.as_slice(), [Component::Normal(_)]));
            prop_assert_eq!(first == second, safe == safe_name(&second));
        }
    }
}
