//! The window of modification times.
//!
//! Responsible for turning dates as written into instants. It leaves the comparison with objects to
//! the filter. It owns the invariant that the window is half-open and holds at least one instant.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{self, TimeZone};

use super::file::WindowFile;
use super::problem::{Findings, Refusal, Written};
use super::suggest::{did_you_mean, quoted};

/// Which objects are taken by their `LastModified`: `since <= t < until`, open where `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside.
    pub since: Option<Timestamp>,
    /// The first instant after.
    pub until: Option<Timestamp>,
    /// `since` as the job says it.
    pub since_written: Option<String>,
    /// `until` as the job says it.
    pub until_written: Option<String>,
    /// IANA name of the zone in which dates and local times are meant.
    pub timezone: String,
}

impl Window {
    pub(super) fn check(file: WindowFile, findings: &mut Findings) -> Option<Self> {
        let zone = findings.accept(file.timezone.as_ref(), zone);
        // Where the zone is unknown the dates are still checked, as if they were in UTC; no window
        // comes out of it.
        let in_zone = zone.clone().unwrap_or(TimeZone::UTC);
        let rule = |text: &str| instant(text, &in_zone);
        let since = findings.accept(file.since.as_ref(), rule);
        let until = findings.accept(file.until.as_ref(), rule);
        if let (Some(first), Some(end), Some(written)) = (since, until, &file.until)
            && first >= end
        {
            let message = format!("must be later than `window.since`: `{end}` is not after `{first}`");
            findings.refuse(&written.blame, Refusal::new(message));
        }
        zone?;
        Some(Self {
            since,
            until,
            since_written: file.since.map(|written: Written<String>| written.value),
            until_written: file.until.map(|written| written.value),
            timezone: file.timezone?.value,
        })
    }
}

fn zone(name: &str) -> Result<TimeZone, Refusal> {
    let database = tz::db();
    database.get(name).map_err(|_| {
        let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let names = names.iter().map(String::as_str);
        let hint = did_you_mean(name, names)
            .unwrap_or_else(|| "write a name of the IANA database, for example `America/New_York` or `UTC`".to_owned());
        Refusal::new(format!("there is no time zone {}", quoted(name))).hint(hint)
    })
}

/// A date is its midnight in the zone, a local date-time is meant there too, one with an offset
/// stands for itself. A local time that the clocks skip is moved on by the gap; one that occurs
/// twice is the earlier (RFC 5545, 3.3.5).
fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, Refusal> {
    let refusal = || {
        Refusal::new(format!("{} is neither a date nor a date-time", quoted(text)))
            .hint("write for example `2025-07-01`, `2025-07-01T06:00:00` or `2025-07-01T06:00:00-04:00`")
    };
    // An annotation such as `[Europe/Paris]` would be taken without a look at its zone.
    if text.contains('[') {
        return Err(refusal());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local: DateTime = text.parse().map_err(|_| refusal())?;
    let zoned = zone.to_zoned(local).map_err(|_| refusal())?;
    Ok(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone_name: &str) -> Option<String> {
        let zone = zone(zone_name).expect("the zone is in the database");
        let instant = instant(text, &zone).ok()?;
        Some(instant.to_string())
    }

    #[test]
    fn dates_and_times_in_zones() {
        for (text, zone, expected) in [
            ("2025-07-01", "UTC", Some("2025-07-01T00:00:00Z")),
            ("2025-07-01", "America/New_York", Some("2025-07-01T04:00:00Z")),
            ("2025-12-01", "America/New_York", Some("2025-12-01T05:00:00Z")),
            ("2025-07-01T06:30:00", "Asia/Kolkata", Some("2025-07-01T01:00:00Z")),
            ("2025-07-01 06:30", "Asia/Kolkata", Some("2025-07-01T01:00:00Z")),
            ("2025-07-01T06:30:00+02:00", "Asia/Kolkata", Some("2025-07-01T04:30:00Z")),
            ("2025-07-01T06:30:00.25Z", "Asia/Kolkata", Some("2025-07-01T06:30:00.25Z")),
            // Skipped: the clocks go from 02:00 to 03:00, in Sao Paulo from midnight to 01:00.
            ("2025-03-09T02:30:00", "America/New_York", Some("2025-03-09T07:30:00Z")),
            ("2018-11-04", "America/Sao_Paulo", Some("2018-11-04T03:00:00Z")),
            // Twice: 01:30 is first daylight time.
            ("2025-11-02T01:30:00", "America/New_York", Some("2025-11-02T05:30:00Z")),
            ("2025-02-29", "UTC", None),
            ("06:30:00", "UTC", None),
            ("2025-07-01T00:00[Europe/Paris]", "UTC", None),
            ("last week", "UTC", None),
            ("", "UTC", None),
        ] {
            assert_eq!(at(text, zone).as_deref(), expected, "{text} {zone}");
        }
    }

    #[test]
    fn a_zone_is_suggested() {
        let hint = zone("America/New_Yrok").unwrap_err().hint;
        assert_eq!(hint.as_deref(), Some("did you mean `America/New_York`?"));
        for bad in ["", "Local", "+02:00"] {
            assert!(zone(bad).is_err(), "{bad}");
        }
    }
}
