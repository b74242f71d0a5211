//! A thousand buckets of forty accounts of a list, one in twenty denied, one in a hundred named and not
//! there, and one account without a role to assume: what is right is whole, what is counted is exactly that,
//! and once it is put right, only what was wrong is listed again.

use crate::accounts::{Moto, ONE, everything, trusting};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ACCOUNTS: u64 = 40;
const BUCKETS: u64 = 1000;
const OBJECTS: u32 = 2;
const DENIED: u64 = BUCKETS / 20;
const GONE: u64 = BUCKETS / 100;
const OPEN: u64 = BUCKETS - DENIED - GONE;
/// Buckets of the account that cannot be used at first.
const OF_LOST: u64 = 3;

fn id(number: u64) -> String {
    format!("{:012}", 500_000_000_000 + number)
}

fn lost() -> String {
    id(ACCOUNTS - 1)
}

fn names(kind: &str, count: u64) -> Vec<String> {
    (0..count).map(|number| format!("{kind}-{number}")).collect()
}

/// The organization as it is at first. The buckets are shared out evenly over the accounts that can be used.
fn organization(moto: &mut Moto) {
    let deny = json!({
        "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": format!("arn:aws:iam::{}:role/audit", lost()),
    });
    let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let hub = moto.python.user(ONE, "audit", &json!([allow, deny]));
    let but_denied = json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::denied-*" },
    ]);
    let usable = ACCOUNTS - 1;
    for number in 0..usable {
        let account = id(number);
        moto.python.role(&account, "audit", &trusting(ONE), &but_denied);
        let share = |kind: &str, all: u64| {
            let mine = (0..all).filter(move |bucket| bucket % usable == number);
            mine.map(|bucket| format!("{kind}-{number}-{bucket}")).collect::<Vec<_>>()
        };
        let buckets = [share("open", OPEN), share("denied", DENIED)].concat();
        moto.python.put_account_buckets(&account, "us-east-1", &buckets, OBJECTS);
    }
    moto.profiles(&[("hub", &hub)]);
    let listed: String = (0..ACCOUNTS).map(|number| id(number) + "\n").collect();
    moto.write("accounts.txt", &format!("# the organization\n{listed}"));
    let role = "profile = \"hub\"\nrole_arn = \"arn:aws:iam::{account_id}:role/audit\"\n";
    let named = format!("profile = \"hub\"\nbuckets = {{ include = {:?} }}", names("gone", GONE));
    moto.job(&[("org", &format!("{role}account_ids_file = \"accounts.txt\"")), ("named", &named)], "");
}

/// Puts right what was wrong.
fn mend(moto: &mut Moto) {
    moto.python.permit("user", ONE, "audit", &everything());
    moto.python.put_account_buckets(ONE, "us-east-1", &names("gone", GONE), OBJECTS);
    moto.python.role(&lost(), "audit", &trusting(ONE), &everything());
    moto.python.put_account_buckets(&lost(), "us-east-1", &names("late", OF_LOST), OBJECTS);
    for number in 0..ACCOUNTS - 1 {
        moto.python.permit("role", &id(number), "audit", &everything());
    }
}

/// Every bucket stands under its account with its verdict; how many of each.
fn counted(moto: &Moto, denied: &str, gone: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for ((account, bucket), verdict) in moto.verdicts() {
        let mut words = bucket.split('-');
        let (kind, number) = (words.next().expect("a kind"), words.next().expect("a number"));
        let of_list = |number: &str| format!("org-{}", id(number.parse().expect("a number")));
        let expected = match kind {
            "gone" => ("named".to_owned(), gone),
            "denied" => (of_list(number), denied),
            "late" => (format!("org-{}", lost()), "complete"),
            _ => (of_list(number), "complete"),
        };
        assert_eq!((account, verdict.as_str()), expected, "{bucket}");
        *found.entry(verdict).or_default() += 1;
    }
    found
}

/// The files of rows under the run's folder, with their bytes.
fn files(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = fs::read_dir(run).expect("read").map(|entry| entry.expect("an entry").path());
    let accounts = folders.filter(|path| path.is_dir() && !path.ends_with(".parts"));
    let entries = accounts.flat_map(|account| fs::read_dir(account).expect("read"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), fs::read(&path).expect("read"))).collect()
}

fn assert_partial(moto: &Moto, told: &str) {
    let summary = moto.summary();
    let expected = json!({ "complete": OPEN, "denied": DENIED, "missing": GONE });
    let found = json!(counted(moto, "denied", "missing"));
    assert_eq!((found, &summary["totals"]["buckets"]), (expected.clone(), &expected), "{told}");
    let totals = &summary["totals"];
    assert_eq!(
        (&totals["objects"], &totals["rows"]),
        (&json!(OPEN * u64::from(OBJECTS)), &json!(OPEN * u64::from(OBJECTS)))
    );
    assert_eq!((&totals["files"], &summary["exit_code"]), (&json!(OPEN), &json!(3)));
    let accounts = summary["accounts"].as_array().expect("accounts");
    let unusable: Vec<&Value> = accounts.iter().filter(|account| account["verdict"] != "ok").collect();
    let [account] = unusable[..] else { panic!("{unusable:?}") };
    assert_eq!((&account["name"], &account["verdict"]), (&json!(format!("org-{}", lost())), &json!("unusable")));
    assert!(account["reason"].as_str().expect("a reason").contains("the role is not lent"), "{account}");
    assert!(account["hint"].as_str().expect("a hint").contains("check `role_arn` and `external_id`"), "{account}");
    assert!(told.contains("check `role_arn` and `external_id`"), "{told}");
}

#[test]
fn an_organization_by_its_list_and_once_more_when_it_is_put_right() {
    let mut moto = Moto::start();
    organization(&mut moto);
    let told = moto.run(3);
    assert_partial(&moto, &told);
    let before = files(&moto.newest());
    assert_eq!(before.len() as u64, OPEN, "a file for each that is whole");
    let run = moto.newest();
    assert_eq!(moto.python.listed().len() as u64, BUCKETS);

    mend(&mut moto);
    moto.run_with(0, &["--retry"]);
    assert_eq!(moto.newest(), run, "it is the same run");
    let listed = moto.python.listed();
    let again = |name: &String| ["denied", "gone", "late"].iter().any(|kind| name.starts_with(kind));
    assert!(listed.keys().all(again) && listed.values().all(|count| *count == 1), "{listed:?}");
    assert_eq!(listed.len() as u64, DENIED + GONE + OF_LOST, "nothing but what was not complete");
    let complete = BUCKETS + OF_LOST;
    assert_eq!(json!(counted(&moto, "complete", "complete")), json!({ "complete": complete }));
    let summary = moto.summary();
    assert_eq!((&summary["complete"], &summary["exit_code"]), (&json!(true), &json!(0)));
    assert_eq!(summary["totals"]["rows"], json!(complete * u64::from(OBJECTS)));
    let after = files(&run);
    assert_eq!(after.len() as u64, complete);
    let kept: BTreeSet<&PathBuf> =
        before.iter().filter(|(path, bytes)| after.get(*path) == Some(bytes)).map(|(path, _)| path).collect();
    assert_eq!(kept.len(), before.len(), "what was whole is as it was");
}
