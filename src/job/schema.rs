//! The JSON Schema of job files, for editors and linters.
//!
//! Responsible for what generating it from the tables leaves to be done: defaults, and what holds for
//! each file alone. It leaves keys, types and descriptions to the declarations of the tables. It owns
//! the invariant that a file which the schema refuses is refused by [`load`](super::load) too; rules
//! between keys and files are beyond it.

use std::sync::Arc;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::file::JobFile;
use super::problem::Findings;
use super::text::{DEFAULTS, Layer, Origin, Source};

/// The schema, draft 7: of a job file, a file it extends, or the built-in defaults. No key is
/// required, since each may stand in another of a job's files.
#[must_use]
pub fn schema() -> Json {
    let root = SchemaSettings::draft07().into_generator().into_root_schema_for::<JobFile>();
    let mut schema = root.to_value();
    walk(&mut schema);
    let (definitions, properties) = (schema["definitions"].take(), &mut schema["properties"]);
    let mut definitions = definitions;
    defaults(properties, &mut definitions);
    schema["definitions"] = definitions;
    schema["title"] = json!("s3scan job file");
    schema["description"] =
        json!("What s3scan scans: accounts, buckets, objects by time and name, and where their rows go.");
    schema
}

/// Takes what generating has put in too much out of a schema and those inside it.
fn walk(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.remove("required");
            if let Some(Json::String(text)) = object.get_mut("description") {
                // The lines of a doc comment are one paragraph.
                *text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
            }
            // Where a description stands beside a reference it is the one that counts.
            if let Some(Json::Array(all)) = object.get("allOf")
                && let [Json::Object(reference)] = all.as_slice()
                && object.len() == 1
            {
                *object = reference.clone();
            }
            object.values_mut().for_each(walk);
        }
        Json::Array(elements) => elements.iter_mut().for_each(walk),
        _ => {}
    }
}

/// Adds the built-in defaults to the keys that have one.
fn defaults(properties: &mut Json, definitions: &mut Json) {
    let source = Arc::new(Source::new(Origin::Defaults, 0, DEFAULTS.0, DEFAULTS.1));
    let (layer, _) = Layer::parse(&source, &mut Findings::default());
    let values = serde_json::to_value(&layer.values).unwrap_or_default();
    add(properties, definitions, values.as_object().unwrap_or(&Map::new()));
}

fn add(properties: &mut Json, definitions: &mut Json, values: &Map<String, Json>) {
    for (key, value) in values {
        let property = &mut properties[key];
        match (property.get("$ref").and_then(Json::as_str), value) {
            (Some(reference), Json::Object(table)) => {
                let name = reference.trim_start_matches("#/definitions/").to_owned();
                let mut inner = definitions[&name]["properties"].take();
                add(&mut inner, definitions, table);
                definitions[&name]["properties"] = inner;
            }
            _ => property["default"] = value.clone(),
        }
    }
}
