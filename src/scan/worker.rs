//! A worker lists one range, page by page, into its part.
//!
//! Owns that a page's rows are written once, after its request succeeded, and before anyone is told
//! of them. The worker owns its range and its file; the run learns of both by messages, one a page.

use super::asking::{Asking, Scan, TokenGuard, advance, lock};
use super::caller::Halt;
use super::split::PageKeys;
use crate::event::Effort;
use crate::output::{FileError, PartLength, PartWriter, create_folder};
use crate::rows::{RowCounts, RowWriter};
use crate::s3::{Bound, Cursor, Failure, FailureKind, Key, Lister, PageScan};
use crate::state::{RangeRecord, RunFolder, Shown};
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Every so manyth key of a range's first page is shown to those who split ranges: it may be the first
/// of its kind.
const FIRST_SAMPLES: u64 = 37;
/// The same for later pages.
const LATER_SAMPLES: u64 = 199;

/// What a worker is given.
pub struct RangeTask<L> {
    /// The bucket's place in the run.
    pub bucket: u32,
    /// The range, and how far it is listed.
    pub record: RangeRecord,
    /// Its end, which others may lower while it is listed.
    pub bound: Arc<Bound>,
    /// How many workers of the bucket are to give their range back behind their page.
    pub surplus: Arc<AtomicUsize>,
    /// The bucket, and how it is asked for.
    pub asking: Asking<L>,
    /// Makes rows.
    pub writer: RowWriter,
    /// Where parts lie.
    pub folder: RunFolder,
}

/// What a worker tells the run.
#[derive(Debug)]
pub struct Message {
    /// The bucket's place in the run.
    pub bucket: u32,
    /// The range's id.
    pub range: u32,
    /// What happened.
    pub news: News,
}

/// How far a range is.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeProgress {
    /// Behind which key it goes on.
    pub cursor: Cursor,
    /// How much of its part counts.
    pub part: PartLength,
    /// What it has seen and written.
    pub counts: RowCounts,
}

/// What happened in a range.
#[derive(Debug)]
pub enum News {
    /// Its part is open.
    Opened(Arc<File>),
    /// A page was listed and its rows are in the part, not yet synced.
    Page(Page),
    /// The last page was listed, likewise; with what it showed first behind the range, unless it ended
    /// without looking there.
    Done(Page, Option<Shown>),
    /// A seam was listed across once more, and holds.
    Checked(Effort),
    /// A page was listed, and the range is given back with it, to be gone on with later.
    Yielded(Page),
    /// It could not be listed further for now.
    Stopped {
        /// Requests made since the last page.
        effort: Effort,
        /// Why.
        why: StopCause,
    },
}

/// A page that was listed and whose rows were written.
#[derive(Debug)]
pub struct Page {
    /// How far the range is behind it.
    pub progress: RangeProgress,
    /// Requests it took.
    pub effort: Effort,
    /// Its keys, for those who split ranges.
    pub keys: PageKeys,
    /// What the range has shown first of all, where this page was the one that did.
    pub first: Option<Shown>,
    /// From when its request was sent until its rows were written.
    pub taken: Duration,
}

/// Why a worker stopped before its range's end.
#[derive(Debug)]
pub enum StopCause {
    /// A request failed for good.
    Failed(Failure),
    /// Stopping was asked for.
    Interrupted,
    /// The part cannot be written.
    Storage(FileError),
}

impl From<Halt> for StopCause {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Failed(failure) => Self::Failed(failure),
            Halt::Interrupted => Self::Interrupted,
        }
    }
}

/// Lists a range to its end, telling the run of every page.
pub async fn list_range<L: Lister>(task: RangeTask<L>, messages: Sender<Message>) {
    let (bucket, range) = (task.bucket, task.record.id);
    let mut effort = Effort::default();
    let mut worker = Worker { task, messages, effort: &mut effort };
    let ended = worker.run().await;
    let messages = worker.messages;
    if let Err(why) = ended {
        // The run outlives its workers; should it be gone, there is nobody left to tell.
        let _ = messages.send(Message { bucket, range, news: News::Stopped { effort, why } }).await;
    }
}

struct Worker<'effort, L> {
    task: RangeTask<L>,
    messages: Sender<Message>,
    /// What the page under way has taken so far.
    effort: &'effort mut Effort,
}

impl<L: Lister> Worker<'_, L> {
    async fn run(&mut self) -> Result<(), StopCause> {
        let task = &self.task;
        let scan = PageScan::new(task.writer.clone()).within(&task.record.range.prefix).bounded(task.bound.clone());
        let scan: Scan<RowWriter> = Arc::new(Mutex::new(scan));
        let mut part = None;
        let mut tokens = TokenGuard::default();
        loop {
            let is_first = self.task.record.cursor == Cursor::at_start_of(&self.task.record.range);
            lock(&scan).sample_every(if is_first { FIRST_SAMPLES } else { LATER_SAMPLES });
            let RangeTask { asking, record, .. } = &self.task;
            let sent = asking.page(&record.range.prefix, &record.cursor, &scan, self.effort).await?;
            self.open_for(&scan, &mut part).await.map_err(StopCause::Storage)?;
            let mut behind = None;
            let (next, keys) = {
                let mut scan = lock(&scan);
                let counts = scan.sink.counts();
                let RangeTask { asking, record, bound, .. } = &mut self.task;
                if let Some(part) = &mut part {
                    record.part = part.append(scan.sink.rows(), counts.rows).map_err(StopCause::Storage)?;
                }
                record.counts += counts;
                self.effort.empty += u64::from(counts.objects == 0);
                let next = advance(&record.cursor, scan.facts(), scan.last_key(), asking.ordered)
                    .and_then(|next| tokens.pass(next));
                let answered = u32::try_from(scan.facts().keys).unwrap_or(u32::MAX);
                let keys = PageKeys { answered, samples: scan.take_samples() };
                let next = next.map_err(|fault| Failure::local(FailureKind::Untrusted, fault.to_string()));
                let next = next.map_err(StopCause::Failed)?;
                if next.is_none() && asking.ordered {
                    behind = Some(Shown::from(scan.facts().beyond.clone()));
                }
                // A page that ends with the range's last key leaves nothing to ask for.
                let is_end = |after: &Key| asking.ordered && bound.ends_at(after);
                (next.filter(|next| !next.after.as_ref().is_some_and(is_end)), keys)
            };
            let done = next.is_none();
            let RangeRecord { range, cursor, .. } = &self.task.record;
            // A key of its own would have moved the cursor.
            let is_silent = self.task.asking.ordered && cursor.after == range.after;
            let first = if !is_silent {
                None
            } else if let Some(first) = keys.samples.first() {
                Some(Shown::Key(first.clone()))
            } else {
                done.then_some(Shown::Nothing)
            };
            if let Some(cursor) = next {
                // From here on the range may be split again; its last page leaves nothing to split.
                self.task.bound.advance(cursor.after.as_ref());
                self.task.record.cursor = cursor;
            }
            let RangeRecord { cursor, part, counts, .. } = &self.task.record;
            let progress = RangeProgress { cursor: cursor.clone(), part: *part, counts: *counts };
            let page = Page { progress, effort: std::mem::take(self.effort), keys, first, taken: sent.elapsed() };
            if done {
                self.tell(News::Done(page, behind)).await;
                return Ok(());
            }
            if self.is_surplus() {
                self.tell(News::Yielded(page)).await;
                return Ok(());
            }
            self.tell(News::Page(page)).await;
        }
    }

    /// Opens the range's part once there is something to write. Many a range has no row.
    async fn open_for(&self, scan: &Scan<RowWriter>, part: &mut Option<PartWriter>) -> Result<(), FileError> {
        if part.is_some() || lock(scan).sink.rows().is_empty() {
            return Ok(());
        }
        let RangeTask { folder, bucket, record, .. } = &self.task;
        create_folder(&folder.bucket(*bucket))?;
        let open = PartWriter::open(&folder.part(*bucket, record.id), record.part)?;
        self.tell(News::Opened(open.file())).await;
        *part = Some(open);
        Ok(())
    }

    /// Whether this worker is one that the bucket has too many.
    fn is_surplus(&self) -> bool {
        let one_less = |surplus: usize| surplus.checked_sub(1);
        self.task.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    async fn tell(&self, news: News) {
        let message = Message { bucket: self.task.bucket, range: self.task.record.id, news };
        // As above: without a run there is nobody to tell.
        let _ = self.messages.send(message).await;
    }
}
