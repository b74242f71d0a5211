//! What a job file says besides its settings: its version, the files it extends, its overlays.

use serde_json::{Value as Json, json};

use super::conflicts;
use super::problem::{Blame, Findings, Refusal, Written};
use super::read::{Found, Key, Readable, Section, Table, Tables, field};
use super::settings::Settings;

/// The version of the job file's format that this program reads.
const VERSION: i64 = 1;

/// A whole job file.
#[derive(Debug, Clone, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct JobFile {
    /// The version of the format. Required in every job; a file without it can only be extended.
    pub(super) version: Key<Version>,
    /// Job files laid under this one, later ones over earlier ones; paths are relative to this file. Pipes and devices
    /// are not read. Tables merge, lists are replaced.
    #[schemars(example = serde_json::json!(["base.toml"]))]
    pub(super) extends: Key<Vec<Written<FilePath>>>,
    /// Settings stand at the top level, beside the keys above.
    #[schemars(flatten)]
    #[expect(dead_code, reason = "read for what is wrong in them; the layers are merged first")]
    pub(super) settings: Settings,
    /// Any of these keys again, but `version`, `extends` and `overlay`: they are laid over the job when it is called
    /// with `--overlay NAME`. Without, each is checked by itself, its keys and what contradicts what in it; whether it
    /// fits the job is checked when it is asked for.
    pub(super) overlay: Tables<Settings>,
}

impl Table for JobFile {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            version: field(section, "version"),
            extends: field(section, "extends"),
            settings: Settings::read(section),
            overlay: field(section, "overlay"),
        }
    }
}

impl JobFile {
    /// Notes what contradicts itself in an overlay, asked for or not. What only the layers below it
    /// could make right or wrong is left to the job that asks for it: to lay each over the whole job
    /// would take as many jobs as there are overlays.
    pub(super) fn check_overlays(&self, findings: &mut Findings) {
        for (_, settings) in &self.overlay.0 {
            settings.window.check_ways(findings);
            settings.objects.check_sizes(findings);
            for (_, account) in &settings.accounts.0 {
                conflicts::check_beside(account, findings);
            }
        }
    }

    /// Notes a job file that does not say its version.
    pub(super) fn check_version(&self, whole: &Blame, findings: &mut Findings) {
        // Of the wrong type or another version, it is noted already.
        if self.version.written().is_none() && !findings.blames("version") {
            let refusal = Refusal::new("the key `version` is missing");
            let hint =
                format!("write `version = {VERSION}`; a file without it is no job, and can only be extended by jobs");
            findings.add(whole, refusal.hint(hint));
        }
    }
}

/// The version of the format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version;

impl Readable for Version {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let version = found.integer("an integer")?;
        if version == VERSION {
            return Ok(Self);
        }
        let message = format!("the version `{version}` is not known");
        Err(Refusal::new(message).hint(format!("write `version = {VERSION}`")))
    }

    fn schema() -> Json {
        json!({ "type": "integer", "const": VERSION })
    }
}

/// The path of a file beside the one that names it.
#[derive(Debug, Clone)]
pub(super) struct FilePath(pub(super) String);

impl Readable for FilePath {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let path = found.string("a string")?;
        if path.is_empty() || path.contains('\0') {
            return Err(Refusal::new(format!("{} is not the path of a file", super::suggest::quoted(&path))));
        }
        Ok(Self(path))
    }

    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}
