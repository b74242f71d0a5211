//! The integration tests, in one binary.
//!
//! - `bad_input`: wrong jobs, files and stores: the exit code, what is told, and that nothing is lost
//! - `harness`: the real program in a folder of its own, demo servers, what comes out
//! - `kill`: `kill -9` at every step and at random moments
//! - `layers`: what each module of `src` may use, and how long its files are
//! - `memory_store`: a store in memory with faults and crashes, for `property`
//! - `property`: each row once, whatever objects, pages, faults and crashes
//! - `resume`: which run an invocation does
//! - `shapes`: every shape of keys against the truth
//! - `signals`: stopped by SIGINT and SIGTERM, once and twice, and gone on with

#![expect(clippy::disallowed_methods, reason = "tests prepare files, and nobody else reads them")]

mod bad_input;
mod harness;
mod kill;
mod layers;
mod memory_store;
mod property;
mod resume;
mod shapes;
mod signals;
