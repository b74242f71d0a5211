//! Job files as users write them, right and wrong, through `s3scan::job::load` on real files.
//!
//! Every wrong file stands in a snapshot with exactly what is said about it, so that the messages can
//! be read one after another like a document. Responsible here for the folder that files are written
//! to and for the form of the snapshots; the files named after their subject hold the cases. It owns
//! the rule that each mistake is told once: a case of [`document`] has exactly one problem.

mod accounts;
mod conflicts;
mod layers;
mod property;
mod texts;
mod times;
mod values;

use std::path::PathBuf;

use jiff::Timestamp;
use s3scan::job::{Job, Problem, Problems, Request, load};

/// A folder of job files, and what is laid over them.
struct Folder {
    folder: tempfile::TempDir,
    request: Request,
}

impl Folder {
    /// An empty folder; `now` is Sunday evening of 31 May 2026 in New York, Monday 1 June in UTC.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let now = "2026-06-01T03:00:00Z".parse().expect("an instant");
        Self { folder, request: Request { now, ..Request::default() } }
    }

    /// A folder with files: names and texts.
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn overlay(mut self, name: &str) -> Self {
        self.request.overlays.push(name.to_owned());
        self
    }

    fn set(mut self, flag: &str) -> Self {
        self.request.set.push(flag.to_owned());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.request.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn now(mut self, now: &str) -> Self {
        self.request.now = now.parse::<Timestamp>().expect("an instant");
        self
    }

    fn load(&self, name: &str) -> Result<Job, Problems> {
        load(&Request { path: self.path(name), ..self.request.clone() })
    }

    /// The job of `job.toml`, which is right.
    fn job(&self) -> Job {
        self.load("job.toml").unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// What is wrong with `job.toml`.
    fn problems(&self) -> Problems {
        self.load("job.toml").expect_err("the job is wrong")
    }

    /// What is said about `job.toml`, the folder left out.
    fn said(&self) -> String {
        self.said_of("job.toml")
    }

    /// What is said about a job file, the folder left out.
    fn said_of(&self, name: &str) -> String {
        let problems = self.load(name).expect_err("the job is wrong");
        problems.iter().for_each(hold_to_style);
        self.strip(&problems.to_string())
    }

    fn strip(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace(&format!("{folder}/"), "").replace(&folder, ".")
    }
}

/// The job of a text, which is right.
fn job(text: &str) -> Job {
    Folder::with(&[("job.toml", text)]).job()
}

/// Holds a problem to the form that all of them have: a fragment, literals in back-ticks, and not a
/// word of how the program is written.
fn hold_to_style(problem: &Problem) {
    for text in [Some(&problem.message), problem.hint.as_ref()].into_iter().flatten() {
        let first = text.chars().next();
        assert!(first.is_some_and(|first| !first.is_uppercase()), "not a fragment: {text}");
        assert!(!text.ends_with('.'), "a final period: {text}");
        assert_eq!(text.matches('`').count() % 2, 0, "back-ticks without their others: {text}");
        for word in ["Some(", "None", "Err(", "u32", "u64", "i64", "usize", "struct", "enum ", "unwrap", "\\\""] {
            assert!(!text.contains(word), "`{word}` is of no use to a user: {text}");
        }
    }
}

/// Cases as a document: each its name, the text of the job and what is said, which is one problem.
fn document(cases: &[(&str, &str)]) -> String {
    told(cases, |count| count == 1)
}

/// The same of cases with several mistakes.
fn document_of_several(cases: &[(&str, &str)]) -> String {
    told(cases, |count| count > 1)
}

fn told(cases: &[(&str, &str)], is_right: impl Fn(usize) -> bool) -> String {
    let (mut pages, mut wrong) = (Vec::new(), Vec::new());
    for (name, text) in cases {
        let folder = Folder::with(&[("job.toml", text)]);
        match folder.load("job.toml") {
            Ok(job) => wrong.push(format!("{name} is accepted: {}", job.name)),
            Err(problems) if is_right(problems.iter().count()) => {
                pages.push(format!("=== {name}\n{}\n\n{}", text.trim_end(), folder.said()));
            }
            Err(problems) => wrong.push(format!("{name} is not told as often as it should be:\n{problems}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    pages.join("\n")
}

/// Compares with the snapshot of this name beside the cases; whoever reviews it needs no Rust.
fn assert_document(name: &str, document: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("job_files/snapshots");
    settings.bind(|| insta::assert_snapshot!(name, document));
}
