//! Values that are one of a few words.
//!
//! Responsible for choosing by word. It owns the invariant that a word's meaning, its documentation
//! and what the schema says of it stand in one place, [`words!`].

use serde_json::{Value as Json, json};

use super::super::problem::Refusal;
use super::super::suggest::{did_you_mean, listed, quoted};
use super::found::{Found, Readable};

/// One of a few words.
pub trait Words: Copy + 'static {
    /// Each word, what it stands for and its documentation.
    const WORDS: &'static [(&'static str, Self, &'static str)];
    /// Words that will mean something one day.
    const RESERVED: &'static [&'static str];
}

impl<T: Words> Readable for T {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let words = || T::WORDS.iter().map(|(word, ..)| *word);
        let allowed = match T::WORDS {
            [(word, ..)] => format!("`{word}`"),
            _ => format!("one of {}", listed(words())),
        };
        // In quotes it would be none of the words either.
        let text = found.string(&allowed).map_err(|refusal| Refusal { hint: None, ..refusal })?;
        if let Some((_, meaning, _)) = T::WORDS.iter().find(|(word, ..)| *word == text) {
            return Ok(*meaning);
        }
        if T::RESERVED.contains(&text.as_str()) {
            let message = format!("{} is not supported yet", quoted(&text));
            return Err(Refusal::new(message).hint(format!("for now it is {}", listed(words()))));
        }
        let message = match T::WORDS {
            [(word, ..)] => format!("{} is not `{word}`", quoted(&text)),
            _ => format!("{} is none of {}", quoted(&text), listed(words())),
        };
        let shorter = || words().find(|word| text.to_lowercase().starts_with(word));
        let hint = did_you_mean(&text, words()).or_else(|| Some(format!("did you mean `{}`?", shorter()?)));
        Err(Refusal { message, hint })
    }

    fn schema() -> Json {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, ..)| *word).collect();
        let docs = T::WORDS.iter().map(|(.., docs)| docs.split_whitespace().collect::<Vec<_>>().join(" "));
        // The second is an extension that editors know: a linter tells one problem for one wrong word.
        json!({ "type": "string", "enum": words, "enumDescriptions": docs.collect::<Vec<_>>() })
    }
}

/// Declares an enumeration of words.
macro_rules! words {
    (
        $(#[$meta:meta])* pub enum $name:ident { $($(#[doc = $doc:literal])+ $word:literal => $variant:ident,)+ }
        $(reserved $($reserved:literal),+;)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $name {
            /// The word in the job file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::job::read::Words for $name {
            const WORDS: &'static [(&'static str, Self, &'static str)] =
                &[$(($word, Self::$variant, concat!($($doc),+))),+];
            const RESERVED: &'static [&'static str] = &[$($($reserved),+)?];
        }
    };
}
pub(in crate::job) use words;
