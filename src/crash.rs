//! The named steps of the commit protocol, at which tests end the process as `kill -9` would.
//!
//! In builds with debug assertions, `S3SCAN_CRASH_AT=<step>:<n>` kills the process the n-th time it
//! reaches that step. Release builds do not look at it.

/// Every step, in the order of a run. A test walks through all of them.
pub const STEPS: [&str; 19] = [
    "run-created",
    "parts-synced",
    "index-synced",
    "journals-synced",
    "state-written",
    "state-renamed",
    "state-committed",
    "file-joined",
    "joining-noted",
    "bucket-joined",
    "replacement-noted",
    "file-published",
    "replaced-removed",
    "replacement-finished",
    "bucket-published",
    "parts-removed",
    "summary-written",
    "run-finished",
    "run-reopened",
];

/// Marks that the process has come to `step`.
#[inline]
pub fn reached(step: &'static str) {
    debug_assert!(STEPS.contains(&step), "`{step}` is not in the list of steps");
    #[cfg(debug_assertions)]
    armed::reached(step);
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Trap {
        step: String,
        left: AtomicU64,
    }

    pub fn reached(step: &str) {
        static TRAP: OnceLock<Option<Trap>> = OnceLock::new();
        let trap = TRAP.get_or_init(|| {
            let set = std::env::var("S3SCAN_CRASH_AT").ok()?;
            let (step, count) = set.split_once(':')?;
            Some(Trap { step: step.to_owned(), left: AtomicU64::new(count.parse().ok()?) })
        });
        if let Some(trap) = trap
            && trap.step == step
            && trap.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal may take a moment to arrive; nothing more may happen meanwhile.
            loop {
                std::thread::park();
            }
        }
    }
}
