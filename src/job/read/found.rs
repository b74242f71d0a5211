//! One value as it was found, and what it may be read as.
//!
//! Responsible for types: what was found where what is allowed. It leaves to the types themselves
//! what they make of it. It owns the invariant that what a person wrote as text stays text: a number
//! set by a variable or a flag is, where a string belongs, the text it was written as, leading zeros
//! included.

use figment::value::Value;
use serde_json::{Value as Json, json};

use super::super::problem::{Blame, Findings, Refusal, Written};
use super::super::suggest::quoted;
use super::super::text::Layers;

/// What a key or an element of a list can hold.
pub trait Readable: Sized {
    /// Reads the value, by its type and by what holds for it alone.
    ///
    /// # Errors
    /// What was found, what is allowed, and advice.
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal>;

    /// What the schema says of it, without a description.
    fn schema() -> Json;
}

/// A value at a key.
pub struct Found<'s> {
    pub(super) layers: &'s Layers<'s>,
    pub(super) findings: &'s mut Findings,
    pub(super) path: &'s str,
    pub(super) value: &'s Value,
}

impl Found<'_> {
    /// The value as a string; an unquoted date is none.
    pub fn string(&self, allowed: &str) -> Result<String, Refusal> {
        let (tag, scalar) = (self.value.tag(), !matches!(self.value, Value::Array(..) | Value::Dict(..)));
        let is_date = self.layers.is_date(self.path, tag);
        if let Some(text) = self.value.as_str().filter(|_| !is_date) {
            return Ok(text.to_owned());
        }
        let loose = self.layers.loose_text(self.path, tag).filter(|_| scalar);
        loose.map(str::to_owned).ok_or_else(|| {
            let refusal = self.expected(allowed);
            let is_flag = matches!(self.value, Value::Bool(..));
            if scalar && !is_flag { refusal.hint("write it in quotes") } else { refusal }
        })
    }

    /// The value as the text of a date: a string, or a TOML date, time or both without quotes.
    pub fn date(&self, allowed: &str) -> Result<String, Refusal> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.expected(allowed))
    }

    /// The value as an integer.
    pub fn integer(&self, allowed: &str) -> Result<i64, Refusal> {
        integer(self.value).ok_or_else(|| self.expected(allowed))
    }

    /// The value as a number, with or without a fraction.
    pub fn number(&self, allowed: &str) -> Result<f64, Refusal> {
        let whole = integer(self.value).and_then(|number| i32::try_from(number).ok());
        whole.map(f64::from).or_else(|| self.value.to_f64()).ok_or_else(|| self.expected(allowed))
    }

    /// Whether the value is an integer.
    pub fn is_integer(&self) -> bool {
        integer(self.value).is_some()
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        self.value.as_array().is_some()
    }

    /// How many elements the value has as a list.
    pub fn elements(&self) -> usize {
        self.value.as_array().map_or(0, <[Value]>::len)
    }

    /// Notes a problem with a part of the value.
    pub fn note(&mut self, blame: &Blame, refusal: Refusal) {
        self.findings.refuse(blame, refusal);
    }

    /// The value as a list; elements that are refused are noted one by one and left out.
    pub fn list<T: Readable>(&mut self, allowed: &str) -> Result<Vec<Written<T>>, Refusal> {
        let Some(elements) = self.value.as_array() else {
            let refusal = self.expected(allowed);
            let text = self.value.as_str().map(|text| {
                if text.contains(['[', '"', '\\']) {
                    return "texts in a list stand in quotes: `[\"a\", \"b\"]`".to_owned();
                }
                format!("write {}", quoted(&format!("[\"{text}\"]")))
            });
            return Err(match text {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            });
        };
        let read = elements.iter().enumerate().filter_map(|(index, value)| {
            let path = format!("{}[{index}]", self.path);
            Found { layers: self.layers, findings: self.findings, path: &path, value }.written()
        });
        Ok(read.collect())
    }

    /// Reads the value as a `T`; a refusal is noted.
    pub fn written<T: Readable>(mut self) -> Option<Written<T>> {
        let read = T::read(&mut self);
        let blame = self.layers.blame_value(self.path, self.value.tag())?;
        match read {
            Ok(value) => Some(Written { value, blame }),
            Err(refusal) => {
                self.findings.refuse(&blame, refusal);
                None
            }
        }
    }

    /// That something else was expected than was found.
    pub fn expected(&self, allowed: &str) -> Refusal {
        let found = if self.layers.is_date(self.path, self.value.tag()) {
            let text = self.value.as_str().unwrap_or_default();
            let what = if text.contains('-') { "date" } else { "time" };
            format!("the {what} {}", quoted(text))
        } else {
            described(self.value)
        };
        Refusal::new(format!("expected {allowed}, found {found}"))
    }
}

fn integer(value: &Value) -> Option<i64> {
    value.to_i128().and_then(|number| i64::try_from(number).ok())
}

/// A value as messages name it.
fn described(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("the string {}", quoted(text)),
        Value::Bool(_, flag) => format!("`{flag}`"),
        Value::Num(..) => match (integer(value), value.to_f64()) {
            (Some(number), _) => format!("the integer `{number}`"),
            // With its point, without which it would be an integer.
            (None, Some(number)) => format!("the number `{number:?}`"),
            (None, None) => "a number".to_owned(),
        },
        Value::Array(..) => "a list".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Char(..) | Value::Empty(..) => "something else".to_owned(),
    }
}

impl Readable for bool {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        found.value.to_bool().ok_or_else(|| found.expected("`true` or `false`"))
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
}

/// Any text.
impl Readable for String {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        found.string("a string")
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl<T: Readable> Readable for Vec<Written<T>> {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        found.list("a list of strings")
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }
}
