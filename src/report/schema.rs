//! The JSON Schemas of `summary.json` and of plans, for programs that read them.
//!
//! Owns that it is generated from the types that are written, so that the two cannot part.

use super::plan::Plans;
use super::summary::Summary;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema of summaries, draft 7. Keys may be added within a version: readers are to ignore those
/// they do not know.
#[must_use]
pub fn summary_schema() -> Value {
    let about = "What became of a run of s3scan: `summary.json` in the run's folder, whatever its end.";
    schema_of::<Summary>("s3scan summary", about)
}

/// The schema of plans, in the same way.
#[must_use]
pub fn plan_schema() -> Value {
    schema_of::<Plans>("s3scan plan", "What runs of s3scan would do and take: what `s3scan plan --format json` prints.")
}

fn schema_of<T: JsonSchema>(title: &str, about: &str) -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    join_lines(&mut schema);
    schema["title"] = json!(title);
    schema["description"] = json!(about);
    schema
}

/// Makes one paragraph of the lines of each doc comment.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
            }
            object.values_mut().for_each(join_lines);
        }
        Value::Array(elements) => elements.iter_mut().for_each(join_lines),
        _ => {}
    }
}
