//! The layers a job is made of, and where each value of the merged whole comes from.
//!
//! Responsible for parsing a TOML text into a layer, for merging layers (the last wins, tables merge,
//! arrays are replaced) and for leading a merged value back to its text. It leaves to `read` which
//! keys there are. It owns the invariant that a date leaves this file as the text its author wrote,
//! remembered as a date.
//!
//! figment does the merging through a provider of our own: its `toml` feature would bring a second
//! TOML parser, and none of its errors has a line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::recovery::{Recovered, recover};
use super::source::{Origin, Source};
use crate::job::problem::{Blame, Findings, Refusal};
use crate::job::suggest::quoted;

/// Where one key of a text stands.
#[derive(Debug)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
    is_date: bool,
}

/// The values of one text, or of one table in it, and their places.
#[derive(Debug, Clone)]
pub struct Layer {
    source: Arc<Source>,
    /// The values, by key.
    pub values: Dict,
    /// By dotted path (`a.b`, `a.list[0]`) from the text's top level.
    places: Arc<BTreeMap<String, Place>>,
    /// The path of the table that the values are those of; empty for the top level.
    prefix: String,
}

impl Layer {
    /// Parses a text. Every statement that is not TOML is noted; what the others say is read all the
    /// same, and the second of the pair tells the lines in doubt.
    pub fn parse(source: &Arc<Source>, findings: &mut Findings) -> (Self, BTreeSet<usize>) {
        let Recovered { text, broken, doubted } = recover(source);
        for (span, refusal) in broken {
            findings.add(&Blame { source: Arc::clone(source), key: None, span }, refusal);
        }
        let (document, _) = DeTable::parse_recoverable(&text);
        let mut reading = Reading { source, places: BTreeMap::new(), findings };
        let values = reading.table(document.get_ref(), "");
        let places = Arc::new(reading.places);
        (Self { source: Arc::clone(source), values, places, prefix: String::new() }, doubted)
    }

    /// The layer of a single value at a path of keys, as a variable or a flag sets it. What is no
    /// TOML value is a string.
    pub fn single(source: &Arc<Source>, keys: &[String], findings: &mut Findings) -> Self {
        let bare = || Spanned::new(0..source.text.len(), DeValue::String(source.text.as_str().into()));
        let value = DeValue::parse(&source.text).unwrap_or_else(|_| bare());
        let mut reading = Reading { source, places: BTreeMap::new(), findings };
        let path = keys.iter().fold(String::new(), |path, key| child(&path, key));
        let value = reading.value(&value, 0..source.text.len(), &path);
        let nested = value.and_then(|value| {
            keys.iter().rev().try_fold(value, |value, key| Some(Value::from(Dict::from([(key.clone(), value)]))))
        });
        let values = nested.and_then(Value::into_dict).unwrap_or_default();
        Self { source: Arc::clone(source), values, places: Arc::new(reading.places), prefix: String::new() }
    }

    /// A table of this layer as a layer of its own, its places those in the same text.
    pub fn inner(&self, keys: &[&str]) -> Option<Self> {
        let mut values = &self.values;
        let mut prefix = self.prefix.clone();
        for key in keys {
            values = values.get(*key)?.as_dict()?;
            prefix = child(&prefix, key);
        }
        Some(Self { values: values.clone(), prefix, ..self.clone() })
    }

    /// The layer without some of its keys.
    pub fn without(&self, keys: &[&str]) -> Self {
        let mut layer = self.clone();
        layer.values.retain(|key, _| !keys.contains(&key.as_str()));
        layer
    }

    /// Takes keys out of the table at a path.
    pub fn remove(&mut self, table: &[&str], keys: &[&str]) {
        let mut values = &mut self.values;
        for key in table {
            let Some(Value::Dict(_, inner)) = values.get_mut(*key) else {
                return;
            };
            values = inner;
        }
        values.retain(|key, _| !keys.contains(&key.as_str()));
    }

    /// What kind of text it stems from.
    pub fn origin(&self) -> Origin {
        self.source.origin
    }

    /// Blames the text as a whole.
    pub fn blame_whole(&self) -> Blame {
        Blame { source: Arc::clone(&self.source), key: None, span: None }
    }

    fn full(&self, path: &str) -> String {
        match (self.prefix.as_str(), path) {
            ("", path) => path.to_owned(),
            (prefix, path) => format!("{prefix}.{path}"),
        }
    }

    fn place(&self, path: &str) -> Option<&Place> {
        self.places.get(&self.full(path))
    }

    fn blame(&self, path: &str) -> Blame {
        Blame {
            source: Arc::clone(&self.source),
            key: Some(self.full(path)),
            span: self.place(path).map(|place| place.value.clone()),
        }
    }
}

/// Takes the values of a text and their places.
struct Reading<'s, 'f> {
    source: &'s Arc<Source>,
    places: BTreeMap<String, Place>,
    findings: &'f mut Findings,
}

impl Reading<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Dict {
        let mut values = Dict::new();
        for (key, value) in table {
            let path = child(path, key.get_ref());
            if let Some(converted) = self.value(value, key.span(), &path) {
                values.insert(key.get_ref().to_string(), converted);
            }
        }
        values
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: Range<usize>, path: &str) -> Option<Value> {
        let place = Place { key, value: value.span(), is_date: value.get_ref().is_datetime() };
        self.places.insert(path.to_owned(), place);
        let converted = match value.get_ref() {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(digits) => {
                let Ok(number) = i64::from_str_radix(digits.as_str(), digits.radix()) else {
                    let message = format!("the integer {} is too large", quoted(digits.as_str()));
                    let blame =
                        Blame { source: Arc::clone(self.source), key: Some(path.to_owned()), span: Some(value.span()) };
                    self.findings.refuse(&blame, Refusal::new(message));
                    return None;
                };
                Value::from(number)
            }
            // Infinite when out of range, which no key accepts either.
            DeValue::Float(digits) => Value::from(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Datetime(date) => Value::from(date.to_string()),
            DeValue::Array(elements) => {
                let converted = elements.iter().enumerate().filter_map(|(index, element)| {
                    let path = format!("{path}[{index}]");
                    self.value(element, element.span(), &path)
                });
                Value::from(converted.collect::<Vec<_>>())
            }
            DeValue::Table(table) => Value::from(self.table(table, path)),
        };
        Some(converted)
    }
}

/// A layer with its place in the order; figment keeps the place as the name of the value's source.
struct Numbered<'l>(usize, &'l Layer);

impl Provider for Numbered<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.1.values.clone()))
    }
}

/// Layers, merged.
#[derive(Debug)]
pub struct Layers<'l> {
    parts: Vec<&'l Layer>,
    merged: Figment,
    /// The merged values; each still carries the tag of the layer it comes from.
    pub values: Dict,
}

impl<'l> Layers<'l> {
    /// Merges the layers; the last one wins.
    pub fn merge(parts: Vec<&'l Layer>) -> Self {
        let numbered = parts.iter().enumerate().map(|(number, layer)| Numbered(number, layer));
        let merged = numbered.fold(Figment::new(), |merged, layer| merged.merge(layer));
        // The empty path is the whole; no layer's data can fail, so it is there.
        let whole = merged.find_value("").ok().and_then(Value::into_dict);
        Self { parts, merged, values: whole.unwrap_or_default() }
    }

    fn layer(&self, tag: Tag) -> Option<&'l Layer> {
        let number: usize = self.merged.get_metadata(tag)?.name.parse().ok()?;
        self.parts.get(number).copied()
    }

    /// Blames the value at `path` that the layer marked by `tag` set.
    pub fn blame_value(&self, path: &str, tag: Tag) -> Option<Blame> {
        Some(self.layer(tag)?.blame(path))
    }

    /// Blames the key itself rather than its value.
    pub fn blame_key(&self, path: &str, tag: Tag) -> Option<Blame> {
        let layer = self.layer(tag)?;
        Some(Blame { span: layer.place(path).map(|place| place.key.clone()), ..layer.blame(path) })
    }

    /// Whether the value was written as a TOML date or time, without quotes.
    pub fn is_date(&self, path: &str, tag: Tag) -> bool {
        let place = self.layer(tag).and_then(|layer| layer.place(path));
        place.is_some_and(|place| place.is_date)
    }

    /// The value as it was written, where values may stand without quotes.
    pub fn loose_text(&self, path: &str, tag: Tag) -> Option<&'l str> {
        let layer = self.layer(tag).filter(|layer| layer.source.is_loose())?;
        layer.source.text.get(layer.place(path)?.value.clone())
    }
}

/// The path of a key inside a table, quoted as TOML would where the key is not a bare one.
pub fn child(path: &str, key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let shown = if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, text: &str) -> Layer {
        let source = Arc::new(Source::new(Origin::File, 0, name, text));
        Layer::parse(&source, &mut Findings::default()).0
    }

    #[test]
    fn the_last_layer_wins_and_every_value_knows_its_own() {
        let (low, high) =
            (layer("x", "[a]\nkeep = 1\nswap = 2\nlist = [1, 2]"), layer("x", "a.swap = 3\na.list = [4]"));
        let layers = Layers::merge(vec![&low, &high]);
        let table = layers.values["a"].as_dict().unwrap();
        assert_eq!(table["list"].as_array().map(<[Value]>::len), Some(1));
        for (key, span) in [("keep", 11..12), ("swap", 9..10)] {
            let path = child("a", key);
            let blame = layers.blame_value(&path, table[key].tag()).unwrap();
            assert_eq!(blame.span, Some(span));
        }
    }

    #[test]
    fn dates_keep_their_text() {
        let layer = layer("x", "a = 2025-07-01\nb = \"2025-07-01\"");
        let layers = Layers::merge(vec![&layer]);
        for (key, is_date) in [("a", true), ("b", false)] {
            let value = &layers.values[key];
            assert_eq!(value.as_str(), Some("2025-07-01"));
            assert_eq!(layers.is_date(key, value.tag()), is_date);
        }
    }

    #[test]
    fn an_inner_table_keeps_its_places() {
        let file = layer("x", "[overlay.ci]\nlimits.burst = 7");
        let inner = file.inner(&["overlay", "ci"]).unwrap();
        let layers = Layers::merge(vec![&inner]);
        let tag = layers.values["limits"].as_dict().unwrap()["burst"].tag();
        let blame = layers.blame_value("limits.burst", tag).unwrap();
        assert_eq!(blame.key.as_deref(), Some("overlay.ci.limits.burst"));
        assert_eq!(blame.span, Some(28..29));
    }

    #[test]
    fn a_single_value_is_toml_or_else_a_string() {
        let keys = ["limits".to_owned(), "x".to_owned()];
        for (text, expected) in [("5", Value::from(5)), ("012", Value::from("012")), ("a b", Value::from("a b"))] {
            let source = Arc::new(Source::new(Origin::Flag, 0, "--set", text));
            let layer = Layer::single(&source, &keys, &mut Findings::default());
            let layers = Layers::merge(vec![&layer]);
            let value = &layers.values["limits"].as_dict().unwrap()["x"];
            assert_eq!(*value, expected);
            assert_eq!(layers.loose_text("limits.x", value.tag()), Some(text));
        }
    }
}
