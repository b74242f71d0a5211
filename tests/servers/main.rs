//! End-to-end tests with programs of other makers, S3 servers and readers of CSV: the real program,
//! real processes, real files.
//!
//! Apart from the suite, for they need programs that cargo cannot get: `.ci/run` gets them and says
//! where they are, in variables that begin with `S3SCAN_TEST_`. A program that is not there fails these
//! tests; nothing is skipped.
//!
//! - `accounts`: many AWS accounts, their users and roles, at moto: each bucket under its own
//! - `classic`: the dialect `classic` against Python's csv module
//! - `client`: puts objects as others do
//! - `conformance`: what must hold of a scan whatever the store; the suite runs it too
//! - `files`: folders as buckets, files with dates as objects
//! - `moto`, `rclone`, `swift`: an S3 server each, run through the conformance cases, and what is its own
//! - `objects`: buckets that several of them get
//! - `organization`: a thousand buckets of an organization's accounts, not all of them right at first
//! - `python`: what Python's csv module reads
//! - `python_server`: starts those in Python, by the scripts `serve_moto.py` and `serve_swift.py`
//! - `readers`: what `DuckDB` and a spreadsheet read
//! - `refusals`: credentials, buckets and keys that servers refuse
//! - `scan`: windows and killed runs over files
//! - `workspace`: s3scan with a job in a folder of its own, and what it leaves there

#![expect(clippy::disallowed_methods, reason = "tests prepare files that nobody else reads yet")]

mod accounts;
mod classic;
mod client;
#[path = "../conformance/mod.rs"]
mod conformance;
mod files;
mod moto;
mod objects;
mod organization;
mod python;
mod python_server;
mod rclone;
mod readers;
mod refusals;
mod scan;
mod swift;
mod workspace;
