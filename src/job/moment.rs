//! An instant as people write it: a date, a date with a time, or a span of time ago.
//!
//! Responsible for reading it and for which instant it is in a time zone. It leaves windows to
//! `window`. It owns the rule that days begin at midnight: a date, or a span of days and more ago, is
//! the midnight of its day, a span of hours and less is exact.

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value as Json, json};

use super::problem::Refusal;
use super::read::{Found, Readable};
use super::suggest::quoted;

/// An instant as written.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// As it stands in the file.
    pub(super) text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    At(Timestamp),
    Local(DateTime),
    /// That long ago; never negative.
    Ago(Span),
}

impl Readable for Moment {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.date("a date, a date-time or a span such as `\"90 days ago\"`")?;
        let kind = kind(&text)?;
        Ok(Self { text, kind })
    }

    fn schema() -> Json {
        // A date without quotes is a string to most of those who check by the schema, and a string of
        // such a format to the others.
        json!({ "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "string", "minLength": 1, "format": "date" },
            { "type": "string", "minLength": 1, "format": "date-time" },
            { "type": "string", "minLength": 1, "format": "date-time-local" },
        ] })
    }
}

fn kind(text: &str) -> Result<Kind, Refusal> {
    let refusal = || {
        Refusal::new(format!("{} is neither a date, nor a date-time, nor a span of time", quoted(text)))
            .hint("write for example `2025-07-01`, `2025-07-01T06:00:00`, `2025-07-01T06:00:00-04:00` or `90 days ago`")
    };
    // An annotation such as `[Europe/Paris]` would be taken without a look at its zone.
    if text.contains('[') {
        return Err(refusal());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(Kind::At(instant));
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return Ok(Kind::Local(local));
    }
    if let Ok(pieces) = Pieces::parse(text)
        && pieces.time().is_some()
        && pieces.to_numeric_offset().is_some()
    {
        return Err(out_of_range(text, pieces.date().year() < 0));
    }
    if looks_like_date(text) {
        return Err(Refusal::new(format!("the calendar has no day {}", quoted(text))));
    }
    if text.replace(' ', "-").parse::<super::window::Period>().is_ok() {
        return Err(Refusal::new(format!("{} is a period, not an instant", quoted(text)))
            .hint("write `period` instead of `since` and `until`"));
    }
    // A time of day would be taken for a span of so many hours.
    if text.contains(':') {
        return Err(refusal());
    }
    let span: Span = text.parse().map_err(|_| refusal())?;
    if span.is_zero() {
        let hint = "leave `until` out for everything up to now; today since midnight is `period = \"today\"`";
        return Err(Refusal::new(format!("{} is no time at all", quoted(text))).hint(hint));
    }
    Ok(Kind::Ago(span.abs()))
}

/// That an instant is not among those there are; `is_early` tells on which side.
fn out_of_range(text: &str, is_early: bool) -> Refusal {
    let text = quoted(text);
    if is_early {
        let message = format!("{text} is out of range: the first instant is `{}`", Timestamp::MIN);
        return Refusal::new(message).hint("leave `since` out for a window without a beginning");
    }
    let message = format!("{text} is out of range: the last instant is `{}`", Timestamp::MAX);
    Refusal::new(message).hint("leave `until` out for a window without an end")
}

/// Whether the text is digits in the places of a date's, whatever they come to.
fn looks_like_date(text: &str) -> bool {
    let digits = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    text.bytes().map(digits).eq(*b"0000-00-00")
}

impl Moment {
    /// Which instant it is. A local time that the clocks skip is moved on by the gap; one that occurs
    /// twice is the earlier (RFC 5545, 3.3.5).
    pub(super) fn resolve(&self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, Refusal> {
        let refusal = |is_early| move |_| out_of_range(&self.text, is_early);
        match &self.kind {
            Kind::At(instant) => Ok(*instant),
            Kind::Local(local) => {
                zone.to_zoned(*local).map(|zoned| zoned.timestamp()).map_err(refusal(local.year() < 0))
            }
            Kind::Ago(span) => {
                let then = now.to_zoned(zone.clone()).checked_sub(*span).map_err(refusal(true))?;
                let then = if is_exact(span) { then } else { then.start_of_day().map_err(refusal(true))? };
                Ok(then.timestamp())
            }
        }
    }
}

/// Whether a span says more than which day.
fn is_exact(span: &Span) -> bool {
    span.get_hours() != 0
        || span.get_minutes() != 0
        || span.get_seconds() != 0
        || span.get_milliseconds() != 0
        || span.get_microseconds() != 0
        || span.get_nanoseconds() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `now` is Saturday, 31 May 2025, 10:30 in New York.
    fn at(text: &str, zone: &str) -> Option<String> {
        let moment = Moment { text: text.to_owned(), kind: kind(text).ok()? };
        let now = "2025-05-31T14:30:00Z".parse().unwrap();
        Some(moment.resolve(&TimeZone::get(zone).unwrap(), now).ok()?.to_string())
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
            ("last-week", "UTC", None),
            ("soon", "UTC", None),
            ("", "UTC", None),
        ] {
            assert_eq!(at(text, zone).as_deref(), expected, "{text} {zone}");
        }
    }

    #[test]
    fn spans_count_from_now() {
        for (text, zone, expected) in [
            ("90 days ago", "UTC", Some("2025-03-02T00:00:00Z")),
            // Daylight time began in between.
            ("90 days ago", "America/New_York", Some("2025-03-02T05:00:00Z")),
            ("3 months ago", "UTC", Some("2025-02-28T00:00:00Z")),
            ("P3M", "UTC", Some("2025-02-28T00:00:00Z")),
            ("-P3M", "UTC", Some("2025-02-28T00:00:00Z")),
            ("2 weeks", "UTC", Some("2025-05-17T00:00:00Z")),
            ("1y2mo", "UTC", Some("2024-03-31T00:00:00Z")),
            ("6 hours ago", "UTC", Some("2025-05-31T08:30:00Z")),
            ("PT15M", "America/New_York", Some("2025-05-31T14:15:00Z")),
            ("1 day 6 hours ago", "UTC", Some("2025-05-30T08:30:00Z")),
            ("0 days ago", "UTC", None),
            ("99999 years ago", "UTC", None),
        ] {
            assert_eq!(at(text, zone).as_deref(), expected, "{text} {zone}");
        }
    }
}
