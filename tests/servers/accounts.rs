//! Many AWS accounts at one moto: users, roles and denied buckets of each, as its permissions have them;
//! profiles in files of the AWS tools.

use crate::conformance::endpoint::{newest, rows, said};
use crate::python_server::PythonServer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const ONE: &str = "111111111111";
const TWO: &str = "222222222222";
const THREE: &str = "333333333333";
const FOUR: &str = "444444444444";

/// What everyone may do here.
pub fn everything() -> Value {
    json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }])
}

/// Whoever has this external id may assume it.
pub fn trusting(account: &str) -> Value {
    let principal = json!({ "AWS": format!("arn:aws:iam::{account}:user/audit") });
    json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal }])
}

/// moto, and a folder that is the home of who scans it.
pub struct Moto {
    pub python: PythonServer,
    url: String,
    pub folder: TempDir,
}

impl Moto {
    pub fn start() -> Self {
        let mut python = PythonServer::start("S3SCAN_TEST_MOTO", "serve_moto.py", &["1000"]);
        let url = python.line();
        // The two users that others need.
        let _ = (python.line(), python.line());
        Self { python, url, folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    /// Profiles by name, each with a key and its secret.
    pub fn profiles(&self, profiles: &[(&str, &(String, String))]) {
        let (mut config, mut keys) = (String::new(), String::new());
        for (name, (key, secret)) in profiles {
            writeln!(config, "[profile {name}]\nregion = us-east-1").expect("a string grows");
            writeln!(keys, "[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}")
                .expect("a string grows");
        }
        self.write(".aws/config", &config);
        self.write(".aws/credentials", &keys);
    }

    /// A job of accounts, each at this moto, for its identities too.
    pub fn job(&self, accounts: &[(&str, &str)], rest: &str) {
        let url = &self.url;
        let table = |(name, keys): &(&str, &str)| {
            format!(
                "[accounts.{name}]\nendpoint_url = \"{url}\"\nsts_endpoint_url = \"{url}\"\npath_style = true\n{keys}\n"
            )
        };
        let accounts: String = accounts.iter().map(table).collect();
        self.write("job.toml", &format!("version = 1\n{accounts}{rest}\n"));
    }

    pub fn command(&self) -> Command {
        self.program(&["run", "job.toml", "--progress", "none"])
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_s3scan"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    pub fn run(&self, code: i32) -> String {
        self.run_with(code, &[])
    }

    pub fn run_with(&self, code: i32, more: &[&str]) -> String {
        said(&self.command().args(more).output().expect("s3scan can be run"), code)
    }

    pub fn newest(&self) -> std::path::PathBuf {
        newest(self.folder.path()).expect("a run")
    }

    pub fn summary(&self) -> Value {
        let text = fs::read(self.newest().join("summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// Verdict by account and bucket.
    pub fn verdicts(&self) -> BTreeMap<(String, String), String> {
        let rows: Vec<BTreeMap<String, String>> = rows(&self.newest().join("buckets.csv"));
        rows.into_iter()
            .map(|mut row| {
                let mut take = |key: &str| row.remove(key).expect("a column");
                ((take("account"), take("bucket")), take("verdict"))
            })
            .collect()
    }

    /// The ids of accounts in the rows of a file.
    pub fn ids_in(&self, file: &str) -> Vec<String> {
        let rows: Vec<BTreeMap<String, String>> = rows(&self.newest().join(file));
        rows.into_iter().map(|row| row["account_id"].clone()).collect()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Two accounts with a profile each, and a third whose role is assumed by the first.
fn three() -> Moto {
    let mut moto = Moto::start();
    let one = moto.python.user(ONE, "audit", &everything());
    let two = moto.python.user(TWO, "audit", &everything());
    moto.python.role(THREE, "audit", &trusting(ONE), &everything());
    for (account, bucket) in [(ONE, "of-one"), (TWO, "of-two"), (THREE, "of-three")] {
        moto.python.put_account_buckets(account, "eu-west-1", &names(&[bucket]), 3);
    }
    moto.profiles(&[("first", &one), ("second", &two)]);
    moto
}

fn role(account: &str) -> String {
    format!("profile = \"first\"\nrole_arn = \"arn:aws:iam::{account}:role/audit\"\nexternal_id = \"us\"")
}

fn assert_each_under_its_own(moto: &Moto) {
    let summary = moto.summary();
    for (place, (name, id, arn)) in [
        ("one", ONE, format!("arn:aws:iam::{ONE}:user/audit")),
        ("three", THREE, format!("arn:aws:sts::{THREE}:assumed-role/audit/s3scan")),
        ("two", TWO, format!("arn:aws:iam::{TWO}:user/audit")),
    ]
    .into_iter()
    .enumerate()
    {
        let account = &summary["accounts"][place];
        assert_eq!((&account["name"], &account["verdict"]), (&json!(name), &json!("ok")), "{summary}");
        let identity = &account["identity"];
        assert_eq!((&identity["account_id"], &identity["arn"]), (&json!(id), &json!(arn)), "{summary}");
        let bucket = format!("of-{name}");
        assert_eq!(moto.verdicts()[&(name.to_owned(), bucket.clone())], "complete");
        assert_eq!(moto.ids_in(&format!("{name}/{bucket}_1.csv")), [id; 3]);
    }
    assert_eq!(moto.verdicts().len(), 3, "each bucket once");
}

/// Whatever keys the environment holds: a profile is used and nothing else.
#[test]
fn each_bucket_stands_under_its_account() {
    let mut moto = three();
    let (key, secret) = moto.python.user(FOUR, "other", &everything());
    moto.python.put_account_buckets(FOUR, "us-east-1", &names(&["of-four"]), 1);
    let accounts = [
        ("one", format!("profile = \"first\"\naccount_id = \"{ONE}\"")),
        ("two", "profile = \"second\"".to_owned()),
        ("three", role(THREE)),
    ];
    moto.job(&accounts.each_ref().map(|(name, keys)| (*name, keys.as_str())), "");
    let told = moto.run(0);
    assert!(told.contains(&format!("account identified account=\"one\" account_id=\"{ONE}\"")), "{told}");
    assert_each_under_its_own(&moto);
    let mut command = moto.command();
    command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret);
    said(&command.output().expect("s3scan can be run"), 0);
    assert_each_under_its_own(&moto);
}

#[test]
fn a_misspelt_profile_is_one_account_less() {
    let moto = three();
    let wrong = ("three", "profile = \"frist\"");
    moto.job(&[("one", "profile = \"first\""), ("two", "profile = \"second\""), wrong], "");
    let told = moto.run(3);
    assert!(told.contains("no profile `frist`") && told.contains("did you mean `first`?"), "{told}");
    assert_eq!(moto.summary()["accounts"][1]["verdict"], "unusable");
    let verdicts = moto.verdicts();
    let whole = |account: &str, bucket: &str| verdicts[&(account.to_owned(), bucket.to_owned())] == "complete";
    assert!(whole("one", "of-one") && whole("two", "of-two") && verdicts.len() == 2, "{verdicts:?}");

    moto.job(&[wrong], "");
    for folder in ["data", "state"] {
        fs::remove_dir_all(moto.folder.path().join(folder)).expect("removed");
    }
    let told = moto.run(4);
    assert!(told.contains("did you mean `first`?"), "{told}");
    assert!(!moto.folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn credentials_of_another_account_are_not_used() {
    let moto = three();
    let wrong = format!("profile = \"second\"\naccount_id = \"{ONE}\"");
    moto.job(&[("one", &wrong), ("two", "profile = \"second\"")], "");
    let told = moto.run(3);
    let words = format!("the credentials belong to the account `{TWO}`, and not to `{ONE}`");
    assert!(told.contains(&words) && told.contains("check the account's `profile`"), "{told}");
    assert_eq!(moto.verdicts().keys().collect::<Vec<_>>(), [&("two".to_owned(), "of-two".to_owned())]);
    moto.job(&[("one", &wrong)], "");
    fs::remove_dir_all(moto.folder.path().join("data")).expect("removed");
    fs::remove_dir_all(moto.folder.path().join("state")).expect("removed");
    moto.run(4);
}

/// Regions choose buckets, and buckets in others are left out.
#[test]
fn only_buckets_in_the_regions_that_are_wanted() {
    let mut moto = three();
    moto.python.put_account_buckets(ONE, "us-west-2", &names(&["west"]), 1);
    moto.job(&[("one", "profile = \"first\"\nregions = [\"eu-*\"]")], "");
    moto.run(0);
    assert_eq!(moto.verdicts().into_keys().collect::<Vec<_>>(), [("one".to_owned(), "of-one".to_owned())]);
    moto.job(&[("one", "profile = \"first\"\nregions = [\"ap-*\"]")], "");
    assert!(moto.run(3).contains("no bucket matches the job"));
}

/// An unfinished run does not go on with the credentials of somebody else.
#[test]
fn an_unfinished_run_stays_with_whom_it_began() {
    let mut moto = three();
    let many: Vec<String> = (0..5).map(|number| format!("more-{number}")).collect();
    moto.python.put_account_buckets(ONE, "us-east-1", &many, 1);
    moto.python.put_account_buckets(TWO, "us-east-1", &names(&["more-two"]), 1);
    moto.job(&[("one", "profile = \"first\"")], "[limits]\nmax_requests = 4");
    moto.run(124);
    let path = moto.folder.path().join(".aws/credentials");
    let right = fs::read_to_string(&path).expect("read");
    let (_, second) = right.split_once("[second]\n").expect("both");
    fs::write(&path, format!("[first]\n{second}")).expect("written");
    let told = moto.run(2);
    let words = format!("were those of `{ONE}` when its unfinished run began, and are those of `{TWO}` now");
    assert!(told.contains(&words) && told.contains("--fresh"), "{told}");
    fs::write(&path, right).expect("written");
    moto.job(&[("one", "profile = \"first\"")], "");
    moto.run(0);
    assert_eq!(moto.verdicts().len(), 6);
}

/// Tables whose credentials are of one account have one pace together.
#[test]
fn two_profiles_of_one_account_share_its_pace() {
    let mut moto = three();
    let again = moto.python.user(ONE, "again", &everything());
    let first = moto.python.user(ONE, "first", &everything());
    let many: Vec<String> = (0..30).map(|number| format!("more-{number}")).collect();
    moto.python.put_account_buckets(ONE, "us-east-1", &many, 1);
    moto.profiles(&[("first", &first), ("again", &again)]);
    let keys =
        |profile: &str, rate: u32| format!("profile = \"{profile}\"\nlimits = {{ requests_per_second = {rate} }}");
    moto.job(&[("one", &keys("first", 20)), ("other", &keys("again", 500))], "");
    let since = Instant::now();
    moto.run(0);
    // A page for each of 31 buckets and a list of them, for either; those who ask whom they are do not
    // share yet.
    let least = Duration::from_millis(1000 * (2 * 32 - 1) / 20);
    assert!(since.elapsed() >= least, "{:?}", since.elapsed());
}

#[test]
fn an_account_whose_buckets_may_not_be_listed() {
    let mut moto = three();
    let blind = moto.python.user(ONE, "blind", &json!([{ "Effect": "Allow", "Action": "sts:*", "Resource": "*" }]));
    let second = moto.python.user(TWO, "seeing", &everything());
    moto.profiles(&[("first", &blind), ("second", &second)]);
    moto.job(&[("one", "profile = \"first\""), ("two", "profile = \"second\"")], "");
    let told = moto.run(3);
    assert!(told.contains("hint=\"allow s3:ListAllMyBuckets"), "{told}");
    let summary = moto.summary();
    assert_eq!(
        (&summary["accounts"][0]["verdict"], &summary["accounts"][1]["verdict"]),
        (&json!("denied"), &json!("ok"))
    );
    assert_eq!(moto.verdicts().len(), 1);
}

/// moto counts the objects of each bucket as S3's daily metric does; who may not ask is told so, and nothing
/// else.
#[test]
fn a_plan_is_told_by_cloudwatch_how_many_objects_there_are() {
    let mut moto = three();
    let seeing = moto.python.user(ONE, "seeing", &everything());
    let scan = json!([{ "Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": "*" }]);
    let scanning = moto.python.user(TWO, "scanning", &scan);
    moto.python.put_account_buckets(ONE, "us-east-1", &names(&["more"]), 1234);
    moto.profiles(&[("seeing", &seeing), ("scanning", &scanning)]);
    moto.job(&[("one", "profile = \"seeing\""), ("two", "profile = \"scanning\"")], "");
    let mut command = moto.program(&["plan", "job.toml", "--format", "json"]);
    let output = command.env("AWS_ENDPOINT_URL_CLOUDWATCH", &moto.url).output().expect("s3scan can be run");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let plans: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let plan = &plans["jobs"][0];
    let known = |bucket: &Value| (bucket["bucket"].clone(), bucket["objects"].clone(), bucket["objects_by"].clone());
    let known: Vec<_> = plan["buckets"].as_array().expect("buckets").iter().map(known).collect();
    let counted = |bucket: &str, objects: u64| (json!(bucket), json!(objects), json!("cloudwatch"));
    assert_eq!(known, [counted("more", 1234), counted("of-one", 3), (json!("of-two"), json!(null), json!(null))]);
    let [note] = plan["notes"].as_array().expect("notes").as_slice() else { panic!("{plan:#}") };
    assert_eq!(note["account"], "two");
    assert!(note["message"].as_str().expect("a text").contains("403"), "{note}");
    assert!(note["hint"].as_str().expect("a text").contains("cloudwatch:GetMetricData"), "{note}");
}
