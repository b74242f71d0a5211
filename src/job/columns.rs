//! The columns a row can have, and sets of them.
//!
//! Responsible for their names, what each holds, the sets that come with s3scan and those a team
//! defines. It leaves writing them to `rows`. It owns the invariants that every column has one name,
//! which is the header's too, and that no row has a column twice.

use serde_json::{Value as Json, json};

use super::problem::{Findings, Refusal, Written};
use super::read::{Found, Key, Readable, Tables, words};
use super::suggest::{did_you_mean, listed, quoted};

words! {
    /// A column of the output. Where the store does not say what a column holds, the field is empty:
    /// nothing is made up.
    pub enum Column {
        /// The account's name in the job. Never empty.
        "account" => Account,
        /// The twelve digits of the AWS account id, with leading zeros. Empty where it is not known, as
        /// with stores that are not AWS.
        "account_id" => AccountId,
        /// The bucket's name. Never empty.
        "bucket" => Bucket,
        /// The region the bucket is listed in: as the list of buckets has it, else the account's home
        /// region. Never empty.
        "region" => Region,
        /// The object's key, written as `key_encoding` says. Never empty.
        "key" => Key,
        /// The object's size in bytes.
        "size" => Size,
        /// When the object was last modified, in UTC; of a multipart upload, when it was begun. Written as
        /// the dialect has it. Empty where the store gives no readable instant.
        "last_modified" => LastModified,
        /// The storage class as the store names it, such as `STANDARD` or `GLACIER`.
        "storage_class" => StorageClass,
        /// The entity tag without its quotes.
        "etag" => Etag,
        /// The algorithm of the object's checksum, such as `CRC64NVME`; several are separated by a space,
        /// in the store's order. Empty for objects without a checksum.
        "checksum_algorithm" => ChecksumAlgorithm,
        /// What the checksum was computed of: `FULL_OBJECT` or `COMPOSITE`, the latter from the checksums
        /// of an upload's parts. Empty for objects without a checksum.
        "checksum_type" => ChecksumType,
        /// The canonical user id of the object's owner. Asking for it makes every answer of the store
        /// larger by about a fifth.
        "owner_id" => OwnerId,
        /// Whether an archived object is being restored right now, `true` or `false`. Empty for objects
        /// that are neither being restored nor restored, and with stores that cannot tell.
        "restore_in_progress" => RestoreInProgress,
        /// Until when the restored copy of an archived object can be read, in UTC, written like
        /// `last_modified`. Empty while the restore is in progress, and for objects never restored.
        "restore_expiry" => RestoreExpiry,
        /// Whether the object was uploaded in parts, `true` or `false`: inferred from the entity tag,
        /// which then ends in `-` and the number of parts. Empty where there is no entity tag.
        "is_multipart" => IsMultipart,
    }
}

impl Column {
    /// The set `standard`.
    pub const STANDARD: &'static [Self] = &[
        Self::Account,
        Self::AccountId,
        Self::Bucket,
        Self::Key,
        Self::Size,
        Self::LastModified,
        Self::StorageClass,
        Self::Etag,
    ];

    /// The set `classic`, and the only columns of the dialect `classic`.
    pub const CLASSIC: &'static [Self] = &[Self::Bucket, Self::Key, Self::Size, Self::LastModified, Self::StorageClass];

    /// The set `full`: every column.
    pub const FULL: &'static [Self] = &[
        Self::Account,
        Self::AccountId,
        Self::Bucket,
        Self::Region,
        Self::Key,
        Self::Size,
        Self::LastModified,
        Self::StorageClass,
        Self::Etag,
        Self::ChecksumAlgorithm,
        Self::ChecksumType,
        Self::OwnerId,
        Self::RestoreInProgress,
        Self::RestoreExpiry,
        Self::IsMultipart,
    ];
}

/// The sets that come with s3scan.
const SETS: [(&str, &[Column]); 3] =
    [("standard", Column::STANDARD), ("classic", Column::CLASSIC), ("full", Column::FULL)];

/// The columns of a row, as written: a set's name, or a list.
#[derive(Debug, Clone)]
pub(super) enum Columns {
    Set(String),
    List(Vec<Column>),
}

impl Readable for Columns {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        let allowed = "a set's name or a list of columns";
        if found.is_list() {
            return column_list(found).map(Self::List);
        }
        let name = found.string(allowed).map_err(|_| found.expected(allowed))?;
        let read = super::values::name(&name).map(Self::Set);
        read.map_err(|refusal| Refusal { hint: hint_for_list(&name).or(refusal.hint), ..refusal })
    }

    fn schema() -> Json {
        let names = super::values::NAME_PATTERN;
        json!({ "anyOf": [{ "type": "string", "pattern": names }, ColumnList::schema()] })
    }
}

/// What to write instead of several columns in one text.
fn hint_for_list(text: &str) -> Option<String> {
    let separators = |character: char| matches!(character, ',' | ';' | ' ');
    let names: Vec<&str> = text.split(separators).filter(|name| !name.is_empty()).collect();
    let is_column = |name: &&str| Column::FULL.iter().any(|column| column.name() == *name);
    let set = names.iter().find(|name| SETS.iter().any(|(set, _)| set == *name));
    match set {
        _ if names.len() < 2 => None,
        Some(set) => {
            Some(format!("a set's name stands alone; write a list with the columns of `{set}` and the others"))
        }
        None if names.iter().all(is_column) => Some(format!("write the list `[\"{}\"]`", names.join("\", \""))),
        None => None,
    }
}

/// A set of columns that a job defines.
#[derive(Debug, Clone)]
pub(super) struct ColumnList(Vec<Column>);

impl Readable for ColumnList {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        column_list(found).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": Column::schema(), "minItems": 1, "uniqueItems": true })
    }
}

fn column_list(found: &mut Found<'_>) -> Result<Vec<Column>, Refusal> {
    let list: Vec<Written<Column>> = found.list("a list of columns")?;
    // Elements that are no columns are noted, and no columns come out of the list.
    let is_empty = found.elements() == 0;
    if is_empty {
        return Err(Refusal::new("a row has at least one column").hint("leave the key out for the set `standard`"));
    }
    let mut columns = Vec::new();
    for column in list {
        if columns.contains(&column.value) {
            let refusal = Refusal::new(format!("the column `{}` stands in the list twice", column.value.name()));
            found.note(&column.blame, refusal);
        } else {
            columns.push(column.value);
        }
    }
    Ok(columns)
}

/// The columns that `[output]` asks for, of the sets there are.
pub(super) fn columns(
    asked: &Written<Columns>,
    sets: &Tables<Key<ColumnList>>,
    findings: &mut Findings,
) -> Option<Vec<Column>> {
    for (name, _) in &sets.0 {
        let taken = SETS.iter().any(|(set, _)| *set == name.value);
        if taken {
            let refusal = Refusal::new(format!("the set {} comes with s3scan", quoted(&name.value)));
            findings.refuse(&name.blame, refusal.hint("give the set another name"));
        }
    }
    let name = match &asked.value {
        Columns::List(columns) => return Some(columns.clone()),
        Columns::Set(name) => name,
    };
    if let Some((_, columns)) = SETS.iter().find(|(set, _)| set == name) {
        return Some(columns.to_vec());
    }
    if let Some((_, set)) = sets.0.iter().find(|(set, _)| set.value == *name) {
        return set.value().map(|list| list.0.clone());
    }
    let known = || SETS.iter().map(|(set, _)| *set).chain(sets.0.iter().map(|(set, _)| set.value.as_str()));
    let hint = match did_you_mean(name, known()) {
        Some(hint) => hint,
        None if Column::FULL.iter().any(|column| column.name() == name) => {
            format!("write `[\"{name}\"]` for a single column")
        }
        None => format!("the sets are {}; others stand in `[column_sets]`", listed(known())),
    };
    findings.refuse(&asked.blame, Refusal::new(format!("there is no set of columns {}", quoted(name))).hint(hint));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::read::Words;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_sets_repeat_nothing() {
        let names: HashSet<&str> = Column::FULL.iter().map(|column| column.name()).collect();
        assert_eq!(names.len(), Column::FULL.len());
        assert_eq!(Column::WORDS.len(), Column::FULL.len());
        for (_, set) in SETS {
            assert_eq!(set.iter().collect::<HashSet<_>>().len(), set.len());
        }
    }
}
