//! The rule at work without a store: buckets of every shape are listed by so many workers, one request
//! of each a round, and every key has to come exactly once.

use super::{Candidate, PageKeys, Splitter};
use crate::s3::{Key, Range};
use crate::state::RangeRecord;

/// Keys of an answer: fewer than of S3's, so that a bucket of fewer keys has as many pages.
const PAGE: usize = 20;
const KEYS: usize = 200_000;

fn key(text: String) -> Vec<u8> {
    text.into_bytes()
}

/// Mixes the bits of a number, so that it looks random and is the same every time.
fn mixed(number: usize) -> u64 {
    let mut bits = (number as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn hive(number: usize, of: usize) -> String {
    let day = number * 730 / of;
    let (year, month, day) = (2024 + day / 365, day % 365 * 12 / 365 + 1, day % 31 + 1);
    format!("year={year}/month={month:02}/day={day:02}/part-{number:08}-{:08x}.parquet", mixed(number) >> 32)
}

/// Beginnings of keys that have next to nothing in common. Behind two of them nothing can be asked for, for
/// a control character is no part of a query: each is listed by one request after the other.
const NAMES: &[&str] = &[
    " leading space",
    "\"double quoted\"-",
    "#hash-",
    "$dollar-",
    "'single quoted'-",
    "+formula-",
    "-dash-",
    "//double/",
    "/leading/slash/",
    "</Key></Contents>-",
    "<tag>-",
    "=cmd|' /C calc'!A",
    "@at-",
    "[square]-",
    "]]>-",
    "`tick`-",
    "amp&ersand-",
    "back\\slash-",
    "both\r\nline-ends-",
    "carriage\rreturn-",
    "colon:equals=",
    "comma,separated,",
    "control\u{1}one-",
    "control\u{1f}last-",
    "deep/a/b/c/d/e/",
    "delete\u{7f}-",
    "dots/../there/",
    "dots/./here/",
    "double//slash//inside-",
    "emoji/\u{1f600}-",
    "entity&amp;literally-",
    "e\u{301}-combining-",
    "folder.txt/",
    "folder/",
    "inner\"quote-",
    "line\nfeed-",
    "line\u{2028}separator-",
    "percent%2Fliterally-",
    "percent%sign-",
    "pipe|tilde~caret^",
    "plus+sign-",
    "question?mark=",
    "semi;colon-",
    "space in name ",
    "tab\there-",
    "trailing spaces/file   ",
    "two\"\"quotes-",
    "zero\u{200b}width-",
    "{curly}-",
    "\u{e9}-composed-",
    "\u{41a}\u{438}\u{440}/\u{444}-",
    "\u{6f22}\u{5b57}/\u{6587}-",
    "\u{e000}-private-",
    "\u{fffd}-replacement-",
    "\u{10000}-first-astral-",
    "\u{10fffd}-last-legal-",
];

type Shape = (&'static str, fn(usize) -> Vec<u8>);

const SHAPES: [Shape; 11] = [
    ("zero-padded numbers", |number| key(format!("{number:010}"))),
    ("uuid", |number| {
        let (high, low) = (mixed(number), mixed(number + KEYS));
        key(format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        ))
    }),
    ("hive dates", |number| key(hive(number, KEYS))),
    ("90 % in one deep prefix", |number| match number % 10 {
        0 => key(format!("{}/{number:08}", ["archive", "data", "logs", "tmp"][number / 10 % 4])),
        _ => key(format!("data/warehouse/events/2025/region=eu/{:08x}/{number}", mixed(number) >> 32)),
    }),
    ("214-character common prefix", |number| key(format!("{}/{number:09}", "long-common-prefix-of-all/".repeat(8)))),
    ("Cyrillic, CJK, emoji", |number| {
        let pick = |from: u32, count: u64, salt: usize| {
            char::from_u32(from + u32::try_from(mixed(number + salt) % count).unwrap()).unwrap()
        };
        key(match number % 3 {
            0 => format!("{}{}{}-{number}", pick(0x430, 32, 1), pick(0x430, 32, 2), pick(0x430, 32, 3)),
            1 => format!("{}{}/{number}", pick(0x4e00, 3_000, 1), pick(0x4e00, 3_000, 2)),
            _ => format!("{}/{number}", pick(0x1f600, 64, 1)),
        })
    }),
    ("unpadded numbers", |number| key(number.to_string())),
    ("zipf, 20,000 users", |number| {
        // As many keys for the users 1 to 10 as for 10 to 100, and so on up to 20,000.
        let scale = mixed(number) % 430;
        let user = (0..scale).fold(1_000, |user, _| user * 1_023 / 1_000 + 1) / 1_000;
        key(format!("users/{:08x}/{number:08}", mixed(user) >> 32))
    }),
    ("five mixed data sets", |number| match number % 5 {
        0 => key(format!("a-logs/{}", hive(number, KEYS))),
        1 => key(format!("images/{:016x}.jpg", mixed(number))),
        2 => key(format!("backup/{number}")),
        3 => key(format!("users/{}/profile/{}", mixed(number) % 5_000, number)),
        _ => key(format!("zzz/{number:012}")),
    }),
    ("90 % behind 190 characters", |number| match number * 20 / KEYS {
        0 => key(format!("archive/before-the-bulk-{number:010}.json")),
        19 => key(format!("temporary/behind-the-bulk-{number:010}.json")),
        _ => key(format!("data/{}/batch-{number:010}.json", "some-partition=of-the-warehouse/".repeat(5))),
    }),
    ("names of all kinds", |number| {
        let each = KEYS / NAMES.len() + 1;
        key(format!("{}{:09}", NAMES[number / each], number % each))
    }),
];

fn bucket(of: fn(usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = (0..KEYS).map(of).collect();
    keys.sort();
    keys.dedup();
    keys
}

#[derive(Debug, Default)]
struct Outcome {
    rounds: usize,
    requests: usize,
    keys: usize,
}

fn best(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().max_by(|one, other| one.worth.total_cmp(&other.worth))
}

/// Lists `keys` with so many workers.
fn list(keys: &[Vec<u8>], workers: usize, page: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut splitter = Splitter::default();
    let range = RangeRecord::begun;
    let mut open = vec![range(0, Range::default())];
    let mut next = 1;
    while !open.is_empty() {
        outcome.rounds += 1;
        let asked: Vec<u32> = open.iter().map(|record| record.id).collect();
        outcome.requests += asked.len();
        for id in asked {
            let at = open.iter().position(|record| record.id == id).unwrap();
            let record = &mut open[at];
            let after = record.cursor.after.clone();
            let from =
                keys.partition_point(|key| after.as_ref().is_some_and(|after| key.as_slice() <= after.as_bytes()));
            let answer = &keys[from..(from + page).min(keys.len())];
            let inside = answer.partition_point(|key| {
                record.range.until.as_ref().is_none_or(|until| key.as_slice() <= until.as_bytes())
            });
            let is_first = after == record.range.after;
            let stride = if is_first { 37 * page / 1000 } else { 199 * page / 1000 }.max(1);
            let mut samples: Vec<Key> = answer.iter().step_by(stride).map(|key| Key::from(key.as_slice())).collect();
            samples.extend(answer.last().map(|key| Key::from(key.as_slice())));
            let seen = PageKeys { answered: u32::try_from(answer.len()).unwrap(), samples };
            splitter.paged(id, "", after.as_ref(), &seen);
            outcome.keys += inside;
            if is_first {
                splitter.probed(id, inside > 0);
            }
            if inside < answer.len() || from + page >= keys.len() {
                splitter.ended(id);
                open.remove(at);
            } else {
                record.cursor.after = answer.last().map(|key| Key::from(key.as_slice()));
            }
            while open.len() < workers.min(splitter.most_workers())
                && let Some(candidate) = best(splitter.candidates(open.iter()))
                && let victim = open.iter_mut().find(|record| record.id == candidate.range).unwrap()
                && let Some(cut) = splitter.cut(victim)
            {
                let until = victim.range.until.replace(cut.clone());
                splitter.split(victim.id, next, &cut);
                open.push(range(next, Range { prefix: String::new(), after: Some(cut), until }));
                next += 1;
            }
        }
    }
    outcome
}

/// Of every shape, by 8 and by 64 workers: at least how much of their time is put to use, and at most how
/// many requests are sent for each that one worker would need. In per cent; found by measuring, less a little.
const BOUNDS: [[(usize, usize); 2]; SHAPES.len()] = [
    [(98, 101), (91, 104)],
    [(98, 101), (92, 103)],
    [(97, 102), (86, 107)],
    [(98, 101), (91, 105)],
    [(98, 101), (92, 104)],
    [(97, 102), (84, 109)],
    [(98, 101), (93, 103)],
    [(97, 102), (89, 106)],
    [(97, 102), (83, 112)],
    [(97, 101), (91, 105)],
    [(96, 102), (68, 112)],
];

#[test]
fn every_shape_is_listed_by_many_nearly_without_loss() {
    for ((name, of), bounds) in SHAPES.into_iter().zip(BOUNDS) {
        let keys = bucket(of);
        let ideal = keys.len().div_ceil(PAGE);
        for (workers, (efficient, requested)) in [8, 64].into_iter().zip(bounds) {
            let outcome = list(&keys, workers, PAGE);
            assert_eq!(outcome.keys, keys.len(), "{name} by {workers}");
            let efficiency = 100 * ideal / (outcome.rounds * workers);
            let requests = 100 * outcome.requests / ideal;
            println!("{name}: {workers} workers, efficiency {efficiency} %, requests {requests} %");
            assert!(efficiency >= efficient && requests <= requested, "{name}: {efficiency} %, {requests} %");
        }
    }
}

/// So many pages, and at most so many requests for them while 64 workers have nothing else to do.
const SMALL: [(usize, usize); 4] = [(1, 1), (5, 15), (20, 45), (100, 150)];

#[test]
fn a_small_bucket_takes_few_requests() {
    for (name, of) in SHAPES.into_iter().filter(|(name, _)| !name.starts_with("names")) {
        let keys = bucket(of);
        for (pages, most) in SMALL {
            let few: Vec<Vec<u8>> = keys.iter().step_by(keys.len().div_ceil(pages * PAGE)).cloned().collect();
            let outcome = list(&few, 64, PAGE);
            println!("{name}: {} pages, {} requests", few.len().div_ceil(PAGE), outcome.requests);
            assert!(outcome.requests <= most, "{name}: {} for {pages} pages", outcome.requests);
        }
    }
}

#[test]
fn small_and_odd_pages_lose_nothing() {
    for (_, of) in SHAPES {
        let keys = bucket(of);
        let few = &keys[..3_000];
        for (workers, page) in [(64, 1), (7, 3), (256, 10), (64, 1_000), (64, 5_000)] {
            assert_eq!(list(few, workers, page).keys, few.len());
        }
    }
}
