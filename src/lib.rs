//! s3scan scans Amazon S3 and S3-compatible stores and writes the metadata of every object to CSV.
//!
//! Data flows one way; a module may use those above it in this list, and a test says so.
//!
//! | module | answers |
//! | --- | --- |
//! | [`crash`] | where the commit protocol can be cut off (tests only) |
//! | [`event`] | the words between doing and showing |
//! | [`job`] | what was asked: the job file, checked |
//! | [`s3`] | how S3 is asked: the only place that names `aws_*` |
//! | [`rows`] | object to bytes: filter and encoder, nothing allocated per object |
//! | [`output`] | where rows go: parts, joining in key order, publishing |
//! | [`state`] | what is done: state file, journals, lock |
//! | [`plan`] | what will be done: the buckets of a run and their places |
//! | [`scan`] | doing it: the run's loop, workers, retries, commits |
//! | [`report`] | showing it: progress, log, summary |
//! | [`cli`] | the composition root: command line, clock, signals, exit codes |
//!
//! [`demo`] stands apart: a synthetic S3 endpoint that uses nothing of the others.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests prepare files, and nobody else reads them"))]

pub mod cli;
pub mod crash;
pub mod demo;
pub mod event;
pub mod job;
pub mod output;
pub mod plan;
pub mod report;
pub mod rows;
pub mod s3;
pub mod scan;
pub mod state;
