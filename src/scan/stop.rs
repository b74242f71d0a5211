//! Stopping: asked for softly first, then for good.

use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long what is in flight may still take once stopping is asked for.
pub const GRACE: Duration = Duration::from_secs(2);

/// The wish to stop, shared by all that works. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    requested: CancellationToken,
    abandoned: CancellationToken,
}

impl Stop {
    /// Asks to begin nothing new: pages in flight may still arrive.
    pub fn request(&self) {
        self.requested.cancel();
    }

    /// Gives up what is in flight.
    pub fn abandon(&self) {
        self.requested.cancel();
        self.abandoned.cancel();
    }

    /// Whether stopping was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// A wish of its own that also heeds this one: stopping an account does not stop the run.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { requested: self.requested.child_token(), abandoned: self.abandoned.child_token() }
    }

    /// Whether what is in flight is given up.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.is_cancelled()
    }

    /// Waits until stopping is asked for.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Waits for `work` unless stopping is asked for.
    pub async fn unless_requested<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.requested.run_until_cancelled(work).await
    }

    /// Waits for `work` unless it is given up.
    pub async fn unless_abandoned<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.abandoned.run_until_cancelled(work).await
    }
}
