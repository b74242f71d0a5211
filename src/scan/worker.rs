//! A worker lists one range, page by page, into its part.
//!
//! Owns that a page's rows are written once, after its request succeeded, and before anyone is told
//! of them. The worker owns its range and its file; the run learns of both by messages, one a page.

use super::caller::{Caller, Halt};
use super::pace::BucketPace;
use super::split::PageKeys;
use crate::event::{BucketLabel, Effort, Subject};
use crate::output::{FileError, PartLength, PartWriter, create_folder};
use crate::rows::{RowCounts, RowWriter};
use crate::s3::{
    Bound, Cursor, Failure, FailureKind, Key, KeyEncoding, Lister, PageFacts, PageFault, PageScan, PageTap,
};
use crate::state::{RangeRecord, RunFolder};
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

/// Every so manyth key of a range's first page is shown to those who split ranges: it may be the first
/// of its kind.
const FIRST_SAMPLES: u64 = 37;
/// The same for later pages.
const LATER_SAMPLES: u64 = 199;

/// What a worker is given.
pub struct RangeTask<L> {
    /// The bucket's place in the run.
    pub bucket: u32,
    /// The bucket's name, as it is asked for.
    pub name: String,
    /// The region it is asked for in.
    pub region: String,
    /// The bucket as people name it.
    pub label: BucketLabel,
    /// The range, and how far it is listed.
    pub record: RangeRecord,
    /// Its end, which others may lower while it is listed.
    pub bound: Arc<Bound>,
    /// How many workers of the bucket are to give their range back behind their page.
    pub surplus: Arc<AtomicUsize>,
    /// Whether the store's keys come in order.
    pub ordered: bool,
    /// Whom to ask.
    pub lister: Arc<L>,
    /// How to ask.
    pub caller: Caller,
    /// The bucket's pace.
    pub pace: Arc<BucketPace>,
    /// Set when the account's store turned out not to URL-encode keys.
    pub plain_keys: Arc<AtomicBool>,
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
    /// The last page was listed, likewise.
    Done(Page),
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

type Scan = Arc<Mutex<PageScan<RowWriter>>>;

fn lock(scan: &Scan) -> MutexGuard<'_, PageScan<RowWriter>> {
    scan.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L: Lister> Worker<'_, L> {
    async fn run(&mut self) -> Result<(), StopCause> {
        let task = &self.task;
        let scan = PageScan::new(task.writer.clone()).within(&task.record.range.prefix).bounded(task.bound.clone());
        let scan: Scan = Arc::new(Mutex::new(scan));
        let mut part = None;
        let mut tokens = TokenGuard::default();
        loop {
            let is_first = self.task.record.cursor == Cursor::at_start_of(&self.task.record.range);
            lock(&scan).sample_every(if is_first { FIRST_SAMPLES } else { LATER_SAMPLES });
            let sent = self.page(&scan).await?;
            self.open_for(&scan, &mut part).await.map_err(StopCause::Storage)?;
            let (next, keys) = {
                let mut scan = lock(&scan);
                let counts = scan.sink.counts();
                let record = &mut self.task.record;
                if let Some(part) = &mut part {
                    record.part = part.append(scan.sink.rows(), counts.rows).map_err(StopCause::Storage)?;
                }
                record.counts += counts;
                self.effort.empty += u64::from(counts.objects == 0);
                let next = advance(&record.cursor, scan.facts(), scan.last_key(), self.task.ordered)
                    .and_then(|next| tokens.pass(next));
                let answered = u32::try_from(scan.facts().keys).unwrap_or(u32::MAX);
                let keys = PageKeys { answered, samples: scan.take_samples() };
                let next = next.map_err(|fault| Failure::local(FailureKind::Untrusted, fault.to_string()));
                let next = next.map_err(StopCause::Failed)?;
                // A page that ends with the range's last key leaves nothing to ask for.
                let is_end = |after: &Key| self.task.ordered && self.task.bound.ends_at(after);
                (next.filter(|next| !next.after.as_ref().is_some_and(is_end)), keys)
            };
            let done = next.is_none();
            if let Some(cursor) = next {
                // From here on the range may be split again; its last page leaves nothing to split.
                self.task.bound.advance(cursor.after.as_ref());
                self.task.record.cursor = cursor;
            }
            let RangeRecord { cursor, part, counts, .. } = &self.task.record;
            let progress = RangeProgress { cursor: cursor.clone(), part: *part, counts: *counts };
            let page = Page { progress, effort: std::mem::take(self.effort), keys, taken: sent.elapsed() };
            if done {
                self.tell(News::Done(page)).await;
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
    async fn open_for(&self, scan: &Scan, part: &mut Option<PartWriter>) -> Result<(), FileError> {
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

    /// Lists the page behind the cursor into `scan`, and tells when the request was sent that brought it.
    /// Its keys are taken as the store encodes them; a wrong assumption costs one more request, once per
    /// account.
    async fn page(&mut self, scan: &Scan) -> Result<Instant, StopCause> {
        let mut asked = None;
        loop {
            let plain = self.task.plain_keys.load(Ordering::Relaxed);
            let encoding = asked.unwrap_or(if plain { KeyEncoding::Plain } else { KeyEncoding::Url });
            match self.attempt(scan, encoding).await {
                Err(Halt::Failed(Failure { kind: FailureKind::Encoding(found), .. })) if asked.is_none() => {
                    self.task.plain_keys.store(found == KeyEncoding::Plain, Ordering::Relaxed);
                    asked = Some(found);
                }
                outcome => return outcome.map_err(StopCause::from),
            }
        }
    }

    async fn attempt(&mut self, scan: &Scan, encoding: KeyEncoding) -> Result<Instant, Halt> {
        let task = &self.task;
        lock(scan).expect(&task.record.cursor, task.ordered, encoding);
        let request = async || {
            let sent = Instant::now();
            let tap = PageTap::new(Arc::<Mutex<PageScan<RowWriter>>>::clone(scan), task.caller.idle_timeout());
            let RangeRecord { range, cursor, .. } = &task.record;
            let listed = task.lister.list_page(&task.name, &task.region, &range.prefix, cursor, tap).await;
            // Nothing of a failed answer is taken: the range may be split while it is waited to ask again.
            listed.inspect_err(|_| task.bound.release())?;
            if lock(scan).is_finished() {
                return Ok(sent);
            }
            Err(Failure::local(FailureKind::NotS3, "the answer is not a listing of S3".to_owned()))
        };
        task.caller.call(|| Subject::Bucket(task.label.clone()), Some(task.pace.as_ref()), self.effort, request).await
    }

    async fn tell(&self, news: News) {
        let message = Message { bucket: self.task.bucket, range: self.task.record.id, news };
        // As above: without a run there is nobody to tell.
        let _ = self.messages.send(message).await;
    }
}

/// Where to go on behind a page; `None` where the range is done. A page ends by what the store says,
/// never by its length, and a listing that does not get on is an error, never a loop.
fn advance(
    cursor: &Cursor,
    facts: &PageFacts,
    last_key: Option<Key>,
    ordered: bool,
) -> Result<Option<Cursor>, PageFault> {
    if facts.past_end || !facts.truncated {
        return Ok(None);
    }
    if ordered && last_key.as_ref().is_some_and(|key| key.as_start_after().is_some()) {
        return Ok(Some(Cursor { after: last_key, token: None }));
    }
    match &facts.next_token {
        Some(token) if cursor.token.as_ref() != Some(token) => {
            Ok(Some(Cursor { after: last_key.or_else(|| cursor.after.clone()), token: Some(token.clone()) }))
        }
        _ => Err(PageFault::NoProgress),
    }
}

/// Notices tokens that go round in a circle, whatever its length, by remembering one of them: the
/// one at the last power of two (Brent's algorithm).
#[derive(Debug, Default)]
struct TokenGuard {
    remembered: Option<String>,
    since: u64,
}

impl TokenGuard {
    fn pass(&mut self, next: Option<Cursor>) -> Result<Option<Cursor>, PageFault> {
        if let Some(token) = next.as_ref().and_then(|cursor| cursor.token.as_ref()) {
            if self.remembered.as_ref() == Some(token) {
                return Err(PageFault::NoProgress);
            }
            self.since += 1;
            if self.since.is_power_of_two() {
                self.remembered = Some(token.clone());
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(truncated: bool, token: Option<&str>) -> PageFacts {
        PageFacts { truncated, next_token: token.map(str::to_owned), ..PageFacts::default() }
    }

    fn cursor(after: Option<&str>, token: Option<&str>) -> Cursor {
        Cursor { after: after.map(Key::from), token: token.map(str::to_owned) }
    }

    #[test]
    fn a_page_is_the_last_only_when_the_store_says_so() {
        let start = Cursor::default();
        assert_eq!(advance(&start, &facts(false, None), Some(Key::from("k")), true), Ok(None));
        let past = PageFacts { past_end: true, ..facts(true, Some("t")) };
        assert_eq!(advance(&start, &past, Some(Key::from("k")), true), Ok(None));
        let next = advance(&start, &facts(true, Some("t")), Some(Key::from("k")), true);
        assert_eq!(next, Ok(Some(cursor(Some("k"), None))));
    }

    #[test]
    fn a_token_stands_in_for_keys_that_cannot() {
        let control = Some(Key::from("a\u{1}"));
        let next = advance(&Cursor::default(), &facts(true, Some("t")), control, true);
        assert_eq!(next, Ok(Some(cursor(Some("a\u{1}"), Some("t")))));
        let empty_page = advance(&cursor(Some("k"), None), &facts(true, Some("t")), None, true);
        assert_eq!(empty_page, Ok(Some(cursor(Some("k"), Some("t")))));
        let unordered = advance(&Cursor::default(), &facts(true, Some("t")), Some(Key::from("k")), false);
        assert_eq!(unordered, Ok(Some(cursor(Some("k"), Some("t")))));
    }

    #[test]
    fn a_circle_of_tokens_is_no_progress() {
        for circle in 1..20 {
            let mut guard = TokenGuard::default();
            let caught = (0..200).position(|page| {
                let token = if page < 7 { format!("start {page}") } else { format!("{}", page % circle) };
                guard.pass(Some(cursor(None, Some(&token)))).is_err()
            });
            assert!(caught.is_some(), "{circle}");
        }
        let mut guard = TokenGuard::default();
        assert!((0..500).all(|page| guard.pass(Some(cursor(None, Some(&page.to_string())))).is_ok()));
    }

    #[test]
    fn no_progress_is_an_error() {
        for (cursor, facts) in
            [(cursor(None, None), facts(true, None)), (cursor(Some("k"), Some("t")), facts(true, Some("t")))]
        {
            assert_eq!(advance(&cursor, &facts, None, true), Err(PageFault::NoProgress));
        }
    }
}
