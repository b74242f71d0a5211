//! Asking for the pages of a bucket, one after another.
//!
//! Owns that a page is taken as the store encodes its keys, that nothing of a failed attempt holds a
//! range's end, and where the next page begins: behind the last key wherever that can be said, else by
//! the store's token, and never at the same place twice.

use super::caller::{Caller, Halt};
use super::pace::BucketPace;
use crate::event::{BucketLabel, Effort, Subject};
use crate::s3::{
    Cursor, Failure, FailureKind, Key, KeyEncoding, Lister, ObjectSink, PageFacts, PageFault, PageScan, PageTap,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A page being scanned, shared with the connector that feeds it.
pub type Scan<S> = Arc<Mutex<PageScan<S>>>;

/// Access to what was scanned. A panic under the lock leaves nothing that counts: every attempt begins anew.
pub fn lock<S>(scan: &Scan<S>) -> MutexGuard<'_, PageScan<S>> {
    scan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bucket, and how it is asked for.
pub struct Asking<L> {
    /// The bucket's name, as it is asked for.
    pub name: String,
    /// The region it is asked for in.
    pub region: String,
    /// The bucket as people name it.
    pub label: BucketLabel,
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
}

impl<L: Lister> Asking<L> {
    /// Lists the page of the keys with `prefix` behind `cursor` into `scan`, and tells when the request was sent
    /// that brought it. Its keys are taken as the store encodes them; a wrong assumption costs one more
    /// request, once per account.
    ///
    /// # Errors
    /// As [`Caller::call`].
    pub async fn page<S: ObjectSink + 'static>(
        &self,
        prefix: &str,
        cursor: &Cursor,
        scan: &Scan<S>,
        effort: &mut Effort,
    ) -> Result<Instant, Halt> {
        let mut asked = None;
        loop {
            let plain = self.plain_keys.load(Ordering::Relaxed);
            let encoding = asked.unwrap_or(if plain { KeyEncoding::Plain } else { KeyEncoding::Url });
            lock(scan).expect(cursor, self.ordered, encoding);
            match self.attempts(prefix, cursor, scan, effort).await {
                Err(Halt::Failed(Failure { kind: FailureKind::Encoding(found), .. })) if asked.is_none() => {
                    self.plain_keys.store(found == KeyEncoding::Plain, Ordering::Relaxed);
                    asked = Some(found);
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempts<S: ObjectSink + 'static>(
        &self,
        prefix: &str,
        cursor: &Cursor,
        scan: &Scan<S>,
        effort: &mut Effort,
    ) -> Result<Instant, Halt> {
        let request = async || {
            let (attempt, sent) = (Attempt(scan), Instant::now());
            let tap = PageTap::new(Arc::<Mutex<PageScan<S>>>::clone(scan), self.caller.idle_timeout());
            self.lister.list_page(&self.name, &self.region, prefix, cursor, tap).await?;
            if lock(scan).is_finished() {
                std::mem::forget(attempt);
                return Ok(sent);
            }
            Err(Failure::local(FailureKind::NotS3, "the answer is not a listing of S3".to_owned()))
        };
        self.caller.call(|| Subject::Bucket(self.label.clone()), Some(self.pace.as_ref()), effort, request).await
    }
}

/// An attempt at a page. Unless it is forgotten, for it succeeded, nothing of it is taken, and the range may
/// be split while it is waited to ask again; that holds for one that is dropped because its time was up.
struct Attempt<'scan, S: ObjectSink>(&'scan Scan<S>);

impl<S: ObjectSink> Drop for Attempt<'_, S> {
    fn drop(&mut self) {
        lock(self.0).release();
    }
}

/// Where to go on behind a page; `None` where the range is done. A page ends by what the store says,
/// never by its length, and a listing that does not get on is an error, never a loop.
///
/// # Errors
/// [`PageFault::NoProgress`].
pub fn advance(
    cursor: &Cursor,
    facts: &PageFacts,
    last_key: Option<Key>,
    ordered: bool,
) -> Result<Option<Cursor>, PageFault> {
    if facts.beyond.is_some() || !facts.truncated {
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
pub struct TokenGuard {
    remembered: Option<String>,
    since: u64,
}

impl TokenGuard {
    /// Lets pass where to go on, unless that has been there before.
    pub fn pass(&mut self, next: Option<Cursor>) -> Result<Option<Cursor>, PageFault> {
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
    use super::super::budget::Budget;
    use super::super::stop::Stop;
    use super::*;
    use crate::event::{Event, Events};
    use crate::job::{Column, Limits, Pace};
    use crate::rows::{BucketFields, RowEncoder, RowFormat, RowWriter};
    use crate::s3::{Bound, Range};
    use std::time::Duration;

    fn facts(truncated: bool, token: Option<&str>) -> PageFacts {
        PageFacts { truncated, next_token: token.map(str::to_owned), ..PageFacts::default() }
    }

    fn cursor(after: Option<&str>, token: Option<&str>) -> Cursor {
        Cursor { after: after.map(Key::from), token: token.map(str::to_owned) }
    }

    /// A store whose answers begin and never end.
    struct Stalling;

    impl Lister for Stalling {
        async fn list_page(&self, _: &str, _: &str, _: &str, _: &Cursor, tap: PageTap) -> Result<(), Failure> {
            tap.sink().begin();
            tap.sink().feed(b"<IsTruncated>true</IsTruncated>").unwrap();
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn while_it_is_waited_to_ask_again_the_range_may_be_split() {
        let count = std::num::NonZeroU32::MIN;
        let pace = Pace {
            requests_per_second: None,
            bucket_requests_per_second: None,
            burst: None,
            max_attempts: count.saturating_add(1),
            request_timeout: Duration::from_millis(1),
        };
        let limits = Limits { concurrency: count, max_requests: None, max_duration: None };
        let (events, mut told) = Events::channel();
        let (stop, slots) = (Stop::default(), Arc::new(tokio::sync::Semaphore::new(1)));
        let caller = Caller::new(&pace, slots, Arc::new(Budget::new(&limits, stop.clone())), events, stop);
        let asking = Asking {
            name: "b".to_owned(),
            region: "r".to_owned(),
            label: BucketLabel { account: "a".into(), bucket: "b".into() },
            ordered: true,
            lister: Arc::new(Stalling),
            pace: Arc::new(caller.bucket_pace()),
            caller,
            plain_keys: Arc::default(),
        };
        let encoder = RowEncoder::new(&RowFormat::standard(&[Column::Key]), &BucketFields::default());
        let bound = Arc::new(Bound::new(&Range::default(), None));
        let scan = PageScan::new(RowWriter::new(Arc::default(), encoder)).bounded(Arc::clone(&bound));
        let scan: Scan<RowWriter> = Arc::new(Mutex::new(scan));
        let listing =
            tokio::spawn(async move { asking.page("", &Cursor::default(), &scan, &mut Effort::default()).await });
        while !matches!(told.recv().await, Some(Event::AttemptFailed(_))) {}
        assert!(bound.lower(&Key::from("m")), "nothing is being read");
        listing.abort();
    }

    #[test]
    fn a_page_is_the_last_only_when_the_store_says_so() {
        let start = Cursor::default();
        assert_eq!(advance(&start, &facts(false, None), Some(Key::from("k")), true), Ok(None));
        let past = PageFacts { beyond: Some(Key::from("z")), ..facts(true, Some("t")) };
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
