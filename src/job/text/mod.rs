//! The texts a job is made of: which there are, what stands where in them, and how they are laid over
//! one another.
//!
//! Leaves to `read` what keys there are and which values they take.

mod file;
mod layers;
mod recovery;
mod source;
mod stack;
mod ways;

pub(super) use file::{Kinds, read};
pub(super) use layers::{Layer, Layers, child};
pub(super) use source::{Origin, Source};
pub(super) use stack::{DEFAULTS, Stack};
