//! The text that describes a synthetic endpoint.
//!
//! Responsible for parsing `demo:?knob=value&...` and for writing it back canonically. It leaves to
//! others what the knobs bring about. Invariant: a [`Spec`] is valid whatever its text was.

use std::fmt;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::fault::FaultKind;
use super::shape::{KeyStyle, MOST_OBJECTS};

const SCHEME: &str = "demo:";
const MOST_BUCKETS: u64 = 100_000;
const MOST_LATENCY_MS: u64 = 600_000;
const MOST_KEYS_PER_PAGE: u64 = 1_000;

const KNOBS: [&str; 16] = [
    "objects",
    "shape",
    "buckets",
    "small",
    "small_objects",
    "denied",
    "missing",
    "elsewhere",
    "disabled",
    "hostile",
    "latency_ms",
    "requests_per_second",
    "fault_rate",
    "faults",
    "seed",
    "page_size",
];

/// A synthetic endpoint as described by its knobs, all of which are optional: see the table in the
/// module's documentation. Made by parsing; its `Display` names the knobs that differ from their
/// defaults, in the table's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    pub(super) objects: u64,
    pub(super) styles: Vec<KeyStyle>,
    pub(super) buckets: u64,
    pub(super) small: u64,
    pub(super) small_objects: u64,
    pub(super) denied: u64,
    pub(super) missing: u64,
    pub(super) elsewhere: u64,
    pub(super) disabled: u64,
    pub(super) hostile: bool,
    pub(super) latency: Duration,
    pub(super) requests_per_second: Option<NonZeroU32>,
    pub(super) fault_rate: f64,
    pub(super) faults: Vec<FaultKind>,
    pub(super) seed: u64,
    pub(super) page_size: u64,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            objects: 20_000,
            styles: KeyStyle::ALL.to_vec(),
            buckets: 1,
            small: 0,
            small_objects: 100,
            denied: 0,
            missing: 0,
            elsewhere: 0,
            disabled: 0,
            hostile: false,
            latency: Duration::ZERO,
            requests_per_second: None,
            fault_rate: 0.0,
            faults: FaultKind::DEFAULT.to_vec(),
            seed: 1,
            page_size: MOST_KEYS_PER_PAGE,
        }
    }
}

/// Why a text describes no synthetic endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The text does not begin with `demo:`.
    #[error("`{text}` does not describe a demo endpoint")]
    NotADemo {
        /// The whole text.
        text: String,
    },
    /// There is no such knob.
    #[error("unknown knob `{knob}`")]
    UnknownKnob {
        /// The name as written.
        knob: String,
    },
    /// A knob is set more than once.
    #[error("knob `{knob}` is set twice")]
    Repeated {
        /// The knob's name.
        knob: String,
    },
    /// A knob cannot have this value.
    #[error("knob `{knob}` cannot be `{value}`, expected {expected}")]
    BadValue {
        /// The knob's name.
        knob: String,
        /// The value as written.
        value: String,
        /// What the knob takes.
        expected: String,
    },
}

impl SpecError {
    /// Advice on what to write instead, where the message does not say it already.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotADemo { .. } => Some("write `demo:` or `demo:?objects=1000`".to_owned()),
            Self::UnknownKnob { .. } => Some(format!("the knobs are {}", listed(KNOBS))),
            Self::Repeated { .. } | Self::BadValue { .. } => None,
        }
    }
}

fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    items.join(", ")
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let query = match text.strip_prefix(SCHEME) {
            Some("") => "",
            Some(rest) => rest.strip_prefix('?').ok_or_else(|| not_a_demo(text))?,
            None => return Err(not_a_demo(text)),
        };
        let mut spec = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (knob, value) = pair.split_once('=').unwrap_or((pair, ""));
            if seen.contains(&knob) {
                return Err(SpecError::Repeated { knob: knob.to_owned() });
            }
            seen.push(knob);
            spec.set(knob, value)?;
        }
        Ok(spec)
    }
}

fn not_a_demo(text: &str) -> SpecError {
    SpecError::NotADemo { text: text.to_owned() }
}

impl Spec {
    fn set(&mut self, knob: &str, value: &str) -> Result<(), SpecError> {
        let whole = |allowed: RangeInclusive<u64>| whole_number(knob, value, allowed);
        match knob {
            "objects" => self.objects = whole(0..=MOST_OBJECTS)?,
            "shape" => {
                self.styles = if value == "all" {
                    KeyStyle::ALL.to_vec()
                } else {
                    let style = value.parse().map_err(|()| {
                        let names = KeyStyle::ALL.map(|style| style.to_string());
                        bad(knob, value, format!("{} or `all`", listed(names)))
                    })?;
                    vec![style]
                }
            }
            "buckets" => self.buckets = whole(0..=MOST_BUCKETS)?,
            "small" => self.small = whole(0..=MOST_BUCKETS)?,
            "small_objects" => self.small_objects = whole(0..=MOST_OBJECTS)?,
            "denied" => self.denied = whole(0..=MOST_BUCKETS)?,
            "missing" => self.missing = whole(0..=MOST_BUCKETS)?,
            "elsewhere" => self.elsewhere = whole(0..=MOST_BUCKETS)?,
            "disabled" => self.disabled = whole(0..=MOST_BUCKETS)?,
            "hostile" => self.hostile = whole(0..=1)? == 1,
            "latency_ms" => self.latency = Duration::from_millis(whole(0..=MOST_LATENCY_MS)?),
            "requests_per_second" => {
                let rate = whole(0..=u64::from(u32::MAX))?;
                self.requests_per_second = u32::try_from(rate).ok().and_then(NonZeroU32::new);
            }
            "fault_rate" => {
                self.fault_rate = value
                    .parse()
                    .ok()
                    .filter(|rate| (0.0..=1.0).contains(rate))
                    .ok_or_else(|| bad(knob, value, "a number from 0 to 1".to_owned()))?;
            }
            "faults" => {
                self.faults = value.split(',').map(str::parse).collect::<Result<_, ()>>().map_err(|()| {
                    let kinds = listed(FaultKind::ALL);
                    bad(knob, value, format!("some of {kinds}, separated by commas"))
                })?;
            }
            "seed" => self.seed = whole(0..=u64::MAX)?,
            "page_size" => self.page_size = whole(1..=MOST_KEYS_PER_PAGE)?,
            _ => {
                return Err(SpecError::UnknownKnob { knob: knob.to_owned() });
            }
        }
        Ok(())
    }
}

fn whole_number(knob: &str, value: &str, allowed: RangeInclusive<u64>) -> Result<u64, SpecError> {
    value.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        let (least, most) = allowed.into_inner();
        bad(knob, value, format!("a whole number from {least} to {most}"))
    })
}

fn bad(knob: &str, value: &str, expected: String) -> SpecError {
    SpecError::BadValue { knob: knob.to_owned(), value: value.to_owned(), expected }
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        let shape = match self.styles[..] {
            [style] => style.to_string(),
            _ => "all".to_owned(),
        };
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let rate = self.requests_per_second.map_or(0, NonZeroU32::get);
        let knobs = [
            ("objects", self.objects.to_string(), self.objects == default.objects),
            ("shape", shape, self.styles == default.styles),
            ("buckets", self.buckets.to_string(), self.buckets == default.buckets),
            ("small", self.small.to_string(), self.small == default.small),
            ("small_objects", self.small_objects.to_string(), self.small_objects == default.small_objects),
            ("denied", self.denied.to_string(), self.denied == default.denied),
            ("missing", self.missing.to_string(), self.missing == default.missing),
            ("elsewhere", self.elsewhere.to_string(), self.elsewhere == default.elsewhere),
            ("disabled", self.disabled.to_string(), self.disabled == default.disabled),
            ("hostile", "1".to_owned(), !self.hostile),
            ("latency_ms", self.latency.as_millis().to_string(), self.latency == default.latency),
            ("requests_per_second", rate.to_string(), rate == 0),
            ("fault_rate", self.fault_rate.to_string(), self.fault_rate <= 0.0),
            ("faults", faults.join(","), self.faults == default.faults),
            ("seed", self.seed.to_string(), self.seed == default.seed),
            ("page_size", self.page_size.to_string(), self.page_size == default.page_size),
        ];
        formatter.write_str(SCHEME)?;
        let mut separator = '?';
        for (knob, value, _) in knobs.iter().filter(|(_, _, is_default)| !is_default) {
            formatter.write_char(separator)?;
            write!(formatter, "{knob}={value}")?;
            separator = '&';
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> SpecError {
        text.parse::<Spec>().unwrap_err()
    }

    #[test]
    fn defaults() {
        for text in ["demo:", "demo:?", "demo:?seed=1&shape=all"] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(spec, Spec::default(), "{text}");
            assert_eq!(spec.to_string(), "demo:");
        }
    }

    #[test]
    fn the_canonical_text_parses_to_the_same() {
        let text = "demo:?objects=7&shape=dates&buckets=2&small=3&small_objects=4&denied=1\
            &missing=2&elsewhere=1&disabled=1&hostile=1&latency_ms=30&requests_per_second=50&fault_rate=0.25\
            &faults=reset,500&seed=0&page_size=10";
        let spec: Spec = text.parse().unwrap();
        assert_eq!(spec.to_string(), text);
        let reordered = "demo:?seed=0&objects=7".parse::<Spec>().unwrap();
        assert_eq!(reordered.to_string(), "demo:?objects=7&seed=0");
    }

    #[test]
    fn every_listed_knob_exists_and_refuses_nonsense() {
        for knob in KNOBS {
            assert!(matches!(error(&format!("demo:?{knob}=-x")), SpecError::BadValue { .. }), "{knob}");
            assert!(matches!(error(&format!("demo:?{knob}")), SpecError::BadValue { .. }), "{knob}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for pair in [
            "objects=1000000001",
            "page_size=0",
            "page_size=1001",
            "hostile=2",
            "fault_rate=1.01",
            "fault_rate=NaN",
            "faults=500,501",
            "shape=round",
        ] {
            assert!(matches!(error(&format!("demo:?{pair}")), SpecError::BadValue { .. }), "{pair}");
        }
    }

    #[test]
    fn errors_say_what_is_allowed() {
        assert_eq!(
            error("demo:?page_size=0").to_string(),
            "knob `page_size` cannot be `0`, expected a whole number from 1 to 1000"
        );
        assert_eq!(
            error("demo:?shape=round").to_string(),
            "knob `shape` cannot be `round`, expected `flat`, `uuid`, `dates`, `skewed`, \
             `unicode` or `all`"
        );
        let unknown = error("demo:?object=3");
        assert_eq!(unknown.to_string(), "unknown knob `object`");
        let hint = unknown.hint().unwrap();
        assert!(hint.starts_with("the knobs are `objects`, `shape`"), "{hint}");
        assert_eq!(error("demo:?seed=1&seed=1").to_string(), "knob `seed` is set twice");
        assert_eq!(error("http://localhost").to_string(), "`http://localhost` does not describe a demo endpoint");
        assert!(matches!(error("demo:objects=1"), SpecError::NotADemo { .. }));
    }
}
