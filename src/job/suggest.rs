//! Finds the name a user probably meant, and shows what they wrote.
//!
//! Responsible for "did you mean" and for making foreign text safe to print. It leaves to the
//! callers which names are allowed. It owns one invariant: text from a file reaches a message only
//! through [`quoted`], without control characters and bounded in length.

use std::fmt::Write as _;

/// Longest excerpt of a value that a message repeats, in characters.
const EXCERPT: usize = 60;

/// The allowed name nearest to `written`, if one is near enough to be a slip of the fingers: about
/// one edit in three characters, whatever the case.
#[must_use]
pub fn nearest<'n>(written: &str, allowed: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Longer texts are no misspelt names, and comparing them costs the product of the lengths.
    if written.len() > EXCERPT {
        return None;
    }
    let lower = written.to_lowercase();
    allowed
        .into_iter()
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The hint that goes with [`nearest`].
pub(super) fn did_you_mean<'n>(written: &str, allowed: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(written, allowed).map(|name| format!("did you mean `{name}`?"))
}

/// The text in back-ticks, control characters escaped and the tail of a long one left out.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for (position, character) in text.chars().enumerate() {
        if position == EXCERPT {
            shown.push('…');
            break;
        }
        if character.is_control() {
            let escaped = character.escape_default();
            write!(shown, "{escaped}").expect("writing to a string cannot fail");
        } else {
            shown.push(character);
        }
    }
    shown.push('`');
    shown
}

/// The names in back-ticks, separated by commas: what a message lists as allowed.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let keys = ["since", "until", "timezone"];
        assert_eq!(nearest("sinse", keys), Some("since"));
        assert_eq!(nearest("Timezone", keys), Some("timezone"));
        assert_eq!(nearest("utnil", keys), Some("until"));
        assert_eq!(nearest("profile", keys), None);
        assert_eq!(nearest(&"since".repeat(1000), keys), None);
    }

    #[test]
    fn foreign_text_is_escaped_and_cut() {
        assert_eq!(quoted("a\u{1b}[31m\n"), r"`a\u{1b}[31m\n`");
        assert_eq!(quoted(&"é".repeat(100)), format!("`{}…`", "é".repeat(60)));
    }
}
