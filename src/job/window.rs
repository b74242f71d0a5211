//! The window of modification times a job asks for.
//!
//! Responsible for the table `[window]`: periods, and what `since` and `until` come to in a time
//! zone at the run's start. It leaves comparing objects with it to the row filter. It owns the
//! invariant that a window is half-open, `since <= t < until`, and never empty.

use std::str::FromStr;

use jiff::tz::{self, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use serde_json::{Value as Json, json};

use super::moment::Moment;
use super::problem::{Findings, Refusal};
use super::read::{Found, Key, Readable, Words, table, words};
use super::suggest::{did_you_mean, quoted};

table! {
    /// Which objects, by the time they were last modified. The window is half-open: an object modified at `since` is
    /// inside, one modified at `until` is not. Without it, or without a bound, there is no limit on that side.
    pub(super) struct WindowFile {
        /// The first instant inside the window. A date (its midnight in `timezone`), a date-time (local to `timezone`,
        /// or with an offset), or a span of time before the run's start, such as `"90 days ago"` or `"P3M"`: spans of
        /// days and more are cut to midnight, hours and less are exact. `"3m"` is three minutes; months are `mo`.
        #[schemars(example = &"2025-07-01", example = &"2025-07-01T06:00:00-04:00")]
        #[schemars(example = &"90 days ago", example = &"P3M")]
        since: Key<Moment>,
        /// The first instant behind the window, written as `since`.
        #[schemars(example = &"2025-10-01", example = &"1 week ago")]
        until: Key<Moment>,
        /// A whole period of the calendar in place of `since` and `until`, counted from the run's start. Weeks begin on
        /// Monday. One layer says either; a higher one that says the other way takes the place of all that lower ones
        /// say, so an overlay's `period` replaces the job's `since` and `until`, and the other way round.
        period: Key<Period>,
        /// The time zone of dates, local times and periods: a name of the IANA database.
        #[schemars(example = &"America/New_York", example = &"UTC")]
        timezone: Key<Zone>,
    }
}

impl WindowFile {
    /// Notes a period beside bounds. Those of a lower layer are left out before.
    pub(super) fn check_ways(&self, findings: &mut Findings) {
        let is_bounded = self.since.written().or(self.until.written()).is_some();
        if let Some(period) = self.period.written().filter(|_| is_bounded) {
            let refusal = Refusal::new("cannot stand beside `since` and `until`");
            findings.refuse(&period.blame, refusal.hint("leave one or the other out"));
        }
    }
}

words! {
    /// A calendar period, relative to the run's start.
    pub enum Period {
        /// The day of the run, from midnight to midnight.
        "today" => Today,
        /// The whole day before today.
        "yesterday" => Yesterday,
        /// The seven days of this week, from Monday to Sunday.
        "this-week" => ThisWeek,
        /// The seven days before this week.
        "last-week" => LastWeek,
        /// This calendar month.
        "this-month" => ThisMonth,
        /// The calendar month before this one.
        "last-month" => LastMonth,
        /// This quarter, which began on the first of January, April, July or October.
        "this-quarter" => ThisQuarter,
        /// The quarter before this one.
        "last-quarter" => LastQuarter,
        /// This calendar year.
        "this-year" => ThisYear,
        /// The calendar year before this one.
        "last-year" => LastYear,
    }
}

impl FromStr for Period {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::WORDS.iter().find(|(word, ..)| *word == text).map(|(_, period, _)| *period).ok_or(())
    }
}

impl Period {
    /// Its first instant and the first one behind it.
    fn bounds(self, now: &Zoned) -> Result<(Timestamp, Timestamp), jiff::Error> {
        let today = now.date();
        let week = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days())?;
        let month = today.first_of_month();
        let quarter = month.checked_sub((i32::from(month.month() - 1) % 3).months())?;
        let year = today.first_of_year();
        let (first, length, back) = match self {
            Self::Today => (today, 1.day(), 0),
            Self::Yesterday => (today, 1.day(), 1),
            Self::ThisWeek => (week, 7.days(), 0),
            Self::LastWeek => (week, 7.days(), 1),
            Self::ThisMonth => (month, 1.month(), 0),
            Self::LastMonth => (month, 1.month(), 1),
            Self::ThisQuarter => (quarter, 3.months(), 0),
            Self::LastQuarter => (quarter, 3.months(), 1),
            Self::ThisYear => (year, 1.year(), 0),
            Self::LastYear => (year, 1.year(), 1),
        };
        let first = first.checked_sub(length.checked_mul(back)?)?;
        let behind = first.checked_add(length)?;
        let midnight =
            |date: jiff::civil::Date| Ok::<_, jiff::Error>(date.to_zoned(now.time_zone().clone())?.timestamp());
        Ok((midnight(first)?, midnight(behind)?))
    }
}

/// A time zone by its name.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    name: String,
    zone: TimeZone,
}

impl Readable for Zone {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let name = found.string("a string")?;
        let zone = zone(&name)?;
        Ok(Self { name, zone })
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9+_/-]+$" })
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

/// Which objects, by modification time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside; `None` is the beginning of time.
    pub since: Option<Timestamp>,
    /// The first instant after; `None` is the end of time.
    pub until: Option<Timestamp>,
    /// What the file says for `since`.
    pub since_written: Option<String>,
    /// What the file says for `until`.
    pub until_written: Option<String>,
    /// What the file says for `period`.
    pub period: Option<Period>,
    /// IANA name of the zone in which dates and local times are meant.
    pub timezone: String,
}

impl Window {
    /// What the table comes to at the instant `now`.
    pub(super) fn check(file: &WindowFile, now: Timestamp, findings: &mut Findings) -> Option<Self> {
        // Where the zone is wrong, which is noted, the dates are checked as if they were in UTC; no
        // window comes out of it.
        let zone = file.timezone.value();
        let in_zone = zone.map_or(TimeZone::UTC, |zone| zone.zone.clone());
        let resolve = |moment: &Moment| moment.resolve(&in_zone, now);
        let mut since = findings.accept(file.since.written(), resolve);
        let mut until = findings.accept(file.until.written(), resolve);
        if let (Some(first), Some(end), Some(written)) = (since, until, file.until.written())
            && first >= end
        {
            let message = format!("must be later than `window.since`: `{end}` is not after `{first}`");
            findings.refuse(&written.blame, Refusal::new(message));
        }
        file.check_ways(findings);
        if let Some(period) = file.period.written() {
            let bounds = findings.accept(Some(period), |period: &Period| {
                let bounds = period.bounds(&now.to_zoned(in_zone.clone()));
                bounds.map_err(|_| Refusal::new("lies outside of all calendars"))
            });
            (since, until) = (bounds.map(|(first, _)| first), bounds.map(|(_, end)| end));
        }
        Some(Self {
            since,
            until,
            since_written: file.since.value().map(|moment| moment.text.clone()),
            until_written: file.until.value().map(|moment| moment.text.clone()),
            period: file.period.value().copied(),
            timezone: zone?.name.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_the_calendar_of_the_zone() {
        let bounds = |now: &str, zone: &str, period: &str| {
            let now: Timestamp = now.parse().unwrap();
            let now = now.to_zoned(TimeZone::get(zone).unwrap());
            let (first, end) = period.parse::<Period>().unwrap().bounds(&now).unwrap();
            format!("{first} {end}")
        };
        // A Sunday evening in New York that is a Monday, and another month, in UTC.
        let now = "2025-06-01T03:00:00Z";
        for (zone, period, expected) in [
            ("UTC", "today", "2025-06-01T00:00:00Z 2025-06-02T00:00:00Z"),
            ("America/New_York", "today", "2025-05-31T04:00:00Z 2025-06-01T04:00:00Z"),
            ("UTC", "yesterday", "2025-05-31T00:00:00Z 2025-06-01T00:00:00Z"),
            ("UTC", "this-week", "2025-05-26T00:00:00Z 2025-06-02T00:00:00Z"),
            ("UTC", "last-week", "2025-05-19T00:00:00Z 2025-05-26T00:00:00Z"),
            ("UTC", "this-month", "2025-06-01T00:00:00Z 2025-07-01T00:00:00Z"),
            ("America/New_York", "last-month", "2025-04-01T04:00:00Z 2025-05-01T04:00:00Z"),
            ("UTC", "this-quarter", "2025-04-01T00:00:00Z 2025-07-01T00:00:00Z"),
            // From standard time to daylight time.
            ("America/New_York", "last-quarter", "2025-01-01T05:00:00Z 2025-04-01T04:00:00Z"),
            ("UTC", "this-year", "2025-01-01T00:00:00Z 2026-01-01T00:00:00Z"),
            ("UTC", "last-year", "2024-01-01T00:00:00Z 2025-01-01T00:00:00Z"),
        ] {
            assert_eq!(bounds(now, zone, period), expected, "{zone} {period}");
        }
        assert_eq!(bounds("2025-01-15T00:00:00Z", "UTC", "last-quarter"), "2024-10-01T00:00:00Z 2025-01-01T00:00:00Z");
        assert_eq!(bounds("2024-03-31T00:00:00Z", "UTC", "last-month"), "2024-02-01T00:00:00Z 2024-03-01T00:00:00Z");
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
