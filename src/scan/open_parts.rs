//! The parts of a bucket that are open: which of them the next commit has to sync, and which it lets go.
//!
//! Owns that a part stays open until all that its worker wrote is durable.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

/// Open parts by the ids of their ranges.
#[derive(Debug, Default)]
pub struct OpenParts {
    parts: HashMap<u32, OpenPart>,
    is_any_new: bool,
}

#[derive(Debug)]
struct OpenPart {
    file: Arc<File>,
    dirty: bool,
    /// Whether its worker is done with it, so that it need not be held once it is synced.
    released: bool,
}

impl OpenParts {
    /// A range's part is open.
    pub fn open(&mut self, range: u32, file: Arc<File>) {
        self.parts.insert(range, OpenPart { file, dirty: true, released: false });
        self.is_any_new = true;
    }

    /// A range's part was written to.
    pub fn touch(&mut self, range: u32) {
        self.parts.get_mut(&range).into_iter().for_each(|part| part.dirty = true);
    }

    /// The worker of a range is done with its part.
    pub fn release(&mut self, range: u32) {
        self.parts.get_mut(&range).into_iter().for_each(|part| part.released = true);
    }

    /// A range's part is of no further interest.
    pub fn remove(&mut self, range: u32) {
        self.parts.remove(&range);
    }

    /// None of them is of further interest.
    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// How many are open, and how many of them the next commit lets go.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.parts.len(), self.parts.values().filter(|part| part.released).count())
    }

    /// What the commit that begins now has to sync, and whether a part was made since the last. Those whose workers
    /// are done with them are the commit's alone.
    pub fn commit(&mut self) -> (Vec<Arc<File>>, bool) {
        let mut dirty = Vec::new();
        for part in self.parts.values_mut().filter(|part| part.dirty) {
            part.dirty = false;
            dirty.push(Arc::clone(&part.file));
        }
        self.parts.retain(|_, part| !part.released);
        (dirty, std::mem::take(&mut self.is_any_new))
    }
}
