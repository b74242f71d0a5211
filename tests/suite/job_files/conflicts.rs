//! Values that are right by themselves and wrong together.

use s3scan::job::{Request, load_all};

use super::{Folder, assert_document, document, document_of_several, hold_to_style, job};

const ROLE: &str = "role_arn = \"arn:aws:iam::111111111111:role/audit\"";

#[test]
fn between_keys() {
    let cases = [
        ("a period beside since", "[window]\nperiod = \"last-week\"\nsince = 2025-07-01"),
        ("a period beside both", "[window]\nsince = 2025-07-01\nuntil = 2025-10-01\nperiod = \"last-week\""),
        ("an empty window", "[window]\nsince = 2025-10-01\nuntil = 2025-10-01"),
        ("a window the wrong way", "[window]\nuntil = 2025-07-01\nsince = 2025-10-01"),
        ("a window of spans the wrong way", "[window]\nsince = \"1 week ago\"\nuntil = \"3 months ago\""),
        (
            "a window that only its zone makes empty",
            "[window]\nsince = \"2025-07-01T02:00:00Z\"\nuntil = 2025-07-01\ntimezone = \"UTC\"",
        ),
        ("sizes the wrong way", "[objects]\nmin_size = \"2 KiB\"\nmax_size = \"2 KB\""),
        ("a burst without a rate", "[limits]\nburst = 5"),
        ("an account's burst without a rate", "[accounts.a]\nlimits.burst = 5"),
        ("classic with columns", "[output]\ndialect = \"classic\"\ncolumns = [\"bucket\", \"key\"]"),
        ("classic with another set", "[output]\ndialect = \"classic\"\ncolumns = \"full\""),
        ("a column twice", "[output]\ncolumns = [\"key\", \"size\", \"key\"]"),
        ("no columns", "[output]\ncolumns = []"),
        ("a set of the team, misspelt", "[output]\ncolumns = \"finop\"\n[column_sets]\nfinops = [\"key\"]"),
        ("a set that is wrong itself", "[output]\ncolumns = \"finops\"\n[column_sets]\nfinops = [\"kee\"]"),
        ("a path without the bucket", "[output]\npath = \"out/{run}/{part}.csv\""),
        ("a path without the part", "[output]\npath = \"out/{run}/{bucket}.csv\""),
        (
            "a path without the account",
            "[accounts.a]\n[accounts.b]\n[output]\npath = \"out/{run}/{bucket}_{part}.csv\"",
        ),
        (
            "a path without the account, of a template",
            "[accounts.a]\naccount_ids = [\"111111111111\", \"222222222222\"]\n[output]\npath = \"out/{run}/{bucket}_{part}.csv\"",
        ),
        ("tokens that run together", "[output]\npath = \"out/{run}/{bucket}{part}.csv\""),
        ("a part between names", "[output]\npath = \"out/{run}/{bucket}_{part}_{region}.csv\""),
        ("state and log one file", "[state]\nfile = \"x/{job}\"\n[log]\nfile = \"x/{job}\""),
        ("state and log one file, written otherwise", "[state]\nfile = \"x/{job}\"\n[log]\nfile = \"./x//job\""),
        ("state and log one file, by way of another folder", "[log]\nfile = \"state/../state/./{job}.json\""),
        ("the log where the lock stands", "[log]\nfile = \"state/{job}.lock\""),
    ];
    assert_conflicts("conflicts_keys", &cases);
}

#[test]
fn inside_an_account() {
    let text = |text: &str| format!("[accounts.a]\n{text}");
    let cases = [
        ("anonymous with a profile", text("anonymous = true\nprofile = \"prod\"")),
        ("anonymous with a role", text(&format!("anonymous = true\n{ROLE}"))),
        ("anonymous with an id", text("anonymous = true\naccount_id = \"111111111111\"")),
        ("an external id without a role", text("external_id = \"x\"")),
        ("a session name without a role", text("role_session_name = \"x\"")),
        ("a role of another account", text(&format!("account_id = \"222222222222\"\n{ROLE}"))),
        ("a role without an id to fill in", text("role_arn = \"arn:aws:iam::{account_id}:role/audit\"")),
        (
            "one role for all of a template",
            text(&format!("account_ids = [\"111111111111\", \"222222222222\"]\n{ROLE}")),
        ),
        ("ids twice over", text("account_ids = [\"111111111111\"]\naccount_ids_file = \"ids.txt\"")),
        ("an id in a template", text("account_ids = [\"111111111111\"]\naccount_id = \"222222222222\"")),
        ("a template of anonymous accounts", text("anonymous = true\naccount_ids = [\"111111111111\"]")),
        ("FIPS with an address", text("endpoint_url = \"https://s3.example.com\"\nuse_fips = true")),
        ("dual stack with an address", text("endpoint_url = \"https://s3.example.com\"\nuse_dual_stack = true")),
        ("the synthetic store with a profile", text("endpoint_url = \"demo:\"\nprofile = \"prod\"")),
        ("the synthetic store with a region", text("endpoint_url = \"demo:\"\nregion = \"eu-west-1\"")),
        ("the synthetic store without keys", text("endpoint_url = \"demo:\"\nanonymous = true")),
        ("the synthetic store by host names", text("endpoint_url = \"demo:\"\npath_style = false")),
        ("the synthetic store with a role", text(&format!("endpoint_url = \"demo:\"\n{ROLE}"))),
        (
            "names that collide after fan-out",
            text("account_ids = [\"111111111111\"]\n[accounts.a-111111111111]\nprofile = \"x\""),
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_conflicts("conflicts_accounts", &cases);
}

fn assert_conflicts(snapshot: &str, cases: &[(&str, &str)]) {
    let texts: Vec<_> = cases.iter().map(|(name, text)| (*name, format!("version = 1\n{text}\n"))).collect();
    let cases: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_document(snapshot, &document(&cases));
}

/// What a wrong value would have led to is not told: the cause alone is.
#[test]
fn a_consequence_is_not_told() {
    let cases = [
        ("a burst whose rate is wrong", "[limits]\nburst = 5\nrequests_per_second = \"fast\""),
        ("an external id whose role is wrong", "[accounts.a]\nrole_arn = \"audit\"\nexternal_id = \"x\""),
        ("a window whose end is wrong", "[window]\nsince = 2025-07-01\nuntil = \"soon\""),
        (
            "a window whose zone is wrong",
            "[window]\nsince = 2025-07-01\nuntil = \"2025-07-01T02:00:00Z\"\ntimezone = \"Asia/Toky\"",
        ),
        ("an account's burst whose rate is wrong", "[accounts.a]\nlimits = { burst = 5, requests_per_second = 0 }"),
        ("a list whose only pattern is wrong", "[buckets]\ninclude = [\"a/b\"]"),
        (
            "a template whose only id is wrong",
            "[accounts.a]\naccount_ids = [\"prod\"]\nrole_arn = \"arn:aws:iam::{account_id}:role/x\"",
        ),
        (
            "a role filled in with an id that is wrong",
            "[accounts.a]\naccount_id = \"prod\"\nrole_arn = \"arn:aws:iam::{account_id}:role/x\"",
        ),
        (
            "a template whose list is a text",
            "[accounts.a]\naccount_ids = \"111111111111\"\nrole_arn = \"arn:aws:iam::{account_id}:role/x\"",
        ),
        ("classic with a column that is none", "[output]\ndialect = \"classic\"\ncolumns = [\"bucket\", \"kee\"]"),
        ("an account that is wrong beside a good one", "[accounts.a]\nregion = \"us east\"\n[accounts.b]"),
        ("a period that is wrong beside since", "[window]\nsince = 2025-07-01\nperiod = \"last-weak\""),
        ("a job named after its file, its name wrong", "name = \"A B\""),
    ];
    assert_conflicts("conflicts_consequences", &cases);
}

#[test]
fn several_at_once() {
    let cases = [
        ("a path that lacks all", "version = 1\n[accounts.a]\n[accounts.b]\n[output]\npath = \"out.csv\"\n"),
        (
            "many conflicts in one account",
            "version = 1\n[accounts.a]\nanonymous = true\nprofile = \"p\"\nexternal_id = \"x\"\n\
          account_id = \"111111111111\"\naccount_ids = [\"222222222222\", \"222222222222\"]\n\
          endpoint_url = \"demo:\"\nuse_fips = true\n",
        ),
        ("two tokens that are none", "version = 1\n[state]\nfile = \"{x}/{y}\"\n[log]\nfile = \"{z}\"\n"),
    ];
    // Two tokens of one path are one problem.
    assert_document("conflicts_several", &document_of_several(&cases));
}

#[test]
fn a_file_name_that_is_no_name() {
    let folder = Folder::with(&[("Q3 Report.toml", "version = 1\n"), ("über.toml", "version = 1\n")]);
    let said = [folder.said_of("Q3 Report.toml"), folder.said_of("über.toml")].join("\n");
    assert_document("conflicts_file_name", &said);
}

#[test]
fn what_only_looks_like_a_conflict_is_fine() {
    for text in [
        "[output]\ndialect = \"classic\"",
        "[output]\ndialect = \"classic\"\ncolumns = \"classic\"",
        "[output]\ndialect = \"classic\"\ncolumns = \"own\"\n[column_sets]\nown = [\"bucket\", \"key\", \"size\", \"last_modified\", \"storage_class\"]",
        "[objects]\nmin_size = 5\nmax_size = 5",
        "[limits]\nbucket_requests_per_second = 5\nburst = 1",
        "[limits]\nrequests_per_second = 5\n[accounts.a]\nlimits.burst = 1",
        "[accounts.a]\nanonymous = false\nprofile = \"p\"",
        "[accounts.a]\nendpoint_url = \"http://127.0.0.1:9000\"\nuse_fips = false\npath_style = true\nregion = \"garage\"",
        "[accounts.a]\nendpoint_url = \"demo:\"\npath_style = true\nanonymous = false\nuse_fips = false",
        "[accounts.a]\naccount_id = \"111111111111\"\nrole_arn = \"arn:aws:iam::111111111111:role/x\"",
        "[accounts.a]\naccount_ids = [\"111111111111\"]\n[output]\npath = \"{run}/{bucket}_{part}\"",
        "[objects]\nprefixes = [\"a*b\", \"a?\"]\nexclude = []\n[buckets]\nexclude = []",
    ] {
        let _ = job(&format!("version = 1\n{text}\n"));
    }
}

/// What a run writes about itself must not land on what the job is made of.
#[test]
fn state_and_log_stay_off_what_the_job_is_made_of() {
    let mut pages = Vec::new();
    for (name, key, path) in [
        ("the state on the job file", "state.file", "job.toml"),
        ("the log on the job file, by way of another folder", "log.file", "x/../{job}.toml"),
        ("the log on a file of the team", "log.file", "shared/base.toml"),
        ("the state's lock on a file below that", "state.file", "shared/deep.toml"),
        ("the log on the ids", "log.file", "shared/./ids.txt"),
    ] {
        let folder = Folder::with(&[
            ("job.toml", "version = 1\nextends = [\"shared/base.toml\"]\n"),
            ("shared/base.toml", "extends = [\"deep.lock\"]\naccounts.org.account_ids_file = \"ids.txt\"\n"),
            ("shared/deep.lock", ""),
            ("shared/ids.txt", "111111111111\n"),
        ]);
        // Flags are shown without carets, whose number would be that of the folder's letters.
        let flag = format!("{key}={}", folder.path(path).display());
        let folder = folder.set(&flag);
        assert_eq!(folder.problems().iter().count(), 1, "{name}");
        pages.push(format!("=== {name}\n{}", folder.said()));
    }
    let folder = Folder::new();
    let line = format!("log.file = \"{}\"", folder.path("job.toml").display());
    folder.write("job.toml", format!("version = 1\n{line}\n"));
    let places: Vec<_> = folder.problems().iter().map(|problem| problem.position.clone().map(|at| at.line)).collect();
    assert_eq!(places, [Some(2)]);
    assert_document("conflicts_kept_files", &pages.join("\n"));
}

#[test]
fn jobs_of_one_call_keep_their_files_apart() {
    let path = |path: &str| format!("version = 1\noutput.path = \"{path}\"\n");
    let told = |one: &str, two: &str| -> Vec<Option<String>> {
        let folder = Folder::with(&[("one.toml", one), ("two.toml", two)]);
        let requests = ["one.toml", "two.toml"].map(|name| Request::of(folder.path(name)));
        let said = load_all(&requests).into_iter().map(|loaded| {
            let problems = loaded?.err()?;
            problems.iter().for_each(hold_to_style);
            Some(folder.strip(&problems.to_string()))
        });
        said.collect()
    };
    let plain = path("out/{run}/{bucket}_{part}.csv");
    for (one, two) in [
        (plain.clone(), plain.clone()),
        (plain.clone(), path("./out/{run}/{bucket}_{part}.{ext}")),
        (path("out/{job}/{run}/{bucket}_{part}"), path("out/one/{run}/{bucket}_{part}")),
    ] {
        let [Some(first), Some(second)] = &told(&one, &two)[..] else { panic!("{one}{two}") };
        let expected = "error: `output.path`: the files would stand where those of the job of `two.toml` do\n\
                        --> one.toml\n = hint: put `{job}` into it\n";
        assert_eq!(first, expected);
        assert_eq!(*second, expected.replace("one", "2").replace("two", "one").replace('2', "two"));
    }
    let state = format!("{}state.file = \"state/x.json\"\n", path("{job}/{run}/{bucket}_{part}"));
    let [Some(first), Some(_)] = &told(&state, &state.replace("state/x", "./state/y/../x"))[..] else {
        panic!("one state");
    };
    assert!(first.contains("kept in `state/x.json`"), "{first}");
    for (one, two) in [
        ("version = 1\n".to_owned(), "version = 1\n".to_owned()),
        (plain.clone(), path("out/{run}/{bucket}-{part}.csv")),
        (path("out/{job}/{run}/{bucket}_{part}"), path("out/{job}/{run}/{bucket}_{part}")),
    ] {
        assert_eq!(told(&one, &two), [None, None], "{one}{two}");
    }
}
