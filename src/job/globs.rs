//! Patterns over bucket names and over object keys.
//!
//! Responsible for compiling patterns and for what they match. It leaves to the rules what a match
//! means. It owns the invariant that a pattern which cannot mean what it seems to say is refused,
//! not quietly matched otherwise.

use globset::{Candidate, ErrorKind, Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::problem::{Findings, Refusal, Written};
use super::suggest::quoted;

/// Longest pattern in bytes: no S3 key is longer, and compiling stays cheap.
const LONGEST: usize = 1024;

/// The characters that make a pattern of a name.
const SPECIAL: [char; 6] = ['*', '?', '[', '{', '}', '\\'];

/// Patterns over bucket names; `*` matches any characters.
#[derive(Debug, Clone)]
pub struct NameGlobs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl NameGlobs {
    /// Compiles the patterns; those that are refused are noted, each at its own place.
    pub(super) fn compile(patterns: &[Written<String>], findings: &mut Findings) -> Option<Self> {
        let (patterns, set) = compile(patterns, findings, |pattern| {
            if pattern.contains('/') {
                let message = format!("{} holds a `/`, and no bucket's name does", quoted(pattern));
                return Err(Refusal::new(message).hint("patterns over keys belong into `include` of `[objects]`"));
            }
            build(&GlobBuilder::new(pattern))
        })?;
        Some(Self { patterns, set })
    }

    /// Whether any pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.set.is_match_candidate(&Candidate::from_bytes(name))
    }

    /// The patterns as written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// The patterns without any glob character: names of buckets that need not be looked for.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let patterns = self.patterns.iter().map(String::as_str);
        patterns.filter(|pattern| !pattern.contains(SPECIAL))
    }
}

/// Patterns over object keys, as paths: `*` and `?` stop at `/`, `**` between slashes does not. Keys
/// are matched as bytes, and `?` stands for one of them.
#[derive(Debug, Clone)]
pub struct KeyGlobs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl KeyGlobs {
    /// Compiles the patterns; those that are refused are noted, each at its own place.
    pub(super) fn compile(patterns: &[Written<String>], findings: &mut Findings) -> Option<Self> {
        let (patterns, set) = compile(patterns, findings, |pattern| {
            refuse_ambiguous(pattern)?;
            let mut builder = GlobBuilder::new(pattern);
            builder.literal_separator(true);
            build(&builder)
        })?;
        Some(Self { patterns, set })
    }

    /// Whether any pattern matches the whole key, given as raw UTF-8. The candidate only borrows the
    /// key on Unix, so a match allocates nothing.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        self.set.is_match_candidate(&Candidate::from_bytes(key))
    }

    /// The patterns as written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

fn compile(
    written: &[Written<String>],
    findings: &mut Findings,
    rule: impl Fn(&str) -> Result<Glob, Refusal>,
) -> Option<(Vec<String>, GlobSet)> {
    let mut set = GlobSetBuilder::new();
    let mut patterns = Vec::with_capacity(written.len());
    for pattern in written {
        let glob = findings.accept(Some(pattern), |text: &str| {
            let glob = within_length(text).and_then(|()| rule(text))?;
            // The set is compiled as one below, where a failure could not be laid to a pattern.
            let alone = GlobSet::new([&glob]);
            alone.map(|_| glob).map_err(|error| refusal(&error))
        });
        if let Some(glob) = glob {
            set.add(glob);
            patterns.push(pattern.value.clone());
        }
    }
    let first = written.first();
    let set = match set.build() {
        Ok(set) => Some(set),
        Err(error) => findings.accept(first, |_: &str| Err(refusal(&error))),
    };
    Some((patterns, set?))
}

fn within_length(pattern: &str) -> Result<(), Refusal> {
    if pattern.is_empty() {
        return Err(Refusal::new("an empty pattern matches nothing"));
    }
    if pattern.len() > LONGEST {
        let message = format!("a pattern has at most {LONGEST} bytes, found `{}`", pattern.len());
        return Err(Refusal::new(message));
    }
    Ok(())
}

fn build(builder: &GlobBuilder<'_>) -> Result<Glob, Refusal> {
    builder.build().map_err(|error| refusal(&error))
}

fn refusal(error: &globset::Error) -> Refusal {
    let reason = match error.kind() {
        ErrorKind::Regex(_) => "too complex".to_owned(),
        kind => kind.to_string(),
    };
    // Only an error of the whole set names no pattern.
    let Some(pattern) = error.glob().map(quoted) else {
        let message = format!("the patterns cannot be compiled together: {reason}");
        return Refusal::new(message).hint("write fewer or simpler patterns");
    };
    let refusal = Refusal::new(format!("the pattern {pattern} is broken: {reason}"));
    match error.kind() {
        ErrorKind::UnclosedClass => refusal.hint("write `[[]` for a literal `[`"),
        _ => refusal,
    }
}

/// Refuses two spellings that are matched otherwise than they read: `**` beside other characters,
/// which would stop at `/`, and characters beyond ASCII in a class, which would match single bytes.
fn refuse_ambiguous(pattern: &str) -> Result<(), Refusal> {
    let mut characters = pattern.chars().peekable();
    let mut before = '/';
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if !in_class => {
                characters.next();
                before = character;
                continue;
            }
            '[' if !in_class => {
                in_class = true;
                // A `]` right after the opening, negated or not, stands for itself.
                characters.next_if(|next| matches!(next, '!' | '^'));
                characters.next_if_eq(&']');
            }
            ']' => in_class = false,
            _ if in_class && !character.is_ascii() => {
                let message = format!("`{character}` in a class matches single bytes of it");
                return Err(Refusal::new(message).hint("write alternatives, for example `{é,è}`"));
            }
            '*' if !in_class && characters.next_if_eq(&'*').is_some() => {
                let opens = matches!(before, '/' | '{' | ',');
                let closes = matches!(characters.peek(), None | Some('/' | '}' | ','));
                if !opens || !closes {
                    let message = format!("`**` in {} does not stand alone", quoted(pattern));
                    return Err(Refusal::new(message).hint("`**` stands between slashes, for example `logs/**/*.gz`"));
                }
            }
            _ => {}
        }
        before = character;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::job::problem::{Blame, Source};

    fn written(patterns: &[&str]) -> Vec<Written<String>> {
        let source = Arc::new(Source::new("", ""));
        let blame = Blame { source, key: None, span: None };
        let written = patterns.iter().map(|pattern| Written { value: (*pattern).to_owned(), blame: blame.clone() });
        written.collect()
    }

    fn keys(pattern: &str) -> KeyGlobs {
        KeyGlobs::compile(&written(&[pattern]), &mut Findings::default()).unwrap()
    }

    fn refused(pattern: &str) -> bool {
        let written = written(&[pattern]);
        let mut findings = Findings::default();
        KeyGlobs::compile(&written, &mut findings);
        findings.conclude(Some(()), &written[0].blame).is_err()
    }

    #[test]
    fn a_star_stops_at_a_slash_in_keys() {
        for (pattern, key, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "x/a.csv", false),
            ("**/*.csv", "a.csv", true),
            ("**/*.csv", "x/y/a.csv", true),
            ("**/*.csv", "x/y/a.csv/", false),
            ("logs/**", "logs/a/b", true),
            ("logs/**", "logs", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a//b", true),
            ("a/**/b", "a/x\ny/b", true),
            ("**", "any/thing\n", true),
            ("a?c", "a/c", false),
            ("{2024,2025}/*", "2025/x", true),
            ("[[]*", "[x", true),
            ("ü*", "über", true),
            ("Ü*", "über", false),
        ] {
            assert_eq!(keys(pattern).matches(key.as_bytes()), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn keys_are_matched_as_bytes() {
        assert!(keys("a*").matches(b"a\xff\x00"));
        assert!(keys("??").matches("é".as_bytes()));
    }

    #[test]
    fn what_reads_otherwise_than_it_matches_is_refused() {
        for bad in ["a**", "a**/b", "**b", "a/***", "[é]", "", "[a", "{a", "a\\", "[b-a]", "[]é]"] {
            assert!(refused(bad), "{bad}");
        }
        assert!(refused(&"a".repeat(1025)));
        for good in ["[**]", r"\**", "{**/a,b/**}"] {
            assert!(!refused(good), "{good}");
        }
    }

    #[test]
    fn names_and_literals() {
        let written = written(&["logs-*", "data-lake", "a?", "b.c"]);
        let globs = NameGlobs::compile(&written, &mut Findings::default()).unwrap();
        assert!(globs.matches("logs-2025") && globs.matches("data-lake") && globs.matches("b.c"));
        assert!(!globs.matches("data-lake-2") && !globs.matches("my-logs-x"));
        assert_eq!(globs.literals().collect::<Vec<_>>(), ["data-lake", "b.c"]);
    }
}
