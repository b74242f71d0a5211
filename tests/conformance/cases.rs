//! The cases: what is written, compared row by row with what a bucket holds.

use super::{Ask, Bucket, Object, Scanned, Subject};
use jiff::{RoundMode, Timestamp, TimestampRound};

/// All of them. What needs several pages, or several instants, is left out over a bucket without.
pub fn all(subject: &impl Subject, bucket: &Bucket) {
    every_object_is_a_row(subject, bucket);
    many_requests_at_once_bring_the_same(subject, bucket);
    stopped_and_gone_on_with(subject, bucket);
    prefixes_are_the_keys_that_begin_with_them(subject, bucket);
    a_window_holds_its_first_instant_and_not_its_last(subject, bucket);
}

/// Each once, in key order, with as many requests as there are pages.
pub fn every_object_is_a_row(subject: &impl Subject, bucket: &Bucket) {
    let scanned = subject.scan(&bucket.name, &Ask::default());
    assert_rows(bucket, &scanned, |_| true);
    assert_eq!(scanned.requests, pages(bucket, bucket.objects.len()), "{}", bucket.name);
    assert_eq!(scanned.invocations, 1, "{}", bucket.name);
}

/// Ranges are split at keys that are made up: the store has to take each of them as a key to list behind.
pub fn many_requests_at_once_bring_the_same(subject: &impl Subject, bucket: &Bucket) {
    let ask = Ask { at_once: true, ..Ask::default() };
    let scanned = subject.scan(&bucket.name, &ask);
    assert_rows(bucket, &scanned, |_| true);
    let pages = pages(bucket, bucket.objects.len());
    // However it is split, a range has full pages and one that is not at the most.
    let full = (bucket.objects.len() / bucket.page) as u64;
    let most = (full + 1 + scanned.splits).min(pages * u64::from(ask.concurrency()));
    // What is known of a bucket before its first page is not enough to split it.
    let most = if pages == 1 { 1 } else { most };
    let Scanned { requests, splits, .. } = scanned;
    assert!((pages..=most).contains(&requests), "{}: {requests} requests, {splits} splits", bucket.name);
}

/// Every invocation after the first begins behind a key that was listed before.
pub fn stopped_and_gone_on_with(subject: &impl Subject, bucket: &Bucket) {
    let pages = pages(bucket, bucket.objects.len());
    if pages < 3 {
        return;
    }
    // The first request of all asks for the bucket's region.
    let stop_after = (pages / 3).max(2);
    let scanned = subject.scan(&bucket.name, &Ask { stop_after: Some(stop_after), ..Ask::default() });
    assert_rows(bucket, &scanned, |_| true);
    assert_eq!(scanned.requests, pages, "{}: nothing is listed twice", bucket.name);
    assert!(scanned.invocations > 1, "{}: {} invocations", bucket.name, scanned.invocations);
}

/// Whole keys, halves of keys, and one that no key begins with.
pub fn prefixes_are_the_keys_that_begin_with_them(subject: &impl Subject, bucket: &Bucket) {
    let step = (bucket.objects.len() / 12).max(1);
    let some = bucket.objects.iter().step_by(step).enumerate().map(|(number, Object { key, .. })| {
        let characters = key.chars().count();
        key.chars().take(if number % 2 == 0 { characters } else { characters.div_ceil(2) }).collect::<String>()
    });
    let mut prefixes: Vec<String> = some.filter(|prefix| !prefix.contains(char::is_control)).collect();
    prefixes.push("no such prefix".to_owned());
    let asked = Ask { prefixes: prefixes.clone(), ..Ask::default() };
    let scanned = subject.scan(&bucket.name, &asked);
    assert_rows(bucket, &scanned, |object| prefixes.iter().any(|prefix| object.key.starts_with(prefix)));
}

/// From the instant of one object to that of another.
pub fn a_window_holds_its_first_instant_and_not_its_last(subject: &impl Subject, bucket: &Bucket) {
    let mut instants: Vec<Timestamp> = bucket.objects.iter().map(|object| whole_second(object.last_modified)).collect();
    instants.sort_unstable();
    let (since, until) = (instants[instants.len() / 4], instants[instants.len() / 2]);
    if since == until {
        return;
    }
    let scanned = subject.scan(&bucket.name, &Ask { window: Some((since, until)), ..Ask::default() });
    assert_rows(bucket, &scanned, |object| (since..until).contains(&object.last_modified));
}

fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).expect("in range")
}

/// An answer without objects takes a request too.
fn pages(bucket: &Bucket, objects: usize) -> u64 {
    objects.div_ceil(bucket.page).max(1) as u64
}

fn assert_rows(bucket: &Bucket, scanned: &Scanned, is_expected: impl Fn(&Object) -> bool) {
    let name = &bucket.name;
    let expected: Vec<&Object> = bucket.objects.iter().filter(|object| is_expected(object)).collect();
    let cut = TimestampRound::new().smallest(bucket.known_to).mode(RoundMode::Floor);
    let known = |row: &Object| Object { last_modified: row.last_modified.round(cut).expect("in range"), ..row.clone() };
    let rows: Vec<Object> = scanned.rows.iter().map(known).collect();
    for (number, (row, object)) in rows.iter().zip(&expected).enumerate() {
        assert_eq!(&row, object, "{name}, row {number}");
    }
    assert_eq!(rows.len(), expected.len(), "{name}");
    assert!(scanned.ordered, "{name}: the store is said not to keep the order");
}
