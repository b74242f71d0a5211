//! Values that no key takes: of the wrong type, out of range, or no word there is.
//!
//! Every key of the top level, `[window]`, `[buckets]`, `[objects]`, `[output]`, `[limits]`, `[state]`
//! and `[log]`; those of accounts are in `accounts`, what holds between keys in `conflicts`.

use super::{assert_document, document, document_of_several};

/// Cases of one table each, below the line that says the version.
fn assert_values(name: &str, cases: &[(&str, &str)]) {
    let texts: Vec<_> = cases.iter().map(|(name, text)| (*name, format!("version = 1\n{text}\n"))).collect();
    let cases: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_document(name, &document(&cases));
}

#[test]
fn versions() {
    assert_document(
        "values_version",
        &document(&[
            ("no version", "name = \"x\"\n"),
            ("an empty file", ""),
            ("comments alone", "# version = 1\n\n# nothing else\n"),
            ("a later version", "version = 2\n"),
            ("a version in quotes", "version = \"1\"\n"),
            ("a version with a point", "version = 1.0\n"),
            ("a misspelt version", "versoin = 1\n"),
        ]),
    );
}

#[test]
fn top_level() {
    assert_values(
        "values_top_level",
        &[
            ("a name that is a number", "name = 7"),
            ("a name in capitals", "name = \"Quarterly Report\""),
            ("a name that would leave the folder", "name = \"../x\""),
            ("an empty name", "name = \"\""),
            ("a description that is a date", "description = 2025-07-01"),
            ("a description that is a list", "description = [\"a\", \"b\"]"),
            ("extends without a list", "extends = \"base.toml\""),
            ("extends with a number", "extends = [1]"),
            ("extends with an empty path", "extends = [\"\"]"),
            ("a misspelt key", "nmae = \"x\""),
            ("a misspelt table", "[bucket]\ninclude = [\"x\"]"),
            ("a key that is none", "colour = \"red\""),
            ("a key in quotes that is none", "\"o u\".x = 1"),
            ("a key of a table at the top", "concurrency = 5"),
            ("a window that is a text", "window = \"last-quarter\""),
            ("accounts that are a list", "[[accounts]]\nprofile = \"x\""),
            ("limits that are a number", "limits = 5"),
            ("column sets that are a list", "column_sets = [\"key\"]"),
            ("an overlay that is a text", "overlay = \"ci\""),
            ("an overlay whose table is a number", "overlay.ci = 5"),
            ("an overlay with a name that is none", "[overlay.\"C I\"]\nlog.level = \"warn\""),
            ("an overlay that extends", "[overlay.ci]\nextends = [\"x.toml\"]"),
            ("a misspelt key in an overlay", "[overlay.ci]\nlimits.concurency = 5"),
        ],
    );
}

#[test]
fn window() {
    assert_values(
        "values_window",
        &[
            ("since that is a number", "window.since = 3"),
            ("since that is a list", "window.since = [2025-07-01]"),
            ("since that is a word", "window.since = \"soon\""),
            ("since with days and months swapped", "window.since = \"31.12.2025\""),
            ("since on a day there is not", "window.since = \"2025-02-30\""),
            ("since on such a day, without quotes", "window.since = 2025-02-30"),
            ("since that is a time of day", "window.since = 06:30:00"),
            ("since that is empty", "window.since = \"\""),
            ("since that is a period", "window.since = \"last-week\""),
            ("since with spaces for the period", "window.since = \"last quarter\""),
            ("since beyond the calendar", "window.since = \"20000 years ago\""),
            ("since before the first instant", "window.since = \"-009999-01-01T00:00:00Z\""),
            ("until behind the last instant", "window.until = 9999-12-31T23:59:59Z"),
            ("until behind the last instant, without an offset", "window.until = 9999-12-31"),
            ("until of no time", "window.until = \"0 days ago\""),
            ("until in the future", "window.until = \"in 3 days\""),
            ("until that is a flag", "window.until = true"),
            ("until with a zone of its own", "window.until = \"2025-07-01T00:00[Europe/Paris]\""),
            ("a period that is none", "window.period = \"last-weak\""),
            ("a period that is a number", "window.period = 30"),
            ("a zone that is none", "window.timezone = \"America/New_Yrok\""),
            ("a zone that is a distance", "window.timezone = \"+02:00\""),
            ("a zone that is a number", "window.timezone = 2"),
            ("a misspelt key", "window.form = 2025-07-01"),
            ("another misspelt key", "window.untill = 2025-07-01"),
        ],
    );
}

#[test]
fn buckets() {
    assert_values(
        "values_buckets",
        &[
            ("include without a list", "buckets.include = \"logs-*\""),
            ("include with a number", "buckets.include = [\"a\", 1]"),
            ("an empty include", "buckets.include = []"),
            ("an empty pattern", "buckets.include = [\"\"]"),
            ("a path for a name", "buckets.include = [\n  \"ok-*\",\n  \"data/2025/*\",\n]"),
            ("an address for a name", "buckets.include = [\"s3://data\"]"),
            ("a class that is not closed", "buckets.include = [\"logs-[ab\"]"),
            ("alternatives that are not closed", "buckets.exclude = [\"{a,b\"]"),
            ("a range the wrong way", "buckets.exclude = [\"[z-a]\"]"),
            ("exclude that is a table", "buckets.exclude = { a = 1 }"),
            ("a word that is none", "buckets.on_denied = \"skipp\""),
            ("a flag for a word", "buckets.on_denied = true"),
            ("a word of its neighbour", "buckets.on_empty = \"skip\""),
            ("on_empty that is a number", "buckets.on_empty = 0"),
            ("a misspelt key", "buckets.includes = [\"a\"]"),
        ],
    );
}

#[test]
fn objects() {
    assert_values(
        "values_objects",
        &[
            ("reserved: versions", "objects.list = \"versions\""),
            ("reserved: uploads", "objects.list = \"uploads\""),
            ("a list that is none", "objects.list = \"all\""),
            ("list that is a list", "objects.list = [\"current\"]"),
            ("prefixes without a list", "objects.prefixes = \"year=2025/\""),
            ("an empty list of prefixes", "objects.prefixes = []"),
            ("an empty prefix", "objects.prefixes = [\"\"]"),
            ("a prefix with a star", "objects.prefixes = [\"logs/*\"]"),
            ("a prefix that cannot be sent", "objects.prefixes = [\"a\\u0001\"]"),
            ("a prefix that is a pattern of folders", "objects.prefixes = [\"logs/**\"]"),
            ("a prefix that is any key", "objects.prefixes = [\"*\"]"),
            ("a prefix with a pattern inside and at its end", "objects.prefixes = [\"a?/b*c*\"]"),
            ("a prefix that is a number", "objects.prefixes = [2025]"),
            ("two stars beside text", "objects.include = [\"logs**\"]"),
            ("a class of letters beyond ASCII", "objects.include = [\"[é]*\"]"),
            ("a class that is not closed", "objects.exclude = [\"[x\"]"),
            ("an empty include", "objects.include = []"),
            ("include with a flag", "objects.include = [true]"),
            ("exclude that is a text", "objects.exclude = \"**/tmp/**\""),
            ("a size in units that are none", "objects.min_size = \"1 MiX\""),
            ("a size below zero", "objects.min_size = -1"),
            ("a size in parts of bytes", "objects.min_size = 1.5"),
            ("a size that is a flag", "objects.max_size = true"),
            ("a size beyond all", "objects.max_size = \"99 EiB\""),
            ("an integer beyond all", "objects.max_size = 99999999999999999999"),
            ("a storage class in small letters", "objects.storage_classes = [\"standard\"]"),
            ("a storage class that is none", "objects.storage_classes = [\"cheap one\"]"),
            ("storage classes without a list", "objects.storage_classes = \"GLACIER\""),
            ("an empty list of storage classes", "objects.storage_classes = []"),
            ("a misspelt key", "objects.prefix = [\"a/\"]"),
        ],
    );
}

#[test]
fn output() {
    assert_values(
        "values_output",
        &[
            ("a set that is none", "output.columns = \"standrad\""),
            ("a column for a set", "output.columns = \"size\""),
            ("a set like no other", "output.columns = \"finops\""),
            ("a column that is none", "output.columns = [\"bucket\", \"keys\"]"),
            ("a column in capitals", "output.columns = [\"Key\"]"),
            ("a column like no other", "output.columns = [\"owner_display_name\"]"),
            ("a column that is a number", "output.columns = [\"key\", 5]"),
            ("columns that are a number", "output.columns = 5"),
            ("columns in one text", "output.columns = \"key, size\""),
            ("a set and a column in one text", "output.columns = \"standard,etag\""),
            ("a text that is no list either", "output.columns = \"a,b\""),
            ("reserved: jsonl", "output.format = \"jsonl\""),
            ("reserved: parquet", "output.format = \"parquet\""),
            ("a format that is none", "output.format = \"xlsx\""),
            ("a format that is a flag", "output.format = true"),
            ("a path that is a number", "output.path = 5"),
            ("an empty path", "output.path = \"\""),
            ("reserved: a path in S3", "output.path = \"s3://out/{run}/{bucket}_{part}.csv\""),
            ("a token that is none", "output.path = \"out/{run}/{buckett}_{part}.csv\""),
            ("braces that do not match", "output.path = \"out/{run}/{bucket_{part}.csv\""),
            ("a path that climbs", "output.path = \"../{run}/{bucket}_{part}.csv\""),
            ("a path with a gap", "output.path = \"out//{run}/{bucket}_{part}.csv\""),
            ("a dialect that is none", "output.dialect = \"exel\""),
            ("a dialect that is a number", "output.dialect = 1"),
            ("a header that is a text", "output.header = \"yes\""),
            ("a header that is a number", "output.header = 1"),
            ("a compression that is none", "output.compression = \"zip\""),
            ("a compression that is a flag", "output.compression = false"),
            ("no rows at all", "output.rows_per_file = 0"),
            ("rows below zero", "output.rows_per_file = -5"),
            ("rows in words", "output.rows_per_file = \"1 million\""),
            ("rows with a point", "output.rows_per_file = 1e6"),
            ("an encoding that is none", "output.key_encoding = \"base64\""),
            ("an encoding that is a flag", "output.key_encoding = true"),
            ("empty that is none", "output.empty = \"headers\""),
            ("empty that is a flag", "output.empty = false"),
            ("a misspelt key", "output.rows_per_files = 5"),
        ],
    );
}

#[test]
fn column_sets() {
    assert_values(
        "values_column_sets",
        &[
            ("a set that is a text", "column_sets.finops = \"key\""),
            ("a set without columns", "column_sets.finops = []"),
            ("a column that is none", "column_sets.finops = [\"key\", \"sise\"]"),
            ("a column twice", "column_sets.finops = [\"key\", \"size\", \"key\"]"),
            ("a set with a name that is none", "column_sets.\"Fin Ops\" = [\"key\"]"),
            ("a set of the name of another", "column_sets.standard = [\"key\"]"),
        ],
    );
}

#[test]
fn limits() {
    assert_values(
        "values_limits",
        &[
            ("a rate of zero", "limits.requests_per_second = 0"),
            ("a rate in words", "limits.requests_per_second = \"fast\""),
            ("a rate with a point", "limits.requests_per_second = 0.5"),
            ("a rate beyond all", "limits.bucket_requests_per_second = 5_000_000_000"),
            ("a rate that is a flag", "limits.bucket_requests_per_second = false"),
            ("a burst below zero", "limits = { burst = -1, requests_per_second = 5 }"),
            ("a burst in words", "limits = { burst = \"5\", requests_per_second = 5 }"),
            ("too many at once", "limits.concurrency = 1025"),
            ("none at once", "limits.concurrency = 0"),
            ("concurrency in words", "limits.concurrency = \"many\""),
            ("too many attempts", "limits.max_attempts = 101"),
            ("attempts that are a list", "limits.max_attempts = [3]"),
            ("no patience", "limits.request_timeout = \"0s\""),
            ("patience without a unit", "limits.request_timeout = \"60\""),
            ("patience that is a number", "limits.request_timeout = 60"),
            ("patience of two days", "limits.request_timeout = \"48h\""),
            ("a duration of years", "limits.max_duration = \"9000h\""),
            ("a duration that is a time", "limits.max_duration = 06:00:00"),
            ("a duration in days", "limits.max_duration = \"2 days\""),
            ("no requests", "limits.max_requests = 0"),
            ("requests in words", "limits.max_requests = \"5 million\""),
            ("a misspelt key", "limits.concurency = 5"),
            ("a key of another table", "limits.checkpoint_every = \"2s\""),
        ],
    );
}

#[test]
fn records() {
    assert_values(
        "values_records",
        &[
            ("a state file that is a number", "state.file = 5"),
            ("a state file that is a folder", "state.file = \"state/\""),
            ("a state file in S3", "state.file = \"s3://x/state.json\""),
            ("a state file for each run", "state.file = \"state/{run}.json\""),
            ("an interval that is a number", "state.checkpoint_every = 2"),
            ("an interval of zero", "state.checkpoint_every = \"0s\""),
            ("a misspelt key", "state.checkpoint = \"2s\""),
            ("a log file that is a flag", "log.file = false"),
            ("a log file with a token that is none", "log.file = \"logs/{name}.log\""),
            ("a level that is none", "log.level = \"warning\""),
            ("a level that is a number", "log.level = 3"),
            ("a format that is none", "log.format = \"xml\""),
            ("a format that is a list", "log.format = [\"json\"]"),
            ("another misspelt key", "log.levels = \"info\""),
        ],
    );
}

#[test]
fn many_at_once() {
    assert_document(
        "values_many_at_once",
        &document_of_several(&[(
            "a mistake in every table",
            "version = 1\nnmae = \"x\"\n[window]\nsince = \"soon\"\ntimezone = \"UTZ\"\n[accounts.a]\nregion = \"us east\"\n\
             [buckets]\ninclude = [\"a/b\", \"[x\"]\n[objects]\nmin_size = \"big\"\nmax_size = -1\n\
             [output]\npath = \"out.csv\"\nrows_per_file = 0\n[limits]\nburst = \"5\"\nconcurrency = 0\n\
             [state]\ncheckpoint_every = \"2\"\n[log]\nlevel = \"loud\"\n[overlay.ci]\nlog.file = 5\n",
        )]),
    );
}
