//! What an account learns of regions while it is asked: where buckets turned out to be, and in which
//! regions its credentials are good.
//!
//! Owns that a store which names another region is followed there once, and that a region which does
//! not take the account's credentials is not mistaken for credentials that are bad everywhere.

use super::failure::{Failure, FailureKind};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is learnt of regions. Small: only buckets that were moved are noted.
#[derive(Debug, Default)]
pub(super) struct Regions(Mutex<Learnt>);

#[derive(Debug, Default)]
struct Learnt {
    /// Where buckets are that were asked for elsewhere; the empty name stands for the list of buckets.
    moved: HashMap<String, String>,
    /// Where a request succeeded.
    good: HashSet<String>,
}

impl Regions {
    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The region to ask for a bucket in, which is thought to be in `region`.
    pub fn of(&self, bucket: &str, region: &str) -> String {
        self.learnt().moved.get(bucket).map_or(region, String::as_str).to_owned()
    }

    /// The credentials were good in a region.
    pub fn accept(&self, region: &str) {
        let mut learnt = self.learnt();
        if !learnt.good.contains(region) {
            learnt.good.insert(region.to_owned());
        }
    }

    /// What a failure means that came from `asked`: it is to be asked again in another region, or is the
    /// region's rather than the account's.
    pub fn judge(&self, bucket: &str, asked: &str, failure: Failure) -> Failure {
        let mut learnt = self.learnt();
        match &failure.kind {
            FailureKind::Moved(Some(named)) if named != asked => {
                let known = learnt.moved.get(bucket);
                if known.is_some_and(|known| known != named) {
                    return failure;
                }
                let named = named.clone();
                learnt.moved.insert(bucket.to_owned(), named.clone());
                Failure { kind: FailureKind::Redirected(named), ..failure }
            }
            FailureKind::Identity if failure.is_of_key() && !learnt.good.contains(asked) && !learnt.good.is_empty() => {
                let message = format!(
                    "the region `{asked}` does not take the account's credentials, which are good in others: {}",
                    failure.message
                );
                Failure { kind: FailureKind::Denied, message, ..failure }
            }
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(region: &str) -> Failure {
        Failure::local(FailureKind::Moved(Some(region.to_owned())), String::new())
    }

    #[test]
    fn a_region_that_is_named_is_followed_once_and_remembered() {
        let regions = Regions::default();
        assert_eq!(regions.of("b", "here"), "here");
        assert_eq!(regions.judge("b", "here", moved("there")).kind, FailureKind::Redirected("there".to_owned()));
        assert_eq!(regions.of("b", "here"), "there");
        assert_eq!(regions.of("c", "here"), "here");
        // Another worker of the bucket had asked before it was known.
        assert_eq!(regions.judge("b", "here", moved("there")).kind, FailureKind::Redirected("there".to_owned()));
        for named in ["here", "elsewhere", "there"] {
            let failure = regions.judge("b", "there", moved(named));
            assert_eq!(failure.kind, FailureKind::Moved(Some(named.to_owned())), "{named}");
        }
        let unnamed = Failure::local(FailureKind::Moved(None), String::new());
        assert_eq!(regions.judge("c", "here", unnamed).kind, FailureKind::Moved(None));
    }

    #[test]
    fn a_region_without_the_account_is_not_an_account_without_credentials() {
        let failure = |code: &str| Failure {
            code: Some(code.to_owned()),
            ..Failure::local(FailureKind::Identity, "no such key".to_owned())
        };
        let regions = Regions::default();
        assert_eq!(regions.judge("b", "away", failure("InvalidAccessKeyId")).kind, FailureKind::Identity);
        regions.accept("home");
        let judged = regions.judge("b", "away", failure("InvalidAccessKeyId"));
        assert_eq!(judged.kind, FailureKind::Denied);
        assert!(judged.message.contains("`away`") && judged.message.contains("no such key"), "{judged}");
        assert_eq!(regions.judge("b", "home", failure("InvalidAccessKeyId")).kind, FailureKind::Identity);
        assert_eq!(regions.judge("b", "away", failure("ExpiredToken")).kind, FailureKind::Identity);
        regions.accept("away");
        assert_eq!(regions.judge("b", "away", failure("InvalidToken")).kind, FailureKind::Identity);
    }
}
