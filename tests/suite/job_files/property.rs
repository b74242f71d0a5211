//! Whatever stands in a file, a variable or a flag: never a panic, and either a job or a problem
//! that says where.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use s3scan::job::Job;

use super::Folder;

const EVERY_KEY: &str = include_str!("every_key.toml");

/// The shipped jobs and the file with every key; all are good.
fn good() -> Vec<String> {
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs");
    let mut names: Vec<_> =
        jobs.read_dir().expect("the folder of jobs").map(|entry| entry.expect("a job").path()).collect();
    names.sort();
    let texts = names.iter().map(|path| std::fs::read_to_string(path).expect("a job"));
    texts.chain([EVERY_KEY.to_owned()]).collect()
}

fn folder() -> Folder {
    Folder::with(&[("every_key.txt", include_str!("every_key.txt"))])
}

fn runner(cases: u32) -> TestRunner {
    // The same cases in every run of the tests.
    TestRunner::new(ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// Either a job or problems that are told, each with the file, variable or flag it is in.
fn holds(folder: &Folder) -> Result<Option<Job>, TestCaseError> {
    let problems = match folder.load("job.toml") {
        Ok(job) => return Ok(Some(job)),
        Err(problems) => problems,
    };
    prop_assert!(problems.iter().count() > 0);
    let names = ["job.toml", "every_key.txt", "`--set ", "`--overlay ", "environment variable `S3SCAN_JOB__"];
    for problem in problems.iter() {
        prop_assert!(names.iter().any(|name| problem.file.contains(name)), "{problem:?}");
    }
    let shown = problems.render(false);
    prop_assert!(names.iter().any(|name| shown.contains(name)), "{shown}");
    prop_assert!(problems.to_json().as_array().is_some_and(|all| all.len() == problems.iter().count()));
    Ok(None)
}

#[test]
fn the_file_with_every_key_loads() {
    let folder = folder();
    folder.write("job.toml", EVERY_KEY);
    let names: Vec<String> = folder.job().accounts.into_iter().map(|account| account.name).collect();
    let expected =
        ["listed-333333333333", "listed-444444444444", "org-111111111111", "org-222222222222", "prod", "store"];
    assert_eq!(names, expected);
    for name in ["ci", "nightly"] {
        let folder = Folder::with(&[("job.toml", EVERY_KEY), ("every_key.txt", "333333333333")]).overlay(name);
        let _ = folder.job();
    }
}

#[test]
fn the_file_with_every_key_really_has_every_key() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.extend(properties.keys().cloned());
        }
        schema.as_object().into_iter().flat_map(serde_json::Map::values).for_each(|inner| keys(inner, found));
    }
    let mut all = Vec::new();
    keys(&s3scan::job::schema(), &mut all);
    assert!(all.len() > 60, "{all:?}");
    let words: Vec<&str> =
        EVERY_KEY.split(|character: char| !character.is_alphanumeric() && character != '_').collect();
    let missing: Vec<_> = all.iter().filter(|key| !words.contains(&key.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn changed_bytes() {
    let texts = good();
    let folder = folder();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..5_u8), 1..12);
    let strategy = (0..texts.len(), changes);
    let outcome = runner(1500).run(&strategy, |(text, changes)| {
        let mut bytes = texts[text].clone().into_bytes();
        for (place, byte, change) in changes {
            let place = place.index(bytes.len());
            match change {
                0 => bytes[place] = byte,
                1 => bytes[place] = b"\"'[]{}=.#\n0a"[usize::from(byte) % 12],
                2 => bytes.insert(place, byte % 128),
                3 => drop(bytes.remove(place)),
                _ => drop(bytes.drain(place..(place + usize::from(byte)).min(bytes.len() - 1).max(place))),
            }
        }
        folder.write("job.toml", bytes);
        holds(&folder).map(drop)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Whole lines and values exchanged, so that what comes out is more often TOML.
#[test]
fn exchanged_values() {
    let values = EVERY_KEY.lines().filter_map(|line| line.split_once(" = ")).map(|(_, value)| value);
    let values: Vec<&str> =
        values.chain(["-1", "nan", "[[]]", "{}", "\"\\u0000\"", "1979-05-27T00:32:00.999999-07:00", "inf"]).collect();
    let lines: Vec<&str> = EVERY_KEY.lines().collect();
    let folder = folder();
    let strategy = prop::collection::vec((0..lines.len(), prop::sample::select(values)), 1..6);
    let outcome = runner(700).run(&strategy, |changes| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for (line, value) in changes {
            if let Some((key, _)) = lines[line].clone().split_once(" = ") {
                lines[line] = format!("{key} = {value}");
            }
        }
        folder.write("job.toml", lines.join("\n"));
        holds(&folder).map(drop)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn variables_and_flags() {
    let keys = prop::sample::select(vec![
        "limits.concurrency",
        "accounts.prod.account_id",
        "accounts.prod",
        "window.since",
        "output.path",
        "overlay.ci",
        "buckets.include",
        "name",
        "",
    ]);
    let strategy = (keys, any::<String>(), "[ -~]{0,20}", "[\\[\\]{}\"'=.,a0 #-]{0,12}");
    let outcome = runner(150).run(&strategy, |(key, any, printable, marks)| {
        for value in [any, printable, marks] {
            let set = folder().set(&format!("{key}={value}")).set(&value);
            let variable = format!("S3SCAN_JOB__{}", key.replace('.', "__").to_uppercase());
            let variable = folder().variable(&variable, &value).variable(&format!("S3SCAN_JOB__{value}"), "1");
            for folder in [set, variable, folder().overlay(&value)] {
                folder.write("job.toml", EVERY_KEY);
                holds(&folder)?;
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
