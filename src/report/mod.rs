//! Showing it: what a run tells becomes bars or a heartbeat, log records, and the files of its
//! summary.
//!
//! Reads events and committed state, and does nothing else: no decision of a run depends on it. Owns
//! that all text for people goes through one [`Console`], and that nothing partial is shown as
//! complete.

mod closing;
mod console;
mod earlier;
mod figures;
mod frame;
mod incomplete;
mod journal;
mod logging;
mod meter;
mod names;
mod plan;
mod plan_text;
mod price;
mod progress;
mod record;
mod schema;
mod settings;
mod step_summary;
mod summary;
mod tables;
mod tally;
mod totals;
mod view;

pub use closing::closing_table;
pub use console::{Console, Progress, ProgressChoice, wants_colour};
pub use earlier::EarlierFiles;
pub use figures::{counted, grouped};
pub use logging::{LogGuard, LogOptions, start_logging};
pub use names::visible;
pub use plan::{
    Absence, CountedBy, Plan, PlannedAbsence, PlannedAccount, PlannedBucket, PlannedEffort, PlannedFiles, PlannedNote,
    PlannedRun, PlannedWindow, Plans, RunBegin,
};
pub use plan_text::plan_text;
pub use price::{PriceEstimate, estimate as price_estimate};
pub use progress::report;
pub use record::RunTag;
pub use schema::{plan_schema, summary_schema};
pub use step_summary::append_step_summary;
pub use summary::{
    AccountIdentity, AccountSummary, IncompleteBucket, Summary, SummaryInput, WindowSummary, account_identity,
    write_summary,
};
pub use totals::RunTotals;
