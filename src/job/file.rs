//! What a job file says: the mirror of its tables and keys, as written and of the right type.
//!
//! Responsible for which keys exist, where, and of which type. It leaves their meaning to the checked
//! [`Job`](super::Job). It owns the invariant that a key is named once: the reader that asks for a
//! key thereby declares it, and all others are unknown.

use super::problem::Written;
use super::section::{Section, SizeText};

type Text = Option<Written<String>>;
type Texts = Option<Written<Vec<Written<String>>>>;
type Integer = Option<Written<i64>>;

/// A whole job file, or several of them merged.
pub(super) struct JobFile {
    pub(super) version: Integer,
    pub(super) name: Text,
    pub(super) description: Text,
    pub(super) window: WindowFile,
    pub(super) accounts: Vec<(Written<String>, AccountFile)>,
    pub(super) buckets: BucketsFile,
    pub(super) objects: ObjectsFile,
    pub(super) output: OutputFile,
    pub(super) limits: LimitsFile,
    pub(super) state: StateFile,
    pub(super) log: LogFile,
}

impl JobFile {
    pub(super) fn read(mut root: Section<'_>) -> Self {
        let read = Self {
            version: root.integer("version"),
            name: root.string("name"),
            description: root.string("description"),
            window: root.table("window", WindowFile::read),
            accounts: root.tables("accounts", AccountFile::read),
            buckets: root.table("buckets", BucketsFile::read),
            objects: root.table("objects", ObjectsFile::read),
            output: root.table("output", OutputFile::read),
            limits: root.table("limits", LimitsFile::read),
            state: root.table("state", StateFile::read),
            log: root.table("log", LogFile::read),
        };
        root.finish();
        read
    }
}

/// `[window]`
pub(super) struct WindowFile {
    pub(super) since: Text,
    pub(super) until: Text,
    pub(super) timezone: Text,
}

impl WindowFile {
    fn read(mut section: Section<'_>) -> Self {
        let read =
            Self { since: section.date("since"), until: section.date("until"), timezone: section.string("timezone") };
        section.finish();
        read
    }
}

/// `[accounts.NAME]`
pub(super) struct AccountFile {
    pub(super) endpoint_url: Text,
    pub(super) region: Text,
    pub(super) path_style: Option<Written<bool>>,
}

impl AccountFile {
    fn read(mut section: Section<'_>) -> Self {
        let read = Self {
            endpoint_url: section.string("endpoint_url"),
            region: section.string("region"),
            path_style: section.boolean("path_style"),
        };
        section.finish();
        read
    }
}

/// `[buckets]`
pub(super) struct BucketsFile {
    pub(super) include: Texts,
    pub(super) exclude: Texts,
    pub(super) on_denied: Text,
    pub(super) on_empty: Text,
}

impl BucketsFile {
    fn read(mut section: Section<'_>) -> Self {
        let read = Self {
            include: section.strings("include"),
            exclude: section.strings("exclude"),
            on_denied: section.string("on_denied"),
            on_empty: section.string("on_empty"),
        };
        section.finish();
        read
    }
}

/// `[objects]`
pub(super) struct ObjectsFile {
    pub(super) include: Texts,
    pub(super) exclude: Texts,
    pub(super) min_size: Option<Written<SizeText>>,
    pub(super) max_size: Option<Written<SizeText>>,
    pub(super) storage_classes: Texts,
}

impl ObjectsFile {
    fn read(mut section: Section<'_>) -> Self {
        let read = Self {
            include: section.strings("include"),
            exclude: section.strings("exclude"),
            min_size: section.size("min_size"),
            max_size: section.size("max_size"),
            storage_classes: section.strings("storage_classes"),
        };
        section.finish();
        read
    }
}

/// `[output]`
pub(super) struct OutputFile {
    pub(super) path: Text,
    pub(super) rows_per_file: Integer,
}

impl OutputFile {
    fn read(mut section: Section<'_>) -> Self {
        let read = Self { path: section.string("path"), rows_per_file: section.integer("rows_per_file") };
        section.finish();
        read
    }
}

/// `[limits]`
pub(super) struct LimitsFile {
    pub(super) requests_per_second: Integer,
    pub(super) bucket_requests_per_second: Integer,
    pub(super) burst: Integer,
    pub(super) concurrency: Integer,
    pub(super) max_attempts: Integer,
    pub(super) request_timeout: Text,
}

impl LimitsFile {
    fn read(mut section: Section<'_>) -> Self {
        let read = Self {
            requests_per_second: section.integer("requests_per_second"),
            bucket_requests_per_second: section.integer("bucket_requests_per_second"),
            burst: section.integer("burst"),
            concurrency: section.integer("concurrency"),
            max_attempts: section.integer("max_attempts"),
            request_timeout: section.string("request_timeout"),
        };
        section.finish();
        read
    }
}

/// `[state]`
pub(super) struct StateFile {
    pub(super) file: Text,
    pub(super) checkpoint_every: Text,
}

impl StateFile {
    fn read(mut section: Section<'_>) -> Self {
        let read = Self { file: section.string("file"), checkpoint_every: section.string("checkpoint_every") };
        section.finish();
        read
    }
}

/// `[log]`
pub(super) struct LogFile {
    pub(super) file: Text,
    pub(super) level: Text,
    pub(super) format: Text,
}

impl LogFile {
    fn read(mut section: Section<'_>) -> Self {
        let read =
            Self { file: section.string("file"), level: section.string("level"), format: section.string("format") };
        section.finish();
        read
    }
}
