//! What was asked: the job file, from its text to the checked [`Job`].
//!
//! Responsible for reading, layering and checking job files, offline. It leaves to others what S3
//! makes of it, and the clock: nothing here reads the time. It owns the invariant that a [`Job`] can
//! be carried out as far as can be told without asking a store.
//!
//! The way of a value: `text` finds the texts a job is made of and merges them, `read` reads their
//! tables by type, and the files named after the tables say which keys there are and what they mean.
//! All of them note what is wrong and carry on, so one pass tells all.

mod account;
mod columns;
mod conflicts;
mod endpoint;
mod fan_out;
mod file;
mod files;
mod fingerprint;
mod globs;
mod limits;
mod moment;
mod narrow;
mod output;
mod path;
mod prefixes;
mod pricing;
mod problem;
mod read;
mod records;
mod reference;
mod resolved;
mod schema;
mod selection;
mod settings;
mod several;
mod suggest;
mod text;
mod values;
mod window;

use std::path::PathBuf;

use jiff::Timestamp;

pub use account::{Account, Role};
pub use columns::Column;
pub use globs::{KeyGlobs, NameGlobs};
pub use limits::{Limits, Pace};
pub use narrow::{Narrowing, NarrowingProblem};
pub use output::{Compression, Dialect, EmptyBucket, Format, KeyEncoding, Output};
pub use path::{PathPiece, PathTemplate, PathToken};
pub use prefixes::merged_prefixes;
pub use pricing::Pricing;
pub use problem::{Position, Problem, Problems};
pub use records::{LogFormat, LogLevel, LogSettings, StateSettings};
pub use reference::reference;
pub use resolved::resolved;
pub use schema::schema;
pub use selection::{BucketRules, Listed, NameRules, ObjectRules, OnDenied, OnEmpty};
pub use several::load_all;
pub use suggest::nearest;
pub use window::{Period, Window};

use account::AccountFile;
use endpoint::EndpointUrl;
use problem::{Findings, Refusal};
use read::{Section, Table, Tables};
use settings::Settings;
use text::{Layers, Stack};

/// What job is asked for: its file, and what is laid over it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The job file.
    pub path: PathBuf,
    /// Names of overlays, the last one wins.
    pub overlays: Vec<String>,
    /// Environment variables; those that begin with `S3SCAN_JOB__` set keys.
    pub environment: Vec<(String, String)>,
    /// `KEY=VALUE` of each flag, the last one wins.
    pub set: Vec<String>,
    /// What relative dates count from.
    pub now: Timestamp,
    /// The rule for addresses of the synthetic store, which are checked where there is one.
    pub demo_rule: Option<DemoRule>,
}

/// Whether the address of a synthetic store is right; what is wrong with it, and a hint.
pub type DemoRule = fn(&str) -> Result<(), (String, Option<String>)>;

impl Request {
    /// A file and nothing laid over it; relative dates count from the epoch.
    #[must_use]
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// A checked job: what a job file means, with every default filled in.
#[derive(Debug, Clone)]
pub struct Job {
    /// `[a-z0-9][a-z0-9_-]*`; the file's stem unless the file says otherwise.
    pub name: String,
    /// For people.
    pub description: String,
    /// Which objects by modification time.
    pub window: Window,
    /// At least one, in the order of their names.
    pub accounts: Vec<Account>,
    /// What is made of buckets that are denied or missing.
    pub buckets: BucketRules,
    /// Which objects otherwise.
    pub objects: ObjectRules,
    /// Where rows go.
    pub output: Output,
    /// Where a run ends.
    pub limits: Limits,
    /// What requests cost.
    pub pricing: Pricing,
    /// Where progress is kept.
    pub state: StateSettings,
    /// Where messages go.
    pub log: LogSettings,
}

/// Reads a job file and those it extends, lays them over the built-in defaults and the rest of the
/// request over them, and checks the whole. Nothing but the files is read.
///
/// # Errors
///
/// Everything that is wrong with any layer: files that cannot be read or are larger than 1 MiB, text
/// that is not UTF-8 or not TOML, unknown keys, wrong types, impossible values; and what does not fit
/// together.
pub fn load(request: &Request) -> Result<Job, Problems> {
    read(request).0
}

/// The job, and the layers it is made of.
fn read(request: &Request) -> (Result<Job, Problems>, Stack) {
    let mut findings = Findings::default();
    let stack = Stack::collect(request, &mut findings);
    let layers = Layers::merge(stack.layers.iter().collect());
    // What cannot be read in a layer is noted when the layer is taken by itself.
    let mut unread = Findings::default();
    let settings = Settings::read(&mut Section::root(&layers, &mut unread));
    let job = check(&settings, request, &stack, &unread, &mut findings);
    (findings.conclude(job.filter(|_| stack.is_whole), &stack.job), stack)
}

impl Job {
    /// The template of the output with the tokens filled in that are the same for all its files.
    fn output_path(&self) -> String {
        self.output.path.to_string().replace("{job}", &self.name).replace("{ext}", self.output.extension())
    }
}

fn check(
    settings: &Settings,
    request: &Request,
    stack: &Stack,
    unread: &Findings,
    findings: &mut Findings,
) -> Option<Job> {
    let name = match settings.name.value() {
        Some(name) => Some(name.0.clone()),
        None if unread.blames("name") => None,
        None => name_of_file(request, stack, findings),
    };
    // A job without a good name has its other files checked all the same, and does not come about.
    let shown = name.as_deref().unwrap_or("job");
    let window = Window::check(&settings.window, request.now, findings);
    let selection = NameRules::check(&settings.buckets, findings);
    let pace = Pace::check(&settings.limits, |key| unread.blames(key), findings);
    if let Some(rule) = request.demo_rule {
        check_demo(&settings.accounts, rule, findings);
    }
    let mut accounts = Account::check_all(&settings.accounts, selection.as_ref(), pace.as_ref(), findings);
    let buckets = BucketRules::check(&settings.buckets);
    let objects = ObjectRules::check(&settings.objects, findings);
    let count = accounts.len().max(settings.accounts.0.len());
    let output = Output::check(&settings.output, &settings.column_sets, count, findings);
    let limits = Limits::check(&settings.limits);
    let pricing = Pricing::check(&settings.pricing);
    let state = StateSettings::check(&settings.state, shown);
    let log = LogSettings::check(&settings.log, shown, (&settings.state, state.as_ref()), findings);
    files::check_kept(settings, (state.as_ref(), log.as_ref()), stack, findings);
    let (selection, pace) = (selection?, pace?);
    if settings.accounts.0.is_empty() {
        accounts.push(Account::ambient(selection, pace));
    }
    Some(Job {
        name: name?,
        description: settings.description.value()?.clone(),
        window: window?,
        accounts,
        buckets: buckets?,
        objects: objects?,
        output: output?,
        limits: limits?,
        pricing: pricing?,
        state: state?,
        log: log?,
    })
}

fn check_demo(accounts: &Tables<AccountFile>, rule: DemoRule, findings: &mut Findings) {
    for (_, account) in &accounts.0 {
        let demo = account.endpoint_url.written().filter(|url| url.value.is_demo());
        findings.accept(demo, |url: &EndpointUrl| rule(&url.0).map_err(|(message, hint)| Refusal { message, hint }));
    }
}

fn name_of_file(request: &Request, stack: &Stack, findings: &mut Findings) -> Option<String> {
    let stem = request.path.file_stem().unwrap_or_default().to_string_lossy();
    let refuse = |refusal: Refusal| {
        let message = format!("the job would be named after its file, but {}", refusal.message);
        let hint = format!("set `name` in the file; {}", refusal.hint.unwrap_or_default());
        findings.add(&stack.job, Refusal::new(message).hint(hint));
    };
    values::name(&stem).map_err(refuse).ok()
}

#[cfg(test)]
mod tests;
