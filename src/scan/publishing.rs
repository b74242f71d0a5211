//! Publishing as the loop sees it: files get their names on a blocking thread, and what is wrong with
//! the files of one bucket concerns that bucket.
//!
//! Owns that a bucket with something in its way keeps what was listed of it: it stays unfinished where
//! it is, and a rerun goes on from there. Also that files which somebody removed or changed since an
//! interruption are made again from the bucket's parts, or else the bucket fails: it is never complete
//! without them. What the file system refuses ends the run, for it concerns all buckets.

use super::finish::{no_room, parts};
use super::open_bucket::Stage;
use super::run::{Finished, Run};
use super::stop::Stop;
use crate::crash;
use crate::event::{Event, Verdict};
use crate::output::{
    FileError, FileRules, FileToPublish, FreeSpace, Place, Position, PublishError, Remade, publish, remake,
    room_for_joining,
};
use crate::s3::Lister;
use crate::state::{FileEntry, IndexEntry, RunFolder};
use std::sync::Arc;

/// What became of the files of a bucket.
#[derive(Debug)]
pub(super) enum Published {
    /// They have their names; with the reason, where some had to be made again.
    Done(Option<String>),
    /// They have not, and a rerun can put it right.
    Halted(String),
    /// They cannot be had any more.
    Failed(String),
    /// Making them again was cut off.
    Cancelled,
}

/// A bucket whose files are to be published.
struct Publication {
    folder: RunFolder,
    bucket: u32,
    files: Vec<FileEntry>,
    place: Place,
    /// The ranges it was listed in, where an earlier invocation made the files; else nobody has had the
    /// time to take or change one.
    ranges: Option<Vec<IndexEntry>>,
    rules: Arc<FileRules>,
    free_space: FreeSpace,
    stop: Stop,
}

impl<L: Lister> Run<L> {
    /// Has the files of a bucket published; with its `ranges`, where an earlier invocation made them.
    pub(super) fn publish(&mut self, place: u32, files: Vec<FileEntry>, ranges: Option<Vec<IndexEntry>>) {
        let publication = Publication {
            folder: self.folder.clone(),
            bucket: place,
            files,
            place: self.input.buckets[place as usize].place.clone(),
            ranges,
            rules: Arc::clone(&self.input.settings.files),
            free_space: self.input.free_space.clone(),
            stop: self.input.stop.clone(),
        };
        self.behind.spawn_blocking(move || Finished::Published(place, publication.publish()));
    }

    /// Takes in what became of the files of a bucket.
    pub(super) async fn published(&mut self, place: u32, published: Published) {
        match published {
            Published::Done(made_again) => {
                if let Some(reason) = made_again {
                    let told = Event::FilesMadeAgain { bucket: place, label: self.label(place), reason };
                    self.input.events.emit(told).await;
                }
                self.conclude(place, Verdict::Complete, None).await;
            }
            Published::Failed(reason) => self.conclude(place, Verdict::Failed, Some(reason)).await,
            Published::Halted(reason) => self.keep_back(place, reason).await,
            Published::Cancelled => {}
        }
    }

    /// Leaves a bucket whose files are made as it is, for a rerun to publish them.
    async fn keep_back(&mut self, place: u32, reason: String) {
        self.blocked = true;
        let Some(bucket) = self.ledger.open.get_mut(&place) else {
            return;
        };
        bucket.stage = Stage::Halted(Verdict::Failed, reason.clone());
        let counts = bucket.counts();
        self.tell_end(place, Verdict::Failed, Some(reason), counts, 0).await;
    }

    /// Leaves a bucket unlisted that has something in its way, which is known before it is listed.
    pub(super) async fn is_blocked(&mut self, place: u32) -> bool {
        let Some(reason) = self.input.in_the_way.remove(&place) else {
            return false;
        };
        self.blocked = true;
        self.halt(place, Verdict::Failed, reason).await;
        true
    }
}

impl Publication {
    /// Gives the files of the bucket their final names, in the place of those of earlier runs where the
    /// path is replaced run by run.
    fn publish(self) -> Result<Published, FileError> {
        let folder = self.folder.bucket(self.bucket);
        let file = |entry: &FileEntry| FileToPublish { file: entry.file.clone(), path: entry.path.clone() };
        let files: Vec<FileToPublish> = self.files.iter().map(file).collect();
        let mut made_again = None;
        loop {
            let (parts, first) = match publish(&folder, &files, self.place.standing()) {
                Ok(()) => break,
                Err(PublishError::InTheWay(error)) => return Ok(Published::Halted(error.reason())),
                Err(PublishError::Lost { parts, first }) => (parts, first.reason()),
                Err(PublishError::File(error)) => return Err(error),
            };
            if self.ranges.is_none() || made_again.is_some() {
                return Ok(Published::Halted(first));
            }
            match self.remake(&parts)? {
                Remade::Done => made_again = Some(first),
                Remade::Cancelled => return Ok(Published::Cancelled),
                Remade::Impossible(why) => {
                    return Ok(Published::Failed(format!("{first}; making it again failed: {why}")));
                }
            }
        }
        crash::reached("bucket-published");
        Ok(Published::Done(made_again))
    }

    /// Makes the files with the numbers `lost` again.
    fn remake(&self, lost: &[u64]) -> Result<Remade, FileError> {
        // Small buckets are joined before their index is committed.
        let unindexed = self.files.iter().flat_map(|entry| entry.made_of.iter().cloned());
        let ranges = self.ranges.iter().flatten().cloned().chain(unindexed).collect();
        let parts = parts(&self.folder, self.bucket, ranges);
        let needed = room_for_joining(&parts, Position::default(), &self.rules);
        if let (Some(needed), Some(free)) = (needed, self.free_space.of(self.folder.path()))
            && needed > free
        {
            return Err(no_room(&self.folder, needed, free));
        }
        let files: Vec<_> = self.files.iter().map(|entry| entry.file.clone()).collect();
        let is_cancelled = || self.stop.is_abandoned();
        remake(&self.folder.bucket(self.bucket), &parts, &self.rules, &files, lost, &is_cancelled)
    }
}
