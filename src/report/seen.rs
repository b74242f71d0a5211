//! What a run saw of each bucket, read back from its `buckets.csv`: what the next one may expect.
//!
//! Owns that a table that is gone, or that somebody changed, costs an estimate and nothing else.

use crate::event::Verdict;
use crate::plan::{Known, KnownBucket};
use jiff::Timestamp;
use serde::Deserialize;
use std::path::Path;

/// The columns that are read; there are others.
#[derive(Deserialize)]
struct Row {
    account: String,
    bucket: String,
    verdict: Verdict,
    objects: u64,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
}

/// The buckets that the run in `folder` has listed to their ends.
#[must_use]
pub fn seen(folder: &Path) -> Known {
    let Ok(mut reader) = csv::Reader::from_path(folder.join("buckets.csv")) else {
        return Known::new();
    };
    let rows = reader.deserialize::<Row>().filter_map(Result::ok).filter(|row| row.verdict == Verdict::Complete);
    rows.map(|row| {
        let seconds = row.started.zip(row.ended).map(|(started, ended)| ended.duration_since(started).as_secs_f64());
        ((row.account, row.bucket), KnownBucket { objects: row.objects, seconds })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_buckets_are_known_and_a_table_that_is_none_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(seen(folder.path()).is_empty());
        let table = "account,bucket,region,verdict,reason,objects,rows,started,ended\n\
            a,one,us-east-1,complete,,1200,7,2026-11-22T11:45:00Z,2026-11-22T11:45:02.5Z\n\
            a,two,us-east-1,denied,\"AccessDenied, so\",0,0,2026-11-22T11:45:00Z,2026-11-22T11:45:01Z\n\
            a,three,us-east-1,complete,,many,0,,\n\
            b,one,us-east-1,complete,,3,3,,\n";
        #[expect(clippy::disallowed_methods, reason = "nobody else reads the file yet")]
        std::fs::write(folder.path().join("buckets.csv"), table).unwrap();
        let name = |account: &str, bucket: &str| (account.to_owned(), bucket.to_owned());
        let expected = [
            (name("a", "one"), KnownBucket { objects: 1200, seconds: Some(2.5) }),
            (name("b", "one"), KnownBucket { objects: 3, seconds: None }),
        ];
        assert_eq!(seen(folder.path()), Known::from(expected));
    }
}
