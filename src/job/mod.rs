//! What was asked: the job file, from its text to the checked [`Job`].
//!
//! Responsible for reading, layering and checking job files, offline. It leaves to others what S3
//! makes of it, and the clock: nothing here reads the time. It owns the invariant that a [`Job`] can
//! be carried out as far as can be told without asking a store.
//!
//! The way of a value: `layers` parses texts and merges them, `section` reads tables by type into the
//! mirror in `file`, and the other files turn what was written into what it means. All of them note
//! what is wrong and carry on, so one pass tells all.

mod account;
mod file;
mod fingerprint;
mod globs;
mod layers;
mod limits;
mod output;
mod path;
mod problem;
mod records;
mod section;
mod selection;
mod suggest;
mod values;
mod window;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use account::Account;
pub use globs::{KeyGlobs, NameGlobs};
pub use limits::Limits;
pub use output::Output;
pub use path::{PathPiece, PathTemplate, PathToken};
pub use problem::{Position, Problem, Problems};
pub use records::{LogFormat, LogLevel, LogSettings, StateSettings};
pub use selection::{BucketRules, ObjectRules, OnDenied, OnEmpty};
pub use window::Window;

use file::JobFile;
use layers::{Layer, Layers};
use problem::{Blame, Findings, Refusal, Source, Written};
use section::Section;

/// The version of the job file's format that this program reads.
const VERSION: i64 = 1;
/// Largest job file in bytes; what is larger is no job file.
const LARGEST: u64 = 1 << 20;
/// The lowest layer, and the name problems in it would have.
const DEFAULTS: (&str, &str) = ("built-in defaults", include_str!("defaults.toml"));

/// A checked job: what a job file means, with every default filled in.
#[derive(Debug, Clone)]
pub struct Job {
    /// `[a-z0-9][a-z0-9_-]*`; the file's stem unless the file says otherwise.
    pub name: String,
    /// For people.
    pub description: String,
    /// Which objects by modification time.
    pub window: Window,
    /// At least one, in the order of their names.
    pub accounts: Vec<Account>,
    /// Which buckets.
    pub buckets: BucketRules,
    /// Which objects otherwise.
    pub objects: ObjectRules,
    /// Where rows go.
    pub output: Output,
    /// How hard to press the stores.
    pub limits: Limits,
    /// Where progress is kept.
    pub state: StateSettings,
    /// Where messages go.
    pub log: LogSettings,
}

/// Reads a job file, lays it over the built-in defaults and checks it. Nothing but the file is read.
///
/// # Errors
///
/// Everything that is wrong with it: a file that cannot be read or is larger than 1 MiB, text that is
/// not UTF-8 or not TOML, unknown keys, wrong types, impossible values.
pub fn load(path: &Path) -> Result<Job, Problems> {
    resolve(path, read(path))
}

fn read(path: &Path) -> Result<String, Refusal> {
    let unreadable = |error| Refusal::new(format!("the job file cannot be read: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One byte more than allowed tells a file of the largest size from a larger one.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, Refusal> {
    if bytes.len() as u64 > LARGEST {
        return Err(Refusal::new("the job file is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        let line = before.matches('\n').count() + 1;
        Refusal::new(format!("the job file is not UTF-8, first in line {line}"))
    })
}

fn resolve(path: &Path, text: Result<String, Refusal>) -> Result<Job, Problems> {
    let mut findings = Findings::default();
    let name = path.display().to_string();
    let unread = text.as_ref().err().cloned();
    let source = Arc::new(Source::new(name, text.unwrap_or_default()));
    let whole = Blame { source: Arc::clone(&source), key: None, span: None };
    if let Some(refusal) = unread {
        findings.add(&whole, refusal);
        return findings.conclude(None, &whole);
    }
    let defaults = Arc::new(Source::new(DEFAULTS.0, DEFAULTS.1));
    let layers = [&defaults, &source].map(|source| Layer::parse(source, &mut findings));
    let layers: Option<Vec<Layer>> = layers.into_iter().collect();
    let job = layers.and_then(|layers| {
        let layers = Layers::merge(layers);
        let file = JobFile::read(Section::root(&layers, &mut findings));
        check(file, path, &whole, &mut findings)
    });
    findings.conclude(job, &whole)
}

fn check(file: JobFile, path: &Path, whole: &Blame, findings: &mut Findings) -> Option<Job> {
    check_version(file.version.as_ref(), whole, findings);
    let name = check_name(file.name.as_ref(), path, whole, findings);
    // A job without a good name has its other files checked all the same, and does not come about.
    let shown = name.as_deref().unwrap_or("job");
    let window = Window::check(file.window, findings);
    let accounts = Account::check_all(&file.accounts, findings);
    let buckets = BucketRules::check(&file.buckets, findings);
    let objects = ObjectRules::check(&file.objects, findings);
    let output = Output::check(&file.output, file.accounts.len(), findings);
    let limits = Limits::check(&file.limits, findings);
    let state = StateSettings::check(&file.state, shown, findings);
    let log = LogSettings::check(&file.log, shown, state.as_ref(), findings);
    Some(Job {
        name: name?,
        description: file.description?.value,
        window: window?,
        accounts,
        buckets: buckets?,
        objects,
        output: output?,
        limits: limits?,
        state: state?,
        log: log?,
    })
}

fn check_version(version: Option<&Written<i64>>, whole: &Blame, findings: &mut Findings) {
    let hint = format!("write `version = {VERSION}`");
    match version {
        Some(written) if written.value == VERSION => {}
        Some(written) => {
            let message = format!("the version `{}` is not known", written.value);
            findings.refuse(&written.blame, Refusal::new(message).hint(hint));
        }
        // Of the wrong type, it is noted already.
        None if findings.blames("version") => {}
        None => findings.add(whole, Refusal::new("the key `version` is missing").hint(hint)),
    }
}

fn check_name(name: Option<&Written<String>>, path: &Path, whole: &Blame, findings: &mut Findings) -> Option<String> {
    if name.is_some() {
        return findings.accept(name, |text: &str| values::name(text));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let refuse = |refusal: Refusal| {
        let message = format!("the job would be named after its file, but {}", refusal.message);
        let hint = format!("set `name` in the file; {}", refusal.hint.unwrap_or_default());
        findings.add(whole, Refusal::new(message).hint(hint));
    };
    values::name(&stem).map_err(refuse).ok()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn job(text: &str) -> Job {
        resolve(Path::new("job.toml"), Ok(text.to_owned())).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// What is said about a file of the first version with this text below.
    fn said(text: &str) -> String {
        said_of(&format!("version = 1\n{text}"))
    }

    fn said_of(text: &str) -> String {
        resolve(Path::new("job.toml"), Ok(text.to_owned())).unwrap_err().to_string()
    }

    #[test]
    fn defaults_stand_behind_every_key() {
        let job = job("version = 1");
        assert_eq!(job.name, "job");
        assert_eq!(job.description, "");
        let window =
            Window { since: None, until: None, since_written: None, until_written: None, timezone: "UTC".to_owned() };
        assert_eq!(job.window, window);
        let account = Account { name: "default".to_owned(), endpoint_url: None, region: None, path_style: false };
        assert_eq!(job.accounts, [account]);
        assert_eq!(job.buckets.include.patterns(), ["*"]);
        assert!(job.buckets.exclude.patterns().is_empty());
        assert_eq!(job.buckets.on_denied, OnDenied::Fail);
        assert_eq!(job.buckets.on_empty, OnEmpty::Fail);
        assert!(job.objects.include.is_none() && job.objects.exclude.is_none());
        assert_eq!((job.objects.min_size, job.objects.max_size), (None, None));
        assert!(job.objects.storage_classes.is_empty());
        let path = "data/{job}/{run}/{account}/{bucket}_{part}.{ext}";
        assert_eq!(job.output.path.to_string(), path);
        assert_eq!(job.output.path.root(), Path::new("data"));
        assert_eq!(job.output.rows_per_file, 1_000_000);
        assert_eq!(job.limits.requests_per_second, None);
        assert_eq!(job.limits.bucket_requests_per_second, None);
        assert_eq!(job.limits.burst, None);
        assert_eq!(job.limits.concurrency.get(), 64);
        assert_eq!(job.limits.max_attempts.get(), 10);
        assert_eq!(job.limits.request_timeout.as_secs(), 60);
        assert_eq!(job.state.file, Path::new("state/job.json"));
        assert_eq!(job.state.checkpoint_every.as_secs(), 2);
        assert_eq!(job.log.file, Path::new("logs/job.log"));
        assert_eq!(job.log.level, LogLevel::Info);
        assert_eq!(job.log.format, LogFormat::Text);
    }

    fn shipped(name: &str) -> Job {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs").join(name);
        load(&path).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn the_demo_job_loads() {
        let job = shipped("demo.toml");
        assert_eq!(job.name, "demo");
        assert_eq!(job.accounts[0].name, "demo");
        let endpoint = job.accounts[0].endpoint_url.as_deref();
        assert_eq!(endpoint, Some("demo:?objects=100000&small=20"));
        assert_eq!(job.output.rows_per_file, 50_000);
    }

    #[test]
    fn the_quarterly_job_loads() {
        let job = shipped("quarterly.toml");
        assert_eq!(job.window.since, Some("2025-07-01T04:00:00Z".parse().unwrap()));
        assert_eq!(job.window.until, Some("2025-10-01T04:00:00Z".parse().unwrap()));
        assert_eq!(job.window.since_written.as_deref(), Some("2025-07-01"));
        assert_eq!(job.accounts[0].name, "default");
        assert_eq!(job.buckets.include.literals().collect::<Vec<_>>(), ["reports"]);
        let excluded = job.objects.exclude.unwrap();
        assert!(excluded.matches(b"a/_temporary/b/c") && !excluded.matches(b"a/b.csv"));
    }

    #[test]
    fn dates_may_stand_without_quotes() {
        for (since, expected) in [
            ("2025-07-01", "2025-07-01T04:00:00Z"),
            ("\"2025-07-01\"", "2025-07-01T04:00:00Z"),
            ("2025-07-01T12:00:00", "2025-07-01T16:00:00Z"),
            ("2025-07-01 12:00:00", "2025-07-01T16:00:00Z"),
            ("2025-07-01T12:00:00+02:00", "2025-07-01T10:00:00Z"),
            ("2025-07-01T12:00:00Z", "2025-07-01T12:00:00Z"),
        ] {
            let text = format!("version = 1\nwindow = {{ since = {since}, timezone = \"America/New_York\" }}");
            assert_eq!(job(&text).window.since, Some(expected.parse().unwrap()), "{since}");
        }
    }

    #[test]
    fn the_fingerprint_holds_what_changes_the_bytes() {
        let text = "version = 1\nname = \"a\"\n[window]\nsince = 2025-07-01\n[accounts.x]\n\
                    region = \"r\"\n[objects]\nmin_size = \"1 KiB\"\nexclude = [\"b\"]";
        let parts = job(text).fingerprint_parts();
        let lines: Vec<String> = parts.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        assert_snapshot!(lines.join("\n"), @r#"
window.since = "2025-07-01"
window.until = null
window.timezone = "UTC"
accounts = [["x",null]]
buckets.include = ["*"]
buckets.exclude = []
objects.include = null
objects.exclude = ["b"]
objects.min_size = 1024
objects.max_size = null
objects.storage_classes = []
output.path = "data/a/{run}/{account}/{bucket}_{part}.{ext}"
output.rows_per_file = 1000000
"#);
        let slower = format!("{text}\n[limits]\nconcurrency = 1\n[log]\nlevel = \"debug\"");
        assert_eq!(job(&slower).fingerprint_parts(), parts);
    }

    #[test]
    fn unknown_keys() {
        assert_snapshot!(said("nmae = \"x\"\nfoo = 1\n[limits]\nconcurency = 5\n[accounts.a]\nprofile = \"x\"\n[\"o u\".x]"), @r#"
error: unknown key `nmae`
 --> job.toml:2:1
  |
2 | nmae = "x"
  | ^^^^
  |
  = hint: did you mean `name`?

error: unknown key `foo`
 --> job.toml:3:1
  |
3 | foo = 1
  | ^^^
  |
  = hint: the keys of the top level are `version`, `name`, `description`, `window`, `accounts`, `buckets`, `objects`, `output`, `limits`, `state`, `log`

error: unknown key `limits.concurency`
 --> job.toml:5:1
  |
5 | concurency = 5
  | ^^^^^^^^^^
  |
  = hint: did you mean `concurrency`?

error: unknown key `accounts.a.profile`
 --> job.toml:7:1
  |
7 | profile = "x"
  | ^^^^^^^
  |
  = hint: the keys of `[accounts.a]` are `endpoint_url`, `region`, `path_style`

error: unknown key `"o u"`
 --> job.toml:8:2
  |
8 | ["o u".x]
  |  ^^^^^
  |
  = hint: the keys of the top level are `version`, `name`, `description`, `window`, `accounts`, `buckets`, `objects`, `output`, `limits`, `state`, `log`
"#);
    }

    #[test]
    fn wrong_types() {
        assert_snapshot!(said("name = 7\ndescription = 2025-01-01\n[buckets]\ninclude = [\"a\", 1, 2.5]\nexclude = \"x\"\n[objects]\nmin_size = true\n[limits]\nconcurrency = \"many\"\nburst = 1.5\n[accounts]\na = 1\nb.path_style = \"yes\"\n[window]\nsince = 3\nuntil = []"), @r#"
error: `name`: expected a string, found the integer `7`
 --> job.toml:2:8
  |
2 | name = 7
  |        ^

error: `description`: expected a string, found the date `2025-01-01`
 --> job.toml:3:15
  |
3 | description = 2025-01-01
  |               ^^^^^^^^^^

error: `buckets.include[1]`: expected a string, found the integer `1`
 --> job.toml:5:17
  |
5 | include = ["a", 1, 2.5]
  |                 ^

error: `buckets.include[2]`: expected a string, found the number `2.5`
 --> job.toml:5:20
  |
5 | include = ["a", 1, 2.5]
  |                    ^^^

error: `buckets.exclude`: expected a list of strings, found the string `x`
 --> job.toml:6:11
  |
6 | exclude = "x"
  |           ^^^

error: `objects.min_size`: expected a size such as `"1 MiB"` or a number of bytes, found `true`
 --> job.toml:8:12
  |
8 | min_size = true
  |            ^^^^

error: `limits.concurrency`: expected an integer, found the string `many`
  --> job.toml:10:15
   |
10 | concurrency = "many"
   |               ^^^^^^

error: `limits.burst`: expected an integer, found the number `1.5`
  --> job.toml:11:9
   |
11 | burst = 1.5
   |         ^^^

error: `accounts.a`: expected a table, found the integer `1`
  --> job.toml:13:5
   |
13 | a = 1
   |     ^

error: `accounts.b.path_style`: expected `true` or `false`, found the string `yes`
  --> job.toml:14:16
   |
14 | b.path_style = "yes"
   |                ^^^^^

error: `window.since`: expected a date or a date-time, found the integer `3`
  --> job.toml:16:9
   |
16 | since = 3
   |         ^

error: `window.until`: expected a date or a date-time, found a list
  --> job.toml:17:9
   |
17 | until = []
   |         ^^
"#);
        assert_snapshot!(said("limits = 5"), @r#"
error: `limits`: expected a table, found the integer `5`
 --> job.toml:2:10
  |
2 | limits = 5
  |          ^
"#);
        assert_snapshot!(said("[output]\nrows_per_file = 99999999999999999999"), @r#"
error: `output.rows_per_file`: the integer `99999999999999999999` is too large
 --> job.toml:3:17
  |
3 | rows_per_file = 99999999999999999999
  |                 ^^^^^^^^^^^^^^^^^^^^
"#);
        assert_snapshot!(said_of("version = \"1\""), @r#"
error: `version`: expected an integer, found the string `1`
 --> job.toml:1:11
  |
1 | version = "1"
  |           ^^^
"#);
    }

    #[test]
    fn windows() {
        assert_snapshot!(said("[window]\nsince = 2025-10-01\nuntil = 2025-10-01"), @r#"
error: `window.until`: must be later than `window.since`: `2025-10-01T00:00:00Z` is not after `2025-10-01T00:00:00Z`
 --> job.toml:4:9
  |
4 | until = 2025-10-01
  |         ^^^^^^^^^^
"#);
        assert_snapshot!(said("[window]\nsince = \"soon\"\ntimezone = \"Europe/Berln\""), @r#"
error: `window.since`: `soon` is neither a date nor a date-time
 --> job.toml:3:9
  |
3 | since = "soon"
  |         ^^^^^^
  |
  = hint: write for example `2025-07-01`, `2025-07-01T06:00:00` or `2025-07-01T06:00:00-04:00`

error: `window.timezone`: there is no time zone `Europe/Berln`
 --> job.toml:4:12
  |
4 | timezone = "Europe/Berln"
  |            ^^^^^^^^^^^^^^
  |
  = hint: did you mean `Europe/Berlin`?
"#);
    }

    #[test]
    fn patterns() {
        assert_snapshot!(said("[buckets]\ninclude = [\n  \"ok-*\",\n  \"a/b\",\n]\n[objects]\ninclude = [\"a**/b\", \"[x\", \"{y\"]"), @r#"
error: `buckets.include[1]`: `a/b` holds a `/`, and no bucket's name does
 --> job.toml:5:3
  |
5 |   "a/b",
  |   ^^^^^
  |
  = hint: patterns over keys belong into `include` of `[objects]`

error: `objects.include[0]`: `**` in `a**/b` does not stand alone
 --> job.toml:8:12
  |
8 | include = ["a**/b", "[x", "{y"]
  |            ^^^^^^^
  |
  = hint: `**` stands between slashes, for example `logs/**/*.gz`

error: `objects.include[1]`: the pattern `[x` is broken: unclosed character class; missing ']'
 --> job.toml:8:21
  |
8 | include = ["a**/b", "[x", "{y"]
  |                     ^^^^
  |
  = hint: write `[[]` for a literal `[`

error: `objects.include[2]`: the pattern `{y` is broken: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
 --> job.toml:8:27
  |
8 | include = ["a**/b", "[x", "{y"]
  |                           ^^^^
"#);
        assert_snapshot!(said("[buckets]\ninclude = []\non_denied = \"skipp\""), @r#"
error: `buckets.include`: an empty list takes no bucket at all
 --> job.toml:3:11
  |
3 | include = []
  |           ^^
  |
  = hint: leave the key out to take all

error: `buckets.on_denied`: `skipp` is none of `fail`, `skip`
 --> job.toml:4:13
  |
4 | on_denied = "skipp"
  |             ^^^^^^^
  |
  = hint: did you mean `skip`?
"#);
    }

    #[test]
    fn sizes_durations_and_numbers() {
        assert_snapshot!(said("[objects]\nmin_size = \"1 MiX\"\nmax_size = -1\n[state]\ncheckpoint_every = \"2\"\n[limits]\nrequest_timeout = \"0s\"\nconcurrency = 1025\n[output]\nrows_per_file = 0"), @r#"
error: `objects.min_size`: `1 MiX` is not a size
 --> job.toml:3:12
  |
3 | min_size = "1 MiX"
  |            ^^^^^^^
  |
  = hint: write a number with its unit, for example `1 MiB` or `5 GB`, or bytes as an integer

error: `objects.max_size`: must not be negative, found `-1`
 --> job.toml:4:12
  |
4 | max_size = -1
  |            ^^

error: `state.checkpoint_every`: `2` is not a duration
 --> job.toml:6:20
  |
6 | checkpoint_every = "2"
  |                    ^^^
  |
  = hint: write a number with its unit, for example `250ms`, `60s` or `1h30m`

error: `limits.request_timeout`: must be more than zero and at most 24 hours, found `0s`
 --> job.toml:8:19
  |
8 | request_timeout = "0s"
  |                   ^^^^

error: `limits.concurrency`: must be between 1 and 1024, found `1025`
 --> job.toml:9:15
  |
9 | concurrency = 1025
  |               ^^^^

error: `output.rows_per_file`: must be at least 1, found `0`
  --> job.toml:11:17
   |
11 | rows_per_file = 0
   |                 ^
"#);
        assert_snapshot!(said("[objects]\nmin_size = \"2 KiB\"\nmax_size = \"2 KB\"\n[limits]\nburst = 5"), @r#"
error: `objects.max_size`: must not be below `objects.min_size`: `2000` bytes are less than `2048`
 --> job.toml:4:12
  |
4 | max_size = "2 KB"
  |            ^^^^^^

error: `limits.burst`: means nothing without a rate
 --> job.toml:6:9
  |
6 | burst = 5
  |         ^
  |
  = hint: set `requests_per_second` or `bucket_requests_per_second` too
"#);
    }

    #[test]
    fn versions() {
        assert_snapshot!(said_of("name = \"x\""), @r#"
error: the key `version` is missing
--> job.toml
 = hint: write `version = 1`
"#);
        assert_snapshot!(said_of("version = 2"), @r#"
error: `version`: the version `2` is not known
 --> job.toml:1:11
  |
1 | version = 2
  |           ^
  |
  = hint: write `version = 1`
"#);
        assert_snapshot!(said_of(""), @r#"
error: the key `version` is missing
--> job.toml
 = hint: write `version = 1`
"#);
    }

    #[test]
    fn names() {
        assert_snapshot!(said("name = \"Quarterly\"\n[accounts.\"Prod EU\"]"), @r#"
error: `name`: `Quarterly` is not a name
 --> job.toml:2:8
  |
2 | name = "Quarterly"
  |        ^^^^^^^^^^^
  |
  = hint: did you mean `quarterly`?

error: `accounts."Prod EU"`: `Prod EU` is not a name
 --> job.toml:3:11
  |
3 | [accounts."Prod EU"]
  |           ^^^^^^^^^
  |
  = hint: did you mean `prod-eu`?
"#);
        let named = resolve(Path::new("jobs/Q3.toml"), Ok("version = 1".to_owned()));
        assert_snapshot!(named.unwrap_err(), @r#"
error: the job would be named after its file, but `Q3` is not a name
--> jobs/Q3.toml
 = hint: set `name` in the file; did you mean `q3`?
"#);
    }

    #[test]
    fn accounts() {
        assert_snapshot!(said("[accounts.a]\nendpoint_url = \"localhost:9000\"\nregion = \"us east\""), @r#"
error: `accounts.a.endpoint_url`: `localhost:9000` is not the URL of an endpoint
 --> job.toml:3:16
  |
3 | endpoint_url = "localhost:9000"
  |                ^^^^^^^^^^^^^^^^
  |
  = hint: write `http://HOST:PORT`, `https://HOST` or `demo:`

error: `accounts.a.region`: `us east` is not a region
 --> job.toml:4:10
  |
4 | region = "us east"
  |          ^^^^^^^^^
  |
  = hint: for example `us-east-1`
"#);
    }

    #[test]
    fn paths() {
        assert_snapshot!(said("[output]\npath = \"out/{run}/{buckett}.csv\""), @r#"
error: `output.path`: there is no token `buckett` for paths
 --> job.toml:3:8
  |
3 | path = "out/{run}/{buckett}.csv"
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: did you mean `bucket`?
"#);
        assert_snapshot!(said("[accounts.a]\n[accounts.b]\n[output]\npath = \"out/{run}/{part}.csv\""), @r#"
error: `output.path`: the path lacks `{account}`: with several accounts, buckets of one name would share a file
 --> job.toml:5:8
  |
5 | path = "out/{run}/{part}.csv"
  |        ^^^^^^^^^^^^^^^^^^^^^^

error: `output.path`: the path lacks `{bucket}`: all buckets would share a file
 --> job.toml:5:8
  |
5 | path = "out/{run}/{part}.csv"
  |        ^^^^^^^^^^^^^^^^^^^^^^
"#);
        assert_snapshot!(said("[output]\npath = \"s3://out/{run}/{bucket}_{part}.csv\""), @r#"
error: `output.path`: writing to S3 is not supported yet
 --> job.toml:3:8
  |
3 | path = "s3://out/{run}/{bucket}_{part}.csv"
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: write to a folder and copy it
"#);
        assert_snapshot!(said("[state]\nfile = \"x/{run}\"\n[log]\nfile = \"x/{job\""), @r#"
error: `state.file`: `{run}` cannot stand in this path
 --> job.toml:3:8
  |
3 | file = "x/{run}"
  |        ^^^^^^^^^
  |
  = hint: the job has one such file; use `{job}`

error: `log.file`: the braces in `x/{job` do not match
 --> job.toml:5:8
  |
5 | file = "x/{job"
  |        ^^^^^^^^
  |
  = hint: a token is a name between braces, for example `{bucket}`
"#);
        assert_snapshot!(said("state.file = \"x\"\nlog.file = \"x\""), @r#"
error: `log.file`: the log and the state would be one file
 --> job.toml:3:12
  |
3 | log.file = "x"
  |            ^^^
"#);
    }

    #[test]
    fn broken_toml() {
        assert_snapshot!(said("[window\nsince = 2025-07-01\nuntil = = 3"), @r#"
error: not valid TOML: unclosed table, expected `]`
 --> job.toml:2:8
  |
2 | [window
  |        ^

error: not valid TOML: extra `=`, expected nothing
 --> job.toml:4:9
  |
4 | until = = 3
  |         ^
"#);
        assert_snapshot!(said("name = \"a\"\nname = \"b\""), @r#"
error: not valid TOML: duplicate key
 --> job.toml:3:1
  |
3 | name = "b"
  | ^^^^
"#);
    }

    #[test]
    fn unreadable_files() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str| {
            let problems = load(&folder.path().join(name)).unwrap_err();
            problems.to_string().replace(&folder.path().display().to_string(), "FOLDER")
        };
        assert_snapshot!(said("missing.toml"), @r#"
error: the job file cannot be read: No such file or directory (os error 2)
--> FOLDER/missing.toml
"#);
        std::fs::write(folder.path().join("latin.toml"), b"version = 1\nname = \"\xe9\"").unwrap();
        assert_snapshot!(said("latin.toml"), @r#"
error: the job file is not UTF-8, first in line 2
--> FOLDER/latin.toml
"#);
        std::fs::write(folder.path().join("large.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
        assert_snapshot!(said("large.toml"), @r#"
error: the job file is larger than 1 MiB
--> FOLDER/large.toml
"#);
    }

    #[test]
    fn the_largest_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        let mut bytes = b"version = 1\n".to_vec();
        bytes.resize(1 << 20, b'#');
        std::fs::write(&path, bytes).unwrap();
        assert!(load(&path).is_ok());
    }

    const GOOD: &[u8] = include_bytes!("../../jobs/quarterly.toml");

    proptest! {
        // The same mutations in every run of the tests.
        #![proptest_config(ProptestConfig {
            cases: 1000,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_bytes_make_it_panic(
            changes in prop::collection::vec((0..GOOD.len(), any::<u8>(), 0..3_u8), 1..20),
        ) {
            let mut bytes = GOOD.to_vec();
            for (place, byte, change) in changes {
                let place = place % bytes.len();
                match change {
                    0 => bytes[place] = byte,
                    1 => bytes.insert(place, byte % 128),
                    _ => drop(bytes.drain(place..(place + usize::from(byte)).min(bytes.len() - 1))),
                }
            }
            if let Err(problems) = resolve(Path::new("job.toml"), text(bytes)) {
                prop_assert!(problems.iter().count() > 0);
                prop_assert!(problems.render(true).contains("job.toml"));
            }
        }
    }
}
