//! End-to-end tests with programs of other makers, S3 servers and readers of CSV: the real program,
//! real processes, real files.
//!
//! Apart from the suite, for they need programs that cargo cannot get: `.ci/run` gets them and says
//! where they are. A program that is not there fails these tests; nothing is skipped.
//!
//! - `classic`: the dialect `classic` against Python's csv module
//! - `files`: folders as buckets, files with dates as objects
//! - `python`: what Python's csv module reads
//! - `rclone`: `rclone serve s3` over such folders
//! - `scan`: what s3scan must make of them
//! - `workspace`: s3scan with a job in a folder of its own, and what it leaves there

#![expect(clippy::disallowed_methods, reason = "tests prepare files, and wait for processes by asking them")]

mod classic;
mod files;
mod python;
mod rclone;
mod scan;
mod workspace;
