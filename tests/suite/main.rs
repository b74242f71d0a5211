//! The integration tests, in one binary.
//!
//! - `harness`: the real program in a folder of its own, demo servers, what comes out
//! - `kill`: `kill -9` at every step and at random moments
//! - `memory_store`: a store in memory with faults and crashes, for `property`
//! - `property`: each row once, whatever objects, pages, faults and crashes
//! - `shapes`: every shape of keys against the truth

mod harness;
mod kill;
mod memory_store;
mod property;
mod shapes;
