//! What a failure means for its bucket. Pure.

use crate::event::Verdict;
use crate::job::OnDenied;
use crate::s3::{Failure, FailureKind};

/// What is to become of a bucket whose listing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its final verdict.
    Final(Verdict),
    /// It stays unfinished, and a rerun goes on with it.
    Halted(Verdict),
    /// It is listed anew, by token and without relying on order.
    Restart,
    /// The account's credentials do not work: all its buckets stay unfinished.
    AccountLost,
}

/// Decides by the failure, by whether the bucket is named literally, and by whether it was listed in
/// order so far.
#[must_use]
pub fn fate(failure: &Failure, literal: bool, ordered: bool, on_denied: OnDenied) -> Fate {
    match failure.kind {
        FailureKind::Denied if on_denied == OnDenied::Skip && !literal => Fate::Final(Verdict::Skipped),
        FailureKind::Denied => Fate::Final(Verdict::Denied),
        FailureKind::Missing => Fate::Final(Verdict::Missing),
        // Redirects are followed, and credentials renewed, before it gets here.
        FailureKind::Moved(_) | FailureKind::Redirected(_) => Fate::Final(Verdict::Moved),
        FailureKind::Untrusted if ordered => Fate::Restart,
        FailureKind::Untrusted | FailureKind::Refused | FailureKind::Encoding(_) => Fate::Final(Verdict::Failed),
        FailureKind::Throttled => Fate::Halted(Verdict::Throttled),
        FailureKind::Transient | FailureKind::Timeout | FailureKind::Unreachable | FailureKind::NotS3 => {
            Fate::Halted(Verdict::Failed)
        }
        FailureKind::Identity | FailureKind::Renewed { .. } => Fate::AccountLost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: FailureKind, literal: bool, ordered: bool, on_denied: OnDenied) -> Fate {
        fate(&Failure::local(kind, String::new()), literal, ordered, on_denied)
    }

    #[test]
    fn only_a_bucket_that_was_not_asked_for_by_name_is_skipped() {
        use FailureKind::Denied;
        assert_eq!(of(Denied, false, true, OnDenied::Skip), Fate::Final(Verdict::Skipped));
        assert_eq!(of(Denied, true, true, OnDenied::Skip), Fate::Final(Verdict::Denied));
        assert_eq!(of(Denied, false, true, OnDenied::Fail), Fate::Final(Verdict::Denied));
    }

    #[test]
    fn disorder_gets_one_more_chance() {
        assert_eq!(of(FailureKind::Untrusted, false, true, OnDenied::Fail), Fate::Restart);
        assert_eq!(of(FailureKind::Untrusted, false, false, OnDenied::Fail), Fate::Final(Verdict::Failed));
    }

    #[test]
    fn what_may_pass_leaves_the_bucket_unfinished() {
        for kind in [FailureKind::Transient, FailureKind::Timeout, FailureKind::Unreachable, FailureKind::NotS3] {
            assert_eq!(of(kind, true, true, OnDenied::Fail), Fate::Halted(Verdict::Failed));
        }
        assert_eq!(of(FailureKind::Throttled, true, true, OnDenied::Fail), Fate::Halted(Verdict::Throttled));
        assert_eq!(of(FailureKind::Identity, true, true, OnDenied::Fail), Fate::AccountLost);
    }
}
