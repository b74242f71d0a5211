//! Reading: from merged values to keys of the right type, and what the schema says of both.
//!
//! Leaves the keys themselves to the files that own their meaning. It owns the invariant that a key
//! is named once: what reads it, what the schema and the reference say of it, and which keys are
//! known all come from one declaration, [`table!`].

mod found;
mod section;
mod table;
mod words;

pub(super) use found::{Found, Readable};
pub(super) use section::Section;
pub(super) use table::{Key, Table, Tables, field, table};
pub(super) use words::{Words, words};
