//! What the requests of a run cost, as far as list prices tell.
//!
//! Owns that no price is told where none is known: stores that are not AWS's have none here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// US dollars for 1,000 LIST requests: S3's list price in `us-east-1`, as published in November 2026
/// at <https://aws.amazon.com/s3/pricing/>. Other regions differ by a few tenths of a cent.
pub const USD_PER_1000_REQUESTS: f64 = 0.005;

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

/// The estimate for so many billable requests; `None` where no account is AWS's.
#[must_use]
pub fn estimate(billable: Option<u64>) -> PriceEstimate {
    let basis = match billable {
        None => "no account is at an endpoint of AWS: what its requests cost is not known",
        Some(_) => {
            "S3's list price for LIST requests in us-east-1. Answers that asked to slow down are not billed and not \
             counted; other failed attempts are counted, and so are all requests for finding buckets. Requests for \
             buckets in other stores are not"
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "an estimate, and exact up to 2^53 requests")]
    let usd = |requests: u64| (requests as f64 * USD_PER_1000_REQUESTS * 1e3).round() / 1e6;
    PriceEstimate {
        usd: billable.map(usd),
        billable_requests: billable.unwrap_or(0),
        usd_per_1000_requests: USD_PER_1000_REQUESTS,
        basis: basis.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_to_aws_have_a_price() {
        assert_eq!(estimate(None).usd, None);
        assert_eq!(estimate(Some(0)).usd, Some(0.0));
        assert_eq!(estimate(Some(1_000)).usd, Some(0.005));
        assert_eq!(estimate(Some(2_000_001)).usd, Some(10.000_005));
    }
}
