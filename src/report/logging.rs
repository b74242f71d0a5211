//! Log records: to the console for people, and to the job's log file.
//!
//! Owns that what libraries say is heard only from `warn` up, and that a record in the file carries
//! the run it belongs to. What is said is left to those who say it.

use super::console::Console;
use crate::job::{LogFormat, LogLevel, LogSettings};
use crate::output::{FileError, create_folder};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber, error_span};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

/// Records that wait for the file. Few enough to be written within the second that the writing
/// thread is given at the end.
const BUFFERED: usize = 1_024;

/// The target of the span that carries the run's id.
const RUN: &str = "s3scan::run";

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;
type FilterHandle = reload::Handle<Targets, Registry>;

/// What is logged, and where.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions<'job> {
    /// The least severe record on the console; `info` unless asked otherwise, `warn` when quiet.
    pub level: LogLevel,
    /// The shape of a record on the console.
    pub format: LogFormat,
    /// The job's log file, where there is a job yet.
    pub file: Option<&'job LogSettings>,
}

/// Keeps the log file open. Dropping it writes what is left; records then go to the console only.
#[derive(Debug)]
pub struct LogGuard {
    sink: FileSink,
    text: FilterHandle,
    json: FilterHandle,
    worker: Option<WorkerGuard>,
}

/// Installs logging for the whole process. To be called once; later calls have no effect on where
/// records go, and another job's file is taken up by [`LogGuard::redirect`].
///
/// # Errors
/// When the log file cannot be opened.
pub fn start_logging(options: &LogOptions<'_>, console: &Console) -> Result<LogGuard, FileError> {
    let (subscriber, mut guard) = subscriber(options, console);
    // As documented: the first call stands.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(file) = options.file {
        guard.redirect(file)?;
    }
    Ok(guard)
}

impl LogGuard {
    /// Writes what is left to the file so far, and from now on appends to that of `settings`: the
    /// next job's. Its folder is created.
    ///
    /// # Errors
    /// When the file cannot be opened; records then go to the console only.
    pub fn redirect(&mut self, settings: &LogSettings) -> Result<(), FileError> {
        self.close();
        create_folder(settings.file.parent().unwrap_or(Path::new("")))?;
        let opened = OpenOptions::new().append(true).create(true).open(&settings.file);
        let file = opened.map_err(FileError::at("open log", &settings.file))?;
        let builder = NonBlockingBuilder::default().lossy(false).buffered_lines_limit(BUFFERED);
        let (writer, worker) = builder.thread_name("log").finish(file);
        self.worker = Some(worker);
        self.sink.set(Some(writer));
        let filter = match settings.format {
            LogFormat::Text => &self.text,
            LogFormat::Json => &self.json,
        };
        reload(filter, filter_of(settings.level));
        Ok(())
    }

    fn close(&mut self) {
        reload(&self.text, nothing());
        reload(&self.json, nothing());
        self.sink.set(None);
        self.worker = None;
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.close();
    }
}

/// A span whose records belong to the run with the id `run`. It has the level of an error, so that
/// no level of the log takes the id from its records.
pub(super) fn run_span(run: &str) -> Span {
    error_span!(target: RUN, "run", id = run)
}

fn subscriber(options: &LogOptions<'_>, console: &Console) -> (impl Subscriber + Send + Sync, LogGuard) {
    let sink = FileSink::default();
    let (text, text_handle) = reload::Layer::new(nothing());
    let (json, json_handle) = reload::Layer::new(nothing());
    let file = || tracing_subscriber::fmt::layer().with_writer(sink.clone()).with_timer(UtcTime).with_ansi(false);
    let layers: Vec<AnyLayer> = vec![
        console_layer(options, console),
        file().with_filter(text).boxed(),
        file().json().flatten_event(true).with_span_list(false).with_filter(json).boxed(),
    ];
    let guard = LogGuard { sink: sink.clone(), text: text_handle, json: json_handle, worker: None };
    (tracing_subscriber::registry().with(layers), guard)
}

/// People see one run at a time, so its id is left out for them.
fn console_layer(options: &LogOptions<'_>, console: &Console) -> AnyLayer {
    let layer = tracing_subscriber::fmt::layer().with_writer(console.clone());
    let filter = filter_of(options.level);
    match options.format {
        LogFormat::Text => {
            let layer = layer.with_target(false).with_timer(LocalTime).with_ansi(console.colour());
            layer.with_filter(filter.with_target(RUN, LevelFilter::OFF)).boxed()
        }
        LogFormat::Json => {
            let layer = layer.with_timer(UtcTime).json().flatten_event(true).with_span_list(false);
            layer.with_filter(filter).boxed()
        }
    }
}

/// Our own records from `level` up and warnings of libraries, but for the demo endpoint's `s3s`,
/// which warns of every error that it is told to answer.
fn filter_of(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // The longest target counts, so that `s3s` does not cover `s3scan`.
    let others = level.min(LevelFilter::WARN);
    // What the SDK warns of on its way along the credential chain is a dump of its types; where it
    // matters, the failed request says it in words.
    Targets::new()
        .with_default(others)
        .with_target("aws_config", others.min(LevelFilter::ERROR))
        .with_target("s3s", LevelFilter::OFF)
        .with_target("s3scan", level)
}

fn nothing() -> Targets {
    Targets::new().with_default(LevelFilter::OFF)
}

fn reload(filter: &FilterHandle, targets: Targets) {
    // It fails only where the subscriber is gone, and then nothing is logged anyhow.
    let _ = filter.reload(targets);
}

/// The log file that is open, if any.
#[derive(Clone, Debug, Default)]
struct FileSink(Arc<Mutex<Option<NonBlocking>>>);

impl FileSink {
    fn set(&self, writer: Option<NonBlocking>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = writer;
    }
}

impl<'sink> MakeWriter<'sink> for FileSink {
    type Writer = Box<dyn io::Write>;

    fn make_writer(&'sink self) -> Self::Writer {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(writer) => Box::new(writer.clone()),
            None => Box::new(io::sink()),
        }
    }
}

/// RFC 3339 in UTC to the millisecond.
struct UtcTime;

impl FormatTime for UtcTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:.3}", now())
    }
}

/// The time of day where the program runs, to the second.
struct LocalTime;

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
    use super::super::console::Progress;
    use super::super::console::tests::{captured, text};
    use super::*;
    use tracing::subscriber::with_default;
    use tracing::{debug, error, info, warn};

    fn settings(folder: &Path, name: &str, level: LogLevel, format: LogFormat) -> LogSettings {
        LogSettings { file: folder.join("logs").join(name), level, format }
    }

    fn options(level: LogLevel, format: LogFormat) -> LogOptions<'static> {
        LogOptions { level, format, file: None }
    }

    #[test]
    fn the_console_shows_ours_at_its_level_and_warnings_of_others() {
        let (console, written) = captured(Progress::Plain);
        let (subscriber, _guard) = subscriber(&options(LogLevel::Info, LogFormat::Text), &console);
        with_default(subscriber, || {
            let _run = run_span("20261122T114500Z").entered();
            info!(bucket = "a\n\u{1b}[31m\u{202e}b", objects = 3, "listed");
            debug!("hidden");
            info!(target: "aws_smithy_runtime", "hidden");
            info!(target: "hyper_util::client", "hidden");
            error!(target: "s3s::ops", "hidden");
            warn!(target: "aws_config::imds", "hidden");
            warn!(target: "aws_smithy_runtime", "shown");
        });
        let written = text(&written);
        let lines: Vec<&str> = written.lines().map(|line| &line[8..]).collect();
        assert_eq!(
            lines,
            ["  INFO listed bucket=\"a\\n\\u{1b}[31m\\u{202e}b\" objects=3", "  WARN shown"],
            "{written}"
        );
        assert_eq!(&written[2..3], ":");
    }

    #[test]
    fn quiet_is_quiet_about_others_too() {
        let (console, written) = captured(Progress::Plain);
        let (subscriber, _guard) = subscriber(&options(LogLevel::Error, LogFormat::Json), &console);
        with_default(subscriber, || {
            warn!("hidden");
            warn!(target: "aws_config", "hidden");
            error!(code = 7, "shown");
        });
        let record: serde_json::Value = serde_json::from_str(&text(&written)).unwrap();
        assert_eq!((&record["message"], &record["code"]), (&"shown".into(), &7.into()));
    }

    #[test]
    fn the_file_holds_every_record_once_the_guard_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let log = settings(folder.path(), "job.log", LogLevel::Debug, LogFormat::Text);
        create_folder(&folder.path().join("logs")).unwrap();
        std::fs::write(&log.file, "an earlier run\n").unwrap();
        let (console, written) = captured(Progress::None);
        let (subscriber, mut guard) = subscriber(&options(LogLevel::Warn, LogFormat::Text), &console);
        guard.redirect(&log).unwrap();
        with_default(subscriber, || {
            let _run = run_span("20261122T114500Z").entered();
            for number in 0..20_000 {
                debug!(number, "counted");
            }
            drop(guard);
            warn!("to the console only");
        });
        let logged = std::fs::read_to_string(&log.file).unwrap();
        let lines: Vec<&str> = logged.lines().collect();
        assert_eq!((lines.len(), lines[0]), (20_001, "an earlier run"));
        for (number, line) in lines[1..].iter().enumerate() {
            let (time, rest) = line.split_once(' ').unwrap();
            assert!(time.ends_with('Z') && time.len() == 24 && time.parse::<Timestamp>().is_ok(), "{line}");
            let expected = format!(
                "DEBUG run{{id=\"20261122T114500Z\"}}: s3scan::report::logging::tests: counted number={number}"
            );
            assert_eq!(rest.trim_start(), expected);
        }
        assert_eq!(text(&written).lines().count(), 1);
    }

    #[test]
    fn the_next_job_logs_to_its_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = settings(folder.path(), "first.log", LogLevel::Info, LogFormat::Text);
        let second = settings(folder.path(), "second.log", LogLevel::Warn, LogFormat::Json);
        let (console, _) = captured(Progress::None);
        let (subscriber, mut guard) = subscriber(&options(LogLevel::Error, LogFormat::Text), &console);
        with_default(subscriber, || {
            guard.redirect(&first).unwrap();
            info!("of the first");
            guard.redirect(&second).unwrap();
            let _run = run_span("R").entered();
            info!("below the level");
            warn!(bucket = "a\nb", "of the second");
        });
        drop(guard);
        let first = std::fs::read_to_string(&first.file).unwrap();
        assert!(first.ends_with("of the first\n") && first.lines().count() == 1, "{first}");
        let second: serde_json::Value = serde_json::from_slice(&std::fs::read(&second.file).unwrap()).unwrap();
        assert!(second["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(second["level"], "WARN");
        assert_eq!(second["message"], "of the second");
        assert_eq!(second["bucket"], "a\nb");
        assert_eq!(second["span"]["id"], "R");
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("logs").join("job.log")).unwrap();
        let log = settings(folder.path(), "job.log", LogLevel::Info, LogFormat::Text);
        let (console, _) = captured(Progress::None);
        let (_subscriber, mut guard) = subscriber(&options(LogLevel::Info, LogFormat::Text), &console);
        let error = guard.redirect(&log).unwrap_err();
        assert_eq!((error.doing, error.path), ("open log", log.file));
    }
}
