//! Listing across a seam once more, where its sides have shown different things.
//!
//! Owns the verdict on the order of a store whose bucket may change while it is listed. Both sides are asked at
//! once, so that keys that come or go are seen from both or from neither. A store that lists in another
//! order than that of the keys goes on telling each side the same, and the other something else: only that
//! is held against it. Where the answers keep changing, nothing is known, and the bucket is left to a rerun.

use super::asking::{Asking, Scan, TokenGuard, advance, lock};
use super::worker::{Message, News, StopCause};
use crate::event::Effort;
use crate::s3::{Bound, Cursor, Failure, FailureKind, Lister, Object, ObjectSink, PageScan, Range};
use crate::state::{Doubt, Shown};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// So often in a row both sides tell the same, and different things, before the store is not trusted.
const PROOF: u32 = 3;
/// So often both sides are asked at most.
const TRIES: u32 = 12;
/// By how much each pause between two tries is longer than the one before.
const PAUSE: Duration = Duration::from_millis(50);

/// A seam to be listed across, and how.
pub struct Recheck<L> {
    /// The bucket's place in the run.
    pub bucket: u32,
    /// The seam.
    pub doubt: Doubt,
    /// The bucket, and how it is asked for.
    pub asking: Asking<L>,
}

/// Asks both sides of a seam anew, and tells the run whether it holds.
pub async fn recheck<L: Lister>(task: Recheck<L>, messages: Sender<Message>) {
    let mut effort = Effort::default();
    let news = match task.run(&mut effort).await {
        Ok(()) => News::Checked(effort),
        Err(why) => News::Stopped { effort, why },
    };
    // The run outlives its workers; should it be gone, there is nobody left to tell.
    let _ = messages.send(Message { bucket: task.bucket, range: task.doubt.id, news }).await;
}

impl<L: Lister> Recheck<L> {
    async fn run(&self, effort: &mut Effort) -> Result<(), StopCause> {
        let mut last = None;
        let mut unchanged = 0;
        for attempt in 1..=TRIES {
            let told = self.ask(effort).await?;
            if told.0 == told.1 {
                return Ok(());
            }
            unchanged = if last.as_ref() == Some(&told) { unchanged + 1 } else { 1 };
            let (left, right) = last.insert(told);
            if unchanged == PROOF {
                let seam = String::from_utf8_lossy(self.doubt.seam.as_bytes());
                let told = format!("behind `{seam}` comes {left}, but a listing that begins there shows {right}");
                return Err(StopCause::Failed(Failure::local(FailureKind::Untrusted, told)));
            }
            let pause = self.asking.caller.stop().unless_requested(tokio::time::sleep(PAUSE * attempt));
            pause.await.ok_or(StopCause::Interrupted)?;
        }
        let seam = String::from_utf8_lossy(self.doubt.seam.as_bytes());
        let told = format!("the keys behind `{seam}`, where two ranges meet, change faster than they can be compared");
        Err(StopCause::Failed(Failure::local(FailureKind::Transient, told)))
    }

    /// What either side shows first behind the seam, asked at once.
    async fn ask(&self, effort: &mut Effort) -> Result<(Shown, Shown), StopCause> {
        let begin = Cursor { after: Some(self.doubt.seam.clone()), token: None };
        let (mut of_left, mut of_right) = (Effort::default(), Effort::default());
        let (left, right) =
            tokio::join!(self.first_behind(&self.doubt.cursor, &mut of_left), self.first_behind(&begin, &mut of_right));
        *effort += of_left;
        *effort += of_right;
        Ok((left?, right?))
    }

    /// What a listing from `cursor` on shows first behind the seam.
    async fn first_behind(&self, cursor: &Cursor, effort: &mut Effort) -> Result<Shown, StopCause> {
        let Doubt { prefix, seam, .. } = &self.doubt;
        let range = Range { prefix: prefix.clone(), after: cursor.after.clone(), until: Some(seam.clone()) };
        let bound = Arc::new(Bound::new(&range, cursor.after.as_ref()));
        let scan: Scan<Unwritten> = Arc::new(Mutex::new(PageScan::new(Unwritten).within(prefix).bounded(bound)));
        let (mut cursor, mut tokens) = (cursor.clone(), TokenGuard::default());
        loop {
            self.asking.page(prefix, &cursor, &scan, effort).await?;
            let scan = lock(&scan);
            if let Some(key) = &scan.facts().beyond {
                return Ok(Shown::Key(key.clone()));
            }
            let next = advance(&cursor, scan.facts(), scan.last_key(), true).and_then(|next| tokens.pass(next));
            let next = next.map_err(|fault| Failure::local(FailureKind::Untrusted, fault.to_string()));
            match next.map_err(StopCause::Failed)? {
                Some(next) => cursor = next,
                None => return Ok(Shown::Nothing),
            }
        }
    }
}

/// Takes objects that have their rows already.
struct Unwritten;

impl ObjectSink for Unwritten {
    fn reset(&mut self) {}

    fn object(&mut self, _: &Object<'_>) {}
}
