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

/// Whether requests to an endpoint are billed by AWS: to its own, and to others of its domains, such as
/// VPC endpoints.
#[must_use]
pub fn is_aws(endpoint_url: Option<&str>) -> bool {
    let Some(url) = endpoint_url else {
        return true;
    };
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default().to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].into_iter().any(|domain| host.ends_with(domain))
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
        for endpoint in [
            None,
            Some("https://bucket.vpce-1a2b.s3.{region}.vpce.amazonaws.com"),
            Some("https://s3.cn-north-1.amazonaws.com.cn:443/x"),
        ] {
            assert!(is_aws(endpoint), "{endpoint:?}");
        }
        for endpoint in
            ["demo:", "http://127.0.0.1:9000", "https://amazonaws.com.example.com", "https://x.test/.amazonaws.com"]
        {
            assert!(!is_aws(Some(endpoint)), "{endpoint}");
        }
        assert_eq!(estimate(None).usd, None);
        assert_eq!(estimate(Some(0)).usd, Some(0.0));
        assert_eq!(estimate(Some(1_000)).usd, Some(0.005));
        assert_eq!(estimate(Some(2_000_001)).usd, Some(10.000_005));
    }
}
