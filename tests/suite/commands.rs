//! The commands beside `run` and `status`: what they print, how they end, and that a reader who stops
//! early is no failure.

use crate::harness::{PROGRAM, Workspace};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

const RIGHT: &str = "version = 1\n[accounts.a]\nendpoint_url = \"demo:\"\n[overlay.fast.limits]\nconcurrency = 3\n";
const WRONG: &str = "version = 1\n[limits]\nconcurency = 5\n[output]\nrows_per_file = 0\n";

fn jobs() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("right.toml", RIGHT);
    workspace.write("wrong.toml", WRONG);
    workspace
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn check_tells_all_that_is_wrong_with_all_jobs() {
    let workspace = jobs();
    assert_eq!(workspace.tell(0, &["check", "right.toml"]), "right.toml: ok\n");
    assert_eq!(workspace.tell(0, &["check", "right.toml", "--quiet"]), "");
    let told = workspace.tell(2, &["check", "right.toml", "wrong.toml"]);
    for words in ["right.toml: ok\n", "wrong.toml:3:1", "hint", "`limits.concurency`", "wrong.toml:5:17"] {
        assert!(told.contains(words), "`{words}` is missing in\n{told}");
    }
    assert!(told.ends_with("2 problems in 1 of 2 job files\n"), "{told}");
    let quiet = workspace.tell(2, &["check", "-q", "right.toml", "wrong.toml"]);
    assert_eq!(quiet, told.replace("right.toml: ok\n", ""));
    let told = workspace.tell(2, &["check", "nowhere.toml"]);
    assert!(told.contains("nowhere.toml") && told.ends_with("1 problem in 1 of 1 job file\n"), "{told}");
    workspace.tell(2, &["check"]);
    assert!(!workspace.path("data").exists() && !workspace.path("state").exists() && !workspace.path("logs").exists());
}

#[test]
fn check_as_json_says_where() {
    let workspace = jobs();
    let told = parsed(&workspace.tell(2, &["check", "--format", "json", "right.toml", "wrong.toml"]));
    assert_eq!((&told["format"], &told["version"], &told["ok"]), (&"s3scan-check".into(), &1.into(), &false.into()));
    let right = json!({
        "path": "right.toml", "ok": true, "name": "right", "since": null, "until": null, "accounts": ["a"],
        "problems": [],
    });
    assert_eq!(told["jobs"][0], right);
    let wrong = &told["jobs"][1];
    assert_eq!((&wrong["path"], &wrong["ok"]), (&"wrong.toml".into(), &false.into()));
    let problems = wrong["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 2, "{wrong}");
    let lines: Vec<&str> = WRONG.lines().collect();
    for (problem, key, text) in
        [(&problems[0], "limits.concurency", "concurency"), (&problems[1], "output.rows_per_file", "0")]
    {
        assert_eq!(
            (&problem["kind"], &problem["name"], &problem["key"]),
            (&"file".into(), &"wrong.toml".into(), &key.into())
        );
        let place = |key: &str| usize::try_from(problem[key].as_u64().expect("a number")).expect("small");
        assert_eq!(place("line"), place("end_line"));
        assert_eq!(&lines[place("line") - 1][place("column") - 1..place("end_column") - 1], text, "{problem}");
        assert!(problem["message"].is_string() && (problem["hint"].is_string() || problem["hint"].is_null()));
    }
    let told = parsed(&workspace.tell(0, &["check", "--format", "json", "right.toml"]));
    assert_eq!(told["ok"], true);
}

#[test]
fn check_sees_every_layer() {
    let workspace = jobs();
    workspace.tell(0, &["check", "right.toml", "--overlay", "fast", "--set", "limits.concurrency=9"]);
    let told = workspace.tell(2, &["check", "right.toml", "--overlay", "fats"]);
    assert!(told.contains("fats") && told.contains("did you mean `fast`?"), "{told}");
    let told = workspace.tell(2, &["check", "right.toml", "--set", "limits.concurrency=0"]);
    assert!(told.contains("--set"), "{told}");
    let mut command = workspace.command(&["check", "right.toml", "--format", "json"]);
    let output = command.env("S3SCAN_JOB__LIMITS__CONCURRENCY", "none").output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let problem = &parsed(&String::from_utf8_lossy(&output.stdout))["jobs"][0]["problems"][0];
    assert_eq!((&problem["kind"], &problem["name"]), (&"variable".into(), &"S3SCAN_JOB__LIMITS__CONCURRENCY".into()));
    let told = parsed(&workspace.tell(
        0,
        &[
            "check",
            "right.toml",
            "--format",
            "json",
            "--set",
            "window.period=yesterday",
            "--now",
            "2026-11-22T11:45:00Z",
        ],
    ));
    let job = &told["jobs"][0];
    assert_eq!((&job["since"], &job["until"]), (&"2026-11-21T00:00:00Z".into(), &"2026-11-22T00:00:00Z".into()));
}

#[test]
fn check_of_many_jobs_in_one_call() {
    let workspace = Workspace::new();
    let names: Vec<String> = (0..200).map(|number| format!("jobs/job-{number}.toml")).collect();
    for name in &names {
        workspace.write(name, RIGHT);
    }
    let arguments: Vec<&str> = ["check"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let told = workspace.tell(0, &arguments);
    assert_eq!(told, names.join(": ok\n") + ": ok\n");
    workspace.write("jobs/job-77.toml", WRONG);
    assert!(workspace.tell(2, &arguments).ends_with("2 problems in 1 of 200 job files\n"));
}

#[test]
fn config_is_the_same_job_and_tells_where_each_key_comes_from() {
    let workspace = jobs();
    workspace.write("base.toml", "version = 1\n[output]\nrows_per_file = 70\n");
    workspace.write("job.toml", format!("extends = [\"base.toml\"]\n{RIGHT}"));
    let layers = ["--overlay", "fast", "--set", "output.dialect=excel"];
    let variable = ("S3SCAN_JOB__LIMITS__MAX_ATTEMPTS", "7");
    let config = |more: &[&str]| {
        let mut command = workspace.command(&[&["config", "job.toml"], &layers[..], more].concat());
        let output = command.env(variable.0, variable.1).output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let text = config(&[]);
    let table: toml::Table = text.parse().expect("TOML");
    assert_eq!(table["name"].as_str(), Some("job"));
    assert_eq!(table["limits"]["concurrency"].as_integer(), Some(3));
    assert_eq!(table["limits"]["max_attempts"].as_integer(), Some(7));
    assert_eq!(table["output"]["rows_per_file"].as_integer(), Some(70));
    assert_eq!(table["output"]["dialect"].as_str(), Some("excel"));
    // What it prints is a job, and resolves to itself.
    workspace.write("again.toml", &text);
    assert_eq!(workspace.tell(0, &["config", "again.toml"]), text);

    let origins = config(&["--origin"]);
    assert_eq!(origins.parse::<toml::Table>().expect("TOML"), table, "origins are comments");
    let line = |key: &str| {
        let position = origins.lines().position(|line| line.starts_with(&format!("{key} = "))).expect("the key");
        let lines: Vec<&str> = origins.lines().collect();
        format!("{}\n{}", lines[position.saturating_sub(1)], lines[position])
    };
    for (key, origin) in [
        ("rows_per_file", "base.toml:3"),
        ("endpoint_url", "job.toml:4"),
        ("concurrency", "job.toml:6"),
        ("max_attempts", variable.0),
        ("dialect", "--set"),
    ] {
        assert!(line(key).contains(origin), "`{origin}` is missing in\n{}", line(key));
    }
    let output = workspace.command(&["config", "wrong.toml"]).output().expect("runs");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong.toml:3:1"));
}

#[test]
fn schema_is_the_committed_one() {
    let committed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/job.schema.json"));
    assert!(Workspace::new().tell(0, &["schema"]) == committed.expect("the schema"));
}

#[test]
fn init_writes_a_job_that_is_right() {
    let workspace = Workspace::new();
    workspace.tell(0, &["init"]);
    workspace.tell(0, &["check", "job.toml"]);
    let text = fs::read_to_string(workspace.path("job.toml")).expect("the job");
    assert_eq!(workspace.tell(0, &["init", "-"]), text);

    let schema = parsed(&workspace.tell(0, &["schema"]));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let job = |text: &str| serde_json::to_value(text.parse::<toml::Table>().expect("TOML")).expect("JSON");
    assert!(validator.is_valid(&job(&text)), "{:?}", validator.iter_errors(&job(&text)).next());
    assert!(!validator.is_valid(&job(WRONG)), "the schema can refuse");

    workspace.write("mine.toml", "mine");
    let output = workspace.command(&["init", "mine.toml"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("`mine.toml` is there already") && told.contains("hint: "), "{told}");
    assert_eq!(fs::read(workspace.path("mine.toml")).expect("the file"), b"mine");
    workspace.tell(74, &["init", "nowhere/job.toml"]);

    let policy = parsed(&workspace.tell(0, &["init", "--iam"]));
    let actions: Vec<&Value> =
        policy["Statement"].as_array().expect("a list").iter().map(|statement| &statement["Action"]).collect();
    assert_eq!(policy["Version"], "2012-10-17");
    assert_eq!(actions, ["s3:ListAllMyBuckets", "s3:ListBucket"]);
}

/// The commands that have a manual page, `demo serve` and the like as two words.
const PAGES: [&str; 13] = [
    "",
    "init",
    "check",
    "plan",
    "run",
    "status",
    "config",
    "schema",
    "demo",
    "demo serve",
    "demo truth",
    "completions",
    "man",
];

#[test]
fn completions_and_manual_pages() {
    let workspace = Workspace::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = workspace.tell(0, &["completions", shell]);
        for word in ["status", "completions", "overlay", "fresh"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    workspace.tell(2, &["completions", "cmd"]);
    for page in PAGES {
        let arguments: Vec<&str> = ["man"].into_iter().chain(page.split_whitespace()).collect();
        let text = workspace.tell(0, &arguments);
        let name = if page.is_empty() { "s3scan".to_owned() } else { format!("s3scan-{}", page.replace(' ', "-")) };
        assert!(text.contains(&format!(".TH {name} ")), "{page}: {text}");
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    let help = workspace.tell(0, &["--help"]);
    let commands = help.split_once("Commands:").expect("a list").1.split_once("Options:").expect("options").0;
    let names =
        commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    for name in names.filter(|name| *name != "help") {
        assert!(PAGES.contains(&name), "{name} has a page");
    }
    let output = workspace.command(&["man", "walk"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no command `s3scan walk`"));
}

#[test]
fn a_reader_who_stops_early_is_no_failure() {
    let workspace = jobs();
    let calls: [&[&str]; 14] = [
        &["check", "right.toml"],
        &["check", "right.toml", "--format", "json"],
        &["config", "right.toml"],
        &["config", "right.toml", "--origin"],
        &["status", "right.toml"],
        &["status", "right.toml", "--format", "json"],
        &["schema"],
        &["init", "-"],
        &["init", "--iam"],
        &["completions", "zsh"],
        &["man"],
        &["man", "run"],
        &["--help"],
        &["demo", "truth", "demo-flat", "demo:?objects=200000"],
    ];
    for arguments in calls {
        let mut command = workspace.command(arguments);
        // A pipe that nobody reads any more.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("runs");
        drop(command);
        let mut told = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut told).expect("read");
        assert_eq!((child.wait().expect("ends").code(), told.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let mut child = std::process::Command::new(PROGRAM).arg("schema").stdout(Stdio::piped()).spawn().expect("runs");
    let mut first = [0; 16];
    child.stdout.take().expect("piped").read_exact(&mut first).expect("read");
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}
