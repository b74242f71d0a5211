//! The `s3scan` program: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    s3scan::cli::main()
}
