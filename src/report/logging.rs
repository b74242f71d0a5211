//! Log records: to the console for people, and to the job's log file.
//!
//! Owns that what libraries say is heard only from `warn` up, that a log file that cannot be written
//! is told of once and fails nothing, for the output is whole without it, and that a record is in the
//! file when the call that makes it returns. What is said is left to those who say it, and the shape
//! of a record to `record`.

use super::console::Console;
use super::record::{LocalTime, RecordFormat, RunTag};
use crate::job::{LogFormat, LogLevel, LogSettings};
use crate::output::{FileError, create_folder};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

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

/// Keeps the log file open. Once it is dropped, records go to the console only.
#[derive(Debug)]
pub struct LogGuard {
    file: FileSink,
    tag: RunTag,
    text: FilterHandle,
    json: FilterHandle,
    console: Console,
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
    /// From now on appends to the file of `settings`: the next job's. Its folder is created. Records
    /// belong to no run until the next one begins.
    ///
    /// # Errors
    /// When the file cannot be opened; records then go to the console only.
    pub fn redirect(&mut self, settings: &LogSettings) -> Result<(), FileError> {
        self.close();
        create_folder(settings.file.parent().unwrap_or(Path::new("")))?;
        let opened = OpenOptions::new().append(true).create(true).open(&settings.file);
        let file = opened.map_err(FileError::at("open log", &settings.file))?;
        let (path, console) = (settings.file.clone(), self.console.clone());
        *self.file.lock() = Some(LogFile { file, path, failure: None, console });
        let filter = match settings.format {
            LogFormat::Text => &self.text,
            LogFormat::Json => &self.json,
        };
        reload(filter, filter_of(settings.level));
        Ok(())
    }

    /// Which run records belong to, to be set when it is known.
    #[must_use]
    pub fn tag(&self) -> RunTag {
        self.tag.clone()
    }

    /// Why records are missing in the file, where it could not be written.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.file.lock().as_ref().and_then(|file| file.failure.clone())
    }

    fn close(&mut self) {
        reload(&self.text, nothing());
        reload(&self.json, nothing());
        *self.file.lock() = None;
        self.tag.set(None);
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.close();
    }
}

pub(super) fn subscriber(
    options: &LogOptions<'_>,
    console: &Console,
) -> (impl Subscriber + Send + Sync + use<>, LogGuard) {
    let (file, tag) = (FileSink::default(), RunTag::default());
    let (text, text_handle) = reload::Layer::new(nothing());
    let (json, json_handle) = reload::Layer::new(nothing());
    let layer = |format| {
        let format = RecordFormat { format, tag: tag.clone() };
        tracing_subscriber::fmt::layer().with_writer(file.clone()).with_ansi(false).event_format(format)
    };
    let layers: Vec<AnyLayer> = vec![
        console_layer(options, console, &tag),
        layer(LogFormat::Text).with_filter(text).boxed(),
        layer(LogFormat::Json).with_filter(json).boxed(),
    ];
    let guard = LogGuard { file, tag, text: text_handle, json: json_handle, console: console.clone() };
    (tracing_subscriber::registry().with(layers), guard)
}

/// People see one run at a time, so its id is left out for them.
fn console_layer(options: &LogOptions<'_>, console: &Console, tag: &RunTag) -> AnyLayer {
    let layer = tracing_subscriber::fmt::layer().with_writer(console.clone());
    let filter = filter_of(options.level);
    match options.format {
        LogFormat::Text => {
            let layer = layer.with_target(false).with_timer(LocalTime).with_ansi(console.colour());
            layer.with_filter(filter).boxed()
        }
        LogFormat::Json => {
            let format = RecordFormat { format: LogFormat::Json, tag: tag.clone() };
            layer.event_format(format).with_filter(filter).boxed()
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
struct FileSink(Arc<Mutex<Option<LogFile>>>);

impl FileSink {
    fn lock(&self) -> MutexGuard<'_, Option<LogFile>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log file. It is opened for appending, so that who rotates logs may cut it while it is written.
#[derive(Debug)]
struct LogFile {
    file: File,
    path: PathBuf,
    failure: Option<String>,
    console: Console,
}

impl Write for &FileSink {
    /// Takes every record: one that cannot be written is lost, and the first of them is told.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if let Some(log) = self.lock().as_mut()
            && let Err(error) = log.file.write_all(record)
            && log.failure.is_none()
        {
            let failure = format!("could not write log `{}`: {error}; records are missing in it", log.path.display());
            log.console.print(&format!("warning: {failure}"));
            log.failure = Some(failure);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'sink> MakeWriter<'sink> for FileSink {
    type Writer = &'sink FileSink;

    fn make_writer(&'sink self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::Progress;
    use super::super::console::tests::{captured, text};
    use super::*;
    use jiff::Timestamp;
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
        let (subscriber, guard) = subscriber(&options(LogLevel::Info, LogFormat::Text), &console);
        with_default(subscriber, || {
            guard.tag().set(Some("20261122T114500Z"));
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
    fn the_file_holds_every_record_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = settings(folder.path(), "job.log", LogLevel::Debug, LogFormat::Text);
        create_folder(&folder.path().join("logs")).unwrap();
        std::fs::write(&log.file, "an earlier run\n").unwrap();
        let (console, written) = captured(Progress::None);
        let (subscriber, mut guard) = subscriber(&options(LogLevel::Warn, LogFormat::Text), &console);
        guard.redirect(&log).unwrap();
        with_default(subscriber, || {
            guard.tag().set(Some("20261122T114500Z"));
            for number in 0..2_000 {
                debug!(number, "counted");
            }
            assert_eq!(std::fs::read_to_string(&log.file).unwrap().lines().count(), 2_001);
            drop(guard);
            warn!("to the console only");
        });
        let logged = std::fs::read_to_string(&log.file).unwrap();
        let lines: Vec<&str> = logged.lines().collect();
        assert_eq!((lines.len(), lines[0]), (2_001, "an earlier run"));
        for (number, line) in lines[1..].iter().enumerate() {
            let (time, rest) = line.split_once(' ').unwrap();
            assert!(time.ends_with('Z') && time.len() == 24 && time.parse::<Timestamp>().is_ok(), "{line}");
            assert_eq!(rest, format!("DEBUG counted number={number} run=20261122T114500Z"));
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
            guard.tag().set(Some("R"));
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
        assert_eq!(second["run"], "R");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_cannot_be_written_is_told_of_once_and_fails_nothing() {
        let (console, written) = captured(Progress::None);
        let (subscriber, mut guard) = subscriber(&options(LogLevel::Error, LogFormat::Text), &console);
        let full = LogSettings { file: "/dev/full".into(), level: LogLevel::Info, format: LogFormat::Text };
        guard.redirect(&full).unwrap();
        assert_eq!(guard.failure(), None);
        with_default(subscriber, || (0..5).for_each(|number| info!(number, "lost")));
        let failure = guard.failure().unwrap();
        assert!(failure.starts_with("could not write log `/dev/full`: No space left on device"), "{failure}");
        assert_eq!(text(&written), format!("warning: {failure}\n"));
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
