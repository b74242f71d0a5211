//! Accounts that no store could be asked for: their keys one by one, and the ids of templates.
//!
//! What cannot stand together in a table is in `conflicts`.

use std::time::{Duration, Instant};

use super::{Folder, assert_document, document, job};

#[test]
fn keys() {
    let cases = [
        ("an account that is a number", "[accounts]\na = 1"),
        ("an account with a name that is none", "[accounts.\"Prod EU\"]"),
        ("a key where accounts belong", "[accounts]\nprofile = \"prod\""),
        ("a profile that is a number", "[accounts.a]\nprofile = 5"),
        ("a profile that is empty", "[accounts.a]\nprofile = \"\""),
        ("an id without quotes", "[accounts.a]\naccount_id = 123456789012"),
        ("an id without quotes that begins with zero", "[accounts.a]\naccount_id = 012345678901"),
        ("an id that lost its zeros", "[accounts.a]\naccount_id = \"12345678901\""),
        ("an id with separators", "[accounts.a]\naccount_id = \"1234-5678-9012\""),
        ("a name for an id", "[accounts.a]\naccount_id = \"prod\""),
        ("a region with a space", "[accounts.a]\nregion = \"us east 1\""),
        ("a region that is a list", "[accounts.a]\nregion = [\"us-east-1\"]"),
        ("regions without a list", "[accounts.a]\nregions = \"us-*\""),
        ("an empty list of regions", "[accounts.a]\nregions = []"),
        ("regions with a broken pattern", "[accounts.a]\nregions = [\"us-[\"]"),
        ("a region with a slash", "[accounts.a]\nregions = [\"us/*\"]"),
        ("a role by its name", "[accounts.a]\nrole_arn = \"audit\""),
        ("the ARN of a user", "[accounts.a]\nrole_arn = \"arn:aws:iam::123456789012:user/audit\""),
        ("a role of an account that is none", "[accounts.a]\nrole_arn = \"arn:aws:iam::12345:role/audit\""),
        ("a role that is a flag", "[accounts.a]\nrole_arn = true"),
        (
            "an external id that is a number",
            "[accounts.a]\nrole_arn = \"arn:aws:iam::123456789012:role/x\"\nexternal_id = 1",
        ),
        (
            "an external id that is empty",
            "[accounts.a]\nrole_arn = \"arn:aws:iam::123456789012:role/x\"\nexternal_id = \"\"",
        ),
        (
            "a session name that is empty",
            "[accounts.a]\nrole_arn = \"arn:aws:iam::123456789012:role/x\"\nrole_session_name = \"\"",
        ),
        (
            "a session name that is a list",
            "[accounts.a]\nrole_arn = \"arn:aws:iam::123456789012:role/x\"\nrole_session_name = []",
        ),
        ("an address without a scheme", "[accounts.a]\nendpoint_url = \"localhost:9000\""),
        ("an address with credentials", "[accounts.a]\nendpoint_url = \"https://key:secret@example.com\""),
        ("an address with a token that is none", "[accounts.a]\nendpoint_url = \"https://s3.{zone}.example.com\""),
        ("an address that is a number", "[accounts.a]\nendpoint_url = 9000"),
        ("an address for identities without a scheme", "[accounts.a]\nsts_endpoint_url = \"sts.example.com\""),
        ("identities of the synthetic store", "[accounts.a]\nsts_endpoint_url = \"demo:\""),
        ("a flag in quotes", "[accounts.a]\npath_style = \"true\""),
        ("a flag that is a number", "[accounts.a]\nanonymous = 1"),
        ("request_payer that is a word", "[accounts.a]\nrequest_payer = \"requester\""),
        ("use_fips that is a word", "[accounts.a]\nuse_fips = \"on\""),
        ("use_dual_stack that is a number", "[accounts.a]\nuse_dual_stack = 0"),
        ("an owner that is none", "[accounts.a]\nbucket_owner = \"me\""),
        ("an owner without quotes", "[accounts.a]\nbucket_owner = 123456789012"),
        ("buckets that are a list", "[accounts.a]\nbuckets = [\"data\"]"),
        ("an empty include", "[accounts.a]\nbuckets.include = []"),
        ("an exclude with a slash", "[accounts.a]\nbuckets.exclude = [\"a/b\"]"),
        ("a key that only the job's buckets have", "[accounts.a]\nbuckets.on_denied = \"skip\""),
        ("a rate of zero", "[accounts.a]\nlimits.requests_per_second = 0"),
        ("a key that only the job's limits have", "[accounts.a]\nlimits.concurrency = 5"),
        ("ids without a list", "[accounts.a]\naccount_ids = \"111111111111\""),
        ("ids without quotes", "[accounts.a]\naccount_ids = [111111111111]"),
        ("no ids", "[accounts.a]\naccount_ids = []"),
        ("an id twice", "[accounts.a]\naccount_ids = [\"111111111111\", \"222222222222\", \"111111111111\"]"),
        ("a file of ids that is a list", "[accounts.a]\naccount_ids_file = [\"accounts.txt\"]"),
        ("a file of ids that is not there", "[accounts.a]\naccount_ids_file = \"accounts.txt\""),
        ("a misspelt key", "[accounts.a]\nendpoint = \"http://127.0.0.1:9000\""),
        ("another misspelt key", "[accounts.a]\nprofil = \"prod\""),
        ("a secret", "[accounts.a]\nsecret_access_key = \"hush\""),
    ];
    let texts: Vec<_> = cases.map(|(name, text)| (name, format!("version = 1\n{text}\n"))).into();
    let cases: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_document("accounts_keys", &document(&cases));
}

const FROM_FILE: &str = "version = 1\naccounts.org.account_ids_file = \"ids.txt\"\n";

#[test]
fn files_of_ids() {
    let mut pages = Vec::new();
    for (name, ids) in [
        ("a file without ids", "# none yet\n\n"),
        ("an empty file", ""),
        ("ids that are wrong", "111111111111\n  1234-5678-9012 # prod\n\n222222222222\n12345\nprod\n"),
        ("an id twice", "111111111111\n222222222222\n111111111111 # again\n"),
        ("a table of a spreadsheet", "id,name\n111111111111,prod\n"),
    ] {
        let folder = Folder::with(&[("job.toml", FROM_FILE), ("ids.txt", ids)]);
        pages.push(format!("=== {name}\n{ids}\n{}", folder.said()));
    }
    let folder = Folder::with(&[("job.toml", FROM_FILE)]);
    folder.write("ids.txt", b"111111111111\n\xff\n");
    pages.push(format!("=== not UTF-8\n{}", folder.said()));
    folder.write("ids.txt", vec![b'#'; (1 << 20) + 1]);
    pages.push(format!("=== too large\n{}", folder.said()));
    let folder = Folder::with(&[("job.toml", FROM_FILE), ("ids.txt/x", "")]);
    pages.push(format!("=== a folder\n{}", folder.said()));
    assert_document("accounts_files_of_ids", &pages.join("\n"));
}

#[test]
fn a_template_gives_an_account_for_each_id() {
    let folder = Folder::with(&[
        (
            "job.toml",
            "version = 1\n[accounts.org]\naccount_ids_file = \"ids.txt\"\nrole_arn = \"arn:aws-cn:iam::{account_id}:role/a/b\"\n\
             external_id = \"x\"\nlimits.max_attempts = 3\n[accounts.b]\naccount_id = \"012345678901\"\n\
             role_arn = \"arn:aws:iam::{account_id}:role/c\"\n",
        ),
        ("ids.txt", "\u{feff}222222222222\r\n# others\r\n\t012345678901 # zero\r\n\r\n"),
    ]);
    let told = folder.job().accounts.into_iter().map(|account| {
        let role = account.role.unwrap();
        (account.name, account.account_id.unwrap(), role.arn, account.pace.max_attempts.get())
    });
    let text = |text: &str| text.to_owned();
    let expected = [
        (text("b"), text("012345678901"), text("arn:aws:iam::012345678901:role/c"), 10),
        (text("org-012345678901"), text("012345678901"), text("arn:aws-cn:iam::012345678901:role/a/b"), 3),
        (text("org-222222222222"), text("222222222222"), text("arn:aws-cn:iam::222222222222:role/a/b"), 3),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn literal_names_are_scanned_directly_where_they_can_only_be_of_one_account() {
    let direct = |text: &str| -> Vec<bool> {
        let accounts = job(&format!("version = 1\nbuckets.include = [\"x\"]\n{text}")).accounts;
        accounts.into_iter().map(|account| account.selection.direct).collect()
    };
    assert_eq!(direct(""), [true]);
    assert_eq!(direct("[accounts.a]"), [true]);
    assert_eq!(direct("[accounts.a]\n[accounts.b]\nbuckets.include = [\"y\"]"), [false, true]);
    assert_eq!(direct("[accounts.a]\nbuckets.exclude = [\"y\"]\n[accounts.b]"), [false, false]);
    assert_eq!(direct("[accounts.a]\naccount_ids = [\"111111111111\"]"), [true]);
    assert_eq!(direct("[accounts.a]\naccount_ids = [\"111111111111\", \"222222222222\"]"), [false, false]);
}

/// As many accounts as there can be are read soon, from a template and as tables.
#[test]
fn many_accounts() {
    let soon = |what: &str, folder: &Folder, count: usize| {
        let started = Instant::now();
        let accounts = folder.job().accounts;
        assert_eq!(accounts.len(), count, "{what}");
        assert!(accounts[count - 1].selection.include.matches("x-1"));
        assert!(started.elapsed() < Duration::from_secs(10), "{what} took {:?}", started.elapsed());
    };
    let patterns = "buckets.include = [\"{a,b}-*\", \"[x-z]-?\"]\n";
    let ids: Vec<String> = (0..78_000).map(|number| format!("{number:012}\n")).collect();
    let ids = ids.concat();
    let folder = Folder::with(&[("job.toml", &format!("{FROM_FILE}{patterns}")), ("ids.txt", &ids)]);
    soon("a template", &folder, 78_000);
    let tables =
        |lines: &str| (0..8_000).map(|number| format!("[accounts.a{number}]\n{lines}")).collect::<Vec<_>>().concat();
    let text = format!("version = 1\n{patterns}{}", tables("account_ids = [\"111111111111\"]\n"));
    soon("tables", &Folder::with(&[("job.toml", &text)]), 8_000);
    let role = "role_arn = \"arn:aws:iam::{account_id}:role/x\"\n";
    let wrong = Folder::with(&[("job.toml", &format!("version = 1\n{}", tables(role)))]);
    let started = Instant::now();
    assert_eq!(wrong.problems().iter().count(), 8_000);
    assert!(started.elapsed() < Duration::from_secs(10), "wrong tables took {:?}", started.elapsed());
}
