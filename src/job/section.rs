//! Reads one table of the merged layers, key by key.
//!
//! Responsible for types: what was found where what is allowed, and for keys nobody asked for. It
//! leaves the meaning of values to the rules. It owns the invariant that one wrong key never hides
//! another: every reader notes its problem and carries on, which is why this is no serde
//! deserializer, whose first error is its last.

use figment::value::{Dict, Value};

use super::layers::{Layers, child};
use super::problem::{Blame, Findings, Refusal, Written};
use super::suggest::{did_you_mean, listed, quoted};

/// A size as it may be written: bytes as an integer, or a text with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SizeText {
    Bytes(i64),
    Text(String),
}

/// One table being read. [`Section::finish`] reports the keys that were not asked for.
pub(super) struct Section<'l> {
    layers: &'l Layers,
    findings: &'l mut Findings,
    table: &'l Dict,
    path: String,
    known: Vec<&'static str>,
}

impl<'l> Section<'l> {
    /// The whole of a job.
    pub(super) fn root(layers: &'l Layers, findings: &'l mut Findings) -> Self {
        Self { table: &layers.values, layers, findings, path: String::new(), known: Vec::new() }
    }

    /// A string, but no unquoted date.
    pub(super) fn string(&mut self, key: &'static str) -> Option<Written<String>> {
        self.read(key, "a string", |section, path, value| {
            let is_date = section.layers.is_date(path, value.tag());
            value.as_str().filter(|_| !is_date).map(str::to_owned)
        })
    }

    /// A string or an unquoted TOML date, time or both, as text.
    pub(super) fn date(&mut self, key: &'static str) -> Option<Written<String>> {
        self.read(key, "a date or a date-time", |_, _, value| value.as_str().map(str::to_owned))
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<Written<i64>> {
        self.read(key, "an integer", |_, _, value| integer(value))
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<Written<bool>> {
        self.read(key, "`true` or `false`", |_, _, value| value.to_bool())
    }

    /// A number of bytes, or a string such as `1 MiB`.
    pub(super) fn size(&mut self, key: &'static str) -> Option<Written<SizeText>> {
        let allowed = "a size such as `\"1 MiB\"` or a number of bytes";
        self.read(key, allowed, |section, path, value| {
            let is_date = section.layers.is_date(path, value.tag());
            let text = value.as_str().filter(|_| !is_date);
            let text = text.map(|text| SizeText::Text(text.to_owned()));
            text.or_else(|| integer(value).map(SizeText::Bytes))
        })
    }

    /// A list of strings; elements of another type are noted one by one and left out.
    pub(super) fn strings(&mut self, key: &'static str) -> Option<Written<Vec<Written<String>>>> {
        self.read(key, "a list of strings", |section, path, value| {
            let elements = value.as_array()?.iter().enumerate();
            let strings = elements.filter_map(|(index, element)| {
                let path = format!("{path}[{index}]");
                let is_date = section.layers.is_date(&path, element.tag());
                let string = element.as_str().filter(|_| !is_date).map(str::to_owned);
                section.typed(&path, element, "a string", string)
            });
            Some(strings.collect())
        })
    }

    /// Reads a table inside this one; without the table, as an empty one.
    pub(super) fn table<T>(&mut self, key: &'static str, read: impl Fn(Section<'_>) -> T) -> T {
        let empty = Dict::new();
        let table = self.read(key, "a table", |section, path, value| {
            value.as_dict().map(|table| section.inner(path, table, &read))
        });
        if let Some(table) = table {
            return table.value;
        }
        let path = child(&self.path, key);
        self.inner(&path, &empty, &read)
    }

    /// Reads a table of tables whose keys are names of the author's choice; each name comes with the
    /// place of the key.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Section<'_>) -> T,
    ) -> Vec<(Written<String>, T)> {
        let tables = self.read(key, "a table of tables", |section, path, value| {
            let entries = value.as_dict()?.iter();
            let tables = entries.filter_map(|(name, value)| {
                let path = child(path, name);
                let inner = value.as_dict().map(|table| section.inner(&path, table, &read));
                let inner = section.typed(&path, value, "a table", inner)?;
                let name = Written { value: name.clone(), blame: section.layers.blame_key(&path, value.tag())? };
                Some((name, inner.value))
            });
            Some(tables.collect::<Vec<_>>())
        });
        tables.map_or_else(Vec::new, |tables| tables.value)
    }

    /// Notes every key of the table that nobody asked for.
    pub(super) fn finish(self) {
        for (key, value) in self.table {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            let path = child(&self.path, key);
            let Some(blame) = self.layers.blame_key(&path, value.tag()) else {
                continue;
            };
            let known = self.known.iter().copied();
            let hint = did_you_mean(key, known.clone()).unwrap_or_else(|| {
                let table = match self.path.as_str() {
                    "" => "the top level".to_owned(),
                    path => format!("`[{path}]`"),
                };
                format!("the keys of {table} are {}", listed(known))
            });
            let message = format!("unknown key {}", quoted(&path));
            self.findings.add(&blame, Refusal::new(message).hint(hint));
        }
    }

    fn inner<T>(&mut self, path: &str, table: &Dict, read: impl Fn(Section<'_>) -> T) -> T {
        read(Section { layers: self.layers, findings: self.findings, table, path: path.to_owned(), known: Vec::new() })
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        convert: impl FnOnce(&mut Self, &str, &Value) -> Option<T>,
    ) -> Option<Written<T>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        let path = child(&self.path, key);
        let converted = convert(self, &path, value);
        self.typed(&path, value, allowed, converted)
    }

    fn typed<T>(&mut self, path: &str, value: &Value, allowed: &str, converted: Option<T>) -> Option<Written<T>> {
        let blame: Blame = self.layers.blame_value(path, value.tag())?;
        if let Some(value) = converted {
            return Some(Written { value, blame });
        }
        let found = if self.layers.is_date(path, value.tag()) {
            format!("the date {}", quoted(value.as_str().unwrap_or_default()))
        } else {
            found(value)
        };
        let message = format!("expected {allowed}, found {found}");
        self.findings.refuse(&blame, Refusal::new(message));
        None
    }
}

fn integer(value: &Value) -> Option<i64> {
    value.to_i128().and_then(|number| i64::try_from(number).ok())
}

/// A value as messages name it.
fn found(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("the string {}", quoted(text)),
        Value::Bool(_, flag) => format!("`{flag}`"),
        Value::Num(..) => match (integer(value), value.to_f64()) {
            (Some(number), _) => format!("the integer `{number}`"),
            (None, Some(number)) => format!("the number `{number}`"),
            (None, None) => "a number".to_owned(),
        },
        Value::Array(..) => "a list".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Char(..) | Value::Empty(..) => "something else".to_owned(),
    }
}
