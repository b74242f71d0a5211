//! The layers a job is made of, and where each value of the merged whole comes from.
//!
//! Responsible for parsing one TOML text into a layer, for merging layers (the last wins, tables
//! merge, arrays are replaced) and for leading a merged value back to its text. It leaves to the
//! section readers which keys there are. It owns the invariant that a date leaves this file as the
//! text its author wrote, remembered as a date.
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

use super::problem::{Blame, Findings, Refusal, Source};
use super::suggest::quoted;

/// Where one key of a layer stands.
#[derive(Debug)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
    is_date: bool,
}

/// One TOML text, its values and their places by dotted path (`a.b`, `a.list[0]`).
#[derive(Debug)]
pub(super) struct Layer {
    source: Arc<Source>,
    values: Dict,
    places: BTreeMap<String, Place>,
}

impl Layer {
    /// Parses a text. Every line that is not TOML is noted; there is no layer then.
    pub(super) fn parse(source: &Arc<Source>, findings: &mut Findings) -> Option<Self> {
        let (document, errors) = DeTable::parse_recoverable(&source.text);
        let mut lines = BTreeSet::new();
        for error in &errors {
            // What follows in the same line is mostly a consequence.
            let start = error.span().map_or(0, |span| span.start);
            if !lines.insert(source.line_number(start)) {
                continue;
            }
            let blame = Blame { source: Arc::clone(source), key: None, span: error.span() };
            let message = format!("not valid TOML: {}", error.message());
            findings.add(&blame, Refusal::new(message));
        }
        if !errors.is_empty() {
            return None;
        }
        let mut layer = Self { source: Arc::clone(source), values: Dict::new(), places: BTreeMap::new() };
        layer.values = layer.table(document.get_ref(), "", findings);
        Some(layer)
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str, findings: &mut Findings) -> Dict {
        let mut values = Dict::new();
        for (key, value) in table {
            let path = child(path, key.get_ref());
            if let Some(converted) = self.value(value, key.span(), &path, findings) {
                values.insert(key.get_ref().to_string(), converted);
            }
        }
        values
    }

    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: Range<usize>,
        path: &str,
        findings: &mut Findings,
    ) -> Option<Value> {
        let place = Place { key, value: value.span(), is_date: value.get_ref().is_datetime() };
        self.places.insert(path.to_owned(), place);
        let converted = match value.get_ref() {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(digits) => {
                let Ok(number) = i64::from_str_radix(digits.as_str(), digits.radix()) else {
                    let message = format!("the integer {} is too large", quoted(digits.as_str()));
                    findings.refuse(&self.blame(path), Refusal::new(message));
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
                    self.value(element, element.span(), &path, findings)
                });
                Value::from(converted.collect::<Vec<_>>())
            }
            DeValue::Table(table) => Value::from(self.table(table, path, findings)),
        };
        Some(converted)
    }

    fn blame(&self, path: &str) -> Blame {
        Blame {
            source: Arc::clone(&self.source),
            key: Some(path.to_owned()),
            span: self.places.get(path).map(|place| place.value.clone()),
        }
    }
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// All layers of a job, merged.
#[derive(Debug)]
pub(super) struct Layers {
    parts: Vec<Layer>,
    merged: Figment,
    /// The merged values; each still carries the tag of the layer it comes from.
    pub(super) values: Dict,
}

impl Layers {
    /// Merges the layers; the last one wins, and it is to blame for what is missing from all.
    pub(super) fn merge(layers: Vec<Layer>) -> Self {
        let merged = layers.iter().fold(Figment::new(), Figment::merge);
        // The empty path is the whole; no layer's data can fail, so it is there.
        let whole = merged.find_value("").ok().and_then(Value::into_dict);
        Self { parts: layers, merged, values: whole.unwrap_or_default() }
    }

    fn layer(&self, tag: Tag) -> Option<&Layer> {
        let name = &self.merged.get_metadata(tag)?.name;
        self.parts.iter().find(|layer| layer.source.name == **name)
    }

    /// Blames the value at `path` that the layer marked by `tag` set.
    pub(super) fn blame_value(&self, path: &str, tag: Tag) -> Option<Blame> {
        Some(self.layer(tag)?.blame(path))
    }

    /// Blames the key itself rather than its value.
    pub(super) fn blame_key(&self, path: &str, tag: Tag) -> Option<Blame> {
        let layer = self.layer(tag)?;
        Some(Blame { span: layer.places.get(path).map(|place| place.key.clone()), ..layer.blame(path) })
    }

    /// Whether the value was written as a TOML date or time, without quotes.
    pub(super) fn is_date(&self, path: &str, tag: Tag) -> bool {
        let place = self.layer(tag).and_then(|layer| layer.places.get(path));
        place.is_some_and(|place| place.is_date)
    }
}

/// The path of a key inside a table, quoted as TOML would where the key is not a bare one.
pub(super) fn child(path: &str, key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let shown = if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, text: &str) -> Layer {
        let source = Arc::new(Source::new(name, text));
        Layer::parse(&source, &mut Findings::default()).expect("the text is TOML")
    }

    #[test]
    fn the_last_layer_wins_and_every_value_knows_its_own() {
        let layers = Layers::merge(vec![
            layer("low", "[a]\nkeep = 1\nswap = 2\nlist = [1, 2]"),
            layer("high", "a.swap = 3\na.list = [4]"),
        ]);
        let table = layers.values["a"].as_dict().unwrap();
        assert_eq!(table["list"].as_array().map(<[Value]>::len), Some(1));
        for (key, owner, span) in [("keep", "low", 11..12), ("swap", "high", 9..10)] {
            let path = child("a", key);
            let blame = layers.blame_value(&path, table[key].tag()).unwrap();
            assert_eq!((blame.source.name.as_str(), blame.span), (owner, Some(span)));
        }
    }

    #[test]
    fn dates_keep_their_text() {
        let layers = Layers::merge(vec![layer("x", "a = 2025-07-01\nb = \"2025-07-01\"")]);
        for (key, is_date) in [("a", true), ("b", false)] {
            let value = &layers.values[key];
            assert_eq!(value.as_str(), Some("2025-07-01"));
            assert_eq!(layers.is_date(key, value.tag()), is_date);
        }
    }
}
