//! The end of a range that others may lower while the range is being listed.
//!
//! Owns the rule by which a range is split under a request in flight: from the first byte of an answer
//! until its rows are taken, the end is held and nobody lowers it; and it is never lowered to where
//! the listing already is. So whoever lowered it can rely on it: no row behind the new end comes from
//! this range, and all rows up to it do.

use super::range::{Key, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The end of a range being listed, shared by whoever lists it and whoever splits it.
#[derive(Debug, Default)]
pub struct Bound(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Key>,
    /// The rows up to here are taken.
    reached: Option<Key>,
    is_held: bool,
}

impl Bound {
    /// The bound of a range that is listed up to `reached`.
    #[must_use]
    pub fn new(range: &Range, reached: Option<&Key>) -> Self {
        Self(Mutex::new(State { until: range.until.clone(), reached: reached.cloned(), is_held: false }))
    }

    /// An answer has begun: its rows go up to what this returns.
    #[must_use]
    pub fn hold(&self) -> Option<Key> {
        let mut state = self.lock();
        state.is_held = true;
        state.until.clone()
    }

    /// The answer came to nothing.
    pub fn release(&self) {
        self.lock().is_held = false;
    }

    /// The rows of the answer up to `reached` are taken, and there is more to come.
    pub fn advance(&self, reached: Option<&Key>) {
        let mut state = self.lock();
        state.reached.clone_from(&reached.cloned());
        state.is_held = false;
    }

    /// Whether the rows up to `reached`, of an answer still held, are all there are: no key may lie between it
    /// and the end.
    #[must_use]
    pub fn ends_at(&self, reached: &Key) -> bool {
        self.lock().until.as_ref() == Some(reached)
    }

    /// Whether no answer is being read just now. That may change before anything is done about it.
    #[must_use]
    pub fn is_free(&self) -> bool {
        !self.lock().is_held
    }

    /// Lowers the end to `cut`. False, and nothing has happened, where an answer is being read, or
    /// where `cut` lies outside what is left.
    #[must_use]
    pub fn lower(&self, cut: &Key) -> bool {
        let mut state = self.lock();
        let is_behind = state.reached.as_ref().is_none_or(|reached| cut > reached);
        let is_before = state.until.as_ref().is_none_or(|until| cut < until);
        let lowers = !state.is_held && is_behind && is_before;
        if lowers {
            state.until = Some(cut.clone());
        }
        lowers
    }

    /// A panic under the lock cannot leave it half-changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_lowered_only_between_answers_and_only_within_what_is_left() {
        let range = Range { prefix: String::new(), after: Some(Key::from("b")), until: Some(Key::from("y")) };
        let bound = Bound::new(&range, range.after.as_ref());
        assert!(!bound.lower(&Key::from("b")) && !bound.lower(&Key::from("y")) && !bound.lower(&Key::from("z")));
        assert!(bound.lower(&Key::from("x")));
        assert!(bound.is_free());
        assert_eq!(bound.hold(), Some(Key::from("x")));
        assert!(!bound.is_free());
        assert!(bound.ends_at(&Key::from("x")) && !bound.ends_at(&Key::from("w")));
        assert!(!bound.lower(&Key::from("m")), "an answer is being read");
        bound.advance(Some(&Key::from("n")));
        assert!(!bound.lower(&Key::from("m")), "the listing is there already");
        assert!(bound.lower(&Key::from("p")));
        assert_eq!(bound.hold(), Some(Key::from("p")));
        bound.release();
        assert!(bound.lower(&Key::from("o")));
    }
}
