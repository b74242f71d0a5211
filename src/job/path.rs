//! Path templates: where rows go, and the small files named after the job.
//!
//! Responsible for parsing templates and for the rules that keep output files apart. It leaves
//! filling the tokens in to the writers. It owns the invariant that the paths of two files of one
//! run differ.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::problem::Refusal;
use super::read::{Found, Readable};
use super::suggest::{did_you_mean, listed, quoted};

/// Longest template in bytes: no file system takes a longer path.
const LONGEST: usize = 4096;

/// A part of a path that is filled in during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathToken {
    /// The job's name.
    Job,
    /// The run's start, `20261122T114500Z`.
    Run,
    /// The account's name in the job.
    Account,
    /// The account's twelve-digit id.
    AccountId,
    /// The bucket's name.
    Bucket,
    /// The bucket's region.
    Region,
    /// The UTC date of the run's start, `2026-11-22`.
    Date,
    /// The number of the bucket's file.
    Part,
    /// The extension that goes with format and compression.
    Ext,
}

impl PathToken {
    const ALL: [Self; 9] = [
        Self::Job,
        Self::Run,
        Self::Account,
        Self::AccountId,
        Self::Bucket,
        Self::Region,
        Self::Date,
        Self::Part,
        Self::Ext,
    ];

    /// The token's name, as written between braces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Run => "run",
            Self::Account => "account",
            Self::AccountId => "account_id",
            Self::Bucket => "bucket",
            Self::Region => "region",
            Self::Date => "date",
            Self::Part => "part",
            Self::Ext => "ext",
        }
    }
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPiece {
    /// Text that stands in the path as it is.
    Literal(String),
    /// Text that is filled in.
    Token(PathToken),
}

/// The path of the output files, with tokens; relative to the working directory unless absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    pieces: Vec<PathPiece>,
}

impl PathTemplate {
    /// Holds the template of the output to the rules. All that is wrong is told; `accounts` is how
    /// many accounts the job has.
    pub(super) fn check(path: &PathText, accounts: usize) -> Result<Self, Vec<Refusal>> {
        let PathText { text, pieces } = path;
        let mut refusals = Vec::new();
        let segments = || text.trim_start_matches('/').split('/');
        if text.starts_with("s3://") {
            refusals.push(Refusal::new("writing to S3 is not supported yet").hint("write to a folder and copy it"));
        } else if segments().any(|segment| segment == "..") {
            refusals.push(Refusal::new("`..` cannot stand in the path").hint("write the absolute path of the folder"));
        } else if segments().any(str::is_empty) {
            refusals.push(Refusal::new("a folder's or file's name in the path is empty"));
        }
        let mut require = |token: PathToken, why: &str| {
            if !pieces.contains(&PathPiece::Token(token)) {
                let message = format!("the path lacks `{{{}}}`: {why}", token.name());
                refusals.push(Refusal::new(message));
            }
        };
        if accounts > 1 {
            require(PathToken::Account, "with several accounts, buckets of one name would share a file");
        }
        require(PathToken::Bucket, "all buckets would share a file");
        require(PathToken::Part, "all files of a bucket would have one name");
        refusals.extend(unseparated(pieces));
        if refusals.is_empty() { Ok(Self { pieces: pieces.clone() }) } else { Err(refusals) }
    }

    /// The parts in order; no two literals are neighbours.
    #[must_use]
    pub fn pieces(&self) -> &[PathPiece] {
        &self.pieces
    }

    /// The folder that all output of all runs stands in: what comes before the first token, up to
    /// its last `/`; `.` if there is none.
    #[must_use]
    pub fn root(&self) -> &Path {
        let Some(PathPiece::Literal(literal)) = self.pieces.first() else {
            return Path::new(".");
        };
        match literal.rfind('/') {
            None => Path::new("."),
            Some(0) => Path::new("/"),
            Some(end) => Path::new(&literal[..end]),
        }
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                PathPiece::Literal(text) => formatter.write_str(text)?,
                PathPiece::Token(token) => write!(formatter, "{{{}}}", token.name())?,
            }
        }
        Ok(())
    }
}

/// A path with tokens, as written.
#[derive(Debug, Clone)]
pub(super) struct PathText {
    text: String,
    pieces: Vec<PathPiece>,
}

impl Readable for PathText {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.string("a string")?;
        let pieces = pieces(&text)?;
        Ok(Self { text, pieces })
    }

    fn schema() -> Json {
        let tokens: Vec<&str> = PathToken::ALL.into_iter().map(PathToken::name).collect();
        let pattern = format!("^([^{{}}]|\\{{({})\\}})+$", tokens.join("|"));
        json!({ "type": "string", "pattern": pattern, "maxLength": LONGEST })
    }
}

/// The path of a file of which the job has one: `{job}` is filled in, no other token is allowed.
#[derive(Debug, Clone)]
pub(super) struct JobPath(Vec<PathPiece>);

impl JobPath {
    /// The path of the job of this name.
    pub(super) fn of(&self, job: &str) -> PathBuf {
        let text = |piece: &PathPiece| match piece {
            PathPiece::Literal(literal) => literal.clone(),
            PathPiece::Token(_) => job.to_owned(),
        };
        PathBuf::from(self.0.iter().map(text).collect::<String>())
    }
}

impl Readable for JobPath {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        job_path(&found.string("a string")?).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^([^{}]|\\{job\\})*([^{}/]|\\{job\\})$", "maxLength": LONGEST })
    }
}

fn job_path(text: &str) -> Result<Vec<PathPiece>, Refusal> {
    let pieces = pieces(text)?;
    for piece in &pieces {
        if let PathPiece::Token(token) = piece
            && *token != PathToken::Job
        {
            let message = format!("`{{{}}}` cannot stand in this path", token.name());
            return Err(Refusal::new(message).hint("the job has one such file; use `{job}`"));
        }
    }
    if text.ends_with('/') || text.starts_with("s3://") {
        let message = format!("{} is not the path of a local file", quoted(text));
        return Err(Refusal::new(message));
    }
    Ok(pieces)
}

fn pieces(text: &str) -> Result<Vec<PathPiece>, Refusal> {
    let unbalanced = || {
        let refusal = Refusal::new(format!("the braces in {} do not match", quoted(text)));
        refusal.hint("a token is a name between braces, for example `{bucket}`")
    };
    if text.len() > LONGEST {
        let message = format!("a path has at most {LONGEST} bytes, found `{}`", text.len());
        return Err(Refusal::new(message));
    }
    if text.is_empty() || text.contains('\0') {
        return Err(Refusal::new(format!("{} is not a path", quoted(text))));
    }
    let mut pieces = Vec::new();
    let mut unknown = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (literal, token) = rest.split_at(brace);
        let token = token.strip_prefix('{').ok_or_else(unbalanced)?;
        let (name, after) = token.split_once('}').ok_or_else(unbalanced)?;
        if name.contains('{') {
            return Err(unbalanced());
        }
        if !literal.is_empty() {
            pieces.push(PathPiece::Literal(literal.to_owned()));
        }
        match PathToken::ALL.into_iter().find(|known| known.name() == name) {
            Some(token) => pieces.push(PathPiece::Token(token)),
            None => unknown.push(name),
        }
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(PathPiece::Literal(rest.to_owned()));
    }
    if unknown.is_empty() { Ok(pieces) } else { Err(unknown_tokens(&unknown)) }
}

/// What would let two files of a run share a path: where one token ends and the next begins must be
/// told from the path alone, or `logs` with part 11 and `logs1` with part 1 are one file.
fn unseparated(pieces: &[PathPiece]) -> Vec<Refusal> {
    let neighbours = pieces.windows(2).filter_map(|pair| match pair {
        [PathPiece::Token(left), PathPiece::Token(right)] => {
            let (left, right) = (left.name(), right.name());
            let message = format!("nothing separates `{{{left}}}` from `{{{right}}}`: files could share a path");
            Some(Refusal::new(message).hint(format!("write `{{{left}}}_{{{right}}}` or `{{{left}}}/{{{right}}}`")))
        }
        [PathPiece::Literal(text), PathPiece::Token(PathToken::Part)] => glued(text.chars().next_back()?),
        [PathPiece::Token(PathToken::Part), PathPiece::Literal(text)] => glued(text.chars().next()?),
        _ => None,
    });
    neighbours.chain(part_between_names(pieces)).collect()
}

/// Refuses a letter or digit right beside the part.
fn glued(beside: char) -> Option<Refusal> {
    let message = format!("nothing separates `{{part}}` from the `{beside}` beside it: files could share a path");
    let refusal = Refusal::new(message).hint("put one of `_`, `-`, `.` and `/` between them");
    beside.is_ascii_alphanumeric().then_some(refusal)
}

/// Refuses a part with names from accounts or stores on both sides of it, unless a `/` keeps one of
/// them apart: any other separator, and digits, may stand in those names too.
fn part_between_names(pieces: &[PathPiece]) -> Option<Refusal> {
    let has_slash = |piece: &PathPiece| matches!(piece, PathPiece::Literal(text) if text.contains('/'));
    let is_name = |piece: &PathPiece| {
        let names = [PathToken::Account, PathToken::AccountId, PathToken::Bucket, PathToken::Region];
        names.into_iter().any(|name| *piece == PathPiece::Token(name))
    };
    let is_between = |at: usize| {
        let (before, after) = (&pieces[..at], &pieces[at + 1..]);
        pieces[at] == PathPiece::Token(PathToken::Part)
            && before.iter().rev().take_while(|piece| !has_slash(piece)).any(is_name)
            && after.iter().take_while(|piece| !has_slash(piece)).any(is_name)
    };
    let refusal = Refusal::new("`{part}` stands between two names: files could share a path");
    (0..pieces.len()).any(is_between).then(|| refusal.hint("put `{part}` behind the names, or a `/` on one side of it"))
}

fn unknown_tokens(unknown: &[&str]) -> Refusal {
    let names = || PathToken::ALL.into_iter().map(PathToken::name);
    let shown: Vec<String> = unknown.iter().map(|name| quoted(name)).collect();
    let hint = match unknown {
        [name] => did_you_mean(name, names()),
        _ => None,
    };
    let hint = hint.unwrap_or_else(|| format!("the tokens are {}", listed(names())));
    let what = if unknown.len() == 1 { "is no token" } else { "are no tokens" };
    Refusal::new(format!("there {what} {} for paths", shown.join(" and "))).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, accounts: usize) -> Result<PathTemplate, Vec<Refusal>> {
        let pieces = pieces(text).map_err(|refusal| vec![refusal])?;
        PathTemplate::check(&PathText { text: text.to_owned(), pieces }, accounts)
    }

    const DEFAULT: &str = "data/{job}/{run}/{account}/{bucket}_{part}.{ext}";

    #[test]
    fn the_default_is_taken_apart_and_put_together() {
        let template = parse(DEFAULT, 9).unwrap();
        assert_eq!(template.to_string(), DEFAULT);
        assert_eq!(template.pieces().len(), 12);
        assert_eq!(template.pieces()[0], PathPiece::Literal("data/".to_owned()));
        assert_eq!(template.pieces()[1], PathPiece::Token(PathToken::Job));
    }

    #[test]
    fn the_root_ends_before_the_first_token() {
        for (start, root) in
            [("data/", "data"), ("/srv/data/", "/srv/data"), ("/", "/"), ("", "."), ("data_", "."), ("./x/y_", "./x")]
        {
            let text = format!("{start}{{run}}/{{bucket}}_{{part}}");
            let template = parse(&text, 1).unwrap();
            assert_eq!(template.root(), Path::new(root), "{text}");
        }
    }

    #[test]
    fn every_missing_token_is_told() {
        let refusals = parse("data/x.csv", 2).unwrap_err();
        assert_eq!(refusals.len(), 3);
        let refusals = parse("{runn}/{x}", 1).unwrap_err();
        assert_eq!(refusals[0].message, "there are no tokens `runn` and `x` for paths");
        let refusals = parse("{runn}", 1).unwrap_err();
        assert_eq!(refusals[0].hint.as_deref(), Some("did you mean `run`?"));
    }

    #[test]
    fn bad_paths_are_refused() {
        let good = "{run}/{bucket}_{part}";
        assert!(parse(good, 1).is_ok());
        for bad in [
            format!("../{good}"),
            format!("a/../{good}"),
            format!("s3://b/{good}"),
            format!("a//{good}"),
            format!("{good}/"),
            format!("{good}{{"),
            format!("{good}}}"),
            format!("{{{good}"),
            format!("\0{good}"),
            String::new(),
            good.repeat(200),
        ] {
            assert!(parse(&bad, 1).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_need_a_separator() {
        let said = |text: &str| parse(text, 1).map_err(|refusals| refusals[0].to_string());
        for bad in [
            "{run}/{bucket}{part}.csv",
            "{run}/{part}{bucket}",
            "{run}/{bucket}_{part}{ext}",
            "{run}/{bucket}1{part}",
            "{run}/{bucket}_x{part}",
            "{run}/{bucket}_{part}0.csv",
            "{run}/{bucket}_{part}rows.csv",
            "{run}/{account}{bucket}/{part}",
            "{job}{run}/{bucket}/{part}",
            "{run}/{part}/{bucket}_{part}{part}",
        ] {
            assert!(said(bad).is_err_and(|message| message.starts_with("nothing separates `{")), "{bad}");
        }
        let refusal = parse("{run}/{bucket}{part}.csv", 1).unwrap_err().swap_remove(0);
        let message = "nothing separates `{bucket}` from `{part}`: files could share a path";
        assert_eq!(refusal.message, message);
        assert_eq!(refusal.hint.as_deref(), Some("write `{bucket}_{part}` or `{bucket}/{part}`"));
        for bad in ["{run}/{account}-{part}-{bucket}", "{run}/{bucket}_{part}_{region}.csv"] {
            assert!(said(bad).is_err_and(|message| message.starts_with("`{part}` stands between")), "{bad}");
        }
        for good in [
            "{run}/{bucket}_{part}.csv",
            "{run}/{bucket}-{part}-rows.csv",
            "{run}/{bucket}.{part}.{ext}",
            "{run}/{bucket}/{part}",
            "{run}/{part}_{bucket}",
            "{run}/{account}_{part}/{bucket}",
            "{run}/{account}/{part}/{bucket}",
            "{run}/x{bucket}x/_{part}",
        ] {
            assert!(said(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_file_of_the_job_takes_its_name_only() {
        let path = |text: &str| job_path(text).map(|pieces| JobPath(pieces).of("q3"));
        assert_eq!(path("state/{job}.json"), Ok(PathBuf::from("state/q3.json")));
        assert_eq!(path("../x"), Ok(PathBuf::from("../x")));
        for bad in ["state/{run}", "state/{jib}", "state/", "", "{job"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }
}
