//! Numbers, durations and prices as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A number with a comma between each three digits: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with what it counts: `1 file`, `1,200 files`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A time span to the second: `7s`, `12m30s`, `3h02m05s`.
#[must_use]
pub fn clock(span: Duration) -> String {
    let (hours, minutes, seconds) = (span.as_secs() / 3600, span.as_secs() / 60 % 60, span.as_secs() % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds:02}s"),
        _ => format!("{hours}h{minutes:02}m{seconds:02}s"),
    }
}

/// A time span that is to come, rounded up: `50s`, `4m`, `3h05m`.
#[must_use]
pub fn roughly(span: Duration) -> String {
    let seconds = span.as_millis().div_ceil(1_000).max(1);
    let minutes = seconds.div_ceil(60);
    match (seconds, minutes) {
        (0..60, _) => format!("{seconds}s"),
        (_, 0..60) => format!("{minutes}m"),
        _ => format!("{}h{:02}m", minutes / 60, minutes % 60),
    }
}

/// A time span as a result: to the tenth of a second below a minute, `12.3 s`, else as [`clock`].
#[must_use]
pub fn taken(span: Duration) -> String {
    // Rounding must not make `60.0 s` of what is not shown as a minute.
    let tenths = (span.as_millis() + 50) / 100;
    if tenths < 600 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        clock(Duration::from_millis(100) * u32::try_from(tenths).unwrap_or(u32::MAX))
    }
}

/// A number of bytes in decimal units: `420 MB`, `1.3 GB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut tenths, mut unit) = (u128::from(number) * 10, 0);
    while tenths >= 9_995 && unit + 1 < UNITS.len() {
        tenths = tenths.div_ceil(1_000);
        unit += 1;
    }
    if unit > 0 && tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// An instant by the clocks of a time zone: `2025-07-01 00:00:00 EDT`; one that is not known is that of
/// UTC.
#[must_use]
pub fn local(instant: Timestamp, timezone: &str) -> String {
    let zoned = instant.in_tz(timezone).unwrap_or_else(|_| instant.to_zoned(TimeZone::UTC));
    zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// About what so many LIST requests cost at a price in dollars for 1,000: `~$0.01`; with more digits
/// while it is less than a cent.
#[must_use]
pub fn price(requests: u64, usd_per_1000: f64) -> String {
    // An estimate needs no more digits than a double has.
    #[expect(clippy::cast_precision_loss, reason = "an estimate, and exact below 2^53 requests")]
    let dollars = requests as f64 / 1_000.0 * usd_per_1000;
    if dollars < 0.01 { format!("~${dollars:.4}") } else { format!("~${dollars:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_come_is_rounded_up() {
        let spans = [(0, "1s"), (1_001, "2s"), (59_000, "59s"), (59_001, "1m"), (61_000, "2m"), (3_540_001, "1h00m")];
        for (millis, text) in spans.into_iter().chain([(11_100_000, "3h05m")]) {
            assert_eq!(roughly(Duration::from_millis(millis)), text, "{millis}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "file", "files"), "1 file");
        assert_eq!(counted(0, "file", "files"), "0 files");
    }

    #[test]
    fn spans() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m00s"), (750, "12m30s"), (10_925, "3h02m05s")] {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
        for (millis, text) in
            [(0, "0.0 s"), (12_345, "12.3 s"), (59_949, "59.9 s"), (59_950, "1m00s"), (750_000, "12m30s")]
        {
            assert_eq!(taken(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn bytes_in_decimal_units() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_750_000, "1.8 MB"),
            (420_000_000, "420 MB"),
            (999_600_000, "1.0 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    #[test]
    fn instants_by_the_clocks_of_a_zone() {
        let instant: Timestamp = "2025-07-01T04:00:00Z".parse().unwrap();
        assert_eq!(local(instant, "America/New_York"), "2025-07-01 00:00:00 EDT");
        assert_eq!(local(instant, "Nowhere/There"), "2025-07-01 04:00:00 UTC");
    }

    #[test]
    fn prices_are_about() {
        for (requests, text) in [(0, "~$0.0000"), (240, "~$0.0012"), (2_000, "~$0.01"), (5_000_000, "~$25.00")] {
            assert_eq!(price(requests, 0.005), text);
        }
        assert_eq!(price(2_000, 0.05), "~$0.10");
    }
}
