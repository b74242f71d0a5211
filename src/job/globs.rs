//! Patterns over bucket names and over object keys.
//!
//! Responsible for compiling patterns and for what they match. It leaves to the rules what a match
//! means. It owns the invariant that a pattern which cannot mean what it seems to say is refused,
//! not quietly matched otherwise.

use std::sync::Arc;

use globset::{Candidate, ErrorKind, Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use serde_json::{Value as Json, json};

use super::problem::{Blame, Findings, Refusal, Written};
use super::read::{Found, Readable};
use super::suggest::quoted;

/// Longest pattern in bytes: no S3 key is longer, and compiling stays cheap.
const LONGEST: usize = 1024;

/// The characters that make a pattern of a name.
const SPECIAL: [char; 6] = ['*', '?', '[', '{', '}', '\\'];

/// A pattern over names of buckets.
#[derive(Debug, Clone)]
pub(super) struct NamePattern(Glob);

impl Readable for NamePattern {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        Self::of(&found.string("a string")?)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[^/]+$", "maxLength": LONGEST })
    }
}

impl NamePattern {
    fn of(pattern: &str) -> Result<Self, Refusal> {
        if pattern.contains('/') {
            let message = format!("{} holds a `/`, which no name of a bucket or region does", quoted(pattern));
            return Err(Refusal::new(message).hint("patterns over keys belong into `include` of `[objects]`"));
        }
        alone(pattern, &GlobBuilder::new(pattern)).map(Self)
    }
}

/// A pattern over keys.
#[derive(Debug, Clone)]
pub(super) struct KeyPattern(Glob);

impl Readable for KeyPattern {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let pattern = found.string("a string")?;
        refuse_ambiguous(&pattern)?;
        let mut builder = GlobBuilder::new(&pattern);
        builder.literal_separator(true);
        alone(&pattern, &builder).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1, "maxLength": LONGEST })
    }
}

/// Patterns over bucket names; `*` matches any characters. Shared, for a job may have many accounts.
#[derive(Debug, Clone)]
pub struct NameGlobs {
    patterns: Arc<[String]>,
    set: Arc<GlobSet>,
}

impl NameGlobs {
    /// Compiles the patterns of a list.
    pub(super) fn compile(list: &Written<Vec<Written<NamePattern>>>, findings: &mut Findings) -> Option<Self> {
        let globs = list.value.iter().map(|pattern| &pattern.value.0);
        let (patterns, set) = compile(globs, &list.blame, findings)?;
        Some(Self { patterns: patterns.into(), set: set.into() })
    }

    /// Compiles patterns that stand in no file.
    pub(super) fn of(patterns: &[String]) -> Result<Self, Refusal> {
        let globs = patterns.iter().map(|pattern| NamePattern::of(pattern).map(|pattern| pattern.0));
        let globs: Vec<Glob> = globs.collect::<Result<_, _>>()?;
        let set = GlobSet::new(&globs).map_err(|error| refusal(&error))?;
        Ok(Self { patterns: patterns.into(), set: set.into() })
    }

    /// Whether any pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.set.is_match_candidate(&Candidate::from_bytes(name))
    }

    /// The first pattern that matches the whole name.
    #[must_use]
    pub fn matching(&self, name: &str) -> Option<&str> {
        let first = self.set.matches_candidate(&Candidate::from_bytes(name)).into_iter().min()?;
        self.patterns.get(first).map(String::as_str)
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
    /// Compiles the patterns of a list.
    pub(super) fn compile(list: &Written<Vec<Written<KeyPattern>>>, findings: &mut Findings) -> Option<Self> {
        let globs = list.value.iter().map(|pattern| &pattern.value.0);
        let (patterns, set) = compile(globs, &list.blame, findings)?;
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

fn compile<'g>(
    globs: impl Iterator<Item = &'g Glob>,
    list: &Blame,
    findings: &mut Findings,
) -> Option<(Vec<String>, GlobSet)> {
    let mut set = GlobSetBuilder::new();
    let mut patterns = Vec::new();
    for glob in globs {
        set.add(glob.clone());
        patterns.push(glob.glob().to_owned());
    }
    let set = set.build().map_err(|error| findings.refuse(list, refusal(&error))).ok()?;
    Some((patterns, set))
}

/// One pattern by itself. A set is compiled as one later, where a failure could not be laid to any.
fn alone(pattern: &str, builder: &GlobBuilder<'_>) -> Result<Glob, Refusal> {
    if pattern.is_empty() {
        return Err(Refusal::new("an empty pattern matches nothing"));
    }
    if pattern.len() > LONGEST {
        let message = format!("a pattern has at most {LONGEST} bytes, found `{}`", pattern.len());
        return Err(Refusal::new(message));
    }
    let glob = builder.build().map_err(|error| refusal(&error))?;
    GlobSet::new([&glob]).map_err(|error| refusal(&error))?;
    Ok(glob)
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
    use super::*;
    use crate::job::text::{Layer, Layers, Origin, Source};

    /// The patterns, read as a list of a job file; none where any is refused.
    fn list<T: Readable>(patterns: &[&str]) -> Option<Written<Vec<Written<T>>>> {
        let text = format!("x = {}", json!(patterns));
        let source = Arc::new(Source::new(Origin::File, 0, "", text));
        let mut findings = Findings::default();
        let layer = Layer::parse(&source, &mut findings).0;
        let layers = Layers::merge(vec![&layer]);
        let list = crate::job::read::Section::root(&layers, &mut findings).value("x")?;
        findings.conclude(Some(list), &layer.blame_whole()).ok()
    }

    fn keys(pattern: &str) -> KeyGlobs {
        KeyGlobs::compile(&list(&[pattern]).unwrap(), &mut Findings::default()).unwrap()
    }

    fn refused(pattern: &str) -> bool {
        list::<KeyPattern>(&[pattern]).is_none()
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
        let written = list(&["logs-*", "data-lake", "a?", "b.c"]).unwrap();
        let globs = NameGlobs::compile(&written, &mut Findings::default()).unwrap();
        assert!(globs.matches("logs-2025") && globs.matches("data-lake") && globs.matches("b.c"));
        assert_eq!((globs.matching("data-lake"), globs.matching("x")), (Some("data-lake"), None));
        assert!(!globs.matches("data-lake-2") && !globs.matches("my-logs-x"));
        assert_eq!(globs.literals().collect::<Vec<_>>(), ["data-lake", "b.c"]);
    }
}
