//! The order of the layers: built-in defaults, extended files, the job file, overlays, environment,
//! flags; the last wins.
//!
//! Responsible for reading job files and those they extend, and for finding overlays, variables and
//! flags. It owns the invariants that a file which cannot be read or used is told at the place that
//! names it, and that files extending one another in a circle come to an end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::file::{Kinds, read};
use super::layers::{Layer, Layers};
use super::source::{Origin, Source};
use super::ways::settle;
use crate::job::Request;
use crate::job::file::JobFile;
use crate::job::problem::{Blame, Findings, Refusal};
use crate::job::read::{Section, Table};
use crate::job::settings::Settings;
use crate::job::suggest::{did_you_mean, listed, nearest, quoted};

/// Most files a job is made of; more come from files that extend one another many times over.
const MOST_FILES: usize = 64;
/// The lowest layer, and the name problems in it would have.
pub const DEFAULTS: (&str, &str) = ("built-in defaults", include_str!("../defaults.toml"));
/// Most keys of a variable's path that are looked at: no table of a job lies that deep.
const MOST_KEYS: usize = 16;
/// Variables that begin so set keys of the job.
const VARIABLE: &str = "S3SCAN_JOB__";
/// Keys of a file that are about the file and not the job's settings.
const OF_THE_FILE: [&str; 3] = ["version", "extends", "overlay"];

/// Everything a job is made of, in order.
pub struct Stack {
    /// Settings, the lowest layer first.
    pub layers: Vec<Layer>,
    /// The job file itself, to blame for what is missing from all.
    pub job: Blame,
    /// The paths of the job file and of those it extends.
    pub files: Vec<PathBuf>,
    /// Whether the job file says a version, without which it can only be extended.
    pub has_version: bool,
    /// Whether all of it could be read as TOML and found.
    pub is_whole: bool,
}

impl Stack {
    /// Reads all layers of a job. What is wrong with any of them, taken by itself, is noted.
    pub fn collect(request: &Request, findings: &mut Findings) -> Self {
        let mut loader =
            Loader { findings, files: Vec::new(), names: BTreeMap::new(), open: Vec::new(), rank: 0, is_whole: true };
        let unread = Source::of_file(&request.path, 1, String::new());
        let whole = Blame { source: Arc::new(unread), key: None, span: None };
        let defaults = Arc::new(Source::new(Origin::Defaults, loader.next_rank(), DEFAULTS.0, DEFAULTS.1));
        let (defaults, _) = Layer::parse(&defaults, loader.findings);
        let job = loader.file(&request.path, None).unwrap_or(whole);
        let overlays: Vec<Layer> = request.overlays.iter().flat_map(|name| loader.overlay(name)).collect();
        let Loader { findings, files, names, rank, is_whole, .. } = loader;
        // A file comes behind those that it extends.
        let has_version = files.last().is_some_and(|file| file.values.contains_key("version"));
        let mut layers = vec![defaults];
        layers.extend(files.iter().map(|layer| layer.without(&OF_THE_FILE)));
        layers.extend(overlays);
        let mut stack = Self { layers, job, files: names.into_values().collect(), has_version, is_whole };
        stack.add_singles(request, rank, findings);
        settle(&mut stack.layers);
        stack
    }

    /// Adds what variables and flags set, one layer for each.
    fn add_singles(&mut self, request: &Request, mut rank: usize, findings: &mut Findings) {
        let variables = request.environment.iter().filter_map(|(name, value)| {
            Some((Origin::Variable, format!("environment variable `{name}`"), name.strip_prefix(VARIABLE)?, value))
        });
        let mut variables: Vec<_> = variables.collect();
        variables.sort_unstable();
        for (origin, name, path, value) in variables {
            rank += 1;
            let source = Arc::new(Source::new(origin, rank, name, value.trim()));
            let keys: Vec<String> = path.split("__").take(MOST_KEYS).map(str::to_lowercase).collect();
            let keys = self.spelt(keys);
            self.add_single(&source, &keys, findings);
        }
        for flag in &request.set {
            rank += 1;
            let name = format!("`--set {}`", flag.escape_debug());
            let (key, value) = assignment(flag);
            let source = Arc::new(Source::new(Origin::Flag, rank, name, value.unwrap_or_default().trim()));
            let Some(keys) = keys(key).filter(|_| value.is_some()) else {
                let blame = Blame { source, key: None, span: None };
                let message = format!("{} sets nothing", quoted(flag));
                let hint = "write KEY=VALUE, for example `limits.concurrency=8`";
                findings.add(&blame, Refusal::new(message).hint(hint));
                self.is_whole = false;
                continue;
            };
            self.add_single(&source, &keys, findings);
        }
    }

    fn add_single(&mut self, source: &Arc<Source>, keys: &[String], findings: &mut Findings) {
        if let Some(key) = keys.first().filter(|key| OF_THE_FILE.contains(&key.as_str())) {
            let blame = Blame { source: Arc::clone(source), key: None, span: None };
            let refusal = Refusal::new(format!("{} can only be set in a file", quoted(key)));
            findings.add(&blame, refusal);
            return;
        }
        let layer = Layer::single(source, keys, findings);
        let layers = Layers::merge(vec![&layer]);
        let mut root = Section::root(&layers, findings);
        let _ = Settings::read(&mut root);
        root.finish();
        self.layers.push(layer);
    }

    /// Variables cannot have a `-` in their names: a key that there is with `-` in the place of `_` is
    /// the one that is meant.
    fn spelt(&self, mut keys: Vec<String>) -> Vec<String> {
        let layers = Layers::merge(self.layers.iter().collect());
        let mut table = Some(&layers.values);
        for key in &mut keys {
            let known = table.and_then(|table| {
                let same = |known: &&String| known.replace('-', "_") == *key;
                if table.contains_key(key) { None } else { table.keys().find(same) }
            });
            if let Some(known) = known {
                key.clone_from(known);
            }
            table = table.and_then(|table| table.get(key.as_str())?.as_dict());
        }
        keys
    }
}

/// Reads files, and those they extend.
struct Loader<'f> {
    findings: &'f mut Findings,
    /// In the order in which they apply.
    files: Vec<Layer>,
    /// The path by which each file was come by first, by its place on the disk.
    names: BTreeMap<PathBuf, PathBuf>,
    /// Files being read: each is extended by the one before it.
    open: Vec<(PathBuf, PathBuf)>,
    rank: usize,
    is_whole: bool,
}

impl Loader<'_> {
    /// The place of the next text.
    fn next_rank(&mut self) -> usize {
        self.rank += 1;
        self.rank
    }

    /// Reads a file and, before it, those it extends. `blame` is where it is named, the job file
    /// itself is named by nobody. Returns whom to blame for what the file lacks.
    fn file(&mut self, path: &Path, named: Option<&Blame>) -> Option<Blame> {
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // One file is one name, however it is come by: what is wrong with it is told once.
        let path = self.names.entry(canonical.clone()).or_insert_with(|| path.to_owned()).clone();
        let source = match self.text(&path, &canonical, named.is_some()) {
            Ok(text) => Arc::new(Source::of_file(&path, self.next_rank(), text)),
            Err(refusal) => {
                self.is_whole = false;
                let source = Arc::new(Source::of_file(&path, self.next_rank(), String::new()));
                let whole = Blame { source, key: None, span: None };
                match named {
                    Some(blame) => self.findings.refuse(blame, refusal),
                    None => self.findings.add(&whole, refusal),
                }
                return None;
            }
        };
        let mut found = Findings::default();
        let (layer, doubted) = Layer::parse(&source, self.findings);
        let layers = Layers::merge(vec![&layer]);
        let mut root = Section::root(&layers, &mut found);
        let file = JobFile::read(&mut root);
        root.finish();
        file.check_overlays(&mut found);
        self.is_whole &= doubted.is_empty();
        // What a line that is no TOML was taken for is of no interest.
        self.findings.take(found, |line| !doubted.contains(&line));
        let whole = layer.blame_whole();
        let is_version = |text: &str| nearest(text, ["version"]).is_some();
        let is_meant =
            |line: &usize| source.line_text(*line).split('=').next().is_some_and(|key| is_version(key.trim()));
        // A misspelt or broken version is told as that.
        let is_lost = layer.values.is_empty() && !doubted.is_empty();
        if named.is_none()
            && !is_lost
            && !layer.values.keys().any(|key| is_version(key))
            && !doubted.iter().any(is_meant)
        {
            file.check_version(&whole, self.findings);
        }
        // Read before: extending it again would not end.
        self.open.push((canonical, path));
        for extended in file.extends.iter() {
            self.file(&source.folder().join(&extended.value.0), Some(&extended.blame));
        }
        self.open.pop();
        self.files.push(layer);
        Some(whole)
    }

    fn text(&self, path: &Path, canonical: &Path, is_extended: bool) -> Result<String, Refusal> {
        if let Some(first) = self.open.iter().position(|(open, _)| *open == canonical) {
            let circle = self.open[first..].iter().map(|(_, path)| path.as_path()).chain([path]);
            let circle: Vec<String> = circle.map(|path| path.display().to_string()).collect();
            return Err(Refusal::new(format!("the files extend one another in a circle: {}", circle.join(" → "))));
        }
        if self.files.len() + self.open.len() >= MOST_FILES {
            return Err(Refusal::new(format!("the job would be made of more than {MOST_FILES} files")));
        }
        let (what, kinds) = if is_extended {
            (quoted(&path.display().to_string()), Kinds::Regular)
        } else {
            ("the job file".to_owned(), Kinds::Any)
        };
        read(path, &what, kinds).map_err(|refusal| {
            let is_missing = matches!(path.try_exists(), Ok(false));
            match neighbour(path).filter(|_| is_missing) {
                Some(neighbour) => refusal.hint(format!("did you mean {}?", quoted(&neighbour))),
                None => refusal,
            }
        })
    }

    /// The tables `[overlay.NAME]` of all files.
    fn overlay(&mut self, name: &str) -> Vec<Layer> {
        let found: Vec<Layer> = self.files.iter().filter_map(|file| file.inner(&["overlay", name])).collect();
        if found.is_empty() && self.is_whole {
            let overlays = self.files.iter().filter_map(|file| file.inner(&["overlay"]));
            let names: Vec<String> = overlays.flat_map(|overlays| overlays.values.into_keys()).collect();
            let names = || names.iter().map(String::as_str);
            let hint = did_you_mean(name, names()).unwrap_or_else(|| match names().next() {
                Some(_) => format!("the job's overlays are {}", listed(names())),
                None => "the job has no overlays; they are tables `[overlay.NAME]`".to_owned(),
            });
            let flag = format!("`--overlay {}`", name.escape_debug());
            let source = Arc::new(Source::new(Origin::Flag, self.next_rank(), flag, name));
            let blame = Blame { source, key: None, span: None };
            let message = format!("there is no overlay {}", quoted(name));
            self.findings.add(&blame, Refusal::new(message).hint(hint));
            self.is_whole = false;
        }
        found
    }
}

/// A file beside one that is not there, by a name much like its.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let names = fs::read_dir(folder).ok()?.take(1000).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> =
        names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "toml")).collect();
    nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The key and the value of a flag; the key may hold a `=` between quotes.
fn assignment(flag: &str) -> (&str, Option<&str>) {
    let mut quote = None;
    for (place, character) in flag.char_indices() {
        match (quote, character) {
            (None, '=') => return (&flag[..place], Some(&flag[place + 1..])),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            _ => {}
        }
    }
    (flag, None)
}

/// The parts of a dotted key.
fn keys(key: &str) -> Option<Vec<String>> {
    if key.contains(['\n', '=']) && !key.contains(['"', '\'']) {
        return None;
    }
    let text = format!("{key}=0");
    let document = DeTable::parse(&text).ok()?;
    let mut table = document.get_ref();
    let mut keys = Vec::new();
    loop {
        let (key, value) = table.iter().next()?;
        keys.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_taken_apart() {
        assert_eq!(assignment("a.b=c=d"), ("a.b", Some("c=d")));
        assert_eq!(assignment("a.\"x=y\".b=1"), ("a.\"x=y\".b", Some("1")));
        assert_eq!(assignment("a"), ("a", None));
        let parts = |key: &str| keys(key).map(|keys| keys.join("|"));
        assert_eq!(parts("a . \"x.y\" .c").as_deref(), Some("a|x.y|c"));
        for bad in ["", "a b", "a..b", "a=1\nb", "[a]\nb"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
