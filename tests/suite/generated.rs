//! Files that are generated from the declarations of the job file and committed: the reference in the
//! README and the schema.
//!
//! Responsible for the README being fresh, and for writing both where [`WRITE`] is set. That the schema
//! is fresh is looked after by `schema`.

use std::path::{Path, PathBuf};

use s3scan::job;

/// Set to anything, it has the files written instead of compared.
const WRITE: &str = "S3SCAN_WRITE_GENERATED";
/// Writes them.
const COMMAND: &str = "S3SCAN_WRITE_GENERATED=1 cargo test --test suite generated";
/// What the reference stands between in the README.
const BEGIN: &str = "<!-- job file reference: generated, begin -->\n";
const END: &str = "<!-- job file reference: generated, end -->\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The README with the reference as it should be.
fn readme(text: &str) -> String {
    let marks = "the README has the marks of the reference, each on a line of its own";
    let (before, rest) = text.split_once(BEGIN).expect(marks);
    let (_, after) = rest.split_once(END).expect(marks);
    format!("{before}{BEGIN}\n{}\n{END}{after}", job::reference(&job::schema()))
}

#[test]
fn the_reference_in_the_readme_is_fresh() {
    let text = std::fs::read_to_string(path("README.md")).expect("the README can be read");
    let fresh = readme(&text);
    if std::env::var_os(WRITE).is_some() {
        let schema = serde_json::to_string_pretty(&job::schema()).expect("a schema is JSON") + "\n";
        std::fs::write(path("schemas/job.schema.json"), schema).expect("the schema can be written");
        std::fs::write(path("README.md"), fresh).expect("the README can be written");
        return;
    }
    let mut lines = text.lines().zip(fresh.lines());
    let stale = lines.find(|(old, new)| old != new);
    assert!(text == fresh, "the reference in README.md is stale; to mend it: {COMMAND}\nfirst stale line: {stale:#?}");
}

#[test]
fn the_reference_tells_every_key_with_its_meaning() {
    let reference = job::reference(&job::schema());
    let keys: Vec<&str> = reference.lines().filter(|line| line.starts_with("| `")).collect();
    // As many as the declarations have now: a table that is not walked into would be missed.
    assert!(keys.len() > 70, "{} keys:\n{reference}", keys.len());
    for line in keys {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(matches!(cells.len(), 2 | 4), "the cells of a row cannot be told apart: {line}");
        assert!(cells.last().is_some_and(|meaning| !meaning.is_empty()), "no meaning: {line}");
    }
    for section in ["window", "accounts.NAME", "accounts.NAME.limits", "column_sets", "overlay.NAME"] {
        assert!(reference.contains(&format!("### `[{section}]`\n")), "no section for `[{section}]`");
    }
}
