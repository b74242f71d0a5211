//! The run's loop: has ranges begun, hears workers, joins, commits and publishes.
//!
//! Owns the order *listed, joined, committed, published, finished, committed, removed* of every
//! bucket. Commits come every `checkpoint_every`, and at once where a bucket waits for one; there is never more than one under
//! way, and listing goes on meanwhile.

use super::joining::Joins;
use super::learning::Finishing;
use super::ledger::Ledger;
use super::listings::Listings;
use super::open_bucket::{OpenBucket, Stage};
use super::publishing::Published;
use super::sketch::Lessons;
use super::worker::{Message, News};
use super::{ScanError, ScanInput, ScanOutcome};
use crate::event::{BucketLabel, Verdict};
use crate::output::FileError;
use crate::s3::{Lister, Range};
use crate::state::{FileEntry, RunFolder, RunStore, StateError};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Scans the buckets of a run that have no verdict yet, until all have one or stopping is asked for.
///
/// # Errors
/// When what is written or kept cannot be. What was committed before then stands.
pub async fn run<L: Lister>(input: ScanInput<L>, store: RunStore) -> Result<ScanOutcome, ScanError> {
    let mut run = Run::open(input, store)?;
    let ended = match run.work().await {
        Ok(()) => run.close().await,
        Err(error) => Err(error),
    };
    if ended.is_err() {
        run.drain().await;
    }
    ended
}

/// Work done on blocking threads behind a commit.
pub(super) enum Finished {
    Published(u32, Result<Published, FileError>),
    Removed(Result<(), FileError>),
}

/// What a commit gives back.
struct Committed {
    store: RunStore,
    result: Result<(), StateError>,
    /// Buckets whose files may be published now, with these files.
    publishable: Vec<(u32, Vec<FileEntry>)>,
    /// Buckets whose parts may go now.
    removable: Vec<u32>,
}

pub(super) struct Run<L> {
    pub(super) input: ScanInput<L>,
    pub(super) ledger: Ledger,
    pub(super) pending: VecDeque<u32>,
    /// What the buckets that are complete have taught.
    pub(super) lessons: Lessons,
    finishing: Finishing,
    /// Buckets that could not be begun, and why.
    pub(super) unbegun: Vec<(u32, Verdict, String)>,
    /// Workers under way.
    pub(super) listing: usize,
    /// Buckets being listed.
    pub(super) listings: Listings,
    /// What the listing of every bucket begins with, in key order.
    pub(super) first_ranges: Vec<Range>,
    /// Parts that only the commit under way still holds open.
    pub(super) committing_parts: usize,
    pub(super) joins: Joins,
    pub(super) folder: RunFolder,
    /// At home while no commit is under way.
    pub(super) store: Option<RunStore>,
    committing: Option<JoinHandle<Committed>>,
    pub(super) behind: JoinSet<Finished>,
    /// Whether something stands in the way of the files of a bucket.
    pub(super) blocked: bool,
    messages: Receiver<Message>,
    pub(super) sender: Sender<Message>,
    /// Whether a commit is due although no bucket waits for one.
    pub(super) due: bool,
}

impl<L: Lister> Run<L> {
    fn open(input: ScanInput<L>, store: RunStore) -> Result<Self, ScanError> {
        let (sender, messages) = channel(256);
        let finished: HashSet<u32> =
            store.finished()?.map(|entry| Ok(entry?.bucket)).collect::<Result<_, StateError>>()?;
        let mut effort = store.record().effort;
        effort += input.effort;
        let mut run = Self {
            ledger: Ledger::new(input.account_records.clone(), effort),
            pending: VecDeque::new(),
            lessons: Lessons::default(),
            finishing: Finishing::default(),
            unbegun: Vec::new(),
            listing: 0,
            listings: Listings::default(),
            first_ranges: Range::of_prefixes(&input.settings.prefixes),
            committing_parts: 0,
            joins: Joins::default(),
            folder: store.folder().clone(),
            store: None,
            committing: None,
            behind: JoinSet::new(),
            blocked: false,
            messages,
            sender,
            due: true,
            input,
        };
        for record in &store.record().buckets {
            let place = record.bucket;
            let mut bucket = OpenBucket::resume(record.clone());
            // An index that cannot be read costs no more than a lesson, where it is of no other use.
            let finished = bucket.finished_ranges(store.index_of(place).unwrap_or_default());
            bucket.learning.recall(&finished);
            match bucket.stage {
                Stage::Publishing => {
                    let files = store.files_of(place)?;
                    bucket.files = files.len() as u64;
                    // An index that cannot be read matters only where files have to be made again.
                    let index = store.index_of(place).unwrap_or_default();
                    run.publish(place, files, Some(bucket.finished_ranges(index)));
                }
                Stage::Joining => {
                    run.joins.waiting.insert(place);
                }
                _ => run.pending.push_back(place),
            }
            run.ledger.open.insert(place, bucket);
        }
        let all = 0..u32::try_from(run.input.buckets.len()).unwrap_or(u32::MAX);
        let is_untouched = |place: &u32| !finished.contains(place) && !run.ledger.open.contains_key(place);
        let mut untouched: Vec<u32> = all.filter(is_untouched).collect();
        // What is known to be small fills the gaps of the rest. Of the unknown any may be the largest.
        untouched.sort_by_key(|place| Reverse(run.input.hints.get(place).map_or(u64::MAX, |hint| hint.objects)));
        run.by_turns(&mut untouched);
        run.pending.extend(untouched);
        run.store = Some(store);
        Ok(run)
    }

    /// Puts buckets in the order in which they are begun: one of each account, then the next of each, so
    /// that an account of many buckets does not keep the others waiting.
    fn by_turns(&self, places: &mut [u32]) {
        let mut begun: HashMap<u32, u32> = HashMap::new();
        let mut turn = |place: &u32| {
            let account = self.input.buckets[*place as usize].entry.account;
            let turn = begun.entry(account).or_default();
            *turn += 1;
            *turn
        };
        let turns: HashMap<u32, u32> = places.iter().map(|place| (*place, turn(place))).collect();
        places.sort_by_key(|place| turns[place]);
    }

    async fn work(&mut self) -> Result<(), ScanError> {
        let stop = self.input.stop.clone();
        let mut stopping = false;
        let mut tick = interval(self.input.settings.checkpoint_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.begin_ranges().await;
            self.begin_joins()?;
            if self.ledger.is_waiting() || self.due || self.is_crowded() {
                self.begin_commit();
            }
            if self.is_idle() {
                return Ok(());
            }
            self.finishing.note(self.listing == 0, Instant::now());
            tokio::select! {
                Some(message) = self.messages.recv() => self.hear(message).await?,
                Some(joined) = self.joins.tasks.join_next() => self.joined(unwound(joined))?,
                Some(finished) = self.behind.join_next() => self.take(unwound(finished)).await?,
                committed = landed(&mut self.committing) => self.committed(committed)?,
                _ = tick.tick() => self.due = true,
                () = stop.requested(), if !stopping => stopping = true,
            }
        }
    }

    fn is_idle(&self) -> bool {
        let begun =
            self.listing == 0 && self.joins.tasks.is_empty() && self.behind.is_empty() && self.committing.is_none();
        let unlisted = !self.pending.is_empty() || self.listings.has_waiting();
        let waiting = self.ledger.is_waiting() || !self.joins.waiting.is_empty() || unlisted;
        begun && (!waiting || self.input.stop.is_requested() && !self.ledger.is_waiting())
    }

    pub(super) fn label(&self, place: u32) -> BucketLabel {
        self.input.buckets[place as usize].label()
    }

    fn begin_commit(&mut self) {
        let Some(mut store) = self.store.take() else {
            return;
        };
        self.due = false;
        let (before, _) = self.ledger.parts();
        let (commit, removable) = self.ledger.commit();
        self.committing_parts = before.saturating_sub(self.ledger.parts().0);
        self.committing = Some(tokio::task::spawn_blocking(move || {
            let result = store.commit(&commit);
            // Closed here, before the loop hears of it.
            drop(commit.parts);
            Committed { store, result, publishable: commit.files, removable }
        }));
    }

    fn committed(&mut self, committed: Committed) -> Result<(), ScanError> {
        self.committing = None;
        self.committing_parts = 0;
        self.store = Some(committed.store);
        committed.result?;
        for (place, files) in committed.publishable {
            self.publish(place, files, None);
        }
        for place in committed.removable {
            self.remove_parts(place);
        }
        Ok(())
    }

    async fn take(&mut self, finished: Finished) -> Result<(), ScanError> {
        match finished {
            Finished::Published(place, published) => self.published(place, published?).await,
            Finished::Removed(removed) => removed?,
        }
        Ok(())
    }

    /// Waits for all that is under way to end, after an error: nothing of this run may touch its
    /// files once its lock is given back.
    async fn drain(&mut self) {
        self.input.stop.abandon();
        while self.listing > 0 {
            if let Some(message) = self.messages.recv().await {
                self.listing -= usize::from(!matches!(message.news, News::Opened(_) | News::Page(_)));
            }
        }
        if self.committing.is_some() {
            landed(&mut self.committing).await;
        }
        while self.joins.tasks.join_next().await.is_some() {}
        while self.behind.join_next().await.is_some() {}
    }

    /// Commits what is left and says what this invocation came to.
    async fn close(&mut self) -> Result<ScanOutcome, ScanError> {
        let stopped = self.input.stop.is_requested();
        self.finishing.note(true, Instant::now());
        self.leave_unlisted().await;
        loop {
            if self.committing.is_some() {
                let committed = landed(&mut self.committing).await;
                self.committed(committed)?;
            }
            while let Some(finished) = self.behind.join_next().await {
                self.take(unwound(finished)).await?;
            }
            if !self.ledger.is_waiting() {
                break;
            }
            self.begin_commit();
        }
        self.begin_commit();
        let committed = landed(&mut self.committing).await;
        self.committing = None;
        committed.result?;
        let unfinished = self.unfinished();
        let limit = self.input.budget.reached();
        // What was done in spite of a limit is done.
        let done = unfinished.is_empty() && self.input.account_records.iter().all(|account| account.settled);
        let interrupted = stopped && !(limit.is_some() && done);
        let limit = limit.filter(|_| interrupted);
        let buckets = std::mem::take(&mut self.input.buckets);
        let blocked = self.blocked;
        let lessons = std::mem::take(&mut self.lessons).into_map();
        let finishing = self.finishing.time(Instant::now());
        Ok(ScanOutcome { store: committed.store, buckets, unfinished, blocked, interrupted, limit, lessons, finishing })
    }
}

/// The commit under way, once it has landed; for ever pending where there is none.
async fn landed(committing: &mut Option<JoinHandle<Committed>>) -> Committed {
    match committing {
        Some(task) => unwound(task.await),
        None => std::future::pending().await,
    }
}

/// The result of a task; its panic goes on here, so that a bug ends the program as one.
fn unwound<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => unreachable!("no task of the run is cancelled: {error}"),
    })
}
