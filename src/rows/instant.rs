//! `LastModified` as stores write it, to an instant and to the text of a row.
//!
//! S3 writes `2025-11-05T05:58:20.000Z`; others leave the fraction out or use an offset. The row
//! keeps the precision the store gave; only an offset is turned into UTC.

use jiff::Timestamp;

/// Seconds from the Unix epoch and nanoseconds behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    seconds: i64,
    nanoseconds: u32,
}

impl From<Timestamp> for Instant {
    fn from(timestamp: Timestamp) -> Self {
        // jiff counts nanoseconds of early instants backwards; here they always count forwards.
        let seconds = timestamp.as_second() - i64::from(timestamp.subsec_nanosecond() < 0);
        let nanoseconds = timestamp.subsec_nanosecond().rem_euclid(1_000_000_000);
        Self { seconds, nanoseconds: nanoseconds.unsigned_abs() }
    }
}

/// A date and time of day in UTC that exists. Turning it into an [`Instant`] is left until a window
/// asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    year: u32,
    month: u32,
    day: u32,
    second_of_day: u32,
    nanoseconds: u32,
}

impl From<Utc> for Instant {
    fn from(utc: Utc) -> Self {
        let days = days_from_epoch(utc.year, utc.month, utc.day);
        Self { seconds: days * 86_400 + i64::from(utc.second_of_day), nanoseconds: utc.nanoseconds }
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, the form that can be copied into a row as it stands.
/// `None` for every other text, and for dates that do not exist.
#[must_use]
#[inline]
pub fn parse_utc(text: &[u8]) -> Option<Utc> {
    let (head, tail) = text.split_first_chunk::<19>()?;
    // Every byte is the form's own, or above it by at most what a digit may be.
    let (start, end) = head.split_first_chunk::<16>()?;
    let mut wrong = [0_u8; 16];
    for at in 0..16 {
        wrong[at] = u8::from(start[at].wrapping_sub(FORM[at]) > SPAN[at]);
    }
    if wrong != [0; 16] || end[0] != b':' || !end[1].is_ascii_digit() || !end[2].is_ascii_digit() {
        return None;
    }
    let two = |at: usize| u32::from(head[at] - b'0') * 10 + u32::from(head[at + 1] - b'0');
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    if month.wrapping_sub(1) > 11 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if day == 0 || day > 28 && day > days_in_month(year, month) {
        return None;
    }
    let nanoseconds = match tail {
        b".000Z" | b"Z" => 0,
        [b'.', fraction @ .., b'Z'] if (1..=9).contains(&fraction.len()) => {
            let scale = 10_u32.pow(9 - u32::try_from(fraction.len()).ok()?);
            number(fraction)? * scale
        }
        _ => return None,
    };
    let second_of_day = hour * 3600 + minute * 60 + second;
    Some(Utc { year, month, day, second_of_day, nanoseconds })
}

/// What an instant begins with, up to its minutes.
const FORM: &[u8; 16] = b"0000-00-00T00:00";
const SPAN: [u8; 16] = [9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9];

/// Reads any other RFC 3339 instant, and returns it with its text in UTC, which has as many digits
/// of a second's fraction as the instant was given with.
#[must_use]
pub fn parse_any(text: &[u8]) -> Option<(Instant, String)> {
    let text = std::str::from_utf8(text).ok()?.trim();
    // A space is what the parser would take as well; RFC 3339, section 5.6, has it only for people.
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
        return None;
    }
    let timestamp: Timestamp = text.parse().ok()?;
    let fraction = text.split_once(['.', ',']).map_or("", |(_, fraction)| fraction);
    let digits = fraction.bytes().take(9).take_while(u8::is_ascii_digit).count();
    Some((timestamp.into(), format!("{timestamp:.digits$}")))
}

/// Appends an instant, as [`parse_utc`] takes or [`parse_any`] gives it, in the form of Python's
/// `str(datetime)`: `2025-11-05 05:58:20+00:00`, with microseconds where they are not zero. Like
/// Python's parser of boto3's answers, it drops digits behind the sixth. Nothing for empty text.
pub fn push_as_python(row: &mut Vec<u8>, text: &[u8]) {
    let Some(fraction) = push_date_and_time(row, text) else {
        return;
    };
    let mut microseconds = *b"000000";
    for (digit, given) in microseconds.iter_mut().zip(fraction) {
        *digit = *given;
    }
    if microseconds != *b"000000" {
        row.push(b'.');
        row.extend_from_slice(&microseconds);
    }
    row.extend_from_slice(b"+00:00");
}

/// Appends an instant, as for [`push_as_python`], in the form that Excel reads as one in every
/// language: `2025-11-05 05:58:20`. A fraction is dropped, for it is text where decimals have a comma.
pub fn push_as_excel(row: &mut Vec<u8>, text: &[u8]) {
    push_date_and_time(row, text);
}

/// Appends date and time of day, separated by a space, and returns the digits of the second's
/// fraction.
fn push_date_and_time<'text>(row: &mut Vec<u8>, text: &'text [u8]) -> Option<&'text [u8]> {
    let letter = memchr::memchr(b'T', text)?;
    let (time, rest) = text[letter + 1..].split_at_checked(8)?;
    row.extend_from_slice(&text[..letter]);
    row.push(b' ');
    row.extend_from_slice(time);
    Some(rest.strip_prefix(b".").and_then(|rest| rest.strip_suffix(b"Z")).unwrap_or_default())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, by counting the year from March so
/// that the leap day comes last.
fn days_from_epoch(year: u32, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.wrapping_sub(1), month + 9) };
    let year = i64::from(year.cast_signed());
    let century = year.div_euclid(100);
    let days_before_month = i64::from((153 * month + 2) / 5);
    year * 365 + year.div_euclid(4) - century + century.div_euclid(4) + days_before_month + i64::from(day) - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_the_same_instant() {
        let instant = |text: &[u8]| parse_utc(text).map(Instant::from);
        let plain = instant(b"2025-11-05T05:58:20Z").unwrap();
        assert_eq!(instant(b"2025-11-05T05:58:20.000Z"), Some(plain));
        let (instant, text) = parse_any(b"2025-11-05T07:58:20+02:00").unwrap();
        assert_eq!((instant, text.as_str()), (plain, "2025-11-05T05:58:20Z"));
        assert!(Instant::from(parse_utc(b"2025-11-05T05:58:20.001Z").unwrap()) > plain);
    }

    #[test]
    fn an_offset_is_turned_into_utc_at_the_same_precision() {
        for (text, expected) in [
            ("2025-11-05T07:58:20+02:00", "2025-11-05T05:58:20Z"),
            ("2025-11-05T07:58:20.0+02:00", "2025-11-05T05:58:20.0Z"),
            ("2025-11-05T07:58:20.000+02:00", "2025-11-05T05:58:20.000Z"),
            ("2025-11-05T07:58:20.120+02:00", "2025-11-05T05:58:20.120Z"),
            ("2025-11-05T00:58:20.123456789-05:00", "2025-11-05T05:58:20.123456789Z"),
            ("2025-11-05t05:58:20.50z", "2025-11-05T05:58:20.50Z"),
        ] {
            assert_eq!(parse_any(text.as_bytes()).unwrap().1, expected, "{text}");
        }
    }

    #[test]
    fn a_space_does_not_stand_for_the_letter() {
        assert_eq!(parse_any(b"2025-11-05 07:58:20+02:00"), None);
        assert_eq!(parse_any(b"2025-11-05 05:58:20Z"), None);
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "2025-11-05",
            "2025-11-05T05:58:20",
            "2025-11-05 05:58:20Z",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-11-05T24:00:00Z",
            "2025-11-05T05:58:20.Z",
            "2025-11-05T05:58:20.1234567890Z",
            "2025-11-05T05:58:2xZ",
        ] {
            assert_eq!(parse_utc(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn instants_of_the_dialects() {
        for (text, python, excel) in [
            ("", "", ""),
            ("2023-11-05T05:58:20.000Z", "2023-11-05 05:58:20+00:00", "2023-11-05 05:58:20"),
            ("2023-11-05T05:58:20Z", "2023-11-05 05:58:20+00:00", "2023-11-05 05:58:20"),
            ("2023-11-05T05:58:20.123Z", "2023-11-05 05:58:20.123000+00:00", "2023-11-05 05:58:20"),
            ("2023-11-05T05:58:20.1Z", "2023-11-05 05:58:20.100000+00:00", "2023-11-05 05:58:20"),
            ("2023-11-05T05:58:20.0000019Z", "2023-11-05 05:58:20.000001+00:00", "2023-11-05 05:58:20"),
            ("2023-11-05T05:58:20.000000999Z", "2023-11-05 05:58:20+00:00", "2023-11-05 05:58:20"),
        ] {
            let mut row = Vec::new();
            push_as_python(&mut row, text.as_bytes());
            assert_eq!(row, python.as_bytes());
            row.clear();
            push_as_excel(&mut row, text.as_bytes());
            assert_eq!(row, excel.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar(day in -719_162_i64..2_932_896, second in 0_i64..86_400, milli in 0_u32..1000) {
            let timestamp = Timestamp::new(day * 86_400 + second, 0).unwrap();
            let text = format!("{}.{milli:03}Z", timestamp.strftime("%Y-%m-%dT%H:%M:%S"));
            let expected = Instant { seconds: day * 86_400 + second, nanoseconds: milli * 1_000_000 };
            prop_assert_eq!(parse_utc(text.as_bytes()).map(Instant::from), Some(expected));
            let exact = timestamp + jiff::SignedDuration::from_millis(milli.into());
            prop_assert_eq!(Instant::from(exact), expected);
        }
    }
}
