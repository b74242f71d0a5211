//! Where rows go: parts, joining them in key order, and publishing the files.
//!
//! Owns that a file appears under its final name only when it is whole and durable, and that no name
//! from a server becomes part of a path unescaped. Also that no file is replaced or removed but those
//! that an earlier run is known to have published.

mod compress;
mod file;
mod hash;
mod join;
mod part;
mod place;
mod progress;
mod publish;
mod remake;
mod space;
mod standing;
mod way;

pub use file::{
    FileError, ReplaceStep, create_folder, open_committed, remove_folder, replace, replace_with, sync_folder,
};
pub use join::{FileRules, JoinFolder, JoinedFile, PartToJoin, join, join_left, joined_path};
pub use part::{PartLength, PartWriter};
pub use place::{Place, PlaceValues, safe_name};
pub use progress::{JoinProgress, Position};
pub use publish::{FileToPublish, publish};
pub use remake::{Remade, remake};
pub use space::{FreeSpace, free_space, room_for_joining};
pub use standing::{Standing, StandingRecord, records, standing_folder};
pub use way::{PublishError, in_the_way};
