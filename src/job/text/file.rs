//! The text of a file that a job is made of.
//!
//! Responsible for reading it whole. It leaves what the text says to `layers` and to those who know
//! its lines. It owns the invariants that no more than the largest file is ever read, and that a file
//! which another one names cannot keep the program waiting.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::job::problem::Refusal;

/// Largest file in bytes; what is larger is no job file.
const LARGEST: u64 = 1 << 20;

/// What kinds of files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Regular files: whoever opens a pipe waits for its writer.
    Regular,
    /// Pipes and devices too, for a file that the user names in the call, as in `<(...)` of a shell.
    Any,
}

/// Reads a file, which messages call `what`; a byte order mark is left out.
///
/// # Errors
/// When it cannot be read, is none of the `kinds`, is larger than 1 MiB, or is not UTF-8.
pub fn read(path: &Path, what: &str, kinds: Kinds) -> Result<String, Refusal> {
    let unreadable = |error: io::Error| Refusal::new(format!("{what} cannot be read: {}", reason(&error)));
    // Asked before opening, which itself waits at a pipe. A folder is told when it is read.
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    if kinds == Kinds::Regular && !kind.is_file() && !kind.is_dir() {
        let refusal = Refusal::new(format!("{what} is a pipe or a device, not a file"));
        return Err(refusal.hint("write what it gives to a file, and name that"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One byte more than allowed tells a file of the largest size from a larger one.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    utf8(bytes, what)
}

/// Why a file cannot be read, in the system's words and without its number for them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn utf8(mut bytes: Vec<u8>, what: &str) -> Result<String, Refusal> {
    if bytes.len() as u64 > LARGEST {
        return Err(Refusal::new(format!("{what} is larger than 1 MiB")));
    }
    // A byte order mark is no part of the first line.
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(.."\u{feff}".len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        let line = before.matches('\n').count() + 1;
        Refusal::new(format!("{what} is not UTF-8, first in line {line}"))
    })
}
