//! The integration tests, in one binary.
//!
//! - `memory_store`: a store in memory with faults and crashes, for `property`
//! - `property`: each row once, whatever objects, pages, faults and crashes

mod memory_store;
mod property;
