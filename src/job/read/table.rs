//! Declares the tables of a job file: each key once, with its type and its documentation.
//!
//! The doc comments of the keys are the descriptions in the schema and the words of the reference.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::super::problem::{Blame, Written};
use super::found::Readable;
use super::section::Section;

/// A table of a job file.
pub trait Table: Sized {
    /// Reads all keys; what is wrong with any is noted.
    fn read(section: &mut Section<'_>) -> Self;
}

/// What a table can hold at a key.
pub trait Field: Sized {
    /// Reads it.
    fn field(section: &mut Section<'_>, key: &'static str) -> Self;
}

impl<T: Table> Field for T {
    fn field(section: &mut Section<'_>, key: &'static str) -> Self {
        section.table(key)
    }
}

/// A value at a key, if there is one that is right.
#[derive(Debug, Clone)]
pub struct Key<T>(pub Option<Written<T>>);

impl<T> Key<T> {
    /// What was written.
    pub fn written(&self) -> Option<&Written<T>> {
        self.0.as_ref()
    }

    /// Whom to blame for it.
    pub fn blame(&self) -> Option<&Blame> {
        self.0.as_ref().map(|written| &written.blame)
    }

    /// What it means.
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref().map(|written| &written.value)
    }
}

impl<T> Key<Vec<Written<T>>> {
    /// The elements of a list.
    pub fn iter(&self) -> impl Iterator<Item = &Written<T>> {
        self.value().into_iter().flatten()
    }
}

impl<T: Readable> Field for Key<T> {
    fn field(section: &mut Section<'_>, key: &'static str) -> Self {
        Self(section.value(key))
    }
}

impl<T: Readable> JsonSchema for Key<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "key".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(T::schema()).unwrap_or_default()
    }
}

/// A table of tables, or of values, whose keys are names of the author's choice.
#[derive(Debug, Clone)]
pub struct Tables<T>(pub Vec<(Written<String>, T)>);

impl<T: Table> Field for Tables<T> {
    fn field(section: &mut Section<'_>, key: &'static str) -> Self {
        Self(section.tables(key))
    }
}

impl<T: Readable> Field for Tables<Key<T>> {
    fn field(section: &mut Section<'_>, key: &'static str) -> Self {
        let values = section.values(key).into_iter();
        Self(values.map(|(name, value)| (name, Key(Some(value)))).collect())
    }
}

impl<T: JsonSchema> JsonSchema for Tables<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "tables".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<T>();
        schemars::json_schema!({
            "type": "object",
            "patternProperties": { super::super::values::NAME_PATTERN: values },
            "additionalProperties": false,
        })
    }
}

/// Declares a table: a struct of its keys, their reader and their schema.
macro_rules! table {
    ($(#[$table:meta])* $visibility:vis struct $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$table])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $visibility struct $name { $($(#[$doc])* pub(in crate::job) $key: $type,)* }

        impl $crate::job::read::Table for $name {
            fn read(section: &mut $crate::job::read::Section<'_>) -> Self {
                Self { $($key: $crate::job::read::field(section, stringify!($key)),)* }
            }
        }
    };
}
pub(in crate::job) use table;

/// Reads what stands at a key.
pub fn field<T: Field>(section: &mut Section<'_>, key: &'static str) -> T {
    T::field(section, key)
}
