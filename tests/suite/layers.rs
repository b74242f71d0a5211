//! The layers of the crate: what each module of `src` may use, which foreign crates it may name, how
//! long its files are and that each says what it is for.
//!
//! Reads sources as text, which needs no compiler and tells the line; `code` says what of a text counts.
//! It leaves everything else about style to clippy.

mod code;

use code::{blanked, is_word, line_of, test_lines, without_tests, words};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order in which data flows: each may use those before it.
const ORDER: [&str; 11] = ["crash", "event", "job", "s3", "rows", "output", "state", "plan", "scan", "report", "cli"];
/// Uses nothing of ours, and is used by `cli` only.
const APART: &str = "demo";
/// Foreign crates by the start of their names, and the module that alone may name them.
const RESERVED: [(&str, &str); 2] = [("aws_", "s3"), ("clap", "cli")];
/// The crate's roots: they declare modules, and the first may use what it declares.
const ROOTS: [&str; 2] = ["main", "lib"];
/// Most lines of a file, without its tests.
const LONGEST: usize = 400;

#[test]
fn the_source_keeps_its_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "no sources found in `{}`", root.display());
    let breaches: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let place = path.strip_prefix(&root).unwrap().to_str().unwrap();
            check(place, &fs::read_to_string(path).unwrap())
        })
        .map(|breach| breach.to_string())
        .collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A rule that a line breaks.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    place: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "src/{}:{}: {}", self.place, self.line, self.rule)
    }
}

/// Everything wrong with a file, given its path below `src`.
fn check(place: &str, source: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut breach = |line, rule| breaches.push(Breach { place: place.to_owned(), line, rule });
    if !source.starts_with("//!") {
        breach(1, "a file opens with a `//!` doc that says what it is responsible for".to_owned());
    }
    let modules = modules(place);
    // A folder or file of tests is `#[cfg(test)]` as a whole, where its parent declares it.
    if modules.iter().skip(1).any(|module| *module == "tests") {
        return breaches;
    }
    let code = without_tests(&blanked(source));
    let length = source.lines().count() - test_lines(source);
    if length > LONGEST {
        breach(length, format!("a file has at most {LONGEST} lines before its tests, this one has {length}"));
    }
    let own = modules[0];
    if own != APART && !ORDER.contains(&own) && !ROOTS.contains(&own) {
        breach(1, format!("`{own}` has no place in the order of modules: {}", ORDER.join(", ")));
        return breaches;
    }
    for (offset, used) in uses(&code, modules.len()) {
        if let Some(rule) = refused(own, &used) {
            breach(line_of(&code, offset), rule);
        }
    }
    for (offset, word) in words(&code) {
        let reserved = RESERVED.iter().find(|(start, owner)| word.starts_with(start) && *owner != own);
        if let Some((start, owner)) = reserved {
            breach(line_of(&code, offset), format!("`{word}`: only `{owner}` names `{start}` crates"));
        }
    }
    breaches.sort_by_key(|breach| breach.line);
    breaches
}

/// The modules that lead to a file, outermost first: `job/mod.rs` is `job`, `job/path.rs` `job::path`.
fn modules(place: &str) -> Vec<&str> {
    let mut modules: Vec<&str> = place.trim_end_matches(".rs").split('/').collect();
    if modules.len() > 1 && modules.last() == Some(&"mod") {
        modules.pop();
    }
    modules
}

/// Why a module may not use another.
fn refused(own: &str, used: &str) -> Option<String> {
    if used == own || used == "self" {
        return None;
    }
    if own == APART {
        return Some(format!("`{APART}` uses nothing of ours, here `{used}`"));
    }
    if used == APART {
        return (own != "cli").then(|| format!("only `cli` uses `{APART}`, not `{own}`"));
    }
    let Some(rank) = ORDER.iter().position(|module| *module == used) else {
        return Some(format!("`crate::{used}` is no module of the order: {}", ORDER.join(", ")));
    };
    let allowed = ORDER.iter().position(|module| *module == own).unwrap_or(ORDER.len());
    (rank > allowed).then(|| format!("`{own}` may not use `{used}`, which comes after it"))
}

/// The first segments behind every path to the crate's root: `crate::`, the library's name, or as
/// many `super::` as the file is deep; each with its offset.
fn uses(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (offset, word) in words(code) {
        let mut rest = code[offset + word.len()..].trim_start();
        let before = code[..offset].trim_end();
        match word {
            "crate" | "s3scan" if !before.ends_with("::") => {}
            "super" if !before.ends_with("::") => {
                let mut climbed = 1;
                while let Some(next) = rest.strip_prefix("::").and_then(|next| next.trim_start().strip_prefix("super"))
                {
                    rest = next.trim_start();
                    climbed += 1;
                }
                if climbed < depth {
                    continue;
                }
            }
            _ => continue,
        }
        let Some(path) = rest.strip_prefix("::").map(str::trim_start) else {
            continue;
        };
        let base = code.len() - path.len();
        found.extend(first_segments(path).into_iter().map(|(at, segment)| (base + at, segment.to_owned())));
    }
    found
}

/// The first segment of a path, or of every branch of a use-tree.
fn first_segments(path: &str) -> Vec<(usize, &str)> {
    let name = |start: usize| {
        let text = &path[start..];
        let start = start + text.len() - text.trim_start().len();
        let text = text.trim_start();
        let end = text.find(|letter| !is_word(letter)).unwrap_or(text.len());
        (start, if end == 0 { text.get(..1).unwrap_or_default() } else { &text[..end] })
    };
    if !path.starts_with('{') {
        return vec![name(0)];
    }
    let mut starts = vec![1];
    let mut depth = 0;
    for (at, letter) in path.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => starts.push(at + 1),
            _ => {}
        }
    }
    // Behind a trailing comma stands the closing brace.
    starts.into_iter().map(name).filter(|(_, segment)| *segment != "}").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about a file below `src` that is in order but for this code.
    fn said(place: &str, code: &str) -> Vec<String> {
        check(place, &format!("//! A doc.\n{code}")).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_module_uses_those_before_it() {
        assert!(said("scan/run.rs", "use crate::event::Event;\nuse crate::crash;\nuse crate::scan::Stop;").is_empty());
        assert_eq!(
            said("rows/csv.rs", "use crate::s3::Object;\nuse crate::scan::Stop;"),
            ["src/rows/csv.rs:3: `rows` may not use `scan`, which comes after it"]
        );
        assert_eq!(said("event.rs", "fn f() -> crate::job::Job {}").len(), 1);
        assert_eq!(said("lib.rs", "pub mod job;\npub use crate::cli::main;"), [""; 0]);
    }

    #[test]
    fn every_branch_of_a_use_tree_counts() {
        let tree = "use crate::{\n    crash,\n    event::{Effort, Verdict},\n    scan::{self, Stop},\n};";
        assert_eq!(said("job/mod.rs", tree), ["src/job/mod.rs:5: `job` may not use `scan`, which comes after it"]);
        assert_eq!(said("job/mod.rs", "use crate::{self, report, crash};").len(), 1);
        assert_eq!(said("job/mod.rs", "use crate::*;").len(), 1);
    }

    #[test]
    fn roundabout_paths_count() {
        assert_eq!(said("rows/csv.rs", "use super::super::scan::Stop;").len(), 1);
        assert_eq!(said("event.rs", "use super::scan::Stop;").len(), 1);
        assert!(said("rows/csv.rs", "use super::scan::Stop;\nuse super::super::s3::Object;").is_empty());
        assert_eq!(said("rows/csv.rs", "fn f() { s3scan::scan::run() }").len(), 1);
    }

    #[test]
    fn a_module_unknown_to_the_order_is_told() {
        assert_eq!(said("helpers.rs", "").len(), 1);
        assert_eq!(said("scan/mod.rs", "use crate::helpers::f;").len(), 1);
    }

    #[test]
    fn the_demo_stands_apart() {
        assert!(said("cli/demo.rs", "use crate::demo::Spec;").is_empty());
        assert!(said("demo/page.rs", "use crate::demo::Spec;").is_empty());
        assert_eq!(
            said("scan/run.rs", "use crate::demo::Spec;"),
            ["src/scan/run.rs:2: only `cli` uses `demo`, not `scan`"]
        );
        assert_eq!(
            said("demo/page.rs", "use crate::crash;"),
            ["src/demo/page.rs:2: `demo` uses nothing of ours, here `crash`"]
        );
    }

    #[test]
    fn foreign_crates_have_their_module() {
        assert!(said("s3/store.rs", "use aws_sdk_s3::Client;").is_empty());
        assert!(said("cli/mod.rs", "use clap::Parser;").is_empty());
        assert_eq!(
            said("cli/mod.rs", "fn f(client: &aws_sdk_s3::Client) {}"),
            ["src/cli/mod.rs:2: `aws_sdk_s3`: only `s3` names `aws_` crates"]
        );
        assert_eq!(said("job/mod.rs", "#[derive(clap::Args)]\nstruct A;").len(), 1);
    }

    #[test]
    fn comments_literals_and_tests_do_not_count() {
        let code = r##"
/// Like [`crate::scan::run`]. /* crate::cli
/* a /* nested */ crate::cli::main */
const A: (&str, &str, char) = ("a\"crate::cli::main", r#"a"crate::cli"#, '"');
fn f<'a>(text: &'a str) -> char { '\'' }
#[cfg(test)]
use crate::cli::main;
#[cfg(test)]
mod tests {
    use crate::cli::main;
    const OPEN: char = '{';
}
"##;
        assert_eq!(said("event.rs", code), [""; 0]);
        let after = format!("{code}fn g() {{ crate::cli::main() }}\n");
        assert_eq!(said("event.rs", &after), ["src/event.rs:14: `event` may not use `cli`, which comes after it"]);
        assert_eq!(said("demo/tests/mod.rs", "use aws_sdk_s3::Client;\nuse crate::cli::main;"), [""; 0]);
    }

    #[test]
    fn files_are_short_but_for_their_tests() {
        let lines = "fn f() {}\n".repeat(LONGEST - 1);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{lines}}}\n");
        assert_eq!(said("event.rs", &format!("{lines}{tests}")), [""; 0]);
        assert_eq!(
            said("event.rs", &format!("fn f() {{}}\n{lines}{tests}")),
            ["src/event.rs:401: a file has at most 400 lines before its tests, this one has 401"]
        );
    }

    #[test]
    fn a_file_opens_with_its_doc() {
        let rule = "a file opens with a `//!` doc that says what it is responsible for";
        for source in ["", "use std::fs;\n", "// Not a doc.\n", "/// Of the next item.\nmod a;\n"] {
            assert_eq!(check("event.rs", source)[0].to_string(), format!("src/event.rs:1: {rule}"));
        }
    }
}
