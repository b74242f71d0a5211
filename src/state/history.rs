//! What the runs of a job learnt of its buckets: how much there is, how long it took, and keys that
//! part it evenly. Hints for the next run, and nothing else.
//!
//! Owns the shape of the file and its bound: so many keys over the whole job. A file of a newer version
//! is refused and left alone. Nothing that a run writes depends on what stands here.

use super::StateError;
use crate::output::{FileError, replace};
use crate::s3::Key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "s3scan-history";
const VERSION: u32 = 1;
/// Keys over all buckets of a job.
pub const MOST_KEYS: usize = 16_384;

/// What is known of the buckets of a job, by the names of account and bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The buckets.
    pub buckets: BTreeMap<(String, String), BucketHistory>,
}

/// What is known of a bucket, as far as the job asks for its keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BucketHistory {
    /// Objects that its last complete listing saw.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Requests it took.
    pub requests: u64,
    /// How long the last listing took that one invocation did from its begin to its end, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How long a page of it took the last time, in seconds, waiting for pace apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_seconds: Option<f64>,
    /// Its share of how long the last time nothing was listed, for files were put together and published,
    /// in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_seconds: Option<f64>,
    /// Whether the store had it asked more slowly the last time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Keys in order, with about as many objects between each two; none of a small bucket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct HistoryFile {
    format: String,
    version: u32,
    tool: String,
    job: String,
    /// Which keys the job asked for.
    scope: String,
    buckets: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    account: String,
    bucket: String,
    #[serde(flatten)]
    known: BucketHistory,
}

impl History {
    /// Where the history of a job lies that keeps its state in this file.
    #[must_use]
    pub fn file(state_file: &Path) -> PathBuf {
        state_file.with_extension("history.json")
    }

    /// Reads what is known; nothing where there is no file, or where it is of another job or of other
    /// keys than those of `scope`.
    ///
    /// # Errors
    /// When the file cannot be read, is not a history, or one of a newer version.
    pub fn load(path: &Path, job: &str, scope: &str) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(FileError::at("read", path))?,
        };
        let corrupt = |reason: &str| StateError::NoHistory { path: path.to_owned(), reason: reason.to_owned() };
        let head: Head = serde_json::from_slice(&text).map_err(|error| corrupt(&error.to_string()))?;
        if head.format != FORMAT {
            return Err(corrupt(&format!("its format is `{}`, not `{FORMAT}`", head.format)));
        }
        if head.version > VERSION {
            return Err(StateError::Newer { path: path.to_owned(), version: head.version, known: VERSION });
        }
        let file: HistoryFile = serde_json::from_slice(&text).map_err(|error| corrupt(&error.to_string()))?;
        if (file.job.as_str(), file.scope.as_str()) != (job, scope) {
            return Ok(Self::default());
        }
        let buckets = file.buckets.into_iter().map(|entry| ((entry.account, entry.bucket), entry.known));
        Ok(Self { buckets: buckets.collect() })
    }

    /// Replaces the file, durably. Of more keys than there may be, as many stay with each bucket as it
    /// has a share in the objects.
    ///
    /// # Errors
    /// As the file system says; the old history then stands.
    pub fn save(mut self, path: &Path, job: &str, scope: &str) -> Result<(), StateError> {
        fit(self.buckets.values_mut().map(|known| (known.objects, &mut known.keys)).collect(), MOST_KEYS);
        let entry = |((account, bucket), known)| Entry { account, bucket, known };
        let file = HistoryFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            job: job.to_owned(),
            scope: scope.to_owned(),
            buckets: self.buckets.into_iter().map(entry).collect(),
        };
        let mut text =
            serde_json::to_vec_pretty(&file).map_err(io::Error::from).map_err(FileError::at("write", path))?;
        text.push(b'\n');
        replace(path, &text, |_| {})?;
        Ok(())
    }
}

/// Thins out lists of keys, each of so many objects, until they have at most `most` keys together: all
/// to the same number of objects for a key, but for those that have fewer keys anyway.
pub fn fit(lists: Vec<(u64, &mut Vec<Key>)>, most: usize) {
    let share = |objects: u64, keys: usize, every: u64| usize::try_from(objects / every).unwrap_or(keys).min(keys);
    let mut every = 1_u64;
    while lists.iter().map(|(objects, keys)| share(*objects, keys.len(), every)).sum::<usize>() > most {
        every = every.saturating_add(every / 4).saturating_add(1);
    }
    for (objects, keys) in lists {
        let to = share(objects, keys.len(), every);
        // Where a list has more keys than its bucket has objects, nobody knows what it is.
        if to < keys.len() {
            *keys = thinned(keys, to);
        }
    }
}

/// So many of the keys, evenly spaced.
#[must_use]
pub fn thinned(keys: &[Key], to: usize) -> Vec<Key> {
    let to = to.min(keys.len());
    (1..=to).map(|number| keys[number * (keys.len() + 1) / (to + 1) - 1].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> Vec<Key> {
        (0..count).map(|number| Key::from(format!("{number:06}").as_str())).collect()
    }

    fn bucket(objects: u64, count: usize) -> BucketHistory {
        BucketHistory {
            objects,
            bytes: 7,
            requests: 3,
            seconds: Some(1.5),
            page_seconds: Some(0.05),
            finish_seconds: Some(0.01),
            held: true,
            keys: keys(count),
        }
    }

    fn name(bucket: &str) -> (String, String) {
        ("a".to_owned(), bucket.to_owned())
    }

    #[test]
    fn a_history_comes_back_as_it_was_saved_and_only_to_its_own_job() {
        let folder = tempfile::tempdir().unwrap();
        let path = History::file(&folder.path().join("job.json"));
        assert!(path.ends_with("job.history.json"));
        assert_eq!(History::load(&path, "job", "[]").unwrap(), History::default());
        let odd =
            BucketHistory { keys: vec![Key::from("a\n\""), Key::from(&b"\xff"[..])], seconds: None, ..bucket(9, 0) };
        let history = History { buckets: BTreeMap::from([(name("one"), bucket(9_000, 2)), (name("two"), odd)]) };
        history.clone().save(&path, "job", "[]").unwrap();
        assert_eq!(History::load(&path, "job", "[]").unwrap(), history);
        assert_eq!(History::load(&path, "other", "[]").unwrap(), History::default());
        assert_eq!(History::load(&path, "job", "[\"logs/\"]").unwrap(), History::default(), "of other keys");
    }

    #[test]
    fn what_is_no_history_or_a_newer_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            let path = folder.path().join("job.history.json");
            replace(&path, text.as_bytes(), |_| {}).unwrap();
            History::load(&path, "job", "[]")
        };
        for text in
            ["", "[]", "{\"format\": \"other\", \"version\": 1}", "{\"format\": \"s3scan-history\", \"version\": 1}"]
        {
            assert!(matches!(load(text), Err(StateError::NoHistory { .. })), "{text}");
        }
        let newer = load("{\"format\": \"s3scan-history\", \"version\": 2, \"shape\": []}");
        assert!(matches!(newer, Err(StateError::Newer { version: 2, known: VERSION, .. })));
    }

    #[test]
    fn keys_are_shared_by_objects_and_stay_evenly_spaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.history.json");
        let all = [("giant", 90_000_000, 40_000), ("large", 9_000_000, 2_000), ("small", 10_000, 1), ("empty", 0, 0)];
        let buckets = all.map(|(bucket_name, objects, count)| (name(bucket_name), bucket(objects, count)));
        History { buckets: BTreeMap::from(buckets) }.save(&path, "job", "[]").unwrap();
        let kept = History::load(&path, "job", "[]").unwrap().buckets;
        let count = |bucket: &str| kept[&name(bucket)].keys.len();
        let all = count("giant") + count("large") + count("small");
        assert!(all <= MOST_KEYS && all > MOST_KEYS * 3 / 4, "{all}");
        assert!((9..=11).contains(&(count("giant") / count("large"))), "{} {}", count("giant"), count("large"));
        assert!(kept.values().all(|known| known.keys.is_sorted()));
        assert_eq!(thinned(&keys(9), 1), [Key::from("000004")]);
        assert_eq!(thinned(&keys(9), 4), ["000001", "000003", "000005", "000007"].map(Key::from));
        assert_eq!(thinned(&keys(3), 5), keys(3));
    }
}
