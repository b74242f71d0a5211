//! What the requests of a run cost, as far as list prices tell.
//!
//! Owns that no price is told where none is known: stores that are not AWS's have none here.

use super::tables::BucketResult;
use super::totals::RunTotals;
use crate::scan::ScanOutcome;
use crate::state::FinishedEntry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An estimate of what the requests of a run cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriceEstimate {
    /// US dollars; `null` where no request went to AWS.
    pub usd: Option<f64>,
    /// The requests that are taken to be billed.
    pub billable_requests: u64,
    /// US dollars for 1,000 of them.
    pub usd_per_1000_requests: f64,
    /// What the estimate rests on.
    pub basis: String,
}

/// The estimate for so many billable requests, at this price for 1,000; `None` where no account is
/// AWS's.
#[must_use]
pub fn estimate(billable: Option<u64>, usd_per_1000: f64) -> PriceEstimate {
    let basis = match billable {
        None => "no account is at an endpoint of AWS: what its requests cost is not known",
        Some(_) => {
            "the price of 1,000 LIST requests in `pricing.list_per_1000`. Answers that asked to slow down are not billed and not \
             counted; other failed attempts are counted, and so are all requests for finding buckets. Requests for \
             buckets in other stores are not"
        }
    };
    PriceEstimate {
        usd: billable.map(|requests| usd(requests, usd_per_1000)),
        billable_requests: billable.unwrap_or(0),
        usd_per_1000_requests: usd_per_1000,
        basis: basis.to_owned(),
    }
}

/// The requests that AWS bills, as far as is known; `None` where it bills none. Requests for finding
/// buckets are not told apart by account. `withdrawn` are the verdicts of buckets that were listed again.
#[must_use]
pub fn billable(
    outcome: &ScanOutcome,
    results: &[BucketResult],
    billed: &[bool],
    withdrawn: &[FinishedEntry],
    totals: &RunTotals,
) -> Option<u64> {
    if !billed.contains(&true) {
        return None;
    }
    let is_billed = |place: usize| {
        let account = outcome.buckets[place].entry.account as usize;
        billed.get(account).copied().unwrap_or(false)
    };
    let sent = |requests: u64, throttles: u64| requests.saturating_sub(throttles);
    let results = results.iter().enumerate().map(|(place, result)| (place, result.effort));
    let earlier = withdrawn.iter().map(|entry| (entry.bucket as usize, entry.effort));
    let elsewhere = results.chain(earlier).filter(|(place, _)| !is_billed(*place));
    let elsewhere: u64 = elsewhere.map(|(_, effort)| sent(effort.requests, effort.throttles)).sum();
    Some(sent(totals.requests, totals.throttles).saturating_sub(elsewhere))
}

/// What so many requests cost in dollars, to a millionth.
#[must_use]
pub fn usd(requests: u64, usd_per_1000: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate, and exact up to 2^53 requests")]
    let millionths = requests as f64 * usd_per_1000 * 1e3;
    millionths.round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_to_aws_have_a_price() {
        assert_eq!(estimate(None, 0.005).usd, None);
        assert_eq!(estimate(Some(0), 0.005).usd, Some(0.0));
        assert_eq!(estimate(Some(1_000), 0.005).usd, Some(0.005));
        assert_eq!(estimate(Some(2_000_001), 0.005).usd, Some(10.000_005));
        assert_eq!(estimate(Some(1_000), 0.0055).usd, Some(0.0055));
    }
}
