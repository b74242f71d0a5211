//! Buckets that several servers get, and what their listings must show.

use crate::client::Client;
use crate::conformance::endpoint::Endpoint;
use crate::conformance::{Bucket, Object, cases, keys};
use crate::python_server::PythonServer;
use crate::refusals;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

/// Awkward keys in a bucket whose pages hold so many keys; `refused` are those that the server does not take, and how.
pub fn odd_keys(endpoint: &Endpoint, page: usize, refused: &[(&str, &str)]) {
    let client = Client::new(endpoint);
    client.create_bucket("odd");
    let put = client.put_all("odd", keys::all());
    refusals::assert_refused(&put.refused, refused);
    cases::all(endpoint, &Bucket::new("odd", page, put.accepted));
}

/// Many objects, whose instants the server tells in seconds.
pub fn many_told_in_seconds(python: &mut PythonServer, endpoint: &Endpoint, mode: RoundMode) {
    Client::new(endpoint).create_bucket("many");
    let many = many();
    python.put_objects("many", &many);
    cases::all(endpoint, &Bucket::new("many", 1000, told_in_seconds(many, mode)));
}

/// 20,000 objects of which every cursor has to be encoded, with instants to the millisecond.
pub fn many() -> Vec<Object> {
    let object = |number: i64| Object {
        key: format!("day {}/{number:05} + 1%,é&.csv", number % 7),
        size: number.unsigned_abs() % 100,
        last_modified: Timestamp::from_millisecond(1_735_689_600_000 + number * 523_457).expect("an instant"),
    };
    (0..20_000).map(object).collect()
}

/// The objects as a store lists them that tells whole seconds: the one before, or the one behind.
pub fn told_in_seconds(objects: Vec<Object>, mode: RoundMode) -> Vec<Object> {
    let round = TimestampRound::new().smallest(Unit::Second).mode(mode);
    let told =
        |object: Object| Object { last_modified: object.last_modified.round(round).expect("in range"), ..object };
    objects.into_iter().map(told).collect()
}

/// A bucket that keeps versions: only what is there now is listed, whatever was there before.
pub fn versions(endpoint: &Endpoint, page: usize) {
    let client = Client::new(endpoint);
    client.create_bucket("versions");
    client.keep_versions("versions");
    let mut current = Vec::new();
    for number in 0..4 {
        client.put("versions", &format!("{number} overwritten"), 1);
        current.push(client.put("versions", &format!("{number} overwritten"), 2));
        current.push(client.put("versions", &format!("{number} written once"), 3));
        client.put("versions", &format!("{number} deleted"), 4);
        client.delete("versions", &format!("{number} deleted"));
        client.put("versions", &format!("{number} back again"), 5);
        client.delete("versions", &format!("{number} back again"));
        current.push(client.put("versions", &format!("{number} back again"), 6));
        client.delete("versions", &format!("{number} never there"));
    }
    cases::all(endpoint, &Bucket::new("versions", page, current));
}

/// Names for so many buckets.
pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("bucket-{number:04}")).collect()
}
