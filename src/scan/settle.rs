//! Hearing workers, and what becomes of buckets by it.
//!
//! Owns that a bucket gets one final verdict, which is noted once and told once, and that nothing is
//! decided of a bucket while a worker of it is under way.

use super::fate::{Fate, fate};
use super::open_bucket::{OpenBucket, Stage};
use super::run::Run;
use super::worker::{Message, News, Page, StopCause};
use super::{ScanError, Unfinished};
use crate::event::{AccountVerdict, Effort, Event, Verdict};
use crate::rows::RowCounts;
use crate::s3::{Failure, FailureKind, Lister};
use crate::state::FinishedEntry;

/// Why a bucket is unfinished whose account was lost; the account says what happened.
const LOST_ACCOUNT: &str = "its account became unusable";

impl<L: Lister> Run<L> {
    /// Takes in what a worker tells.
    pub(super) async fn hear(&mut self, message: Message) -> Result<(), ScanError> {
        let Message { bucket: place, range, news } = message;
        match news {
            News::Opened(file) => {
                self.ledger.open.get_mut(&place).into_iter().for_each(|bucket| bucket.parts.open(range, file.clone()));
            }
            News::Page(page) => {
                self.paged(place, range, page).await;
                self.wait(place);
            }
            News::Done(page, behind) => {
                self.paged(place, range, page).await;
                if let Some(bucket) = self.ledger.open.get_mut(&place) {
                    bucket.listed(range, behind);
                }
                self.wait(place);
                self.left(place, range).await;
            }
            News::Checked(effort) => {
                let bucket = self.ledger.open.get_mut(&place);
                if let Some(seam) = bucket.and_then(|bucket| {
                    bucket.record.effort += effort;
                    bucket.settled(range)
                }) {
                    let seam = String::from_utf8_lossy(seam.as_bytes()).into_owned();
                    self.input.events.emit(Event::SeamHolds { label: self.label(place), seam }).await;
                }
                self.tell_effort(place, effort).await;
                self.left(place, range).await;
            }
            News::Yielded(page) => {
                // It is none of those who are too many any more.
                if let Some(listing) = self.listings.get_mut(place) {
                    listing.workers.remove(&range);
                }
                self.paged(place, range, page).await;
                if let Some(bucket) = self.ledger.open.get_mut(&place) {
                    bucket.yielded(range);
                }
                self.wait(place);
                self.left(place, range).await;
            }
            News::Stopped { effort, why } => {
                if let Some(bucket) = self.ledger.open.get_mut(&place) {
                    bucket.record.effort += effort;
                    bucket.parts.release(range);
                }
                self.tell_effort(place, effort).await;
                match why {
                    StopCause::Storage(error) => {
                        self.listing -= 1;
                        return Err(error.into());
                    }
                    StopCause::Interrupted => {}
                    StopCause::Failed(failure) => self.failed(place, failure).await,
                }
                self.left(place, range).await;
            }
        }
        Ok(())
    }

    /// What a bucket still has for workers waits for them, unless it is given up.
    fn wait(&mut self, place: u32) {
        let is_listed = self.listings.get_mut(place).is_some_and(|listing| listing.failure.is_none());
        if is_listed && self.ledger.open.get(&place).is_some_and(OpenBucket::has_waiting) {
            self.listings.wait(place);
        }
    }

    /// Requests were made for a bucket that brought no page.
    async fn tell_effort(&mut self, place: u32, effort: Effort) {
        let ranges = self.listings.get_mut(place).map_or(0, |listing| listing.workers.len());
        let told = Event::PageListed { bucket: place, objects: 0, rows: 0, effort, ranges };
        self.input.events.emit(told).await;
    }

    /// A range failed for good: the other workers of its bucket are stopped, and what becomes of the
    /// bucket is judged when they have gone. Of several failures the first counts.
    async fn failed(&mut self, place: u32, failure: Failure) {
        if failure.kind == FailureKind::Identity {
            let account = self.input.buckets[place as usize].entry.account;
            self.lose_account(account, &failure).await;
            // The others of the account are left when their last worker has gone; these have none.
            for unlisted in self.listings.unlisted_of(account) {
                self.listings.remove(unlisted);
                self.interrupted(unlisted).await;
            }
        }
        if let Some(listing) = self.listings.get_mut(place) {
            listing.stop.abandon();
            listing.failure.get_or_insert(failure);
        }
        self.listings.silence(place);
    }

    /// A worker of a bucket has gone. With the last one it is decided how the bucket goes on.
    async fn left(&mut self, place: u32, range: u32) {
        self.listing -= 1;
        let Some(listing) = self.listings.get_mut(place) else {
            return;
        };
        listing.workers.remove(&range);
        listing.splitter.ended(range);
        if !listing.workers.is_empty() {
            return;
        }
        let stopped = listing.stop.is_requested();
        if let Some(failure) = listing.failure.take() {
            self.listings.remove(place);
            self.judge(place, &failure).await;
        } else if self.ledger.open.get(&place).is_some_and(|bucket| bucket.stage == Stage::Joining) {
            self.listings.remove(place);
            self.joins.waiting.insert(place);
            let now = (self.input.clock)();
            self.ledger.open.get_mut(&place).into_iter().for_each(|bucket| bucket.learning.listed = Some(now));
        } else if stopped {
            self.listings.remove(place);
            self.interrupted(place).await;
        }
    }

    /// Leaves the buckets whose ranges still wait for workers to a rerun.
    pub(super) async fn leave_unlisted(&mut self) {
        while let Some(place) = self.listings.first() {
            self.listings.remove(place);
            self.interrupted(place).await;
        }
    }

    /// Takes in a page: what was listed and written, and what it says of the bucket's keys and pace.
    async fn paged(&mut self, place: u32, range: u32, page: Page) {
        let Some(bucket) = self.ledger.open.get_mut(&place) else {
            return;
        };
        let Page { progress, effort, keys, first, taken } = page;
        let before = bucket.counts();
        let mut ranges = 0;
        if let (Some(listing), Some(record)) = (self.listings.get_mut(place), bucket.range(range)) {
            let is_first = record.counts.objects == 0 && record.cursor.after == record.range.after;
            listing.splitter.paged(range, &record.range.prefix, record.cursor.after.as_ref(), &keys);
            if is_first {
                listing.splitter.probed(range, progress.counts.objects > 0);
            }
            ranges = listing.workers.len();
        }
        if let (true, Some(record), Some(last)) = (bucket.record.ordered, bucket.range(range), keys.samples.last()) {
            let objects = progress.counts.objects.saturating_sub(record.counts.objects);
            let until = record.range.until.clone();
            bucket.learning.page(until.as_ref(), last, objects);
        }
        bucket.record.effort += effort;
        bucket.paged(range, progress, first);
        let after = bucket.counts();
        if after.objects > before.objects {
            bucket.learning.timed(taken);
        }
        let (objects, rows) = (after.objects - before.objects, after.rows - before.rows);
        let room = self.room();
        if let Some(listing) = self.listings.get_mut(place) {
            listing.thin_out(room);
        }
        self.input.events.emit(Event::PageListed { bucket: place, objects, rows, effort, ranges }).await;
    }

    async fn interrupted(&mut self, place: u32) {
        if self.input.stop.is_requested() {
            self.halt(place, Verdict::Interrupted, self.why_stopped()).await;
        } else {
            self.halt(place, Verdict::Failed, LOST_ACCOUNT.to_owned()).await;
        }
    }

    fn why_stopped(&self) -> String {
        self.input.budget.reached().map_or_else(|| "the run was stopped".to_owned(), |limit| limit.to_string())
    }

    /// What becomes of a bucket whose listing failed and whose workers have gone.
    async fn judge(&mut self, place: u32, failure: &Failure) {
        let literal = self.input.buckets[place as usize].entry.literal;
        let ordered = self.ledger.open.get(&place).is_some_and(|bucket| bucket.record.ordered);
        match fate(failure, literal, ordered, self.input.settings.on_denied) {
            Fate::Final(verdict) => self.conclude(place, verdict, Some(failure.to_string())).await,
            Fate::Halted(verdict) => self.halt(place, verdict, failure.to_string()).await,
            Fate::AccountLost => self.halt(place, Verdict::Failed, LOST_ACCOUNT.to_owned()).await,
            Fate::Restart => {
                let told = Event::OrderLost { bucket: place, label: self.label(place), reason: failure.to_string() };
                self.input.events.emit(told).await;
                if let Some(bucket) = self.ledger.open.get_mut(&place) {
                    bucket.restart_unordered(&self.first_ranges);
                }
                self.pending.push_front(place);
            }
        }
    }

    /// Stops the workers of an account whose credentials no longer work, telling it once.
    async fn lose_account(&mut self, account: u32, failure: &Failure) {
        let Some(used) = self.input.accounts[account as usize].as_ref() else {
            return;
        };
        let record = &mut self.ledger.accounts[account as usize];
        if record.verdict == AccountVerdict::Ok {
            used.caller.stop().abandon();
            record.verdict = AccountVerdict::Unusable;
            let (account, reason, hint) = (record.name.clone(), failure.to_string(), failure.hint().map(str::to_owned));
            (record.reason, record.hint) = (Some(reason.clone()), hint.clone());
            let told = Event::AccountFailed { account, reason, hint };
            self.input.events.emit(told).await;
        }
    }

    /// Leaves a bucket unfinished for this invocation.
    pub(super) async fn halt(&mut self, place: u32, verdict: Verdict, reason: String) {
        let mut counts = RowCounts::default();
        if self.ledger.open.get(&place).is_none_or(OpenBucket::is_untouched) {
            // Nothing to go on with: the state need not know of it.
            if let Some(bucket) = self.ledger.open.remove(&place) {
                self.ledger.effort += bucket.record.effort;
            }
            self.unbegun.push((place, verdict, reason.clone()));
        } else if let Some(bucket) = self.ledger.open.get_mut(&place) {
            bucket.put_back(&self.first_ranges);
            bucket.stage = Stage::Halted(verdict, reason.clone());
            counts = bucket.counts();
        }
        self.tell_end(place, verdict, Some(reason), counts, 0).await;
    }

    /// Gives a bucket its final verdict.
    pub(super) async fn conclude(&mut self, place: u32, verdict: Verdict, reason: Option<String>) {
        let Some(bucket) = self.ledger.open.get(&place) else {
            return;
        };
        let counts = bucket.counts();
        let files = if verdict == Verdict::Complete { bucket.files } else { 0 };
        if verdict == Verdict::Complete {
            self.lessons.note(place, bucket.learning.lesson(counts.objects));
        }
        let entry = FinishedEntry {
            bucket: place,
            verdict,
            reason: reason.clone(),
            ordered: bucket.record.ordered,
            counts,
            files,
            effort: bucket.record.effort,
            started: bucket.record.started,
            ended: (self.input.clock)(),
        };
        self.ledger.finish(entry);
        self.tell_end(place, verdict, reason, counts, files).await;
    }

    pub(super) async fn tell_end(
        &self,
        place: u32,
        verdict: Verdict,
        reason: Option<String>,
        counts: RowCounts,
        files: u64,
    ) {
        let (objects, rows) = (counts.objects, counts.rows);
        let told =
            Event::BucketEnded { bucket: place, label: self.label(place), verdict, reason, objects, rows, files };
        self.input.events.emit(told).await;
    }

    /// The buckets that this invocation leaves without a final verdict.
    pub(super) fn unfinished(&self) -> Vec<Unfinished> {
        let stopped = || (Verdict::Interrupted, self.why_stopped());
        let open = self.ledger.open.iter().map(|(&bucket, open)| {
            let (verdict, reason) = match &open.stage {
                Stage::Halted(verdict, reason) => (*verdict, reason.clone()),
                _ => stopped(),
            };
            let started = Some(open.record.started);
            Unfinished { bucket, verdict, reason, counts: open.counts(), effort: open.record.effort, started }
        });
        let untouched = self.pending.iter().filter(|place| !self.ledger.open.contains_key(place)).map(|&bucket| {
            let (verdict, reason) = stopped();
            let (counts, effort) = (RowCounts::default(), Effort::default());
            Unfinished { bucket, verdict, reason, counts, effort, started: None }
        });
        let unbegun = self.unbegun.iter().map(|(bucket, verdict, reason)| {
            let (counts, effort) = (RowCounts::default(), Effort::default());
            Unfinished { bucket: *bucket, verdict: *verdict, reason: reason.clone(), counts, effort, started: None }
        });
        open.chain(untouched).chain(unbegun).collect()
    }
}
