//! What requests cost.
//!
//! Responsible for the table `[pricing]`. It leaves to the report which requests are billed. It owns
//! the invariant that a price is a number of dollars, and never a debt.

use serde_json::{Value as Json, json};

use super::problem::Refusal;
use super::read::{Found, Key, Readable, table};

/// The largest price of 1,000 requests, in dollars: beyond it a decimal point was forgotten.
const MOST: u32 = 1000;

table! {
    /// What requests cost, for the estimates in plans, progress and summaries.
    pub(super) struct PricingFile {
        /// US dollars for 1,000 LIST requests. The default is the list price of S3 Standard in `us-east-1`. Requests to
        /// stores other than AWS's have no price, whatever stands here.
        #[schemars(example = 0.0055)]
        list_per_1000: Key<Price>,
    }
}

/// A price in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Price(f64);

impl Readable for Price {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let allowed = "a price in dollars from 0 to 1000";
        let price = found.number(allowed)?;
        if (0.0..=f64::from(MOST)).contains(&price) { Ok(Self(price)) } else { Err(found.expected(allowed)) }
    }

    fn schema() -> Json {
        json!({ "type": "number", "minimum": 0, "maximum": MOST })
    }
}

/// What requests cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pricing {
    /// US dollars for 1,000 LIST requests.
    pub list_per_1000: f64,
}

impl Pricing {
    pub(super) fn check(file: &PricingFile) -> Option<Self> {
        Some(Self { list_per_1000: file.list_per_1000.value()?.0 })
    }
}
