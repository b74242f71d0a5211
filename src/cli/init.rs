//! `s3scan init`: a commented job to begin with, and the permissions a scan needs.

use super::arguments::print;
use super::exit::{Exit, Refusal};
use clap::Args;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A job to begin with.
const STARTER: &str = include_str!("init/starter.toml");
/// The least that a scan needs: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
/// asks for `s3:ListBucket`, listing buckets for `s3:ListAllMyBuckets`.
const POLICY: &str = include_str!("init/policy.json");

/// `s3scan init`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  s3scan init jobs/audit.toml\n  s3scan init -                    \
    the job on standard output\n  s3scan init --iam > policy.json")]
pub struct InitArguments {
    /// Where to write the job; `-` is standard output. A file that is there already is left alone
    #[arg(default_value = "job.toml", value_name = "PATH")]
    path: PathBuf,
    /// Print the least IAM policy that a scan needs, as JSON, instead
    #[arg(long, conflicts_with = "path")]
    iam: bool,
}

/// Writes the starter job, or prints the policy.
///
/// # Errors
/// When the file is there already or cannot be written.
pub fn command(arguments: &InitArguments) -> Result<Exit, Refusal> {
    if arguments.iam {
        print(POLICY)?;
    } else if arguments.path == Path::new("-") {
        print(STARTER)?;
    } else {
        write(&arguments.path)?;
        let path = arguments.path.display();
        eprintln!("written to {path}; edit it, then: s3scan check '{path}' && s3scan run '{path}'");
        let schema = arguments.path.with_file_name("job.schema.json");
        eprintln!("for an editor that checks while you type: s3scan schema > '{}'", schema.display());
    }
    Ok(Exit::Complete)
}

fn write(path: &Path) -> Result<(), Refusal> {
    let failed = |error: std::io::Error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        match error.kind() {
            ErrorKind::AlreadyExists => Refusal::new(Exit::Usage, format!("`{}` is there already", path.display()))
                .hint("name another file, or `-` for standard output"),
            ErrorKind::NotFound => Refusal::new(Exit::Files, message).hint("its folder is not there"),
            _ => Refusal::new(Exit::Files, message),
        }
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(STARTER.as_bytes()).map_err(failed)
}
