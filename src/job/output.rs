//! Where the rows of a job go.
//!
//! Responsible for the table `[output]`. It leaves the template's grammar to `path` and writing to the
//! writers. It owns the invariant that a file has room for at least one row.

use super::file::OutputFile;
use super::path::PathTemplate;
use super::problem::Findings;
use super::values::within;

/// What is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The files' paths.
    pub path: PathTemplate,
    /// Rows of every file of a bucket but its last; at least 1.
    pub rows_per_file: u64,
}

impl Output {
    pub(super) fn check(file: &OutputFile, accounts: usize, findings: &mut Findings) -> Option<Self> {
        let path = file.path.as_ref().and_then(|written| {
            let parsed = PathTemplate::parse(&written.value, accounts);
            let refuse = |refusals: Vec<_>| {
                for refusal in refusals {
                    findings.refuse(&written.blame, refusal);
                }
            };
            parsed.map_err(refuse).ok()
        });
        let rows_per_file = findings.accept(file.rows_per_file.as_ref(), |number: &i64| {
            within(*number, &(1..=i64::MAX)).map(i64::unsigned_abs)
        });
        Some(Self { path: path?, rows_per_file: rows_per_file? })
    }
}
