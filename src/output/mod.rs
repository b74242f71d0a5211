//! Where rows go: parts, joining them in key order, and publishing the files.
//!
//! Owns that a file appears under its final name only when it is whole and durable, and that no name
//! from a server becomes part of a path unescaped.

mod compress;
mod file;
mod join;
mod part;
mod place;
mod publish;

pub use file::{
    FileError, ReplaceStep, create_folder, open_committed, remove_folder, replace, replace_with, sync_folder,
};
pub use join::{FileRules, JoinedFile, PartToJoin, join, joined_path};
pub use part::{PartLength, PartWriter};
pub use place::{Place, PlaceValues, safe_name};
pub use publish::publish;
