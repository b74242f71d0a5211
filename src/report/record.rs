//! The shape of a log record: a line of text, or a JSON object a line.
//!
//! Owns that every record made once a run has begun bears the run's id, whoever makes it and on
//! whichever thread, and that a record is one line.

use crate::job::LogFormat;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Which run records belong to. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct RunTag(Arc<Mutex<Option<Arc<str>>>>);

impl RunTag {
    /// From now on records belong to this run, or to none.
    pub fn set(&self, run: Option<&str>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = run.map(Arc::from);
    }

    fn get(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Makes records for programs and for the log file: time in UTC, level, what is said, fields, run.
pub struct RecordFormat {
    /// Text or JSON.
    pub format: LogFormat,
    /// The run.
    pub tag: RunTag,
}

impl<S, N> FormatEvent<S, N> for RecordFormat
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (time, level, run) = (now(), event.metadata().level(), self.tag.get());
        // Ours all come from one place; of a library's, the place says whose they are.
        let target = Some(event.metadata().target()).filter(|target| !target.starts_with("s3scan"));
        match self.format {
            LogFormat::Text => {
                write!(writer, "{time:.3} {level:>5} ")?;
                target.map_or(Ok(()), |target| write!(writer, "{target}: "))?;
                context.format_fields(writer.by_ref(), event)?;
                run.map_or(Ok(()), |run| write!(writer, " run={run}"))?;
                writeln!(writer)
            }
            LogFormat::Json => {
                let mut fields = Fields(Map::new());
                fields.put("timestamp", format!("{time:.3}"));
                fields.put("level", level.as_str());
                if let Some(target) = target {
                    fields.put("target", target);
                }
                if let Some(run) = run {
                    fields.put("run", &*run);
                }
                event.record(&mut fields);
                writeln!(writer, "{}", Value::Object(fields.0))
            }
        }
    }
}

/// Gathers the fields of a record.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

/// The time of day where the program runs, to the second: for people who watch.
pub struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", now().to_zoned(TimeZone::system()).strftime("%H:%M:%S"))
    }
}

/// Records bear the time at which they are made; nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "only what is shown depends on it")]
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use tracing::subscriber::with_default;
    use tracing::{info, warn};

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged, with the time cut off.
    fn logged(format: LogFormat, tag: &RunTag, log: impl FnOnce()) -> Vec<String> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let format = RecordFormat { format, tag: tag.clone() };
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).event_format(format);
        with_default(subscriber.finish(), log);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn records_bear_the_run_once_it_has_begun_whoever_makes_them() {
        let tag = RunTag::default();
        let log = || {
            info!("before");
            tag.set(Some("R"));
            info!(objects = 3_u64, name = "a\nb", whole = true, missing = None::<&str>, "said");
            warn!(target: "aws_smithy_runtime", error = ?Some(1), "theirs");
        };
        let lines = logged(LogFormat::Text, &tag, log);
        let lines: Vec<&str> = lines.iter().map(|line| &line[24..]).collect();
        assert_eq!(
            lines,
            [
                "  INFO before",
                "  INFO said objects=3 name=\"a\\nb\" whole=true run=R",
                "  WARN aws_smithy_runtime: theirs error=Some(1) run=R"
            ]
        );
        tag.set(None);
        let lines = logged(LogFormat::Json, &tag, log);
        let mut records: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for record in &mut records {
            let time = record.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert!(time.as_str().unwrap().parse::<Timestamp>().is_ok(), "{time}");
        }
        let said = serde_json::json!({
            "level": "INFO", "run": "R", "objects": 3, "name": "a\nb", "whole": true, "message": "said"
        });
        let theirs = serde_json::json!({
            "level": "WARN", "run": "R", "target": "aws_smithy_runtime", "error": "Some(1)", "message": "theirs"
        });
        let before = serde_json::json!({ "level": "INFO", "message": "before" });
        assert_eq!(records, [before, said, theirs]);
    }
}
