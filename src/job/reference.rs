//! The reference of the job file for people: the schema, told in Markdown.
//!
//! Responsible for the layout. It leaves every word on a key to the schema, and so to the declarations
//! of the tables.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

/// The reference as Markdown: a section for each table of the job file, with a row for each of its
/// keys. `schema` is that of [`schema`](super::schema()).
#[must_use]
pub fn reference(schema: &Json) -> String {
    let properties = keys_of(schema).into_iter().flatten();
    let (tables, keys): (Vec<_>, Vec<_>) = properties.partition(|(_, property)| is_table(property));
    let mut text = "### Top level\n\n".to_owned();
    rows(&mut text, &keys);
    for (name, property) in tables {
        section(&mut text, schema, name, property);
    }
    text
}

/// A table of the job file, and those inside it.
fn section(text: &mut String, schema: &Json, path: &str, property: &Json) {
    let named = named(property);
    let table = resolved(schema, named.unwrap_or(property));
    let is_named = named.is_some() && keys_of(table).is_some();
    let path = if is_named { format!("{path}.NAME") } else { path.to_owned() };
    let description = property.get("description").or(table.get("description")).and_then(Json::as_str);
    let _ = write!(text, "\n### `[{path}]`\n\n{}\n", description.unwrap_or_default());
    // Overlays have the keys of the top level: once is enough.
    let Some(keys) = keys_of(table).filter(|_| !is_overlay(schema, property)) else {
        words(text, &table["items"]);
        return;
    };
    let (tables, keys): (Vec<_>, Vec<_>) = keys.iter().partition(|(_, property)| is_table(property));
    text.push('\n');
    rows(text, &keys);
    for (inner, property) in tables {
        section(text, schema, &format!("{path}.{inner}"), property);
    }
}

fn rows(text: &mut String, keys: &[(&String, &Json)]) {
    text.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
    for (key, property) in keys {
        let default = property.get("default").map_or_else(String::new, |value| format!("`{}`", toml(value)));
        row(text, &[format!("`{key}`"), value(property), default, meaning(property)]);
    }
}

/// The words that the elements of a list can be.
fn words(text: &mut String, element: &Json) {
    if element.get("enum").is_some() {
        text.push_str("\n| column | content |\n|---|---|\n");
    }
    for (word, documentation) in documented(element) {
        row(text, &[format!("`{}`", word.as_str().unwrap_or_default()), documentation.to_owned()]);
    }
}

fn row(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn keys_of(table: &Json) -> Option<&Map<String, Json>> {
    table.get("properties")?.as_object()
}

/// The schema of the tables or values whose names the author chooses.
fn named(property: &Json) -> Option<&Json> {
    property.get("patternProperties")?.as_object()?.values().next()
}

fn is_table(property: &Json) -> bool {
    property.get("$ref").or(named(property)).is_some()
}

fn is_overlay(schema: &Json, property: &Json) -> bool {
    schema["properties"].get("overlay") == Some(property)
}

fn resolved<'s>(schema: &'s Json, property: &'s Json) -> &'s Json {
    let name = property.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("#/definitions/"));
    name.map_or(property, |name| &schema["definitions"][name])
}

/// What can stand at a key.
fn value(property: &Json) -> String {
    let text = |key: &str| property.get(key).and_then(Json::as_str);
    let number = |key: &str| property.get(key).and_then(Json::as_u64);
    if let Some(any) = property.get("anyOf").and_then(Json::as_array) {
        let mut values: Vec<String> = any.iter().map(value).collect();
        values.dedup();
        return values.join(" or ");
    }
    match text("type") {
        Some("string") if property.get("enum").is_some() => "one of these words".to_owned(),
        Some("string") if text("format").is_some_and(|format| format.starts_with("date")) => {
            "date or date-time".to_owned()
        }
        Some("array") if property["items"].get("enum").is_some() => "list of columns".to_owned(),
        Some("array") => "list of strings".to_owned(),
        Some("integer") => match (property.get("const"), number("minimum"), number("maximum")) {
            (Some(only), ..) => format!("`{only}`"),
            (None, Some(least), Some(most)) if most < u64::from(u32::MAX) => format!("integer from {least} to {most}"),
            (None, Some(least), _) => format!("integer from {least}"),
            (None, None, _) => "integer".to_owned(),
        },
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

fn meaning(property: &Json) -> String {
    let mut text = property.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
    for (word, documentation) in documented(property) {
        let _ = write!(text, "<br>`{word}`: {documentation}");
    }
    let examples = property.get("examples").and_then(Json::as_array).into_iter().flatten();
    let others = examples.filter(|example| Some(*example) != property.get("default"));
    let others: Vec<String> = others.map(|example| format!("`{}`", toml(example))).collect();
    if !others.is_empty() {
        let _ = write!(text, "<br>For example {}", others.join(", "));
    }
    text
}

/// Each word of a choice with its documentation.
fn documented(property: &Json) -> impl Iterator<Item = (&Json, &str)> {
    let list = |key: &str| property.get(key).and_then(Json::as_array).into_iter().flatten();
    list("enum").zip(list("enumDescriptions").map(|text| text.as_str().unwrap_or_default()))
}

/// A value as it is written in TOML.
fn toml(value: &Json) -> String {
    match value.as_array() {
        Some(elements) => format!("[{}]", elements.iter().map(toml).collect::<Vec<_>>().join(", ")),
        None => value.to_string(),
    }
}
