//! One table for many accounts: the ids a template is filled in with.
//!
//! Responsible for `account_ids`, `account_ids_file` and `role_arn`. It owns the invariant that a
//! template gives as many accounts as it has ids, each once, and never one role for all of them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::account::AccountFile;
use super::file::FilePath;
use super::problem::{Blame, Findings, Refusal, Written};
use super::read::{Found, Readable};
use super::suggest::quoted;
use super::text::{Kinds, Source, read};
use super::values::account_id;

/// What stands for the account's id in a role.
pub(super) const TOKEN: &str = "{account_id}";

/// The ARN of a role, `{account_id}` in it not filled in yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleArn(String);

impl RoleArn {
    /// The ARN for the account of this id.
    pub(super) fn of(&self, id: Option<&str>) -> String {
        id.map_or_else(|| self.0.clone(), |id| self.0.replace(TOKEN, id))
    }

    fn id(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl Readable for RoleArn {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let text = found.string("a string")?;
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let refusal = || {
            let refusal = Refusal::new(format!("{} is not the ARN of a role", quoted(&text)));
            refusal.hint("write for example `arn:aws:iam::123456789012:role/audit`")
        };
        let [arn, partition, "iam", "", id, role] = parts[..] else {
            return Err(refusal());
        };
        let partition = partition.strip_prefix("aws").ok_or_else(refusal)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
        let role = role.strip_prefix("role/").filter(|role| !role.is_empty() && role.bytes().all(is_name));
        if arn != "arn" || !partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') || role.is_none() {
            return Err(refusal());
        }
        if id != TOKEN {
            account_id(id).map_err(|inner| Refusal { hint: inner.hint, ..refusal() })?;
        }
        Ok(Self(text))
    }

    fn schema() -> Json {
        let pattern = "^arn:aws[a-z-]*:iam::([0-9]{12}|\\{account_id\\}):role/[A-Za-z0-9+=,.@_/-]+$";
        json!({ "type": "string", "pattern": pattern })
    }
}

/// The ids of a template, in their order; `None` where the table is none.
pub(super) fn ids(file: &AccountFile, findings: &mut Findings) -> Option<Vec<String>> {
    let listed = file.account_ids.written();
    let from_file = file.account_ids_file.written();
    let template = listed.map(|list| &list.blame).or(from_file.map(|path| &path.blame));
    check_role(file, template.is_some(), findings);
    let template = template?;
    let ids: Vec<Written<String>> = match (listed, from_file) {
        (Some(list), _) => {
            list.value.iter().map(|id| Written { value: id.value.0.clone(), blame: id.blame.clone() }).collect()
        }
        (None, Some(path)) => read_ids(path, findings).unwrap_or_default(),
        (None, None) => Vec::new(),
    };
    if listed.is_some_and(|list| list.value.is_empty() && !findings.is_inside(&list.blame)) {
        findings.refuse(template, Refusal::new("a template without ids gives no account"));
    }
    let mut taken = HashSet::new();
    let mut once = Vec::new();
    for id in ids {
        if taken.insert(id.value.clone()) {
            once.push(id.value);
        } else {
            findings.refuse(&id.blame, Refusal::new(format!("the id `{}` stands in the list twice", id.value)));
        }
    }
    Some(once)
}

/// Where a file of ids is: beside the one that names it.
pub(super) fn path(written: &Written<FilePath>) -> PathBuf {
    written.blame.source.folder().join(&written.value.0)
}

/// Holds the role to the account or accounts of the table.
fn check_role(file: &AccountFile, is_template: bool, findings: &mut Findings) {
    let Some(arn) = file.role_arn.written() else {
        return;
    };
    let own = file.account_id.value();
    let is_unread = |key: &&str| findings.blames_beside(&arn.blame, key);
    let is_told = ["account_id", "account_ids", "account_ids_file"].iter().any(is_unread);
    let refusal = match arn.value.id() {
        TOKEN if !is_template && own.is_none() && !is_told => {
            let refusal = Refusal::new(format!("there is no id to take the place of `{TOKEN}`"));
            Some(refusal.hint("set `account_id`, or `account_ids` for many accounts"))
        }
        TOKEN => None,
        id if is_template => {
            let refusal = Refusal::new("every account of the template would assume the same role");
            Some(refusal.hint(format!("write `{TOKEN}` in the place of `{id}`")))
        }
        id => own.filter(|own| own.0 != id).map(|own| {
            Refusal::new(format!("the role belongs to another account than `account_id`, which is `{}`", own.0))
        }),
    };
    if let Some(refusal) = refusal {
        findings.refuse(&arn.blame, refusal);
    }
}

/// Reads the ids of a file; what is wrong in it is noted at its place there.
fn read_ids(written: &Written<FilePath>, findings: &mut Findings) -> Option<Vec<Written<String>>> {
    let path = path(written);
    let text = read(&path, &quoted(&path.display().to_string()), Kinds::Regular);
    let text = text.map_err(|refusal| findings.refuse(&written.blame, refusal)).ok()?;
    let source = Arc::new(Source::of_file(&path, written.blame.source.rank, text));
    let mut ids = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let id = line.split('#').next().unwrap_or_default();
        let offset = start + (id.len() - id.trim_start().len());
        let id = id.trim();
        start += line.len();
        if id.is_empty() {
            continue;
        }
        let blame = Blame { source: Arc::clone(&source), key: None, span: Some(offset..offset + id.len()) };
        match account_id(id) {
            Ok(value) => ids.push(Written { value, blame }),
            Err(refusal) => findings.add(&blame, refusal),
        }
    }
    if ids.is_empty() && !findings.names(&source.name) {
        findings.refuse(&written.blame, Refusal::new(format!("there is no account id in {}", quoted(&source.name))));
    }
    Some(ids)
}
