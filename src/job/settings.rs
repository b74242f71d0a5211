//! What a job can set: its tables and keys, whatever layer sets them.
//!
//! Responsible for which tables there are. It leaves their keys and meaning to the files named after
//! them.

use super::account::AccountFile;
use super::columns::ColumnList;
use super::limits::LimitsFile;
use super::output::OutputFile;
use super::pricing::PricingFile;
use super::read::{Key, Tables, table};
use super::records::{LogFile, StateFile};
use super::selection::{BucketsFile, ObjectsFile};
use super::values::Name;
use super::window::WindowFile;

table! {
    /// The settings of a job.
    pub(super) struct Settings {
        /// The job's name: it stands in the paths of its files. Left out, it is the file's name without `.toml`.
        /// Lower-case letters, digits, `_` and `-`.
        #[schemars(example = &"quarterly")]
        name: Key<Name>,
        /// For people; goes into the summary.
        description: Key<String>,
        window: WindowFile,
        /// One table per account or store to scan, `[accounts.NAME]`; the name stands in paths and rows. Without any,
        /// the job scans one account, `default`, with the ambient credentials.
        accounts: Tables<AccountFile>,
        buckets: BucketsFile,
        objects: ObjectsFile,
        /// Sets of columns by name, each a list of columns, for `output.columns`: usually in a file that several jobs
        /// extend.
        column_sets: Tables<Key<ColumnList>>,
        output: OutputFile,
        limits: LimitsFile,
        pricing: PricingFile,
        state: StateFile,
        log: LogFile,
    }
}
