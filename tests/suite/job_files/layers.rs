//! Jobs of several layers: extended files, overlays, variables and flags; which wins, and where a
//! mistake in any of them is told.

use s3scan::job::{Period, resolved};

use super::{Folder, assert_document};

/// What is said about a job of several files, after the files themselves.
fn page(name: &str, files: &[(&str, &str)], lay: impl Fn(Folder) -> Folder) -> String {
    let shown: Vec<String> = files.iter().map(|(name, text)| format!("--- {name}\n{text}")).collect();
    let folder = lay(Folder::with(files));
    let over = folder.request.overlays.iter().map(|name| format!("--overlay {name}\n"));
    let set = folder.request.set.iter().map(|flag| format!("--set '{flag}'\n"));
    let environment = folder.request.environment.iter().map(|(name, value)| format!("{name}='{value}'\n"));
    let over: String = over.chain(environment).chain(set).collect();
    format!("=== {name}\n{}{over}\n{}", shown.concat(), folder.said())
}

fn plain(folder: Folder) -> Folder {
    folder
}

#[test]
fn extended_files() {
    let pages = [
        page(
            "a file that is not there",
            &[("job.toml", "version = 1\nextends = [\"bsae.toml\"]\n"), ("base.toml", "")],
            plain,
        ),
        page(
            "a file in a folder that is not there",
            &[("job.toml", "version = 1\nextends = [\"no/base.toml\"]\n")],
            plain,
        ),
        page("a file that extends itself", &[("job.toml", "version = 1\nextends = [\"job.toml\"]\n")], plain),
        page(
            "a circle",
            &[("job.toml", "version = 1\nextends = [\"x/a.toml\"]\n"), ("x/a.toml", "extends = [\"../job.toml\"]\n")],
            plain,
        ),
        page(
            "a mistake two files down",
            &[
                ("job.toml", "version = 1\nextends = [\"x/a.toml\"]\n"),
                ("x/a.toml", "extends = [\"y/b.toml\"]\n"),
                ("x/y/b.toml", "\nlimits.concurrency = 0\n"),
            ],
            plain,
        ),
        page(
            "a file extended twice, by two others and by the job",
            &[
                ("job.toml", "version = 1\nextends = [\"a.toml\", \"b.toml\", \"c.toml\"]\n"),
                ("a.toml", "extends = [\"c.toml\"]\n"),
                ("b.toml", "extends = [\"./c.toml\"]\n"),
                ("c.toml", "limits.concurency = 5\nlog.level = \"loud\"\n"),
            ],
            plain,
        ),
        page(
            "a mistake that the job overrides",
            &[
                ("job.toml", "version = 1\nextends = [\"base.toml\"]\nlimits.concurrency = 8\n"),
                ("base.toml", "limits.concurrency = 0\n"),
            ],
            plain,
        ),
        page(
            "a table that is a number below",
            &[
                ("job.toml", "version = 1\nextends = [\"base.toml\"]\nlimits.concurrency = 8\n"),
                ("base.toml", "limits = 5\n"),
            ],
            plain,
        ),
        page(
            "an until before a since of the base",
            &[
                ("job.toml", "version = 1\nextends = [\"base.toml\"]\nwindow.until = 2025-01-01\n"),
                ("base.toml", "window.since = 2025-07-01\n"),
            ],
            plain,
        ),
        page(
            "a later version below",
            &[("job.toml", "version = 1\nextends = [\"base.toml\"]\n"), ("base.toml", "version = 2\n")],
            plain,
        ),
        page(
            "a version below alone",
            &[("job.toml", "extends = [\"base.toml\"]\n"), ("base.toml", "version = 2\n")],
            plain,
        ),
        page(
            "a list of ids beside the file that names it",
            &[
                ("job.toml", "version = 1\nextends = [\"shared/base.toml\"]\n"),
                ("shared/base.toml", "accounts.org.account_ids_file = \"ids.txt\"\n"),
                ("shared/ids.txt", "111111111111\n2222\n"),
                ("ids.txt", "333333333333\n"),
            ],
            plain,
        ),
    ];
    assert_document("layers_extended_files", &pages.join("\n"));
}

#[test]
fn overlays() {
    let job = "version = 1\n[overlay.ci]\nlimits.concurrency = 4\n[overlay.nightly]\nlog.level = \"warn\"\n";
    let pages = [
        page("an overlay that is not there", &[("job.toml", "version = 1\n")], |folder| folder.overlay("ci")),
        page("a misspelt overlay", &[("job.toml", job)], |folder| folder.overlay("nightyl")),
        page("an overlay unlike any", &[("job.toml", job)], |folder| folder.overlay("x")),
        page("an overlay that is no name", &[("job.toml", job)], |folder| folder.overlay("a\u{1b}[1mb")),
        page(
            "a mistake in an overlay that is not asked for",
            &[("job.toml", "version = 1\noverlay.ci.log.level = \"loud\"\n")],
            plain,
        ),
        page(
            "a mistake in an overlay that is asked for",
            &[("job.toml", "version = 1\noverlay.ci.log.level = \"loud\"\n")],
            |folder| folder.overlay("ci"),
        ),
        page(
            "an overlay that does not fit the job",
            &[("job.toml", "version = 1\nwindow.since = 2025-07-01\n[overlay.ci]\nwindow.until = 2025-01-01\n")],
            |folder| folder.overlay("ci"),
        ),
        page(
            "an overlay that contradicts itself and is not asked for",
            &[("job.toml", "version = 1\n[overlay.ci.accounts.a]\nanonymous = true\nprofile = \"p\"\n")],
            plain,
        ),
        page(
            "an overlay that contradicts itself and is asked for",
            &[("job.toml", "version = 1\n[overlay.ci.window]\nperiod = \"today\"\nsince = 2025-01-01\n")],
            |folder| folder.overlay("ci"),
        ),
        page(
            "an overlay whose sizes no object has, which is not asked for",
            &[("job.toml", "version = 1\n[overlay.ci.objects]\nmin_size = 9\nmax_size = 5\n")],
            plain,
        ),
        page(
            "two overlays that do not fit each other",
            &[("job.toml", "version = 1\n[overlay.a]\nobjects.min_size = 9\n[overlay.b]\nobjects.max_size = 5\n")],
            |folder| folder.overlay("a").overlay("b"),
        ),
    ];
    assert_document("layers_overlays", &pages.join("\n"));
}

#[test]
fn flags_and_variables() {
    let files = &[("job.toml", "version = 1\n[accounts.prod-eu]\nprofile = \"p\"\n")];
    let set = |name: &str, flag: &'static str| page(name, files, |folder| folder.set(flag));
    let variable = |name: &str, key: &'static str, value: &'static str| {
        page(name, files, |folder| folder.variable(&format!("S3SCAN_JOB__{key}"), value))
    };
    let pages = [
        set("a flag without a value", "limits.concurrency"),
        set("a flag without a key", "=5"),
        set("an empty flag", ""),
        set("a flag with a key that is none", "limits..concurrency=5"),
        set("a misspelt key", "limits.concurency=5"),
        set("a value of the wrong type", "limits.concurrency=many"),
        set("a value out of range", "limits.concurrency=0"),
        set("a text for a list", "buckets.include=logs-*"),
        set("a list that is broken", "buckets.include=[\"a\",b]"),
        set("a value for a table", "limits=5"),
        set("a table with a misspelt key", "limits={ concurency = 5 }"),
        set("a version", "version=1"),
        set("files to extend", "extends=[\"base.toml\"]"),
        set("an empty value", "name="),
        set("a value of many lines", "name=a\nb"),
        set("a date that is none", "window.since=2025-02-30"),
        set("a value that does not fit the job", "accounts.prod-eu.anonymous=true"),
        variable("a misspelt variable", "LIMITS__CONCURENCY", "5"),
        variable("a variable of the wrong type", "LIMITS__CONCURRENCY", "many"),
        variable("a variable with one line too few", "LIMITS_CONCURRENCY", "5"),
        variable("a variable without a key", "", "5"),
        variable("an account misspelt, which makes another", "ACCOUNTS__PROD_EU__ACCOUNT_ID", "12345"),
    ];
    assert_document("layers_flags_and_variables", &pages.join("\n"));
}

/// One mistake of each kind in three files, each at its line.
#[test]
fn seven_mistakes_in_three_layers() {
    let text = page(
        "seven mistakes",
        &[
            (
                "job.toml",
                "version = 1\nextends = [\"team.toml\"]\nnmae = \"x\"\n[limits]\nconcurrency = 0\n[objects]\nmax_size = 5\n",
            ),
            (
                "team.toml",
                "extends = [\"base.toml\"]\n[output]\ncolumns = \"finop\"\nformat = \"jsonl\"\n[overlay.ci]\nlog.level = \"loud\"\n",
            ),
            ("base.toml", "[column_sets]\nfinops = [\"kee\"]\n[objects]\nmin_size = 9\n"),
        ],
        plain,
    );
    assert_eq!(text.matches("error: ").count(), 7, "{text}");
    assert_document("layers_seven_mistakes", &text);
}

#[test]
fn the_last_layer_wins() {
    let key = |number: u32| format!("[limits]\nconcurrency = {number}\n");
    let base = format!("extends = [\"deep.toml\"]\n{}", key(3));
    let ten = format!("version = 1\nextends = [\"base.toml\"]\n{}[overlay.ci]\nlimits.concurrency = 5\n", key(4));
    let concurrency = |folder: &Folder| folder.job().limits.concurrency.get();
    let mut folder = Folder::with(&[("job.toml", "version = 1\n")]);
    assert_eq!(concurrency(&folder), 64, "the built-in default");
    folder.write("job.toml", "version = 1\nextends = [\"base.toml\"]\n");
    folder.write("base.toml", "extends = [\"deep.toml\"]\n");
    folder.write("deep.toml", key(2));
    assert_eq!(concurrency(&folder), 2, "a file that an extended file extends");
    folder.write("base.toml", base);
    assert_eq!(concurrency(&folder), 3, "an extended file");
    folder.write("job.toml", ten);
    assert_eq!(concurrency(&folder), 4, "the job file");
    folder = folder.overlay("ci");
    assert_eq!(concurrency(&folder), 5, "an overlay");
    folder = folder.variable("S3SCAN_JOB__LIMITS__CONCURRENCY", "6");
    assert_eq!(concurrency(&folder), 6, "a variable");
    folder = folder.set("limits.concurrency=7");
    assert_eq!(concurrency(&folder), 7, "a flag");
    assert_eq!(concurrency(&folder.set("limits.concurrency=8")), 8, "the last flag");
}

#[test]
fn later_files_and_overlays_win() {
    let diamond = [
        (
            "job.toml",
            "version = 1\nextends = [\"a.toml\", \"b.toml\"]\n[overlay.x]\nlog.level = \"warn\"\n[overlay.y]\nlog.level = \"debug\"\n",
        ),
        ("a.toml", "extends = [\"c.toml\"]\ndescription = \"a\"\nlimits.concurrency = 1\n"),
        (
            "b.toml",
            "extends = [\"c.toml\"]\nlimits.concurrency = 2\n[overlay.x]\nlog.level = \"error\"\nlog.format = \"json\"\n",
        ),
        ("c.toml", "description = \"c\"\nlimits.max_attempts = 3\n"),
    ];
    let job = Folder::with(&diamond).job();
    assert_eq!(job.limits.concurrency.get(), 2);
    assert_eq!(job.description, "c", "what `b` extends lies over `a`");
    assert_eq!(job.accounts[0].pace.max_attempts.get(), 3);
    let log = |overlays: &[&str]| {
        let folder = overlays.iter().fold(Folder::with(&diamond), |folder, name| folder.overlay(name));
        let log = folder.job().log;
        format!("{} {}", log.level.name(), log.format.name())
    };
    assert_eq!(log(&["x"]), "warn json", "the job's overlay lies over that of the same name below");
    assert_eq!(log(&["x", "y"]), "debug json");
    assert_eq!(log(&["y", "x"]), "warn json");
}

#[test]
fn tables_merge_and_lists_are_replaced() {
    let job = Folder::with(&[
        ("job.toml", "version = 1\nextends = [\"base.toml\"]\n[buckets]\ninclude = [\"b\"]\n[accounts.p]\nregion = \"eu-west-1\"\n"),
        ("base.toml", "[buckets]\ninclude = [\"a\", \"c\"]\nexclude = [\"d\"]\n[accounts.p]\nprofile = \"x\"\nregion = \"us-east-1\"\n[accounts.q]\n"),
    ])
    .job();
    let account = &job.accounts[0];
    assert_eq!(account.selection.include.patterns(), ["b"]);
    assert_eq!(account.selection.exclude.patterns(), ["d"]);
    assert_eq!((account.profile.as_deref(), account.region.as_deref()), (Some("x"), Some("eu-west-1")));
    assert_eq!(job.accounts.len(), 2);
}

#[test]
fn ids_stay_text_whatever_their_source() {
    let folder = || Folder::with(&[("job.toml", "version = 1\n[accounts.prod]\n[accounts.my-team_eu]\n")]);
    let ids = |folder: Folder| -> Vec<Option<String>> {
        folder.job().accounts.into_iter().map(|account| account.account_id).collect()
    };
    for id in ["012345678901", "123456789012"] {
        let variable = folder().variable("S3SCAN_JOB__ACCOUNTS__PROD__ACCOUNT_ID", id);
        assert_eq!(ids(variable), [None, Some(id.to_owned())]);
        let both = folder()
            .variable("S3SCAN_JOB__ACCOUNTS__MY_TEAM_EU__ACCOUNT_ID", id)
            .set(&format!("accounts.prod.account_id={id}"));
        assert_eq!(ids(both), [Some(id.to_owned()), Some(id.to_owned())]);
        let list = folder().set(&format!("accounts.org.account_ids=[{id:?}]"));
        assert_eq!(list.job().accounts[1].name, format!("org-{id}"));
    }
    let text = |flag: &str| folder().set(flag).job().description;
    for (flag, expected) in [
        ("description=1e3", "1e3"),
        ("description=true", "true"),
        ("description=2025-07-01", "2025-07-01"),
        ("description=a=b", "a=b"),
        ("description=\"in quotes\"", "in quotes"),
        ("description='1'", "1"),
        (" description = 007", "007"),
        ("description=", ""),
    ] {
        assert_eq!(text(flag), expected, "{flag}");
    }
}

#[test]
fn flags_take_toml() {
    let folder = Folder::with(&[("job.toml", "version = 1\n")])
        .set("buckets.include=[\"a\", 'b']")
        .set("\"limits\" . concurrency = 9")
        .set("accounts.x={ region = \"eu-west-1\", path_style = true }")
        .set("window.since=2025-07-01")
        .set("objects.min_size=1 MiB")
        .set("output.header=false")
        .variable("S3SCAN_JOB__OBJECTS__PREFIXES", "[\"a/\"]")
        .variable("S3SCAN_JOBS__X", "not ours")
        .variable("s3scan_job__x", "not ours either");
    let job = folder.job();
    assert_eq!(job.accounts[0].selection.include.patterns(), ["a", "b"]);
    assert_eq!(job.limits.concurrency.get(), 9);
    assert_eq!((job.accounts[0].region.as_deref(), job.accounts[0].path_style), (Some("eu-west-1"), true));
    assert_eq!(job.window.since_written.as_deref(), Some("2025-07-01"));
    assert_eq!((job.objects.min_size, job.output.header), (Some(1 << 20), false));
    assert_eq!(job.objects.prefixes, ["a/"]);
}

/// What a wrong element of a list leads to is not told, though a variable or flag has no lines.
#[test]
fn a_consequence_of_a_flag_is_not_told() {
    let folder = || Folder::with(&[("job.toml", "version = 1\noutput.dialect = \"classic\"\n")]);
    for folder in [
        folder().set("objects.include=[\"[é]\"]"),
        folder().set("output.columns=[\"kee\"]"),
        folder().set("accounts.a.account_ids=[\"prod\"]"),
        folder().variable("S3SCAN_JOB__BUCKETS__INCLUDE", "[\"[a\"]"),
    ] {
        let problems = folder.problems();
        assert_eq!(problems.iter().count(), 1, "{problems}");
        assert!(problems.iter().all(|problem| problem.position.is_none()));
    }
}

#[test]
fn the_higher_layer_chooses_between_two_ways_to_say_one_thing() {
    let files = |base: &str, job: &str| {
        let job = format!("version = 1\nextends = [\"base.toml\"]\n{job}\n");
        Folder::with(&[("job.toml", &job), ("base.toml", base), ("ids.txt", "111111111111\n")])
    };
    let window = |folder: Folder| {
        let window = folder.job().window;
        (window.since_written, window.until_written, window.period)
    };
    let (period, since, until) =
        ("window.period = \"last-week\"", "window.since = 2025-01-01", "window.until = 2025-02-01");
    let (first, end) = (Some("2025-01-01".to_owned()), Some("2025-02-01".to_owned()));
    let last_week = (None, None, Some(Period::LastWeek));
    assert_eq!(window(files(period, since)), (first.clone(), None, None));
    assert_eq!(window(files(since, period)), last_week);
    assert_eq!(window(files(&format!("{since}\n{until}"), period)), last_week);
    assert_eq!(window(files(since, until)), (first.clone(), end.clone(), None), "one way, in two layers");
    assert_eq!(window(files(since, period).set("window.until=2025-02-01")), (None, end, None));
    let overlay = format!("{since}\n[overlay.weekly]\n{period}");
    assert_eq!(window(files("", &overlay)), (first, None, None));
    assert_eq!(window(files("", &overlay).overlay("weekly")), last_week);
    assert_eq!(window(files(since, "").variable("S3SCAN_JOB__WINDOW__PERIOD", "last-week")), last_week);
    // Two flags have an order, two variables have none.
    assert_eq!(window(files("", "").set("window.since=2025-01-01").set("window.period=last-week")), last_week);
    let variables = files("", "").variable("S3SCAN_JOB__WINDOW__PERIOD", "last-week");
    let said = variables.variable("S3SCAN_JOB__WINDOW__SINCE", "2025-01-01").said();
    assert!(said.contains("`window.period`: cannot stand beside `since` and `until`"), "{said}");

    let names =
        |folder: Folder| -> Vec<String> { folder.job().accounts.into_iter().map(|account| account.name).collect() };
    let (list, file) = ("accounts.a.account_ids = [\"222222222222\"]", "accounts.a.account_ids_file = \"ids.txt\"");
    assert_eq!(names(files(list, file)), ["a-111111111111"]);
    assert_eq!(names(files(file, list)), ["a-222222222222"]);
    assert_eq!(names(files(file, &list.replace(".a.", ".b."))), ["a-111111111111", "b-222222222222"]);

    let folder = files(&format!("{since}\n{file}"), &format!("{period}\n{list}"));
    let mut request = folder.request.clone();
    request.path = folder.path("job.toml");
    let shown = folder.strip(&resolved(&request, true).unwrap());
    assert!(!shown.contains("since = ") && !shown.contains("account_ids_file"), "{shown}");
    assert!(shown.contains("period = \"last-week\"") && shown.contains("# job.toml:3\n"), "{shown}");
}
