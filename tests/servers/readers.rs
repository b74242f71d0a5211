//! What `DuckDB` and a spreadsheet read from the files, compared with the truth.
//!
//! `S3SCAN_TEST_PYTHON` names a Python with the module `duckdb`, `S3SCAN_TEST_NODE` a node and
//! `S3SCAN_TEST_NODE_MODULES` a folder with the package `xlsx` (`SheetJS`).

use s3scan::demo::{Spec, truth};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const RUN: &str = "20260102T030405Z";

/// Reads the files of a pattern with `DuckDB`, all columns as text, and prints key, size and instant of
/// each row as JSON, in the order of the keys' bytes.
const DUCKDB: &str = "
import duckdb, json, sys
rows = duckdb.execute(
    'SELECT key, size, last_modified, etag FROM read_csv(?, all_varchar = true)', [sys.argv[1]]).fetchall()
for row in sorted(rows, key=lambda row: row[0].encode()):
    print(json.dumps(row))
";

/// The table of the README, over `FILES`: each type as it says, keys decoded.
const TABLE: &str = "
import duckdb, json, sys
con = duckdb.connect()
con.execute(sys.argv[2].replace('FILES', sys.argv[1]))
types = [row[1] for row in con.execute('DESCRIBE objects').fetchall()]
print(json.dumps(types))
rows = con.execute('SELECT key, size, epoch_ms(last_modified) FROM objects').fetchall()
for row in sorted(rows, key=lambda row: row[0].encode()):
    print(json.dumps(row))
";

/// Reads a CSV file as a spreadsheet does and prints its cells: type, value and formula.
const SHEET: &str = "
const xlsx = require('xlsx');
const book = xlsx.read(require('fs').readFileSync(process.argv[1]), { type: 'buffer', cellDates: true, UTC: true });
const sheet = book.Sheets[book.SheetNames[0]];
const range = xlsx.utils.decode_range(sheet['!ref']);
for (let row = 0; row <= range.e.r; row++) {
  const cells = [];
  for (let column = 0; column <= range.e.c; column++) {
    const cell = sheet[xlsx.utils.encode_cell({ r: row, c: column })];
    cells.push(cell ? [cell.t, cell.v, cell.f || null] : null);
  }
  console.log(JSON.stringify(cells));
}
";

fn program(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set, as `.ci/run` does"))
}

/// What a program prints, a JSON value a line.
fn printed(command: &mut Command) -> Vec<serde_json::Value> {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

fn duckdb(script: &str, arguments: &[&str]) -> Vec<serde_json::Value> {
    printed(Command::new(program("S3SCAN_TEST_PYTHON")).args(["-c", script]).args(arguments))
}

/// Scans the demo endpoint with this `[output]`.
fn scanned(spec: &str, output: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let job = format!("version = 1\n[accounts.a]\nendpoint_url = \"{spec}\"\n[output]\n{output}\n");
    fs::write(folder.path().join("job.toml"), job).expect("written");
    let status = Command::new(env!("CARGO_BIN_EXE_s3scan"))
        .args(["run", "job.toml", "-q", "--now", "2026-01-02T03:04:05Z"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .status();
    assert_eq!(status.expect("runs").code(), Some(0));
    folder
}

fn files(folder: &Path, bucket: &str, extension: &str) -> String {
    folder.join(format!("data/job/{RUN}/a/{bucket}_*.{extension}")).display().to_string()
}

#[test]
fn duckdb_reads_every_shape_whatever_the_compression() {
    let text = "demo:?objects=20000";
    let spec: Spec = text.parse().expect("a spec");
    for (compression, extension) in [("none", "csv"), ("gzip", "csv.gz"), ("zstd", "csv.zst")] {
        let folder = scanned(text, &format!("compression = \"{compression}\"\nrows_per_file = 7_000"));
        for shape in ["flat", "uuid", "dates", "skewed", "unicode"] {
            let bucket = format!("demo-{shape}");
            let rows = duckdb(DUCKDB, &[&files(folder.path(), &bucket, extension)]);
            let objects = truth(&spec, &bucket).expect("a bucket");
            let expected: Vec<serde_json::Value> = objects
                .map(|object| {
                    serde_json::json!([object.key, object.size.to_string(), object.last_modified, object.etag])
                })
                .collect();
            assert_eq!(rows.len(), expected.len(), "{compression} {shape}");
            for (row, expected) in rows.iter().zip(&expected) {
                assert_eq!(row, expected, "{compression} {shape}");
            }
        }
    }
}

/// The statement between these marks in the README.
fn table_of_readme() -> String {
    let readme = include_str!("../../README.md");
    let statement = readme.split("```sql duckdb\n").nth(1).and_then(|rest| rest.split("```").next());
    statement.expect("the README defines a table").to_owned()
}

#[test]
fn the_table_of_the_readme_holds_keys_that_no_reader_of_lines_can_break() {
    let text = "demo:?objects=20000&shape=unicode";
    let folder = scanned(text, "key_encoding = \"url\"\ncompression = \"gzip\"");
    let rows = duckdb(TABLE, &[&files(folder.path(), "demo-unicode", "csv.gz"), &table_of_readme()]);
    let (types, rows) = rows.split_first().expect("types");
    let expected =
        ["VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR"];
    assert_eq!(*types, serde_json::json!(expected));
    let spec: Spec = text.parse().expect("a spec");
    let objects: Vec<_> = truth(&spec, "demo-unicode").expect("a bucket").collect();
    assert_eq!(rows.len(), objects.len());
    for (row, object) in rows.iter().zip(&objects) {
        let instant: jiff::Timestamp = object.last_modified.parse().expect("an instant");
        assert_eq!(*row, serde_json::json!([object.key, object.size, instant.as_millisecond()]));
    }
    // Readers of lines, such as Athena's, need one row a line.
    let plain = scanned(text, "key_encoding = \"url\"");
    let path = plain.path().join(format!("data/job/{RUN}/a/demo-unicode_1.csv"));
    let text = fs::read_to_string(path).expect("UTF-8");
    assert_eq!(text.lines().count(), 1 + objects.len());
    assert!(text.lines().all(|line| line.matches(',').count() == 7 && !line.contains('"')));
}

#[test]
fn a_spreadsheet_reads_texts_as_texts_and_dates_as_dates() {
    let text = "demo:?objects=5000&shape=unicode";
    let folder = scanned(text, "dialect = \"excel\"");
    let path = folder.path().join(format!("data/job/{RUN}/a/demo-unicode_1.csv"));
    let node = program("S3SCAN_TEST_NODE");
    let cells =
        printed(Command::new(node).env("NODE_PATH", program("S3SCAN_TEST_NODE_MODULES")).args(["-e", SHEET]).arg(path));
    let (header, rows) = cells.split_first().expect("a header");
    let columns: BTreeMap<&str, usize> = header
        .as_array()
        .expect("cells")
        .iter()
        .enumerate()
        .map(|(at, cell)| (cell[1].as_str().expect("a name"), at))
        .collect();
    let spec: Spec = text.parse().expect("a spec");
    let objects: Vec<_> = truth(&spec, "demo-unicode").expect("a bucket").collect();
    assert_eq!(rows.len(), objects.len());
    let mut dates = 0;
    for (row, object) in rows.iter().zip(&objects) {
        let key = &row[columns["key"]];
        // A formula there is only that of a text, and never one of the store's making.
        assert_eq!(key[0], "s", "{key}");
        let shown = key[1].as_str().expect("text").trim_start_matches('\'');
        assert_eq!(shown.replace("\r\n", "\n"), object.key.trim_start_matches('\'').replace("\r\n", "\n"));
        assert_eq!(row[columns["size"]][0], "n");
        assert_eq!(row[columns["size"]][1], object.size);
        // SheetJS takes no first of January for a date, whatever its form.
        if !object.last_modified[4..].starts_with("-01-01") {
            assert_eq!(row[columns["last_modified"]][0], "d", "{row}");
            dates += 1;
        }
    }
    assert!(dates > 4_000, "{dates}");
}
