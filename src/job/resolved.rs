//! A job as it holds after all layers, as TOML, with where each key comes from.
//!
//! Responsible for writing it down. It owns the invariant that what it writes is a job file that
//! means the same: paths relative to the file that said them become absolute, and nothing else
//! changes.

use std::fmt::Write as _;
use std::path::absolute;

use figment::value::{Dict, Value};

use serde_json::Value as Json;

use super::problem::{Blame, Problems};
use super::text::{Layers, Origin, child};
use super::{Request, read, schema};

/// Longest line before the origin stands behind it rather than above.
const ALIGNED: usize = 60;

/// The resolved job as TOML, its keys in the order of the reference; with `origins`, a comment at
/// each key says which file and line, variable or flag set it.
///
/// # Errors
/// As [`load`](super::load): a job with problems has no resolved form.
pub fn resolved(request: &Request, origins: bool) -> Result<String, Problems> {
    let (job, stack) = read(request);
    let job = job?;
    let layers = Layers::merge(stack.layers.iter().collect());
    let schema = schema();
    let mut writer = Writer { layers: &layers, schema: &schema, origins, text: "version = 1\n".to_owned() };
    if !layers.values.contains_key("name") {
        writer.line("name", &quoted(&job.name), "the file's name");
    }
    writer.table(&layers.values, "", &schema);
    Ok(writer.text)
}

struct Writer<'l> {
    layers: &'l Layers<'l>,
    schema: &'l Json,
    origins: bool,
    text: String,
}

impl<'l> Writer<'l> {
    fn table(&mut self, table: &Dict, path: &str, schema: &'l Json) {
        let is_table = |value: &Value| value.as_dict().is_some();
        let mut entries: Vec<(&String, &Value)> = table.iter().collect();
        let declared: Vec<&String> =
            schema["properties"].as_object().into_iter().flat_map(|keys| keys.keys()).collect();
        entries.sort_by_key(|(key, _)| declared.iter().position(|declared| declared == key));
        for (key, value) in entries.iter().filter(|(_, value)| !is_table(value)) {
            let path = child(path, key);
            let blame = self.layers.blame_value(&path, value.tag());
            let origin = blame.as_ref().map_or_else(String::new, origin);
            let shown = match (key.as_str(), value.as_str(), &blame) {
                ("account_ids_file", Some(file), Some(blame)) => {
                    let file = blame.source.folder().join(file);
                    quoted(&absolute(&file).unwrap_or(file).display().to_string())
                }
                _ => self.value(value, &path, self.at(schema, key)),
            };
            self.line(&child("", key), &shown, &origin);
        }
        for (key, value) in entries {
            let Some(inner) = value.as_dict() else {
                continue;
            };
            let path = child(path, key);
            // A table of tables needs no head of its own.
            if inner.is_empty() || inner.values().any(|value| !is_table(value)) {
                let _ = write!(self.text, "\n[{path}]\n");
            }
            self.table(inner, &path, self.at(schema, key));
        }
    }

    /// The schema of what stands at a key.
    fn at(&self, schema: &'l Json, key: &str) -> &'l Json {
        let named = || schema["patternProperties"].as_object().and_then(|names| names.values().next());
        let found = schema["properties"].get(key).or_else(named).unwrap_or(&Json::Null);
        let definition = found["$ref"].as_str().and_then(|name| name.strip_prefix("#/definitions/"));
        definition.map_or(found, |name| &self.schema["definitions"][name])
    }

    fn line(&mut self, key: &str, value: &str, origin: &str) {
        let line = format!("{key} = {value}");
        let _ = match (self.origins, line.chars().count()) {
            (false, _) => writeln!(self.text, "{line}"),
            (true, ..=ALIGNED) => writeln!(self.text, "{line:ALIGNED$}  # {origin}"),
            (true, _) => writeln!(self.text, "# {origin}\n{line}"),
        };
    }

    fn value(&self, value: &Value, path: &str, schema: &Json) -> String {
        if let Some(elements) = value.as_array() {
            let shown = elements
                .iter()
                .enumerate()
                .map(|(index, value)| self.value(value, &format!("{path}[{index}]"), &schema["items"]));
            return format!("[{}]", shown.collect::<Vec<_>>().join(", "));
        }
        let loose = self.layers.loose_text(path, value.tag());
        match (value.as_str(), loose) {
            (Some(text), _) if self.layers.is_date(path, value.tag()) => text.to_owned(),
            (Some(text), _) => quoted(text),
            // A number from a variable, where text belongs.
            (None, Some(text)) if schema["type"] == "string" => quoted(text),
            _ => match (value.to_bool(), value.to_i128()) {
                (Some(flag), _) => flag.to_string(),
                (None, Some(number)) => number.to_string(),
                (None, None) => value.to_f64().map_or_else(String::new, |number| format!("{number:?}")),
            },
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Where a value stands, as people are told.
fn origin(blame: &Blame) -> String {
    let source = &blame.source;
    match (source.origin, &blame.span) {
        (Origin::File, Some(span)) => format!("{}:{}", source.name, source.line_number(span.start)),
        _ => source.name.replace('`', ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::load;
    use std::fs;

    #[test]
    fn what_is_written_down_means_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("ids.txt"), "111111111111\n").unwrap();
        fs::write(
            at("base.toml"),
            "[column_sets]\nfew = [\"key\", \"size\"]\n[accounts.org]\naccount_ids_file = \"ids.txt\"\n",
        )
        .unwrap();
        let text = "version = 1\nextends = [\"base.toml\"]\nname = \"x\"\n[output]\ncolumns = \"few\"\n[window]\n\
                    since = 2025-07-01\n[overlay.ci]\nlimits.burst = 3\nlimits.requests_per_second = 7\n";
        fs::write(at("job.toml"), text).unwrap();
        let variable = |name: &str, value: &str| (format!("S3SCAN_JOB__{name}"), value.to_owned());
        let request = Request {
            path: at("job.toml"),
            overlays: vec!["ci".to_owned()],
            environment: vec![variable("ACCOUNTS__B__ACCOUNT_ID", "123456789012"), variable("DESCRIPTION", "7 \"x\"")],
            set: vec!["buckets.include=['a-*', \"b\"]".to_owned()],
            ..Request::default()
        };
        for origins in [false, true] {
            let text = resolved(&request, origins).unwrap();
            fs::write(at("again.toml"), &text).unwrap();
            let again = Request { path: at("again.toml"), ..Request::default() };
            let jobs = [&request, &again].map(|request| format!("{:?}", load(request).unwrap()));
            assert_eq!(jobs[0], jobs[1], "{text}");
        }
        let text = resolved(&request, true).unwrap().replace(&folder.path().display().to_string(), "F");
        for origin in
            ["# F/job.toml:7", "# F/base.toml:2", "# environment variable S3SCAN_JOB__DESCRIPTION", "# --set b"]
        {
            assert!(text.contains(origin), "{origin}: {text}");
        }
    }
}
