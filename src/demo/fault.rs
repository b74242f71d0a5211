//! What goes wrong on purpose, and when.
//!
//! Responsible for naming the kinds of faults, for drawing one per list request, and for breaking
//! XML. It leaves carrying a fault out to `server` and `reply`. Invariant: the draw depends on the
//! seed and the list request's ordinal alone.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::hash::{mix, seed_of};

/// A kind of fault that list requests can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// Status 500 with code `InternalError`.
    #[serde(rename = "500")]
    InternalError,
    /// Status 503 with code `SlowDown`.
    #[serde(rename = "503")]
    SlowDown,
    /// The connection is closed without any answer.
    Reset,
    /// The connection is closed after half of the announced body.
    Truncated,
    /// A whole body with a broken element in its middle.
    Malformed,
    /// Status 200 with an `Error` document of code `InternalError`.
    Error200,
    /// The body in 16 pieces with pauses between them.
    Slow,
    /// Half of the body, then nothing until the client goes away.
    Stalled,
}

impl FaultKind {
    /// All kinds, in the order in which the knob documents them.
    pub const ALL: [Self; 8] = [
        Self::InternalError,
        Self::SlowDown,
        Self::Reset,
        Self::Truncated,
        Self::Malformed,
        Self::Error200,
        Self::Slow,
        Self::Stalled,
    ];

    /// The kinds that cost the client no patience: all but `slow` and `stalled`.
    pub const DEFAULT: [Self; 6] =
        [Self::InternalError, Self::SlowDown, Self::Reset, Self::Truncated, Self::Malformed, Self::Error200];

    fn name(self) -> &'static str {
        match self {
            Self::InternalError => "500",
            Self::SlowDown => "503",
            Self::Reset => "reset",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Error200 => "error200",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// Decides which list requests fail, and how.
#[derive(Debug)]
pub(super) struct FaultPlan {
    seed: u64,
    /// Requests whose draw is below this fail: the rate in units of 2^-53.
    threshold: u64,
    kinds: Vec<FaultKind>,
}

impl FaultPlan {
    /// `rate` is between 0 and 1.
    pub(super) fn new(seed: u64, rate: f64, kinds: Vec<FaultKind>) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "2^53 is exact in `f64`, and a share of it is not negative"
        )]
        let threshold = (rate * (1_u64 << 53) as f64) as u64;
        Self { seed: seed_of(seed, "faults"), threshold, kinds }
    }

    /// The fault of the list request with this ordinal, if it is to have one.
    pub(super) fn draw(&self, ordinal: u64) -> Option<FaultKind> {
        let bits = mix(self.seed, ordinal);
        if bits >> 11 >= self.threshold || self.kinds.is_empty() {
            return None;
        }
        let choice = mix(bits, ordinal) % self.kinds.len() as u64;
        usize::try_from(choice).ok().and_then(|index| self.kinds.get(index)).copied()
    }
}

/// The same number of bytes, with the first closing tag of the second half turned into an opening
/// bracket too many: not well-formed, yet plausible before and behind.
pub(super) fn malformed(body: &Bytes) -> Bytes {
    let mut broken = body.to_vec();
    let middle = broken.len() / 2;
    if let Some(offset) = memchr::memmem::find(&broken[middle..], b"</") {
        broken[middle + offset + 1] = b'<';
    }
    broken.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(
                serde_json::to_string(&kind).unwrap(),
                format!("\"{kind}\""),
                "the JSON of the counters uses the knob's names"
            );
        }
        assert_eq!("501".parse::<FaultKind>(), Err(()));
    }

    #[test]
    fn the_rate_is_kept_and_every_kind_drawn() {
        let plan = FaultPlan::new(7, 0.1, FaultKind::ALL.to_vec());
        let drawn: Vec<FaultKind> = (0..10_000).filter_map(|n| plan.draw(n)).collect();
        assert!((900..1_100).contains(&drawn.len()), "{}", drawn.len());
        for kind in FaultKind::ALL {
            assert!(drawn.contains(&kind), "{kind}");
        }
    }

    #[test]
    fn none_and_all() {
        let never = FaultPlan::new(7, 0.0, FaultKind::ALL.to_vec());
        let always = FaultPlan::new(7, 1.0, vec![FaultKind::Reset]);
        for ordinal in 0..1_000 {
            assert_eq!(never.draw(ordinal), None);
            assert_eq!(always.draw(ordinal), Some(FaultKind::Reset));
        }
    }

    #[test]
    fn seeds_give_plans_of_their_own() {
        let draws = |seed| {
            let plan = FaultPlan::new(seed, 0.5, FaultKind::ALL.to_vec());
            (0..100).map(|n| plan.draw(n)).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn malformed_keeps_the_length() {
        let body = Bytes::from_static(b"<a><b>1</b><b>2</b></a>");
        let broken = malformed(&body);
        assert_eq!(broken.len(), body.len());
        assert_eq!(&broken[..], b"<a><b>1</b><b>2<<b></a>");
    }
}
