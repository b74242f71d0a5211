//! Windows at a given now: spans, periods, and clocks that are set forward and back.

use super::{Folder, job};

/// The window of a table at an instant.
fn window(now: &str, text: &str) -> String {
    let folder = Folder::with(&[("job.toml", &format!("version = 1\n[window]\n{text}\n"))]).now(now);
    let window = folder.job().window;
    let show = |bound: Option<jiff::Timestamp>| bound.map_or_else(|| "-".to_owned(), |bound| bound.to_string());
    format!("{} {}", show(window.since), show(window.until))
}

#[test]
fn windows() {
    let zone = "timezone = \"America/New_York\"\n";
    // In New York clocks go forward on 8 March 2026 at 02:00 and back on 1 November 2026 at 02:00.
    for (now, text, expected) in [
        ("2026-06-01T03:00:00Z", String::new(), "- -"),
        ("2026-06-01T03:00:00Z", "since = \"90 days ago\"".into(), "2026-03-03T00:00:00Z -"),
        ("2026-06-01T03:00:00Z", format!("{zone}since = \"90 days ago\""), "2026-03-02T05:00:00Z -"),
        (
            "2026-06-01T03:00:00Z",
            format!("{zone}since = \"P3M\"\nuntil = \"1 week ago\""),
            "2026-02-28T05:00:00Z 2026-05-24T04:00:00Z",
        ),
        ("2026-06-01T03:00:00Z", "since = \"6 hours ago\"".into(), "2026-05-31T21:00:00Z -"),
        (
            "2026-06-01T03:00:00Z",
            "since = \"PT90M\"\nuntil = \"PT30M\"".into(),
            "2026-06-01T01:30:00Z 2026-06-01T02:30:00Z",
        ),
        // Hours are exact across the change of clocks, days are the calendar's.
        ("2026-03-08T16:00:00Z", format!("{zone}since = \"24 hours ago\""), "2026-03-07T16:00:00Z -"),
        ("2026-03-08T16:00:00Z", format!("{zone}since = \"1 day ago\""), "2026-03-07T05:00:00Z -"),
        ("2026-03-09T16:00:00Z", format!("{zone}period = \"yesterday\""), "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z"),
        ("2026-11-02T16:00:00Z", format!("{zone}period = \"yesterday\""), "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"),
        // Skipped and repeated local times.
        ("2026-06-01T03:00:00Z", format!("{zone}since = 2026-03-08T02:30:00"), "2026-03-08T07:30:00Z -"),
        ("2026-06-01T03:00:00Z", format!("{zone}since = 2026-11-01T01:30:00"), "2026-11-01T05:30:00Z -"),
        ("2026-06-01T03:00:00Z", format!("{zone}period = \"last-month\""), "2026-04-01T04:00:00Z 2026-05-01T04:00:00Z"),
        ("2026-06-01T03:00:00Z", "period = \"last-month\"".into(), "2026-05-01T00:00:00Z 2026-06-01T00:00:00Z"),
        ("2026-06-01T03:00:00Z", "period = \"this-week\"".into(), "2026-06-01T00:00:00Z 2026-06-08T00:00:00Z"),
        ("2026-06-01T03:00:00Z", format!("{zone}period = \"this-week\""), "2026-05-25T04:00:00Z 2026-06-01T04:00:00Z"),
        (
            "2026-01-15T12:00:00Z",
            format!("{zone}period = \"last-quarter\""),
            "2025-10-01T04:00:00Z 2026-01-01T05:00:00Z",
        ),
        ("2024-02-29T12:00:00Z", "since = \"1 year ago\"".into(), "2023-02-28T00:00:00Z -"),
        ("2024-12-31T23:59:59Z", "period = \"last-year\"".into(), "2023-01-01T00:00:00Z 2024-01-01T00:00:00Z"),
    ] {
        assert_eq!(window(now, &text), expected, "{now} {text}");
    }
}

#[test]
fn dates_may_stand_without_quotes() {
    for (since, expected) in [
        ("2025-07-01", "2025-07-01T04:00:00Z"),
        ("\"2025-07-01\"", "2025-07-01T04:00:00Z"),
        ("2025-07-01T12:00:00", "2025-07-01T16:00:00Z"),
        ("2025-07-01 12:00:00", "2025-07-01T16:00:00Z"),
        ("2025-07-01T12:00:00+02:00", "2025-07-01T10:00:00Z"),
        ("2025-07-01T12:00:00.5Z", "2025-07-01T12:00:00.5Z"),
    ] {
        let text = format!("version = 1\nwindow = {{ since = {since}, timezone = \"America/New_York\" }}");
        let window = job(&text).window;
        assert_eq!(window.since, Some(expected.parse().unwrap()), "{since}");
        let written = window.since_written.unwrap();
        assert_eq!(written.replace(' ', "T"), since.trim_matches('"').replace(' ', "T"), "as it was written");
    }
}
