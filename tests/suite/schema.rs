//! The JSON Schema of job files: fresh, a schema, kind to every right file, and hard on wrong ones.
//!
//! Editors and linters go by the schema, s3scan by its own reader. Responsible for what ties the two
//! together: whatever the schema refuses is refused by `load` too, at the same key. The other way
//! round does not hold, for much is beyond a schema. Dates stand in JSON as strings.

use std::cell::Cell;
use std::path::Path;

use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use s3scan::job::{self, Problems, Request};
use serde_json::{Value as Json, json};

/// A file with every key, and the file of ids that it names.
const EVERY_KEY: &str = include_str!("job_files/every_key.toml");
const IDS: (&str, &str) = ("every_key.txt", include_str!("job_files/every_key.txt"));

/// Files that the schema refuses: the text but for its version, the place (a JSON pointer) and the
/// keyword of the schema that refuses it.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str)] = &[
    ("version = 2", "/version", "const"),
    ("version = '1'", "/version", "type"),
    ("versio = 1", "", "additionalProperties"),
    ("extends = 'base.toml'", "/extends", "type"),
    ("extends = ['']", "/extends/0", "minLength"),
    ("name = 'Quarterly Audit'", "/name", "pattern"),
    ("description = 5", "/description", "type"),
    ("window = 'last-week'", "/window", "type"),
    ("window.since = 2025", "/window/since", "anyOf"),
    ("window.since = ''", "/window/since", "anyOf"),
    ("window.until = [2025-07-01]", "/window/until", "anyOf"),
    ("window.period = 'last-decade'", "/window/period", "enum"),
    ("window.timezone = 'New York'", "/window/timezone", "pattern"),
    ("window.untill = 2025-07-01", "/window", "additionalProperties"),
    ("accounts = ['a', 'b']", "/accounts", "type"),
    ("accounts.Prod = {}", "/accounts", "additionalProperties"),
    ("accounts.a = 'profile'", "/accounts/a", "type"),
    ("accounts.a.profil = 'a'", "/accounts/a", "additionalProperties"),
    ("accounts.a.access_key_id = 'AKIA'", "/accounts/a", "additionalProperties"),
    ("accounts.a.profile = true", "/accounts/a/profile", "type"),
    ("accounts.a.profile = ''", "/accounts/a/profile", "minLength"),
    ("accounts.a.account_id = 123456789012", "/accounts/a/account_id", "type"),
    ("accounts.a.account_id = '1234-5678-9012'", "/accounts/a/account_id", "pattern"),
    ("accounts.a.region = 'us east 1'", "/accounts/a/region", "pattern"),
    ("accounts.a.regions = ['us/*']", "/accounts/a/regions/0", "pattern"),
    ("accounts.a.role_arn = 'audit'", "/accounts/a/role_arn", "pattern"),
    ("accounts.a.endpoint_url = 'localhost:9000'", "/accounts/a/endpoint_url", "pattern"),
    ("accounts.a.endpoint_url = 'https://key:secret@host'", "/accounts/a/endpoint_url", "pattern"),
    ("accounts.a.endpoint_url = 'https://'", "/accounts/a/endpoint_url", "pattern"),
    ("accounts.a.sts_endpoint_url = 'sts'", "/accounts/a/sts_endpoint_url", "pattern"),
    ("accounts.a.path_style = 'yes'", "/accounts/a/path_style", "type"),
    ("accounts.a.bucket_owner = '12'", "/accounts/a/bucket_owner", "pattern"),
    ("accounts.a.account_ids = ['111111111111', '2']", "/accounts/a/account_ids/1", "pattern"),
    ("accounts.a.account_ids_file = ''", "/accounts/a/account_ids_file", "minLength"),
    ("accounts.a.buckets = ['logs']", "/accounts/a/buckets", "type"),
    ("accounts.a.buckets.on_denied = 'skip'", "/accounts/a/buckets", "additionalProperties"),
    ("accounts.a.limits.concurrency = 4", "/accounts/a/limits", "additionalProperties"),
    ("accounts.a.limits.max_attempts = 0", "/accounts/a/limits/max_attempts", "minimum"),
    ("buckets.include = 'logs-*'", "/buckets/include", "type"),
    ("buckets.include = ['logs-*', 5]", "/buckets/include/1", "type"),
    ("buckets.exclude = ['tmp/*']", "/buckets/exclude/0", "pattern"),
    ("buckets.on_denied = 'ignore'", "/buckets/on_denied", "enum"),
    ("buckets.on_empty = 'skip'", "/buckets/on_empty", "enum"),
    ("objects.list = 'versions'", "/objects/list", "enum"),
    ("objects.prefixes = ['logs/*']", "/objects/prefixes/0", "pattern"),
    ("objects.include = ['']", "/objects/include/0", "minLength"),
    ("objects.min_size = -1", "/objects/min_size", "anyOf"),
    ("objects.max_size = '5 gigs'", "/objects/max_size", "anyOf"),
    ("objects.max_size = 1.5", "/objects/max_size", "anyOf"),
    ("objects.storage_classes = ['standard']", "/objects/storage_classes/0", "pattern"),
    ("column_sets.mine = 'key'", "/column_sets/mine", "type"),
    ("column_sets.mine = []", "/column_sets/mine", "minItems"),
    ("column_sets.mine = ['key', 'key']", "/column_sets/mine", "uniqueItems"),
    ("column_sets.mine = ['kee']", "/column_sets/mine/0", "enum"),
    ("output.columns = []", "/output/columns", "anyOf"),
    ("output.columns = ['key', 'owner']", "/output/columns", "anyOf"),
    ("output.format = 'parquet'", "/output/format", "enum"),
    ("output.path = ['data']", "/output/path", "type"),
    ("output.dialect = 'Excel'", "/output/dialect", "enum"),
    ("output.header = 1", "/output/header", "type"),
    ("output.compression = 'bzip2'", "/output/compression", "enum"),
    ("output.rows_per_file = 0", "/output/rows_per_file", "minimum"),
    ("output.rows_per_file = '1_000_000'", "/output/rows_per_file", "type"),
    ("output.key_encoding = 'base64'", "/output/key_encoding", "enum"),
    ("output.empty = 'skip'", "/output/empty", "enum"),
    ("limits.requests_per_second = 0", "/limits/requests_per_second", "minimum"),
    ("limits.requests_per_second = 0.5", "/limits/requests_per_second", "type"),
    ("limits.concurrency = 2000", "/limits/concurrency", "maximum"),
    ("limits.request_timeout = 60", "/limits/request_timeout", "type"),
    ("limits.request_timeout = 'a minute'", "/limits/request_timeout", "pattern"),
    ("limits.max_requests = -5", "/limits/max_requests", "minimum"),
    ("state.checkpoint_evry = '2s'", "/state", "additionalProperties"),
    ("log.level = 'loud'", "/log/level", "enum"),
    ("log.format = 'JSON'", "/log/format", "enum"),
    ("overlay.CI = {}", "/overlay", "additionalProperties"),
    ("overlay.ci.version = 1", "/overlay/ci", "additionalProperties"),
    ("overlay.ci.limits.concurrency = '16'", "/overlay/ci/limits/concurrency", "type"),
    ("overlay.ci.overlay.more.name = 'a'", "/overlay/ci", "additionalProperties"),
];

fn validator() -> Validator {
    jsonschema::draft7::new(&job::schema()).expect("the schema can be used")
}

/// The values of a TOML text as a validator sees them.
fn values(text: &str) -> Json {
    json_of(toml::Value::Table(text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"))))
}

fn json_of(value: toml::Value) -> Json {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(elements) => elements.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json_of(value))).collect(),
    }
}

/// The place and the keyword of each refusal.
fn refusals(validator: &Validator, values: &Json) -> Vec<(String, String)> {
    let errors = validator.iter_errors(values);
    errors.map(|error| (error.instance_path().to_string(), error.kind().keyword().to_owned())).collect()
}

/// Loads a text as a job file, in a folder with the file of ids.
fn load(folder: &Path, text: &str) -> Result<(), Problems> {
    let file = folder.join("job.toml");
    std::fs::write(&file, text).expect("a file can be written");
    job::load(&Request::of(file)).map(|_| ())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join(IDS.0), IDS.1).expect("a file can be written");
    folder
}

#[test]
fn the_committed_schema_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/job.schema.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let fresh = serde_json::to_string_pretty(&job::schema()).expect("a schema is JSON") + "\n";
    let is_fresh = committed == fresh;
    assert!(is_fresh, "the schema is stale; to mend it: cargo run -- schema > schemas/job.schema.json");
}

#[test]
fn the_schema_is_one_of_draft_7() {
    let schema = job::schema();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    if let Err(error) = jsonschema::draft7::meta::validate(&schema) {
        panic!("{error} at {}", error.instance_path());
    }
}

#[test]
fn every_file_that_is_shipped_is_accepted() {
    let validator = validator();
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs");
    let jobs = jobs.read_dir().expect("the folder of jobs").map(|entry| entry.expect("a job").path());
    let jobs = jobs.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut texts: Vec<(String, String)> =
        jobs.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a job"))).collect();
    assert!(texts.len() >= 5, "{} jobs", texts.len());
    for (name, text) in [
        ("defaults.toml", include_str!("../../src/job/defaults.toml")),
        ("starter.toml", include_str!("../../src/cli/init/starter.toml")),
        ("every_key.toml", EVERY_KEY),
    ] {
        texts.push((name.to_owned(), text.to_owned()));
    }
    for (name, text) in texts {
        assert_eq!(refusals(&validator, &values(&text)), [], "{name}");
    }
}

#[test]
fn wrong_files_are_refused_at_their_place_for_their_reason_and_by_the_program_at_the_same() {
    let (validator, folder) = (validator(), folder());
    let mut wrong = Vec::new();
    for (text, place, keyword) in WRONG {
        let text = if text.starts_with("version") { (*text).to_owned() } else { format!("version = 1\n{text}") };
        let refused = refusals(&validator, &values(&text));
        let is_there = refused.iter().all(|(at, _)| at == place) && refused.iter().any(|(_, by)| by == keyword);
        let told = load(folder.path(), &text).map_err(|problems| {
            problems.iter().filter_map(|problem| problem.key.as_deref()).map(pointer).collect::<Vec<_>>()
        });
        // The program names the unknown key itself, the schema the table it stands in.
        let is_told =
            told.as_ref().is_err_and(|keys| !keys.is_empty() && keys.iter().all(|key| key.starts_with(place)));
        if !is_there || !is_told {
            wrong.push(format!("{text}\n  the schema: {refused:?}\n  the program: {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The JSON pointer to a dotted key of the program's.
fn pointer(key: &str) -> String {
    format!("/{}", key.replace('[', ".").replace(']', "").replace('.', "/"))
}

/// Every place where something can stand, `x` for names of the author's choice.
fn places(schema: &Json, table: &Json, path: &[String], places: &mut Vec<Vec<String>>) {
    let named = table["patternProperties"].as_object().and_then(|named| named.values().next());
    let keys = table["properties"].as_object().into_iter().flatten().map(|(key, property)| (key.as_str(), property));
    for (key, property) in keys.chain(named.map(|property| ("x", property))) {
        let path = [path, &[key.to_owned()]].concat();
        let definition = property["$ref"].as_str().and_then(|name| name.strip_prefix("#/definitions/"));
        places.push(path.clone());
        self::places(schema, definition.map_or(property, |name| &schema["definitions"][name]), &path, places);
    }
}

/// Texts that mean something to some key: those of the schema's examples, words and defaults.
fn texts(schema: &Json, found: &mut Vec<String>) {
    match schema {
        Json::Object(object) => {
            for (key, value) in object {
                match value {
                    Json::String(text) if key == "default" => found.push(text.clone()),
                    _ if key == "description" || key == "enumDescriptions" => {}
                    _ => texts(value, found),
                }
            }
        }
        Json::Array(elements) => {
            found.extend(elements.iter().filter_map(Json::as_str).map(str::to_owned));
            for element in elements {
                texts(element, found);
            }
        }
        _ => {}
    }
}

/// Any value, often one that is right at some other key.
fn any_value(texts: Vec<String>) -> impl Strategy<Value = toml::Value> {
    let date = prop::sample::select(vec!["2025-07-01", "2025-07-01T06:00:00-04:00", "06:00:00"]);
    let text = prop_oneof![3 => prop::sample::select(texts), 1 => "[a-z0-9.{}*/ é-]{0,6}", 1 => "[0-9]{1,12} ?[kMGiBsmh]{0,2}"];
    let leaf = prop_oneof![
        6 => text.prop_map(toml::Value::String),
        2 => prop_oneof![-1..3i64, 1000..1100i64, any::<i64>()].prop_map(toml::Value::Integer),
        1 => (-10.0..10.0).prop_map(toml::Value::Float),
        1 => any::<bool>().prop_map(toml::Value::Boolean),
        1 => date.prop_map(|date| toml::Value::Datetime(date.parse().expect("a date"))),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let key = prop::sample::select(vec!["x", "include", "limits", "concurrency", "since", "A b"]);
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..3).prop_map(toml::Value::Array),
            1 => prop::collection::vec((key, inner), 0..2)
                .prop_map(|entries| toml::Value::Table(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())),
        ]
    })
}

/// Puts a value at a path of keys; tables on the way are made.
fn put(table: &mut toml::Table, path: &[String], value: toml::Value) {
    let [key, rest @ ..] = path else {
        return;
    };
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return;
    }
    let inner = table.entry(key.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(inner) = inner.as_table_mut() {
        put(inner, rest, value);
    }
}

#[test]
fn what_the_schema_refuses_at_any_key_the_program_refuses() {
    let (schema, validator, folder) = (job::schema(), validator(), folder());
    let (mut all_places, mut all_texts) = (Vec::new(), Vec::new());
    places(&schema, &schema, &[], &mut all_places);
    texts(&schema, &mut all_texts);
    let bases = ["version = 1", EVERY_KEY].map(|text| text.parse::<toml::Table>().expect("a right file"));
    let (refused, right) = (Cell::new(0), Cell::new(0));
    let inputs = (prop::sample::select(bases.to_vec()), prop::sample::select(all_places), any_value(all_texts));
    // The same cases in every run of the tests.
    let seed = RngSeed::Fixed(11);
    let config = ProptestConfig { cases: 3000, rng_seed: seed, failure_persistence: None, ..ProptestConfig::default() };
    let ran = TestRunner::new(config).run(&inputs, |(mut file, path, value)| {
        put(&mut file, &path, value);
        let text = toml::to_string(&file).expect("a table is TOML");
        let refusals = refusals(&validator, &values(&text));
        let loaded = load(folder.path(), &text);
        prop_assert!(refusals.is_empty() || loaded.is_err(), "{refusals:?} is nothing to the program:\n{text}");
        refused.set(refused.get() + usize::from(!refusals.is_empty()));
        right.set(right.get() + usize::from(loaded.is_ok()));
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    // Both happen often, so the property says something.
    assert!(refused.get() > 500 && right.get() > 100, "{} refused, {} right", refused.get(), right.get());
}
