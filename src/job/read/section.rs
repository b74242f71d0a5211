//! One table of the merged layers, read key by key.
//!
//! Responsible for finding keys, and for keys nobody asked for. It owns the invariant that one wrong
//! key never hides another: every reader notes its problem and carries on, which is why this is no
//! serde deserializer, whose first error is its last.

use figment::value::{Dict, Value};

use super::super::problem::{Findings, Refusal, Written};
use super::super::suggest::{did_you_mean, listed, quoted};
use super::super::text::{Layers, child};
use super::super::values;
use super::found::{Found, Readable};
use super::table::Table;

/// One table being read. [`Section::finish`] reports the keys that were not asked for.
pub struct Section<'l> {
    layers: &'l Layers<'l>,
    findings: &'l mut Findings,
    table: &'l Dict,
    path: String,
    known: Vec<&'static str>,
}

impl<'l> Section<'l> {
    /// The whole of a text, or of several merged.
    pub fn root(layers: &'l Layers<'l>, findings: &'l mut Findings) -> Self {
        Self { table: &layers.values, layers, findings, path: String::new(), known: Vec::new() }
    }

    /// The value at a key, if there is one.
    pub fn value<T: Readable>(&mut self, key: &'static str) -> Option<Written<T>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        let path = child(&self.path, key);
        Found { layers: self.layers, findings: self.findings, path: &path, value }.written()
    }

    /// A table inside this one; without the table, as an empty one.
    pub fn table<T: Table>(&mut self, key: &'static str) -> T {
        self.known.push(key);
        let empty = Dict::new();
        let path = child(&self.path, key);
        let table = self.table.get(key).and_then(|value| self.dictionary(&path, value, "a table"));
        self.inner(&path, table.unwrap_or(&empty))
    }

    /// A table of tables whose keys are names of the author's choice; each name comes with the place
    /// of the key.
    pub fn tables<T: Table>(&mut self, key: &'static str) -> Vec<(Written<String>, T)> {
        self.entries(key, "a table of tables", |section, path, value| {
            let table = section.dictionary(path, value, "a table")?;
            Some(section.inner(path, table))
        })
    }

    /// A table of values whose keys are names of the author's choice.
    pub fn values<T: Readable>(&mut self, key: &'static str) -> Vec<(Written<String>, Written<T>)> {
        self.entries(key, "a table", |section, path, value| {
            Found { layers: section.layers, findings: section.findings, path, value }.written()
        })
    }

    fn entries<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        read: impl Fn(&mut Self, &str, &'l Value) -> Option<T>,
    ) -> Vec<(Written<String>, T)> {
        self.known.push(key);
        let path = child(&self.path, key);
        let table = self.table.get(key).and_then(|value| self.dictionary(&path, value, allowed));
        let entries = table.into_iter().flatten().filter_map(|(name, value)| {
            let path = child(&path, name);
            let read = read(self, &path, value)?;
            let blame = self.layers.blame_key(&path, value.tag())?;
            if let Err(refusal) = values::name(name) {
                self.findings.refuse(&blame, refusal);
                return None;
            }
            Some((Written { value: name.clone(), blame }, read))
        });
        entries.collect()
    }

    /// Notes every key of the table that nobody asked for.
    pub fn finish(self) {
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

    fn dictionary(&mut self, path: &str, value: &'l Value, allowed: &str) -> Option<&'l Dict> {
        let table = value.as_dict();
        if let (None, Some(blame)) = (table, self.layers.blame_value(path, value.tag())) {
            let found = Found { layers: self.layers, findings: self.findings, path, value };
            let refusal = found.expected(allowed);
            self.findings.refuse(&blame, refusal);
        }
        table
    }

    fn inner<T: Table>(&mut self, path: &str, table: &Dict) -> T {
        let mut section =
            Section { layers: self.layers, findings: self.findings, table, path: path.to_owned(), known: Vec::new() };
        let read = T::read(&mut section);
        section.finish();
        read
    }
}
